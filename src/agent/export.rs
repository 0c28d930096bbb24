//! Handing configs out: one as a document, and whole histories line by line, in the forms that an
//! import reads. Returns bytes; knows no files.

use std::collections::{HashMap, VecDeque};

use serde_json::{Map, Value};

use crate::encoding::{canonical, json};
use crate::log::{ListEntry, RefState};
use crate::object::{Author, Commit, Entry, EntryKind, ObjectId, Tree};
use crate::refs::{Handle, RefName, Target};
use crate::repo::RepoError;

use super::{AgentError, Agents, Config};

/// Versions looked up at once.
const PAGE: usize = 256;

impl Agents {
    /// All versions of an agent as lines of a history, oldest first: the first with all its blocks, a
    /// later one with those that changed. Importing them under the same profile gives the same commits,
    /// with the labels and bookmarks that they have now.
    ///
    /// # Errors
    /// `NoSuchAgent`; each line may fail by itself, after which there are no more.
    pub fn export_history(&self, agent: &Handle) -> Result<HistoryLines<'_>, AgentError> {
        let meta = self.meta(agent)?;
        let title = (meta.title != agent.as_str()).then_some(meta.title);
        let about = |namespace: &str| -> Result<HashMap<RefName, ObjectId>, AgentError> {
            let refs = self.repo.backend().refs(agent, namespace).map_err(RepoError::from)?;
            let target = |state: &RefState| state.target.as_ref().and_then(Target::id);
            Ok(refs.into_iter().filter_map(|(name, state)| Some((name, target(&state)?))).collect())
        };
        Ok(HistoryLines {
            agents: self,
            agent: agent.clone(),
            title,
            notes: about("notes")?,
            pins: about("pins")?,
            withdrawn: about("withdrawn")?,
            other_ids: Vec::new(),
            number: 0,
            page: VecDeque::new(),
            before: None,
            profile: None,
            failed: false,
        })
    }
}

/// The versions of an agent as lines of a history, each with its newline.
#[derive(Debug)]
pub struct HistoryLines<'a> {
    agents: &'a Agents,
    agent: Handle,
    title: Option<String>,
    /// What is said about versions: labels that were changed, bookmarks, publishings undone.
    notes: HashMap<RefName, ObjectId>,
    pins: HashMap<RefName, ObjectId>,
    withdrawn: HashMap<RefName, ObjectId>,
    /// The numbers of versions that a line does not say all of.
    other_ids: Vec<u64>,
    /// How many versions were handed out.
    number: u64,
    page: VecDeque<ListEntry>,
    /// The version before, and its tree.
    before: Option<(ObjectId, Tree)>,
    /// The profile of the version before, by the name that the line before it gave.
    profile: Option<(ObjectId, String)>,
    failed: bool,
}

