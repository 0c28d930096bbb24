//! Requests that make something, answered once for each `Idempotency-Key`: what was answered is kept for a day,
//! in files beside the store.

use std::path::{Path, PathBuf};

use axum::http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::{Clock as _, SystemClock};
use crate::disk::{DiskError, LockGuard};
use crate::encoding::canonical;
use crate::error::Kind;
use crate::server::ask::{Ask, parsed_body};
use crate::server::problem::Problem;

use super::answer::Answer;

/// The header.
pub(super) const KEY_HEADER: &str = "idempotency-key";
/// Where answers are kept, in the store's directory.
const DIR: &str = "idempotency";
/// Locked while one is looked up or written.
const LOCK_FILE: &str = "lock";
/// Touched when old ones were removed.
const SWEPT_FILE: &str = "swept";
/// How long an answer is kept, in milliseconds.
const KEPT_MS: i64 = 24 * 60 * 60 * 1000;
/// How often old ones are removed, in milliseconds.
const SWEEP_MS: i64 = 60 * 60 * 1000;
/// Longest key, in bytes.
const KEY_MAX_BYTES: usize = 255;
/// Largest file, in bytes.
const FILE_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// What is known of a request.
#[derive(Debug, Serialize, Deserialize)]
struct Known {
    /// The hash of its body.
    body: String,
    at_ms: i64,
    /// None while it is worked on.
    answer: Option<Answer>,
}

/// Works on a request, or answers what was answered before.
///
/// # Errors
/// 422 when the key was sent with another body; 409 when the first request with it has no answer yet.
pub(super) fn once<T: DeserializeOwned>(
    ask: &mut Ask<'_>,
    place: &str,
    work: impl FnOnce(&mut Ask<'_>, T) -> Result<Answer, Problem>,
) -> Result<Answer, Problem> {
    let body = Value::Object(ask.object()?);
    let Some(key) = key(ask.headers)? else { return work(ask, parsed_body(body)?) };
    let file = File::new(ask, place, &key)?;
    let hash = blake3::hash(&canonical::to_vec(&body)).to_hex().to_string();
    if let Some(answer) = file.begin(&hash)? {
        return Ok(answer);
    }
    let done = parsed_body(body).and_then(|body| work(ask, body));
    match &done {
        Ok(answer) => file.write(&hash, Some(answer.clone()))?,
        // What failed may have happened all the same: nobody is to try it again unseen.
        Err(problem) if problem.status.is_server_error() => {}
        Err(_) => file.forget()?,
    }
    done
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(KEY_HEADER) else { return Ok(None) };
    let fits = |text: &&str| (1..=KEY_MAX_BYTES).contains(&text.len());
    match value.to_str().ok().filter(fits) {
        Some(text) => Ok(Some(text.to_owned())),
        None => {
            Err(Problem::malformed(format!("Idempotency-Key has 1 to {KEY_MAX_BYTES} visible characters")))
        }
    }
}

/// The file of one request.
struct File<'a> {
    ask: &'a crate::server::call::Shared,
    dir: PathBuf,
    path: PathBuf,
}

impl<'a> File<'a> {
    fn new(ask: &Ask<'a>, place: &str, key: &str) -> Result<Self, Problem> {
        let mut hasher = blake3::Hasher::new();
        for part in [ask.caller.id().unwrap_or_default(), place, key] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        let dir = ask.shared.repo.root().join(DIR);
        let path = dir.join(format!("{}.json", hasher.finalize().to_hex()));
        ask.shared.repo.disk().create_dir_all(&dir).map_err(|error| failed(&error))?;
        Ok(Self { ask: ask.shared, dir, path })
    }

    fn lock(&self) -> Result<Box<dyn LockGuard>, Problem> {
        self.ask.repo.disk().lock(&self.dir.join(LOCK_FILE)).map_err(|error| failed(&error))
    }

    /// What was answered; else notes that the request is worked on.
    fn begin(&self, hash: &str) -> Result<Option<Answer>, Problem> {
        let _lock = self.lock()?;
        let now = SystemClock.now().as_ms();
        self.sweep(now)?;
        if let Some(known) = self.read(&self.path)?.filter(|known| now - known.at_ms < KEPT_MS) {
            if known.body != hash {
                let message = "this Idempotency-Key came with another body before";
                return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, Kind::Invalid, message));
            }
            return match known.answer {
                Some(answer) => Ok(Some(answer)),
                None => Err(Problem::new(
                    StatusCode::CONFLICT,
                    Kind::Conflict,
                    "a request with this Idempotency-Key is under way, or ended without an answer",
                )
                .hint("look whether it happened; another key is another request")),
            };
        }
        self.put(hash, None)?;
        Ok(None)
    }

    fn write(&self, hash: &str, answer: Option<Answer>) -> Result<(), Problem> {
        let _lock = self.lock()?;
        self.put(hash, answer)
    }

    fn put(&self, hash: &str, answer: Option<Answer>) -> Result<(), Problem> {
        let known = Known { body: hash.to_owned(), at_ms: SystemClock.now().as_ms(), answer };
        let bytes = serde_json::to_vec(&known).map_err(|error| failed(&error))?;
        self.ask.repo.disk().write_atomic(&self.path, &bytes).map_err(|error| failed(&error))
    }

    fn read(&self, path: &Path) -> Result<Option<Known>, Problem> {
        match self.ask.repo.disk().read(path, FILE_MAX_BYTES) {
            // What cannot be read as one says nothing.
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(DiskError::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    fn forget(&self) -> Result<(), Problem> {
        let _lock = self.lock()?;
        self.ask.repo.disk().remove_file(&self.path).map_err(|error| failed(&error))
    }

    /// Removes what is too old, now and then.
    fn sweep(&self, now_ms: i64) -> Result<(), Problem> {
        let disk = self.ask.repo.disk();
        let old = |path: &Path, age_ms: i64| -> Result<bool, Problem> {
            let stat = disk.stat(path).map_err(|error| failed(&error))?;
            Ok(stat.is_none_or(|stat| i128::from(now_ms - age_ms) > stat.modified_ns / 1_000_000))
        };
        let swept = self.dir.join(SWEPT_FILE);
        if !old(&swept, SWEEP_MS)? {
            return Ok(());
        }
        disk.write_atomic(&swept, b"").map_err(|error| failed(&error))?;
        for (name, _) in disk.list(&self.dir).map_err(|error| failed(&error))? {
            let path = self.dir.join(&name);
            if Path::new(&name).extension().is_some_and(|end| end == "json") && old(&path, KEPT_MS)? {
                disk.remove_file(&path).map_err(|error| failed(&error))?;
            }
        }
        Ok(())
    }
}

fn failed(error: &dyn std::fmt::Display) -> Problem {
    let message = format!("the answers of requests with an Idempotency-Key cannot be kept: {error}");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, Kind::Io, message)
}
