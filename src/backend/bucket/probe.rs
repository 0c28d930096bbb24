//! Whether a service keeps the promises that a store in a bucket rests on: asked once, on a key that is
//! removed again, before anything is kept there.

use futures_util::future::join_all;

use super::BucketError;
use super::requests::{Look, Requests, Version};

/// Swaps that race in each round.
const RACERS: usize = 16;
/// How often they race.
const ROUNDS: usize = 4;

/// Asks a service for each promise.
pub(super) async fn probe(requests: &Requests) -> Result<(), BucketError> {
    let random = |requests: &Requests| requests.world.random();
    let key = format!("probe-{:016x}", random(requests)?);
    let result = promises(requests, &key).await;
    let removed = requests.delete(&key).await;
    result.and(removed)
}

async fn promises(requests: &Requests, key: &str) -> Result<(), BucketError> {
    let broken = |promise| Err(BucketError::BrokenPromise(promise));
    let body = |text: &str| format!("recto asks how this service answers: {text}\n").into_bytes();
    requests.accepts(key, None, body("first")).await?;
    let Some(first) = version(requests, key).await? else {
        return broken("it does not show what was written to it");
    };
    if requests.accepts(key, None, body("second")).await? {
        return broken("it makes a key anew that is there (If-None-Match is ignored)");
    }
    if !requests.accepts(key, Some(&first), body("third")).await? {
        // Some compare ETags without their quotes, in which they give them.
        requests.use_bare_etags(true);
        if !requests.accepts(key, Some(&first), body("third")).await? {
            return broken("it refuses a write that names the right ETag (If-Match)");
        }
    }
    if requests.accepts(key, Some(&first), body("fourth")).await? {
        return broken("it accepts a write that names an ETag of the past (If-Match is ignored)");
    }
    for round in 0..ROUNDS {
        let Some(now) = version(requests, key).await? else {
            return broken("it does not show what was written to it");
        };
        let race = (0..RACERS).map(|racer| {
            let now = &now;
            async move { requests.accepts(key, Some(now), body(&format!("{round} {racer}"))).await }
        });
        let won = join_all(race).await.into_iter().filter(|answer| matches!(answer, Ok(true))).count();
        if won > 1 {
            return broken("of swaps that race it accepts more than one");
        }
        if won == 0 {
            return broken("of swaps that race it accepts none");
        }
    }
    Ok(())
}

async fn version(requests: &Requests, key: &str) -> Result<Option<Version>, BucketError> {
    match requests.get(key, None).await? {
        Look::Found(found) => Ok(Some(found.version)),
        Look::Absent | Look::Same => Ok(None),
    }
}
