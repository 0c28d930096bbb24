//! `recto import`: a document, a directory of block files, or a history.

mod blocks;
mod configs;
mod history;
mod report;
mod source;

use std::sync::Arc;

use crate::agent::{AgentError, ImportOptions};
use crate::encoding::json;
use crate::error::Kind;
use crate::object::limits::CONFIG_MAX_BYTES;
use crate::profile::Profile;
use crate::refs::Handle;

use super::context::Context;
use super::error::{CliError, Exit};
use super::outside::Outside;
use source::{Form, Source};

/// Import a config, or the history of any number of agents
///
/// FILE is one JSON document (a config, or a vendor's answer about an agent or a version), a directory
/// of block files as 'recto export' and 'recto checkout' write them, a directory of JSON documents, each an agent
/// that has the file's name, or a history: one version a line of JSON, oldest first,
/// of any number of agents, `{"agent": ..., "author": ..., "time": ..., "message": ..., "blocks":
/// {NAME: TEXT OR JSON}}`, where a later line with `"partial": true` has only the blocks that changed and
/// `"deleted": [NAME]` those that went. A new agent gets the config as V1, an existing one as the draft
/// `import`; a draft that has work which is not published is kept, unless --force says otherwise. Importing
/// the same again changes nothing; a history that was cut off is gone on with.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: recto import agent.json --as support\n         recto import history.jsonl --dry-run"
)]
pub(crate) struct Args {
    /// The file or directory; `-` or nothing is stdin.
    file: Option<String>,

    /// The agent's handle; derived from its title when not given.
    #[arg(long = "as", value_name = "HANDLE")]
    handle: Option<Handle>,

    /// The title of a new agent.
    #[arg(long)]
    title: Option<String>,

    /// The profile; guessed from a document, which is said, and `generic` for a history, when not given.
    #[arg(long)]
    profile: Option<String>,

    /// What the file is, where it does not tell.
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    format: Form,

    /// The label of the version.
    #[arg(short = 'm', long = "message", alias = "label", value_name = "TEXT", default_value = "")]
    label: String,

    /// Publish what was imported and let it serve; of a history, every agent's newest version.
    #[arg(long)]
    activate: bool,

    /// Activate although the check failed; the log keeps the reason.
    #[arg(long, value_name = "REASON", requires = "activate")]
    override_check: Option<String>,

    /// Let what is imported take the place of work in the draft that is not published; its earlier revisions
    /// keep that.
    #[arg(long)]
    force: bool,

    /// Say what would be imported, and import nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents(args.dry_run)?;
    let profile = args.profile.as_deref().map(|name| agents.profile_named(name)).transpose()?;
    let outside = Outside::of(ctx, args.activate, args.override_check.as_deref())?;
    match Source::open(ctx, args.file.as_deref(), args.format)? {
        Source::History(input) => history::run(args, ctx, (&agents, &outside), profile, input),
        Source::Document(mut input) => {
            let bytes = input.read_whole(CONFIG_MAX_BYTES as u64)?;
            let document = json::parse(&bytes).map_err(|error| {
                CliError::new(Kind::Invalid, format!("'{}' is not JSON: {error}", input.name))
            })?;
            let done = agents.import_document(&document, &options(args, &outside, profile));
            report::one(args, ctx, (&agents, &outside), done)
        }
        Source::Dir(dir) if configs::are_meant(args, ctx, &agents, &dir, profile.as_deref())? => {
            configs::run(args, ctx, (&agents, &outside), profile.as_ref(), &dir)
        }
        Source::Dir(dir) => {
            let read = blocks::read(ctx, &agents, &dir)?;
            let mut options = options(args, &outside, profile);
            options.handle = options.handle.or(read.agent);
            let done = agents.import_blocks(&read.files, &options).map(|mut report| {
                report.dropped.extend(read.left_out);
                report
            });
            report::one(args, ctx, (&agents, &outside), done)
        }
    }
}

fn options(args: &Args, outside: &Outside<'_>, profile: Option<Arc<Profile>>) -> ImportOptions {
    ImportOptions {
        profile,
        handle: args.handle.clone(),
        title: args.title.clone(),
        label: args.label.clone(),
        activate: args.activate,
        check_pending: outside.is_there(),
        override_check: args.override_check.clone(),
        overwrite: args.force,
    }
}

/// What a document is called is not said in it: says which option says it.
fn with_hint(error: AgentError) -> CliError {
    match error {
        AgentError::BadText { what: "title", reason } if reason == "is missing" => {
            CliError::usage("nothing says what the new agent is called").hint("--as HANDLE names it")
        }
        other => other.into(),
    }
}
