//! `recto gc`: everything reads the same afterwards, also beside others, and whatever kills it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::harness::Place;

/// A store with some agents, a history each, drafts, notes.
fn store() -> Place {
    let place = Place::with_store();
    let prompt = "You are the voice of a bakery. Be kind to everybody who calls.\n".repeat(12);
    for agent in ["bakery", "florist", "garage"] {
        let config = serde_json::json!({"prompt": format!("{prompt}{agent}\n"), "voice": {"speed": 1}});
        place.write("agent.json", config.to_string());
        place.recto(["agent", "new", agent, "--profile", "generic", "--from", "agent.json"]).ok();
        for speed in 2..5 {
            place.recto(["draft", "new", &format!("{agent}@next")]).ok();
            place.recto(["set", &format!("{agent}@next"), &format!("voice.speed:={speed}")]).ok();
            place
                .recto(["publish", &format!("{agent}@next"), "--activate", "-m", &format!("speed {speed}")])
                .ok();
        }
        place.recto(["draft", "new", &format!("{agent}@open")]).ok();
        place.recto(["set", &format!("{agent}@open"), "voice.name=ana"]).ok();
    }
    place
}

/// What is read of a store in every way.
fn said(place: &Place) -> Vec<String> {
    let mut said = Vec::new();
    for agent in ["bakery", "florist", "garage"] {
        for words in [
            vec!["cat", agent],
            vec!["log", agent, "--json"],
            vec!["timeline", agent],
            vec!["diff", &format!("{agent}@V1"), &format!("{agent}@open")],
            vec!["show", &format!("{agent}@V2")],
            vec!["ls-tree", &format!("{agent}@V3")],
            vec!["version", "list", agent],
        ] {
            let mut command = place.command(words);
            said.push(place.run(command.env("RECTO_TIME", "2026-03-08T12:00:00Z")).ok());
        }
    }
    said
}

fn objects(place: &Place) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for dir in fs::read_dir(place.path(".recto/objects")).expect("the objects") {
        let files = fs::read_dir(dir.expect("listed").path()).expect("a directory");
        found.extend(files.map(|file| file.expect("listed").path()));
    }
    found
}

fn pack_of(place: &Place) -> PathBuf {
    let mut packs = objects(place);
    packs.retain(|path| path.extension().is_some_and(|end| end == "pack"));
    assert_eq!(packs.len(), 1, "{packs:?}");
    packs.remove(0)
}

#[test]
fn everything_reads_the_same_before_and_after() {
    let place = store();
    let before = said(&place);
    let count = objects(&place).len();
    let rehearsed = place.recto(["gc", "--dry-run", "--json"]).exits(0).json("gc");
    assert_eq!((&rehearsed["packed"], &rehearsed["after"]), (&count.into(), &serde_json::Value::Null));
    assert_eq!(objects(&place).len(), count);
    let report = place.recto(["gc", "--json"]).exits(0).json("gc");
    assert_eq!(report["packed"], count);
    assert_eq!((&report["before"]["loose"], &report["after"]["loose"]), (&count.into(), &0.into()));
    assert_eq!((&report["after"]["files"], &report["after"]["objects"]), (&1.into(), &count.into()));
    assert!(report["after"]["bytes"].as_u64() < report["before"]["bytes"].as_u64(), "{report}");
    assert_eq!(objects(&place), [pack_of(&place)]);
    assert_eq!(said(&place), before);
    place.recto(["fsck"]).exits(0);
    let idle = place.recto(["gc"]).ok();
    assert!(idle.starts_with("there is nothing to pack\n"), "{idle}");
    // What comes later is packed later, and with --all there is one pack again.
    place.recto(["set", "bakery@open", "voice.name=eva"]).ok();
    let report = place.recto(["gc", "--json"]).exits(0).json("gc");
    assert_eq!((&report["after"]["packs"], &report["after"]["loose"]), (&2.into(), &0.into()));
    let report = place.recto(["gc", "--all", "--json"]).exits(0).json("gc");
    assert_eq!((&report["packs_removed"], &report["after"]["packs"]), (&2.into(), &1.into()));
    place.recto(["undo", "bakery"]).ok();
    assert_eq!(place.recto(["cat", "bakery@open", "voice.name"]).ok(), "ana\n");
    assert_eq!(place.recto(["fsck"]).exits(0).stdout, "");
}

#[test]
fn many_packs_become_one() {
    let place = store();
    for number in 0..10 {
        place.recto(["set", "bakery@open", &format!("voice.speed:={}", number + 10)]).ok();
        place.recto(["gc", "-q"]).ok();
    }
    let report = place.recto(["gc", "--json", "--dry-run"]).exits(0).json("gc");
    assert!(report["before"]["packs"].as_u64() < Some(9), "{report}");
    place.recto(["fsck"]).exits(0);
}

#[test]
fn a_damaged_pack_is_named_with_what_is_lost() {
    let place = store();
    place.recto(["gc"]).ok();
    let pack = pack_of(&place);
    let bytes = fs::read(&pack).expect("the pack");
    let name = pack.file_name().expect("a name").to_string_lossy().into_owned();
    let mut needed = 0;
    for at in (0..bytes.len()).step_by(bytes.len() / 12) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        fs::write(&pack, &flipped).expect("it can be damaged");
        let run = place.recto(["fsck"]).exits(4);
        assert!(run.stdout.contains(&format!("objects/packs/{name}: ")), "{at}: {}", run.stdout);
        needed += usize::from(run.stdout.contains("; needed by "));
        let refused = place.recto(["gc", "--all"]);
        assert!(refused.code == 0 || refused.code == 4, "{}", refused.stderr);
        assert!(refused.code == 0 || pack.exists(), "what is damaged is kept");
        for other in objects(&place).into_iter().filter(|path| *path != pack) {
            fs::remove_file(other).expect("removed");
        }
    }
    assert!(needed > 3, "{needed}");
    fs::write(&pack, &bytes).expect("restored");
    place.recto(["fsck"]).exits(0);
}

