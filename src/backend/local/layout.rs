//! Where things are in a store's directory, and what its `format` file says.

use std::path::{Path, PathBuf};

use crate::disk::TEMPORARY_PREFIX;
use crate::log::StoreId;
use crate::object::ObjectId;
use crate::pack::PackId;
use crate::refs::{Handle, RefName};

use super::BackendError;

/// The format that this build reads and writes.
pub(crate) const FORMAT: u32 = 1;

/// Paths below the root of a store.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn format(&self) -> PathBuf {
        self.root.join("format")
    }

    pub(crate) fn objects(&self) -> PathBuf {
        self.root.join("objects")
    }

    pub(crate) fn fan_out(&self, id: &ObjectId) -> PathBuf {
        self.objects().join(&id.to_string()[..2])
    }

    pub(crate) fn object(&self, id: &ObjectId) -> PathBuf {
        self.fan_out(id).join(&id.to_string()[2..])
    }

    /// Where packs lie.
    pub(crate) fn packs(&self) -> PathBuf {
        self.objects().join("packs")
    }

    pub(crate) fn pack(&self, id: &PackId) -> PathBuf {
        self.packs().join(format!("{id}{PACK_SUFFIX}"))
    }

    pub(crate) fn agents(&self) -> PathBuf {
        self.root.join("agents")
    }

    pub(crate) fn agent(&self, handle: &Handle) -> PathBuf {
        self.agents().join(handle.as_str())
    }

    pub(crate) fn locks(&self) -> PathBuf {
        self.root.join("locks")
    }

    pub(crate) fn lock(&self, handle: &Handle) -> PathBuf {
        self.locks().join(format!("{handle}.lock"))
    }

    /// Held by who removes objects that are in a pack. No handle begins like that.
    pub(crate) fn gc_lock(&self) -> PathBuf {
        self.locks().join(".gc.lock")
    }

    /// Held by who gives the store another id, or completes what one that died left of that.
    pub(crate) fn succession_lock(&self) -> PathBuf {
        self.locks().join(".new-id.lock")
    }

    /// Shared by who makes or renames agents; held alone by who needs the handles to stay as they are.
    pub(crate) fn names_lock(&self) -> PathBuf {
        self.locks().join(".names.lock")
    }

    /// What processes tell each other of agents, so that not each has to look for itself.
    pub(crate) fn known(&self) -> PathBuf {
        self.root.join("cache").join("known")
    }

    /// Held by who makes an agent that another store made.
    pub(crate) fn ids_lock(&self) -> PathBuf {
        self.locks().join(".ids.lock")
    }

    /// Names, while an agent is being renamed to this handle, the handle that it had: the handle is
    /// nobody else's to take, even if the writer dies.
    pub(crate) fn claim(&self, handle: &Handle) -> PathBuf {
        self.locks().join(format!("{handle}.claim"))
    }

    /// Names, while there is nothing under the handle that an agent had, the handle to which it is being
    /// renamed. Only where a directory and a link cannot change places in one step.
    pub(crate) fn moving(&self, handle: &Handle) -> PathBuf {
        self.locks().join(format!("{handle}.moving"))
    }

    /// Where the link that a renamed agent leaves is made.
    pub(crate) fn spare_link(&self, handle: &Handle) -> PathBuf {
        self.agents().join(format!("{TEMPORARY_PREFIX}to-{handle}"))
    }

    /// The handle whose spare link a path is.
    pub(crate) fn spare_link_of(&self, path: &Path) -> Option<Handle> {
        let name = path.file_name()?.to_str()?.strip_prefix(TEMPORARY_PREFIX)?;
        let handle: Handle = name.strip_prefix("to-")?.parse().ok()?;
        (self.spare_link(&handle) == path).then_some(handle)
    }

    /// Stands in a store whose files could not be made durable.
    pub(crate) fn sync_failed(&self) -> PathBuf {
        self.root.join("sync.failed")
    }

    pub(crate) fn journal(&self, handle: &Handle) -> PathBuf {
        self.agent(handle).join("journal")
    }

    /// Stands beside a journal whose flush failed. No ref can have that name.
    pub(crate) fn poison(&self, handle: &Handle) -> PathBuf {
        self.agent(handle).join(".journal.failed")
    }

    pub(crate) fn log(&self, handle: &Handle) -> PathBuf {
        self.agent(handle).join("log")
    }

    /// Where the chains of other stores are kept.
    pub(crate) fn chains(&self, handle: &Handle) -> PathBuf {
        self.agent(handle).join(CHAINS)
    }

    pub(crate) fn attributes(&self, handle: &Handle) -> PathBuf {
        self.agent(handle).join(ATTRIBUTES)
    }

    pub(crate) fn reference(&self, handle: &Handle, name: &RefName) -> PathBuf {
        self.agent(handle).join(name.as_str())
    }

    /// A path as errors show it: relative to the store.
    pub(crate) fn shown(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).unwrap_or(path).to_path_buf()
    }
}

/// How the names of packs end.
pub(crate) const PACK_SUFFIX: &str = ".pack";

/// The file that holds all attributes of an agent's commits.
pub(crate) const ATTRIBUTES: &str = "attributes";

/// The directory that holds the chains of other stores.
pub(crate) const CHAINS: &str = "logs";

/// The file that holds an agent's log.
pub(crate) const LOG: &str = "log";

/// The content of a store's `format` file.
pub(crate) fn encode_format(store: StoreId) -> String {
    let body = format!("recto store\nformat {FORMAT}\nstore {store}\n");
    let sum = blake3::hash(body.as_bytes()).to_hex();
    format!("{body}sum {}\n", &sum[..32])
}

/// Reads a `format` file.
pub(crate) fn decode_format(bytes: &[u8]) -> Result<StoreId, BackendError> {
    let damaged = |reason: &str| BackendError::corrupt("format", reason);
    let text = std::str::from_utf8(bytes).map_err(|_| damaged("it is not text"))?;
    let mut lines = text.lines();
    if lines.next() != Some("recto store") {
        return Err(damaged("it does not begin with 'recto store'"));
    }
    let format = lines.next().and_then(|line| line.strip_prefix("format "));
    let format = format.ok_or_else(|| damaged("it names no format"))?;
    if format != FORMAT.to_string() {
        return Err(BackendError::Format { found: format.chars().take(20).collect(), known: FORMAT });
    }
    let store = lines.next().and_then(|line| line.strip_prefix("store ")).and_then(|id| id.parse().ok());
    let store = store.ok_or_else(|| damaged("it names no store id"))?;
    if encode_format(store) != text {
        return Err(damaged("its checksum does not match"));
    }
    Ok(store)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_of_the_format_file_is_found() {
        let text = encode_format(StoreId([0xab; 16]));
        assert_eq!(decode_format(text.as_bytes()).ok(), Some(StoreId([0xab; 16])));
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                assert!(decode_format(&bytes).is_err(), "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn a_later_format_is_refused_and_named() {
        let text = encode_format(StoreId([1; 16])).replace("format 1", "format 9");
        assert!(
            matches!(decode_format(text.as_bytes()), Err(BackendError::Format { found, .. }) if found == "9")
        );
    }
}
