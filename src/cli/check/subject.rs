//! What is checked: a document, a directory of block files, or a revision of an agent.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::agent::{AgentError, CheckReport, CheckState};
use crate::check::output::Place;
use crate::check::{self, Context as Rules, Finding, Report};
use crate::diff::path;
use crate::disk::FileKind;
use crate::encoding::json;
use crate::error::Kind;
use crate::object::limits::{BLOCK_MAX_BYTES, CONFIG_MAX_BYTES};
use crate::object::{BlockName, Blocks, Content, EntryKind};
use crate::profile::{Problem, Profile};

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::input;

use super::lines::Lines;

/// The file of a directory that says what the others are.
const AGENT_FILE: &str = "agent.json";

/// Something that was checked.
pub(super) struct Subject {
    /// As it was named.
    pub(super) name: String,
    /// The profile it was judged by.
    pub(super) profile: Arc<Profile>,
    /// The config.
    pub(super) config: Value,
    /// What breaks the profile's rules.
    pub(super) problems: Vec<Problem>,
    /// What the rules of the check found.
    pub(super) check: CheckReport,
    /// What is recorded of it, where it is a version.
    pub(super) state: Option<CheckState>,
    /// Why the program of `check.command` refused it.
    pub(super) outside: Option<String>,
    places: Places,
}

/// Where the parts of a config are written.
enum Places {
    /// In one file.
    Document(Lines),
    /// In a file for each block.
    Blocks { folder: String, files: BTreeMap<BlockName, (String, Lines)> },
    /// Nowhere: it is in the store.
    Stored,
}

impl Subject {
    /// A config without a store behind it.
    fn loose(name: &str, profile: Arc<Profile>, config: Value, places: Places) -> Self {
        let findings = check::check(&config, &Rules::for_profile(profile.name()));
        let check = CheckReport { report: Report::new(findings), accepted: 0 };
        let problems = profile.validate(&config);
        let name = name.to_owned();
        Self { name, profile, config, problems, check, state: None, outside: None, places }
    }

    /// A config of the store.
    pub(super) fn stored(
        name: &str,
        config: crate::agent::Config,
        check: CheckReport,
        (state, outside): (Option<CheckState>, Option<String>),
    ) -> Self {
        let problems = config.profile.validate(&config.value);
        let (profile, config) = (config.profile, config.value);
        let (name, places) = (name.to_owned(), Places::Stored);
        Self { name, profile, config, problems, check, state, outside, places }
    }

    /// Where a finding is.
    pub(super) fn place(&self, finding: &Finding) -> Place {
        self.at(&finding.path, &finding.pointer, finding.line)
    }

    /// Where a problem is.
    pub(super) fn place_of(&self, problem: &Problem) -> Place {
        self.at("", &problem.pointer, None)
    }

    fn at(&self, shown: &str, pointer: &str, line: Option<usize>) -> Place {
        match &self.places {
            Places::Document(lines) => Place { file: self.name.clone(), line: lines.line(pointer) },
            Places::Stored => Place { file: self.name.clone(), line: line.unwrap_or(1) },
            Places::Blocks { folder, files } => {
                let steps = shown.parse().unwrap_or_else(|_| steps(pointer));
                let block = self.profile.block_of(&self.profile.resolve_path(&steps));
                let file = block.and_then(|block| files.get(&block));
                match file {
                    None => Place { file: folder.clone(), line: 1 },
                    Some((file, lines)) => {
                        let line = line.unwrap_or_else(|| lines.line(pointer));
                        Place { file: format!("{folder}/{file}"), line }
                    }
                }
            }
        }
    }

    /// The text that a finding is about, as it is: for those who may see it.
    pub(super) fn text_at(&self, finding: &Finding) -> Option<String> {
        let value = self.config.pointer(&finding.pointer)?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let line = text.lines().nth(finding.line.unwrap_or(1).saturating_sub(1)).unwrap_or_default();
        Some(line.trim().to_owned())
    }
}

/// The steps of a JSON pointer.
fn steps(pointer: &str) -> path::Path {
    let step = |key: &str| {
        let key = key.replace("~1", "/").replace("~0", "~");
        key.parse().map_or_else(|_| path::Step::Field(key.clone()), path::Step::Index)
    };
    path::Path::from(pointer.split('/').skip(1).map(step).collect::<Vec<_>>())
}

/// Reads what lies at a path; `None` when nothing does.
///
/// # Errors
/// When it cannot be read, or is no config.
pub(super) fn read(ctx: &Context, name: &str, profile: Option<&str>) -> Result<Option<Subject>, CliError> {
    if name == "-" {
        return document(ctx, name, profile).map(Some);
    }
    let path = ctx.directory().join(name);
    let Some(stat) = ctx.disk().stat(&path)? else { return Ok(None) };
    let is_folder = match stat.kind {
        FileKind::Dir => true,
        // A link leads to whatever can be listed, or read.
        FileKind::Symlink => ctx.disk().list(&path).is_ok(),
        _ => false,
    };
    let subject = if is_folder { folder(ctx, name, &path, profile)? } else { document(ctx, name, profile)? };
    Ok(Some(subject))
}

