//! Clones that are cut off, and clones that meet a disk which takes no more.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::harness::{Place, Run};

fn at(place: &Place, dir: &str, args: &[&str]) -> String {
    place.recto(["-C", dir].into_iter().chain(args.iter().copied())).ok()
}

/// A store `team` with some agents, each with a prompt of that many bytes which do not compress.
fn team(agents: usize, prompt_bytes: usize) -> Place {
    let place = Place::empty();
    place.recto(["init", "team"]).ok();
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    for number in 0..agents {
        let letters = (0..prompt_bytes).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'!' + 2 + u8::try_from(state >> 58).expect("six bits"))
        });
        let prompt: String = letters.filter(|letter| *letter != '\\').collect();
        let config = Value::from_iter([("prompt", Value::from(prompt))]);
        place.write("one.json", config.to_string());
        let name = format!("a{number}");
        at(&place, "team", &["agent", "new", &name, "--profile", "generic", "--from", "../one.json"]);
    }
    place
}

fn agents(place: &Place, dir: &str) -> usize {
    at(place, dir, &["agent", "list", "-q"]).lines().count()
}

#[test]
fn a_clone_that_was_killed_at_any_moment_is_resumed_by_the_same_command() {
    let place = team(6, 40);
    // As long as a whole clone takes here, whatever machine this is.
    let started = Instant::now();
    place.recto(["clone", "team", "whole", "-q"]).ok();
    let whole = started.elapsed();
    let mut unfinished = 0;
    for round in 0..24u32 {
        let dir = format!("back{round}");
        let mut child = place.command(["clone", "team", &dir, "-q"]);
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        // Every other one from when its store is there.
        let begun = || place.path(&dir).join(".recto/format").exists();
        while round % 2 == 1 && !begun() && child.try_wait().expect("looked at").is_none() {
            std::thread::yield_now();
        }
        std::thread::sleep(whole * (round / 2) / 16);
        let _ = child.kill();
        child.wait().expect("it ends");
        let was_there = place.path(&dir).join(".recto/format").exists();
        let resumed = place.recto(["clone", "team", &dir]).exits(0);
        assert_eq!(resumed.stderr.contains("resuming the clone in"), was_there, "{}", resumed.stderr);
        unfinished += u32::from(was_there);
        assert_eq!(agents(&place, &dir), 6, "round {round}");
        at(&place, &dir, &["fsck"]);
    }
    assert!(unfinished > 2, "{unfinished} were cut off with a store");
}

#[test]
fn a_directory_with_a_store_and_nothing_in_it_takes_a_clone() {
    let place = team(1, 40);
    place.recto(["init", "bare"]).ok();
    let resumed = place.recto(["clone", "team", "bare"]).exits(0);
    assert!(resumed.stderr.contains("resuming the clone in '/here/bare/.recto'"), "{}", resumed.stderr);
    assert_eq!(agents(&place, "bare"), 1);
    // Directories that no format file makes a store.
    fs::create_dir_all(place.path("half/.recto/objects")).expect("made");
    place.recto(["clone", "team", "half"]).ok();
    assert_eq!(agents(&place, "half"), 1);
}

#[test]
fn a_store_with_work_of_its_own_or_another_origin_is_no_unfinished_clone() {
    let place = team(1, 40);
    place.recto(["init", "own"]).ok();
    at(&place, "own", &["agent", "new", "mine", "--profile", "generic", "--from", "../one.json"]);
    place.recto(["init", "other"]).ok();
    place.recto(["clone", "other", "elsewhere"]).ok();
    place.recto(["clone", "team", "worked"]).ok();
    at(&place, "worked", &["draft", "new", "a0@tone"]);
    for (dir, why) in [
        ("own", "agent 'mine', whose numbers are not given by 'origin'"),
        ("elsewhere", "with other remotes"),
        ("worked", "draft 'tone' of agent 'a0'"),
    ] {
        let before = crate::sync::bytes(&place.path(dir));
        let refused = place.recto(["clone", "team", dir]).exits(1);
        assert!(
            refused.stderr.contains("there is a store in") && refused.stderr.contains(why),
            "{refused:?}"
        );
        assert!(crate::sync::bytes(&place.path(dir)) == before, "{dir}: something was written");
    }
    place.recto(["clone", "--mirror", "team", "near"]).ok();
    let refused = place.recto(["clone", "team", "near"]).exits(1);
    let told = "already, which is a mirror, and this would be a clone that is none";
    assert!(refused.stderr.contains(told), "{}", refused.stderr);
}

#[test]
fn a_clone_does_not_become_a_mirror_nor_a_mirror_a_clone() {
    let place = team(1, 40);
    place.recto(["clone", "team", "plain"]).ok();
    let before = crate::sync::bytes(&place.path("plain"));
    let refused = place.recto(["clone", "--mirror", "team", "plain"]).exits(1);
    let told = "already, which is a clone, and this would be a mirror";
    assert!(refused.stderr.contains(told), "{}", refused.stderr);
    assert!(crate::sync::bytes(&place.path("plain")) == before, "something was written");
    // Before anything came, either may be made of it.
    place.recto(["init", "bare"]).ok();
    place.recto(["clone", "--mirror", "team", "bare"]).ok();
    place.recto(["clone", "--mirror", "team", "bare"]).ok();
    assert_eq!(agents(&place, "bare"), 1);
}

/// Runs recto where no file may become larger than that.
fn limited(place: &Place, kib: u32, args: &[&str]) -> Run {
    let plain = place.command(args);
    let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", kib * 2);
    let mut command = Command::new("sh");
    command.args(["-c", &script]).arg(plain.get_program()).args(plain.get_args()).env_clear();
    command.current_dir(place.path("")).stdin(Stdio::null());
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    place.run(&mut command)
}

#[test]
fn a_disk_that_takes_no_more_is_named_once_and_the_sender_is_not_asked_again() {
    let place = team(3, 700_000);
    let refused = limited(&place, 400, &["clone", "team", "back"]).exits(1);
    let told = &refused.stderr;
    assert_eq!(told.matches("(hint:").count(), 0, "{told}");
    assert!(told.contains("/here/back/.recto/objects/packs/"), "{told}");
    assert!(told.contains("File too large"), "{told}");
    assert_eq!(told.matches("nothing was done: cannot write a pack: failed to write").count(), 2, "{told}");
    assert!(!told.contains("damaged"), "{told}");
    // What there is now is completed where there is room.
    let resumed = place.recto(["clone", "team", "back"]).exits(0);
    assert!(resumed.stderr.contains("resuming the clone"), "{}", resumed.stderr);
    assert_eq!(agents(&place, "back"), 3);
    at(&place, "back", &["fsck"]);
}
