//! Comparing and applying: the shape of the changes, and that they always lead to the new value.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn keys() -> ListKeys {
    let mut keys = ListKeys::new();
    for (pattern, key) in [("tools", "name"), ("l", "k"), ("l[].l", "k"), ("[]", "k")] {
        keys.insert(pattern, key).expect("a pattern");
    }
    keys
}

/// The changes as text, one per line; they are also applied.
fn check(old: &Value, new: &Value, wanted: &[&str]) {
    let changes = compare(old, new, &keys());
    let mut applied = old.clone();
    apply(&mut applied, &changes, &keys()).expect("changes that fit");
    assert_eq!(&applied, new);
    let shown: Vec<String> = changes
        .iter()
        .map(|Change { path, kind, at }| match (kind, at) {
            (ChangeKind::Added(value), None) => format!("+ {path} {value}"),
            (ChangeKind::Added(value), Some(at)) => format!("+ {path} at {at} {value}"),
            (ChangeKind::Removed(value), None) => format!("- {path} {value}"),
            (ChangeKind::Removed(value), Some(at)) => format!("- {path} at {at} {value}"),
            (ChangeKind::Changed { old, new }, _) => format!("~ {path} {old} {new}"),
            (ChangeKind::Moved { from, to }, _) => format!("> {path} {from} {to}"),
        })
        .collect();
    assert_eq!(shown, wanted);
}

#[test]
fn objects_are_compared_field_by_field() {
    let old = json!({"a": 1, "b": {"c": "x", "d": null}, "e": [1]});
    check(&old, &old, &[]);
    check(&old, &json!({"a": 2, "b": {"c": "x"}, "e": [1], "f": {}}), &["~ a 1 2", "- b.d null", "+ f {}"]);
    check(&old, &json!({"a": [], "b": {"c": "x", "d": ""}, "e": [1]}), &["~ a 1 []", "~ b.d null \"\""]);
    check(&json!(1), &json!({"a": 1}), &["~ . 1 {\"a\":1}"]);
}

#[test]
fn keyed_lists_are_compared_by_key() {
    let tool = |name: &str, n: u32| json!({"name": name, "n": n});
    let old = json!({"tools": [tool("a", 1), tool("b", 2), tool("c", 3), tool("d", 4)]});
    check(
        &old,
        &json!({"tools": [tool("d", 4), tool("a", 1), tool("x", 0), tool("c", 9)]}),
        &[
            "- tools[b] at 1 {\"n\":2,\"name\":\"b\"}",
            "> tools[d] 3 0",
            "+ tools[x] at 2 {\"n\":0,\"name\":\"x\"}",
            "~ tools[c].n 3 9",
        ],
    );
    let swapped = json!({"tools": [tool("b", 2), tool("a", 1), tool("c", 3), tool("d", 4)]});
    assert_eq!(compare(&old, &swapped, &keys()).len(), 1);
    check(
        &json!({"tools": []}),
        &json!({"tools": [tool("3", 1)]}),
        &["+ tools[\"3\"] at 0 {\"n\":1,\"name\":\"3\"}"],
    );
}

#[test]
fn keyed_lists_without_proper_keys_are_compared_by_position() {
    let old = json!({"tools": [{"name": "a"}, {"name": "a", "n": 1}]});
    check(&old, &json!({"tools": [{"name": "a"}, {"name": "a", "n": 2}]}), &["~ tools[1].n 1 2"]);
    check(
        &old,
        &json!({"tools": [{"name": "a"}, "text"]}),
        &["~ tools[1] {\"n\":1,\"name\":\"a\"} \"text\""],
    );
    let mistakable = json!({"tools": [{"name": "1"}, {"name": "a"}, {"name": "a", "n": 1}]});
    let new = json!({"tools": [{"name": "1"}]});
    check(&mistakable, &new, &[&format!("~ tools {} {}", mistakable["tools"], new["tools"])]);
    check(&mistakable, &mistakable, &[]);
}

#[test]
fn other_lists_are_compared_by_their_common_part() {
    check(&json!([1, 2, 3]), &json!([1, 3]), &["- [1] at 1 2"]);
    check(&json!(["en", "hi"]), &json!(["en", "ta"]), &["~ [1] \"hi\" \"ta\""]);
    check(&json!([1, 2, 3, 4]), &json!([0, 2, 4, 5]), &["- [2] at 2 3", "+ [3] at 3 5", "~ [0] 1 0"]);
    check(&json!([]), &json!(["a", "b"]), &["+ [0] at 0 \"a\"", "+ [1] at 1 \"b\""]);
    check(
        &json!([{"x": 1, "y": 2}, 5]),
        &json!([7, {"x": 1, "y": 3}, 5]),
        &["+ [1] at 1 {\"x\":1,\"y\":3}", "~ [0] {\"x\":1,\"y\":2} 7"],
    );
}

