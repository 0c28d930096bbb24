//! `recto ls-tree`: the blocks of a config.

use serde_json::{Value, json};

use crate::error::Kind as ErrorKind;
use crate::object::{Kind, Tree};

use super::context::Context;
use super::error::{CliError, Exit};
use super::lookup;
use super::terminal::{Cell, Style, Table};

/// List the blocks of a config
///
/// OBJECT is `AGENT@REV`, or the id of a tree or of a commit, or at least four digits of its beginning.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto ls-tree support@V3")]
pub(crate) struct Args {
    /// The tree, or a commit whose tree is meant.
    object: String,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let repo = ctx.repo()?;
    let id = lookup::object(ctx, &args.object)?;
    let object = repo.object(&id)?.ok_or_else(|| lookup::absent(&args.object))?;
    let id = match object.kind {
        Kind::Tree => id,
        Kind::Commit => repo.commit(&id)?.tree,
        Kind::Block => {
            let error = CliError::new(ErrorKind::Refused, format!("'{id}' is a block, which has no entries"));
            return Err(error.hint(format!("recto cat-object {}", id.short())));
        }
    };
    let tree = repo.tree(&id)?;
    if ctx.out.is_json() {
        ctx.out.json(json!({"id": id.to_string(), "entries": entries(&tree)}))?;
    } else {
        print(ctx, &tree)?;
    }
    Ok(Exit::Done)
}

/// Prints the entries of a tree, in order of name.
pub(super) fn print(ctx: &Context, tree: &Tree) -> Result<(), CliError> {
    let mut table = Table::new(["BLOCK", "KIND", "ID"]);
    for entry in tree.entries() {
        let id = Cell::new(Style::Id, entry.id.to_string());
        table.row([entry.name.as_str().into(), entry.kind.name().into(), id]);
    }
    ctx.out.table(&table)
}

/// The entries of a tree as JSON.
pub(super) fn entries(tree: &Tree) -> Vec<Value> {
    let entry = |entry: &crate::object::Entry| json!({"name": entry.name.as_str(), "kind": entry.kind.name(), "id": entry.id.to_string()});
    tree.entries().iter().map(entry).collect()
}
