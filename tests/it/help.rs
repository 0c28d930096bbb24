//! What recto says about itself.

use std::fs;

use crate::harness::Place;

#[test]
fn help_lists_every_verb_in_one_group() {
    let place = Place::empty();
    let help = place.recto(["help"]).ok();
    for verb in recto::cli::command().get_subcommands() {
        let line = format!("  {} ", verb.get_name());
        let times = help.lines().filter(|text| text.starts_with(&line)).count();
        assert_eq!(times, 1, "{}\n{help}", verb.get_name());
    }
    assert_eq!(place.recto(["--help"]).ok().trim_end(), help.trim_end());
}

#[test]
fn help_explains_a_verb_and_refuses_what_is_none() {
    let place = Place::empty();
    let help = place.recto(["help", "cat-object"]).ok();
    assert!(help.contains("Usage: recto cat-object [OPTIONS] <OBJECT>"), "{help}");
    assert!(help.contains("Example: recto cat-object 3fa9c2"), "{help}");
    place.recto(["help", "publsih"]).exits(2);
}

#[test]
fn the_ways_back_name_verbs_that_exist() {
    let place = Place::empty();
    let table = place.recto(["help", "back"]).ok();
    assert!(table.starts_with("TO "), "{table}");
    let ways = place.recto(["help", "back", "--json"]).exits(0).json("help-back");
    let ways = ways["ways"].as_array().expect("a list").clone();
    assert_eq!(ways.len(), table.lines().count() - 1);
    for way in ways {
        let command = way["command"].as_str().expect("a command");
        let verb = command.split(' ').nth(1).expect("a verb");
        assert!(recto::cli::command().find_subcommand(verb).is_some(), "{command}");
        // It may be refused as things are; its words are all that it wants.
        let place = crate::agents::with_support();
        place.write("agent.json", "{}");
        place.recto(["checkout", "support@V1"]);
        let filled = command.replace("AGENT", "support").replace("@V3", "@V1").replace("FILE", "agent.json");
        let run = place.recto(filled.split(' ').skip(1).chain(["--yes"]));
        let named = filled.starts_with("recto import") && run.stderr.contains("--as HANDLE");
        assert!(run.code != 2 || named, "{filled}: {}", run.stderr);
    }
}

#[test]
fn the_version_is_the_packages() {
    let place = Place::empty();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(place.recto(["--version"]).ok(), format!("recto {version}\n"));
}

#[test]
fn completions_know_the_verbs() {
    let place = Place::empty();
    for shell in ["bash", "zsh", "fish"] {
        let script = place.recto(["completions", shell]).ok();
        assert!(script.contains("hash-object"), "{shell}");
    }
    place.recto(["completions", "cmd"]).exits(2);
}

#[test]
fn every_verb_has_a_manual_page() {
    let place = Place::empty();
    assert!(place.recto(["man"]).ok().contains(".TH recto 1"));
    let report = place.recto(["man", "pages/man1", "--json"]).exits(0).json("man");
    let count = fs::read_dir(place.path("pages/man1")).expect("it was made").count();
    assert_eq!(report["pages"].as_array().map(Vec::len), Some(count));
    assert!(place.read("pages/man1/recto-hash-object.1").contains("recto hash\\-object"));
}
