//! `recto version`: which build this is.

use super::context::Context;
use super::error::{CliError, Exit};
use super::terminal::Report;

/// Print the version of this build
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto version --json")]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let (version, system) = (env!("CARGO_PKG_VERSION"), std::env::consts::OS);
    let machine = std::env::consts::ARCH;
    let report = Report::new(format!("recto {version} ({system}, {machine})"))
        .id(version)
        .field("version", version)
        .field("system", system)
        .field("machine", machine);
    ctx.out.report(report)?;
    Ok(Exit::Done)
}
