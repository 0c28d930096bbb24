//! The last operation taken back, whichever it was.

use crate::agents::{refused, undo_of, with_support};

#[test]
fn undo_takes_back_and_undoing_that_does_it_again() {
    let place = with_support();
    place.recto(["draft", "new", "support@tone"]).ok();
    place.recto(["set", "support@tone", "voice.speed=2"]).ok();
    place.recto(["publish", "support@tone", "--activate"]).ok();
    let run = place.recto(["undo", "support"]).exits(0);
    assert!(
        run.stdout.starts_with("undid publish ") && run.stdout.contains("  ACTIVE: V2 -> V1\n"),
        "{}",
        run.stdout
    );
    let redo = undo_of(&run);
    assert_eq!((redo[0].as_str(), redo[2].as_str()), ("undo", "--expect"));
    let done = place.recto(redo.into_iter().chain(["--json".to_owned()])).exits(0).json("undo");
    assert_eq!(done["undone"]["kind"], "undo");
    let refs = done["refs"].as_array().expect("a list").clone();
    assert!(refs.iter().any(|change| change["ref"] == "ACTIVE"), "{refs:?}");
    assert!(place.recto(["agent", "show", "support"]).ok().contains("serves V2 "));
}

#[test]
fn an_undo_that_names_an_older_operation_is_a_conflict() {
    let place = with_support();
    let pinned = place.recto(["version", "edit", "support@V1", "--label", "one"]).exits(0);
    place.recto(["pin", "support@V1"]).ok();
    let stale = undo_of(&pinned);
    refused(place.recto(&stale), 3, "the last operation of agent 'support' is");
    refused(place.recto(["undo", "support", "--expect", "xyz!"]), 2, "hexadecimal");
    refused(place.recto(["undo", "support", "--expect", "abc"]), 2, "at least 4");
    let list = place.recto(["version", "list", "support", "--pinned", "-q"]).ok();
    assert_eq!(list.lines().count(), 1, "nothing was undone");
}

#[test]
fn what_made_the_agent_stays() {
    let place = with_support();
    let run = place.recto(["undo", "support"]).exits(1);
    assert!(run.stderr.contains("'create', cannot be undone"), "{}", run.stderr);
    refused(place.recto(["undo", "nobody"]), 1, "no agent 'nobody'");
    refused(place.recto(["undo", "support@V1"]), 2, "where an agent is wanted");
}
