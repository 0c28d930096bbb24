//! Requests: what every one of them carries, how long it may take, which failures are worth another try,
//! and what they mean to a person.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::blocking::{self, Body, RequestBuilder, Response};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, IF_NONE_MATCH, RANGE};
use reqwest::{StatusCode, Url, redirect};
use serde::Serialize;

use crate::error::without_secrets;
use crate::log::StoreId;
use crate::sync::SyncError;
use crate::sync::wire::{self, WireError};

use super::answer::{Answer, header, refused};

/// How long it may take until a server takes a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server may be silent, before it answers and between two parts of an answer.
const SILENCE_TIMEOUT: Duration = Duration::from_mins(1);
/// How long a push may take, until it is answered.
const PUSH_TIMEOUT: Duration = Duration::from_mins(15);
/// How long it may take to bring a pack.
const STAGE_TIMEOUT: Duration = Duration::from_hours(12);
/// How long bytes may be on their way without a sign that they came.
const UNHEARD_TIMEOUT: Duration = Duration::from_mins(1);
/// How long an idle connection is kept for the next request: less than a server keeps it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// Pauses before what can be asked twice is asked again.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];
/// Requests that have more JSON than this are compressed, in bytes.
const COMPRESSED_FROM_BYTES: usize = 1024;

/// What a server wants to be shown. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Shortest token, in bytes.
    pub const MIN_BYTES: usize = 16;

    /// Takes a text as a token; white space around it does not count.
    ///
    /// # Errors
    /// Why it is none; without the text.
    pub fn new(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.len() < Self::MIN_BYTES {
            return Err(format!("a token has at least {} characters", Self::MIN_BYTES));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("a token has letters, digits and signs only, on one line".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether another text is the same; takes as long whatever the text is.
    pub fn is(&self, text: &str) -> bool {
        // Digests compare in constant time.
        blake3::hash(self.0.as_bytes()) == blake3::hash(text.as_bytes())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// Why there is no answer, and what that means for what was asked.
#[derive(Debug)]
pub(super) enum Lost {
    /// It was not done.
    Before(SyncError),
    /// It may have been done.
    After(SyncError),
}

impl From<Lost> for SyncError {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Before(error) | Lost::After(error) => error,
        }
    }
}

/// What a server is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Use {
    /// What its routes begin with.
    root: &'static str,
    /// How another address is given.
    readdress: &'static str,
    /// How a token is given.
    token: &'static str,
}

/// A store to fetch from and push to.
pub(super) const REMOTE: Use = Use {
    root: wire::ROOT,
    readdress: "'recto remote set-url NAME URL'",
    token: "put it into RECTO_TOKEN, or into a file: 'recto remote set-url NAME URL --token-file FILE'",
};
/// The store that is used.
pub(super) const STORE: Use =
    Use { root: wire::store::STORE_ROOT, readdress: "'--store URL'", token: "put it into RECTO_TOKEN" };

/// A server, and the connections to it.
#[derive(Debug)]
pub(super) struct Client {
    http: blocking::Client,
    /// Where it is, without a slash at the end.
    url: String,
    used: Use,
    token: Option<Token>,
    store: OnceLock<StoreId>,
}

impl Client {
    pub(super) fn new(url: &str, token: Option<Token>, used: Use) -> Result<Self, SyncError> {
        let refuse = |reason: &str| SyncError::address(url, reason);
        // Before anything else is wrong with it; a path that has an at sign writes it as '%40'.
        if url.contains('@') {
            return Err(refuse(
                "a name or password in an address ends up in settings and logs; RECTO_TOKEN or '--token-file' \
                 gives the token",
            ));
        }
        let parsed = Url::parse(url).map_err(|error| refuse(&error.to_string()))?;
        if !["http", "https"].contains(&parsed.scheme()) || parsed.host_str().is_none() {
            return Err(refuse("it is not http://HOST or https://HOST"));
        }
        if parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(refuse("an address of a server has no '?' and no '#'"));
        }
        // Fails when there is one already, which is as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = blocking::Client::builder()
            .user_agent(concat!("recto/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(SILENCE_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tcp_user_timeout(UNHEARD_TIMEOUT)
            .tcp_nodelay(true)
            .redirect(redirect::Policy::none())
            .build();
        let url = parsed.as_str().trim_end_matches('/').to_owned();
        let http = http.map_err(|error| unreachable(&url, &error))?;
        Ok(Self { http, url, used, token, store: OnceLock::new() })
    }

    /// The store, once it answered.
    pub(super) fn store(&self) -> Option<StoreId> {
        self.store.get().copied()
    }

    /// What helps where the server wants another token, or one at all.
    pub(super) fn token_hint(&self) -> String {
        format!("{}; 'recto token create NAME --role ROLE', where the store lies, makes one", self.used.token)
    }

    fn request(&self, method: reqwest::Method, route: &str) -> RequestBuilder {
        let slash = if route.is_empty() { "" } else { "/" };
        let request = self.http.request(method, format!("{}{}{slash}{route}", self.url, self.used.root));
        let request = request.header(wire::PROTOCOL_HEADER, wire::PROTOCOL).header(ACCEPT_ENCODING, "zstd");
        match &self.token {
            Some(token) => request.bearer_auth(&token.0),
            None => request,
        }
    }

    pub(super) fn get(&self, route: &str) -> Result<Answer<'_>, SyncError> {
        self.asked(&|| self.request(reqwest::Method::GET, route))
    }

    /// Gets what is not as it is known to be.
    pub(super) fn get_unless(&self, route: &str, known: Option<&str>) -> Result<Answer<'_>, SyncError> {
        self.asked(&|| {
            let request = self.request(reqwest::Method::GET, route);
            match known {
                Some(state) => request.header(IF_NONE_MATCH, format!("W/\"{state}\"")),
                None => request,
            }
        })
    }

    /// Gets bytes from an offset on.
    pub(super) fn get_from(&self, route: &str, offset: u64) -> Result<Answer<'_>, SyncError> {
        self.asked(&|| {
            let request = self.request(reqwest::Method::GET, route);
            if offset > 0 { request.header(RANGE, format!("bytes={offset}-")) } else { request }
        })
    }

    /// Asks what can be asked twice.
    pub(super) fn ask(&self, route: &str, question: &impl Serialize) -> Result<Answer<'_>, SyncError> {
        let mut json = serde_json::to_vec(question).map_err(|error| self.io(&error.into()))?;
        let compressed = json.len() > COMPRESSED_FROM_BYTES;
        if compressed {
            json = zstd::bulk::compress(&json, 3).map_err(|error| self.io(&error))?;
        }
        self.asked(&|| {
            let request = self.request(reqwest::Method::POST, route).header(CONTENT_TYPE, wire::JSON_TYPE);
            let request = if compressed { request.header(CONTENT_ENCODING, "zstd") } else { request };
            request.body(json.clone())
        })
    }

    /// Sends items that something is done with.
    pub(super) fn bring(&self, route: &str, body: Vec<u8>) -> Result<Answer<'_>, Lost> {
        let request = self.request(reqwest::Method::POST, route).header(CONTENT_TYPE, wire::ITEMS_TYPE);
        self.once(request.timeout(PUSH_TIMEOUT).body(body))
    }

    pub(super) fn stage(&self, body: Body) -> Result<Answer<'_>, Lost> {
        let request = self.request(reqwest::Method::POST, "stage").header(CONTENT_TYPE, wire::PACK_TYPE);
        self.once(request.timeout(STAGE_TIMEOUT).body(body))
    }

    fn asked(&self, request: &dyn Fn() -> RequestBuilder) -> Result<Answer<'_>, SyncError> {
        for pause in PAUSES {
            match request().send() {
                Err(error) if !error.is_connect() && !error.is_timeout() => {}
                Ok(response) if response.status() == StatusCode::SERVICE_UNAVAILABLE => {}
                answered => return Ok(self.answered(answered)?),
            }
            std::thread::sleep(pause);
        }
        Ok(self.once(request())?)
    }

    fn once(&self, request: RequestBuilder) -> Result<Answer<'_>, Lost> {
        self.answered(request.send())
    }

    fn answered(&self, answered: reqwest::Result<Response>) -> Result<Answer<'_>, Lost> {
        let response = match answered {
            Ok(response) => response,
            Err(error) if error.is_connect() || error.is_builder() => {
                return Err(Lost::Before(unreachable(&self.url, &error)));
            }
            Err(error) => return Err(Lost::After(unreachable(&self.url, &error))),
        };
        let protocol = header(&response, wire::PROTOCOL_HEADER);
        let status = response.status();
        // What failed inside, or behind what stands in between, may have happened all the same.
        let failed = status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE;
        let lost = if failed { Lost::After } else { Lost::Before };
        if protocol != Some(wire::PROTOCOL.to_string().as_str()) {
            return Err(lost(self.foreign(&response)));
        }
        if !status.is_success() && status != StatusCode::NOT_MODIFIED {
            return Err(lost(refused(self, response)));
        }
        let store = header(&response, wire::STORE_HEADER).and_then(|store| store.parse().ok());
        let store: StoreId =
            store.ok_or_else(|| Lost::After(self.wrong("does not say whose store it is".to_owned())))?;
        if *self.store.get_or_init(|| store) != store {
            return Err(Lost::After(self.wrong("answers for another store than before".to_owned())));
        }
        Ok(Answer::new(self, response, store))
    }

    /// What to say of an answer that is not one of this protocol.
    fn foreign(&self, response: &Response) -> SyncError {
        let known = wire::PROTOCOL;
        if let Some(other) = header(response, wire::PROTOCOL_HEADER) {
            let hint = "use a recto of the same release on both sides".to_owned();
            let reason = format!("speaks sync protocol '{other}', and this recto speaks '{known}'");
            return SyncError::Http { url: self.url.clone(), reason, hint: Some(hint), refused: true };
        }
        let status = response.status();
        if let (true, Some(place)) = (status.is_redirection(), header(response, "location")) {
            let place = without_secrets(place);
            let reason = format!("sends on to '{place}', which is not followed");
            let hint = format!("give the address that it sends to: {}", self.used.readdress);
            return SyncError::Http { url: self.url.clone(), reason, hint: Some(hint), refused: true };
        }
        let reason = format!("is no recto server: it answers '{status}' and names no sync protocol");
        let hint = format!("give the address of a 'recto serve': {}", self.used.readdress);
        SyncError::Http { url: self.url.clone(), reason, hint: Some(hint), refused: true }
    }

    /// The server did what none should.
    pub(super) fn wrong(&self, reason: String) -> SyncError {
        SyncError::Http { url: self.url.clone(), reason, hint: None, refused: false }
    }

    /// What was to be sent could not be put together, or what came not be taken in.
    pub(super) fn io(&self, error: &io::Error) -> SyncError {
        self.wrong(format!("cannot be talked to: {error}"))
    }

    /// An answer began well and did not end so.
    pub(super) fn broken(&self, error: &WireError) -> SyncError {
        let reason = match error {
            WireError::CutOff => "broke off in the middle of an answer".to_owned(),
            WireError::Io(cause) => format!("broke off in the middle of an answer: {}", root(cause)),
            other => format!("gave an answer that cannot be read: {other}"),
        };
        let hint = Some("run the command again".to_owned());
        SyncError::Http { url: self.url.clone(), reason, hint, refused: false }
    }
}

/// What a request failed with, in the end.
fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

fn unreachable(url: &str, error: &reqwest::Error) -> SyncError {
    let cause = error.source().map_or_else(|| error.to_string(), root);
    let (reason, hint) = if error.is_timeout() {
        ("did not answer in time".to_owned(), "run the command again")
    } else if cause.contains("certificate") {
        (
            format!("shows no certificate that is trusted here: {cause}"),
            "have this machine trust who issued it",
        )
    } else if cause.contains("InvalidContentType") {
        ("does not speak TLS".to_owned(), "use 'http://' in the address")
    } else if cause.contains("invalid HTTP version") {
        ("does not answer in HTTP: it may speak TLS".to_owned(), "try 'https://' in the address")
    } else if error.is_connect() {
        (
            format!("cannot be reached: {cause}"),
            "make sure that 'recto serve' runs there, and the address is right",
        )
    } else {
        (format!("broke off: {cause}"), "run the command again")
    };
    SyncError::Http { url: url.to_owned(), reason, hint: Some(hint.to_owned()), refused: false }
}
