//! `recto log`: who did what when, and why.

mod filters;
mod merge;
mod words;

use std::time::{Duration, Instant};

use crate::agent::{Agents, LogEntry, LogQuery, Resolved, Subject};
use crate::error::Kind;
use crate::history::Spec;
use crate::refs::Handle;

use super::agents::draft_name;
use super::context::Context;
use super::error::{CliError, Exit};
use super::render;
use super::terminal::{Style, plain_line};
use super::when::{When, stretch};

use merge::Merged;
pub(in crate::cli) use words::Teller;

/// How long a line may wait for others before it is passed on.
const WAIT_MAX: Duration = Duration::from_millis(50);
/// Most operations that are reversed in memory.
const REVERSED_MAX: usize = 1_000_000;

/// Show who did what when, newest first
///
/// Operations of one agent, of one draft or version of it, or of all agents. Several filters have to
/// hold together; of several PATHs or kinds, one.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  recto log support
  recto log support -- synthesizer.voiceConfig.voiceId
  recto log --since 2026-03-01 --kind activate --kind rollback
  recto log support@tone --oneline -n 5")]
pub(crate) struct Args {
    /// The agent, or a draft or version of it; all agents when it is left out.
    #[arg(value_name = "AGENT[@REV]")]
    agent: Option<String>,

    /// Only what changed these blocks (`voice`) or fields (`tools[book_slot].timeout`).
    #[arg(last = true, value_name = "PATH")]
    paths: Vec<String>,

    /// Only by people whose name or e-mail address has this part.
    #[arg(long, value_name = "TEXT")]
    author: Option<String>,

    /// Only from this time on.
    #[arg(long, value_name = "TIME")]
    since: Option<When>,

    /// Only up to this time.
    #[arg(long, value_name = "TIME")]
    until: Option<When>,

    /// The log as it was at this time.
    #[arg(long, value_name = "TIME", conflicts_with = "until")]
    at: Option<When>,

    /// Only operations of this kind (`publish`, `activate`, `draft-edit`, ...).
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,

    /// Only with this text in the note, or in label or description of a version.
    #[arg(long, value_name = "TEXT")]
    grep: Option<String>,

    /// Only operations that made versions.
    #[arg(long)]
    versions: bool,

    /// One line for each operation.
    #[arg(long)]
    oneline: bool,

    /// At most so many.
    #[arg(short = 'n', long = "max-count", value_name = "N")]
    limit: Option<usize>,

    /// Oldest first; with `-n` still the newest N.
    #[arg(long)]
    reverse: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents_to_read()?;
    let mut query = query(args, ctx)?;
    // The newest N are found from the new end, whichever comes first in the output.
    let held_back = args.reverse && args.limit.is_some();
    query.oldest_first = args.reverse && !held_back;
    let agent = match &args.agent {
        None => None,
        Some(text) => {
            let (agent, subject) = subject(ctx, &agents, text)?;
            if subject.is_some() && args.versions {
                let error = CliError::usage("--versions lists those of a whole agent");
                return Err(error.hint(format!("recto log {agent} --versions")));
            }
            query.subject = subject.or(query.subject);
            Some(agent)
        }
    };
    let place = (&agents, agent.as_ref());
    filters::kinds(place, &query.kinds)?;
    let paths = query.paths.clone();
    let teller = Teller::new(&agents, tells_all_of_drafts(&query));
    let mut merged = match &agent {
        Some(agent) => Merged::one(&agents, agent.clone(), query),
        None => Merged::all(&agents, query)?,
    };
    let entries = merged.by_ref().take(args.limit.unwrap_or(usize::MAX));
    let mut printer =
        Printer { ctx, teller, oneline: args.oneline, of_all: agent.is_none(), passed_on: None };
    if held_back {
        let mut newest = Vec::new();
        for told in entries {
            if newest.len() == REVERSED_MAX {
                return Err(CliError::usage(format!("at most {REVERSED_MAX} operations can be reversed")));
            }
            newest.push(told?);
        }
        newest.iter().rev().try_for_each(|(agent, entry)| printer.print(agent, entry))?;
    } else {
        for told in entries {
            let (agent, entry) = told?;
            printer.print(&agent, &entry)?;
        }
    }
    if printer.passed_on.is_none() && agents.repo().backend().agents(None, 1)?.is_empty() {
        ctx.out.say("no agents yet: recto agent new HANDLE");
    }
    if printer.passed_on.is_none() || paths.len() > 1 {
        filters::say_never(ctx, place, &paths)?;
    }
    Ok(merged.into_damage().finish(ctx))
}

