//! How what a sync did is told: agent by agent, in words and as data, with what failed and what is worth
//! knowing before the next push.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::agent::TakenBack;
use crate::error::{Classify as _, Kind};
use crate::log::Change;
use crate::refs::{Handle, RefName, Shape};
use crate::sync::{Left, SyncError, Synced, Why, way_on};

use super::context::Context;
use super::count::count;
use super::error::{CliError, Exit};
use super::terminal::Report;

/// Refs, and fields, that are named one by one.
const NAMED_MAX: usize = 4;

/// What goes for all agents of which something is told.
#[derive(Debug)]
pub(super) struct Telling<'a> {
    /// The remote.
    pub(super) remote: &'a Handle,
    /// Whether it was only tried.
    pub(super) dry_run: bool,
    /// By agent, what the newest version that waits for its number takes back.
    pub(super) taken_back: HashMap<String, TakenBack>,
    /// The command that takes over, with flags, what nobody asked for and a restored store would lack.
    pub(super) rest: Option<String>,
}

impl<'a> Telling<'a> {
    /// What was done at a remote, where no version waits.
    pub(super) fn of(remote: &'a Handle) -> Self {
        Self { remote, dry_run: false, taken_back: HashMap::new(), rest: None }
    }
}

/// The failure as it is shown: of what the other store said it is said that it did, since its paths are none of
/// this machine.
pub(super) fn said(remote: &Handle, error: SyncError) -> CliError {
    let theirs = matches!(error, SyncError::Told { .. });
    let mut error = CliError::from(error);
    if let CliError::Failed(failure) = &mut error
        && theirs
    {
        failure.message = failure.message.replacen(TOLD, &format!("the remote '{remote}' says: "), 1);
    }
    error
}

/// How a failure begins that the other store told.
const TOLD: &str = "the remote says: ";

/// Tells what failed for one agent of a remote that is followed.
///
/// # Errors
/// When it cannot be printed.
pub(super) fn failed(ctx: &Context, remote: &Handle, agent: &str, error: SyncError) -> Result<(), CliError> {
    let error = said(remote, error);
    if ctx.out.is_json() {
        let value = json!({
            "event": "failed", "remote": remote.as_str(), "agent": agent, "error": error.to_value()["error"],
        });
        return ctx.out.json_line(&value);
    }
    ctx.out.fail(format!("agent '{agent}': {}", error.brief()));
    Ok(())
}

/// Tells what was done, agent by agent; the first failure gives the exit code, else what was left behind that
/// was meant to go.
///
/// # Errors
/// When only one agent was asked for, and it failed.
pub(super) fn told(
    ctx: &Context,
    telling: &Telling<'_>,
    mut results: Vec<(String, Result<Synced, SyncError>)>,
) -> Result<Exit, CliError> {
    let &Telling { remote, dry_run, ref taken_back, ref rest } = telling;
    if results.len() == 1 && results[0].1.is_err() {
        let (_, result) = results.remove(0);
        result.map_err(|error| said(remote, error))?;
        return Ok(Exit::Done);
    }
    let left_behind = rest.as_ref().and_then(|command| left_behind(command, &results));
    let mut report = Report::default().field("remote", remote.as_str()).field("dry_run", dry_run);
    let (mut values, mut exit) = (Vec::new(), Exit::Done);
    let (none, mut failed, mut is_left) = (results.is_empty(), 0, false);
    // Of a long history this is long as well.
    let as_data = ctx.out.is_json();
    for (agent, result) in results {
        match result {
            Ok(synced) => {
                for line in lines(&agent, remote, &synced, dry_run) {
                    report = report.line(line);
                }
                let lost = taken_back.get(&agent);
                if let Some(lost) = lost {
                    ctx.out.warn(warning(&agent, lost));
                }
                values.extend(as_data.then(|| value(&agent, remote, &synced, lost)));
                is_left = is_left || synced.left.iter().any(Left::is_open);
            }
            Err(error) => {
                failed += 1;
                if exit == Exit::Done {
                    exit = Exit::Found(error.kind());
                }
                let error = said(remote, error);
                values.push(json!({"agent": agent, "error": error.to_value()["error"]}));
                ctx.out.fail(format!("agent '{agent}': {}", error.brief()));
            }
        }
    }
    if none {
        report = report.line("there are no agents");
    }
    ctx.out.report(report.field("failed", failed).field("agents", values))?;
    if let Some(line) = left_behind {
        ctx.out.say(line);
    }
    if is_left && exit == Exit::Done {
        exit = Exit::Found(Kind::Conflict);
    }
    Ok(exit)
}

