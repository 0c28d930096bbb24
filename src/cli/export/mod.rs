//! `recto export`: a revision as a document or as block files, and histories line by line.

mod left_out;

use std::path::{Path, PathBuf};

use crate::agent::{Agents, HistoryLines};
use crate::disk::FileKind;
use crate::error::Kind;
use crate::history::Spec;
use crate::refs::Handle;
use crate::repo::STORE_DIR;
use crate::worktree::{AGENT_FILE, AgentFile, bytes_of, file_name};

use crate::cli::agents::each;
use crate::cli::context::Context;
use crate::cli::count::count;
use crate::cli::damage::Damage;
use crate::cli::error::{CliError, Exit};
use crate::cli::terminal::Report;

use left_out::LeftOut;

/// Bytes of a history kept in memory before they are written.
const CHUNK_BYTES: usize = 1024 * 1024;

/// How an export is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Form {
    /// One JSON document: the config under the API's names.
    #[default]
    Document,
    /// A directory of block files, as 'recto checkout' writes them: `NAME.md` and `NAME.json`.
    Blocks,
    /// Every version of the agent, one a line of JSON, oldest first.
    History,
}

/// Export a config, or whole histories
///
/// Writes what 'recto import' reads. A document and block files give the same config with the same id
/// again; a history gives the same versions, each with its author, time and message, its label as it is
/// now and its bookmark; what it leaves out is said. Without a revision it is what serves; a history is
/// always all of it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: recto export support@V3 -o support.json\n         recto export --all --format history -o all.jsonl"
)]
pub(crate) struct Args {
    /// The agent and its revision.
    #[arg(value_name = "AGENT[@REV]", required_unless_present = "all")]
    revision: Option<Spec>,

    /// The file, or for block files the directory; stdout when not given.
    #[arg(short, long, value_name = "FILE|DIR")]
    output: Option<PathBuf>,

    /// How it is written.
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    format: Form,

    /// Export every agent of the store; needs `--format history`.
    #[arg(long, conflicts_with = "revision")]
    all: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents_to_read()?;
    match args.format {
        Form::History => history(args, ctx, &agents),
        _ if args.all => Err(CliError::usage("--all needs --format history")),
        Form::Document => {
            let (_, commit) = named(args, &agents)?;
            let document = agents.config(&commit)?.to_document();
            match &args.output {
                Some(file) => {
                    put(ctx, file, document.as_bytes())?;
                    said(ctx, args, &format!("wrote '{}'", file.display()), 1)?;
                }
                None => ctx.out.raw(document.as_bytes())?,
            }
            Ok(Exit::Done)
        }
        Form::Blocks => blocks(args, ctx, &agents),
    }
}

fn named(args: &Args, agents: &Agents) -> Result<(Handle, crate::object::ObjectId), CliError> {
    let spec = args.revision.as_ref().ok_or_else(|| CliError::usage("no agent is named"))?;
    let (agent, resolved) = agents.resolve(spec)?;
    Ok((agent, resolved.commit()))
}

fn blocks(args: &Args, ctx: &Context, agents: &Agents) -> Result<Exit, CliError> {
    let Some(dir) = &args.output else {
        return Err(CliError::usage("block files need a directory").hint("-o DIR names it"));
    };
    let (agent, commit) = named(args, agents)?;
    let config = agents.config(&commit)?;
    let about = AgentFile {
        title: Some(agents.meta(&agent)?.title),
        profile_id: Some(config.profile.id()),
        ..AgentFile::new(agent, config.profile.name())
    };
    let mut files = vec![(AGENT_FILE.to_owned(), about.to_text().into_bytes())];
    let blocks = config.blocks.iter();
    files.extend(blocks.map(|(name, content)| (file_name(name, &content.kind()), bytes_of(content))));
    let path = ctx.directory().join(dir);
    if path.components().any(|part| part.as_os_str() == STORE_DIR) {
        return Err(CliError::new(Kind::Refused, format!("'{}' lies in a store", dir.display())));
    }
    if ctx.disk().stat(&path)?.is_some() && !ctx.disk().list(&path)?.is_empty() {
        let message = format!("'{}' is not empty", dir.display());
        return Err(CliError::new(Kind::Refused, message).hint("name a directory that is not there yet"));
    }
    ctx.disk().create_dir_all(&path)?;
    for (name, bytes) in &files {
        ctx.disk().write_atomic(&path.join(name), bytes)?;
    }
    said(
        ctx,
        args,
        &format!("wrote {} to '{}'", count(files.len(), "file"), dir.display()),
        files.len() as u64,
    )?;
    Ok(Exit::Done)
}

