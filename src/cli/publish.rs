//! `recto publish`: a draft becomes a version.

use serde_json::Value;

use crate::agent::{
    AgentError, Agents, CheckReport, CheckState, DraftInfo, PublishOptions, Published, Resolved,
};
use crate::error::Kind;
use crate::object::ObjectId;
use crate::refs::Handle;
use crate::repo::Receipt;

use super::activate::{back_from, id_value, moved, named, reason};
use super::checkpoint::words;
use super::context::Context;
use super::diff::against_serving;
use super::done::{Done, finding_lines, made};
use super::error::{CliError, Exit};
use super::fields::Fields;
use super::outside::{Made, Outside, Verdict};
use super::render::{self, Comparison};

/// Publish a draft as the next version
///
/// Shows what differs from what serves, checks the config, and makes the version; it does not serve
/// until it is activated. Refused when nothing changed, and when versions published since the draft was
/// forked made changes that the draft lacks. A program that the setting `check.command` of the store
/// names gets the config on stdin and has the last word.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto publish support@tone -m 'warmer tone' --activate")]
pub(crate) struct Args {
    /// The draft.
    #[arg(value_name = "AGENT@DRAFT")]
    draft: String,

    /// The version's label; given twice, the second is its description.
    #[arg(short, long, value_name = "TEXT")]
    message: Vec<String>,

    /// Let the version serve, in the same operation.
    #[arg(long)]
    activate: bool,

    /// Publish although nothing changed.
    #[arg(long, conflicts_with = "if_changed")]
    allow_unchanged: bool,

    /// Publish only if something changed; else it is done already.
    #[arg(long)]
    if_changed: bool,

    /// Publish although it undoes what was published since the draft was forked.
    #[arg(long)]
    overwrite: bool,

    /// Keep the draft, based on the new version.
    #[arg(long)]
    keep_draft: bool,

    /// The draft's revision you saw; refused when somebody edited it since.
    #[arg(long, value_name = "N")]
    expect_revision: Option<u64>,

    /// Activate although the check failed; the log keeps the reason.
    #[arg(long, value_name = "REASON", requires = "activate")]
    override_check: Option<String>,

    /// Show secrets as they are.
    #[arg(long)]
    reveal: bool,

    /// Say what would be published, and publish nothing.
    #[arg(long)]
    dry_run: bool,
}

/// What is to be published, against what serves.
struct Candidate {
    agent: Handle,
    draft: DraftInfo,
    active: Option<ObjectId>,
    /// What differs from what serves, or else from what the draft is based on; none where there is
    /// nothing to compare it with.
    comparison: Option<Comparison>,
    /// The same for `--json`: every field.
    changes: Value,
    check: CheckReport,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let override_check = reason(args.override_check.as_deref())?;
    let (label, description) = words(&args.message)?;
    let agents = ctx.agents(args.dry_run)?;
    let (agent, draft) = ctx.draft(&agents, &args.draft)?;
    let candidate = Candidate::new(&agents, agent, draft, args.reveal)?;
    let outside = Outside::of(ctx, args.activate, override_check)?;
    let options = PublishOptions {
        label: label.to_owned(),
        description,
        // What is published is what is shown.
        expected_revision: args.expect_revision.or(Some(candidate.draft.revision)),
        overwrite: args.overwrite,
        allow_unchanged: args.allow_unchanged,
        activate: outside.activates_at_once(),
        keep_draft: args.keep_draft,
        override_check: override_check.map(str::to_owned),
        check_pending: outside.is_there(),
    };
    // A program outside delays the activation, but a finding must stop it before anything is made.
    if args.activate
        && outside.is_there()
        && override_check.is_none()
        && candidate.check.state() == CheckState::Failed
    {
        return Err(candidate.refused());
    }
    let published = match agents.publish(&candidate.agent, &candidate.draft.name, &options) {
        Ok(published) => published,
        Err(AgentError::NothingToPublish { .. }) if args.if_changed => {
            return nothing(ctx, &agents, args, &candidate);
        }
        Err(AgentError::CheckStands { .. }) => return Err(candidate.refused()),
        Err(error) => return Err(error.into()),
    };
    let verdict = outside.judge(
        &agents,
        &Made {
            agent: &candidate.agent,
            id: &published.version,
            state: published.state,
            active: published.active,
            served: candidate.active,
            as_newest: false,
        },
    );
    report(ctx, &agents, args, &candidate, (&published, &verdict))?;
    verdict.refusal.map_or(Ok(Exit::Done), Err)
}

impl Candidate {
    fn new(agents: &Agents, agent: Handle, draft: DraftInfo, reveal: bool) -> Result<Self, CliError> {
        let active = agents.active(&agent)?;
        let check = agents.check(Some(&agent), &agents.config(&draft.commit)?)?;
        let (old, new) = against_serving(agents, agent.clone(), &Resolved::Draft(draft.clone()))?;
        let diff = agents.diff(&old.config, &new.config);
        let changes = Fields::new(&old.config, &new.config, reveal).to_value(&diff);
        let comparable = old.id.is_some();
        let comparison = comparable.then(|| Comparison::new(agents, old, new, reveal));
        Ok(Self { agent, draft, active, comparison, changes, check })
    }

