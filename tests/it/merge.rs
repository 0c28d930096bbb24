//! The merge of texts against `git merge-file`, byte for byte.

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use recto::diff::path::ListKeys;
use recto::merge::{Conflict, Policies, Sides, config, markers};
use recto::object::{BlockName, Blocks, Content};

/// What git makes of three texts, with whether there are conflicts.
fn by_git(dir: &Path, sides: Sides<&str>) -> (String, bool) {
    for (name, text) in ["base", "ours", "theirs"].iter().zip(sides.into_array()) {
        fs::write(dir.join(name), text).expect("a file");
    }
    let output = Command::new("git")
        .args([
            "merge-file",
            "-p",
            "--diff3",
            "-L",
            "ours",
            "-L",
            "base",
            "-L",
            "theirs",
            "ours",
            "base",
            "theirs",
        ])
        .current_dir(dir)
        .output()
        .expect("git runs");
    let code = output.status.code().expect("git was not killed");
    assert!(code < 128, "{}", String::from_utf8_lossy(&output.stderr));
    (String::from_utf8(output.stdout).expect("UTF-8"), code > 0)
}

/// What recto makes of them, in the same form.
fn by_recto(sides: Sides<&str>) -> (String, bool) {
    let name: BlockName = "prompt".parse().expect("a block name");
    let blocks = sides.map(|text| Blocks::from([(name.clone(), Content::Text(text.to_owned()))]));
    let merged = config(&blocks.base, &blocks.ours, &blocks.theirs, &Policies::new());
    let conflicts: Vec<&Conflict> = merged.conflicts.iter().collect();
    let labels = Sides { base: "base", ours: "ours", theirs: "theirs" }.map(str::to_owned);
    let marked = markers::block(merged.blocks.get(&name), &conflicts, &ListKeys::new(), &labels);
    (marked.expect("fresh conflicts").expect("a text"), !conflicts.is_empty())
}

/// An edit: where, how many lines go, and which come.
type Edit = (prop::sample::Index, usize, Vec<u8>);

fn edits(max: usize) -> impl Strategy<Value = Vec<Edit>> {
    let edit = (any::<prop::sample::Index>(), 0..3usize, prop::collection::vec(0..4u8, 0..3));
    prop::collection::vec(edit, 0..=max)
}

/// Makes edits, in order; `line` makes a new line of a number.
fn edited(base: &[String], edits: &[Edit], line: impl Fn(u8) -> String) -> Vec<String> {
    let mut lines = base.to_vec();
    for (at, gone, come) in edits {
        let at = at.index(lines.len() + 1);
        let end = lines.len().min(at + gone);
        lines.splice(at..end, come.iter().map(|number| line(*number)));
    }
    lines
}

/// Runs both on so many random texts, the same in each run, and counts: clean in git, conflicting in git, other results.
fn compare(cases: u32, base_line: impl Fn(usize) -> String, line: impl Fn(u8) -> String) -> [u32; 3] {
    let dir = tempfile::tempdir().expect("a directory");
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner =
        TestRunner::new_with_rng(Config { cases, failure_persistence: None, ..Config::default() }, random);
    let counts = Cell::new([0; 3]);
    let strategy = (0..14usize, edits(4), edits(4), any::<[bool; 3]>());
    let outcome = runner.run(&strategy, |(len, ours, theirs, unended)| {
        let base: Vec<String> = (0..len).map(&base_line).collect();
        let (ours, theirs) = (edited(&base, &ours, &line), edited(&base, &theirs, &line));
        let end = |lines: Vec<String>, unended: bool| {
            let text = lines.concat();
            text.strip_suffix('\n').filter(|_| unended).unwrap_or(&text).to_owned()
        };
        let [base, ours, theirs] = [end(base, unended[0]), end(ours, unended[1]), end(theirs, unended[2])];
        let sides = Sides { base: base.as_str(), ours: &ours, theirs: &theirs };
        let (git, recto) = (by_git(dir.path(), sides), by_recto(sides));
        let [clean, conflicting, other] = counts.get();
        counts.set([
            clean + u32::from(!git.1),
            conflicting + u32::from(git.1),
            other + u32::from(git != recto),
        ]);
        Ok(())
    });
    outcome.expect("both run");
    counts.get()
}

/// Lines that all differ, so that there is one shortest way to match them.
#[test]
fn texts_merge_as_in_git() {
    let [clean, conflicting, other] =
        compare(400, |at| format!("line {at}\n"), |number| format!("new {number}\n"));
    assert!(clean > 50 && conflicting > 50, "{clean} clean, {conflicting} conflicting");
    assert_eq!(other, 0);
}

/// Paragraphs with empty lines between them. Where lines occur several times there is more than one
/// shortest way to match them, and of those git and recto do not always take the same.
#[test]
fn paragraphs_merge_nearly_as_in_git() {
    let paragraph = |at: usize| if at % 2 == 1 { "\n".to_owned() } else { format!("line {at}\n") };
    let new = |number: u8| if number > 1 { "\n".to_owned() } else { format!("new {number}\n") };
    let [clean, conflicting, other] = compare(400, paragraph, new);
    assert!(clean > 50 && conflicting > 50, "{clean} clean, {conflicting} conflicting");
    assert!(other <= 24, "{other} of 400 differ");
}
