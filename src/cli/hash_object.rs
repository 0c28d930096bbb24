//! `recto hash-object`: the id that a block has.

use crate::encoding::json;
use crate::error::Kind;
use crate::object::Content;
use crate::object::limits::BLOCK_MAX_BYTES;

use super::context::Context;
use super::error::{CliError, Exit};
use super::input;
use super::terminal::Report;

/// What the content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ContentKind {
    /// UTF-8 text, taken as it is.
    Text,
    /// JSON, brought to its canonical form.
    Json,
}

/// Print the id that a block has, and store it on request
///
/// The id depends on nothing but the content: JSON that means the same has the same id.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto hash-object prompt.md")]
pub(crate) struct Args {
    /// The file; stdin without it, or with `-`.
    file: Option<String>,

    /// What the content is; `json` for a FILE whose name ends in `.json`, else `text`.
    #[arg(long)]
    kind: Option<ContentKind>,

    /// Store the block. Nothing points to it yet.
    #[arg(short, long)]
    write: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let name = args.file.as_deref();
    let bytes = input::read(ctx, name, BLOCK_MAX_BYTES as u64)?;
    let is_json = name.is_some_and(|name| {
        std::path::Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
    });
    let content = match args.kind.unwrap_or(if is_json { ContentKind::Json } else { ContentKind::Text }) {
        ContentKind::Json => Content::Json(json::parse(&bytes)?),
        ContentKind::Text => Content::Text(String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            CliError::new(Kind::Invalid, format!("the text is not UTF-8 at byte {at}"))
        })?),
    };
    let object = content.to_object()?;
    let id = object.id();
    if args.write {
        let repo = ctx.repo()?;
        repo.backend().stage(std::slice::from_ref(&object))?;
        repo.disk().sync_all(repo.root())?;
    }
    let report = Report::new(id.to_string())
        .id(id)
        .field("id", id.to_string())
        .field("kind", content.kind().name())
        .field("size_bytes", object.payload.len())
        .field("written", args.write);
    ctx.out.report(report)?;
    Ok(Exit::Done)
}
