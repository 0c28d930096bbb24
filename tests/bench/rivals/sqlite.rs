//! Versions in SQLite, as a careful team would keep them: content by hash, trees, commits, refs, a
//! log, in WAL mode with synchronous=FULL, one transaction per publish.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, params};
use serde_json::{Map, Value};

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS object (id BLOB PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS ref (agent TEXT, name TEXT, target BLOB, PRIMARY KEY (agent, name)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS log (
        seq INTEGER PRIMARY KEY, agent TEXT NOT NULL, kind TEXT NOT NULL, actor TEXT NOT NULL, time INTEGER NOT NULL,
        message TEXT NOT NULL, target BLOB NOT NULL);
    CREATE INDEX IF NOT EXISTS log_agent ON log (agent, seq);
    CREATE TABLE IF NOT EXISTS touched (agent TEXT, block TEXT, seq INTEGER, PRIMARY KEY (agent, block, seq)) WITHOUT ROWID;
";

/// A database of agents, and for one agent which block is where.
pub(crate) struct Database {
    connection: Connection,
    trees: BTreeMap<String, BTreeMap<String, [u8; 32]>>,
}

impl Database {
    /// Opens a database, and makes its tables where there are none.
    pub(crate) fn open(path: &Path) -> Self {
        let connection = Connection::open(path).expect("a database");
        connection.busy_timeout(std::time::Duration::from_mins(1)).expect("a timeout");
        connection.execute_batch(SCHEMA).expect("tables");
        Self { connection, trees: BTreeMap::new() }
    }

    /// Publishes a version whose changed blocks the caller names, durably.
    pub(crate) fn publish(
        &mut self,
        agent: &str,
        config: &Map<String, Value>,
        changed: &[&str],
        message: &str,
    ) {
        let tree = self.trees.entry(agent.to_owned()).or_default();
        let transaction = self
            .connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .expect("a transaction");
        {
            let mut put = transaction
                .prepare_cached("INSERT OR IGNORE INTO object (id, body) VALUES (?, ?)")
                .expect("a statement");
            for name in changed {
                let body = match &config[*name] {
                    Value::String(text) => text.clone().into_bytes(),
                    value => serde_json::to_vec(value).expect("JSON"),
                };
                let id = *blake3::hash(&body).as_bytes();
                put.execute(params![id.as_slice(), body]).expect("inserted");
                tree.insert((*name).to_owned(), id);
            }
            let listing: Vec<u8> =
                tree.iter().flat_map(|(name, id)| [name.as_bytes(), &[0], id].concat()).collect();
            let tree_id = *blake3::hash(&listing).as_bytes();
            put.execute(params![tree_id.as_slice(), listing]).expect("inserted");
            let commit = [tree_id.as_slice(), b"Ana <ana@example.com>\n", message.as_bytes()].concat();
            let commit_id = *blake3::hash(&commit).as_bytes();
            put.execute(params![commit_id.as_slice(), commit]).expect("inserted");
            transaction
                .prepare_cached("INSERT OR REPLACE INTO ref (agent, name, target) VALUES (?, 'ACTIVE', ?)")
                .and_then(|mut statement| statement.execute(params![agent, commit_id.as_slice()]))
                .expect("inserted");
            transaction
                .prepare_cached(
                    "INSERT INTO log (agent, kind, actor, time, message, target) VALUES (?, 'publish', 'Ana', ?, ?, ?)",
                )
                .and_then(|mut statement| statement.execute(params![agent, 1_772_000_000_000_i64, message, commit_id.as_slice()]))
                .expect("inserted");
            let seq = transaction.last_insert_rowid();
            let mut touch = transaction
                .prepare_cached("INSERT INTO touched (agent, block, seq) VALUES (?, ?, ?)")
                .expect("a statement");
            for name in changed {
                touch.execute(params![agent, name, seq]).expect("inserted");
            }
        }
        transaction.commit().expect("committed");
    }

    /// Makes the next transactions fast and not durable: for filling only.
    pub(crate) fn durable(&self, durable: bool) {
        let mode = if durable { "FULL" } else { "OFF" };
        self.connection.pragma_update(None, "synchronous", mode).expect("set");
    }

    /// Reads the whole log of an agent, newest first; returns its length.
    pub(crate) fn log(&self, agent: &str) -> usize {
        self.rows(
            "SELECT kind, actor, time, message, target FROM log WHERE agent = ? ORDER BY seq DESC",
            &[agent],
        )
    }

    /// Reads the operations that changed a block, newest first; returns how many there are.
    pub(crate) fn history(&self, agent: &str, block: &str) -> usize {
        self.rows(
            "SELECT kind, actor, time, message, target FROM touched JOIN log USING (seq)
             WHERE touched.agent = ? AND touched.block = ? ORDER BY seq DESC",
            &[agent, block],
        )
    }

    fn rows(&self, query: &str, parameters: &[&str]) -> usize {
        let mut statement = self.connection.prepare_cached(query).expect("a statement");
        let rows = statement.query_map(rusqlite::params_from_iter(parameters), |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, i64>(2)?,
                row.get::<_, String>(3)?,
                row.get::<_, Vec<u8>>(4)?,
            ))
        });
        rows.expect("rows").inspect(|row| assert!(std::hint::black_box(row).is_ok(), "a row")).count()
    }
}
