//! A journal that was lost is made anew, where everything else of the agent agrees: a new journal says
//! that the log ends where it ends.

use std::sync::Arc;

use crate::backend::{BackendError, Fault};
use crate::disk::{FileKind, OverlayDisk, SharedDisk};
use crate::refs::Handle;

use super::LocalBackend;
use super::examine::length;
use super::journal::{FIRST_RECORD, Slot};

/// Most faults that are named.
const FAULTS_MAX: usize = 5;

impl LocalBackend {
    /// Whether an agent has a log, but no journal, or one without a whole header and without records. One
    /// that has records may hold an acknowledged operation that the files lack, and is not given up.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn journal_is_lost(&self, agent: &Handle) -> Result<bool, BackendError> {
        let looking = || BackendError::disk("look at the agent");
        let dir = self.disk.stat(&self.layout.agent(agent)).map_err(looking())?;
        if dir.is_none_or(|stat| stat.kind != FileKind::Dir) {
            return Ok(false);
        }
        let journal = self.disk.stat(&self.layout.journal(agent)).map_err(looking())?;
        let is_lost = match journal {
            None => true,
            Some(stat) if stat.len_bytes > FIRST_RECORD => false,
            Some(_) => {
                let bytes = self.disk.read(&self.layout.journal(agent), FIRST_RECORD);
                Slot::newest(&bytes.map_err(looking())?).is_none()
            }
        };
        Ok(is_lost && length(self.disk.as_ref(), &self.layout, agent)? > 0)
    }

    /// Makes a lost journal anew. `examine` is given the store as it would be then, and says what is wrong
    /// with the agent in it: only if that is nothing is anything written. Returns `false` when the journal
    /// is there.
    ///
    /// # Errors
    /// `Corrupt` with what is wrong; what `examine` fails with; when a flush fails.
    pub fn renew_journal<E: From<BackendError>>(
        &self,
        agent: &Handle,
        examine: impl FnOnce(SharedDisk) -> Result<Vec<Fault>, E>,
    ) -> Result<bool, E> {
        let _guard = self.lock(&[agent])?;
        self.refuse_failed(agent)?;
        if !self.journal_is_lost(agent)? {
            return Ok(false);
        }
        self.forget(agent);
        let head = self.head_under_lock(agent)?;
        // Each epoch has a record, so that none was ever as high as the log is long: whoever remembers
        // the journal as it was sees that it is another.
        let slot = Slot {
            epoch: head.log_bytes,
            boot: self.boot,
            log_bytes: head.log_bytes,
            head: Some(head.record),
        };
        let path = self.layout.journal(agent);
        let rehearsal = OverlayDisk::new(Arc::clone(&self.disk));
        self.put_journal(&rehearsal, agent, &slot)?;
        let faults = examine(Arc::new(rehearsal))?;
        if !faults.is_empty() {
            let named = faults.iter().take(FAULTS_MAX);
            let named: Vec<String> =
                named.map(|fault| format!("{}: {}", fault.subject, fault.problem)).collect();
            let reason =
                format!("it is lost, and not made anew because of other damage: {}", named.join("; "));
            return Err(BackendError::corrupt(self.layout.shown(&path), reason).into());
        }
        // What the lost journal vouched for.
        self.sync_everything()?;
        self.put_journal(self.disk.as_ref(), agent, &slot)?;
        self.flush(agent, None)?;
        self.sync_new_agent(agent)?;
        Ok(true)
    }

    fn put_journal(
        &self,
        disk: &dyn crate::disk::Disk,
        agent: &Handle,
        slot: &Slot,
    ) -> Result<(), BackendError> {
        let path = self.layout.journal(agent);
        let doing = || BackendError::disk(format!("write the journal of agent '{agent}'"));
        // A file of exactly the two headers, of which the other is none: cut off, it is as lost as before.
        disk.write_at(&path, 0, &[0; 2 * super::journal::SECTOR]).map_err(doing())?;
        disk.write_at(&path, slot.offset(), &slot.encode()).map_err(doing())
    }
}
