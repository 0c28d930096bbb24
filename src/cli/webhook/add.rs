//! `recto webhook add`: a webhook, whose secret is shown once.

use crate::access::Pattern;
use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::terminal::Report;
use crate::refs::Handle;
use crate::webhook::{EventKind, NewHook, check_url};

/// Add a webhook; the secret that its requests are signed with is shown once
///
/// It is told of what happens from now on. The secret stays in the file `webhooks.json` of the store, for
/// servers to sign with: whoever may read the store's directory may read it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: recto webhook add deploys https://ci.example.com/recto\nExample: recto webhook add live https://ops.example.com/h --events activate,promote --agents 'support-*'"
)]
pub(crate) struct Args {
    /// Its name, for the other verbs.
    #[arg(value_name = "NAME")]
    name: Handle,

    /// Where requests go: https, or http on this machine.
    #[arg(value_name = "URL")]
    url: String,

    /// What it is told of: publish, activate, unpublish, promote, env-clear; all of it when absent.
    #[arg(long, value_name = "EVENTS", value_delimiter = ',')]
    events: Vec<EventKind>,

    /// The agents that it is told of; `*` stands for any characters. May be repeated; all agents when absent.
    #[arg(long = "agents", value_name = "PATTERN")]
    agents: Vec<Pattern>,

    /// Send to another machine over http: whoever is in between can read what is sent.
    #[arg(long)]
    insecure: bool,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    check_url(&args.url, args.insecure)?;
    let mut events = args.events.clone();
    events.sort_unstable();
    events.dedup();
    let new = NewHook { name: args.name.clone(), url: args.url.clone(), events, agents: args.agents.clone() };
    let hook = super::hooks(ctx)?.add(new)?;
    let secret = hook.secret.text();
    let report = Report::new(format!("webhook '{}': {secret}", hook.name))
        .line("it is not shown again: who receives the requests checks their signatures with it")
        .id(&secret)
        .undo(format!("recto webhook remove {}", hook.name))
        .field("name", hook.name.as_str())
        .field("url", hook.url.as_str())
        .field("secret", secret);
    ctx.out.report(report)?;
    Ok(Exit::Done)
}
