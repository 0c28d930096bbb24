//! Operations that were put together by who uses this store from afar: each is checked as if a stranger had
//! sent it, and completed with what a store adds itself, before it is committed as it came.

use std::collections::HashSet;

use crate::agent::{Agents, Meta};
use crate::backend::{Head, Moved, Transaction};
use crate::log::{Change, Record};
use crate::object::{Author, Object, ObjectId};
use crate::refs::{RefName, Shape, Target};
use crate::repo::Operation;

use super::SyncError;
use super::closure::{self, Known};
use super::intake::Arrived;
use super::mirror::mirrored;
use super::receive::may_travel;

/// How far the clock of who asks may be ahead of the store's, in milliseconds.
const AHEAD_MAX_MS: i64 = 5_000;
/// How far it may be behind, with the time that an operation takes to come, in milliseconds.
const BEHIND_MAX_MS: i64 = 15 * 60 * 1000;

/// What an operation takes to be allowed. Each takes what those before it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Power {
    /// It moves drafts, and what is kept for drafts.
    Edit,
    /// It moves what others see: versions, what serves, notes.
    Publish,
    /// It renames or archives an agent, or accepts findings.
    Administer,
}

/// What became of an operation that was looked at.
#[derive(Debug)]
pub enum Admitted {
    /// It may be committed so by who has that power.
    Ready(Box<Transaction>, Power),
    /// The store moved on since it was put together.
    Moved(Moved),
}

/// Looks at an operation. `actor` is who sent it, where that is known.
///
/// # Errors
/// `Untaken`, `Incomplete`, `Object`, `Mirror`; what the store refuses.
pub fn admit(
    agents: &Agents,
    mut transaction: Transaction,
    actor: Option<&Author>,
) -> Result<Admitted, SyncError> {
    let backend = agents.repo().backend();
    if let Some(remote) = mirrored(agents.repo())? {
        return Err(SyncError::Mirror { remote: remote.name, url: remote.url });
    }
    let head = backend.head(&transaction.agent)?;
    if transaction.creates() {
        if head.is_some() || backend.locate(&transaction.agent)?.is_some() {
            return Ok(Admitted::Moved(Moved::HandleTaken(transaction.agent)));
        }
    } else if head.map(|head| head.record) != transaction.records.first().and_then(|record| record.prev) {
        return Ok(Admitted::Moved(Moved::Head));
    }
    check_records(agents, &transaction, head, actor)?;
    let arrived = complete(agents, &mut transaction)?;
    let versions = versions(agents, &transaction)?;
    let last = transaction.records.last().map(Record::id);
    let (power, derived) = agents.repo().inspect(&transaction, |operation| {
        check_changes(agents, operation, &arrived, &transaction, versions.clone())?;
        check_handle(agents, operation, &transaction)?;
        let power = power(agents, operation, &transaction, &versions, actor)?;
        let derived = match last {
            Some(id) => agents.derive(operation, id)?,
            None => Vec::new(),
        };
        Ok::<_, SyncError>((power, derived))
    })?;
    // What follows from refs and objects is made here, whatever was sent.
    transaction.derived = derived;
    Ok(Admitted::Ready(Box::new(transaction), power))
}

fn refuse<T>(transaction: &Transaction, reason: impl Into<String>) -> Result<T, SyncError> {
    Err(SyncError::Untaken { agent: transaction.agent.clone(), reason: reason.into() })
}

fn changes(transaction: &Transaction) -> impl Iterator<Item = &Change> {
    transaction.records.iter().flat_map(|record| &record.changes)
}

/// Who says that they did what when, and where the records put what they move.
fn check_records(
    agents: &Agents,
    transaction: &Transaction,
    head: Option<Head>,
    actor: Option<&Author>,
) -> Result<(), SyncError> {
    let now = agents.repo().clock().now();
    let any_time = agents.repo().settings()?.get("clock.backwards") == Some("allow");
    let mut last = head.map(|head| head.time);
    for (at, record) in transaction.records.iter().enumerate() {
        if let Some(actor) = actor.filter(|actor| record.actor != **actor) {
            return refuse(transaction, format!("'{}' acts, and the token is of '{actor}'", record.actor));
        }
        if last.is_some_and(|last| record.time < last) {
            return refuse(transaction, "its time is before that of the last operation");
        }
        let ahead_ms = record.time.as_ms() - now.as_ms();
        let follows = last == Some(record.time);
        if !any_time && !follows && !(-BEHIND_MAX_MS..=AHEAD_MAX_MS).contains(&ahead_ms) {
            let (seconds, way) = (ahead_ms.abs() / 1000, if ahead_ms > 0 { "ahead of" } else { "behind" });
            return refuse(transaction, format!("its time is {seconds} s {way} the store's clock"));
        }
        last = Some(record.time);
        let is_last = at + 1 == transaction.records.len();
        if !is_last && record.changes.iter().any(|change| change.name.shape() == Shape::Single) {
            return refuse(transaction, "a ref with one target is moved by another record than the last");
        }
    }
    Ok(())
}

