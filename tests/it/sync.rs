//! Several stores: clone, fetch, pull, push through the binary.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::Place;

/// A shared store in `team` with the agent `support`, and clones of it in `ana` and `bo`.
fn three() -> Place {
    let place = Place::empty();
    place.write("one.json", r#"{"prompt": "Be kind.\n", "voice": {"speed": 1}}"#);
    place.recto(["init", "team"]).ok();
    at(
        &place,
        "team",
        &["agent", "new", "support", "--profile", "generic", "--from", "../one.json", "--activate"],
    );
    for who in ["ana", "bo"] {
        place.recto(["clone", "team", who]).ok();
    }
    place
}

fn words<'a>(dir: &'a str, args: &[&'a str]) -> Vec<&'a str> {
    ["-C", dir].into_iter().chain(args.iter().copied()).collect()
}

#[track_caller]
fn at(place: &Place, dir: &str, args: &[&str]) -> String {
    place.recto(words(dir, args)).ok()
}

/// Publishes a version; returns its id.
#[track_caller]
fn publish(place: &Place, dir: &str, speed: &str) -> String {
    at(place, dir, &["draft", "new", "support@d", "--from", "latest"]);
    at(place, dir, &["set", "support@d", &format!("voice.speed:={speed}")]);
    at(place, dir, &["publish", "support@d", "-m", speed, "-q"]).trim().to_owned()
}

/// `V1 <label>`, `V2? <label>`, ...
fn versions(place: &Place, dir: &str) -> Vec<(Option<u64>, String)> {
    let run = place.recto(words(dir, &["version", "list", "support", "--json"]));
    let list = run.json("version-list");
    let one =
        |version: &Value| (version["number"].as_u64(), version["id"].as_str().expect("an id").to_owned());
    list["versions"].as_array().expect("a list").iter().rev().map(one).collect()
}

fn sound(place: &Place) {
    for dir in ["team", "ana", "bo"] {
        at(place, dir, &["fsck"]);
    }
}

/// Every byte of a store, by path.
fn bytes(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in walkdir(dir) {
        found.push((entry.display().to_string(), fs::read(&entry).expect("readable")));
    }
    found.sort();
    found
}

fn walkdir(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files.extend(walkdir(&path)) } else { files.push(path) }
    }
    files
}

#[test]
fn two_laptops_publish_offline_and_nobodys_work_is_lost() {
    let place = three();
    let (by_ana, by_bo) = (publish(&place, "ana", "2"), publish(&place, "bo", "3"));
    assert_eq!(versions(&place, "bo")[1], (None, by_bo.clone()));
    let pushed = place.recto(words("ana", &["push", "support", "--json"])).json("sync");
    assert_eq!(pushed["agents"][0]["renumbered"][0]["after"], "V2");
    let before = bytes(&place.path("team/.recto/agents"));
    let refused = place.recto(words("bo", &["push", "support"])).exits(3);
    assert!(refused.stderr.contains("V2 '2' by Asha Rao at 2026-03-07T"), "{}", refused.stderr);
    assert!(refused.stderr.contains("hint: recto pull support --remote origin"), "{}", refused.stderr);
    assert_eq!(bytes(&place.path("team/.recto/agents")), before);
    // V2 is the version that others saw, never the one that waits here.
    assert_eq!(at(&place, "bo", &["cat", "support@origin/V2", "voice.speed"]).trim(), "2");
    place.recto(words("bo", &["cat", "support@V2", "voice.speed"])).exits(1);
    assert_eq!(at(&place, "bo", &["cat", "support@latest", "voice.speed"]).trim(), "3");
    let pulled = at(&place, "bo", &["pull", "support"]);
    assert!(pulled.contains("your V2? is now V3?"), "{pulled}");
    at(&place, "bo", &["push"]);
    at(&place, "ana", &["pull"]);
    let all = versions(&place, "team");
    assert_eq!(all[1..], [(Some(2), by_ana), (Some(3), by_bo)]);
    assert_eq!((versions(&place, "ana"), versions(&place, "bo")), (all.clone(), all));
    let log = at(&place, "team", &["log", "support"]);
    assert_eq!(log.matches("receive by Asha Rao").count(), 2, "{log}");
    sound(&place);
}

#[test]
fn a_push_and_a_pull_again_change_nothing() {
    let place = three();
    publish(&place, "ana", "2");
    at(&place, "ana", &["push"]);
    at(&place, "bo", &["pull"]);
    let before = bytes(&place.path(""));
    for (dir, verb) in [("ana", "push"), ("ana", "pull"), ("ana", "fetch"), ("bo", "pull"), ("bo", "push")] {
        let told = at(&place, dir, &[verb]);
        assert!(told.contains("have the same"), "{dir} {verb}: {told}");
    }
    assert_eq!(bytes(&place.path("")).len(), before.len());
    assert!(bytes(&place.path("")) == before, "something was written");
}

