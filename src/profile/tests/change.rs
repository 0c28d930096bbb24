//! Patches, and single values set and removed.

use super::*;

fn config() -> Value {
    json!({
        "singlePromptConfig": {"prompt": "p", "tools": [
            {"type": "api_call", "name": "ask", "description": "d", "url": "https://a.example", "method": "GET"}]},
        "synthesizer": {"speed": 1, "voiceConfig": {"model": "waves", "voiceId": "nyah"}},
        "language": {"enabled": "en", "switching": {"isEnabled": true, "minWordsForDetection": 3}},
        "timezone": {"label": "UTC", "offset": 0},
        "backgroundSound": "cafe"})
}

/// Checks what a patch changes: the values at these paths, and nothing else.
fn patched(patch: &Value, changes: &[(&str, Value)]) {
    let mut wanted = config();
    for (at, value) in changes {
        let set = crate::diff::path::set(&mut wanted, &path(at), atoms().list_keys(), value.clone());
        set.expect("the path fits");
    }
    assert_eq!(atoms().patch(&config(), patch), Ok(wanted), "{patch}");
}

fn refused(patch: &Value, wanted: &[&str]) {
    let problems = atoms().patch(&config(), patch).expect_err("a patch to refuse");
    assert_eq!(lines(&problems), wanted);
}

#[test]
fn a_patch_replaces_top_level_fields() {
    patched(&json!({}), &[]);
    patched(&config(), &[]);
    patched(&json!({"timezone": {"label": "CET"}}), &[("timezone", json!({"label": "CET"}))]);
    patched(&json!({"backgroundSound": ""}), &[("backgroundSound", json!(""))]);
}

#[test]
fn a_prompt_without_tools_keeps_the_tools() {
    patched(&json!({"singlePromptConfig": {"prompt": "q"}}), &[("singlePromptConfig.prompt", json!("q"))]);
    patched(
        &json!({"singlePromptConfig": {"prompt": "q", "tools": []}}),
        &[("singlePromptConfig", json!({"prompt": "q", "tools": []}))],
    );
    refused(&json!({"singlePromptConfig": {"tools": []}}), &["/singlePromptConfig/prompt: is missing"]);
}

#[test]
fn synthesizer_and_language_merge_by_one_level() {
    patched(&json!({"synthesizer": {"speed": 2}}), &[("synthesizer.speed", json!(2))]);
    patched(
        &json!({"synthesizer": {"voiceConfig": {"voiceId": "emily"}}}),
        &[("synthesizer.voiceConfig", json!({"voiceId": "emily"}))],
    );
    patched(&json!({"language": {"enabled": "hi"}}), &[("language.enabled", json!("hi"))]);
    patched(&json!({"language": {"switching": {}}}), &[("language.switching", json!({}))]);
    let problems = atoms().patch(&json!({}), &json!({"language": {"enabled": "hi"}}));
    assert_eq!(
        lines(&problems.expect_err("no switching")),
        ["/language/switching: is missing (accepted: an object)"]
    );
}

#[test]
fn a_patch_may_not_hold_null_names_of_blocks_or_metadata() {
    refused(
        &json!({"backgroundSound": null}),
        &["/backgroundSound: is null (accepted: '' (empty), office, cafe, call_center, static)"],
    );
    refused(
        &json!({"synthesizer": {"speed": null}}),
        &["/synthesizer/speed: is null (accepted: a number, 0 to 2)"],
    );
    refused(
        &json!({"name": "x"}),
        &["/name: 'name' belongs to the agent, not to its config: it has no versions"],
    );
    refused(&json!({"privacy": {}}), &["/privacy: there is no field 'privacy' (accepted: redactionConfig)"]);
    refused(&json!([]), &["a patch is an object, this is a list"]);
    let handoff = json!({"type": "cold_transfer", "privateHandoffOption": null});
    let tool = json!({"type": "transfer_call", "name": "t", "description": "d", "transferNumber": "+1", "transferOption": handoff});
    let patch = json!({"singlePromptConfig": {"prompt": "p", "tools": [tool]}});
    assert!(atoms().patch(&config(), &patch).is_ok(), "null where the schema allows it");
}

#[test]
fn problems_that_were_there_before_do_not_block_a_change() {
    let old = json!({"firstMessage": "x".repeat(501)});
    assert!(atoms().patch(&old, &json!({"backgroundSound": "office"})).is_ok());
    assert!(atoms().patch(&old, &json!({"backgroundSound": "rain"})).is_err());
}

