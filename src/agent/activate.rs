//! What serves: activating a version, forward or back, and serving nothing.

use crate::object::ObjectId;
use crate::refs::{Expected, Handle, RefName, Target};
use crate::repo::{Operation, Receipt};

use super::{AgentError, Agents, CheckState, VersionInfo};

/// What an error calls the newest version.
pub(super) const LATEST: &str = "the latest version";

/// What must not have moved for a version to be activated: somebody saw it so, and decided on that.
#[derive(Debug, Clone)]
pub struct Unmoved {
    /// What serves.
    pub active: Expected,
    /// Whether the version has to be the newest one.
    pub newest: bool,
}

impl Unmoved {
    /// What serves has to be this, or nothing where it is `None`.
    pub fn serving(active: Option<ObjectId>) -> Self {
        let target = active.map(Target::Id);
        Self { active: Expected::same_as(target.as_ref()), newest: false }
    }
}

impl Agents {
    /// Makes a version serve. Activating what serves already changes and records nothing.
    ///
    /// # Errors
    /// `NotAVersion`, `Withdrawn`, `Archived`; `CheckStands` unless overridden with a reason, which
    /// the log keeps; `Moved` when ACTIVE is not what the caller expects.
    pub fn activate(
        &self,
        agent: &Handle,
        id: &ObjectId,
        override_check: Option<&str>,
        expected_active: Option<&ObjectId>,
    ) -> Result<(VersionInfo, Receipt), AgentError> {
        let active = expected_active.map_or(Expected::Any, |id| Expected::Is(Target::Id(*id)));
        self.activate_if(agent, id, override_check, &Unmoved { active, newest: false })
    }

    /// As [`Agents::activate`], where what was seen may also be that nothing serves, or that the version is the newest.
    ///
    /// # Errors
    /// `Moved` when something is not as it was seen; as [`Agents::activate`].
    pub fn activate_if(
        &self,
        agent: &Handle,
        id: &ObjectId,
        override_check: Option<&str>,
        unmoved: &Unmoved,
    ) -> Result<(VersionInfo, Receipt), AgentError> {
        self.switch(agent, id, "activate", override_check, unmoved)
    }

    /// Moves ACTIVE to a version in an operation of that kind.
    pub(super) fn switch(
        &self,
        agent: &Handle,
        id: &ObjectId,
        kind: &str,
        override_check: Option<&str>,
        unmoved: &Unmoved,
    ) -> Result<(VersionInfo, Receipt), AgentError> {
        let version = self.version(agent, id)?;
        let intent = self.intent(kind, override_check.unwrap_or_default());
        let ((), receipt) = self.repo.operate(
            agent,
            &intent,
            |operation| {
                let active = operation.target(&RefName::active())?.and_then(|target| target.id());
                self.require_active(operation, &unmoved.active)?;
                if unmoved.newest {
                    self.refuse_newer(operation, id)?;
                }
                if active == Some(*id) {
                    return Ok(());
                }
                self.admit(operation, &version, override_check.is_some())?;
                self.point(operation, RefName::active(), *id)
            },
            |operation, id| self.derive(operation, id),
        )?;
        Ok((self.version(agent, id)?, receipt))
    }

    /// Refuses where something else serves than somebody expected.
    pub(super) fn require_active(
        &self,
        operation: &mut Operation<'_>,
        expected: &Expected,
    ) -> Result<(), AgentError> {
        let active = operation.target(&RefName::active())?;
        if expected.allows(active.as_ref()) {
            return Ok(());
        }
        let agent = operation.agent().clone();
        let expected = match expected {
            Expected::Is(target) => target.id(),
            _ => None,
        };
        let expected = self.version_word(&agent, expected)?;
        Err(self.not_active(&agent, &expected, active.and_then(|target| target.id()))?)
    }

    /// Refuses where there is a newer version than this one.
    fn refuse_newer(&self, operation: &mut Operation<'_>, id: &ObjectId) -> Result<(), AgentError> {
        let newest = Self::newest_in(operation)?;
        if newest == Some(*id) {
            return Ok(());
        }
        let agent = operation.agent().clone();
        let (expected, actual) = (self.version_word(&agent, Some(*id))?, self.version_word(&agent, newest)?);
        Err(AgentError::Moved { agent, what: LATEST, expected, actual })
    }

    /// Says that ACTIVE is not what somebody expected.
    ///
    /// # Errors
    /// When the versions cannot be read.
    pub fn not_active(
        &self,
        agent: &Handle,
        expected: &str,
        active: Option<ObjectId>,
    ) -> Result<AgentError, AgentError> {
        let (agent, actual) = (agent.clone(), self.version_word(agent, active)?);
        Ok(AgentError::Moved { agent, what: "ACTIVE", expected: expected.to_owned(), actual })
    }

    /// `V3`, the short id of what is no version, or `none`.
    ///
    /// # Errors
    /// When the versions cannot be read.
    pub fn version_word(&self, agent: &Handle, id: Option<ObjectId>) -> Result<String, AgentError> {
        let Some(id) = id else { return Ok("none".to_owned()) };
        Ok(self.number_of(agent, &id)?.map_or_else(|| id.short(), |number| format!("V{number}")))
    }

    /// Refuses a version that must not serve, here or in an environment. One that was imported and never
    /// checked is checked now, in the same operation, unless a program outside has to be asked first.
    ///
    /// # Errors
    /// `Archived`, `Withdrawn`; `CheckStands` unless that is overridden.
    pub fn admit(
        &self,
        operation: &mut Operation<'_>,
        version: &VersionInfo,
        overridden: bool,
    ) -> Result<(), AgentError> {
        let agent = operation.agent().clone();
        if self.meta_in(operation)?.archived {
            return Err(AgentError::Archived(agent));
        }
        if operation.target(&RefName::about("withdrawn", &version.id))?.is_some() {
            return Err(AgentError::Withdrawn { agent, number: version.number });
        }
        self.require_check(operation, version, overridden)
    }

    /// Refuses a version whose check does not let it serve. Imported history has no check yet: it
    /// is checked now, in the same operation. Where a program outside has the last word, it waits for that.
    fn require_check(
        &self,
        operation: &mut Operation<'_>,
        version: &VersionInfo,
        overridden: bool,
    ) -> Result<(), AgentError> {
        let name = RefName::about("checks", &version.id);
        let recorded = operation.target(&name)?.and_then(|target| target.id());
        let state = match self.check_state(recorded)? {
            CheckState::Unchecked => {
                let config = self.config(&version.id)?;
                let check = self.check_in(operation, &config)?;
                let state = check.recorded(self.is_checked_outside()?);
                if state == CheckState::Passed || overridden {
                    Self::write_check(operation, &version.id, state, Some(&check.report))?;
                }
                state
            }
            state => state,
        };
        if state == CheckState::Passed || overridden {
            return Ok(());
        }
        Err(AgentError::CheckStands { agent: operation.agent().clone(), number: version.number, state })
    }

    /// Makes nothing serve, and says so to readers. When nothing serves already, nothing is recorded.
    ///
    /// # Errors
    /// `NoSuchAgent`.
    pub fn unpublish(&self, agent: &Handle, note: &str) -> Result<Receipt, AgentError> {
        let intent = self.intent("unpublish", note);
        let ((), receipt) = self.repo.operate(
            agent,
            &intent,
            |operation| {
                self.meta_in(operation)?;
                if operation.target(&RefName::active())?.is_some() {
                    operation.write(RefName::active(), None::<Target>, Vec::new())?;
                }
                Ok::<_, AgentError>(())
            },
            |operation, id| self.derive(operation, id),
        )?;
        Ok(receipt)
    }
}
