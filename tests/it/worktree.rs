//! Working files through the binary: `checkout`, `status`, `save`, `edit`, `diff` without revisions.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;

use crate::harness::Place;
use crate::life::Life;

const PROMPT: &str = "agents/support/prompt.md";
const VOICE: &str = "agents/support/voice.json";

/// `support` of the generic profile, V1 serves, with a draft `tone`.
fn place() -> Place {
    let place = Place::with_store();
    let life = Life::of(&place);
    life.support();
    life.draft("support", "tone");
    place
}

fn checked_out() -> Place {
    let place = place();
    place.recto(["checkout", "support@tone"]).ok();
    place
}

#[test]
fn a_draft_becomes_files_and_edits_become_a_revision() {
    let place = place();
    let run = place.recto(["checkout", "support@tone", "--json"]);
    let value = run.json("checkout");
    assert_eq!(value["written"], json!(["prompt.md", "voice.json"]));
    assert_eq!(
        (place.read(PROMPT).as_str(), place.read(VOICE).as_str()),
        ("Be kind.\nBe brief.\n", "{\n  \"id\": \"nyah\",\n  \"speed\": 1\n}\n")
    );
    place.write(PROMPT, "Be kind.\r\nBe brief. Ü");
    // From a directory below, as git does.
    let below = place.path("agents/support");
    let said = place.run(place.command(["save", "-m", "warmer", "--dry-run"]).current_dir(&below)).ok();
    assert_eq!(said, "dry run: draft 'tone' of agent 'support': revision 1 -> 2 (prompt.md)\n");
    let saved = place.run(place.command(["save", "-m", "warmer", "--json"]).current_dir(&below));
    let value = saved.json("save");
    assert_eq!(
        (&value["saved"][0]["before"], &value["saved"][0]["files"]),
        (&json!(1), &json!(["prompt.md"]))
    );
    let again = place.recto(["save"]);
    assert_eq!(again.ok(), "draft 'tone' of agent 'support': no edits to save, at revision 2\n");
    let undo = value["undo"].as_str().expect("the way back");
    assert!(undo.starts_with("recto undo support --expect "), "{undo}");
}

#[test]
fn status_speaks_of_the_store_and_of_the_files() {
    let place = checked_out();
    place.write(VOICE, "{\n  \"id\": \"emily\",\n  \"speed\": 1\n}");
    place.recto(["save"]).ok();
    place.write(PROMPT, "Edited.\n");
    place.write("agents/support/tools.json", "[\n  1,\n  oops\n]");
    place.write("agents/support/notes.txt", "mine");
    fs::remove_file(place.path(VOICE)).expect("removed");
    let said = place.recto(["status"]).ok();
    let expected = "\
In the store
  support: live with unpublished changes
    V1 by Ben Ode at 2026-03-07T12:00:00.000Z
    serves since 2026-03-07T12:00:00.000Z, made so by Ben Ode (create)
    draft 'tone' from V1, revision 2: changes voice.id

Working files
  support: draft 'tone' at revision 2
    untracked agents/support/notes.txt
    modified  agents/support/prompt.md
    invalid   agents/support/tools.json:3:3: 'oops' is not a JSON value (/1)
    deleted   agents/support/voice.json (removes block voice)
";
    assert_eq!(said, expected);
    let value = place.recto(["status", "support", "--json"]).json("status");
    assert_eq!(value["agents"][0]["state"], "live_with_changes");
    let fault = &value["working"][0]["files"][2]["fault"];
    assert_eq!((&fault["line"], &fault["column"]), (&json!(3), &json!(3)));
}

#[test]
fn status_of_a_place_without_anything() {
    let place = Place::with_store();
    let said = place.recto(["status"]).ok();
    assert!(said.contains("no agents") && said.contains("recto checkout AGENT@DRAFT"), "{said}");
    let value = place.recto(["status", "--json"]).json("status");
    assert_eq!(value, json!({"format": 1, "agents": [], "mirror": null, "unknown": [], "working": []}));
    place.recto(["status", "nobody"]).exits(1);
}

#[test]
fn a_broken_file_is_named_with_line_and_column_and_nothing_is_saved() {
    let place = checked_out();
    place.write(PROMPT, "fine");
    place.write(VOICE, "{\n  \"id\": \"a\"\n  \"speed\": 1\n}");
    let error = place.recto(["save"]).exits(5).stderr;
    assert!(error.contains("agents/support/voice.json:3:3: "), "{error}");
    let value = place.recto(["save", "--json"]).json_error(5);
    assert_eq!(value["error"]["details"].as_array().map(Vec::len), Some(1));
    place.write(VOICE, "{\"id\": \"a\", \"speed\": 1}");
    let saved = place.recto(["save"]).ok();
    assert!(saved.contains("revision 1 -> 2 (prompt.md, voice.json)"), "{saved}");
}

