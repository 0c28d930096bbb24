//! `recto agent edit`: what is known of an agent besides its config.

use serde_json::Value;

use crate::agent::{Meta, MetaEdit};
use crate::check::mask_value;
use crate::cli::context::Context;
use crate::cli::done::Done;
use crate::cli::error::{CliError, Exit};

/// Change title, description and other fields that have no versions
///
/// They are not part of the config: they take effect at once, and `undo` brings the old ones back.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: recto agent edit support --title 'Support desk' --field telephonyProductId=p1"
)]
#[command(group = clap::ArgGroup::new("edits").required(true).multiple(true).args(["title", "description", "fields", "unset"]))]
pub(super) struct Args {
    /// The agent.
    agent: String,

    /// Its new title.
    #[arg(long)]
    title: Option<String>,

    /// What it is for.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,

    /// A field of the vendor: NAME=VALUE is text, NAME:=JSON anything; may be repeated.
    #[arg(long = "field", value_name = "NAME=VALUE")]
    fields: Vec<String>,

    /// Remove a field of the vendor; may be repeated.
    #[arg(long = "unset-field", value_name = "NAME")]
    unset: Vec<String>,

    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents(args.dry_run)?;
    let agent = ctx.agent(&agents, &args.agent)?;
    let edit = MetaEdit {
        title: args.title.clone(),
        description: args.description.clone(),
        fields: super::new::given(ctx, &args.fields, &args.unset)?,
    };
    let before = agents.meta(&agent)?;
    if let Some(name) = args.unset.iter().find(|name| !before.fields.contains_key(*name)) {
        let known: Vec<String> = before.fields.keys().cloned().collect();
        return Err(CliError::usage(format!("agent '{agent}' has no field '{name}'")).details(known));
    }
    let receipt = agents.edit_meta(&agent, &edit)?;
    let done = Done::new(&receipt, args.dry_run);
    let lines = changes(&before, &edit);
    let mut report = done
        .report(format!("changed agent '{agent}'"), format!("agent '{agent}' is so already"))
        .field("changes", Value::from(lines.clone()));
    for line in lines.iter().filter(|_| done.moved()) {
        report = report.line(format!("  {line}"));
    }
    if let Some(id) = receipt.operation {
        report = report.id(id);
    }
    ctx.out.report(report)?;
    Ok(Exit::Done)
}

/// `title: "a" -> "b"`, with secrets masked.
fn changes(before: &Meta, edit: &MetaEdit) -> Vec<String> {
    let mut lines = Vec::new();
    let mut text = |name: &str, old: &str, new: Option<&String>| {
        if let Some(new) = new.filter(|new| *new != old) {
            lines.push(format!("{name}: {} -> {}", Value::from(old), Value::from(new.as_str())));
        }
    };
    text("title", &before.title, edit.title.as_ref());
    text("description", &before.description, edit.description.as_ref());
    let (old, new) = (Value::Object(before.fields.clone()), Value::Object(edit.fields.clone()));
    let (old_masked, new_masked) = (mask_value(&old), mask_value(&new));
    for (name, value) in &edit.fields {
        let was = before.fields.get(name).unwrap_or(&Value::Null);
        if was != value {
            let shown = |masked: &Value| masked.get(name).cloned().unwrap_or_default();
            lines.push(format!("{name}: {} -> {}", shown(&old_masked), shown(&new_masked)));
        }
    }
    lines
}
