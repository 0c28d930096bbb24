//! Lines become objects, which are staged as they come, and moves of refs: those of all agents of a
//! batch are made at once, each agent's as records of its log.

use std::sync::Arc;

use serde_json::Map;

use crate::backend::{Derived, Outcome, Transaction};
use crate::log::{AgentId, Change, Record};
use crate::object::limits::CONFIG_MAX_BYTES;
use crate::object::{Blocks, Commit, Content, Entry, ObjectError, ObjectId, Tree};
use crate::profile::{DraftPolicy, Profile};
use crate::refs::{RefName, Target};
use crate::repo::{RepoError, random_bytes};

use crate::agent::active_json::{self, Serving};
use crate::agent::draft::only_draft;
use crate::agent::{AgentError, Agents, config, version};

use super::line::{Brought, Line};
use super::stage::Stage;
use super::states::{self, Head, State};

/// Most moves of one record.
const RECORD_CHANGES: usize = 500;
/// Most bytes of a record's moves: well below what a record may have.
const RECORD_BYTES: usize = 512 * 1024;
/// What one move takes in a record besides the names of its blocks, in bytes.
const CHANGE_BYTES: usize = 256;
/// The kind of operation that the log names.
const KIND: &str = "import";

/// Takes one line: its config, as a version after the agent's last one. Returns whether the version is
/// new; a line that is in the store already changes nothing.
///
/// # Errors
/// When the line does not follow from what is there, or the agent has another version in its place.
pub(super) fn take(
    agents: &Agents,
    stage: &mut Stage<'_>,
    state: &mut State,
    line: Line,
) -> Result<bool, AgentError> {
    let number = state.lines + 1;
    let profile = match &line.profile {
        Some(name) => agents.profile_named(name)?,
        None => Arc::clone(&state.profile),
    };
    let Line { author, time, message, parents, partial, mut blocks, deleted, .. } = line;
    let said = Said { words: line.words, pinned: line.pinned, withdrawn: line.withdrawn };
    fit(&profile, &blocks)?;
    let (tree, sizes) = next_tree(state, partial, &blocks, &deleted)?;
    let tree_object = tree.to_object();
    let parents = match parents {
        None => state.last.into_iter().collect(),
        Some(numbers) => numbers
            .into_iter()
            .map(|parent| parent_of(agents, state, parent)?.ok_or_else(|| no_parent(number, parent)))
            .collect::<Result<Vec<_>, _>>()?,
    };
    let tree_id = tree_object.id();
    let ext = Map::new();
    let commit =
        Commit { profile: profile.id(), tree: tree_id, parents, author, time, message, ext }.to_object()?;
    let id = commit.id();
    let is_new = number > state.stored;
    if is_new {
        for Brought { entry, object } in blocks.drain(..) {
            stage.bring(entry.id, object)?;
        }
        stage.bring(tree_id, tree_object)?;
        stage.bring(id, commit)?;
        if number == 1 || line.profile.is_some() {
            stage.bring(profile.id(), config::profile_object(&profile))?;
        }
        if let Some(meta) = &mut state.meta {
            // What the newest version was made under is what drafts are made under.
            meta.profile = profile.id();
        }
        let from = state.last.map(Target::Id);
        let changed = state.tree.changed_names(&tree);
        said.bring(stage, state, id)?;
        state.pending.push(Change::new(RefName::versions(), from, Some(Target::Id(id))).touching(changed));
    } else if states::version(agents, &state.handle, number)? != Some(id) {
        let reason = format!("agent '{}' already has another V{number}", state.handle);
        return Err(AgentError::Import { place: String::new(), reason });
    }
    (state.tree, state.sizes, state.last, state.lines) = (tree, sizes, Some(id), number);
    state.profile = profile;
    Ok(is_new)
}

/// What a line says about its version besides the commit.
struct Said {
    words: Option<(String, String)>,
    pinned: bool,
    withdrawn: bool,
}

impl Said {
    fn bring(self, stage: &mut Stage<'_>, state: &mut State, id: ObjectId) -> Result<(), AgentError> {
        if let Some((label, description)) = self.words {
            version::message(&label, &description)?;
            let note = version::note_object(&label, &description)?;
            let target = Target::Id(note.id());
            stage.bring(note.id(), note)?;
            state.said.push(Change::new(RefName::about("notes", &id), None, Some(target)));
        }
        for (namespace, holds) in [("pins", self.pinned), ("withdrawn", self.withdrawn)] {
            if holds {
                state.said.push(Change::new(RefName::about(namespace, &id), None, Some(Target::Id(id))));
            }
        }
        Ok(())
    }
}

