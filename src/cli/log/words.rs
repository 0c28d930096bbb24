//! What an operation moved, in words: `ACTIVE V3 -> V4`, `published V4 'Kinder'`,
//! `draft tone r3 [voice]`.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::agent::{AgentError, Agents, ENVIRONMENTS, LogEntry};
use crate::encoding::json as strict;
use crate::log::{Change, Record};
use crate::object::{BlockName, ObjectId};
use crate::refs::{Handle, RefName, Target};
use crate::repo::RepoError;

use super::super::count::count;
use super::super::error::CliError;
use super::super::numbers::Numbers;

/// Most versions of one operation that are named one by one.
const NAMED_ONE_BY_ONE_MAX: usize = 3;
/// Agents whose version numbers are kept at hand.
const AGENTS_KEPT: usize = 64;
/// Blocks of a change that are named.
const BLOCKS_SHOWN: usize = 6;

/// Puts operations into words; remembers what it needs from one to the next.
#[derive(Debug)]
pub(in crate::cli) struct Teller<'a> {
    agents: &'a Agents,
    numbers: HashMap<Handle, Numbers<'a>>,
    /// The revision of each draft at the point of the log that was reached, where every operation
    /// on drafts is told, newest first: only then can they be counted.
    revisions: Option<HashMap<(Handle, Handle), u64>>,
}

impl<'a> Teller<'a> {
    /// A teller of operations; `is_whole` when none on drafts is left out, newest first.
    pub(in crate::cli) fn new(agents: &'a Agents, is_whole: bool) -> Self {
        Self { agents, numbers: HashMap::new(), revisions: is_whole.then(HashMap::new) }
    }

