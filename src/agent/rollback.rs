//! Rolling back: ACTIVE moves to what it was before. Repeated, it walks further back, and never
//! into a version that was rolled back from.

use crate::clock::Time;
use crate::encoding::Digest;
use crate::object::ObjectId;
use crate::refs::{Handle, RefName};
use crate::repo::Receipt;

use super::activate::Unmoved;
use super::{AgentError, Agents, VersionInfo};

/// The kind of operation that a rollback is recorded as; it is how the walk back is recognised.
pub(super) const KIND: &str = "rollback";
/// The kind of operation that takes back the one before it.
const UNDO: &str = "undo";

/// A rollback that happened.
#[derive(Debug)]
pub struct RolledBack {
    /// The agent.
    pub agent: Handle,
    /// What served before; none when nothing did.
    pub from: Option<ObjectId>,
    /// What serves now.
    pub to: VersionInfo,
    /// The operation; nothing was recorded when that version served already.
    pub receipt: Receipt,
}

impl Agents {
    /// Moves ACTIVE back: to what served before, or to the version given.
    ///
    /// # Errors
    /// `NothingBefore`; as [`Agents::activate`].
    pub fn roll_back(
        &self,
        agent: &Handle,
        to: Option<&ObjectId>,
        override_check: Option<&str>,
    ) -> Result<RolledBack, AgentError> {
        let from = self.active(agent)?;
        let target = match to {
            Some(id) => *id,
            None => self.previous(agent)?.ok_or_else(|| AgentError::NothingBefore(agent.clone()))?,
        };
        let unmoved = Unmoved::serving(from);
        let (to, receipt) = self.switch(agent, &target, KIND, override_check, &unmoved)?;
        Ok(RolledBack { agent: agent.clone(), from, to, receipt })
    }

    /// Moves ACTIVE to what served at an instant; `None` when that serves already.
    ///
    /// # Errors
    /// `NothingThen`; as [`Agents::activate`].
    pub fn roll_back_to_time(
        &self,
        agent: &Handle,
        time: Time,
        override_check: Option<&str>,
    ) -> Result<Option<RolledBack>, AgentError> {
        let target = self.served_at(agent, time)?;
        if self.active(agent)? == Some(target) {
            return Ok(None);
        }
        self.roll_back(agent, Some(&target), override_check).map(Some)
    }

    /// What a rollback would go back to: the moves of ACTIVE read as a stack, on which a rollback
    /// takes off what it leaves and everything else puts on.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn previous(&self, agent: &Handle) -> Result<Option<ObjectId>, AgentError> {
        let mut stack: Vec<Option<ObjectId>> = Vec::new();
        // An undo takes back the move before it, so the stack is again what it was before that.
        let mut before: Vec<Option<ObjectId>> = Vec::new();
        let mut moves = self.moves(agent, &RefName::active())?.into_iter().peekable();
        while let Some(moved) = moves.next() {
            if moved.kind == UNDO {
                std::mem::swap(&mut stack, &mut before);
                continue;
            }
            if moves.peek().is_some_and(|next| next.kind == UNDO) {
                before.clone_from(&stack);
            }
            let is_back = moved.kind == KIND;
            match stack.iter().rposition(|id| *id == moved.to) {
                Some(at) if is_back => stack.truncate(at + 1),
                _ if is_back => {
                    // An old version that was published anew takes the place of the one it was made from.
                    let of_old = |id: &ObjectId| moved.cites.contains(&Digest::from_bytes(*id.as_bytes()));
                    let old = stack.iter().rposition(|id| id.as_ref().is_some_and(of_old));
                    stack.truncate(old.unwrap_or_else(|| stack.len().saturating_sub(1)));
                    stack.push(moved.to);
                }
                _ => stack.push(moved.to),
            }
        }
        let current = stack.pop().flatten();
        let withdrawn =
            |id: &ObjectId| -> Result<bool, AgentError> { Ok(self.version(agent, id)?.withdrawn) };
        while let Some(before) = stack.pop() {
            if let Some(id) = before.filter(|id| Some(*id) != current)
                && !withdrawn(&id)?
            {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}
