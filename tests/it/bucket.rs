//! Stores in a bucket, on a real S3 server: a life, writers that race in many processes, and a server that
//! is killed in the middle of writes. The server is MiniStack, which `tests/run.sh` installs; without it these
//! tests fail. `RECTO_TEST_S3` names its program where it lies elsewhere.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::harness::{Place, Run};

pub(crate) const STORE: &str = "s3://agents/team/prod";
/// How long the server may take to answer.
const START_MAX: Duration = Duration::from_mins(1);

/// A server of its own for a test.
pub(crate) struct Server {
    data: TempDir,
    port: u16,
    child: Child,
}

impl Server {
    pub(crate) fn start() -> Self {
        let data = tempfile::tempdir().expect("a temporary directory");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        drop(listener);
        let child = spawn(&data, port);
        let server = Self { data, port, child };
        server.wait();
        assert!(server.ask("PUT /agents").contains(" 200 "), "the bucket is made");
        server
    }

    fn ask(&self, request: &str) -> String {
        let ask = || {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            let host = format!("127.0.0.1:{}", self.port);
            write!(
                stream,
                "{request} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok::<_, std::io::Error>(answer)
        };
        ask().unwrap_or_default()
    }

    fn wait(&self) {
        let start = Instant::now();
        while !self.ask("GET /").starts_with("HTTP/1.1") {
            assert!(start.elapsed() < START_MAX, "the S3 server does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Kills it as a loss of power would, and starts it again on the same data.
    pub(crate) fn kill_and_restart(&mut self, down: Duration) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ended");
        std::thread::sleep(down);
        self.child = spawn(&self.data, self.port);
        self.wait();
    }

    /// A command on the store.
    pub(crate) fn command(&self, place: &Place, args: &[&str]) -> Command {
        let mut command = place.command(["--store", STORE].iter().chain(args));
        self.reached_by(&mut command);
        command
    }

    /// Tells a command how the service is reached, and lets its clock go on.
    pub(crate) fn reached_by(&self, command: &mut Command) {
        command
            .env_remove("RECTO_TIME")
            .env("AWS_ENDPOINT", format!("http://127.0.0.1:{}", self.port))
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE12345")
            .env("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMIexamplesecret");
    }

    pub(crate) fn run(&self, place: &Place, args: &[&str]) -> Run {
        place.run(&mut self.command(place, args))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> PathBuf {
    let named = std::env::var_os("RECTO_TEST_S3").map(PathBuf::from);
    let program = named
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/ministack/bin/ministack"));
    assert!(program.exists(), "no S3 server in '{}': tests/run.sh installs it", program.display());
    program
}

fn spawn(data: &TempDir, port: u16) -> Child {
    let port = port.to_string();
    Command::new(program())
        .env_remove("DOCKER_HOST")
        .env("GATEWAY_PORT", &port)
        .env("EDGE_PORT", &port)
        .env("BIND_HOST", "127.0.0.1")
        .env("SERVICES", "s3")
        .env("S3_PERSIST", "1")
        .env("S3_DATA_DIR", data.path())
        .current_dir(data.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the server runs")
}

/// The names in the first column of a list.
pub(crate) fn names(list: &str) -> Vec<String> {
    list.lines().skip(1).filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// Two machines make an agent of a store that one of them just made, and let a version serve.
pub(crate) fn a_life_begins(run: impl Fn(&Place, &[&str]) -> Run, here: &Place, there: &Place) {
    let again = run(there, &["init"]);
    assert!(again.code == 1 && again.stderr.contains("is a recto store already"), "{again:?}");
    run(here, &["agent", "new", "support", "--profile", "generic"]).ok();
    run(there, &["draft", "new", "support@tone"]).ok();
    run(here, &["set", "support@tone", "prompt=Hello"]).ok();
    run(there, &["publish", "support@tone", "-m", "greets", "--activate"]).ok();
    assert!(run(here, &["cat", "support"]).ok().contains("Hello"));
}

#[test]
fn a_life_in_a_bucket_is_seen_by_every_machine() {
    let server = Server::start();
    let (here, there) = (Place::empty(), Place::empty());
    assert_eq!(server.run(&here, &["agent", "list"]).code, 1, "there is no store yet");
    server.run(&here, &["init", "--dry-run"]).ok();
    server.run(&here, &["init"]).ok();
    a_life_begins(|place, words| server.run(place, words), &here, &there);
    server.run(&here, &["agent", "rename", "support", "helper"]).ok();
    assert!(server.run(&there, &["cat", "support"]).ok().contains("Hello"));
    assert_eq!(names(&server.run(&there, &["agent", "list"]).ok()), ["helper"]);
    assert!(server.run(&there, &["log", "helper"]).ok().contains("published V2 'greets'"));
    server.run(&there, &["fsck"]).ok();
    // Settings belong to a machine: one might name a program to run.
    server.run(&here, &["config", "user.name", "Ana"]).ok();
    assert!(!server.run(&there, &["config"]).ok().contains("Ana"));
}

#[test]
fn what_is_wrong_is_said_without_the_credentials() {
    let server = Server::start();
    let place = Place::empty();
    for (store, expected) in [
        ("s3://AKIAEXAMPLE12345:wJalrXUtnFEMIexamplesecret@agents/x", "credentials do not belong"),
        ("s3://agents/nothing", "is not a recto store"),
        ("s3://no-such-bucket/x", "there is no such bucket"),
        ("s3://agents/../x", "its prefix has"),
    ] {
        let mut command = server.command(&place, &["agent", "list"]);
        let run = place.run(command.env("RECTO_STORE", store).args(["--store", store]));
        assert!(run.code != 0 && run.stderr.contains(expected), "{store}: {run:?}");
        for secret in ["AKIAEXAMPLE12345", "wJalrXUtnFEMI"] {
            assert!(!run.stderr.contains(secret) && !run.stdout.contains(secret), "{run:?}");
        }
    }
    let mut command = server.command(&place, &["init"]);
    let run = place.run(command.env("AWS_ENDPOINT", "http://127.0.0.1:1"));
    assert!(run.code == 1 && run.stderr.contains("AWS_ENDPOINT"), "{run:?}");
}

#[test]
fn many_processes_race_and_each_operation_happens_once() {
    const WRITERS: usize = 8;
    let server = Server::start();
    let place = Place::empty();
    server.run(&place, &["init"]).ok();
    server.run(&place, &["agent", "new", "support", "--profile", "generic"]).ok();
    let race = |args: &(dyn Fn(usize) -> Vec<String> + Sync)| -> Vec<i32> {
        let children: Vec<Child> = (0..WRITERS)
            .map(|writer| {
                let args = args(writer);
                let args: Vec<&str> = args.iter().map(String::as_str).collect();
                let mut command = server.command(&place, &args);
                command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary runs")
            })
            .collect();
        let ended = children.into_iter().map(|mut child| child.wait().expect("it ends"));
        ended.map(|status| status.code().expect("it was not killed")).collect()
    };
    let words = |text: String| text.split(' ').map(str::to_owned).collect::<Vec<String>>();
    let made = race(&|_| words("agent new same --profile generic".to_owned()));
    assert_eq!(made.iter().filter(|code| **code == 0).count(), 1, "{made:?}");
    let forked = race(&|writer| words(format!("draft new support@w{writer}")));
    assert_eq!(forked, [0; WRITERS]);
    let edited = race(&|writer| words(format!("set support@w{writer} prompt={writer}")));
    assert_eq!(edited, [0; WRITERS]);
    let published = race(&|writer| words(format!("publish support@w{writer} -m by-{writer} --anyway")));
    let ok = published.iter().filter(|code| **code == 0).count();
    let listed = server.run(&place, &["version", "list", "support"]).ok();
    assert_eq!(names(&listed).len(), 1 + ok, "{published:?} {listed:?}");
    for (writer, _) in published.iter().enumerate().filter(|(_, code)| **code == 0) {
        assert_eq!(listed.matches(&format!("by-{writer}")).count(), 1, "{listed:?}");
    }
    server.run(&place, &["fsck"]).ok();
}

#[test]
fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let mut server = Server::start();
    let place = Place::empty();
    server.run(&place, &["init"]).ok();
    let over = AtomicBool::new(false);
    let acknowledged: Vec<String> = std::thread::scope(|scope| {
        let commands: Vec<Vec<(String, Command)>> = (0..3)
            .map(|writer| {
                let name = |number| format!("agent-{writer}-{number}");
                let new = |number| {
                    let args = ["agent", "new", &name(number), "--profile", "generic"].map(str::to_owned);
                    let args: Vec<&str> = args.iter().map(String::as_str).collect();
                    (name(number), server.command(&place, &args))
                };
                (0..400).map(new).collect()
            })
            .collect();
        let over = &over;
        let writers: Vec<_> = commands
            .into_iter()
            .map(|commands| {
                scope.spawn(move || {
                    let mut done = Vec::new();
                    for (name, mut command) in commands {
                        if over.load(Ordering::Relaxed) {
                            break;
                        }
                        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
                        done.extend(status.expect("the binary runs").success().then_some(name));
                    }
                    done
                })
            })
            .collect();
        for round in 0..4 {
            std::thread::sleep(Duration::from_millis(700 + 130 * round));
            server.kill_and_restart(Duration::from_millis(100 * round));
        }
        std::thread::sleep(Duration::from_millis(500));
        over.store(true, Ordering::Relaxed);
        writers.into_iter().flat_map(|writer| writer.join().expect("it ended")).collect()
    });
    assert!(acknowledged.len() > 10, "{acknowledged:?}");
    let listed = names(&server.run(&place, &["agent", "list"]).ok());
    let lost: Vec<_> = acknowledged.iter().filter(|name| !listed.contains(name)).collect();
    assert!(lost.is_empty(), "{lost:?} of {}", acknowledged.len());
    server.run(&place, &["fsck"]).ok();
}
