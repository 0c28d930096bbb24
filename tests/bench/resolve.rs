//! The hot read: which config answers this call, warm, in this process.

use std::path::Path;

use recto::agent::Agents;
use recto::refs::{Handle, RefName, Target as RefTarget};

use crate::rivals::git::Git;
use crate::stores;
use crate::table::{self, Target};
use crate::timing::{Scale, in_turn};
use crate::workload::{Evolving, Size};

/// Rounds of each measurement; one is a few microseconds.
const ROUNDS: usize = 5_000;

/// Reads what serves: the ref from the store, the config of its version from memory.
pub(crate) fn serve(agents: &Agents, name: &Handle) -> usize {
    let state = agents.repo().backend().read_ref(name, &RefName::active()).expect("a ref");
    let id = state.and_then(|state| state.target).as_ref().and_then(RefTarget::id);
    agents.resolved(&id.expect("a version serves")).expect("resolved").len()
}

/// Measures resolving.
pub(crate) fn run(dir: &Path, _scale: Scale) {
    table::group("Resolve the config that serves, warm, in process");
    for (size, shown) in [(Size::Large, "68 kB"), (Size::Middle, "22 kB")] {
        let dir = dir.join(shown.replace(' ', "-"));
        std::fs::create_dir_all(&dir).expect("a directory");
        let agents = stores::init(&dir);
        let name = stores::handle("support");
        let config = Evolving::new(3, size);
        stores::create(&agents, &name, &stores::generic(), config.value());
        let merged = dir.join("merged.json");
        std::fs::write(&merged, serde_json::to_vec(&config.config).expect("JSON")).expect("written");
        let git = Git::init(&dir.join("rival.git"), false);
        git.publish("support", &config.config, &crate::publish::all_blocks(), "first");
        pack(&dir.join("rival.git"));
        let git_packed = Git::open(&dir.join("rival.git"));
        let [ours, file, libgit2] = in_turn(
            ROUNDS,
            [
                &mut |_| {
                    std::hint::black_box(serve(&agents, &name));
                },
                &mut |_| drop(std::hint::black_box(std::fs::read(&merged).expect("read"))),
                &mut |_| {
                    std::hint::black_box(git_packed.resolve("support"));
                },
            ],
        );
        let operation = format!("resolve ACTIVE {shown}");
        table::times(
            &operation,
            ours.median(),
            "read of one merged file",
            file.median(),
            Target::AtMost(2.0),
        );
        table::times(
            &operation,
            ours.median(),
            "libgit2, 13 packed blobs",
            libgit2.median(),
            Target::AtMost(0.1),
        );
    }
}

/// Packs a repository, as git keeps what is at rest.
pub(crate) fn pack(repository: &Path) {
    let status = std::process::Command::new("git")
        .args(["-C", &repository.display().to_string(), "gc", "-q"])
        .status()
        .expect("git runs");
    assert!(status.success(), "git gc failed");
}
