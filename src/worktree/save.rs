//! Saving edited files as the draft's next revision.

use crate::agent::{AgentError, Config, DraftInfo, Edit};
use crate::object::{BlockName, EntryKind, ObjectId};
use crate::profile::{Problem, Profile};
use crate::refs::Handle;
use crate::repo::Receipt;

use super::index::looks;
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
    /// The blocks that the draft loses, because their files are gone.
    pub removes: Vec<BlockName>,
    /// The revision before.
    pub before: u64,
    /// The operation; none when nothing was edited.
    pub receipt: Option<Receipt>,
}

/// What edited files come to.
struct Edited {
    edits: Vec<Edit>,
    /// The blocks whose conflicts the files decide: they had markers, and have none.
    decided: Vec<BlockName>,
    files: Vec<String>,
}

/// The edits of an agent's files beside the draft that they would be saved to.
#[derive(Debug)]
pub struct Beside {
    /// The agent's handle.
    pub agent: Handle,
    /// The name of the draft when it was checked out.
    pub checked_out: Handle,
    /// What was checked out.
    pub base: ObjectId,
    /// The draft as it is now; none when it is gone.
    pub draft: Option<DraftInfo>,
    /// What the edits are compared with.
    pub before: ObjectId,
    /// What they make of it.
    pub config: Config,
    /// The edited files.
    pub files: Vec<String>,
    /// The blocks whose files are gone.
    pub removes: Vec<BlockName>,
    /// The edited files that cannot be used, which the config is without.
    pub faults: Vec<Fault>,
    /// What became of the draft since it was checked out.
    pub moved: Option<MovedDraft>,
}

