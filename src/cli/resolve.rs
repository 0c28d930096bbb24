//! `recto resolve`: the conflicts of a draft, shown and decided.

use serde_json::json;

use crate::agent::{AgentError, Decision, DraftInfo, Pick, conflict_is_at};
use crate::diff::path::Path;
use crate::merge::{Choice, Conflict, Record, Sides};
use crate::object::limits::BLOCK_MAX_BYTES;
use crate::profile::Profile;
use crate::refs::Handle;

use super::assignment::Assignment;
use super::conflicts;
use super::context::Context;
use super::count::count;
use super::done::Done;
use super::draft::list::draft_value;
use super::edit_draft::Options;
use super::error::{CliError, Exit};
use super::fields::Fields;
use super::input;
use super::merged;

/// Show the conflicts of a draft, or decide them
///
/// Without an option or a value both sides of each conflict are shown, or of those at PATH: a field, what
/// lies below it, or a block. With one, these are decided, all of them without a PATH; the others wait on.
/// PATH=VALUE, PATH:=JSON and PATH=@FILE decide as 'recto set' sets. All decisions are one revision. When
/// nothing waits any more the draft can be published.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  recto resolve support@tone
  recto resolve support@tone tools[book_slot].timeout --theirs
  recto resolve support@tone voice.speed=1.1 prompt=@prompt.md
  recto resolve support@tone --ours")]
#[group(skip)]
pub(crate) struct Args {
    /// The draft.
    #[arg(value_name = "AGENT@DRAFT")]
    draft: String,

    /// The conflicts that are meant, and values that decide them.
    #[arg(value_name = "PATH[=VALUE]")]
    words: Vec<String>,

    #[command(flatten)]
    side: Side,

    #[command(flatten)]
    options: Options,
}

/// By what conflicts are decided.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct Side {
    /// Keep what the draft has.
    #[arg(long)]
    ours: bool,

    /// Take what was merged into it.
    #[arg(long)]
    theirs: bool,

    /// Take what both sides came from.
    #[arg(long)]
    base: bool,

    /// Take what a file holds; `-` is stdin.
    #[arg(long, value_name = "FILE")]
    file: Option<String>,
}

impl Side {
    fn pick(&self, ctx: &Context) -> Result<Option<Pick>, CliError> {
        Ok(match self {
            Self { ours: true, .. } => Some(Pick::Side(Choice::Ours)),
            Self { theirs: true, .. } => Some(Pick::Side(Choice::Theirs)),
            Self { base: true, .. } => Some(Pick::Side(Choice::Base)),
            Self { file: Some(name), .. } => {
                let bytes = input::read(ctx, Some(name), BLOCK_MAX_BYTES as u64)?;
                Some(Pick::File(name.clone(), bytes))
            }
            _ => None,
        })
    }
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let (mut paths, mut decisions) = (Vec::new(), Vec::new());
    let mut from_stdin = usize::from(args.side.file.as_deref() == Some("-"));
    for word in &args.words {
        match Assignment::parse(word) {
            Ok(assignment) => {
                from_stdin += usize::from(assignment.reads_stdin());
                let pick = Pick::Value(assignment.input(ctx)?);
                decisions.push(Decision { path: Some(assignment.path()?), pick });
            }
            Err(_) => paths.push(word.parse::<Path>()?),
        }
    }
    if from_stdin > 1 {
        return Err(CliError::usage("stdin can decide one conflict only"));
    }
    match args.side.pick(ctx)? {
        Some(pick) if paths.is_empty() => decisions.push(Decision { path: None, pick }),
        Some(pick) => {
            decisions.extend(paths.into_iter().map(|path| Decision { path: Some(path), pick: pick.clone() }));
        }
        None if decisions.is_empty() => return show(args, ctx, &paths),
        None if !paths.is_empty() => {
            let message = format!("nothing is said to decide '{}' by", paths[0]);
            return Err(CliError::usage(message).hint("--ours, --theirs, --base, --file FILE or PATH=VALUE"));
        }
        None => {}
    }
    decide(args, ctx, &decisions)
}

