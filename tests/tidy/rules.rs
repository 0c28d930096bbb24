//! The rules about files and words; the layers have a file of their own.

use super::layers;
use super::source::{Finding, Source, test_modules};
use super::tree::File;

/// Longest file, in lines.
const FILE_MAX_LINES: usize = 600;

/// Words that say nothing about what a file or folder holds.
const EMPTY_NAMES: [&str; 7] = ["util", "utils", "common", "helper", "helpers", "manager", "managers"];

/// Beginnings of absolute paths that exist on one machine only; taken apart, to pass themselves.
const MACHINE_PATHS: [&str; 2] = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];

/// Libraries and paths that have one home each: the path, the modules that may name it.
const HOMES: [(&[&str], &[&str]); 11] = [
    (&["std", "fs"], &["disk"]),
    (&["tokio", "fs"], &["disk"]),
    (&["rustix", "fs"], &["disk"]),
    (&["walkdir"], &["disk"]),
    (&["tempfile"], &["disk"]),
    (&["clap"], &["cli"]),
    (&["axum"], &["server"]),
    (&["reqwest"], &["backend", "sync", "webhook"]),
    (&["SystemTime", "now"], &["clock"]),
    (&["Timestamp", "now"], &["clock"]),
    (&["Zoned", "now"], &["clock"]),
];

/// Of those, what test code may use as well: it makes files to test with.
const FREE_IN_TESTS: [&str; 4] = ["std", "rustix", "walkdir", "tempfile"];

/// Macros that print.
const PRINTING: [&str; 5] = ["print", "println", "eprint", "eprintln", "dbg"];

/// Checks every file of the tree.
pub(crate) fn check_tree(files: &[File]) -> Vec<Finding> {
    let test_files = test_file_stems(files);
    let is_test_file = |path: &str| {
        test_files.iter().any(|stem| {
            path.strip_prefix(stem.as_str()).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        })
    };
    files.iter().flat_map(|file| check(file, is_test_file(&file.path))).collect()
}

/// Paths, without `.rs`, of modules that are compiled for tests only.
fn test_file_stems(files: &[File]) -> Vec<String> {
    let mut stems = Vec::new();
    for file in files {
        let Some(stem) = file.path.strip_suffix(".rs") else { continue };
        let folder =
            ["/mod", "/lib", "/main"].iter().find_map(|name| stem.strip_suffix(name)).unwrap_or(stem);
        let modules = test_modules(&Source::new(&file.text));
        stems.extend(modules.iter().map(|module| format!("{folder}/{module}")));
    }
    stems
}

fn check(file: &File, is_test_file: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut found =
        |line: usize, problem: String| findings.push(Finding { path: file.path.clone(), line, problem });
    check_words(file, &mut found);
    check_name(&file.path, &mut found);
    if file.path.strip_suffix(".rs").is_none() {
        return findings;
    }
    let source = Source::new(&file.text);
    check_shape(file, &source, &mut found);
    if file.path.starts_with("src/") {
        check_homes(&file.path, &source, is_test_file, &mut found);
        check_printing(&file.path, &source, &mut found);
        check_unwrap(&source, is_test_file, &mut found);
    }
    findings.extend(layers::check(&file.path, &source));
    findings
}

fn check_words(file: &File, found: &mut impl FnMut(usize, String)) {
    for (index, line) in file.text.lines().enumerate() {
        for word in MACHINE_PATHS {
            let absolute =
                |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "_-.".contains(c));
            if line.match_indices(word).any(|(at, _)| absolute(at)) {
                found(index + 1, format!("'{word}' is a path of one machine"));
            }
        }
    }
}

fn check_name(path: &str, found: &mut impl FnMut(usize, String)) {
    if !path.starts_with("src/") && !path.starts_with("tests/") {
        return;
    }
    for name in path.split(['/', '.', '_', '-']).filter(|name| EMPTY_NAMES.contains(name)) {
        found(1, format!("a file or folder is named '{name}', which says nothing of what it holds"));
    }
}