/// The version of that number, which may not be in the store yet.
fn parent_of(agents: &Agents, state: &State, number: u64) -> Result<Option<ObjectId>, AgentError> {
    if number > state.lines {
        return Ok(None);
    }
    let begun = state.lines - state.pending.len() as u64;
    if number <= begun {
        return states::version(agents, &state.handle, number);
    }
    let at = usize::try_from(number - begun - 1).unwrap_or(usize::MAX);
    Ok(state.pending.get(at).and_then(|change| change.to.as_ref()).and_then(Target::id))
}

fn wrong(reason: String) -> AgentError {
    AgentError::Import { place: String::new(), reason }
}

fn no_parent(number: u64, parent: u64) -> AgentError {
    wrong(format!("its 'parents' names V{parent}, which is not before V{number}"))
}

/// Refuses blocks that the profile does not have, or that hold what it does not put there.
fn fit(profile: &Profile, blocks: &[Brought]) -> Result<(), AgentError> {
    if profile.blocks().is_empty() {
        return Ok(());
    }
    for Brought { entry, object } in blocks {
        let content = Content::from_payload(&entry.kind, object.payload.clone())?;
        profile.join(&Blocks::from([(entry.name.clone(), content)]))?;
    }
    Ok(())
}

/// The tree after a line, and the sizes of its blocks in bytes.
fn next_tree(
    state: &State,
    partial: bool,
    blocks: &[Brought],
    deleted: &[crate::object::BlockName],
) -> Result<(Tree, Vec<usize>), AgentError> {
    if partial && state.last.is_none() {
        return Err(wrong(format!("it is partial, but agent '{}' has no version before it", state.handle)));
    }
    let mut entries: Vec<(Entry, usize)> = Vec::new();
    if partial {
        entries.extend(state.tree.entries().iter().cloned().zip(state.sizes.iter().copied()));
        for name in deleted {
            let at = entries.iter().position(|(entry, _)| entry.name == *name);
            let at =
                at.ok_or_else(|| wrong(format!("its 'deleted' names block '{name}', which is not there")))?;
            entries.remove(at);
        }
    }
    for Brought { entry, object } in blocks {
        let new = (entry.clone(), object.payload.len());
        match entries.binary_search_by(|(present, _)| present.name.cmp(&entry.name)) {
            Ok(at) => entries[at] = new,
            Err(at) => entries.insert(at, new),
        }
    }
    let size_bytes: usize = entries.iter().map(|(_, size)| size).sum();
    if size_bytes > CONFIG_MAX_BYTES {
        return Err(ObjectError::TooLarge { kind: "config", size_bytes, max_bytes: CONFIG_MAX_BYTES }.into());
    }
    let (entries, sizes): (Vec<Entry>, Vec<usize>) = entries.into_iter().unzip();
    Ok((Tree::new(entries)?, sizes))
}

/// What of a batch is in the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// Agents that were made.
    pub(super) agents: u64,
    /// Versions that were added.
    pub(super) versions: u64,
}

impl Written {
    fn add(&mut self, state: &State) {
        self.agents += u64::from(state.head.is_none());
        self.versions += state.pending.len() as u64;
    }
}

/// Makes the moves of a batch happen, durably. What of them happened is counted in `written`, also when
/// others did not.
///
/// # Errors
/// `Contended` when somebody else wrote to one of the agents; what the backend refuses.
pub(super) fn commit(
    agents: &Agents,
    stage: &mut Stage<'_>,
    mut states: Vec<&mut State>,
    written: &mut Written,
) -> Result<(), AgentError> {
    if agents.rehearsal {
        stage.flush()?;
        for state in states {
            state.pending.clear();
            state.said.clear();
        }
        return Ok(());
    }
    let active_json = agents.repo().settings()?.get(active_json::SETTING) != Some("off");
    let mut transactions = Vec::with_capacity(states.len());
    let mut heads = Vec::with_capacity(states.len());
    for state in &mut states {
        let (transaction, head) = operation(agents, stage, state, active_json)?;
        transactions.push(transaction);
        heads.push(head);
    }
    stage.flush()?;
    let staged = stage.take_written();
    for transaction in &mut transactions {
        transaction.staged = Some(staged.clone());
    }
    let happened = |state: &State, head: &Head| {
        let now = agents.repo().backend().head(&state.handle);
        matches!(now, Ok(Some(now)) if now.record == head.record)
    };
    let outcomes = match agents.repo().backend().commit_many(&transactions) {
        Ok(outcomes) => outcomes,
        Err(error) => {
            // Some may have happened all the same: the logs tell.
            let known = states.iter().zip(&heads).filter(|(state, head)| happened(state, head));
            known.for_each(|(state, _)| written.add(state));
            return Err(RepoError::from(error).into());
        }
    };
    let mut stopped: Option<RepoError> = None;
    for ((state, head), outcome) in states.into_iter().zip(heads).zip(outcomes) {
        let agent = state.handle.clone();
        match outcome {
            Outcome::Committed => {}
            Outcome::Unknown if happened(state, &head) => {}
            Outcome::Moved(_) => {
                stopped.get_or_insert(RepoError::Contended { agent });
                continue;
            }
            Outcome::Unknown => {
                stopped.get_or_insert(RepoError::Unknown { agent });
                continue;
            }
        }
        written.add(state);
        state.head = Some(head);
        state.stored += state.pending.len() as u64;
        state.pending.clear();
        state.said.clear();
        state.meta = None;
    }
    stopped.map_or(Ok(()), |error| Err(error.into()))
}

