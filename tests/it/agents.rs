//! Agents made, shown, renamed, described, put away and copied.

use crate::harness::{Place, Run};
use crate::life::Life;

/// A config without a profile of its own: two blocks.
pub(crate) const CONFIG: &str = "{\"prompt\": \"Be kind.\\n\", \"voice\": {\"id\": \"nyah\", \"speed\": 1}}";
/// A key that every check finds.
pub(crate) const SECRET: &str = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH";

/// A store with an agent `support`, whose V1 serves.
pub(crate) fn with_support() -> Place {
    let place = Place::with_store();
    place.write("support.json", CONFIG);
    place.recto(["agent", "new", "support", "--from", "support.json", "--activate"]).ok();
    place
}

/// Demands that a run was refused with that code and these words, and changed nothing.
#[track_caller]
pub(crate) fn refused(run: Run, code: i32, words: &str) {
    let run = run.exits(code);
    assert!(run.stderr.contains(words), "{}: no '{words}' in\n{}", run.command, run.stderr);
    assert_eq!(run.stdout, "", "{}", run.command);
}

/// The command that a run names as its way back.
#[track_caller]
pub(crate) fn undo_of(run: &Run) -> Vec<String> {
    let line = run.stderr.lines().find_map(|line| line.strip_prefix("undo: recto "));
    let line = line.unwrap_or_else(|| panic!("{} names no way back: {}", run.command, run.stderr));
    line.split(' ').map(str::to_owned).collect()
}

#[test]
fn a_new_agent_has_a_version_and_serves_when_told() {
    let place = Place::with_store();
    place.write("support.json", CONFIG);
    let run = place.recto(["agent", "new", "support", "--from", "support.json", "--label", "first"]);
    let run = run.exits(0);
    assert_eq!(run.stdout, "made agent 'support' (generic) with V1; nothing serves yet\n");
    assert_eq!(undo_of(&run), ["agent", "archive", "support"]);
    let new = ["agent", "new", "sales", "--from", "support.json", "--activate", "--json"];
    let made = place.recto(new).exits(0).json("agent-new");
    assert_eq!((&made["active"], &made["check"]), (&true.into(), &"passed".into()));
    assert_eq!(made["undo"], "recto unpublish sales && recto agent archive sales");
    let shown = place.recto(["agent", "show", "support", "--json"]).exits(0).json("agent-show");
    assert_eq!(shown["versions"][0]["label"], "first");
    assert_eq!((&shown["active"], &shown["title"]), (&serde_json::Value::Null, &"support".into()));
}

#[test]
fn a_document_of_the_vendor_is_taken_as_it_stands() {
    let place = Place::with_store();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/agents/atoms-get-agent.json");
    let made = place.recto(["agent", "new", "desk", "--from", file, "--json"]).exits(0).json("agent-new");
    assert_eq!(made["profile"], "atoms");
    assert!(made["left_out"].as_array().is_some_and(|left| left.contains(&"totalCalls".into())), "{made}");
    let shown = place.recto(["agent", "show", "desk", "--json"]).exits(0).json("agent-show");
    assert!(shown["vendor_ids"]["_id"].is_string(), "{shown}");
    assert_ne!(shown["title"], "desk", "the document has a title");
}

#[test]
fn handles_come_from_titles_and_are_numbered() {
    let place = Place::with_store();
    for expected in ["sales-agent\n", "sales-agent-2\n", "sales-agent-3\n"] {
        assert_eq!(place.recto(["agent", "new", "--title", "Sales Agent", "-q"]).ok(), expected);
    }
    refused(place.recto(["agent", "new"]), 2, "neither a handle nor a title is given");
}

