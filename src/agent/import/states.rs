//! What an import remembers of the agents it meets: everything of those met lately, a few bytes of
//! each other one, whose rest is read from the store again when it is met once more.

use std::collections::HashMap;
use std::sync::Arc;

use crate::clock::Time;
use crate::log::{AgentId, Change, RecordId};
use crate::object::{Entry, ObjectId, Tree};
use crate::profile::Profile;
use crate::refs::{Handle, RefName};
use crate::repo::RepoError;

use crate::agent::{AgentError, Agents, Meta};

use super::names::ExactNames;

/// Agents of which everything is remembered, at most, between two batches.
pub(super) const STATES_MAX: usize = 16 * 1024;
/// How many numbered handles are tried for a title whose own is taken.
const NUMBERED_MAX: u32 = 1000;

/// Stands for the text by which a history names an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key([u8; 16]);

impl Key {
    pub(super) fn of(text: &str) -> Self {
        let hash = blake3::hash(text.as_bytes());
        let (start, _) = hash.as_bytes().split_first_chunk().expect("a hash has 32 bytes");
        Self(*start)
    }
}

/// An agent's log as far as it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) agent: AgentId,
    pub(super) record: RecordId,
    pub(super) time: Time,
}

/// An agent in the middle of an import.
#[derive(Debug)]
pub(super) struct State {
    pub(super) handle: Handle,
    /// None while it is not in the store.
    pub(super) head: Option<Head>,
    /// How many versions it has in the store.
    pub(super) stored: u64,
    /// How many lines of it were taken: the next one is the version after that.
    pub(super) lines: u64,
    /// The version of the last line.
    pub(super) last: Option<ObjectId>,
    pub(super) profile: Arc<Profile>,
    /// The config of the last line, and the size of each of its blocks in bytes.
    pub(super) tree: Tree,
    pub(super) sizes: Vec<usize>,
    /// Moves of the list of versions that are not in the store.
    pub(super) pending: Vec<Change>,
    /// Moves of the refs that say something about these versions.
    pub(super) said: Vec<Change>,
    /// What is to be known of an agent that is not in the store.
    pub(super) meta: Option<Meta>,
    /// When it was met last, in lines.
    pub(super) met: u64,
}

/// The little that is remembered of every agent.
#[derive(Debug, Clone, Copy)]
struct Trace {
    lines: u64,
    /// Which numbered handle it has: 1 for the one derived from its name.
    number: u32,
}

/// What is given of an import's agents.
#[derive(Debug)]
pub(super) struct Given {
    /// The profile of lines that name none.
    pub(super) profile: Arc<Profile>,
    /// The handle of the only agent.
    pub(super) handle: Option<Handle>,
    /// The title of the only agent.
    pub(super) title: Option<String>,
    /// Handles that only agents of that very name get.
    pub(super) exact: ExactNames,
}

/// The agents of one import.
#[derive(Debug)]
pub(super) struct States<'a> {
    agents: &'a Agents,
    given: Given,
    /// The names that agents have in the history where that is not their handle.
    pub(super) named: Vec<(String, Handle)>,
    known: HashMap<Key, State>,
    handles: HashMap<Handle, Key>,
    traces: HashMap<Key, Trace>,
}

impl<'a> States<'a> {
    pub(super) fn new(agents: &'a Agents, given: Given) -> Self {
        let (known, handles, traces) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { agents, given, named: Vec::new(), known, handles, traces }
    }

    /// How many agents were met.
    pub(super) fn met(&self) -> u64 {
        self.traces.len() as u64
    }

    /// The agents met lately of which something is in the store, and how many versions of the history.
    pub(super) fn standing(&self) -> Vec<(Handle, u64)> {
        let met = self.known.values().filter(|state| state.head.is_some());
        let mut standing: Vec<(Handle, u64)> =
            met.map(|state| (state.handle.clone(), state.stored.min(state.lines))).collect();
        standing.retain(|(_, versions)| *versions > 0);
        standing.sort();
        standing
    }

    /// The agents with moves that are not in the store, in the order of their handles.
    pub(super) fn pending(&mut self) -> Vec<&mut State> {
        let mut pending: Vec<&mut State> =
            self.known.values_mut().filter(|state| !state.pending.is_empty()).collect();
        pending.sort_by(|a, b| a.handle.cmp(&b.handle));
        pending
    }

    /// The agent that a history names so; the second value is whether it was met for the first time.
    pub(super) fn get(
        &mut self,
        text: &str,
        title: Option<&str>,
        now: u64,
    ) -> Result<(&mut State, bool), AgentError> {
        let key = Key::of(text);
        let mut first = false;
        if !self.known.contains_key(&key) {
            let state = if let Some(trace) = self.traces.get(&key).copied() {
                self.again(text, trace)?
            } else {
                first = true;
                let (number, state) = self.find(text, title)?;
                self.traces.insert(key, Trace { lines: 0, number });
                if state.handle.as_str() != text {
                    self.named.push((text.to_owned(), state.handle.clone()));
                }
                state
            };
            self.handles.insert(state.handle.clone(), key);
            self.known.insert(key, state);
        }
        let state = self.known.get_mut(&key).expect("it was inserted above");
        state.met = now;
        Ok((state, first))
    }

    /// Forgets the agents that were met the longest time ago, when there are too many. Between two
    /// batches only: moves that are not in the store would be lost.
    pub(super) fn forget_some(&mut self) {
        // What a rehearsal did not write cannot be read again.
        if self.agents.rehearsal || self.known.len() <= STATES_MAX {
            return;
        }
        let mut order: Vec<(u64, Key)> = self.known.iter().map(|(key, state)| (state.met, *key)).collect();
        order.sort_unstable_by_key(|(met, _)| *met);
        order.truncate(order.len() - STATES_MAX / 2);
        for (_, key) in order {
            if let Some(state) = self.known.remove(&key) {
                self.handles.remove(&state.handle);
                if let Some(trace) = self.traces.get_mut(&key) {
                    trace.lines = state.lines;
                }
            }
        }
    }

