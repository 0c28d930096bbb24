//! What lies where below a store's prefix, and the seal of its documents. Described byte by byte in
//! docs/format.md.
//!
//! Whatever is not swapped is written once under a name of its own and never again: what a state no longer
//! names can be removed later, and nobody can have come to name it anew.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serializer};

use crate::backend::BackendError;
use crate::encoding::Digest;
use crate::log::AgentId;
use crate::pack::PackId;

/// The format of everything in a bucket.
pub(super) const FORMAT: u32 = 1;
/// Says that here is a store, and which.
pub(super) const STORE_KEY: &str = "recto.json";
/// The directory of agents.
pub(super) const NAMES_KEY: &str = "names";
/// Largest document, in bytes.
pub(super) const DOCUMENT_MAX_BYTES: usize = 64 * 1024 * 1024;

/// 64 random bits that no other write has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Nonce(pub(super) u64);

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Nonce {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = u64::from_str_radix(text, 16).ok().filter(|_| text.len() == 16).map(Self);
        number
            .filter(|nonce| nonce.to_string() == text)
            .ok_or(format!("'{text}' is not 16 hexadecimal digits"))
    }
}

/// Where the state of an agent lies: its id, and what tells apart who made an agent of that id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct AgentKey {
    pub(super) agent: AgentId,
    pub(super) nonce: Nonce,
}

impl AgentKey {
    pub(super) fn path(&self) -> String {
        format!("agents/{self}")
    }
}

impl fmt::Display for AgentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.agent, self.nonce)
    }
}

impl FromStr for AgentKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (agent, nonce) = text.split_once('-').ok_or_else(|| format!("'{text}' is no key of an agent"))?;
        let agent = agent.parse().map_err(|error| format!("{error}"))?;
        Ok(Self { agent, nonce: nonce.parse()? })
    }
}

/// Where a pack lies: one that was staged has no nonce, and is the same for all who stage it.
pub(super) fn pack_path(id: &PackId, nonce: Option<Nonce>) -> String {
    match nonce {
        Some(nonce) => format!("packs/{id}-{nonce}"),
        None => format!("packs/{id}"),
    }
}

/// Where a piece lies.
pub(super) fn blob_path(digest: &Digest, nonce: Nonce) -> String {
    format!("blobs/{digest}-{nonce}")
}

/// The digest of a piece's content.
pub(super) fn digest_of(content: &[u8]) -> Digest {
    Digest::from_bytes(*blake3::hash(content).as_bytes())
}

/// A document as it is stored: one line of JSON, one with its digest.
pub(super) fn seal<T: serde::Serialize>(document: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(document).expect("its keys are texts and it writes to memory");
    let digest = digest_of(&bytes);
    bytes.extend_from_slice(format!("\n{digest}\n").as_bytes());
    bytes
}

/// What a document of any format says.
#[derive(Deserialize)]
struct Any {
    format: u32,
}

/// Reads a document, and checks that it is what was written.
pub(super) fn unseal<T: for<'de> Deserialize<'de>>(path: &str, bytes: &[u8]) -> Result<T, BackendError> {
    let corrupt = |reason: String| BackendError::corrupt(path, reason);
    let body =
        (bytes.len() <= DOCUMENT_MAX_BYTES && bytes.len() > 66).then(|| bytes.split_at(bytes.len() - 66));
    let (body, seal) = body.ok_or_else(|| corrupt("it has no seal".to_owned()))?;
    if seal != format!("\n{}\n", digest_of(body)).as_bytes() {
        return Err(corrupt("it does not hash to its seal".to_owned()));
    }
    // Every document says its format first.
    if !body.starts_with(format!("{{\"format\":{FORMAT},").as_bytes()) {
        let any: Any = serde_json::from_slice(body).map_err(|error| corrupt(error.to_string()))?;
        return Err(BackendError::Format { found: any.format.to_string(), known: FORMAT });
    }
    serde_json::from_slice(body).map_err(|error| corrupt(error.to_string()))
}

/// Ids and names as texts in documents.
pub(super) mod text {
    use super::{Deserialize, Deserializer, Serializer, fmt};

    pub(in super::super) fn serialize<T: fmt::Display, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(in super::super) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: std::str::FromStr<Err: fmt::Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The same where there may be none.
pub(super) mod text_or_none {
    use super::{Deserialize, Deserializer, Serializer, fmt};

    #[allow(clippy::ref_option)] // serde calls it so
    pub(in super::super) fn serialize<T: fmt::Display, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.collect_str(value),
            None => serializer.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
    where
        T: std::str::FromStr<Err: fmt::Display>,
        D: Deserializer<'de>,
    {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(serde::de::Error::custom)).transpose()
    }
}

/// Times as milliseconds.
pub(super) mod time_ms {
    use super::{Deserialize, Deserializer, Serializer};
    use crate::clock::Time;

    #[allow(clippy::trivially_copy_pass_by_ref)] // serde calls it so
    pub(in super::super) fn serialize<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(time.as_ms())
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Time, D::Error> {
        let ms = i64::deserialize(deserializer)?;
        Time::from_ms(ms).ok_or_else(|| serde::de::Error::custom("it is no time of these years"))
    }
}

/// Lines as one text.
pub(super) mod lines {
    use super::{Deserialize, Deserializer, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(lines: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&String::from_utf8_lossy(lines))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        String::deserialize(deserializer).map(String::into_bytes)
    }
}
