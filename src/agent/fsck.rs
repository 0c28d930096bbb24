//! What only this layer can examine: that derived documents are what refs and objects say, and that
//! conflicts which wait can be read.

use crate::backend::{Derived, Fault, pages};
use crate::merge::Record;
use crate::refs::{Handle, Target};
use crate::repo::{FsckReport, RepoError};

use super::merge::NAMESPACE as CONFLICTS;
use super::{ACTIVE_JSON, AgentError, Agents};

impl Agents {
    /// Examines the whole store, derived documents included.
    ///
    /// # Errors
    /// When the examination itself cannot go on.
    pub fn fsck(&self, progress: &mut dyn FnMut(&Handle)) -> Result<FsckReport, AgentError> {
        let mut report = self.repo.fsck(progress)?;
        // A store whose agents cannot be listed was reported above.
        for agent in pages(self.repo.backend(), 256).flatten().flatten() {
            if let Some(fault) = self.fsck_derived(&agent) {
                report.faults.push(fault);
            }
            report.faults.extend(self.fsck_conflicts(&agent));
        }
        report.faults.sort();
        report.faults.dedup();
        Ok(report)
    }

    /// Makes the derived document of an agent anew where it is not what refs and objects say, and removes
    /// it where it is switched off; `false` when it is sound.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn repair_derived(&self, agent: &Handle) -> Result<bool, AgentError> {
        let backend = self.repo.backend();
        let Some(head) = backend.head(agent).map_err(RepoError::from)? else { return Ok(false) };
        // Not to be made because of something that `fsck` reports by itself.
        let Ok(content) = self.expected_active_json(agent) else { return Ok(false) };
        // What cannot be read is made anew like what is wrong.
        if matches!(backend.derived(agent, ACTIVE_JSON), Ok(found) if found == content) {
            return Ok(false);
        }
        let derived = Derived { name: ACTIVE_JSON.to_owned(), content };
        Ok(self.repo.replace_derived(agent, head.record, &derived)?)
    }

    /// Conflicts that wait but cannot be read would keep their draft from ever being published. An
    /// object that is missing or damaged is a fault of its own.
    fn fsck_conflicts(&self, agent: &Handle) -> Vec<Fault> {
        let Ok(refs) = self.repo.backend().refs(agent, CONFLICTS) else { return Vec::new() };
        let mut faults = Vec::new();
        for (name, state) in refs {
            let Some(id) = state.target.as_ref().and_then(Target::id) else { continue };
            let Ok(Some(object)) = self.repo.backend().object(&id) else { continue };
            if let Err(error) = Record::from_bytes(&object.payload) {
                faults.push(Fault::new(format!("agents/{agent}/{name}"), error.to_string()));
            }
        }
        faults
    }

    fn fsck_derived(&self, agent: &Handle) -> Option<Fault> {
        let subject = format!("agents/{agent}/{ACTIVE_JSON}");
        // A writer may be between ACTIVE and its document: what still differs at the second look is wrong.
        for last in [false, true] {
            // None: switched off, or not to be made because of a fault that is reported by itself.
            let Ok(Some(expected)) = self.expected_active_json(agent) else { return None };
            let problem = match self.repo.backend().derived(agent, ACTIVE_JSON).map_err(RepoError::from) {
                Ok(Some(found)) if found == expected => return None,
                Ok(Some(_)) => format!(
                    "it is not what ACTIVE and its version say; 'recto recover {agent}' makes it anew"
                ),
                Ok(None) => format!("it is missing; 'recto recover {agent}' makes it anew"),
                Err(error) => error.to_string(),
            };
            if last {
                return Some(Fault::new(subject, problem));
            }
        }
        None
    }
}
