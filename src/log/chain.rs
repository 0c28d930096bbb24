//! The hash chain of a log: each line names the one before it, and nothing may be left out,
//! changed or put in between.

use crate::error::{Classify, Kind};

use super::{AgentId, Record, RecordError, RecordId, StoreId};

/// Walks a log from its first line and checks every link.
#[derive(Debug, Clone)]
pub struct Verifier {
    store: StoreId,
    agent: Option<AgentId>,
    head: Option<RecordId>,
    count: u64,
}

/// A log is not an intact chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// A line is not a record, or not the one that its id says.
    #[error("line {line} is damaged")]
    Damaged {
        /// 1-based number of the line.
        line: u64,
        /// What is wrong with it.
        source: RecordError,
    },
    /// A line does not follow the one before it.
    #[error("line {line} follows {named} but stands after {actual}")]
    Broken {
        /// 1-based number of the line.
        line: u64,
        /// The record that the line names as the one before it.
        named: String,
        /// The record that is before it.
        actual: String,
    },
    /// A line was written for another agent or another store.
    #[error("line {line} belongs to another {what}")]
    Foreign {
        /// 1-based number of the line.
        line: u64,
        /// `agent` or `store`.
        what: &'static str,
    },
}

impl Classify for ChainError {
    fn kind(&self) -> Kind {
        Kind::Corrupt
    }
}

impl Verifier {
    /// A verifier of a log that `store` keeps of its own operations.
    pub fn new(store: StoreId) -> Self {
        Self { store, agent: None, head: None, count: 0 }
    }

    /// A verifier of what follows `head` in a chain of which `count` lines were verified before.
    pub fn resume(store: StoreId, agent: AgentId, head: RecordId, count: u64) -> Self {
        Self { store, agent: Some(agent), head: Some(head), count }
    }

    /// The last record seen.
    pub fn head(&self) -> Option<RecordId> {
        self.head
    }

    /// The agent whose log this is, once its first line was seen.
    pub fn agent(&self) -> Option<AgentId> {
        self.agent
    }

    /// How many lines were seen.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Checks the next line (without its newline) and returns its record.
    ///
    /// # Errors
    /// The first thing that is wrong with the line or its link.
    pub fn next(&mut self, line: &[u8]) -> Result<(RecordId, Record), ChainError> {
        let number = self.count + 1;
        let (id, record) =
            Record::from_line(line).map_err(|source| ChainError::Damaged { line: number, source })?;
        if record.prev != self.head {
            let word = |id: Option<RecordId>| id.map_or_else(|| "nothing".to_owned(), |id| id.to_string());
            let (named, actual) = (word(record.prev), word(self.head));
            return Err(ChainError::Broken { line: number, named, actual });
        }
        // The first line of a chain names the agent when another store made it.
        if self.head.is_some() && record.agent != self.agent {
            return Err(ChainError::Foreign { line: number, what: "agent" });
        }
        if record.store != self.store {
            return Err(ChainError::Foreign { line: number, what: "store" });
        }
        self.agent.get_or_insert(record.agent.unwrap_or(id));
        self.head = Some(id);
        self.count = number;
        Ok((id, record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;
    use crate::object::Author;

    fn record(prev: Option<RecordId>, agent: Option<AgentId>, nonce: u8) -> Record {
        Record {
            prev,
            store: StoreId([1; 16]),
            agent,
            nonce: [nonce; 16],
            kind: "note".to_owned(),
            actor: Author { name: "Ana".to_owned(), email: None },
            via: "cli".to_owned(),
            time: Time::from_ms(0).expect("a time"),
            changes: Vec::new(),
            cites: Vec::new(),
            note: String::new(),
            sig: None,
            ext: serde_json::Map::new(),
        }
    }

    fn lines() -> Vec<Vec<u8>> {
        let (first, one) = record(None, None, 1).to_line();
        let (second, two) = record(Some(first), Some(first), 2).to_line();
        let (_, three) = record(Some(second), Some(first), 3).to_line();
        [one, two, three].into_iter().map(|line| line[..line.len() - 1].to_vec()).collect()
    }

    fn verify(lines: &[Vec<u8>]) -> Result<u64, ChainError> {
        let mut verifier = Verifier::new(StoreId([1; 16]));
        for line in lines {
            verifier.next(line)?;
        }
        Ok(verifier.count())
    }

    #[test]
    fn an_intact_chain_passes() {
        assert_eq!(verify(&lines()), Ok(3));
    }

    #[test]
    fn a_line_left_out_swapped_or_taken_from_elsewhere_is_found() {
        let all = lines();
        let left_out = [all[0].clone(), all[2].clone()];
        assert!(matches!(verify(&left_out), Err(ChainError::Broken { line: 2, .. })));
        let swapped = [all[0].clone(), all[2].clone(), all[1].clone()];
        assert!(matches!(verify(&swapped), Err(ChainError::Broken { line: 2, .. })));
        let mut elsewhere = Verifier::new(StoreId([2; 16]));
        assert_eq!(elsewhere.next(&all[0]).map(|_| ()), Err(ChainError::Foreign { line: 1, what: "store" }));
    }

    #[test]
    fn a_chain_may_begin_with_an_agent_that_another_store_made() {
        let agent = RecordId::from_digest(crate::encoding::Digest::from_bytes([7; 32]));
        let (first, one) = record(None, Some(agent), 1).to_line();
        let (_, two) = record(Some(first), Some(agent), 2).to_line();
        let (_, astray) = record(Some(first), Some(first), 2).to_line();
        let mut verifier = Verifier::new(StoreId([1; 16]));
        verifier.next(&one[..one.len() - 1]).expect("the first line");
        assert_eq!(verifier.agent(), Some(agent));
        let mut resumed = Verifier::resume(StoreId([1; 16]), agent, first, 1);
        assert_eq!(resumed.next(&two[..two.len() - 1]).map(|_| ()), Ok(()));
        let error = verifier.next(&astray[..astray.len() - 1]).map(|_| ());
        assert_eq!(error, Err(ChainError::Foreign { line: 2, what: "agent" }));
    }

    #[test]
    fn a_log_without_its_first_line_is_not_a_shorter_log() {
        assert!(matches!(verify(&lines()[1..]), Err(ChainError::Broken { line: 1, .. })));
    }
}
