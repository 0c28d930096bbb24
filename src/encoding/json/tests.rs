//! What the parser takes, and how it words and places what it refuses.

use serde_json::json;

use super::*;

fn check(input: &str, expected: &Value) {
    assert_eq!(parse(input.as_bytes()).as_ref(), Ok(expected), "{input}");
}

fn check_refused(input: impl AsRef<[u8]>, expected: &str) {
    let input = input.as_ref();
    let error = parse(input).expect_err(&String::from_utf8_lossy(input));
    assert_eq!(error.to_string(), expected);
}

#[test]
fn reads_every_kind_of_value() {
    check(" [null, true, false, 0, \"a\", {}, []]\r\n", &json!([null, true, false, 0, "a", {}, []]));
    check("{\"a\":{\"b\":[{\"c\":1}]}, \"\": 2}", &json!({"a": {"b": [{"c": 1}]}, "": 2}));
}

#[test]
fn numbers_with_one_value_have_one_form_in_memory() {
    for (spellings, expected) in [
        (&["0", "-0", "0.0", "-0.0e5", "0e999999999999999999999", "0e-99999"][..], json!(0)),
        (&["1", "1.0", "1.000", "10e-1", "0.1e1", "0.01E+2"], json!(1)),
        (&["100", "1e2", "1E+02", "1000.0e-1"], json!(100)),
        (&["-5", "-5.0", "-50e-1"], json!(-5)),
        (&["0.5", "0.50", "5e-1", "500e-3"], json!(0.5)),
        (&["9007199254740992", "9007199254740992.0"], json!(9_007_199_254_740_992_i64)),
        (&["1152921504606847000", "1.152921504606847e18"], json!(1_152_921_504_606_847_000_i64)),
        (&["9223372036854776000"], json!(9_223_372_036_854_776_000_u64)),
        (&["-9223372036854776000"], json!(-9_223_372_036_854_775_808.0)),
        (&["18446744073709552000", "18446744073709552e3"], json!(18_446_744_073_709_552_000.0)),
        (&["1e300", "1000e297"], json!(1e300)),
        (&["5e-324"], json!(5e-324)),
        (&["1.7976931348623157e308"], json!(f64::MAX)),
        (&["0.1", "1e-1"], json!(0.1)),
        (&["123456.789012345"], json!(123_456.789_012_345)),
    ] {
        for spelling in spellings {
            check(spelling, &expected);
        }
    }
}

#[test]
fn numbers_that_a_double_does_not_hold_are_refused_with_the_nearest() {
    for (number, nearest) in [
        ("9007199254740993", "9007199254740992"),
        ("1152921504606846976", "1152921504606847000"),
        ("9223372036854775807", "9223372036854776000"),
        ("-9007199254740993", "-9007199254740992"),
        ("1e400", "1.7976931348623157e+308"),
        ("-1e99999999999999999999", "-1.7976931348623157e+308"),
        ("1e-400", "0"),
        ("4.94e-324", "5e-324"),
        ("0.1000000000000000055511151231257827", "0.1"),
        ("0.30000000000000001", "0.3"),
        ("333333333.33333329", "333333333.3333333"),
    ] {
        let problem =
            format!("number '{number}' cannot be kept exactly, the nearest that can is '{nearest}'");
        check_refused(format!("[1, {number}]"), &format!("{problem} at line 1, column 5 (/1)"));
    }
}

#[test]
fn what_json_does_not_write_so_is_no_number() {
    for bad in
        ["01", "-", "-01", "1.", "1.e5", "1e", "1e+", "0x10", "1e5.5", "-Infinity", "--1", "00", "1.5.2"]
    {
        check_refused(bad, &format!("'{bad}' is not a JSON number at line 1, column 1"));
    }
    check_refused("[+1]", "unexpected '+', expected a value at line 1, column 2 (/0)");
    check_refused("[.5]", "unexpected '.', expected a value at line 1, column 2 (/0)");
    check_refused("[NaN]", "'NaN' is not a JSON value at line 1, column 2 (/0)");
    check_refused("nulll", "'nulll' is not a JSON value at line 1, column 1");
}

