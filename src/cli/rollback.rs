//! `recto rollback`: what served before serves again, for one agent or many.

use serde_json::{Value, json};

use crate::agent::{AgentError, Agents, RolledBack};
use crate::clock::Time;
use crate::error::Kind;
use crate::history::{Revision, Spec};
use crate::object::ObjectId;
use crate::refs::Handle;

use super::activate::{id_value, labelled, named, reason, with_findings};
use super::agents::each;
use super::context::Context;
use super::damage::Damage;
use super::done::version_value;
use super::error::{CliError, Exit};
use super::republish::{self, Request};
use super::terminal::Report;

/// Let what served before serve again
///
/// Repeated, it walks further back, and never into a version that was rolled back from. AGENT@REV goes
/// back to that version, --to TIME to what served at an instant. With --to, --all names every agent. Of several agents each is an operation
/// of its own: one that cannot be rolled back does not keep the others from it.
///
/// --republish publishes the old version anew and lets that serve, in one operation that 'recto undo' takes back:
/// what the draft holds is kept as a checkpoint, and the draft becomes the old config. Where there can be several drafts, none is touched unless
/// --draft names it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto rollback support sales --to 2026-03-07T14:03:00Z")]
pub(crate) struct Args {
    /// The agents, or the versions to go back to.
    #[arg(value_name = "AGENT[@REV]", required_unless_present = "all", conflicts_with = "all")]
    targets: Vec<String>,

    /// All agents of the store that are in use; needs --to.
    #[arg(long, requires = "to")]
    all: bool,

    /// What served at that instant; without a zone it is local time.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,

    /// Activate although the check failed; the log keeps the reason.
    #[arg(long, value_name = "REASON")]
    override_check: Option<String>,

    /// Publish the old version anew, of one agent, with a backup of the draft.
    #[arg(long, conflicts_with_all = ["all", "to"])]
    republish: bool,

    /// The new version's label.
    #[arg(short, long, value_name = "LABEL", requires = "republish")]
    message: Option<String>,

