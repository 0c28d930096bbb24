//! `recto cat-object`: an object as it is stored, or laid out for people.

use serde_json::{Value, json};

use crate::encoding::{canonical, json as strict};
use crate::object::{Commit, Kind, Object, ObjectId, Tree};
use crate::repo::RepoError;

use super::context::Context;
use super::error::{CliError, Exit};
use super::terminal::{Style, plain};
use super::{lookup, ls_tree};

/// Print an object
///
/// OBJECT is the id of a block, tree or commit, or at least four digits of its beginning; or
/// `AGENT@REV`, which names a commit.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto cat-object 3fa9c2")]
pub(crate) struct Args {
    /// The object.
    object: String,

    /// Print the stored bytes.
    #[arg(long, group = "form")]
    raw: bool,

    /// Lay it out for people; this is the default.
    #[arg(long, group = "form")]
    pretty: bool,

    /// Print what it is: block, tree or commit.
    #[arg(long, group = "form")]
    kind: bool,

    /// Print the number of stored bytes.
    #[arg(long, group = "form")]
    size: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let repo = ctx.repo()?;
    let id = lookup::object(ctx, &args.object)?;
    let object = repo.object(&id)?.ok_or_else(|| lookup::absent(&args.object))?;
    if ctx.out.is_json() {
        ctx.out.json(&to_value(id, &object)?)?;
    } else if args.kind {
        ctx.out.line(object.kind.name())?;
    } else if args.size {
        ctx.out.line(object.payload.len())?;
    } else if args.raw {
        ctx.out.raw(&object.payload)?;
    } else {
        pretty(ctx, id, &object)?;
    }
    Ok(Exit::Done)
}

fn pretty(ctx: &Context, id: ObjectId, object: &Object) -> Result<(), CliError> {
    match object.kind {
        Kind::Block => match json_of(&object.payload) {
            Some(value) => ctx.out.raw(canonical::pretty(&value).as_bytes()),
            None => ctx.out.raw(&object.payload),
        },
        Kind::Tree => ls_tree::print(ctx, &tree(id, object)?),
        Kind::Commit => {
            let commit = commit(id, object)?;
            let field = |name: &str, value: String| {
                ctx.out.line(format!("{} {}", ctx.out.paint(Style::Dim, name), plain(&value)))
            };
            field("tree", commit.tree.to_string())?;
            for parent in &commit.parents {
                field("parent", parent.to_string())?;
            }
            field("profile", commit.profile.to_string())?;
            field("author", commit.author.to_string())?;
            field("time", commit.time.to_string())?;
            for (name, value) in &commit.ext {
                field(name, value.to_string())?;
            }
            if commit.message.is_empty() {
                return Ok(());
            }
            ctx.out.line(format!("\n{}", plain(&commit.message)))
        }
    }
}

/// The value of a block that holds a JSON object or array in canonical form. A tree says for sure
/// what a block is; without one, text that looks just like it is laid out as well.
fn json_of(payload: &[u8]) -> Option<Value> {
    let value = strict::parse(payload).ok().filter(|value| value.is_array() || value.is_object())?;
    (canonical::to_vec(&value) == payload).then_some(value)
}

fn to_value(id: ObjectId, object: &Object) -> Result<Value, CliError> {
    let content = match object.kind {
        Kind::Block => json!({"text": String::from_utf8_lossy(&object.payload)}),
        Kind::Tree => json!({"entries": ls_tree::entries(&tree(id, object)?)}),
        Kind::Commit => {
            let commit = commit(id, object)?;
            json!({
                "tree": commit.tree.to_string(),
                "parents": commit.parents.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "profile": commit.profile.to_string(),
                "author": commit.author.to_value(),
                "time": commit.time.to_string(),
                "message": commit.message,
                "ext": commit.ext,
            })
        }
    };
    let mut value = json!({
        "id": id.to_string(),
        "kind": object.kind.name(),
        "size_bytes": object.payload.len(),
    });
    value[object.kind.name()] = content;
    Ok(value)
}

fn tree(id: ObjectId, object: &Object) -> Result<Tree, RepoError> {
    Tree::from_payload(&object.payload).map_err(|source| RepoError::Object { id, source })
}

fn commit(id: ObjectId, object: &Object) -> Result<Commit, RepoError> {
    Commit::from_payload(&object.payload).map_err(|source| RepoError::Object { id, source })
}
