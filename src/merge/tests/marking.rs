//! Conflicts as people see them in files.

use serde_json::{Value, json};

use super::*;
use crate::encoding::json::parse;

/// The block `j` or `p` of a merge as it is written into a file.
fn marked(merged: &Merged, block: &str) -> Result<Option<String>, MergeError> {
    let conflicts: Vec<&Conflict> =
        merged.conflicts.iter().filter(|conflict| conflict.block.as_str() == block).collect();
    let policies = tools();
    let keys = policies.get(&name(block)).cloned().unwrap_or_default();
    markers::block(merged.blocks.get(&name(block)), &conflicts, &keys, &labels())
}

fn check_json(base: &Value, ours: &Value, theirs: &Value, wanted: &str) {
    let text = marked(&merge_json(base, ours, theirs), "j").expect("fresh conflicts").expect("a file");
    assert_eq!(text, wanted);
    assert!(parse(text.as_bytes()).is_err() && markers::has_markers(&text, markers::LENGTH_MIN));
    for (side, wanted) in [(0, ours), (2, theirs)] {
        let kept = keep(&text, &mut |_| side);
        let value = parse(kept.as_bytes()).unwrap_or_else(|error| panic!("{error}:\n{kept}"));
        assert_eq!(&value, wanted);
        assert!(!markers::has_markers(&kept, markers::LENGTH_MIN));
    }
}

/// What is left when of each conflict the side of that number (ours, base, theirs) is kept.
pub(super) fn keep(text: &str, side_of: &mut impl FnMut(usize) -> usize) -> String {
    let (mut out, mut count, mut at) = (String::new(), 0, None);
    for line in text.split_inclusive('\n') {
        match (&line[..line.len().min(7)], at) {
            ("<<<<<<<", None) => {
                at = Some((0, side_of(count)));
                count += 1;
            }
            ("|||||||", Some((0, side))) => at = Some((1, side)),
            ("=======", Some((1, side))) => at = Some((2, side)),
            (">>>>>>>", Some((2, _))) => at = None,
            (_, Some((here, side))) if here != side => {}
            _ => out.push_str(line),
        }
    }
    assert_eq!(at, None, "markers without an end");
    out
}

#[test]
fn a_conflict_written_out_is_found_where_it_begins() {
    let check = |text: &str, line: Option<usize>| assert_eq!(markers::find(text), line, "{text}");
    check("a\n<<<<<<< x\nb\n||||||| y\n=======\nc\n>>>>>>> z\n", Some(2));
    check("<<<<<<<< x\n|||||||| y\n========\n>>>>>>>> z\n", Some(1));
    check("<<<<<<< x\n||||||| y\n=======\n>>>>>>>> z\n", None);
    check("Title\n=======\n", None);
    check("<<<<<<< x\n=======\n>>>>>>> z\n", None);
    check("<<<<<< x\n|||||| y\n======\n>>>>>> z\n", None);
    check("<<<<<<< x\n<<<<<<< x\n||||||| y\n=======\n>>>>>>> z\n", Some(2));
}

#[test]
fn a_value_stands_between_markers() {
    check_json(
        &json!({"a": 1, "b": {"c": [1], "d": 0}, "e": 0}),
        &json!({"a": 2, "b": {"c": [2], "d": 0}, "e": 0}),
        &json!({"a": {}, "b": {"c": "x", "d": 0}, "e": 0}),
        "\
{
<<<<<<< support@tone
  \"a\": 2,
||||||| support@V3
  \"a\": 1,
=======
  \"a\": {},
>>>>>>> support@origin/V7
  \"b\": {
<<<<<<< support@tone
    \"c\": [
      2
    ],
||||||| support@V3
    \"c\": [
      1
    ],
=======
    \"c\": \"x\",
>>>>>>> support@origin/V7
    \"d\": 0
  },
  \"e\": 0
}
",
    );
}

#[test]
fn the_last_one_has_no_comma() {
    check_json(
        &json!({"a": 0, "z": 1}),
        &json!({"a": 0, "z": 2}),
        &json!({"a": 0, "z": 3}),
        "\
{
  \"a\": 0,
<<<<<<< support@tone
  \"z\": 2
||||||| support@V3
  \"z\": 1
=======
  \"z\": 3
>>>>>>> support@origin/V7
}
",
    );
}

#[test]
fn what_may_go_takes_the_comma_before_it_along() {
    check_json(
        &json!({"a": {"b": 0}, "y": 1, "z": 1}),
        &json!({"a": {"b": 0}, "y": 2}),
        &json!({"a": {"b": 0}, "z": 3}),
        "\
{
  \"a\": {
    \"b\": 0
  },
<<<<<<< support@tone
  \"y\": 2
||||||| support@V3
  \"y\": 1,
  \"z\": 1
=======
  \"z\": 3
>>>>>>> support@origin/V7
}
",
    );
    check_json(
        &json!({"a": {"b": 0}, "z": 1}),
        &json!({"a": {"b": 0}}),
        &json!({"a": {"b": 0}, "z": 3}),
        "\
{
  \"a\": {
    \"b\": 0
<<<<<<< support@tone
  }
||||||| support@V3
  },
  \"z\": 1
=======
  },
  \"z\": 3
>>>>>>> support@origin/V7
}
",
    );
}