    /// What is to be published against what serves, line by line.
    fn lines(&self, ctx: &Context, was: &str, args: &Args, name: &str) -> Vec<String> {
        let Some(comparison) = &self.comparison else { return Vec::new() };
        let (agent, draft) = (&self.agent, &self.draft.name);
        let (old, why) = match self.active {
            Some(_) => (was.to_owned(), "which serves"),
            None => (comparison.old_name().to_owned(), "which it is based on, as nothing serves"),
        };
        if comparison.is_empty() {
            return vec![format!("  the same as {old}, {why}")];
        }
        let new = if args.dry_run { draft.to_string() } else { name.to_owned() };
        let changes = render::excerpt(&ctx.out, comparison, &format!("recto diff {agent}@{old}..{new}"));
        let mut lines = vec![format!("  against {old}, {why}:")];
        lines.extend(changes.iter().map(|line| format!("  {line}")));
        lines
    }

    /// The check stands in the way, and nothing was published.
    fn refused(&self) -> CliError {
        let (agent, draft) = (&self.agent, &self.draft.name);
        let message = format!("draft '{draft}' of agent '{agent}' cannot serve: its check is failed");
        CliError::new(Kind::Invalid, message).details(finding_lines(&self.check)).hint(format!(
            "'recto check accept {agent}@{draft} PATH --reason REASON' accepts a finding, --override-check REASON all of them this once"
        ))
    }
}

/// `--if-changed`, and nothing did.
fn nothing(ctx: &Context, agents: &Agents, args: &Args, candidate: &Candidate) -> Result<Exit, CliError> {
    let Candidate { agent, draft, .. } = candidate;
    let base = named(agents, agent, draft.base)?;
    let receipt = Receipt { agent: agent.clone(), operation: None, time: draft.time, changes: Vec::new() };
    let report = Done::new(&receipt, args.dry_run)
        .report("", format!("draft '{}' of agent '{agent}' is the same as {base}", draft.name))
        .field("version", Value::Null)
        .field("number", Value::Null)
        .field("check", Value::Null)
        .field("findings", Value::Array(Vec::new()))
        .field("active", false)
        .field("from", id_value(candidate.active))
        .field("changes", Value::Array(Vec::new()));
    ctx.out.report(report)?;
    Ok(Exit::Done)
}

fn report(
    ctx: &Context,
    agents: &Agents,
    args: &Args,
    candidate: &Candidate,
    (published, verdict): (&Published, &Verdict),
) -> Result<(), CliError> {
    let Candidate { agent, draft, active: before, .. } = candidate;
    let number = published.number;
    let label = args.message.first().filter(|label| !label.is_empty());
    let quoted = label.map(|label| format!(" '{label}'")).unwrap_or_default();
    let line = format!("published V{number}{quoted} of agent '{agent}' from draft '{}'", draft.name);
    let done = Done::new(&published.receipt, args.dry_run);
    // Two operations are not undone by one command; going back to what served is what is wanted then.
    let unmoved = "nothing to publish";
    let activation = verdict.activation.as_ref().unwrap_or(&published.receipt);
    let from = moved(activation).map_or(*before, |(from, _)| from);
    let mut report = match &verdict.activation {
        Some(_) => done.report_undone_by(back_from(agent, from.is_some()), line, unmoved),
        None if verdict.overtaken => done.report_for_good(line, unmoved),
        None => done.report(line, unmoved),
    };
    let findings = finding_lines(&published.check);
    report = report
        .field("version", made(published.version, args.dry_run))
        .field("number", number)
        .field("check", verdict.state.name())
        .field("findings", Value::from(findings.clone()))
        .field("active", verdict.active)
        .field("from", id_value(from))
        .field("changes", candidate.changes.clone());
    if !args.dry_run {
        report = report.id(published.version);
    }
    let was = named(agents, agent, *before)?;
    for line in candidate.lines(ctx, &was, args, &number.address(&published.version)) {
        report = report.line(line);
    }
    for line in verdict.lines() {
        report = report.line(line);
    }
    for finding in findings {
        report = report.line(format!("  {finding}"));
    }
    if let Some((from, _)) = moved(activation) {
        // A rehearsal's version is not there to be named.
        let from = named(agents, agent, from)?;
        report = report.line(format!("ACTIVE of agent '{agent}': {from} -> V{number}"));
    }
    ctx.out.report(report)?;
    if !verdict.active && !args.dry_run && verdict.state == CheckState::Passed {
        ctx.out
            .say(format!("to let it serve: recto activate {agent}@{}", number.address(&published.version)));
    }
    Ok(())
}
