//! `recto serve`: lets other stores fetch and push over HTTP.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tracing::Level;

use super::address::token_in;
use super::bucket;
use super::context::Context;
use super::error::{CliError, Exit};
use super::terminal::Report;
use crate::backend::bucket::BucketOptions;
use crate::repo::Repo;
use crate::server::{Options, Server, Stop};

/// Largest age that may be asked for: beyond it pieces may be gone, in seconds.
const MAX_AGE_MAX_SECONDS: f64 = 600.0;

/// Let other stores fetch and push over HTTP
///
/// Serves the store to `recto clone`, `fetch`, `pull` and `push` until it is interrupted; requests that are
/// under way by then are finished. Other commands may use the store meanwhile. Whoever reaches the address
/// may read and change the store, unless a token is demanded; what is sent is not encrypted, so beyond
/// this machine a proxy with TLS belongs in front of it. The log goes to stderr.
///
/// Of a store in a bucket (`--store s3://BUCKET/PREFIX`) any number of processes may serve the same, beside
/// machines that use the bucket themselves.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: recto serve\nExample: recto serve --listen 0.0.0.0:8717 --token-file token\nExample: recto --store s3://agents/team serve"
)]
pub(crate) struct Args {
    /// Where to listen; port 0 is one that is free.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8717")]
    listen: String,

    /// Demand the token in this file from whoever fetches or pushes: they give it in `RECTO_TOKEN`, or with
    /// `recto remote add --token-file`.
    #[arg(long, value_name = "FILE")]
    token_file: Option<String>,

    /// What is answered of a store in a bucket may be this many seconds old; with 0 the bucket is asked
    /// every time. What is pushed is checked against what is in the bucket.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    max_age: Option<Duration>,

    /// How the log is written.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,
}

/// How a log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// Seconds, or parts of one.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds <= MAX_AGE_MAX_SECONDS);
    let age = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    age.ok_or_else(|| format!("it must be a number from 0 to {MAX_AGE_MAX_SECONDS}"))
}

/// The store that is served.
fn store(args: &Args, ctx: &Context) -> Result<Arc<Repo>, CliError> {
    let Some(max_age) = args.max_age else { return Ok(Arc::clone(ctx.repo()?)) };
    let Some(url) = ctx.bucket()? else {
        let error = CliError::usage("--max-age is about a store in a bucket");
        return Err(error.hint("recto --store s3://BUCKET/PREFIX serve"));
    };
    let options = BucketOptions { max_age, ..bucket::options(ctx) };
    Ok(Arc::new(bucket::open_with(ctx, &url, &options)?))
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let repo = store(args, ctx)?;
    let token = args.token_file.as_deref().map(|file| token_in(ctx, file)).transpose()?;
    let demands = token.is_some();
    let server = Server::bind(&args.listen, &repo, Options { token, ..Options::default() })?;
    log(args.log_format);
    let url = format!("http://{}", server.address());
    if !server.address().ip().is_loopback() {
        ctx.out.warn(if demands {
            "what is sent is not encrypted: a proxy with TLS belongs in front of it"
        } else {
            "whoever reaches the address may read and change the store: '--token-file FILE' demands a token"
        });
    }
    let store = repo.backend().store_id().to_string();
    let report = Report::new(format!("listening on {url}")).id(&url);
    ctx.out.report(report.field("url", url).field("store", store).field("token", demands))?;
    ctx.out.flush()?;
    server.run(Stop::Signals)?;
    Ok(Exit::Done)
}

/// Has what is logged, panics too, written to stderr.
fn log(format: LogFormat) {
    let log = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_max_level(Level::INFO)
        .with_ansi(false)
        .with_target(false)
        .log_internal_errors(false);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).with_span_list(false).init(),
    }
    std::panic::set_hook(Box::new(|info| tracing::error!(panic = %info, "recto has a bug")));
}
