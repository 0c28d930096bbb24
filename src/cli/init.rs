//! `recto init`: makes a store.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::Disk;
use crate::repo::{Repo, STORE_DIR};

use super::bucket;
use super::context::Context;
use super::error::{CliError, Exit};
use super::shell;
use super::terminal::Report;

/// What git must leave out: locks and the debris of writers mean nothing elsewhere, and the settings
/// belong to one machine (they may name programs to run), as what is checked out there does. The
/// journals stay in: a log is read together with its journal.
const GIT_IGNORE: &str = "/config.json\n/worktree/\n/agents/*/.journal.failed\n.recto-tmp-*\n";

/// Keeps the directory of locks in every clone, and the locks out of it.
const GIT_IGNORE_LOCKS: &str = "*\n!.gitignore\n";

/// Every byte of a store counts: git must not change line ends, and must not merge its files.
const GIT_ATTRIBUTES: &str = "* -text -merge\n";

/// Make a store
///
/// Creates the directory `.recto` in DIR, or here. Inside a git repository it also writes what keeps
/// locks and temporary files out of git, and git's hands off the bytes of the store.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto init")]
pub(crate) struct Args {
    /// Where to make it; created if it does not exist.
    dir: Option<PathBuf>,

    /// Say what would be made, and make nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    if args.dir.is_none()
        && let Some(url) = ctx.bucket()?
    {
        return bucket::init(ctx, &url, args.dry_run);
    }
    if args.dir.is_none() {
        ctx.wants_files("init")?;
    }
    let named = ctx.named_store()?;
    let dir = match (&args.dir, &named) {
        (Some(dir), _) => ctx.directory().join(dir),
        (None, Some(store)) => match store.file_name() {
            Some(name) if name == STORE_DIR => store.parent().unwrap_or(store).to_path_buf(),
            _ => store.clone(),
        },
        (None, None) => ctx.directory().to_path_buf(),
    };
    let dir: PathBuf = dir.components().collect();
    let root = dir.join(STORE_DIR);
    let disk = ctx.disk();
    let in_git = is_in_git(disk.as_ref(), &dir)?;
    if disk.stat(&root.join("format"))?.is_some() {
        // Opened, so that a store that cannot be used is not passed for one.
        Repo::open(Arc::clone(disk), &root, ctx.clock())?;
        return no_second(ctx, &root);
    }
    let report = Report::default().field("store", root.display().to_string()).field("git", in_git);
    if args.dry_run {
        let report = report.field("store_id", serde_json::Value::Null).field("created", false);
        ctx.out.report(report.line(format!("would make a store in '{}'", root.display())))?;
        return Ok(Exit::Done);
    }
    let outer = Repo::discover(disk, &dir)?;
    let repo = Repo::init(Arc::clone(disk), &dir, ctx.clock())?;
    if in_git {
        keep_git_out(disk.as_ref(), &root)?;
    }
    let shown = root.strip_prefix(ctx.directory()).unwrap_or(&root);
    let id = repo.backend().store_id().to_string();
    let report = report
        .line(format!("made a store in '{}'", root.display()))
        .field("store_id", id.as_str())
        .field("created", true)
        .id(&id)
        .undo(format!("rm -r {}", shell::quote(&shown.display().to_string())));
    ctx.out.report(report)?;
    if let Some(outer) = outer {
        ctx.out.warn(format!("the store '{}' is no longer found from here", outer.display()));
    }
    if named.is_some() && args.dir.is_some() {
        ctx.out.warn("--store or RECTO_STORE names another store, which other commands will use");
    }
    if in_git {
        ctx.out.say(format!(
            "to version it with git as well: git add {}",
            shell::quote(&shown.display().to_string())
        ));
    }
    Ok(Exit::Done)
}

fn no_second(ctx: &Context, root: &Path) -> Result<Exit, CliError> {
    let error = CliError::new(
        crate::error::Kind::Refused,
        format!("there is a store in '{}' already", root.display()),
    );
    let dir = root.parent().unwrap_or(root);
    Err(if ctx.directory().starts_with(dir) {
        error.hint("use it: 'recto help' lists what can be done")
    } else {
        error.hint(format!("'recto -C {} status' uses it", shell::quote(&dir.display().to_string())))
    })
}

/// Whether a directory lies in a git repository; `.git` may be a file, too.
fn is_in_git(disk: &dyn Disk, dir: &Path) -> Result<bool, CliError> {
    for dir in dir.ancestors() {
        if disk.stat(&dir.join(".git"))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn keep_git_out(disk: &dyn Disk, root: &Path) -> Result<(), CliError> {
    disk.write_atomic(&root.join(".gitignore"), GIT_IGNORE.as_bytes())?;
    disk.write_atomic(&root.join(".gitattributes"), GIT_ATTRIBUTES.as_bytes())?;
    disk.write_atomic(&root.join("locks").join(".gitignore"), GIT_IGNORE_LOCKS.as_bytes())?;
    Ok(disk.sync_all(root)?)
}
