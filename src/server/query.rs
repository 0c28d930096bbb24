//! What stands after the question mark, as the parameters that a route takes. What cannot be read is refused in
//! words that name the parameter and say what would be right.

use std::fmt::Display;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Query, Request, State};
use axum::http::Uri;
use axum::http::request::Parts;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::MethodRouter;
use serde::de::value::MapDeserializer;
use serde::de::{DeserializeOwned, Deserializer, Error, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::call::Shared;
use super::ignored;
use super::problem::Problem;
use super::shown::shown;

/// The parameters of a request, in the form that its route wants.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read(&pairs(&parts.uri)).map(Self).map_err(|Wrong(message)| Problem::malformed(message))
    }
}

/// What becomes of parameters that a route does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Others {
    Refused,
    Noted,
}

/// A handler that refuses parameters other than these: who sent them counts on something that does not happen.
pub(super) fn only(
    known: impl IntoIterator<Item = impl Into<String>>,
    handler: MethodRouter<Arc<Shared>>,
) -> MethodRouter<Arc<Shared>> {
    taking(known, Others::Refused, handler)
}

/// A handler of a vendor's API, which passes other parameters over than these, and names them in its answer.
pub(super) fn noting(
    known: impl IntoIterator<Item = impl Into<String>>,
    handler: MethodRouter<Arc<Shared>>,
) -> MethodRouter<Arc<Shared>> {
    taking(known, Others::Noted, handler)
}

/// One of requests that have no parameters besides their path.
pub(super) fn plain(handler: MethodRouter<Arc<Shared>>) -> MethodRouter<Arc<Shared>> {
    noting([] as [&str; 0], handler)
}

fn taking(
    known: impl IntoIterator<Item = impl Into<String>>,
    others: Others,
    handler: MethodRouter<Arc<Shared>>,
) -> MethodRouter<Arc<Shared>> {
    let known: Arc<[String]> = known.into_iter().map(Into::into).collect();
    handler.layer(middleware::from_fn_with_state((known, others), look_through))
}

async fn look_through(
    State((known, others)): State<(Arc<[String]>, Others)>,
    request: Request,
    next: Next,
) -> Response {
    let pairs = pairs(request.uri());
    let names = pairs.iter().map(|(name, _)| name);
    let unheard: Vec<String> = names.filter(|name| !known.contains(name)).cloned().collect();
    if others == Others::Refused
        && let Some(name) = unheard.first()
    {
        return Problem::malformed(unknown(name, &known)).into_response();
    }
    let mut response = match repeated(&pairs, &known) {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    };
    ignored::note(response.headers_mut(), &unheard);
    response
}

/// The refusal of the first parameter of these that is given more than once. Routes know a few, and clients may send
/// thousands.
fn repeated(pairs: &[(String, String)], known: &[String]) -> Option<Problem> {
    let is_repeated = |name: &&String| pairs.iter().filter(|(given, _)| given == *name).nth(1).is_some();
    let name = known.iter().find(is_repeated)?;
    Some(Problem::malformed(format!("the query parameter '{name}' is given twice; once is right")))
}

fn unknown(name: &str, known: &[impl AsRef<str>]) -> String {
    let known: Vec<String> = known.iter().map(|name| format!("'{}'", name.as_ref())).collect();
    let there = if known.is_empty() { "none is taken".to_owned() } else { known.join(", ") };
    format!("there is no query parameter '{}' here: {there}", shown(name))
}

/// Names and values, percent signs decoded; there is no text that is no query.
fn pairs(uri: &Uri) -> Vec<(String, String)> {
    Query::<Vec<(String, String)>>::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default()
}

fn read<T: DeserializeOwned>(pairs: &[(String, String)]) -> Result<T, Wrong> {
    let given = pairs.iter().map(|(name, text)| (name.as_str(), Given { name, text }));
    T::deserialize(MapDeserializer::new(given))
}

/// Why parameters cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Wrong(String);

impl Error for Wrong {
    fn custom<M: Display>(message: M) -> Self {
        Self(format!("the query cannot be read: {message}"))
    }

