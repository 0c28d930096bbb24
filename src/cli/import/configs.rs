//! A directory of JSON documents, each the config of an agent that has the file's name: none of them where one is
//! found to be wrong beforehand. Each is an operation of its own, so what fails later says which were made.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::agent::{AgentError, Agents, CheckState};
use crate::cli::activate::id_value;
use crate::cli::context::Context;
use crate::cli::count::count;
use crate::cli::error::{CliError, Exit};
use crate::cli::outside::Outside;
use crate::cli::shell;
use crate::cli::terminal::Report;
use crate::disk::FileKind;
use crate::encoding::json as strict;
use crate::error::Kind;
use crate::object::limits::CONFIG_MAX_BYTES;
use crate::object::{Blocks, Content};
use crate::profile::Profile;
use crate::refs::Handle;
use crate::worktree::AGENT_FILE;

use super::report::{Imported, told};
use super::source::Form;
use super::{Args, options, with_hint};

/// The profile of what no other is recognised in.
const GENERIC: &str = "generic";

/// Whether each file of a directory is meant to be an agent, rather than a block of one.
///
/// # Errors
/// When that cannot be told and nobody said it; when the files cannot be read.
pub(super) fn are_meant(
    args: &Args,
    ctx: &Context,
    agents: &Agents,
    dir: &Path,
    profile: Option<&Profile>,
) -> Result<bool, CliError> {
    match args.format {
        Form::Configs => return Ok(true),
        Form::Auto if ctx.disk().stat(&dir.join(AGENT_FILE))?.is_none() => {}
        _ => return Ok(false),
    }
    let files = ctx.disk().list(dir)?;
    let texts =
        files.iter().any(|(file, kind)| *kind == FileKind::File && file.strip_suffix(".md").is_some());
    let documents = if texts { Vec::new() } else { read(ctx, dir)? };
    // No config is anything but an object, and none is a text.
    if documents.is_empty() || documents.iter().any(|(_, document)| !document.is_object()) {
        return Ok(false);
    }
    let named =
        |(stem, document): &(String, Value)| Some((stem.parse().ok()?, Content::Json(document.clone())));
    let blocks: Option<Blocks> = documents.iter().map(named).collect();
    let is_of = |profile: &Profile| {
        let has = |stem: &str| profile.blocks().iter().any(|spec| spec.name.as_str() == stem);
        profile.name() != GENERIC && documents.iter().all(|(stem, _)| has(stem))
    };
    let recognised = blocks.map(|blocks| agents.profile_for_blocks(&blocks)).transpose()?;
    if profile.is_some_and(is_of) || recognised.is_some_and(|profile| profile.name() != GENERIC) {
        return Ok(false);
    }
    if documents.iter().all(|(_, document)| Profile::guess(document).name() != GENERIC) {
        return Ok(true);
    }
    let name = shell::quote(args.file.as_deref().unwrap_or("."));
    let message = format!("'{}' may hold an agent in each file, or the blocks of one agent", dir.display());
    Err(CliError::usage(message).hint(format!(
        "'recto import {name} --format configs' makes {}, 'recto import {name} --format blocks --as HANDLE' makes one",
        count(documents.len() as u64, "agent")
    )))
}

/// The JSON documents of a directory, by their names without the ending, in order.
fn read(ctx: &Context, dir: &Path) -> Result<Vec<(String, Value)>, CliError> {
    let mut documents = Vec::new();
    let mut files = ctx.disk().list(dir)?;
    files.sort();
    for (file, kind) in files {
        let Some(stem) = file.strip_suffix(".json").filter(|_| kind == FileKind::File) else { continue };
        let bytes = ctx.disk().read(&dir.join(&file), CONFIG_MAX_BYTES as u64)?;
        let document = strict::parse(&bytes)
            .map_err(|error| CliError::new(Kind::Invalid, format!("'{file}' is not JSON: {error}")))?;
        documents.push((stem.to_owned(), document));
    }
    Ok(documents)
}