/// The operation that makes an agent's moves of a batch: as many records as they need.
fn operation(
    agents: &Agents,
    stage: &mut Stage<'_>,
    state: &mut State,
    active_json: bool,
) -> Result<(Transaction, Head), AgentError> {
    let repo = agents.repo();
    let time = repo.time_after(&state.handle, state.head.map(|head| head.time))?;
    let mut changes: Vec<Change> = Vec::with_capacity(state.pending.len() + 3);
    if let Some(meta) = &state.meta {
        let object = meta.to_object()?;
        let id = object.id();
        stage.bring(id, object)?;
        changes.push(Change::new(RefName::meta(), None, Some(Target::Id(id))));
        changes.push(Change::new(RefName::active(), None, None));
    }
    changes.extend(state.pending.iter().chain(&state.said).cloned());
    changes.extend(only_draft_move(agents, stage, state, time)?);
    let mut head = state.head;
    let mut records = Vec::new();
    for part in parts(changes) {
        let record = Record {
            prev: head.map(|head| head.record),
            store: repo.backend().store_id(),
            agent: head.map(|head| head.agent),
            nonce: random_bytes()?,
            kind: KIND.to_owned(),
            actor: agents.actor().clone(),
            via: agents.via.clone(),
            time,
            changes: part,
            cites: Vec::new(),
            note: String::new(),
            sig: None,
            ext: Map::new(),
        };
        let id = record.id();
        head = Some(Head { agent: record.agent.unwrap_or(id), record: id, time });
        records.push(record);
    }
    let head = head.expect("an agent with moves has a record");
    let mut transaction = Transaction {
        agent: state.handle.clone(),
        objects: Vec::new(),
        staged: None,
        records,
        expects: Vec::new(),
        chains: Vec::new(),
        derived: Vec::new(),
        rename_to: None,
    };
    if state.meta.is_some() && active_json {
        transaction.derived.push(nothing_serves(head.agent, state, time));
    }
    Ok((transaction, head))
}

/// `ACTIVE.json` of an agent that was just made: nothing serves.
fn nothing_serves(agent: AgentId, state: &State, time: crate::clock::Time) -> Derived {
    let serving =
        Serving { agent, handle: state.handle.clone(), version: None, activated: Some((time, agent)) };
    let content = Some(active_json::encode(&serving, None));
    Derived { name: active_json::ACTIVE_JSON.to_owned(), content }
}

/// Changes, divided into what one record may hold.
fn parts(changes: Vec<Change>) -> Vec<Vec<Change>> {
    let mut parts: Vec<Vec<Change>> = Vec::new();
    let mut size_bytes = 0;
    for change in changes {
        let own = CHANGE_BYTES + change.blocks.iter().map(|name| name.as_str().len() + 3).sum::<usize>();
        size_bytes += own;
        match parts.last_mut() {
            Some(part) if part.len() < RECORD_CHANGES && size_bytes <= RECORD_BYTES => part.push(change),
            _ => {
                size_bytes = own;
                parts.push(vec![change]);
            }
        }
    }
    parts
}

