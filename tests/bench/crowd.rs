//! One agent among very many costs what it costs among ten.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use recto::agent::{Agents, HistoryOptions};
use serde_json::json;

use crate::stores;
use crate::table::{self, Target};
use crate::timing::{Scale, in_turn};
use crate::workload::{Evolving, Size};

/// Rounds of each measurement.
const ROUNDS: usize = 100;

/// Measures one agent among few and among many.
pub(crate) fn run(dir: &Path, scale: Scale) {
    table::group(&format!("One agent among {} and among 10", scale.crowd));
    let few = crowd(&dir.join("few"), 10);
    let many = crowd(&dir.join("many"), scale.crowd);
    let profile = stores::generic();
    let config = Evolving::new(1, Size::Middle).value();
    let create = |agents: &Agents, at: usize| {
        stores::create(agents, &stores::handle(&format!("new-{at}")), &profile, config.clone());
    };
    let [among_few, among_many] = in_turn(ROUNDS, [&mut |at| create(&few, at), &mut |at| create(&many, at)]);
    table::times("create", among_many.median(), "among 10", among_few.median(), Target::AtMost(1.3));

    let mut agent = Evolving::new(1, Size::Middle);
    let versions: Vec<_> = (0..ROUNDS)
        .map(|_| {
            agent.edit("voice");
            agent.value()
        })
        .collect();
    let name = stores::handle("new-0");
    let publish =
        |agents: &Agents, at: usize| drop(stores::publish(agents, &name, &profile, &versions[at], true));
    let [among_few, among_many] =
        in_turn(ROUNDS, [&mut |at| publish(&few, at), &mut |at| publish(&many, at)]);
    table::times(
        "publish and activate",
        among_many.median(),
        "among 10",
        among_few.median(),
        Target::AtMost(1.3),
    );

    let resolve = |agents: &Agents| {
        std::hint::black_box(crate::resolve::serve(agents, &name));
    };
    let [among_few, among_many] = in_turn(2000, [&mut |_| resolve(&few), &mut |_| resolve(&many)]);
    table::times("resolve", among_many.median(), "among 10", among_few.median(), Target::AtMost(1.3));
}

/// A store with that many tiny agents.
fn crowd(dir: &Path, count: usize) -> Agents {
    std::fs::create_dir_all(dir).expect("a directory");
    let path = dir.join("history.jsonl");
    let mut lines = BufWriter::new(File::create(&path).expect("a file"));
    let mut config = Evolving::new(2, Size::Tiny);
    for at in 0..count {
        config.edit("voice");
        let line = json!({
            "agent": format!("agent-{at:06}"), "author": "Ana", "time": "2026-01-02T03:04:05.000Z",
            "message": "first", "blocks": config.config,
        });
        writeln!(lines, "{line}").expect("written");
    }
    lines.flush().expect("written");
    let agents = stores::init(dir);
    let mut reader = BufReader::new(File::open(&path).expect("a history"));
    let done =
        agents.import_history(&mut reader, &HistoryOptions::default(), &AtomicBool::new(false), &mut |_| ());
    done.map_err(|stop| stop.error).expect("imported");
    agents
}
