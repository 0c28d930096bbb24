//! `recto completions`: a script that completes commands in a shell.

use super::context::Context;
use super::error::{CliError, Exit};

/// Print a script that completes commands in a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto completions bash > ~/.local/share/bash-completion/completions/recto")]
pub(crate) struct Args {
    /// The shell.
    shell: clap_complete::Shell,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "recto", &mut script);
    ctx.out.raw(&script)?;
    Ok(Exit::Done)
}
