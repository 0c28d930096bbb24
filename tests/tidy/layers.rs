//! Which module may import which: the rows of the architecture, from the bottom up. A module
//! imports from the rows before its own; whatever else is allowed or forbidden is listed here.

use super::source::{Finding, Source};

/// The rows, from the bottom up.
const ROWS: [&[&str]; 18] = [
    &["error", "clock", "cache"],
    &["encoding"],
    &["disk"],
    &["object"],
    &["diff", "merge"],
    &["refs", "log", "pack"],
    &["backend"],
    &["history"],
    &["repo"],
    &["profile", "check"],
    &["agent"],
    &["release"],
    &["worktree"],
    &["sync"],
    &["access"],
    &["webhook"],
    &["server"],
    &["cli"],
];

/// Arrows within a row that are allowed: importer, imported.
const WITHIN_ROW: [(&str, &str); 3] = [("merge", "diff"), ("log", "refs"), ("check", "profile")];

/// Arrows to a row before that are forbidden all the same: these compute on values, and never
/// know files.
const NEVER: [(&str, &str); 9] = [
    ("object", "disk"),
    ("diff", "disk"),
    ("merge", "disk"),
    ("refs", "disk"),
    ("log", "disk"),
    ("pack", "disk"),
    ("pack", "diff"),
    ("profile", "disk"),
    ("check", "disk"),
];

/// The files that tie the modules together, and belong to none.
const ROOT_FILES: [&str; 2] = ["src/lib.rs", "src/main.rs"];

/// Finds every arrow in a file that the rows do not allow, and a module that has no row.
pub(crate) fn check(path: &str, source: &Source) -> Vec<Finding> {
    let Some(inside) = path.strip_prefix("src/").filter(|_| !ROOT_FILES.contains(&path)) else {
        return Vec::new();
    };
    let module = inside.split(['/', '.']).next().unwrap_or_default();
    let finding = |line, problem| Finding { path: path.to_owned(), line, problem };
    let Some(row) = row_of(module) else {
        return vec![finding(1, format!("module '{module}' has no row in the layers"))];
    };
    let depth = inside.trim_end_matches("/mod.rs").split('/').count();
    let mut findings = Vec::new();
    for named in source.paths() {
        let supers = named.segments.iter().take_while(|segment| *segment == "super").count();
        let to_root = depth + usize::from(source.is_test_item(named.at));
        let target = match named.segments.first().map(String::as_str) {
            Some("crate") => named.segments.get(1),
            Some("super") if supers >= to_root => named.segments.get(supers),
            _ => None,
        };
        let Some(target) = target.map(String::as_str).filter(|target| *target != module) else {
            continue;
        };
        let problem = match row_of(target) {
            None => format!("'{target}' at the crate's root has no row in the layers"),
            Some(_) if NEVER.contains(&(module, target)) => {
                format!("'{module}' must never import '{target}'")
            }
            Some(below) if below < row || WITHIN_ROW.contains(&(module, target)) => continue,
            Some(_) => format!("'{module}' imports '{target}', which is not below it in the layers"),
        };
        findings.push(finding(source.line(named.at), problem));
    }
    findings
}

fn row_of(module: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&module))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_lines(path: &str, text: &str, expected: &[usize]) {
        let findings = check(path, &Source::new(text));
        let lines: Vec<usize> = findings.iter().map(|finding| finding.line).collect();
        assert_eq!(lines, expected, "{path}: {findings:?}");
    }

    #[test]
    fn arrows_upwards_and_sideways_are_found() {
        check_lines("src/disk/mod.rs", "use crate::object::Object;", &[1]);
        check_lines("src/encoding/json.rs", "\nfn f() { crate::disk::read() }", &[2]);
        check_lines("src/refs/mod.rs", "use crate::log::Record;", &[1]);
        check_lines("src/diff.rs", "use crate::{\n    encoding::json,\n    merge::Merge,\n};", &[3]);
        check_lines("src/agent/mod.rs", "use crate::cli;\nuse crate::server::http;", &[1, 2]);
        check_lines("src/error.rs", "use crate::clock::Time;", &[1]);
        check_lines("src/agent/mod.rs", "#[cfg(test)]\nmod tests {\n    use crate::cli::main;\n}", &[3]);
    }

    #[test]
    fn arrows_by_way_of_super_are_found() {
        check_lines("src/disk/mod.rs", "use super::object::Object;", &[1]);
        check_lines("src/disk/real/lock.rs", "use super::super::super::object::Object;", &[1]);
        check_lines("src/disk/real/lock.rs", "use super::super::object;", &[]);
        check_lines("src/disk.rs", "#[cfg(test)]\nmod tests { use super::*; use super::super::cli; }", &[2]);
    }

    #[test]
    fn modules_that_compute_never_know_the_disk() {
        check_lines("src/object/mod.rs", "use crate::disk::Disk;", &[1]);
        check_lines("src/log/mod.rs", "use crate::disk::Disk;", &[1]);
        check_lines("src/pack/mod.rs", "use crate::disk::Disk;\nuse crate::refs::RefName;", &[1, 2]);
        check_lines("src/backend/local.rs", "use crate::disk::Disk;", &[]);
    }

    #[test]
    fn unknown_modules_are_found() {
        check_lines("src/extra/mod.rs", "", &[1]);
        check_lines("src/agent/mod.rs", "use crate::extra::Thing;", &[1]);
    }

    #[test]
    fn what_the_rows_allow_passes() {
        check_lines("src/log/mod.rs", "use crate::refs::RefName;\nuse crate::log::chain;", &[]);
        check_lines("src/check/mod.rs", "use crate::profile::Profile;", &[]);
        check_lines("src/merge/mod.rs", "use crate::diff::Path;", &[]);
        check_lines("src/cli/log.rs", "use crate::{agent::Agent, error::Kind};\nuse super::Context;", &[]);
        check_lines(
            "src/object/id.rs",
            "// crate::cli\nconst X: &str = \"crate::cli\";\npub(crate) fn f() {}",
            &[],
        );
        check_lines("src/lib.rs", "pub mod anything;", &[]);
    }
}
