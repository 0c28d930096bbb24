//! `recto help`: the verbs by what one wants to do, one verb, or the ways back.

use std::fmt::Write as _;

use serde_json::json;

use super::context::Context;
use super::error::{CliError, Exit};
use super::terminal::{Cell, Style, Table};

/// Explain the verbs, one verb, or the ways back
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto help back")]
pub(crate) struct Args {
    /// A verb (`draft list`), or `back`: every way to go back, what it changes and what it keeps.
    topic: Vec<String>,
}

/// What recto takes from its environment, and what its exit code says.
pub(super) const SURROUNDINGS: &str = "\
Environment:
  RECTO_STORE      the store, as --store
  RECTO_AUTHOR     who acts, 'Name <email>'; else the settings user.name and user.email
  RECTO_PAGER      the pager, before PAGER; empty for none
  RECTO_TIME       a fixed time for tests and demos, 2026-03-07T14:03:00Z; with '+1000ms'
                   behind it each reading is a second later
  NO_COLOR         no colours
  XDG_CONFIG_HOME  where recto/config.json, the user's settings, is; else ~/.config

Exit codes:
  0    done
  1    refused, not found, or the answer is no
  2    the words of the command are wrong
  3    a conflict, or something moved since it was read
  4    the store is damaged
  5    the config breaks its rules, or its check failed
  70   a bug in recto
  130  interrupted

'recto help VERB' explains a verb, 'recto help back' lists the ways back.";

/// One way back.
struct WayBack {
    verb: &'static str,
    want: &'static str,
    changes: &'static str,
    keeps: &'static str,
    command: &'static str,
}

/// Every way back, from what serves calls to what lies on one's own disk.
const WAYS_BACK: [WayBack; 9] = [
    WayBack {
        verb: "rollback",
        want: "serve what served before",
        changes: "ACTIVE",
        keeps: "all versions, all drafts",
        command: "recto rollback AGENT",
    },
    WayBack {
        verb: "activate",
        want: "serve a version you name",
        changes: "ACTIVE",
        keeps: "all versions, all drafts",
        command: "recto activate AGENT@V3",
    },
    WayBack {
        verb: "restore",
        want: "edit from an old version",
        changes: "a draft",
        keeps: "ACTIVE; what the draft held, as its last revision",
        command: "recto restore AGENT@V3",
    },
    WayBack {
        verb: "revert",
        want: "take one version's change back",
        changes: "a draft of the newest version",
        keeps: "ACTIVE, all versions, what was changed since",
        command: "recto revert AGENT@V3",
    },
    WayBack {
        verb: "undo",
        want: "take the last operation back",
        changes: "the refs it moved",
        keeps: "the log, which shows both",
        command: "recto undo AGENT",
    },
    WayBack {
        verb: "draft",
        want: "get a discarded draft back",
        changes: "the draft",
        keeps: "everything else",
        command: "recto undo AGENT",
    },
    WayBack {
        verb: "checkout",
        want: "drop edits in your files",
        changes: "the files",
        keeps: "the store",
        command: "recto checkout AGENT --discard",
    },
    WayBack {
        verb: "import",
        want: "go back to an exported state",
        changes: "a new draft or agent",
        keeps: "everything there is",
        command: "recto import FILE",
    },
    WayBack {
        verb: "recover",
        want: "use an agent after a failed flush",
        changes: "the agent's journal",
        keeps: "all that was acknowledged",
        command: "recto recover AGENT",
    },
];

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let mut command = super::command();
    command.build();
    match args.topic.as_slice() {
        [] => ctx.out.raw(command.render_long_help().to_string().as_bytes())?,
        [topic] if topic == "back" => ways_back(ctx, &command)?,
        words => {
            let mut verb = &mut command;
            for word in words {
                let Some(found) = verb.find_subcommand_mut(word) else {
                    let error = CliError::usage(format!("no verb '{}'", words.join(" ")));
                    return Err(error.hint("'recto help' lists the verbs"));
                };
                verb = found;
            }
            ctx.out.raw(verb.render_long_help().to_string().as_bytes())?;
        }
    }
    Ok(Exit::Done)
}

fn ways_back(ctx: &Context, command: &clap::Command) -> Result<(), CliError> {
    let ways = WAYS_BACK.iter().filter(|way| command.find_subcommand(way.verb).is_some());
    if ctx.out.is_json() {
        let ways: Vec<_> = ways
            .map(|way| {
                json!({"want": way.want, "changes": way.changes, "keeps": way.keeps, "command": way.command})
            })
            .collect();
        return ctx.out.json(json!({"ways": ways}));
    }
    let mut table = Table::new(["TO", "CHANGES", "KEEPS", "COMMAND"]);
    for way in ways {
        let command = Cell::new(Style::Strong, way.command);
        table.row([way.want.into(), way.changes.into(), way.keeps.into(), command]);
    }
    ctx.out.table(&table)
}

/// The verbs under their headings, as the help shows them; a heading without verbs is left out.
pub(super) fn groups(command: &clap::Command, groups: &[(&str, &[&str])]) -> String {
    let names = groups.iter().flat_map(|(_, names)| names.iter());
    let width = names.map(|name| name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for (heading, names) in groups.iter().filter(|(_, names)| !names.is_empty()) {
        let _ = writeln!(text, "{heading}:");
        for name in *names {
            let about = command.find_subcommand(name).and_then(clap::Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "  {name:width$}  {about}");
        }
        text.push('\n');
    }
    text
}
