//! What others do while the program of `check.command` is asked, and what is done again or undone after it was.

use serde_json::Value;

use crate::agents::{refused, undo_of, with_support};
use crate::harness::{Place, Run};

/// `support`, of which V1 serves, with V2 beside it, a draft `tone` that differs from both, and files that do.
fn with_two() -> Place {
    let place = with_support();
    place.recto(["checkout", "support"]).ok();
    place.recto(["draft", "new", "support@hotfix"]).ok();
    place.recto(["set", "support@hotfix", "voice.speed=9"]).ok();
    place.recto(["publish", "support@hotfix"]).ok();
    place.recto(["draft", "new", "support@tone", "--from", "support@V1"]).ok();
    place.recto(["set", "support@tone", "prompt=Be brief."]).ok();
    place.write("new.json", "{\"prompt\":\"New.\"}");
    place.write("other.json", "{\"prompt\":\"Other.\"}");
    place
}

/// Has the program do that, as somebody else, when it is first asked; it lets everything pass.
fn meanwhile(place: &Place, arguments: &str) {
    let recto = env!("CARGO_BIN_EXE_recto");
    let does =
        format!("INNER=1 RECTO_AUTHOR='Ravi Sen <ravi@example.com>' '{recto}' {arguments} > inner 2>&1");
    place.recto(["config", "check.command", &format!("[ -n \"$INNER\" ] || {does}")]).ok();
}

fn active(place: &Place, agent: &str) -> Value {
    let shown = place.recto(["agent", "show", agent, "--json"]).exits(0).json("agent-show");
    shown["active"]["number"].clone()
}

/// Demands a conflict that says these words and no `undo` that cannot work, and runs the command that is its hint.
#[track_caller]
fn overtaken(place: &Place, run: Run, words: &[&str], hint: &str) {
    let run = run.exits(3);
    let hinted = format!("hint: '{hint}' lets it serve");
    for words in words.iter().copied().chain(["  its check is passed", &hinted]) {
        assert!(run.stderr.contains(words), "{}: no '{words}' in\n{}", run.command, run.stderr);
    }
    let said = run.stdout + &run.stderr;
    assert!(!said.contains("recto undo") && !said.contains(" -> V3\nundo"), "{said}");
    assert!(!run.command.contains("publish") || !said.contains("ACTIVE of agent 'support': "), "{said}");
    place.recto(hint.split(' ').skip(1)).ok();
}

/// Verbs that make V3 of `support`, which is to serve.
fn verbs() -> [Vec<&'static str>; 3] {
    [
        vec!["publish", "support@tone", "--overwrite", "--activate"],
        vec!["apply", ".", "--overwrite", "--activate"],
        vec!["import", "new.json", "--as", "support", "--activate"],
    ]
}

#[test]
fn what_somebody_else_activated_meanwhile_goes_on_serving() {
    for verb in verbs() {
        let place = with_two();
        meanwhile(&place, "activate support@V2");
        let run = place.recto(verb);
        assert_eq!(active(&place, "support"), 2, "{}\n{}", run.command, run.stderr);
        let words = [
            "V3 of agent 'support' was published and does not serve: ACTIVE of agent 'support' is V2, not V1",
            "  Ravi Sen moved ACTIVE to V2 meanwhile (activate ",
        ];
        overtaken(&place, run, &words, "recto activate support@V3 --expect V2");
        assert_eq!(active(&place, "support"), 3);
    }
}

#[test]
fn what_somebody_else_took_out_of_service_meanwhile_stays_out() {
    for verb in verbs() {
        let place = with_two();
        meanwhile(&place, "unpublish support --yes");
        let run = place.recto(verb);
        assert_eq!(active(&place, "support"), Value::Null, "{}\n{}", run.command, run.stderr);
        let words = [
            "does not serve: ACTIVE of agent 'support' is none, not V1",
            "Ravi Sen moved ACTIVE to nothing meanwhile (unpublish ",
        ];
        overtaken(&place, run, &words, "recto activate support@V3");
    }
}

