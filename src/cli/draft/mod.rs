//! `recto draft`: work in progress, forked, listed, renamed, rebased, thrown away.

mod discard;
pub(super) mod list;
mod log;
mod new;
mod rebase;
mod rename;

use super::context::Context;
use super::error::{CliError, Exit};

/// Fork drafts, list them, rename them, rebase them, throw them away
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto draft new support@tone")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    New(new::Args),
    List(list::Args),
    Rename(rename::Args),
    Rebase(rebase::Args),
    Discard(discard::Args),
    Log(log::Args),
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    match &args.verb {
        Verb::New(args) => new::run(args, ctx),
        Verb::List(args) => list::run(args, ctx),
        Verb::Rename(args) => rename::run(args, ctx),
        Verb::Rebase(args) => rebase::run(args, ctx),
        Verb::Discard(args) => discard::run(args, ctx),
        Verb::Log(args) => log::run(args, ctx),
    }
}