#[test]
fn two_peoples_checkouts_conflict_on_save() {
    let place = checked_out();
    let theirs = place.path("bob");
    fs::create_dir_all(&theirs).expect("made");
    let store = place.path(".recto");
    let bob = |args: &[&str]| {
        let mut command = place.command(args);
        let there = fs::canonicalize(place.path("")).expect("there").join("../bob");
        fs::create_dir_all(&there).expect("made");
        command.current_dir(there).env("RECTO_STORE", &store).env("RECTO_AUTHOR", "Bob <bob@example.com>");
        place.run(&mut command)
    };
    bob(&["checkout", "support@tone"]).ok();
    fs::write(place.path("../bob/agents/support/voice.json"), "{\"id\": \"emily\", \"speed\": 1}")
        .expect("written");
    place.write(PROMPT, "Mine.");
    bob(&["save", "-m", "another voice"]).ok();
    let refused = place.recto(["save"]).exits(3).stderr;
    assert!(refused.contains("is at revision 2 (by Bob), these files were checked out at 1"), "{refused}");
    assert!(refused.contains("edited here: prompt.md\n  changed in the draft: voice.json"), "{refused}");
    let said = place.recto(["checkout", "support@tone"]).ok();
    assert!(said.contains("edits stay in prompt.md"), "{said}");
    place.recto(["save"]).ok();
    assert!(place.read(VOICE).contains("emily"));
}

/// Bob saves another prompt and another voice; Asha has edited the prompt.
fn both_edited() -> Place {
    let place = checked_out();
    place.write(PROMPT, "Mine.\n");
    let bob = Life::by(&place, "Bob", "2026-03-07T13:00:00Z");
    bob.set("support", "tone", &[("prompt", json!("Theirs.\n")), ("voice.id", json!("emily"))]);
    place
}

#[test]
fn where_both_edited_a_file_both_sides_can_be_seen() {
    let place = both_edited();
    let run = place.recto(["diff"]).exits(0);
    assert!(run.stderr.contains("is at revision 3 (by Bob) since it was checked out"), "{}", run.stderr);
    assert!(run.stdout.contains("Theirs") && run.stdout.contains("Mine"), "{}", run.stdout);
    assert!(!run.stdout.contains("emily"), "what only they changed is no edit of mine: {}", run.stdout);
    // The command that shows theirs can be run as it is told.
    let theirs =
        run.stderr.split('\'').find(|part| part.starts_with("recto diff support@")).expect("a command");
    let shown = place.recto(theirs.split(' ').skip(1)).ok();
    assert!(shown.contains("Theirs") && shown.contains("emily") && !shown.contains("Mine"), "{shown}");
    for args in [&["save"][..], &["checkout", "support@tone"]] {
        let run = place.recto(args);
        assert!(run.code != 0, "{}", run.stdout);
        for way in ["recto diff support'", "recto save support --overwrite'", "--discard"] {
            assert!(run.stderr.contains(way), "{way}: {}", run.stderr);
        }
    }
}

#[test]
fn edits_are_saved_over_those_of_others_when_told() {
    let place = both_edited();
    let said = place.recto(["save", "--overwrite", "--dry-run"]).ok();
    assert_eq!(said, "dry run: draft 'tone' of agent 'support': revision 3 -> 4 (prompt.md)\n");
    place.recto(["save"]).exits(3);
    let value = place.recto(["save", "--overwrite", "-m", "mine counts", "--json"]).json("save");
    assert_eq!(value["saved"][0]["files"], json!(["prompt.md"]));
    assert_eq!(place.recto(["cat", "support@tone", "prompt"]).ok(), "Mine.\n");
    assert!(place.read(VOICE).contains("emily"), "their other file is taken over");
    assert_eq!(place.recto(["cat", "support@tone", "voice.id"]).ok(), "emily\n");
    place.recto(["diff", "--exit-code"]).exits(0);
    assert!(place.recto(["save"]).ok().contains("no edits to save, at revision 4"));
    place.recto(["undo", "support"]).ok();
    assert_eq!(place.recto(["cat", "support@tone", "prompt"]).ok(), "Theirs.\n", "nothing is lost");
}

