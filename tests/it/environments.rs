//! Environments: promoted to, set, cleared, told, and carried to other stores.

use serde_json::Value;

use crate::agents::{SECRET, refused, undo_of, with_support};
use crate::harness::Place;

/// Publishes a version whose voice has that speed.
fn version(place: &Place, dir: &str, speed: &str) {
    place.recto(["-C", dir, "draft", "new", "support@next", "--from", "latest"]).ok();
    place.recto(["-C", dir, "set", "support@next", &format!("voice.speed:={speed}")]).ok();
    place.recto(["-C", dir, "publish", "support@next"]).ok();
}

/// `development:V1 staging:none ...`.
fn shown(place: &Place, dir: &str) -> String {
    let list = place.recto(["-C", dir, "env", "list", "support", "--json"]).exits(0).json("env-list");
    let word = |state: &Value| {
        let number = match &state["version"] {
            Value::Null => "none".to_owned(),
            version => {
                version["number"].as_u64().map_or_else(|| "V?".to_owned(), |number| format!("V{number}"))
            }
        };
        format!("{}:{number}", state["name"].as_str().expect("a name"))
    };
    list["environments"].as_array().expect("a list").iter().map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_version_is_promoted_step_by_step_and_told() {
    let place = with_support();
    let run = place.recto(["promote", "support@V1", "-m", "first"]).exits(0);
    assert_eq!(run.stdout, "environment 'development' of agent 'support': nothing -> V1\n");
    let rehearsed = place.recto(["promote", "support@V1", "--dry-run"]).ok();
    assert_eq!(rehearsed, "dry run: environment 'staging' of agent 'support': nothing -> V1\n");
    assert_eq!(shown(&place, "."), "development:V1 staging:none production:none");
    place.recto(["promote", "support", "--from", "development"]).ok();
    let done = place.recto(["promote", "support", "--from", "staging", "--to", "production", "--json"]);
    let done = done.exits(0).json("env-change");
    assert_eq!((&done["environment"], &done["version"]["number"]), (&"production".into(), &1.into()));
    assert_eq!((&done["from"], &done["active"]), (&Value::Null, &false.into()));
    refused(place.recto(["promote", "support@V1"]), 1, "no environment follows 'production'");
    let again = place.recto(["promote", "support@V1", "--to", "staging"]).ok();
    assert_eq!(again, "V1 of agent 'support' is in 'staging' already\n");
    insta::assert_snapshot!(place.recto(["env", "list", "support"]).ok(), @r"
    ENVIRONMENT  VERSION  LABEL  CHECK   SINCE                     BY        HOW      WHY
    development  V1              passed  2026-03-07T14:02:00.000Z  Asha Rao  promote  first
    staging      V1              passed  2026-03-07T14:05:00.000Z  Asha Rao  promote
    production   V1              passed  2026-03-07T14:06:00.000Z  Asha Rao  promote
    ");
    let log = place.recto(["log", "support", "--oneline", "-n", "1"]).ok();
    assert!(log.ends_with("promote by Asha Rao: environment production none -> V1\n"), "{log}");
    assert_eq!(place.recto(["cat", "support@production", "voice.speed"]).ok(), "1\n");
    place.recto(["fsck"]).ok();
}

#[test]
fn a_refused_promotion_names_the_culprit_and_the_next_command() {
    let place = with_support();
    version(&place, ".", "2");
    place.recto(["env", "set", "support@V1", "staging"]).ok();
    let run = place.recto(["promote", "support@V2", "--to", "production"]).exits(1);
    let expected = "error: V2 of agent 'support' cannot be promoted to 'production': it is not in 'staging', the step before, which has V1\nhint: 'recto promote support@V2 --to development' takes the next step, --skip-step REASON skips what is between\n";
    assert_eq!(run.stderr, expected);
    place.recto(["promote", "support@V2", "--to", "development"]).ok();
    refused(place.recto(["promote", "support@V2", "--to", "production", "--skip-step", " "]), 2, "empty");
    let skipped = ["promote", "support@V2", "--to", "production", "--skip-step", "an outage", "-m", "now"];
    let run = place.recto(skipped).exits(0);
    let log = place.recto(["log", "support", "-n", "1", "--json"]).json_lines("log");
    assert_eq!(log[0]["note"], "now; skips 'staging': an outage");
    place.recto(undo_of(&run)).ok();
    assert_eq!(shown(&place, "."), "development:V2 staging:V1 production:none");
}

#[test]
fn a_version_whose_check_failed_stays_out() {
    let place = with_support();
    place.recto(["draft", "new", "support@leak"]).ok();
    place.recto(["set", "support@leak", &format!("prompt={SECRET}")]).ok();
    place.recto(["publish", "support@leak"]).ok();
    for args in [vec!["promote", "support@V2"], vec!["env", "set", "support@V2", "staging"]] {
        let run = place.recto(args).exits(5);
        assert!(run.stderr.contains("its check is failed"), "{}", run.stderr);
        assert!(run.stderr.contains("secret-in-config") && !run.stderr.contains(SECRET), "{}", run.stderr);
    }
    place.recto(["promote", "support@V2", "--override-check", "a dummy key"]).ok();
    let list = place.recto(["env", "list", "support", "--json"]).exits(0).json("env-list");
    assert_eq!(list["environments"][0]["since"]["note"], "check failed: a dummy key");
}

#[test]
fn what_is_not_there_is_refused_and_nothing_is_written() {
    let place = with_support();
    place.recto(["draft", "new", "support@tone"]).ok();
    let before = place.recto(["log", "support"]).ok();
    refused(
        place.recto(["env", "set", "support@V1", "moon"]),
        1,
        "there are development, staging, production",
    );
    refused(place.recto(["env", "clear", "support", "moon"]), 1, "no environment 'moon'");
    refused(place.recto(["env", "history", "support", "moon"]), 1, "no environment 'moon'");
    refused(place.recto(["env", "set", "support@V1", "../x"]), 2, "../x");
    refused(place.recto(["env", "set", "support@tone", "staging"]), 1, "is a draft");
    refused(place.recto(["env", "set", "support@V9", "staging"]), 1, "no 'V9'");
    refused(place.recto(["env", "list", "nobody"]), 1, "no agent 'nobody'");
    refused(place.recto(["promote", "support"]), 2, "no version of agent 'support' is named");
    refused(place.recto(["promote", "support@V1", "--from", "staging"]), 2, "one of both");
    refused(place.recto(["promote", "support", "--from", "staging"]), 1, "has no version");
    refused(place.recto(["promote", "support@V1", "--to", "moon"]), 1, "no environment 'moon'");
    refused(place.recto(["promote", "support@V1", "--expect", "V1"]), 3, "has none, not V1");
    refused(place.recto(["show", "support@env:production"]), 1, "recto env list support");
    let cleared = place.recto(["env", "clear", "support", "staging"]).ok();
    assert_eq!(cleared, "environment 'staging' of agent 'support' has nothing already\n");
    assert_eq!(place.recto(["log", "support"]).ok(), before);
    version(&place, ".", "2");
    place.recto(["undo", "support"]).ok();
    refused(place.recto(["promote", "support@V2"]), 1, "was withdrawn");
    place.recto(["agent", "archive", "support"]).ok();
    refused(place.recto(["promote", "support@V1"]), 1, "is archived");
}

#[test]
fn a_history_says_what_was_where_when() {
    let place = with_support();
    version(&place, ".", "2");
    place.recto(["env", "set", "support@V1", "staging", "--reason", "a test"]).ok();
    place.recto(["env", "set", "support@V2", "staging", "--expect", "V1"]).ok();
    place.recto(["env", "clear", "support", "staging", "--reason", "over"]).ok();
    insta::assert_snapshot!(place.recto(["env", "history", "support", "staging"]).ok(), @r"
    FROM                      TO                        FOR  VERSION  LABEL  BY        HOW        WHY
    2026-03-07T14:05:00.000Z  2026-03-07T14:06:00.000Z  1m   V1              Asha Rao  env-set    a test
    2026-03-07T14:06:00.000Z  2026-03-07T14:07:00.000Z  1m   V2              Asha Rao  env-set
    2026-03-07T14:07:00.000Z  now                       1m   none            Asha Rao  env-clear  over
    ");
    let all = place.recto(["env", "history", "support", "--json"]).exits(0).json("env-history");
    assert_eq!(all["environments"].as_array().map(Vec::len), Some(1));
    assert_eq!(all["environments"][0]["stretches"][1]["version"]["number"], 2);
    let then = place.recto(["cat", "support@staging@{2026-03-07T14:05:30Z}", "voice.speed"]);
    assert_eq!(then.ok(), "1\n");
    let over = place.recto(["show", "support@env:staging@{2026-03-07T14:07:00Z}"]);
    refused(over, 1, "environment 'staging' of agent 'support' had no version at 2026-03-07T14:07:00.000Z");
    refused(place.recto(["show", "support@staging@{noon}"]), 2, "noon");
    let none = place.recto(["env", "history", "support", "production"]).exits(0);
    assert_eq!(none.stderr, "environment 'production' never had a version of agent 'support'\n");
}

#[test]
fn settings_say_which_there_are_and_the_last_may_be_active() {
    let place = with_support();
    version(&place, ".", "2");
    for bad in ["", "dev,dev", "Dev", "dev,", "latest"] {
        refused(place.recto(["config", "environments", bad]), 2, "cannot be the value of 'environments'");
    }
    refused(place.recto(["config", "environments.active", "staging"]), 5, "the last environment");
    place.recto(["config", "environments", "qa,live"]).ok();
    place.recto(["config", "environments.active", "live"]).ok();
    refused(place.recto(["config", "--unset", "environments"]), 5, "the last environment");
    assert_eq!(shown(&place, "."), "qa:none live:V1");
    place.recto(["promote", "support@V2"]).ok();
    let run = place.recto(["promote", "support@V2"]).exits(0);
    assert_eq!(run.stdout, "environment 'live' (ACTIVE) of agent 'support': V1 -> V2\n");
    let served: Value =
        serde_json::from_str(&place.read(".recto/agents/support/ACTIVE.json")).expect("a document");
    assert_eq!(served["version"]["number"], 2);
    place.recto(undo_of(&run)).ok();
    assert_eq!(shown(&place, "."), "qa:V2 live:V1");
    place.recto(["activate", "support@V2"]).ok();
    assert_eq!(shown(&place, "."), "qa:V2 live:V2");
    place.recto(["rollback", "support"]).ok();
    assert_eq!(place.recto(["cat", "support@live", "voice.speed"]).ok(), "1\n");
    place.recto(["env", "clear", "support", "live"]).ok();
    refused(place.recto(["show", "support"]), 1, "nothing serves");
    place.recto(["fsck"]).ok();
}

#[test]
fn they_travel_with_activate_and_a_version_without_a_number_does_not() {
    let place = Place::empty();
    place.write("one.json", r#"{"prompt": "Be kind.\n", "voice": {"speed": 1}}"#);
    place.recto(["init", "team"]).ok();
    let new = ["-C", "team", "agent", "new", "support", "--profile", "generic", "--from", "../one.json"];
    place.recto(new).ok();
    place.recto(["clone", "team", "ana"]).ok();
    version(&place, "ana", "2");
    place.recto(["-C", "ana", "promote", "support@latest"]).ok();
    assert_eq!(shown(&place, "ana"), "development:V? staging:none production:none");
    place.recto(["-C", "ana", "push"]).ok();
    assert_eq!(shown(&place, "team"), "development:none staging:none production:none");
    place.recto(["-C", "ana", "push", "--activate"]).ok();
    assert_eq!(shown(&place, "team"), "development:V2 staging:none production:none");
    place.recto(["-C", "team", "promote", "support@V2"]).ok();
    place.recto(["-C", "ana", "pull"]).ok();
    assert_eq!(shown(&place, "ana"), "development:V2 staging:none production:none");
    let origin = ["-C", "ana", "cat", "support@origin/staging", "voice.speed"];
    assert_eq!(place.recto(origin).ok(), "2\n");
    place.recto(["-C", "ana", "pull", "--activate"]).ok();
    assert_eq!(shown(&place, "ana"), "development:V2 staging:V2 production:none");
    for dir in ["team", "ana"] {
        place.recto(["-C", dir, "fsck"]).ok();
    }
}

#[test]
fn a_promotion_that_is_killed_happened_or_not() {
    let place = with_support();
    version(&place, ".", "2");
    let mut killed = 0;
    for round in 0..40u64 {
        let revision = if round % 2 == 0 { "support@V1" } else { "support@V2" };
        let mut command = place.command(["env", "set", revision, "staging"]);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        // Every process has the same time: the clock does not matter to what is tested.
        let mut child = command.env("RECTO_TIME", "2026-03-07T23:00:00Z").spawn().expect("it starts");
        let until = std::time::Instant::now() + std::time::Duration::from_micros(round * 400);
        while std::time::Instant::now() < until {
            std::thread::yield_now();
        }
        child.kill().expect("it can be killed");
        killed += u32::from(!child.wait().expect("it ends").success());
        let shown = shown(&place, ".");
        let allowed =
            ["none", "V1", "V2"].map(|has| format!("development:none staging:{has} production:none"));
        assert!(allowed.contains(&shown), "round {round}: {shown}");
    }
    assert!(killed > 0, "none was killed");
    place.recto(["fsck"]).ok();
}
