//! What recto and git do alike, each through its own command line.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use recto::refs::RefName;
use serde_json::{Map, Value};

use crate::import::{self, History};
use crate::stores;

const RECTO: &str = env!("CARGO_BIN_EXE_recto");

/// How long a server may take to listen.
const START_MAX: Duration = Duration::from_secs(10);

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    Recto,
    Git,
}

/// A version to publish.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) agent: String,
    pub(crate) config: Map<String, Value>,
    pub(crate) changed: Vec<&'static str>,
}

/// A server process, ended with this.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    child: Option<Child>,
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ended_already = child.kill();
            let _ended_already = child.wait();
        }
    }
}

impl Tool {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Recto => "recto",
            Self::Git => "git",
        }
    }

    /// Makes the store that others are cloned from.
    pub(crate) fn make(self, history: &History, dir: &Path) {
        std::fs::create_dir_all(dir).expect("a directory");
        if self == Self::Recto {
            return history.store(dir);
        }
        history.repository(dir);
        run(git(dir).args(["symbolic-ref", "HEAD", &format!("refs/heads/{}", import::name(0))]));
        for set in [["http.receivepack", "true"], ["receive.autogc", "false"], ["gc.auto", "0"]] {
            run(git(dir).arg("config").args(set));
        }
    }

    /// Packs a store as its host would from time to time; whether the tool can.
    pub(crate) fn pack(self, dir: &Path) -> bool {
        match self {
            Self::Recto if !has_verb("gc") => return false,
            Self::Recto => run(recto(dir).arg("gc")),
            Self::Git => {
                crate::pack::repack(dir);
                run(git(dir).args(["pack-refs", "--all"]));
            }
        }
        true
    }

    /// The address of a store in a directory.
    pub(crate) fn path_url(self, dir: &Path) -> String {
        match self {
            Self::Recto => dir.display().to_string(),
            // Without a scheme, git links the files of a repository instead of sending anything.
            Self::Git => format!("file://{}", dir.display()),
        }
    }

    /// The address of the store in `dir` behind a port.
    pub(crate) fn http_url(self, port: u16, dir: &Path) -> String {
        match self {
            Self::Recto => format!("http://127.0.0.1:{port}"),
            Self::Git => {
                let name = dir.file_name().expect("a name").to_string_lossy().into_owned();
                format!("http://127.0.0.1:{port}/{name}")
            }
        }
    }

    /// Starts a server of the store in `dir`; `None` when the tool has none.
    pub(crate) fn serve(self, dir: &Path) -> Option<Server> {
        if self == Self::Git {
            let address = crate::rivals::http_backend::serve(dir.parent().expect("it is in a directory"));
            return Some(Server { address, child: None });
        }
        if !has_verb("serve") {
            return None;
        }
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let mut command = recto(dir);
        command.args(["serve", "--listen", &address.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Server { address, child: Some(command.spawn().expect("recto runs")) };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(start.elapsed() < START_MAX, "'recto serve' does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(server)
    }

    /// Clones a store, without any working files.
    pub(crate) fn clone_store(self, url: &str, dest: &Path) -> Command {
        let above = dest.parent().expect("it is in a directory");
        let mut command = match self {
            Self::Recto => recto(above),
            Self::Git => git(above),
        };
        command.arg("clone");
        if self == Self::Git {
            command.args(["-q", "--no-checkout"]);
        }
        command.arg(url).arg(dest);
        command
    }

    /// Pushes all that is new in a clone.
    pub(crate) fn push(self, clone: &Path) -> Command {
        match self {
            Self::Recto => words(recto(clone), &["push"]),
            Self::Git => words(git(clone), &["push", "-q", "origin", "refs/heads/*:refs/heads/*"]),
        }
    }

    /// Fetches all that is new to a clone.
    pub(crate) fn fetch(self, clone: &Path) -> Command {
        match self {
            Self::Recto => words(recto(clone), &["fetch"]),
            Self::Git => words(git(clone), &["fetch", "-q", "origin"]),
        }
    }

    /// Publishes versions in a store or a clone of one.
    pub(crate) fn publish(self, dir: &Path, steps: &[Step]) {
        if self == Self::Recto {
            let (agents, profile) = (stores::open(dir), stores::generic());
            for step in steps {
                let config = Value::Object(step.config.clone());
                stores::publish(&agents, &stores::handle(&step.agent), &profile, &config, false);
            }
            return;
        }
        let path = dir.with_extension("stream");
        let mut stream = BufWriter::new(File::create(&path).expect("a file"));
        let mut begun = std::collections::HashSet::new();
        for step in steps {
            let blocks = step.changed.iter().map(|name| ((*name).to_owned(), step.config[*name].clone()));
            let blocks: Map<String, Value> = blocks.collect();
            let from = begun.insert(&step.agent).then(|| tip(dir, &step.agent));
            import::commit(&mut stream, &step.agent, from.as_deref(), &blocks);
        }
        stream.flush().expect("written");
        let input = File::open(&path).expect("a stream");
        run(git(dir).args(["fast-import", "--quiet"]).stdin(Stdio::from(input)));
    }

    /// How many versions of an agent a store has, or knows to be at its origin.
    pub(crate) fn versions(self, dir: &Path, agent: &str, at_origin: bool) -> usize {
        if self == Self::Git {
            let place = if at_origin { "remotes/origin" } else { "heads" };
            let output = git(dir)
                .args(["rev-list", "--count", &format!("refs/{place}/{agent}")])
                .stdout(Stdio::piped())
                .output()
                .expect("git runs");
            return String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number");
        }
        let agents = stores::open(dir);
        let own = RefName::versions();
        let list =
            if at_origin { own.at_remote(&stores::handle("origin")).expect("it travels") } else { own };
        let backend = agents.repo().backend();
        backend.list(&stores::handle(agent), &list, 0, usize::MAX).expect("a list").len()
    }
}

/// Runs a command that must succeed.
pub(crate) fn run(command: &mut Command) {
    let output = command.stderr(Stdio::piped()).output().expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {told}");
}

/// The commit that an agent's next version follows in git: its branch, or in a new clone the remote's.
fn tip(dir: &Path, agent: &str) -> String {
    let own = format!("refs/heads/{agent}");
    let known = git(dir).args(["show-ref", "-q", "--verify", &own]).status().expect("git runs");
    if known.success() { format!("{own}^0") } else { format!("refs/remotes/origin/{agent}^0") }
}

fn words(mut command: Command, words: &[&str]) -> Command {
    command.args(words);
    command
}

fn recto(dir: &Path) -> Command {
    let mut command = Command::new(RECTO);
    command.current_dir(dir).env("RECTO_AUTHOR", "Ana <ana@example.com>");
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Git as it is without anybody's settings; what it does by itself after a command is left out.
fn git(dir: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(dir).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command.args(["-c", "gc.auto=0", "-c", "maintenance.auto=false"]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn has_verb(verb: &str) -> bool {
    let told = Command::new(RECTO).args(["help", verb]).output().expect("recto runs");
    told.status.success()
}
