//! Stores as files to carry, through the binary.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::{Place, Run};

fn run(place: &Place, dir: &str, args: &[&str]) -> Run {
    place.recto(["-C", dir].into_iter().chain(args.iter().copied()))
}

#[track_caller]
fn at(place: &Place, dir: &str, args: &[&str]) -> String {
    run(place, dir, args).ok()
}

/// A store `team` with two agents, one with drafts, a label, a pin, a withdrawn version.
fn team() -> Place {
    let place = Place::empty();
    place.write("one.json", r#"{"prompt": "Be kind.\n", "voice": {"speed": 1}}"#);
    place.recto(["init", "team"]).ok();
    for agent in ["sales", "support"] {
        at(
            &place,
            "team",
            &["agent", "new", agent, "--profile", "generic", "--from", "../one.json", "--activate"],
        );
    }
    publish(&place, "2");
    publish(&place, "3");
    at(&place, "team", &["version", "edit", "support@V1", "--label", "first"]);
    at(&place, "team", &["pin", "support@V1"]);
    at(&place, "team", &["activate", "support@V2"]);
    at(&place, "team", &["draft", "new", "support@tone"]);
    at(&place, "team", &["set", "support@tone", "voice.speed:=9"]);
    place
}

fn publish(place: &Place, speed: &str) -> String {
    at(place, "team", &["draft", "new", "support@d", "--from", "latest"]);
    at(place, "team", &["set", "support@d", &format!("voice.speed:={speed}")]);
    at(place, "team", &["publish", "support@d", "-m", speed, "-q"]).trim().to_owned()
}

/// What a person sees of a store, without the operations that state it.
fn seen(place: &Place, dir: &str) -> Vec<Value> {
    let mut seen = Vec::new();
    for agent in ["sales", "support"] {
        let mut list = run(place, dir, &["version", "list", agent, "--json"]).json("version-list");
        for version in list["versions"].as_array_mut().expect("a list") {
            version["operation"].take();
        }
        seen.push(list);
        let mut drafts = run(place, dir, &["draft", "list", agent, "--json"]).json("draft-list");
        for draft in drafts["drafts"].as_array_mut().expect("a list") {
            seen.push(draft["commit"].take());
            seen.push(draft["name"].take());
        }
        seen.push(Value::from(at(place, dir, &["cat", agent])));
        let active = place.read(Path::new(dir).join(format!(".recto/agents/{agent}/ACTIVE.json")));
        let active: Value = serde_json::from_str(&active).expect("JSON");
        seen.extend([active["agent"].clone(), active["version"].clone(), active["config"].clone()]);
    }
    seen
}

/// Every byte of a directory, by path.
fn bytes(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(bytes(&path));
        } else {
            found.insert(path.display().to_string(), fs::read(&path).expect("readable"));
        }
    }
    found
}

fn store_id(place: &Place, dir: &str) -> String {
    let format = place.read(Path::new(dir).join(".recto/format"));
    format.lines().nth(2).and_then(|line| line.strip_prefix("store ")).expect("an id").to_owned()
}

#[test]
fn a_backup_is_restored_with_the_same_ids_numbers_drafts_and_logs() {
    let place = team();
    let made = run(&place, "team", &["bundle", "create", "../all.bundle", "--drafts", "--json"]);
    let made = made.json("bundle");
    assert_eq!((&made["full"], &made["drafts"]), (&true.into(), &true.into()));
    // Where there is no store.
    let verified = place.recto(["-C", "../home", "bundle", "verify", "../here/all.bundle", "--json"]);
    let verified = verified.json("bundle");
    assert_eq!((&verified["digest"], &verified["complete"]), (&made["digest"], &true.into()));
    place.recto(["clone", "all.bundle", "back"]).ok();
    assert_eq!(seen(&place, "back"), seen(&place, "team"));
    let kept = format!("back/.recto/agents/support/logs/{}", store_id(&place, "team"));
    assert_eq!(place.read(kept), place.read("team/.recto/agents/support/log"));
    at(&place, "back", &["fsck"]);
    place.recto(["clone", "all.bundle"]).ok();
    assert_eq!(seen(&place, "all"), seen(&place, "team"));
    let twice = at(&place, "back", &["fetch"]);
    assert!(twice.contains("have the same"), "{twice}");
    let refused = run(&place, "back", &["push"]);
    assert!(refused.code == 0 && refused.stdout.contains("have the same"), "{refused:?}");
    at(&place, "back", &["draft", "new", "support@e", "--from", "latest"]);
    at(&place, "back", &["set", "support@e", "voice.speed:=8"]);
    at(&place, "back", &["publish", "support@e", "-m", "x"]);
    let refused = run(&place, "back", &["push"]).exits(1);
    assert!(refused.stderr.contains("cannot be pushed to"), "{}", refused.stderr);
}

