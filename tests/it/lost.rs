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
