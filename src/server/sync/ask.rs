//! Questions with one answer, and what is taken in: staged packs and pushes.

use axum::body::Body;
use axum::http::header::{ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;

use crate::access::Role;
use crate::server::call::{Call, Shared, json};
use crate::server::problem::Problem;
use crate::sync::wire::{
    Chains, Handles, Lacking, Lacks, Listed, PACK_TYPE, Packs, PushAnswer, PushResult, StagedShape, TipShape,
    Tips, read_requests,
};
use crate::sync::{Power, SyncError};

/// What the store failed with.
#[allow(clippy::needless_pass_by_value)] // What `map_err` takes.
fn failed(error: SyncError) -> Problem {
    Problem::of(&error)
}

/// The state that a client knows, as it was told it.
fn known(headers: &HeaderMap) -> Option<String> {
    let tag = headers.get(IF_NONE_MATCH)?.to_str().ok()?.trim();
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    Some(tag.strip_prefix('"')?.strip_suffix('"')?.to_owned())
}

pub(super) async fn agents(call: Call) -> Result<Response, Problem> {
    let headers = call.headers.clone();
    call.work(0, move |shared, _| {
        let known = known(&headers);
        let listing = shared.transport.listing(known.as_deref()).map_err(failed)?;
        let (mut response, state) = if let Some(listing) = listing {
            (json(&headers, &Listed::of(&listing))?, listing.state)
        } else {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            (response, known.unwrap_or_default())
        };
        // Weak: the same state may be sent compressed or not.
        if let Ok(tag) = HeaderValue::from_str(&format!("W/\"{state}\"")) {
            response.headers_mut().insert(ETAG, tag);
        }
        Ok(response)
    })
    .await
}

pub(super) async fn tips(call: Call) -> Result<Response, Problem> {
    call.answer(|shared: &Shared, handles: Handles| {
        let tips = shared.transport.tips(&handles.into_plain()).map_err(failed)?;
        Ok(Tips { tips: tips.iter().map(|tip| tip.as_ref().map(TipShape::of)).collect() })
    })
    .await
}

pub(super) async fn chains(call: Call) -> Result<Response, Problem> {
    call.answer(|shared: &Shared, handles: Handles| {
        let chains = shared.transport.chains(&handles.into_plain()).map_err(failed)?;
        let shapes = chains.into_iter().map(|heads| heads.into_iter().map(Into::into).collect());
        Ok(Chains { chains: shapes.collect() })
    })
    .await
}

pub(super) async fn packs(call: Call) -> Result<Response, Problem> {
    let headers = call.headers.clone();
    call.work(0, move |shared, _| json(&headers, &Packs::of(&shared.transport.packs().map_err(failed)?)))
        .await
}

pub(super) async fn lacks(call: Call) -> Result<Response, Problem> {
    call.answer(|shared: &Shared, asks: Lacks| {
        Ok(Lacking::of(&shared.transport.lacks(&asks.into_plain()).map_err(failed)?))
    })
    .await
}

pub(super) async fn stage(call: Call) -> Result<Response, Problem> {
    let call = call.of_type(PACK_TYPE)?;
    let (headers, max_bytes) = (call.headers.clone(), call.limits().stage_bytes);
    call.work(max_bytes, move |shared, body| {
        let staged = shared.transport.stage(body).map_err(|error| Problem::of_sent(&error))?;
        json(&headers, &StagedShape::from(&staged))
    })
    .await
}

pub(super) async fn push(call: Call) -> Result<Response, Problem> {
    let caller = call.caller.clone().ok_or_else(|| Problem::forbidden("nobody is known to ask"))?;
    let most = if caller.role() >= Role::Admin { Power::Administer } else { Power::Publish };
    call.items(read_requests, move |shared, headers, mut requests| {
        // What the store records of the push names who has the token, whatever name the client goes by.
        if let Some(who) = caller.acts_as() {
            for request in &mut requests {
                request.actor = who.clone();
            }
        }
        let pushed = shared.transport.push_within(&requests, most, caller.acts_as());
        let results = pushed.map_err(|error| Problem::of_sent(&error))?;
        json(headers, &PushAnswer { results: results.iter().map(PushResult::of).collect() })
    })
    .await
}
