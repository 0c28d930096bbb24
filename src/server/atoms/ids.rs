//! Ids as this API has them: 24 hexadecimal digits. Those of agents, versions and drafts are the first 24 of the
//! store's own; what has no id there has a hash of what it is.

use crate::agent::DraftInfo;
use crate::encoding::Digest;
use crate::log::AgentId;
use crate::object::{Author, ObjectId};
use crate::repo::Repo;

/// Digits of an id.
const DIGITS: usize = 24;
/// What keeps these hashes apart from all others.
const CONTEXT: &str = "recto 2026 derived ids of the Atoms API";

/// Whether a text can be an id.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn first(digest: &str) -> String {
    digest.chars().take(DIGITS).collect()
}

/// Of an agent: of the record that made it.
pub(super) fn agent(id: AgentId) -> String {
    first(&id.to_string())
}

/// Of a version or the newest revision of a draft: of its commit; of a block.
pub(super) fn object(id: &ObjectId) -> String {
    first(&id.to_string())
}

/// Of a draft: of the record that created it, whatever is done to it since.
pub(super) fn draft(info: &DraftInfo) -> String {
    first(&info.id.to_string())
}

/// Whether a record created the draft of that id.
pub(super) fn is_record(id: &impl ToString, text: &str) -> bool {
    first(&id.to_string()) == text
}

fn derived(kind: &str, of: &str) -> String {
    let hash = blake3::derive_key(CONTEXT, format!("{kind}\n{of}").as_bytes());
    first(&Digest::from_bytes(hash).to_string())
}

/// Of the workflow of an agent.
pub(super) fn workflow(id: AgentId) -> String {
    derived("workflow", &id.to_string())
}

/// Of a person or a token.
pub(super) fn user(author: &Author) -> String {
    derived("user", &author.to_string())
}

/// Of the store, which is an organization here.
pub(super) fn organization(repo: &Repo) -> String {
    derived("organization", &repo.backend().store_id().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_24_digits_and_kinds_keep_them_apart() {
        let author = Author { name: "Ana".to_owned(), email: None };
        assert!(is_id(&user(&author)));
        assert_ne!(derived("user", "a"), derived("workflow", "a"));
        assert_eq!(derived("user", "a"), derived("user", "a"));
        let other = Author { email: Some("ana@example.com".to_owned()), ..author.clone() };
        assert_ne!(user(&author), user(&other));
        for wrong in ["", "60d0fe4f5311236168a109c", "60d0fe4f5311236168a109caa", "60D0FE4F5311236168A109CA"]
        {
            assert!(!is_id(wrong), "{wrong}");
        }
        assert!(is_id("60d0fe4f5311236168a109ca"));
    }
}
