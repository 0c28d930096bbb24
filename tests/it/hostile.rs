//! Machines that are in the way: a full disk, a directory that may not be written, a clock that goes
//! back, files that were cut off. Nothing is lost, and each is said in words.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use crate::harness::Place;

/// The user that owns nothing.
const NOBODY: u32 = 65534;

fn place() -> Place {
    let place = Place::with_store();
    place.write("agent.json", r#"{"prompt": "Be kind.\n", "voice": {"speed": 1}}"#);
    place
        .recto(["agent", "new", "support", "--profile", "generic", "--from", "agent.json", "--activate"])
        .ok();
    place.recto(["draft", "new", "support@tone"]).ok();
    place
}

/// Text that no compression makes small.
fn noise(bytes: usize) -> String {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'a' + u8::try_from(state % 26).expect("a letter"))
    };
    (0..bytes).map(|_| next()).collect()
}

#[test]
fn a_disk_that_takes_no_more_loses_nothing_and_is_said() {
    let place = place();
    place.write("long.json", format!("{{\"prompt\": \"{}\"}}", noise(900_000)));
    let before = place.recto(["agent", "list"]).ok();
    let mut failed = 0;
    // A file may have so many blocks of 512 bytes: the journal, the object or nothing is cut off.
    for blocks in ["1", "8", "600", "4000"] {
        let set = place.command(["agent", "new", "long", "--profile", "generic", "--from", "long.json"]);
        let mut limited = Command::new("sh");
        limited.args(["-c", "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"", "sh", blocks]);
        limited.arg(set.get_program()).args(set.get_args()).current_dir(place.path("")).env_clear();
        limited.envs(set.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let run = place.run(&mut limited);
        if run.code == 0 {
            assert_ne!(place.recto(["agent", "list"]).ok(), before, "it was done");
            continue;
        }
        failed += 1;
        assert_eq!(run.code, 1, "{}", run.stderr);
        assert!(run.stderr.starts_with("error: ") && run.stderr.contains("caused by: "), "{}", run.stderr);
        place.recto(["fsck"]).ok();
        assert_eq!(place.recto(["agent", "list"]).ok(), before, "{blocks} blocks");
    }
    assert!(failed >= 2, "{failed} failed");
    place.recto(["set", "support@tone", "voice.speed:=3"]).ok();
    place.recto(["fsck"]).ok();
}

/// A command as a user who may read everything and write nothing.
fn as_nobody(place: &Place, args: &[&str]) -> Command {
    let mut command = place.command(args);
    if !rustix::process::geteuid().is_root() {
        return command;
    }
    // The binary may lie where nobody else may look.
    let copy = place.home("recto");
    if !copy.exists() {
        fs::copy(env!("CARGO_BIN_EXE_recto"), &copy).expect("copied");
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).expect("set");
    }
    let given = command;
    command = Command::new(copy);
    command.args(given.get_args()).current_dir(place.path("")).env_clear();
    command.envs(given.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.uid(NOBODY).gid(NOBODY);
    command
}

fn set_modes(dir: &Path, dir_mode: u32, file_mode: u32) {
    for entry in fs::read_dir(dir).expect("listed") {
        let entry = entry.expect("listed");
        if entry.file_type().expect("known").is_dir() {
            set_modes(&entry.path(), dir_mode, file_mode);
        } else {
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(file_mode)).expect("set");
        }
    }
    fs::set_permissions(dir, fs::Permissions::from_mode(dir_mode)).expect("set");
}

#[test]
fn who_may_only_read_reads_and_is_refused_the_rest() {
    let place = place();
    let root = place.path("").parent().expect("a directory").to_path_buf();
    for dir in [root.clone(), place.path(""), place.home("")] {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).expect("set");
    }
    set_modes(&place.path(".recto"), 0o555, 0o444);
    let active = place.run(&mut as_nobody(&place, &["cat", "support", "voice.speed"])).ok();
    assert_eq!(active, "1\n");
    place.run(&mut as_nobody(&place, &["fsck"])).ok();
    let run = place.run(&mut as_nobody(&place, &["set", "support@tone", "voice.speed:=2"])).exits(1);
    assert!(run.stderr.contains("no permission to "), "{}", run.stderr);
    set_modes(&place.path(".recto"), 0o755, 0o644);
    assert_eq!(place.recto(["cat", "support@tone", "voice.speed"]).ok(), "1\n", "nothing was written");
    place.recto(["set", "support@tone", "voice.speed:=2"]).ok();
    place.recto(["fsck"]).ok();
}

#[test]
fn a_file_of_tokens_that_only_others_may_read_is_no_damage() {
    let place = place();
    place.recto(["token", "create", "ci", "--role", "reader"]).ok();
    place.recto(["webhook", "add", "deploys", "https://example.com/"]).ok();
    let root = place.path("").parent().expect("a directory").to_path_buf();
    for dir in [root, place.path(""), place.home("")] {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).expect("set");
    }
    set_modes(&place.path(".recto"), 0o555, 0o444);
    for file in ["tokens.json", "webhooks.json"] {
        fs::set_permissions(place.path(".recto").join(file), fs::Permissions::from_mode(0o000)).expect("set");
    }
    let run = place.run(&mut as_nobody(&place, &["fsck"])).exits(0);
    assert_eq!(run.stdout, "");
    for file in ["tokens.json", "webhooks.json"] {
        assert!(run.stderr.contains(&format!("warning: {file}: it is not examined")), "{}", run.stderr);
    }
    let report = place.run(&mut as_nobody(&place, &["fsck", "--json"])).exits(0).json("fsck");
    assert_eq!(report["faults"], serde_json::json!([]));
    assert_eq!(report["notes"][0]["subject"], "tokens.json");
    set_modes(&place.path(".recto"), 0o755, 0o644);
    place.recto(["fsck"]).ok();
}