    fn missing_field(name: &'static str) -> Self {
        Self(format!("the query parameter '{name}' is missing, and has to be given"))
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        Self(unknown(name, known))
    }
}

/// The value of one parameter.
#[derive(Debug, Clone, Copy)]
struct Given<'q> {
    name: &'q str,
    text: &'q str,
}

impl Given<'_> {
    fn wrong(self, right: &str) -> Wrong {
        Wrong(format!("the query parameter '{}' is '{}', and has to be {right}", self.name, shown(self.text)))
    }
}

impl IntoDeserializer<'_, Wrong> for Given<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Given<'_> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_str(self.text)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_some(self)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.text {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            _ => Err(self.wrong("'true' or 'false'")),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let is_number = !self.text.is_empty() && self.text.bytes().all(|byte| byte.is_ascii_digit());
        match self.text.parse() {
            Ok(number) if is_number => visitor.visit_u64(number),
            Err(_) if is_number => Err(self.wrong("a smaller number")),
            _ => Err(self.wrong("a whole number, 0 or more")),
        }
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        from: String,
        limit: Option<usize>,
        #[serde(default)]
        reveal: bool,
    }

    fn of<T: DeserializeOwned>(query: &str) -> Result<T, String> {
        let uri: Uri = format!("/x?{query}").parse().expect("an address");
        read(&pairs(&uri)).map_err(|Wrong(message)| message)
    }

    #[test]
    fn parameters_are_read_as_what_they_are() {
        let wanted = |from: &str, limit, reveal| Ok(Wanted { from: from.to_owned(), limit, reveal });
        assert_eq!(of("from=V1"), wanted("V1", None, false));
        assert_eq!(of("limit=7&from=a%20b%2Bc&reveal=true"), wanted("a b+c", Some(7), true));
        assert_eq!(of("from="), wanted("", None, false));
        assert_eq!(of("a=7&b=true").map(|all: HashMap<String, String>| all["a"].clone()), Ok("7".to_owned()));
    }

    #[test]
    fn what_cannot_be_read_is_named_with_what_would_be_right() {
        let check = |query: &str, says: &str| {
            assert_eq!(of::<Wanted>(query), Err(says.to_owned()), "{query}");
        };
        check("", "the query parameter 'from' is missing, and has to be given");
        for (query, given) in
            [("x", "x"), ("", ""), ("-1", "-1"), ("+1", "+1"), ("1.5", "1.5"), ("%1B", "\\u{1b}")]
        {
            let query = format!("from=V1&limit={}", query.replace('+', "%2B"));
            check(
                &query,
                &format!("the query parameter 'limit' is '{given}', and has to be a whole number, 0 or more"),
            );
        }
        let large = "9".repeat(30);
        check(
            &format!("from=V1&limit={large}"),
            &format!("the query parameter 'limit' is '{large}', and has to be a smaller number"),
        );
        check("from=V1&reveal", "the query parameter 'reveal' is '', and has to be 'true' or 'false'");
        check("from=V1&To=V2", "there is no query parameter 'To' here: 'from', 'limit', 'reveal'");
        assert_eq!(
            unknown("a\u{1b}", &[] as &[&str]),
            "there is no query parameter 'a\\u{1b}' here: none is taken"
        );
        assert!(unknown(&"x".repeat(1000), &["a"]).len() < 200);
    }

    #[test]
    fn a_known_parameter_is_given_once_and_others_as_often_as_may_be() {
        let check = |query: &str, expected: Option<&str>| {
            let uri: Uri = format!("/x?{query}").parse().expect("an address");
            let refused = repeated(&pairs(&uri), &["from".to_owned(), "limit".to_owned()]);
            assert_eq!(refused.as_ref().map(Problem::message), expected, "{query}");
        };
        check("from=V1&limit=1&other=1&other=2&From=V2", None);
        check("x=1&limit=1&limit=2", Some("the query parameter 'limit' is given twice; once is right"));
        check("fro%6d=V1&from=V1", Some("the query parameter 'from' is given twice; once is right"));
    }
}
