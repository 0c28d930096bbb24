//! Examines the chains of other stores that are kept beside an agent's own log.

use crate::backend::{ChainHead, Fault, Head};
use crate::log::Verifier;
use crate::refs::Handle;

use super::Repo;
use super::fsck::{describe, fault_of, note};
use super::{FsckReport, RepoError};

/// How much of a chain is read at once, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

impl Repo {
    /// Verifies every line of the chains of other stores.
    pub(super) fn fsck_chains(&self, agent: &Handle, head: Head, report: &mut FsckReport) {
        let chains = match self.backend.chains(agent) {
            Ok(chains) => chains,
            Err(error) => return note(report, fault_of(&error)),
        };
        for chain in chains {
            let subject = format!("agents/{agent}/logs/{}", chain.store);
            match self.fsck_chain(agent, head, chain, report) {
                Ok(None) => {}
                Ok(Some(problem)) => note(report, Fault::new(subject, problem)),
                Err(error) => note(report, Fault::new(subject, describe(&error))),
            }
        }
    }

    fn fsck_chain(
        &self,
        agent: &Handle,
        head: Head,
        chain: ChainHead,
        report: &mut FsckReport,
    ) -> Result<Option<String>, RepoError> {
        if chain.store == self.backend.store_id() {
            return Ok(Some("it is this store's own".to_owned()));
        }
        let mut verifier = Verifier::new(chain.store);
        let (mut offset, mut part) = (0, Vec::new());
        while offset < chain.bytes {
            let len = usize::try_from(chain.bytes - offset).unwrap_or(usize::MAX).min(CHUNK_BYTES);
            let bytes = self.backend.read_chain(agent, chain.store, offset, len)?;
            if bytes.is_empty() {
                return Ok(Some("it became shorter while it was read".to_owned()));
            }
            offset += bytes.len() as u64;
            part.extend_from_slice(&bytes);
            let whole = memchr::memrchr(b'\n', &part).map_or(0, |at| at + 1);
            for line in part[..whole].split_inclusive(|byte| *byte == b'\n') {
                if let Err(error) = verifier.next(&line[..line.len() - 1]) {
                    return Ok(Some(describe(&error)));
                }
                report.records += 1;
            }
            part.drain(..whole);
        }
        let problem = if !part.is_empty() {
            Some("its last line is cut off")
        } else if verifier.agent() != Some(head.agent) {
            Some("it is of another agent")
        } else if verifier.head() != Some(chain.record) {
            Some("it does not end with the operation that its end names")
        } else {
            None
        };
        Ok(problem.map(str::to_owned))
    }
}
