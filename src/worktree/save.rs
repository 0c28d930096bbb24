//! Saving edited files as the draft's next revision.

use crate::agent::{AgentError, Config, DraftInfo, Edit};
use crate::object::{BlockName, EntryKind};
use crate::profile::{Problem, Profile};
use crate::refs::Handle;
use crate::repo::Receipt;

use super::index::{files_of, looks};
use super::layout::{block_of, file_name};
use super::scan::Scan;
use super::status::Examined;
use super::{
    AGENTS_DIR, Conflict, Fault, FileState, MovedDraft, Switch, Worktree, WorktreeError, place, shown,
};

/// What a save did.
#[derive(Debug)]
pub struct Saved {
    /// The agent's handle.
    pub agent: Handle,
    /// The draft.
    pub draft: DraftInfo,
    /// The files that were saved; none when nothing was edited.
    pub files: Vec<String>,
    /// The revision before.
    pub before: u64,
    /// The operation; none when nothing was edited.
    pub receipt: Option<Receipt>,
}

impl Worktree<'_> {
    /// Records the edited files as the draft's next revision, all of them as one operation.
    ///
    /// # Errors
    /// `Invalid` with every problem of every file, with line and column; `Moved` when somebody else
    /// saved the draft since, `DraftGone`, `Switched`. Nothing is saved then.
    pub fn save(&self, agent: &Handle, message: &str) -> Result<Saved, WorktreeError> {
        let _lock = self.lock()?;
        let examined = self.examine(agent)?;
        let (edits, files, draft) = self.edits_of(agent, &examined)?;
        let before = draft.revision;
        if edits.is_empty() {
            self.write_back(agent, &examined, &draft)?;
            return Ok(Saved { agent: examined.agent, draft, files, before, receipt: None });
        }
        let saved = self.agents.edit(&examined.agent, &draft.name, Some(before), &edits, message);
        let (draft, receipt) = match saved {
            Ok(saved) => saved,
            Err(AgentError::DraftMoved { .. }) => {
                let again = self.examine(agent)?;
                return Err(self.moved_error(&again, files)?);
            }
            Err(error) => return Err(self.explain(agent, &examined, error)),
        };
        self.write_back(agent, &examined, &draft)?;
        Ok(Saved { agent: examined.agent, draft, files, before, receipt: Some(receipt) })
    }

    /// What the files say, as a config, beside the draft that they would be saved to.
    ///
    /// # Errors
    /// As [`Self::save`].
    pub fn config(&self, agent: &Handle) -> Result<(DraftInfo, Config), WorktreeError> {
        let examined = self.examine(agent)?;
        let (edits, _, draft) = self.edits_of(agent, &examined)?;
        let config = self.agents.config(&draft.commit)?;
        match self.agents.edited(&config, &edits) {
            Ok(config) => Ok((draft, config)),
            Err(error) => Err(self.explain(agent, &examined, error)),
        }
    }

    /// The edits of the files, the files, and the draft, which is as it was checked out.
    fn edits_of(
        &self,
        agent: &Handle,
        examined: &Examined,
    ) -> Result<(Vec<Edit>, Vec<String>, DraftInfo), WorktreeError> {
        let faults: Vec<Fault> = examined.changes.iter().filter_map(|file| file.fault.clone()).collect();
        if !faults.is_empty() {
            return Err(WorktreeError::Invalid { agent: agent.clone(), faults });
        }
        Self::refuse_switched(agent, examined)?;
        let mut edits = Vec::new();
        let mut files = Vec::new();
        for change in examined.edits() {
            edits.push(Self::edit_of(agent, examined, change)?);
            files.push(change.file.clone());
        }
        match self.unmoved(examined)? {
            Some(draft) => Ok((edits, files, draft)),
            None => Err(self.moved_error(examined, files)?),
        }
    }

    fn edit_of(agent: &Handle, examined: &Examined, change: &super::WorkFile) -> Result<Edit, WorktreeError> {
        let fault = |message: &str| WorktreeError::Invalid {
            agent: agent.clone(),
            faults: vec![Fault::of(shown(agent, &change.file), message)],
        };
        let block = change.block.clone().ok_or_else(|| fault("holds no block"))?;
        if change.state == FileState::Deleted {
            // A block that changed its kind has another file, which replaces it.
            let kept = examined.scan.seen.values().find(|seen| seen.block == block);
            return Ok(Edit::Block(block, kept.and_then(|seen| seen.content.clone())));
        }
        let seen = examined.scan.seen.get(&change.file).ok_or_else(|| fault("cannot be read"))?;
        let content = seen.content.clone().ok_or_else(|| fault("changed while it was read"))?;
        Ok(Edit::Block(block, Some(content)))
    }

    fn refuse_switched(agent: &Handle, examined: &Examined) -> Result<(), WorktreeError> {
        let Some((found_draft, found)) = examined.switched() else { return Ok(()) };
        let (draft, expected) = (examined.index.draft.clone(), examined.index.revision);
        let switch = Switch { agent: agent.clone(), draft, expected, found_draft, found };
        Err(WorktreeError::Switched(Box::new(switch)))
    }

    /// The draft, when it is what was checked out.
    fn unmoved(&self, examined: &Examined) -> Result<Option<DraftInfo>, WorktreeError> {
        Ok(self.moved(examined)?.is_none().then(|| examined.draft.clone()).flatten())
    }

    fn moved_error(&self, examined: &Examined, mine: Vec<String>) -> Result<WorktreeError, WorktreeError> {
        let (agent, draft) = (examined.agent.clone(), examined.index.draft.clone());
        Ok(match self.moved(examined)? {
            Some(MovedDraft::To { revision, by, files }) => WorktreeError::Moved(Box::new(Conflict {
                agent,
                draft,
                expected: examined.index.revision,
                actual: revision,
                by,
                mine,
                theirs: files,
            })),
            Some(MovedDraft::Gone) | None => WorktreeError::DraftGone { agent, draft },
        })
    }

    /// Remembers the draft as it is now, with the files as they looked before they were read.
    fn write_back(
        &self,
        agent: &Handle,
        examined: &Examined,
        draft: &DraftInfo,
    ) -> Result<(), WorktreeError> {
        let mut files = files_of(&self.agents.config(&draft.commit)?.tree);
        for (file, indexed) in &mut files {
            let seen = examined.scan.seen.get(file).filter(|seen| seen.id == indexed.id);
            indexed.stat = seen.map(|seen| looks(&seen.stat));
        }
        self.write_agent_file(agent, examined.index.id, draft)?;
        self.write_index(agent, examined.index.id, draft, files)
    }

    /// Names the files in which the problems of a refused save are.
    fn explain(&self, agent: &Handle, examined: &Examined, error: AgentError) -> WorktreeError {
        let dir = format!("{AGENTS_DIR}/{agent}");
        let text_of = |file: &str| self.text_of(agent, &examined.scan, file);
        match faults_of(&examined.profile, &dir, &error, &text_of) {
            Some(faults) => WorktreeError::Invalid { agent: agent.clone(), faults },
            None => error.into(),
        }
    }

    fn text_of(&self, agent: &Handle, scan: &Scan, file: &str) -> Option<String> {
        let seen = scan.seen.get(file)?;
        let path = self.dir(agent).join(file);
        let bytes = self.agents.repo().disk().read(&path, seen.stat.len_bytes).ok()?;
        String::from_utf8(bytes).ok()
    }
}

