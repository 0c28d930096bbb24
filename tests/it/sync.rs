//! Several stores: clone, fetch, pull, push through the binary.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::Place;

/// A shared store in `team` with the agent `support`, and clones of it in `ana` and `bo`.
pub(crate) fn three() -> Place {
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
pub(crate) fn publish(place: &Place, dir: &str, speed: &str) -> String {
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
pub(crate) fn bytes(dir: &Path) -> Vec<(String, Vec<u8>)> {
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
    at(&place, "ana", &["fetch"]);
    let before = bytes(&place.path(""));
    for (dir, verb) in [("ana", "push"), ("ana", "pull"), ("ana", "fetch"), ("bo", "pull"), ("bo", "push")] {
        let told = at(&place, dir, &[verb, "support"]);
        assert!(told.contains("have the same"), "{dir} {verb}: {told}");
    }
    at(&place, "ana", &["fetch"]);
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
    for verb in [&["pull"][..], &["pull", "support"], &["fetch", "support"]] {
        let refused = place.recto(words("cy", verb)).exits(1);
        assert!(refused.stderr.contains("are two agents"), "{}", refused.stderr);
        assert!(refused.stderr.contains("hint: recto pull support --as NAME"), "{}", refused.stderr);
    }
    place.recto(words("cy", &["pull", "--as", "theirs"])).exits(2);
    at(&place, "cy", &["pull", "support", "--as", "theirs", "--dry-run"]);
    at(&place, "cy", &["pull", "support", "--as", "theirs"]);
    let list = at(&place, "cy", &["agent", "list", "-q"]);
    assert!(list.contains("support") && list.contains("theirs"), "{list}");
    assert!(at(&place, "cy", &["pull"]).contains("agent 'theirs' and 'origin' have the same"));
    let again = place.recto(words("cy", &["pull", "support", "--as", "other"])).exits(1);
    assert!(again.stderr.contains("is here already, as 'theirs'"), "{}", again.stderr);
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
    place.recto(words("ana", &["remote", "add", "far", "ftp://bucket/x"])).exits(2);
    place.recto(words("ana", &["remote", "set-url", "none", "../bo"])).exits(1);
    place.recto(words("ana", &["remote", "set-url", "bo", "../bo/.recto"])).exits(0);
    place.recto(words("ana", &["remote", "set-url", "bo", "../team"])).exits(1);
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

/// The names of the packs of a store.
fn packs(place: &Place, dir: &str) -> Vec<String> {
    let dir = place.path(format!("{dir}/.recto/objects/packs"));
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

#[test]
fn a_clone_takes_the_packs_of_the_other_store_as_they_are_and_only_what_is_new_besides() {
    let place = three();
    for number in 0..40 {
        at(&place, "team", &["draft", "new", "support@d", "--from", "latest"]);
        at(
            &place,
            "team",
            &["set", "support@d", &format!("voice.speed:={number}"), &format!("prompt=Be {number}.\n")],
        );
        at(&place, "team", &["publish", "support@d", "-m", "more", "-q"]);
    }
    at(&place, "team", &["gc"]);
    let packed = packs(&place, "team");
    assert_eq!(packed.len(), 1);
    publish(&place, "team", "99");
    at(&place, "team", &["agent", "new", "sales", "--profile", "generic", "--from", "../one.json"]);
    place.recto(["clone", "team", "cy"]).ok();
    assert_eq!(packs(&place, "cy"), packed, "the pack is the same, and what was new came loose");
    at(&place, "cy", &["fsck"]);
    assert_eq!(versions(&place, "cy"), versions(&place, "team"));
    // Of one agent only what it needs comes.
    place.recto(["clone", "team", "di", "--agent", "sales"]).ok();
    assert_eq!(packs(&place, "di"), Vec::<String>::new());
    at(&place, "di", &["fsck"]);
    // A pack that was put into another meanwhile is none that has to come.
    at(&place, "team", &["gc", "--all"]);
    assert_ne!(packs(&place, "team"), packed);
    at(&place, "cy", &["fetch"]);
    place.recto(["clone", "team", "eve"]).ok();
    assert_eq!(packs(&place, "eve"), packs(&place, "team"));
    at(&place, "eve", &["fsck"]);
}

#[test]
fn a_fetch_of_all_looks_at_nothing_while_nothing_happens_and_misses_nothing_that_does() {
    let place = three();
    let nothing = "nothing happened at 'origin'\n";
    at(&place, "ana", &["fetch"]);
    assert_eq!(at(&place, "ana", &["fetch"]), nothing);
    publish(&place, "team", "2");
    assert!(at(&place, "ana", &["fetch"]).contains("1 version"));
    assert_eq!(at(&place, "ana", &["fetch"]), nothing);
    at(&place, "ana", &["pull"]);
    publish(&place, "ana", "3");
    at(&place, "ana", &["push"]);
    at(&place, "ana", &["fetch"]);
    assert_eq!(at(&place, "ana", &["fetch"]), nothing);
    assert!(at(&place, "ana", &["fetch", "support"]).contains("have the same"), "who is named is looked at");
    sound(&place);
}

#[test]
fn a_restored_store_takes_the_place_of_one_that_was_lost_and_no_version_is_counted_twice() {
    let place = three();
    publish(&place, "team", "2");
    at(&place, "ana", &["pull"]);
    at(&place, "team", &["bundle", "create", "../backup.bundle", "--drafts"]);
    fs::rename(place.path("team"), place.path("lost")).expect("renamed");
    place.recto(["clone", "backup.bundle", "team"]).ok();
    let by_ana = publish(&place, "ana", "3");
    for verb in ["pull", "push", "fetch"] {
        let refused = place.recto(words("ana", &[verb])).exits(1);
        assert!(refused.stderr.contains("is another store now"), "{verb}: {}", refused.stderr);
    }
    at(&place, "team", &["remote", "remove", "origin", "--take-over"]);
    let other = place.recto(words("ana", &["remote", "set-url", "origin", "../team"])).exits(1);
    assert!(other.stderr.contains("--other-store"), "{}", other.stderr);
    at(&place, "ana", &["remote", "set-url", "origin", "../team", "--other-store"]);
    at(&place, "ana", &["pull"]);
    at(&place, "ana", &["push"]);
    let expected = versions(&place, "team");
    assert_eq!((expected.len(), expected[2].clone()), (3, (Some(3), by_ana)));
    assert_eq!(versions(&place, "ana"), expected);
    at(&place, "bo", &["remote", "set-url", "origin", "../team", "--other-store"]);
    at(&place, "bo", &["pull"]);
    assert_eq!(versions(&place, "bo"), expected);
    sound(&place);
}

#[test]
fn a_store_has_one_name_and_one_that_gives_its_numbers() {
    let place = three();
    publish(&place, "ana", "2");
    let twice = place.recto(words("ana", &["remote", "add", "again", "../team"])).exits(1);
    assert!(twice.stderr.contains("'origin' already"), "{}", twice.stderr);
    // Another store gives no numbers beside the one that does.
    place.recto(["init", "second"]).ok();
    at(&place, "ana", &["remote", "add", "second", "../second"]);
    let refused = place.recto(words("ana", &["push", "--remote", "second"])).exits(1);
    assert!(refused.stderr.contains("not given by 'second'"), "{}", refused.stderr);
    assert_eq!(at(&place, "second", &["agent", "list", "-q"]), "");
    // Under another name the same store goes on to give them.
    at(&place, "ana", &["remote", "remove", "origin"]);
    at(&place, "ana", &["remote", "add", "hq", "../team"]);
    publish(&place, "team", "5");
    at(&place, "ana", &["pull", "--remote", "hq"]);
    at(&place, "ana", &["push", "--remote", "hq"]);
    assert_eq!(versions(&place, "ana"), versions(&place, "team"));
    assert_eq!(versions(&place, "ana").len(), 3);
    sound(&place);
}

#[test]
fn what_serves_here_and_was_moved_here_too_is_left() {
    let place = three();
    publish(&place, "team", "2");
    at(&place, "team", &["activate", "support@V2"]);
    at(&place, "ana", &["pull"]);
    at(&place, "ana", &["unpublish", "support", "-m", "not here"]);
    let told = place.recto(words("ana", &["pull", "--activate"])).exits(3).stdout;
    let line = "'ACTIVE' was cleared here and moved at 'origin', and stays so";
    assert!(told.contains(line) && !told.contains("here: ACTIVE"), "{told}");
    place.recto(words("ana", &["cat", "support"])).exits(1);
    sound(&place);
}

#[test]
fn those_who_fetch_at_once_all_arrive() {
    let place = three();
    for number in 0..12 {
        let name = format!("a{number}");
        at(&place, "team", &["agent", "new", &name, "--profile", "generic", "--from", "../one.json"]);
    }
    publish(&place, "team", "2");
    // Each command of a test has a later clock than the one before, whichever comes first.
    at(&place, "ana", &["config", "clock.backwards", "allow"]);
    let mut pulls: Vec<_> =
        (0..4).map(|_| place.command(words("ana", &["pull"])).spawn().expect("started")).collect();
    for pull in &mut pulls {
        assert!(pull.wait().expect("ended").success());
    }
    assert_eq!(versions(&place, "ana"), versions(&place, "team"));
    assert_eq!(at(&place, "ana", &["agent", "list", "-q"]).lines().count(), 13);
    sound(&place);
}
