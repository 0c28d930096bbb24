//! Conflicts decided, some or all of them: one side, or something else, as the draft's next revision.

use serde_json::Value;

use crate::diff::path::Path;
use crate::encoding::json;
use crate::merge::{self, Choice, Conflict, Dispute, Policies, Record};
use crate::object::{Blocks, Content, EntryKind};
use crate::profile::{Input, Profile};
use crate::refs::Handle;
use crate::repo::Receipt;

use super::super::draft::Revised;
use super::super::{AgentError, Agents, Config, DraftInfo, checks, meta};
use super::combine::brought;
use super::{MergeOptions, conflict_name};

/// What conflicts are decided by.
#[derive(Debug, Clone, PartialEq)]
pub enum Pick {
    /// What one side has, or what both came from. [`Choice::Given`] is the content of one conflict.
    Side(Choice),
    /// A value, as for an edit: the profile says what a text stands for.
    Value(Input),
    /// What a file holds: a text, or JSON where the place in question is JSON. The name is for messages.
    File(String, Vec<u8>),
}

/// Which conflicts are decided, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The field or block: the conflicts there and below. All that are left, where there is none.
    pub path: Option<Path>,
    /// How.
    pub pick: Pick,
}

/// What was decided.
#[derive(Debug)]
pub struct Resolution {
    /// The draft before.
    pub before: DraftInfo,
    /// The draft now.
    pub draft: DraftInfo,
    /// The config before.
    pub old: Config,
    /// The config now.
    pub new: Config,
    /// The places that were decided, in the order of the decisions.
    pub decided: Vec<String>,
    /// What is left to be decided.
    pub left: Option<Record>,
    /// The operation.
    pub receipt: Receipt,
}

impl Agents {
    /// Decides conflicts of a draft, all decisions as one revision.
    ///
    /// # Errors
    /// `NoConflicts` when the draft has none; `NoSuchConflict` for a path at which none waits;
    /// `SeveralConflicts` for a file that could not be the content of all that it is to decide; `Merge`
    /// for content that does not fit; `Invalid` with the problems that the config then has and had not
    /// before, once nothing is left to be decided; `DraftMoved`, `Masked`, `Archived`.
    pub fn decide(
        &self,
        agent: &Handle,
        name: &Handle,
        decisions: &[Decision],
        options: &MergeOptions<'_>,
    ) -> Result<Resolution, AgentError> {
        meta::checked_text("message", options.message, 2000)?;
        let intent = self.intent("resolve", options.message);
        let ((before, old, new, decided, left), receipt) = self.repo.operate(
            agent,
            &intent,
            |operation| {
                if self.meta_in(operation)?.archived {
                    return Err(AgentError::Archived(agent.clone()));
                }
                let draft = self.draft_in(operation, name, options.expected_revision)?;
                let old = self.config(&draft.commit)?;
                let record = self.conflicts(agent, &draft.commit)?.ok_or_else(|| {
                    let (agent, draft) = (agent.clone(), name.clone());
                    AgentError::NoConflicts { agent, draft }
                })?;
                let mut work = Deciding::new(&old, record.conflicts);
                for decision in decisions {
                    work.decide(agent, name, decision)?;
                }
                let Deciding { blocks, left, decided, .. } = work;
                let value = old.profile.join(&blocks)?;
                let problems = brought(&old.profile, &old.value, &value);
                if left.is_empty() && !problems.is_empty() {
                    return Err(AgentError::Invalid { problems });
                }
                checks::refuse_masks(&value)?;
                let new = self.loose_config(old.profile.clone(), &value)?;
                let left = (!left.is_empty()).then_some(Record { conflicts: left, labels: record.labels });
                let revised = Revised {
                    profile: &new.profile,
                    blocks: &new.blocks,
                    parents: None,
                    message: options.message.to_owned(),
                    conflicts: left.clone(),
                };
                self.revise(operation, &draft, &old.tree, revised)?;
                Ok((draft, old, new, decided, left))
            },
            |_, _| Ok(Vec::new()),
        )?;
        let draft = self.draft(agent, name)?;
        Ok(Resolution { before, draft, old, new, decided, left, receipt })
    }
}

/// Decisions being made.
struct Deciding<'a> {
    profile: &'a Profile,
    policies: Policies,
    blocks: Blocks,
    left: Vec<Conflict>,
    decided: Vec<String>,
}

impl<'a> Deciding<'a> {
    fn new(config: &'a Config, conflicts: Vec<Conflict>) -> Self {
        let profile = &config.profile;
        let (policies, blocks) = (profile.merge_policies(), config.blocks.clone());
        Self { profile, policies, blocks, left: conflicts, decided: Vec::new() }
    }

