//! `recto webhook test`: a request now, and what it is answered.

use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::terminal::Report;
use crate::error::Kind;
use crate::refs::Handle;
use crate::webhook::{Message, Poster};

/// Send a signed event of type `test` to a webhook, and show what it answers
///
/// Exits with 1 when that is no success.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto webhook test deploys")]
pub(crate) struct Args {
    /// Its name.
    #[arg(value_name = "NAME")]
    name: Handle,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let hook = super::hooks(ctx)?.find(&args.name)?;
    let now = ctx.clock().now();
    let message = Message::test(&hook.name, now)?;
    let poster = Poster::new().map_err(|reason| CliError::new(Kind::Io, reason))?;
    let answer = poster.send(&hook, &message, now)?;
    let (status, taken) = (answer.status, answer.is_taken());
    let text = answer.into_text();
    let verdict = if taken { "it was taken" } else { "that is no success" };
    let mut report = Report::new(format!("webhook '{}' answered {status}: {verdict}", hook.name))
        .id(&message.id)
        .field("name", hook.name.as_str())
        .field("id", message.id.as_str())
        .field("status", status)
        .field("taken", taken)
        .field("answer", text.as_str());
    for line in text.lines() {
        report = report.line(line);
    }
    ctx.out.report(report)?;
    Ok(if taken { Exit::Done } else { Exit::No })
}
