//! Reads, edits and publishes of a thousand agents at once, for a while: no error, and memory that does not grow.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::process::Process;
use crate::stores;
use crate::table::{self, Target};
use crate::workload::{Evolving, Size};

const AGENTS: usize = 1_000;
/// Connections that read, and that write.
const READERS: usize = 12;
const WRITERS: usize = 4;
/// Of so many writes one publishes.
const PUBLISHES_ONE_OF: usize = 10;

struct Client(BufReader<TcpStream>);

impl Client {
    fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("it is there");
        stream.set_nodelay(true).expect("set");
        Self(BufReader::new(stream))
    }

    /// The status of an answer.
    fn ask(&mut self, method: &str, path: &str, body: &str) -> u16 {
        let length = body.len();
        let request = format!(
            "{method} /api/v1/agents/{path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.0.get_mut().write_all(request.as_bytes()).expect("sent");
        let (mut line, mut length) = (String::new(), 0);
        self.0.read_line(&mut line).expect("answered");
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        loop {
            line.clear();
            self.0.read_line(&mut line).expect("a header");
            if line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut rest = vec![0; length];
        self.0.read_exact(&mut rest).expect("a body");
        status
    }
}

/// Measures it.
pub(super) fn run(dir: &Path, seconds: u64) {
    table::group(&format!("Reads, edits and publishes of {AGENTS} agents over HTTP, {seconds} s"));
    std::fs::create_dir_all(dir).expect("a directory");
    let agents = stores::init(dir);
    for number in 0..AGENTS {
        let name = stores::handle(&format!("agent{number}"));
        stores::create(
            &agents,
            &name,
            &stores::generic(),
            Evolving::new(number as u64, Size::Middle).value(),
        );
    }
    let recto = Process::recto(dir);
    let (done, stop) = (std::array::from_fn::<_, 4, _>(|_| AtomicU64::new(0)), AtomicBool::new(false));
    let [reads, edits, publishes, errors] = &done;
    let count = |at: &AtomicU64, status: u16| {
        at.fetch_add(1, Ordering::Relaxed);
        if status >= 400 {
            errors.fetch_add(1, Ordering::Relaxed);
        }
    };
    let began = Instant::now();
    let mut sizes = Vec::new();
    std::thread::scope(|scope| {
        for worker in 0..READERS {
            let (stop, address) = (&stop, recto.address);
            scope.spawn(move || {
                let mut client = Client::new(address);
                for at in (worker * 83..).step_by(7) {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    count(reads, client.ask("GET", &format!("agent{}/active", at % AGENTS), ""));
                }
            });
        }
        for worker in 0..WRITERS {
            let (stop, address) = (&stop, recto.address);
            scope.spawn(move || {
                let mut client = Client::new(address);
                for at in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    // Each has agents of its own, so that nothing is refused for what somebody else did.
                    let agent = format!("agent{}", (at * WRITERS + worker) % AGENTS);
                    let draft = format!("w{at}");
                    let made = json!({"name": draft, "from": "latest"}).to_string();
                    let made = client.ask("POST", &format!("{agent}/drafts"), &made);
                    let change = json!({"extra": {"round": at}}).to_string();
                    let path = format!("{agent}/drafts/{draft}");
                    count(edits, made.max(client.ask("PATCH", &format!("{path}/config"), &change)));
                    if at % PUBLISHES_ONE_OF == 0 {
                        let how = json!({"activate": true}).to_string();
                        count(publishes, client.ask("POST", &format!("{path}/publish"), &how));
                    } else {
                        count(edits, client.ask("DELETE", &path, ""));
                    }
                }
            });
        }
        while began.elapsed() < Duration::from_secs(seconds) {
            std::thread::sleep(Duration::from_millis(500));
            sizes.push(recto.resident_bytes());
        }
        stop.store(true, Ordering::Relaxed);
    });
    let rate = |at: &AtomicU64| at.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    for (what, at) in [("reads", reads), ("edits", edits), ("publishes", publishes)] {
        table::rival(what, "per second", &format!("{:.0}", rate(at)));
    }
    table::count("errors", errors.load(Ordering::Relaxed), Target::Exactly(0));
    // After the caches are filled: what is taken in the last quarter and in the second.
    let quarter = sizes.len() / 4;
    let most = |part: &[u64]| part.iter().copied().max().unwrap_or_default();
    let (early, late) = (most(&sizes[quarter..2 * quarter]), most(&sizes[3 * quarter..]));
    table::sizes("memory, last quarter", late, "second quarter", early, Target::AtMost(1.1));
    for (of, bytes, max_bytes) in kept(recto.address) {
        table::sizes(&format!("kept of {of}"), bytes, "bound", max_bytes, Target::AtMost(1.0));
    }
}

/// What the server says that it keeps in memory, and how much it may be.
fn kept(address: SocketAddr) -> Vec<(String, u64, u64)> {
    let (_, told) = super::fetch(address, "/metrics");
    let told = String::from_utf8(told).expect("text");
    let figures = |name: &str| -> Vec<(String, u64)> {
        let lines = told.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix("{cache=\""));
        let parts = lines.map(|line| line.split_once("\"} ").expect("a label and a figure"));
        parts.map(|(of, figure)| (of.to_owned(), figure.parse().expect("a number"))).collect()
    };
    let bounds = figures("recto_cache_max_bytes");
    let bound = |of: &str| bounds.iter().find(|(name, _)| name == of).map_or(0, |(_, bytes)| *bytes);
    let all = figures("recto_cache_bytes");
    assert!(!all.is_empty(), "{told}");
    all.into_iter().map(|(of, bytes)| (of.clone(), bytes, bound(&of))).collect()
}
