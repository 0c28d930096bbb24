//! What validation says beyond single limits: types, rules across fields, names that do not belong.

use super::*;

fn check(config: &Value, wanted: &[&str]) {
    assert_eq!(lines(&atoms().validate(config)), wanted, "{config}");
}

#[test]
fn a_value_of_the_wrong_type_says_which_type_is_accepted() {
    check(&json!({"allowInterruptions": "yes"}), &["/allowInterruptions: is text (accepted: true or false)"]);
    check(
        &json!({"interruptionBackoffTimer": "5"}),
        &["/interruptionBackoffTimer: is text (accepted: a number, 0 to 10 seconds)"],
    );
    check(
        &json!({"singlePromptConfig": {"prompt": null}}),
        &["/singlePromptConfig/prompt: is null, not text (accepted: text)"],
    );
    check(
        &json!({"singlePromptConfig": []}),
        &["/singlePromptConfig: is a list, not an object (accepted: an object)"],
    );
    check(&json!({"synthesizer": null}), &["/synthesizer: is null (accepted: an object)"]);
    check(&json!([1]), &["a config is an object, this is a list"]);
}

#[test]
fn every_top_level_field_of_atoms_refuses_null_and_a_list_of_lists() {
    for field in atoms().fields().iter().filter(|field| field.keys.len() == 1) {
        for bad in [json!(null), json!([[1]])] {
            let config = json!({field.key(): bad});
            assert!(!atoms().validate(&config).is_empty(), "{config}");
        }
    }
}

#[test]
fn all_problems_come_at_once_and_in_order_of_place() {
    let config = json!({
        "firstMessage": "x".repeat(501), "voice": "emily", "name": "a",
        "singlePromptConfig": {"prompt": "", "tools": [{"type": "api_call", "name": "a b", "description": "d", "timeout": 900}]}});
    check(
        &config,
        &[
            "/firstMessage: has 501 characters (accepted: text of at most 500 characters)",
            "/name: 'name' belongs to the agent, not to its config: it has no versions",
            "/singlePromptConfig/tools/0/method: is missing when 'type' is 'api_call' \
             (accepted: GET, POST, PUT, DELETE, PATCH)",
            "/singlePromptConfig/tools/0/name: 'a b' does not have the accepted form \
             (accepted: a name without spaces)",
            "/singlePromptConfig/tools/0/timeout: '900' is out of range \
             (accepted: a whole number, 1000 to 30000 ms)",
            "/singlePromptConfig/tools/0/url: is missing when 'type' is 'api_call' \
             (accepted: a URL that begins with http:// or https://)",
            "/voice: there is no field 'voice' (accepted: synthesizer, transcriberType, pronunciationDicts, \
             speechFormatting)",
        ],
    );
}

#[test]
fn unknown_names_are_refused_with_the_one_that_was_meant() {
    check(
        &json!({"synthesiser": {}}),
        &["/synthesiser: there is no field 'synthesiser' (accepted: synthesizer)"],
    );
    check(
        &json!({"prompt": "x"}),
        &["/prompt: there is no field 'prompt' (accepted: singlePromptConfig.prompt)"],
    );
    check(&json!({"modelName": "x"}), &["/modelName: there is no field 'modelName' (accepted: slmModel)"]);
    check(&json!({"zzz": 1}), &["/zzz: there is no field 'zzz'"]);
    check(
        &json!({"singlePromptConfig": {"prompt": "", "tool": []}}),
        &["/singlePromptConfig/tool: there is no field 'tool' here (accepted: tools)"],
    );
    for name in atoms().metadata_fields() {
        assert_eq!(atoms().validate(&json!({name: "x"})).len(), 1, "{name}");
    }
    check(&json!({"synthesizer": {"aNewKnob": 3}, "timezone": {"city": null}}), &[]);
}

#[test]
fn voicemail_is_switched_by_its_own_key() {
    check(&json!({"voiceMailDetectionConfig": {"enabled": true}}), &[]);
    check(
        &json!({"voiceMailDetectionConfig": {"isEnabled": true}}),
        &["/voiceMailDetectionConfig/isEnabled: is not accepted here (accepted: here the key is 'enabled')"],
    );
}

#[test]
fn a_cloned_voice_names_its_voice_and_gender() {
    let voice = |voice: Value| json!({"synthesizer": {"voiceConfig": voice}});
    check(
        &voice(json!({"model": "waves_lightning_large_voice_clone", "voiceId": "v", "gender": "male"})),
        &[],
    );
    check(&voice(json!({"voiceId": "v"})), &[]);
    let found = atoms().validate(&voice(json!({"model": "waves_lightning_large_voice_clone"})));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].message.contains("when 'model' is 'waves_lightning_large_voice_clone'"), "{found:?}");
}