/// Imports each document of a directory as an agent. All are looked at first: when one is found to be wrong, none is
/// imported. What fails nonetheless, since it changed meanwhile or cannot be written, is told after what was done.
pub(super) fn run(
    args: &Args,
    ctx: &Context,
    (agents, outside): (&Agents, &Outside<'_>),
    profile: Option<&Arc<Profile>>,
    dir: &Path,
) -> Result<Exit, CliError> {
    if args.handle.is_some() || args.title.is_some() {
        let message = "each of several agents has the name of its file: --as and --title name one agent";
        return Err(CliError::usage(message));
    }
    let documents = read(ctx, dir)?;
    if documents.is_empty() {
        let message = format!("'{}' holds no JSON documents", dir.display());
        return Err(CliError::new(Kind::NotFound, message));
    }
    let rehearsal = ctx.agents(true)?;
    let (mut handles, mut wrong): (Vec<Handle>, Vec<String>) = (Vec::new(), Vec::new());
    for (stem, document) in &documents {
        let handle = stem.parse::<Handle>().ok().or_else(|| Handle::derive(stem));
        let tried = match handle {
            None => Err(CliError::usage("no handle can be made of its name")),
            Some(handle) if handles.contains(&handle) => {
                Err(CliError::usage(format!("another file is agent '{handle}' already")))
            }
            Some(handle) => {
                handles.push(handle.clone());
                import(args, (&rehearsal, outside), profile, handle, document).map(drop)
            }
        };
        wrong.extend(tried.err().map(|error| format!("'{stem}.json': {}", error.brief())));
    }
    if !wrong.is_empty() {
        let of = count(documents.len() as u64, "document");
        let message = format!("{} of {of} in '{}' cannot be imported; none was", wrong.len(), dir.display());
        return Err(CliError::new(Kind::Invalid, message).details(wrong));
    }
    let mut report = Report::default();
    let mut values = Vec::new();
    let mut failed = None;
    let far = |done: usize, word: &str| {
        let left = count((documents.len() - done) as u64, "document");
        format!("{done} of {} documents were imported{word}; {left} left", documents.len())
    };
    for ((stem, document), handle) in documents.iter().zip(handles) {
        let imported = match import(args, (agents, outside), profile, handle, document) {
            Ok(imported) => imported,
            Err(error) => {
                let far = far(values.len(), " before it");
                failed = Some(stopped(args, error, stem, (far, "when that is put right")));
                break;
            }
        };
        let (outcome, line) = told(&imported.done);
        let prefix = if args.dry_run && outcome != "unchanged" { "dry run: " } else { "" };
        report = report.line(format!("{prefix}'{stem}.json': {line}"));
        if let Some(moved) = imported.moved(agents)? {
            report = report.line(format!("  {moved}"));
        }
        for line in imported.check_lines() {
            report = report.line(format!("  {line}"));
        }
        if let Some(way_back) = imported.way_back() {
            report = report.line(format!("  undo: {way_back}"));
        }
        values.push(value(stem, outcome, &imported));
        let again = again(agents, &imported)?;
        if let Some(error) = imported.refusal() {
            failed = Some(stopped(args, error, stem, (far(values.len(), ""), &again)));
            break;
        }
    }
    if failed.is_none() || !(values.is_empty() || args.dry_run) {
        let report = report.field("form", "configs").field("agents", values);
        ctx.out.report(report.field("dry_run", args.dry_run))?;
    }
    failed.map_or(Ok(Exit::Done), Err)
}

/// When an import that stopped at this document goes on: what is recorded of a version is not asked anew.
fn again(agents: &Agents, imported: &Imported) -> Result<String, AgentError> {
    let version = imported.done.commit.filter(|_| imported.state() == Some(CheckState::Failed));
    let (agent, id) = (&imported.done.agent, version);
    let number = id.map(|id| agents.number_of(agent, &id)).transpose()?.flatten();
    Ok(match (id, number) {
        (Some(id), Some(number)) => {
            let address = number.address(&id);
            format!("when the document is changed, or 'recto check {agent}@{address} --run' has let it pass")
        }
        _ => "when that is put right".to_owned(),
    })
}

/// What one document fails with, how far the others came, and how to go on.
fn stopped(args: &Args, error: CliError, stem: &str, (far, when): (String, &str)) -> CliError {
    let CliError::Failed(mut failure) = error else { return error };
    failure.message = format!("'{stem}.json': {}", failure.message);
    if !args.dry_run {
        failure.details.push(far);
        let again = format!("{when}, the same command goes on: what was imported is left as it is");
        match &failure.hint {
            // Two ways that help, of which the nearer one is the hint.
            Some(_) => failure.details.push(again),
            None => failure.hint = Some(again),
        }
    }
    CliError::Failed(failure)
}

fn import(
    args: &Args,
    (agents, outside): (&Agents, &Outside<'_>),
    profile: Option<&Arc<Profile>>,
    handle: Handle,
    document: &Value,
) -> Result<Imported, CliError> {
    let mut options = options(args, outside, profile.cloned());
    options.handle = Some(handle);
    let done = agents.import_document(document, &options).map_err(with_hint)?;
    Ok(Imported::judged(args, (agents, outside), done))
}

fn value(stem: &str, outcome: &str, imported: &Imported) -> Value {
    let done = &imported.done;
    let operation = imported.receipt().and_then(|receipt| receipt.operation);
    json!({
        "file": format!("{stem}.json"),
        "agent": done.agent.as_str(),
        "profile": done.profile.as_str(),
        "profile_guessed": done.guessed,
        "outcome": outcome,
        "commit": done.commit.map(|id| id.to_string()),
        "active": imported.active(),
        "from": id_value(imported.from()),
        "check": imported.state().map(CheckState::name),
        "dropped": done.dropped,
        "operation": operation.map(|id| id.to_string()),
    })
}
