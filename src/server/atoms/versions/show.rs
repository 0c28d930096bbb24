//! One version, and lists of them.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::access::Role;
use crate::agent::VersionInfo;
use crate::object::Content;
use crate::server::ask::{Ask, At};
use crate::server::atoms::asking::{self, Found};
use crate::server::atoms::input::{Query, choice, whole};
use crate::server::atoms::past::Past;
use crate::server::atoms::{answer, shapes};
use crate::server::call::Call;
use crate::server::problem::Problem;
use crate::server::query::Params;

/// Versions of a page unless asked for another number, and at most.
const PAGE: usize = 20;
const PAGE_MAX: usize = 100;

/// Lists versions, the newest first. The total is that of all versions, whatever the filter.
pub(in crate::server::atoms) async fn list(
    At(id): At<String>,
    Params(query): Params<Query>,
    call: Call,
) -> Result<Response, Problem> {
    answer(call, StatusCode::OK, move |ask| {
        let limit = whole(&query, "limit", 1..=PAGE_MAX, PAGE)?;
        let skip = whole(&query, "skip", 0..=usize::MAX, 0)?;
        let pinned = choice(&query, "isPinned")?;
        let agent = asking::agent(ask, &id, Role::Reader)?;
        let total = ask.agents.version_count(&agent.handle)?;
        let found = match pinned {
            None => page(ask, &agent, total, skip, limit)?,
            Some(pinned) => {
                let mut all = ask.agents.versions(&agent.handle, 0, usize::MAX)?;
                all.retain(|version| version.pinned == pinned);
                all.into_iter().rev().skip(skip).take(limit).collect()
            }
        };
        let past = Past::read(&ask.agents, &agent.handle)?;
        let mut versions: Vec<Value> = Vec::new();
        for version in &found {
            let mut shape = shapes::version(ask, &agent, version, &past)?;
            shape["publishedByName"] = Value::from(version.author.name.as_str());
            versions.push(shape);
        }
        Ok(json!({"versions": versions, "total": total}))
    })
    .await
}

/// So many of the newest versions, after those that are skipped.
fn page(
    ask: &Ask<'_>,
    agent: &Found,
    total: u64,
    skip: usize,
    limit: usize,
) -> Result<Vec<VersionInfo>, Problem> {
    let end = total.saturating_sub(skip as u64);
    let start = end.saturating_sub(limit as u64);
    let mut found =
        ask.agents.versions(&agent.handle, start, usize::try_from(end - start).unwrap_or(limit))?;
    found.reverse();
    Ok(found)
}

/// Shows a version, its config by block, and what its check says.
pub(in crate::server::atoms) async fn show(
    At((id, version)): At<(String, String)>,
    call: Call,
) -> Result<Response, Problem> {
    answer(call, StatusCode::OK, move |ask| {
        let agent = asking::agent(ask, &id, Role::Reader)?;
        let version = asking::version(ask, &agent, &version)?;
        let past = Past::read(&ask.agents, &agent.handle)?;
        let shape = shapes::version(ask, &agent, &version, &past)?;
        let check = shape["securityCheck"].clone();
        let config = by_block(ask, &version)?;
        Ok(json!({"version": shape, "resolvedConfig": config, "securityCheck": check}))
    })
    .await
}

/// The config of a version by block; a text block under the name of its field.
fn by_block(ask: &Ask<'_>, version: &VersionInfo) -> Result<Value, Problem> {
    let config = ask.agents.config(&version.id)?;
    let mut blocks = Map::new();
    for (name, content) in &config.blocks {
        let value = match content {
            Content::Json(value) => value.clone(),
            Content::Text(text) => {
                let field = config.profile.fields().iter().find(|field| field.block == *name);
                json!({field.map_or(name.as_str(), |field| field.key()): text})
            }
        };
        blocks.insert(name.to_string(), value);
    }
    Ok(Value::Object(blocks))
}
