//! `recto token create`: a token, shown once.

use std::time::Duration;

use crate::access::{NewGrant, Pattern, Role};
use crate::cli::context::Context;
use crate::cli::duration::some_time;
use crate::cli::error::{CliError, Exit};
use crate::cli::terminal::Report;
use crate::clock::Time;

/// Make a token; it is shown once, and only its hash is kept
///
/// A reader reads. An editor makes and edits drafts, too; a publisher publishes, activates, promotes, rolls
/// back and makes agents; an admin may do everything.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: recto token create ci --role publisher\nExample: recto token create guest --role reader --agents 'support-*' --expires 30d"
)]
pub(crate) struct Args {
    /// Who acts with it: the log of every operation names it.
    #[arg(value_name = "NAME")]
    name: String,

    /// What may be done with it: reader, editor, publisher or admin.
    #[arg(long, value_name = "ROLE")]
    role: Role,

    /// The agents that it is for; `*` stands for any characters. May be repeated; all agents when absent.
    #[arg(long = "agents", value_name = "PATTERN")]
    agents: Vec<Pattern>,

    /// How long it counts, in seconds, minutes, hours or days: 90s, 30m, 12h, 30d.
    #[arg(long, value_name = "DURATION", value_parser = some_time)]
    expires: Option<Duration>,

    /// How many requests a minute it has.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    per_minute: Option<u32>,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let after = |duration: Duration| {
        let ms = i64::try_from(duration.as_millis()).ok()?;
        Time::from_ms(ctx.clock().now().as_ms().checked_add(ms)?)
    };
    let expires = match args.expires {
        None => None,
        Some(duration) => {
            Some(after(duration).ok_or_else(|| CliError::usage("--expires lies too far ahead"))?)
        }
    };
    let agents = if args.agents.is_empty() { vec![Pattern::all()] } else { args.agents.clone() };
    let new =
        NewGrant { name: args.name.clone(), role: args.role, agents, expires, per_minute: args.per_minute };
    let (grant, secret) = super::book(ctx)?.create(new)?;
    let report = Report::new(format!("token '{}' ({}): {}", grant.name, grant.role, secret.text()))
        .line("it is not shown again: clients give it in RECTO_TOKEN, or as 'Authorization: Bearer TOKEN'")
        .id(secret.text())
        .undo(format!("recto token revoke {}", grant.id))
        .field("id", grant.id)
        .field("name", grant.name)
        .field("role", grant.role.name())
        .field("token", secret.text());
    ctx.out.report(report)?;
    Ok(Exit::Done)
}
