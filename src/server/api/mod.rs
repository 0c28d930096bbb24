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

use std::sync::Arc;

use axum::routing::get;
use axum::{Router, middleware};
use tower_http::compression::CompressionLayer;

use super::call::Shared;
use super::caller::admit;
use super::hot;
use super::turn::in_turn;

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
        hot,
    ];
    parts.into_iter().flatten().collect()
}

/// Its routes.
pub(super) fn routes(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    let (at_once, in_turns): (Vec<Route>, Vec<Route>) = all().into_iter().partition(|route| route.at_once);
    let router = |routes: Vec<Route>| {
        let add = |router: Router<Arc<Shared>>, route: Route| router.route(route.path, route.handler);
        routes.into_iter().fold(Router::new(), add)
    };
    let worked_on = router(in_turns).layer(middleware::from_fn_with_state(Arc::clone(shared), in_turn));
    let worked_on = worked_on.layer(CompressionLayer::new().no_deflate().no_br().no_zstd());
    // What is in memory is sent without a turn, and who listens holds none.
    let all = worked_on.merge(router(at_once));
    let all = all.layer(middleware::from_fn_with_state(Arc::clone(shared), admit));
    // How to ask is no secret.
    Router::new().nest(ROOT, all.route("/openapi.json", get(openapi::send)))
}
