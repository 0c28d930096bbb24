//! One document, or one directory of block files, becomes an agent, a draft or a version.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::backend::pages;
use crate::history::Revision;
use crate::object::{Blocks, ObjectId};
use crate::profile::{DraftPolicy, Imported, Profile};
use crate::refs::Handle;
use crate::repo::{Receipt, RepoError};

use crate::agent::draft::only_draft;
use crate::agent::{
    AgentError, Agents, CheckReport, DraftSource, Edit, NewAgent, Number, PublishOptions, Resolved, checks,
    version,
};

/// The draft that an import into an existing agent makes.
const DRAFT: &str = "import";
/// Keys under which a vendor names the agent, the surest first.
const AGENT_KEYS: [&str; 4] = ["agent", "agent_id", "_id", "id"];
/// Agents whose metadata is looked through at once.
const PAGE: usize = 256;

/// How a document is imported.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// The profile; recognised from the document when there is none.
    pub profile: Option<Arc<Profile>>,
    /// The agent; derived from the title when there is none.
    pub handle: Option<Handle>,
    /// The title of a new agent, in place of the document's.
    pub title: Option<String>,
    /// The label of the version that the import publishes.
    pub label: String,
    /// Publishes and activates what was imported.
    pub activate: bool,
    /// Activates although the check failed, for this reason.
    pub override_check: Option<String>,
}

/// A directory of block files, read.
#[derive(Debug, Clone, Default)]
pub struct BlockFiles {
    /// The blocks.
    pub blocks: Blocks,
    /// The title that stands beside them.
    pub title: Option<String>,
    /// The profile that is named beside them.
    pub profile: Option<Arc<Profile>>,
}

/// What became of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportOutcome {
    /// A new agent, with the config as V1.
    Created,
    /// The agent's newest version, or the draft, holds this config already.
    Unchanged,
    /// A draft of an existing agent.
    Draft(Handle),
    /// A version of an existing agent.
    Published(Number),
}

/// What an import did, or in a rehearsal would do.
#[derive(Debug)]
pub struct ImportReport {
    /// The agent.
    pub agent: Handle,
    /// The profile's name.
    pub profile: String,
    /// Whether the profile of a new agent was guessed from its fields or blocks.
    pub guessed: bool,
    /// What became of the document.
    pub outcome: ImportOutcome,
    /// The config's tree.
    pub tree: ObjectId,
    /// The commit that holds the config; none for a draft that is rehearsed.
    pub commit: Option<ObjectId>,
    /// Whether it serves.
    pub active: bool,
    /// What the document held and the config did not take, in order.
    pub dropped: Vec<String>,
    /// What the check of a new version found.
    pub check: Option<CheckReport>,
    /// Whether the draft was made for it.
    pub made_draft: bool,
    /// The last operation; none when there was nothing to do.
    pub receipt: Option<Receipt>,
}

/// A document, read under a profile.
struct Read {
    profile: Arc<Profile>,
    imported: Imported,
    /// Whether nobody named the profile.
    guessed: bool,
}

impl Read {
    fn of(profile: Arc<Profile>, document: &Value, guessed: bool) -> Result<Self, AgentError> {
        let imported =
            profile.unwrap_document(document).map_err(|problems| AgentError::Invalid { problems })?;
        Ok(Self { profile, imported, guessed })
    }
}

impl Agents {
    /// Imports one document: a plain config, or a vendor's answer about an agent or a version. A new
    /// agent gets it as V1; an existing one (of that handle, or with the vendor's id) as the draft
    /// `import`, unless its newest version is the same.
    ///
    /// # Errors
    /// `Invalid` with every problem of the config; as [`Agents::create`], [`Agents::edit`] and
    /// [`Agents::publish`].
    pub fn import_document(
        &self,
        document: &Value,
        options: &ImportOptions,
    ) -> Result<ImportReport, AgentError> {
        let named = match &options.handle {
            Some(handle) => self.repo.backend().locate(handle).map_err(RepoError::from)?,
            None => None,
        };
        let of_agent = named.as_ref().map(|agent| self.profile_of(agent)).transpose()?;
        let profile = match (options.profile.clone(), &of_agent) {
            (Some(profile), _) => profile,
            (None, Some(own)) => {
                // What another platform wrote must not take the place of this agent's draft.
                let guessed = self.profile(&Profile::guess(document).id())?;
                let foreign = guessed.name() != own.name() && guessed.name() != "generic";
                if let Some(agent) = named.as_ref().filter(|_| foreign && own.name() != "generic") {
                    return Err(other_profile(agent, own, &guessed));
                }
                Arc::clone(own)
            }
            (None, None) => self.profile(&Profile::guess(document).id())?,
        };
        let mut read = Read::of(profile, document, options.profile.is_none())?;
        let agent = match named {
            Some(agent) => Some(agent),
            None if options.handle.is_none() => self.with_vendor_id(&read.imported.vendor_ids)?,
            None => None,
        };
        if let Some(agent) = &agent {
            let profile = self.profile_of(agent)?;
            if profile.id() != read.profile.id() {
                if options.profile.is_some() {
                    return Err(other_profile(agent, &profile, &read.profile));
                }
                read = Read::of(profile, document, false)?;
            }
        }
        self.bring(agent.as_ref(), read, options)
    }

