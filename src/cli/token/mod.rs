//! `recto token`: what clients show a server.

mod create;
mod list;
mod revoke;

use std::sync::Arc;

use crate::access::Book;

use super::context::Context;
use super::error::{CliError, Exit};

/// Make tokens for clients of `recto serve`, list and revoke them
///
/// As soon as a store has a token, its servers demand one of every client.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto token create ci --role publisher --agents 'support-*'")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Create(create::Args),
    List(list::Args),
    Revoke(revoke::Args),
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    match &args.verb {
        Verb::Create(args) => create::run(args, ctx),
        Verb::List(args) => list::run(args, ctx),
        Verb::Revoke(args) => revoke::run(args, ctx),
    }
}

/// The tokens of the store.
pub(super) fn book(ctx: &Context) -> Result<Book, CliError> {
    ctx.wants_files("token")?;
    let repo = ctx.repo()?;
    Ok(Book::new(Arc::clone(ctx.disk()), ctx.clock(), repo.root()))
}
