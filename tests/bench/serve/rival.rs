//! Services that keep the document in SQLite or in Redis and look it up for each request: what a team writes in an
//! afternoon. On the same HTTP library as recto, so that what is compared is the lookup.

#![allow(clippy::print_stdout, reason = "the process says where it listens")]

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use axum::Router;
use axum::extract::Path as Named;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse as _;
use axum::routing::get;
use rusqlite::Connection;

/// Says what this process is to be: `sqlite:0:FILE` or `redis:PORT:FILE`.
pub(super) const RIVAL_VARIABLE: &str = "RECTO_BENCH_RIVAL";

thread_local! {
    static SQLITE: RefCell<Option<Connection>> = const { RefCell::new(None) };
    static REDIS: RefCell<Option<BufReader<TcpStream>>> = const { RefCell::new(None) };
}

/// Serves, if this process is to; never returns then.
pub(crate) fn run_rival() -> bool {
    let Ok(told) = std::env::var(RIVAL_VARIABLE) else { return false };
    let mut words = told.splitn(3, ':');
    let mut word = || words.next().expect("three words").to_owned();
    let (kind, port, file) = (word(), word(), word());
    let body = std::fs::read(&file).expect("the document");
    let app = if kind == "sqlite" {
        let database = Path::new(&file).with_extension("db");
        fill(&database, &body);
        Router::new().route("/{agent}", get(move |name| std::future::ready(sqlite(&database, name))))
    } else {
        let port: u16 = port.parse().expect("a port");
        ask(&mut connect(port), &[b"SET", b"support", &body]);
        Router::new().route("/{agent}", get(move |name| std::future::ready(redis(port, &name))))
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("{}", listener.local_addr().expect("bound"));
        axum::serve(listener, app).await.expect("it serves");
    });
    true
}

fn answer(body: Vec<u8>) -> axum::response::Response {
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

fn fill(database: &Path, body: &[u8]) {
    let connection = Connection::open(database).expect("a database");
    connection
        .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE active (agent TEXT PRIMARY KEY, config BLOB)")
        .expect("a table");
    connection.execute("INSERT INTO active VALUES ('support', ?1)", [body]).expect("a row");
}

fn sqlite(database: &Path, Named(name): Named<String>) -> axum::response::Response {
    SQLITE.with_borrow_mut(|kept| {
        let connection = kept.get_or_insert_with(|| Connection::open(database).expect("a database"));
        let mut statement =
            connection.prepare_cached("SELECT config FROM active WHERE agent = ?1").expect("a query");
        answer(statement.query_row([name], |row| row.get(0)).expect("a row"))
    })
}

fn connect(port: u16) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("Redis listens");
    stream.set_nodelay(true).expect("set");
    BufReader::new(stream)
}

fn redis(port: u16, Named(name): &Named<String>) -> axum::response::Response {
    REDIS.with_borrow_mut(|kept| {
        let connection = kept.get_or_insert_with(|| connect(port));
        answer(ask(connection, &[b"GET", name.as_bytes()]))
    })
}

/// A command and its answer, in the protocol of Redis.
fn ask(connection: &mut BufReader<TcpStream>, words: &[&[u8]]) -> Vec<u8> {
    let mut request = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        request.extend(format!("${}\r\n", word.len()).bytes());
        request.extend_from_slice(word);
        request.extend(b"\r\n");
    }
    connection.get_mut().write_all(&request).expect("sent");
    let mut line = String::new();
    connection.read_line(&mut line).expect("answered");
    let Some(length) = line.trim().strip_prefix('$') else { return Vec::new() };
    let length: usize = length.parse().expect("a length");
    let mut body = vec![0; length + 2];
    connection.read_exact(&mut body).expect("a value");
    body.truncate(length);
    body
}