#[test]
fn lists_beyond_the_cap_are_still_told_apart() {
    let list = |from: usize, count: usize| -> Value { (from..from + count).collect() };
    let (long, other) = (list(0, 5000), list(1_000_000, 5000));
    assert_eq!(compare(&long, &other, &keys()).len(), 5000, "position by position");
    let longer = list(1_000_000, 5001);
    check(&long, &longer, &[&format!("~ . {long} {longer}")]);
    let mut touched: Vec<usize> = (0..5000).collect();
    touched[2500] = 9;
    check(&long, &touched.into(), &["~ [2500] 2500 9"]);
}

#[test]
fn deeply_nested_lists_are_compared_as_a_whole() {
    let nested = |value: u32| (0..40).fold(json!(value), |inner, _| json!([inner, 0]));
    let changes = compare(&nested(1), &nested(2), &keys());
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].path.steps().len(), LISTS_NESTED_MAX);
}

#[test]
fn changes_that_do_not_fit_are_refused() {
    let refused = |root: Value, change: Change| {
        let mut changed = root.clone();
        let error = apply(&mut changed, std::slice::from_ref(&change), &keys()).expect_err("a misfit");
        error.to_string()
    };
    let change = |path: &str, kind: ChangeKind, at: Option<usize>| {
        let path = path.parse().expect("a path");
        Change { path, kind, at }
    };
    let gone = || ChangeKind::Removed(json!(0));
    let wanted = "no entry 3 in '.' (length 1, counted from 0)";
    assert_eq!(refused(json!([1]), change("[3]", gone(), Some(3))), wanted);
    assert_eq!(refused(json!([1]), change("[3]", ChangeKind::Added(json!(0)), Some(3))), wanted);
    let tools = json!({"tools": [{"name": "b"}]});
    let wanted = "no entry 'a' in 'tools' (it has 'b')";
    assert_eq!(refused(tools.clone(), change("tools[a]", gone(), Some(0))), wanted);
    assert_eq!(refused(tools, change("tools[a]", ChangeKind::Moved { from: 0, to: 0 }, None)), wanted);
    let wanted = "no entry '[a]' in 'tools', which is a string";
    assert_eq!(refused(json!({"tools": "x"}), change("tools[a]", gone(), Some(0))), wanted);
}

/// Documents of few names and values, so that two of them have much in common.
fn document() -> impl Strategy<Value = Value> {
    let leaf =
        prop_oneof![Just(Value::Null), (0..4u32).prop_map(Value::from), "[ab]{0,2}".prop_map(Value::from),];
    leaf.prop_recursive(5, 60, 6, |inner| {
        let entry = ("[a-d0-2]", inner.clone(), inner.clone())
            .prop_map(|(key, value, l)| json!({"k": key, "v": value, "l": l}));
        let list = prop_oneof![
            4 => proptest::collection::vec(entry, 0..6),
            1 => proptest::collection::vec(inner.clone(), 0..6),
        ];
        prop_oneof![
            list.prop_map(Value::Array),
            proptest::collection::btree_map("[al]|odd\\.\"", inner, 0..4)
                .prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

/// Keys for lists at every place that documents of this kind have, so that most are keyed.
fn all_keys() -> ListKeys {
    let mut keys = keys();
    let mut places = vec![".".to_owned()];
    for depth in 0..5 {
        for place in places.clone().iter().filter(|place| depth == 0 || place.len() >= depth) {
            let below = |step: &str| match place.as_str() {
                "." => step.trim_start_matches('.').to_owned(),
                _ => format!("{place}{step}"),
            };
            places.extend([below(".l"), below("[]")]);
        }
        places.sort();
        places.dedup();
    }
    for place in places {
        keys.insert(&place, "k").expect("a pattern");
    }
    keys
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn applying_the_changes_to_the_old_gives_the_new(old in document(), new in document()) {
        for keys in [ListKeys::new(), all_keys()] {
            let changes = compare(&old, &new, &keys);
            prop_assert_eq!(changes.is_empty(), old == new);
            let mut applied = old.clone();
            prop_assert_eq!(apply(&mut applied, &changes, &keys), Ok(()), "{:?}", changes);
            prop_assert_eq!(&applied, &new, "{:?}", changes);
        }
    }

    #[test]
    fn paths_of_changes_lead_to_what_they_say(old in document(), new in document()) {
        let keys = all_keys();
        for Change { path, kind, .. } in compare(&old, &new, &keys) {
            match &kind {
                ChangeKind::Added(value) => {
                    prop_assert_eq!(crate::diff::path::get(&new, &path, &keys), Some(value));
                }
                ChangeKind::Removed(_) => {}
                ChangeKind::Changed { new: value, .. } => {
                    prop_assert_eq!(crate::diff::path::get(&new, &path, &keys), Some(value));
                }
                ChangeKind::Moved { .. } => {
                    prop_assert!(crate::diff::path::get(&new, &path, &keys).is_some());
                }
            }
        }
    }
}