#[test]
fn edits_of_a_draft_that_is_gone_can_be_seen() {
    let place = checked_out();
    place.write(PROMPT, "Mine.\n");
    let bob = Life::by(&place, "Bob", "2026-03-07T13:00:00Z");
    bob.set("support", "tone", &[("voice.id", json!("emily"))]);
    bob.publish("support", "tone", "another voice", false);
    let run = place.recto(["diff"]).exits(0);
    assert!(run.stderr.contains("'tone' of agent 'support' is gone"), "{}", run.stderr);
    assert!(run.stdout.contains("Mine"), "{}", run.stdout);
    place.recto(["save", "--overwrite"]).exits(3);
}

#[test]
fn a_checkout_is_rehearsed() {
    let place = place();
    let said = place.recto(["checkout", "support@tone", "--dry-run"]).ok();
    assert_eq!(
        said,
        "dry run: draft 'tone' of agent 'support' at revision 1 would be in agents/support, 2 files written\n"
    );
    assert!(!place.path("agents").exists());
    let said = place.recto(["checkout", "support@tone"]).ok();
    assert_eq!(said, "draft 'tone' of agent 'support' at revision 1 is in agents/support, 2 files written\n");
    let below = place.path("agents/support");
    let said = place.run(place.command(["checkout"]).current_dir(&below)).ok();
    assert_eq!(said, "draft 'tone' of agent 'support' at revision 1 is in .\n");
    let fresh = Place::with_store();
    Life::of(&fresh).support();
    let run = fresh.recto(["checkout", "support", "--dry-run", "--json"]).exits(0);
    let value = run.json("checkout");
    assert_eq!((&value["forked"], &value["draft"]["id"]), (&json!(true), &json!(null)));
    assert_eq!(value["written"], json!(["prompt.md", "voice.json"]));
    assert_eq!(fresh.recto(["draft", "list", "support", "-q"]).ok(), "");
}

#[test]
fn edits_are_dropped_and_come_back() {
    let place = checked_out();
    place.write(PROMPT, "Mine.");
    place.write(VOICE, "{ broken");
    let refused = place.recto(["checkout", "support@V1"]).exits(1).stderr;
    assert!(refused.contains("recto draft new support@NAME --from V1"), "{refused}");
    let below = place.path("agents/support");
    let dropped =
        place.run(place.command(["checkout", "--discard", "prompt.md", "--json"]).current_dir(&below));
    let value = dropped.json("checkout-discard");
    assert_eq!(value["discarded"][0]["files"], json!(["prompt.md"]));
    assert_eq!(value["undo"], "recto checkout support --undo-discard");
    assert_eq!(place.read(PROMPT), "Be kind.\nBe brief.\n");
    place.recto(["checkout", "--discard", VOICE]).ok();
    let back = place.recto(["checkout", "support", "--undo-discard", "--json"]).json("checkout-undo-discard");
    assert_eq!(back["files"], json!(["voice.json"]));
    assert_eq!(place.read(VOICE), "{ broken");
    place.recto(["checkout", "--discard", "agents/support/none.md"]).exits(2);
    place.recto(["checkout", "--discard", "../outside"]).exits(2);
    place.recto(["checkout", "support", "--discard"]).ok();
    for _ in 0..2 {
        place.recto(["checkout", "support", "--undo-discard"]).ok();
    }
    assert_eq!((place.read(PROMPT).as_str(), place.read(VOICE).as_str()), ("Mine.", "{ broken"));
    place.recto(["checkout", "support", "--undo-discard"]).exits(1);
}

#[test]
fn unsaved_edits_keep_another_draft_out() {
    let place = checked_out();
    Life::by(&place, "Ben Ode", "2026-03-07T13:00:00Z").draft("support", "other");
    place.write(PROMPT, "Mine.");
    let error = place.recto(["checkout", "support@other", "--json"]).json_error(1);
    assert_eq!(error["error"]["details"], json!(["agents/support/prompt.md"]));
    assert_eq!(place.read(PROMPT), "Mine.");
}

#[test]
fn links_are_never_followed() {
    let place = place();
    place.write("outside/prompt.md", "secret");
    fs::create_dir_all(place.path("agents")).expect("made");
    symlink(place.path("outside"), place.path("agents/support")).expect("linked");
    for args in
        [&["checkout", "support@tone"][..], &["save", "support"], &["checkout", "support", "--discard"]]
    {
        let error = place.recto(args).exits(1).stderr;
        assert!(error.contains("symbolic link"), "{error}");
    }
    assert_eq!(place.read("outside/prompt.md"), "secret");
    assert_eq!(fs::read_dir(place.path("outside")).expect("listed").count(), 1);
}

#[test]
fn an_agent_without_a_draft_gets_one() {
    let place = Place::with_store();
    Life::of(&place).support();
    let run = place.recto(["checkout", "support"]);
    assert!(run.stderr.contains("draft 'work' of agent 'support' was forked"), "{}", run.stderr);
    assert!(run.ok().contains("draft 'work'"));
}

