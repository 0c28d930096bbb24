//! The house rules, as a test: reads the source tree and names every file and line that breaks
//! one. What the compiler and clippy check already is left to them.

mod layers;
mod rules;
mod source;
mod tree;

use std::path::Path;

use source::Finding;

#[test]
fn the_tree_keeps_the_house_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = tree::read(root);
    assert!(files.iter().any(|file| file.path == "src/lib.rs"), "the sources are not where they should be");
    assert!(files.iter().any(|file| file.path == "tests/tidy/main.rs"), "the tests are not read");
    let findings = rules::check_tree(&files);
    let list: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(list.is_empty(), "{} broken house rules:\n{}\n", list.len(), list.join("\n"));
}