    /// The agent that a document is about, by the vendor's id, when no handle says which.
    ///
    /// # Errors
    /// `Invalid` when the document is none of the profile.
    pub fn agent_of_document(
        &self,
        document: &Value,
        profile: Option<Arc<Profile>>,
    ) -> Result<Option<Handle>, AgentError> {
        let profile = match profile {
            Some(profile) => profile,
            None => self.profile(&Profile::guess(document).id())?,
        };
        self.with_vendor_id(&Read::of(profile, document, false)?.imported.vendor_ids)
    }

    /// Imports block files as [`Agents::import_document`] does a document.
    ///
    /// # Errors
    /// As there, and when the blocks do not fit the profile.
    pub fn import_blocks(
        &self,
        files: &BlockFiles,
        options: &ImportOptions,
    ) -> Result<ImportReport, AgentError> {
        let agent = match &options.handle {
            Some(handle) => self.repo.backend().locate(handle).map_err(RepoError::from)?,
            None => None,
        };
        let of_agent = agent.as_ref().map(|agent| self.profile_of(agent)).transpose()?;
        let named = options.profile.clone().or(of_agent).or(files.profile.clone());
        let guessed = named.is_none();
        let profile = match named {
            Some(profile) => profile,
            None => self.profile_for_blocks(&files.blocks)?,
        };
        if let Some(agent) = &agent {
            let own = self.profile_of(agent)?;
            if own.id() != profile.id() {
                return Err(other_profile(agent, &own, &profile));
            }
        }
        let config = profile.join(&files.blocks)?;
        let imported = Imported { title: files.title.clone(), config, ..Imported::default() };
        self.bring(agent.as_ref(), Read { profile, imported, guessed }, options)
    }

    fn profile_of(&self, agent: &Handle) -> Result<Arc<Profile>, AgentError> {
        self.profile(&self.meta(agent)?.profile)
    }

    /// The agent that was imported with the same id of the vendor.
    fn with_vendor_id(&self, ids: &Map<String, Value>) -> Result<Option<Handle>, AgentError> {
        let Some(id) = agent_id(ids) else { return Ok(None) };
        for page in pages(self.repo.backend(), PAGE) {
            for agent in page.map_err(RepoError::from)? {
                if agent_id(&self.meta(&agent)?.vendor_ids) == Some(id) {
                    return Ok(Some(agent));
                }
            }
        }
        Ok(None)
    }

    fn bring(
        &self,
        agent: Option<&Handle>,
        read: Read,
        options: &ImportOptions,
    ) -> Result<ImportReport, AgentError> {
        let problems = read.profile.validate(&read.imported.config);
        if !problems.is_empty() {
            return Err(AgentError::Invalid { problems });
        }
        checks::refuse_masks(&read.imported.config)?;
        version::message(&options.label, "")?;
        match agent {
            Some(agent) => self.import_into(agent, &read, options),
            None => self.import_new(read, options),
        }
    }

    fn import_new(&self, read: Read, options: &ImportOptions) -> Result<ImportReport, AgentError> {
        let Read { profile, imported, guessed } = read;
        let config = self.loose_config(Arc::clone(&profile), &imported.config)?;
        let title = options.title.clone().or(imported.title.clone());
        let mut fields = imported.metadata.clone();
        fields.retain(|key, value| key != "name" || value.as_str() != imported.title.as_deref());
        let description = match fields.remove("description") {
            Some(Value::String(text)) => text,
            Some(other) => {
                fields.insert("description".to_owned(), other);
                String::new()
            }
            None => String::new(),
        };
        let new = NewAgent {
            handle: options.handle.clone(),
            title,
            description,
            config: Some(imported.config),
            label: options.label.clone(),
            activate: options.activate,
            fields,
            vendor_ids: imported.vendor_ids,
            override_check: options.override_check.clone(),
            kind: "import",
            ..NewAgent::of(Arc::clone(&profile))
        };
        let created = self.create(&new)?;
        Ok(ImportReport {
            agent: created.handle,
            profile: profile.name().to_owned(),
            guessed,
            outcome: ImportOutcome::Created,
            tree: config.tree_id,
            commit: Some(created.version),
            active: created.active,
            dropped: imported.dropped,
            check: Some(created.check),
            made_draft: false,
            receipt: Some(created.receipt),
        })
    }

