//! A durable publish in this process: how long it takes, how often it flushes, how it scales with
//! writers.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::disk::CountingDisk;
use crate::rivals::{git::Git, sqlite::Database};
use crate::stores;
use crate::table::{self, Target};
use crate::timing::{Scale, in_turn};
use crate::workload::{BLOCKS, Evolving, Size};

/// The blocks of a first version.
pub(crate) fn all_blocks() -> Vec<&'static str> {
    BLOCKS.iter().map(|(name, _)| *name).collect()
}

/// Measures publishing.
pub(crate) fn run(dir: &Path, scale: Scale) {
    table::group("Durable publish in process, 1 of 13 blocks changed");
    one_writer(&dir.join("large"), scale.publishes, Size::Large, "68 kB");
    one_writer(&dir.join("middle"), scale.publishes, Size::Middle, "22 kB");
    for writers in [1, 4, 16] {
        many_writers(&dir.join(format!("writers-{writers}")), scale.publishes, writers);
    }
}

fn one_writer(dir: &Path, publishes: usize, size: Size, shown: &str) {
    std::fs::create_dir_all(dir).expect("a directory");
    let disk = Arc::new(CountingDisk::default());
    let agents = stores::init_on(disk.clone(), dir);
    let profile = stores::generic();
    let name = stores::handle("support");
    let first = Evolving::new(1, size);
    stores::create(&agents, &name, &profile, first.value());
    let mut database = Database::open(&dir.join("rival.sqlite"));
    database.publish("support", &first.config, &all_blocks(), "first");
    let git = Git::init(&dir.join("rival.git"), true);
    git.publish("support", &first.config, &all_blocks(), "first");

    // The same edits for all, prepared outside the measured time.
    let versions: Vec<_> = (0..publishes * 2)
        .scan(first, |agent, at| {
            let block = ["prompt", "voice", "tools", "llm", "workflow"][at % 5];
            agent.edit(block);
            Some((agent.value(), block))
        })
        .collect();
    let (plain, activated) = versions.split_at(publishes);
    let config = |value: &serde_json::Value| value.as_object().expect("a config").clone();
    let configs: Vec<_> = plain.iter().map(|(value, _)| config(value)).collect();
    let [recto, sqlite, libgit2] = in_turn(
        publishes,
        [
            &mut |at| drop(stores::publish(&agents, &name, &profile, &plain[at].0, false)),
            &mut |at| database.publish("support", &configs[at], &[plain[at].1], "next"),
            &mut |at| git.publish("support", &configs[at], &[plain[at].1], "next"),
        ],
    );
    for (percent, label) in [(50, "p50"), (99, "p99")] {
        let target = |most| if percent == 50 { Target::AtMost(most) } else { Target::None };
        let ours = recto.percentile(percent);
        let operation = format!("publish {shown} {label}");
        table::times(&operation, ours, "SQLite WAL FULL", sqlite.percentile(percent), target(2.0));
        table::times(&operation, ours, "libgit2 with fsync", libgit2.percentile(percent), target(0.34));
    }
    let [ours] = in_turn(
        publishes,
        [&mut |at| drop(stores::publish(&agents, &name, &profile, &activated[at].0, true))],
    );
    let operation = format!("publish and activate {shown} p50");
    table::times(&operation, ours.median(), "SQLite WAL FULL", sqlite.median(), Target::None);

    // Most publishes flush once; now and then one starts the journal anew as well.
    let mut agent = Evolving::new(1, size);
    let mut counts: Vec<u64> = (0..51)
        .map(|at| {
            agent.edit(["voice", "llm", "timeouts"][at % 3]);
            let before = disk.flushes();
            stores::publish(&agents, &name, &profile, &agent.value(), at % 2 == 0);
            disk.flushes() - before
        })
        .collect();
    counts.sort_unstable();
    table::count(&format!("flushes of a publish {shown}, median of 51"), counts[25], Target::Exactly(1));
}

fn many_writers(dir: &Path, publishes: usize, writers: usize) {
    std::fs::create_dir_all(dir).expect("a directory");
    let agents = stores::init(dir);
    let profile = stores::generic();
    let each = (publishes / writers).max(20);
    let work: Vec<_> = (0..writers)
        .map(|writer| {
            let mut agent = Evolving::new(writer as u64, Size::Middle);
            let name = format!("agent-{writer}");
            stores::create(&agents, &stores::handle(&name), &profile, agent.value());
            let first = agent.config.clone();
            let versions: Vec<_> = (0..each)
                .map(|at| {
                    let block = ["voice", "prompt", "llm"][at % 3];
                    agent.edit(block);
                    (agent.value(), block)
                })
                .collect();
            (name, first, versions)
        })
        .collect();
    let database = dir.join("rival.sqlite");
    Database::open(&database);
    let rate = |start: Instant| (each * writers) as f64 / start.elapsed().as_secs_f64();
    let mut rates = Vec::new();
    // Two rounds over the two halves of the versions, so that both meet the same disturbances.
    for half in 0..2 {
        let part = |at: usize| at % 2 == half;
        let start = Instant::now();
        std::thread::scope(|scope| {
            for (name, _, versions) in &work {
                let (agents, profile) = (&agents, &profile);
                scope.spawn(move || {
                    let name = stores::handle(name);
                    for (_, (value, _)) in versions.iter().enumerate().filter(|(at, _)| part(*at)) {
                        stores::publish(agents, &name, profile, value, false);
                    }
                });
            }
        });
        let ours = rate(start) / 2.0;
        let start = Instant::now();
        std::thread::scope(|scope| {
            for (name, first, versions) in &work {
                let database = &database;
                scope.spawn(move || {
                    let mut database = Database::open(database);
                    if half == 0 {
                        database.publish(name, first, &all_blocks(), "first");
                    }
                    for (_, (value, block)) in versions.iter().enumerate().filter(|(at, _)| part(*at)) {
                        database.publish(name, value.as_object().expect("a config"), &[block], "next");
                    }
                });
            }
        });
        rates.push((ours, rate(start) / 2.0));
    }
    let best = |of: fn(&(f64, f64)) -> f64| rates.iter().map(of).fold(0.0, f64::max);
    let target = if writers == 1 { Target::None } else { Target::AtLeast(1.0) };
    let operation = format!("publishes, {writers} writers on as many agents");
    table::rates(&operation, best(|r| r.0), "SQLite WAL FULL", best(|r| r.1), target);
}
