//! The numbers of versions, for output that names many: a few pages of the list at a time, so that
//! neither time nor memory grows with its length.

use std::collections::{HashMap, VecDeque};

use crate::agent::{AgentError, Agents, Number};
use crate::object::ObjectId;
use crate::refs::{Handle, RefName};
use crate::repo::RepoError;

use super::error::CliError;

/// Versions on a page.
const PAGE: u64 = 1024;
/// Pages that are kept.
const PAGES_KEPT: usize = 4;

/// The numbers of one agent's versions. What is asked for is expected to lie near what was asked
/// for before, as it does along a log.
#[derive(Debug)]
pub(super) struct Numbers<'a> {
    agents: &'a Agents,
    agent: Handle,
    provisional: HashMap<ObjectId, Number>,
    pages: u64,
    /// The page where the last number was found.
    near: u64,
    kept: VecDeque<(u64, HashMap<ObjectId, u64>)>,
}

impl<'a> Numbers<'a> {
    /// The numbers of an agent's versions.
    ///
    /// # Errors
    /// When the list cannot be read.
    pub(super) fn of(agents: &'a Agents, agent: Handle) -> Result<Self, CliError> {
        let count = agents.numbered_count(&agent)?;
        let numbers = (count + 1..).map(|position| Number { position, provisional: true });
        let provisional =
            agents.provisional(&agent)?.into_iter().map(|entry| entry.id).zip(numbers).collect();
        let pages = count.div_ceil(PAGE);
        Ok(Self { agents, agent, provisional, pages, near: pages.saturating_sub(1), kept: VecDeque::new() })
    }

    /// The number of a version; `None` when the commit is none.
    ///
    /// # Errors
    /// When the list cannot be read.
    pub(super) fn number(&mut self, id: &ObjectId) -> Result<Option<Number>, CliError> {
        if let Some(number) = self.provisional.get(id) {
            return Ok(Some(*number));
        }
        if let Some(number) = self.kept.iter().find_map(|(_, page)| page.get(id)) {
            return Ok(Some(Number::of(*number)));
        }
        for at in outwards(self.near, self.pages) {
            if self.kept.iter().any(|(kept, _)| *kept == at) {
                continue;
            }
            let page = self.read(at)?;
            let found = page.get(id).copied();
            if found.is_some() {
                self.near = at;
                self.kept.truncate(PAGES_KEPT - 1);
                self.kept.push_front((at, page));
                return Ok(found.map(Number::of));
            }
        }
        Ok(None)
    }

    fn read(&self, at: u64) -> Result<HashMap<ObjectId, u64>, CliError> {
        let backend = self.agents.repo().backend();
        let limit = usize::try_from(PAGE).expect("a page is small");
        let entries = backend.list(&self.agent, &RefName::versions(), at * PAGE, limit);
        let entries = entries.map_err(|error| AgentError::from(RepoError::from(error)))?;
        Ok((at * PAGE + 1..).zip(entries).map(|(number, entry)| (entry.id, number)).collect())
    }

    /// `V3`, or the short id of what is no version.
    ///
    /// # Errors
    /// As [`Self::number`].
    pub(super) fn name(&mut self, id: &ObjectId) -> Result<String, CliError> {
        Ok(self.number(id)?.map_or_else(|| id.short(), |number| format!("V{number}")))
    }
}

/// Every page, the nearest first, of two at the same distance the older.
fn outwards(near: u64, pages: u64) -> impl Iterator<Item = u64> {
    (0..pages).flat_map(move |distance| {
        let older = near.checked_sub(distance);
        let newer = (distance > 0).then(|| near + distance).filter(|at| *at < pages);
        older.into_iter().chain(newer)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_looked_at_once_the_nearest_first() {
        let pages = |near, pages| outwards(near, pages).collect::<Vec<u64>>();
        assert_eq!(pages(4, 5), [4, 3, 2, 1, 0]);
        assert_eq!(pages(1, 5), [1, 0, 2, 3, 4]);
        assert_eq!(pages(0, 1), [0]);
        assert!(pages(0, 0).is_empty());
    }
}
