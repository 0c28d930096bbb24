//! `recto bundle create`: writes a bundle.

use std::io::{self, Write};
use std::sync::Arc;

use crate::refs::Handle;
use crate::sync::bundle::{Basis, Created, Since, create, write_file};
use crate::sync::{StoreTransport, SyncError};

use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::super::terminal::{Progress, Report};
use super::{STANDARD, builds_on, failed, open, value, words};

/// Write agents, or what is new of them, to a file
///
/// Without --since and --since-bundle the bundle holds everything and needs nothing where it is taken in.
/// Otherwise it holds what happened since, and whoever takes it in must have what was there before. Where
/// drafts are is always in it, as it is seen by who fetches; with --drafts who clones it has them as drafts.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: recto bundle create monday.bundle --drafts\n         recto bundle create tuesday.bundle --since-bundle monday.bundle"
)]
pub(crate) struct Args {
    /// The file to write; `-` for stdout.
    file: String,

    /// The agents; all when none are named.
    #[arg(value_name = "AGENT")]
    agents: Vec<String>,

    /// Leave out what was there when this version was published; may be given for several agents.
    #[arg(long, value_name = "AGENT@REV")]
    since: Vec<String>,

    /// Leave out what this earlier bundle of the store leads to.
    #[arg(long, value_name = "FILE", conflicts_with = "since")]
    since_bundle: Option<String>,

    /// Let who clones the bundle have the drafts as drafts.
    #[arg(long)]
    drafts: bool,
}

pub(super) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents_to_read()?;
    let named = args.agents.iter().map(|agent| ctx.agent(&agents, agent));
    let named = named.collect::<Result<Vec<Handle>, CliError>>()?;
    let mut since = Vec::new();
    for revision in &args.since {
        let (agent, version) = ctx.version(&agents, revision)?;
        since.push(Since::Version { agent, version: version.id });
    }
    if let Some(file) = &args.since_bundle {
        since.push(Since::Bundle(open(ctx, file)?.manifest().clone()));
    }
    let source = StoreTransport::on(Arc::clone(ctx.repo()?));
    let basis = Basis::of(&source, &since)?;
    let made = ctx.clock().now();
    let mut write = |sink: &mut dyn Write| {
        let mut sink = Counted { sink, progress: ctx.out.progress("writing", None), done: 0 };
        create(&source, &named, &basis, (made, args.drafts), &mut sink)
    };
    let created: Result<Created, SyncError> = if args.file == STANDARD {
        write(&mut Stdout(ctx))
    } else {
        write_file(ctx.disk(), &ctx.directory().join(&args.file), &mut write)
    };
    let Created { manifest, size_bytes, digest, unreadable } = created?;
    for (agent, reason) in &unreadable {
        ctx.out.warn(format!("agent '{agent}' is not in it: {reason}"));
    }
    let exit = if unreadable.is_empty() { Exit::Done } else { Exit::Found(crate::error::Kind::Corrupt) };
    if args.file == STANDARD {
        ctx.out.say(format!("wrote {}", words(&manifest, size_bytes)));
        return Ok(exit);
    }
    let digest = digest.to_string();
    let mut report = Report::new(format!("wrote '{}': {}", args.file, words(&manifest, size_bytes)));
    for line in builds_on(&manifest) {
        report = report.line(line);
    }
    let serde_json::Value::Object(fields) = value(&args.file, &manifest, size_bytes, &digest) else {
        return Err(failed(crate::sync::bundle::BundleError::NotABundle));
    };
    for (name, value) in fields {
        report = report.field(&name, value);
    }
    let unreadable: Vec<&str> = unreadable.iter().map(|(agent, _)| agent.as_str()).collect();
    ctx.out.report(report.id(&digest).field("unreadable", unreadable))?;
    Ok(exit)
}

/// Bytes on their way, told as progress.
struct Counted<'s> {
    sink: &'s mut dyn Write,
    progress: Progress,
    done: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.sink.write(bytes)?;
        self.done += written as u64;
        self.progress.reach(self.done, "bytes");
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// The terminal's output as a stream.
struct Stdout<'c>(&'c Context);

impl Write for Stdout<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.0.out.raw(bytes).and_then(|()| self.0.out.pass_on());
        written.map_err(|error| io::Error::other(format!("{error:?}")))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
