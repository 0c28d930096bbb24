//! The description of this API: OpenAPI 3.1, made of the routes.

use std::sync::LazyLock;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, Header, InfoBuilder, OpenApi, Paths, Ref, Required,
};
use utoipa::{PartialSchema as _, ToSchema as _};

use crate::sync::wire::JSON_TYPE;

use super::ROOT;
use super::once::KEY_HEADER;
use super::route::Route;
use super::shapes::Problem;

/// The type of a refusal.
const PROBLEM_TYPE: &str = "application/problem+json";
/// The name of how a client says who it is.
const BEARER: &str = "token";

/// The document as it is sent.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let mut text = description(&super::all()).to_pretty_json().expect("a description can be written");
    text.push('\n');
    text
});

/// The document, as it is checked in.
pub(crate) fn document() -> &'static str {
    &DOCUMENT
}

/// Sends it.
pub(super) async fn send() -> Response {
    let mut response = Response::new(Body::from(document()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(JSON_TYPE));
    response
}

fn description(routes: &[Route]) -> OpenApi {
    let mut paths = Paths::new();
    let mut components = ComponentsBuilder::new()
        .schema(Problem::name(), Problem::schema())
        .security_scheme(BEARER, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    for route in routes {
        for (name, schema) in &route.schemas {
            components = components.schema(name.clone(), schema.clone());
        }
        paths.add_path_operation(
            format!("{ROOT}{}", route.path),
            vec![route.method.clone()],
            operation(route),
        );
    }
    let info = InfoBuilder::new()
        .title("recto")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Agents, their drafts and versions, what serves, and who did what when. Not described here: \
             `/api/v1/store` and `/sync/v1`, by which recto itself uses a store from afar, fetches and pushes, and \
             which change with it (docs/sync-protocol.md); `/atoms/v1` and `/thinnest`, which are described by their \
             vendors; `/healthz`, `/readyz` and `/metrics`.",
        ));
    utoipa::openapi::OpenApiBuilder::new()
        .info(info.build())
        .paths(paths)
        .components(Some(components.build()))
        .security(Some([SecurityRequirement::new::<_, [&str; 0], &str>(BEARER, [])]))
        .build()
}

fn operation(route: &Route) -> Operation {
    let is_read = matches!(route.method, HttpMethod::Get);
    let mut operation = OperationBuilder::new()
        .summary(Some(route.says))
        .description(Some(format!("Takes the role {}.", route.role)))
        .operation_id(Some(id(route)))
        .tag(tag(route.path));
    for place in route.places() {
        operation = operation.parameter(in_path(place));
    }
    for parameter in &route.query {
        operation = operation.parameter(parameter.clone());
    }
    if is_read && route.tagged {
        operation =
            operation.parameter(header("If-None-Match", "Tags that are known: 304 where one is the same."));
    } else if route.tagged {
        let text = "Tags, of which one has to be what this changes is at now: 412 where none is.";
        operation = operation.parameter(header("If-Match", text));
    }
    if route.makes {
        let text = "The same key with the same body answers what was answered, for a day.";
        operation = operation.parameter(header(KEY_HEADER, text));
    }
    if let Some(body) = &route.takes {
        let content = ContentBuilder::new().schema(Some(body.clone())).build();
        let body = RequestBodyBuilder::new().content(JSON_TYPE, content).required(Some(Required::True));
        operation = operation.request_body(Some(body.build()));
    }
    answers(route, is_read)
        .into_iter()
        .fold(operation, |operation, (status, response)| operation.response(status, response))
        .build()
}

fn answers(route: &Route, is_read: bool) -> Vec<(&'static str, utoipa::openapi::Response)> {
    let text = || ObjectBuilder::new().schema_type(Type::String).build();
    let mut good = ResponseBuilder::new().description(route.says);
    if let Some(body) = &route.gives {
        good = good.content(route.gives_type, ContentBuilder::new().schema(Some(body.clone())).build());
    }
    if route.tagged {
        good = good.header("ETag", Header::new(text()));
    }
    if route.makes {
        good = good.header("Location", Header::new(text()));
    }
    let mut answers = vec![(if route.makes { "201" } else { "200" }, good.build())];
    if is_read && route.tagged {
        answers.push(("304", ResponseBuilder::new().description("It is the same").build()));
    }
    let mut refusals = vec![
        ("400", "The request cannot be read"),
        ("401", "A token is demanded"),
        ("403", "The role does not suffice"),
        ("404", "There is no such thing, or it is not for who asks"),
        ("422", "Something breaks a rule"),
        ("429", "The token's requests are used up"),
        ("503", "The server has too much to do"),
    ];
    if !is_read {
        refusals.extend([
            ("409", "It is not as it would have to be"),
            ("412", "None of the tags is there now"),
            ("413", "The body is too large"),
        ]);
    }
    for (status, description) in refusals {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
        let response = ResponseBuilder::new().description(description).content(PROBLEM_TYPE, content);
        answers.push((status, response.build()));
    }
    answers
}

/// `post_agents_agent_drafts`.
fn id(route: &Route) -> String {
    let verb = match route.method {
        HttpMethod::Post => "post",
        HttpMethod::Put => "put",
        HttpMethod::Patch => "patch",
        HttpMethod::Delete => "delete",
        _ => "get",
    };
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let path: String = route.path.chars().filter(|c| !"{}".contains(*c)).map(plain).collect();
    format!("{verb}{path}")
}

fn tag(path: &str) -> &'static str {
    match path.split('/').nth(3) {
        Some("drafts" | "checkpoints") => "drafts",
        Some("versions" | "accepted" | "diff" | "resolve") => "versions",
        Some("active" | "rollback" | "unpublish" | "undo" | "at" | "timeline" | "environments") => "serving",
        Some("log") => "log",
        _ if path == "/events" => "log",
        _ if path.starts_with("/webhooks") => "webhooks",
        _ => "agents",
    }
}

fn in_path(name: &'static str) -> Parameter {
    let says = match name {
        "agent" => "An agent's handle",
        "draft" => "A draft's name",
        "version" => "`V3`, `latest`, `ACTIVE`, or an id",
        _ => "A name",
    };
    let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(says))
        .schema(Some(text.build()))
        .build()
}

fn header(name: &str, says: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(says))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described_under_a_name_of_its_own() {
        let routes = super::super::all();
        let mut names: Vec<String> = routes.iter().map(id).collect();
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!((names.len(), count > 40), (count, true));
        assert!(routes.iter().all(|route| route.gives.is_some()), "one answers nothing that is described");
    }
}
