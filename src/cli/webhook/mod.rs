//! `recto webhook`: addresses that servers tell what happens.

mod add;
mod list;
mod remove;
mod rotate;
mod test;

use std::sync::Arc;

use crate::webhook::Hooks;

use super::context::Context;
use super::error::{CliError, Exit};

/// Tell other programs when versions are published, activated and promoted
///
/// A running `recto serve` sends a signed request for each event, whoever made it happen: the command line,
/// too. Of several servers one does so. docs/api.md describes the requests.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto webhook add deploys https://ci.example.com/recto --events activate")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Add(add::Args),
    List(list::Args),
    Remove(remove::Args),
    Rotate(rotate::Args),
    Test(test::Args),
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    match &args.verb {
        Verb::Add(args) => add::run(args, ctx),
        Verb::List(args) => list::run(args, ctx),
        Verb::Remove(args) => remove::run(args, ctx),
        Verb::Rotate(args) => rotate::run(args, ctx),
        Verb::Test(args) => test::run(args, ctx),
    }
}

/// The webhooks of the store.
pub(super) fn hooks(ctx: &Context) -> Result<Hooks, CliError> {
    ctx.wants_files("webhook")?;
    Ok(Hooks::of(Arc::clone(ctx.repo()?)))
}
