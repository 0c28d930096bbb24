//! Examines a whole store: every stored byte through the backend's audit, then every log, every
//! ref against its log, and every object that history names.

use std::collections::{HashMap, HashSet};

use crate::backend::{BackendError, Fault, Head, pages};
use crate::error::Classify;
use crate::history::{HistoryError, LogLines, Order};
use crate::log::{AgentId, Record, RefTable, Verifier};
use crate::object::{EntryKind, Kind, ObjectId};
use crate::refs::{Handle, RefName, Target};

use super::{Repo, RepoError};

/// How many agents are listed at once.
const PAGE: usize = 256;
/// Namespaces that are looked into even where no log names a ref of theirs.
pub(super) const NAMESPACES: [&str; 4] = ["drafts", "environments", "channels", "conflicts"];

/// What an examination found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FsckReport {
    /// Agents examined.
    pub agents: u64,
    /// Log records verified.
    pub records: u64,
    /// Objects that history names, each verified.
    pub objects: u64,
    /// Everything that is wrong, each thing once.
    pub faults: Vec<Fault>,
    /// What is worth knowing and not wrong: temporary files.
    pub notes: Vec<Fault>,
}

/// What the logs lead to.
#[derive(Default)]
pub(super) struct Seen {
    /// Every object met, and what it is where it could be read.
    pub(super) objects: HashMap<ObjectId, Option<Kind>>,
    /// The agents met, by their ids.
    ids: HashMap<AgentId, Handle>,
    /// Whether a log could not be read, or an object that may be a commit or a tree: there may be more.
    pub(super) incomplete: bool,
}

impl Repo {
    /// Examines the whole store. `progress` is told each agent before it is examined.
    ///
    /// # Errors
    /// When the examination itself cannot go on; what is wrong with the store is in the report.
    pub fn fsck(&self, progress: &mut dyn FnMut(&Handle)) -> Result<FsckReport, RepoError> {
        let mut report = FsckReport::default();
        let mut seen = Seen::default();
        // Refs are looked at before the objects they point to, so that what a writer adds
        // meanwhile is never taken for missing.
        for page in pages(self.backend(), PAGE) {
            let page = page.unwrap_or_else(|error| {
                seen.incomplete = true;
                note(&mut report, fault_of(&error));
                Vec::new()
            });
            for agent in &page {
                progress(agent);
                report.agents += 1;
                self.fsck_agent(agent, &mut seen, &mut report);
            }
        }
        self.backend.audit(&mut |fault| note(&mut report, fault))?;
        report.objects = seen.objects.len() as u64;
        report.faults.sort();
        report.faults.dedup();
        self.say_what_is_lost(&mut report, &mut seen);
        Ok(report)
    }

    /// What is wrong with one agent's log, refs and objects.
    pub(super) fn agent_faults(&self, agent: &Handle) -> Vec<Fault> {
        let mut report = FsckReport::default();
        self.fsck_agent(agent, &mut Seen::default(), &mut report);
        report.faults
    }

    fn fsck_agent(&self, agent: &Handle, seen: &mut Seen, report: &mut FsckReport) {
        let head = match self.backend.head(agent) {
            Ok(Some(head)) => head,
            Ok(None) => {
                // It was listed a moment ago: it is being renamed, and may not be met under its new handle.
                seen.incomplete = true;
                return;
            }
            Err(error) => {
                seen.incomplete = true;
                return note(report, fault_of(&error));
            }
        };
        let Some(table) = self.fsck_log(agent, head, seen, report) else {
            seen.incomplete = true;
            return;
        };
        let moved = |head: Head| !matches!(self.backend.head(agent), Ok(Some(now)) if now == head);
        let mut faults = self.compare_refs(agent, &table);
        if !faults.is_empty() && moved(head) {
            // Somebody wrote between the reading of the log and of the refs: read both again.
            let Ok(Some(head)) = self.backend.head(agent) else { return };
            let Some(table) = self.fsck_log(agent, head, seen, &mut FsckReport::default()) else { return };
            faults = self.compare_refs(agent, &table);
            if moved(head) {
                faults.clear();
            }
        }
        faults.extend(odd_targets(agent, &table, seen));
        faults.extend(self.fsck_id(agent, head, seen));
        for fault in faults {
            note(report, fault);
        }
        self.fsck_chains(agent, head, report);
    }

    /// Whether an agent was met under another handle, which it has besides this one.
    fn fsck_id(&self, agent: &Handle, head: Head, seen: &mut Seen) -> Option<Fault> {
        let other = seen.ids.insert(head.agent, agent.clone())?;
        // It may have been renamed meanwhile.
        let is_there = |handle: &Handle| matches!(self.backend.head(handle), Ok(Some(found)) if found.agent == head.agent);
        let twice = is_there(&other) && is_there(agent);
        let fault = || Fault::new(format!("agents/{agent}"), format!("it is the same agent as '{other}'"));
        twice.then(fault)
    }

