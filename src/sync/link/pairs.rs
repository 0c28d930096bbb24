//! Which agents a fetch, a pull or a push is about: those here and those at the remote, by their ids.

use std::collections::HashMap;

use crate::log::AgentId;
use crate::refs::Handle;

use super::super::news::handles_by_id;
use super::super::{AgentTip, SyncError, Transport};
use super::Link;

/// One agent, here and at the remote.
#[derive(Debug, Clone)]
pub struct Pair {
    /// Its handle here.
    pub local: Option<Handle>,
    /// The agent at the remote.
    pub tip: Option<AgentTip>,
}

impl Pair {
    /// How it is called.
    pub fn name(&self) -> String {
        let there = self.tip.as_ref().map(|tip| &tip.handle);
        self.local.as_ref().or(there).map_or_else(String::new, Handle::to_string)
    }
}

/// Every agent of a remote.
fn tips(transport: &dyn Transport) -> Result<Vec<AgentTip>, SyncError> {
    let listing = transport.listing(None)?;
    Ok(listing.map_or_else(Vec::new, |listing| listing.tips))
}

impl Link<'_> {
    /// The agents that are named, or all that the remote has.
    ///
    /// # Errors
    /// `NotThere`, `OtherAgent`; when one store cannot be read.
    pub fn to_fetch(&self, named: &[Handle]) -> Result<Vec<Pair>, SyncError> {
        let here = handles_by_id(self.agents.repo().backend())?;
        let pair = |tip: AgentTip| Pair { local: here.get(&tip.id).cloned(), tip: Some(tip) };
        if named.is_empty() {
            return Ok(tips(self.transport)?.into_iter().map(pair).collect());
        }
        let by_handle: HashMap<&Handle, AgentId> = here.iter().map(|(id, handle)| (handle, *id)).collect();
        let mut pairs = Vec::new();
        for handle in named {
            let tip = match by_handle.get(handle) {
                Some(id) => match self.tip_by_id(handle, *id)? {
                    None if self.tip(handle)?.is_some() => {
                        return Err(SyncError::OtherAgent { handle: handle.clone(), pushing: false });
                    }
                    found => found,
                },
                None => self.tip(handle)?,
            };
            pairs.push(pair(tip.ok_or_else(|| SyncError::NotThere(handle.clone()))?));
        }
        Ok(pairs)
    }

    /// The agent that the remote has under a handle, whatever is under that handle here.
    ///
    /// # Errors
    /// `NotThere`; when one store cannot be read.
    pub fn to_fetch_theirs(&self, handle: &Handle) -> Result<Pair, SyncError> {
        let tip = self.tip(handle)?.ok_or_else(|| SyncError::NotThere(handle.clone()))?;
        let here = handles_by_id(self.agents.repo().backend())?;
        Ok(Pair { local: here.get(&tip.id).cloned(), tip: Some(tip) })
    }

    /// The agents that are named, or all that are here.
    ///
    /// # Errors
    /// When one store cannot be read.
    pub fn to_push(&self, named: &[Handle]) -> Result<Vec<Pair>, SyncError> {
        let here = handles_by_id(self.agents.repo().backend())?;
        let mut pairs = Vec::new();
        if named.is_empty() {
            let mut there: HashMap<AgentId, AgentTip> =
                tips(self.transport)?.into_iter().map(|tip| (tip.id, tip)).collect();
            let pair = |(id, handle)| Pair { local: Some(handle), tip: there.remove(&id) };
            pairs.extend(here.into_iter().map(pair));
            pairs.sort_by(|a, b| a.local.cmp(&b.local));
            return Ok(pairs);
        }
        for handle in named {
            let id = here.iter().find(|(_, here)| *here == handle).map(|(id, _)| *id);
            let id = id.ok_or_else(|| crate::agent::AgentError::NoSuchAgent(handle.clone()))?;
            pairs.push(Pair { local: Some(handle.clone()), tip: self.tip_by_id(handle, id)? });
        }
        Ok(pairs)
    }

    fn tip(&self, handle: &Handle) -> Result<Option<AgentTip>, SyncError> {
        Ok(self.transport.tips(std::slice::from_ref(handle))?.pop().flatten())
    }

    /// An agent at the remote, which may have another handle there.
    fn tip_by_id(&self, handle: &Handle, id: AgentId) -> Result<Option<AgentTip>, SyncError> {
        match self.tip(handle)?.filter(|tip| tip.id == id) {
            Some(tip) => Ok(Some(tip)),
            None => Ok(tips(self.transport)?.into_iter().find(|tip| tip.id == id)),
        }
    }
}
