//! `recto version`: the versions of an agent. (`recto --version` prints the version of the build.)

mod edit;
pub(super) mod list;

use super::context::Context;
use super::error::{CliError, Exit};

/// List the versions of an agent, change their labels
///
/// The version of this build is what `recto --version` prints.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto version list support")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    List(list::Args),
    Edit(edit::Args),
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    match &args.verb {
        Verb::List(args) => list::run(args, ctx),
        Verb::Edit(args) => edit::run(args, ctx),
    }
}
