//! The check of a version: what it found, what was accepted for good, and the state that keeps a
//! version from serving.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::check::{self, Context, Finding, Report, Severity, fingerprint};
use crate::encoding::json;
use crate::log::AgentId;
use crate::object::ObjectId;
use crate::refs::{Handle, RefName, Target};
use crate::repo::{Operation, Receipt, RepoError};

use super::{AgentError, Agents, Config, config};

/// What keeps keyed hashes of accepted values apart from every other hash.
const KEY_CONTEXT: &str = "recto 2026 accepted findings of one agent";

/// The setting that names a program which has the last word on versions.
pub const OUTSIDE_SETTING: &str = "check.command";

/// The kind of the operation that records what a check of a version says.
pub(super) const CHECK: &str = "check";

/// What the check of a version says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckState {
    /// It was not checked yet: imported history is checked when it is activated.
    Unchecked,
    /// A check is running, or was cut off.
    Pending,
    /// Nothing of error level was found.
    Passed,
    /// Something of error level was found.
    Failed,
}

impl CheckState {
    /// The word for this state.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unchecked => "unchecked",
            Self::Pending => "pending",
            Self::Passed => "passed",
            Self::Failed => "failed",
        }
    }

    pub(super) fn from_payload(payload: &[u8]) -> Self {
        let value = json::parse(payload).unwrap_or_default();
        match value.get("status").and_then(Value::as_str) {
            Some("passed") => Self::Passed,
            Some("pending") => Self::Pending,
            // What this build cannot read must not serve unseen.
            _ => Self::Failed,
        }
    }
}

impl fmt::Display for CheckState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The rule that finds masks in place of values.
const MASKED: &str = "masked-secret";

/// What a check found, without what was accepted.
#[derive(Debug)]
pub struct CheckReport {
    /// The findings that stand.
    pub report: Report,
    /// How many findings were left out because they were accepted.
    pub accepted: usize,
}

impl CheckReport {
    /// The findings of error level, a line each: masked, like all findings.
    pub fn errors(&self) -> Vec<String> {
        let errors = self.report.findings.iter().filter(|finding| finding.severity == Severity::Error);
        errors.map(|finding| format!("{}: {}", finding.path, finding.message)).collect()
    }

    /// The state that follows.
    pub fn state(&self) -> CheckState {
        match self.report.worst() {
            Some(Severity::Error) => CheckState::Failed,
            _ => CheckState::Passed,
        }
    }

    /// The state that is recorded with a version: `pending` leaves the last word on what passed to a program outside.
    pub fn recorded(&self, pending: bool) -> CheckState {
        match self.state() {
            CheckState::Passed if pending => CheckState::Pending,
            state => state,
        }
    }
}

/// A finding that was accepted for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedFinding {
    /// Its rule.
    pub rule: String,
    /// Its field.
    pub path: String,
    /// The keyed hash of the value, so that another value is found again.
    pub fingerprint: String,
    /// Why it was accepted.
    pub reason: String,
}

impl AcceptedFinding {
    fn to_value(&self) -> Value {
        let pairs = [
            ("rule", &self.rule),
            ("path", &self.path),
            ("fingerprint", &self.fingerprint),
            ("reason", &self.reason),
        ];
        let map: Map<String, Value> =
            pairs.into_iter().map(|(key, text)| (key.to_owned(), Value::from(text.as_str()))).collect();
        Value::Object(map)
    }

    fn from_value(value: &Value) -> Option<Self> {
        let text = |key: &str| Some(value.get(key)?.as_str()?.to_owned());
        Some(Self {
            rule: text("rule")?,
            path: text("path")?,
            fingerprint: text("fingerprint")?,
            reason: text("reason")?,
        })
    }
}

/// The key of an agent's accepted findings.
fn key_of(agent: AgentId) -> [u8; 32] {
    blake3::derive_key(KEY_CONTEXT, agent.digest().as_bytes())
}

/// What a program outside said, in what is stored with the version.
const OUTSIDE: &str = "outside";

/// A check's findings as they are stored with the version, masked, and why a program outside refused it.
pub(super) fn state_value(state: CheckState, report: Option<&Report>, outside: Option<&str>) -> Value {
    let mut map = Map::new();
    map.insert("status".to_owned(), Value::from(state.name()));
    if let Some(report) = report.filter(|_| state == CheckState::Failed) {
        map.insert("findings".to_owned(), check::output::json(report, None));
    }
    if let Some(reason) = outside {
        map.insert(OUTSIDE.to_owned(), Value::from(reason));
    }
    Value::Object(map)
}

