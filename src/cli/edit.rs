//! `recto edit`: a block of a draft in the person's editor.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::agent::{AgentError, Agents, Config, DraftInfo, Edit};
use crate::error::Kind;
use crate::history::Spec;
use crate::object::{BlockName, Content, EntryKind};
use crate::refs::Handle;
use crate::repo::Receipt;
use crate::worktree::{Fault, bytes_of, content, faults_in, file_name};

use super::context::Context;
use super::count::count;
use super::draft::list::draft_value;
use super::error::{CliError, Exit};
use super::terminal::Report;
use super::{shell, working};

/// Largest file that is read back, in bytes.
const FILE_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Edit a block of a draft in your editor
///
/// Opens `$VISUAL` or `$EDITOR` on the block, the prompt when none is named. Without a draft one is
/// forked, `work`. A result that is not valid is shown with its problems and can be edited again; what
/// is not saved is kept in a file that is named.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto edit support@tone voice")]
pub(crate) struct Args {
    /// `AGENT@DRAFT`, or an agent.
    #[arg(value_name = "AGENT")]
    agent: String,

    /// The block; the prompt without it.
    block: Option<String>,

    /// Why; the draft's log shows it.
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    message: String,
}

/// A block being edited.
struct Session<'a> {
    ctx: &'a Context,
    agents: &'a Agents,
    agent: Handle,
    draft: DraftInfo,
    config: Config,
    block: BlockName,
    kind: EntryKind,
    path: PathBuf,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let editor = editor()?;
    let agents = &ctx.agents(false)?;
    let tree = working::tree(ctx, agents)?;
    let spec: Spec = args.agent.parse()?;
    let (agent, draft, forked) = tree.choose_draft(&spec)?;
    if forked {
        ctx.out.say(format!("draft '{}' of agent '{agent}' was forked: it had none", draft.name));
    }
    let config = agents.config(&draft.commit)?;
    let (block, kind) = chosen(&config, args.block.as_deref())?;
    let file = file_name(&block, &kind);
    let path = tree.edit_dir()?.join(&file);
    let before = match (config.blocks.get(&block), &kind) {
        (Some(content), _) => bytes_of(content),
        (None, EntryKind::Text) => Vec::new(),
        (None, _) => b"{}\n".to_vec(),
    };
    ctx.disk().write_atomic(&path, &before)?;
    let session = Session { ctx, agents, agent, draft, config, block, kind, path };
    session.edit(&editor, before, &args.message)
}