#[test]
fn labels_pins_and_drafts_travel_and_what_serves_only_when_asked() {
    let place = three();
    publish(&place, "ana", "2");
    at(&place, "ana", &["version", "edit", "support@latest", "--label", "slower"]);
    at(&place, "ana", &["pin", "support@V1"]);
    at(&place, "ana", &["activate", "support@latest"]);
    at(&place, "ana", &["draft", "new", "support@tone"]);
    at(&place, "ana", &["set", "support@tone", "voice.speed:=9"]);
    at(&place, "ana", &["push"]);
    let list = at(&place, "team", &["version", "list", "support"]);
    assert!(list.contains("slower") && list.contains("pinned"), "{list}");
    assert!(list.lines().any(|line| line.starts_with("V1") && line.contains("ACTIVE")), "{list}");
    assert_eq!(at(&place, "team", &["draft", "list", "support", "--json"]).matches("tone").count(), 0);
    at(&place, "ana", &["push", "support@tone"]);
    assert_eq!(at(&place, "team", &["cat", "support@tone", "voice.speed"]).trim(), "9");
    at(&place, "ana", &["push", "--activate"]);
    assert_eq!(at(&place, "team", &["cat", "support", "voice.speed"]).trim(), "2");
    let active: Value =
        serde_json::from_str(&place.read("team/.recto/agents/support/ACTIVE.json")).expect("JSON");
    assert_eq!((&active["version"]["number"], &active["config"]["voice"]["speed"]), (&2.into(), &2.into()));
    at(&place, "bo", &["pull"]);
    assert_eq!(at(&place, "bo", &["cat", "support", "voice.speed"]).trim(), "1");
    at(&place, "bo", &["pull", "support@tone", "--activate"]);
    assert_eq!(at(&place, "bo", &["cat", "support", "voice.speed"]).trim(), "2");
    // A draft that moved on both sides is nobody's to overwrite.
    at(&place, "bo", &["set", "support@tone", "voice.speed:=7"]);
    at(&place, "ana", &["set", "support@tone", "voice.speed:=8"]);
    at(&place, "ana", &["push", "support@tone"]);
    for verb in ["push", "pull"] {
        let refused = place.recto(words("bo", &[verb, "support@tone"])).exits(3);
        assert!(refused.stderr.contains("'drafts/tone' of agent 'support' moved here"), "{}", refused.stderr);
    }
    assert_eq!(at(&place, "bo", &["cat", "support@tone", "voice.speed"]).trim(), "7");
    sound(&place);
}

#[test]
fn a_handle_that_is_another_agent_there_is_pushed_under_another_name() {
    let place = three();
    place.recto(["init", "cy"]).ok();
    at(&place, "cy", &["agent", "new", "support", "--profile", "generic", "--from", "../one.json"]);
    at(&place, "cy", &["remote", "add", "origin", "../team"]);
    let refused = place.recto(words("cy", &["push"])).exits(1);
    assert!(refused.stderr.contains("hint: recto push support --as NAME"), "{}", refused.stderr);
    at(&place, "cy", &["push", "support", "--as", "help-desk"]);
    assert_eq!(at(&place, "team", &["cat", "help-desk@V1", "voice.speed"]).trim(), "1");
    assert!(at(&place, "cy", &["push"]).contains("have the same"));
    publish(&place, "cy", "5");
    at(&place, "cy", &["push"]);
    assert_eq!(at(&place, "team", &["cat", "help-desk@V2", "voice.speed"]).trim(), "5");
    at(&place, "cy", &["fsck"]);
    sound(&place);
}

#[test]
fn a_copied_directory_and_the_store_itself_are_refused() {
    let place = three();
    let copied =
        std::process::Command::new("cp").arg("-r").arg(place.path("ana")).arg(place.path("copy")).status();
    assert!(copied.expect("cp runs").success());
    publish(&place, "ana", "2");
    publish(&place, "copy", "3");
    at(&place, "ana", &["push"]);
    let refused = place.recto(words("copy", &["push"])).exits(1);
    assert!(refused.stderr.contains("two stores write as"), "{}", refused.stderr);
    place.recto(words("ana", &["remote", "add", "self", "../copy"])).exits(1);
    sound(&place);
}

#[test]
fn remotes_are_noted_listed_changed_and_forgotten() {
    let place = three();
    let list = || place.recto(words("ana", &["remote", "list", "--json"])).json("remote-list");
    assert_eq!(list()["remotes"][0]["name"], "origin");
    place.recto(words("ana", &["remote", "add", "bo", "../bo", "--json"])).json("remote-change");
    assert_eq!(list()["remotes"].as_array().map(Vec::len), Some(2));
    place.recto(words("ana", &["remote", "add", "bo", "../bo"])).exits(1);
    place.recto(words("ana", &["remote", "add", "far", "s3://bucket/x"])).exits(2);
    place.recto(words("ana", &["remote", "set-url", "none", "../bo"])).exits(1);
    place.recto(words("ana", &["remote", "set-url", "bo", "../team"])).exits(0);
    place.recto(words("ana", &["remote", "remove", "bo", "--json"])).json("remote-change");
    place.recto(words("ana", &["fetch", "--remote", "bo"])).exits(1);
    let tried = place.recto(["clone", "team", "dry", "--dry-run", "--json"]).json("sync");
    assert_eq!((&tried["dry_run"], place.path("dry").exists()), (&true.into(), false));
    publish(&place, "ana", "2");
    let before = bytes(&place.path("team"));
    place.recto(words("ana", &["push", "--dry-run", "--json"])).json("sync");
    assert!(bytes(&place.path("team")) == before);
}

#[test]
fn a_push_that_is_killed_leaves_the_remote_as_it_was_and_is_completed_by_another() {
    let place = three();
    let mut killed = 0;
    for round in 2..30u32 {
        let id = publish(&place, "ana", &round.to_string());
        let before = versions(&place, "team");
        let mut child = place.command(words("ana", &["push", "-q"]));
        let mut child = child.stdout(std::process::Stdio::null()).spawn().expect("it starts");
        std::thread::sleep(std::time::Duration::from_micros(u64::from(round) * 700));
        child.kill().expect("it can be killed");
        killed += u32::from(!child.wait().expect("it ends").success());
        let after = versions(&place, "team");
        let mut done = before.clone();
        done.push((Some(before.len() as u64 + 1), id));
        assert!(after == before || after == done, "round {round}");
        at(&place, "ana", &["push"]);
        assert_eq!(versions(&place, "team"), done);
        assert_eq!(versions(&place, "ana"), done);
    }
    assert!(killed > 3, "{killed} were killed");
    sound(&place);
}
