//! Profile files: everything that is wrong with one is named.

use super::*;

fn check(file: &str, wanted: &[&str]) {
    match Profile::parse(file.as_bytes()) {
        Err(ProfileError::Invalid { problems }) => assert_eq!(lines(&problems), wanted, "{file}"),
        other => panic!("{file} gave {other:?}"),
    }
}

#[test]
fn the_smallest_profile_refuses_every_field() {
    let profile = Profile::parse(br#"{"format": 1, "name": "tiny"}"#).expect("a profile");
    assert_eq!((profile.name(), profile.title()), ("tiny", "tiny"));
    assert_eq!(profile.validate(&json!({})), []);
    assert_eq!(profile.validate(&json!({"a": 1})).len(), 1);
}

#[test]
fn the_id_does_not_depend_on_how_the_file_is_written() {
    let one = Profile::parse(br#"{"format": 1, "name": "p"}"#).expect("a profile");
    let other = Profile::parse(b"{\n\"name\": \"p\",\n\"format\": 1 }").expect("a profile");
    assert_eq!(one.id(), other.id());
    assert_eq!(one.bytes(), br#"{"format":1,"name":"p"}"#);
}

#[test]
fn problems_of_form_are_all_named() {
    assert!(matches!(Profile::parse(b"{"), Err(ProfileError::Malformed { .. })));
    check("[]", &["is not an object", "/format: is not a format that this build reads (accepted: 1)"]);
    check(
        r#"{"format": 2, "nam": "x", "draft_policy": "few", "blocks": [{"name": "a/b", "kind": "blob"}],
            "fields": [{"path": "a[0]", "block": "b", "schema": 3}], "rules": [{"rule": "magic"}],
            "metadata": [1], "patch": {"null_removes": "no"}, "list_keys": {"a[0]": "k"}}"#,
        &[
            "/nam: is not a key of a profile file (accepted: name)",
            "/format: is not a format that this build reads (accepted: 1)",
            "/name: is missing",
            "/draft_policy: is no draft policy (accepted: many, one)",
            "/metadata: is not a list of texts",
            "/blocks/0/name: 'a/b' is not a block name: letters, digits, '_', '-' and '.', at most 100, \
             none of them a device name",
            "/blocks/0/kind: is no kind of block (accepted: text, json)",
            "/fields/0/path: is not a path of field names",
            "/fields/0/schema: is neither an object nor a boolean",
            "/list_keys/a[0]: malformed path 'a[0]': at character 4, a pattern has '[]' for list entries, \
             not their keys or positions",
            "/rules/0/rule: is no rule that this build knows (accepted: unique, edges, only_with)",
            "/patch/null_removes: is neither true nor false",
            "/fields/0/path: 'a[0]' is named twice, or lies inside another field",
        ],
    );
}

#[test]
fn parts_that_do_not_fit_each_other_are_named() {
    let with = |rest: &str| {
        format!(
            r#"{{"format": 1, "name": "p", "blocks": [{{"name": "b", "kind": "json"}}],
                "fields": [{{"path": "f", "block": "b", "schema": {{"type": "number"}}}}], {rest}}}"#
        )
    };
    let fields = |blocks: &str, fields: &str| {
        format!(r#"{{"format": 1, "name": "p", "blocks": [{blocks}], "fields": [{fields}]}}"#)
    };
    check(&with(r#""defaults": {"f": "x"}"#), &["/defaults/f: is text (accepted: a number)"]);
    check(&with(r#""metadata": ["f"]"#), &["/metadata: 'f' is a field, so it is no metadata"]);
    check(&with(r#""title_field": "t""#), &["/title_field: 't' is no top-level field"]);
    check(&with(r#""patch": {"merge": ["g"]}"#), &["/patch/merge: 'g' is no top-level field"]);
    check(
        &with(r#""containers": [{"path": "f"}]"#),
        &["/containers/0/path: is not the beginning of any field's path"],
    );
    check(
        &with(r#""resolved": [{"name": "r", "from": ["g"]}]"#),
        &["/resolved/0/from: names something that is no field"],
    );
    check(
        &with(r#""unknown_fields": {"block": "b"}"#),
        &["/unknown_fields/block: 'b' is not a JSON block without fields of its own"],
    );
    check(
        &with(r#""unknown_fields": "own_block""#),
        &["/unknown_fields: fields become blocks of their own only in a profile that names no blocks"],
    );
    let json = r#"{"name": "b", "kind": "json"}"#;
    let text = r#"{"name": "b", "kind": "text"}"#;
    check(&fields(json, ""), &["/blocks/0: 'b' holds no field"]);
    check(&fields("", r#"{"path": "f", "block": "b"}"#), &["/fields/0/block: there is no block 'b'"]);
    check(
        &fields(text, r#"{"path": "f", "block": "b"}"#),
        &["/fields/0/schema: 'b' is a text block, so its field has type 'string'"],
    );
    check(
        &fields(json, r#"{"path": "f", "block": "b"}, {"path": "f.g", "block": "b"}"#),
        &["/fields/1/path: 'f.g' is named twice, or lies inside another field"],
    );
    check(
        &fields(json, r#"{"path": "x.f", "block": "b"}, {"path": "y.f", "block": "b"}"#),
        &["/blocks/0: 'b' would hold two fields named 'f'"],
    );
    check(
        &fields(json, r#"{"path": "f", "block": "b", "alias": "g"}, {"path": "g", "block": "b"}"#),
        &["/fields/0/alias: 'g' is a field's own name, so it is no alias"],
    );
}

#[test]
fn a_schema_that_does_not_compile_is_named_and_nothing_is_fetched() {
    for schema in
        [r#"{"type": "strnig"}"#, r##"{"$ref": "#/$defs/none"}"##, r#"{"$ref": "https://a.example/s"}"#]
    {
        let file = format!(
            r#"{{"format": 1, "name": "p", "blocks": [{{"name": "b", "kind": "json"}}],
                "fields": [{{"path": "f", "block": "b", "schema": {schema}}}]}}"#
        );
        let Err(ProfileError::Invalid { problems }) = Profile::parse(file.as_bytes()) else {
            panic!("{schema} is accepted");
        };
        assert_eq!(problems[0].pointer, "/fields/0/schema", "{problems:?}");
    }
}

#[test]
fn the_example_of_the_documentation_does_what_it_says() {
    let page = include_str!("../../../docs/concepts/profiles.md");
    let (_, rest) = page.split_once("```json\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("its end");
    let shop = Profile::parse(example.as_bytes()).expect("a profile");
    let config = json!({"assistant": {"prompt": "Hi.", "tools": []}, "temperature": 1, "colour": "red"});
    assert_eq!(shop.validate(&config), []);
    let blocks = shop.split(&config).expect("a config");
    let names: Vec<&str> = blocks.keys().map(BlockName::as_str).collect();
    assert_eq!(names, ["model", "other", "prompt", "tools"]);
    assert_eq!(shop.join(&blocks), Ok(config));
    let missing = shop.validate(&json!({"assistant": {}, "owner": "me"}));
    let places: Vec<&str> = missing.iter().map(|problem| problem.pointer.as_str()).collect();
    assert_eq!(places, ["/assistant/prompt", "/owner"]);
}
