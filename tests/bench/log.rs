//! Looking back: the whole log, the history of one block, what two versions differ in.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use recto::agent::LogQuery;

use crate::rivals::{git::Git, sqlite::Database};
use crate::stores;
use crate::table::{self, Target};
use crate::timing::{Scale, in_turn};
use crate::workload::{Evolving, RARE_BLOCK, Size};

/// Measures looking back.
pub(crate) fn run(dir: &Path, scale: Scale) {
    table::group(&format!("Looking back over one agent with {} versions", scale.versions));
    let agents = stores::init(dir);
    let profile = stores::generic();
    let name = stores::handle("support");
    let mut agent = Evolving::new(5, Size::Large);
    let mut database = Database::open(&dir.join("rival.sqlite"));
    database.durable(false);
    let git_dir = dir.join("rival.git");
    let git = Git::init(&git_dir, false);
    stores::create(&agents, &name, &profile, agent.value());
    database.publish("support", &agent.config, &crate::publish::all_blocks(), "first");
    git.publish("support", &agent.config, &crate::publish::all_blocks(), "first");
    let mut versions = Vec::new();
    for _ in 1..scale.versions {
        let changed = agent.step();
        versions.push(stores::publish(&agents, &name, &profile, &agent.value(), false).version);
        database.publish("support", &agent.config, &changed, "next");
        git.publish("support", &agent.config, &changed, "next");
    }
    crate::resolve::pack(&git_dir);
    run_git(&git_dir, &["commit-graph", "write", "--reachable", "--changed-paths"]);

    let log = |query: LogQuery| {
        let entries = agents.log(&name, query).expect("a log");
        entries.inspect(|entry| assert!(entry.is_ok(), "an operation")).count()
    };
    let [ours, sqlite, theirs] = in_turn(
        15,
        [
            &mut |_| assert_eq!(log(LogQuery::default()), scale.versions),
            &mut |_| assert_eq!(database.log("support"), scale.versions),
            &mut |_| drop(run_git(&git_dir, &["log", "--format=%H %an %at %s", "support"])),
        ],
    );
    table::times("log, all of it", ours.median(), "SQLite", sqlite.median(), Target::AtMost(1.0));
    table::times("log, all of it", ours.median(), "git log, a process", theirs.median(), Target::None);

    let path: recto::diff::path::Path = RARE_BLOCK.parse().expect("a path");
    let file = format!("{RARE_BLOCK}.json");
    let rare = || LogQuery { paths: vec![path.clone()], ..LogQuery::default() };
    let expected = log(rare());
    let [ours, sqlite, theirs] = in_turn(
        15,
        [
            &mut |_| assert_eq!(log(rare()), expected),
            &mut |_| assert_eq!(database.history("support", RARE_BLOCK), expected),
            &mut |_| drop(run_git(&git_dir, &["log", "--format=%H", "support", "--", &file])),
        ],
    );
    table::times("history of one rare block", ours.median(), "SQLite", sqlite.median(), Target::AtMost(1.0));
    table::times(
        "history of one rare block",
        ours.median(),
        "git, Bloom filters",
        theirs.median(),
        Target::None,
    );
    let [first] = in_turn(50, [&mut |_| drop(agents.log(&name, LogQuery::default()).expect("a log").next())]);
    table::alone("log, the newest operation", first.median(), Target::None);

    let pairs: Vec<_> = versions.windows(2).collect();
    let [ours] = in_turn(
        400,
        [&mut |at| {
            let pair = pairs[at % 20];
            let diff = agents.diff_commits(&pair[0], &pair[1]).expect("two versions");
            assert!(!diff.changes.is_empty());
        }],
    );
    let limit = Target::Within(Duration::from_micros(100));
    table::alone("diff of two versions, from their ids", ours.median(), limit);
    let configs: Vec<_> = versions[..20].iter().map(|id| agents.config(id).expect("a config")).collect();
    let [ours] = in_turn(400, [&mut |at| drop(agents.diff(&configs[at % 19], &configs[at % 19 + 1]))]);
    table::alone("diff of two configs in memory", ours.median(), limit);
}

fn run_git(repository: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("git")
        .args(["-C", &repository.display().to_string()])
        .args(arguments)
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git {arguments:?} failed");
    output.stdout
}
