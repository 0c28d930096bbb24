//! `recto bundle create`: writes a bundle.

use std::io::{self, Write};
use std::sync::Arc;

use crate::clock::Time;
use crate::refs::Handle;
use crate::sync::bundle::{Basis, BundleError, Created, Existing, Since, create, write_file};
use crate::sync::{StoreTransport, SyncError, Transport as _};

use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::super::terminal::{Report, Traffic};
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
    /// The file to write; `-` for stdout. One that is there is not replaced without --force.
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

    /// Replace a file that is there, once the new one is whole. What is no regular file stays.
    #[arg(long)]
    force: bool,

    /// Leave agents out whose objects are damaged; they are named, and the exit code is 4.
    #[arg(long)]
    skip_damaged: bool,
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
    let (mut named, mut left_out) = (named, Vec::new());
    if args.skip_damaged {
        (named, left_out) = readable(&source, named, &basis)?;
    }
    let traffic = Traffic::new(ctx.out.progress("writing", None));
    let mut write = |sink: &mut dyn Write| {
        let mut sink = Counted { sink, traffic: &traffic };
        create(&source, &named, &basis, (made, args.drafts), &mut sink)
    };
    let created: Result<Created, SyncError> = if args.file == STANDARD {
        write(&mut Stdout(ctx))
    } else {
        let existing = if args.force { Existing::Replace } else { Existing::Keep };
        write_file(ctx.disk(), &ctx.directory().join(&args.file), existing, &mut write)
    };
    drop(traffic);
    let Created { manifest, size_bytes, digest, mut unreadable } = created?;
    unreadable.extend(left_out);
    for (agent, reason) in &unreadable {
        ctx.out.fail(format!("agent '{agent}' is not in it: {reason}"));
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

/// The agents that can be read, of those that are named or of all; and the others, each with the reason.
#[allow(clippy::type_complexity)] // what can be read, and what not
fn readable(
    source: &StoreTransport,
    mut named: Vec<Handle>,
    basis: &Basis,
) -> Result<(Vec<Handle>, Vec<(Handle, String)>), SyncError> {
    let mut left_out = Vec::new();
    let made = Time::from_ms(0).expect("the epoch is a time");
    loop {
        match create(source, &named, basis, (made, false), &mut io::sink()) {
            Err(SyncError::Bundle(BundleError::Unreadable(damaged))) => {
                if named.is_empty()
                    && let Some(listing) = source.listing(None)?
                {
                    named.extend(listing.tips.into_iter().map(|tip| tip.handle));
                    left_out.extend(listing.unreadable);
                }
                named.retain(|agent| !damaged.iter().any(|(gone, _)| gone == agent));
                if named.is_empty() {
                    return Err(BundleError::Unreadable(damaged).into());
                }
                left_out.extend(damaged);
            }
            other => return other.map(|_| (named, left_out)),
        }
    }
}

/// Bytes on their way, told as progress.
struct Counted<'s> {
    sink: &'s mut dyn Write,
    traffic: &'s Traffic,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.sink.write(bytes)?;
        self.traffic.moved(written as u64, 0);
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