/// A command as processes beside others run it.
fn beside<'a>(place: &Place, args: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recto"));
    command.args(args).current_dir(place.path("")).env_clear().env("HOME", place.home(""));
    command.env("RECTO_AUTHOR", "Asha Rao").env("RECTO_TIME", "2026-03-07T23:00:00Z");
    command.stdin(Stdio::null());
    command
}

#[test]
fn writers_and_readers_beside_gc_never_miss_anything() {
    const WRITES: u32 = 12;
    let place = store();
    for writer in 0..4 {
        place.recto(["draft", "new", &format!("bakery@w{writer}")]).ok();
    }
    let done = AtomicBool::new(false);
    let commands = |args: &[&str]| beside(&place, args.iter().copied());
    // A place counts its commands and is not shared: these are made before.
    let write = |writer: u32, value: u32| {
        let (draft, field) = (format!("bakery@w{writer}"), format!("voice.speed:={}", value % 7));
        commands(&["set", &draft, &field])
    };
    let mut writes: Vec<Vec<Command>> =
        (0..4).map(|writer| (1..=WRITES).map(|value| write(writer, value)).collect()).collect();
    let mut readers: Vec<Vec<Command>> = (0..2)
        .map(|_| {
            ["florist@V1", "garage@V4", "bakery@V2", "bakery@w1"].map(|rev| commands(&["cat", rev])).into()
        })
        .collect();
    let mut gcs = [commands(&["gc"]), commands(&["gc", "--all"])];
    let rounds = std::thread::scope(|scope| {
        let writers: Vec<_> = writes
            .iter_mut()
            .map(|commands| {
                scope.spawn(move || {
                    for command in commands {
                        let output = command.output().expect("it runs");
                        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                    }
                })
            })
            .collect();
        for commands in &mut readers {
            let done = &done;
            scope.spawn(move || {
                while !done.load(Ordering::SeqCst) {
                    for command in &mut *commands {
                        let output = command.output().expect("it runs");
                        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                    }
                }
            });
        }
        let mut rounds = 0;
        while !writers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            for command in &mut gcs {
                let output = command.output().expect("it runs");
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            }
            rounds += 1;
        }
        done.store(true, Ordering::SeqCst);
        rounds
    });
    assert!(rounds > 1, "{rounds}");
    let fsck = place.recto(["fsck"]);
    assert_eq!(fsck.code, 0, "{}{}", fsck.stdout, fsck.stderr);
    for writer in 0..4 {
        let speed = place.recto(["cat", &format!("bakery@w{writer}"), "voice.speed"]).ok();
        assert_eq!(speed.trim(), (WRITES % 7).to_string(), "writer {writer}");
    }
}

#[test]
fn a_gc_that_is_killed_loses_nothing_and_leaves_nothing() {
    let place = store();
    let before = said(&place);
    // The shortest of a few: a slow one would make the rounds too patient to kill.
    let mut usual = Duration::MAX;
    for speed in 10..15 {
        place.recto(["set", "garage@open", &format!("voice.speed:={speed}")]).ok();
        let begun = Instant::now();
        assert!(beside(&place, ["gc", "--all"]).output().expect("it runs").status.success());
        usual = usual.min(begun.elapsed());
    }
    let (mut killed, mut seed) = (0, 0x9e37_79b9_7f4a_7c15_u64);
    for round in 0..60 {
        // Something loose, so that there is always something to do.
        if round % 4 == 0 {
            place.recto(["set", "garage@open", &format!("voice.speed:={}", round + 20)]).ok();
        }
        let mut child = beside(&place, ["gc", "--all"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let limit = u64::try_from(usual.as_micros()).expect("short") * 5 / 4 + 1;
        let deadline = Instant::now() + Duration::from_micros(seed % limit);
        while Instant::now() < deadline && child.try_wait().expect("waited for").is_none() {
            std::thread::yield_now();
        }
        child.kill().expect("it can be killed");
        killed += u32::from(!child.wait().expect("it ends").success());
    }
    assert!(killed > 15, "only {killed} were killed");
    let fsck = place.recto(["fsck"]);
    assert_eq!(fsck.code, 0, "{}{}", fsck.stdout, fsck.stderr);
    place.recto(["gc", "--all"]).ok();
    assert_eq!(objects(&place), [pack_of(&place)], "what the dead left is swept");
    let now = said(&place);
    let same = now.iter().zip(&before).filter(|(now, before)| now == before).count();
    assert!(same >= before.len() - 3, "only what is about the draft that was edited may differ");
}

#[test]
fn a_second_gc_is_told_of_the_first() {
    let place = store();
    let lock = fs::File::create(place.path(".recto/locks/.gc.lock")).expect("the lock");
    lock.lock().expect("locked");
    let refused = place.recto(["gc", "--json"]).json_error(1);
    assert!(refused.to_string().contains("another gc is at work in this store"), "{refused}");
    drop(lock);
    place.recto(["gc"]).ok();
}