#[test]
fn lists_of_choices_may_not_be_empty() {
    let metric = json!({"identifier": "a", "dispositionMetricPrompt": "?", "dispositionMetricType": "ENUM", "choices": []});
    check(
        &json!({"postCallAnalyticsConfig": {"dispositionMetrics": [metric]}}),
        &[
            "/postCallAnalyticsConfig/dispositionMetrics/0/choices: has 0 entries (accepted: a list of at least 1)",
        ],
    );
}

#[test]
fn names_in_a_list_are_unique() {
    let tool = |name: &str| json!({"type": "end_call", "name": name, "description": "d"});
    let tools = |names: [&str; 3]| json!({"singlePromptConfig": {"prompt": "", "tools": names.map(tool)}});
    check(&tools(["a", "b", "A"]), &[]);
    check(
        &tools(["a", "b", "a"]),
        &["/singlePromptConfig/tools/2/name: 'a' is already the 'name' of entry 0 (counted from 0) \
           (accepted: a 'name' that no other has)"],
    );
    for (list, key, item) in [
        (
            "dispositionMetrics",
            "identifier",
            json!({"identifier": "m", "dispositionMetricPrompt": "?", "dispositionMetricType": "STRING"}),
        ),
        (
            "successMetrics",
            "identifier",
            json!({"identifier": "m", "successMetricPrompt": "?", "successMetricType": "PASS_FAIL"}),
        ),
    ] {
        let found = atoms().validate(&json!({"postCallAnalyticsConfig": {list: [item.clone(), item]}}));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].pointer, format!("/postCallAnalyticsConfig/{list}/1/{key}"));
    }
}

#[test]
fn a_graph_has_unique_ids_and_edges_between_its_nodes() {
    let graph = |nodes: Value, edges: Value| json!({"workflowGraph": {"nodes": nodes, "edges": edges}});
    check(&graph(json!([{"id": "a"}, {"id": "b"}]), json!([{"source": "a", "target": "b"}])), &[]);
    let found = atoms().validate(&graph(
        json!([{"id": "a"}, {"id": "a"}]),
        json!([{"id": "e", "source": "a", "target": "gone"}, {"id": "e", "source": "a", "target": "a"}]),
    ));
    let places: Vec<&str> = found.iter().map(|problem| problem.pointer.as_str()).collect();
    assert_eq!(
        places,
        ["/workflowGraph/edges/0/target", "/workflowGraph/edges/1/id", "/workflowGraph/nodes/1/id"]
    );
}

#[test]
fn realtime_models_need_a_single_prompt() {
    for model in ["gpt-realtime", "gpt-realtime-mini"] {
        check(&json!({"slmModel": model}), &[]);
        check(&json!({"slmModel": model, "workflowType": "single_prompt"}), &[]);
        let found = atoms().validate(&json!({"slmModel": model, "workflowType": "workflow_graph"}));
        let said = format!("/slmModel: '{model}' needs 'workflowType' to be 'single_prompt'");
        assert_eq!(lines(&found), [said]);
    }
    check(&json!({"slmModel": "gpt-4.1", "workflowType": "workflow_graph"}), &[]);
}

#[test]
fn no_sentence_is_the_schema_librarys_own() {
    let profile = Profile::parse(
        br##"{"format": 1, "name": "p", "blocks": [{"name": "b", "kind": "json"}],
        "definitions": {"small": {"type": "integer", "maximum": 9}},
        "fields": [{"path": "either", "block": "b", "schema": {"anyOf": [
            {"type": "string", "maxLength": 3}, {"$ref": "#/$defs/small"}]}},
          {"path": "closed", "block": "b", "schema": {"type": "object", "additionalProperties": false,
            "properties": {"timeout": {"type": "integer"}}}}]}"##,
    )
    .expect("a profile");
    let check = |config: Value, wanted: &[&str]| assert_eq!(lines(&profile.validate(&config)), wanted);
    check(json!({"either": "abc"}), &[]);
    check(
        json!({"either": 12}),
        &[
            "/either: '12' is out of range (accepted: text of at most 3 characters or a whole number, at most 9)",
        ],
    );
    check(
        json!({"either": []}),
        &["/either: '[]' fits none of the accepted forms \
           (accepted: text of at most 3 characters or a whole number, at most 9)"],
    );
    check(
        json!({"closed": {"timeuot": 1}}),
        &["/closed/timeuot: there is no field 'timeuot' here (accepted: timeout)"],
    );
}
