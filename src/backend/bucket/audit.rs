//! Examines what a bucket holds: every state, every piece and pack that one names, every page; and tells what
//! nothing names. The only place that lists keys.

use std::collections::HashSet;

use crate::backend::{BackendError, Fault};
use crate::error::Classify as _;
use crate::log::Verifier;

use super::BucketError;
use super::agents::{Age, Loaded};
use super::layout::{AgentKey, NAMES_KEY, STORE_KEY};
use super::names;
use super::state::{Lines, PackRef, Replaced};
use super::store::Store;

impl Store {
    /// Examines everything.
    pub(super) async fn audit(&self, found: &mut dyn FnMut(Fault)) -> Result<(), BackendError> {
        // The names first: what is made meanwhile is then only not known to be named.
        let root = self.root(Age::Since(self.tick())).await?.root;
        let mut named: HashSet<String> = HashSet::new();
        self.note_replaced(&root.replaced, &mut named).await;
        let mut keys: Vec<AgentKey> = Vec::new();
        for page in &root.pages {
            named.insert(page.blob.path());
            match names::read_page(&self.contents, &page.blob).await {
                Ok(entries) => keys.extend(entries.iter().map(|entry| entry.agent)),
                Err(error) => found(fault(NAMES_KEY, &error)?),
            }
        }
        keys.sort_unstable();
        keys.dedup();
        let mut packs: Vec<PackRef> = Vec::new();
        for key in keys {
            named.insert(key.path());
            match self.agents.load(&self.contents, key, Age::Since(self.tick())).await {
                Ok(Some(loaded)) => {
                    self.audit_agent(&loaded, &mut named, &mut packs, found).await?;
                }
                Ok(None) => found(Fault::new(key.path(), "it is missing")),
                Err(error) => found(fault(&key.path(), &error)?),
            }
        }
        packs.sort_unstable_by_key(PackRef::path);
        packs.dedup();
        for pack in &packs {
            self.audit_pack(pack, found).await?;
        }
        self.audit_unnamed(&named, found).await
    }

    async fn audit_agent(
        &self,
        loaded: &Loaded,
        named: &mut HashSet<String>,
        packs: &mut Vec<PackRef>,
        found: &mut dyn FnMut(Fault),
    ) -> Result<(), BackendError> {
        let state = &loaded.state;
        self.note_replaced(&state.replaced, named).await;
        let own = (self.contents.store, &state.log);
        let chains = state.chains.iter().map(|chain| (chain.store, &chain.lines));
        let mut readable = true;
        for (store, lines) in std::iter::once(own).chain(chains) {
            named.extend(lines.segments.iter().map(super::state::Blob::path));
            if let Err(problem) = self.audit_lines(store, lines).await? {
                readable = false;
                found(Fault::new(format!("log of store {store} in {}", state.agent.path()), problem));
            }
        }
        if readable && let Err(error) = self.agents.replayed(&self.contents, loaded).await {
            found(fault(&state.agent.path(), &error)?);
        }
        for document in &state.derived {
            named.insert(document.blob.path());
            if let Err(error) = self.contents.blob(&document.blob).await {
                found(fault(&document.blob.path(), &error)?);
            }
        }
        named.extend(state.packs.iter().map(PackRef::path));
        packs.extend(state.packs.iter().cloned());
        Ok(())
    }

    /// Reads lines from the bucket and follows their chain.
    async fn audit_lines(
        &self,
        store: crate::log::StoreId,
        lines: &Lines,
    ) -> Result<Result<(), String>, BackendError> {
        let bytes = match lines.read(&self.contents, 0, usize::MAX / 2).await {
            Ok(bytes) => bytes,
            Err(error) => return Ok(Err(fault("", &error)?.problem)),
        };
        let mut verifier = Verifier::new(store);
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            if let Err(error) = verifier.next(line) {
                return Ok(Err(error.to_string()));
            }
        }
        Ok(Ok(()))
    }

    /// Reads a pack anew, past the caches, and checks every object in it.
    async fn audit_pack(&self, pack: &PackRef, found: &mut dyn FnMut(Fault)) -> Result<(), BackendError> {
        let path = pack.path();
        let Some(bytes) = self.raw(&path).await? else {
            found(Fault::new(path, "it is missing"));
            return Ok(());
        };
        let verified = crate::pack::Pack::open(bytes).and_then(|open| open.verify());
        match verified {
            Ok(summary) if summary.id == pack.id => {}
            Ok(_) => found(Fault::new(path, "it is another pack")),
            Err(error) => found(Fault::new(path, error.to_string())),
        }
        Ok(())
    }

    async fn note_replaced(&self, replaced: &[Replaced], named: &mut HashSet<String>) {
        for entry in replaced {
            named.insert(entry.key.clone());
            if let Some(list) = &entry.lists
                && let Ok(content) = self.contents.blob(list).await
                && let Ok(listed) = serde_json::from_slice::<Vec<Replaced>>(&content)
            {
                named.extend(listed.into_iter().map(|entry| entry.key));
            }
        }
    }

    /// Tells what nothing names: left by writers that died, or being written right now.
    async fn audit_unnamed(
        &self,
        named: &HashSet<String>,
        found: &mut dyn FnMut(Fault),
    ) -> Result<(), BackendError> {
        for folder in ["agents", "blobs", "packs"] {
            for key in self.contents.requests.list(folder).await? {
                if !named.contains(&key) {
                    found(Fault::harmless(
                        key,
                        "nothing names it: left by a writer that died, or being written",
                    ));
                }
            }
        }
        if self.raw(STORE_KEY).await?.is_none() {
            found(Fault::new(STORE_KEY, "it is missing"));
        }
        Ok(())
    }
}

/// What is wrong with a key; an error of the service is none of the store.
fn fault(key: &str, error: &BackendError) -> Result<Fault, BackendError> {
    match error {
        BackendError::Bucket(BucketError::Missing(path)) => Ok(Fault::new(path.as_str(), "it is missing")),
        BackendError::Corrupt { path, reason } => Ok(Fault::new(path.display().to_string(), reason.as_str())),
        error if error.kind() == crate::error::Kind::Corrupt => Ok(Fault::new(key, error.to_string())),
        error => Err(BackendError::Bucket(BucketError::Failed {
            doing: "examine the store".to_owned(),
            said: error.to_string(),
        })),
    }
}
