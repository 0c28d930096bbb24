//! Files of refs that somebody removed, cut off or overwrote: no verb goes on as if they had never been, and
//! `recover` makes them anew from the log.

use std::fs;

use crate::agents::{refused, with_support};
use crate::harness::{Place, Run};

const DIR: &str = ".recto/agents/support";

/// An agent with V1 to V3, of which V3 serves, and a draft 'x'.
fn with_versions() -> Place {
    let place = with_support();
    for (draft, voice) in [("a", "emily"), ("b", "liam")] {
        place.recto(["draft", "new", &format!("support@{draft}")]).ok();
        place.recto(["set", &format!("support@{draft}"), &format!("voice.id={voice}")]).ok();
        place.recto(["publish", &format!("support@{draft}"), "--activate"]).ok();
    }
    place.recto(["draft", "new", "support@x"]).ok();
    place.recto(["set", "support@x", "voice.id=nyah2"]).ok();
    place.recto(["fsck"]).ok();
    place
}

/// `status` shows what it can, so that only what is said of the damage counts.
#[track_caller]
fn names_the_way_back(run: &Run) {
    assert!(run.stderr.contains("'recto recover support'"), "{}", run.stderr);
    assert!(!run.stdout.contains("no published version"), "{}", run.stdout);
}

/// Recovers, and demands that exactly that file is named and is what it was.
fn comes_back(place: &Place, file: &str, before: &[u8]) {
    let all = place.recto(["recover", "support"]).ok();
    let path = format!("agents/support/{file}");
    assert_eq!(all, format!("made '{path}' anew from the log\nagent 'support' is in use again\n"));
    assert_eq!(fs::read(place.path(format!("{DIR}/{file}"))).expect("there"), before);
    place.recto(["fsck"]).ok();
    assert_eq!(place.recto(["recover", "support"]).ok(), "nothing had failed\n");
}

#[test]
fn a_lost_list_of_versions_is_refused_and_comes_back() {
    let place = with_versions();
    let path = place.path(format!("{DIR}/versions"));
    let whole = fs::read(&path).expect("there");
    assert_eq!(whole.len(), 390);
    for cut in [None, Some(0)] {
        match cut {
            None => fs::remove_file(&path).expect("removed"),
            Some(length) => fs::write(&path, &whole[..length]).expect("cut"),
        }
        for verb in [
            &["status", "support"][..],
            &["version", "list", "support"],
            &["publish", "support@x"],
            &["rollback", "support@V1"],
        ] {
            names_the_way_back(&place.recto(verb).exits(4));
        }
        place.recto(["fsck"]).exits(4);
        comes_back(&place, "versions", &whole);
    }
    // Whole lines are missing at the end: only who appends must know.
    fs::write(&path, &whole[..260]).expect("cut");
    let log = fs::read(place.path(format!("{DIR}/log"))).expect("there");
    refused(place.recto(["publish", "support@x"]), 4, "agents/support/versions");
    assert_eq!(fs::read(place.path(format!("{DIR}/log"))).expect("there"), log, "nothing happened");
    comes_back(&place, "versions", &whole);
    assert!(place.recto(["publish", "support@x"]).ok().contains("V4"));
}

#[test]
fn a_lost_active_is_refused_and_comes_back() {
    let place = with_versions();
    let path = place.path(format!("{DIR}/ACTIVE"));
    let whole = fs::read(&path).expect("there");
    for content in [None, Some(""), Some("garbled\n")] {
        match content {
            None => fs::remove_file(&path).expect("removed"),
            Some(text) => fs::write(&path, text).expect("written"),
        }
        for verb in [&["status", "support"][..], &["activate", "support@V1"], &["unpublish", "support"]] {
            names_the_way_back(&place.recto(verb).exits(4));
        }
        comes_back(&place, "ACTIVE", &whole);
    }
    place.recto(["activate", "support@V1"]).ok();
    place.recto(["fsck"]).ok();
}

#[test]
fn a_lost_draft_is_not_made_a_second_time_and_comes_back() {
    let place = with_versions();
    let path = place.path(format!("{DIR}/drafts/x"));
    let whole = fs::read(&path).expect("there");
    fs::remove_file(&path).expect("removed");
    refused(place.recto(["draft", "new", "support@x"]), 4, "agents/support/drafts/x");
    comes_back(&place, "drafts/x", &whole);
    // The directory too.
    fs::remove_dir_all(place.path(format!("{DIR}/drafts"))).expect("removed");
    comes_back(&place, "drafts/x", &whole);
    // One that was discarded may be made again, and does not come back by itself.
    place.recto(["draft", "discard", "support@x"]).ok();
    assert_eq!(place.recto(["recover"]).ok(), "nothing had failed\n");
    fs::write(&path, &whole).expect("put back");
    let run = place.recto(["recover", "--json"]).exits(0).json("recover");
    assert_eq!(run["restored"], serde_json::json!(["agents/support/drafts/x"]));
    assert!(!path.exists());
    place.recto(["draft", "new", "support@x"]).ok();
    place.recto(["fsck"]).ok();
}

#[test]
fn lost_attributes_are_not_begun_anew_and_come_back() {
    let place = with_versions();
    place.recto(["version", "edit", "support@V1", "--label", "first"]).ok();
    let path = place.path(format!("{DIR}/attributes"));
    fs::remove_file(&path).expect("removed");
    refused(
        place.recto(["version", "edit", "support@V2", "--label", "second"]),
        4,
        "agents/support/attributes",
    );
    let said = place.recto(["recover", "support"]).ok();
    assert!(said.contains("'agents/support/attributes'"), "{said}");
    assert!(place.recto(["version", "list", "support"]).ok().contains("first"));
    place.recto(["version", "edit", "support@V2", "--label", "second"]).ok();
    place.recto(["fsck"]).ok();
}