#[test]
fn where_nothing_served_a_new_agent_does_not_take_the_place_of_what_does_now() {
    for verb in [
        vec!["agent", "new", "desk", "--from", "new.json", "--activate"],
        vec!["agent", "duplicate", "support", "desk", "--activate"],
        vec!["import", "new.json", "--as", "desk", "--activate"],
        vec!["import", "history.jsonl", "--activate"],
    ] {
        let place = with_two();
        place.write(
            "history.jsonl",
            "{\"agent\":\"desk\",\"author\":\"Ana\",\"time\":\"2026-01-05T09:00:00Z\",\"message\":\"m\",\"blocks\":{\"prompt\":\"x\"}}\n",
        );
        meanwhile(&place, "import other.json --as desk --activate");
        let run = place.recto(&verb).exits(3);
        let said = run.stdout.clone() + &run.stderr;
        for words in [
            "V1 of agent 'desk' was published and does not serve: ACTIVE of agent 'desk' is V2, not none",
            "Ravi Sen moved ACTIVE to V2 meanwhile (activate ",
            "'recto activate desk@V1 --expect V2' lets it serve all the same",
        ] {
            assert!(said.contains(words), "{}: no '{words}' in\n{said}", run.command);
        }
        assert_eq!(active(&place, "desk"), 2, "{}", run.command);
    }
    // Who let the very same version serve was no hindrance.
    let place = with_two();
    meanwhile(&place, "activate desk@V1 --override-check now");
    let run = place.recto(["agent", "new", "desk", "--from", "new.json", "--activate"]).exits(0);
    assert!(run.stdout.contains("V1 serves"), "{}", run.stdout);
}

#[test]
fn an_old_version_is_not_published_anew_in_the_place_of_a_hotfix() {
    let place = with_two();
    place.recto(["activate", "support@V2"]).ok();
    meanwhile(&place, "unpublish support --yes");
    let run = place.recto(["rollback", "support@V1", "--republish"]);
    refused(run, 3, "ACTIVE of agent 'support' is none, not V2");
    assert_eq!(active(&place, "support"), Value::Null);
    assert_eq!(place.recto(["version", "list", "support", "-q"]).ok().lines().count(), 2);
}

#[test]
fn files_do_not_serve_once_somebody_else_published_a_newer_version() {
    let place = with_two();
    meanwhile(&place, "publish support@tone --overwrite");
    let run = place.recto(["apply", ".", "--overwrite", "--activate"]);
    assert_eq!(active(&place, "support"), 1, "{}\n{}", run.command, run.stderr);
    let words = [
        "does not serve: the latest version of agent 'support' is V4, not V3",
        "Ravi Sen published V4 meanwhile (publish ",
    ];
    overtaken(&place, run, &words, "recto activate support@V3 --expect V1");
}

#[test]
fn files_that_are_applied_again_are_judged_where_their_version_was_kept_back() {
    let place = with_two();
    let apply = ["apply", ".", "--overwrite", "--activate"];
    let dry = ["apply", ".", "--overwrite", "--activate", "--dry-run"];
    let program = |text: &str| {
        place.recto(["config", "check.command", text]).ok();
    };
    program("no-such-program-here");
    let planned = place.recto(dry).exits(0);
    let once = "publish and activate once its check passes (voice)\n  check: pending, as 'check.command' is asked first\n";
    assert!(planned.stdout.contains(once), "{}", planned.stdout);
    let plan = place.recto(dry.iter().chain(&["--json"])).exits(0).json("apply-plan");
    assert_eq!(plan["plan"][0]["check"], "pending");
    place.recto(apply).exits(1);
    // What was not asked about is asked about again.
    program("echo not now >&2; false");
    let planned = place.recto(dry).exits(0);
    let once = "agent 'support': unchanged and activate once its check passes\n  check: pending";
    assert!(planned.stdout.contains(once), "{}", planned.stdout);
    let run = place.recto(apply).exits(5);
    assert!(run.stdout.contains("agent 'support': unchanged\n  check: failed\n"), "{}", run.stdout);
    assert!(run.stderr.contains("check.command: not now"), "{}", run.stderr);
    // What was refused stays refused, without being asked about.
    program("echo asked > asked");
    let run = place.recto(apply).exits(5);
    assert!(
        run.stderr.contains("V3 of agent 'support' cannot be activated: its check is failed"),
        "{}",
        run.stderr
    );
    let planned = place.recto(dry).exits(5);
    assert!(planned.stdout.contains("unchanged\n  refused: V3 of agent 'support'"), "{}", planned.stdout);
    assert!(!place.path("asked").exists());
    assert_eq!(active(&place, "support"), 1);
    place.recto(["apply", ".", "--overwrite"]).ok();
    let run = place.recto(apply.iter().chain(&["--override-check", "an outage"])).exits(0);
    assert!(
        run.stdout.contains("unchanged\n  check: failed\n  ACTIVE of agent 'support': V1 -> V3\n"),
        "{}",
        run.stdout
    );
    let undo = run.stdout.lines().find_map(|line| line.strip_prefix("  undo: recto ")).expect("a way back");
    place.recto(undo.split(' ')).ok();
    place.recto(["check", "support@V3", "--run"]).ok();
    // What may serve and does not is somebody's decision, which files do not change.
    let done = place.recto(apply.iter().chain(&["--json"])).exits(0).json("apply");
    assert_eq!(
        (&done["applied"][0]["action"], &done["applied"][0]["active"]),
        (&"unchanged".into(), &false.into())
    );
    assert_eq!(active(&place, "support"), 1);
}

