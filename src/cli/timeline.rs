//! `recto timeline`: what served when.

use std::time::Duration;

use serde_json::{Value, json};

use crate::agent::{Agents, Number, Served};
use crate::clock::Time;
use crate::refs::Handle;

use super::context::Context;
use super::error::{CliError, Exit};
use super::numbers::Numbers;
use super::terminal::{Cell, Style, Table};
use super::when::{When, stretch};

/// Show what served when, oldest first
///
/// From when to when, who made it so, and why. What an imported history says of the time before it
/// came here is marked as claimed: it was not served from this store.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto timeline support --since 2026-03-01")]
pub(crate) struct Args {
    /// The agent.
    agent: String,

    /// Only what served at this time or later.
    #[arg(long, value_name = "TIME")]
    since: Option<When>,

    /// Only what served at this time or earlier.
    #[arg(long, value_name = "TIME")]
    until: Option<When>,
}

/// A stretch, with what people know its version by.
pub(super) struct Stretch {
    served: Served,
    version: String,
    number: Option<Number>,
    label: String,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents_to_read()?;
    let agent = ctx.agent(&agents, &args.agent)?;
    let (since, until) = stretch(ctx, args.since.as_ref(), args.until.as_ref())?;
    let wanted = |served: &Served| {
        since.is_none_or(|since| served.to.is_none_or(|to| to > since))
            && until.is_none_or(|until| served.from <= until)
    };
    let served = agents.timeline(&agent)?.into_iter().filter(wanted);
    let stretches = named(&agents, &agent, served)?;
    if ctx.out.is_json() {
        let stretches: Vec<Value> = stretches.iter().map(value).collect();
        ctx.out.json(json!({"agent": agent.as_str(), "stretches": stretches}))?;
        return Ok(Exit::Done);
    }
    if stretches.is_empty() {
        ctx.out.say(format!("nothing served for agent '{agent}' in that time"));
        return Ok(Exit::Done);
    }
    table(ctx, &stretches)?;
    if stretches.iter().any(|stretch| stretch.served.claimed) {
        ctx.out.say("claimed: what imported history says, not what this store served");
    }
    Ok(Exit::Done)
}

/// Stretches with the names of their versions.
///
/// # Errors
/// When the versions cannot be read.
pub(super) fn named(
    agents: &Agents,
    agent: &Handle,
    served: impl Iterator<Item = Served>,
) -> Result<Vec<Stretch>, CliError> {
    let mut numbers = Numbers::of(agents, agent.clone())?;
    let mut stretches = Vec::new();
    for served in served {
        let (version, number, label) = match &served.version {
            None => ("none".to_owned(), None, String::new()),
            Some(id) => (numbers.name(id)?, numbers.number(id)?, agents.label_of(agent, id)?),
        };
        stretches.push(Stretch { served, version, number, label });
    }
    Ok(stretches)
}

/// Shows stretches.
///
/// # Errors
/// When they cannot be shown.
pub(super) fn table(ctx: &Context, stretches: &[Stretch]) -> Result<(), CliError> {
    let now = ctx.clock().now();
    let mut table = Table::new(["FROM", "TO", "FOR", "VERSION", "LABEL", "BY", "HOW", "WHY"]);
    for Stretch { served, version, label, .. } in stretches {
        let is_now = served.to.is_none();
        let version = match (is_now, &served.version) {
            (true, Some(_)) => Cell::new(Style::Good, version.as_str()),
            _ => version.as_str().into(),
        };
        let how = if served.claimed { format!("{} (claimed)", served.kind) } else { served.kind.clone() };
        table.row([
            served.from.to_string().into(),
            served.to.map_or_else(|| "now".to_owned(), |to| to.to_string()).into(),
            lasted(served.from, served.to.unwrap_or(now)).into(),
            version,
            label.as_str().into(),
            served.actor.name.as_str().into(),
            how.into(),
            why(served).into(),
        ]);
    }
    ctx.out.table(&table)
}

/// Why; of a claimed version, whose label says that already, the time that it gives where it cannot be
/// right.
fn why(served: &Served) -> String {
    match served.stated {
        Some(stated) => format!("says it was made at {stated}, which is out of order"),
        None if served.claimed => String::new(),
        None => served.note.clone(),
    }
}

fn span_ms(from: Time, to: Time) -> u64 {
    u64::try_from(to.as_ms() - from.as_ms()).unwrap_or(0)
}

/// A span in its two largest units: `3d 4h`, `12m 5s`, `0s`.
fn lasted(from: Time, to: Time) -> String {
    let seconds = Duration::from_millis(span_ms(from, to)).as_secs();
    let units = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let first = units.iter().position(|(_, size)| seconds >= *size).unwrap_or(units.len() - 1);
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (name, size) in units.iter().skip(first).take(2) {
        if rest >= *size || parts.is_empty() {
            parts.push(format!("{}{name}", rest / size));
        }
        rest %= size;
    }
    parts.join(" ")
}

/// A stretch in JSON.
pub(super) fn value(stretch: &Stretch) -> Value {
    let served = &stretch.served;
    let version = served.version.map(
        |id| json!({"id": id.to_string(), "number": stretch.number.map(Value::from), "label": stretch.label}),
    );
    json!({
        "from": served.from.to_string(),
        "to": served.to.map(|to| to.to_string()),
        "duration_ms": served.to.map(|to| span_ms(served.from, to)),
        "version": version,
        "actor": served.actor.to_value(),
        "kind": served.kind,
        "note": served.note,
        "operation": served.operation.to_string(),
        "claimed": served.claimed,
        "stated": served.stated.map(|time| time.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(seconds: i64, expected: &str) {
        let time = |ms| Time::from_ms(ms).expect("a time");
        assert_eq!(lasted(time(0), time(seconds * 1000 + 999)), expected);
    }

    #[test]
    fn spans_have_their_two_largest_units() {
        check(0, "0s");
        check(59, "59s");
        check(60, "1m");
        check(125, "2m 5s");
        check(3600, "1h");
        check(3601, "1h");
        check(90_000, "1d 1h");
        check(-5, "0s");
    }
}
