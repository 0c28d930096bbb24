//! Examines a whole store: every stored byte through the backend's audit, then every log, every
//! ref against its log, and every object that history names.

use std::collections::HashSet;

use crate::backend::{BackendError, Fault, Head};
use crate::error::Classify;
use crate::history::{HistoryError, LogLines, Order};
use crate::log::{Record, RefTable, Verifier};
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
    /// Every object met.
    pub(super) objects: HashSet<ObjectId>,
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
        let mut after: Option<Handle> = None;
        loop {
            let page = match self.backend.agents(after.as_ref(), PAGE) {
                Ok(page) => page,
                Err(error) => {
                    seen.incomplete = true;
                    note(&mut report, fault_of(&error));
                    break;
                }
            };
            for agent in &page {
                progress(agent);
                report.agents += 1;
                self.fsck_agent(agent, &mut seen, &mut report);
            }
            match page.last() {
                Some(last) => after = Some(last.clone()),
                None => break,
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
        for fault in faults {
            note(report, fault);
        }
        self.fsck_chains(agent, head, report);
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
            if !seen.objects.insert(id) {
                continue;
            }
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