    fn decide(&mut self, agent: &Handle, draft: &Handle, decision: &Decision) -> Result<(), AgentError> {
        let path = decision.path.as_ref();
        let (meant, left): (Vec<Conflict>, Vec<Conflict>) = self
            .left
            .iter()
            .cloned()
            .partition(|one| path.is_none_or(|path| conflict_is_at(self.profile, one, path)));
        if meant.is_empty() {
            let have = self.left.iter().map(|conflict| conflict_name(self.profile, conflict)).collect();
            let path = path.map_or_else(String::new, ToString::to_string);
            return Err(AgentError::NoSuchConflict {
                agent: agent.clone(),
                draft: draft.clone(),
                path,
                have,
            });
        }
        let before = self.blocks.clone();
        match &decision.pick {
            Pick::Side(choice) => self.take(&meant, choice)?,
            Pick::Value(input) => self.set(&meant, path, input)?,
            Pick::File(name, bytes) => self.put(&meant, path, name, bytes)?,
        }
        self.decided.extend(meant.iter().map(|conflict| conflict_name(self.profile, conflict)));
        // A value put over a whole text or list decides what else is in question in it.
        self.left = Vec::with_capacity(left.len());
        for conflict in left {
            match conflict.carried(&before, &self.blocks, &self.policies) {
                Some(conflict) => self.left.push(conflict),
                None => self.decided.push(conflict_name(self.profile, &conflict)),
            }
        }
        Ok(())
    }

    fn take(&mut self, meant: &[Conflict], choice: &Choice) -> Result<(), AgentError> {
        for conflict in meant {
            merge::resolve(&mut self.blocks, conflict, choice, &self.policies)?;
        }
        Ok(())
    }

    fn set(&mut self, meant: &[Conflict], path: Option<&Path>, input: &Input) -> Result<(), AgentError> {
        let Some(path) = path else { return Err(several(meant, self.profile)) };
        if let [conflict] = meant
            && is_exactly(self.profile, conflict, path)
        {
            let given = match (input, &conflict.dispute) {
                (Input::Text(text), _) if self.is_text(conflict) => Some(Content::Text(text.clone())),
                (Input::Json(Value::String(text)), Dispute::Lines(_)) => Some(Content::Text(text.clone())),
                (Input::Json(value), _) => Some(Content::Json(value.clone())),
                // The profile says what it stands for.
                (Input::Text(_), _) => None,
            };
            if let Some(content) = given {
                return self.take(meant, &Choice::Given(content));
            }
        }
        let invalid = |problems| AgentError::Invalid { problems };
        let value = self.profile.join(&self.blocks)?;
        let value = self.profile.set(&value, path, input.clone()).map_err(invalid)?;
        self.blocks = self.profile.split(&value).map_err(invalid)?;
        Ok(())
    }

    /// What a file holds in the place of one conflict, or of a block in which all of them are.
    fn put(
        &mut self,
        meant: &[Conflict],
        path: Option<&Path>,
        name: &str,
        bytes: &[u8],
    ) -> Result<(), AgentError> {
        let content = |text: bool| -> Result<Content, AgentError> {
            let refused = |reason: String| AgentError::Import { place: format!("'{name}'"), reason };
            if text {
                let text = std::str::from_utf8(bytes).map_err(|error| refused(error.to_string()))?;
                return Ok(Content::Text(text.to_owned()));
            }
            json::parse(bytes).map(Content::Json).map_err(|error| refused(error.to_string()))
        };
        let first = &meant[0];
        if let [conflict] = meant
            && path.is_none_or(|path| is_exactly(self.profile, conflict, path))
        {
            return self.take(meant, &Choice::Given(content(self.is_text(first))?));
        }
        let is_block = path.is_some_and(|path| path.to_string() == first.block.as_str());
        if !is_block || meant.iter().any(|conflict| conflict.block != first.block) {
            return Err(several(meant, self.profile));
        }
        let content = content(self.is_text(first))?;
        self.blocks.insert(first.block.clone(), content);
        Ok(())
    }

    /// Whether what is in question is text that stands in a block by itself.
    fn is_text(&self, conflict: &Conflict) -> bool {
        match &conflict.dispute {
            Dispute::Lines(_) => true,
            Dispute::Value { .. } => false,
            Dispute::Block(sides) => {
                let sides = sides.as_ref().into_array().into_iter().flatten();
                let named = self.profile.blocks().iter().find(|spec| spec.name == conflict.block);
                match named {
                    Some(spec) => spec.kind == EntryKind::Text,
                    None => sides.map(Content::kind).next() == Some(EntryKind::Text),
                }
            }
        }
    }
}

/// Whether a conflict is at a field or below it, or in a block of that name.
pub fn conflict_is_at(profile: &Profile, conflict: &Conflict, path: &Path) -> bool {
    let at = profile.config_path(&conflict.block, &conflict.path());
    at.is_some_and(|at| profile.resolve_path(path).is_prefix_of(&at))
        || path.to_string() == conflict.block.as_str()
}

fn is_exactly(profile: &Profile, conflict: &Conflict, path: &Path) -> bool {
    match profile.config_path(&conflict.block, &conflict.path()) {
        Some(at) => at == profile.resolve_path(path),
        None => path.to_string() == conflict.block.as_str(),
    }
}

fn several(meant: &[Conflict], profile: &Profile) -> AgentError {
    let conflicts = meant.iter().map(|conflict| conflict_name(profile, conflict)).collect();
    AgentError::SeveralConflicts { conflicts }
}
