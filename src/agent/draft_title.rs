//! Titles of drafts: free text beside the name, for surfaces on which drafts are called by it. A ref about the
//! record that created the draft, so that renames and edits leave it alone.

use serde_json::Value;

use crate::history::{LogLines, Order};
use crate::log::{Record, RecordId};
use crate::object::ObjectId;
use crate::refs::{Handle, RefName, Target};
use crate::repo::{Operation, Receipt, RepoError};

use super::draft_trail::DraftTrail;
use super::{AgentError, Agents, DraftInfo, config, draft, meta};

/// Longest title of a draft, in characters.
const TITLE_MAX_CHARS: usize = 100;

fn title_ref(id: RecordId) -> RefName {
    RefName::about("titles", &ObjectId::from_digest(id.digest()))
}

impl Agents {
    /// The title of a draft; its name when it has none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn draft_title(&self, agent: &Handle, draft: &DraftInfo) -> Result<String, AgentError> {
        let state = self.repo.backend().read_ref(agent, &title_ref(draft.id)).map_err(RepoError::from)?;
        let Some(id) = state.and_then(|state| state.target).and_then(|target| target.id()) else {
            return Ok(draft.name.to_string());
        };
        let title: Option<String> = serde_json::from_slice(&self.repo.block(&id)?).ok();
        Ok(title.unwrap_or_else(|| draft.name.to_string()))
    }

    /// Gives a draft a title, and the name `to`.
    ///
    /// # Errors
    /// `BadText`; as [`Agents::rename_draft`].
    pub fn entitle_draft(
        &self,
        agent: &Handle,
        name: &Handle,
        to: &Handle,
        title: &str,
    ) -> Result<Receipt, AgentError> {
        if title.trim().is_empty() {
            return Err(AgentError::BadText { what: "name of a draft", reason: "is empty".to_owned() });
        }
        meta::checked_text("name of a draft", title, TITLE_MAX_CHARS)?;
        let intent = self.intent("draft-rename", "");
        let ((), receipt) = self.repo.operate(
            agent,
            &intent,
            |operation| {
                let info = self.draft_in(operation, name, None)?;
                if name != to {
                    let profile = self.profile(&self.repo.commit(&info.commit)?.profile)?;
                    draft::refuse_second_draft(agent, &profile, to)?;
                    if operation.read(&RefName::draft(to))?.is_some() {
                        return Err(AgentError::DraftExists { agent: agent.clone(), draft: to.clone() });
                    }
                    operation.rename_ref(&RefName::draft(name), RefName::draft(to))?;
                }
                write_title(operation, info.id, title)
            },
            |_, _| Ok(Vec::new()),
        )?;
        Ok(receipt)
    }

    /// The version that a draft became which is gone since, by the record that created it.
    ///
    /// # Errors
    /// `NoSuchAgent`, or when the log cannot be read.
    pub fn published_from(
        &self,
        agent: &Handle,
        is_draft: impl Fn(RecordId) -> bool,
    ) -> Result<Option<ObjectId>, AgentError> {
        let lines = LogLines::new(self.repo.backend(), agent, Order::OldestFirst).map_err(RepoError::from)?;
        let lines = lines.ok_or_else(|| AgentError::NoSuchAgent(agent.clone()))?;
        let mut at: Option<RefName> = None;
        let mut became = None;
        for line in lines.containing(DraftTrail::SIEVE) {
            let (id, record) = line.map_err(RepoError::from)?;
            if is_draft(id) {
                let mut born = record.changes.iter().filter(|change| {
                    change.from.is_none() && change.continues.is_none() && change.name.as_draft().is_some()
                });
                at = born.next().map(|change| change.name.clone());
                continue;
            }
            let Some(own) = at.clone() else { continue };
            let goes_on = record.changes.iter().rfind(|change| change.continues.as_ref() == Some(&own));
            if let Some(change) = goes_on {
                (at, became) = (Some(change.name.clone()), None);
            } else if let Some(change) = record.changes.iter().rfind(|change| change.name == own) {
                became = if change.to.is_none() { appended(&record) } else { None };
            }
        }
        Ok(became)
    }
}

fn write_title(operation: &mut Operation<'_>, draft: RecordId, title: &str) -> Result<(), AgentError> {
    let block = config::json_object(&Value::from(title))?;
    let (name, target) = (title_ref(draft), Target::Id(block.id()));
    if operation.target(&name)?.as_ref() != Some(&target) {
        operation.put(block);
        operation.write(name, Some(target), Vec::new())?;
    }
    Ok(())
}

