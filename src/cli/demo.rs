//! `recto demo`: the main job from beginning to end, on a store of its own, through the same verbs that
//! a person types.

use std::path::{Path, PathBuf};

use crate::clock::Time;
use crate::error::Kind;

use super::context::Context;
use super::error::{CliError, Exit};
use super::shell::quote;
use super::terminal::{Options, Style};

/// Most directories for temporary files that are tried.
const DIRS_MAX: u32 = 1000;
/// How much of `ACTIVE.json` is shown, in characters.
const SHOWN_CHARS: usize = 400;
/// The largest `ACTIVE.json` that is read, in bytes.
const ACTIVE_JSON_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The files that the demo imports, with the names under which it writes them.
const FILES: [(&str, &str); 5] = [
    ("front-desk.json", include_str!("../../fixtures/agents/atoms-get-agent.json")),
    ("helpdesk.json", include_str!("../../fixtures/agents/thinnest-helpdesk.json")),
    ("reception.json", include_str!("../../fixtures/agents/callem-reception.json")),
    ("menu.json", include_str!("../../fixtures/agents/generic-ivr.json")),
    ("history.jsonl", include_str!("../../fixtures/agents/history.jsonl")),
];

/// Show the main job, on a store of its own
///
/// Makes a store in DIR (else in a directory for temporary files), imports agents, forks a draft, edits
/// it, publishes, activates, looks back and rolls back. Prints each step as the command that you would
/// type, with what it really says.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto demo /tmp/recto-demo")]
pub(crate) struct Args {
    /// A directory that is empty or not there yet.
    dir: Option<PathBuf>,
}

/// One thing that the demo does.
enum Step {
    /// Says what comes.
    Say(&'static str),
    /// A command, as words; `{T}` stands for the instant that was noted.
    Run(&'static [&'static str]),
    /// Notes this instant.
    Note,
    /// Shows what a runtime reads.
    ActiveJson(&'static str),
}

use Step::{ActiveJson, Note, Run, Say};

const STEPS: &[Step] = &[
    Say("A store is one directory. It needs no server."),
    Run(&["init"]),
    Say("An agent comes in as its platform answers it; what is no part of its config is named."),
    Run(&["import", "front-desk.json", "--as", "front-desk", "--activate"]),
    Run(&["import", "helpdesk.json"]),
    Run(&["import", "reception.json"]),
    Run(&["import", "menu.json", "--as", "menu"]),
    Say("A history comes in with its authors and times; importing it again changes nothing."),
    Run(&["import", "history.jsonl"]),
    Run(&["import", "history.jsonl"]),
    Run(&["agent", "list"]),
    Note,
    Say("Work goes on in drafts, while V1 answers calls."),
    Run(&["draft", "new", "front-desk@tone"]),
    Run(&[
        "set",
        "front-desk@tone",
        "firstMessage=Good day, this is Mira at {{clinic_name}}. What can I do for you?",
        "interruptionBackoffTimer=1.2",
    ]),
    Run(&["diff", "front-desk@tone"]),
    Run(&["check", "front-desk@tone"]),
    Say("Publishing makes a version that never changes; activating lets it serve."),
    Run(&["publish", "front-desk@tone", "-m", "a warmer greeting"]),
    Run(&["activate", "front-desk@V2"]),
    Run(&["diff", "front-desk@V1..V2", "--stat"]),
    Run(&["log", "front-desk", "--oneline"]),
    Say("What served at an instant, by the log of this store:"),
    Run(&["show", "front-desk", "--at", "{T}"]),
    Say("V2 does not do? Back to what served before, in one command."),
    Run(&["rollback", "front-desk"]),
    Run(&["timeline", "front-desk"]),
    Say("Any runtime reads what serves from a file, which is replaced in one step."),
    ActiveJson("front-desk"),
    Say("Every byte of the store can be proved."),
    Run(&["fsck"]),
];

/// What to type next, in the directory of the demo.
const NEXT: [&str; 4] = [
    "recto restore front-desk@V2 --to tone",
    "recto export front-desk@V1 -o v1.json",
    "recto export --all --format history",
    "recto help",
];

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    if ctx.out.is_json() || ctx.out.is_quiet() {
        return Err(CliError::usage("the demo is for people: it has neither --json nor --quiet"));
    }
    let dir = match &args.dir {
        Some(dir) => ctx.directory().join(dir),
        None => fresh_dir(ctx)?,
    };
    if ctx.disk().stat(&dir)?.is_some() && !ctx.disk().list(&dir)?.is_empty() {
        let message = format!("'{}' is not empty", dir.display());
        return Err(CliError::new(Kind::Refused, message).hint("name a directory that is not there yet"));
    }
    ctx.disk().create_dir_all(&dir)?;
    for (name, text) in FILES {
        ctx.disk().write_atomic(&dir.join(name), text.as_bytes())?;
    }
    type_out(ctx, &["cd".to_owned(), dir.display().to_string()])?;
    let mut noted = ctx.clock().now();
    for step in STEPS {
        take(ctx, &dir, step, &mut noted)?;
    }
    ctx.out.line("")?;
    ctx.out.line(ctx.out.paint(Style::Strong, &format!("The store is in '{}'. Try next:", dir.display())))?;
    type_out(ctx, &["cd".to_owned(), dir.display().to_string()])?;
    for command in NEXT {
        ctx.out.line(format!("$ {command}"))?;
    }
    Ok(Exit::Done)
}

