//! Following a remote: one look, or one after the other until the person ends it.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::agent::Agents;
use crate::sync::{Follow, Remote, Synced};

use super::address::Address;
use super::context::Context;
use super::error::{CliError, Exit};
use super::interrupt::Interrupt;
use super::sync::{self, Side};
use super::terminal::Report;

/// How often it is looked whether the person ends it.
const TICK: Duration = Duration::from_millis(50);
/// Longest wait between two looks at a remote that does not answer.
const BACK_OFF_MAX: Duration = Duration::from_mins(1);

/// Seconds, also parts of them.
///
/// # Errors
/// When they are none, or more than a day.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("'{text}' is no number of seconds"))?;
    if !(0.01..=86_400.0).contains(&seconds) {
        return Err("it must be at least 0.01 and at most 86400 seconds".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// Looks once at all that a remote has; in a mirror, this store's refs follow.
///
/// # Errors
/// As [`sync::told`]; when the remote does not answer.
pub(super) fn once(ctx: &Context, side: &Side, mirror: bool) -> Result<Exit, CliError> {
    let follow = Follow::new(&side.agents, &side.remote, mirror);
    let mut results = Vec::new();
    let mut progress = ctx.out.progress(if mirror { "following" } else { "fetching" }, None);
    let moved = follow.look(side.transport.as_ref(), &mut |agent, result| {
        progress.step(&agent);
        results.push((agent, result));
    })?;
    drop(progress);
    if moved {
        return sync::told(ctx, &side.remote.name, false, results);
    }
    let report = Report::new(format!("nothing happened at '{}'", side.remote.name));
    let report = report.field("remote", side.remote.name.as_str()).field("dry_run", false);
    ctx.out.report(report.field("failed", 0).field("agents", serde_json::json!([])))?;
    Ok(Exit::Done)
}

/// Looks at a remote until the process is asked to end: a line for each agent that changed, nothing while
/// nothing does. A remote that does not answer is looked at again, less and less often.
///
/// # Errors
/// When signals cannot be watched for, or the output is closed.
pub(super) fn every(
    ctx: &Context,
    agents: &Agents,
    remote: &Remote,
    mirror: bool,
    pause: Duration,
) -> Result<Exit, CliError> {
    let ended = Interrupt::watch()?;
    let follow = Follow::new(agents, remote, mirror);
    let (mut wait, mut away) = (pause, false);
    while !ended.flag().load(Ordering::SeqCst) {
        let mut results = Vec::new();
        let address = Address::of(ctx, &remote.url);
        let transport = address
            .and_then(|address| address.opened(ctx, remote.token_file.as_deref(), Some(agents.repo())));
        let looked = transport.and_then(|transport| {
            Ok(follow.look(transport.as_ref(), &mut |agent, result| results.push((agent, result)))?)
        });
        for (agent, result) in results {
            match result {
                Ok(synced) => changed(ctx, remote, &agent, &synced)?,
                Err(error) => sync::failed(ctx, &agent, error)?,
            }
        }
        match looked {
            Ok(_) => {
                if std::mem::take(&mut away) {
                    ctx.out.warn(format!("'{}' answers again", remote.shown_url()));
                }
                wait = pause;
            }
            Err(error) => {
                if !std::mem::replace(&mut away, true) {
                    ctx.out.warn(format!("'{}' is away: {}", remote.shown_url(), error.brief()));
                }
                wait = (wait * 2).min(BACK_OFF_MAX.max(pause));
            }
        }
        ctx.out.pass_on()?;
        let until = Instant::now() + wait;
        while Instant::now() < until && !ended.flag().load(Ordering::SeqCst) {
            std::thread::sleep(TICK.min(until.saturating_duration_since(Instant::now())));
        }
    }
    Ok(Exit::Done)
}

fn changed(ctx: &Context, remote: &Remote, agent: &str, synced: &Synced) -> Result<(), CliError> {
    if synced.operation.is_none() {
        return Ok(());
    }
    if ctx.out.is_json() {
        return ctx.out.json_line(&sync::value(agent, synced));
    }
    sync::lines(agent, &remote.name, synced, false).into_iter().try_for_each(|line| ctx.out.line(line))
}
