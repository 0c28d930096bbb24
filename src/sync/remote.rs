//! Remotes: other stores by the names that this store's settings give them.

use crate::refs::Handle;
use crate::repo::{Repo, Settings};

use super::SyncError;

/// The remote that a clone has, and that is meant where none is named.
pub const ORIGIN: &str = "origin";

/// Another store, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Its name here.
    pub name: Handle,
    /// Where it is: a path.
    pub url: String,
    /// The agents that are fetched when none are named; all when there are none.
    pub agents: Vec<Handle>,
}

fn key(name: &Handle, what: &str) -> String {
    format!("remote.{name}.{what}")
}

/// The remotes of a store, in order of their names.
///
/// # Errors
/// When the settings cannot be read.
pub fn remotes(repo: &Repo) -> Result<Vec<Remote>, SyncError> {
    let settings = repo.settings()?;
    let named = |setting: &str| {
        let name = setting.strip_prefix("remote.")?.strip_suffix(".url")?;
        name.parse::<Handle>().ok()
    };
    let names = settings.0.keys().filter_map(|setting| named(setting));
    Ok(names.filter_map(|name| of(&settings, &name)).collect())
}

fn of(settings: &Settings, name: &Handle) -> Option<Remote> {
    let url = settings.get(&key(name, "url"))?.to_owned();
    let agents = settings.get(&key(name, "agents")).unwrap_or_default();
    let agents = agents.split(',').filter_map(|agent| agent.trim().parse().ok()).collect();
    Some(Remote { name: name.clone(), url, agents })
}

/// A remote by its name.
///
/// # Errors
/// `NoSuchRemote`.
pub fn remote(repo: &Repo, name: &Handle) -> Result<Remote, SyncError> {
    of(&repo.settings()?, name).ok_or_else(|| SyncError::NoSuchRemote(name.clone()))
}

/// Notes a remote, or with `replace` where one is that was noted before.
///
/// # Errors
/// `RemoteExists`, `NoSuchRemote`; when the settings cannot be written.
pub fn write_remote(repo: &Repo, remote: &Remote, replace: bool) -> Result<(), SyncError> {
    let mut settings = repo.settings()?;
    match (of(&settings, &remote.name), replace) {
        (Some(_), false) => return Err(SyncError::RemoteExists(remote.name.clone())),
        (None, true) => return Err(SyncError::NoSuchRemote(remote.name.clone())),
        _ => {}
    }
    settings.0.insert(key(&remote.name, "url"), remote.url.clone());
    let agents = remote.agents.iter().map(Handle::to_string).collect::<Vec<_>>().join(",");
    if agents.is_empty() {
        settings.0.remove(&key(&remote.name, "agents"));
    } else {
        settings.0.insert(key(&remote.name, "agents"), agents);
    }
    Ok(repo.write_settings(&settings)?)
}

/// Forgets a remote; what was fetched from it stays.
///
/// # Errors
/// `NoSuchRemote`; when the settings cannot be written.
pub fn remove_remote(repo: &Repo, name: &Handle) -> Result<Remote, SyncError> {
    let mut settings = repo.settings()?;
    let gone = of(&settings, name).ok_or_else(|| SyncError::NoSuchRemote(name.clone()))?;
    settings.0.remove(&key(name, "url"));
    settings.0.remove(&key(name, "agents"));
    repo.write_settings(&settings)?;
    Ok(gone)
}