#[test]
fn names_that_no_file_system_should_see_are_refused() {
    let place = with_support();
    let long = "x".repeat(300);
    let before = place.recto(["agent", "list"]).ok();
    for bad in ["../x", "CON", "con", ".", "..", "a/b", "", "Support", "SUPPORT", "x.", "a b", &long] {
        for args in [
            vec!["agent", "new", bad],
            vec!["agent", "rename", "support", bad],
            vec!["agent", "duplicate", "support", bad],
            vec!["agent", "show", bad],
            vec!["draft", "new", "support", bad],
            vec!["draft", "new", &format!("{bad}@tone")],
            vec!["draft", "new", &format!("support@{bad}")],
            vec!["restore", "support@V1", "--to", bad],
        ] {
            let run = place.recto(args).exits(2);
            assert!(run.stderr.starts_with("error: "), "{}: {}", run.command, run.stderr);
            assert!(run.stderr.len() < 600, "{}: {}", run.command, run.stderr);
        }
    }
    assert_eq!(place.recto(["agent", "list"]).ok(), before);
    assert_eq!(place.recto(["draft", "list", "support", "-q"]).ok(), "");
    let hint = place.recto(["agent", "new", "Support Desk"]).exits(2).stderr;
    assert!(hint.contains("hint: 'support-desk' would do"), "{hint}");
}

#[test]
fn a_handle_that_is_taken_is_refused() {
    let place = with_support();
    refused(place.recto(["agent", "new", "support"]), 1, "there is an agent 'support' already");
    place.recto(["agent", "rename", "support", "helpdesk"]).ok();
    refused(place.recto(["agent", "new", "support"]), 1, "renamed to 'helpdesk'");
}

#[test]
fn a_broken_config_is_refused_with_every_problem() {
    let place = Place::with_store();
    place.write("bad.json", "{\"singlePromptConfig\": {\"prompt\": 7}, \"synthesizer\": {\"speed\": 9}}");
    let new = ["agent", "new", "desk", "--profile", "atoms", "--from", "bad.json"];
    let error = place.recto(new.into_iter().chain(["--json"])).json_error(5);
    let details = error["error"]["details"].as_array().expect("a list").clone();
    assert!(details.len() >= 2, "{details:?}");
    assert!(details.iter().any(|line| line.as_str().is_some_and(|line| line.contains("/synthesizer/speed"))));
    for (text, words) in [
        ("{\"a\": 1, \"a\": 2}", "duplicate key 'a'"),
        ("{\"a\": 9007199254740993}", "cannot be kept exactly"),
        ("{\"a\": ", "unexpected end"),
        ("", "empty document"),
    ] {
        place.write("bad.json", text);
        refused(place.recto(new), 5, words);
    }
    place.write("bad.json", b"{\"a\": \"\xff\"}");
    refused(place.recto(new), 5, "invalid UTF-8");
    place.write("bad.json", format!("{}{}", "[".repeat(200), "]".repeat(200)));
    refused(place.recto(new), 5, "nested deeper than");
    refused(place.recto(["agent", "new", "desk", "--from", "none.json"]), 1, "none.json");
    refused(place.recto(["agent", "new", "desk", "--profile", "vapi"]), 1, "no profile 'vapi'");
    assert_eq!(place.recto(["agent", "list", "-q"]).ok(), "");
}

#[test]
fn an_agent_that_fails_its_check_is_not_made_serving() {
    let place = Place::with_store();
    place.write("leak.json", format!("{{\"prompt\": \"Use {SECRET} for calls.\"}}"));
    let new = ["agent", "new", "leak", "--from", "leak.json", "--activate"];
    let run = place.recto(new).exits(5);
    assert!(run.stderr.contains("secret-in-config prompt"), "{}", run.stderr);
    assert!(!run.stderr.contains(SECRET), "{}", run.stderr);
    assert_eq!(place.recto(["agent", "list", "-q"]).ok(), "");
    let run = place.recto(new.into_iter().chain(["--override-check", "a test key"])).exits(0);
    assert!(!run.stdout.contains(SECRET) && run.stdout.contains("V1 serves"), "{}", run.stdout);
    refused(place.recto(["agent", "duplicate", "leak", "copy", "--activate"]), 5, "secret-in-config");
}

