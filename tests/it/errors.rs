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
    let run = place.recto(["--store", "ftp://example.com/x", "fsck"]).exits(1);
    assert!(run.stderr.contains("a store cannot be used at 'ftp://example.com/x'"), "{}", run.stderr);
    // A server, at which nobody listens.
    let run = place.recto(["--store", "http://127.0.0.1:1", "status"]).exits(1);
    assert!(run.stderr.contains("cannot be reached"), "{}", run.stderr);
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
fn missing_words_are_named_to_programs_too() {
    let place = Place::with_store();
    let error = place.recto(["set", "--json"]).json_error(2);
    assert_eq!(error["error"]["details"], serde_json::json!(["<AGENT@DRAFT>", "<PATH=VALUE>..."]));
    let error = place.recto(["agent", "rename", "support", "--json"]).json_error(2);
    assert_eq!(error["error"]["details"], serde_json::json!(["<NEW>"]));
    let error = place.recto(["fsck", "--no-such-option", "--json"]).json_error(2);
    assert!(error["error"]["message"].to_string().contains("--no-such-option"), "{error}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_refusal_of_the_system_names_a_place_to_look_at() {
    let place = Place::empty();
    // Nobody may make a directory there, whoever runs the tests.
    let run = place.recto(["init", "/sys/recto-test"]).exits(1);
    assert!(run.stderr.contains("hint: check the owner and mode with: ls -ld '/sys'"), "{}", run.stderr);
}

#[test]
fn hints_of_common_slips_can_be_followed() {
    let place = crate::agents::with_support();
    place.recto(["unpublish", "support"]).ok();
    for (args, words) in [
        (&["show", "support@v1"][..], "hint: versions are written with a capital: support@V1\n"),
        (&["diff", "V1..V2"], "hint: name its agent too: AGENT@V1\n"),
        (&["activate", "V1"], "hint: name its agent too: AGENT@V1\n"),
        (&["export", "support"], "hint: 'support@latest' names its newest version"),
        (&["cat", "support@V1", "promt"], "error: no field 'promt' (it has 'prompt', 'voice')\n"),
        (
            &["export", "support@V1", "-o", "a/b/c.json"],
            "hint: make the directory first: mkdir -p '/here/a/b'\n",
        ),
    ] {
        let run = place.recto(args);
        assert!(run.code != 0 && run.stderr.contains(words), "{}: {}", run.command, run.stderr);
    }
    let empty = Place::with_store();
    let run = empty.recto(["log"]).exits(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", "no agents yet: recto agent new HANDLE\n"));
}

#[test]
fn a_broken_environment_is_named() {
    let place = Place::with_store();
    let run = place.run(place.command(["fsck"]).env("RECTO_TIME", "noon")).exits(2);
    assert!(run.stderr.starts_with("error: RECTO_TIME is 'noon': "), "{}", run.stderr);
}
