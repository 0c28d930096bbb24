//! Configs checked: files, directories, revisions; findings accepted for good.

use serde_json::Value;

use crate::agents::{SECRET, refused, with_support};
use crate::harness::Place;

/// A document with a key in line 3 and a variable that nothing defines in line 2.
fn leaking() -> String {
    format!("{{\n  \"prompt\": \"Hello {{{{nmae}}}}.\",\n  \"voice\": {{\"api_key\": \"{SECRET}\"}}\n}}\n")
}

#[test]
fn a_file_is_checked_without_a_store() {
    let place = Place::empty();
    place.write("leak.json", leaking());
    let run = place.recto(["check", "leak.json"]).exits(5);
    assert!(run.stdout.contains("error  secret-in-config  voice.api_key: "), "{}", run.stdout);
    assert!(!run.stdout.contains(SECRET), "{}", run.stdout);
    assert!(run.stderr.contains("leak.json: 1 error, 1 warning\n"), "{}", run.stderr);
    let shown = place.recto(["check", "leak.json", "--reveal"]).exits(5).stdout;
    assert!(shown.contains(SECRET), "{shown}");
    place.write("good.json", "{\"prompt\": \"Hello.\"}");
    assert_eq!(place.recto(["check", "good.json"]).ok(), "");
    place.recto_with(["check", "-"], leaking()).exits(5);
    refused(place.recto(["check", "none.json"]), 1, "no file 'none.json'");
    refused(place.recto(["check", "support@V1"]), 1, "no recto store");
    refused(place.recto(["check"]), 2, "required");
    place.write("bad.json", "{\"a\": ");
    refused(place.recto(["check", "bad.json"]), 5, "'bad.json' is not JSON");
}

#[test]
fn warnings_fail_when_told() {
    let place = Place::empty();
    place.write("warn.json", "{\"prompt\": \"Hello {{nmae}}.\"}");
    assert!(place.recto(["check", "warn.json"]).ok().starts_with("warning  undefined-variable  prompt: "));
    place.recto(["check", "warn.json", "--fail-on", "warning"]).exits(5);
    place.write("leak.json", leaking());
    place.recto(["check", "leak.json", "--fail-on", "never"]).ok();
    refused(place.recto(["check", "leak.json", "--fail-on", "info"]), 2, "invalid value");
}

#[test]
fn every_form_names_the_line() {
    let place = Place::empty();
    place.write("leak.json", leaking());
    let found = place.recto(["check", "leak.json", "--json"]).exits(5).json("check");
    assert_eq!((&found["errors"], &found["warnings"]), (&1.into(), &1.into()));
    let secret = found["findings"].as_array().expect("a list").iter().find(|f| f["severity"] == "error");
    let secret = secret.expect("the secret").clone();
    assert_eq!((&secret["file"], &secret["line"]), (&"leak.json".into(), &3.into()));
    assert_eq!(place.recto(["check", "leak.json", "--format", "json"]).exits(5).json("check"), found);
    let lines = place.recto(["check", "leak.json", "--format", "github"]).exits(5).stdout;
    assert!(lines.contains("::error file=leak.json,line=3,title=secret-in-config::"), "{lines}");
    assert!(lines.contains("::warning file=leak.json,line=2,title=undefined-variable::"), "{lines}");
    let log = place.recto(["check", "leak.json", "--format", "sarif"]).exits(5).stdout;
    let log: Value = serde_json::from_str(&log).expect("JSON");
    assert_eq!(log["version"], "2.1.0");
    assert_eq!(log["runs"][0]["results"].as_array().map(Vec::len), Some(2));
    for text in [lines, log.to_string()] {
        assert!(!text.contains(SECRET), "{text}");
    }
}

#[test]
fn the_rules_of_the_profile_are_checked_too() {
    let place = Place::empty();
    let text = "{\"data\": {\n\"workflowType\": \"single_prompt\",\n\"singlePromptConfig\": {\"prompt\": \"Hi.\"},\n\"synthesizer\": {\n\"speed\": 9}}}";
    place.write("atoms.json", text);
    let found = place.recto(["check", "atoms.json", "--json"]).exits(5).json("check");
    assert_eq!(found["profile"], "atoms");
    let problem =
        found["problems"].as_array().expect("a list").iter().find(|p| p["pointer"] == "/synthesizer/speed");
    assert_eq!(problem.expect("the problem")["line"], 5);
    let lines = place.recto(["check", "atoms.json", "--format", "github"]).exits(5).stdout;
    assert!(lines.contains("::error file=atoms.json,line=5,title=invalid-config::"), "{lines}");
    let log = place.recto(["check", "atoms.json", "--format", "sarif"]).exits(5).stdout;
    assert!(log.contains("\"invalid-config\""), "{log}");
    let generic = place.recto(["check", "atoms.json", "--profile", "generic", "--json"]).exits(0);
    assert_eq!(generic.json("check")["problems"], Value::Array(Vec::new()));
    refused(place.recto(["check", "atoms.json", "--profile", "vapi"]), 1, "no profile 'vapi'");
}

