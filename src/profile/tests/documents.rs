//! Documents read as they stand.

use super::*;

fn read(document: &Value) -> Imported {
    atoms().unwrap_document(document).expect("a document")
}

#[test]
fn an_agent_as_the_api_answers_it() {
    let got = read(&json!({"status": true, "data": {
        "_id": "60d0fe4f5311236168a109ca", "organization": "60d0fe4f5311236168a109c1", "name": "Sales Agent — 2", "description": "sells",
        "allowInboundCall": true, "avatarUrl": null, "archived": false, "totalCalls": 7, "createdAt": "2024-01-15T09:30:00Z",
        "slmModel": "electron", "globalKnowledgeBaseId": null, "brandNew": 1,
        "language": {"enabled": "hi", "switching": {"isEnabled": true}},
        "_resolvedConfig": {"prompt": "Sell.", "tools": [], "modelName": "gpt-4o", "callDispositionConfig": "c",
            "defaultLanguage": "en", "postCallAnalyticsConfig": null, "oddity": 2}}}));
    let wanted = json!({
        "singlePromptConfig": {"prompt": "Sell.", "tools": []}, "slmModel": "gpt-4o", "callDispositionConfig": "c",
        "language": {"default": "en", "switching": {"isEnabled": true}}});
    assert_eq!(got.config, wanted);
    assert_eq!(atoms().validate(&got.config), []);
    assert_eq!(got.title.as_deref(), Some("Sales Agent — 2"));
    assert_eq!(got.handle_hint.as_deref(), Some("sales-agent-2"));
    let wanted = json!({"name": "Sales Agent — 2", "description": "sells", "allowInboundCall": true});
    assert_eq!(Value::Object(got.metadata), wanted);
    let wanted = json!({"_id": "60d0fe4f5311236168a109ca", "organization": "60d0fe4f5311236168a109c1"});
    assert_eq!(Value::Object(got.vendor_ids), wanted);
    assert_eq!(
        got.dropped,
        [
            "_id",
            "archived",
            "createdAt",
            "organization",
            "totalCalls",
            "brandNew",
            "globalKnowledgeBaseId (null)",
            "_resolvedConfig.oddity",
            "_resolvedConfig.postCallAnalyticsConfig (null)",
        ]
    );
}

#[test]
fn a_version_as_the_api_answers_it() {
    let got = read(&json!({"status": true, "data": {
        "version": {"_id": "60d0fe4f5311236168a109cb", "agent": "60d0fe4f5311236168a109ca", "versionNumber": 3,
            "label": "warmer", "description": "of the version", "workflowType": "single_prompt", "blocks": {"llm": "block_004"}},
        "resolvedConfig": {
            "workflow_prompt": {"prompt": "Hi."}, "workflow_tools": {"tools": [{"type": "end_call", "name": "bye", "description": "d"}]},
            "workflow_graph": {"workflowGraph": {"nodes": [], "edges": []}}, "llm": {"modelName": "electron"},
            "voice": {"synthesizer": {"speed": 1}}, "language": {"enabled": "en", "switching": {}},
            "privacy": {"isEnabled": true}, "audio": {}, "widget": null},
        "securityCheck": {"status": "passed"}}}));
    let wanted = json!({
        "singlePromptConfig": {"prompt": "Hi.", "tools": [{"type": "end_call", "name": "bye", "description": "d"}]},
        "workflowGraph": {"nodes": [], "edges": []}, "workflowType": "single_prompt", "slmModel": "electron",
        "synthesizer": {"speed": 1}, "language": {"enabled": "en", "switching": {}}, "redactionConfig": {"isEnabled": true}});
    assert_eq!(got.config, wanted);
    assert_eq!(atoms().validate(&got.config), []);
    assert_eq!((got.title, got.metadata.len()), (None, 0), "a version's labels are not the agent's");
    assert_eq!(got.vendor_ids["agent"], json!("60d0fe4f5311236168a109ca"));
    assert!(got.dropped.contains(&"description".to_owned()), "{:?}", got.dropped);
}

#[test]
fn what_the_resolved_shape_says_reads_back_as_the_same_config() {
    let config = json!({
        "singlePromptConfig": {"prompt": "p", "tools": []}, "slmModel": "gpt-4o", "workflowType": "single_prompt",
        "language": {"enabled": "hi", "supported": ["hi"], "switching": {"isEnabled": false}}, "backgroundSound": ""});
    let resolved = atoms().resolved(&atoms().split(&config).expect("a config")).expect("blocks");
    assert_eq!(read(&json!({"_id": "x", "name": "n", "_resolvedConfig": resolved})).config, config);
    let blocks: Value = atoms()
        .split(&config)
        .expect("a config")
        .into_iter()
        .map(|(name, content)| match content {
            crate::object::Content::Text(text) => (name.to_string(), json!(text)),
            crate::object::Content::Json(value) => (name.to_string(), value),
        })
        .collect::<serde_json::Map<_, _>>()
        .into();
    assert_eq!(read(&json!({"resolvedConfig": blocks})).config, config);
}