/// What was left behind because nobody asked for it, and the command that takes it over.
fn left_behind(command: &str, results: &[(String, Result<Synced, SyncError>)]) -> Option<String> {
    let left = || results.iter().filter_map(|(_, result)| result.as_ref().ok()).flat_map(|one| &one.unasked);
    let drafts = left().filter(|name| name.as_draft().is_some()).count() as u64;
    let served = left().count() as u64 - drafts;
    let (mut what, mut flags) = (Vec::new(), String::new());
    if served > 0 {
        what.push(format!("what serves ({})", count(served, "ref")));
        flags.push_str(" --activate");
    }
    if drafts > 0 {
        what.push(count(drafts, "draft"));
        flags.push_str(" --drafts");
    }
    (!what.is_empty())
        .then(|| format!("left as here: {}; to take over: {command}{flags}", what.join(" and ")))
}

/// What was done with an agent, as data.
pub(super) fn value(agent: &str, remote: &Handle, synced: &Synced, lost: Option<&TakenBack>) -> Value {
    let moved = |changes: &[Change]| {
        let one = |change: &Change| {
            let target = |target: &Option<crate::refs::Target>| target.as_ref().map(ToString::to_string);
            json!({"ref": change.name.as_str(), "from": target(&change.from), "to": target(&change.to)})
        };
        changes.iter().map(one).collect::<Vec<_>>()
    };
    let renumbered = synced.renumbered.iter().map(|one| {
        let name = |number: crate::agent::Number| format!("V{number}");
        json!({"id": one.id.to_string(), "before": name(one.before), "after": name(one.after)})
    });
    json!({
        "agent": agent,
        "operation": synced.operation.map(|id| id.to_string()),
        "created": synced.created,
        "changes": moved(&synced.changes),
        "sent": moved(&synced.sent),
        "renumbered": renumbered.collect::<Vec<_>>(),
        "left": synced.left.iter().map(|left| left_value(agent, remote, left)).collect::<Vec<_>>(),
        "unasked": synced.unasked.iter().map(RefName::as_str).collect::<Vec<_>>(),
        "takes_back": lost.map(|lost| json!({"of": format!("V{}", lost.theirs), "paths": lost.paths})),
    })
}

/// What was done with an agent, in words.
pub(super) fn lines(agent: &str, remote: &Handle, synced: &Synced, dry_run: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let prefix = if dry_run { "dry run: " } else { "" };
    let mut tell = |what: &str, changes: Vec<&Change>| {
        if let Some(words) = words(&changes) {
            lines.push(format!("{prefix}agent '{agent}' {what}: {words}"));
        }
    };
    let (there, here): (Vec<&Change>, Vec<&Change>) =
        synced.changes.iter().partition(|change| change.name.is_remote());
    if synced.sent.is_empty() {
        tell(&format!("at '{remote}'"), there);
    } else {
        tell(&format!("to '{remote}'"), synced.sent.iter().collect());
    }
    tell("here", here);
    for one in &synced.renumbered {
        lines.push(format!("{prefix}agent '{agent}': your V{} is now V{}", one.before, one.after));
    }
    for left in &synced.left {
        lines.push(format!("{prefix}agent '{agent}': {}", left_line(agent, remote, left)));
    }
    if lines.is_empty() {
        lines.push(format!("agent '{agent}' and '{remote}' have the same"));
    }
    lines
}

/// What goes on from a ref that stays as it is.
fn next(agent: &str, remote: &Handle, left: &Left) -> Option<String> {
    way_on(&agent.parse().ok()?, remote, left)
}

