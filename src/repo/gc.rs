//! Puts objects into packs: which, and in what order. How that is done without losing one is the backend's
//! matter. Remembers ids, never payloads.

use std::collections::{BTreeMap, HashSet};

use crate::backend::{Repacked, StoredAs, pages};
use crate::history::{LogLines, Order as LogOrder};
use crate::log::{Change, Record};
use crate::object::{Commit, Kind, ObjectId, Tree};
use crate::pack::order::{Order, Step};
use crate::refs::{Handle, Target};

use super::{Repo, RepoError};

/// How many agents are listed at once.
const PAGE: usize = 256;
/// More packs than this are made one.
const PACKS_MAX: usize = 8;

/// What a gc is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GcOptions {
    /// Whether all packs are made one, however few they are.
    pub all: bool,
    /// Whether only to say what would be done.
    pub dry_run: bool,
}

/// What a store's objects are and take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Objects, each counted once.
    pub objects: u64,
    /// Files of loose objects.
    pub loose: u64,
    /// Packs.
    pub packs: u64,
    /// What all these files hold, in bytes.
    pub size_bytes: u64,
}

/// What a gc did, or would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GcReport {
    /// What there was.
    pub before: Holdings,
    /// What there is; `None` when nothing was to be done but to say what would be.
    pub after: Option<Holdings>,
    /// Objects that are put into the new pack.
    pub packed: u64,
    /// What the backend did.
    pub repacked: Repacked,
}

/// Objects by id, as the store holds them.
#[derive(Default)]
struct Stored {
    loose: HashSet<ObjectId>,
    packed: HashSet<ObjectId>,
    holdings: Holdings,
}

impl Repo {
    /// Puts loose objects that the logs lead to into a new pack, and makes one of all packs when there are
    /// many. No object is ever dropped: what nothing leads to stays as it is. Others may use the store all
    /// the while. `progress` is told each agent before its history is read.
    ///
    /// # Errors
    /// `GcRuns` when another process is at it; when an object is damaged or the disk refuses, and then nothing
    /// was removed.
    pub fn gc(&self, options: GcOptions, progress: &mut dyn FnMut(&Handle)) -> Result<GcReport, RepoError> {
        let stored = self.stored()?;
        let before = stored.holdings;
        let consolidates = options.all || usize::try_from(before.packs).unwrap_or(usize::MAX) > PACKS_MAX;
        let steps = self.gc_order(stored, consolidates, progress)?;
        let packed = steps.len() as u64;
        if options.dry_run {
            return Ok(GcReport { before, after: None, packed, repacked: Repacked::default() });
        }
        let repacked = self.backend.repack(&mut steps.into_iter())?;
        let after = Some(self.stored()?.holdings);
        Ok(GcReport { before, after, packed, repacked })
    }

    fn stored(&self) -> Result<Stored, RepoError> {
        let mut stored = Stored::default();
        self.backend.stored(&mut |id, how| match how {
            StoredAs::Loose { size_bytes } => {
                stored.holdings.size_bytes += size_bytes;
                stored.loose.insert(id);
            }
            StoredAs::Packed(_) => {
                stored.packed.insert(id);
            }
        })?;
        let packs = self.backend.packs()?;
        let both = stored.loose.iter().filter(|id| stored.packed.contains(id)).count();
        let Holdings { objects, loose, packs: kept, size_bytes } = &mut stored.holdings;
        *objects = (stored.loose.len() + stored.packed.len() - both) as u64;
        *loose = stored.loose.len() as u64;
        *kept = packs.len() as u64;
        *size_bytes += packs.iter().map(|pack| pack.size_bytes).sum::<u64>();
        Ok(stored)
    }

