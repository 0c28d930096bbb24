//! Deciding conflicts, and keeping them until then.

use serde_json::json;

use super::*;

fn path(path: &str) -> Path {
    path.parse().expect("a path")
}

fn conflicted() -> Merged {
    merge_json(
        &json!({"a": 1, "tools": [{"name": "k", "n": 0}, {"name": "x", "n": 1}, {"name": "y", "n": 1}], "u": [1]}),
        &json!({"tools": [{"name": "k", "n": 1}], "u": [2]}),
        &json!({"a": 2, "tools": [{"name": "x", "n": 2}, {"name": "k", "n": 2}, {"name": "y", "n": 2}], "u": [3]}),
    )
}

fn decide(merged: &mut Merged, below: &str, choice: &Choice) -> Result<usize, MergeError> {
    merged.resolve(&name("j"), &path(below), choice, &tools()).map(|decided| decided.len())
}

#[test]
fn a_side_is_taken_by_path() {
    let mut merged = conflicted();
    assert_eq!(merged.conflicts.len(), 5);
    assert_eq!(decide(&mut merged, "a", &Choice::Theirs), Ok(1));
    assert_eq!(decide(&mut merged, "tools[k]", &Choice::Base), Ok(1));
    assert_eq!(decide(&mut merged, "u[0]", &Choice::Given(Content::Json(json!("four")))), Ok(1));
    assert_eq!(decide(&mut merged, "nothing", &Choice::Base), Ok(0));
    assert_eq!(value_of(&merged), &json!({"a": 2, "tools": [{"name": "k", "n": 0}], "u": ["four"]}));
    let waiting: Vec<String> = merged.conflicts.iter().map(|conflict| conflict.path().to_string()).collect();
    assert_eq!(waiting, ["tools[x]", "tools[y]"]);
}

#[test]
fn all_of_one_side_is_that_side_again() {
    let sides = [
        (Choice::Ours, json!({"tools": [{"name": "k", "n": 1}], "u": [2]})),
        (
            Choice::Theirs,
            json!({"a": 2, "tools": [{"name": "x", "n": 2}, {"name": "k", "n": 2}, {"name": "y", "n": 2}], "u": [3]}),
        ),
    ];
    for (choice, wanted) in sides {
        let mut merged = conflicted();
        assert_eq!(decide(&mut merged, ".", &choice), Ok(5));
        assert_eq!(value_of(&merged), &wanted);
        assert_eq!(merged.conflicts, []);
    }
}

#[test]
fn what_is_given_must_fit() {
    let mut merged = conflicted();
    let before = merged.clone();
    let refused = |merged: &mut Merged, below: &str, content: Content| {
        decide(merged, below, &Choice::Given(content)).expect_err("a misfit").to_string()
    };
    assert_eq!(
        refused(&mut merged, "a", text("2")),
        "the content given for 'a' of block 'j' is text, not JSON"
    );
    assert_eq!(
        refused(&mut merged, "tools[x]", Content::Json(json!({"name": "z"}))),
        "the value given for 'tools[x]' of block 'j' must be an object whose 'name' is 'x'"
    );
    assert_eq!(merged, before);
}

#[test]
fn what_has_changed_since_is_not_overwritten_by_position() {
    let mut merged = conflicted();
    let Some(Content::Json(value)) = merged.blocks.get_mut(&name("j")) else { panic!("a JSON block") };
    value["u"] = json!([0, 2]);
    let before = merged.clone();
    let error = decide(&mut merged, ".", &Choice::Theirs).expect_err("another list");
    assert!(matches!(&error, MergeError::Stale { path, .. } if path.to_string() == "u[0]"), "{error}");
    assert_eq!(merged, before, "all or nothing");
    merged.blocks.remove(&name("j"));
    assert!(matches!(decide(&mut merged, "a", &Choice::Ours), Err(MergeError::Stale { .. })));
}