    fn numbers(&mut self, agent: &Handle) -> Result<&mut Numbers<'a>, CliError> {
        if !self.numbers.contains_key(agent) {
            if self.numbers.len() >= AGENTS_KEPT {
                self.numbers.clear();
            }
            self.numbers.insert(agent.clone(), Numbers::of(self.agents, agent.clone())?);
        }
        Ok(self.numbers.get_mut(agent).expect("it was put there"))
    }

    fn named(&mut self, agent: &Handle, target: Option<&Target>) -> Result<String, CliError> {
        match target {
            None => Ok("none".to_owned()),
            Some(Target::Ref(name)) => Ok(name.to_string()),
            Some(Target::Id(id)) => self.numbers(agent)?.name(id),
        }
    }

    fn label(&self, id: &ObjectId) -> Result<String, CliError> {
        Ok(self.agents.repo().commit(id)?.label().to_owned())
    }

    /// What an operation moved: a phrase for each ref that says something by itself.
    pub(in crate::cli) fn phrases(
        &mut self,
        agent: &Handle,
        entry: &LogEntry,
    ) -> Result<Vec<String>, CliError> {
        let versions = RefName::versions();
        let list: Vec<&Change> =
            entry.record.changes.iter().filter(|change| change.name == versions).collect();
        let mut phrases = Vec::new();
        // A history comes in by hundreds of versions at once: they are named by the first and the last.
        if let [first, .., last] = list.as_slice()
            && list.len() > NAMED_ONE_BY_ONE_MAX
        {
            let (from, to) = (self.named(agent, first.to.as_ref())?, self.named(agent, last.to.as_ref())?);
            phrases.push(format!("imported {from} to {to} ({} versions)", list.len()));
        }
        for change in &entry.record.changes {
            let named = change.name != versions || list.len() <= NAMED_ONE_BY_ONE_MAX;
            let idle = change.from.is_none() && change.to.is_none();
            if named && !idle {
                phrases.extend(self.phrase(agent, entry, change)?);
            }
        }
        Ok(phrases)
    }

    fn phrase(
        &mut self,
        agent: &Handle,
        entry: &LogEntry,
        change: &Change,
    ) -> Result<Option<String>, CliError> {
        let to = change.to.as_ref();
        let (namespace, last) = change.name.split();
        let about = last.parse::<ObjectId>().ok();
        Ok(match (namespace, about) {
            (None, _) if change.name == RefName::versions() => {
                let Some(id) = to.and_then(Target::id) else { return Ok(None) };
                let (name, label) = (self.named(agent, to)?, quoted(&self.label(&id)?));
                let verb = if entry.record.kind == "import" { "imported" } else { "published" };
                Some(format!("{verb} {name}{label}"))
            }
            (None, _) if change.name == RefName::meta() => self.metadata(change)?,
            (Some("drafts"), None) => self.draft(agent, entry, change)?,
            (Some("notes"), Some(id)) => {
                let label = self.noted_label(change)?.unwrap_or_default();
                Some(format!("{} relabelled{}", self.numbers(agent)?.name(&id)?, quoted(&label)))
            }
            (Some("pins"), Some(id)) => {
                let verb = if to.is_some() { "pinned" } else { "unpinned" };
                Some(format!("{} {verb}", self.numbers(agent)?.name(&id)?))
            }
            (Some("withdrawn"), Some(id)) => {
                let verb = if to.is_some() { "withdrawn" } else { "no longer withdrawn" };
                Some(format!("{} {verb}", self.numbers(agent)?.name(&id)?))
            }
            (Some("checks"), Some(id)) => {
                let Some(state) = self.block_field(change, "status")? else { return Ok(None) };
                // A check that passed is worth no word where the version itself is new.
                let is_new = entry.record.changes.iter().any(|other| other.name == RefName::versions());
                let name = self.numbers(agent)?.name(&id)?;
                (!is_new || state != "passed").then(|| format!("check of {name}: {state}"))
            }
            (Some("conflicts"), Some(_)) => {
                let Some(id) = to.and_then(Target::id) else { return Ok(None) };
                let record = strict::parse(&self.agents.repo().block(&id)?).unwrap_or_default();
                let waiting = record.get("conflicts").and_then(Value::as_array).map_or(0, Vec::len);
                Some(format!("{} to decide", count(waiting as u64, "conflict")))
            }
            (Some("titles"), Some(_)) => {
                let Some(id) = to.and_then(Target::id) else { return Ok(None) };
                let title = strict::parse(&self.agents.repo().block(&id)?).unwrap_or_default();
                title.as_str().map(|title| format!("draft titled{}", quoted(title)))
            }
            (Some(ENVIRONMENTS), None) => {
                let (from, to) = (self.named(agent, change.from.as_ref())?, self.named(agent, to)?);
                Some(format!("environment {last} {from} -> {to}"))
            }
            (Some("checkpoints"), Some(id)) if to.is_some() => {
                Some(format!("checkpoint {}{}", id.short(), quoted(&self.label(&id)?)))
            }
            _ => {
                let (from, to) = (self.named(agent, change.from.as_ref())?, self.named(agent, to)?);
                Some(format!("{} {from} -> {to}", change.name))
            }
        })
    }

    fn block_field(&self, change: &Change, key: &str) -> Result<Option<String>, CliError> {
        let Some(id) = change.to.as_ref().and_then(Target::id) else { return Ok(None) };
        let value = strict::parse(&self.agents.repo().block(&id)?).unwrap_or_default();
        Ok(value.get(key).and_then(Value::as_str).map(str::to_owned))
    }

    fn noted_label(&self, change: &Change) -> Result<Option<String>, CliError> {
        self.block_field(change, "label")
    }

    /// The fields of the metadata that changed; nothing for an agent that is new.
    fn metadata(&self, change: &Change) -> Result<Option<String>, CliError> {
        let read = |target: Option<&Target>| -> Result<Option<Map<String, Value>>, CliError> {
            let Some(id) = target.and_then(Target::id) else { return Ok(None) };
            match strict::parse(&self.agents.repo().block(&id)?) {
                Ok(Value::Object(map)) => Ok(Some(map)),
                _ => Ok(None),
            }
        };
        let (Some(old), Some(new)) = (read(change.from.as_ref())?, read(change.to.as_ref())?) else {
            return Ok(None);
        };
        if old.get("handle") != new.get("handle") {
            let handle = |map: &Map<String, Value>| map["handle"].as_str().unwrap_or_default().to_owned();
            return Ok(Some(format!("renamed {} -> {}", handle(&old), handle(&new))));
        }
        let mut keys: Vec<&String> =
            old.keys().chain(new.keys()).filter(|key| old.get(*key) != new.get(*key)).collect();
        keys.sort();
        keys.dedup();
        let names: Vec<&str> = keys.into_iter().map(String::as_str).collect();
        Ok(Some(match names.as_slice() {
            ["archived"] if new.contains_key("archived") => "archived".to_owned(),
            ["archived"] => "no longer archived".to_owned(),
            names => format!("metadata [{}]", names.join(", ")),
        }))
    }

    fn draft(
        &mut self,
        agent: &Handle,
        entry: &LogEntry,
        change: &Change,
    ) -> Result<Option<String>, CliError> {
        let Some(name) = change.name.as_draft() else { return Ok(None) };
        let record = &entry.record;
        if change.to.is_none() {
            // The name under which it goes on says so.
            let verb = if record.kind == "draft-discard" { "discarded" } else { "gone" };
            return Ok((!renamed(record, change)).then(|| format!("draft {name} {verb}")));
        }
        let revision = self.revision(agent, &name, entry, change)?;
        let revision = revision.map_or_else(String::new, |revision| format!(" r{revision}"));
        Ok(Some(match (&change.continues, &change.from) {
            (None, _) if change.resumes.is_some() => format!("draft {name}{revision} is back"),
            (Some(old), _) => format!("draft {} renamed to {name}", old.split().1),
            (None, None) => format!("draft {name}{revision} made"),
            (None, Some(_)) => format!("draft {name}{revision}{}", blocks(&change.blocks)),
        }))
    }

    /// The revision of a draft that a change made, where it can be told.
    fn revision(
        &mut self,
        agent: &Handle,
        name: &Handle,
        entry: &LogEntry,
        change: &Change,
    ) -> Result<Option<u64>, CliError> {
        let Some(revisions) = &mut self.revisions else { return Ok(None) };
        let key = (agent.clone(), name.clone());
        let revision = if let Some(revision) = revisions.remove(&key) {
            revision
        } else {
            let state = self.agents.repo().backend().read_ref(agent, &change.name);
            let state = state.map_err(|error| AgentError::from(RepoError::from(error)))?;
            let Some(state) = state.filter(|state| state.moved == entry.id) else { return Ok(None) };
            state.revision
        };
        let before = change.continues.as_ref().map_or(Some(name.clone()), RefName::as_draft);
        if let (Some(before), true) = (before, revision > 1) {
            revisions.insert((agent.clone(), before), revision - 1);
        }
        Ok(Some(revision))
    }

    /// An operation in JSON: `docs/reference/json/log.json`.
    pub(super) fn value(&mut self, agent: &Handle, entry: &LogEntry) -> Result<Value, CliError> {
        let record = &entry.record;
        let moved = self.phrases(agent, entry)?;
        let mut changes = Vec::with_capacity(record.changes.len());
        for change in &record.changes {
            changes.push(self.change_value(agent, change)?);
        }
        Ok(json!({
            "agent": agent.as_str(),
            "id": entry.id.to_string(),
            "time": record.time.to_string(),
            "kind": record.kind,
            "actor": record.actor.to_value(),
            "via": record.via,
            "note": record.note,
            "moved": moved,
            "changes": changes,
        }))
    }

    fn change_value(&mut self, agent: &Handle, change: &Change) -> Result<Value, CliError> {
        let target = |target: &Option<Target>| target.as_ref().map(ToString::to_string);
        let blocks: Vec<&str> = change.blocks.iter().map(BlockName::as_str).collect();
        let mut value = json!({
            "ref": change.name.as_str(),
            "from": target(&change.from),
            "to": target(&change.to),
            "blocks": blocks,
        });
        if let Some(old) = &change.continues {
            value["continues"] = old.as_str().into();
        }
        let is_of_versions = change.name == RefName::active() || change.name == RefName::versions();
        if is_of_versions {
            for (key, target) in [("from_version", &change.from), ("to_version", &change.to)] {
                if let Some(id) = target.as_ref().and_then(Target::id)
                    && let Some(number) = self.numbers(agent)?.number(&id)?
                {
                    value[key] = number.into();
                }
            }
        }
        Ok(value)
    }
}

/// Whether another change of the record carries this one's ref on under another name.
fn renamed(record: &Record, change: &Change) -> bool {
    record.changes.iter().any(|other| other.continues.as_ref() == Some(&change.name))
}

fn quoted(label: &str) -> String {
    if label.is_empty() { String::new() } else { format!(" '{label}'") }
}

fn blocks(names: &[BlockName]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let mut shown: Vec<String> = names.iter().take(BLOCKS_SHOWN).map(ToString::to_string).collect();
    if names.len() > BLOCKS_SHOWN {
        shown.push(format!("{} more", names.len() - BLOCKS_SHOWN));
    }
    format!(" [{}]", shown.join(", "))
}
