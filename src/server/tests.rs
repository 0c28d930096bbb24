//! A server in this process: it is a transport like any other, and what it takes is bounded.

use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::*;
use crate::backend::{ChainHead, KeptPack, Staged};
use crate::log::StoreId;
use crate::object::ObjectId;
use crate::pack::PackId;
use crate::refs::Handle;
use crate::sync::tests::{conforms, team};
use crate::sync::{
    AgentTip, HttpTransport, LinesAsk, Listing, Need, PushOutcome, PushRequest, SyncError, Take, Token, Told,
    Transport,
};

/// A server on a thread of its own, until it is dropped.
pub(super) struct Running {
    pub(super) address: SocketAddr,
    stopper: Stopper,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub(super) fn new(repo: &Arc<crate::repo::Repo>, options: Options) -> Self {
        Self::of(Server::bind("127.0.0.1:0", repo, options).expect("it listens"))
    }

    pub(super) fn of(server: Server) -> Self {
        let (stopper, stop) = stopper();
        let address = server.address();
        let thread = Some(std::thread::spawn(move || server.run(stop).expect("it runs")));
        Self { address, stopper, thread }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends bytes as they are; gives what was answered, until the other end closes.
    pub(super) fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).expect("it is there");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
        stream.write_all(bytes).expect("sent");
        let mut text = Vec::new();
        stream.read_to_end(&mut text).expect("answered");
        String::from_utf8_lossy(&text).into_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stopper.stop();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("it ended well");
        }
    }
}

fn small() -> Limits {
    Limits {
        headers: Duration::from_millis(300),
        body: Duration::from_millis(300),
        turn: Duration::from_millis(200),
        json_bytes: 4096,
        push_bytes: 8192,
        stage_bytes: 8192,
        ..Limits::default()
    }
}

#[test]
fn a_server_is_a_transport_like_any_other() {
    let team = team();
    let server = Running::new(team.repo(), Options::default());
    let transport = HttpTransport::new(&server.url(), None).expect("an address");
    conforms(&team, &transport);
}

