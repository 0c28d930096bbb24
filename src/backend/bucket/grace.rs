//! What nothing names any more stays for a while: somebody may still read a state that names it.

use crate::backend::BackendError;
use crate::clock::Time;

use super::contents::Contents;
use super::state::Replaced;

/// How long it stays, in milliseconds.
pub(super) const GRACE_MS: i64 = 2 * 60 * 60 * 1000;
/// So many keys stand in a state at most; with more they become a piece.
const LISTED_MAX: usize = 96;

/// Notes what is replaced now, and gives the keys whose time is over: they are to be removed once a state
/// that does not list them any more was written.
pub(super) async fn note(
    listed: &mut Vec<Replaced>,
    replaced: Vec<String>,
    now: Time,
    contents: &Contents,
) -> Result<Vec<String>, BackendError> {
    let is_over = |entry: &Replaced| now.as_ms() - entry.since.as_ms() > GRACE_MS;
    let (over, mut stays): (Vec<Replaced>, Vec<Replaced>) = listed.drain(..).partition(is_over);
    let mut keys = Vec::new();
    for entry in over {
        if let Some(list) = &entry.lists {
            let listed: Vec<Replaced> = serde_json::from_slice(&contents.blob(list).await?)
                .map_err(|error| BackendError::corrupt(list.path(), error.to_string()))?;
            keys.extend(listed.into_iter().map(|entry| entry.key));
        }
        keys.push(entry.key);
    }
    stays.extend(replaced.into_iter().map(|key| Replaced { key, since: now, lists: None }));
    let (lists, single): (Vec<Replaced>, Vec<Replaced>) =
        stays.into_iter().partition(|entry| entry.lists.is_some());
    *listed = lists;
    if single.len() > LISTED_MAX {
        let content = serde_json::to_vec(&single).expect("it writes to memory");
        let blob = contents.put_blob(&content).await?;
        listed.push(Replaced { key: blob.path(), since: now, lists: Some(blob) });
    } else {
        listed.extend(single);
    }
    Ok(keys)
}