    /// What is to be put into a pack, in order.
    fn gc_order(
        &self,
        stored: Stored,
        consolidates: bool,
        progress: &mut dyn FnMut(&Handle),
    ) -> Result<Vec<Step>, RepoError> {
        let Stored { mut loose, packed, .. } = stored;
        let mut gathering = if consolidates {
            loose.extend(&packed);
            Gathering { wanted: loose, seen: HashSet::new(), order: Order::new(), steps: Vec::new() }
        } else {
            loose.retain(|id| !packed.contains(id));
            // What is in a pack was put there with all that it leads to.
            Gathering { wanted: loose, seen: packed.clone(), order: Order::new(), steps: Vec::new() }
        };
        if gathering.wanted.is_empty() {
            return Ok(Vec::new());
        }
        for page in pages(self.backend(), PAGE) {
            for agent in &page? {
                progress(agent);
                self.gather_agent(agent, &mut gathering)?;
            }
        }
        if consolidates {
            // Of a pack, what nothing leads to has to go along: else the pack could not be removed.
            let mut rest: Vec<ObjectId> = packed.into_iter().collect();
            rest.sort_unstable();
            for id in rest {
                gathering.add("", &[id]);
            }
        }
        Ok(gathering.steps)
    }

    /// All that an agent's log leads to, series by series.
    fn gather_agent(&self, agent: &Handle, gathering: &mut Gathering) -> Result<(), RepoError> {
        let Some(mut lines) = LogLines::new(self.backend(), agent, LogOrder::OldestFirst)? else {
            return Ok(());
        };
        let mut series = BTreeMap::new();
        while let Some(line) = lines.next_line()? {
            let (_, record) = Record::from_line_unchecked(&line)
                .map_err(|source| crate::history::HistoryError::Damaged { agent: agent.clone(), source })?;
            for change in &record.changes {
                self.gather_change(change, &mut series, gathering)?;
            }
        }
        for (name, oldest_first) in &series {
            gathering.add(name, oldest_first);
        }
        Ok(())
    }

    fn gather_change(
        &self,
        change: &Change,
        series: &mut BTreeMap<String, Vec<ObjectId>>,
        gathering: &mut Gathering,
    ) -> Result<(), RepoError> {
        let targets = [&change.from, &change.to].into_iter().flatten();
        let mut open: Vec<ObjectId> = targets.rev().filter_map(Target::id).collect();
        while let Some(id) = open.pop() {
            if !gathering.seen.insert(id) {
                continue;
            }
            // What is missing is for fsck to name.
            let Some(object) = self.backend.object(&id)? else { continue };
            let malformed = |source| RepoError::Object { id, source };
            match object.kind {
                Kind::Commit => {
                    let commit = Commit::from_payload(&object.payload).map_err(malformed)?;
                    series.entry("commits".to_owned()).or_default().push(id);
                    if gathering.seen.insert(commit.profile) {
                        series.entry("profiles".to_owned()).or_default().push(commit.profile);
                    }
                    open.extend(commit.parents);
                    open.push(commit.tree);
                }
                Kind::Tree => {
                    let tree = Tree::from_payload(&object.payload).map_err(malformed)?;
                    series.entry("trees".to_owned()).or_default().push(id);
                    for entry in tree.entries().iter().filter(|entry| gathering.seen.insert(entry.id)) {
                        series.entry(format!("block {}", entry.name)).or_default().push(entry.id);
                    }
                }
                Kind::Block => {
                    let name = change.name.split().0.unwrap_or(change.name.as_str());
                    series.entry(format!("ref {name}")).or_default().push(id);
                }
            }
        }
        Ok(())
    }
}

/// The order as it is put together.
struct Gathering {
    /// What is to be put into the pack, where it is met.
    wanted: HashSet<ObjectId>,
    /// What was met, or need not be looked at.
    seen: HashSet<ObjectId>,
    order: Order,
    steps: Vec<Step>,
}

impl Gathering {
    fn add(&mut self, name: &str, oldest_first: &[ObjectId]) {
        let steps = self.order.series(name, oldest_first);
        self.steps.extend(steps.into_iter().filter(|step| self.wanted.contains(&step.id)));
    }
}
