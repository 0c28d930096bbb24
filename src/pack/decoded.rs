//! Payloads of one pack that were decoded, for the objects that build on them. Bounded.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Payloads that are remembered at most, in bytes.
const DECODED_MAX_BYTES: usize = 8 * 1024 * 1024;
/// Largest payload that is remembered, in bytes.
const PAYLOAD_MAX_BYTES: usize = 1024 * 1024;

/// What was decoded of a pack, by where the records begin. For one pack only; threads share it.
#[derive(Debug, Default)]
pub struct Decoded(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    payloads: HashMap<u64, Arc<Vec<u8>>>,
    size_bytes: usize,
}

impl Decoded {
    pub(super) fn get(&self, offset: u64) -> Option<Arc<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).payloads.get(&offset).cloned()
    }

    /// Remembers a payload; where there are too many, all before it are forgotten.
    pub(super) fn put(&self, offset: u64, payload: &Arc<Vec<u8>>) {
        if payload.len() > PAYLOAD_MAX_BYTES {
            return;
        }
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.size_bytes + payload.len() > DECODED_MAX_BYTES {
            *remembered = Remembered::default();
        }
        if remembered.payloads.insert(offset, Arc::clone(payload)).is_none() {
            remembered.size_bytes += payload.len();
        }
    }
}
