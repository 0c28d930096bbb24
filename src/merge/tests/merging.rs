//! Examples of what combines and what does not.

use serde_json::{Value, json};

use super::*;

/// The conflicts as text: place, kind, then base, ours and theirs (`-` where absent).
fn shown(merged: &Merged) -> Vec<String> {
    let show = |value: &Option<Value>| value.as_ref().map_or("-".to_owned(), Value::to_string);
    let one = |conflict: &Conflict| {
        let sides = match &conflict.dispute {
            Dispute::Value { sides, .. } => sides.as_ref().map(show).into_array().join(" "),
            Dispute::Block(sides) => {
                let content = |content: &Option<Content>| match content {
                    None => "-".to_owned(),
                    Some(Content::Text(text)) => format!("{text:?}"),
                    Some(Content::Json(value)) => value.to_string(),
                };
                sides.as_ref().map(content).into_array().join(" ")
            }
            Dispute::Lines(stretches) => {
                let lines = |Lines { start, text }: &Lines| format!("{start}:{text:?}");
                let stretch = |stretch: &Stretch| {
                    let sides = stretch.sides.as_ref().map(lines).into_array();
                    format!("@{} {}", stretch.at, sides.join(" "))
                };
                stretches.iter().map(stretch).collect::<Vec<_>>().join("; ")
            }
        };
        format!("{} {} {}: {sides}", conflict.block, conflict.path(), conflict.kind().word())
    };
    merged.conflicts.iter().map(one).collect()
}

fn check(base: &Value, ours: &Value, theirs: &Value, wanted: &Value, conflicts: &[&str]) {
    let merged = merge_json(base, ours, theirs);
    assert_eq!(value_of(&merged), wanted);
    assert_eq!(shown(&merged), conflicts);
}

#[test]
fn fields_combine_and_conflict_one_by_one() {
    check(
        &json!({"a": 1, "b": 1, "c": {"d": 1, "e": 1}, "gone": 1}),
        &json!({"a": 2, "b": 1, "c": {"d": 2, "e": 1}}),
        &json!({"a": 1, "b": 3, "c": {"d": 1, "e": 3}, "gone": 1, "new": 3}),
        &json!({"a": 2, "b": 3, "c": {"d": 2, "e": 3}, "new": 3}),
        &[],
    );
    check(
        &json!({"a": 1, "same": 1, "c": {"d": 1}}),
        &json!({"a": 2, "same": 4, "c": {"d": 2}, "new": "x"}),
        &json!({"a": 3, "same": 4, "c": {"d": []}, "new": "y"}),
        &json!({"a": 2, "same": 4, "c": {"d": 2}, "new": "x"}),
        &["j a changed: 1 2 3", "j c.d changed: 1 2 []", "j new added: - \"x\" \"y\""],
    );
}

#[test]
fn absent_null_and_empty_are_three_things() {
    check(
        &json!({"a": null, "b": "", "c": null}),
        &json!({"a": "", "b": "", "c": null}),
        &json!({"b": null, "c": null}),
        &json!({"a": "", "b": null, "c": null}),
        &["j a removed-by-theirs: null \"\" -"],
    );
    check(
        &json!({}),
        &json!({"a": null}),
        &json!({"a": ""}),
        &json!({"a": null}),
        &["j a added: - null \"\""],
    );
}

#[test]
fn removed_and_changed_is_a_conflict_at_what_was_removed() {
    check(
        &json!({"a": {"x": 1, "y": 1}, "b": {"x": 1}}),
        &json!({"b": {"x": 2}}),
        &json!({"a": {"x": 1, "y": 2}}),
        &json!({"b": {"x": 2}}),
        &[
            "j a removed-by-ours: {\"x\":1,\"y\":1} - {\"x\":1,\"y\":2}",
            "j b removed-by-theirs: {\"x\":1} {\"x\":2} -",
        ],
    );
}

#[test]
fn objects_added_on_both_sides_combine_by_field() {
    check(
        &json!({}),
        &json!({"voice": {"id": "v", "speed": 1}}),
        &json!({"voice": {"id": "v", "speed": 2, "pitch": 3}}),
        &json!({"voice": {"id": "v", "speed": 1, "pitch": 3}}),
        &["j voice.speed added: - 1 2"],
    );
    let was_text = json!({"voice": "x"});
    let (ours, theirs) = (json!({"voice": {"a": 1}}), json!({"voice": {"b": 1}}));
    check(&was_text, &ours, &theirs, &ours, &["j voice changed: \"x\" {\"a\":1} {\"b\":1}"]);
}

fn tool(name: &str, timeout: u64) -> Value {
    json!({"name": name, "timeout": timeout, "url": "u"})
}

