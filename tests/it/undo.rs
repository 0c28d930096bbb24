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
        run.stdout.starts_with("undid publish ") && run.stdout.contains("\n  ACTIVE V2 -> V1\n"),
        "{}",
        run.stdout
    );
    let redo = undo_of(&run);
    assert_eq!((redo[0].as_str(), redo[2].as_str()), ("undo", "--expect"));
    let said = run.stdout.clone();
    assert!(said.contains("\n  V2 withdrawn\n") && said.contains("\n  draft tone r3 is back\n"), "{said}");
    for internal in ["withdrawn/", "checks/", "drafts/", "versions"] {
        assert!(!said.contains(internal), "{said}");
    }
    let done = place.recto(redo.into_iter().chain(["--json".to_owned()])).exits(0).json("undo");
    assert_eq!(done["undone"]["kind"], "undo");
    let refs = done["refs"].as_array().expect("a list").clone();
    assert!(refs.iter().any(|change| change["ref"] == "ACTIVE"), "{refs:?}");
    assert!(place.recto(["agent", "show", "support"]).ok().contains("serves V2 "));
    let again = place.recto(["undo", "support"]).ok();
    assert!(
        again.starts_with("undid publish ") && again.contains(" again, which Asha Rao had done"),
        "{again}"
    );
    let redone = place.recto(["undo", "support"]).ok();
    assert!(
        redone.starts_with("did publish ") && redone.contains(" again, which Asha Rao had undone"),
        "{redone}"
    );
    place.recto(["fsck"]).ok();
}

#[test]
fn a_draft_that_was_thrown_away_is_the_same_draft_again() {
    let place = with_support();
    place.recto(["draft", "new", "support@tone"]).ok();
    place.recto(["set", "support@tone", "voice.speed=2", "-m", "too slow"]).ok();
    place.recto(["draft", "rename", "support@tone", "warm"]).ok();
    place.recto(["checkout", "support@warm"]).ok();
    place.write("agents/support/prompt.md", "Mine.\n");
    let log = || place.recto(["draft", "log", "support@warm", "--json"]).exits(0).json("draft-log");
    let draft = || {
        let list = place.recto(["draft", "list", "support", "--json"]).exits(0).json("draft-list");
        (list["drafts"][0]["id"].clone(), list["drafts"][0]["revision"].clone())
    };
    let before = draft().0;
    for round in 1..=2_u64 {
        place.recto(["draft", "discard", "support@warm"]).ok();
        place.recto(["undo", "support"]).ok();
        let after = log();
        assert_eq!(draft(), (before.clone(), (3 + round).into()), "the same draft");
        let revisions = after["revisions"].as_array().expect("a list");
        let numbers: Vec<u64> = revisions.iter().filter_map(|one| one["revision"].as_u64()).collect();
        assert_eq!(numbers, (1..=3 + round).rev().collect::<Vec<_>>());
        assert!(revisions.iter().any(|one| one["note"] == "too slow"), "{after}");
    }
    let told = place.recto(["log", "support@warm", "--oneline"]).ok();
    assert!(told.contains("draft warm r5 is back") && told.contains("draft tone r1 made"), "{told}");
    place.recto(["fsck"]).ok();
    let saved = place.recto(["save"]).ok();
    assert!(saved.contains("revision 5 -> 6 (prompt.md)"), "the checkout goes on: {saved}");
}

#[test]
fn metadata_and_checks_are_told_in_words() {
    let place = with_support();
    place.recto(["agent", "edit", "support", "--title", "Front desk"]).ok();
    let said = place.recto(["undo", "support"]).ok();
    assert!(said.contains("\n  metadata [title]\n"), "{said}");
    place.recto(["agent", "rename", "support", "desk"]).ok();
    let said = place.recto(["undo", "desk"]).ok();
    assert!(said.contains("\n  renamed desk -> support\n"), "{said}");
    place.recto(["pin", "support@V1"]).ok();
    let rehearsed = place.recto(["undo", "support", "--dry-run"]).ok();
    assert!(
        rehearsed.starts_with("dry run: undid pin ") && rehearsed.contains("  V1 unpinned\n"),
        "{rehearsed}"
    );
}

#[test]
fn edits_that_were_dropped_last_come_back_first() {
    let place = with_support();
    place.recto(["draft", "new", "support@tone"]).ok();
    place.recto(["checkout", "support@tone"]).ok();
    let prompt = "agents/support/prompt.md";
    place.write(prompt, "Mine.\n");
    place.recto(["checkout", "support", "--discard"]).ok();
    let rehearsed = place.recto(["undo", "support", "--dry-run", "--json"]).exits(0).json("undo");
    assert_eq!(rehearsed["undone"]["kind"], "checkout-discard");
    assert_eq!(place.read(prompt), "Be kind.\n");
    let run = place.recto(["undo", "support"]).exits(0);
    assert_eq!(run.stdout, "edits of agent 'support' that were dropped are back: prompt.md\n");
    assert_eq!(undo_of(&run), ["checkout", "support", "--discard"]);
    assert_eq!(place.read(prompt), "Mine.\n");
    // What was dropped before the last operation is not what was done last.
    place.recto(["checkout", "support", "--discard"]).ok();
    place.recto(["pin", "support@V1"]).ok();
    assert!(place.recto(["undo", "support"]).ok().starts_with("undid pin "));
    // Nor is it where an operation is named.
    place.recto(["pin", "support@V1"]).ok();
    place.write(prompt, "Mine again.\n");
    place.recto(["checkout", "support", "--discard"]).ok();
    let last = place.recto(["log", "support", "--json", "-n", "1"]).ok();
    let last: serde_json::Value = serde_json::from_str(last.trim()).expect("JSON");
    let id = last["id"].as_str().expect("an id");
    assert!(place.recto(["undo", "support", "--expect", id]).ok().starts_with("undid pin "));
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
