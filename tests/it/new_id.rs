//! A copied store that gets an id of its own, through the binary.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::Place;

fn at(place: &Place, dir: &str, args: &[&str]) -> String {
    place.recto(["-C", dir].into_iter().chain(args.iter().copied())).ok()
}

fn json(place: &Place, dir: &str, args: &[&str], schema: &str) -> Value {
    place.recto(["-C", dir].into_iter().chain(args.iter().copied()).chain(["--json"])).json(schema)
}

/// A shared store `team`, a clone `ana` that has a draft and something unpushed, and a copy of that.
fn copied() -> Place {
    let place = Place::empty();
    place.write("one.json", r#"{"prompt": "Be kind.\n", "voice": {"speed": 1}}"#);
    place.recto(["init", "team"]).ok();
    for agent in ["support", "sales"] {
        at(
            &place,
            "team",
            &["agent", "new", agent, "--profile", "generic", "--from", "../one.json", "--activate"],
        );
    }
    place.recto(["clone", "team", "ana"]).ok();
    at(&place, "ana", &["agent", "rename", "sales", "selling"]);
    publish(&place, "ana", "2");
    at(&place, "ana", &["draft", "new", "support@tone"]);
    at(&place, "ana", &["set", "support@tone", "voice.speed:=9"]);
    at(&place, "ana", &["version", "edit", "support@V1", "--label", "first"]);
    copy(&place, "ana", "copy");
    place
}

fn copy(place: &Place, from: &str, to: &str) {
    let status = Command::new("cp").arg("-a").arg(place.path(from)).arg(place.path(to)).status();
    assert!(status.expect("cp runs").success());
}

fn publish(place: &Place, dir: &str, speed: &str) -> String {
    at(place, dir, &["draft", "new", "support@d", "--from", "latest"]);
    at(place, dir, &["set", "support@d", &format!("voice.speed:={speed}")]);
    at(place, dir, &["publish", "support@d", "-m", speed, "-q"]).trim().to_owned()
}

/// What a person sees of a store: versions, drafts, what serves, remotes.
fn seen(place: &Place, dir: &str) -> Vec<Value> {
    let mut seen = Vec::new();
    let list = |words: &[&str], schema| json(place, dir, words, schema);
    let mut versions = list(&["version", "list", "support"], "version-list");
    for version in versions["versions"].as_array_mut().expect("a list") {
        // The operation that states it is another in each log.
        version["operation"].take();
    }
    seen.push(versions);
    seen.push(list(&["agent", "show", "support"], "agent-show")["agent"]["id"].clone());
    seen.push(list(&["remote", "list"], "remote-list"));
    let drafts = list(&["draft", "list", "support"], "draft-list");
    seen.push(drafts["drafts"][0]["commit"].clone());
    for revision in ["support", "support@tone", "support@origin/V1", "support@latest", "sales"] {
        seen.push(Value::from(at(place, dir, &["cat", revision])));
    }
    seen
}

fn store_id(place: &Place, dir: &str) -> String {
    let format = place.read(Path::new(dir).join(".recto/format"));
    format.lines().nth(2).expect("its third line").to_owned()
}

#[test]
fn a_copy_with_an_id_of_its_own_has_the_same_and_both_push_to_one_remote() {
    let place = copied();
    let (before, log) = (seen(&place, "copy"), place.read("copy/.recto/agents/support/log"));
    let old = store_id(&place, "copy");
    let tried = json(&place, "copy", &["new-id", "--dry-run"], "new-id");
    let told = json(&place, "copy", &["new-id"], "new-id");
    assert_eq!((&tried["agents"], &told["agents"]), (&2.into(), &2.into()));
    assert_eq!(format!("store {}", told["before"].as_str().expect("an id")), old);
    assert_eq!(format!("store {}", told["after"].as_str().expect("an id")), store_id(&place, "copy"));
    assert_ne!(told["before"], told["after"]);
    assert_eq!(seen(&place, "copy"), before);
    let kept = format!("copy/.recto/agents/support/logs/{}", told["before"].as_str().expect("an id"));
    assert_eq!(place.read(kept), log);
    at(&place, "copy", &["fsck"]);
    assert!(!place.path("copy/.recto.new-id").exists());
    assert!(!place.path("copy/.recto/objects").is_symlink());
    // What was changed here before the copy got its id is still known to be changed here.
    let pushed = at(&place, "copy", &["push"]);
    assert!(!pushed.contains("both sides"), "{pushed}");
    let label = json(&place, "team", &["version", "list", "support"], "version-list");
    assert!(label.to_string().contains("first"), "{label}");
    at(&place, "ana", &["pull"]);
    publish(&place, "ana", "3");
    at(&place, "ana", &["push"]);
    at(&place, "copy", &["pull"]);
    publish(&place, "copy", "4");
    at(&place, "copy", &["push"]);
    at(&place, "ana", &["pull"]);
    let all = |dir| json(&place, dir, &["version", "list", "support"], "version-list")["versions"].clone();
    assert_eq!(all("team").as_array().map(Vec::len), Some(4));
    for dir in ["ana", "copy", "team"] {
        let ids = |versions: &Value| -> Vec<Value> {
            versions.as_array().expect("a list").iter().map(|one| one["id"].clone()).collect()
        };
        assert_eq!(ids(&all(dir)), ids(&all("team")), "{dir}");
        at(&place, dir, &["fsck"]);
    }
}

#[test]
fn a_copy_that_went_its_own_way_is_told_and_joins_again() {
    let place = copied();
    let (by_ana, by_copy) = (publish(&place, "ana", "5"), publish(&place, "copy", "6"));
    at(&place, "ana", &["push"]);
    let refused = place.recto(["-C", "copy", "push"]).exits(1);
    assert!(refused.stderr.contains("hint: 'recto new-id'"), "{}", refused.stderr);
    at(&place, "copy", &["new-id"]);
    at(&place, "copy", &["pull"]);
    at(&place, "copy", &["push"]);
    at(&place, "ana", &["pull"]);
    let list = json(&place, "ana", &["version", "list", "support"], "version-list").to_string();
    assert!(list.contains(&by_ana) && list.contains(&by_copy), "{list}");
    for dir in ["ana", "copy", "team"] {
        at(&place, dir, &["fsck"]);
    }
}

#[test]
fn while_somebody_writes_nothing_is_changed() {
    let place = copied();
    let before = store_id(&place, "copy");
    let lock = fs::File::open(place.path("copy/.recto/locks/support.lock")).expect("a lock");
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).expect("taken");
    let mut child = place.command(["-C", "copy", "new-id"]);
    let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(store_id(&place, "copy"), before);
    drop(lock);
    assert!(child.wait().expect("it ends").success());
    assert_ne!(store_id(&place, "copy"), before);
    at(&place, "copy", &["fsck"]);
}

#[test]
fn killed_at_any_moment_it_leaves_the_old_store_or_the_new_one() {
    let place = copied();
    let expected = seen(&place, "copy");
    let mut killed = 0;
    for round in 0..25u64 {
        let before = store_id(&place, "copy");
        let mut child = place.command(["-C", "copy", "new-id", "-q"]);
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        std::thread::sleep(std::time::Duration::from_micros(3_000 + round * 1_500));
        let _ = child.kill();
        killed += u32::from(!child.wait().expect("it ends").success());
        let after = store_id(&place, "copy");
        assert!(after.starts_with("store ") && after.len() == before.len(), "{after}");
        assert_eq!(seen(&place, "copy"), expected, "round {round}");
        at(&place, "copy", &["fsck"]);
    }
    assert!(killed > 3, "{killed} were killed");
    at(&place, "copy", &["new-id"]);
    assert_eq!(seen(&place, "copy"), expected);
    assert!(!place.path("copy/.recto.new-id").exists());
    at(&place, "copy", &["fsck"]);
}