#[test]
fn tools_are_matched_by_name_wherever_they_stand() {
    let mut theirs_b = tool("b", 1);
    theirs_b["url"] = json!("other");
    let mut both_b = tool("b", 2);
    both_b["url"] = json!("other");
    check(
        &json!({"tools": [tool("a", 1), tool("b", 1), tool("c", 1)]}),
        &json!({"tools": [tool("b", 2), tool("a", 1), tool("o", 1), tool("c", 1)]}),
        &json!({"tools": [tool("t0", 1), tool("a", 3), theirs_b, tool("t1", 1), tool("t2", 1)]}),
        &json!({"tools": [tool("t0", 1), both_b, tool("t1", 1), tool("t2", 1), tool("a", 3), tool("o", 1)]}),
        &[],
    );
}

#[test]
fn a_renamed_tool_is_one_removed_and_one_added() {
    check(
        &json!({"tools": [tool("a", 1), tool("b", 1)]}),
        &json!({"tools": [tool("a", 1), tool("renamed", 1)]}),
        &json!({"tools": [tool("a", 1), tool("b", 2)]}),
        &json!({"tools": [tool("a", 1), tool("renamed", 1)]}),
        &[&format!("j tools[b] removed-by-ours: {} - {}", tool("b", 1), tool("b", 2))],
    );
}

#[test]
fn tools_added_on_both_sides_stand_ours_first() {
    check(
        &json!({"tools": [tool("a", 1)]}),
        &json!({"tools": [tool("o", 1), tool("a", 1), tool("p", 1), tool("same", 1)]}),
        &json!({"tools": [tool("s", 1), tool("a", 1), tool("t", 1), tool("same", 2)]}),
        &json!({"tools": [tool("o", 1), tool("s", 1), tool("a", 1), tool("p", 1), tool("t", 1), tool("same", 1)]}),
        &["j tools[same].timeout added: - 1 2"],
    );
}

#[test]
fn orders_combine_and_ours_stays_where_both_moved() {
    let list = |names: &str| json!({"tools": names.chars().map(|name| tool(&name.to_string(), 1)).collect::<Vec<_>>()});
    let check = |base: &str, ours: &str, theirs: &str, wanted: &str| {
        check(&list(base), &list(ours), &list(theirs), &list(wanted), &[]);
    };
    check("abcd", "abcd", "dabc", "dabc");
    check("abcd", "bcda", "abcd", "bcda");
    check("abcdef", "bacdef", "abcdfe", "bacdfe");
    check("abc", "cab", "bca", "cab");
    check("abcd", "abc", "dcba", "cba");
    check("abc", "cbax", "cbay", "cbaxy");
}

#[test]
fn lists_without_keys_merge_where_it_is_plain_what_belongs_together() {
    let check = |base: Value, ours: Value, theirs: Value, wanted: Value, conflicts: &[&str]| {
        check(
            &json!({"l": base}),
            &json!({"l": ours}),
            &json!({"l": theirs}),
            &json!({"l": wanted}),
            conflicts,
        );
    };
    check(json!([1, 2, 3, 4]), json!([0, 1, 2, 3, 4]), json!([1, 2, 3, 5]), json!([0, 1, 2, 3, 5]), &[]);
    check(json!([1, 2]), json!([1, 3]), json!([4, 2]), json!([4, 3]), &[]);
    check(json!([1, 1, 1]), json!([2, 1, 3]), json!([1, 4, 1]), json!([2, 4, 3]), &[]);
    check(
        json!([{"x": 1, "y": 1}, 7]),
        json!([{"x": 2, "y": 1}, 8]),
        json!([{"x": 1, "y": 2}, 9]),
        json!([{"x": 2, "y": 2}, 8]),
        &["j l[1] changed: 7 8 9"],
    );
    check(json!(["en"]), json!(["en", "hi"]), json!(["en", "hi"]), json!(["en", "hi"]), &[]);
    let both_append = "j l changed: [\"en\"] [\"en\",\"hi\"] [\"en\",\"ta\"]";
    check(json!(["en"]), json!(["en", "hi"]), json!(["en", "ta"]), json!(["en", "hi"]), &[both_append]);
    let moved = "j l changed: [1,2] [2,1] [1,3]";
    check(json!([1, 2]), json!([2, 1]), json!([1, 3]), json!([2, 1]), &[moved]);
}

#[test]
fn lists_whose_entries_lack_proper_keys_merge_as_lists_without_keys() {
    let two = |n: u32, m: u32| json!({"tools": [{"name": "a", "n": n}, {"name": "a", "n": m}]});
    check(&two(1, 1), &two(2, 1), &two(1, 3), &two(2, 3), &[]);
    check(&two(1, 1), &two(2, 1), &two(3, 1), &two(2, 1), &["j tools[0].n changed: 1 2 3"]);
    let mistakable = |n: u32| json!({"tools": [{"name": "1"}, {"name": "a"}, {"name": "a", "n": n}]});
    let wanted = format!(
        "j tools changed: {} {} {}",
        mistakable(1)["tools"],
        mistakable(2)["tools"],
        mistakable(3)["tools"]
    );
    check(&mistakable(1), &mistakable(2), &mistakable(3), &mistakable(2), &[&wanted]);
}

