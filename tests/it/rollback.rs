//! What served before serves again: one agent, several, all.

use serde_json::Value;

use crate::agents::{CONFIG, SECRET, refused, undo_of, with_support};
use crate::harness::Place;

/// Publishes and activates a version whose voice has that speed.
fn version(place: &Place, agent: &str, speed: &str) {
    place.recto(["draft", "new", &format!("{agent}@next")]).ok();
    place.recto(["set", &format!("{agent}@next"), &format!("voice.speed={speed}")]).ok();
    place.recto(["publish", &format!("{agent}@next"), "--activate"]).ok();
}

fn active(place: &Place, agent: &str) -> Value {
    let shown = place.recto(["agent", "show", agent, "--json"]).exits(0).json("agent-show");
    shown["active"]["number"].clone()
}

#[test]
fn repeated_it_walks_back_and_never_into_what_it_left() {
    let place = with_support();
    for speed in ["2", "3", "4"] {
        version(&place, "support", speed);
    }
    let run = place.recto(["rollback", "support"]).exits(0);
    assert_eq!(run.stdout, "ACTIVE of agent 'support': V4 -> V3\n");
    assert_eq!(place.recto(["rollback", "support"]).ok(), "ACTIVE of agent 'support': V3 -> V2\n");
    version(&place, "support", "5");
    assert_eq!(place.recto(["rollback", "support"]).ok(), "ACTIVE of agent 'support': V5 -> V2\n");
    assert_eq!(place.recto(["rollback", "support"]).ok(), "ACTIVE of agent 'support': V2 -> V1\n");
    refused(place.recto(["rollback", "support"]), 1, "nothing served before");
}

#[test]
fn it_goes_to_a_version_or_an_instant() {
    let place = with_support();
    version(&place, "support", "2");
    version(&place, "support", "3");
    let back = ["rollback", "support@V1", "--json"];
    let done = place.recto(back).exits(0).json("rollback");
    assert_eq!(done["rolled_back"][0]["version"]["number"], 1);
    let undo = done["undo"].as_str().expect("a command").to_owned();
    place.recto(undo.split(' ').skip(1)).ok();
    assert_eq!(active(&place, "support"), 3);
    let run = place.recto(["rollback", "support", "--to", "2026-03-07T14:04:30"]).exits(0);
    assert_eq!(run.stdout, "ACTIVE of agent 'support': V3 -> V2\n");
    assert!(run.stderr.contains("2026-03-07T14:04:30.000Z"), "the instant is said: {}", run.stderr);
    let again = place.recto(["rollback", "support", "--to", "2026-03-07T14:04:30Z"]).ok();
    assert_eq!(again, "agent 'support' serves that already\n");
    refused(
        place.recto(["rollback", "support", "--to", "2001-01-01T00:00:00Z"]),
        1,
        "the first activation was at",
    );
    let then = place.recto(["show", "support", "--at", "2001-01-01T00:00:00Z"]).exits(1).stderr;
    let expected = "error: nothing served for agent 'support' at 2001-01-01T00:00:00.000Z: the first activation was at 2026-03-07T14:01:00.000Z\nhint: recto timeline support\n";
    assert!(then.ends_with(expected), "{then}");
    refused(place.recto(["rollback", "support", "--to", "noon"]), 2, "'noon' is not a time");
    refused(place.recto(["rollback", "support@V1", "--to", "2026-03-07T14:04:30Z"]), 2, "one of both");
    refused(place.recto(["rollback"]), 2, "required");
    refused(place.recto(["rollback", "--all"]), 2, "--to");
}

#[test]
fn several_agents_go_back_and_failures_are_listed() {
    let place = with_support();
    place.write("other.json", CONFIG);
    place.recto(["agent", "new", "sales", "--from", "other.json", "--activate"]).ok();
    place.recto(["agent", "new", "fresh", "--from", "other.json", "--activate"]).ok();
    version(&place, "support", "2");
    version(&place, "sales", "2");
    let run = place.recto(["rollback", "support", "fresh", "nobody", "sales"]).exits(1);
    assert_eq!(run.stdout, "ACTIVE of agent 'support': V2 -> V1\nACTIVE of agent 'sales': V2 -> V1\n");
    assert!(run.stderr.contains("2 of 4 agents could not be rolled back"), "{}", run.stderr);
    assert!(run.stderr.contains("  fresh: ") && run.stderr.contains("  nobody: no agent"), "{}", run.stderr);
    let undo = undo_of(&run);
    assert_eq!(undo.iter().filter(|word| *word == "&&").count(), 1, "{undo:?}");
    version(&place, "support", "3");
    let run = place.recto(["rollback", "support", "fresh", "--json"]).exits(1);
    let done = run.json("rollback");
    assert_eq!(done["failed"][0]["target"], "fresh");
    refused(place.recto(["rollback", "a/b", "support"]), 2, "cannot be a name");
}

#[test]
fn all_agents_go_back_to_an_instant() {
    let place = with_support();
    place.write("other.json", CONFIG);
    place.recto(["agent", "new", "sales", "--from", "other.json", "--activate"]).ok();
    version(&place, "support", "2");
    place.recto(["agent", "new", "young", "--from", "other.json", "--activate"]).ok();
    let back = ["rollback", "--all", "--to", "2026-03-07T14:02:30Z"];
    let rehearsed = place.recto(back.into_iter().chain(["--dry-run"])).ok();
    assert!(rehearsed.contains("dry run: ACTIVE of agent 'support': V2 -> V1"), "{rehearsed}");
    assert_eq!(active(&place, "support"), 2);
    let done = place.recto(back.into_iter().chain(["--json"])).exits(0).json("rollback");
    assert_eq!(done["rolled_back"].as_array().map(Vec::len), Some(1));
    let reasons: Vec<&Value> =
        done["unchanged"].as_array().expect("a list").iter().map(|agent| &agent["reason"]).collect();
    assert_eq!(reasons, ["serves that already", "nothing served then"]);
    assert_eq!((active(&place, "support"), active(&place, "young")), (1.into(), 1.into()));
}

#[test]
fn a_version_that_failed_its_check_needs_a_reason() {
    let place = with_support();
    place.recto(["draft", "new", "support@leak"]).ok();
    place.recto(["set", "support@leak", &format!("prompt={SECRET}")]).ok();
    place.recto(["publish", "support@leak", "--activate", "--override-check", "once"]).ok();
    place.recto(["activate", "support@V1"]).ok();
    let run = place.recto(["rollback", "support@V2"]).exits(5);
    assert!(run.stderr.contains("secret-in-config") && !run.stderr.contains(SECRET), "{}", run.stderr);
    place.recto(["rollback", "support@V2", "--override-check", "an outage"]).ok();
    assert_eq!(active(&place, "support"), 2);
}
