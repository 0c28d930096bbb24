//! Properties: canonical bytes are a function of the value alone, and nothing makes the parser
//! panic.

use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::{Map, Number, Value, json};

use crate::encoding::{Digest, Frame, canonical, json::parse};

/// Text that I-JSON allows, with what must be escaped or sorts oddly made likely.
fn text() -> impl Strategy<Value = String> {
    let odd =
        prop::sample::select(vec!['"', '\\', '/', '\n', '\0', 'é', '\u{e000}', '\u{10000}', '\u{fffd}']);
    let any = any::<char>().prop_filter("a noncharacter", |c| {
        let code = u32::from(*c);
        code & 0xFFFE != 0xFFFE && !(0xFDD0..=0xFDEF).contains(&code)
    });
    prop::collection::vec(prop_oneof![odd, any, prop::char::range('a', 'c')], 0..40)
        .prop_map(String::from_iter)
}

/// A number as the parser holds it.
fn number() -> impl Strategy<Value = Number> {
    let double = any::<f64>().prop_filter("not finite", |double| double.is_finite());
    let whole = (-(1_i64 << 53)..=1 << 53).prop_map(Number::from);
    let parsed = double.prop_map(|double| {
        let mut buffer = ryu_js::Buffer::new();
        match parse(buffer.format_finite(double).as_bytes()) {
            Ok(Value::Number(number)) => number,
            other => panic!("the ES6 form of {double} gives {other:?}"),
        }
    });
    prop_oneof![whole, parsed, (0_i64..10).prop_map(Number::from)]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number().prop_map(Value::Number),
        text().prop_map(Value::String),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec((text(), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Writes a value with other key order, other whitespace and other escapes than the canonical.
fn respell(value: &Value, seed: u64, out: &mut String) {
    let space = [" ", "\n", "\t \r\n", ""][usize::try_from(seed % 4).expect("below 4")];
    let next = seed.rotate_left(7) ^ 0x9E37_79B9;
    out.push_str(space);
    match value {
        Value::String(text) => respell_text(text, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                respell(item, next, out);
            }
            out.push_str(space);
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| Digest::of(Frame::Block, format!("{seed}{key}").as_bytes()));
            for (index, (key, field)) in fields.into_iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                respell_text(key, out);
                out.push_str(space);
                out.push(':');
                respell(field, next, out);
            }
            out.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            out.push_str(&String::from_utf8(canonical::to_vec(value)).expect("UTF-8"));
        }
    }
    out.push_str(space);
}

fn respell_text(text: &str, out: &mut String) {
    out.push('"');
    for unit in text.encode_utf16() {
        write!(out, "\\u{unit:04X}").expect("a string takes all text");
    }
    out.push('"');
}

/// Every value that one small change makes of `value`.
fn changed(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => vec![json!(false), json!(""), json!(0)],
        Value::Bool(flag) => vec![Value::Bool(!flag), Value::Null],
        Value::Number(number) => {
            let text = String::from_utf8(canonical::to_vec(value)).expect("UTF-8");
            vec![json!(if number.as_i64() == Some(7) { 8 } else { 7 }), Value::String(text)]
        }
        Value::String(text) => vec![Value::String(format!("{text} ")), json!([text])],
        Value::Array(items) => {
            let mut longer = items.clone();
            longer.push(Value::Null);
            let inner = items.iter().enumerate().flat_map(|(index, item)| {
                changed(item).into_iter().map(move |other| {
                    let mut items = items.clone();
                    items[index] = other;
                    Value::Array(items)
                })
            });
            inner.chain([Value::Array(longer)]).collect()
        }
        Value::Object(fields) => {
            let mut more = fields.clone();
            more.insert("a key that no test makes".to_owned(), Value::Null);
            let inner = fields.iter().flat_map(|(key, field)| {
                changed(field).into_iter().map(move |other| {
                    let mut fields = fields.clone();
                    fields.insert(key.clone(), other);
                    Value::Object(fields)
                })
            });
            inner.chain([Value::Object(more)]).collect()
        }
    }
}

fn id(value: &Value) -> Digest {
    Digest::of(Frame::Block, &canonical::to_vec(value))
}

proptest! {
    #[test]
    fn canonical_bytes_are_read_back_as_the_same_value_and_bytes(value in value()) {
        let bytes = canonical::to_vec(&value);
        let again = parse(&bytes);
        prop_assert_eq!(again.as_ref(), Ok(&value));
        prop_assert_eq!(canonical::to_vec(&value), bytes);
        prop_assert_eq!(canonical::require(&value), Ok(()));
    }

    #[test]
    fn the_layout_for_people_keeps_the_value(value in value()) {
        prop_assert_eq!(parse(canonical::pretty(&value).as_bytes()), Ok(value));
    }

    #[test]
    fn spelling_does_not_change_an_id(value in value(), seed in any::<u64>()) {
        let mut text = String::new();
        respell(&value, seed, &mut text);
        let read = parse(text.as_bytes());
        prop_assert_eq!(read.as_ref(), Ok(&value));
        prop_assert_eq!(read.map(|read| id(&read)), Ok(id(&value)));
    }

    #[test]
    fn any_change_changes_the_id(value in value()) {
        for other in changed(&value) {
            prop_assert_ne!(id(&other), id(&value), "{:?}", other);
        }
    }

    #[test]
    fn every_double_survives_its_es6_form(bits in any::<u64>()) {
        let double = f64::from_bits(bits);
        prop_assume!(double.is_finite());
        let value = Value::from(double);
        let read = parse(&canonical::to_vec(&value)).map(|read| read.as_f64());
        prop_assert_eq!(read, Ok(Some(double)));
    }

    #[test]
    fn a_number_is_taken_exactly_when_its_decimal_value_is_kept(
        digits in "[1-9][0-9]{0,22}", point in 0_usize..23, exponent in -30_i32..30
    ) {
        let point = point.min(digits.len() - 1) + 1;
        let text = match digits.split_at(point) {
            (whole, "") => format!("{whole}e{exponent}"),
            (whole, fraction) => format!("{whole}.{fraction}e{exponent}"),
        };
        let significant = digits.trim_end_matches('0');
        let double: f64 = text.parse().expect("a number");
        let es6 = ryu_js::Buffer::new().format_finite(double).to_owned();
        let kept = es6.split('e').next().expect("never empty").replace('.', "");
        let same_digits = kept.trim_matches('0') == significant;
        prop_assert_eq!(parse(text.as_bytes()).is_ok(), same_digits, "{} {}", text, es6);
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(value) = parse(&bytes) {
            prop_assert_eq!(parse(&canonical::to_vec(&value)), Ok(value));
        }
    }

    #[test]
    fn no_damage_makes_the_parser_panic(
        value in value(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = canonical::to_vec(&value);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() * 2) + 1);
        match parse(&bytes) {
            Ok(value) => prop_assert_eq!(parse(canonical::pretty(&value).as_bytes()), Ok(value)),
            Err(error) => prop_assert!(error.line >= 1 && error.column >= 1, "{:?}", error),
        }
    }
}