fn check_shape(file: &File, source: &Source, found: &mut impl FnMut(usize, String)) {
    let lines = file.text.lines().count();
    if lines > FILE_MAX_LINES {
        found(lines, format!("{lines} lines, more than {FILE_MAX_LINES}"));
    }
    if !file.text.starts_with("//! ") {
        found(1, "no '//!' header on the first line".to_owned());
    }
    for at in source.places("#[ignore") {
        found(source.line(at), "a test is ignored".to_owned());
    }
}

fn check_homes(path: &str, source: &Source, is_test_file: bool, found: &mut impl FnMut(usize, String)) {
    let module = path.trim_start_matches("src/").split(['/', '.']).next().unwrap_or_default();
    for named in source.paths().iter().filter(|named| named.segments.len() > 1) {
        let is_test = is_test_file || source.is_test_item(named.at);
        for (guest, homes) in HOMES {
            let free = homes.contains(&module) || (is_test && FREE_IN_TESTS.contains(&guest[0]));
            // A library starts a path; a type's function may follow the way to the type.
            let places = if guest.len() == 1 { 1 } else { named.segments.len() };
            let mentioned = named.segments.windows(guest.len()).take(places).any(|part| part == guest);
            if mentioned && !free {
                found(
                    source.line(named.at),
                    format!("'{}' belongs in '{}' alone", guest.join("::"), homes.join("', '")),
                );
            }
        }
    }
}

fn check_printing(path: &str, source: &Source, found: &mut impl FnMut(usize, String)) {
    if path.starts_with("src/cli/") || path == "src/cli.rs" {
        return;
    }
    for named in source.paths() {
        let Some(last) = named.segments.last().map(String::as_str) else { continue };
        if PRINTING.contains(&last) && source.code[named.at + last.len()..].starts_with('!') {
            found(source.line(named.at), format!("'{last}!' outside 'cli'"));
        }
    }
}

