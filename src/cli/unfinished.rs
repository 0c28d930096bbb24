//! What a clone that was cut off in its first moments left, so that the next one goes on with it.

use std::path::Path;
use std::sync::Arc;

use crate::agent::Agents;
use crate::error::Kind;
use crate::log::StoreId;
use crate::object::Author;
use crate::repo::Repo;
use crate::sync::{self, MIRROR_SETTING, ORIGIN, remotes};

use super::context::Context;
use super::error::CliError;
use super::shell;

/// The store that an unfinished clone of the same store left in `root`: it has nothing of its own, and notes no
/// remote but that one. `None` when there is none yet.
///
/// # Errors
/// When another store is there, or it cannot be opened.
pub(super) fn found(
    ctx: &Context,
    root: &Path,
    origin: StoreId,
    mirror: bool,
) -> Result<Option<Arc<Repo>>, CliError> {
    if ctx.disk().stat(&root.join("format"))?.is_none() {
        // Nothing, or directories without what makes them a store: it is made in them.
        return Ok(None);
    }
    let repo = Repo::open(Arc::clone(ctx.disk()), root, ctx.clock())?;
    let dir = root.parent().unwrap_or(root).display().to_string();
    let dir = shell::quote(&dir);
    let refused = |why: &str, hint: String| {
        let message = format!("there is a store in '{}' already{why}", root.display());
        CliError::new(Kind::Refused, message).hint(hint)
    };
    let noted = remotes(&repo)?;
    let same = |name: &str, store| name == ORIGIN && store == Some(origin);
    if !noted.iter().all(|remote| same(remote.name.as_str(), remote.store)) {
        return Err(refused(", with other remotes", format!("'recto -C {dir} remote list' shows them")));
    }
    let settings = repo.settings()?;
    if settings.get(MIRROR_SETTING).is_some() && !mirror {
        let hint = format!(
            "'recto -C {dir} fetch' completes it; 'recto -C {dir} config mirror --unset' makes it a store of its own"
        );
        return Err(refused(", which is a mirror, and this would be a clone that is none", hint));
    }
    if settings.get(MIRROR_SETTING).is_none() && mirror && !repo.backend().agents(None, 1)?.is_empty() {
        let hint = format!("'recto -C {dir} pull' goes on with it; name another directory for the mirror");
        return Err(refused(", which is a clone, and this would be a mirror", hint));
    }
    let nobody = Author { name: String::new(), email: None };
    let repo = Arc::new(repo);
    let agents = Agents::new(Arc::clone(&repo), nobody, "cli");
    let name = ORIGIN.parse()?;
    let work = sync::own_work(&agents, &name)?;
    if !work.is_empty() {
        let hint = if noted.is_empty() {
            "'recto remote add NAME WHERE' and 'recto fetch' bring agents into it".to_owned()
        } else {
            format!("'recto -C {dir} fetch' looks at what is new")
        };
        return Err(refused(", with work of its own", hint).details(work));
    }
    Ok(Some(repo))
}