/// The version that an operation published.
pub(super) fn appended(record: &Record) -> Option<ObjectId> {
    let lists = [RefName::versions(), RefName::unpushed()];
    let change = record.changes.iter().find(|change| lists.contains(&change.name))?;
    change.to.as_ref().and_then(Target::id)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::agent::{DraftSource, NewAgent, PublishOptions};
    use crate::clock::{StepClock, Time};
    use crate::disk::SimDisk;
    use crate::object::Author;
    use crate::profile::Profile;
    use crate::repo::Repo;

    fn handle(text: &str) -> Handle {
        text.parse().expect("a handle")
    }

    fn desk() -> (Agents, NewAgent) {
        let clock = Arc::new(StepClock::new(Time::from_ms(1_772_000_000_000).expect("a time"), 1000));
        let repo = Repo::init(Arc::new(SimDisk::new(1)), Path::new("/work"), clock).expect("a store");
        let agents = Agents::new(Arc::new(repo), Author { name: "Ana".to_owned(), email: None }, "test");
        let id = Profile::builtin("atoms").expect("a profile").id();
        let profile = agents.profile(&id).expect("a profile");
        let new = NewAgent { handle: Some(handle("desk")), activate: true, ..NewAgent::of(profile) };
        agents.create(&new).expect("made");
        (agents, new)
    }

    #[test]
    fn a_title_stays_with_the_draft_through_edits_and_renames() {
        let (agents, _) = desk();
        let (desk, name) = (handle("desk"), handle("tone"));
        let draft = agents.new_draft(&desk, &name, &DraftSource::Default).expect("forked").0;
        assert_eq!(agents.draft_title(&desk, &draft).expect("read"), "tone");
        agents.entitle_draft(&desk, &name, &handle("warm"), "Wärmer!").expect("entitled");
        let draft = agents.draft(&desk, &handle("warm")).expect("it is called so");
        assert_eq!(agents.draft_title(&desk, &draft).expect("read"), "Wärmer!");
        agents.rename_draft(&desk, &handle("warm"), &name).expect("renamed");
        let draft = agents.draft(&desk, &name).expect("it is called so");
        assert_eq!(agents.draft_title(&desk, &draft).expect("read"), "Wärmer!");
        let same = agents.entitle_draft(&desk, &name, &name, "Wärmer!").expect("the same");
        assert!(same.operation.is_none(), "{same:?}");
        for bad in [" ".to_owned(), "x".repeat(101)] {
            let refused = agents.entitle_draft(&desk, &name, &name, &bad);
            assert!(matches!(refused, Err(AgentError::BadText { .. })), "{refused:?}");
        }
        agents.new_draft(&desk, &handle("warm"), &DraftSource::Default).expect("forked");
        let refused = agents.entitle_draft(&desk, &name, &handle("warm"), "Warm");
        assert!(matches!(refused, Err(AgentError::DraftExists { .. })), "{refused:?}");
        // Another draft of the same name has no title of its own.
        agents.discard_draft(&desk, &name, None).expect("discarded");
        let other = agents.new_draft(&desk, &name, &DraftSource::Default).expect("forked").0;
        assert_eq!(agents.draft_title(&desk, &other).expect("read"), "tone");
    }

    #[test]
    fn what_a_draft_became_is_found_by_its_id_alone() {
        let (agents, _) = desk();
        let (desk, name) = (handle("desk"), handle("tone"));
        let options = PublishOptions { allow_unchanged: true, ..PublishOptions::default() };
        let fork = || agents.new_draft(&desk, &name, &DraftSource::Default).expect("forked").0.id;
        let became = |draft| agents.published_from(&desk, |id| id == draft).expect("read");
        let first = fork();
        assert_eq!(became(first), None, "it is there");
        agents.rename_draft(&desk, &name, &handle("warm")).expect("renamed");
        let version = agents.publish(&desk, &handle("warm"), &options).expect("published").version;
        assert_eq!(became(first), Some(version));
        // Another one of either name is none of its business.
        let second = fork();
        agents.discard_draft(&desk, &name, None).expect("discarded");
        assert_eq!((became(first), became(second)), (Some(version), None));
        let third = fork();
        let other = agents.publish(&desk, &name, &options).expect("published").version;
        assert_eq!((became(first), became(third)), (Some(version), Some(other)));
        agents.undo(&desk, None).expect("undone");
        assert_eq!(became(third), None, "it is back");
    }

    #[test]
    fn an_id_that_is_taken_is_not_given() {
        let (agents, new) = desk();
        let new = NewAgent { handle: Some(handle("other")), ..new };
        let refused = agents.create_unless(&new, &|_| true);
        assert!(
            matches!(&refused, Err(AgentError::IdTaken(agent)) if agent.as_str() == "other"),
            "{refused:?}"
        );
        assert!(agents.locate(&handle("other")).is_err(), "nothing was made");
        let made = agents.create_unless(&new, &|_| false).expect("made");
        assert_eq!(made.handle.as_str(), "other");
    }
}