#[test]
fn an_entry_that_ours_lacks_stands_where_theirs_has_it() {
    check_json(
        &json!({"tools": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}),
        &json!({"tools": [{"name": "a"}, {"name": "c"}]}),
        &json!({"tools": [{"name": "a"}, {"name": "b", "n": 1}, {"name": "c"}]}),
        "\
{
  \"tools\": [
    {
      \"name\": \"a\"
    },
<<<<<<< support@tone
||||||| support@V3
    {
      \"name\": \"b\"
    },
=======
    {
      \"n\": 1,
      \"name\": \"b\"
    },
>>>>>>> support@origin/V7
    {
      \"name\": \"c\"
    }
  ]
}
",
    );
    check_json(
        &json!({"tools": [{"name": "a"}]}),
        &json!({"tools": []}),
        &json!({"tools": [{"name": "a", "n": 1}]}),
        "\
{
  \"tools\": [
<<<<<<< support@tone
||||||| support@V3
    {
      \"name\": \"a\"
    }
=======
    {
      \"n\": 1,
      \"name\": \"a\"
    }
>>>>>>> support@origin/V7
  ]
}
",
    );
}

fn merge_text(base: &str, ours: &str, theirs: &str) -> Merged {
    let one = |content: &str| blocks(&[("p", text(content))]);
    config(&one(base), &one(ours), &one(theirs), &Policies::new())
}

#[test]
fn lines_of_text_stand_between_markers() {
    let merged = merge_text("a\nb\nc\nd", "a\nB\nc\nd!", "a\nb2\nb3\nc\nd?\n");
    let wanted = "a\n<<<<<<< support@tone\nB\n||||||| support@V3\nb\n=======\nb2\nb3\n>>>>>>> support@origin/V7\nc\n\
                  <<<<<<< support@tone\nd!\n||||||| support@V3\nd\n=======\nd?\n>>>>>>> support@origin/V7\n";
    assert_eq!(marked(&merged, "p"), Ok(Some(wanted.to_owned())));
    let crlf = merge_text("a\r\n", "b\r\n", "c\r\n");
    let text = marked(&crlf, "p").expect("fresh conflicts").expect("a file");
    assert!(text.lines().count() == 7 && text.split_inclusive('\n').all(|line| line.ends_with("\r\n")));
}

#[test]
fn markers_are_longer_than_anything_alike_in_the_text() {
    let merged =
        merge_text("# Title\n=========\na\n", "# Title\n=========\nb\n", "# Title\n=========\n>>> c\n");
    let text = marked(&merged, "p").expect("fresh conflicts").expect("a file");
    let conflicts: Vec<&Conflict> = merged.conflicts.iter().collect();
    let length = markers::length_for(&merged.blocks[&name("p")], &conflicts);
    assert_eq!(length, 10);
    assert!(
        text.contains(
            "\n<<<<<<<<<< support@tone\nb\n|||||||||| support@V3\na\n==========\n>>> c\n>>>>>>>>>> "
        )
    );
    assert!(markers::has_markers(&text, length));
    for side in ["# Title\n=========\nb\n", "<<<<<<< x\n", ">>>>>>>>>>> x\n", ">>>>>>>>>>x\n", "==========\n"]
    {
        assert!(!markers::has_markers(side, length), "{side}");
    }
    for left in ["a\n>>>>>>>>>> x\n", "|||||||||| x", "<<<<<<<<<< x\r\n"] {
        assert!(markers::has_markers(left, length), "{left}");
    }
}

#[test]
fn whole_blocks_are_marked_where_one_file_can_hold_the_sides() {
    let one = |content: Option<Content>| {
        content.map(|content| (name("p"), content)).into_iter().collect::<Blocks>()
    };
    let file = |base, ours, theirs| {
        let merged = config(&one(base), &one(ours), &one(theirs), &Policies::new());
        marked(&merged, "p").expect("fresh conflicts")
    };
    let json = |value: Value| Some(Content::Json(value));
    let wanted = "<<<<<<< support@tone\nb\n||||||| support@V3\na\n=======\n>>>>>>> support@origin/V7\n";
    assert_eq!(file(Some(text("a")), Some(text("b")), None).as_deref(), Some(wanted));
    let wanted = "<<<<<<< support@tone\n1\n||||||| support@V3\n=======\n[]\n>>>>>>> support@origin/V7\n";
    assert_eq!(file(None, json(json!(1)), json(json!([]))).as_deref(), Some(wanted));
    assert_eq!(file(Some(text("a")), None, Some(text("b"))), None);
    assert_eq!(file(Some(text("a")), Some(text("b")), json(json!(1))), None);
}

#[test]
fn a_conflict_that_no_longer_fits_is_not_written() {
    let mut merged = merge_json(&json!({"a": 1}), &json!({"a": 2}), &json!({"a": 3}));
    merged.blocks = json_block(&json!({"a": 4}));
    assert!(matches!(marked(&merged, "j"), Err(MergeError::Stale { .. })));
    merged.blocks = json_block(&json!({}));
    assert!(matches!(marked(&merged, "j"), Err(MergeError::Stale { .. })));
    merged.blocks = json_block(&json!([]));
    assert!(matches!(marked(&merged, "j"), Err(MergeError::Stale { .. })));
    let mut merged = merge_text("a\n", "b\n", "c\n");
    merged.blocks = blocks(&[("p", text("x\n"))]);
    assert!(matches!(marked(&merged, "p"), Err(MergeError::Stale { .. })));
    merged.conflicts.clear();
    assert_eq!(marked(&merged, "p"), Ok(Some("x\n".to_owned())));
}
