//! `recto token revoke`: a token that counts no more.

use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::terminal::Report;

/// Revoke a token: servers refuse it from the next request on
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto token revoke ci")]
pub(crate) struct Args {
    /// Its name or id.
    #[arg(value_name = "TOKEN")]
    token: String,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let grant = super::book(ctx)?.revoke(&args.token)?;
    let report = Report::new(format!("token '{}' ({}) is revoked", grant.name, grant.id))
        .id(&grant.id)
        .field("id", grant.id.as_str())
        .field("name", grant.name.as_str())
        .field("revoked_at", grant.revoked.map(|time| time.to_string()));
    ctx.out.report(report)?;
    Ok(Exit::Done)
}