#[test]
fn the_fixtures_are_sound() {
    let place = Place::empty();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/agents/");
    for name in [
        "atoms-support",
        "atoms-get-agent",
        "atoms-workflow",
        "callem-reception",
        "generic-ivr",
        "thinnest-helpdesk",
    ] {
        let found = place.recto(["check", &format!("{folder}{name}.json"), "--json"]).exits(0).json("check");
        assert!(name.starts_with(found["profile"].as_str().expect("a name")), "{name}: {found}");
    }
}

#[test]
fn a_directory_of_block_files_is_one_config() {
    let place = Place::empty();
    place.write("support/prompt.md", "Hello.\nAsk for {{nmae}}.\n");
    place.write("support/voice.json", format!("{{\n  \"id\": \"nyah\",\n  \"api_key\": \"{SECRET}\"\n}}\n"));
    place.write("support/notes.txt", "not a block");
    let lines = place.recto(["check", "support/", "--format", "github"]).exits(5).stdout;
    assert!(lines.contains("::error file=support/voice.json,line=3,title=secret-in-config::"), "{lines}");
    assert!(lines.contains("::warning file=support/prompt.md,line=2,title=undefined-variable::"), "{lines}");
    place.write("support/voice.json", "{\"id\": ");
    refused(place.recto(["check", "support"]), 5, "'support/voice.json' is no block");
    place.write("empty/notes.txt", "nothing");
    refused(place.recto(["check", "empty"]), 5, "holds no block files");
}

#[test]
fn a_revision_is_checked_without_what_was_accepted() {
    let place = with_support();
    place.recto(["draft", "new", "support@leak"]).ok();
    place.recto(["set", "support@leak", &format!("voice.api_key={SECRET}")]).ok();
    let found = place.recto(["check", "support@leak", "--json"]).exits(5).json("check");
    assert_eq!((&found["subject"], &found["status"]), (&"support@leak".into(), &Value::Null));
    refused(place.recto(["check", "support@leak", "--run"]), 1, "is no version");
    let accept = |path: &str, reason: &str| {
        place.recto(["check", "accept", "support@leak", path, "--reason", reason, "--json"])
    };
    accept("voice.api_key", " ").json_error(2);
    let error = accept("voice.id", "none").json_error(1);
    assert_eq!(error["error"]["details"][0], "voice.api_key", "where something is found");
    let done = accept("voice.api_key", "a sandbox key").exits(0).json("check-accept");
    assert_eq!((&done["accepted"], &done["path"]), (&1.into(), &"voice.api_key".into()));
    let found = place.recto(["check", "support@leak", "--json"]).exits(0).json("check");
    assert_eq!(found["accepted"], 1);
    place.recto(["publish", "support@leak", "--activate"]).ok();
    place.recto(["draft", "new", "support@leak"]).ok();
    let other = SECRET.replace("ABCDEFGH", "HGFEDCBA");
    place.recto(["set", "support@leak", &format!("voice.api_key={other}")]).ok();
    place.recto(["check", "support@leak"]).exits(5);
}

#[test]
fn accepting_lets_a_version_pass_when_it_is_checked_anew() {
    let place = with_support();
    place.recto(["draft", "new", "support@leak"]).ok();
    place.recto(["set", "support@leak", &format!("voice.api_key={SECRET}")]).ok();
    place.recto(["publish", "support@leak"]).ok();
    place.recto(["check", "support@V2"]).exits(5);
    let run =
        place.recto(["check", "accept", "support", "voice.api_key", "--reason", "a sandbox key"]).exits(0);
    assert!(run.stderr.contains("recto check support@V2 --run"), "{}", run.stderr);
    refused(place.recto(["activate", "support@V2"]), 5, "its check is failed");
    let found = place.recto(["check", "support@V2", "--run", "--json"]).exits(0).json("check");
    assert_eq!(found["status"], "passed");
    place.recto(["activate", "support@V2"]).ok();
}

#[test]
fn a_file_comes_before_an_agent_of_that_name() {
    let place = with_support();
    place.recto(["check", "support"]).ok();
    place.write("support", leaking());
    place.recto(["check", "support"]).exits(5);
    place.recto(["check", "support@V1"]).ok();
    refused(place.recto(["check", "support", "--run"]), 2, "is a file");
    refused(place.recto(["check", "support@V1", "--profile", "atoms"]), 2, "--profile is for files");
    refused(place.recto(["check", "support@../x"]), 2, "not a revision");
}