fn query(args: &Args, ctx: &Context) -> Result<LogQuery, CliError> {
    let paths = render::wanted(&args.paths)?.into_iter().map(|(_, path)| path).collect();
    let (since, until) = stretch(ctx, args.since.as_ref(), args.until.as_ref().or(args.at.as_ref()))?;
    Ok(LogQuery {
        author: args.author.clone(),
        since,
        until,
        kinds: args.kinds.clone(),
        paths,
        text: args.grep.clone(),
        subject: args.versions.then_some(Subject::Versions),
        oldest_first: false,
    })
}

/// Whether every operation on a draft that is told is followed by the one before it.
fn tells_all_of_drafts(query: &LogQuery) -> bool {
    let LogQuery { author, since: _, until, kinds, paths, text, subject, oldest_first } = query;
    let is_narrow = author.is_some() || until.is_some() || !kinds.is_empty() || !paths.is_empty();
    let is_about_other = matches!(subject, Some(Subject::Commit(_) | Subject::Versions));
    !(is_narrow || text.is_some() || is_about_other || *oldest_first)
}

/// The agent whose log is wanted, and what of it. A draft that is gone is still in the log.
fn subject(ctx: &Context, agents: &Agents, text: &str) -> Result<(Handle, Option<Subject>), CliError> {
    let spec: Spec = text.parse()?;
    if !spec.explicit {
        return Ok((ctx.agent(agents, text)?, None));
    }
    match ctx.resolved(agents, &spec) {
        Ok((agent, Resolved::Draft(draft))) => Ok((agent, Some(Subject::Draft(draft.name)))),
        Ok((agent, other)) => Ok((agent, Some(Subject::Commit(other.commit())))),
        Err(error) => {
            let is_absent = matches!(&error, CliError::Failed(failure) if failure.kind == Kind::NotFound);
            let Some(name) = draft_name(&spec.revision).filter(|_| is_absent) else { return Err(error) };
            let agent = agents.locate(&spec.agent)?;
            let query = LogQuery { subject: Some(Subject::Draft(name.clone())), ..LogQuery::default() };
            let was_there = agents.log(&agent, query)?.next().transpose()?.is_some();
            if was_there { Ok((agent, Some(Subject::Draft(name)))) } else { Err(error) }
        }
    }
}

struct Printer<'a> {
    ctx: &'a Context,
    teller: Teller<'a>,
    oneline: bool,
    of_all: bool,
    passed_on: Option<Instant>,
}

impl Printer<'_> {
    fn print(&mut self, agent: &Handle, entry: &LogEntry) -> Result<(), CliError> {
        let out = &self.ctx.out;
        if out.is_json() {
            out.json_line(&self.teller.value(agent, entry)?)?;
        } else if out.is_quiet() {
            out.line(entry.id)?;
        } else if self.oneline {
            let line = self.one_line(agent, entry)?;
            self.ctx.out.line(line)?;
        } else {
            self.lines(agent, entry)?;
        }
        if self.passed_on.is_none_or(|last| last.elapsed() >= WAIT_MAX) {
            self.ctx.out.pass_on()?;
            self.passed_on = Some(Instant::now());
        }
        Ok(())
    }

    fn head(&self, agent: &Handle, entry: &LogEntry) -> String {
        let (out, record) = (&self.ctx.out, &entry.record);
        let agent = if self.of_all { format!("{agent} ") } else { String::new() };
        let kind = out.paint(Style::Strong, &plain_line(&record.kind));
        format!("{} {} {agent}{kind}", out.paint(Style::Id, &entry.id.short()), record.time)
    }

    fn one_line(&mut self, agent: &Handle, entry: &LogEntry) -> Result<String, CliError> {
        let phrases = self.teller.phrases(agent, entry)?.join(", ");
        let actor = &entry.record.actor.name;
        let mut line = format!("{} by {}", self.head(agent, entry), plain_line(actor));
        for part in [&phrases, &entry.record.note] {
            if !part.is_empty() {
                line += ": ";
                line += &plain_line(part);
            }
        }
        Ok(line)
    }

    fn lines(&mut self, agent: &Handle, entry: &LogEntry) -> Result<(), CliError> {
        let phrases = self.teller.phrases(agent, entry)?;
        let (out, record) = (&self.ctx.out, &entry.record);
        out.line(format!("{} by {}", self.head(agent, entry), plain_line(&record.actor.to_string())))?;
        for phrase in phrases {
            out.line(format!("    {}", plain_line(&phrase)))?;
        }
        for line in record.note.lines() {
            out.line(format!("    note: {}", plain_line(line)))?;
        }
        Ok(())
    }
}
