//! Remotes: other stores by the names that this store's settings give them.

use std::collections::HashSet;

use crate::error::without_secrets;
use crate::log::StoreId;
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
    /// Where it is: a path, or the address of a server.
    pub url: String,
    /// The agents that are fetched when none are named; all when there are none.
    pub agents: Vec<Handle>,
    /// The file that has what a server wants to be shown.
    pub token_file: Option<String>,
    /// The store that was there when it was noted; none in settings of older builds.
    pub store: Option<StoreId>,
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
    let token_file = settings.get(&key(name, "token-file")).map(str::to_owned);
    let store = settings.get(&key(name, "store")).and_then(|store| store.parse().ok());
    Some(Remote { name: name.clone(), url, agents, token_file, store })
}

impl Remote {
    /// Where it is, as it may be shown: settings that were written by hand may have a password in them.
    pub fn shown_url(&self) -> String {
        without_secrets(&self.url)
    }
}

/// A remote by its name.
///
/// # Errors
/// `NoSuchRemote`.
pub fn remote(repo: &Repo, name: &Handle) -> Result<Remote, SyncError> {
    of(&repo.settings()?, name).ok_or_else(|| SyncError::NoSuchRemote(name.clone()))
}

/// The stores that are known under names, but for that of one name: what is known of them comes from
/// themselves alone.
///
/// # Errors
/// When the settings cannot be read.
pub(super) fn stores_besides(repo: &Repo, name: Option<&Handle>) -> Result<HashSet<StoreId>, SyncError> {
    let others = remotes(repo)?.into_iter().filter(|remote| Some(&remote.name) != name);
    Ok(others.filter_map(|remote| remote.store).collect())
}

/// Refuses a store that is known under another name already: what one name says of it would not be what the
/// other says.
///
/// # Errors
/// `KnownAs`.
pub fn refuse_known(repo: &Repo, name: &Handle, store: StoreId) -> Result<(), SyncError> {
    let known = remotes(repo)?.into_iter().find(|known| known.name != *name && known.store == Some(store));
    known.map_or(Ok(()), |known| Err(SyncError::KnownAs(known.name)))
}

/// Notes a remote, or with `replace` where one is that was noted before.
///
/// # Errors
/// `RemoteExists`, `NoSuchRemote`; when the settings cannot be written.
pub fn write_remote(repo: &Repo, remote: &Remote, replace: bool) -> Result<(), SyncError> {
    repo.change_settings(|settings| {
        match (of(settings, &remote.name), replace) {
            (Some(_), false) => return Err(SyncError::RemoteExists(remote.name.clone())),
            (None, true) => return Err(SyncError::NoSuchRemote(remote.name.clone())),
            _ => {}
        }
        settings.0.insert(key(&remote.name, "url"), remote.url.clone());
        let agents = remote.agents.iter().map(Handle::to_string).collect::<Vec<_>>().join(",");
        let agents = Some(agents).filter(|agents| !agents.is_empty());
        let store = remote.store.map(|store| store.to_string());
        for (what, value) in [("agents", agents), ("token-file", remote.token_file.clone()), ("store", store)]
        {
            match value {
                Some(value) => drop(settings.0.insert(key(&remote.name, what), value)),
                None => drop(settings.0.remove(&key(&remote.name, what))),
            }
        }
        Ok(())
    })
}

/// Forgets a remote; what was fetched from it stays.
///
/// # Errors
/// `NoSuchRemote`; when the settings cannot be written.
pub fn remove_remote(repo: &Repo, name: &Handle) -> Result<Remote, SyncError> {
    repo.change_settings(|settings| {
        let gone = of(settings, name).ok_or_else(|| SyncError::NoSuchRemote(name.clone()))?;
        for what in ["url", "agents", "token-file", "store"] {
            settings.0.remove(&key(name, what));
        }
        Ok(gone)
    })
}