fn document(ctx: &Context, name: &str, profile: Option<&str>) -> Result<Subject, CliError> {
    let shown = if name == "-" { "stdin" } else { name };
    let bytes = input::read(ctx, Some(name), CONFIG_MAX_BYTES as u64)?;
    let value = json::parse(&bytes)
        .map_err(|error| CliError::new(Kind::Invalid, format!("'{shown}' is not JSON: {error}")))?;
    let guessed = profile.is_none();
    let profile = named(ctx, profile.unwrap_or_else(|| Profile::guess(&value).name()))?;
    if guessed {
        ctx.say_guessed(profile.name());
    }
    let imported = profile.unwrap_document(&value).map_err(|problems| AgentError::Invalid { problems })?;
    let lines = Lines::of(&String::from_utf8_lossy(&bytes));
    Ok(Subject::loose(shown, profile, imported.config, Places::Document(lines)))
}

/// A profile by name; without a store, one of those that are built in.
fn named(ctx: &Context, name: &str) -> Result<Arc<Profile>, CliError> {
    if let Some(profile) = Profile::builtin(name) {
        return Ok(Arc::new(Profile::from_stored(profile.bytes())?));
    }
    if ctx.store_root()?.is_some() {
        return Ok(ctx.agents_to_read()?.profile_named(name)?);
    }
    let known = Profile::builtin_names().iter().map(|name| (*name).to_owned()).collect();
    Err(AgentError::NoSuchProfile { name: name.to_owned(), known }.into())
}

/// A directory with a file for each block: text in `.md`, JSON in `.json`.
fn folder(ctx: &Context, name: &str, path: &Path, profile: Option<&str>) -> Result<Subject, CliError> {
    let mut blocks = Blocks::new();
    let mut files = BTreeMap::new();
    let mut said: Option<String> = None;
    for (file, kind) in ctx.disk().list(path)? {
        let ends = |end: &str| file.strip_suffix(end).map(str::to_owned);
        let (stem, is_text) = match (ends(".md"), ends(".json")) {
            (Some(stem), _) => (stem, true),
            (None, Some(stem)) => (stem, false),
            (None, None) => continue,
        };
        if kind == FileKind::Dir || stem.starts_with('.') {
            continue;
        }
        let bytes = ctx.disk().read(&path.join(&file), BLOCK_MAX_BYTES as u64)?;
        let invalid =
            |reason: String| CliError::new(Kind::Invalid, format!("'{name}/{file}' is no block: {reason}"));
        let kind = if is_text { EntryKind::Text } else { EntryKind::Json };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let content = match kind {
            EntryKind::Text => {
                Content::from_payload(&kind, bytes).map_err(|error| invalid(error.to_string()))?
            }
            _ => Content::Json(json::parse(&bytes).map_err(|error| invalid(error.to_string()))?),
        };
        if file == AGENT_FILE {
            said = profile_said(&content);
            continue;
        }
        let block = match stem.parse::<BlockName>() {
            Ok(block) => block,
            Err(error) => return Err(invalid(error.to_string())),
        };
        files.insert(block.clone(), (file, if is_text { Lines::default() } else { Lines::of(&text) }));
        blocks.insert(block, content);
    }
    if blocks.is_empty() {
        let error = CliError::new(Kind::Invalid, format!("'{name}' holds no block files"));
        return Err(error.hint("a block is a file like prompt.md or voice.json"));
    }
    let profile = named(ctx, profile.or(said.as_deref()).unwrap_or_else(|| fitting(&blocks)))?;
    let config = profile.join(&blocks)?;
    let folder = name.trim_end_matches('/').to_owned();
    Ok(Subject::loose(name, profile, config, Places::Blocks { folder, files }))
}

/// The profile that `agent.json` names.
fn profile_said(content: &Content) -> Option<String> {
    let Content::Json(value) = content else { return None };
    let profile = value.get("profile")?;
    profile.as_str().or_else(|| profile.get("name")?.as_str()).map(str::to_owned)
}

/// The built-in profile that has all of these blocks.
fn fitting(blocks: &Blocks) -> &'static str {
    let fits = |name: &&&str| {
        let specs = Profile::builtin(name).map(Profile::blocks).unwrap_or_default();
        blocks.keys().all(|block| specs.iter().any(|spec| spec.name == *block))
    };
    Profile::builtin_names().iter().find(fits).copied().unwrap_or("generic")
}
