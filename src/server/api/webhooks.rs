//! Webhooks: listed, added, removed, given another secret. They hear of all agents, and are no part of what is
//! versioned: no tags, and no keys for repeated requests, since an answer that is kept would keep a secret.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::IF_MATCH;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::{Pattern, Role};
use crate::error::Kind;
use crate::refs::Handle;
use crate::server::ask::{Ask, At, parsed};
use crate::server::call::Call;
use crate::server::problem::Problem;
use crate::webhook::{EventKind, Hook, Hooks, NewHook, OVERLAP_MAX, Standing, WebhookError, check_url};

use super::answer::{Answer, read, write};
use super::route::Route;

/// How long the secret before counts as well unless said otherwise, in seconds.
const OVERLAP_SECONDS: u64 = 24 * 60 * 60;

/// A webhook.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Webhook {
    name: String,
    url: String,
    /// `publish`, `activate`, `unpublish`, `promote`, `env-clear`.
    events: Vec<String>,
    /// Handles, with `*` for any number of any characters.
    agents: Vec<String>,
    created_at: String,
    /// Since when it is told nothing more, because it answered 410.
    gone_at: Option<String>,
    /// How telling it goes: in lists, and null where that is not known.
    delivery: Option<Delivery>,
}

/// How telling a webhook goes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Delivery {
    /// Since when something that waits could not be told; null when nothing that waits was tried in vain.
    failing_since: Option<String>,
    /// When it was tried the last time, while it fails.
    failed_at: Option<String>,
    /// With what that failed.
    failed_with: Option<String>,
    /// How many events it was not told of yet, as far as they were counted.
    waiting: u64,
    /// Whether more may wait: a list counts 1,000 for a webhook, and reads 20,000 operations, at most.
    waiting_at_least: bool,
}

/// The webhooks.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AllWebhooks {
    webhooks: Vec<Webhook>,
}

/// A webhook to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookToAdd {
    name: String,
    /// https; or http on the server's machine, where nobody else reaches the server.
    url: String,
    /// All of them when it is not given.
    events: Option<Vec<String>>,
    /// All agents when it is not given.
    agents: Option<Vec<String>>,
}

/// How a secret is replaced.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ToRotate {
    /// How long requests are signed with the secret before as well; a day when it is not given, 30 at most. With 0 no
    /// secret before counts any more.
    overlap_seconds: Option<u64>,
}

/// A webhook with its secret, which no other answer shows.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WithSecret {
    webhook: Webhook,
    secret: String,
    /// Until when requests are signed with a secret before as well; null when they are not.
    former_until: Option<String>,
}

/// The routes.
pub(super) fn routes() -> Vec<Route> {
    let role = Role::Admin;
    vec![
        Route::get("/webhooks", "Lists webhooks, without their secrets", list)
            .takes_role(role)
            .untagged()
            .gives::<AllWebhooks>(),
        Route::post("/webhooks", role, "Adds a webhook; this answer alone has its secret", add)
            .untagged()
            .takes::<WebhookToAdd>()
            .gives::<WithSecret>(),
        Route::delete("/webhooks/{webhook}", role, "Removes a webhook", remove).untagged().gives::<Webhook>(),
        Route::post(
            "/webhooks/{webhook}/rotate",
            role,
            "Gives a webhook another secret; this answer alone has it",
            rotate,
        )
        .untagged()
        .takes::<ToRotate>()
        .gives::<WithSecret>(),
    ]
}

impl Webhook {
    fn of(hook: &Hook) -> Self {
        Self {
            name: hook.name.to_string(),
            url: hook.url.clone(),
            events: hook.events.iter().map(|event| event.name().to_owned()).collect(),
            agents: hook.agents.iter().map(Pattern::to_string).collect(),
            created_at: hook.created.to_string(),
            gone_at: hook.gone.map(|time| time.to_string()),
            delivery: None,
        }
    }

    fn listed((hook, standing): &(Hook, Option<Standing>)) -> Self {
        Self { delivery: standing.as_ref().map(Delivery::of), ..Self::of(hook) }
    }
}

