//! Chains of other stores: what a store keeps, verbatim, of the logs that other stores have of the same
//! agent. Only ever extended, each line verified; never replayed into refs.

use crate::log::{AgentId, RecordId, StoreId, Verifier};

use super::BackendError;

/// The end of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChainHead {
    /// The store whose log it is.
    pub store: StoreId,
    /// Its newest record.
    pub record: RecordId,
    /// Its length in bytes.
    pub bytes: u64,
}

/// How much of a store's log is kept, in bytes.
pub fn kept_bytes(kept: &[ChainHead], store: StoreId) -> u64 {
    kept.iter().find(|head| head.store == store).map_or(0, |head| head.bytes)
}

/// Lines to append to the chain of another store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainPart {
    /// The store whose log it is.
    pub store: StoreId,
    /// Where in that log the lines begin, in bytes: at the end of what is kept of it.
    pub offset: u64,
    /// Whole lines, as they stand there.
    pub lines: Vec<u8>,
}

/// The end of a chain after a part, of which every line is verified; `before` is its end before that.
pub(super) fn extended(
    part: &ChainPart,
    own: StoreId,
    agent: AgentId,
    before: Option<ChainHead>,
) -> Result<ChainHead, BackendError> {
    let refuse = |reason: String| {
        Err(BackendError::BadTransaction(format!("its lines of store '{}' {reason}", part.store)))
    };
    if part.store == own {
        return refuse("are this store's own log".to_owned());
    }
    if part.offset != before.map_or(0, |head| head.bytes) {
        return refuse("do not begin where those kept end".to_owned());
    }
    let Some(body) = part.lines.strip_suffix(b"\n") else {
        return refuse("do not end with a whole one".to_owned());
    };
    let mut verifier = match before {
        Some(head) => Verifier::resume(part.store, agent, head.record, 0),
        None => Verifier::new(part.store),
    };
    for line in body.split(|byte| *byte == b'\n') {
        if let Err(error) = verifier.next(line) {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            return refuse(format!("are no chain: {error}{}", cause.unwrap_or_default()));
        }
    }
    if verifier.agent() != Some(agent) {
        return refuse("are of another agent".to_owned());
    }
    let record = verifier.head().expect("a line was verified");
    Ok(ChainHead { store: part.store, record, bytes: part.offset + part.lines.len() as u64 })
}