#[test]
fn lists_leave_out_what_is_put_away() {
    let place = with_support();
    place.recto(["agent", "new", "old", "--title", "Old \u{1b}[31m one"]).ok();
    let run = place.recto(["agent", "archive", "old"]).exits(0);
    assert_eq!(undo_of(&run), ["agent", "unarchive", "old"]);
    assert_eq!(place.recto(["agent", "list", "-q"]).ok(), "support\n");
    assert_eq!(place.recto(["agent", "list", "--archived", "-q"]).ok(), "old\n");
    let all = place.recto(["agent", "list", "--all", "--json"]).exits(0).json("agent-list");
    assert_eq!(all["agents"].as_array().map(Vec::len), Some(2));
    let table = place.recto(["agent", "list", "--all"]).ok();
    assert!(table.contains("old (archived)") && !table.contains('\u{1b}'), "{table:?}");
    refused(place.recto(["agent", "list", "--all", "--archived"]), 2, "cannot be used with");
}

#[test]
fn an_archived_agent_takes_no_work_until_it_is_taken_out() {
    let place = with_support();
    place.recto(["draft", "new", "support@tone"]).ok();
    let archived = place.recto(["agent", "archive", "support", "--json"]).exits(0).json("agent-archive");
    assert_eq!((&archived["archived"], &archived["changed"]), (&true.into(), &true.into()));
    for args in [
        ["draft", "new", "support@other"].as_slice(),
        &["set", "support@tone", "voice.speed=2"],
        &["publish", "support@tone", "--allow-unchanged"],
    ] {
        let run = place.recto(args).exits(1);
        assert!(run.stderr.contains("agent 'support' is archived"), "{}", run.stderr);
        assert!(run.stderr.contains("hint: recto agent unarchive support"), "{}", run.stderr);
    }
    let again = place.recto(["agent", "archive", "support"]).ok();
    assert_eq!(again, "agent 'support' is put away already\n");
    place.recto(["agent", "unarchive", "support"]).ok();
    place.recto(["set", "support@tone", "voice.speed=2"]).ok();
}

#[test]
fn the_old_handle_leads_to_the_new_one() {
    let place = with_support();
    let run = place.recto(["agent", "rename", "support", "helpdesk"]).exits(0);
    assert_eq!(undo_of(&run), ["agent", "rename", "helpdesk", "support"]);
    let run = place.recto(["agent", "show", "support"]).exits(0);
    assert!(run.stdout.starts_with("helpdesk: support\n"), "{}", run.stdout);
    assert!(run.stderr.contains("agent 'support' is now called 'helpdesk'"), "{}", run.stderr);
    place.recto(undo_of(&place.recto(["agent", "rename", "helpdesk", "desk"]).exits(0))).ok();
    place.recto(["agent", "rename", "helpdesk", "support"]).ok();
    assert_eq!(place.recto(["agent", "list", "-q"]).ok(), "support\n");
    let renamed = place.recto(["agent", "rename", "support", "desk", "--json"]).exits(0);
    assert_eq!(renamed.json("agent-rename")["before"], "support");
    refused(place.recto(["agent", "rename", "nobody", "x"]), 1, "no agent 'nobody'");
}

#[test]
fn metadata_changes_without_a_version() {
    let place = with_support();
    let edit = ["agent", "edit", "support", "--title", "Support\u{7}", "--field", "seats:=3", "--field"];
    let run = place.recto(edit.into_iter().chain(["api_key=Zq8vT2nLr5xWk3Pq"])).exits(0);
    assert!(run.stdout.contains("seats: null -> 3"), "{}", run.stdout);
    assert!(!run.stdout.contains("T2nLr5xWk3") && !run.stdout.contains('\u{7}'), "{:?}", run.stdout);
    let shown = place.recto(["agent", "show", "support", "--json"]).exits(0).json("agent-show");
    assert_eq!(shown["fields"]["seats"], 3);
    assert_eq!((&shown["version_count"], &shown["title"]), (&1.into(), &"Support\u{7}".into()));
    let plain = place.recto(["agent", "show", "support"]).ok();
    assert!(!plain.contains('\u{7}') && !plain.contains("T2nLr5xWk3"), "{plain:?}");
    let run = place.recto(["agent", "edit", "support", "--unset-field", "seats", "--json"]).exits(0);
    assert_eq!(run.json("agent-edit")["changes"][0], "seats: 3 -> null");
    refused(place.recto(["agent", "edit", "support", "--unset-field", "seats"]), 2, "no field 'seats'");
    refused(place.recto(["agent", "edit", "support"]), 2, "required");
    refused(place.recto(["agent", "edit", "support", "--title", " "]), 2, "the title is empty");
}

