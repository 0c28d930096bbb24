//! The same through the command line: one process per command, as people and scripts use it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Map, Value};

use crate::stores;
use crate::table::{self, Target};
use crate::timing::{Samples, Scale};
use crate::workload::{Evolving, Size};

const RECTO: &str = env!("CARGO_BIN_EXE_recto");

/// Rounds of each measurement.
const ROUNDS: usize = 40;

/// Measures the command line.
pub(crate) fn run(dir: &Path, _scale: Scale) {
    table::group("Through the binary, config 68 kB");
    if !recto(dir, &["help", "publish"]).status.success() {
        table::remark("left out: this binary has no 'publish' yet");
        return;
    }
    let mut agent = Evolving::new(9, Size::Large);
    let agents = stores::init(dir);
    let name = stores::handle("support");
    stores::create(&agents, &name, &stores::generic(), agent.value());
    require(&recto(dir, &["draft", "new", "support@d"]));
    let git = work_tree(dir, &agent.config);
    let database = dir.join("rival.sqlite");
    shell(
        &database,
        "PRAGMA journal_mode=WAL; CREATE TABLE object (id TEXT PRIMARY KEY, body TEXT); CREATE TABLE ref (name TEXT PRIMARY KEY, target TEXT); CREATE TABLE log (seq INTEGER PRIMARY KEY, message TEXT, target TEXT);",
    );

    let [mut set, mut publish, mut added, mut sqlite]: [Samples; 4] = Default::default();
    for round in 0..ROUNDS {
        agent.edit("voice");
        let speed = format!("voice.pause_ms={}", agent.config["voice"]["pause_ms"]);
        require(&set.time(|| recto(dir, &["set", "support@d", &speed])));
        require(&publish.time(|| {
            recto(
                dir,
                &[
                    "publish",
                    "support@d",
                    "-m",
                    "next",
                    "--activate",
                    "--keep-draft",
                    "--override-check",
                    "bench",
                ],
            )
        }));
        let voice = agent.config["voice"].to_string();
        std::fs::write(git.join("voice.json"), &voice).expect("written");
        added.time(|| {
            run_git(&git, &["add", "-A"]);
            run_git(&git, &["commit", "-q", "-m", "next"]);
        });
        let script = format!(
            "PRAGMA synchronous=FULL; BEGIN IMMEDIATE; INSERT INTO object VALUES ('block{round}', '{voice}'), ('tree{round}', '{tree}'), ('commit{round}', 'x'); INSERT OR REPLACE INTO ref VALUES ('support', 'commit{round}'); INSERT INTO log (message, target) VALUES ('next', 'commit{round}'); COMMIT;",
            tree = "0".repeat(500)
        );
        sqlite.time(|| shell(&database, &script));
    }
    let ours = publish.median();
    table::times(
        "recto publish --activate",
        ours,
        "git add + git commit",
        added.median(),
        Target::AtMost(0.25),
    );
    table::times("recto publish --activate", ours, "sqlite3 shell", sqlite.median(), Target::AtMost(1.0));
    table::times("recto set", set.median(), "git add + git commit", added.median(), Target::None);

    let [mut cat, mut batch, mut version]: [Samples; 3] = Default::default();
    crate::resolve::pack(&git);
    let wanted: String =
        agent.config.keys().map(|name| format!("HEAD:{}\n", file_name(name, &agent.config[name]))).collect();
    for _ in 0..ROUNDS {
        require(&cat.time(|| recto(dir, &["cat", "support"])));
        batch.time(|| fed(Command::new("git").args(["cat-file", "--batch"]).current_dir(&git), &wanted));
        version.time(|| recto(dir, &["--version"]));
    }
    table::times("recto cat", cat.median(), "git cat-file --batch", batch.median(), Target::AtMost(0.5));
    table::alone("a process that only says its version", version.median(), Target::None);
}

fn recto(dir: &Path, arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(RECTO);
    command
        .args(arguments)
        .current_dir(dir)
        .env("RECTO_AUTHOR", "Ana <ana@example.com>")
        .stdin(Stdio::null());
    command.output().expect("recto runs")
}

fn require(output: &std::process::Output) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "recto failed: {told}");
}

fn file_name(name: &str, value: &Value) -> String {
    format!("{name}.{}", if value.is_string() { "md" } else { "json" })
}

/// A git repository with one file per block, committed once.
fn work_tree(dir: &Path, config: &Map<String, Value>) -> PathBuf {
    let tree = dir.join("rival");
    std::fs::create_dir_all(&tree).expect("a directory");
    run_git(&tree, &["init", "-q"]);
    run_git(&tree, &["config", "user.name", "Ana"]);
    run_git(&tree, &["config", "user.email", "ana@example.com"]);
    for (name, value) in config {
        let body = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        std::fs::write(tree.join(file_name(name, value)), body).expect("written");
    }
    run_git(&tree, &["add", "-A"]);
    run_git(&tree, &["commit", "-q", "-m", "first"]);
    tree
}

fn run_git(dir: &Path, arguments: &[&str]) {
    let status = Command::new("git").args(arguments).current_dir(dir).status().expect("git runs");
    assert!(status.success(), "git {arguments:?} failed");
}

fn shell(database: &Path, script: &str) {
    fed(Command::new("sqlite3").arg(database), script);
}

/// Runs a command with that input and reads all that it says.
fn fed(command: &mut Command, input: &str) {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the rival is installed");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("it runs");
    assert!(output.status.success(), "a rival failed");
}