/// Sees that every object is well formed and that all the refs will lead to is there, and adds to the
/// operation what it has to bring besides.
fn complete(agents: &Agents, transaction: &mut Transaction) -> Result<Arrived, SyncError> {
    let repo = agents.repo();
    let ids: HashSet<ObjectId> = transaction.objects.iter().map(Object::id).collect();
    for object in &transaction.objects {
        closure::links(&object.id(), object)?;
    }
    if let Some(staged) = &transaction.staged {
        repo.backend().near(&[], staged);
        repo.backend().stage(&[])?;
    }
    let mut arrived = Arrived::of(&transaction.objects, transaction.staged.clone());
    let target = |change: &Change| change.to.as_ref().and_then(Target::id);
    let mut wants: Vec<ObjectId> = changes(transaction).filter_map(target).collect();
    for id in changes(transaction).filter(|change| change.name == RefName::meta()).filter_map(target) {
        let meta = arrived.object(repo, &id)?.ok_or(SyncError::Incomplete(id))?;
        wants.extend(agents.profile_in(&meta.payload));
    }
    let known = Known::new(HashSet::new(), || listed(agents, transaction, &RefName::versions()));
    let brought = arrived.complete(repo, &transaction.agent, &wants, &known)?;
    drop(known);
    for id in brought.iter().filter(|id| !ids.contains(id)) {
        let object = arrived.object(repo, id)?.ok_or(SyncError::Incomplete(*id))?;
        transaction.objects.push(Object::clone(&object));
    }
    transaction.staged = arrived.staged().cloned();
    Ok(arrived)
}

/// What a list has before the operation.
fn listed(
    agents: &Agents,
    transaction: &Transaction,
    list: &RefName,
) -> Result<HashSet<ObjectId>, SyncError> {
    if transaction.creates() {
        return Ok(HashSet::new());
    }
    let entries = agents.repo().backend().list(&transaction.agent, list, 0, usize::MAX)?;
    Ok(entries.iter().map(|entry| entry.id).collect())
}

/// The versions before the operation, where it has to do with them.
fn versions(agents: &Agents, transaction: &Transaction) -> Result<HashSet<ObjectId>, SyncError> {
    if changes(transaction).all(|change| change.name.as_draft().is_some()) {
        return Ok(HashSet::new());
    }
    let mut versions = listed(agents, transaction, &RefName::versions())?;
    versions.extend(listed(agents, transaction, &RefName::unpushed())?);
    Ok(versions)
}

/// Sees that each ref is moved to what it may name.
fn check_changes(
    agents: &Agents,
    operation: &mut Operation<'_>,
    arrived: &Arrived,
    transaction: &Transaction,
    mut versions: HashSet<ObjectId>,
) -> Result<(), SyncError> {
    let numbered = listed(agents, transaction, &RefName::versions())?;
    let mut appended: HashSet<ObjectId> = HashSet::new();
    for change in changes(transaction).filter(|change| may_travel(&change.name)) {
        if let Some(reason) = arrived.refuses(agents, &change.name, change.to.as_ref())? {
            return refuse(transaction, format!("of '{}' {reason}", change.name));
        }
        let appends = change.name == RefName::versions();
        let Some(id) = change.to.as_ref().and_then(Target::id).filter(|_| appends) else { continue };
        if numbered.contains(&id) || !appended.insert(id) {
            return refuse(transaction, "a version has one number");
        }
    }
    versions.extend(appended);
    let unpushed = changes(transaction).filter(|change| change.name == RefName::unpushed());
    versions.extend(unpushed.filter_map(|change| change.to.as_ref().and_then(Target::id)));
    for change in changes(transaction) {
        let serves = change.name == RefName::active() || change.name.split().0 == Some("environments");
        let Some(id) = change.to.as_ref().and_then(Target::id).filter(|_| serves) else { continue };
        let withdrawn = operation.current(&RefName::about("withdrawn", &id))?.is_some();
        if withdrawn || !versions.contains(&id) {
            let (agent, name) = (transaction.agent.clone(), change.name.clone());
            return Err(SyncError::NoVersion { agent, name });
        }
    }
    Ok(())
}