fn decide(args: &Args, ctx: &Context, decisions: &[Decision]) -> Result<Exit, CliError> {
    let options = &args.options;
    let agents = ctx.agents(options.dry_run)?;
    let (agent, draft) = ctx.draft(&agents, &args.draft)?;
    let done = agents.decide(&agent, &draft.name, decisions, &merged::options(options))?;
    let (fields, diff) =
        (Fields::new(&done.old, &done.new, options.reveal), agents.diff(&done.old, &done.new));
    let left = done.left.as_ref().map_or_else(Vec::new, |record| conflicts::named(record, &done.new.profile));
    let (name, before) = (&draft.name, done.before.revision);
    let decided = count(done.decided.len() as u64, "conflict");
    let line = format!(
        "draft '{name}' of agent '{agent}': revision {before} -> {}, {decided} decided, {} left",
        before + 1,
        left.len()
    );
    let mut report = Done::new(&done.receipt, options.dry_run)
        .report(line, "nothing to decide")
        .id(done.draft.commit)
        .field("draft", draft_value(&done.draft))
        .field("decided", done.decided.clone())
        .field("left", left.clone())
        .field("changes", fields.to_value(&diff));
    for line in fields.lines(&diff) {
        report = report.line(format!("  {line}"));
    }
    for name in &left {
        report = report.line(format!("  left: {name}"));
    }
    ctx.out.report(report)?;
    if left.is_empty() && !options.dry_run {
        ctx.out.say(format!("to publish it: recto publish {agent}@{name}"));
    }
    Ok(Exit::Done)
}

fn show(args: &Args, ctx: &Context, paths: &[Path]) -> Result<Exit, CliError> {
    let agents = ctx.agents_to_read()?;
    let (agent, draft) = ctx.draft(&agents, &args.draft)?;
    let record = agents.conflicts(&agent, &draft.commit)?;
    let profile = agents.config(&draft.commit)?.profile;
    let meant = chosen((&agent, &draft), record.as_ref(), &profile, paths)?;
    if ctx.out.is_json() {
        let labels = record.as_ref().map(|Record { labels: Sides { base, ours, theirs }, .. }| {
            json!({"base": base, "ours": ours, "theirs": theirs})
        });
        let value = json!({
            "agent": agent.as_str(),
            "draft": draft_value(&draft),
            "labels": labels,
            "conflicts": conflicts::to_value(&meant, &profile, args.options.reveal),
        });
        ctx.out.json(value)?;
        return Ok(Exit::Done);
    }
    let Some(record) = record.as_ref().filter(|_| !meant.is_empty()) else {
        ctx.out.say(format!("draft '{}' of agent '{agent}' has no conflicts", draft.name));
        return Ok(Exit::Done);
    };
    if ctx.out.is_quiet() {
        let names = meant.iter().map(|conflict| crate::agent::conflict_name(&profile, conflict));
        names.into_iter().try_for_each(|name| ctx.out.line(name))?;
        return Ok(Exit::Done);
    }
    let Sides { base, ours, theirs } = &record.labels;
    let waiting = count(record.conflicts.len() as u64, "conflict");
    ctx.out.line(format!("{agent}@{}: {waiting} to decide", draft.name))?;
    ctx.out.line(format!("base is {base}, ours {ours}, theirs {theirs}"))?;
    for line in conflicts::lines(&ctx.out, &meant, &profile, args.options.reveal) {
        ctx.out.line(line)?;
    }
    ctx.out.say(format!(
        "to decide: 'recto resolve {agent}@{} --ours', with --theirs, --base, --file FILE or PATH=VALUE instead, and PATH before it for one place",
        draft.name
    ));
    Ok(Exit::Done)
}

/// The conflicts at the places named, or all.
fn chosen<'a>(
    (agent, draft): (&Handle, &DraftInfo),
    record: Option<&'a Record>,
    profile: &Profile,
    paths: &[Path],
) -> Result<Vec<&'a Conflict>, CliError> {
    let all: Vec<&Conflict> = record.map_or_else(Vec::new, |record| record.conflicts.iter().collect());
    let at = |path: &Path| all.iter().any(|conflict| conflict_is_at(profile, conflict, path));
    if let Some(path) = paths.iter().find(|path| !at(path)) {
        let have = all.iter().map(|conflict| crate::agent::conflict_name(profile, conflict)).collect();
        let (agent, draft) = (agent.clone(), draft.name.clone());
        return Err(AgentError::NoSuchConflict { agent, draft, path: path.to_string(), have }.into());
    }
    let meant = |conflict: &&Conflict| {
        paths.is_empty() || paths.iter().any(|path| conflict_is_at(profile, conflict, path))
    };
    Ok(all.iter().copied().filter(meant).collect())
}