    /// Verifies a log and what it names; `None` when it is too damaged to say what refs it adds up to.
    pub(super) fn fsck_log(
        &self,
        agent: &Handle,
        head: Head,
        seen: &mut Seen,
        report: &mut FsckReport,
    ) -> Option<RefTable> {
        let subject = || format!("agents/{agent}/log");
        let mut lines = match LogLines::new(self.backend(), agent, Order::OldestFirst) {
            Ok(lines) => lines?,
            Err(error) => {
                note(report, Fault::new(subject(), error.to_string()));
                return None;
            }
        };
        let mut verifier = Verifier::new(self.backend.store_id());
        let mut table = RefTable::default();
        loop {
            let line = match lines.next_line() {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(error) => {
                    note(report, Fault::new(subject(), error.to_string()));
                    return None;
                }
            };
            let applied = match verifier.next(&line) {
                Ok((id, record)) => {
                    self.fsck_targets(agent, &record, seen, report);
                    table.apply(id, &record).map_err(|error| error.to_string())
                }
                Err(error) => Err(describe(&error)),
            };
            if let Err(problem) = applied {
                note(report, Fault::new(subject(), problem));
                return None;
            }
            report.records += 1;
        }
        if verifier.head() != Some(head.record) {
            seen.incomplete = true;
            note(report, Fault::new(subject(), "it does not end with the operation that its end names"));
        }
        Some(table)
    }

    fn fsck_targets(&self, agent: &Handle, record: &Record, seen: &mut Seen, report: &mut FsckReport) {
        for change in &record.changes {
            for id in [&change.from, &change.to].into_iter().flatten().filter_map(Target::id) {
                self.fsck_object(agent, &change.name, id, seen, report);
            }
        }
    }

    /// An object and everything it points to, each once.
    fn fsck_object(
        &self,
        agent: &Handle,
        name: &RefName,
        id: ObjectId,
        seen: &mut Seen,
        report: &mut FsckReport,
    ) {
        let mut open = vec![(id, None::<EntryKind>)];
        while let Some((id, entry)) = open.pop() {
            if seen.objects.contains_key(&id) {
                continue;
            }
            seen.objects.insert(id, None);
            let from = || format!("named by '{name}' of agent '{agent}'");
            let object = match self.backend.object(&id) {
                Ok(Some(object)) => object,
                Ok(None) => {
                    seen.incomplete |= entry.is_none();
                    note(report, Fault::new(format!("object {id}"), "it is missing"));
                    continue;
                }
                Err(error) => {
                    seen.incomplete |= entry.is_none();
                    note(report, fault_of(&error));
                    continue;
                }
            };
            seen.objects.insert(id, Some(object.kind));
            let next = match (object.kind, &entry) {
                (Kind::Commit, None) => crate::object::Commit::from_payload(&object.payload).map(|commit| {
                    let mut next = vec![(commit.tree, None), (commit.profile, Some(EntryKind::Json))];
                    next.extend(commit.parents.into_iter().map(|parent| (parent, None)));
                    next
                }),
                (Kind::Tree, None) => crate::object::Tree::from_payload(&object.payload).map(|tree| {
                    tree.entries().iter().map(|entry| (entry.id, Some(entry.kind.clone()))).collect()
                }),
                (Kind::Block, Some(kind @ (EntryKind::Text | EntryKind::Json))) => {
                    crate::object::Content::from_payload(kind, object.payload).map(|_| Vec::new())
                }
                _ => Ok(Vec::new()),
            };
            match next {
                Ok(next) => open.extend(next),
                Err(error) => {
                    seen.incomplete |= entry.is_none();
                    note(report, Fault::new(format!("object {id}"), format!("{error}, {}", from())));
                }
            }
        }
    }

    /// Every ref against what the log adds up to, both ways.
    fn compare_refs(&self, agent: &Handle, table: &RefTable) -> Vec<Fault> {
        let mut faults = Vec::new();
        let subject = |name: &RefName| format!("agents/{agent}/{name}");
        let mut namespaces: HashSet<String> = NAMESPACES.map(str::to_owned).into();
        for (name, expected) in &table.refs {
            namespaces.extend(name.split().0.map(str::to_owned));
            match self.backend.read_ref(agent, name) {
                Ok(Some(state)) if state == *expected => {}
                Ok(None) if expected.target.is_none() && name.split().0.is_some() => {}
                Ok(Some(state)) => {
                    let shown = |target: &Option<Target>| {
                        target.as_ref().map_or("none".to_owned(), ToString::to_string)
                    };
                    let problem = format!(
                        "it says {} at revision {}, but its log says {} at revision {}",
                        shown(&state.target),
                        state.revision,
                        shown(&expected.target),
                        expected.revision
                    );
                    faults.push(Fault::new(subject(name), problem));
                }
                Ok(None) => faults.push(Fault::new(subject(name), "it is missing, but its log has it")),
                Err(error) => faults.push(fault_of(&error)),
            }
        }
        for namespace in namespaces {
            match self.backend.refs(agent, &namespace) {
                Ok(found) => {
                    let extra = found.iter().filter(|(name, _)| !table.refs.contains_key(name));
                    faults
                        .extend(extra.map(|(name, _)| Fault::new(subject(name), "its log does not have it")));
                }
                Err(error) => faults.push(fault_of(&error)),
            }
        }
        for (name, expected) in &table.lists {
            let len = self.backend.list_len(agent, name);
            match len
                .and_then(|len| self.backend.list(agent, name, 0, usize::try_from(len).unwrap_or(usize::MAX)))
            {
                Ok(found) if found == *expected => {}
                Ok(found) => {
                    let at = found.iter().zip(expected).take_while(|(a, b)| a == b).count() + 1;
                    faults.push(Fault::new(subject(name), format!("entry {at} is not what its log says")));
                }
                Err(error) => faults.push(fault_of(&error)),
            }
        }
        faults
    }
}

