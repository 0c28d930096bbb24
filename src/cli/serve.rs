//! `recto serve`: a store over HTTP.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tracing::Level;

use super::address::token_in;
use super::bucket;
use super::context::Context;
use super::error::{CliError, Exit};
use super::terminal::Report;
use crate::access::Book;
use crate::backend::bucket::BucketOptions;
use crate::repo::Repo;
use crate::server::{Identity, Options, Server, Stop};

/// Largest age that may be asked for: beyond it pieces may be gone, in seconds.
const MAX_AGE_MAX_SECONDS: f64 = 600.0;

/// Serve the store over HTTP: to runtimes, programs and other stores
///
/// Answers calls for configs, the native API (`/api/v1`), those of Atoms (`/atoms/v1`) and thinnestAI
/// (`/thinnest`), and `recto clone`, `fetch`, `pull` and `push`, until it is interrupted; requests that are
/// under way by then are finished. Other commands may use the store meanwhile. Without tokens it listens on
/// this machine only, and whoever is on it may read and change the store; `recto token create` makes one.
/// Without a certificate what is sent is not encrypted. The log goes to
/// stderr.
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

    /// A certificate in PEM, with its issuers after it: what is sent is encrypted.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The key of the certificate, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

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
    ctx.wants_files("serve")?;
    let repo = store(args, ctx)?;
    let token = args.token_file.as_deref().map(|file| token_in(ctx, file)).transpose()?;
    let book = Book::new(Arc::clone(ctx.disk()), ctx.clock(), repo.root());
    let demands = token.is_some() || book.is_used()?;
    let identity = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => {
            let at = |path: &PathBuf| ctx.directory().join(path);
            Some(Identity::read(ctx.disk().as_ref(), &at(certificate), &at(key))?)
        }
        _ => None,
    };
    let encrypted = identity.is_some();
    let options = Options { token, actor: ctx.author()?, identity, ..Options::default() };
    let server = Server::bind(&args.listen, &repo, options)?;
    log(args.log_format);
    let url = format!("{}://{}", if encrypted { "https" } else { "http" }, server.address());
    if !server.address().ip().is_loopback() && !encrypted {
        ctx.out.warn("what is sent is not encrypted: a proxy with TLS belongs in front of it");
    }
    let store = repo.backend().store_id().to_string();
    let report = Report::new(format!("listening on {url}")).id(&url);
    ctx.out.report(report.field("url", url).field("store", store).field("token", demands))?;
    ctx.out.flush()?;
    if !demands {
        tracing::info!("no token is demanded: whoever is on this machine may read and change the store");
    }
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