#[test]
fn a_copy_has_the_config_of_any_revision() {
    let place = with_support();
    place.recto(["draft", "new", "support@tone"]).ok();
    place.recto(["set", "support@tone", "voice.speed=2"]).ok();
    assert_eq!(place.recto(["agent", "duplicate", "support@tone", "fast", "-q"]).ok(), "fast\n");
    assert_eq!(place.recto(["agent", "duplicate", "support", "-q", "--title", "Twin"]).ok(), "twin\n");
    let shown = place.recto(["agent", "show", "fast", "--json"]).exits(0).json("agent-show");
    assert_eq!(shown["versions"][0]["label"], "copied from support@tone");
    refused(place.recto(["agent", "duplicate", "support@V9", "x"]), 1, "no 'V9'");
    refused(place.recto(["agent", "duplicate", "support", "fast"]), 1, "there is an agent 'fast' already");
}

#[test]
fn a_rehearsal_makes_nothing() {
    let place = with_support();
    let run = place.recto(["agent", "new", "ghost", "--dry-run", "--json"]).exits(0).json("agent-new");
    assert_eq!((&run["dry_run"], &run["version"]), (&true.into(), &serde_json::Value::Null));
    assert_eq!(run.get("undo"), None);
    place.recto(["agent", "rename", "support", "ghost", "--dry-run"]).ok();
    place.recto(["agent", "archive", "support", "--dry-run"]).ok();
    place.recto(["agent", "edit", "support", "--title", "Ghost", "--dry-run"]).ok();
    place.recto(["agent", "duplicate", "support", "ghost", "--dry-run"]).ok();
    let list = place.recto(["agent", "list", "--all"]).ok();
    assert!(!list.to_lowercase().contains("ghost") && !list.contains("archived"), "{list}");
}

#[test]
fn a_revision_where_an_agent_is_wanted_is_refused() {
    let place = with_support();
    let run = place.recto(["agent", "archive", "support@V1"]).exits(2);
    assert!(run.stderr.contains("where an agent is wanted"), "{}", run.stderr);
}

#[test]
fn an_agent_that_cannot_serve_is_not_made_and_the_findings_are_told() {
    let place = Place::with_store();
    place.write("leaky.json", format!("{{\"prompt\": \"Use {SECRET}.\"}}"));
    for words in
        [&["import", "leaky.json", "--as", "leaky"][..], &["agent", "new", "leaky", "--from", "leaky.json"]]
    {
        let run = place.recto(words.iter().chain(&["--activate"]));
        refused(run, 5, "agent 'leaky' cannot be made with V1 serving");
    }
    let told = place.recto(["import", "leaky.json", "--as", "leaky", "--activate"]).exits(5).stderr;
    assert!(told.contains("prompt: secret in plain text") && told.contains("nothing was made"), "{told}");
    assert!(!told.contains(SECRET), "{told}");
    assert_eq!(place.recto(["agent", "list", "-q"]).ok(), "");
}

#[test]
fn an_archived_agent_that_serves_is_seen() {
    let place = Place::with_store();
    Life::of(&place).support();
    place.recto(["agent", "archive", "support"]).ok();
    let listed = place.recto(["agent", "list"]).ok();
    assert!(listed.contains("support (archived)") && listed.contains("V1"), "{listed}");
    let status = place.recto(["status"]).ok();
    assert!(status.contains("support: live, archived\n"), "{status}");
    assert_eq!(place.recto(["status", "--json"]).json("status")["agents"][0]["archived"], true);
    place.recto(["unpublish", "support"]).ok();
    assert!(!place.recto(["agent", "list"]).ok().contains("support"));
    assert!(place.recto(["agent", "list", "--archived"]).ok().contains("support (archived)"));
}

