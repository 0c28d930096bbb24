//! The program that `check.command` names: it gets the config of a version on stdin, and its exit
//! says whether the version may serve.
//!
//! The setting is one machine's own (it is neither versioned nor synced), and is run by the shell:
//! whoever can write it can run programs as whoever publishes here.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::agent::{
    AgentError, Agents, CheckState, LogEntry, LogQuery, OUTSIDE_SETTING, Unmoved, VersionInfo,
};
use crate::check::mask_text;
use crate::error::{Classify as _, Kind};
use crate::log::Change;
use crate::object::ObjectId;
use crate::refs::{Handle, RefName, Shape, Target};
use crate::repo::Receipt;

use super::activate::{named, with_findings};
use super::context::Context;
use super::error::CliError;
use super::shell;

/// Most characters of the program's words that are kept as the reason.
const REASON_MAX_CHARS: usize = 500;

/// The program, when there is one. Only what the store itself says counts.
///
/// # Errors
/// When the settings cannot be read.
pub(super) fn command(ctx: &Context) -> Result<Option<String>, CliError> {
    Ok(ctx.repo()?.settings()?.get(OUTSIDE_SETTING).map(str::to_owned))
}

/// What is to become of a version that is made: the program is asked about it, and then it serves where that is
/// wanted.
#[derive(Debug)]
pub(super) struct Outside<'a> {
    program: Option<String>,
    /// Whether it is to serve.
    activate: bool,
    /// Why it serves although its check failed.
    override_check: Option<&'a str>,
}

/// A version that was made, as its maker saw it and the agent.
#[derive(Debug)]
pub(super) struct Made<'m> {
    /// The agent.
    pub(super) agent: &'m Handle,
    /// The version.
    pub(super) id: &'m ObjectId,
    /// Its check's state.
    pub(super) state: CheckState,
    /// Whether it serves.
    pub(super) active: bool,
    /// What served when it was made: it serves only in the place of that.
    pub(super) served: Option<ObjectId>,
    /// Whether it serves only as long as it is the newest version.
    pub(super) as_newest: bool,
}

/// What became of a version that was made.
#[derive(Debug)]
pub(super) struct Verdict {
    /// Its check's state.
    pub(super) state: CheckState,
    /// Whether it serves.
    pub(super) active: bool,
    /// The operation that let it serve, where that was not the one that made it.
    pub(super) activation: Option<Receipt>,
    /// Why the program refused it.
    pub(super) why: Option<String>,
    /// Why the program was not asked, or the version does not serve as was wanted.
    pub(super) refusal: Option<CliError>,
    /// Whether somebody else did something to the agent meanwhile, so that `undo` would take that back.
    pub(super) overtaken: bool,
}

impl Verdict {
    /// What is said of a check that has not passed; what is told as the refusal is not said twice.
    pub(super) fn lines(&self) -> Vec<String> {
        let state = (self.state != CheckState::Passed).then(|| format!("check: {}", self.state));
        let why = self.why.as_ref().filter(|_| self.refusal.is_none());
        state.into_iter().chain(why.map(|why| format!("  {}", said(why)))).collect()
    }
}

impl<'a> Outside<'a> {
    /// The program of the store, if there is one.
    ///
    /// # Errors
    /// When the settings cannot be read.
    pub(super) fn of(
        ctx: &Context,
        activate: bool,
        override_check: Option<&'a str>,
    ) -> Result<Self, CliError> {
        Ok(Self { program: command(ctx)?, activate, override_check })
    }

    /// Whether there is a program: versions are then made with a check that is pending, and none serves before
    /// [`Self::judge`].
    pub(super) fn is_there(&self) -> bool {
        self.program.is_some()
    }

    /// Whether a version may serve in the operation that makes it.
    pub(super) fn activates_at_once(&self) -> bool {
        self.activate && self.program.is_none()
    }

    /// Lets the program judge a version whose check is not decided, records what it says, and lets the version serve
    /// when that is wanted and nothing moved since it was made: the program may take its time. Nothing is done where
    /// there is no program, nor in a rehearsal.
    pub(super) fn judge(&self, agents: &Agents, made: &Made<'_>) -> Verdict {
        let mut verdict = Verdict {
            state: made.state,
            active: made.active,
            activation: None,
            why: None,
            refusal: None,
            overtaken: false,
        };
        if let Some(program) = self.program.as_ref().filter(|_| !agents.rehearses()) {
            verdict.refusal = self.settle(agents, made, program, &mut verdict).err();
        }
        verdict
    }

    fn settle(
        &self,
        agents: &Agents,
        made: &Made<'_>,
        program: &str,
        verdict: &mut Verdict,
    ) -> Result<(), CliError> {
        let Made { agent, id, .. } = *made;
        let version = agents.version(agent, id)?;
        verdict.state = version.check;
        if is_undecided(agents, agent, &version)? {
            let asked = run(program, (agent, &version), &agents.resolved(id)?)?;
            verdict.why = asked.clone().err();
            verdict.state = agents.check_version(agent, id, Some(asked))?.1;
        }
        if !self.activate || verdict.active {
            return Ok(());
        }
        if let Some(why) = verdict.why.as_ref().filter(|_| self.override_check.is_none()) {
            let name = version.name();
            let message =
                format!("{name} of agent '{agent}' was published and does not serve: its check is failed");
            return Err(CliError::new(Kind::Invalid, message).details([said(why)]).hint(format!(
                "'recto activate {agent}@{} --override-check REASON' activates it all the same",
                version.number.address(id)
            )));
        }
        let unmoved = Unmoved { newest: made.as_newest, ..Unmoved::serving(made.served) };
        match agents.activate_if(agent, id, self.override_check, &unmoved) {
            Ok((_, receipt)) => (verdict.activation, verdict.active) = (Some(receipt), true),
            Err(moved @ AgentError::Moved { .. }) => {
                verdict.overtaken = true;
                // Somebody else let this very version serve.
                verdict.active = agents.active(agent)? == Some(*id);
                if !verdict.active {
                    return Err(self.overtaken(agents, (agent, &version), verdict.state, &moved)?);
                }
            }
            Err(error) => return Err(with_findings(error, agents, id)),
        }
        Ok(())
    }

