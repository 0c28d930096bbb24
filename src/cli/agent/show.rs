//! `recto agent show`: everything known of one agent but its configs.

use serde_json::{Map, Value, json};

use crate::agent::{AgentInfo, CheckpointInfo, DraftInfo, VersionInfo};
use crate::check::{mask_text, mask_value};
use crate::cli::context::Context;
use crate::cli::done::version_value;
use crate::cli::draft::list::{draft_table, draft_value};
use crate::cli::error::{CliError, Exit};
use crate::cli::terminal::{Cell, Style, Table, plain_line};
use crate::cli::version::list::{newest, version_table};

/// Show an agent: metadata, versions, drafts, checkpoints
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto agent show support")]
pub(super) struct Args {
    /// The agent.
    agent: String,

    /// How many versions are listed, newest first.
    #[arg(short = 'n', long = "number", value_name = "N", default_value_t = 10)]
    number: u64,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents_to_read()?;
    let agent = ctx.agent(&agents, &args.agent)?;
    let info = agents.info(&agent)?;
    let profile = agents.profile(&info.meta.profile)?;
    let versions = newest(&agents, &agent, args.number)?;
    let drafts = agents.drafts(&agent)?;
    let checkpoints = agents.checkpoints(&agent)?;
    let shown = Shown { info, profile: profile.name(), versions, drafts, checkpoints };
    if ctx.out.is_json() {
        shown.print_json(ctx)?;
    } else {
        shown.print(ctx)?;
    }
    Ok(Exit::Done)
}

struct Shown<'a> {
    info: AgentInfo,
    profile: &'a str,
    versions: Vec<VersionInfo>,
    drafts: Vec<DraftInfo>,
    checkpoints: Vec<CheckpointInfo>,
}

impl Shown<'_> {
    fn print_json(&self, ctx: &Context) -> Result<(), CliError> {
        let mut value = super::list::to_value(&self.info);
        value["profile"] = json!({"name": self.profile, "id": self.info.meta.profile.to_string()});
        value["version_count"] = self.info.versions.into();
        value["versions"] = self.versions.iter().map(version_value).collect();
        value["drafts"] = self.drafts.iter().map(draft_value).collect();
        let checkpoint = |checkpoint: &CheckpointInfo| {
            json!({
                "id": checkpoint.id.to_string(),
                "label": checkpoint.label,
                "description": checkpoint.description,
                "author": checkpoint.author.to_value(),
                "time": checkpoint.time.to_string(),
            })
        };
        value["checkpoints"] = self.checkpoints.iter().map(checkpoint).collect();
        ctx.out.json(&value)
    }

    fn print(&self, ctx: &Context) -> Result<(), CliError> {
        let meta = &self.info.meta;
        let archived = if meta.archived { " (archived)" } else { "" };
        let heading = format!("{}{archived}: {}", meta.handle, plain_line(&meta.title));
        ctx.out.line(ctx.out.paint(Style::Strong, &heading))?;
        let serves = match self.info.active {
            Some((id, number)) => format!("V{number} {}", id.short()),
            None => "nothing".to_owned(),
        };
        let mut facts = vec![
            ("description", meta.description.clone()),
            ("id", self.info.id.to_string()),
            ("profile", format!("{} {}", self.profile, meta.profile.short())),
            ("serves", serves),
            ("changed", self.info.changed.to_string()),
        ];
        facts.retain(|(_, text)| !text.is_empty());
        for (name, text) in facts {
            ctx.out.line(format!("{} {}", ctx.out.paint(Style::Dim, name), plain_line(&text)))?;
        }
        let fields = mask_value(&Value::Object(meta.fields.clone()));
        print_map(ctx, "field", fields.as_object())?;
        print_map(ctx, "vendor id", Some(&meta.vendor_ids))?;
        section(ctx, "versions", &version_table(&self.versions))?;
        let rest = self.info.versions.saturating_sub(self.versions.len() as u64);
        if rest > 0 {
            ctx.out.say(format!("and {rest} older: recto version list {}", meta.handle));
        }
        section(ctx, "drafts", &draft_table(&self.drafts))?;
        let mut table = Table::new(["CHECKPOINT", "LABEL", "AUTHOR", "DATE"]);
        for checkpoint in &self.checkpoints {
            table.row([
                Cell::new(Style::Id, checkpoint.id.short()),
                checkpoint.label.as_str().into(),
                checkpoint.author.name.as_str().into(),
                checkpoint.time.to_string().into(),
            ]);
        }
        section(ctx, "checkpoints", &table)
    }
}

fn print_map(ctx: &Context, what: &str, map: Option<&Map<String, Value>>) -> Result<(), CliError> {
    for (name, value) in map.into_iter().flatten() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let line = format!("{name} = {}", mask_text(&text));
        ctx.out.line(format!("{} {}", ctx.out.paint(Style::Dim, what), plain_line(&line)))?;
    }
    Ok(())
}

fn section(ctx: &Context, heading: &str, table: &Table) -> Result<(), CliError> {
    if table.is_empty() {
        return Ok(());
    }
    ctx.out.line(format!("\n{}", ctx.out.paint(Style::Strong, heading)))?;
    ctx.out.table(table)
}