#[test]
fn increments_are_taken_in_order_and_what_is_missing_is_named() {
    let place = team();
    at(&place, "team", &["bundle", "create", "../one.bundle"]);
    let four = publish(&place, "4");
    at(&place, "team", &["bundle", "create", "../two.bundle", "--since-bundle", "../one.bundle"]);
    let five = publish(&place, "5");
    at(&place, "team", &["activate", "support@V5"]);
    at(&place, "team", &["bundle", "create", "../three.bundle", "--since-bundle", "../two.bundle"]);
    let size = |name: &str| fs::metadata(place.path(name)).expect("it is there").len();
    assert!(size("two.bundle") < size("one.bundle"));
    let refused = place.recto(["clone", "two.bundle", "none"]).exits(1);
    assert!(refused.stderr.contains("agent 'support' up to V3"), "{}", refused.stderr);
    assert!(!place.path("none").exists());
    place.recto(["clone", "one.bundle", "back"]).ok();
    let before = bytes(&place.path("back"));
    for verb in ["verify", "unbundle"] {
        let refused = run(&place, "back", &["bundle", verb, "../three.bundle"]).exits(1);
        assert!(refused.stderr.contains("agent 'support' up to V4"), "{}", refused.stderr);
        assert!(refused.stderr.contains("recto bundle unbundle FILE"), "{}", refused.stderr);
    }
    assert!(bytes(&place.path("back")) == before, "something was written");
    let verified = run(&place, "back", &["bundle", "verify", "../two.bundle", "--json"]).json("bundle");
    assert_eq!((&verified["complete"], &verified["full"]), (&true.into(), &false.into()));
    let elsewhere = place.recto(["-C", "../home", "bundle", "verify", "../here/two.bundle", "--json"]);
    assert_eq!(elsewhere.json("bundle")["complete"], Value::from(false));
    let told = at(&place, "back", &["bundle", "unbundle", "../two.bundle"]);
    assert!(told.contains("agent 'support' here: 1 version"), "{told}");
    at(&place, "back", &["remote", "set-url", "origin", "../three.bundle"]);
    at(&place, "back", &["pull", "--activate", "--drafts"]);
    assert_eq!(seen(&place, "back"), seen(&place, "team"));
    let list = run(&place, "back", &["version", "list", "support"]).ok();
    assert!(list.contains(&four[..8]) && list.contains(&five[..8]), "{list}");
    // What is older than what is here says nothing new, and is no other store.
    for old in ["../one.bundle", "../two.bundle", "../three.bundle"] {
        let told = at(&place, "back", &["bundle", "unbundle", old]);
        assert!(told.contains("have the same"), "{old}: {told}");
    }
    at(&place, "back", &["fsck"]);
    // It goes on with the store itself.
    at(&place, "back", &["remote", "set-url", "origin", "../team"]);
    publish(&place, "6");
    at(&place, "back", &["pull"]);
    assert_eq!(at(&place, "back", &["cat", "support@V6", "voice.speed"]).trim(), "6");
    at(&place, "back", &["fsck"]);
}

#[test]
fn a_bundle_since_a_version_goes_to_a_clone_and_keeps_what_else_is_there() {
    let place = team();
    place.recto(["clone", "team", "ana"]).ok();
    at(&place, "ana", &["agent", "new", "own", "--profile", "generic", "--from", "../one.json"]);
    publish(&place, "4");
    at(&place, "team", &["bundle", "create", "../new.bundle", "support", "--since", "support@V2"]);
    let tried =
        run(&place, "ana", &["bundle", "unbundle", "../new.bundle", "--dry-run", "--json"]).json("sync");
    assert_eq!(tried["remote"], Value::from("origin"));
    at(&place, "ana", &["bundle", "unbundle", "../new.bundle", "--fetch"]);
    assert_eq!(at(&place, "ana", &["cat", "support@origin/V4", "voice.speed"]).trim(), "4");
    run(&place, "ana", &["cat", "support@V4"]).exits(1);
    at(&place, "ana", &["bundle", "unbundle", "../new.bundle", "support@tone"]);
    assert_eq!(at(&place, "ana", &["cat", "support@V4", "voice.speed"]).trim(), "4");
    assert_eq!(at(&place, "ana", &["cat", "support@tone", "voice.speed"]).trim(), "9");
    assert_eq!(at(&place, "ana", &["cat", "own@V1", "voice.speed"]).trim(), "1");
    // The store that it was made from knows what it builds on, too.
    at(&place, "team", &["bundle", "verify", "../new.bundle"]);
    at(&place, "ana", &["fsck"]);
    let nothing =
        run(&place, "team", &["bundle", "create", "../no.bundle", "sales", "--since", "sales@latest"]);
    assert!(nothing.exits(1).stderr.contains("nothing new"));
    assert!(!place.path("no.bundle").exists());
}