fn take(ctx: &Context, dir: &Path, step: &Step, noted: &mut Time) -> Result<(), CliError> {
    match step {
        Say(text) => {
            ctx.out.line("")?;
            ctx.out.line(ctx.out.paint(Style::Dim, &format!("# {text}")))
        }
        Note => {
            *noted = ctx.clock().now();
            Ok(())
        }
        Run(words) => {
            let words: Vec<String> =
                words.iter().map(|word| word.replace("{T}", &noted.to_string())).collect();
            let typed: Vec<String> = std::iter::once("recto".to_owned()).chain(words).collect();
            type_out(ctx, &typed)?;
            ctx.out.flush()?;
            let options = Options { json: false, quiet: false, no_pager: true, color: ctx.out.color() };
            match super::typed(&typed, dir, options) {
                0 => Ok(()),
                code => {
                    let message = format!("this step of the demo failed with exit code {code}");
                    Err(CliError::new(Kind::Bug, message))
                }
            }
        }
        ActiveJson(agent) => {
            let path = Path::new(".recto/agents").join(agent).join(crate::agent::ACTIVE_JSON);
            ctx.out.line(format!("$ head -c {SHOWN_CHARS} {}", path.display()))?;
            let bytes = ctx.disk().read(&dir.join(&path), ACTIVE_JSON_MAX_BYTES)?;
            let text = String::from_utf8_lossy(&bytes);
            ctx.out.line(text.chars().take(SHOWN_CHARS).collect::<String>())
        }
    }
}

/// Shows a command as it is typed.
fn type_out(ctx: &Context, words: &[String]) -> Result<(), CliError> {
    let words: Vec<String> = words.iter().map(|word| quote(word).into_owned()).collect();
    ctx.out.line(ctx.out.paint(Style::Strong, &format!("$ {}", words.join(" "))))
}

/// A directory for temporary files that is not there yet.
fn fresh_dir(ctx: &Context) -> Result<PathBuf, CliError> {
    let parent = std::env::temp_dir();
    for number in 1..=DIRS_MAX {
        let dir = parent.join(format!("recto-demo-{number}"));
        if ctx.disk().stat(&dir)?.is_none() {
            return Ok(dir);
        }
    }
    let message = format!("'{}' holds {DIRS_MAX} demos already", parent.display());
    Err(CliError::new(Kind::Refused, message).hint("recto demo DIR"))
}