fn left_value(agent: &str, remote: &Handle, left: &Left) -> Value {
    let why = match left.why {
        Why::BothMoved => "both_moved",
        Why::GoneHere => "gone_here",
        Why::GoneThere => "gone_there",
        Why::MovedThere => "moved_there",
        Why::UndecidedHere => "undecided_here",
        Why::UndecidedThere => "undecided_there",
        Why::Overruled => "overruled",
        Why::KeptApart => "kept_apart",
    };
    json!({
        "ref": left.name.as_str(), "why": why, "is_open": left.is_open(), "hint": next(agent, remote, left),
    })
}

fn left_line(agent: &str, remote: &Handle, left: &Left) -> String {
    let name = match left.name.as_draft() {
        Some(draft) => format!("draft '{draft}'"),
        None => format!("'{}'", left.name),
    };
    let gone = if left.name.as_draft().is_some() { "discarded" } else { "cleared" };
    let told = match left.why {
        Why::BothMoved => format!("{name} moved on both sides, and stays as it is"),
        Why::GoneHere => format!("{name} was {gone} here and moved at '{remote}', and stays so"),
        Why::GoneThere => format!("{name} moved here and was {gone} at '{remote}', and stays so"),
        Why::MovedThere => format!("{name} moved at '{remote}', and was not given"),
        Why::UndecidedHere => format!("{name} has conflicts that wait to be decided, and was not given"),
        Why::UndecidedThere => {
            format!("{name} has conflicts that wait to be decided at '{remote}', and was not taken over")
        }
        Why::Overruled => format!("{name} moved on both sides; what '{remote}' says was taken over"),
        Why::KeptApart => format!("{name} moved on both sides, and each keeps its own"),
    };
    match next(agent, remote, left) {
        Some(hint) => format!("{told} (hint: {hint})"),
        None => told,
    }
}

/// What a version takes back of what the remote published, and the way to keep both.
fn warning(agent: &str, lost: &TakenBack) -> String {
    let TakenBack { ours, theirs, only_draft, paths } = lost;
    let mut named = paths.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
    if paths.len() > NAMED_MAX {
        named = format!("{named} and {} more", paths.len() - NAMED_MAX);
    }
    // An agent that has one draft only has there what it published last.
    let (fork, draft) = match only_draft {
        Some(only) => (String::new(), only.as_str()),
        None => (format!("'recto draft new {agent}@both --from latest', "), "both"),
    };
    format!(
        "agent '{agent}': your V{ours} takes back what V{theirs} and those before it changed: {named} (hint: {fork}'recto merge {agent}@{draft} V{theirs}' and 'recto publish {agent}@{draft}' keep both; a draft that is not published yet takes them over with 'recto draft rebase {agent}@DRAFT')"
    )
}

/// What moved, in words; `None` when nothing that a person would ask for.
fn words(changes: &[&Change]) -> Option<String> {
    let (mut versions, mut about, mut others) = (0, 0, Vec::new());
    for change in changes {
        let name = change.name.plain();
        let hidden = ["pushed", "upstream"].contains(&name) || change.from.is_none() && change.to.is_none();
        match change.name.shape() {
            Shape::List => versions += u64::from(name == RefName::VERSIONS),
            Shape::Attribute => about += 1,
            Shape::Single if hidden => {}
            Shape::Single => others.push(match name.strip_prefix("drafts/") {
                Some(draft) if change.to.is_none() => format!("draft {draft} discarded"),
                Some(draft) => format!("draft {draft}"),
                None => name.to_owned(),
            }),
        }
    }
    others.dedup();
    let more = others.len().saturating_sub(NAMED_MAX);
    others.truncate(NAMED_MAX);
    let mut parts = Vec::new();
    parts.extend((versions > 0).then(|| count(versions, "version")));
    parts.extend(others);
    parts.extend((more > 0).then(|| format!("{more} more refs")));
    parts.extend((about > 0 && versions == 0).then(|| count(about, "note about a version")));
    (!parts.is_empty()).then(|| parts.join(", "))
}