#[test]
fn a_bundle_that_is_cut_or_changed_is_refused_and_nothing_is_changed() {
    let place = team();
    at(&place, "team", &["bundle", "create", "../all.bundle"]);
    place.recto(["init", "back"]).ok();
    let before = bytes(&place.path("back"));
    let whole = fs::read(place.path("all.bundle")).expect("it is there");
    let refused = |bytes: &[u8], what: &str| {
        place.write("bad.bundle", bytes);
        for words in [["bundle", "verify", "../bad.bundle"], ["bundle", "unbundle", "../bad.bundle"]] {
            let run = run(&place, "back", &words);
            assert!(run.code == 4 || run.code == 1, "{what}: {run:?}");
            assert!(run.stderr.contains("bundle"), "{what}: {}", run.stderr);
        }
    };
    for at in (0..whole.len()).step_by(97) {
        refused(&whole[..at], &format!("cut at {at}"));
        let mut other = whole.clone();
        other[at] ^= 1 << (at % 8);
        refused(&other, &format!("flipped at {at}"));
    }
    refused(&[whole.as_slice(), b"\n"].concat(), "longer");
    assert!(bytes(&place.path("back")) == before, "something was written");
    let left = fs::read_dir(place.path("")).expect("a directory");
    let names: Vec<String> =
        left.map(|entry| entry.expect("one").file_name().display().to_string()).collect();
    assert!(!names.iter().any(|name| name.starts_with(".recto-tmp")), "{names:?}");
    at(&place, "back", &["bundle", "unbundle", "../all.bundle"]);
}

#[test]
fn bundles_go_through_pipes_and_only_from_the_same_store_on() {
    let place = team();
    let output = place.command(["-C", "team", "bundle", "create", "-"]).output().expect("it runs");
    assert!(output.status.success());
    place.write("piped.bundle", &output.stdout);
    place.recto_with(["bundle", "verify", "-"], &output.stdout).ok();
    place.recto(["init", "back"]).ok();
    place.recto_with(["-C", "back", "bundle", "unbundle", "-"], &output.stdout).ok();
    assert_eq!(at(&place, "back", &["cat", "support@V3", "voice.speed"]).trim(), "3");
    let refused =
        run(&place, "back", &["bundle", "create", "../x.bundle", "--since-bundle", "../piped.bundle"]);
    assert!(refused.exits(1).stderr.contains("is of store"));
    let refused = run(&place, "team", &["bundle", "unbundle", "../piped.bundle"]).exits(1);
    assert!(refused.stderr.contains("this store"), "{}", refused.stderr);
    let none = run(&place, "team", &["bundle", "verify", "../one.json"]).exits(1);
    assert!(none.stderr.contains("not a bundle"), "{}", none.stderr);
    assert!(!place.path("x.bundle").exists());
}