#[test]
fn undoing_a_publishing_takes_its_check_along() {
    let list =
        |place: &Place| place.recto(["version", "list", "support", "--json"]).exits(0).json("version-list");
    let has_draft = |place: &Place| place.recto(["draft", "list", "support", "-q"]).ok().contains("tone\n");
    for (command, is_named) in [("true", true), ("true", false), ("echo no >&2; false", true)] {
        let place = with_two();
        place.recto(["config", "check.command", command]).ok();
        let run = place.recto(["publish", "support@tone", "--overwrite"]).exits(0);
        let version = list(&place)["versions"][0].clone();
        let stands = || assert!(list(&place)["versions"][0] == version && !has_draft(&place));
        stands();
        let undo = if is_named { undo_of(&run) } else { vec!["undo".to_owned(), "support".to_owned()] };
        let run = place.recto(&undo).exits(0);
        assert!(run.stdout.starts_with("undid publish "), "{}", run.stdout);
        let newest = list(&place)["versions"][0].clone();
        assert!(newest["withdrawn"] == true && newest["check"] == "unchecked", "{newest}");
        // The draft is the one that it was, with its revisions.
        let revisions = place.recto(["draft", "log", "support@tone", "-q"]).ok();
        assert!(revisions.lines().count() > 1, "{revisions}");
        place.recto(undo_of(&run)).ok();
        stands();
        // A check is what is undone where it is named.
        place.recto(["config", "check.command", "echo other >&2; false"]).ok();
        place.recto(["draft", "new", "support@more"]).ok();
        place.recto(["set", "support@more", "voice.speed=4"]).ok();
        place.recto(["publish", "support@more", "--overwrite"]).ok();
        let log = place.recto(["log", "support", "-n", "1", "--json"]).exits(0).json_lines("log");
        let check = log[0]["id"].as_str().expect("an id").to_owned();
        let run = place.recto(["undo", "support", "--expect", &check]).exits(0);
        assert!(run.stdout.starts_with("undid check "), "{}", run.stdout);
        assert_eq!(list(&place)["versions"][0]["check"], "pending");
        assert_eq!(list(&place)["versions"][0]["withdrawn"], false);
    }
    // A publishing that was whole stays where only a later check is to be undone, and goes where it is named.
    let place = with_two();
    let named = undo_of(&place.recto(["publish", "support@tone", "--overwrite"]).exits(0));
    place.recto(["config", "check.command", "echo no >&2; false"]).ok();
    place.recto(["check", "support@V3", "--run"]).exits(5);
    let run = place.recto(["undo", "support"]).exits(0);
    assert!(run.stdout.starts_with("undid check "), "{}", run.stdout);
    refused(place.recto(&named), 3, "the last operation of agent 'support'");
    place.recto(undo_of(&run)).ok();
    let place = with_two();
    let named = undo_of(&place.recto(["publish", "support@tone", "--overwrite"]).exits(0));
    place.recto(["config", "check.command", "echo no >&2; false"]).ok();
    place.recto(["check", "support@V3", "--run"]).exits(5);
    let run = place.recto(&named).exits(0);
    assert!(run.stdout.starts_with("undid publish ") && has_draft(&place), "{}", run.stdout);
    // The first version of an agent is not undone; its check is.
    let place = with_two();
    place.recto(["config", "check.command", "true"]).ok();
    place.recto(["agent", "new", "desk", "--from", "new.json"]).ok();
    let run = place.recto(["undo", "desk"]).exits(0);
    assert!(run.stdout.starts_with("undid check "), "{}", run.stdout);
    refused(place.recto(["undo", "support", "--expect", "0000"]), 3, "the last operation of agent 'support'");
}
