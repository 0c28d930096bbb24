//! Conflicts that wait while their blocks are edited.

use serde_json::json;

use super::*;
use crate::merge::{Conflict, Dispute};

fn blocks(prompt: &str, tools: serde_json::Value) -> Blocks {
    let text = Content::Text(prompt.to_owned());
    Blocks::from([
        ("prompt".parse().expect("a name"), text),
        ("tools".parse().expect("a name"), Content::Json(tools)),
    ])
}

/// Two lines and one value that both changed differently.
fn conflicting() -> Merged {
    let tool = |timeout: u32| json!({"tools": [{"name": "book", "timeout": timeout, "url": "x"}]});
    let text = |second: &str, fourth: &str| format!("one\n{second}\nthree\n{fourth}\nfive\n");
    let base = blocks(&text("two", "four"), tool(3));
    let ours = blocks(&text("2", "4"), tool(5));
    let theirs = blocks(&text("zwei", "vier"), tool(9));
    let merged = config(&base, &ours, &theirs, &policies());
    assert_eq!(merged.conflicts.len(), 2, "{:?}", merged.conflicts);
    merged
}

fn policies() -> Policies {
    let mut keys = ListKeys::new();
    keys.insert("tools", "name").expect("a pattern");
    Policies::from([("tools".parse().expect("a name"), keys)])
}

/// What waits after the prompt and the tools became these: the path, or the lines.
fn check(prompt: &str, tools: serde_json::Value, waiting: &[&str]) {
    let merged = conflicting();
    let after = blocks(prompt, tools);
    let show = |conflict: Conflict| match conflict.dispute {
        Dispute::Lines(stretches) => {
            let lines: Vec<String> = stretches.iter().map(|stretch| stretch.at.to_string()).collect();
            format!("lines {}", lines.join(" "))
        }
        _ => conflict.path().to_string(),
    };
    let policies = policies();
    let carried = merged.conflicts.iter().filter_map(|one| one.carried(&merged.blocks, &after, &policies));
    let carried: Vec<Conflict> = carried.collect();
    for conflict in &carried {
        let mut decided = after.clone();
        resolve(&mut decided, conflict, &Choice::Theirs, &policies).expect("what waits can be decided");
    }
    assert_eq!(carried.into_iter().map(show).collect::<Vec<_>>(), waiting, "{prompt}");
}

const OURS: &str = "one\n2\nthree\n4\nfive\n";

fn tools(timeout: u32, url: &str) -> serde_json::Value {
    json!({"tools": [{"name": "book", "timeout": timeout, "url": url}]})
}

#[test]
fn edits_elsewhere_leave_conflicts_waiting_where_their_lines_now_stand() {
    check(OURS, tools(5, "x"), &["lines 2 4", "tools[book].timeout"]);
    check("zero\none\n2\nthree\n4\nfive\nsix\n", tools(5, "y"), &["lines 3 5", "tools[book].timeout"]);
    check("2\n3\n4\nfive\n", tools(5, "x"), &["lines 1 3", "tools[book].timeout"]);
    let more = json!({"tools": [{"name": "find"}, {"name": "book", "timeout": 5}]});
    check(OURS, more, &["lines 2 4", "tools[book].timeout"]);
}

#[test]
fn an_edit_of_what_is_in_question_decides_it() {
    check(OURS, tools(7, "x"), &["lines 2 4"]);
    check(OURS, json!({"tools": []}), &["lines 2 4"]);
    check(OURS, json!({}), &["lines 2 4"]);
    check("one\nTWO\nthree\n4\nfive\n", tools(5, "x"), &["lines 4", "tools[book].timeout"]);
    check("one\n2\nthree\nfive\n", tools(5, "x"), &["lines 2", "tools[book].timeout"]);
    check("all new\n", tools(5, "x"), &["tools[book].timeout"]);
}
