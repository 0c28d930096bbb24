//! How failures are told, to people and to programs.

use crate::harness::Place;

#[test]
fn a_missing_store_has_a_hint() {
    let place = Place::empty();
    let run = place.recto(["fsck"]).exits(1);
    insta::assert_snapshot!(run.stderr, @r"
    error: no recto store in '/here' or above it
    hint: 'recto init' makes one here, '--store DIR' uses one elsewhere
    ");
    let error = place.recto(["--json", "fsck"]).json_error(1);
    assert_eq!(error["error"]["kind"], "not_found");
}

#[test]
fn a_store_is_found_from_below() {
    let place = Place::with_store();
    place.write("deep/down/file", "");
    place.recto(["-C", "deep/down", "fsck"]).ok();
    place.recto(["-C", "nowhere", "fsck"]).exits(2);
}

#[test]
fn a_named_store_must_be_one() {
    let place = Place::empty();
    let run = place.recto(["--store", "nowhere", "fsck"]).exits(1);
    assert!(run.stderr.contains("'/here/nowhere' is not a recto store"), "{}", run.stderr);
    let run = place.recto(["--store", "https://example.com/x", "fsck"]).exits(1);
    assert!(run.stderr.contains("is an address, which is not supported yet"), "{}", run.stderr);
}

#[test]
fn wrong_words_are_wrong_usage() {
    let place = Place::with_store();
    place.recto::<&str>([]).exits(2);
    place.recto(["publsih"]).exits(2);
    place.recto(["fsck", "--no-such-option"]).exits(2);
    place.recto(["cat-object"]).exits(2);
    place.recto(["cat-object", "abcd", "--raw", "--size"]).exits(2);
    let error = place.recto(["publsih", "--json"]).json_error(2);
    assert_eq!(error["error"]["kind"], "usage");
    assert_eq!(error["error"]["message"], "unrecognized subcommand 'publsih'");
}

#[test]
fn a_broken_environment_is_named() {
    let place = Place::with_store();
    let run = place.run(place.command(["fsck"]).env("RECTO_TIME", "noon")).exits(2);
    assert!(run.stderr.starts_with("error: RECTO_TIME is 'noon': "), "{}", run.stderr);
}
