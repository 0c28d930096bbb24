//! Which agents there are, by the ids of this API: kept in memory, and brought up to date by looking at the
//! names and, of each agent, at its metadata from afar.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};

use crate::agent::{AgentError, Agents, LogQuery, vendor_agent_id};
use crate::backend::{Glance, pages};
use crate::clock::{Clock as _, SystemClock, Time};
use crate::log::AgentId;
use crate::object::Author;
use crate::refs::{Handle, RefName};
use crate::repo::RepoError;

use super::ids;

/// Agents of which the names are read at once.
const PAGE: usize = 4096;
/// The profile of the agents that this API has.
const PROFILE: &str = "atoms";
/// Under which names an imported agent's id was told.
const VENDOR_AGENT: [&str; 2] = ["_id", "agent"];
/// And that of its workflow.
const VENDOR_WORKFLOW: [&str; 1] = ["workflowId"];

/// An agent, as far as lists and lookups need it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) handle: Handle,
    pub(super) agent: AgentId,
    /// When it was made, and by whom.
    pub(super) made: Time,
    pub(super) maker: Author,
    pub(super) title: String,
    pub(super) archived: bool,
    pub(super) vendor_ids: Map<String, Value>,
    /// Whether it has the profile that this API is about.
    ours: bool,
    /// What its metadata looked like before they were read.
    seen: Option<Glance>,
}

impl Entry {
    fn vendor_id(&self, keys: &[&str]) -> Option<&str> {
        keys.iter().find_map(|key| self.vendor_ids.get(*key)?.as_str())
    }
}

/// The agents at one moment.
#[derive(Debug, Default)]
struct Known {
    entries: HashMap<Handle, Arc<Entry>>,
    /// By each id, the agents that have it or claim it, the first of whom who asks may know is meant.
    agents: HashMap<String, Vec<Arc<Entry>>>,
    workflows: HashMap<String, Vec<Arc<Entry>>>,
}

impl Known {
    fn of(entries: HashMap<Handle, Arc<Entry>>) -> Self {
        let mut ours: Vec<&Arc<Entry>> = entries.values().filter(|entry| entry.ours).collect();
        // An agent's own id leads to it whatever others claim; of those who claim the same id of the vendor, the
        // one that was there first has it, for whom it is there at all.
        ours.sort_by_key(|entry| (entry.made, entry.agent));
        let (mut agents, mut workflows) = (HashMap::new(), HashMap::new());
        let put = |all: &mut HashMap<String, Vec<Arc<Entry>>>, id: String, entry: &Arc<Entry>| {
            all.entry(id).or_default().push(Arc::clone(entry));
        };
        for entry in &ours {
            put(&mut agents, ids::agent(entry.agent), entry);
            put(&mut workflows, ids::workflow(entry.agent), entry);
        }
        for entry in &ours {
            if let Some(id) = entry.vendor_id(&VENDOR_AGENT) {
                put(&mut agents, id.to_owned(), entry);
            }
            if let Some(id) = entry.vendor_id(&VENDOR_WORKFLOW) {
                put(&mut workflows, id.to_owned(), entry);
            }
        }
        Self { entries, agents, workflows }
    }
}

/// What an id is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// An agent.
    Agent,
    /// The workflow of an agent.
    Workflow,
}

/// The agents by their ids.
#[derive(Debug, Default)]
pub(in crate::server) struct Directory(Mutex<Arc<Known>>);