    fn import_into(
        &self,
        agent: &Handle,
        read: &Read,
        options: &ImportOptions,
    ) -> Result<ImportReport, AgentError> {
        let config = self.loose_config(Arc::clone(&read.profile), &read.imported.config)?;
        let latest = match self.resolve_revision(agent, &Revision::Latest) {
            Ok(Resolved::Version(version)) => Some(version),
            Ok(_) | Err(AgentError::NoSuchRevision { .. }) => None,
            Err(error) => return Err(error),
        };
        let mut report = ImportReport {
            agent: agent.clone(),
            profile: read.profile.name().to_owned(),
            guessed: false,
            outcome: ImportOutcome::Unchanged,
            tree: config.tree_id,
            commit: latest.as_ref().map(|version| version.id),
            active: latest.as_ref().is_some_and(|version| version.active),
            dropped: read.imported.dropped.clone(),
            check: None,
            made_draft: false,
            receipt: None,
        };
        if let Some(latest) = &latest {
            let commit = self.repo.commit(&latest.id)?;
            if commit.tree == config.tree_id && commit.profile == read.profile.id() {
                if options.activate && !latest.active {
                    let reason = options.override_check.as_deref();
                    let (_, receipt) = self.activate(agent, &latest.id, reason, None)?;
                    report.receipt = Some(receipt);
                }
                report.active |= options.activate;
                return Ok(report);
            }
        }
        let name = match read.profile.draft_policy() {
            DraftPolicy::One => only_draft(),
            DraftPolicy::Many => DRAFT.parse().expect("a handle"),
        };
        report.commit = None;
        report.active = options.activate;
        report.outcome = ImportOutcome::Draft(name.clone());
        if self.rehearsal {
            report.check = Some(self.check(Some(agent), &config)?);
            if options.activate {
                let position = self.version_count(agent)? + 1;
                report.outcome = ImportOutcome::Published(Number::of(position));
            }
            return Ok(report);
        }
        self.revise_draft(agent, &name, read, &mut report)?;
        if options.activate {
            let publish = PublishOptions {
                label: options.label.clone(),
                activate: true,
                override_check: options.override_check.clone(),
                ..PublishOptions::default()
            };
            let published = self.publish(agent, &name, &publish)?;
            report.outcome = ImportOutcome::Published(published.number);
            report.commit = Some(published.version);
            report.check = Some(published.check);
            report.receipt = Some(published.receipt);
        }
        Ok(report)
    }

    /// Makes the config the draft's next revision; the draft is forked from the newest version when
    /// it is not there yet.
    fn revise_draft(
        &self,
        agent: &Handle,
        name: &Handle,
        read: &Read,
        report: &mut ImportReport,
    ) -> Result<(), AgentError> {
        match self.draft(agent, name) {
            Ok(_) => {}
            Err(AgentError::NoSuchRevision { .. }) => {
                let source = match self.version_count(agent)? {
                    0 => DraftSource::Default,
                    _ => DraftSource::Revision(Revision::Latest),
                };
                self.new_draft(agent, name, &source)?;
                report.made_draft = true;
            }
            Err(error) => return Err(error),
        }
        let edit = Edit::Replace(read.imported.config.clone());
        let (draft, receipt) = self.edit(agent, name, None, &[edit], "imported")?;
        report.commit = Some(draft.commit);
        if receipt.operation.is_none() {
            report.outcome = ImportOutcome::Unchanged;
        }
        report.receipt = Some(receipt);
        Ok(())
    }
}

/// The vendor's id of the agent itself, which a version's answer gives under another key.
fn agent_id(ids: &Map<String, Value>) -> Option<&str> {
    AGENT_KEYS.iter().find_map(|key| ids.get(*key)?.as_str())
}

fn other_profile(agent: &Handle, own: &Profile, other: &Profile) -> AgentError {
    let reason = format!("it has profile '{}', not '{}'", own.name(), other.name());
    AgentError::Import { place: format!("agent '{agent}'"), reason }
}