impl Agents {
    /// Whether a program outside has the last word on versions.
    ///
    /// # Errors
    /// When the settings cannot be read.
    pub fn is_checked_outside(&self) -> Result<bool, AgentError> {
        Ok(self.repo.settings()?.get(OUTSIDE_SETTING).is_some())
    }

    /// Checks a config; findings accepted for `agent` are left out.
    ///
    /// # Errors
    /// When the accepted findings cannot be read.
    pub fn check(&self, agent: Option<&Handle>, config: &Config) -> Result<CheckReport, AgentError> {
        let accepted = match agent {
            Some(agent) => self.accepted(agent)?,
            None => Vec::new(),
        };
        let head = match agent {
            Some(agent) => self.repo.backend().head(agent).map_err(RepoError::from)?,
            None => None,
        };
        Ok(self.judge(config, &accepted, head.map(|head| head.agent)))
    }

    /// Why a program outside refused a version when it was asked last; `None` where it did not.
    ///
    /// # Errors
    /// When what is recorded cannot be read.
    pub fn refused_outside(&self, agent: &Handle, id: &ObjectId) -> Result<Option<String>, AgentError> {
        let state = self.repo.backend().read_ref(agent, &RefName::about("checks", id));
        let recorded = state.map_err(RepoError::from)?.and_then(|state| state.target);
        let Some(block) = recorded.and_then(|target| target.id()) else { return Ok(None) };
        let value = json::parse(&self.repo.block(&block)?).unwrap_or_default();
        Ok(value.get(OUTSIDE).and_then(Value::as_str).map(str::to_owned))
    }

