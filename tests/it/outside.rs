//! The program of `check.command` has the last word on every version that the command line makes, and on none twice.

use serde_json::Value;

use crate::agents::{SECRET, refused, with_support};
use crate::harness::{Place, Run};

/// Accepts configs of some speed only, and keeps a list of what it was asked about.
const SLOW: &str =
    "echo \"$RECTO_AGENT@$RECTO_VERSION\" >> asked; grep -q '\"speed\":2' || { echo too slow >&2; false; }";
const SLOW_CONFIG: &str = "{\"prompt\":\"Be kind.\",\"voice\":{\"speed\":1}}";
const FAST_CONFIG: &str = "{\"prompt\":\"Be kind.\",\"voice\":{\"speed\":2}}";

fn with_program(command: &str) -> Place {
    let place = with_support();
    place.recto(["config", "check.command", command]).ok();
    place.write("slow.json", SLOW_CONFIG);
    place.write("fast.json", FAST_CONFIG);
    place
}

fn asked(place: &Place) -> Vec<String> {
    let text = std::fs::read_to_string(place.path("asked")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// What serves, by number, and what is recorded of the check of a version.
fn standing(place: &Place, agent: &str, version: &str) -> (Value, Value) {
    let shown = place.recto(["agent", "show", agent, "--json"]).exits(0).json("agent-show");
    let check = place.recto(["check", &format!("{agent}@{version}"), "--json", "--fail-on", "never"]);
    (shown["active"]["number"].clone(), check.exits(0).json("check")["status"].clone())
}

/// Demands the refusal that `publish --activate` gives.
#[track_caller]
fn does_not_serve(run: Run, agent: &str, version: &str) -> Run {
    let run = run.exits(5);
    for words in [
        format!("{version} of agent '{agent}' was published and does not serve: its check is failed"),
        "  check.command: too slow".to_owned(),
        format!("'recto activate {agent}@{version} --override-check REASON' activates it all the same"),
    ] {
        assert!(run.stderr.contains(&words), "{}: no '{words}' in\n{}", run.command, run.stderr);
    }
    run
}

#[test]
fn a_new_agent_serves_when_the_program_lets_it() {
    let place = with_program(SLOW);
    let run = place.recto(["agent", "new", "fast", "--from", "fast.json", "--activate", "--json"]).exits(0);
    let made = run.json("agent-new");
    assert_eq!((&made["check"], &made["active"]), (&"passed".into(), &true.into()));
    assert_eq!(standing(&place, "fast", "V1"), (1.into(), "passed".into()));
    let run = place.recto(["agent", "new", "slow", "--from", "slow.json", "--activate"]);
    let run = does_not_serve(run, "slow", "V1");
    assert!(
        run.stdout.contains("nothing serves yet") && run.stdout.contains("check: failed"),
        "{}",
        run.stdout
    );
    assert_eq!(standing(&place, "slow", "V1"), (Value::Null, "failed".into()));
    refused(place.recto(["activate", "slow@V1"]), 5, "its check is failed");
    // Where it is not to serve, that it was refused is no failure.
    let run = place.recto(["agent", "new", "later", "--from", "slow.json"]).exits(0);
    assert!(run.stdout.contains("check: failed\n  check.command: too slow\n"), "{}", run.stdout);
    assert!(!run.stderr.contains("to let it serve"), "{}", run.stderr);
    let why =
        ["agent", "new", "urgent", "--from", "slow.json", "--activate", "--override-check", "an outage"];
    place.recto(why).ok();
    assert_eq!(standing(&place, "urgent", "V1"), (1.into(), "failed".into()));
    assert_eq!(asked(&place), ["fast@V1", "slow@V1", "later@V1", "urgent@V1"]);
}

#[test]
fn a_copy_serves_when_the_program_lets_it() {
    let place = with_program(SLOW);
    does_not_serve(place.recto(["agent", "duplicate", "support", "copy", "--activate"]), "copy", "V1");
    assert_eq!(standing(&place, "copy", "V1"), (Value::Null, "failed".into()));
    place.recto(["agent", "new", "fast", "--from", "fast.json"]).ok();
    let run = place.recto(["agent", "duplicate", "fast@V1", "quick", "--activate", "--json"]).exits(0);
    assert_eq!(run.json("agent-new")["check"], "passed");
    assert_eq!(standing(&place, "quick", "V1"), (1.into(), "passed".into()));
}

#[test]
fn an_imported_config_serves_when_the_program_lets_it() {
    let place = with_program(SLOW);
    let done =
        place.recto(["import", "fast.json", "--as", "desk", "--activate", "--json"]).exits(0).json("import");
    assert_eq!(
        (&done["check"], &done["active"], &done["from"]),
        (&"passed".into(), &true.into(), &Value::Null)
    );
    let run =
        does_not_serve(place.recto(["import", "slow.json", "--as", "desk", "--activate"]), "desk", "V2");
    assert!(run.stdout.contains("imported as V2 of agent 'desk'"), "{}", run.stdout);
    assert!(!run.stdout.contains("ACTIVE"), "{}", run.stdout);
    assert_eq!(standing(&place, "desk", "V2"), (1.into(), "failed".into()));
    // The same again is not asked about again, and still does not serve.
    let again = place.recto(["import", "slow.json", "--as", "desk", "--activate"]).exits(5);
    assert!(
        again.stderr.contains("V2 of agent 'desk' cannot be activated: its check is failed"),
        "{}",
        again.stderr
    );
    assert_eq!(asked(&place), ["desk@V1", "desk@V2"]);
    place.write("blocks/prompt.md", "x");
    place.write("blocks/voice.json", "{\"speed\":2}");
    let blocks = ["import", "blocks", "--format", "blocks", "--as", "desk", "--activate"];
    let run = place.recto(blocks).exits(0);
    assert!(run.stdout.contains("ACTIVE of agent 'desk': V1 -> V3"), "{}", run.stdout);
    assert!(run.stderr.contains("undo: recto rollback desk"), "{}", run.stderr);
    place.recto(["rollback", "desk"]).ok();
    assert_eq!(standing(&place, "desk", "V3"), (1.into(), "passed".into()));
    // What is the same as the newest version serves again without being asked about.
    let run = place.recto(blocks).exits(0);
    assert!(run.stdout.contains("ACTIVE of agent 'desk': V1 -> V3"), "{}", run.stdout);
    assert_eq!(asked(&place).len(), 3);
}

#[test]
fn of_several_configs_the_first_that_is_refused_stops_the_others() {
    let place = with_program(SLOW);
    for (name, config) in [("a", FAST_CONFIG), ("b", SLOW_CONFIG), ("c", FAST_CONFIG)] {
        place.write(format!("team/{name}.json"), config);
    }
    let import = ["import", "team", "--format", "configs", "--activate"];
    let run = does_not_serve(place.recto(import), "b", "V1");
    assert!(run.stderr.contains("error: 'b.json': V1 of agent 'b'"), "{}", run.stderr);
    assert!(run.stderr.contains("  2 of 3 documents were imported; 1 document left"), "{}", run.stderr);
    let on = "  when the document is changed, or 'recto check b@V1 --run' has let it pass, the same command goes on";
    assert!(run.stderr.contains(on), "{}", run.stderr);
    assert!(run.stdout.contains("  ACTIVE of agent 'a': nothing -> V1\n"), "{}", run.stdout);
    // As it is, it stops there again, and says the same.
    let run = place.recto(import).exits(5);
    assert!(run.stderr.contains(on) && !run.stderr.contains("when that is put right"), "{}", run.stderr);
    assert_eq!(asked(&place), ["a@V1", "b@V1"]);
    place.write("team/b.json", FAST_CONFIG);
    let mut json = import.to_vec();
    json.push("--json");
    let done = place.recto(json).exits(0).json("import-configs");
    let checks: Vec<_> = done["agents"].as_array().expect("agents").iter().map(|one| &one["check"]).collect();
    assert_eq!(checks, [&Value::Null, &"passed".into(), &"passed".into()]);
    assert_eq!(standing(&place, "b", "V2"), (2.into(), "passed".into()));
}

#[test]
fn of_a_history_what_is_to_serve_is_asked_about_and_the_rest_waits() {
    let place = with_program(SLOW);
    let line = |agent: &str, speed: u32| {
        format!(
            "{{\"agent\":\"{agent}\",\"author\":\"Ana\",\"time\":\"2026-01-05T09:00:00Z\",\"message\":\"m{speed}\",\"blocks\":{{\"prompt\":\"x\",\"voice\":{{\"speed\":{speed}}}}}}}\n"
        )
    };
    let lines = [line("late", 2), line("late", 3), line("early", 4), line("early", 2)].concat();
    place.write("history.jsonl", &lines);
    place.recto(["import", "history.jsonl", "--activate", "--dry-run"]).ok();
    assert_eq!(asked(&place), Vec::<String>::new());
    let run = place.recto(["import", "history.jsonl", "--activate", "--json"]).exits(5);
    let done = run.json("import-history");
    assert_eq!((&done["activated"], &done["new_versions"]), (&1.into(), &4.into()));
    let told = done["not_activated"][0].as_str().expect("a text");
    assert!(told.contains("V2 of agent 'late' was published and does not serve"), "{told}");
    assert!(told.contains("check.command: too slow"), "{told}");
    assert_eq!(asked(&place), ["late@V2", "early@V2"]);
    assert_eq!(standing(&place, "late", "V2"), (Value::Null, "failed".into()));
    assert_eq!(standing(&place, "early", "V2"), (2.into(), "passed".into()));
    assert_eq!(standing(&place, "late", "V1").1, "unchecked");
    // What was never asked about does not begin to serve by another way either.
    refused(place.recto(["activate", "late@V1"]), 5, "its check is pending");
    refused(place.recto(["promote", "late@V1", "--to", "development"]), 5, "its check is pending");
    place.recto(["check", "late@V1", "--run"]).ok();
    place.recto(["activate", "late@V1"]).ok();
    // What is there already is skipped, and asked about no more.
    let before = asked(&place).len();
    place.recto(["import", "history.jsonl", "--activate"]).exits(5);
    assert_eq!(asked(&place).len(), before);
    place.recto(["config", "check.command", "no-such-program-here"]).ok();
    place.write("other.jsonl", [line("one", 2), line("two", 2)].concat());
    let run = place.recto(["import", "other.jsonl", "--activate"]).exits(1);
    assert!(run.stderr.contains("cannot run the check 'no-such-program-here'"), "{}", run.stderr);
    assert_eq!(standing(&place, "one", "V1"), (Value::Null, "unchecked".into()));
}

#[test]
fn files_that_are_applied_are_asked_about() {
    let place = with_program(SLOW);
    place.recto(["agent", "new", "fast", "--from", "fast.json", "--activate"]).ok();
    place.recto(["checkout", "fast"]).ok();
    place.write("agents/fast/voice.json", "{\"speed\":1}");
    does_not_serve(place.recto(["apply", ".", "--activate"]), "fast", "V2");
    assert_eq!(standing(&place, "fast", "V2"), (1.into(), "failed".into()));
    place.write("agents/fast/voice.json", "{\"speed\":2,\"pitch\":1}");
    let done = place.recto(["apply", ".", "--activate", "--json"]).exits(0).json("apply");
    assert_eq!(
        (&done["applied"][0]["check"], &done["applied"][0]["active"]),
        (&"passed".into(), &true.into())
    );
    assert_eq!(asked(&place), ["fast@V1", "fast@V2", "fast@V3"]);
}

#[test]
fn a_program_that_cannot_run_leaves_a_first_version_pending() {
    let place = with_program("no-such-program-here");
    for made in [vec!["agent", "new", "new"], vec!["import", "fast.json", "--as", "new"]] {
        let place = with_program("no-such-program-here");
        let run = place.recto(made.iter().chain(&["--activate"])).exits(1);
        assert!(run.stderr.contains("cannot run the check 'no-such-program-here'"), "{}", run.stderr);
        assert!(run.stderr.contains("hint: 'recto check new@V1 --run' tries again"), "{}", run.stderr);
        assert!(run.stdout.contains("check: pending"), "{}", run.stdout);
        assert_eq!(standing(&place, "new", "V1"), (Value::Null, "pending".into()));
    }
    // Once it runs, the same import goes on from there.
    place.recto(["import", "fast.json", "--as", "desk", "--activate"]).exits(1);
    place.recto(["config", "check.command", SLOW]).ok();
    place.recto(["import", "fast.json", "--as", "desk", "--activate"]).ok();
    assert_eq!(standing(&place, "desk", "V1"), (1.into(), "passed".into()));
}

#[test]
fn what_rectos_own_check_stops_is_stopped_before_the_program_is_asked() {
    let place = with_program(SLOW);
    let leak = format!("{{\"prompt\":\"x\",\"voice\":{{\"speed\":2,\"key\":\"{SECRET}\"}}}}");
    place.write("leak.json", &leak);
    let versions = place.recto(["version", "list", "support", "-q"]).ok();
    place.recto(["agent", "new", "leaking", "--from", "leak.json", "--activate"]).exits(5);
    place.recto(["import", "leak.json", "--as", "leaking", "--activate"]).exits(5);
    assert_eq!(place.recto(["agent", "list", "-q"]).ok(), "support\n");
    refused(place.recto(["import", "leak.json", "--as", "support", "--activate"]), 5, "its check is failed");
    assert_eq!(place.recto(["version", "list", "support", "-q"]).ok(), versions);
    for rehearsed in [
        vec!["agent", "new", "fast", "--from", "fast.json"],
        vec!["agent", "duplicate", "support", "fast"],
        vec!["import", "fast.json", "--as", "support"],
        vec!["import", "fast.json", "--as", "fast"],
    ] {
        let run = place.recto(rehearsed.iter().chain(&["--activate", "--dry-run"])).exits(0);
        assert!(run.stdout.contains("check: pending"), "{}: {}", run.command, run.stdout);
    }
    assert_eq!(asked(&place), Vec::<String>::new());
}
