//! A store that follows another, through the binary.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Place, Run};

fn run(place: &Place, dir: &str, args: &[&str]) -> Run {
    place.recto(["-C", dir].into_iter().chain(args.iter().copied()))
}

#[track_caller]
fn at(place: &Place, dir: &str, args: &[&str]) -> String {
    run(place, dir, args).ok()
}

fn new(place: &Place, agent: &str) {
    let words = ["agent", "new", agent, "--profile", "generic", "--from", "../one.json", "--activate"];
    at(place, "team", &words);
}

/// A shared store `team` and a mirror of it.
fn mirrored() -> Place {
    let place = Place::empty();
    place.write("one.json", r#"{"prompt": "Be kind.\n", "voice": {"speed": 1}}"#);
    place.recto(["init", "team"]).ok();
    new(&place, "support");
    new(&place, "sales");
    at(&place, "team", &["draft", "new", "support@tone"]);
    place.recto(["clone", "--mirror", "team", "near"]).ok();
    place
}

fn publish(place: &Place, speed: &str) {
    at(place, "team", &["draft", "new", "support@d", "--from", "latest"]);
    at(place, "team", &["set", "support@d", &format!("voice.speed:={speed}")]);
    at(place, "team", &["publish", "support@d", "-m", speed, "--activate"]);
}

/// Where every ref of an agent is, as its log has it.
fn refs(place: &Place, dir: &str, agent: &str) -> Vec<(String, Value)> {
    let mut refs = std::collections::BTreeMap::new();
    let mut versions = Vec::new();
    for line in place.read(Path::new(dir).join(format!(".recto/agents/{agent}/log"))).lines() {
        let record: Value = serde_json::from_str(line).expect("JSON");
        for change in record["changes"].as_array().expect("a list") {
            let name = change["ref"].as_str().expect("a name").to_owned();
            if name == "versions" {
                versions.push(("versions".to_owned(), change["to"].clone()));
            } else if !name.starts_with("remotes/") && !["upstream", "pushed"].contains(&name.as_str()) {
                refs.insert(name, change["to"].clone());
            }
        }
    }
    refs.retain(|_, to| !to.is_null());
    versions.extend(refs);
    versions
}

fn same(place: &Place, agents: &[&str]) {
    for agent in agents {
        assert_eq!(refs(place, "near", agent), refs(place, "team", agent), "{agent}");
    }
    at(place, "near", &["fsck"]);
}

#[test]
fn a_mirror_follows_every_ref_new_agents_and_new_names() {
    let place = mirrored();
    same(&place, &["support", "sales"]);
    publish(&place, "2");
    at(&place, "team", &["draft", "discard", "support@tone"]);
    at(&place, "team", &["draft", "new", "sales@later"]);
    at(&place, "team", &["version", "edit", "support@V1", "--label", "first"]);
    at(&place, "team", &["pin", "support@V1"]);
    at(&place, "team", &["unpublish", "sales"]);
    new(&place, "third");
    at(&place, "near", &["fetch"]);
    same(&place, &["support", "sales", "third"]);
    assert_eq!(at(&place, "near", &["cat", "support", "voice.speed"]).trim(), "2");
    at(&place, "team", &["agent", "rename", "third", "fourth"]);
    at(&place, "team", &["rollback", "support"]);
    at(&place, "near", &["fetch"]);
    same(&place, &["support", "sales", "fourth"]);
    let listed = at(&place, "near", &["agent", "list"]);
    assert!(listed.contains("fourth"), "{listed}");
    assert_eq!(at(&place, "near", &["cat", "support", "voice.speed"]).trim(), "1");
    // Nothing happened: one question, and nothing is written.
    let before = place.read("near/.recto/agents/support/log");
    assert!(at(&place, "near", &["fetch"]).contains("nothing happened"));
    assert_eq!(place.read("near/.recto/agents/support/log"), before);
    // What it noted is never trusted for more than that.
    std::fs::write(place.path("near/.recto/cache/seen-origin"), "nonsense").expect("written");
    at(&place, "near", &["fetch"]);
    same(&place, &["support", "sales", "fourth"]);
    // What served here when, the mirror's own log knows.
    assert!(at(&place, "near", &["timeline", "support"]).lines().count() >= 3);
}

#[test]
fn nothing_is_done_in_a_mirror_but_reading() {
    let place = mirrored();
    for words in [
        &["draft", "new", "support@x"][..],
        &["set", "support@tone", "voice.speed:=2"],
        &["publish", "support@tone", "-m", "x"],
        &["activate", "support@V1"],
        &["rollback", "support"],
        &["agent", "rename", "support", "other"],
        &["agent", "new", "x", "--profile", "generic"],
        &["pull"],
        &["push"],
        &["undo", "support"],
        &["pin", "support@V1"],
    ] {
        let refused = run(&place, "near", words);
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.stderr.contains("this store mirrors '"), "{}", refused.stderr);
        assert!(refused.stderr.contains("hint: publish there"), "{}", refused.stderr);
    }
    for words in [&["log", "support"][..], &["diff", "support@V1..V1"], &["fsck"], &["export", "support"]] {
        at(&place, "near", words);
    }
    same(&place, &["support", "sales"]);
    at(&place, "near", &["config", "mirror", "--unset"]);
    at(&place, "near", &["draft", "new", "support@x"]);
}