#[test]
fn diff_without_revisions_shows_the_edits() {
    let place = checked_out();
    place.recto(["diff", "--exit-code"]).exits(0);
    place.write(PROMPT, "Be kind.\nBe long.\n");
    let said = place.recto(["diff", "--exit-code"]).exits(1).stdout;
    assert!(said.contains("[-brief-]") && !said.contains("nyah"), "{said}");
    place.write(PROMPT, [0xff]);
    place.recto(["diff"]).exits(5);
}

/// Runs `edit` with a shell command as the editor; `$1` is the file.
fn edit(place: &Place, script: &str, args: &[&str]) -> crate::harness::Run {
    let path = place.home("editor.sh");
    fs::write(&path, script).expect("written");
    place.run(place.command(args).env("EDITOR", format!("sh {}", path.display())))
}

#[test]
fn edit_opens_the_prompt_and_saves_what_was_written() {
    let place = place();
    let said = edit(&place, "printf 'Edited.' > \"$1\"", &["edit", "support@tone", "-m", "why"]).ok();
    assert_eq!(said, "draft 'tone' of agent 'support': revision 1 -> 2 (prompt)\n");
    let run = edit(&place, "sed -i s/nyah/emily/ \"$1\"", &["edit", "support", "voice", "--json"]);
    assert_eq!(run.json("edit")["draft"]["revision"], 3);
    let same = edit(&place, "true", &["edit", "support"]).ok();
    assert_eq!(same, "block 'prompt' of draft 'tone' is unchanged\n");
    place.recto(["checkout", "support"]).ok();
    assert_eq!(place.read(PROMPT), "Edited.");
    assert!(place.read(VOICE).contains("emily"));
    edit(&place, "true", &["edit", "support", "nothing"]).exits(1);
    assert_eq!(
        fs::read_dir(place.path(".recto/worktree/edit")).expect("listed").count(),
        0,
        "nothing is left"
    );
}

#[test]
fn what_an_editor_left_broken_is_kept() {
    let place = place();
    let run = edit(&place, "printf '{\\n \"id\": }' > \"$1\"", &["edit", "support@tone", "voice"]).exits(5);
    assert!(run.stderr.contains("voice.json:2:8: "), "{}", run.stderr);
    let kept =
        run.stderr.lines().find_map(|line| line.strip_prefix("hint: your text is kept in ")).expect("where");
    let kept = place.path(kept.trim_start_matches("/here/"));
    let text = fs::read_to_string(&kept).unwrap_or_else(|error| panic!("{}: {error}", kept.display()));
    assert_eq!(text, "{\n \"id\": }");
    let failed = edit(&place, "printf x > \"$1\"; exit 3", &["edit", "support@tone"]).exits(1);
    assert!(failed.stderr.contains("nothing was saved"), "{}", failed.stderr);
    let none = place.recto(["edit", "support@tone"]).exits(1);
    assert!(none.stderr.contains("no editor"), "{}", none.stderr);
    let said = place.recto(["status"]).ok();
    assert!(said.contains("draft 'tone' from V1, revision 1: is what serves"), "{said}");
}

#[test]
fn of_several_agents_each_that_cannot_be_saved_is_told_once() {
    let place = checked_out();
    Life::of(&place).create("sales", "generic", json!({"prompt": "Hi.\n", "voice": {"id": 1}}));
    place.recto(["checkout", "sales"]).ok();
    place.write(PROMPT, "Edited.\n");
    place.write("agents/sales/voice.json", "{");
    let run = place.recto(["save"]).exits(5);
    assert!(run.stdout.contains("draft 'tone' of agent 'support': revision 1 -> 2"), "{}", run.stdout);
    assert_eq!(run.stderr.matches("in the working files of agent 'sales'").count(), 1, "{}", run.stderr);
    assert!(run.stderr.contains("error: 1 of 2 agents could not be saved"), "{}", run.stderr);
    assert!(run.stderr.contains("agents/sales/voice.json:1:2: "), "{}", run.stderr);
    let error = place.recto(["save", "--json"]).json_error(5);
    assert_eq!(error["error"]["message"], "1 of 2 agents could not be saved");
}

#[test]
fn files_of_an_unknown_agent_do_not_hide_the_others() {
    let place = checked_out();
    place.write("agents/fresh/agent.json", "{\"format\": 1, \"agent\": \"fresh\", \"profile\": \"generic\"}");
    let said = place.recto(["status"]).ok();
    assert!(
        said.contains("fresh: no agent 'fresh'") && said.contains("draft 'tone' at revision 1, no edits"),
        "{said}"
    );
    place.recto(["status", "--json"]).json("status");
}