/// The problems that a refused edit of one block names, each at its place in the block's file, which
/// holds `text`; none when the error names no problems.
pub fn faults_in(profile: &Profile, file: &str, text: &str, error: &AgentError) -> Option<Vec<Fault>> {
    faults_of(profile, ".", error, &|name| (name == file).then(|| text.to_owned()))
}

/// The problems that an error names, each at its place in a file; none when it names no such.
pub(super) fn faults_of(
    profile: &Profile,
    dir: &str,
    error: &AgentError,
    text_of: &dyn Fn(&str) -> Option<String>,
) -> Option<Vec<Fault>> {
    match error {
        AgentError::Invalid { problems } => {
            Some(problems.iter().map(|problem| fault_of(profile, dir, problem, text_of)).collect())
        }
        AgentError::Profile(crate::profile::ProfileError::Block { block, reason }) => {
            let block: BlockName = block.parse().ok()?;
            let kinds = [EntryKind::Text, EntryKind::Json];
            let files = kinds.iter().map(|kind| file_name(&block, kind));
            let file = files.into_iter().find(|file| text_of(file).is_some())?;
            Some(vec![Fault::of(format!("{dir}/{file}"), reason.as_str())])
        }
        _ => None,
    }
}

/// A problem of a config at its place in the file of its block.
pub(super) fn fault_of(
    profile: &Profile,
    dir: &str,
    problem: &Problem,
    text_of: &dyn Fn(&str) -> Option<String>,
) -> Fault {
    let keys: Vec<String> =
        problem.pointer.split('/').skip(1).map(|key| key.replace("~1", "/").replace("~0", "~")).collect();
    let accepted = problem.accepted.as_ref().map(|text| format!(" (accepted: {text})")).unwrap_or_default();
    let message = format!("{}{accepted}", problem.message);
    let Some((block, inner)) = inside(profile, &keys) else {
        let place = if problem.pointer.is_empty() { String::new() } else { format!("{}: ", problem.pointer) };
        return Fault::of(dir, format!("{place}{message}"));
    };
    let kinds = [EntryKind::Text, EntryKind::Json];
    let mut files = kinds.iter().map(|kind| file_name(&block, kind));
    let Some((file, text)) = files.find_map(|file| text_of(&file).map(|text| (file, text))) else {
        let specs = profile.blocks().iter().find(|spec| spec.name == block);
        let file = file_name(&block, specs.map_or(&EntryKind::Json, |spec| &spec.kind));
        return Fault::of(format!("{dir}/{file}"), format!("{}: {message}", problem.pointer));
    };
    let is_text = block_of(&file).is_some_and(|(_, kind)| kind == EntryKind::Text);
    let at = (!is_text).then(|| place::at_keys(&text, &inner));
    let key = inner.last().filter(|_| !is_text).map(|key| format!("'{key}': ")).unwrap_or_default();
    Fault { file: format!("{dir}/{file}"), at, message: format!("{key}{message}") }
}

/// The block that keys of a config lead into, and the keys within it.
fn inside(profile: &Profile, keys: &[String]) -> Option<(BlockName, Vec<String>)> {
    for field in profile.fields() {
        let steps = field.path.steps();
        let names = steps.iter().filter_map(|step| match step {
            crate::diff::path::Step::Field(name) => Some(name),
            _ => None,
        });
        if steps.len() <= keys.len() && names.eq(keys.iter().take(steps.len())) {
            return Some((field.block.clone(), keys[steps.len() - 1..].to_vec()));
        }
    }
    let first = crate::diff::path::Path::root().field(keys.first()?);
    let block = profile.block_of(&first)?;
    // In a profile without blocks of its own the key is the block's name, elsewhere a field of it.
    let own = profile.blocks().is_empty();
    Some((block, keys[usize::from(own)..].to_vec()))
}
