//! `recto log`: who did what when, filtered, merged over agents, streaming.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use recto::agent::DraftSource;
use serde_json::{Value, json};

use crate::harness::Place;
use crate::life::{Life, handle};

/// 12:00 made with V1; 12:01 to 12:04 draft `tone` made, edited twice, V2 published and served;
/// 12:05 back to V1 by somebody else, at 13:00.
fn place() -> Place {
    let place = Place::with_store();
    let life = Life::of(&place);
    life.support();
    life.draft("support", "tone");
    life.set("support", "tone", &[("voice.id", json!("emily")), ("prompt", json!("Hello.\n"))]);
    life.publish("support", "tone", "Kinder tone", true);
    let cleo = Life::by(&place, "Cleo Park", "2026-03-07T13:00:00Z");
    cleo.agents.roll_back(&handle("support"), None, None).expect("rolled back");
    place
}

fn kinds(place: &Place, args: &[&str]) -> Vec<String> {
    let words = ["log", "--json"].iter().chain(args);
    let lines = place.recto(words).exits(0).json_lines("log");
    lines.iter().map(|line| line["kind"].as_str().expect("a kind").to_owned()).collect()
}

/// Ids are new in each run.
fn without_ids(text: &str) -> String {
    let line = |line: &str| match line.split_once(' ') {
        Some((id, rest)) if id.len() == 12 && id.bytes().all(|b| b.is_ascii_hexdigit()) => {
            format!("ID {rest}\n")
        }
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[test]
fn a_filter_that_cannot_hold_is_told() {
    let place = place();
    let run = place.recto(["log", "--kind", "activat"]).exits(2);
    assert!(run.stderr.contains("'activat' is no kind of operation"), "{}", run.stderr);
    assert!(run.stderr.contains("activate, agent-edit, archive"), "{}", run.stderr);
    place.recto(["log", "support", "--kind", "unpin"]).ok();
    for args in [&["log", "support"][..], &["log"]] {
        let run = place.recto([args, &["--", "voise.id"]].concat()).exits(0);
        assert_eq!(run.stdout, "");
        assert!(run.stderr.contains("'voise.id' is no block and no field that"), "{}", run.stderr);
    }
    let run = place.recto(["log", "support", "--", "voice.id", "voise.id"]).exits(0);
    assert!(!run.stderr.contains("'voice.id'") && run.stderr.contains("'voise.id'"), "{}", run.stderr);
    // What there is, and only another filter keeps back, is not denied.
    let run = place.recto(["log", "support", "--author", "nobody", "--", "voice"]).exits(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
}

#[test]
fn every_kind_that_is_recorded_is_a_known_one() {
    let place = Place::with_store();
    place.write("c.json", "{\"prompt\": \"Hi.\\n\", \"api_key\": \"sk-proj-Zq8vT2nLr5xWk3Yb7Hd9Fj4Mp6\"}");
    for command in [
        "agent new a --from c.json --profile generic",
        "import c.json --as b --profile generic",
        "check accept a@V1 api_key --reason test",
        "check a@V1 --run",
        "activate a@V1 --override-check test",
        "draft new a@one",
        "set a@one prompt=Hello.",
        "checkpoint a@one -m kept",
        "draft rename a@one two",
        "restore a@V1 --to two",
        "set a@two prompt=Bye.",
        "publish a@two --activate --override-check test",
        "rollback a",
        "undo a",
        "pin a@V1",
        "unpin a@V1",
        "version edit a@V1 --label first",
        "draft new a@three",
        "draft discard a@three",
        "unpublish a --yes",
        "agent edit a --title A",
        "agent rename a c",
        "agent archive c",
        "agent unarchive c",
        "agent duplicate c d",
    ] {
        let run = place.recto(command.split(' '));
        assert!(run.code != 2, "{command}: {}", run.stderr);
    }
    let found: std::collections::BTreeSet<String> = kinds(&place, &[]).into_iter().collect();
    assert!(found.len() >= 22, "{found:?}");
    let empty = Place::with_store();
    for kind in found {
        empty.recto(["log", "--kind", &kind]).ok();
    }
}

#[test]
fn kinds_that_only_the_log_knows_are_found() {
    let place = Place::with_store();
    let life = Life::of(&place);
    let new = recto::agent::NewAgent {
        handle: Some(handle("support")),
        kind: "teleport",
        ..recto::agent::NewAgent::of(crate::life::profile("generic"))
    };
    life.agents.create(&new).expect("made");
    assert_eq!(kinds(&place, &["support", "--kind", "teleport"]), ["teleport"]);
    assert_eq!(kinds(&place, &["--kind", "teleport"]), ["teleport"]);
}

#[test]
fn operations_are_told_in_words_newest_first() {
    let expected = "\
ID 2026-03-07T13:00:00.000Z rollback by Cleo Park
    ACTIVE V2 -> V1
ID 2026-03-07T12:04:00.000Z publish by Ben Ode
    published V2 'Kinder tone'
    draft tone gone
    ACTIVE V1 -> V2
    note: a test
ID 2026-03-07T12:03:00.000Z draft-edit by Ben Ode
    draft tone [prompt]
ID 2026-03-07T12:02:00.000Z draft-edit by Ben Ode
    draft tone [voice]
ID 2026-03-07T12:01:00.000Z draft-new by Ben Ode
    draft tone made
ID 2026-03-07T12:00:00.000Z create by Ben Ode
    published V1
    ACTIVE none -> V1
    note: a test
";
    assert_eq!(without_ids(&place().recto(["log", "support"]).ok()), expected);
}

#[test]
fn a_draft_is_followed_with_its_revisions_even_when_it_is_gone() {
    let place = place();
    assert_eq!(kinds(&place, &["support@tone"]), ["publish", "draft-edit", "draft-edit", "draft-new"]);
    let life = Life::by(&place, "Ben Ode", "2026-03-07T14:00:00Z");
    life.draft("support", "next");
    life.set("support", "next", &[("voice.id", json!("raj"))]);
    life.agents.rename_draft(&handle("support"), &handle("next"), &handle("calm")).expect("renamed");
    life.set("support", "calm", &[("voice.speed", json!(2))]);
    let expected = "\
ID 2026-03-07T14:03:00.000Z draft-edit by Ben Ode: draft calm r4 [voice]
ID 2026-03-07T14:02:00.000Z draft-rename by Ben Ode: draft next renamed to calm
ID 2026-03-07T14:01:00.000Z draft-edit by Ben Ode: draft next r2 [voice]
ID 2026-03-07T14:00:00.000Z draft-new by Ben Ode: draft next r1 made
";
    assert_eq!(without_ids(&place.recto(["log", "support@calm", "--oneline"]).ok()), expected);
    // Where lines are left out revisions cannot be counted, and are not guessed.
    let edits = place.recto(["log", "support@calm", "--oneline", "--kind", "draft-edit"]).ok();
    assert!(!edits.contains(" r4") && edits.lines().count() == 2, "{edits}");
}

#[test]
fn filters_hold_together() {
    let place = place();
    assert_eq!(kinds(&place, &["support", "--author", "cleo"]), ["rollback"]);
    assert_eq!(kinds(&place, &["support", "--kind", "create", "--kind", "rollback"]), ["rollback", "create"]);
    assert_eq!(kinds(&place, &["support", "--grep", "KINDER"]), ["publish"]);
    assert_eq!(kinds(&place, &["support", "--since", "2026-03-07T12:04:00Z"]), ["rollback", "publish"]);
    assert_eq!(kinds(&place, &["support", "--until", "2026-03-07T12:01:30Z"]), ["draft-new", "create"]);
    assert_eq!(kinds(&place, &["support", "--at", "2026-03-07T12:00:00Z"]), ["create"]);
    assert_eq!(kinds(&place, &["support", "--versions"]), ["publish", "create"]);
    assert_eq!(kinds(&place, &["support@V2"]), ["rollback", "publish"]);
    assert_eq!(kinds(&place, &["support", "--author", "cleo", "--kind", "publish"]), [""; 0]);
}

#[test]
fn paths_find_what_changed_a_block_or_a_field() {
    let place = place();
    assert_eq!(
        kinds(&place, &["support", "--", "voice.id"]),
        ["rollback", "publish", "draft-edit", "create"]
    );
    assert_eq!(kinds(&place, &["support", "--", "voice"]), ["rollback", "publish", "draft-edit", "create"]);
    assert_eq!(kinds(&place, &["support", "--", "voice.speed"]), ["create"]);
    let either = kinds(&place, &["support", "--", "voice.speed", "prompt"]);
    assert_eq!(either, ["rollback", "publish", "draft-edit", "create"]);
}

#[test]
fn n_counts_from_the_newest_whichever_comes_first() {
    let place = place();
    assert_eq!(kinds(&place, &["support", "-n", "2"]), ["rollback", "publish"]);
    assert_eq!(kinds(&place, &["support", "-n", "2", "--reverse"]), ["publish", "rollback"]);
    let all = kinds(&place, &["support", "--reverse"]);
    assert_eq!((all[0].as_str(), all.len()), ("create", 6));
    assert_eq!(kinds(&place, &["support", "-n", "0"]), [""; 0]);
}

#[test]
fn all_agents_are_merged_by_time() {
    let place = place();
    Life::by(&place, "Dee Roy", "2026-03-07T12:02:30Z").create(
        "sales",
        "generic",
        json!({"prompt": "Hi.\n"}),
    );
    let agents = |args: &[&str]| {
        let words = ["log", "--json"].iter().chain(args);
        let lines = place.recto(words).exits(0).json_lines("log");
        let name = |line: &Value| {
            format!(
                "{} {}",
                line["agent"].as_str().unwrap_or(""),
                &line["time"].as_str().unwrap_or("")[11..16]
            )
        };
        lines.iter().map(name).collect::<Vec<_>>()
    };
    let expected = [
        "support 13:00",
        "support 12:04",
        "support 12:03",
        "sales 12:02",
        "support 12:02",
        "support 12:01",
        "support 12:00",
    ];
    assert_eq!(agents(&[]), expected);
    assert_eq!(agents(&["--reverse"]), expected.iter().rev().copied().collect::<Vec<_>>());
    assert_eq!(agents(&["--author", "dee"]), ["sales 12:02"]);
    let shown = place.recto(["log", "--oneline", "-n", "4"]).ok();
    assert!(shown.lines().nth(3).is_some_and(|line| line.contains(" sales create by Dee Roy: ")), "{shown}");
}

#[test]
fn json_is_one_object_a_line_with_ids_and_numbers() {
    let place = place();
    let lines = place.recto(["log", "--json", "support"]).exits(0).json_lines("log");
    assert_eq!(lines.len(), 6);
    assert_eq!(lines[0]["actor"], json!({"name": "Cleo Park"}));
    assert_eq!(lines[0]["moved"], json!(["ACTIVE V2 -> V1"]));
    let active = &lines[0]["changes"][0];
    assert_eq!(
        (&active["ref"], &active["from_version"], &active["to_version"]),
        (&json!("ACTIVE"), &json!(2), &json!(1))
    );
}

#[test]
fn times_without_a_zone_are_local_and_the_utc_used_is_said() {
    let place = place();
    let mut command = place.command(["log", "support", "--oneline", "--since", "2026-03-07T18:30:00"]);
    let run = place.run(command.env("TZ", "IST-5:30"));
    assert_eq!(run.stderr, "a time without an offset is local: 2026-03-07T13:00:00.000Z\n");
    assert_eq!(run.exits(0).stdout.lines().count(), 1);
}

#[test]
fn other_operations_have_words_too() {
    let place = place();
    let life = Life::by(&place, "Ben Ode", "2026-03-07T14:00:00Z");
    let support = handle("support");
    let v2 = life.agents.version_at(&support, 2).expect("V2").id;
    life.agents.pin(&support, &v2, true).expect("pinned");
    life.agents.edit_version(&support, &v2, Some("Calmer"), None).expect("edited");
    life.agents.unpublish(&support, "maintenance").expect("unpublished");
    life.agents.new_draft(&support, &handle("gone"), &DraftSource::Default).expect("forked");
    life.agents.discard_draft(&support, &handle("gone"), None).expect("discarded");
    life.agents.rename(&support, &handle("helpdesk")).expect("renamed");
    let expected = "\
ID 2026-03-07T14:05:00.000Z rename by Ben Ode: renamed support -> helpdesk
ID 2026-03-07T14:04:00.000Z draft-discard by Ben Ode: draft gone discarded
ID 2026-03-07T14:03:00.000Z draft-new by Ben Ode: draft gone made
ID 2026-03-07T14:02:00.000Z unpublish by Ben Ode: ACTIVE V1 -> none: maintenance
ID 2026-03-07T14:01:00.000Z version-edit by Ben Ode: V2 relabelled 'Calmer'
ID 2026-03-07T14:00:00.000Z pin by Ben Ode: V2 pinned
";
    assert_eq!(without_ids(&place.recto(["log", "support", "--oneline", "-n", "6"]).ok()), expected);
}

#[test]
fn the_first_line_comes_before_the_whole_log_is_read() {
    let place = Place::with_store();
    let life = Life::of(&place);
    life.support();
    life.draft("support", "tone");
    for speed in 0..400 {
        life.set("support", "tone", &[("voice.speed", json!(speed))]);
    }
    let mut command = place.command(["log", "--json", "support"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped"));
    let mut first = String::new();
    // More than a pipe holds follows: the writer waits for a reader, and has sent this already.
    lines.read_line(&mut first).expect("a line");
    assert!(first.contains("draft tone r401 [voice]"), "{first}");
    assert!(child.try_wait().expect("asked").is_none(), "it was read to the end at once");
    let mut rest = String::new();
    lines.read_to_string(&mut rest).expect("the rest");
    assert_eq!(rest.lines().count(), 401);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn stored_text_cannot_steer_the_terminal() {
    let place = Place::with_store();
    let life = Life::by(&place, "Eve \u{1b}[31m", "2026-03-07T12:00:00Z");
    life.support();
    life.agents.unpublish(&handle("support"), "bye\u{7}").expect("unpublished");
    for args in [&["log"][..], &["log", "--oneline"], &["log", "--color=always"]] {
        let shown = place.recto(args).ok();
        assert!(!shown.contains("\u{1b}[31m") && !shown.contains('\u{7}'), "{shown:?}");
        assert!(shown.contains("Eve \\u{1b}[31m"), "{shown:?}");
    }
}

#[test]
fn what_names_nothing_is_refused() {
    let place = place();
    place.recto(["log", "nobody"]).exits(1);
    place.recto(["log", "support@never"]).exits(1);
    place.recto(["log", "support@V9"]).exits(1);
    place.recto(["log", "support", "--since", "noon"]).exits(2);
    place.recto(["log", "support@V1", "--versions"]).exits(2);
    place.recto(["log", "support", "--at", "2026-03-07", "--until", "2026-03-07"]).exits(2);
    place.recto(["log", "support", "--", "a..b"]).exits(2);
    let none = Place::with_store();
    assert_eq!(none.recto(["log"]).ok(), "");
}
