//! `recto env history`: which version an environment had when.

use serde_json::{Value, json};

use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::terminal::Style;
use crate::cli::timeline::{Stretch, named, table, value};
use crate::refs::Handle;
use crate::release::Environments;

/// Show which version an environment had when, oldest first
///
/// Without ENV, each environment that ever had one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto env history support production")]
pub(super) struct Args {
    /// The agent.
    agent: String,

    /// The environment.
    #[arg(value_name = "ENV")]
    environment: Option<Handle>,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents_to_read()?;
    let agent = ctx.agent(&agents, &args.agent)?;
    let environments = Environments::of(&agents)?;
    let names: Vec<Handle> = match &args.environment {
        Some(name) => vec![name.clone()],
        None => environments.state(&agent)?.into_iter().map(|state| state.name).collect(),
    };
    let mut histories: Vec<(Handle, Vec<Stretch>)> = Vec::new();
    for name in names {
        let history = environments.history(&agent, &name)?;
        if args.environment.is_some() || !history.is_empty() {
            histories.push((name, named(&agents, &agent, history.into_iter())?));
        }
    }
    if ctx.out.is_json() {
        let history = |(name, stretches): &(Handle, Vec<Stretch>)| {
            let stretches: Vec<Value> = stretches.iter().map(value).collect();
            json!({"name": name.as_str(), "stretches": stretches})
        };
        let histories: Vec<Value> = histories.iter().map(history).collect();
        ctx.out.json(json!({"agent": agent.as_str(), "environments": histories}))?;
        return Ok(Exit::Done);
    }
    if histories.iter().all(|(_, stretches)| stretches.is_empty()) {
        let subject = args
            .environment
            .as_ref()
            .map_or_else(|| "no environment".to_owned(), |name| format!("environment '{name}' never"));
        let had = if args.environment.is_some() { "had" } else { "ever had" };
        ctx.out.say(format!("{subject} {had} a version of agent '{agent}'"));
        return Ok(Exit::Done);
    }
    for (at, (name, stretches)) in histories.iter().enumerate() {
        if args.environment.is_none() {
            ctx.out.line(format!(
                "{}{}",
                if at > 0 { "\n" } else { "" },
                ctx.out.paint(Style::Strong, name.as_str())
            ))?;
        }
        table(ctx, stretches)?;
    }
    Ok(Exit::Done)
}
