//! What answers calls over HTTP, beside what a team would put there instead: nginx with the config as a file,
//! and services that look the document up in SQLite or Redis. All asked by wrk, in turn.

mod mixed;
mod process;
mod rival;
mod wrk;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use process::Process;
use wrk::Load;

use crate::stores;
use crate::table::{self, Target};
use crate::timing::Scale;
use crate::workload::{Evolving, Size};

pub(crate) use rival::run_rival;

/// Rounds of each contestant.
const ROUNDS: usize = 3;
/// Connections that are open at once.
const CONNECTIONS: usize = 32;
/// Connections that do nothing.
const IDLE: usize = 1_000;

/// Measures serving.
pub(crate) fn run(dir: &Path, _scale: Scale) {
    let full = std::env::var_os("RECTO_BENCH_FULL").is_some();
    let seconds = if full { 10 } else { 3 };
    table::group("Answer calls over HTTP: 32 connections, wrk");
    for (size, shown) in [(Size::Large, "68 kB"), (Size::Middle, "22 kB")] {
        let dir = dir.join(shown.replace(' ', "-"));
        std::fs::create_dir_all(&dir).expect("a directory");
        hot(&dir, size, shown, seconds);
    }
}

/// Measures a mixed load over a while.
pub(crate) fn mixed(dir: &Path, _scale: Scale) {
    let full = std::env::var_os("RECTO_BENCH_FULL").is_some();
    mixed::run(&dir.join("mixed"), if full { 600 } else { 15 });
}

/// What serves, from memory, beside the rivals.
fn hot(dir: &Path, size: Size, shown: &str, seconds: usize) {
    let agents = stores::init(dir);
    let name = stores::handle("support");
    stores::create(&agents, &name, &stores::generic(), Evolving::new(3, size).value());
    let recto = Process::recto(dir);
    let ours = format!("http://{}/api/v1/agents/support/active", recto.address);
    let (etag, body) = fetch(recto.address, "/api/v1/agents/support/active");
    // What moved a moment ago is looked at again.
    std::thread::sleep(Duration::from_millis(100));
    fetch(recto.address, "/api/v1/agents/support/active");
    let file = dir.join("active.json");
    std::fs::write(&file, &body).expect("written");
    let nginx = Process::nginx(dir);
    let rivals = [
        (format!("http://{}/active.json", nginx.address), "nginx, a file", Target::AtLeast(0.8)),
        (String::new(), "SQLite", Target::AtLeast(1.0)),
        (String::new(), "Redis", Target::AtLeast(1.0)),
    ];
    let sqlite = Process::rival("sqlite", &file, dir);
    let redis = Process::rival("redis", &file, dir);
    let urls = [
        rivals[0].0.clone(),
        format!("http://{}/support", sqlite.address),
        format!("http://{}/support", redis.address),
    ];
    let ask = |url: &str, etag: Option<&str>| wrk::run(url, CONNECTIONS, seconds, etag);
    let (mut own, mut unchanged) = (Vec::new(), Vec::new());
    let mut others: [Vec<Load>; 3] = Default::default();
    for _ in 0..ROUNDS {
        own.push(ask(&ours, None));
        for (url, loads) in urls.iter().zip(&mut others) {
            loads.push(ask(url, None));
        }
        unchanged.push(ask(&ours, Some(&etag)));
    }
    let own = Load::median(own);
    for ((_, rival, target), loads) in rivals.into_iter().zip(others) {
        let other = Load::median(loads);
        table::rates(&format!("requests {shown}"), own.per_second, rival, other.per_second, target);
        let target = if rival == "SQLite" || rival == "Redis" { Target::None } else { Target::AtMost(1.0) };
        table::times(&format!("p99 {shown}"), own.p99, rival, other.p99, target);
    }
    let unchanged = Load::median(unchanged);
    let target = Target::AtLeast(1.0);
    table::rates(&format!("304 {shown}"), unchanged.per_second, "the body itself", own.per_second, target);
    idle(&recto, shown);
}

/// What connections cost that do nothing.
fn idle(recto: &Process, shown: &str) {
    let before = recto.resident_bytes();
    let open: Vec<TcpStream> = (0..IDLE)
        .map(|_| {
            let mut stream = TcpStream::connect(recto.address).expect("it is there");
            stream
                .write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
                .and_then(|()| stream.read(&mut [0; 1024]).map(drop))
                .expect("answered");
            stream
        })
        .collect();
    let bytes = recto.resident_bytes().saturating_sub(before);
    drop(open);
    table::sizes(&format!("{IDLE} idle connections {shown}"), bytes, "bound", 20 << 20, Target::AtMost(1.0));
}

/// Asks once; gives the tag and the body.
fn fetch(address: SocketAddr, path: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).expect("it is there");
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("answered");
    let at = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&answer[..at]).into_owned();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let etag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap_or_default();
    (etag.to_owned(), answer[at + 4..].to_vec())
}
