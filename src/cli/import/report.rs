//! What an import says it did.

use serde_json::Value;

use crate::agent::{AgentError, Agents, CheckState, ImportOutcome, ImportReport};
use crate::cli::activate::{back_from, id_value, moved, moved_line};
use crate::cli::context::Context;
use crate::cli::done::put_away;
use crate::cli::error::{CliError, Exit};
use crate::cli::outside::{Made, Outside, Verdict};
use crate::cli::terminal::Report;
use crate::object::ObjectId;
use crate::repo::Receipt;

use super::{Args, with_hint};

/// A document that was imported, and what the program outside says of it.
pub(super) struct Imported {
    pub(super) done: ImportReport,
    /// `None` where there was nothing to judge.
    verdict: Option<Verdict>,
}

impl Imported {
    /// Lets the program judge what was imported: a version that was made, or the one that is the same already and is
    /// to serve now.
    pub(super) fn judged(
        args: &Args,
        (agents, outside): (&Agents, &Outside<'_>),
        done: ImportReport,
    ) -> Self {
        let is_version = match done.outcome {
            ImportOutcome::Created | ImportOutcome::Published(_) => true,
            ImportOutcome::Unchanged => args.activate && !done.active,
            ImportOutcome::Draft(_) => false,
        };
        let version = done.commit.filter(|_| is_version && !args.dry_run && outside.is_there());
        let verdict = version.map(|id| {
            let made = Made {
                agent: &done.agent,
                id: &id,
                state: done.state.unwrap_or(CheckState::Unchecked),
                active: done.active,
                served: done.served,
                as_newest: false,
            };
            outside.judge(agents, &made)
        });
        Self { done, verdict }
    }

    /// Whether it serves.
    pub(super) fn active(&self) -> bool {
        self.verdict.as_ref().map_or(self.done.active, |verdict| verdict.active)
    }

    /// The last operation; none when there was nothing to do.
    pub(super) fn receipt(&self) -> Option<&Receipt> {
        let activation = self.verdict.as_ref().and_then(|verdict| verdict.activation.as_ref());
        activation.or(self.done.receipt.as_ref())
    }

    /// What served before it, or else what served when it was imported.
    pub(super) fn from(&self) -> Option<ObjectId> {
        self.receipt().and_then(moved).map_or(self.done.served, |(from, _)| from)
    }

    /// Why it does not serve although it was to.
    pub(super) fn refusal(self) -> Option<CliError> {
        self.verdict.and_then(|verdict| verdict.refusal)
    }

    /// What is recorded of the check of a version; of a draft that is rehearsed what would be.
    pub(super) fn state(&self) -> Option<CheckState> {
        self.verdict.as_ref().map(|verdict| verdict.state).or(self.done.state)
    }

    /// What is said of a check that has not passed.
    pub(super) fn check_lines(&self) -> Vec<String> {
        if let Some(verdict) = &self.verdict {
            return verdict.lines();
        }
        let state = self.done.state.filter(|state| *state != CheckState::Passed);
        state.map(|state| format!("check: {state}")).into_iter().collect()
    }

    /// The commands that take the import back, where it did something.
    pub(super) fn way_back(&self) -> Option<String> {
        let last = self.receipt()?.operation?;
        let (agent, activation) =
            (&self.done.agent, self.verdict.as_ref().and_then(|v| v.activation.as_ref()));
        Some(match &self.done.outcome {
            ImportOutcome::Created => put_away(agent, self.active()),
            ImportOutcome::Draft(draft) if self.done.made_draft => {
                format!("recto draft discard {agent}@{draft}")
            }
            // Two operations are not undone by one command.
            ImportOutcome::Published(_) if activation.is_some() => back_from(agent, self.from().is_some()),
            ImportOutcome::Published(_) if self.verdict.as_ref().is_some_and(|v| v.overtaken) => return None,
            _ => format!("recto undo {agent} --expect {}", last.short()),
        })
    }

    /// What ACTIVE was and is, where it moved.
    ///
    /// # Errors
    /// When the versions cannot be read.
    pub(super) fn moved(&self, agents: &Agents) -> Result<Option<String>, AgentError> {
        self.receipt().map_or(Ok(None), |receipt| moved_line(agents, receipt))
    }
}

/// Says what became of one document.
pub(super) fn one(
    args: &Args,
    ctx: &Context,
    (agents, outside): (&Agents, &Outside<'_>),
    done: Result<ImportReport, AgentError>,
) -> Result<Exit, CliError> {
    let imported = Imported::judged(args, (agents, outside), done.map_err(with_hint)?);
    let done = &imported.done;
    let (outcome, line) = told(done);
    let changes = done.outcome != ImportOutcome::Unchanged;
    let mut report = Report::new(if args.dry_run && changes { format!("dry run: {line}") } else { line });
    let findings = done.check.as_ref().map_or_else(Vec::new, |check| {
        let findings = check.report.findings.iter();
        findings.map(|finding| format!("{}: {}", finding.path, finding.message)).collect::<Vec<_>>()
    });
    report = report
        .field("form", "document")
        .field("agent", done.agent.as_str())
        .field("profile", done.profile.as_str())
        .field("profile_guessed", done.guessed)
        .field("outcome", outcome)
        .field(
            "draft",
            match &done.outcome {
                ImportOutcome::Draft(draft) => Value::from(draft.as_str()),
                _ => Value::Null,
            },
        )
        .field("tree", done.tree.to_string())
        .field("commit", done.commit.map(|id| id.to_string()))
        .field("active", imported.active())
        .field("from", id_value(imported.from()))
        .field("dropped", done.dropped.clone())
        .field("check", imported.state().map(CheckState::name))
        .field("findings", findings.clone())
        .field("operation", imported.receipt().and_then(|r| r.operation).map(|id| id.to_string()))
        .field("dry_run", args.dry_run);
    if let Some(commit) = done.commit {
        report = report.id(commit);
    }
    if let Some(way_back) = imported.way_back() {
        report = report.undo(way_back);
    }
    if !done.dropped.is_empty() {
        report = report.line(format!("  left out: {}", done.dropped.join(", ")));
    }
    for line in imported.check_lines() {
        report = report.line(line);
    }
    for finding in findings {
        report = report.line(format!("  {finding}"));
    }
    if let Some(moved) = imported.moved(agents)? {
        report = report.line(moved);
    }
    ctx.out.report(report)?;
    if done.guessed {
        ctx.say_guessed(&done.profile);
    }
    next(args, ctx, &imported);
    imported.refusal().map_or(Ok(Exit::Done), Err)
}

/// What became of a document, as a word and as a line.
pub(super) fn told(done: &ImportReport) -> (&'static str, String) {
    let agent = &done.agent;
    match &done.outcome {
        ImportOutcome::Created => {
            ("created", format!("imported as new agent '{agent}' ({}), V1", done.profile))
        }
        ImportOutcome::Unchanged => ("unchanged", format!("agent '{agent}' has this config already")),
        ImportOutcome::Draft(draft) => ("draft", format!("imported as draft '{draft}' of agent '{agent}'")),
        ImportOutcome::Published(number) => {
            ("published", format!("imported as V{number} of agent '{agent}'"))
        }
    }
}

fn next(args: &Args, ctx: &Context, imported: &Imported) {
    if args.dry_run {
        return;
    }
    let agent = &imported.done.agent;
    match &imported.done.outcome {
        ImportOutcome::Created if !imported.active() && imported.state() == Some(CheckState::Passed) => {
            ctx.out.say(format!("to let it serve: recto activate {agent}@V1"));
        }
        ImportOutcome::Draft(draft) => ctx.out.say(format!("to publish it: recto publish {agent}@{draft}")),
        _ => {}
    }
}
