//! Where data goes: straight to stdout, or through a pager once it is longer than the screen.

use std::io::{self, BufWriter, Stdout, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Bytes on their way to a reader.
#[derive(Debug)]
pub(super) struct Sink {
    state: State,
    paging: Option<Paging>,
}

/// With what, and from how many lines on, output is paged.
#[derive(Debug, Clone)]
pub(super) struct Paging {
    /// A command line for the shell.
    pub(super) command: String,
    /// Lines of the screen.
    pub(super) rows: usize,
}

#[derive(Debug)]
enum State {
    /// Not yet long enough to decide.
    Held {
        bytes: Vec<u8>,
        lines: usize,
    },
    Direct(BufWriter<Stdout>),
    Paged(Child),
}

impl Sink {
    pub(super) fn new(paging: Option<Paging>) -> Self {
        let state = match &paging {
            Some(_) => State::Held { bytes: Vec::new(), lines: 0 },
            None => State::Direct(BufWriter::new(io::stdout())),
        };
        Self { state, paging }
    }

    /// Whether a pager has the screen, so that nothing else may write to it.
    pub(super) fn is_paged(&self) -> bool {
        matches!(self.state, State::Paged(_))
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.state {
            State::Direct(out) => out.write_all(bytes),
            State::Paged(child) => match &mut child.stdin {
                Some(stdin) => stdin.write_all(bytes),
                None => Err(io::ErrorKind::BrokenPipe.into()),
            },
            State::Held { bytes: held, lines } => {
                held.extend_from_slice(bytes);
                *lines += memchr::memchr_iter(b'\n', bytes).count();
                let rows = self.paging.as_ref().map_or(0, |paging| paging.rows);
                if *lines < rows { Ok(()) } else { self.start_paging() }
            }
        }
    }

    fn start_paging(&mut self) -> io::Result<()> {
        let Some(paging) = self.paging.clone() else { return self.release() };
        // The pager answers the interrupt key; recto must outlive it to restore the screen.
        let ignored = Arc::new(AtomicBool::new(false));
        let spawned = signal_hook::flag::register(signal_hook::consts::SIGINT, ignored)
            .and_then(|_| Command::new("sh").arg("-c").arg(&paging.command).stdin(Stdio::piped()).spawn());
        let Ok(child) = spawned else { return self.release() };
        match std::mem::replace(&mut self.state, State::Paged(child)) {
            State::Held { bytes, .. } => self.write(&bytes),
            State::Direct(_) | State::Paged(_) => Ok(()),
        }
    }

    /// Sends what was held back to stdout: from now on the order with stderr is kept.
    pub(super) fn release(&mut self) -> io::Result<()> {
        if let State::Held { bytes, .. } = &mut self.state {
            let bytes = std::mem::take(bytes);
            self.state = State::Direct(BufWriter::new(io::stdout()));
            self.write(&bytes)?;
        }
        match &mut self.state {
            State::Direct(out) => out.flush(),
            State::Held { .. } | State::Paged(_) => Ok(()),
        }
    }

    /// Sends on what nothing holds back.
    pub(super) fn pass_on(&mut self) -> io::Result<()> {
        match &mut self.state {
            State::Direct(out) => out.flush(),
            State::Held { .. } | State::Paged(_) => Ok(()),
        }
    }

    /// Sends everything, and waits until a pager is left.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        if let State::Paged(child) = &mut self.state {
            drop(child.stdin.take());
            child.wait()?;
            return Ok(());
        }
        self.release()
    }
}
