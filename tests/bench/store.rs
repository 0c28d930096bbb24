//! Measures recto beside the stores that teams use today, each doing the same durable work in the
//! same run: `cargo bench --features rivals`. docs/benchmarks.md says how to read the table.
//! Words after `--` select groups by name.

#![allow(clippy::cast_precision_loss, reason = "figures are shown with a few digits")]

mod binary;
mod crowd;
mod disk;
mod import;
mod log;
mod pack;
mod parts;
mod publish;
mod resolve;
mod rivals;
mod serve;
mod stores;
mod sync;
mod table;
mod timing;
mod workload;

use std::path::Path;

use timing::Scale;

type Group = (&'static str, fn(&Path, Scale));

const GROUPS: [Group; 11] = [
    ("publish", publish::run),
    ("parts", parts::run),
    ("resolve", resolve::run),
    ("log", log::run),
    ("binary", binary::run),
    ("pack", pack::run),
    ("import", import::run),
    ("crowd", crowd::run),
    ("sync", sync::run),
    ("serve", serve::run),
    ("mixed", serve::mixed),
];

fn main() {
    if serve::run_rival() || import::run_task() {
        return;
    }
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let scale = Scale::from_env();
    for (name, run) in GROUPS {
        if !wanted.is_empty() && !wanted.iter().any(|word| name.contains(word.as_str())) {
            continue;
        }
        // Beside the build, not in /tmp: that may be no disk at all.
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        run(dir.path(), scale);
    }
}