    /// The draft that becomes the old config.
    #[arg(long, value_name = "DRAFT", requires = "republish")]
    draft: Option<Handle>,

    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// What became of one agent.
enum Outcome {
    /// It was rolled back.
    Back(Box<RolledBack>),
    /// What it should serve it serves already.
    Unchanged(Handle),
    /// Nothing served then: of all agents, one that is younger is no failure.
    Younger(Handle),
    /// It could not be rolled back.
    Failed(String, CliError),
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    if args.republish {
        let [target] = args.targets.as_slice() else {
            return Err(CliError::usage("--republish is for one agent at a time"));
        };
        let request = Request {
            target,
            label: args.message.as_deref(),
            draft: args.draft.as_ref(),
            override_check: args.override_check.as_deref(),
            dry_run: args.dry_run,
        };
        return republish::run(&request, ctx);
    }
    let reason = reason(args.override_check.as_deref())?;
    let time = args.to.as_deref().map(|text| Time::parse(text, None)).transpose().map_err(CliError::usage)?;
    let targets: Vec<Spec> = args.targets.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    if let Some(spec) = targets.iter().find(|spec| spec.explicit && time.is_some()) {
        return Err(CliError::usage(format!("'{spec}' names a version and --to an instant: one of both")));
    }
    if let Some(time) = time {
        ctx.out.say(format!("to what served at {time}"));
    }
    let agents = ctx.agents(args.dry_run)?;
    let mut outcomes = Vec::new();
    if args.all {
        let time = time.expect("clap demands it");
        let mut damage = Damage::default();
        each(&agents, &mut damage, |info| {
            if !info.meta.archived {
                outcomes.push(one_of_all(&agents, &info.handle, time, reason));
            }
            Ok(())
        })?;
        let damaged = damage.into_agents().into_iter();
        outcomes.extend(damaged.map(|(agent, error)| Outcome::Failed(agent.to_string(), error)));
    } else {
        for spec in &targets {
            let outcome = one(ctx, &agents, spec, time, reason);
            outcomes.push(outcome.unwrap_or_else(|error| Outcome::Failed(spec.to_string(), error)));
        }
        if let [Outcome::Failed(..)] = outcomes.as_slice()
            && let Some(Outcome::Failed(_, error)) = outcomes.pop()
        {
            return Err(error);
        }
    }
    ctx.out.report(report(&agents, &outcomes, args.dry_run)?)?;
    failures(outcomes)
}

fn one(
    ctx: &Context,
    agents: &Agents,
    spec: &Spec,
    time: Option<Time>,
    reason: Option<&str>,
) -> Result<Outcome, CliError> {
    let agent = ctx.agent(agents, spec.agent.as_str())?;
    if let Some(time) = time {
        return back_to(agents, &agent, time, reason);
    }
    let target = match spec.revision {
        Revision::Active if !spec.explicit => None,
        _ => Some(ctx.version(agents, &spec.to_string())?.1.id),
    };
    let to: Option<ObjectId> = match target {
        Some(id) => Some(id),
        None => agents.previous(&agent)?,
    };
    let back = agents.roll_back(&agent, target.as_ref(), reason);
    Ok(told(back.map_err(|error| failed(error, agents, to))?))
}

fn failed(error: AgentError, agents: &Agents, to: Option<ObjectId>) -> CliError {
    match to {
        Some(id) => with_findings(error, agents, &id),
        None => error.into(),
    }
}

fn told(back: RolledBack) -> Outcome {
    if back.receipt.changes.is_empty() {
        Outcome::Unchanged(back.agent)
    } else {
        Outcome::Back(Box::new(back))
    }
}

fn back_to(agents: &Agents, agent: &Handle, time: Time, reason: Option<&str>) -> Result<Outcome, CliError> {
    let back = agents.roll_back_to_time(agent, time, reason).map_err(|error| {
        let then = agents.active_at(agent, time).ok().flatten().and_then(|served| served.version);
        failed(error, agents, then)
    })?;
    Ok(back.map_or_else(|| Outcome::Unchanged(agent.clone()), told))
}

fn one_of_all(agents: &Agents, agent: &Handle, time: Time, reason: Option<&str>) -> Outcome {
    match agents.active_at(agent, time) {
        Ok(served) if served.as_ref().and_then(|served| served.version).is_none() => {
            Outcome::Younger(agent.clone())
        }
        _ => back_to(agents, agent, time, reason)
            .unwrap_or_else(|error| Outcome::Failed(agent.to_string(), error)),
    }
}

fn report(agents: &Agents, outcomes: &[Outcome], dry_run: bool) -> Result<Report, CliError> {
    let dry = if dry_run { "dry run: " } else { "" };
    let mut report = Report::default().field("dry_run", dry_run);
    let (mut back, mut unchanged, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    let mut undo = Vec::new();
    for outcome in outcomes {
        match outcome {
            Outcome::Back(done) => {
                let (agent, to) = (&done.agent, labelled(&done.to));
                let from = named(agents, agent, done.from)?;
                report = report.line(format!("{dry}ACTIVE of agent '{agent}': {from} -> {to}"));
                back.push(json!({
                    "agent": agent.as_str(),
                    "operation": done.receipt.operation.map(|id| id.to_string()),
                    "from": id_value(done.from),
                    "version": version_value(&done.to),
                }));
                undo.extend(
                    done.receipt.operation.map(|id| format!("recto undo {agent} --expect {}", id.short())),
                );
                if let Some(id) = done.receipt.operation {
                    report = report.id(id);
                }
            }
            Outcome::Unchanged(agent) => {
                report = report.line(format!("agent '{agent}' serves that already"));
                unchanged.push(json!({"agent": agent.as_str(), "reason": "serves that already"}));
            }
            Outcome::Younger(agent) => {
                report = report.line(format!("agent '{agent}' is left as it is: nothing served then"));
                unchanged.push(json!({"agent": agent.as_str(), "reason": "nothing served then"}));
            }
            Outcome::Failed(target, error) => failed.push(json!({"target": target, "error": message(error)})),
        }
    }
    if !undo.is_empty() {
        report = report.undo(undo.join(" && "));
    }
    Ok(report
        .field("rolled_back", Value::Array(back))
        .field("unchanged", Value::Array(unchanged))
        .field("failed", Value::Array(failed)))
}

fn message(error: &CliError) -> String {
    match error {
        CliError::Failed(failure) => failure.message.clone(),
        CliError::Closed => String::new(),
    }
}

/// Damage decides the exit code, or else the first failure; all are listed.
fn failures(outcomes: Vec<Outcome>) -> Result<Exit, CliError> {
    let total = outcomes.len();
    let mut failed = Vec::new();
    let mut kind: Option<Kind> = None;
    for outcome in outcomes {
        let Outcome::Failed(target, error) = outcome else { continue };
        let CliError::Failed(failure) = error else { return Err(CliError::Closed) };
        kind = if failure.kind == Kind::Corrupt { Some(Kind::Corrupt) } else { kind.or(Some(failure.kind)) };
        failed.push(format!("{target}: {}", failure.message));
    }
    let Some(kind) = kind else { return Ok(Exit::Done) };
    let message = format!("{} of {total} agents could not be rolled back", failed.len());
    Err(CliError::new(kind, message).details(failed))
}
