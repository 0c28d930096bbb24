//! Operations that happen only where something holds.

use crate::repo::{Expectation, RepoError};

use super::*;

fn refused<T: std::fmt::Debug>(done: &Result<T, AgentError>) {
    assert!(matches!(done, Err(AgentError::Repo(RepoError::NotAsExpected { .. }))), "{done:?}");
}

#[test]
fn a_draft_that_was_made_anew_is_another_one() {
    let store = store();
    let agent = store.support();
    let tone = store.draft("tone");
    let meant = store.agents.draft(&agent, &tone).expect("a draft");
    let agents = store.agents.expecting(meant.is_still());
    let edit = |speed: u64| [Edit::Set("voice.speed".parse().expect("a path"), Input::Json(json!(speed)))];
    // Each of its operations is held to it, and what others do to the same draft is no matter.
    agents.edit(&agent, &tone, None, &edit(2), "").expect("edited");
    store.set(&tone, "prompt", "Be brief.\n");
    agents.edit(&agent, &tone, None, &edit(3), "").expect("edited");
    let other = store.draft("warm");
    store.agents.discard_draft(&agent, &tone, None).expect("discarded");
    refused(&agents.edit(&agent, &tone, None, &edit(4), ""));
    store.agents.rename_draft(&agent, &other, &tone).expect("renamed");
    let before = store.agents.draft(&agent, &tone).expect("a draft");
    refused(&agents.edit(&agent, &tone, None, &edit(4), ""));
    refused(&agents.discard_draft(&agent, &tone, None));
    refused(&agents.entitle_draft(&agent, &tone, &tone, "Tone"));
    refused(&agents.publish(&agent, &tone, &PublishOptions::default()));
    assert_eq!(store.agents.draft(&agent, &tone).expect("a draft"), before);
    store.agents.edit(&agent, &tone, None, &edit(4), "").expect("who does not say which draft edits any");
}

#[test]
fn all_that_is_expected_has_to_hold() {
    let store = store();
    let agent = store.support();
    let tone = store.draft("tone");
    let draft = store.agents.draft(&agent, &tone).expect("a draft");
    let seen = |id: String| Expectation::Seen { at: Some(crate::refs::RefName::draft(&tone)), ids: vec![id] };
    let both = store.agents.expecting(draft.is_still()).expecting(seen(draft.commit.to_string()));
    store.set(&tone, "voice.speed", "2");
    refused(&both.discard_draft(&agent, &tone, None));
    store.agents.expecting(draft.is_still()).discard_draft(&agent, &tone, None).expect("discarded");
}

#[test]
fn a_draft_that_its_publishing_took_away_was_published_meanwhile() {
    let store = store();
    let agent = store.support();
    let tone = store.draft("tone");
    store.set(&tone, "voice.speed", "2");
    store.publish(&tone, "faster", false);
    let gone = |name: &crate::refs::Handle| {
        store.agents.publish(&agent, name, &PublishOptions::default()).expect_err("there is none")
    };
    match gone(&tone) {
        AgentError::DraftPublished { draft, number, by, .. } => {
            assert_eq!((draft, number.position), (tone.clone(), 2));
            assert_eq!(by, store.agents.actor().name);
        }
        other => panic!("{other}"),
    }
    // What was discarded or renamed, or never was, was not published.
    store.draft("tone");
    store.agents.discard_draft(&agent, &tone, None).expect("discarded");
    assert_eq!(gone(&tone).to_string(), "agent 'support' has no draft 'tone'");
    let warm = store.draft("warm");
    store.agents.rename_draft(&agent, &warm, &tone).expect("renamed");
    assert!(matches!(gone(&warm), AgentError::NoSuchRevision { .. }));
    store.agents.discard_draft(&agent, &tone, None).expect("discarded");
    assert!(matches!(gone(&tone), AgentError::NoSuchRevision { .. }));
}
