//! `recto agent new`: an agent and its V1.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::agent::{AgentError, Agents, CheckState, Config, Created, NewAgent};
use crate::check::mask_text;
use crate::cli::context::Context;
use crate::cli::done::{Done, finding_lines, made, put_away};
use crate::cli::error::{CliError, Exit};
use crate::cli::outside::{Made, Outside, Verdict};
use crate::cli::{assignment, input};
use crate::error::Kind;
use crate::profile::Profile;

/// The profile of an agent that is made from nothing and says no other.
const PROFILE_DEFAULT: &str = "generic";

/// Make an agent with its first version, V1
///
/// The config comes from FILE, or is what the profile begins with. FILE is a JSON document: a config,
/// or an answer of the vendor's API as it stands. Without HANDLE it is derived from the title. Nothing
/// serves until a version is activated. A program that the setting `check.command` of the store names has
/// the last word on V1.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto agent new support --from support.json --activate")]
pub(super) struct Args {
    /// Its handle: a-z, 0-9, '.', '_' and '-', at most 63 characters.
    handle: Option<String>,

    /// Its title: free text; the handle without it.
    #[arg(long)]
    title: Option<String>,

    /// Its profile; guessed from FILE, or `generic`.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// The config of V1; `-` is stdin.
    #[arg(long, value_name = "FILE")]
    from: Option<String>,

    /// What it is for.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,

    /// The label of V1.
    #[arg(long, value_name = "TEXT", default_value = "")]
    label: String,

    /// Let V1 serve at once.
    #[arg(long)]
    activate: bool,

    /// Activate although the check failed; the log keeps the reason.
    #[arg(long, value_name = "REASON", requires = "activate")]
    override_check: Option<String>,

    /// A field of the vendor that is not part of the config; may be repeated.
    #[arg(long = "field", value_name = "NAME=VALUE")]
    fields: Vec<String>,

    /// Say what would be made, and make nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents(args.dry_run)?;
    let handle = args.handle.as_deref().map(str::parse).transpose()?;
    let document = args.from.as_deref().map(|from| input::document(ctx, Some(from))).transpose()?;
    let profile = profile(&agents, args.profile.as_deref(), document.as_ref())?;
    let guessed = args.profile.is_none() && document.is_some();
    let outside = Outside::of(ctx, args.activate, args.override_check.as_deref())?;
    let mut new = NewAgent {
        handle,
        title: args.title.clone(),
        description: args.description.clone().unwrap_or_default(),
        label: args.label.clone(),
        activate: args.activate,
        override_check: args.override_check.clone(),
        check_pending: outside.is_there(),
        ..NewAgent::of(Arc::clone(&profile))
    };
    let mut left_out = Vec::new();
    if let Some(document) = document {
        let imported =
            profile.unwrap_document(&document).map_err(|problems| AgentError::Invalid { problems })?;
        // A title that names no agent on the command line comes with the document.
        new.title = new.title.or(imported.title);
        (new.config, new.fields, new.vendor_ids) =
            (Some(imported.config), imported.metadata, imported.vendor_ids);
        take_description(&mut new, args.description.is_none());
        left_out = imported.dropped;
    }
    new.fields.extend(assignment::fields(ctx, &args.fields)?);
    if new.handle.is_none() && new.title.is_none() {
        return Err(CliError::usage("neither a handle nor a title is given").hint("recto agent new HANDLE"));
    }
    let created = agents.create(&new).map_err(|error| {
        let value = new.config.as_ref().unwrap_or_else(|| new.profile.defaults());
        refused(error, &agents, || agents.loose_config(Arc::clone(&new.profile), value))
    })?;
    let verdict = judge(&outside, &agents, &created);
    report(ctx, (&created, &verdict), (&profile, guessed), &left_out, args.dry_run)?;
    if guessed {
        ctx.say_guessed(profile.name());
    }
    verdict.refusal.map_or(Ok(Exit::Done), Err)
}

/// Lets the program outside judge the V1 of an agent that was made.
pub(super) fn judge(outside: &Outside<'_>, agents: &Agents, created: &Created) -> Verdict {
    outside.judge(
        agents,
        &Made {
            agent: &created.handle,
            id: &created.version,
            state: created.state,
            active: created.active,
            served: None,
            as_newest: false,
        },
    )
}

/// The profile that is named, or that the document is of.
///
/// # Errors
/// When there is none of that name.
pub(in crate::cli) fn profile(
    agents: &Agents,
    name: Option<&str>,
    document: Option<&Value>,
) -> Result<Arc<Profile>, AgentError> {
    let guessed = document.map_or(PROFILE_DEFAULT, |document| Profile::guess(document).name());
    agents.profile_named(name.unwrap_or(guessed))
}

/// The vendor's description is the agent's, unless another is given.
fn take_description(new: &mut NewAgent, wanted: bool) {
    if let Some(Value::String(text)) = new.fields.get("description").filter(|_| wanted) {
        new.description.clone_from(text);
        new.fields.remove("description");
    }
}

/// A check that stands in the way is told with its findings: there is no version yet to look at.
pub(super) fn refused(
    error: AgentError,
    agents: &Agents,
    config: impl FnOnce() -> Result<Config, AgentError>,
) -> CliError {
    let AgentError::CannotServe { agent, .. } = &error else { return error.into() };
    let check = config().and_then(|config| agents.check(None, &config));
    let message = format!("agent '{agent}' cannot be made with V1 serving: its check is failed");
    CliError::new(Kind::Invalid, message)
        .details(check.map(|check| finding_lines(&check)).unwrap_or_default())
        .hint("make it without --activate, or with --override-check REASON")
}

/// Says what was made.
///
/// # Errors
/// When stdout is closed.
pub(super) fn report(
    ctx: &Context,
    (created, verdict): (&Created, &Verdict),
    (profile, guessed): (&Profile, bool),
    left_out: &[String],
    dry_run: bool,
) -> Result<(), CliError> {
    let (handle, profile) = (&created.handle, profile.name());
    let serving = if verdict.active { "V1 serves" } else { "nothing serves yet" };
    let findings = finding_lines(&created.check);
    let line = format!("made agent '{handle}' ({profile}) with V1; {serving}");
    let done = Done::new(&created.receipt, dry_run);
    let mut report = done
        .report_undone_by(put_away(handle, verdict.active), line, "nothing to make")
        .id(handle)
        .field("profile", profile)
        .field("profile_guessed", guessed)
        .field("version", made(created.version, dry_run))
        .field("active", verdict.active)
        .field("check", verdict.state.name())
        .field("findings", Value::from(findings.clone()))
        .field("left_out", Value::from(left_out.to_vec()));
    if !left_out.is_empty() {
        report = report.line(format!("left out: {}", mask_text(&left_out.join(", "))));
    }
    for line in verdict.lines() {
        report = report.line(line);
    }
    for finding in &findings {
        report = report.line(finding);
    }
    ctx.out.report(report)?;
    if !verdict.active && !dry_run && verdict.state == CheckState::Passed {
        ctx.out.say(format!("to let it serve: recto activate {handle}@V1"));
    }
    Ok(())
}

/// Metadata as given on the command line.
///
/// # Errors
/// As [`assignment::fields`].
pub(super) fn given(ctx: &Context, set: &[String], unset: &[String]) -> Result<Map<String, Value>, CliError> {
    let mut fields = assignment::fields(ctx, set)?;
    fields.extend(unset.iter().map(|name| (name.clone(), Value::Null)));
    Ok(fields)
}
