//! The log of an agent: operation records, their hash chain, and the refs they add up to. Pure:
//! text in, values out; where the log is kept is the backend's business.

mod chain;
mod record;
mod replay;
mod scan;
mod write;

pub use chain::{ChainError, Verifier};
pub use record::{AgentId, Change, Former, Record, RecordError, RecordId, StoreId};
pub(crate) use replay::kept_when_none;
pub use replay::{ListEntry, RefState, RefTable, ReplayError};
