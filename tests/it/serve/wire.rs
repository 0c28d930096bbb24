//! A server to talk to, bytes to send to it, and a wire between it and its clients that can be listened to
//! and cut.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::harness::Place;

/// A process that serves; killed when it is dropped.
pub(crate) struct Served {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl Served {
    /// Serves the store in `dir`; `listen` names the port, 0 for any.
    pub(crate) fn new(place: &Place, dir: &str, listen: &str, args: &[&str]) -> Self {
        let words = ["--store", dir, "serve", "--listen", listen];
        let mut command = place.command(words.iter().chain(args));
        // It runs for as long as the test does: its clock has to go on.
        command.env_remove("RECTO_TIME").env("RECTO_TIME", "2026-03-07T15:00:00Z+1ms");
        Self::started(&mut command)
    }

    /// Starts a command that serves.
    pub(crate) fn started(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        out.read_line(&mut line).expect("it says where it listens");
        let (log, mut err) = (Arc::new(Mutex::new(String::new())), child.stderr.take().expect("piped"));
        let told = Arc::clone(&log);
        thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(read) = err.read(&mut piece) {
                if read == 0 {
                    break;
                }
                told.lock().expect("no panic").push_str(&String::from_utf8_lossy(&piece[..read]));
            }
        });
        let address =
            line.trim().strip_prefix("listening on ").and_then(|text| text.split_once("://")?.1.parse().ok());
        let address = address.unwrap_or_else(|| panic!("{line:?} {}", log.lock().expect("no panic")));
        Self { child, address, log }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("no panic").clone()
    }

    /// How many requests it answered on a path.
    pub(super) fn answered(&self, path: &str) -> usize {
        self.log().lines().filter(|line| line.contains(&format!("path={path} "))).count()
    }

    /// The most memory that it had so far, in bytes.
    pub(super) fn peak_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it is told");
        let kib: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
        kib * 1024
    }

    /// Ends it without a warning.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Asks it to end; gives its exit code.
    pub(crate) fn terminate(&mut self) -> i32 {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("it can be told");
        self.child.wait().expect("it ends").code().unwrap_or(-1)
    }

    /// Sends bytes as they are; gives what is answered until the other end closes.
    pub(crate) fn raw(&self, bytes: &[u8]) -> String {
        raw(self.address, bytes, false)
    }

    /// Sends the beginning of a request, and no more; gives what is answered.
    pub(super) fn cut_off(&self, bytes: &[u8]) -> String {
        raw(self.address, bytes, true)
    }

    /// Sends a request with a body, and everything right about it unless `headers` say else.
    pub(super) fn post(&self, route: &str, headers: &str, body: &[u8]) -> String {
        let head =
            format!("POST /sync/v1/{route} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}");
        let mut bytes = format!("{head}content-length: {}\r\n\r\n", body.len()).into_bytes();
        bytes.extend(body);
        self.raw(&bytes)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn raw(address: SocketAddr, bytes: &[u8], ends: bool) -> String {
    let mut stream = TcpStream::connect(address).expect("it is there");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("set");
    // A server may answer, and close, before it was sent everything.
    let _ = stream.write_all(bytes);
    if ends {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// A wire to a server: keeps what goes to it, and can be cut.
pub(super) struct Wire {
    pub(super) address: SocketAddr,
    heard: Arc<Mutex<Vec<u8>>>,
    up_bytes: Arc<AtomicU64>,
    down_bytes: Arc<AtomicU64>,
}

impl Wire {
    pub(super) fn new(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let heard: Arc<Mutex<Vec<u8>>> = Arc::default();
        let allowed = || Arc::new(AtomicU64::new(u64::MAX));
        let (up_bytes, down_bytes) = (allowed(), allowed());
        let wire = Self { address, heard, up_bytes, down_bytes };
        let (heard, up, down) =
            (Arc::clone(&wire.heard), Arc::clone(&wire.up_bytes), Arc::clone(&wire.down_bytes));
        thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(to)) else { continue };
                let (from, into) = (client.try_clone().expect("cloned"), server.try_clone().expect("cloned"));
                let (heard, up, down) = (Arc::clone(&heard), Arc::clone(&up), Arc::clone(&down));
                thread::spawn(move || carry(from, into, &up, Some(&heard)));
                thread::spawn(move || carry(server, client, &down, None));
            }
        });
        wire
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets only so many more bytes through: to the server, and from it.
    pub(super) fn cut(&self, up_bytes: u64, down_bytes: u64) {
        self.up_bytes.store(up_bytes, Ordering::SeqCst);
        self.down_bytes.store(down_bytes, Ordering::SeqCst);
    }

    /// The body of the last request on a route that went over it.
    pub(super) fn body(&self, route: &str) -> Vec<u8> {
        let heard = self.heard.lock().expect("no panic").clone();
        let start = format!("POST /sync/v1/{route} HTTP/1.1\r\n");
        let at = heard.windows(start.len()).rposition(|part| part == start.as_bytes()).expect("it was sent");
        let head = heard[at..].windows(4).position(|part| part == b"\r\n\r\n").expect("a head") + at;
        let text = String::from_utf8_lossy(&heard[at..head]).to_ascii_lowercase();
        let len = text.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        let len: usize = len.parse().expect("a number");
        heard[head + 4..head + 4 + len].to_vec()
    }
}

fn carry(mut from: TcpStream, mut into: TcpStream, allowed: &AtomicU64, heard: Option<&Mutex<Vec<u8>>>) {
    let mut piece = [0; 1024];
    while let Ok(read @ 1..) = from.read(&mut piece) {
        let left = allowed.load(Ordering::SeqCst);
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(read);
        if let Some(heard) = heard {
            heard.lock().expect("no panic").extend(&piece[..len]);
        }
        if into.write_all(&piece[..len]).is_err() || len < read {
            break;
        }
        if left != u64::MAX {
            allowed.fetch_sub(len as u64, Ordering::SeqCst);
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = into.shutdown(Shutdown::Both);
}
