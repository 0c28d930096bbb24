//! `recto agent`: makes agents, shows them, and changes what is known of them besides their config.

mod archive;
mod duplicate;
mod edit;
mod list;
mod new;
mod rename;
mod show;

use super::context::Context;
use super::error::{CliError, Exit};

/// Make agents, show them, rename them, put them away
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto agent new support --from support.json --activate")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    New(new::Args),
    List(list::Args),
    Show(show::Args),
    Rename(rename::Args),
    Edit(edit::Args),
    Archive(archive::Args),
    /// Take an agent out again
    #[command(after_help = "Example: recto agent unarchive support")]
    Unarchive(archive::Args),
    Duplicate(duplicate::Args),
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    match &args.verb {
        Verb::New(args) => new::run(args, ctx),
        Verb::List(args) => list::run(args, ctx),
        Verb::Show(args) => show::run(args, ctx),
        Verb::Rename(args) => rename::run(args, ctx),
        Verb::Edit(args) => edit::run(args, ctx),
        Verb::Archive(args) => archive::run(args, true, ctx),
        Verb::Unarchive(args) => archive::run(args, false, ctx),
        Verb::Duplicate(args) => duplicate::run(args, ctx),
    }
}
