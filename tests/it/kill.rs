//! Kills the real binary at random moments, hundreds of times, with several writers at once:
//! nothing acknowledged is lost, and the store is sound.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::harness::Place;

/// Writers that run side by side; the last two share an agent.
const WRITERS: usize = 4;
/// How often each writer's process is started.
const ROUNDS: u32 = 80;

/// A small generator of numbers, the same in every run.
fn next(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

/// What one writer was told, and what it may have done besides.
struct Written {
    agent: String,
    draft: String,
    acknowledged: u32,
    killed: u32,
}

/// Sets a field to 1, 2, 3, ...; kills each process after a while unless it was faster.
fn write(mut command: impl FnMut(&[String]) -> Command, writer: usize, usual: Duration) -> Written {
    let agent = format!("agent{}", writer.min(WRITERS - 2));
    let draft = format!("draft{writer}");
    let mut seed = 0x9e37_79b9_7f4a_7c15 ^ (writer as u64 + 1);
    let (mut acknowledged, mut killed) = (0, 0);
    for value in 1..=ROUNDS {
        let args = ["set".to_owned(), format!("{agent}@{draft}"), format!("voice.speed:={value}")];
        let mut child =
            command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        // Every third may finish; the others die anywhere up to a little after their usual time.
        let limit = u64::try_from(usual.as_micros()).expect("a short time") * 3 / 2 + 1;
        let patience = match value % 3 {
            0 => Duration::from_mins(1),
            _ => Duration::from_micros(next(&mut seed) % limit),
        };
        let deadline = std::time::Instant::now() + patience;
        let status = loop {
            match child.try_wait().expect("it can be waited for") {
                Some(status) => break Some(status),
                None if std::time::Instant::now() >= deadline => break None,
                None => std::thread::yield_now(),
            }
        };
        if let Some(status) = status {
            assert!(status.success(), "a writer failed: {status}");
            acknowledged = value;
            continue;
        }
        child.kill().expect("it can be killed");
        if child.wait().expect("it ends").success() {
            acknowledged = value;
        } else {
            killed += 1;
        }
    }
    Written { agent, draft, acknowledged, killed }
}

#[test]
fn nothing_acknowledged_is_lost_when_writers_are_killed() {
    let place = Place::with_store();
    place.write("voice.json", r#"{"prompt": "Be kind.\n", "voice": {"speed": 0}}"#);
    for writer in 0..WRITERS {
        let agent = format!("agent{}", writer.min(WRITERS - 2));
        if writer < WRITERS - 1 {
            place.recto(["agent", "new", &agent, "--profile", "generic", "--from", "voice.json"]).ok();
        }
        place.recto(["draft", "new", &format!("{agent}@draft{writer}")]).ok();
    }
    // Every process has the same time here: the clock does not matter to what is tested.
    let (binary, home, work) = (env!("CARGO_BIN_EXE_recto"), place.home(""), place.path(""));
    let command = |args: &[String]| {
        let mut command = Command::new(binary);
        command.args(args).current_dir(&work).env_clear().env("HOME", &home);
        command.env("RECTO_AUTHOR", "Asha Rao").env("RECTO_TIME", "2026-03-07T23:00:00Z");
        command
    };
    // The shortest of a few runs: a slow one would make the writers too patient to be killed.
    let mut usual = Duration::MAX;
    for _ in 0..5 {
        let args = ["set".to_owned(), "agent0@draft0".to_owned(), "voice.speed:=0.5".to_owned()];
        let begun = std::time::Instant::now();
        assert!(command(&args).output().expect("it runs").status.success());
        usual = usual.min(begun.elapsed());
    }
    let written: Vec<Written> = std::thread::scope(|scope| {
        let writers: Vec<_> =
            (0..WRITERS).map(|writer| scope.spawn(move || write(command, writer, usual))).collect();
        writers.into_iter().map(|writer| writer.join().expect("a writer ends")).collect()
    });
    let killed: u32 = written.iter().map(|one| one.killed).sum();
    let finished = u32::try_from(WRITERS).expect("few") * ROUNDS - killed;
    assert!(killed > 30 && finished > 20, "{killed} killed, {finished} finished");
    let fsck = place.recto(["fsck"]);
    assert_eq!(fsck.code, 0, "{}{}", fsck.stdout, fsck.stderr);
    for one in written {
        let value = place.recto(["cat", &format!("{}@{}", one.agent, one.draft), "voice.speed"]).ok();
        let value: u32 = value.trim().parse().unwrap_or(0);
        assert!(value >= one.acknowledged, "{}: {value} < {}", one.draft, one.acknowledged);
        assert!(value <= ROUNDS);
    }
}
