//! wrk, and what it found.

use std::process::Command;
use std::time::Duration;

/// What a server did under load.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) per_second: f64,
    pub(super) p99: Duration,
}

impl Load {
    /// The round in the middle, by rate.
    pub(super) fn median(mut rounds: Vec<Self>) -> Self {
        rounds.sort_by(|one, other| one.per_second.total_cmp(&other.per_second));
        rounds[rounds.len() / 2]
    }
}

/// Asks for a document, again and again; no answer may be a refusal.
pub(super) fn run(url: &str, connections: usize, seconds: usize, etag: Option<&str>) -> Load {
    let (connections, seconds) = (format!("-c{connections}"), format!("-d{seconds}s"));
    let mut command = Command::new("wrk");
    command.args(["-t2", &connections, &seconds, "--latency", url]);
    if let Some(etag) = etag {
        command.args(["-H", &format!("If-None-Match: {etag}")]);
    }
    let output = command.output().expect("wrk runs: 'apt-get install wrk'");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && !text.contains("Non-2xx"), "{text}");
    let word = |start: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(start));
        line.unwrap_or_else(|| panic!("no '{start}': {text}")).trim().to_owned()
    };
    let per_second = word("Requests/sec:").parse().expect("a rate");
    Load { per_second, p99: time(&word("99%")) }
}

/// A time as wrk writes it: `1.23ms`.
fn time(text: &str) -> Duration {
    let units = [("us", 1e-6), ("ms", 1e-3), ("s", 1.0)];
    let found = units.iter().find_map(|(unit, seconds)| {
        let number: f64 = text.strip_suffix(unit)?.parse().ok()?;
        Some(Duration::from_secs_f64(number * seconds))
    });
    found.unwrap_or_else(|| panic!("no time: {text}"))
}
