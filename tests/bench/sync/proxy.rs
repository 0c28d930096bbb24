//! Stands between a client and a server on this machine, and counts what passes.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How the first line of every HTTP request ends.
const REQUEST_END: &[u8] = b" HTTP/1.1\r\n";

/// What passed so far, both ways together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) bytes: u64,
    pub(crate) requests: u64,
}

impl Traffic {
    /// What passed since an earlier moment.
    pub(crate) fn since(self, before: Self) -> Self {
        Self { bytes: self.bytes - before.bytes, requests: self.requests - before.requests }
    }
}

#[derive(Debug, Default)]
struct Counters {
    bytes: AtomicU64,
    requests: AtomicU64,
}

/// A proxy that runs until the program ends.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    counters: Arc<Counters>,
}

impl Proxy {
    /// Listens on a port of its own and passes everything on to `server`.
    pub(crate) fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let counters = Arc::new(Counters::default());
        let counted = Arc::clone(&counters);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(server).expect("the server listens");
                let to_server = pair(&client, &server);
                let to_client = pair(&server, &client);
                let (up, down) = (Arc::clone(&counted), Arc::clone(&counted));
                std::thread::spawn(move || pass(to_server, &up, true));
                std::thread::spawn(move || pass(to_client, &down, false));
            }
        });
        Self { port, counters }
    }

    /// The port that clients connect to.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What passed so far.
    pub(crate) fn traffic(&self) -> Traffic {
        let read = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        Traffic { bytes: read(&self.counters.bytes), requests: read(&self.counters.requests) }
    }
}

fn pair(from: &TcpStream, to: &TcpStream) -> (TcpStream, TcpStream) {
    for stream in [from, to] {
        stream.set_nodelay(true).expect("a socket");
    }
    (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"))
}

/// Passes one direction on until it ends; counted before it is passed on, so that who has an answer finds
/// it counted.
fn pass((mut from, mut to): (TcpStream, TcpStream), counters: &Counters, upward: bool) {
    let mut buffer = vec![0; 256 * 1024];
    let mut tail: Vec<u8> = Vec::new();
    while let Ok(read) = from.read(&mut buffer) {
        if read == 0 {
            break;
        }
        let new = &buffer[..read];
        counters.bytes.fetch_add(read as u64, Ordering::SeqCst);
        if upward {
            // A line may come in two pieces.
            tail.extend_from_slice(new);
            let found = memchr::memmem::find_iter(&tail, REQUEST_END).count() as u64;
            counters.requests.fetch_add(found, Ordering::SeqCst);
            tail.drain(..tail.len().saturating_sub(REQUEST_END.len() - 1));
        }
        if to.write_all(new).is_err() {
            break;
        }
    }
    let _gone = to.shutdown(Shutdown::Write);
    let _gone = from.shutdown(Shutdown::Read);
}