#[test]
fn without_the_token_nothing_is_answered() {
    let team = team();
    let token = Token::new("0123456789abcdef").expect("a token");
    let options = Options { token: Some(token.clone()), ..Options::default() };
    let server = Running::new(team.repo(), options);
    let asked = |token| HttpTransport::new(&server.url(), token).expect("an address").listing(None);
    assert!(asked(Some(token)).expect("listed").is_some());
    let other = Token::new("0123456789abcdeF").expect("a token");
    for (token, says) in [(None, "wants a token"), (Some(other), "does not take this token")] {
        let refused = asked(token).expect_err("refused").to_string();
        assert!(refused.contains(says), "{refused}");
    }
    let answer = server.raw(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn slow_senders_are_let_go_and_others_served_meanwhile() {
    let team = team();
    let server = Running::new(team.repo(), Options { limits: small(), ..Options::default() });
    let began = Instant::now();
    let mut idle: Vec<TcpStream> =
        (0..50).map(|_| TcpStream::connect(server.address).expect("it is there")).collect();
    for stream in &mut idle {
        stream.write_all(b"GET /sync/v1/agents HTTP/1.1\r\nhost: localhost\r\n").expect("sent");
    }
    let transport = HttpTransport::new(&server.url(), None).expect("an address");
    assert!(transport.listing(None).expect("listed").is_some());
    for stream in &mut idle {
        let mut rest = Vec::new();
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
        // It is closed, whether with a word about it or not.
        let _ = stream.read_to_end(&mut rest);
        assert!(!rest.starts_with(b"HTTP/1.1 200"));
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let head = "POST /sync/v1/tips HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let answer = server.raw(format!("{head}content-length: 1000\r\n\r\n{{\"agents\": [").as_bytes());
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("too slowly"), "{answer}");
}

#[test]
fn what_is_too_large_is_refused_declared_or_not() {
    let team = team();
    let server = Running::new(team.repo(), Options { limits: small(), ..Options::default() });
    let head = "POST /sync/v1/tips HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n";
    let declared = server.raw(format!("{head}content-length: 4097\r\n\r\n{}", " ".repeat(4097)).as_bytes());
    assert!(declared.starts_with("HTTP/1.1 413") && declared.contains("4096"), "{declared}");
    let piece = format!("400\r\n{}\r\n", " ".repeat(1024));
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n{}0\r\n\r\n", piece.repeat(5));
    let chunked = server.raw(chunked.as_bytes());
    assert!(chunked.starts_with("HTTP/1.1 413"), "{chunked}");
    // A few bytes that would be many.
    let bomb = zstd::bulk::compress(&vec![b' '; 1 << 20], 3).expect("compressed");
    let mut request =
        format!("{head}content-encoding: zstd\r\ncontent-length: {}\r\n\r\n", bomb.len()).into_bytes();
    request.extend(&bomb);
    let bomb = server.raw(&request);
    assert!(bomb.starts_with("HTTP/1.1 413"), "{bomb}");
}

/// A client that begins a body and does not go on. What says that it is small is waited for without a turn: this one
/// does not say.
fn slow_client(server: &Running) -> TcpStream {
    let mut slow = TcpStream::connect(server.address).expect("it is there");
    let head = "POST /sync/v1/tips HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let begun = format!("{head}transfer-encoding: chunked\r\n\r\n1\r\n{{\r\n");
    slow.write_all(begun.as_bytes()).expect("sent");
    slow
}

#[test]
fn who_gets_no_turn_is_told_that_nothing_happened() {
    let team = team();
    let limits = Limits { requests: 1, body: Duration::from_secs(3), ..small() };
    let server = Running::new(team.repo(), Options { limits, ..Options::default() });
    let slow = slow_client(&server);
    // The slow one has its turn once others do not get one.
    let transport = HttpTransport::new(&server.url(), None).expect("an address");
    let until = Instant::now() + Duration::from_secs(2);
    let refused = loop {
        match transport.push(&[]).and_then(|_| transport.packs()) {
            Err(error) => break error.to_string(),
            Ok(_) => assert!(Instant::now() < until, "the slow one has no turn"),
        }
    };
    assert!(refused.contains("too much to do"), "{refused}");
    let answer = server.raw(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(slow);
    // Its turn is given back.
    assert!(transport.packs().is_ok());
}

#[test]
fn a_server_that_is_told_to_end_ends() {
    let team = team();
    let server = Running::new(team.repo(), Options::default());
    let transport = HttpTransport::new(&server.url(), None).expect("an address");
    assert!(transport.listing(None).expect("listed").is_some());
    let began = Instant::now();
    // An idle connection does not hold it up.
    drop(server);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn what_does_not_end_is_waited_for_once() {
    let team = team();
    let drain = Duration::from_secs(2);
    let limits = Limits { requests: 1, body: Duration::from_mins(1), drain, ..small() };
    let server = Running::new(team.repo(), Options { limits, ..Options::default() });
    let _slow = slow_client(&server);
    let transport = HttpTransport::new(&server.url(), None).expect("an address");
    let until = Instant::now() + Duration::from_secs(10);
    while transport.packs().is_ok() {
        assert!(Instant::now() < until, "the slow one has no turn");
    }
    let began = Instant::now();
    drop(server);
    assert!((drain..drain * 7 / 4).contains(&began.elapsed()), "{:?}", began.elapsed());
}

/// A store that has one pack, reads of which break off, and that panics when it is asked anything else.
#[derive(Debug)]
struct Brittle {
    id: PackId,
    bytes: Vec<u8>,
    /// How many bytes it reads before it breaks off.
    reach: usize,
    asked: Mutex<Vec<u64>>,
}

/// Fails when it is read.
struct Gone;

impl Read for Gone {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("the disk is gone"))
    }
}

impl Transport for Brittle {
    fn store(&self) -> Result<StoreId, SyncError> {
        panic!("on purpose")
    }

    fn listing(&self, _: Option<&str>) -> Result<Option<Listing>, SyncError> {
        panic!("on purpose")
    }

    fn tips(&self, _: &[Handle]) -> Result<Vec<Option<AgentTip>>, SyncError> {
        panic!("on purpose")
    }

    fn chains(&self, _: &[Handle]) -> Result<Vec<Vec<ChainHead>>, SyncError> {
        panic!("on purpose")
    }

    fn lines(
        &self,
        _: &[LinesAsk],
        _: &mut dyn FnMut(usize, Result<Told, SyncError>),
    ) -> Result<(), SyncError> {
        panic!("on purpose")
    }

    fn packs(&self) -> Result<Vec<KeptPack>, SyncError> {
        Ok(vec![KeptPack { id: self.id, size_bytes: self.bytes.len() as u64, objects: 1 }])
    }

    fn pack(&self, _: &PackId, offset: u64, take: &mut Take<'_>) -> Result<(), SyncError> {
        self.asked.lock().expect("no panic").push(offset);
        let rest = &self.bytes[usize::try_from(offset).expect("small")..];
        if rest.len() > self.reach { take(&mut rest[..self.reach].chain(Gone)) } else { take(&mut &*rest) }
    }

    fn objects(&self, _: &[Need], _: &mut Take<'_>) -> Result<(), SyncError> {
        panic!("on purpose")
    }

    fn lacks(&self, _: &[(Handle, Vec<ObjectId>)]) -> Result<Vec<Vec<ObjectId>>, SyncError> {
        panic!("on purpose")
    }

    fn stage(&self, _: &mut dyn Read) -> Result<Staged, SyncError> {
        panic!("on purpose")
    }

    fn push(&self, _: &[PushRequest]) -> Result<Vec<Result<PushOutcome, SyncError>>, SyncError> {
        panic!("on purpose")
    }
}

fn brittle(reach: usize) -> (Arc<Brittle>, Running) {
    let bytes: Vec<u8> = (0..400_000u32).map(|number| number.to_le_bytes()[1]).collect();
    let id = "ab".repeat(32).parse().expect("an id");
    let brittle = Arc::new(Brittle { id, bytes, reach, asked: Mutex::default() });
    let shown: Arc<dyn Transport + Send + Sync> = Arc::<Brittle>::clone(&brittle);
    let server = Server::over("127.0.0.1:0", team().repo(), shown, Options::default()).expect("it listens");
    (brittle, Running::of(server))
}

#[test]
fn a_pack_that_breaks_off_is_taken_up_where_it_did() {
    let (store, server) = brittle(150_000);
    let transport = HttpTransport::new(&server.url(), None).expect("an address");
    for offset in [0, 1000] {
        let mut got = Vec::new();
        let take = &mut |source: &mut dyn Read| {
            source.read_to_end(&mut got).expect("it is read to its end");
            Ok(())
        };
        transport.pack(&store.id, offset, take).expect("brought");
        assert!(got == store.bytes[usize::try_from(offset).expect("small")..], "from {offset}");
    }
    let asked = store.asked.lock().expect("no panic").clone();
    assert!(
        asked.len() > 4 && asked.windows(2).all(|pair| pair[0] < pair[1] || pair[1] == 1000),
        "{asked:?}"
    );
    let other = "cd".repeat(32).parse().expect("an id");
    let missing = transport.pack(&other, 0, &mut |_| Ok(())).expect_err("there is none");
    assert!(matches!(missing, SyncError::NoSuchPack(id) if id == other), "{missing:?}");
    let beyond = transport.pack(&store.id, 400_000, &mut |_| Ok(())).expect_err("nothing is there");
    assert!(beyond.to_string().contains("has 400000 bytes"), "{beyond}");
    let (store, server) = brittle(0);
    let transport = HttpTransport::new(&server.url(), None).expect("an address");
    let broken = transport.pack(&store.id, 0, &mut |source| {
        assert!(source.read_to_end(&mut Vec::new()).is_err(), "it is not taken for whole");
        Ok(())
    });
    assert!(broken.expect_err("it never gets on").to_string().contains("broke off"));
    // Where the answer breaks before it begins, each of the tries is one that is repeated by itself.
    let asked = store.asked.lock().expect("no panic").len();
    assert!(asked <= 6 * 3, "{asked}: it is not tried for ever");
}

#[test]
fn a_panic_is_an_answer_and_the_server_goes_on() {
    let (store, server) = brittle(0);
    let transport = HttpTransport::new(&server.url(), None).expect("an address");
    let handles = ["support".parse().expect("a handle")];
    assert!(transport.tips(&handles).expect_err("it panics").to_string().contains("has a bug"));
    // In the middle of an answer it can only be broken off.
    assert!(
        transport.objects(&[], &mut |_| Ok(())).expect_err("it panics").to_string().contains("broke off")
    );
    assert_eq!(transport.packs().expect("it goes on")[0].id, store.id);
}