/// Sees that an agent is found under the handle that its metadata says.
fn check_handle(
    agents: &Agents,
    operation: &mut Operation<'_>,
    transaction: &Transaction,
) -> Result<(), SyncError> {
    let moves = changes(transaction).any(|change| change.name == RefName::meta());
    if !moves && transaction.rename_to.is_none() {
        return Ok(());
    }
    let handle = transaction.rename_to.as_ref().unwrap_or(&transaction.agent);
    match meta_after(agents, operation)? {
        Some(meta) if meta.handle == *handle => Ok(()),
        _ => refuse(transaction, format!("its metadata does not call it '{handle}'")),
    }
}

/// The metadata after the operation.
fn meta_after(agents: &Agents, operation: &mut Operation<'_>) -> Result<Option<Meta>, SyncError> {
    let Some(id) = operation.current(&RefName::meta())?.and_then(|target| target.id()) else {
        return Ok(None);
    };
    if let Some(meta) = operation.brought(&id) {
        return Ok(agents.meta_of_block(&meta.payload));
    }
    let meta = agents.repo().object(&id)?;
    Ok(meta.and_then(|meta| agents.meta_of_block(&meta.payload)))
}

/// What power an operation takes.
fn power(
    agents: &Agents,
    operation: &mut Operation<'_>,
    transaction: &Transaction,
    versions: &HashSet<ObjectId>,
    who: Option<&Author>,
) -> Result<Power, SyncError> {
    let all: Vec<Change> = changes(transaction).cloned().collect();
    let archives = !transaction.creates() && archives(agents, operation, &all)?;
    // What publishes a draft ends it, whoever wrote it.
    let publishes = all.iter().any(|change| change.name == RefName::versions());
    let discards = !publishes && ends_anothers_draft(agents, operation, &all, who)?.is_some();
    if archives || discards || transaction.rename_to.is_some() {
        return Ok(Power::Administer);
    }
    let more = transaction.creates() || !transaction.chains.is_empty();
    let least = if more { Power::Publish } else { Power::Edit };
    Ok(all.iter().map(|change| power_over(&change.name, versions)).fold(least, Power::max))
}

/// Whether changes of an agent that is there archive it, or take it into use again.
pub(super) fn archives(
    agents: &Agents,
    operation: &mut Operation<'_>,
    changes: &[Change],
) -> Result<bool, SyncError> {
    if !changes.iter().any(|change| change.name == RefName::meta()) {
        return Ok(false);
    }
    let before = agents.meta(operation.agent())?;
    Ok(meta_after(agents, operation)?.is_none_or(|after| after.archived != before.archived))
}

/// The first draft that changes end, and do not give another name, though another than `who` edited it last.
pub(super) fn ends_anothers_draft(
    agents: &Agents,
    operation: &Operation<'_>,
    changes: &[Change],
    who: Option<&Author>,
) -> Result<Option<RefName>, SyncError> {
    for ended in changes.iter().filter(|change| change.to.is_none()) {
        let Some(name) = ended.name.as_draft() else { continue };
        let there = agents.repo().backend().read_ref(operation.agent(), &ended.name)?;
        if there.is_none() {
            continue;
        }
        let draft = agents.draft(operation.agent(), &name)?;
        let same = Some(Target::Id(draft.commit));
        let is_renamed = changes.iter().any(|other| other.to == same && other.name.as_draft().is_some());
        if !is_renamed && Some(&draft.author) != who {
            return Ok(Some(ended.name.clone()));
        }
    }
    Ok(None)
}

/// What it takes to move a ref.
pub(super) fn power_over(name: &RefName, versions: &HashSet<ObjectId>) -> Power {
    match name.split() {
        (None, "accepted") => Power::Administer,
        (Some("drafts" | "checkpoints" | "conflicts" | "titles"), _) => Power::Edit,
        // A check of what is no version (yet) serves who edits.
        (Some("checks"), about) if about.parse().is_ok_and(|id| !versions.contains(&id)) => Power::Edit,
        _ => Power::Publish,
    }
}