fn follow(place: &Place, more: &[&str]) -> Child {
    let words = ["-C", "near", "fetch", "--every", "0.05"].into_iter().chain(more.iter().copied());
    let mut command = place.command(words);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts")
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn end(mut child: Child) -> bool {
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it is there");
    child.wait().expect("it ends").success()
}

#[test]
fn the_loop_tells_each_change_survives_an_absence_and_ends_when_asked() {
    let place = mirrored();
    let mut child = follow(&place, &["--json"]);
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    publish(&place, "2");
    let first: Value = serde_json::from_str(&lines.next().expect("a line").expect("text")).expect("JSON");
    assert_eq!(first["agent"], "support");
    let served = || at(&place, "near", &["cat", "support", "voice.speed"]).trim().to_owned();
    wait_for("V2 serves", || served() == "2");
    std::fs::rename(place.path("team"), place.path("gone")).expect("moved");
    std::thread::sleep(Duration::from_millis(300));
    std::fs::rename(place.path("gone"), place.path("team")).expect("moved");
    publish(&place, "3");
    wait_for("V3 serves", || served() == "3");
    assert!(end(child), "it ended with a failure");
    same(&place, &["support", "sales"]);
}

#[test]
fn a_loop_that_is_killed_at_any_moment_leaves_a_mirror_that_goes_on() {
    let place = mirrored();
    for round in 2..12u64 {
        let mut child = follow(&place, &["-q"]);
        publish(&place, &round.to_string());
        std::thread::sleep(Duration::from_micros(round * 3_700));
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        at(&place, "near", &["fsck"]);
    }
    at(&place, "near", &["fetch"]);
    same(&place, &["support", "sales"]);
}

#[test]
fn a_store_with_work_of_its_own_does_not_become_a_mirror() {
    let place = mirrored();
    place.recto(["clone", "team", "ana"]).ok();
    let none = run(&place, "ana", &["config", "mirror", "nowhere"]).exits(1);
    assert!(none.stderr.contains("no remote 'nowhere'"), "{}", none.stderr);
    at(&place, "ana", &["draft", "new", "support@mine"]);
    at(&place, "ana", &["set", "support@mine", "voice.speed:=7"]);
    at(&place, "ana", &["draft", "new", "sales@d", "--from", "latest"]);
    at(&place, "ana", &["set", "sales@d", "voice.speed:=3"]);
    at(&place, "ana", &["publish", "sales@d", "-m", "x"]);
    let own = ["agent", "new", "own", "--profile", "generic", "--from", "../one.json"];
    at(&place, "ana", &own);
    let refused = run(&place, "ana", &["config", "mirror", "origin"]).exits(1);
    for words in [
        "agent 'own', whose numbers are not given by 'origin'",
        "1 version of agent 'sales' that 'origin' does not have",
        "draft 'mine' of agent 'support'",
        "hint: 'recto push --remote origin --drafts --activate'",
    ] {
        assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
    }
    assert_eq!(run(&place, "ana", &["config", "mirror"]).exits(1).stdout, "");
    at(&place, "ana", &["push", "--drafts", "--activate"]);
    at(&place, "ana", &["config", "mirror", "origin"]);
    publish(&place, "4");
    at(&place, "ana", &["fetch"]);
    assert_eq!(at(&place, "ana", &["cat", "support@mine", "voice.speed"]).trim(), "7");
    assert_eq!(at(&place, "ana", &["cat", "support", "voice.speed"]).trim(), "4");
    at(&place, "ana", &["fsck"]);
}

#[test]
fn status_remotes_and_settings_tell_a_mirror_from_a_store() {
    let place = mirrored();
    let status = |dir| run(&place, dir, &["status", "--json"]).json("status");
    assert_eq!(status("near")["mirror"]["remote"], "origin");
    assert!(status("team")["mirror"].is_null());
    assert!(at(&place, "near", &["status"]).contains("a mirror of 'origin', /here/team: nothing is changed"));
    assert!(!at(&place, "team", &["status"]).contains("mirror"));
    let remotes = || run(&place, "near", &["remote", "list", "--json"]).json("remote-list");
    assert_eq!(remotes()["remotes"][0]["mirror"], Value::from(true));
    assert!(at(&place, "near", &["remote", "list"]).contains("this store mirrors it"));
    assert!(at(&place, "near", &["config"]).lines().any(|line| line.starts_with("mirror ")));
    at(&place, "near", &["config", "mirror", "--unset"]);
    assert_eq!(remotes()["remotes"][0]["mirror"], Value::from(false));
    assert!(status("near")["mirror"].is_null());
}

#[test]
fn a_loop_tells_programs_what_happened_and_that_the_remote_went_away_and_came_back() {
    let place = mirrored();
    let mut child = follow(&place, &["--json"]);
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let (sender, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(sender.send(line))));
    let next = || {
        let line = told.recv_timeout(Duration::from_secs(30)).expect("a line in time");
        crate::schema::read_lines("follow", &line, "recto fetch --every").remove(0)
    };
    publish(&place, "2");
    while next()["event"] != "changed" {}
    let settled = std::time::Duration::from_millis(500);
    while told.recv_timeout(settled).is_ok() {}
    std::fs::rename(place.path("team"), place.path("gone")).expect("moved");
    let away = next();
    assert_eq!((&away["event"], &away["remote"]), (&"away".into(), &"origin".into()), "{away}");
    assert!(away["error"]["message"].as_str().is_some_and(|text| text.contains("team")), "{away}");
    std::fs::rename(place.path("gone"), place.path("team")).expect("moved");
    assert_eq!(next()["event"], "back");
    publish(&place, "3");
    let changed = next();
    assert_eq!((&changed["event"], &changed["agent"]), (&"changed".into(), &"support".into()), "{changed}");
    assert!(end(child), "it ended with a failure");
}