#[test]
fn a_file_that_is_there_is_replaced_only_when_asked_and_only_if_it_is_one() {
    let place = team();
    place.write("mine.txt", "years of work");
    let refused = run(&place, "team", &["bundle", "create", "../mine.txt"]).exits(1);
    assert!(refused.stderr.contains("mine.txt' already"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--force"), "{}", refused.stderr);
    assert_eq!(place.read("mine.txt"), "years of work");
    // One that cannot be made leaves what was there, also with --force.
    let nothing = ["bundle", "create", "../mine.txt", "sales", "--since", "sales@latest", "--force"];
    run(&place, "team", &nothing).exits(1);
    assert_eq!(place.read("mine.txt"), "years of work");
    at(&place, "team", &["bundle", "create", "../mine.txt", "--force"]);
    place.recto(["bundle", "verify", "mine.txt"]).ok();
    std::os::unix::fs::symlink("mine.txt", place.path("link")).expect("linked");
    fs::create_dir(place.path("folder")).expect("made");
    let device = Path::new("/dev/null");
    for (name, path) in [("../link", None), ("../folder", None), ("/dev/null", Some(device))] {
        for force in [&["bundle", "create", name, "--force"][..], &["bundle", "create", name]] {
            let refused = run(&place, "team", force).exits(1);
            assert!(refused.stderr.contains("not a regular file"), "{name}: {}", refused.stderr);
        }
        assert!(path.is_none_or(|path| !path.is_file()), "{name}");
    }
    assert!(place.path("link").is_symlink());
}

#[test]
fn a_restore_from_increments_says_what_it_leaves_and_with_the_flags_is_whole() {
    let place = team();
    at(&place, "team", &["bundle", "create", "../one.bundle", "--drafts"]);
    publish(&place, "4");
    at(&place, "team", &["activate", "support@V4"]);
    at(&place, "team", &["set", "support@tone", "voice.speed:=8"]);
    at(&place, "team", &["bundle", "create", "../two.bundle", "--since-bundle", "../one.bundle", "--drafts"]);
    place.recto(["clone", "one.bundle", "back"]).ok();
    let told = run(&place, "back", &["bundle", "unbundle", "../two.bundle"]).exits(0);
    let line = "left as here: what serves (1 ref) and 1 draft; to take over: recto bundle unbundle ../two.bundle --activate --drafts\n";
    assert!(told.stderr.contains(line), "{}", told.stderr);
    let json = run(&place, "back", &["bundle", "unbundle", "../two.bundle", "--json"]).json("sync");
    assert_eq!(json["agents"][1]["unasked"], serde_json::json!(["ACTIVE", "drafts/tone"]), "{json}");
    let whole = run(&place, "back", &["bundle", "unbundle", "../two.bundle", "--activate", "--drafts"]);
    assert!(!whole.exits(0).stderr.contains("left as here"));
    assert_eq!(seen(&place, "back"), seen(&place, "team"));
    // A clone of a bundle that was not made to have drafts as drafts says so, too.
    at(&place, "team", &["bundle", "create", "../plain.bundle"]);
    let cloned = place.recto(["clone", "plain.bundle", "plain"]).exits(0);
    assert!(cloned.stderr.contains("left as here: 1 draft; to take over: recto -C"), "{}", cloned.stderr);
    assert!(cloned.stderr.contains("plain pull --drafts"), "{}", cloned.stderr);
    at(&place, "plain", &["pull", "--drafts"]);
    assert_eq!(seen(&place, "plain"), seen(&place, "team"));
}

#[test]
fn a_bundle_is_fetched_and_pulled_by_its_path() {
    let place = team();
    place.recto(["clone", "team", "ana"]).ok();
    publish(&place, "4");
    at(&place, "team", &["bundle", "create", "../x.bundle"]);
    at(&place, "ana", &["fetch", "../x.bundle"]);
    assert_eq!(at(&place, "ana", &["cat", "support@origin/V4", "voice.speed"]).trim(), "4");
    run(&place, "ana", &["cat", "support@V4"]).exits(1);
    at(&place, "ana", &["pull", "../x.bundle", "support"]);
    assert_eq!(at(&place, "ana", &["cat", "support@V4", "voice.speed"]).trim(), "4");
    // So is a remote, by where it is; what is none is refused with the way to note it.
    publish(&place, "5");
    at(&place, "ana", &["fetch", "../team"]);
    assert_eq!(at(&place, "ana", &["cat", "support@origin/V5", "voice.speed"]).trim(), "5");
    place.recto(["init", "other"]).ok();
    let refused = run(&place, "ana", &["fetch", "../other"]).exits(1);
    assert!(refused.stderr.contains("what is at '../other' is no remote"), "{}", refused.stderr);
    assert!(refused.stderr.contains("hint: recto remote add NAME ../other"), "{}", refused.stderr);
    at(&place, "ana", &["fsck"]);
}

/// Spoils the objects that only one agent has.
fn spoil(place: &Place, agent: &str) {
    let id = at(place, "team", &["version", "list", agent, "-q"]);
    let id = id.lines().next().expect("a version").trim();
    let object = place.path(format!("team/.recto/objects/{}/{}", &id[..2], &id[2..]));
    fs::write(object, "nonsense").expect("it is loose");
}

#[test]
fn a_bundle_of_a_damaged_agent_names_it_and_has_the_others_when_asked() {
    let place = team();
    spoil(&place, "support");
    for more in [&[][..], &["--drafts"]] {
        let words = [&["bundle", "create", "../all.bundle"], more].concat();
        let refused = run(&place, "team", &words).exits(4);
        assert!(refused.stderr.contains("error: agent 'support' cannot be read"), "{}", refused.stderr);
        assert!(refused.stderr.contains("--skip-damaged"), "{}", refused.stderr);
        assert!(!refused.stderr.contains("sales"), "{}", refused.stderr);
    }
    assert!(!place.path("all.bundle").exists());
    let made = run(&place, "team", &["bundle", "create", "../all.bundle", "--skip-damaged"]).exits(4);
    assert!(made.stderr.contains("error: agent 'support' is not in it: "), "{}", made.stderr);
    place.recto(["clone", "all.bundle", "back"]).ok();
    assert_eq!(at(&place, "back", &["agent", "list", "-q"]).trim(), "sales");
    spoil(&place, "sales");
    run(&place, "team", &["bundle", "create", "../none.bundle", "--skip-damaged"]).exits(4);
    assert!(!place.path("none.bundle").exists());
}
