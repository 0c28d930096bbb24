//! `recto rollback --republish`: an old version is published anew and serves, with a backup of the draft.

use serde_json::{Value, json};

use crate::agent::{AgentError, Agents, CheckState, RepublishOptions, Unmoved, VersionInfo};
use crate::error::Kind;
use crate::history::Spec;
use crate::refs::Handle;

use super::activate::{id_value, labelled, named, reason, with_findings};
use super::context::Context;
use super::done::{Done, finding_lines, made, version_value};
use super::error::{CliError, Exit};
use super::outside;

/// What is asked for.
pub(super) struct Request<'a> {
    /// The agent, or the version to go back to; without a version what served before.
    pub(super) target: &'a str,
    /// The new version's label.
    pub(super) label: Option<&'a str>,
    /// The draft that gets the old config.
    pub(super) draft: Option<&'a Handle>,
    /// Why it serves although its check failed.
    pub(super) override_check: Option<&'a str>,
    /// Whether nothing is changed.
    pub(super) dry_run: bool,
}

/// Publishes the old version anew.
///
/// # Errors
/// As [`Agents::republish`]; when the program that checks versions refuses it.
pub(super) fn run(request: &Request<'_>, ctx: &Context) -> Result<Exit, CliError> {
    let override_check = reason(request.override_check)?;
    let agents = ctx.agents(request.dry_run)?;
    let spec: Spec = request.target.parse()?;
    let (agent, source) = if spec.explicit {
        ctx.version(&agents, request.target)?
    } else {
        let agent = ctx.agent(&agents, request.target)?;
        let before = agents.previous(&agent)?.ok_or_else(|| AgentError::NothingBefore(agent.clone()))?;
        let version = agents.version(&agent, &before)?;
        (agent, version)
    };
    // The program may take its time.
    let served = agents.active(&agent)?;
    let asked = ask_outside(ctx, &agents, (&agent, &source), request)?;
    let options = RepublishOptions {
        label: request.label.map(str::to_owned),
        draft: request.draft.cloned(),
        override_check: override_check.map(str::to_owned),
        check_pending: !asked,
        expected_active: Unmoved::serving(served).active,
        ..RepublishOptions::default()
    };
    let done = agents
        .republish(&agent, &source.id, &options)
        .map_err(|error| with_findings(error, &agents, &source.id))?;
    let was = named(&agents, &agent, done.from)?;
    let (name, label) = (format!("V{}", done.number), labelled(&source));
    let mut report = Done::new(&done.receipt, request.dry_run)
        .report(format!("published {label} of agent '{agent}' anew as {name}"), "nothing changed")
        .line(format!("ACTIVE of agent '{agent}': {was} -> {name}"));
    if let Some((draft, _)) = &done.draft {
        report = report.line(match &done.backup {
            Some(_) if request.dry_run => format!("draft '{draft}' would be kept as a checkpoint"),
            Some(backup) => format!("what draft '{draft}' held is kept: {agent}@{}", backup.short()),
            None => format!("draft '{draft}' is made"),
        });
    }
    for line in finding_lines(&done.check).into_iter().filter(|_| done.state != CheckState::Passed) {
        report = report.line(format!("  {line}"));
    }
    let dry = request.dry_run;
    let draft = done.draft.as_ref().map(|(name, id)| json!({"name": name.as_str(), "id": made(*id, dry)}));
    report = report
        .field("from", id_value(done.from))
        .field("source", version_value(&source))
        .field("version", json!({"number": Value::from(done.number), "id": made(done.version, dry), "check": done.state.name()}))
        .field("backup", done.backup.and_then(|id| made(id, dry)))
        .field("draft", draft.unwrap_or(Value::Null));
    if !dry {
        report = report.id(done.version);
    }
    ctx.out.report(report)?;
    Ok(Exit::Done)
}

/// Asks the program that checks versions, when there is one, about the old version: the new one has the same
/// config. `false` when it was not asked although there is one, since somebody said why that is no matter.
fn ask_outside(
    ctx: &Context,
    agents: &Agents,
    (agent, source): (&Handle, &VersionInfo),
    request: &Request<'_>,
) -> Result<bool, CliError> {
    let Some(program) = outside::command(ctx)? else { return Ok(true) };
    if request.override_check.is_some() {
        return Ok(false);
    }
    if request.dry_run {
        return Ok(true);
    }
    match outside::run(&program, (agent, source), &agents.resolved(&source.id)?)? {
        Ok(()) => Ok(true),
        Err(why) => {
            let message =
                format!("{} of agent '{agent}' cannot serve again: its check is failed", source.name());
            let hint = "nothing was changed; --override-check REASON lets it serve all the same";
            Err(CliError::new(Kind::Invalid, message).details([why]).hint(hint))
        }
    }
}
