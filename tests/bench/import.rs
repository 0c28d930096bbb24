//! Importing histories beside `git fast-import`, and the memory that long histories take.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use recto::agent::{HistoryOptions, LogQuery};
use serde_json::{Map, Value, json};

use crate::stores;
use crate::table::{self, Target};
use crate::timing::Scale;
use crate::workload::{Evolving, Size};

/// Names the work that this program does when it is started by itself, to have its memory measured.
const TASK: &str = "RECTO_BENCH_TASK";

/// A history in both forms.
pub(crate) struct History {
    lines: PathBuf,
    stream: PathBuf,
    versions: usize,
    /// The agents as they are at its end.
    pub(crate) last: Vec<Evolving>,
}

impl History {
    /// Makes a store of recto with it.
    pub(crate) fn store(&self, dir: &Path) {
        import(&self.lines, dir);
    }

    /// Makes a bare repository of git with it.
    pub(crate) fn repository(&self, dir: &Path) {
        fast_import(&self.stream, dir);
    }
}

/// Measures importing, and memory.
pub(crate) fn run(dir: &Path, scale: Scale) {
    table::group("Import of a history, durable at the end");
    let small = write(&dir.join("s"), 1, scale.versions, Size::Large);
    let many = write(&dir.join("m"), scale.agents, 20, Size::Middle);
    for (history, shown) in [(&small, "S"), (&many, "M")] {
        let (mut ours, mut theirs) = (Duration::MAX, Duration::MAX);
        for round in 0..3 {
            ours = ours.min(import(&history.lines, &dir.join(format!("{shown}-{round}"))));
            theirs = theirs.min(fast_import(&history.stream, &dir.join(format!("{shown}-{round}.git"))));
        }
        let rate = |time: Duration| history.versions as f64 / time.as_secs_f64();
        let operation = format!("import {shown}, {} versions, best of 3", history.versions);
        table::rates(&operation, rate(ours), "git fast-import", rate(theirs), Target::AtLeast(1.0));
    }
    table::group("Peak memory of a process, N versions of one agent and 4 N");
    let [n, n4] = [scale.versions / 4, scale.versions].map(|versions| {
        (
            write(&dir.join(format!("n{versions}")), 1, versions, Size::Large),
            dir.join(format!("store{versions}")),
        )
    });
    for task in ["import", "log", "fsck"] {
        let [one, four] = [&n, &n4].map(|(history, store)| peak_of(task, &history.lines, store));
        table::sizes(&format!("{task}, 4 N beside N"), four, "the same with N", one, Target::AtMost(1.5));
    }
}

/// Writes a history as lines of JSON, and as a stream for git.
pub(crate) fn write(base: &Path, agents: usize, versions: usize, size: Size) -> History {
    let [lines, stream] = ["jsonl", "stream"].map(|end| base.with_extension(end));
    let create = |path: &Path| BufWriter::new(File::create(path).expect("a file"));
    let (mut json, mut git) = (create(&lines), create(&stream));
    let mut last = Vec::new();
    for at in 0..agents {
        let name = name(at);
        let mut agent = Evolving::new(at as u64, size);
        let mut changed = crate::publish::all_blocks();
        for version in 1..=versions {
            if version > 1 {
                changed = agent.step();
            }
            let blocks: Map<String, Value> =
                changed.iter().map(|block| ((*block).to_owned(), agent.config[*block].clone())).collect();
            let line = json!({
                "agent": name, "author": "Ana", "time": "2026-01-02T03:04:05.000Z", "message": "next",
                "blocks": blocks, "partial": version > 1,
            });
            writeln!(json, "{line}").expect("written");
            commit(&mut git, &name, None, &blocks);
        }
        last.push(agent);
    }
    json.flush().and_then(|()| git.flush()).expect("written");
    History { lines, stream, versions: agents * versions, last }
}

/// What the agents of a history are called.
pub(crate) fn name(at: usize) -> String {
    format!("agent-{at:06}")
}

/// Writes one version for `git fast-import`; without `from` it follows the last one of the same stream.
pub(crate) fn commit(to: &mut impl Write, branch: &str, from: Option<&str>, blocks: &Map<String, Value>) {
    let stamp = 1_767_323_045;
    let from = from.map_or_else(String::new, |from| format!("from {from}\n"));
    let head = format!(
        "commit refs/heads/{branch}\ncommitter Ana <ana@example.com> {stamp} +0000\ndata 4\nnext\n{from}"
    );
    to.write_all(head.as_bytes()).expect("written");
    for (block, value) in blocks {
        let body = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        write!(to, "M 100644 inline {block}\ndata {}\n{body}\n", body.len()).expect("written");
    }
}

fn import(lines: &Path, dir: &Path) -> Duration {
    std::fs::create_dir_all(dir).expect("a directory");
    let agents = stores::init(dir);
    let mut reader = BufReader::new(File::open(lines).expect("a history"));
    let start = Instant::now();
    let done =
        agents.import_history(&mut reader, &HistoryOptions::default(), &AtomicBool::new(false), &mut |_| ());
    done.map_err(|stop| stop.error).expect("imported");
    start.elapsed()
}

fn fast_import(stream: &Path, dir: &Path) -> Duration {
    let run = |command: &mut Command| assert!(command.status().expect("git runs").success(), "git failed");
    run(Command::new("git").args(["init", "-q", "--bare"]).arg(dir));
    let start = Instant::now();
    let input = File::open(stream).expect("a history");
    run(Command::new("git").arg("-C").arg(dir).args(["fast-import", "--quiet"]).stdin(Stdio::from(input)));
    start.elapsed()
}

/// Runs a task in a process of its own; returns the most memory that it had, in bytes.
fn peak_of(task: &str, lines: &Path, dir: &Path) -> u64 {
    let output = Command::new(std::env::current_exe().expect("a path"))
        .env(TASK, task)
        .args([lines, dir])
        .stderr(Stdio::inherit())
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{task} failed");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number of bytes")
}

/// Does the task that a parent process asked for, if one did, and says how much memory it took.
pub(crate) fn run_task() -> bool {
    let Ok(task) = std::env::var(TASK) else { return false };
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let (lines, dir) = (&paths[0], &paths[1]);
    match task.as_str() {
        "import" => drop(import(lines, dir)),
        "log" => {
            let agents = stores::open(dir);
            let query = LogQuery::default();
            let count = agents.log(&stores::handle("agent-000000"), query).expect("a log").count();
            assert!(count > 0, "an empty log");
        }
        _ => assert_eq!(stores::open(dir).fsck(&mut |_| ()).expect("examined").faults, []),
    }
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    let kilobytes: u64 = peak.and_then(|text| text.trim().parse().ok()).expect("a peak");
    table::bare(kilobytes * 1024);
    true
}
