//! The terminal: one verb per file; the only place that prints.
//!
//! A verb is a file with `Args` (its doc comment is the help) and `run`; it is declared below and
//! listed in `verbs!` under the group in which `recto help` shows it.

// Options of a verb are switches, each of its own.
#![allow(clippy::struct_excessive_bools)]

mod address;
mod agents;
mod assignment;
mod bucket;
mod conflicts;
mod context;
mod count;
mod damage;
mod done;
mod edit_draft;
mod error;
mod fields;
mod follow;
mod globals;
mod input;
mod interrupt;
mod lookup;
mod merged;
mod numbers;
mod outside;
mod panic;
mod render;
mod republish;
mod setting;
mod shell;
mod sync;
mod synced;
mod terminal;
mod unfinished;
mod verbs;
mod when;
mod who;
mod working;

mod activate;
mod agent;
mod apply;
mod bundle;
mod cat;
mod cat_object;
mod check;
mod checkout;
mod checkpoint;
mod cherry_pick;
mod clone;
mod completions;
mod config;
mod demo;
mod diff;
mod draft;
mod duration;
mod edit;
mod env;
mod export;
mod far;
mod fetch;
mod fsck;
mod gc;
mod hash_object;
mod help;
mod import;
mod init;
mod log;
mod ls_tree;
mod man;
mod merge;
mod new_id;
mod patch;
mod pin;
mod promote;
mod publish;
mod pull;
mod push;
mod recover;
mod remote;
mod resolve;
mod restore;
mod revert;
mod rollback;
mod save;
mod serve;
mod set;
mod show;
mod status;
mod timeline;
mod token;
mod undo;
mod unpin;
mod unpublish;
mod unset;
mod version;
mod webhook;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{Args as _, CommandFactory as _, FromArgMatches as _};

use crate::backend::BackendError;

use context::Context;
use error::{CliError, Exit};
use globals::Globals;
use terminal::{Options, Output};

verbs::verbs! {
    "Start" {
        "demo" => Demo(demo),
        "init" => Init(init),
        "agent" => Agent(agent),
        "config" => Config(config),
    }
    "Edit" {
        "draft" => Draft(draft),
        "set" => Set(set),
        "unset" => Unset(unset),
        "patch" => Patch(patch),
        "edit" => Edit(edit),
        "checkout" => Checkout(checkout),
        "save" => Save(save),
        "checkpoint" => Checkpoint(checkpoint),
    }
    "Combine" {
        "merge" => Merge(merge),
        "cherry-pick" => CherryPick(cherry_pick),
        "revert" => Revert(revert),
        "resolve" => Resolve(resolve),
    }
    "Publish" {
        "check" => Check(check),
        "publish" => Publish(publish),
        "activate" => Activate(activate),
        "unpublish" => Unpublish(unpublish),
        "env" => Env(env),
        "promote" => Promote(promote),
        "version" => Version(version),
        "pin" => Pin(pin),
        "unpin" => Unpin(unpin),
        "apply" => Apply(apply),
    }
    "Look" {
        "status" => Status(status),
        "diff" => Diff(diff),
        "log" => Log(log),
        "timeline" => Timeline(timeline),
        "show" => Show(show),
        "cat" => Cat(cat),
    }
    "Go back" {
        "rollback" => Rollback(rollback),
        "restore" => Restore(restore),
        "undo" => Undo(undo),
    }
    "Share" {
        "clone" => Clone(clone),
        "remote" => Remote(remote),
        "fetch" => Fetch(fetch),
        "pull" => Pull(pull),
        "push" => Push(push),
        "serve" => Serve(serve),
        "token" => Token(token),
        "webhook" => Webhook(webhook),
        "bundle" => Bundle(bundle),
    }
    "Move" {
        "import" => Import(import),
        "export" => Export(export),
    }
    "Maintain" {
        "fsck" => Fsck(fsck),
        "gc" => Gc(gc),
        "recover" => Recover(recover),
        "new-id" => NewId(new_id),
    }
    "Plumbing" {
        "hash-object" => HashObject(hash_object),
        "cat-object" => CatObject(cat_object),
        "ls-tree" => LsTree(ls_tree),
    }
    "Help" {
        "help" => Help(help),
        "completions" => Completions(completions),
        "man" => Man(man),
    }
}

