//! The tokens of a store: a small JSON file of hashes beside what is versioned, and a second one of when each
//! was last used, which may be lost. Any number of processes read and change them.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::clock::{Clock, Time};
use crate::disk::{DiskError, SharedDisk, Stat, replace_privately};
use crate::encoding::{Digest, canonical};

use super::{AccessError, Grant, Pattern, Role, Secret};

/// The file of tokens, in the store's directory.
pub const TOKENS_FILE: &str = "tokens.json";
/// When each was last used.
const USED_FILE: &str = "tokens-used.json";
/// Locked while either is written.
const LOCK_FILE: &str = "tokens.lock";
/// Largest such file, in bytes.
const FILE_MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Version of the file's form.
const FORMAT: u32 = 1;
/// Longest name, in characters.
const NAME_MAX_CHARS: usize = 100;
/// Hexadecimal digits of a token's id.
const ID_CHARS: usize = 8;
/// How often it is noted at most that a token was used, in milliseconds.
const USED_STEP_MS: i64 = 60_000;

/// A token that is to be made.
#[derive(Debug, Clone)]
pub struct NewGrant {
    /// Who will act with it.
    pub name: String,
    /// What may be done with it.
    pub role: Role,
    /// The agents that it is for.
    pub agents: Vec<Pattern>,
    /// From when on it is none.
    pub expires: Option<Time>,
    /// Requests a minute.
    pub per_minute: Option<u32>,
}

/// A token, as the file has it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    name: String,
    role: String,
    agents: Vec<String>,
    hash: String,
    created_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    per_minute: Option<u32>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u32,
    tokens: Vec<Entry>,
}

/// The tokens as they were read, and of which file.
#[derive(Debug, Default)]
pub struct Tokens {
    stat: Option<Stat>,
    by_hash: HashMap<Digest, Arc<Grant>>,
}

impl Tokens {
    /// Whether there are any, even if all of them were revoked since.
    pub fn are_used(&self) -> bool {
        !self.by_hash.is_empty()
    }

    /// The grant of who shows this text, if it stands at that moment.
    pub fn find(&self, text: &str, now: Time) -> Option<&Arc<Grant>> {
        self.by_hash.get(&Secret::hash(text)).filter(|grant| grant.stands(now))
    }

    /// Whether a grant that was found before still stands at that moment.
    pub fn stands(&self, grant: &Grant, now: Time) -> bool {
        self.by_hash.get(&grant.hash).is_some_and(|found| found.stands(now))
    }
}

/// The tokens of a store.
#[derive(Debug)]
pub struct Book {
    disk: SharedDisk,
    clock: Arc<dyn Clock>,
    dir: PathBuf,
    current: Mutex<Arc<Tokens>>,
    /// Whether tokens were found here at any time.
    was_used: AtomicBool,
    /// When it was last noted that a token was used.
    noted: Mutex<HashMap<String, Time>>,
}

impl Book {
    /// The tokens that are kept in a directory; the files need not be there.
    pub fn new(disk: SharedDisk, clock: Arc<dyn Clock>, dir: &Path) -> Self {
        Self {
            disk,
            clock,
            dir: dir.to_path_buf(),
            current: Mutex::default(),
            was_used: AtomicBool::new(false),
            noted: Mutex::default(),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.join(TOKENS_FILE)
    }

    /// Whether tokens were ever made here, even if all of them were revoked since.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn is_used(&self) -> Result<bool, AccessError> {
        Ok(self.current()?.are_used())
    }

    /// Whether tokens were found at any time since this was made, or a file of them that is damaged: who demanded
    /// one then has no reason to stop when the file is gone.
    pub fn was_used(&self) -> bool {
        self.was_used.load(Ordering::SeqCst)
    }

