//! Labels from a time when control characters were not refused.

use crate::agent::version::note_object;
use crate::refs::{RefName, Target};

use super::*;

const OLD: &str = "old \u{1b}[1m";

#[test]
fn a_label_that_would_be_refused_today_is_read_and_may_stay() {
    let store = store();
    let (agent, agents) = (store.support(), &store.agents);
    let revision = agents.resolve_revision(&agent, &Revision::Latest).expect("V1");
    let id = revision.commit();
    let written = agents.repo().operate(
        &agent,
        &agents.intent("version-edit", ""),
        |operation| {
            let note = operation.put(note_object(OLD, "")?);
            operation.write(RefName::about("notes", &id), Some(Target::Id(note)), Vec::new())?;
            Ok::<_, AgentError>(())
        },
        |operation, id| agents.derive(operation, id),
    );
    written.expect("as it was written then");
    assert_eq!(agents.version(&agent, &id).expect("it reads").label, OLD);
    let refused = agents.edit_version(&agent, &id, Some(OLD), None).expect_err("not anew");
    assert!(refused.to_string().contains("U+001B"), "{refused}");
    agents.edit_version(&agent, &id, None, Some("as asked")).expect("the label stays");
    let read = agents.version(&agent, &id).expect("it reads");
    assert_eq!((read.label.as_str(), read.description.as_str()), (OLD, "as asked"));
    store.sound();
}
