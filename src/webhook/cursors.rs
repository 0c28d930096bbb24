//! How far each webhook was told of each agent, and since when telling it fails; the form in which a file
//! keeps it.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::history::End;
use crate::log::{AgentId, StoreId};

/// Version of the file's form while no webhook fails.
const FORMAT: u32 = 1;
/// Version of the form in which a webhook may have what it failed with.
const FORMAT_WITH_FAILURES: u32 = 2;
/// Most characters of a reason that are kept.
const REASON_MAX_CHARS: usize = 300;

/// What telling a webhook failed with the last time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Failure {
    /// When, in milliseconds since 1970.
    at_ms: i64,
    reason: String,
}

impl Failure {
    pub(super) fn new(at: Time, reason: &str) -> Self {
        Self { at_ms: at.as_ms(), reason: reason.chars().take(REASON_MAX_CHARS).collect() }
    }

    /// When; what is no time was written by nobody.
    pub(super) fn at(&self) -> Option<Time> {
        Time::from_ms(self.at_ms)
    }

    pub(super) fn reason(&self) -> &str {
        &self.reason
    }
}

/// How far one webhook was told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cursors {
    /// Up to where in the log of each agent, in bytes; an agent that is not here was made later.
    pub(super) told: HashMap<AgentId, u64>,
    /// Since when what comes next of an agent could not be told.
    pub(super) failing: HashMap<AgentId, Time>,
    /// What that failed with the last time, while something fails.
    pub(super) failure: Option<Failure>,
}

impl Cursors {
    /// Everything until now counts as told.
    pub(super) fn at(ends: &[End]) -> Self {
        let told = ends.iter().map(|end| (end.head.agent, end.head.log_bytes)).collect();
        Self { told, ..Self::default() }
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OneEntry {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    told_otherwise: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    failing_since_ms: BTreeMap<String, i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failed: Option<Failure>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u32,
    /// Places in logs mean nothing in a store of another id.
    store: String,
    /// How far nearly all of them were told, so that many webhooks take little more room than one.
    told: BTreeMap<String, u64>,
    webhooks: BTreeMap<String, OneEntry>,
}

/// How far each webhook was told, by its id.
pub(super) type All = HashMap<String, Cursors>;

/// The text of the file.
pub(super) fn to_text(store: StoreId, all: &All) -> Vec<u8> {
    let nothing = HashMap::new();
    let shared = all.iter().min_by_key(|(id, _)| *id).map_or(&nothing, |(_, cursors)| &cursors.told);
    let at = |told: &HashMap<AgentId, u64>, agent: &AgentId| told.get(agent).copied().unwrap_or(0);
    let entry = |cursors: &Cursors| {
        let agents = cursors.told.keys().chain(shared.keys());
        let otherwise = agents.filter(|agent| at(&cursors.told, agent) != at(shared, agent));
        OneEntry {
            told_otherwise: otherwise.map(|agent| (agent.to_string(), at(&cursors.told, agent))).collect(),
            failing_since_ms: cursors
                .failing
                .iter()
                .map(|(agent, since)| (agent.to_string(), since.as_ms()))
                .collect(),
            failed: cursors.failure.clone(),
        }
    };
    let fails = all.values().any(|cursors| cursors.failure.is_some());
    let document = Document {
        format: if fails { FORMAT_WITH_FAILURES } else { FORMAT },
        store: store.to_string(),
        told: shared.iter().map(|(agent, at)| (agent.to_string(), *at)).collect(),
        webhooks: all.iter().map(|(id, cursors)| (id.clone(), entry(cursors))).collect(),
    };
    serde_json::to_vec(&document).unwrap_or_default()
}

/// Reads the file; nothing when it is about a store of another id.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(bytes: &[u8], store: StoreId) -> Result<All, String> {
    let document: Document = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if ![FORMAT, FORMAT_WITH_FAILURES].contains(&document.format) {
        let known = format!("{FORMAT} and {FORMAT_WITH_FAILURES}");
        return Err(format!("it has format {}, and this recto knows {known}", document.format));
    }
    if document.store != store.to_string() {
        return Ok(All::new());
    }
    let shared = places(document.told)?;
    let mut all = All::new();
    for (id, entry) in document.webhooks {
        let mut cursors = Cursors { told: shared.clone(), failing: HashMap::new(), failure: entry.failed };
        cursors.told.extend(places(entry.told_otherwise)?);
        for (name, ms) in entry.failing_since_ms {
            let since = Time::from_ms(ms).ok_or_else(|| format!("'{ms}' is no time"))?;
            cursors.failing.insert(agent(&name)?, since);
        }
        all.insert(id, cursors);
    }
    Ok(all)
}

fn places(told: BTreeMap<String, u64>) -> Result<HashMap<AgentId, u64>, String> {
    told.into_iter().map(|(name, at)| Ok((agent(&name)?, at))).collect()
}

fn agent(text: &str) -> Result<AgentId, String> {
    text.parse().map_err(|_| format!("'{text}' is no agent's id"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::Digest;

    fn id(byte: u8) -> AgentId {
        AgentId::from_digest(Digest::from_bytes([byte; 32]))
    }

    #[test]
    fn what_is_kept_is_read_again_whatever_each_was_told() {
        let store = StoreId([7; 16]);
        let since = Time::from_ms(1_700_000_000_000).expect("a time");
        let cursors = |told: &[(u8, u64)], failing: &[u8]| Cursors {
            told: told.iter().map(|(agent, at)| (id(*agent), *at)).collect(),
            failing: failing.iter().map(|agent| (id(*agent), since)).collect(),
            failure: (!failing.is_empty()).then(|| Failure::new(since, "it answered 500")),
        };
        let form = |text: &[u8]| serde_json::from_slice::<Document>(text).expect("a document").format;
        let all: All = [
            ("a".to_owned(), cursors(&[(1, 10), (2, 20)], &[])),
            ("b".to_owned(), cursors(&[(1, 10), (2, 5), (3, 30)], &[2])),
            ("c".to_owned(), cursors(&[(1, 10), (2, 20)], &[])),
        ]
        .into();
        let text = to_text(store, &all);
        assert_eq!(parse(&text, store).expect("as written"), all);
        let works: All = [("a".to_owned(), cursors(&[(1, 10)], &[]))].into();
        assert_eq!((form(&text), form(&to_text(store, &works))), (2, 1));
        let newer = String::from_utf8_lossy(&text).replace("\"format\":2", "\"format\":3");
        let refused = parse(newer.as_bytes(), store).expect_err("a newer form");
        assert!(refused.contains("it has format 3, and this recto knows 1 and 2"), "{refused}");
        let written = String::from_utf8(text.clone()).expect("text");
        assert_eq!(written.matches(&id(1).to_string()).count(), 1, "{written}");
        assert_eq!(parse(&text, StoreId([8; 16])).expect("of another store"), All::new());
        assert!(parse(b"", store).is_err());
        assert!(parse(&text[..text.len() / 2], store).is_err());
    }
}
