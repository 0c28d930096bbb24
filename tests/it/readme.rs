//! The tour in the README is run from an empty directory, command by command: what it shows is what a
//! person sees. Only ids differ from run to run, and a line `...` stands for the rest of an output.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::Place;

const README: &str = include_str!("../../README.md");
const CONFIG: &str = include_str!("../../fixtures/agents/atoms-support.json");
/// Where the tour says that it takes place.
const THERE: &str = "/srv/agents";
/// Fewest hexadecimal digits that are taken for an id.
const ID_MIN_DIGITS: usize = 12;

/// The commands of the tour, each with the output that the README shows.
fn commands() -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for block in README.split("```\n").skip(1).step_by(2).filter(|block| block.starts_with("$ ")) {
        for line in block.lines() {
            match (line.strip_prefix("$ "), found.last_mut()) {
                (Some(command), _) => found.push((command.to_owned(), String::new())),
                (None, Some((_, output))) => *output += &format!("{line}\n"),
                (None, None) => unreachable!("a block begins with a command"),
            }
        }
    }
    found
}

/// The text with `ID` for every id.
fn without_ids(text: &str) -> String {
    let mut out = String::new();
    let mut digits = String::new();
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_digit() || ('a'..='f').contains(&c) {
            digits.push(c);
            continue;
        }
        out += if digits.len() >= ID_MIN_DIGITS { "ID" } else { &digits };
        digits.clear();
        out.push(c);
    }
    out.trim_end().to_owned()
}

/// Runs a line in a shell in which `recto` is the binary under test, both outputs as one.
fn run(place: &Place, line: &str) -> String {
    // Of the harness comes what a run depends on; the time moves on by a minute.
    let like = place.command([""]);
    let dir = Path::new(env!("CARGO_BIN_EXE_recto")).parent().expect("a directory");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec 2>&1; {line}")]).current_dir(place.path("")).env_clear();
    shell.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.env("PATH", format!("{}:{path}", dir.display()));
    let output = shell.output().expect("a shell runs");
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stdout));
    let here = fs::canonicalize(place.path("")).expect("it is there");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.replace(&here.display().to_string(), THERE)
}

#[test]
fn the_tour_shows_what_a_person_sees() {
    let place = Place::empty();
    place.write("support.json", CONFIG);
    let commands = commands();
    for verb in ["init", "import", "set", "publish", "diff", "log", "timeline", "show", "rollback"] {
        let is_shown = commands.iter().any(|(line, _)| line.starts_with(&format!("recto {verb}")));
        assert!(is_shown, "the tour shows no 'recto {verb}'");
    }
    for (line, expected) in commands {
        let (shown, expected) = (without_ids(&run(&place, &line)), without_ids(&expected));
        match expected.strip_suffix("...") {
            Some(beginning) => assert!(shown.starts_with(beginning), "$ {line}\n{shown}"),
            None => assert_eq!(shown, expected, "$ {line}"),
        }
    }
}
