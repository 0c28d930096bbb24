//! How far long work has come: a line on stderr, on a terminal, once it has taken a second.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::plain::plain_line;

/// How long work takes before it is worth a line.
const PATIENCE: Duration = Duration::from_secs(1);

/// How far long work has come. Removes its line when dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    enabled: bool,
    what: &'static str,
    total: Option<u64>,
    started: Instant,
    done: u64,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn new(enabled: bool, what: &'static str, total: Option<u64>) -> Self {
        Self { enabled, what, total, started: Instant::now(), done: 0, bar: None }
    }

    /// One more is done, or being worked on: `item` says which.
    pub(crate) fn step(&mut self, item: &str) {
        self.reach(self.done + 1, item);
    }

    /// So many are done.
    pub(crate) fn reach(&mut self, done: u64, item: &str) {
        self.reach_with(done, || item.to_owned());
    }

    /// So many are done; what is said of it is made only where it is shown.
    pub(super) fn reach_with(&mut self, done: u64, item: impl FnOnce() -> String) {
        self.done = done;
        if self.bar.is_none() && self.enabled && self.started.elapsed() >= PATIENCE {
            self.bar = Some(self.show());
        }
        if let Some(bar) = &self.bar {
            bar.set_message(plain_line(&item()).into_owned());
            bar.set_position(self.done);
        }
    }

    fn show(&self) -> ProgressBar {
        let template = match self.total {
            Some(_) => "{prefix} {bar:30} {pos}/{len} {msg}",
            None => "{spinner} {prefix} {pos} {msg}",
        };
        let style = ProgressStyle::with_template(template).expect("the templates are well-formed");
        let bar = ProgressBar::with_draw_target(self.total, ProgressDrawTarget::stderr());
        bar.set_style(style);
        bar.set_prefix(self.what);
        bar
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
