//! `docs/reference/cli.md` is what the binary says about itself. `RECTO_BLESS=1` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use clap::Command;

/// Width of the help texts in the reference, in columns.
const COLUMNS: usize = 96;

fn text_of(command: Command, name: &str) -> String {
    let mut command = command.bin_name(name).term_width(COLUMNS);
    let help = command.render_long_help().to_string();
    help.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim().to_owned()
}

fn add(page: &mut String, command: &Command, name: &str) {
    let _ = write!(page, "\n## {name}\n\n```text\n{}\n```\n", text_of(command.clone(), name));
    for verb in command.get_subcommands() {
        add(page, verb, &format!("{name} {}", verb.get_name()));
    }
}

#[test]
fn the_reference_says_what_the_help_says() {
    let mut page = String::from(
        "# The command line\n\n\
         Written from the help texts by a test (`RECTO_BLESS=1 cargo test --test it reference`).\n\
         The global options stand under the first heading and belong to every verb. What each verb\n\
         prints under `--json` has a schema in [`json/`](json/).\n",
    );
    add(&mut page, &recto::cli::command(), "recto");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/cli.md");
    if std::env::var_os("RECTO_BLESS").is_some() {
        std::fs::write(&path, &page).expect("it can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/reference/cli.md is out of date: RECTO_BLESS=1 writes it anew");
}
