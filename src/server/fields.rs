//! The fields of a body in the form that a route wants. What does not fit is refused in words that name the field
//! and say what would be right. Knows JSON values, and nothing of requests.

use std::fmt::{self, Display};

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Value, json, map};

use super::shown::shown;

/// A body, in the form that is wanted.
///
/// # Errors
/// The first thing that does not fit.
pub(super) fn read<T: DeserializeOwned>(body: Value) -> Result<T, Wrong> {
    T::deserialize(Node(body))
}

/// The fields of a form that takes no others.
pub(super) fn known<T: DeserializeOwned>() -> &'static [&'static str] {
    // No form has a field without a name.
    let Err(Wrong { what: What::Unknown { known, .. }, .. }) = read::<T>(json!({"": null})) else {
        unreachable!("a form that is read so takes no others");
    };
    known
}

/// What does not fit, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The names that lead there, the innermost first.
    at: Vec<String>,
    what: What,
}

#[derive(Debug, PartialEq, Eq)]
enum What {
    /// It is something else than it has to be.
    Else { is: String, right: String },
    /// A field of that name is not known beside these.
    Unknown { name: String, known: &'static [&'static str] },
    /// A field of that name is not there.
    Missing(&'static str),
    /// What a form says by itself.
    Other(String),
}

impl Wrong {
    fn of(what: What) -> Self {
        Self { at: Vec::new(), what }
    }

    fn under(mut self, name: &str) -> Self {
        self.at.push(shown(name));
        self
    }

    /// The place, with another name inside it.
    fn place(&self, inside: Option<&str>) -> String {
        let names = self.at.iter().rev().map(String::as_str).chain(inside);
        names.collect::<Vec<_>>().join("/")
    }
}

impl Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Else { is, right } if self.at.is_empty() => {
                write!(f, "the body is {is}, and has to be {right}")
            }
            What::Else { is, right } => {
                write!(f, "'{}' of the body is {is}, and has to be {right}", self.place(None))
            }
            What::Unknown { name, known } => {
                write!(f, "there is no field '{}' in the body: ", self.place(Some(&shown(name))))?;
                match known {
                    [] => f.write_str("none is taken"),
                    known => write!(f, "'{}'", known.join("', '")),
                }
            }
            What::Missing(name) => {
                write!(f, "'{}' is missing in the body, and has to be given", self.place(Some(name)))
            }
            What::Other(said) if self.at.is_empty() => write!(f, "the body: {said}"),
            What::Other(said) => write!(f, "'{}' of the body: {said}", self.place(None)),
        }
    }
}

impl std::error::Error for Wrong {}

impl Error for Wrong {
    fn custom<M: Display>(message: M) -> Self {
        Self::of(What::Other(message.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::of(What::Else { is: kind(found), right: right(expected) })
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let is = match found {
            Unexpected::Signed(number) => number.to_string(),
            Unexpected::Unsigned(number) => number.to_string(),
            other => kind(other),
        };
        Self::of(What::Else { is, right: right(expected) })
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        Self::of(What::Unknown { name: name.to_owned(), known })
    }

    fn missing_field(name: &'static str) -> Self {
        Self::of(What::Missing(name))
    }
}

fn kind(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(_) => "a boolean".to_owned(),
        Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number".to_owned(),
        Unexpected::Str(_) => "a string".to_owned(),
        Unexpected::Unit => "null".to_owned(),
        Unexpected::Seq => "an array".to_owned(),
        Unexpected::Map => "an object".to_owned(),
        other => other.to_string(),
    }
}

/// What is expected, in the words of JSON.
fn right(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "u64" | "usize" | "u32" => "a whole number, 0 or more".to_owned(),
        "a sequence" => "an array".to_owned(),
        "a map" => "an object".to_owned(),
        other if other.starts_with("struct ") => "an object".to_owned(),
        _ => text,
    }
}

/// A value that is read.
#[derive(Debug)]
struct Node(Value);