    /// Every token, in the order in which they were made, and when each was last used.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn list(&self) -> Result<Vec<(Grant, Option<Time>)>, AccessError> {
        let used = self.used()?;
        let last_use = |grant: Grant| {
            let time = used.get(&grant.id).copied();
            (grant, time)
        };
        Ok(self.load()?.into_iter().map(last_use).collect())
    }

    /// Makes a token. Its text is in the answer, and nowhere else.
    ///
    /// # Errors
    /// `Taken`, `BadName`; when the file cannot be written.
    pub fn create(&self, new: NewGrant) -> Result<(Grant, Secret), AccessError> {
        check_name(&new.name)?;
        let _lock = self.lock()?;
        let mut grants = self.load()?;
        let now = self.clock.now();
        if grants.iter().any(|grant| grant.name == new.name && grant.stands(now)) {
            return Err(AccessError::Taken(new.name));
        }
        if grants.iter().any(|grant| grant.id == new.name) {
            let reason = "it is the id of another token, which could be meant by it";
            return Err(AccessError::BadName { name: new.name, reason });
        }
        let (secret, hash, id) = unlike(&grants, &new.name, Secret::random)?;
        let NewGrant { name, role, agents, expires, per_minute } = new;
        let grant = Grant { id, name, role, agents, hash, created: now, expires, revoked: None, per_minute };
        grants.push(grant.clone());
        self.write(&grants)?;
        Ok((grant, secret))
    }

    /// Revokes the token with that id, or the standing one with that name. What is revoked already stays so.
    ///
    /// # Errors
    /// `NoSuch`; when the file cannot be written.
    pub fn revoke(&self, named: &str) -> Result<Grant, AccessError> {
        let _lock = self.lock()?;
        let mut grants = self.load()?;
        let now = self.clock.now();
        let by_name = |grant: &&mut Grant| grant.name == named && grant.revoked.is_none();
        let found = match grants.iter().position(|grant| grant.id == named) {
            Some(at) => grants.get_mut(at),
            None => grants.iter_mut().find(by_name),
        };
        let grant = found.ok_or_else(|| AccessError::NoSuch(named.to_owned()))?;
        if grant.revoked.is_some() {
            return Ok(grant.clone());
        }
        grant.revoked = Some(now);
        let revoked = grant.clone();
        self.write(&grants)?;
        Ok(revoked)
    }

    /// The grant of who shows this text, if it stands now. A change by another process counts at once.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn find(&self, text: &str) -> Result<Option<Arc<Grant>>, AccessError> {
        Ok(self.current()?.find(text, self.clock.now()).cloned())
    }

    /// The tokens that are in memory, if one look at the file says that they are still those of it; nothing is read.
    pub fn fresh(&self) -> Option<Arc<Tokens>> {
        let known = Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner));
        let stat = self.disk.stat(&self.path()).ok()?;
        (stat == known.stat).then_some(known)
    }

    /// The present time, by which tokens end.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Whether it was not noted within the last minute that a token was used.
    pub fn use_is_news(&self, id: &str) -> bool {
        is_news(&self.noted.lock().unwrap_or_else(PoisonError::into_inner), id, self.clock.now())
    }

    /// Notes that a token was used now; once a minute at most.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn note_use(&self, id: &str) -> Result<(), AccessError> {
        let now = self.clock.now();
        {
            let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
            if !is_news(&noted, id, now) {
                return Ok(());
            }
            noted.insert(id.to_owned(), now);
        }
        let _lock = self.lock()?;
        let mut used = self.used()?;
        used.insert(id.to_owned(), now);
        let ms: BTreeMap<&String, i64> = used.iter().map(|(id, time)| (id, time.as_ms())).collect();
        let path = self.dir.join(USED_FILE);
        let text = serde_json::to_vec(&ms).unwrap_or_default();
        self.disk.write_atomic(&path, &text).map_err(|source| AccessError::Disk { path, source })
    }

    fn used(&self) -> Result<HashMap<String, Time>, AccessError> {
        let Some(bytes) = self.read(&self.dir.join(USED_FILE))? else { return Ok(HashMap::new()) };
        // What cannot be read is forgotten: nothing rests on it.
        let used: BTreeMap<String, i64> = serde_json::from_slice(&bytes).unwrap_or_default();
        Ok(used.into_iter().filter_map(|(id, ms)| Some((id, Time::from_ms(ms)?))).collect())
    }

    /// The tokens; read again when the file is another one than before.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn current(&self) -> Result<Arc<Tokens>, AccessError> {
        let path = self.path();
        let stat = self.disk.stat(&path).map_err(|source| AccessError::Disk { path, source })?;
        let known = Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner));
        if known.stat == stat {
            return Ok(known);
        }
        let loaded = self.load();
        // Before the tokens are known to anybody: nobody sees that there are none without seeing this.
        if loaded.as_ref().map_or(stat.is_some(), |grants| !grants.is_empty()) {
            self.was_used.store(true, Ordering::SeqCst);
        }
        let by_hash = loaded?.into_iter().map(|grant| (grant.hash, Arc::new(grant))).collect();
        let read = Arc::new(Tokens { stat, by_hash });
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&read);
        Ok(read)
    }

    fn lock(&self) -> Result<Box<dyn crate::disk::LockGuard>, AccessError> {
        let failed = |source| AccessError::Disk { path: self.path(), source };
        self.disk.create_dir_all(&self.dir).map_err(failed)?;
        self.disk.lock(&self.dir.join(LOCK_FILE)).map_err(failed)
    }

    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, AccessError> {
        match self.disk.read(path, FILE_MAX_BYTES) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(DiskError::NotFound { .. }) => Ok(None),
            Err(source) => Err(AccessError::Disk { path: path.to_path_buf(), source }),
        }
    }

    fn load(&self) -> Result<Vec<Grant>, AccessError> {
        let path = self.path();
        let Some(bytes) = self.read(&path)? else { return Ok(Vec::new()) };
        let damaged = |reason: String| AccessError::Damaged { path: path.clone(), reason };
        let document: Document =
            serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if document.format != FORMAT {
            return Err(damaged(format!("it has format {}, and this recto knows {FORMAT}", document.format)));
        }
        document.tokens.into_iter().map(|entry| grant(entry).map_err(damaged)).collect()
    }

    fn write(&self, grants: &[Grant]) -> Result<(), AccessError> {
        let path = self.path();
        let document = Document { format: FORMAT, tokens: grants.iter().map(entry).collect() };
        let value = serde_json::to_value(&document)
            .map_err(|error| AccessError::Damaged { path: path.clone(), reason: error.to_string() })?;
        replace_privately(self.disk.as_ref(), &path, canonical::pretty(&value).as_bytes())
            .map_err(|source| AccessError::Disk { path, source })
    }
}

