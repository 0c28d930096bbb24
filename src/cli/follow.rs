//! Following a remote: one look, or one after the other until the person ends it.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::agent::Agents;
use crate::sync::{Follow, Remote, Synced};

use super::address::Address;
use super::context::Context;
use super::error::{CliError, Exit};
use super::interrupt::Interrupt;
use super::sync::{FETCHING, Side};
use super::synced::{self, Telling, said, told};
use super::terminal::{Report, Traffic};

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
/// As [`told`]; when the remote does not answer.
pub(super) fn once(ctx: &Context, side: &Side, mirror: bool) -> Result<Exit, CliError> {
    let traffic = Traffic::new(ctx.out.progress(if mirror { "following" } else { FETCHING }, None));
    let follow = Follow::new(&side.agents, &side.remote, mirror).telling(&traffic);
    let mut results = Vec::new();
    let moved = follow.look(side.transport.as_ref(), &mut |agent, result| {
        traffic.agent(&agent);
        results.push((agent, result));
    });
    drop(traffic);
    let moved = moved.map_err(|error| said(&side.remote.name, error))?;
    if moved {
        return told(ctx, &Telling::of(&side.remote.name), results);
    }
    let report = Report::new(format!("nothing happened at '{}'", side.remote.name));
    let report = report.field("remote", side.remote.name.as_str()).field("dry_run", false);
    ctx.out.report(report.field("failed", 0).field("agents", json!([])))?;
    Ok(Exit::Done)
}

/// Looks at a remote until the process is asked to end: a line for each agent that changed, nothing while
/// nothing does, and one when the remote stops to answer and when it answers again. One that does not is looked at
/// again, less and less often.
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
            let looked = follow.look(transport.as_ref(), &mut |agent, result| results.push((agent, result)));
            looked.map_err(|error| said(&remote.name, error))
        });
        for (agent, result) in results {
            match result {
                Ok(synced) => changed(ctx, remote, &agent, &synced)?,
                Err(error) => synced::failed(ctx, &remote.name, &agent, error)?,
            }
        }
        match looked {
            Ok(_) => {
                if std::mem::take(&mut away) {
                    reached(ctx, remote, None)?;
                }
                wait = pause;
            }
            Err(error) => {
                if !std::mem::replace(&mut away, true) {
                    reached(ctx, remote, Some(&error))?;
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

/// Tells that the remote does not answer, and why, or that it does again.
fn reached(ctx: &Context, remote: &Remote, error: Option<&CliError>) -> Result<(), CliError> {
    if ctx.out.is_json() {
        let name = remote.name.as_str();
        return ctx.out.json_line(&match error {
            Some(error) => json!({"event": "away", "remote": name, "error": error.to_value()["error"]}),
            None => json!({"event": "back", "remote": name}),
        });
    }
    match error {
        Some(error) => ctx.out.warn(format!("'{}' is away: {}", remote.shown_url(), error.brief())),
        None => ctx.out.warn(format!("'{}' answers again", remote.shown_url())),
    }
    Ok(())
}

fn changed(ctx: &Context, remote: &Remote, agent: &str, synced: &Synced) -> Result<(), CliError> {
    if synced.operation.is_none() {
        return Ok(());
    }
    if ctx.out.is_json() {
        let mut value = synced::value(agent, &remote.name, synced, None);
        value["event"] = "changed".into();
        value["remote"] = remote.name.as_str().into();
        return ctx.out.json_line(&value);
    }
    synced::lines(agent, &remote.name, synced, false).into_iter().try_for_each(|line| ctx.out.line(line))
}
