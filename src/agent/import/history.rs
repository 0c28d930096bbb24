//! A history of any length and any number of agents, one version a line: read in chunks, taken line
//! by line, written in batches. What is in already is skipped, so that the same history can be
//! imported again after it was cut off.

use std::io::{BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::object::ObjectId;
use crate::object::limits::CONFIG_MAX_BYTES;
use crate::profile::Profile;
use crate::refs::Handle;

use crate::agent::{AgentError, Agents};

use super::batch;
use super::line::{self, Line};
use super::names::ExactNames;
use super::stage::{self, Stage};
use super::states::{Given, States};

/// Longest line, in bytes: the largest config, with every second byte escaped.
pub(super) const LINE_MAX_BYTES: u64 = 2 * CONFIG_MAX_BYTES as u64;
/// Lines read at once, at most.
const CHUNK_LINES: usize = 256;
/// Bytes after which no more lines are read at once.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;
/// New versions after which a batch is written.
const BATCH_VERSIONS: u64 = 8000;

/// How a history is imported.
#[derive(Debug, Clone, Default)]
pub struct HistoryOptions {
    /// The profile of agents whose lines name none; `generic` when there is none.
    pub profile: Option<Arc<Profile>>,
    /// The handle of the agent, when the history is that of one.
    pub handle: Option<Handle>,
    /// The title of the agent, when the history is that of one.
    pub title: Option<String>,
    /// Names of the history that are handles: no other agent gets one of them.
    pub exact: ExactNames,
    /// Activates the newest version of every agent in the end.
    pub activate: bool,
    /// Activates although a check failed, for this reason.
    pub override_check: Option<String>,
    /// Activates nothing by itself, as a program outside has the last word: says what waits for it.
    pub check_pending: bool,
}

/// How far an import has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportProgress {
    /// Lines read.
    pub lines: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Objects brought.
    pub objects: u64,
}

/// What an import of a history did, or in a rehearsal would do.
#[derive(Debug, Default)]
pub struct HistoryReport {
    /// How far it came.
    pub progress: ImportProgress,
    /// Agents that the history names.
    pub agents: u64,
    /// The names that the history gives to agents whose handle is another, in order of their coming.
    pub named: Vec<(String, Handle)>,
    /// Agents that were made.
    pub new_agents: u64,
    /// Versions that were added.
    pub new_versions: u64,
    /// Versions that were there already.
    pub skipped: u64,
    /// Agents whose newest version was activated.
    pub activated: u64,
    /// Agents whose newest version could not be activated, and why.
    pub not_activated: Vec<(Handle, AgentError)>,
    /// Agents whose newest version is to serve once a program outside was asked about it, and what serves until then.
    pub waiting: Vec<(Handle, Option<ObjectId>)>,
}

/// Why an import stopped, and what it did before: all of that is in the store.
#[derive(Debug)]
pub struct HistoryStop {
    /// Why it stopped.
    pub error: AgentError,
    /// What it did.
    pub done: HistoryReport,
    /// The agents of the history that are in the store, of those met lately, and how many of its versions each
    /// has; in order.
    pub standing: Vec<(Handle, u64)>,
}

