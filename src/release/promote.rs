//! Promoting a version to the next environment, without leaving out a step unless somebody says why.

use crate::agent::VersionInfo;
use crate::object::ObjectId;
use crate::refs::{Expected, Handle};
use crate::repo::Operation;

use super::{Environments, Moved, ReleaseError, SkippedStep, note};

/// What is promoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A version; without a destination to the environment after the furthest that has it.
    Version(ObjectId),
    /// Whatever an environment has; without a destination to the next one.
    Environment(Handle),
}

/// A promotion that is asked for.
#[derive(Debug, Clone)]
pub struct Promotion<'p> {
    /// What is promoted.
    pub source: Source,
    /// Where to; the next step when none is named.
    pub to: Option<Handle>,
    /// Why, in the actor's words; may be empty.
    pub note: &'p str,
    /// What the caller expects the destination to have.
    pub expected: Expected,
    /// Leaves out steps, for this reason.
    pub skip_step: Option<&'p str>,
    /// Lets a version through whose check has not passed, for this reason.
    pub override_check: Option<&'p str>,
}

impl Promotion<'_> {
    /// A promotion by one step.
    pub fn of(source: Source) -> Self {
        Self { source, to: None, note: "", expected: Expected::Any, skip_step: None, override_check: None }
    }
}

impl Environments<'_> {
    /// Promotes a version in one operation. One that is there already is not recorded.
    ///
    /// # Errors
    /// `SkippedStep` when the environment before the destination does not have the version, unless a reason
    /// is given, which the log keeps; `CheckStands` likewise; `LastStep`, `Empty`, `NoSuchEnvironment`;
    /// `NotAVersion`, `Withdrawn`, `Archived`; `Moved` when the destination has something else than expected.
    pub fn promote(&self, agent: &Handle, promotion: &Promotion<'_>) -> Result<Moved, ReleaseError> {
        self.refuse_unknown(agent)?;
        if let Some(to) = &promotion.to {
            self.order.position(to)?;
        }
        let ((id, at, from), receipt) = self.agents.run(agent, "promote", promotion.note, |operation| {
            let mut targets = Vec::new();
            for name in self.order.names() {
                targets.push(self.target(operation, name)?);
            }
            let (version, at) = self.step(operation, promotion, &targets)?;
            let (environment, from) = (&self.order.names()[at], targets[at]);
            self.refuse_moved(agent, environment, &promotion.expected, from)?;
            if from != Some(version.id) {
                let mut reasons = Vec::new();
                match (self.skipped(operation, &version, at, &targets)?, promotion.skip_step) {
                    (Some(skipped), Some(reason)) => {
                        reasons.push(format!("skips '{}': {reason}", skipped.step));
                    }
                    (Some(skipped), None) => return Err(ReleaseError::SkippedStep(Box::new(skipped))),
                    (None, _) => {}
                }
                reasons.extend(self.admit(operation, &version, environment, promotion.override_check)?);
                operation.note(note(promotion.note, reasons));
                self.agents.point(operation, self.agents.environment_ref(environment)?, version.id)?;
            }
            Ok::<_, ReleaseError>((version.id, at, from))
        })?;
        let to = Some(self.agents.version(agent, &id)?);
        Ok(Moved { environment: self.order.names()[at].clone(), from, to, receipt })
    }

    /// What goes where.
    fn step(
        &self,
        operation: &Operation<'_>,
        promotion: &Promotion<'_>,
        targets: &[Option<ObjectId>],
    ) -> Result<(VersionInfo, usize), ReleaseError> {
        let agent = operation.agent();
        let (id, furthest) = match &promotion.source {
            Source::Version(id) => (*id, targets.iter().rposition(|target| *target == Some(*id))),
            Source::Environment(name) => {
                let at = self.order.position(name)?;
                let empty = || ReleaseError::Empty { agent: agent.clone(), environment: name.clone() };
                (targets[at].ok_or_else(empty)?, Some(at))
            }
        };
        let version = self.agents.version(agent, &id)?;
        let at = match &promotion.to {
            Some(to) => self.order.position(to)?,
            None => furthest.map_or(0, |at| at + 1),
        };
        let Some(last) = self.order.names().last().filter(|_| at >= targets.len()) else {
            return Ok((version, at));
        };
        let (agent, environment) = (agent.clone(), last.clone());
        Err(ReleaseError::LastStep { agent, version: version.name(), environment })
    }

    /// The step that a version would leave out on its way to an environment.
    fn skipped(
        &self,
        operation: &Operation<'_>,
        version: &VersionInfo,
        at: usize,
        targets: &[Option<ObjectId>],
    ) -> Result<Option<SkippedStep>, ReleaseError> {
        let Some(before) = at.checked_sub(1).filter(|before| targets[*before] != Some(version.id)) else {
            return Ok(None);
        };
        let agent = operation.agent().clone();
        let is_there = |step: &usize| targets[*step] == Some(version.id);
        let next = (0..before).rev().find(is_there).map_or(0, |step| step + 1);
        Ok(Some(SkippedStep {
            version: version.name(),
            address: version.number.address(&version.id),
            environment: self.order.names()[at].clone(),
            step: self.order.names()[before].clone(),
            has: self.agents.version_word(&agent, targets[before])?,
            next: self.order.names()[next].clone(),
            agent,
        }))
    }
}