/// Refs that name objects of another kind than such refs do: nobody could read what they lead to.
fn odd_targets(agent: &Handle, table: &RefTable, seen: &Seen) -> Vec<Fault> {
    let odd = |name: &RefName, id: ObjectId, place: Option<usize>| {
        let (expected, found) = (name.names_kind()?, seen.objects.get(&id).copied().flatten()?);
        let entry = place.map_or_else(String::new, |at| format!("entry {} ", at + 1));
        let problem = format!("{entry}names a {}, not a {}", found.name(), expected.name());
        (found != expected).then(|| Fault::new(format!("agents/{agent}/{name}"), problem.trim_start()))
    };
    let targets = table.refs.iter().filter_map(|(name, state)| Some((name, state.target.as_ref()?.id()?)));
    let mut faults: Vec<Fault> = targets.filter_map(|(name, id)| odd(name, id, None)).collect();
    for (name, entries) in &table.lists {
        faults.extend(entries.iter().enumerate().filter_map(|(at, entry)| odd(name, entry.id, Some(at))));
    }
    faults
}

pub(super) fn note(report: &mut FsckReport, fault: Fault) {
    if fault.harmless { report.notes.push(fault) } else { report.faults.push(fault) }
}

/// An error's text with those of its causes.
pub(super) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

pub(super) fn fault_of(error: &BackendError) -> Fault {
    match error {
        BackendError::Corrupt { path, reason } => Fault::new(path.display().to_string(), reason.clone()),
        BackendError::Object { id, source } => Fault::new(format!("object {id}"), source.to_string()),
        BackendError::Packed { id, pack, reason } => {
            Fault::new(format!("object {id}"), format!("pack '{pack}' is damaged: {reason}"))
        }
        other => Fault::new(format!("store ({:?})", other.kind()).to_lowercase(), describe(other)),
    }
}

impl From<HistoryError> for Fault {
    fn from(error: HistoryError) -> Self {
        Self::new("history", describe(&error))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::backend::memory::MemoryBackend;
    use crate::clock::{StepClock, Time};
    use crate::disk::SimDisk;
    use crate::log::StoreId;
    use crate::object::{Author, Object};
    use crate::repo::Intent;

    #[test]
    fn refs_that_name_objects_of_another_kind_are_faults() {
        let clock = Arc::new(StepClock::new(Time::from_ms(1_772_892_000_000).expect("a time"), 10));
        let backend = Arc::new(MemoryBackend::new(StoreId([1; 16])));
        let repo = Repo::on(backend, Arc::new(SimDisk::new(1)), "/x".into(), clock);
        let actor = Author { name: "Ana".to_owned(), email: None };
        let intent =
            Intent { kind: "edit", actor: &actor, via: "test", note: "", rehearsal: false, expects: &[] };
        let agent: Handle = "support".parse().expect("a handle");
        let write = |names: &[&str]| {
            let done = repo.operate::<(), RepoError>(
                &agent,
                &intent,
                |operation| {
                    for name in names {
                        let object = Object { kind: Kind::Block, payload: name.as_bytes().to_vec() };
                        let id = operation.put(object);
                        let name = name.parse().expect("a name");
                        operation.write(name, Some(Target::Id(id)), Vec::new())?;
                    }
                    Ok(())
                },
                |_, _| Ok(Vec::new()),
            );
            done.expect("written");
        };
        let found = || {
            let faults = repo.fsck(&mut |_| {}).expect("examined").faults;
            faults.into_iter().map(|fault| (fault.subject, fault.problem)).collect::<Vec<_>>()
        };
        // Metadata is a block, and of what later builds name nothing is known.
        write(&["meta", "schedules/night"]);
        assert_eq!(found(), []);
        write(&["drafts/tone", "ACTIVE", "versions", "remotes/origin/versions"]);
        let expected = [
            ("ACTIVE", "names a block, not a commit"),
            ("drafts/tone", "names a block, not a commit"),
            ("remotes/origin/versions", "entry 1 names a block, not a commit"),
            ("versions", "entry 1 names a block, not a commit"),
        ];
        let expected = expected.map(|(name, problem)| (format!("agents/support/{name}"), problem.to_owned()));
        assert_eq!(found(), expected);
    }
}