fn history(args: &Args, ctx: &Context, agents: &Agents) -> Result<Exit, CliError> {
    if let Some(spec) = args.revision.as_ref().filter(|spec| spec.explicit) {
        let message = format!("a history is all versions of an agent, and '{spec}' names one of them");
        return Err(CliError::usage(message).hint(format!("recto export {} --format history", spec.agent)));
    }
    let mut target = Target::open(ctx, args.output.as_deref())?;
    let (mut versions, mut left_out) = (0, LeftOut::default());
    let mut damage = Damage::default();
    let mut one = |agent: &Handle| -> Result<(), CliError> {
        let mut lines = agents.export_history(agent)?;
        versions += target.lines(&mut lines)?;
        left_out.other_ids(agent, lines.other_ids());
        left_out.of(agents, agent)
    };
    if let Some(spec) = &args.revision {
        one(&agents.locate(&spec.agent)?)?;
    } else {
        let mut cut = Damage::default();
        each(agents, &mut damage, |info| cut.pass_told(&info.handle, one(&info.handle)).map(drop))?;
        damage.extend(cut);
    }
    target.finish()?;
    let left_out = left_out.lines();
    if let Some(file) = &args.output {
        let line = format!("wrote {} to '{}'", count(versions, "version"), file.display());
        let report = reported(args, &line, versions).field("left_out", left_out.clone());
        ctx.out.report(report)?;
    }
    for line in left_out {
        ctx.out.say(format!("left out: {line}"));
    }
    Ok(damage.finish(ctx))
}

/// Where a history goes: stdout, or a new file that gets its name when it is complete.
struct Target<'a> {
    ctx: &'a Context,
    file: Option<(PathBuf, PathBuf)>,
    waiting: Vec<u8>,
    offset: u64,
}

impl<'a> Target<'a> {
    fn open(ctx: &'a Context, file: Option<&Path>) -> Result<Self, CliError> {
        let file = match file {
            None => None,
            Some(file) => {
                let path = destination(ctx, file)?;
                let mut part = path.clone().into_os_string();
                part.push(".part");
                let part = PathBuf::from(part);
                ctx.disk().write_atomic(&part, &[])?;
                Some((path, part))
            }
        };
        Ok(Self { ctx, file, waiting: Vec::new(), offset: 0 })
    }

    /// Writes the lines of an agent; returns how many.
    fn lines(&mut self, lines: &mut HistoryLines<'_>) -> Result<u64, CliError> {
        let mut count = 0;
        for line in lines {
            self.waiting.extend(line?);
            count += 1;
            if self.waiting.len() >= CHUNK_BYTES {
                self.write()?;
            }
        }
        Ok(count)
    }

    fn write(&mut self) -> Result<(), CliError> {
        let bytes = std::mem::take(&mut self.waiting);
        match &self.file {
            None => self.ctx.out.raw(&bytes)?,
            Some((_, part)) => self.ctx.disk().write_at(part, self.offset, &bytes)?,
        }
        self.offset += bytes.len() as u64;
        Ok(())
    }

    fn finish(mut self) -> Result<(), CliError> {
        self.write()?;
        if let Some((path, part)) = &self.file {
            self.ctx.disk().sync_file(part)?;
            self.ctx.disk().rename(part, path)?;
        }
        Ok(())
    }
}

fn put(ctx: &Context, file: &Path, bytes: &[u8]) -> Result<(), CliError> {
    Ok(ctx.disk().write_atomic(&destination(ctx, file)?, bytes)?)
}

/// The path of a file to be written: one that is not there yet, or a regular file, and no part of a
/// store. Writing replaces what is there, which for a device or a link is never meant.
fn destination(ctx: &Context, file: &Path) -> Result<PathBuf, CliError> {
    let path = ctx.directory().join(file);
    let shown = file.display();
    if ctx.disk().stat(&path)?.is_some_and(|stat| stat.kind != FileKind::File) {
        return Err(CliError::new(Kind::Refused, format!("'{shown}' is no regular file"))
            .hint("without -o the export goes to stdout"));
    }
    if path.components().any(|part| part.as_os_str() == STORE_DIR) {
        return Err(CliError::new(Kind::Refused, format!("'{shown}' lies in a store")));
    }
    Ok(path)
}

fn said(ctx: &Context, args: &Args, line: &str, count: u64) -> Result<(), CliError> {
    ctx.out.report(reported(args, line, count))
}

fn reported(args: &Args, line: &str, count: u64) -> Report {
    let output = args.output.as_ref().map(|path| path.display().to_string());
    let form = match args.format {
        Form::Document => "document",
        Form::Blocks => "blocks",
        Form::History => "history",
    };
    Report::new(line).field("form", form).field("output", output).field("count", count)
}