impl<'de> Deserializer<'de> for Node {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(flag),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => visitor.visit_u64(number),
                (None, Some(number)) => visitor.visit_i64(number),
                (None, None) => visitor.visit_f64(number.as_f64().expect("every number is one of the three")),
            },
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => visitor.visit_seq(Items(items.into_iter().enumerate())),
            Value::Object(fields) => visitor.visit_map(Fields { left: fields.into_iter(), read: None }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    /// An object, and never a list of what would be in it.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self.0 {
            Value::Array(_) => Err(Wrong::invalid_type(Unexpected::Seq, &visitor)),
            _ => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct Items(std::iter::Enumerate<std::vec::IntoIter<Value>>);

impl<'de> SeqAccess<'de> for Items {
    type Error = Wrong;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Wrong> {
        let Some((at, item)) = self.0.next() else { return Ok(None) };
        seed.deserialize(Node(item)).map(Some).map_err(|wrong| wrong.under(&at.to_string()))
    }
}

struct Fields {
    left: map::IntoIter,
    /// The field whose name was read.
    read: Option<(String, Value)>,
}

impl<'de> MapAccess<'de> for Fields {
    type Error = Wrong;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Wrong> {
        self.read = self.left.next();
        let Some((name, _)) = &self.read else { return Ok(None) };
        seed.deserialize(name.as_str().into_deserializer()).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Wrong> {
        let (name, value) = self.read.take().expect("a value is read after its name");
        seed.deserialize(Node(value)).map_err(|wrong| wrong.under(&name))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct One {
        set: Option<String>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        config: Value,
        count: Option<u64>,
        edits: Option<Vec<One>>,
        #[serde(default)]
        keep: bool,
    }

    fn of(body: Value) -> Result<Wanted, String> {
        read(body).map_err(|wrong| wrong.to_string())
    }

    #[test]
    fn a_body_is_read_as_it_is() {
        let config = json!({"a": [1, -1, 1.5, null, true, "x", {"b": {}}], "c": u64::MAX});
        let body =
            json!({"config": config, "count": 7, "edits": [{"set": "x"}, {"set": null}], "keep": true});
        let read = of(body).expect("it fits");
        assert_eq!((read.config, read.count, read.keep), (config, Some(7), true));
        let edits: Vec<Option<String>> = read.edits.into_iter().flatten().map(|one| one.set).collect();
        assert_eq!(edits, [Some("x".to_owned()), None]);
        assert!(of(json!({"config": null, "count": null})).expect("it fits").config.is_null());
    }

    #[test]
    fn the_fields_of_a_form_are_known() {
        assert_eq!(known::<Wanted>(), ["config", "count", "edits", "keep"]);
        assert_eq!(known::<One>(), ["set"]);
    }

    #[test]
    fn what_does_not_fit_is_named_with_what_would_be_right() {
        let check = |body: Value, says: &str| assert_eq!(of(body).expect_err("it does not fit"), says);
        check(json!([]), "the body is an array, and has to be an object");
        check(json!({}), "'config' is missing in the body, and has to be given");
        check(
            json!({"count": "7"}),
            "'count' of the body is a string, and has to be a whole number, 0 or more",
        );
        check(json!({"count": -7}), "'count' of the body is -7, and has to be a whole number, 0 or more");
        check(
            json!({"count": 1.5}),
            "'count' of the body is a number, and has to be a whole number, 0 or more",
        );
        check(json!({"keep": null}), "'keep' of the body is null, and has to be a boolean");
        check(json!({"edits": [["x"]]}), "'edits/0' of the body is an array, and has to be an object");
        check(json!({"edits": {}}), "'edits' of the body is an object, and has to be an array");
        check(json!({"edits": [{}, 1]}), "'edits/1' of the body is a number, and has to be an object");
        check(
            json!({"edits": [{}, {"set": []}]}),
            "'edits/1/set' of the body is an array, and has to be a string",
        );
        check(json!({"edits": [{"get": 1}]}), "there is no field 'edits/0/get' in the body: 'set'");
        check(
            json!({"\u{1b}": 1}),
            "there is no field '\\u{1b}' in the body: 'config', 'count', 'edits', 'keep'",
        );
    }
}