impl Agents {
    /// Imports a history: one line of JSON a version, oldest first, the versions of any number of
    /// agents in any order among each other. A line that is in the store already is skipped. Takes
    /// memory for one batch, and some 50 bytes for each agent. Durable on return, also when it stops.
    ///
    /// # Errors
    /// `Import` for the first line that is wrong; `Interrupted` soon after `interrupt` was set; what
    /// the store refuses.
    pub fn import_history(
        &self,
        reader: &mut dyn BufRead,
        options: &HistoryOptions,
        interrupt: &AtomicBool,
        progress: &mut dyn FnMut(&ImportProgress),
    ) -> Result<HistoryReport, Box<HistoryStop>> {
        let stopped = |error, done, standing| Err(Box::new(HistoryStop { error, done, standing }));
        let profile = match batch::default_profile(self, options.profile.as_ref()) {
            Ok(profile) => profile,
            Err(error) => return stopped(error, HistoryReport::default(), Vec::new()),
        };
        let given = Given {
            profile,
            handle: options.handle.clone(),
            title: options.title.clone(),
            exact: options.exact.clone(),
        };
        let mut import = Import {
            agents: self,
            options,
            stage: Stage::new(self),
            states: States::new(self, given),
            met: Vec::new(),
            unwritten: (0, 0),
            failed: false,
            report: HistoryReport::default(),
        };
        let read = import.lines(reader, interrupt, progress);
        // What was taken before a line that is wrong is kept; after a write that failed nothing is tried.
        let written = if import.failed || import.stage.failed { Ok(()) } else { import.write() };
        let result = read.and(written).and_then(|()| import.activate(interrupt));
        let Import { mut report, states, .. } = import;
        let standing = if result.is_err() { states.standing() } else { Vec::new() };
        report.named = states.named;
        match result {
            Ok(()) => Ok(report),
            Err(AgentError::Interrupted(_)) if report.new_versions == 0 => {
                stopped(AgentError::Interrupted("nothing was imported".to_owned()), report, Vec::new())
            }
            Err(error) => stopped(error, report, standing),
        }
    }
}

struct Import<'a> {
    agents: &'a Agents,
    options: &'a HistoryOptions,
    stage: Stage<'a>,
    states: States<'a>,
    /// The agents to be activated in the end.
    met: Vec<Handle>,
    /// New agents and versions that are not in the store yet.
    unwritten: (u64, u64),
    /// Whether a batch could not be written.
    failed: bool,
    report: HistoryReport,
}

impl Import<'_> {
    fn lines(
        &mut self,
        reader: &mut dyn BufRead,
        interrupt: &AtomicBool,
        progress: &mut dyn FnMut(&ImportProgress),
    ) -> Result<(), AgentError> {
        loop {
            let chunk = read_chunk(reader, self.report.progress.lines)?;
            if chunk.is_empty() {
                return Ok(());
            }
            let parsed = parse_all(&chunk);
            for (line, bytes) in parsed.into_iter().zip(&chunk) {
                if interrupt.load(Ordering::SeqCst) {
                    return Err(interrupted());
                }
                let number = self.report.progress.lines + 1;
                if let Some(line) = line {
                    let line = line.map_err(|reason| at_line(number, wrong(reason)))?;
                    self.line(number, line).map_err(|error| at_line(number, error))?;
                }
                self.report.progress.lines = number;
                self.report.progress.bytes += bytes.len() as u64;
            }
            self.report.progress.objects = self.stage.objects;
            if self.unwritten.1 >= BATCH_VERSIONS {
                self.write()?;
            }
            progress(&self.report.progress);
        }
    }

    fn line(&mut self, number: u64, line: Line) -> Result<(), AgentError> {
        let (state, first) = self.states.get(&line.agent, line.title.as_deref(), number)?;
        let fresh = state.head.is_none() && state.lines == 0;
        if batch::take(self.agents, &mut self.stage, state, line)? {
            self.unwritten.1 += 1;
            self.unwritten.0 += u64::from(fresh);
        } else {
            self.report.skipped += 1;
        }
        if first && self.options.activate {
            self.met.push(state.handle.clone());
        }
        Ok(())
    }

    /// Writes the batch.
    fn write(&mut self) -> Result<(), AgentError> {
        let mut part = batch::Written::default();
        let written = batch::commit(self.agents, &mut self.stage, self.states.pending(), &mut part);
        self.failed = written.is_err();
        if self.failed {
            self.unwritten = (part.agents, part.versions);
        }
        self.report.new_agents += self.unwritten.0;
        self.report.new_versions += self.unwritten.1;
        self.report.agents = self.states.met();
        self.report.progress.objects = self.stage.objects;
        self.unwritten = (0, 0);
        written?;
        self.states.forget_some();
        Ok(())
    }

    fn activate(&mut self, interrupt: &AtomicBool) -> Result<(), AgentError> {
        if self.options.check_pending {
            let met = std::mem::take(&mut self.met);
            // In a rehearsal there are no agents to look at, and nobody is asked.
            if !self.agents.rehearsal {
                let served = |agent: Handle| Ok((agent.clone(), self.agents.active(&agent)?));
                self.report.waiting = met.into_iter().map(served).collect::<Result<_, AgentError>>()?;
            }
            return Ok(());
        }
        for agent in std::mem::take(&mut self.met) {
            if interrupt.load(Ordering::SeqCst) {
                return Err(interrupted());
            }
            if self.agents.rehearsal {
                continue;
            }
            match self.agents.activate_newest(&agent, self.options.override_check.as_deref()) {
                Ok(()) => self.report.activated += 1,
                Err(error) => self.report.not_activated.push((agent, error)),
            }
        }
        Ok(())
    }
}

