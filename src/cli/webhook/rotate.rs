//! `recto webhook rotate`: another secret, with a while in which both sign.

use std::time::Duration;

use crate::cli::context::Context;
use crate::cli::duration::duration;
use crate::cli::error::{CliError, Exit};
use crate::cli::terminal::Report;
use crate::refs::Handle;
use crate::webhook::OVERLAP_MAX;

/// Give a webhook another secret, which is shown once
///
/// For a while requests have two signatures, one with each secret: who receives them changes over to the new one
/// in that time. With an overlap of 0s no secret before counts any more, at once.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: recto webhook rotate deploys\nExample: recto webhook rotate deploys --overlap 0s"
)]
pub(crate) struct Args {
    /// Its name.
    #[arg(value_name = "NAME")]
    name: Handle,

    /// How long the secret before counts as well: 0s, 30m, 12h; 30d at most.
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "24h")]
    overlap: Duration,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    if args.overlap > OVERLAP_MAX {
        return Err(CliError::usage("--overlap is longer than 30d"));
    }
    let hook = super::hooks(ctx)?.rotate(&args.name, args.overlap)?;
    let secret = hook.secret.text();
    let until = hook.former.iter().map(|former| former.until).max();
    let before = match until {
        Some(until) => format!("until {until} requests are signed with the secret before as well"),
        None => "the secret before counts no more".to_owned(),
    };
    let report = Report::new(format!("webhook '{}': {secret}", hook.name))
        .line("it is not shown again: who receives the requests checks their signatures with it")
        .line(before)
        .id(&secret)
        .field("name", hook.name.as_str())
        .field("secret", secret)
        .field("former_until", until.map(|time| time.to_string()));
    ctx.out.report(report)?;
    Ok(Exit::Done)
}
