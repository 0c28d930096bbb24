//! The servers that are compared, each a process of its own.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::rival::RIVAL_VARIABLE;

/// How long a server may take to listen, and to end.
const START_MAX: Duration = Duration::from_secs(10);
const END_MAX: Duration = Duration::from_secs(5);

/// A server, ended with this.
pub(super) struct Process {
    pub(super) address: SocketAddr,
    child: Child,
    /// What it needs to be there.
    _other: Option<Box<Process>>,
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has processes of its own ends them.
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ended_already = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let until = Instant::now() + END_MAX;
        while Instant::now() < until && self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ended_already = self.child.kill();
        let _ended_already = self.child.wait();
    }
}

impl Process {
    /// `recto serve` on a store.
    pub(super) fn recto(dir: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_recto"));
        command.args(["-C"]).arg(dir).args(["serve", "--listen", "127.0.0.1:0"]).stderr(Stdio::null());
        let (child, line) = started(&mut command);
        let address = line.trim().strip_prefix("listening on http://").and_then(|text| text.parse().ok());
        Self { address: address.expect("an address"), child, _other: None }
    }

    /// nginx with the files of a directory, two workers as recto has two threads.
    pub(super) fn nginx(dir: &Path) -> Self {
        let (address, shown) = (free(), dir.display());
        let config = dir.join("nginx.conf");
        let text = format!(
            "daemon off; worker_processes 2; pid {shown}/nginx.pid; error_log {shown}/nginx.log;\n\
             events {{ worker_connections 4096; }}\n\
             http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;\n\
             types {{ application/json json; }}\n\
             server {{ listen {address}; root {shown}; }} }}\n"
        );
        std::fs::write(&config, text).expect("written");
        let mut command = Command::new("nginx");
        // The user that it changes to may not read the directory of somebody else.
        command.args(["-g", "user root;", "-c"]).arg(&config).stderr(Stdio::null());
        Self { address, child: listening(&mut command, address), _other: None }
    }

    /// A service that looks a document up.
    pub(super) fn rival(kind: &str, file: &Path, dir: &Path) -> Self {
        let redis = (kind == "redis").then(|| Box::new(Self::redis(dir)));
        let port = redis.as_ref().map_or(0, |redis| redis.address.port());
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.env(RIVAL_VARIABLE, format!("{kind}:{port}:{}", file.display()));
        let (child, line) = started(&mut command);
        Self { address: line.trim().parse().expect("an address"), child, _other: redis }
    }

    fn redis(dir: &Path) -> Self {
        let address = free();
        let mut command = Command::new("redis-server");
        command.args(["--save", "", "--port", &address.port().to_string(), "--dir"]).arg(dir);
        Self { address, child: listening(command.stdout(Stdio::null()), address), _other: None }
    }

    /// What it has in memory, in bytes.
    pub(super) fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its size");
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kilobytes * 1024
    }
}

/// An address that nobody listens on.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port")
}

/// A process, and its first line.
fn started(command: &mut Command) -> (Child, String) {
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut line = String::new();
    let out = child.stdout.take().expect("piped");
    BufReader::new(out).read_line(&mut line).expect("it says where it listens");
    (child, line)
}

/// A process that listens, as it was told, sooner or later.
fn listening(command: &mut Command, address: SocketAddr) -> Child {
    let child = command.spawn().expect("it is installed: 'apt-get install nginx redis-server'");
    let until = Instant::now() + START_MAX;
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < until, "nobody listens on {address}");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}