impl HistoryLines<'_> {
    /// The numbers of the versions handed out so far that an import gives another id, because a line
    /// has no place for something in their commits.
    pub fn other_ids(&self) -> &[u64] {
        &self.other_ids
    }

    fn next_entry(&mut self) -> Result<Option<ListEntry>, AgentError> {
        if self.page.is_empty() {
            let backend = self.agents.repo.backend();
            let page = backend.list(&self.agent, &RefName::versions(), self.number, PAGE);
            self.page = page.map_err(RepoError::from)?.into();
        }
        Ok(self.page.pop_front())
    }

    fn line(&mut self) -> Result<Option<Vec<u8>>, AgentError> {
        let Some(ListEntry { id, .. }) = self.next_entry()? else { return Ok(None) };
        let commit = self.agents.repo.commit(&id)?;
        let tree = self.agents.repo.tree(&commit.tree)?;
        let mut line = Map::new();
        line.insert("agent".to_owned(), Value::from(self.agent.as_str()));
        line.insert("n".to_owned(), Value::from(self.number + 1));
        line.insert("author".to_owned(), author(&commit.author));
        line.insert("time".to_owned(), Value::from(commit.time.to_string()));
        line.insert("message".to_owned(), Value::from(commit.message.as_str()));
        if self.before.is_none()
            && let Some(title) = &self.title
        {
            line.insert("title".to_owned(), Value::from(title.as_str()));
        }
        self.said(&id, &commit, &mut line)?;
        self.profile(&commit, &mut line)?;
        let mut whole = self.parents(&commit, &mut line)? && commit.ext.is_empty();
        let mut blocks = Map::new();
        match &self.before {
            None => {
                for entry in tree.entries() {
                    let (value, kept) = self.block(entry)?;
                    whole &= kept;
                    blocks.insert(entry.name.to_string(), value);
                }
            }
            Some((_, before)) => {
                let mut deleted = Vec::new();
                for name in before.changed_names(&tree) {
                    match tree.get(name.as_str()) {
                        Some(entry) => {
                            let (value, kept) = self.block(entry)?;
                            whole &= kept;
                            blocks.insert(name.to_string(), value);
                        }
                        None => deleted.push(Value::from(name.as_str())),
                    }
                }
                line.insert("partial".to_owned(), Value::Bool(true));
                if !deleted.is_empty() {
                    line.insert("deleted".to_owned(), Value::Array(deleted));
                }
            }
        }
        line.insert("blocks".to_owned(), Value::Object(blocks));
        self.before = Some((id, tree));
        self.number += 1;
        if !whole {
            self.other_ids.push(self.number);
        }
        let mut bytes = canonical::to_vec(&Value::Object(line));
        bytes.push(b'\n');
        Ok(Some(bytes))
    }

    /// What is said about a version besides its commit.
    fn said(&self, id: &ObjectId, commit: &Commit, line: &mut Map<String, Value>) -> Result<(), AgentError> {
        let note = self.notes.get(&RefName::about("notes", id)).copied();
        let (label, description) = self.agents.words_of(note, commit)?;
        if (label.as_str(), description.as_str()) != (commit.label(), commit.description()) {
            line.insert("label".to_owned(), Value::from(label));
            line.insert("description".to_owned(), Value::from(description));
        }
        for (namespace, refs) in [("pins", &self.pins), ("withdrawn", &self.withdrawn)] {
            if refs.contains_key(&RefName::about(namespace, id)) {
                let key = if namespace == "pins" { "pinned" } else { namespace };
                line.insert(key.to_owned(), Value::Bool(true));
            }
        }
        Ok(())
    }

    /// Names the profile where it is another than the line before says; `generic` is said by silence.
    fn profile(&mut self, commit: &Commit, line: &mut Map<String, Value>) -> Result<(), AgentError> {
        if self.profile.as_ref().is_some_and(|(id, _)| *id == commit.profile) {
            return Ok(());
        }
        let name = self.agents.profile(&commit.profile)?.name().to_owned();
        if self.profile.is_some() || name != "generic" {
            line.insert("profile".to_owned(), Value::from(name.as_str()));
        }
        self.profile = Some((commit.profile, name));
        Ok(())
    }

    /// Names the parents by their numbers where they are not the one version before. Returns whether all
    /// have one.
    fn parents(&self, commit: &Commit, line: &mut Map<String, Value>) -> Result<bool, AgentError> {
        let before: Vec<ObjectId> = self.before.iter().map(|(id, _)| *id).collect();
        if commit.parents == before {
            return Ok(true);
        }
        let mut numbers = Vec::new();
        for parent in &commit.parents {
            // A parent that is no version of this agent has no number to be found by.
            let number = self.agents.number_of(&self.agent, parent)?;
            numbers.extend(number.filter(|number| number.position <= self.number).map(Value::from));
        }
        let whole = numbers.len() == commit.parents.len();
        line.insert("parents".to_owned(), Value::Array(numbers));
        Ok(whole)
    }

    /// A block's content, and whether it reads back as the same: a text that is JSON does not.
    fn block(&self, entry: &Entry) -> Result<(Value, bool), AgentError> {
        let payload = self.agents.repo.block(&entry.id)?;
        let damaged = |reason: String| {
            let source = crate::object::ObjectError::Malformed { kind: "block", reason };
            AgentError::Repo(RepoError::Object { id: entry.id, source })
        };
        let value = match entry.kind {
            EntryKind::Text => {
                String::from_utf8(payload).map(Value::from).map_err(|error| damaged(error.to_string()))?
            }
            EntryKind::Json => json::parse(&payload).map_err(|error| damaged(error.to_string()))?,
            EntryKind::Other(byte) => return Err(damaged(format!("content of unknown kind {byte}"))),
        };
        let reads_back = value.is_string() == (entry.kind == EntryKind::Text);
        Ok((value, reads_back))
    }
}

impl Iterator for HistoryLines<'_> {
    type Item = Result<Vec<u8>, AgentError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let line = self.line();
        self.failed = line.is_err();
        line.transpose()
    }
}

impl Config {
    /// The config as one document, laid out for people: importing it gives the same tree.
    pub fn to_document(&self) -> String {
        canonical::pretty(&self.value)
    }
}

/// An author as text where that reads back the same, else as an object.
fn author(author: &Author) -> Value {
    let plain = author.email.is_some() || !author.name.ends_with('>');
    let reads_back = plain && author.email.as_ref().is_none_or(|email| !email.contains(" <"));
    if reads_back { Value::from(author.to_string()) } else { author.to_value() }
}