fn check_unwrap(source: &Source, is_test_file: bool, found: &mut impl FnMut(usize, String)) {
    for at in source.places(".unwrap()") {
        if !is_test_file && !source.is_test_item(at) {
            found(source.line(at), "'unwrap()' outside tests; 'expect' says why it holds".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    fn check_problems(path: &str, code: &str, expected: &[(usize, &str)]) {
        let text = format!("//! Header.\n{code}");
        let findings = check_tree(&[file(path, &text)]);
        let matches = findings.len() == expected.len()
            && findings.iter().zip(expected).all(|(finding, (line, word))| {
                finding.line == *line && finding.problem.contains(word) && finding.path == path
            });
        assert!(matches, "{path}: found {findings:?}, expected {expected:?}");
    }

    #[test]
    fn the_file_system_belongs_to_disk() {
        for code in ["use std::fs;", "std::fs::read(x);", "tokio::fs::read(x);", "use walkdir::WalkDir;"] {
            check_problems("src/agent/mod.rs", code, &[(2, "'disk' alone")]);
            check_problems("src/disk/real.rs", code, &[]);
            check_problems("tests/it/main.rs", code, &[]);
        }
        check_problems("src/agent/mod.rs", "use std::{\n    fs::File,\n    io,\n};", &[(3, "'std::fs'")]);
        check_problems("src/agent/mod.rs", "tempfile::tempdir();", &[(2, "'tempfile'")]);
        check_problems("src/agent/mod.rs", "use std::fmt; // std::fs", &[]);
        check_problems("src/agent/mod.rs", "#[cfg(test)]\nmod tests { use std::fs; }", &[]);
        check_problems("src/agent/mod.rs", "#[cfg(test)]\nmod tests;\nuse std::fs;", &[(4, "'std::fs'")]);
    }

    #[test]
    fn the_command_line_and_the_clock_have_one_home() {
        check_problems("src/agent/mod.rs", "use clap::Parser;", &[(2, "'clap'")]);
        check_problems("src/cli/mod.rs", "use clap::Parser;", &[]);
        check_problems("src/cli/mod.rs", "std::time::SystemTime::now();", &[(2, "'clock' alone")]);
        check_problems("src/repo/mod.rs", "jiff::Timestamp::now();", &[(2, "'clock' alone")]);
        check_problems(
            "src/repo/mod.rs",
            "#[cfg(test)]\nmod t { Timestamp::now(); }",
            &[(3, "'clock' alone")],
        );
        check_problems("src/clock.rs", "jiff::Timestamp::now();", &[]);
    }

    #[test]
    fn only_the_command_line_prints() {
        for name in PRINTING {
            check_problems("src/repo/mod.rs", &format!("\n{name}!(\"x\");"), &[(3, name)]);
            check_problems("src/cli/show.rs", &format!("{name}!(\"x\");"), &[]);
        }
        check_problems("src/repo/mod.rs", "std::println!();", &[(2, "println")]);
        check_problems("src/repo/mod.rs", "let print = \"println!\"; // println!()", &[]);
    }

    #[test]
    fn unwrap_is_for_tests() {
        check_problems("src/repo/mod.rs", "x\n    .unwrap();", &[(3, "unwrap")]);
        check_problems("src/repo/mod.rs", "x.unwrap_or(1); x.expect(\"it holds\");", &[]);
        check_problems("src/repo/mod.rs", "#[cfg(test)]\nmod tests { fn f() { x.unwrap(); } }", &[]);
        check_problems("tests/it/main.rs", "x.unwrap();", &[]);
        let parent = file("src/repo/mod.rs", "//! Header.\n#[cfg(test)]\nmod proofs;\n");
        let child = |path: &str| file(path, "//! Header.\nfn f() { x.unwrap(); }\n");
        assert_eq!(check_tree(&[parent.clone(), child("src/repo/proofs.rs")]), []);
        assert_eq!(check_tree(&[parent.clone(), child("src/repo/proofs/deep.rs")]), []);
        assert_eq!(check_tree(&[parent, child("src/repo/proofs_of.rs")]).len(), 1);
    }

    #[test]
    fn files_have_a_header_and_an_end() {
        let longest = "//! Header.\n".to_owned() + &"\n".repeat(FILE_MAX_LINES - 1);
        assert_eq!(check_tree(&[file("src/repo/mod.rs", &longest)]), []);
        let findings = check_tree(&[file("tests/it/main.rs", &(longest + "\n"))]);
        assert_eq!(findings.len(), 1, "{findings:?}");
        for text in ["", "// Header.\n", "\n//! Header.\n", "use std::fmt;\n//! Header.\n"] {
            let findings = check_tree(&[file("tests/it/main.rs", text)]);
            assert_eq!(findings.len(), 1, "{text:?}: {findings:?}");
        }
    }

    #[test]
    fn ignored_tests_are_found() {
        check_problems("tests/it/main.rs", "#[test]\n#[ignore = \"slow\"]\nfn f() {}", &[(3, "ignored")]);
        check_problems("src/repo/mod.rs", "#[cfg(test)]\nmod t {\n#[ignore]\nfn f() {} }", &[(4, "ignored")]);
    }

    #[test]
    fn names_say_something() {
        for path in ["src/repo/util.rs", "tests/common/mod.rs", "src/repo/ref_helpers.rs", "src/manager/x.rs"]
        {
            let findings = check_tree(&[file(path, "//! Header.\n")]);
            assert!(findings.iter().any(|finding| finding.problem.contains("says nothing")), "{path}");
        }
        check_problems("src/repo/utility_bill.rs", "", &[]);
    }

    #[test]
    fn paths_of_one_machine_are_found() {
        for word in MACHINE_PATHS {
            check_problems("src/repo/mod.rs", &format!("// see {word}x"), &[(2, word)]);
            let page = file("docs/a.md", &format!("a\n`{word}`"));
            assert_eq!(check_tree(&[page]).first().map(|finding| finding.line), Some(2));
            check_problems("src/repo/mod.rs", &format!("// see tests{word}x"), &[]);
        }
    }
}
