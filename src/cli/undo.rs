//! `recto undo`: the last operation taken back, as a new operation.

use serde_json::{Value, json};

use crate::agent::{Agents, LogQuery};
use crate::error::Kind;
use crate::log::{Change, RecordId};
use crate::refs::{Handle, Target};

use super::context::Context;
use super::done::Done;
use super::error::{CliError, Exit};

/// Fewest digits that name an operation.
const PREFIX_MIN_DIGITS: usize = 4;

/// Take an agent's last operation back, as a new operation
///
/// Every ref goes back to where it was. A version that was published is marked withdrawn: its number is
/// not used again. Undoing an undo does the operation again.
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
        None => None,
    };
    let (undone, receipt) = agents.undo(&agent, expected)?;
    let id = undone.id();
    let line = format!("undid {} {} of agent '{agent}', by {}", undone.kind, id.short(), undone.actor.name);
    let mut report = Done::new(&receipt, args.dry_run)
        .report(line, "nothing to undo")
        .field("undone", json!({"operation": id.to_string(), "kind": undone.kind}))
        .field("refs", receipt.changes.iter().map(change_value).collect::<Value>());
    for change in &receipt.changes {
        report = report.line(format!("  {}", change_line(&agents, &agent, change)));
    }
    if let Some(id) = receipt.operation {
        report = report.id(id);
    }
    ctx.out.report(report)?;
    Ok(Exit::Done)
}

/// The last operation, if the digits are those of its id.
fn expected(agents: &Agents, agent: &Handle, text: &str) -> Result<RecordId, CliError> {
    let digits = text.to_ascii_lowercase();
    if digits.len() < PREFIX_MIN_DIGITS || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        let reason = format!("at least {PREFIX_MIN_DIGITS} hexadecimal digits");
        return Err(CliError::usage(format!("'{text}' is not the id of an operation: {reason}")));
    }
    let last = agents.log(agent, LogQuery::default())?.next().transpose()?;
    match last {
        Some(last) if last.id.to_string().starts_with(&digits) => Ok(last.id),
        last => {
            let actual = last.map_or_else(|| "none".to_owned(), |last| last.id.short());
            let message = format!("the last operation of agent '{agent}' is {actual}, not '{text}'");
            Err(CliError::new(Kind::Conflict, message).hint(format!("recto log {agent} -n 5")))
        }
    }
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

/// `ACTIVE: V2 -> V1`.
fn change_line(agents: &Agents, agent: &Handle, change: &Change) -> String {
    let shown = |target: Option<&Target>| match target {
        None => "none".to_owned(),
        Some(Target::Ref(name)) => name.to_string(),
        Some(Target::Id(id)) => match agents.number_of(agent, id) {
            Ok(Some(number)) => format!("V{number}"),
            _ => id.short(),
        },
    };
    let name = match change.name.split() {
        (Some(namespace), id) if id.len() == 64 => format!("{namespace}/{}", &id[..12]),
        _ => change.name.to_string(),
    };
    format!("{name}: {} -> {}", shown(change.from.as_ref()), shown(change.to.as_ref()))
}