#[test]
fn nothing_is_made_anew_from_a_damaged_log() {
    let place = with_versions();
    let log = place.path(format!("{DIR}/log"));
    let mut bytes = fs::read(&log).expect("there");
    let at = bytes.iter().position(|byte| *byte == b'\n').expect("a line") - 40;
    bytes[at] ^= 1;
    fs::write(&log, bytes).expect("written");
    fs::remove_file(place.path(format!("{DIR}/versions"))).expect("removed");
    refused(place.recto(["recover", "support"]), 4, "agents/support/log");
    assert!(!place.path(format!("{DIR}/versions")).exists());
}

#[test]
fn the_directory_of_locks_is_made_where_it_is_not_there() {
    let place = with_versions();
    for verb in [
        &["set", "support@x", "voice.id=luna"][..],
        &["agent", "rename", "support", "desk"],
        &["agent", "rename", "desk", "support"],
        &["gc"],
        &["recover"],
        &["agent", "new", "sales", "--profile", "generic"],
        &["new-id"],
    ] {
        fs::remove_dir_all(place.path(".recto/locks")).expect("removed");
        place.recto(verb).ok();
        assert!(place.path(".recto/locks").is_dir(), "{verb:?}");
    }
    place.recto(["fsck"]).ok();
}

/// Lets the log grow by more than what is looked through at each operation.
fn go_far(place: &Place, agent: &str) {
    let log = || fs::metadata(place.path(format!(".recto/agents/{agent}/log"))).expect("there").len();
    let start = log();
    let reason = "because ".repeat(200);
    while log() - start < 80 * 1024 {
        for version in ["V1", "V2"] {
            let version = format!("{agent}@{version}");
            place.recto(["env", "set", &version, "staging", "--reason", &reason]).ok();
        }
    }
}

#[test]
fn a_draft_that_was_lost_and_last_changed_long_ago_is_noticed_and_comes_back() {
    let place = with_versions();
    go_far(&place, "support");
    let path = place.path(format!("{DIR}/drafts/x"));
    let whole = fs::read(&path).expect("there");
    fs::remove_file(&path).expect("removed");
    let found = place.recto(["fsck"]).exits(4);
    assert!(found.stdout.contains("drafts/x") || found.stderr.contains("drafts/x"), "{found:?}");
    let log = fs::read(place.path(format!("{DIR}/log"))).expect("there");
    refused(place.recto(["draft", "new", "support@x"]), 4, "agents/support/drafts/x");
    assert_eq!(fs::read(place.path(format!("{DIR}/log"))).expect("there"), log, "nothing happened");
    comes_back(&place, "drafts/x", &whole);
}

#[test]
fn a_lost_upstream_does_not_let_a_clone_give_numbers_itself_and_comes_back() {
    let place = with_versions();
    place.recto(["clone", ".", "../far"]).ok();
    let far = |args: &[&str]| place.recto(["-C", "../far"].iter().chain(args).copied().collect::<Vec<_>>());
    far(&["draft", "new", "support@y"]).ok();
    far(&["set", "support@y", "voice.id=luna"]).ok();
    let reason = "because ".repeat(200);
    for _ in 0..30 {
        for version in ["V1", "V2"] {
            let version = format!("support@{version}");
            far(&["env", "set", &version, "staging", "--reason", &reason]).ok();
        }
    }
    let path = place.path("../far/.recto/agents/support/upstream");
    let whole = fs::read(&path).expect("there");
    fs::remove_file(&path).expect("removed");
    for verb in [&["publish", "support@y", "-m", "mine"][..], &["pull"], &["push"]] {
        let run = far(verb);
        assert_eq!(run.code, 4, "{verb:?}: {}{}", run.stdout, run.stderr);
        assert!(run.stderr.contains("'recto recover support'"), "{}", run.stderr);
    }
    far(&["fsck"]).exits(4);
    assert!(far(&["recover", "support"]).ok().contains("agents/support/upstream"));
    assert_eq!(fs::read(&path).expect("there"), whole);
    assert!(far(&["publish", "support@y", "-m", "mine"]).ok().contains("V4?"));
    far(&["push"]).ok();
    far(&["fsck"]).ok();
}

#[test]
fn what_happened_and_is_not_to_be_seen_in_the_files_yet_is_told() {
    let place = with_versions();
    // What stands in the way of one of the files that the operation writes last.
    let document = place.path(format!("{DIR}/ACTIVE.json"));
    fs::remove_file(&document).expect("removed");
    fs::create_dir_all(document.join("in the way")).expect("made");
    let run = place.recto(["activate", "support@V1"]).exits(1);
    let told = "error: the operation happened and is recorded, but the files of agent 'support' do not show it yet\ncaused by: ";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    assert!(run.stderr.contains("hint: do not do it again: "), "{}", run.stderr);
    fs::remove_dir_all(&document).expect("removed");
    let log = place.recto(["log", "support", "-n", "1"]).ok();
    assert!(log.contains("ACTIVE V3 -> V1"), "{log}");
    let shown: serde_json::Value =
        serde_json::from_slice(&fs::read(&document).expect("there")).expect("JSON");
    assert_eq!(shown["version"]["number"], 1);
    place.recto(["fsck"]).ok();
}