/// Keeps every version of every agent's configuration, and says which one serves.
#[derive(Debug, clap::Parser)]
#[command(name = "recto", version, disable_help_subcommand = true, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

/// The whole command line, as `clap` describes it: for the reference, man pages and completions.
pub fn command() -> clap::Command {
    let command = Cli::command();
    let groups = help::groups(&command, GROUPS);
    command.after_long_help(help::SURROUNDINGS).help_template(format!(
        "{{about}}\n\n{{usage-heading}} {{usage}}\n\n{groups}Options:\n{{options}}{{after-help}}"
    ))
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let json = args.iter().skip(1).take_while(|arg| *arg != "--").any(|arg| arg == "--json");
    let cli = match parsed(&args) {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(usage(&error, json)),
    };
    let options = cli.globals.output();
    ExitCode::from(panic::guard(options, || run(&cli, options)))
}

/// What the words of a command say.
fn parsed<T: Into<OsString> + Clone + AsRef<std::ffi::OsStr>>(words: &[T]) -> Result<Cli, clap::Error> {
    // Nearly every command names its verb first, and is right.
    let verb = words.get(1).and_then(|word| word.as_ref().to_str()).and_then(described);
    if let Some(verb) = verb {
        let alone = clap::Command::new("recto").disable_help_subcommand(true);
        let alone = Globals::augment_args(alone).subcommand(verb);
        let matches = alone.try_get_matches_from(words.iter().cloned());
        if let Ok(cli) = matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
            return Ok(cli);
        }
    }
    Cli::from_arg_matches(&command().try_get_matches_from(words.iter().cloned())?)
}

fn run(cli: &Cli, options: Options) -> u8 {
    let ctx = match Context::new(&cli.globals, Output::new(options)) {
        Ok(ctx) => ctx,
        Err(error) => return show(&error, &Output::new(options)),
    };
    let result = cli.command.run(&ctx);
    let shown = match &result {
        Ok(exit) => exit.code(),
        Err(error) => show(error, &ctx.out),
    };
    // Also under --json, whose data says what was done.
    let mut waiting = ctx.waiting_for_space();
    for error in ctx.unapplied() {
        waiting.retain(|of| !matches!(&error, BackendError::Unapplied { agent, .. } if agent == of));
        ctx.out.warn_always(CliError::from(error).brief());
    }
    for agent in waiting {
        ctx.out.warn_always(format!(
            "the files of agent '{agent}' do not show its last operations: there is no space for that"
        ));
    }
    match ctx.out.finish() {
        Err(error) if result.is_ok() => show(&error, &ctx.out),
        _ => shown,
    }
}

/// Runs a command as if it had been typed in `dir`, on the store that is found there; returns its exit
/// code.
fn typed(words: &[String], dir: &Path, options: Options) -> u8 {
    match parsed(words) {
        Err(error) => usage(&error, options.json),
        Ok(cli) => {
            let globals = Globals { store: None, directory: Some(dir.to_path_buf()), ..cli.globals };
            run(&Cli { globals, ..cli }, options)
        }
    }
}

/// Shows why a verb failed; returns its exit code.
fn show(error: &CliError, out: &Output) -> u8 {
    if let CliError::Failed(failure) = error {
        failure.show(out);
    }
    error.code()
}

/// Shows what is wrong with the words of a command, or the help that was asked for.
fn usage(error: &clap::Error, json: bool) -> u8 {
    let out = Output::new(Options { json, ..Options::default() });
    if !json || !error.use_stderr() {
        // Nobody is left to be told when this cannot be written.
        let _ = error.print();
        return if error.use_stderr() { Exit::Found(crate::error::Kind::Usage).code() } else { 0 };
    }
    let text = error.to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let message = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    // Between the message and the usage stand the names of what is missing, and what would be accepted.
    let details = lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
    let hint = "'recto help' lists the verbs, 'recto help VERB' explains one";
    show(&CliError::usage(message).details(details.map(str::to_owned)).hint(hint), &out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        command().debug_assert();
    }

    #[test]
    fn every_verb_has_a_line_of_help_and_an_example() {
        for verb in command().get_subcommands() {
            let name = verb.get_name();
            let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(about.chars().next().is_some_and(char::is_uppercase), "{name}: {about:?}");
            assert!(about.chars().count() <= 72 && !about.ends_with('.'), "{name}: {about:?}");
            let after = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.contains("recto "), "{name} has no example");
        }
    }
}