impl Directory {
    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The agent of that id among those that who asks `sees`; none when there is none. What others claim is
    /// nothing to them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn find(
        &self,
        agents: &Agents,
        (of, id): (Of, &str),
        sees: &dyn Fn(&Handle) -> bool,
    ) -> Result<Option<Arc<Entry>>, AgentError> {
        let among = |known: &Known| {
            let all = match of {
                Of::Agent => known.agents.get(id),
                Of::Workflow => known.workflows.get(id),
            };
            all.into_iter().flatten().find(|entry| sees(&entry.handle)).cloned()
        };
        if let Some(entry) = among(&self.known())
            && stands(agents, &entry)?
        {
            return Ok(Some(entry));
        }
        Ok(among(&*self.refresh(agents)?))
    }

    /// The agent, of any profile, that was imported under that id of its vendor, among those that who asks `sees`:
    /// the first by its handle.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(in crate::server) fn claimed(
        &self,
        agents: &Agents,
        id: &str,
        sees: &dyn Fn(&Handle) -> bool,
    ) -> Result<Option<Handle>, AgentError> {
        let known = self.refresh(agents)?;
        let claim =
            |entry: &&Arc<Entry>| vendor_agent_id(&entry.vendor_ids) == Some(id) && sees(&entry.handle);
        Ok(known.entries.values().filter(claim).map(|entry| entry.handle.clone()).min())
    }

    /// Whether an agent has that id, or was imported with it.
    pub(super) fn has(&self, agent: AgentId) -> bool {
        self.known().agents.contains_key(&ids::agent(agent))
    }

    /// The agents, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn all(&self, agents: &Agents) -> Result<Vec<Arc<Entry>>, AgentError> {
        let known = self.refresh(agents)?;
        let mut all: Vec<Arc<Entry>> = known.entries.values().filter(|entry| entry.ours).cloned().collect();
        all.sort_by(|a, b| (b.made, &a.handle).cmp(&(a.made, &b.handle)));
        Ok(all)
    }

    /// Looks at every agent again, and reads what has changed.
    fn refresh(&self, agents: &Agents) -> Result<Arc<Known>, AgentError> {
        let (before, backend) = (self.known(), agents.repo().backend());
        let mut entries = HashMap::new();
        let mut same = true;
        for page in pages(backend, PAGE) {
            for handle in page.map_err(RepoError::from)? {
                let seen = backend.glance(&handle, &RefName::meta());
                let old = before.entries.get(&handle).filter(|old| old.seen.is_some() && old.seen == seen);
                let entry = match old {
                    Some(old) => Some(Arc::clone(old)),
                    None => read(agents, &handle, seen)?.map(Arc::new),
                };
                same &= old.is_some();
                entries.extend(entry.map(|entry| (handle, entry)));
            }
        }
        if same && entries.len() == before.entries.len() {
            return Ok(before);
        }
        let known = Arc::new(Known::of(entries));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&known);
        Ok(known)
    }
}

/// Whether an agent is still the one that has this handle.
fn stands(agents: &Agents, entry: &Entry) -> Result<bool, AgentError> {
    let backend = agents.repo().backend();
    // What was renamed is found under its old handle, too, and is for others now.
    if backend.locate(&entry.handle).map_err(RepoError::from)?.as_ref() != Some(&entry.handle) {
        return Ok(false);
    }
    let head = backend.head(&entry.handle).map_err(RepoError::from)?;
    Ok(head.is_some_and(|head| head.agent == entry.agent))
}

/// Reads an agent; none when it is gone meanwhile.
fn read(agents: &Agents, handle: &Handle, seen: Option<Glance>) -> Result<Option<Entry>, AgentError> {
    let head = agents.repo().backend().head(handle).map_err(RepoError::from)?;
    let meta = match agents.meta(handle) {
        Ok(meta) => meta,
        Err(AgentError::NoSuchAgent(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let query = LogQuery { oldest_first: true, ..LogQuery::default() };
    let first = match agents.log(handle, query) {
        Ok(mut log) => log.next().transpose()?,
        Err(AgentError::NoSuchAgent(_)) => None,
        Err(error) => return Err(error),
    };
    let (Some(head), Some(first)) = (head, first) else { return Ok(None) };
    let ours = agents.profile(&meta.profile)?.name() == PROFILE;
    Ok(Some(Entry {
        handle: handle.clone(),
        agent: head.agent,
        made: first.record.time,
        maker: first.record.actor,
        title: meta.title,
        archived: meta.archived,
        vendor_ids: meta.vendor_ids,
        ours,
        // What changes in the same step of the clock must not look as if it had not.
        seen: seen.filter(|seen| seen.is_settled(SystemClock.now())),
    }))
}
