//! `recto show`: what is known of a version, a draft or a checkpoint.

use serde_json::{Value, json};

use crate::agent::{Agents, Config, Resolved};
use crate::history::Revision;
use crate::object::{Content, ObjectId};
use crate::refs::Handle;

use super::cat;
use super::conflicts;
use super::context::Context;
use super::count::count;
use super::diff::commits;
use super::error::{CliError, Exit};
use super::numbers::Numbers;
use super::render::{self, Comparison};
use super::terminal::{Cell, Style, Table, plain_line};
use super::when::When;

/// Show what is known of a version, a draft or a checkpoint
///
/// Who made it, when and from what, what its check said, which fields it changed, and its blocks.
/// 'recto cat' prints the config itself, 'recto diff' the differences.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  recto show support
  recto show support@V3
  recto show support --at 2026-03-07T14:03:00Z")]
pub(crate) struct Args {
    /// The agent, or a revision of it; what serves when none is named.
    #[arg(value_name = "AGENT[@REV]")]
    revision: String,

    /// What served at this time.
    #[arg(long, value_name = "TIME")]
    at: Option<When>,
}

/// Everything that is shown.
struct Shown {
    agent: Handle,
    resolved: Resolved,
    config: Config,
    commit: crate::object::Commit,
    parents: Vec<(ObjectId, String)>,
    comparison: Option<Comparison>,
    conflicts: Vec<String>,
    served: Option<crate::agent::Served>,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents_to_read()?;
    let spec = cat::at(ctx, &args.revision, args.at.as_ref())?;
    let (agent, resolved) = ctx.resolved(&agents, &spec)?;
    let served = match spec.revision {
        Revision::At(time) => agents.active_at(&agent, time)?,
        _ => None,
    };
    let mut shown = gather(&agents, agent, resolved)?;
    shown.served = served;
    if ctx.out.is_json() {
        ctx.out.json(value(&shown))?;
    } else if ctx.out.is_quiet() {
        ctx.out.line(shown.resolved.commit())?;
    } else {
        text(ctx, &shown)?;
    }
    Ok(Exit::Done)
}

fn gather(agents: &Agents, agent: Handle, resolved: Resolved) -> Result<Shown, CliError> {
    let id = resolved.commit();
    let (commit, config) = (agents.repo().commit(&id)?, agents.config(&id)?);
    let mut numbers = Numbers::of(agents, agent.clone())?;
    let mut parents = Vec::new();
    for parent in &commit.parents {
        parents.push((*parent, numbers.name(parent)?));
    }
    let comparison = match commit.parents.first() {
        None => None,
        Some(parent) => {
            let parent = agents.describe(&agent, *parent)?;
            let (old, new) = commits(agents, (agent.clone(), &parent), (agent.clone(), &resolved))?;
            Some(Comparison::new(agents, old, new, false))
        }
    };
    let conflicts = conflicts::names(agents, &agent, &config)?;
    Ok(Shown { agent, resolved, config, commit, parents, comparison, conflicts, served: None })
}

/// What it is, and how it stands.
fn states(resolved: &Resolved) -> Vec<&'static str> {
    match resolved {
        Resolved::Version(version) => {
            let states =
                [(version.active, "ACTIVE"), (version.pinned, "pinned"), (version.withdrawn, "withdrawn")];
            states.into_iter().filter_map(|(holds, name)| holds.then_some(name)).collect()
        }
        Resolved::Draft(_) => vec!["draft"],
        Resolved::Checkpoint(_) => vec!["checkpoint"],
        Resolved::Commit(_) => vec!["earlier revision of a draft"],
    }
}

fn words(shown: &Shown) -> (&str, &str) {
    match &shown.resolved {
        Resolved::Version(version) => (&version.label, &version.description),
        _ => (shown.commit.label(), shown.commit.description()),
    }
}