/// Where the profile's policy is one draft, that draft always exists, and follows the newest version
/// as long as nobody edited it.
fn only_draft_move(
    agents: &Agents,
    stage: &mut Stage<'_>,
    state: &State,
    time: crate::clock::Time,
) -> Result<Option<Change>, AgentError> {
    let (Some(last), Some(first)) = (state.last, state.pending.first()) else { return Ok(None) };
    if state.profile.draft_policy() != DraftPolicy::One {
        return Ok(None);
    }
    let name = RefName::draft(&only_draft());
    let repo = agents.repo();
    let from = if state.head.is_some() {
        let read = repo.backend().read_ref(&state.handle, &name).map_err(RepoError::from)?;
        read.and_then(|read| read.target)
    } else {
        None
    };
    if let (Some(draft), Some(base)) =
        (from.as_ref().and_then(Target::id), first.from.as_ref().and_then(Target::id))
    {
        let (draft, base_tree) = (repo.commit(&draft)?, repo.commit(&base)?.tree);
        if draft.parents != [base] || draft.tree != base_tree {
            return Ok(None);
        }
    }
    let draft = Commit {
        profile: state.profile.id(),
        tree: state.tree.to_object().id(),
        parents: vec![last],
        author: agents.actor().clone(),
        time,
        message: String::new(),
        ext: Map::new(),
    };
    let object = draft.to_object()?;
    let id = object.id();
    stage.bring(id, object)?;
    Ok(Some(Change::new(name, from, Some(Target::Id(id)))))
}

/// The profile by which lines are read that name none.
pub(super) fn default_profile(
    agents: &Agents,
    named: Option<&Arc<Profile>>,
) -> Result<Arc<Profile>, AgentError> {
    match named {
        Some(profile) => Ok(Arc::clone(profile)),
        None => agents.profile_named(super::detect::GENERIC),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read};
    use std::path::Path;
    use std::sync::atomic::AtomicBool;

    use crate::agent::{DraftSource, HistoryOptions};
    use crate::clock::{StepClock, Time};
    use crate::disk::SimDisk;
    use crate::object::Author;
    use crate::repo::Repo;

    use super::*;

    /// Lines; at their end, each time it is met, somebody does something.
    struct Lines<'a, F: FnMut()> {
        text: &'a [u8],
        end: F,
    }

    impl<F: FnMut()> Read for Lines<'_, F> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            if self.text.is_empty() {
                (self.end)();
            }
            self.text.read(into)
        }
    }

    #[test]
    fn what_happened_is_counted_although_one_agent_of_the_batch_moved() {
        let clock = Arc::new(StepClock::new(Time::from_ms(1_790_000_000_000).expect("a time"), 1000));
        let repo = Repo::init(Arc::new(SimDisk::new(1)), Path::new("/work"), clock).expect("a store");
        let agents = Agents::new(Arc::new(repo), Author { name: "Ana".to_owned(), email: None }, "test");
        let line = |agent: &str, text: &str| {
            format!(
                "{{\"agent\":\"{agent}\",\"author\":\"Ana\",\"time\":\"2026-01-05T09:00:00Z\",\"message\":\"\",\"blocks\":{{\"prompt\":\"{text}\"}}}}\n"
            )
        };
        let import = |text: &str, end: &mut dyn FnMut()| {
            let mut reader = BufReader::new(Lines { text: text.as_bytes(), end });
            let (options, interrupt) = (HistoryOptions::default(), AtomicBool::new(false));
            agents.import_history(&mut reader, &options, &interrupt, &mut |_| ())
        };
        let first = ["a", "b", "c"].map(|agent| line(agent, "one")).concat();
        import(&first, &mut || ()).expect("imported");
        let second = first.clone() + &["a", "b", "c", "d"].map(|agent| line(agent, "two")).concat();
        let b = "b".parse().expect("a handle");
        let mut ends = 0;
        let stop = import(&second, &mut || {
            ends += 1;
            // The first end is met before the lines are looked at.
            if ends == 2 {
                let draft = "tone".parse().expect("a handle");
                agents.new_draft(&b, &draft, &DraftSource::Default).expect("forked");
            }
        })
        .expect_err("contended");
        assert!(matches!(&stop.error, AgentError::Repo(RepoError::Contended { agent }) if *agent == b));
        assert_eq!((stop.done.new_versions, stop.done.new_agents), (3, 1), "{:?}", stop.done);
        let counts = ["a", "b", "c", "d"]
            .map(|agent| agents.version_count(&agent.parse().expect("a handle")).expect("counted"));
        assert_eq!(counts, [2, 1, 2, 1]);
        let rest = import(&second, &mut || ()).expect("gone on with");
        assert_eq!((rest.new_versions, rest.skipped), (1, 6));
    }
}
