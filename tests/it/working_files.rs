//! Working files that went away, were copied, or stand half written: what is checked out is only what is
//! really there.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::harness::Place;
use crate::life::Life;

const DIR: &str = "agents/support";
const PROMPT: &str = "agents/support/prompt.md";
const VOICE: &str = "agents/support/voice.json";

fn checked_out() -> Place {
    let place = Place::with_store();
    let life = Life::of(&place);
    life.support();
    life.draft("support", "tone");
    place.recto(["checkout", "support@tone"]).ok();
    place
}

fn run(place: &Place, program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).current_dir(place.path("")).output().expect("it runs");
    assert!(output.status.success(), "{program} {args:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn git(place: &Place, args: &[&str]) -> String {
    let identity = ["-c", "user.name=A", "-c", "user.email=a@example.com"];
    run(place, "git", &[&identity[..], args].concat())
}

#[test]
fn a_directory_that_is_gone_is_written_in_full() {
    let place = checked_out();
    for gone in ["-r agents", "-r agents/support", "agents/support/agent.json agents/support/voice.json"] {
        run(&place, "rm", &gone.split(' ').collect::<Vec<_>>());
        place.recto(["save", "support"]).exits(1);
        let said = place.recto(["checkout", "support"]).ok();
        assert!(said.contains("written"), "{gone}: {said}");
        assert_eq!(place.read(PROMPT), "Be kind.\nBe brief.\n");
        assert!(place.read(VOICE).contains("nyah"));
        let clean = place.recto(["save", "support"]).ok();
        assert!(clean.contains("no edits to save, at revision 1"), "{clean}");
    }
    // What was edited is not written over.
    place.write(PROMPT, "Edited.\n");
    fs::remove_file(place.path("agents/support/agent.json")).expect("removed");
    let refused = place.recto(["checkout", "support"]).exits(1);
    assert!(refused.stderr.contains("move it away, then 'recto checkout support'"), "{}", refused.stderr);
    assert_eq!(place.read(PROMPT), "Edited.\n");
}

#[test]
fn git_does_not_take_what_is_checked_out_along() {
    let place = Place::empty();
    git(&place, &["init", "-q"]);
    place.recto(["init"]).ok();
    let ignored = place.read(".recto/.gitignore");
    assert!(ignored.lines().any(|line| line == "/worktree/"), "{ignored}");
    // As an earlier build made it.
    place.write(".recto/.gitignore", ignored.replace("/worktree/\n", ""));
    let life = Life::of(&place);
    life.support();
    life.draft("support", "tone");
    place.recto(["checkout", "support@tone"]).ok();
    git(&place, &["add", ".recto"]);
    let added = git(&place, &["ls-files", ".recto"]);
    assert!(added.contains(".recto/format") && !added.contains("worktree"), "{added}");
}

#[test]
fn a_copied_store_does_not_take_absent_files_for_deleted_ones() {
    let place = checked_out();
    place.write(VOICE, "{\"id\": \"other\"}");
    fs::create_dir(place.path("copy")).expect("made");
    run(&place, "cp", &["-a", ".recto", "copy/.recto"]);
    let there = |args: &[&str]| place.run(place.command(args).current_dir(place.path("copy")));
    let said = there(&["checkout", "support"]).ok();
    assert!(said.contains("2 files written"), "{said}");
    assert!(place.read("copy/agents/support/voice.json").contains("nyah"));
    assert!(there(&["save", "support"]).ok().contains("no edits to save"));
    // Files of another revision than the one the store remembers are what their agent.json says.
    place.recto(["save", "support"]).ok();
    fs::remove_dir_all(place.path("copy")).expect("removed");
    fs::create_dir_all(place.path("copy/agents")).expect("made");
    run(&place, "cp", &["-a", DIR, "copy/agents/support"]);
    place.write(PROMPT, "Later.\n");
    place.recto(["save", "support"]).ok();
    run(&place, "cp", &["-a", ".recto", "copy/.recto"]);
    there(&["save", "support"]).exits(3);
    let refused = there(&["checkout", "support"]).exits(1);
    assert!(refused.stderr.contains("agents/support/prompt.md"), "{}", refused.stderr);
}

#[test]
fn a_block_whose_file_is_gone_is_said_to_be_removed() {
    let place = checked_out();
    fs::remove_file(place.path(VOICE)).expect("removed");
    let status = place.recto(["status", "support"]).ok();
    assert!(status.contains("deleted   agents/support/voice.json (removes block voice)"), "{status}");
    let expected = "draft 'tone' of agent 'support': revision 1 -> 2 (voice.json; removes block voice)\n";
    assert_eq!(place.recto(["save", "--dry-run"]).ok(), format!("dry run: {expected}"));
    let value = place.recto(["save", "--dry-run", "--overwrite", "--json"]).json("save");
    assert_eq!(value["saved"][0]["removes"], json!(["voice"]));
    assert_eq!(place.recto(["save"]).ok(), expected);
    let published = place.recto(["publish", "support@tone"]).ok();
    assert!(published.contains("- voice"), "{published}");
}

#[test]
fn diff_shows_the_files_that_can_be_used_and_then_those_that_cannot() {
    let place = checked_out();
    place.write(PROMPT, "Be kind.\nBe long.\n");
    place.write(VOICE, "{bad");
    for words in [&["diff"][..], &["diff", "support"], &["diff", "--exit-code"]] {
        let run = place.recto(words).exits(5);
        assert!(run.stdout.contains("[-brief-]") && !run.stdout.contains("nyah"), "{}", run.stdout);
        assert!(run.stderr.contains("agents/support/voice.json:1:2: "), "{}", run.stderr);
        assert!(!run.stderr.contains("nothing was changed"), "{}", run.stderr);
    }
    let error = place.recto(["diff", "--json"]).json_error(5);
    assert_eq!(error["error"]["kind"], "invalid");
    let refused = place.recto(["save", "--overwrite", "--dry-run"]).exits(5);
    assert!(refused.stderr.contains("nothing was changed"), "{}", refused.stderr);
    fs::remove_dir_all(place.path(DIR)).expect("removed");
    let run = place.recto(["diff", "support"]).exits(2);
    assert!(run.stderr.contains("agent 'support' is not checked out here"), "{}", run.stderr);
    assert!(run.stderr.contains("'recto checkout support'"), "{}", run.stderr);
}