#[test]
fn a_place_that_was_edited_since_is_decided_by_no_choice() {
    let check = |below: &str, ours_lacks: bool, given: Value, edit: &dyn Fn(&mut Value)| {
        let choices = [Choice::Ours, Choice::Theirs, Choice::Base, Choice::Given(Content::Json(given))];
        for choice in choices {
            let mut merged = conflicted();
            let conflict = merged.conflicts.iter().find(|conflict| conflict.path() == path(below));
            let Some(Conflict { dispute: Dispute::Value { sides, .. }, .. }) = conflict else {
                panic!("no conflict at {below}");
            };
            assert_eq!(sides.ours.is_none(), ours_lacks, "{below}");
            let Some(Content::Json(value)) = merged.blocks.get_mut(&name("j")) else { panic!("JSON") };
            edit(value);
            let before = merged.clone();
            let refused = decide(&mut merged, below, &choice);
            let stale = matches!(&refused, Err(MergeError::Stale { path: at, .. }) if *at == path(below));
            assert!(stale, "{below}, {choice:?}: {refused:?}");
            assert_eq!(merged, before);
        }
    };
    let entry = || json!({"name": "x", "n": 7});
    check("a", true, json!(3), &|value| value["a"] = json!(9));
    check("a", true, json!(3), &|value| value["a"] = json!(null));
    check("tools[k].n", false, json!(3), &|value| value["tools"][0]["n"] = json!(9));
    check("tools[k].n", false, json!(3), &|value| {
        value["tools"][0].as_object_mut().expect("an entry").remove("n");
    });
    check("tools[x]", true, entry(), &|value| {
        value["tools"].as_array_mut().expect("a list").push(json!({"name": "x", "n": 9}));
    });
    check("tools[x]", true, entry(), &|value| {
        let twice = [json!({"name": "x", "n": 8}), json!({"name": "x", "n": 9})];
        value["tools"].as_array_mut().expect("a list").extend(twice);
    });
}

#[test]
fn a_block_that_was_edited_since_is_decided_by_no_choice() {
    let (base, ours, theirs) = (text("x"), text("mine"), Content::Json(json!({"y": 1})));
    let one = |content: &Content| blocks(&[("p", content.clone())]);
    let check = |ours: &Blocks, now: &Blocks| {
        let given = Choice::Given(text("given"));
        for choice in [Choice::Ours, Choice::Theirs, Choice::Base, given] {
            let mut merged = config(&one(&base), ours, &one(&theirs), &Policies::new());
            assert_eq!((&merged.blocks, merged.conflicts.len()), (ours, 1));
            merged.blocks = now.clone();
            let before = merged.clone();
            let refused = merged.resolve(&name("p"), &Path::root(), &choice, &Policies::new());
            assert!(matches!(refused, Err(MergeError::Stale { .. })), "{choice:?}: {refused:?}");
            assert_eq!(merged, before);
        }
    };
    check(&one(&ours), &one(&text("mine, edited")));
    check(&one(&ours), &Blocks::new());
    check(&Blocks::new(), &one(&text("made anew")));
}

#[test]
fn edits_made_since_are_kept() {
    let mut merged = conflicted();
    let Some(Content::Json(value)) = merged.blocks.get_mut(&name("j")) else { panic!("a JSON block") };
    value["tools"] = json!([{"name": "new"}, {"name": "k", "n": 1}]);
    assert_eq!(decide(&mut merged, "tools", &Choice::Theirs), Ok(3));
    let wanted =
        json!([{"name": "x", "n": 2}, {"name": "new"}, {"name": "k", "n": 2}, {"name": "y", "n": 2}]);
    assert_eq!(value_of(&merged)["tools"], wanted);
}

fn conflicted_text() -> Merged {
    let one = |content: &str| blocks(&[("p", text(content))]);
    let base = "1\n2\n3\n4\n5\n6\n7\n";
    config(&one(base), &one("1\nO\n3\n4\n5\n6\no7"), &one("T\n2\n3\nx\n5\n6\n7\n8\n"), &Policies::new())
}

#[test]
fn lines_of_one_side_leave_what_was_combined() {
    let check = |choice: &Choice, wanted: &str| {
        let mut merged = conflicted_text();
        let decided = merged.resolve(&name("p"), &Path::root(), choice, &Policies::new()).expect("a fit");
        assert_eq!((decided.len(), merged.conflicts.len()), (1, 0));
        assert_eq!(merged.blocks, blocks(&[("p", text(wanted))]));
    };
    check(&Choice::Ours, "1\nO\n3\nx\n5\n6\no7");
    check(&Choice::Theirs, "T\n2\n3\nx\n5\n6\n7\n8\n");
    check(&Choice::Base, "1\n2\n3\nx\n5\n6\n7\n");
    check(&Choice::Given(text("all new")), "all new");
}

#[test]
fn lines_that_have_changed_since_are_stale() {
    let mut merged = conflicted_text();
    merged.blocks = blocks(&[("p", text("1\nedited\n3\nx\n5\n6\no7"))]);
    let before = merged.clone();
    for choice in [Choice::Ours, Choice::Theirs, Choice::Base, Choice::Given(text("all new"))] {
        let refused = merged.resolve(&name("p"), &Path::root(), &choice, &Policies::new());
        assert!(matches!(refused, Err(MergeError::Stale { .. })), "{choice:?}: {refused:?}");
        assert_eq!(merged, before);
    }
    let given = Choice::Given(Content::Json(json!(1)));
    let refused = merged.resolve(&name("p"), &Path::root(), &given, &Policies::new());
    assert!(matches!(refused, Err(MergeError::WrongKind { .. })));
}

