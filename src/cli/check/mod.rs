//! `recto check`: what is wrong with a config, before it is published or after.

mod accept;
mod lines;
mod show;
mod subject;

use crate::agent::{Agents, CheckState, Resolved, VersionInfo};
use crate::error::Kind;
use crate::history::Spec;
use crate::refs::Handle;

use super::context::Context;
use super::error::{CliError, Exit};
use super::outside;

use subject::Subject;

/// Check a config for secrets, bad addresses and broken rules
///
/// PATH is a JSON document, a directory of block files, or `-` for stdin; only AGENT@REV
/// needs a store. A file comes before an agent of that name. A document may be an answer of the
/// vendor's API as it stands. Exits with 5 when something is found.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto check agents/support --format github --fail-on warning")]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,

    /// What to check.
    #[arg(value_name = "PATH|AGENT@REV", required = true)]
    subject: Option<String>,

    /// How to print what is found.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Format,

    /// What makes it fail.
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t)]
    fail_on: FailOn,

    /// The profile of the file; guessed without it.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// Check a version anew and record the result; also runs the program of `check.command`.
    #[arg(long)]
    run: bool,

    /// Show what a finding is about as it is.
    #[arg(long)]
    reveal: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Accept(accept::Args),
}

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// JSON, as with --json.
    Json,
    /// Workflow commands of GitHub Actions.
    Github,
    /// SARIF 2.1.0.
    Sarif,
}

/// What makes a check fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum FailOn {
    /// Errors.
    #[default]
    Error,
    /// Errors and warnings.
    Warning,
    /// Nothing.
    Never,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    if let Some(Verb::Accept(args)) = &args.verb {
        return accept::run(args, ctx);
    }
    let name = args.subject.as_deref().expect("clap demands it");
    let subject = subject(args, name, ctx)?;
    let format = if ctx.out.is_json() { Format::Json } else { args.format };
    show::show(ctx, &subject, format, args.reveal)?;
    Ok(verdict(&subject, args.fail_on))
}

fn subject(args: &Args, name: &str, ctx: &Context) -> Result<Subject, CliError> {
    let file = subject::read(ctx, name, args.profile.as_deref())?;
    match (file, name.parse::<Spec>()) {
        (Some(_), _) if args.run => {
            Err(CliError::usage(format!("'{name}' is a file: only a version can be checked with --run")))
        }
        (Some(subject), _) => Ok(subject),
        (None, Err(error)) if name.contains('@') => Err(error.into()),
        (None, Ok(spec)) if spec.explicit || ctx.store_root()?.is_some() => revision(args, &spec, ctx),
        (None, _) => Err(CliError::new(Kind::NotFound, format!("no file '{name}'"))
            .hint("name a file, a directory, or AGENT@REV")),
    }
}

fn revision(args: &Args, spec: &Spec, ctx: &Context) -> Result<Subject, CliError> {
    if args.profile.is_some() {
        return Err(CliError::usage(format!("'{spec}' has a profile: --profile is for files")));
    }
    let agents = if args.run { ctx.agents(false)? } else { ctx.agents_to_read()? };
    let (agent, resolved) = ctx.resolved(&agents, spec)?;
    let name = format!("{agent}@{}", resolved.name());
    let config = agents.config(&resolved.commit())?;
    let check = agents.check(Some(&agent), &config)?;
    let state = match &resolved {
        Resolved::Version(version) if args.run => Some(run_anew(ctx, &agents, &agent, version)?),
        Resolved::Version(version) => Some(version.check),
        _ if args.run => {
            let message = format!("'{name}' is no version: only those have a check that is recorded");
            return Err(CliError::new(Kind::Refused, message).hint(format!("recto check {name}")));
        }
        _ => None,
    };
    let outside = match &resolved {
        Resolved::Version(version) => agents.refused_outside(&agent, &version.id)?,
        _ => None,
    };
    Ok(Subject::stored(&name, config, check, (state, outside)))
}

/// Checks a version anew, by the program outside as well, and records the result.
fn run_anew(
    ctx: &Context,
    agents: &Agents,
    agent: &Handle,
    version: &VersionInfo,
) -> Result<CheckState, CliError> {
    let said = match outside::command(ctx)? {
        Some(program) => Some(outside::run(&program, (agent, version), &agents.resolved(&version.id)?)?),
        None => None,
    };
    Ok(agents.check_version(agent, &version.id, said)?.1)
}

/// Fails when something of that level was found, or a version is recorded as failed.
fn verdict(subject: &Subject, fail_on: FailOn) -> Exit {
    let (errors, warnings) = show::counts(subject);
    let recorded = subject.state == Some(CheckState::Failed);
    let failed = match fail_on {
        FailOn::Error => errors > 0 || recorded,
        FailOn::Warning => errors + warnings > 0 || recorded,
        FailOn::Never => false,
    };
    if failed { Exit::Found(Kind::Invalid) } else { Exit::Done }
}