    /// The findings accepted for an agent.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn accepted(&self, agent: &Handle) -> Result<Vec<AcceptedFinding>, AgentError> {
        let name = RefName::accepted();
        let state = self.repo.backend().read_ref(agent, &name).map_err(RepoError::from)?;
        self.read_accepted(state.and_then(|state| state.target).and_then(|target| target.id()))
    }

    fn read_accepted(&self, id: Option<ObjectId>) -> Result<Vec<AcceptedFinding>, AgentError> {
        let Some(id) = id else { return Ok(Vec::new()) };
        let value = json::parse(&self.repo.block(&id)?).unwrap_or_default();
        let items = value.as_array().map_or(&[][..], Vec::as_slice);
        Ok(items.iter().filter_map(AcceptedFinding::from_value).collect())
    }

    /// Checks a config in an operation.
    pub(super) fn check_in(
        &self,
        operation: &mut Operation<'_>,
        config: &Config,
    ) -> Result<CheckReport, AgentError> {
        let name = RefName::accepted();
        let id = operation.current(&name)?.and_then(|target| target.id());
        let accepted = self.read_accepted(id)?;
        Ok(self.judge(config, &accepted, operation.agent_id()))
    }

    /// Says in an operation what the check of a commit found.
    pub(super) fn write_check(
        operation: &mut Operation<'_>,
        commit: &ObjectId,
        state: CheckState,
        report: Option<&Report>,
    ) -> Result<(), AgentError> {
        let block = operation.put(config::json_object(&state_value(state, report, None))?);
        operation.write(RefName::about("checks", commit), Some(Target::Id(block)), Vec::new())?;
        Ok(())
    }

    /// Checks a version anew and records what was found, if it is not what was recorded. `outside`
    /// is what the program named by `check.command` said: passed, or not and why.
    ///
    /// # Errors
    /// `NotAVersion`; when the config cannot be read.
    pub fn check_version(
        &self,
        agent: &Handle,
        id: &ObjectId,
        outside: Option<Result<(), String>>,
    ) -> Result<(CheckReport, CheckState, Receipt), AgentError> {
        self.version(agent, id)?;
        let config = self.config(id)?;
        let failed_outside = outside.and_then(Result::err);
        let intent = self.intent(CHECK, failed_outside.as_deref().unwrap_or_default());
        let ((report, state), receipt) = self.repo.operate(
            agent,
            &intent,
            |operation| {
                let report = self.check_in(operation, &config)?;
                let state = if failed_outside.is_some() { CheckState::Failed } else { report.state() };
                let name = RefName::about("checks", id);
                let value = state_value(state, Some(&report.report), failed_outside.as_deref());
                let block = config::json_object(&value)?;
                if operation.target(&name)? != Some(Target::Id(block.id())) {
                    let block = operation.put(block);
                    operation.write(name, Some(Target::Id(block)), Vec::new())?;
                }
                Ok::<_, AgentError>((report, state))
            },
            |_, _| Ok(Vec::new()),
        )?;
        Ok((report, state, receipt))
    }

    /// Accepts, for good, every finding at a path of a config: they no longer count for this agent,
    /// as long as the value stays the same.
    ///
    /// # Errors
    /// `NoSuchFinding` when there is none; `Masked` for a mask, which can never be accepted.
    pub fn accept_finding(
        &self,
        agent: &Handle,
        config: &Config,
        path: &str,
        reason: &str,
    ) -> Result<(usize, Receipt), AgentError> {
        if reason.trim().is_empty() {
            return Err(AgentError::BadText { what: "reason", reason: "is empty".to_owned() });
        }
        let intent = self.intent("check-accept", reason);
        let name = RefName::accepted();
        self.repo.operate(
            agent,
            &intent,
            |operation| {
                let report = self.check_in(operation, config)?;
                let at_path: Vec<&Finding> =
                    report.report.findings.iter().filter(|finding| finding.path == path).collect();
                if at_path.is_empty() {
                    return Err(AgentError::NoSuchFinding { agent: agent.clone(), path: path.to_owned() });
                }
                if at_path.iter().any(|finding| finding.rule == MASKED) {
                    return Err(AgentError::Masked { path: path.to_owned() });
                }
                let id = operation.agent_id().ok_or_else(|| AgentError::NoSuchAgent(agent.clone()))?;
                let before = operation.target(&name)?.and_then(|target| target.id());
                let mut accepted = self.read_accepted(before)?;
                accepted.extend(at_path.iter().map(|finding| AcceptedFinding {
                    rule: finding.rule.to_owned(),
                    path: finding.path.clone(),
                    fingerprint: fingerprint(&key_of(id), finding),
                    reason: reason.to_owned(),
                }));
                let list = Value::Array(accepted.iter().map(AcceptedFinding::to_value).collect());
                let block = operation.put(config::json_object(&list)?);
                operation.write(name.clone(), Some(Target::Id(block)), Vec::new())?;
                Ok(at_path.len())
            },
            |_, _| Ok(Vec::new()),
        )
    }
}

impl Agents {
    /// Checks a config and leaves out what was accepted.
    fn judge(&self, config: &Config, accepted: &[AcceptedFinding], agent: Option<AgentId>) -> CheckReport {
        let all = self.findings(config);
        let key = agent.map(key_of);
        let stands = |finding: &&Finding| match &key {
            Some(key) if !accepted.is_empty() => {
                let print = fingerprint(key, finding);
                !accepted.iter().any(|one| one.rule == finding.rule && one.fingerprint == print)
            }
            _ => true,
        };
        let findings: Vec<Finding> = all.iter().filter(stands).cloned().collect();
        let accepted = all.len() - findings.len();
        CheckReport { report: Report::new(findings), accepted }
    }

    /// What the rules find in a config. Kept in memory: a tree never changes, and is often checked twice,
    /// for who publishes it and in the operation that does.
    fn findings(&self, config: &Config) -> Arc<Vec<Finding>> {
        let key = (config.profile.id(), config.tree_id);
        self.configs
            .findings(key, || check::check(&config.value, &Context::for_profile(config.profile.name())))
    }
}

impl CheckReport {
    /// Refuses a config in which the check found masks in place of values; a mask is never accepted
    /// for good.
    pub(super) fn refuse_masks(&self) -> Result<(), AgentError> {
        match self.report.findings.iter().find(|finding| finding.rule == MASKED) {
            Some(finding) => Err(AgentError::Masked { path: finding.path.clone() }),
            None => Ok(()),
        }
    }
}

/// Refuses a config that holds masks in place of values.
pub(super) fn refuse_masks(config: &Value) -> Result<(), AgentError> {
    match check::contains_mask(config).into_iter().next() {
        Some(finding) => Err(AgentError::Masked { path: finding.path }),
        None => Ok(()),
    }
}
