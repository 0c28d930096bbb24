//! `recto man`: the manual pages.

use std::path::PathBuf;

use clap_mangen::Man;

use crate::error::Kind;

use super::context::Context;
use super::error::{CliError, Exit};
use super::terminal::Report;

/// Print the manual page, or write all pages into a directory
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto man ~/.local/share/man/man1")]
pub(crate) struct Args {
    /// Where to write one page for each verb; created if it does not exist.
    dir: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let root = super::command();
    let Some(dir) = &args.dir else {
        ctx.out.raw(&render(root)?)?;
        return Ok(Exit::Done);
    };
    let dir = ctx.directory().join(dir);
    ctx.disk().create_dir_all(&dir)?;
    let mut pages = Vec::new();
    collect(root, "recto", &mut pages);
    for (name, page) in &pages {
        ctx.disk().write_atomic(&dir.join(format!("{name}.1")), &render(page.clone())?)?;
    }
    let report = Report::new(format!("wrote {} pages into '{}'", pages.len(), dir.display()))
        .field("directory", dir.display().to_string())
        .field("pages", pages.into_iter().map(|(name, _)| format!("{name}.1")).collect::<Vec<_>>());
    ctx.out.report(report)?;
    Ok(Exit::Done)
}

/// A command and all below it, each under the name of its page (`recto-draft-list`).
fn collect(command: clap::Command, name: &str, pages: &mut Vec<(String, clap::Command)>) {
    for verb in command.get_subcommands() {
        collect(verb.clone(), &format!("{name}-{}", verb.get_name()), pages);
    }
    pages.push((name.to_owned(), command.name(name.to_owned()).bin_name(name.replace('-', " "))));
}

fn render(command: clap::Command) -> Result<Vec<u8>, CliError> {
    let mut page = Vec::new();
    Man::new(command)
        .render(&mut page)
        .map_err(|error| CliError::new(Kind::Io, format!("cannot write the page: {error}")))?;
    Ok(page)
}
