//! The native API, under `/api/v1`: everything that the command line can do to agents.

mod agents;
mod answer;
mod carry;
mod config;
mod drafts;
mod environments;
mod events;
mod merges;
mod once;
mod openapi;
mod oplog;
mod page;
mod revision;
mod route;
mod serving;
mod shapes;
mod versions;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use super::call::{Shared, gzip};
use super::caller::admitted;
use super::hot;
use super::query::only;
use super::turn::in_turns;

pub(super) use events::Events;
pub(super) use openapi::document as description;
use route::Route;

/// Where it is.
pub(super) const ROOT: &str = "/api/v1";
/// The surface that the log names.
const VIA: &str = "http";

/// All of its routes.
fn all() -> Vec<Route> {
    let hot = vec![
        Route::get("/agents/{agent}/active", "Answers a call: the config that serves", hot::active)
            .gives::<carry::Config>()
            .at_once("application/json"),
        Route::get(
            "/agents/{agent}/environments/{environment}/active",
            "Answers a call: the config that serves in an environment",
            hot::environment,
        )
        .gives::<carry::Config>()
        .at_once("application/json"),
    ];
    let parts = [
        agents::routes(),
        carry::routes(),
        drafts::routes(),
        config::routes(),
        merges::routes(),
        versions::routes(),
        serving::routes(),
        environments::routes(),
        oplog::routes(),
        events::routes(),
        webhooks::routes(),
        hot,
    ];
    parts.into_iter().flatten().collect()
}

/// Its routes.
pub(super) fn routes(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    let (at_once, in_turn): (Vec<Route>, Vec<Route>) = all().into_iter().partition(|route| route.at_once);
    let router = |routes: Vec<Route>| {
        let add = |router: Router<Arc<Shared>>, route: Route| {
            let known = route.query.into_iter().map(|parameter| parameter.name);
            router.route(route.path, only(known, route.handler))
        };
        routes.into_iter().fold(Router::new(), add)
    };
    let worked_on = in_turns(router(in_turn), shared).layer(gzip());
    // What is in memory is sent without a turn, and who listens holds none.
    let all = admitted(worked_on.merge(router(at_once)), shared);
    // How to ask is no secret.
    Router::new().nest(ROOT, all.route("/openapi.json", get(openapi::send)))
}