/// A new text, with its hash and the id that follows from it: none that another token has, or is called by.
fn unlike(
    grants: &[Grant],
    name: &str,
    mut draw: impl FnMut() -> Result<Secret, AccessError>,
) -> Result<(Secret, Digest, String), AccessError> {
    loop {
        let secret = draw()?;
        let hash = Secret::hash(secret.text());
        let id = hash.to_string()[..ID_CHARS].to_owned();
        if id != name && !grants.iter().any(|grant| grant.id == id || grant.name == id) {
            return Ok((secret, hash, id));
        }
    }
}

/// Whether it was not noted within the last minute that a token was used.
fn is_news(noted: &HashMap<String, Time>, id: &str, now: Time) -> bool {
    noted.get(id).is_none_or(|at| now.as_ms() - at.as_ms() >= USED_STEP_MS)
}

fn check_name(name: &str) -> Result<(), AccessError> {
    let bad = |reason| Err(AccessError::BadName { name: name.to_owned(), reason });
    if name.trim().is_empty() || name.trim() != name {
        return bad("it is not empty, and has no space at its ends");
    }
    if name.chars().count() > NAME_MAX_CHARS {
        return bad("it has at most 100 characters");
    }
    if name.contains(|c: char| c.is_control() || c == '<' || c == '>') {
        return bad("it has no control characters, and no '<' or '>'");
    }
    Ok(())
}

fn entry(grant: &Grant) -> Entry {
    Entry {
        id: grant.id.clone(),
        name: grant.name.clone(),
        role: grant.role.to_string(),
        agents: grant.agents.iter().map(Pattern::to_string).collect(),
        hash: grant.hash.to_string(),
        created_ms: grant.created.as_ms(),
        expires_ms: grant.expires.map(Time::as_ms),
        revoked_ms: grant.revoked.map(Time::as_ms),
        per_minute: grant.per_minute,
    }
}

fn grant(entry: Entry) -> Result<Grant, String> {
    let time = |ms| Time::from_ms(ms).ok_or_else(|| format!("'{ms}' is no time"));
    let agents: Result<_, AccessError> = entry.agents.iter().map(|pattern| pattern.parse()).collect();
    Ok(Grant {
        role: entry.role.parse().map_err(|error: AccessError| error.to_string())?,
        agents: agents.map_err(|error| error.to_string())?,
        hash: entry.hash.parse().map_err(|_| format!("'{}' is no hash", entry.hash))?,
        created: time(entry.created_ms)?,
        expires: entry.expires_ms.map(time).transpose()?,
        revoked: entry.revoked_ms.map(time).transpose()?,
        per_minute: entry.per_minute,
        id: entry.id,
        name: entry.name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_tokens_are_alike_by_id_or_name() {
        let text = |byte: u8| Secret::of([byte; 32]);
        let id = |byte: u8| Secret::hash(text(byte).text()).to_string()[..ID_CHARS].to_owned();
        let grant = |id: String, name: String| Grant {
            id,
            name,
            role: Role::Reader,
            agents: vec![Pattern::all()],
            hash: Secret::hash("another"),
            created: Time::from_ms(0).expect("a time"),
            expires: None,
            revoked: None,
            per_minute: None,
        };
        let grants = [grant(id(1), "ci".to_owned()), grant("0".repeat(ID_CHARS), id(2))];
        let mut drawn = 0;
        let (secret, hash, found) = unlike(&grants, &id(3), || {
            drawn += 1;
            Ok(text(drawn))
        })
        .expect("one that is free");
        assert_eq!((drawn, found), (4, id(4)), "1 is an id, 2 a name, 3 the name that is asked for");
        assert_eq!((secret.clone(), hash), (text(4), Secret::hash(secret.text())));
    }
}
