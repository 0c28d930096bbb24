//! Making a store.

use std::fs;
use std::process::Command;

use crate::harness::Place;
use crate::stored;

#[test]
fn a_store_is_made_once() {
    let place = Place::empty();
    let first = place.recto(["init"]).exits(0);
    assert_eq!(first.stdout, "made a store in '/here/.recto'\n");
    assert_eq!(first.stderr, "undo: rm -r .recto\n");
    let format = place.read(".recto/format");
    let second = place.recto(["init"]).exits(1);
    assert_eq!(second.stdout, "");
    assert!(second.stderr.starts_with("error: there is a store in '/here/.recto' already\nhint: "));
    assert_eq!(place.read(".recto/format"), format);
}

#[test]
fn json_names_the_store_and_the_undo() {
    let place = Place::empty();
    let dry = place.recto(["init", "--dry-run", "--json", "new"]).exits(0).json("init");
    assert_eq!((&dry["created"], &dry["store_id"]), (&false.into(), &serde_json::Value::Null));
    assert!(!place.path("new").exists(), "a dry run makes nothing");
    let made = place.recto(["init", "--json", "new dir"]).exits(0).json("init");
    assert_eq!(made["store"], "/here/new dir/.recto");
    assert_eq!(made["undo"], "rm -r 'new dir/.recto'");
    let id = made["store_id"].as_str().expect("an id");
    assert!(place.read("new dir/.recto/format").contains(id));
    let error = place.recto(["init", "--json", "new dir"]).json_error(1);
    assert_eq!(error["error"]["kind"], "refused");
}

#[test]
fn quiet_prints_the_id_alone() {
    let place = Place::empty();
    let run = place.recto(["init", "-q"]).exits(0);
    assert_eq!((run.stdout.len(), run.stderr.as_str()), (33, ""));
}

#[test]
fn the_named_store_is_where_it_is_made() {
    let place = Place::empty();
    place.recto(["--store", "a/.recto", "init"]).ok();
    place.recto(["--store", "b", "init"]).ok();
    assert!(place.path("a/.recto/format").exists() && place.path("b/.recto/format").exists());
    place.recto(["--store", "a", "fsck"]).ok();
    place.recto(["--store", "a/.recto", "fsck"]).ok();
    place.run(place.command(["fsck"]).env("RECTO_STORE", "b")).ok();
    place.recto(["fsck"]).exits(1);
}

#[test]
fn a_store_inside_another_is_warned_about() {
    let place = Place::with_store();
    let run = place.recto(["init", "inner"]).exits(0);
    assert!(run.stderr.contains("warning: the store '/here/.recto' is no longer found from here"));
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let place = Place::empty();
    place.write("file", "not a directory");
    let run = place.recto(["init", "file"]).exits(1);
    assert!(run.stderr.starts_with("error: cannot create the store in '/here/file/.recto'\ncaused by: "));
    // Nobody may make a directory there, whoever runs the tests.
    #[cfg(target_os = "linux")]
    {
        let run = place.recto(["init", "/sys"]).exits(1);
        assert!(run.stderr.contains("caused by: no permission to create"), "{}", run.stderr);
    }
}

fn git(place: &Place, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "core.autocrlf=true"])
        .args(args)
        .current_dir(place.path(""))
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn a_store_in_git_can_be_cloned_with_git() {
    let place = Place::empty();
    git(&place, &["init", "-q", "origin"]);
    let run = place.recto(["-C", "origin", "init"]).exits(0);
    assert!(run.stderr.ends_with("git add .recto\n"), "{}", run.stderr);
    place.recto(["-C", "origin", "config", "user.name", "Asha"]).ok();
    let inside = Place::empty();
    inside.recto(["init"]).ok();
    stored::agent(&inside, "support");
    for name in ["objects", "agents", "locks", "format"] {
        let (from, to) = (inside.path(".recto").join(name), place.path("origin/.recto"));
        let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp runs");
        assert!(copied.success());
    }
    git(&place, &["-C", "origin", "add", "."]);
    let files = git(&place, &["-C", "origin", "ls-files"]);
    assert!(!files.contains("config.json") && !files.contains(".lock"), "{files}");
    git(&place, &["-C", "origin", "commit", "-qm", "a store"]);
    git(&place, &["clone", "-q", "origin", "copy"]);
    let report = place.recto(["-C", "copy", "fsck", "--json"]).exits(0).json("fsck");
    assert_eq!((&report["agents"], &report["records"]), (&1.into(), &1.into()));
    assert!(fs::read_dir(place.path("copy/.recto/locks")).is_ok(), "locks can be taken in the clone");
    let own = place.recto(["-C", "copy", "config", "--json"]).exits(0).json("config");
    assert_eq!(own["settings"], serde_json::json!({}));
}
