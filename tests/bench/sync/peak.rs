//! The most memory that a command takes, with all the processes that it and its server start.

use std::collections::HashMap;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How often is looked. The kernel keeps each process's peak itself, so only growth in a process's last
/// moments is missed.
const EVERY: Duration = Duration::from_millis(1);

/// The peaks of the largest process on either side, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Peak {
    /// Among the command and what it started.
    pub(crate) client: u64,
    /// Among the other processes that this program started.
    pub(crate) server: u64,
}

/// Runs a command and watches.
pub(crate) fn of(command: &mut Command) -> Peak {
    let mut child = command.stderr(Stdio::null()).spawn().expect("it runs");
    let (client, own) = (child.id(), std::process::id());
    let mut peaks: HashMap<u32, u64> = HashMap::new();
    let mut clients = vec![client];
    while child.try_wait().expect("a process").is_none() {
        let found = below(client);
        clients.extend(found.iter().copied());
        for process in found.into_iter().chain([client]).chain(below(own)) {
            let seen = peaks.entry(process).or_default();
            *seen = (*seen).max(peak_of(process));
        }
        std::thread::sleep(EVERY);
    }
    assert!(child.wait().expect("a process").success(), "a command that was watched failed");
    let most = |client: bool| {
        let side = peaks.iter().filter(|(process, _)| clients.contains(process) == client);
        side.map(|(_, peak)| *peak).max().unwrap_or(0)
    };
    Peak { client: most(true), server: most(false) }
}

/// All that a process started and that still runs.
fn below(process: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut open = vec![process];
    while let Some(parent) = open.pop() {
        let Ok(threads) = std::fs::read_dir(format!("/proc/{parent}/task")) else { continue };
        for thread in threads.flatten() {
            let text = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            let children = text.split_whitespace().filter_map(|word| word.parse::<u32>().ok());
            for child in children {
                open.push(child);
                found.push(child);
            }
        }
    }
    found
}

/// The peak of a process that may be gone.
fn peak_of(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    peak.and_then(|text| text.trim().parse::<u64>().ok()).map_or(0, |kilobytes| kilobytes * 1024)
}