#[test]
fn a_graph_agent_has_no_prompt_and_loses_no_tools() {
    let read = |tools: Value| {
        read(
            &json!({"_id": "x", "_resolvedConfig": {"workflowType": "workflow_graph", "prompt": null, "tools": tools}}),
        )
    };
    let got = read(json!([]));
    assert_eq!(got.config, json!({"workflowType": "workflow_graph"}));
    assert_eq!(got.dropped, ["_id", "_resolvedConfig.prompt (null)", "singlePromptConfig (empty)"]);
    let kept = read(json!([{"type": "end_call", "name": "bye", "description": "d"}])).config;
    assert_eq!(kept["singlePromptConfig"]["tools"][0]["name"], json!("bye"));
}

#[test]
fn a_plain_config_keeps_what_is_not_known_for_validation_to_refuse() {
    let got = read(&json!({"name": "A", "firstMessage": "hi", "firstMesage": null, "prompt": "p"}));
    assert_eq!(
        got.config,
        json!({"firstMessage": "hi", "firstMesage": null, "singlePromptConfig": {"prompt": "p"}})
    );
    assert_eq!(got.dropped, Vec::<String>::new());
    assert_eq!(got.title.as_deref(), Some("A"));
    assert!(atoms().unwrap_document(&json!("text")).is_err());
}

#[test]
fn in_profiles_whose_title_is_a_field_it_stays_in_the_config() {
    let thinnest = Profile::builtin("thinnest").expect("a built-in profile");
    let document = json!({"id": 12, "version_number": 5, "change_summary": "s", "snapshot": {
        "name": "Support Agent", "instructions": "Help.", "tools": [{"name": "faq", "type": "knowledge_search"}], "odd": 1}});
    let got = thinnest.unwrap_document(&document).expect("a document");
    assert_eq!(got.config, document["snapshot"]);
    assert_eq!(got.title.as_deref(), Some("Support Agent"));
    assert_eq!(got.dropped, ["change_summary", "id", "version_number"]);
    let generic = Profile::builtin("generic").expect("a built-in profile");
    let plain = json!({"data": {"x": 1}, "status": true});
    assert_eq!(generic.unwrap_document(&plain).expect("a document").config, plain);
}

#[test]
fn titles_become_handles() {
    for (title, wanted) in
        [("Büro & Co.", Some("b-ro-co")), ("***", None), ("", None), ("ACME", Some("acme"))]
    {
        assert_eq!(read(&json!({"name": title})).handle_hint.as_deref(), wanted, "{title}");
    }
    let long = read(&json!({"name": "x".repeat(100)})).handle_hint;
    assert_eq!(long.map(|handle| handle.len()), Some(63));
}

#[test]
fn the_profile_of_a_document_is_guessed_by_its_fields() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/agents");
    let mut count = 0;
    for name in [
        "atoms-get-agent",
        "atoms-support",
        "atoms-workflow",
        "thinnest-helpdesk",
        "callem-reception",
        "generic-ivr",
    ] {
        let text = std::fs::read(folder.join(format!("{name}.json"))).expect("a fixture");
        let document = serde_json::from_slice(&text).expect("JSON");
        let profile = Profile::guess(&document).name();
        assert!(name.starts_with(profile), "{name}: {profile}");
        count += 1;
    }
    assert_eq!(count, 6);
    assert_eq!(Profile::guess(&json!({})).name(), "generic");
    assert_eq!(Profile::guess(&json!([1])).name(), "generic");
}

#[test]
fn a_profile_is_not_guessed_from_names_that_may_be_anybodys() {
    let check = |document: Value, expected: &str| {
        assert_eq!(Profile::guess(&document).name(), expected, "{document}");
    };
    check(json!({"instructions": "Be kind.", "model": "m", "voice": "v"}), "generic");
    check(json!({"firstMessage": "Hello."}), "generic");
    check(json!({"language": {}, "tools": [], "name": "x", "tts_provider": "y"}), "generic");
    check(json!({"widget_theme": "dark", "a": 1}), "generic");
    check(json!({"widget_theme": "dark", "lead_capture": {}}), "thinnest");
    check(json!({"firstMessage": "Hello.", "slmModel": "electron"}), "atoms");
}
