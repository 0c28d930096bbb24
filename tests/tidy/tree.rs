//! Reads the files that the rules speak of. Knows no rule.

use std::fs;
use std::path::Path;

/// One text file of the tree.
#[derive(Debug, Clone)]
pub(crate) struct File {
    /// Relative to the root, with slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// What is read: folders, with all they hold, and single files.
const ROOTS: [&str; 5] = ["src", "tests", "docs", "README.md", "CHANGELOG.md"];

/// Reads every UTF-8 file under the roots, in order of path.
pub(crate) fn read(root: &Path) -> Vec<File> {
    let mut files = Vec::new();
    for name in ROOTS {
        read_into(root, name, &mut files);
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn read_into(root: &Path, path: &str, files: &mut Vec<File>) {
    let full = root.join(path);
    if full.is_dir() {
        let entries = fs::read_dir(&full).unwrap_or_else(|error| panic!("{path}: {error}"));
        for entry in entries {
            let name = entry.unwrap_or_else(|error| panic!("{path}: {error}")).file_name();
            let name = name.to_str().unwrap_or_else(|| panic!("{path}: {} is not UTF-8", name.display()));
            read_into(root, &format!("{path}/{name}"), files);
        }
    } else if full.is_file() {
        let bytes = fs::read(&full).unwrap_or_else(|error| panic!("{path}: {error}"));
        // What is not text (an image in the docs) has no lines to speak of.
        if let Ok(text) = String::from_utf8(bytes) {
            files.push(File { path: path.to_owned(), text });
        }
    }
}
