//! How far what travels between two stores has come: agents, bytes and objects, on one line of progress.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Progress;

/// Agents, bytes and objects on their way.
#[derive(Debug)]
pub(crate) struct Traffic(Mutex<State>);

#[derive(Debug)]
struct State {
    progress: Progress,
    agents: u64,
    item: String,
    bytes: u64,
    objects: u64,
}

impl Traffic {
    /// Nothing yet, shown as that progress.
    pub(crate) fn new(progress: Progress) -> Self {
        Self(Mutex::new(State { progress, agents: 0, item: String::new(), bytes: 0, objects: 0 }))
    }

    /// One more agent is done.
    pub(crate) fn agent(&self, name: &str) {
        let mut state = self.state();
        state.agents += 1;
        name.clone_into(&mut state.item);
        state.show();
    }

    /// So many more bytes and objects have travelled.
    pub(crate) fn moved(&self, bytes: u64, objects: u64) {
        let mut state = self.state();
        state.bytes += bytes;
        state.objects += objects;
        state.show();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn show(&mut self) {
        let Self { progress, agents, item, bytes, objects } = self;
        progress.reach_with(*agents, || words(item, *bytes, *objects));
    }
}

/// What the line says besides how many agents are done.
fn words(item: &str, bytes: u64, objects: u64) -> String {
    let size = indicatif::HumanBytes(bytes);
    let travelled = format!("{size}, {objects} {}", if objects == 1 { "object" } else { "objects" });
    if item.is_empty() { travelled } else { format!("{item}, {travelled}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_travelled_is_added_up_and_said_beside_the_agent() {
        let traffic = Traffic::new(Progress::new(false, "cloning", Some(2)));
        traffic.moved(1024, 1);
        traffic.agent("support");
        traffic.moved(512, 2);
        let state = traffic.state();
        assert_eq!((state.agents, state.bytes, state.objects), (1, 1536, 3));
        assert_eq!(words(&state.item, state.bytes, state.objects), "support, 1.50 KiB, 3 objects");
        assert_eq!(words("", 0, 1), "0 B, 1 object");
    }
}
