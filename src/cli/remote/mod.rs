//! `recto remote`: the other stores that this one knows.

mod add;
mod list;
mod remove;
mod set_url;

use super::context::Context;
use super::error::{CliError, Exit};

/// List the other stores that this one knows, add and remove them
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto remote add origin /srv/agents")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Add(add::Args),
    List(list::Args),
    Remove(remove::Args),
    SetUrl(set_url::Args),
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    match &args.verb {
        Verb::Add(args) => add::run(args, ctx),
        Verb::List(args) => list::run(args, ctx),
        Verb::Remove(args) => remove::run(args, ctx),
        Verb::SetUrl(args) => set_url::run(args, ctx),
    }
}