impl Agents {
    fn activate_newest(&self, agent: &Handle, override_check: Option<&str>) -> Result<(), AgentError> {
        let newest = self.resolve_revision(agent, &crate::history::Revision::Latest)?;
        self.activate(agent, &newest.commit(), override_check, None)?;
        Ok(())
    }
}

/// Lines as they stand in the file, with their ends; none at its end.
fn read_chunk(reader: &mut dyn BufRead, before: u64) -> Result<Vec<Vec<u8>>, AgentError> {
    let mut chunk: Vec<Vec<u8>> = Vec::new();
    let mut size_bytes = 0;
    while chunk.len() < CHUNK_LINES && size_bytes < CHUNK_BYTES {
        let mut bytes = Vec::new();
        let number = before + chunk.len() as u64 + 1;
        Read::take(&mut *reader, LINE_MAX_BYTES + 1)
            .read_until(b'\n', &mut bytes)
            .map_err(|error| at_line(number, wrong(format!("it cannot be read: {error}"))))?;
        if bytes.is_empty() {
            break;
        }
        if bytes.len() as u64 > LINE_MAX_BYTES {
            return Err(at_line(number, wrong(format!("it has more than {LINE_MAX_BYTES} bytes"))));
        }
        size_bytes += bytes.len();
        chunk.push(bytes);
    }
    Ok(chunk)
}

/// Reads lines, on as many threads as there are cores; none for an empty line.
fn parse_all(chunk: &[Vec<u8>]) -> Vec<Option<Result<Line, String>>> {
    let one = |bytes: &Vec<u8>| {
        let bytes = bytes.trim_ascii();
        (!bytes.is_empty()).then(|| line::parse(bytes))
    };
    let share = chunk.len().div_ceil(stage::threads()).max(16);
    std::thread::scope(|scope| {
        let parts: Vec<_> = chunk
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(one).collect::<Vec<_>>()))
            .collect();
        parts.into_iter().flat_map(|part| part.join().expect("reading a line does not panic")).collect()
    })
}

fn wrong(reason: String) -> AgentError {
    AgentError::Import { place: String::new(), reason }
}

/// Says in which line an error is, where it is the line's.
fn at_line(number: u64, error: AgentError) -> AgentError {
    let place = format!("line {number}");
    match error {
        AgentError::Import { place: inner, reason } if inner.is_empty() => {
            AgentError::Import { place, reason }
        }
        AgentError::Import { place: inner, reason } => {
            AgentError::Import { place, reason: format!("{inner}: {reason}") }
        }
        AgentError::BadText { .. }
        | AgentError::Object(_)
        | AgentError::Profile(_)
        | AgentError::NoSuchProfile { .. }
        | AgentError::AgentExists(_)
        | AgentError::Archived(_) => AgentError::Import { place, reason: error.to_string() },
        other => other,
    }
}

fn interrupted() -> AgentError {
    AgentError::Interrupted("what was imported so far is in the store".to_owned())
}