#[test]
fn whole_blocks_are_decided_too() {
    let (base, theirs) = (blocks(&[("p", text("x"))]), blocks(&[("p", text("y"))]));
    let check = |choice: &Choice, wanted: Blocks| {
        let mut merged = config(&base, &Blocks::new(), &theirs, &Policies::new());
        merged.resolve(&name("p"), &Path::root(), choice, &Policies::new()).expect("a fit");
        assert_eq!((merged.blocks, merged.conflicts), (wanted, vec![]));
    };
    check(&Choice::Ours, Blocks::new());
    check(&Choice::Theirs, theirs.clone());
    check(&Choice::Base, base.clone());
    check(&Choice::Given(Content::Json(json!(1))), blocks(&[("p", Content::Json(json!(1)))]));
}

#[test]
fn a_record_gives_the_conflicts_back() {
    let mut conflicts = conflicted().conflicts;
    conflicts.extend(conflicted_text().conflicts);
    let (base, ours) =
        (blocks(&[("p", text("x")), ("q", Content::Json(json!(null)))]), blocks(&[("p", text("y"))]));
    let theirs = blocks(&[("p", Content::Json(json!(null))), ("q", Content::Json(json!("")))]);
    conflicts.extend(config(&base, &ours, &theirs, &Policies::new()).conflicts);
    assert_eq!(conflicts.len(), 8);
    let record = Record { labels: labels(), conflicts };
    let bytes = record.to_bytes().expect("a record");
    assert_eq!(Record::from_bytes(&bytes), Ok(record));
}

#[test]
fn absent_and_null_stay_apart_in_a_record() {
    let conflicts = merge_json(&json!({"a": null}), &json!({"a": 1}), &json!({})).conflicts;
    let bytes = Record { labels: labels(), conflicts }.to_bytes().expect("a record");
    let text = String::from_utf8(bytes).expect("UTF-8");
    assert_eq!(
        text,
        "{\"conflicts\":[{\"block\":\"j\",\"value\":{\"base\":null,\"ours\":1,\"path\":\"a\"}}],\"format\":1,\
         \"labels\":{\"base\":\"support@V3\",\"ours\":\"support@tone\",\"theirs\":\"support@origin/V7\"}}"
    );
}

#[test]
fn what_is_no_record_is_refused() {
    let record = |conflict: &str| {
        format!(r#"{{"conflicts":[{conflict}],"format":1,"labels":{{"base":"","ours":"","theirs":""}}}}"#)
    };
    assert!(Record::from_bytes(record(r#"{"block":"j","value":{"path":"a"}}"#).as_bytes()).is_ok());
    let check = |bytes: &str, wanted: &str| {
        let error = Record::from_bytes(bytes.as_bytes()).expect_err("no record").to_string();
        assert!(error.ends_with(wanted), "{error}");
    };
    check("[]", "the record is not an object");
    check(r#"{"conflicts":[],"format":2,"labels":{}}"#, "format 2 is unknown");
    check(r#"{"conflicts":[],"format":1,"labels":{"base":"","ours":""}}"#, "'theirs' is missing");
    check(&record("{}"), "'block' is missing");
    check(&record(r#"{"block":"a/b","value":{"path":"a"}}"#), "none of them a device name");
    check(&record(r#"{"block":"j"}"#), "'lines' is missing");
    check(&record(r#"{"block":"j","lines":[]}"#), "'lines' is empty");
    check(&record(r#"{"block":"j","value":{"path":"."}}"#), "'path' is the root");
    check(&record(r#"{"block":"j","value":{"path":"a[x"}}"#), "expected");
    check(&record(r#"{"block":"j","value":{"path":"a","more":1}}"#), "'more' is unknown here");
    check(&record(r#"{"block":"j","whole":{},"value":{"path":"a"}}"#), "'value' is unknown here");
    check(&record(r#"{"block":"j","whole":{"ours":{"text":1}}}"#), "'text' is not text");
    let line = |at: &str| {
        let lines = r#"{"start":1,"text":""}"#;
        record(&format!(
            r#"{{"block":"j","lines":[{{"at":{at},"base":{lines},"ours":{lines},"theirs":{lines}}}]}}"#
        ))
    };
    assert!(Record::from_bytes(line("1").as_bytes()).is_ok());
    check(&line("0"), "'at' is not the number of a line");
    check(&line("1.5"), "'at' is not the number of a line");
}

#[test]
fn values_too_deep_for_a_record_are_refused() {
    let deep = |inner: Value| json!({"a": (0..126).fold(inner, |inner, _| json!({"a": inner}))});
    let conflicts = merge_json(&json!({}), &deep(json!(1)), &json!({"a": 2})).conflicts;
    let refused = Record { labels: labels(), conflicts }.to_bytes();
    assert!(matches!(refused, Err(MergeError::Unrecordable { .. })), "{refused:?}");
}
