//! Setting and clearing one environment, whatever the order says.

use crate::object::ObjectId;
use crate::refs::{Expected, Handle};

use super::{Environments, Moved, ReleaseError, note};

/// How a version is put into an environment, or taken out.
#[derive(Debug, Clone)]
pub struct Placement<'p> {
    /// Why, in the actor's words; may be empty.
    pub note: &'p str,
    /// What the caller expects the environment to have.
    pub expected: Expected,
    /// Lets a version through whose check has not passed, for this reason.
    pub override_check: Option<&'p str>,
}

impl Default for Placement<'_> {
    fn default() -> Self {
        Self { note: "", expected: Expected::Any, override_check: None }
    }
}

impl Environments<'_> {
    /// Puts a version into an environment. One that is there already is not recorded.
    ///
    /// # Errors
    /// `NoSuchEnvironment`; `NotAVersion`, `Withdrawn`, `Archived`; `CheckStands` unless that is overridden;
    /// `Moved` when the environment has something else than expected.
    pub fn set(
        &self,
        agent: &Handle,
        environment: &Handle,
        id: &ObjectId,
        placement: &Placement<'_>,
    ) -> Result<Moved, ReleaseError> {
        self.order.position(environment)?;
        let version = self.agents.version(agent, id)?;
        let (from, receipt) = self.agents.run(agent, "env-set", placement.note, |operation| {
            let from = self.target(operation, environment)?;
            self.refuse_moved(agent, environment, &placement.expected, from)?;
            if from != Some(*id) {
                let reason = self.admit(operation, &version, environment, placement.override_check)?;
                operation.note(note(placement.note, reason));
                self.agents.point(operation, self.agents.environment_ref(environment)?, *id)?;
            }
            Ok::<_, ReleaseError>(from)
        })?;
        let to = Some(self.agents.version(agent, id)?);
        Ok(Moved { environment: environment.clone(), from, to, receipt })
    }

    /// Leaves an environment without a version; also one that the settings do not list.
    ///
    /// # Errors
    /// `NoSuchEnvironment` for one that is not listed and has nothing; `NoSuchAgent`; `Moved` when it has
    /// something else than expected.
    pub fn clear(
        &self,
        agent: &Handle,
        environment: &Handle,
        placement: &Placement<'_>,
    ) -> Result<Moved, ReleaseError> {
        self.refuse_unknown(agent)?;
        let (from, receipt) = self.agents.run(agent, "env-clear", placement.note, |operation| {
            let from = self.target(operation, environment)?;
            self.refuse_moved(agent, environment, &placement.expected, from)?;
            match from {
                Some(_) => {
                    operation.write(self.agents.environment_ref(environment)?, None, Vec::new())?;
                }
                None => drop(self.order.position(environment)?),
            }
            Ok::<_, ReleaseError>(from)
        })?;
        Ok(Moved { environment: environment.clone(), from, to: None, receipt })
    }
}