#[test]
fn lists_beyond_the_cap_conflict_as_a_whole() {
    let list = |from: usize| -> Value { json!({"l": (from..from + 5000).collect::<Vec<_>>()}) };
    let merged = merge_json(&list(0), &list(10_000), &list(20_000));
    assert_eq!(
        merged.conflicts.iter().map(|conflict| conflict.path().to_string()).collect::<Vec<_>>(),
        ["l"]
    );
    assert_eq!(value_of(&merged), &list(10_000));
}

fn check_blocks(
    base: &[(&str, Content)],
    ours: &[(&str, Content)],
    theirs: &[(&str, Content)],
    conflicts: &[&str],
) -> Blocks {
    let merged = config(&blocks(base), &blocks(ours), &blocks(theirs), &Policies::new());
    assert_eq!(shown(&merged), conflicts);
    merged.blocks
}

#[test]
fn blocks_come_and_go() {
    let base = [("gone", text("x")), ("kept", text("x")), ("both", text("x"))];
    let ours = [("kept", text("x")), ("mine", text("o"))];
    let theirs = [("gone", text("x")), ("kept", text("y")), ("new", text("t"))];
    let merged = check_blocks(&base, &ours, &theirs, &[]);
    assert_eq!(merged, blocks(&[("kept", text("y")), ("mine", text("o")), ("new", text("t"))]));
}

#[test]
fn a_block_that_one_side_removed_and_the_other_changed_conflicts_as_a_whole() {
    let (base, changed) = ([("p", text("x"))], [("p", text("y"))]);
    assert_eq!(check_blocks(&base, &[], &changed, &["p . removed-by-ours: \"x\" - \"y\""]), Blocks::new());
    assert_eq!(
        check_blocks(&base, &changed, &[], &["p . removed-by-theirs: \"x\" \"y\" -"]),
        blocks(&changed)
    );
}

#[test]
fn a_block_of_another_kind_conflicts_with_any_change() {
    let (base, ours) = ([("p", text("x"))], [("p", Content::Json(json!({"a": 1})))]);
    assert_eq!(check_blocks(&base, &ours, &base, &[]), blocks(&ours));
    let theirs = [("p", text("y"))];
    let merged = check_blocks(&base, &ours, &theirs, &["p . kind-changed: \"x\" {\"a\":1} \"y\""]);
    assert_eq!(merged, blocks(&ours));
}

#[test]
fn a_block_added_on_both_sides_combines_by_field_if_it_is_json() {
    let json = |value: Value| [("p", Content::Json(value))];
    let merged = check_blocks(
        &[],
        &json(json!({"a": 1, "x": 1})),
        &json(json!({"b": 2, "x": 2})),
        &["p x added: - 1 2"],
    );
    assert_eq!(merged, blocks(&json(json!({"a": 1, "b": 2, "x": 1}))));
    check_blocks(&[], &json(json!(1)), &json(json!(2)), &["p . added: - 1 2"]);
    check_blocks(&[], &[("p", text("a"))], &[("p", text("b"))], &["p . added: - \"a\" \"b\""]);
}

#[test]
fn texts_merge_by_line() {
    let check = |base: &str, ours: &str, theirs: &str, wanted: &str, conflicts: &[&str]| {
        let one = |content: &str| [("p", text(content))];
        assert_eq!(check_blocks(&one(base), &one(ours), &one(theirs), conflicts), blocks(&one(wanted)));
    };
    check("a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\nd\n", "A\nb\nC\nd\n", &[]);
    check("a\nb\nc", "a\nb\nc\n", "b\nc", "b\nc\n", &[]);
    check(
        "a\nb\n",
        "A\nb\n",
        "a\nB\n",
        "A\nb\n",
        &["p . changed: @1 1:\"a\\nb\\n\" 1:\"A\\nb\\n\" 1:\"a\\nB\\n\""],
    );
    check(
        "a\nb\nc\nd\ne\n",
        "x\na\nB\nc\nd\ne!\n",
        "a\nb2\nb3\nc\nd\n",
        "x\na\nB\nc\nd\ne!\n",
        &["p . changed: @3 2:\"b\\n\" 3:\"B\\n\" 2:\"b2\\nb3\\n\"; @6 5:\"e\\n\" 6:\"e!\\n\" 6:\"\""],
    );
    check(
        "a\r\nb\r\n",
        "a\r\nB\r\n",
        "a\nb\r\n",
        "a\r\nB\r\n",
        &["p . changed: @1 1:\"a\\r\\nb\\r\\n\" 1:\"a\\r\\nB\\r\\n\" 1:\"a\\nb\\r\\n\""],
    );
}