fn text(ctx: &Context, shown: &Shown) -> Result<(), CliError> {
    let out = &ctx.out;
    let states = states(&shown.resolved);
    let states = if states.is_empty() { String::new() } else { format!(" ({})", states.join(", ")) };
    let title = format!("{} {}", shown.agent, shown.resolved.name());
    out.line(format!("{}{states}", out.paint(Style::Strong, &title)))?;
    let field = |name: &str, value: &str| {
        let lines = value.lines().map(|line| plain_line(line).into_owned());
        let value = lines.collect::<Vec<_>>().join(&format!("\n{:13}", ""));
        if value.is_empty() {
            Ok(())
        } else {
            out.line(format!("{} {value}", out.paint(Style::Dim, &format!("{name:12}"))))
        }
    };
    let (label, description) = words(shown);
    field("id", &shown.resolved.commit().to_string())?;
    field("label", label)?;
    field("description", description)?;
    field("by", &shown.commit.author.to_string())?;
    field("time", &shown.commit.time.to_string())?;
    let parents: Vec<&str> = shown.parents.iter().map(|(_, name)| name.as_str()).collect();
    field(
        if matches!(shown.resolved, Resolved::Draft(_)) { "forked from" } else { "made from" },
        &parents.join(", "),
    )?;
    field("profile", shown.config.profile.name())?;
    match &shown.resolved {
        Resolved::Version(version) => {
            field("check", version.check.name())?;
            field("published by", &format!("operation {}", version.record.short()))?;
        }
        Resolved::Draft(draft) => field("revision", &draft.revision.to_string())?,
        Resolved::Checkpoint(_) | Resolved::Commit(_) => {}
    }
    field("conflicts", &shown.conflicts.join("\n"))?;
    if let Some(served) = &shown.served {
        let to = served.to.map_or_else(|| "now".to_owned(), |to| to.to_string());
        field("served", &format!("{} to {to}, {} by {}", served.from, served.kind, served.actor))?;
    }
    if let Some(comparison) = shown.comparison.as_ref().filter(|comparison| !comparison.is_empty()) {
        let base = shown.parents.first().map_or("nothing", |(_, name)| name.as_str());
        out.line(format!("\n{}", out.paint(Style::Strong, &format!("changed since {base}"))))?;
        render::overview(out, comparison)?;
    }
    out.line("")?;
    blocks(ctx, &shown.config)
}

fn blocks(ctx: &Context, config: &Config) -> Result<(), CliError> {
    let mut table = Table::new(["BLOCK", "KIND", "SIZE", "ID"]);
    for (name, content) in &config.blocks {
        let size = match content {
            Content::Text(text) => count(text.lines().count() as u64, "line"),
            Content::Json(Value::Object(map)) => count(map.len() as u64, "field"),
            Content::Json(Value::Array(items)) => count(items.len() as u64, "entry"),
            Content::Json(_) => "1 value".to_owned(),
        };
        let id = config.tree.get(name.as_str()).map_or_else(String::new, |entry| entry.id.short());
        let id = Cell::new(Style::Id, id);
        table.row([name.as_str().into(), content.kind().name().into(), size.into(), id]);
    }
    ctx.out.table(&table)
}

fn value(shown: &Shown) -> Value {
    let (label, description) = words(shown);
    let parents: Vec<Value> =
        shown.parents.iter().map(|(id, name)| json!({"id": id.to_string(), "name": name})).collect();
    let blocks: Vec<Value> = shown
        .config
        .tree
        .entries()
        .iter()
        .map(|entry| json!({"name": entry.name.as_str(), "kind": entry.kind.name(), "id": entry.id.to_string()}))
        .collect();
    let mut value = json!({
        "agent": shown.agent.as_str(),
        "is": match &shown.resolved {
            Resolved::Version(_) => "version",
            Resolved::Draft(_) => "draft",
            Resolved::Checkpoint(_) => "checkpoint",
            Resolved::Commit(_) => "commit",
        },
        "name": shown.resolved.name(),
        "id": shown.resolved.commit().to_string(),
        "label": label,
        "description": description,
        "author": shown.commit.author.to_value(),
        "time": shown.commit.time.to_string(),
        "profile": shown.config.profile.name(),
        "parents": parents,
        "changes": shown.comparison.as_ref().map(render::overview_value),
        "blocks": blocks,
        "conflicts": shown.conflicts,
    });
    match &shown.resolved {
        Resolved::Version(version) => {
            value["number"] = version.number.into();
            value["active"] = version.active.into();
            value["pinned"] = version.pinned.into();
            value["withdrawn"] = version.withdrawn.into();
            value["check"] = version.check.name().into();
            value["operation"] = version.record.to_string().into();
        }
        Resolved::Draft(draft) => value["revision"] = draft.revision.into(),
        Resolved::Checkpoint(_) | Resolved::Commit(_) => {}
    }
    if let Some(served) = &shown.served {
        value["served"] = json!({
            "from": served.from.to_string(),
            "to": served.to.map(|to| to.to_string()),
            "actor": served.actor.to_value(),
            "kind": served.kind,
            "note": served.note,
        });
    }
    value
}