#[test]
fn one_damaged_agent_does_not_block_the_others() {
    let place = Place::with_store();
    let life = Life::of(&place);
    life.support();
    for agent in ["broken", "sales"] {
        life.create(agent, "generic", serde_json::json!({"prompt": "Hi."}));
    }
    place.recto(["draft", "new", "support@fix"]).ok();
    place.recto(["set", "support@fix", "prompt=Hot."]).ok();
    place.recto(["publish", "support@fix", "--activate"]).ok();
    place.write(".recto/agents/broken/journal", "");
    for (args, shown) in [
        (["status"].as_slice(), "sales: live"),
        (&["agent", "list"], "sales"),
        (&["log"], "sales"),
        (&["log", "--reverse"], "sales"),
        (&["export", "--all", "--format", "history"], "\"sales\""),
    ] {
        let run = place.recto(args).exits(4);
        assert!(run.stdout.contains(shown) && run.stdout.contains("support"), "{args:?}: {}", run.stdout);
        assert!(run.stderr.contains("1 damaged agent is left out"), "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains("broken: "), "{args:?}: {}", run.stderr);
    }
    assert_eq!(
        place.recto(["agent", "list", "--json"]).exits(4).json("agent-list")["agents"][1]["agent"],
        "support"
    );
    let back = place.recto(["rollback", "--all", "--to", "2026-03-07T13:00:00Z"]).exits(4);
    assert!(back.stdout.contains("ACTIVE of agent 'support': V2"), "{}", back.stdout);
    assert!(back.stderr.contains("broken: "), "{}", back.stderr);
    assert!(place.recto(["status", "support"]).ok().contains("V1 by"));
}

/// Runs the commands of an undo line.
fn run_all(place: &Place, line: &str) {
    for command in line.split(" && ") {
        place.recto(command.split(' ').skip(1)).ok();
    }
}

#[test]
fn what_made_an_agent_prints_a_way_back_that_works() {
    let place = Place::with_store();
    place.write("config.json", CONFIG);
    for serves in [false, true] {
        let activate = if serves { ["--activate"].as_slice() } else { &[] };
        let on = |args: &[&str]| place.recto([args, activate].concat()).exits(0);
        let tag = if serves { "s" } else { "n" };
        let [made, imported, copied, applied] =
            ["made", "imported", "copied", "applied"].map(|name| format!("{name}-{tag}"));
        let mut undos = vec![
            (&made, on(&["agent", "new", &made, "--from", "config.json"]).stderr),
            (&imported, on(&["import", "config.json", "--as", &imported]).stderr),
            (&copied, on(&["agent", "duplicate", &format!("{made}@V1"), &copied]).stderr),
        ];
        let about = format!("{{\"format\": 1, \"agent\": \"{applied}\", \"profile\": \"generic\"}}");
        place.write(format!("ws-{tag}/agents/{applied}/agent.json"), about);
        place.write(format!("ws-{tag}/agents/{applied}/prompt.md"), "Hello.");
        undos.push((&applied, on(&["apply", &format!("ws-{tag}")]).stdout));
        for (agent, said) in undos {
            let line = said.lines().find_map(|line| line.trim().strip_prefix("undo: "));
            run_all(&place, line.unwrap_or_else(|| panic!("{agent}: {said}")));
            let shown = place.recto(["agent", "show", agent, "--json"]).exits(0).json("agent-show");
            assert_eq!((&shown["archived"], &shown["active"]), (&true.into(), &serde_json::Value::Null));
        }
    }
    // Into an agent that is there, an import makes a draft, or edits it.
    place.recto(["agent", "new", "there"]).ok();
    let said = place.recto(["import", "config.json", "--as", "there"]).exits(0);
    assert_eq!(undo_of(&said).join(" "), "draft discard there@import");
    place.write("other.json", "{\"prompt\": \"Be quick.\\n\"}");
    let again = place.recto(["import", "other.json", "--as", "there"]).exits(0);
    let undo = undo_of(&again).join(" ");
    assert!(undo.starts_with("undo there --expect "), "{undo}");
    run_all(&place, &format!("recto {undo}"));
    assert_eq!(place.recto(["cat", "there@import", "prompt"]).ok(), "Be kind.\n");
    run_all(&place, "recto draft discard there@import");
    assert!(!place.recto(["draft", "list", "there"]).ok().contains("import"));
}
