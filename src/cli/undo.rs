//! `recto undo`: the last operation taken back, as a new operation.

use serde_json::{Value, json};

use crate::agent::{Agents, LogEntry, LogQuery};
use crate::error::Kind;
use crate::log::{Change, Record, RecordId};
use crate::refs::{Handle, Target};
use crate::repo::Receipt;

use super::context::Context;
use super::done::Done;
use super::error::{CliError, Exit};
use super::log::Teller;
use super::terminal::Report;
use super::working;

/// The kind of operation that takes back the one before it.
const UNDO: &str = "undo";

/// Fewest digits that name an operation.
const PREFIX_MIN_DIGITS: usize = 4;

/// Take an agent's last operation back, as a new operation
///
/// Everything goes back to where it was. A version that was published is marked withdrawn: its number is
/// not used again; a draft that went away is the same draft again. Undoing an undo does the operation
/// again. Edits that 'checkout --discard' dropped after the last operation come back first. A check that
/// waited for the program of `check.command` goes with the publishing of its version; --expect names either.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto undo support")]
pub(crate) struct Args {
    /// The agent.
    agent: String,

    /// The operation that is to be undone; refused when it is not the last any more.
    #[arg(long, value_name = "OPERATION")]
    expect: Option<String>,

    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents(args.dry_run)?;
    let agent = ctx.agent(&agents, &args.agent)?;
    let expected = match &args.expect {
        Some(text) => Some(expected(&agents, &agent, text)?),
        None if undo_discard(args, ctx, &agents, &agent)? => return Ok(Exit::Done),
        None => None,
    };
    let (undone, receipt) = agents.undo(&agent, expected)?;
    let id = undone.id();
    // Undoing a rename gave it another handle.
    let agent = &receipt.agent;
    let line = told(&agents, agent, &undone)?;
    let mut report = Done::new(&receipt, args.dry_run)
        .report(line, "nothing to undo")
        .field("undone", json!({"operation": id.to_string(), "kind": undone.kind}))
        .field("refs", receipt.changes.iter().map(change_value).collect::<Value>());
    for phrase in moves_of(&agents, undone, &receipt)? {
        report = report.line(format!("  {phrase}"));
    }
    if let Some(id) = receipt.operation {
        report = report.id(id);
    }
    ctx.out.report(report)?;
    Ok(Exit::Done)
}

/// Brings back the edits that were dropped after the last operation; `false` when none were.
fn undo_discard(args: &Args, ctx: &Context, agents: &Agents, agent: &Handle) -> Result<bool, CliError> {
    let tree = working::tree(ctx, agents)?;
    let files = tree.dropped_last(agent)?;
    if files.is_empty() {
        return Ok(false);
    }
    if !args.dry_run {
        tree.undo_discard(agent)?;
    }
    let dry = if args.dry_run { "dry run: " } else { "" };
    let line = format!("{dry}edits of agent '{agent}' that were dropped are back: {}", files.join(", "));
    let report = Report::new(line)
        .field("agent", agent.as_str())
        .field("operation", Value::Null)
        .field("changed", true)
        .field("dry_run", args.dry_run)
        .field("undone", json!({"operation": null, "kind": "checkout-discard"}))
        .field("refs", Value::Array(Vec::new()))
        .field("files", files);
    let back = format!("recto checkout {agent} --discard");
    ctx.out.report(if args.dry_run { report } else { report.undo(back) })?;
    Ok(true)
}

/// `undid publish 1d35608fed21 of agent 'support', by Asha Rao`; of an undo, what was done again.
fn told(agents: &Agents, agent: &Handle, undone: &Record) -> Result<String, CliError> {
    let by = &undone.actor.name;
    let (mut kind, mut id, mut depth) = (undone.kind.clone(), undone.id(), 0_u32);
    let mut cites = undone.cites.first().copied();
    for entry in agents.log(agent, LogQuery::default())? {
        let Some(cited) = cites.filter(|_| kind == UNDO) else { break };
        let entry = entry?;
        if entry.id.digest() == cited {
            depth += 1;
            (kind, id) = (entry.record.kind, entry.id);
            cites = entry.record.cites.first().copied();
        }
    }
    let id = id.short();
    Ok(match depth {
        0 => format!("undid {kind} {id} of agent '{agent}', by {by}"),
        depth if depth % 2 == 1 => format!("did {kind} {id} of agent '{agent}' again, which {by} had undone"),
        _ => format!("undid {kind} {id} of agent '{agent}' again, which {by} had done again"),
    })
}

/// What the undo moved, in words.
fn moves_of(agents: &Agents, undone: Record, receipt: &Receipt) -> Result<Vec<String>, CliError> {
    let record = Record { kind: UNDO.to_owned(), changes: receipt.changes.clone(), ..undone };
    let id = receipt.operation.unwrap_or_else(|| record.id());
    Teller::new(agents, receipt.operation.is_some()).phrases(&receipt.agent, &LogEntry { id, record })
}

/// The operation to be undone, if it can be and the digits are those of its id.
fn expected(agents: &Agents, agent: &Handle, text: &str) -> Result<RecordId, CliError> {
    let digits = text.to_ascii_lowercase();
    if digits.len() < PREFIX_MIN_DIGITS || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        let reason = format!("at least {PREFIX_MIN_DIGITS} hexadecimal digits");
        return Err(CliError::usage(format!("'{text}' is not the id of an operation: {reason}")));
    }
    let undoable = agents.undoable(agent)?;
    let actual = undoable.last.0.short();
    if let Some((id, _)) = undoable.named(|id| id.to_string().starts_with(&digits)) {
        return Ok(id);
    }
    let message = format!("the last operation of agent '{agent}' is {actual}, not '{text}'");
    Err(CliError::new(Kind::Conflict, message).hint(format!("recto log {agent} -n 5")))
}

fn target(target: Option<&Target>) -> Option<String> {
    target.map(ToString::to_string)
}

fn change_value(change: &Change) -> Value {
    json!({
        "ref": change.name.as_str(),
        "from": target(change.from.as_ref()),
        "to": target(change.to.as_ref()),
    })
}