#[test]
fn in_other_profiles_null_removes() {
    for name in ["generic", "thinnest", "callem"] {
        let profile = Profile::builtin(name).expect("a built-in profile");
        let now = json!({"name": "a", "language": "en"});
        let patch = json!({"language": null, "absent": null, "name": "b"});
        assert_eq!(profile.patch(&now, &patch), Ok(json!({"name": "b"})), "{name}");
    }
}

#[test]
fn the_schema_decides_what_a_text_stands_for() {
    let check = |at: &str, text: &str, wanted: Value| {
        let changed = atoms().set(&config(), &path(at), Input::Text(text.to_owned())).expect("accepted");
        let long = atoms().resolve_path(&path(at));
        assert_eq!(crate::diff::path::get(&changed, &long, atoms().list_keys()), Some(&wanted), "{at}");
    };
    check("synthesizer.speed", "1.5", json!(1.5));
    check("synthesizer.enhancement", "2", json!(2));
    check("allowInterruptions", "true", json!(true));
    check("firstMessage", "true", json!("true"));
    check("firstMessage", "007", json!("007"));
    check("prompt", "{}", json!("{}"));
    check("backgroundSound", "office", json!("office"));
    check("tools[ask].timeout", "1000", json!(1000));
    check("tools[ask].enabled", "false", json!(false));
    check("defaultVariables.plan", "12", json!("12"));
    check("widgetConfig.allowlist", "[\"a\"]", json!(["a"]));
    check("language.switching.minWordsForDetection", " 4 ", json!(4));
}

#[test]
fn without_a_schema_the_present_value_decides() {
    let generic = Profile::builtin("generic").expect("a built-in profile");
    let now = json!({"llm": {"temperature": 0.5, "stream": true, "name": "x"}});
    let set = |at: &str, text: &str| {
        let changed = generic.set(&now, &path(at), Input::Text(text.to_owned())).expect("accepted");
        crate::diff::path::get(&changed, &path(at), generic.list_keys()).cloned()
    };
    assert_eq!(set("llm.temperature", "1"), Some(json!(1)));
    assert_eq!(set("llm.stream", "false"), Some(json!(false)));
    assert_eq!(set("llm.name", "1"), Some(json!("1")));
    assert_eq!(set("llm.fresh", "1"), Some(json!("1")));
}

#[test]
fn a_text_that_does_not_fit_says_what_would() {
    let check = |at: &str, text: &str, wanted: &[&str]| {
        let result = atoms().set(&config(), &path(at), Input::Text(text.to_owned()));
        assert_eq!(lines(&result.expect_err("a text to refuse")), wanted);
    };
    check(
        "synthesizer.speed",
        "fast",
        &["/synthesizer/speed: 'fast' does not fit (accepted: a number, 0 to 2)"],
    );
    check(
        "synthesizer.speed",
        "2.5",
        &["/synthesizer/speed: '2.5' is out of range (accepted: a number, 0 to 2)"],
    );
    check(
        "allowInterruptions",
        "yes",
        &["/allowInterruptions: 'yes' does not fit (accepted: true or false)"],
    );
    check(
        "tools[ask].timeout",
        "1000.5",
        &[
            "/singlePromptConfig/tools/ask/timeout: '1000.5' does not fit (accepted: a whole number, 1000 to 30000 ms)",
        ],
    );
    check(
        "synthesizer.enhancement",
        "5",
        &["/synthesizer/enhancement: '5' is not one of the accepted values (accepted: 0, 1, 2)"],
    );
    check("voise", "x", &["/voise: there is no field 'voise'"]);
}

#[test]
fn json_is_taken_as_it_is() {
    let set = |at: &str, value: Value| atoms().set(&config(), &path(at), Input::Json(value));
    assert_eq!(set("slmModel", json!("gpt-4o")).expect("accepted")["slmModel"], json!("gpt-4o"));
    assert!(set("synthesizer.speed", json!("1")).is_err(), "text is no number here");
}

#[test]
fn unset_removes_and_says_when_there_is_nothing() {
    let unset = |at: &str| atoms().unset(&config(), &path(at));
    assert_eq!(unset("backgroundSound").expect("there").get("backgroundSound"), None);
    assert_eq!(unset("tools[ask]").expect("there")["singlePromptConfig"]["tools"], json!([]));
    assert_eq!(
        lines(&unset("firstMessage").expect_err("absent")),
        ["/firstMessage: is not set, so it cannot be removed"]
    );
    assert_eq!(
        lines(&unset("prompt").expect_err("needed")),
        ["/singlePromptConfig/prompt: is missing (accepted: text)"]
    );
    let bare = json!({"singlePromptConfig": {"prompt": "p"}});
    assert_eq!(atoms().unset(&bare, &path("prompt")), Ok(json!({})));
}
