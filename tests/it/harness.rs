//! A directory of its own for each test, and the binary run in it with everything fixed that a run
//! depends on: home, time, author, zone, colours.

use std::cell::Cell;
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::schema;

/// When the first command of a test runs: 2026-03-07T14:00:00Z. Each later one runs a minute after.
const START_MINUTES: u32 = 14 * 60;

/// A directory to run recto in.
pub(crate) struct Place {
    dir: TempDir,
    commands: Cell<u32>,
}

/// What a run of recto left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: i32,
    /// The command, for messages.
    pub(crate) command: String,
}

impl Place {
    /// An empty directory.
    pub(crate) fn empty() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir_all(dir.path().join("home")).expect("a home");
        fs::create_dir_all(dir.path().join("here")).expect("a directory to work in");
        Self { dir, commands: Cell::new(0) }
    }

    /// A directory with a store.
    pub(crate) fn with_store() -> Self {
        let place = Self::empty();
        place.recto(["init"]).ok();
        place
    }

    /// A path in the directory that recto runs in.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join("here").join(name)
    }

    /// A path in the user's home.
    pub(crate) fn home(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join("home").join(name)
    }

    /// Writes a file, and the directories above it.
    pub(crate) fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("it can be made");
        fs::write(&path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Reads a file.
    pub(crate) fn read(&self, name: impl AsRef<Path>) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// A file, to be read by a program.
    pub(crate) fn open(&self, name: impl AsRef<Path>) -> fs::File {
        fs::File::open(self.path(name)).expect("it is there")
    }

    /// The command with these arguments, ready to run; the test may still change it.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let count = self.commands.get();
        self.commands.set(count + 1);
        let minutes = START_MINUTES + count;
        let time = format!("2026-03-07T{:02}:{:02}:00Z", minutes / 60, minutes % 60);
        let mut command = Command::new(env!("CARGO_BIN_EXE_recto"));
        command
            .args(args)
            .current_dir(self.path(""))
            .env_clear()
            .env("HOME", self.home(""))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("RECTO_AUTHOR", "Asha Rao <asha@example.com>")
            .env("RECTO_TIME", time)
            .env("TZ", "UTC")
            .stdin(Stdio::null());
        command
    }

    /// Runs recto with these arguments.
    pub(crate) fn recto<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Run {
        self.run(&mut self.command(args))
    }

    /// Runs recto with these arguments and this on stdin.
    pub(crate) fn recto_with<A: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = A>,
        stdin: impl AsRef<[u8]>,
    ) -> Run {
        let mut command = self.command(args);
        let words = words(&command);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut pipe = child.stdin.take().expect("it is piped");
        // A command that refuses its arguments does not read stdin.
        let _ = pipe.write_all(stdin.as_ref());
        drop(pipe);
        let output = child.wait_with_output().expect("it ends");
        self.seen(words, &output)
    }

    /// Runs a command made by [`Self::command`].
    pub(crate) fn run(&self, command: &mut Command) -> Run {
        let output = command.output().expect("the binary runs");
        self.seen(words(command), &output)
    }

    fn seen(&self, command: String, output: &Output) -> Run {
        // The directory has another name in each run.
        let root = fs::canonicalize(self.dir.path()).expect("it is there");
        let text = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec()).expect("output is UTF-8");
            text.replace(&root.display().to_string(), "")
        };
        Run {
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            code: output.status.code().unwrap_or(-1),
            command,
        }
    }
}

fn words(command: &Command) -> String {
    let args: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy().into_owned()).collect();
    format!("recto {}", args.join(" "))
}

impl Run {
    /// Demands that it was done, and returns what it printed.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        self.exits(0).stdout
    }

    /// Demands an exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}{}", self.command, self.stdout, self.stderr);
        self
    }

    /// Demands JSON on stdout that keeps the schema `docs/reference/json/<name>.json`.
    #[track_caller]
    pub(crate) fn json(&self, name: &str) -> Value {
        schema::read(name, &self.stdout, &self.command)
    }

    /// Demands one JSON object a line on stdout, each keeping the schema.
    #[track_caller]
    pub(crate) fn json_lines(&self, name: &str) -> Vec<Value> {
        schema::read_lines(name, &self.stdout, &self.command)
    }

    /// Demands a failure with this exit code, told as JSON on stderr with nothing on stdout.
    #[track_caller]
    pub(crate) fn json_error(&self, code: i32) -> Value {
        assert_eq!((self.code, self.stdout.as_str()), (code, ""), "{}\n{}", self.command, self.stderr);
        schema::read("error", &self.stderr, &self.command)
    }
}