#[test]
fn duplicate_keys_are_named_with_their_object() {
    check_refused(
        "{\"tools\": [\n  {\"voice\": 1,\n    \"voice\": 2}]}",
        "duplicate key 'voice' at line 3, column 5 (/tools/0)",
    );
    check_refused(r#"{"a":1,"\u0061":1}"#, "duplicate key 'a' at line 1, column 8");
    check_refused(r#"{"a":{},"b":{"é":1,"é":1}}"#, "duplicate key 'é' at line 1, column 20 (/b)");
}

#[test]
fn strings_are_unescaped_once() {
    check(r#""\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00\u0000""#, &json!("\"\\/\u{8}\u{c}\n\r\tAé😀\0"));
    check(
        "\"é\u{7f}\u{feff}\u{fdcf}\u{fdf0}\u{fffd}\u{1fffd}\"",
        &json!("é\u{7f}\u{feff}\u{fdcf}\u{fdf0}\u{fffd}\u{1fffd}"),
    );
    for length in 0..100 {
        let plain = "é".repeat(length / 2) + &"x".repeat(length);
        check(&format!("\"{plain}\\n{plain}\""), &json!(format!("{plain}\n{plain}")));
    }
}

#[test]
fn strings_that_are_no_unicode_are_refused() {
    check_refused(r#"["\ud800"]"#, r"lone surrogate '\ud800' at line 1, column 3 (/0)");
    check_refused(r#"["\ud800x"]"#, r"lone surrogate '\ud800' at line 1, column 3 (/0)");
    check_refused(r#"["a\uDC00"]"#, r"lone surrogate '\udc00' at line 1, column 4 (/0)");
    check_refused(r#"["\ud800\ud800"]"#, r"lone surrogate '\ud800' at line 1, column 3 (/0)");
    check_refused(r#"["\ud800\u0041"]"#, r"lone surrogate '\ud800' at line 1, column 3 (/0)");
    for (c, shown) in [
        ('\u{fdd0}', "U+FDD0"),
        ('\u{fdef}', "U+FDEF"),
        ('\u{fffe}', "U+FFFE"),
        ('\u{ffff}', "U+FFFF"),
        ('\u{1fffe}', "U+1FFFE"),
        ('\u{10ffff}', "U+10FFFF"),
    ] {
        let message = format!("noncharacter '{shown}' at line 1, column 8");
        check_refused(format!("{{\"k\":\"é{c}\"}}"), &format!("{message} (/k)"));
        check_refused(format!("{{    \"é{c}\":0}}"), &message);
    }
    check_refused(r#""\uFFFE""#, "noncharacter 'U+FFFE' at line 1, column 2");
    check_refused(r#""\uD83F\uDFFF""#, "noncharacter 'U+1FFFF' at line 1, column 2");
}

#[test]
fn malformed_strings_are_refused() {
    check_refused("\"a\nb\"", "unescaped control character 'U+000A' at line 1, column 3");
    check_refused("\"\u{1f}\"", "unescaped control character 'U+001F' at line 1, column 2");
    check_refused(r#""\x41""#, r"bad escape '\x' at line 1, column 2");
    check_refused(r#""\u00g1""#, r"bad escape '\u00g1' at line 1, column 2");
    check_refused(r#""\ué""#, "bad escape '\\ué\"' at line 1, column 2");
    check_refused(
        r#""\u12"#,
        "unexpected end of the document, expected four hexadecimal digits at line 1, column 2",
    );
    check_refused(
        "\"abc",
        "unexpected end of the document, expected the end of a string at line 1, column 5",
    );
    check_refused("\"\\", "unexpected end of the document, expected an escape at line 1, column 2");
    check_refused("['a']", "unexpected ''', expected a value at line 1, column 2 (/0)");
}

#[test]
fn bytes_that_are_no_utf8_are_placed_with_their_path() {
    check_refused(b"{\"a\":[0,\"\xc3\xa9x\xff\"]}", "invalid UTF-8 at line 1, column 12 (/a/1)");
    check_refused(b"{\"a\":1,\"\xed\xa0\x80\":2}", "invalid UTF-8 at line 1, column 9");
    check_refused(b"\xff\xfe{\0}\0", "invalid UTF-8 at line 1, column 1");
    check_refused(b"{}\n\xc0", "invalid UTF-8 at line 2, column 1");
    check_refused(b"[01,\"\xff\"]", "'01' is not a JSON number at line 1, column 2 (/0)");
}

#[test]
fn what_is_around_the_document_matters() {
    check_refused("\u{feff}{}", "byte order mark at line 1, column 1");
    check_refused("", "empty document at line 1, column 1");
    check_refused(" \n\t", "empty document at line 1, column 1");
    check_refused("{} {}", "unexpected data after the document at line 1, column 4");
    check_refused("1,\n", "unexpected data after the document at line 1, column 2");
    check_refused("\u{a0}1", "unexpected '\u{a0}', expected a value at line 1, column 1");
    check_refused("\u{b}1", "unexpected '\\u{b}', expected a value at line 1, column 1");
}

#[test]
fn broken_structures_are_refused() {
    check_refused("[1,]", "unexpected ']', expected a value at line 1, column 4 (/1)");
    check_refused("[1 2]", "unexpected '2', expected ',' or ']' at line 1, column 4");
    check_refused("{\"a\":1,}", "unexpected '}', expected a key in double quotes at line 1, column 8");
    check_refused("{a:1}", "unexpected 'a', expected a key in double quotes at line 1, column 2");
    check_refused("{\"a\" 1}", "unexpected '1', expected ':' at line 1, column 6");
    check_refused("{\"a/b~c\":\n}", "unexpected '}', expected a value at line 2, column 1 (/a~1b~0c)");
    check_refused("{\"a\":1", "unexpected end of the document, expected ',' or '}' at line 1, column 7");
    check_refused("[1] // x", "unexpected data after the document at line 1, column 5");
}

#[test]
fn depth_is_limited_and_the_stack_with_it() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(parse(nested(DEFAULT_MAX_DEPTH).as_bytes()).is_ok());
    let too_deep = parse(nested(DEFAULT_MAX_DEPTH + 1).as_bytes()).expect_err("too deep");
    assert_eq!(too_deep.kind, JsonErrorKind::TooDeep { max_depth: DEFAULT_MAX_DEPTH });
    assert_eq!((too_deep.line, too_deep.column), (1, 129));
    assert_eq!(too_deep.pointer, "/0".repeat(128));
    for opening in ["[", "{\"a\":", "[{\"a\":"] {
        let error = parse(opening.repeat(1_000_000).as_bytes()).expect_err("too deep");
        assert_eq!(error.kind.code(), "too-deep");
    }
}

#[test]
fn messages_stay_short_and_harmless() {
    let error = parse("9".repeat(10_000).as_bytes()).expect_err("inexact");
    assert!(error.to_string().len() < 250, "{error}");
    check_refused("{\"\\u001b[2J\":1,\"\\u001b[2J\":2}", "duplicate key '\\u{1b}[2J' at line 1, column 16");
    check_refused("{\"\\u009b2J\":x}", "'x' is not a JSON value at line 1, column 13 (/\\u{9b}2J)");
}