    /// The handle that a text stands for: itself, or one derived from it.
    fn base(&self, text: &str) -> (Handle, bool) {
        if let Some(handle) = &self.given.handle {
            return (handle.clone(), true);
        }
        if let Ok(handle) = text.parse::<Handle>() {
            return (handle, true);
        }
        let unnamed = || {
            let hash = blake3::hash(text.as_bytes()).to_hex();
            format!("agent-{}", &hash[..8]).parse().expect("a handle")
        };
        (Handle::derive(text).unwrap_or_else(unnamed), false)
    }

    /// The agent of a text that is met for the first time: the one that has this title, or a new one.
    fn find(&self, text: &str, title: Option<&str>) -> Result<(u32, State), AgentError> {
        if self.given.handle.is_some() && !self.traces.is_empty() {
            return Err(refused(text, "another agent, and a history of several cannot become one agent"));
        }
        let (base, exact) = self.base(text);
        let given = self.given.title.as_deref().or(title.filter(|_| exact));
        let title = given.unwrap_or(text);
        crate::agent::meta::checked_title(title).map_err(|error| match error {
            // Who wrote the line knows of no title.
            AgentError::BadText { reason, .. } if given.is_none() => {
                AgentError::Import { place: String::new(), reason: format!("its 'agent' {reason}") }
            }
            other => other,
        })?;
        for number in 1..NUMBERED_MAX {
            let handle = if number == 1 { base.clone() } else { base.numbered(number) };
            if self.handles.contains_key(&handle) {
                continue;
            }
            let backend = self.agents.repo().backend();
            let Some(at) = backend.locate(&handle).map_err(RepoError::from)? else {
                let is_own = exact && number == 1;
                if !is_own && self.given.exact.have(&handle) {
                    continue;
                }
                return Ok((number, self.fresh(handle, title)));
            };
            if self.handles.contains_key(&at) {
                continue;
            }
            let meta = self.agents.meta(&at)?;
            // A name that is a handle means the agent that has it, unless this very history brought
            // that agent under its title.
            let meant = exact && number == 1 && !self.traces.contains_key(&Key::of(&meta.title));
            if meta.title == title || meant {
                if meta.archived {
                    return Err(AgentError::Archived(at));
                }
                return Ok((number, self.stored(at, 0)?));
            }
        }
        Err(AgentError::AgentExists(base))
    }

    fn fresh(&self, handle: Handle, title: &str) -> State {
        let meta = Meta {
            handle: handle.clone(),
            title: title.to_owned(),
            description: String::new(),
            profile: self.given.profile.id(),
            archived: false,
            fields: serde_json::Map::new(),
            vendor_ids: serde_json::Map::new(),
            ext: serde_json::Map::new(),
        };
        State {
            handle,
            head: None,
            stored: 0,
            lines: 0,
            last: None,
            profile: Arc::clone(&self.given.profile),
            tree: Tree::default(),
            sizes: Vec::new(),
            pending: Vec::new(),
            said: Vec::new(),
            meta: Some(meta),
            met: 0,
        }
    }

    /// An agent that was met before and forgotten.
    fn again(&self, text: &str, trace: Trace) -> Result<State, AgentError> {
        let (base, _) = self.base(text);
        let handle = if trace.number == 1 { base } else { base.numbered(trace.number) };
        let at = self.agents.locate(&handle)?;
        self.stored(at, trace.lines)
    }

    /// An agent as the store has it, after so many of its versions.
    fn stored(&self, handle: Handle, lines: u64) -> Result<State, AgentError> {
        let repo = self.agents.repo();
        let head = repo.backend().head(&handle).map_err(RepoError::from)?;
        let head = head.ok_or_else(|| AgentError::NoSuchAgent(handle.clone()))?;
        let upstream = repo.backend().read_ref(&handle, &RefName::upstream()).map_err(RepoError::from)?;
        if upstream.is_some() {
            return Err(refused(handle.as_str(), "here with numbers that another store gives"));
        }
        let stored = repo.backend().list_len(&handle, &RefName::versions()).map_err(RepoError::from)?;
        let mut state = State {
            head: Some(Head { agent: head.agent, record: head.record, time: head.time }),
            stored,
            lines,
            meta: None,
            ..self.fresh(handle, "")
        };
        if let Some(id) = version(self.agents, &state.handle, lines)? {
            let commit = repo.commit(&id)?;
            state.last = Some(id);
            state.profile = self.agents.profile(&commit.profile)?;
            state.tree = repo.tree(&commit.tree)?;
            let size = |entry: &Entry| repo.block(&entry.id).map(|payload| payload.len());
            state.sizes = state.tree.entries().iter().map(size).collect::<Result<_, _>>()?;
        }
        Ok(state)
    }
}

/// A version by its number; none for number 0, and where there is none.
pub(super) fn version(agents: &Agents, agent: &Handle, number: u64) -> Result<Option<ObjectId>, AgentError> {
    let Some(at) = number.checked_sub(1) else { return Ok(None) };
    let entries =
        agents.repo().backend().list(agent, &RefName::versions(), at, 1).map_err(RepoError::from)?;
    Ok(entries.first().map(|entry| entry.id))
}

fn refused(text: &str, why: &str) -> AgentError {
    AgentError::Import { place: format!("agent '{text}'"), reason: format!("it is {why}") }
}