impl Session<'_> {
    fn edit(&self, editor: &str, before: Vec<u8>, message: &str) -> Result<Exit, CliError> {
        let mut last = before;
        let mut refused = false;
        loop {
            self.open(editor)?;
            let bytes = self.ctx.disk().read(&self.path, FILE_MAX_BYTES)?;
            if bytes == last {
                return self.unchanged(refused);
            }
            let error = match self.save(&bytes, message) {
                Ok((draft, receipt)) => {
                    self.remove();
                    return self.saved(&draft, &receipt);
                }
                Err(error) => error,
            };
            (last, refused) = (bytes, true);
            // Only problems of the text itself can be put right by editing it again.
            let CliError::Failed(failure) = &error else { return Err(error) };
            let again =
                failure.kind == Kind::Invalid && io::stdin().is_terminal() && self.ctx.out.is_watched();
            if !again {
                return Err(self.kept(error));
            }
            failure.show(&self.ctx.out);
            if self.ctx.confirm("edit it again?").is_err() {
                return Err(self.kept(error));
            }
        }
    }

    /// Says that nothing was saved; an answer that was refused before stays in its file.
    fn unchanged(&self, refused: bool) -> Result<Exit, CliError> {
        let line = format!("block '{}' of draft '{}' is unchanged", self.block, self.draft.name);
        let mut report = Report::new(line).id(self.draft.commit).field("agent", self.agent.as_str());
        report = report.field("draft", draft_value(&self.draft)).field("block", self.block.as_str());
        report = report.field("operation", serde_json::Value::Null);
        if refused {
            report = report.line(format!("what was refused is kept in {}", self.path.display()));
        } else {
            self.remove();
        }
        self.ctx.out.report(report)?;
        Ok(Exit::Done)
    }

    fn save(&self, bytes: &[u8], message: &str) -> Result<(DraftInfo, Receipt), CliError> {
        let file = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let content: Content =
            content(bytes.to_vec(), &file, &self.kind).map_err(|fault| invalid(&[fault]))?;
        let edit = Edit::Block(self.block.clone(), Some(content));
        let revision = Some(self.draft.revision);
        let saved = self.agents.edit(&self.agent, &self.draft.name, revision, &[edit], message);
        saved.map_err(|error: AgentError| {
            let text = String::from_utf8_lossy(bytes);
            match faults_in(&self.config.profile, &file, &text, &error) {
                Some(faults) => invalid(&faults),
                None => error.into(),
            }
        })
    }

    fn saved(&self, draft: &DraftInfo, receipt: &Receipt) -> Result<Exit, CliError> {
        let (agent, block) = (&self.agent, &self.block);
        let line = match receipt.operation {
            Some(_) => format!(
                "draft '{}' of agent '{agent}': revision {} -> {} ({block})",
                draft.name, self.draft.revision, draft.revision
            ),
            None => format!("block '{block}' of draft '{}' is unchanged", draft.name),
        };
        let mut report = Report::new(line)
            .id(draft.commit)
            .field("agent", agent.as_str())
            .field("draft", draft_value(draft))
            .field("block", block.as_str())
            .field("operation", receipt.operation.map(|id| id.to_string()));
        if let Some(id) = receipt.operation {
            report = report.undo(format!("recto undo {agent} --expect {}", id.short()));
        }
        self.ctx.out.report(report)?;
        Ok(Exit::Done)
    }

    fn open(&self, editor: &str) -> Result<(), CliError> {
        self.ctx.out.flush()?;
        // As git does: an editor may come with options, so the shell reads its words.
        let status =
            Command::new("sh").args(["-c", &format!("{editor} \"$1\""), "sh"]).arg(&self.path).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => {
                let message = format!("the editor '{editor}' ended with {status}, nothing was saved");
                Err(self.kept(CliError::new(Kind::Refused, message)))
            }
            Err(error) => Err(CliError::new(Kind::Io, format!("cannot run the editor '{editor}': {error}"))),
        }
    }

    fn kept(&self, error: CliError) -> CliError {
        let path = shell::quote(&self.path.to_string_lossy()).into_owned();
        error.hint(format!("your text is kept in {path}"))
    }

    /// Removes the file, and the directory that was made for it.
    fn remove(&self) {
        let dir = self.path.parent().unwrap_or(Path::new(""));
        // What cannot be removed is a file too many, not a failure.
        let _ = self.ctx.disk().remove_file(&self.path).and_then(|()| self.ctx.disk().remove_dir(dir));
    }
}

fn invalid(faults: &[Fault]) -> CliError {
    let message = format!("{}, nothing was saved", count(faults.len(), "problem"));
    CliError::new(Kind::Invalid, message).details(faults.iter().map(ToString::to_string))
}

/// The person's editor.
fn editor() -> Result<String, CliError> {
    let named =
        ["VISUAL", "EDITOR"].iter().find_map(|name| std::env::var(name).ok().filter(|text| !text.is_empty()));
    if let Some(editor) = named {
        return Ok(editor);
    }
    if io::stdin().is_terminal() {
        return Ok("vi".to_owned());
    }
    let error = CliError::new(Kind::Refused, "no editor is named, and there is no terminal for one");
    Err(error.hint("set EDITOR, or change fields with 'recto set AGENT@DRAFT PATH=VALUE'"))
}

/// The block that is named, else the prompt: the first text that the profile knows, or the only one.
fn chosen(config: &Config, named: Option<&str>) -> Result<(BlockName, EntryKind), CliError> {
    let specs = config.profile.blocks();
    let known = || {
        let mut names: Vec<String> = specs.iter().map(|spec| spec.name.to_string()).collect();
        names.extend(config.blocks.keys().map(ToString::to_string));
        names.sort();
        names.dedup();
        names
    };
    let Some(named) = named else {
        if let Some(spec) = specs.iter().find(|spec| spec.kind == EntryKind::Text) {
            return Ok((spec.name.clone(), EntryKind::Text));
        }
        let mut texts = config.blocks.iter().filter(|(_, content)| content.kind() == EntryKind::Text);
        let prompt = config.blocks.keys().find(|name| name.as_str() == "prompt");
        let first = texts.next().map(|(name, _)| name);
        return match prompt.or(first.filter(|_| texts.next().is_none())) {
            Some(name) => Ok((name.clone(), config.blocks[name].kind())),
            None => Err(CliError::usage("it is not clear which block is the prompt").details(known())),
        };
    };
    if let Some((name, content)) = config.blocks.iter().find(|(name, _)| name.as_str() == named) {
        return Ok((name.clone(), content.kind()));
    }
    if let Some(spec) = specs.iter().find(|spec| spec.name.as_str() == named) {
        return Ok((spec.name.clone(), spec.kind.clone()));
    }
    let message = format!("no block '{named}'");
    Err(CliError::new(Kind::NotFound, message).details(known()))
}