impl Delivery {
    fn of(standing: &Standing) -> Self {
        Self {
            failing_since: standing.failing_since.map(|time| time.to_string()),
            failed_at: standing.failed_at.map(|time| time.to_string()),
            failed_with: standing.failed_with.clone(),
            waiting: standing.waiting,
            waiting_at_least: standing.waiting_at_least,
        }
    }
}

impl WithSecret {
    fn of(hook: &Hook) -> Self {
        let until = hook.former.iter().map(|former| former.until).max();
        let former_until = until.map(|time| time.to_string());
        Self { webhook: Webhook::of(hook), secret: hook.secret.text(), former_until }
    }
}

impl From<WebhookError> for Problem {
    fn from(error: WebhookError) -> Self {
        Self::about(&error)
    }
}

/// The webhooks, for who may manage them: they are told of every agent.
fn hooks(ask: &Ask<'_>) -> Result<Hooks, Problem> {
    ask.caller.require(Role::Admin)?;
    if !ask.caller.sees_all() {
        return Err(Problem::forbidden("a token for some agents is none for webhooks, which hear of all"));
    }
    if ask.headers.contains_key(IF_MATCH) {
        let message = "webhooks have no tags: nothing can be expected of them";
        return Err(Problem::new(StatusCode::PRECONDITION_FAILED, Kind::Conflict, message));
    }
    Ok(Hooks::of(Arc::clone(&ask.shared.repo)))
}

fn named(text: &str) -> Result<Handle, Problem> {
    text.parse().map_err(|_| Problem::not_found(format!("there is no webhook '{text}'")))
}

async fn list(call: Call) -> Result<Response, Problem> {
    read(call, |ask| {
        let all = hooks(ask)?.standings()?;
        Answer::of(&AllWebhooks { webhooks: all.iter().map(Webhook::listed).collect() })
    })
    .await
}

async fn add(call: Call) -> Result<Response, Problem> {
    write(call, |ask| {
        let hooks = hooks(ask)?;
        let body: WebhookToAdd = ask.body()?;
        check_url(&body.url, false)?;
        if !ask.shared.is_local && !body.url.starts_with("https:") {
            let message = "the url: this server is reached from elsewhere, and sends to https only";
            return Err(Problem::malformed(message));
        }
        refuse_none("events", body.events.as_deref())?;
        refuse_none("agents", body.agents.as_deref())?;
        let events = body.events.unwrap_or_default();
        let mut events: Vec<EventKind> =
            events.iter().map(|event| parsed("events", event)).collect::<Result<_, _>>()?;
        events.sort_unstable();
        events.dedup();
        let agents = body.agents.unwrap_or_default();
        let agents = agents.iter().map(|pattern| parsed("agents", pattern)).collect::<Result<_, _>>()?;
        let new = NewHook { name: parsed("name", &body.name)?, url: body.url, events, agents };
        Answer::of(&WithSecret::of(&hooks.add(new)?))
    })
    .await
}

async fn remove(At(webhook): At<String>, call: Call) -> Result<Response, Problem> {
    write(call, move |ask| Answer::of(&Webhook::of(&hooks(ask)?.remove(&named(&webhook)?)?))).await
}

async fn rotate(At(webhook): At<String>, call: Call) -> Result<Response, Problem> {
    write(call, move |ask| {
        let hooks = hooks(ask)?;
        let overlap = Duration::from_secs(ask.body::<ToRotate>()?.overlap_seconds.unwrap_or(OVERLAP_SECONDS));
        if overlap > OVERLAP_MAX {
            return Err(Problem::malformed("overlap_seconds: it is more than 30 days"));
        }
        Answer::of(&WithSecret::of(&hooks.rotate(&named(&webhook)?, overlap)?))
    })
    .await
}

/// An empty list would be taken for none, and means everything.
fn refuse_none(name: &str, given: Option<&[String]>) -> Result<(), Problem> {
    match given {
        Some([]) => Err(Problem::malformed(format!("'{name}' is empty: leave it out for all"))),
        _ => Ok(()),
    }
}