#[test]
fn a_clock_that_goes_back_is_refused_until_it_is_accepted() {
    let place = place();
    let set = |value: &str, time: &str| {
        place.run(
            place.command(["set", "support@tone", &format!("voice.speed:={value}")]).env("RECTO_TIME", time),
        )
    };
    let refused = set("2", "2026-03-06T00:00:00Z").exits(1);
    assert!(refused.stderr.contains("clock"), "{}", refused.stderr);
    assert_eq!(place.recto(["cat", "support@tone", "voice.speed"]).ok(), "1\n");
    place.recto(["config", "clock.backwards", "allow"]).ok();
    set("2", "2026-03-06T00:00:00Z").ok();
    assert_eq!(place.recto(["cat", "support@tone", "voice.speed"]).ok(), "2\n");
    place.recto(["fsck"]).ok();
}

#[test]
fn cut_off_files_are_named_and_never_written_over() {
    let ids = |place: &Place| {
        let value: serde_json::Value =
            serde_json::from_str(&place.recto(["version", "list", "support", "--json"]).ok()).expect("JSON");
        value["versions"][0]["id"].as_str().expect("an id").to_owned()
    };
    let mut named = 0;
    let id = ids(&place());
    let object = format!("objects/{}/{}", &id[..2], &id[2..]);
    for file in ["agents/support/log", "agents/support/ACTIVE", "agents/support/journal", "format", &object] {
        let place = place();
        let file = if file == object {
            let id = ids(&place);
            format!(".recto/objects/{}/{}", &id[..2], &id[2..])
        } else {
            format!(".recto/{file}")
        };
        let whole = fs::read(place.path(&file)).expect("there");
        for keep in [0, whole.len() / 3] {
            place.write(&file, &whole[..keep]);
            let fsck = place.recto(["fsck"]);
            let now = || fs::read(place.path(&file)).expect("there");
            if fsck.code == 0 {
                // The journal still had what was cut off.
                assert_eq!(now(), whole, "{file} cut to {keep}");
                continue;
            }
            named += 1;
            assert_eq!(fsck.code, 4, "{file} cut to {keep}: {}{}", fsck.stdout, fsck.stderr);
            let read = place.recto(["show", "support@V1"]);
            assert!([0, 4].contains(&read.code), "{file} cut to {keep}: {}", read.stderr);
            assert_eq!(now(), &whole[..keep], "{file}: what is damaged stays as it is");
        }
        place.write(&file, &whole);
        place.recto(["fsck"]).ok();
    }
    assert!(named >= 8, "only {named} were named");
}