impl Worktree<'_> {
    /// Records the edited files as the draft's next revision, all of them as one operation. A file
    /// that was written with the markers of conflicts decides these once it has none.
    ///
    /// # Errors
    /// `Invalid` with every problem of every file, with line and column; `Moved` when somebody else
    /// saved the draft since, `DraftGone`, `Switched`. Nothing is saved then.
    pub fn save(&self, agent: &Handle, message: &str) -> Result<Saved, WorktreeError> {
        let _lock = self.lock()?;
        let examined = self.examine(agent)?;
        let (edited, draft) = self.edits_of(agent, &examined)?;
        let before = draft.revision;
        if edited.edits.is_empty() {
            self.write_back(agent, &examined, &draft)?;
            let (files, removes) = (edited.files, Vec::new());
            return Ok(Saved { agent: examined.agent, draft, files, removes, before, receipt: None });
        }
        let (draft, receipt) = self.record(agent, &examined, &draft, &edited, message)?;
        self.write_back(agent, &examined, &draft)?;
        let (files, removes) = (edited.files, removes_of(&edited.edits));
        Ok(Saved { agent: examined.agent, draft, files, removes, before, receipt: Some(receipt) })
    }

    /// Saves the edited files over the draft as it is now: of a file that others changed since too, what
    /// they made of it stays only as an earlier revision. The other files are brought to what others made
    /// of them.
    ///
    /// # Errors
    /// As [`Self::save`], but `Moved` only when somebody saves at the same time.
    pub fn save_over(&self, agent: &Handle, message: &str) -> Result<Saved, WorktreeError> {
        let _lock = self.lock()?;
        let examined = self.examine(agent)?;
        let edited = Self::edits(agent, &examined)?;
        let gone = || WorktreeError::DraftGone { agent: agent.clone(), draft: examined.index.draft.clone() };
        let draft = examined.draft.clone().ok_or_else(gone)?;
        let before = draft.revision;
        let (draft, receipt) = self.record(agent, &examined, &draft, &edited, message)?;
        // What was edited here is in the draft now, so that nothing is in the way.
        self.bring(agent, draft.clone())?;
        let receipt = receipt.operation.is_some().then_some(receipt);
        let (files, removes) = (edited.files, removes_of(&edited.edits));
        Ok(Saved { agent: examined.agent, draft, files, removes, before, receipt })
    }

    /// Records edits as the draft's next revision.
    fn record(
        &self,
        agent: &Handle,
        examined: &Examined,
        draft: &DraftInfo,
        edited: &Edited,
        message: &str,
    ) -> Result<(DraftInfo, Receipt), WorktreeError> {
        let what = (edited.edits.as_slice(), edited.decided.as_slice());
        let before = Some(draft.revision);
        match self.agents.edit_deciding(&examined.agent, &draft.name, before, what, message) {
            Ok(saved) => Ok(saved),
            Err(AgentError::DraftMoved { .. }) => {
                let again = self.examine(agent)?;
                Err(self.moved_error(&again, edited.files.clone())?)
            }
            Err(error) => Err(self.explain(agent, examined, error)),
        }
    }

    /// What the edits here make of the draft as it is now, also when it moved since it was checked out;
    /// of a draft that is gone, as it was checked out. Files that cannot be used stand beside it.
    ///
    /// # Errors
    /// `Invalid` with every problem of the config that they make, `Switched`.
    pub fn beside_draft(&self, agent: &Handle) -> Result<Beside, WorktreeError> {
        let examined = self.examine(agent)?;
        Self::refuse_switched(agent, &examined)?;
        let faults = faults_in_files(&examined);
        let Edited { edits, files, .. } = Self::usable_edits(agent, &examined)?;
        let moved = self.moved(&examined)?;
        let before = examined.draft.as_ref().map_or(examined.index.commit, |draft| draft.commit);
        let config = self.agents.config(&before)?;
        let config = match self.agents.edited(&config, &edits) {
            Ok(config) => config,
            Err(error) => return Err(self.explain(agent, &examined, error)),
        };
        let Examined { agent, index, draft, .. } = examined;
        Ok(Beside {
            agent,
            checked_out: index.draft,
            base: index.commit,
            draft,
            before,
            config,
            files,
            removes: removes_of(&edits),
            faults,
            moved,
        })
    }

    /// What the files say, as a config, beside the draft that they would be saved to.
    ///
    /// # Errors
    /// As [`Self::save`].
    pub fn config(&self, agent: &Handle) -> Result<(DraftInfo, Config), WorktreeError> {
        let examined = self.examine(agent)?;
        let (Edited { edits, .. }, draft) = self.edits_of(agent, &examined)?;
        let config = self.agents.config(&draft.commit)?;
        match self.agents.edited(&config, &edits) {
            Ok(config) => Ok((draft, config)),
            Err(error) => Err(self.explain(agent, &examined, error)),
        }
    }

    /// The edits of the files, and the draft, which is as it was checked out.
    fn edits_of(&self, agent: &Handle, examined: &Examined) -> Result<(Edited, DraftInfo), WorktreeError> {
        let edited = Self::edits(agent, examined)?;
        match self.unmoved(examined)? {
            Some(draft) => Ok((edited, draft)),
            None => Err(self.moved_error(examined, edited.files)?),
        }
    }

    /// The edits of the files.
    fn edits(agent: &Handle, examined: &Examined) -> Result<Edited, WorktreeError> {
        let faults = faults_in_files(examined);
        if !faults.is_empty() {
            return Err(WorktreeError::Invalid { agent: agent.clone(), faults });
        }
        Self::refuse_switched(agent, examined)?;
        Self::usable_edits(agent, examined)
    }

    /// The edits of the files without a fault.
    fn usable_edits(agent: &Handle, examined: &Examined) -> Result<Edited, WorktreeError> {
        let (mut edits, mut decided, mut files) = (Vec::new(), Vec::new(), Vec::new());
        for change in examined.edits().filter(|change| change.fault.is_none()) {
            let marked = examined.index.files.get(&change.file).is_some_and(|file| file.marked.is_some());
            decided.extend(change.block.clone().filter(|_| marked));
            edits.push(Self::edit_of(agent, examined, change)?);
            files.push(change.file.clone());
        }
        Ok(Edited { edits, decided, files })
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
                base: examined.index.commit,
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
        let mut files = self.drawn(&examined.agent, &self.agents.config(&draft.commit)?)?.files;
        for (file, indexed) in &mut files {
            let seen = examined.scan.seen.get(file).filter(|seen| seen.is(indexed));
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

/// What is wrong with the files, each by itself.
fn faults_in_files(examined: &Examined) -> Vec<Fault> {
    examined.changes.iter().filter_map(|file| file.fault.clone()).collect()
}

/// The blocks that edits remove.
fn removes_of(edits: &[Edit]) -> Vec<BlockName> {
    let removed = edits.iter().filter_map(|edit| match edit {
        Edit::Block(block, None) => Some(block.clone()),
        _ => None,
    });
    removed.collect()
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
