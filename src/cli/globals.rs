//! The options that every verb understands.

use std::path::PathBuf;

use super::terminal::{ColorChoice, Options};

/// The options that every verb understands.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// Use the store in DIR, in a bucket (s3://BUCKET/PREFIX, az://, gs://), or behind a server
    /// (http://HOST:PORT, https://), instead of looking for one from here upwards.
    #[arg(long, value_name = "DIR", global = true, env = "RECTO_STORE", hide_env_values = true)]
    pub(crate) store: Option<String>,

    /// Run as if started in DIR.
    #[arg(short = 'C', value_name = "DIR", global = true)]
    pub(crate) directory: Option<PathBuf>,

    /// Print JSON, also for errors; `docs/reference/json/` has the schemas.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Print the new id only, or nothing.
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    /// Answer every question with yes.
    #[arg(short, long, global = true)]
    pub(crate) yes: bool,

    /// Do not use a pager (`RECTO_PAGER`, `PAGER`, `less -FRX`).
    #[arg(long, global = true)]
    pub(crate) no_pager: bool,

    /// When to use colours; `NO_COLOR` turns them off.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, global = true)]
    pub(crate) color: ColorChoice,
}

impl Globals {
    /// What these say about output.
    pub(crate) fn output(&self) -> Options {
        Options { json: self.json, quiet: self.quiet, no_pager: self.no_pager, color: self.color }
    }
}