    /// Says what moved while the program was asked, who did that, and how the version serves nonetheless.
    fn overtaken(
        &self,
        agents: &Agents,
        (agent, version): (&Handle, &VersionInfo),
        state: CheckState,
        moved: &AgentError,
    ) -> Result<CliError, CliError> {
        let name = version.name();
        let message = format!("{name} of agent '{agent}' was published and does not serve: {moved}");
        let mut details = vec![format!("its check is {state}")];
        let is_active = matches!(moved, AgentError::Moved { what: "ACTIVE", .. });
        details.extend(who_moved(agents, (agent, version), is_active)?);
        let mut command = format!("recto activate {agent}@{}", version.number.address(&version.id));
        if let Some(serving) = agents.active(agent)? {
            let number = agents.number_of(agent, &serving)?;
            let address = number.map_or_else(|| serving.short(), |number| number.address(&serving));
            command = format!("{command} --expect {address}");
        }
        if let Some(reason) = self.override_check {
            command = format!("{command} --override-check {}", shell::quote(reason));
        }
        let hint = format!("'{command}' lets it serve all the same");
        Ok(CliError::new(moved.kind(), message).details(details).hint(hint))
    }
}

/// Who moved ACTIVE last since a version was made, or else who published the newest version.
fn who_moved(
    agents: &Agents,
    (agent, version): (&Handle, &VersionInfo),
    is_active: bool,
) -> Result<Option<String>, CliError> {
    for entry in agents.log(agent, LogQuery::default())? {
        let LogEntry { id, record } = entry?;
        if id == version.record {
            break;
        }
        let moves = |change: &Change| {
            if is_active { change.name == RefName::active() } else { change.name.shape() == Shape::List }
        };
        let Some(change) = record.changes.iter().find(|change| moves(change)) else { continue };
        let to = named(agents, agent, change.to.as_ref().and_then(Target::id))?;
        let (kind, by, id) = (&record.kind, &record.actor.name, id.short());
        let what = if is_active { "moved ACTIVE to" } else { "published" };
        return Ok(Some(format!("{by} {what} {to} meanwhile ({kind} {id})")));
    }
    Ok(None)
}

/// Whether the program has the last word on a version: of imported history on what recto's own check does not
/// stop.
fn is_undecided(agents: &Agents, agent: &Handle, version: &VersionInfo) -> Result<bool, CliError> {
    Ok(match version.check {
        CheckState::Pending => true,
        CheckState::Unchecked => {
            agents.check(Some(agent), &agents.config(&version.id)?)?.state() == CheckState::Passed
        }
        CheckState::Passed | CheckState::Failed => false,
    })
}

/// What the program said, and that it was the program.
pub(super) fn said(why: &str) -> String {
    format!("{OUTSIDE_SETTING}: {why}")
}

/// Runs the program on a version's config; `Err` inside says why it does not pass.
///
/// # Errors
/// When the program cannot be run: the version's check then stays pending.
pub(super) fn run(
    command: &str,
    (agent, version): (&Handle, &VersionInfo),
    config: &[u8],
) -> Result<Result<(), String>, CliError> {
    let failed = |error: std::io::Error| {
        CliError::new(Kind::Io, format!("cannot run the check '{command}': {error}"))
            .hint(format!("'recto check {agent}@{} --run' tries again", version.name()))
    };
    let mut child = Command::new("/bin/sh")
        .args(["-c", command])
        .env("RECTO_AGENT", agent.as_str())
        .env("RECTO_VERSION", version.name())
        .env("RECTO_VERSION_ID", version.id.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut stdin = child.stdin.take().expect("it is piped");
    // Written beside the reading: a program that talks while it reads would otherwise stand still.
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            // A program that does not want all of the config closes its end; that is its business.
            let _ = stdin.write_all(config);
        });
        child.wait_with_output()
    });
    let output = output.map_err(failed)?;
    if output.status.success() {
        return Ok(Ok(()));
    }
    // The shell's own words for a program that it does not find, or may not run.
    if matches!(output.status.code(), Some(126 | 127)) {
        let words = reason(&output.stderr, &output.stdout);
        return Err(failed(std::io::Error::other(words.unwrap_or_else(|| "it is not there".to_owned()))));
    }
    let said = reason(&output.stderr, &output.stdout);
    Ok(Err(said.unwrap_or_else(|| format!("'{command}' ended with {}", output.status))))
}

/// What the program said last, with secrets masked.
fn reason(stderr: &[u8], stdout: &[u8]) -> Option<String> {
    let last = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
    };
    let line = last(stderr).or_else(|| last(stdout))?;
    Some(mask_text(&line).chars().take(REASON_MAX_CHARS).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_last_line_without_secrets() {
        assert_eq!(reason(b"a\nb \n\n", b"c").as_deref(), Some("b"));
        assert_eq!(reason(b"\n", b"c").as_deref(), Some("c"));
        assert_eq!(reason(b"", b""), None);
        let said = reason(b"bad key sk-proj-abcdefghijklmnopqrstuvwxyz0123456789", b"").expect("a reason");
        assert!(!said.contains("abcdefgh"), "{said}");
    }
}
