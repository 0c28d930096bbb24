//! Every constraint of the Atoms profile bites: the last accepted value passes, the next does not.

use super::*;

/// Whether a config with this value at this path passes, and if not, the problems as lines.
fn judge(at: &str, value: &Value) -> Vec<String> {
    let mut config = base();
    let keys = ListKeys::new();
    crate::diff::path::set(&mut config, &path(at), &keys, value.clone()).expect("the path fits");
    lines(&atoms().validate(&config))
}

/// A valid config with one tool of each type and one metric of each kind that has rules.
fn base() -> Value {
    json!({
        "workflowType": "single_prompt",
        "language": {"enabled": "en", "switching": {}},
        "preCallAPI": {"url": "https://a.example", "method": "GET", "responseVariables": [{"variableName": "v", "jsonPath": "$.v"}]},
        "pronunciationDicts": [{"word": "w", "pronunciation": "p"}],
        "postCallAnalyticsConfig": {
            "dispositionMetrics": [
                {"identifier": "done", "dispositionMetricPrompt": "?", "dispositionMetricType": "ENUM", "choices": ["a"]}],
            "successMetrics": [{"identifier": "s", "successMetricPrompt": "?", "successMetricType": "PASS_FAIL"}]},
        "workflowGraph": {"nodes": [{"id": "n"}, {"id": "m"}, {"id": "free"}], "edges": [{"id": "e", "source": "n", "target": "m"}]},
        "synthesizer": {"voiceConfig": {"model": "waves"}},
        "singlePromptConfig": {"prompt": "p", "tools": [
            {"type": "end_call", "name": "bye", "description": "d"},
            {"type": "transfer_call", "name": "move", "description": "d", "transferNumber": "+15550100",
                "transferOption": {"type": "warm_transfer", "privateHandoffOption": {"type": "prompt"}, "publicHandoffOption": null}},
            {"type": "api_call", "name": "ask", "description": "d", "url": "https://a.example", "method": "POST",
                "headersArray": [{"key": "k", "value": "v"}], "queryParams": [{"key": "k", "value": "v"}],
                "llmParameters": [{"name": "size", "description": "d", "type": "enum", "values": ["s"]}],
                "responseVariables": [{"variableName": "v", "jsonPath": "$.v"}]},
            {"type": "extract_dynamic_variables", "name": "read", "description": "d",
                "variablesExtractionSchema": [{"name": "size", "description": "d", "type": "enum", "values": ["s"]}]},
            {"type": "knowledge_base_search", "name": "find", "description": "d", "knowledgeBaseId": "kb"}]}})
}

#[test]
fn the_base_of_these_tests_is_valid() {
    assert_eq!(lines(&atoms().validate(&base())), Vec::<String>::new());
}

#[test]
fn numbers_are_accepted_up_to_their_limits() {
    let check = |at: &str, good: &[f64], bad: &[f64]| {
        let value =
            |number: &f64| crate::encoding::json::parse(number.to_string().as_bytes()).expect("a number");
        for number in good {
            assert_eq!(judge(at, &value(number)), Vec::<String>::new(), "{at} = {number}");
        }
        for number in bad {
            let found = judge(at, &value(number));
            assert_eq!(found.len(), 1, "{at} = {number}: {found:?}");
            assert!(found[0].contains("accepted: "), "{found:?}");
        }
    };
    check("synthesizer.speed", &[0.0, 1.2, 2.0], &[-0.01, 2.01]);
    check("synthesizer.consistency", &[0.0, 1.0], &[-0.01, 1.01]);
    check("synthesizer.similarity", &[0.0, 1.0], &[-0.01, 1.01]);
    check("synthesizer.enhancement", &[0.0, 1.0, 2.0], &[0.5, 3.0]);
    check("synthesizer.sampleRate", &[8000.0, 16000.0, 24000.0, 44100.0], &[8001.0, 48000.0]);
    check("language.switching.minWordsForDetection", &[1.0, 10.0], &[0.0, 11.0]);
    check("language.switching.strongSignalThreshold", &[0.1, 0.9], &[0.09, 0.91]);
    check("language.switching.weakSignalThreshold", &[0.1, 0.9], &[0.09, 0.91]);
    check("language.switching.minConsecutiveForWeakThresholdSwitch", &[1.0, 5.0], &[0.0, 6.0]);
    check("interruptionBackoffTimer", &[0.0, 10.0], &[-1.0, 10.5]);
    check("preCallAPI.timeout", &[1.0, 30.0], &[0.0, 31.0, 5.5]);
    check("smartTurnConfig.waitTimeInSecs", &[0.0, 10.0], &[-1.0, 10.5]);
    check("voiceDetectionConfig.confidence", &[0.0, 1.0], &[-0.1, 1.1]);
    check("voiceDetectionConfig.minVolume", &[0.0, 1.0], &[-0.1, 1.1]);
    check("voiceDetectionConfig.triggerTimeInSecs", &[0.0, 10.0], &[-0.1, 10.1]);
    check("voiceDetectionConfig.releaseTimeInSecs", &[0.0, 10.0], &[-0.1, 10.1]);
    check("llmIdleTimeoutConfig.chatTimeoutTimeInSecs", &[1.0, 300.0], &[0.9, 300.1]);
    check("llmIdleTimeoutConfig.webcallTimeoutTimeInSecs", &[1.0, 300.0], &[0.9, 300.1]);
    check("llmIdleTimeoutConfig.telephonyTimeoutTimeInSecs", &[1.0, 300.0], &[0.9, 300.1]);
    check("llmIdleTimeoutConfig.maxRetries", &[0.0, 3.0], &[-1.0]);
    check("sessionTimeoutConfig.timeoutTimeInSecs", &[0.0, 3600.0], &[-1.0, 3601.0]);
    check("singlePromptConfig.tools[2].timeout", &[1000.0, 30000.0], &[999.0, 30001.0, 1000.5]);
    check("singlePromptConfig.tools[1].detectionTimeout", &[5.0, 60.0], &[4.0, 61.0, 5.5]);
}

#[test]
fn texts_are_accepted_up_to_their_limits() {
    let check = |at: &str, most: usize| {
        assert_eq!(judge(at, &json!("ü".repeat(most))), Vec::<String>::new(), "{at}");
        let found = judge(at, &json!("ü".repeat(most + 1)));
        let pointer = at.replace('.', "/");
        let said =
            format!("/{pointer}: has {} characters (accepted: text of at most {most} characters)", most + 1);
        assert_eq!(found, [said]);
    };
    check("globalPrompt", 4000);
    check("firstMessage", 500);
    check("voiceMailDetectionConfig.endText", 200);
}

/// Checks that these texts pass at a path, and that others are refused with what is accepted.
fn texts(at: &str, good: &[&str], bad: &[&str], accepted: &str) {
    for text in good {
        assert_eq!(judge(at, &json!(text)), Vec::<String>::new(), "{at} = {text}");
    }
    for text in bad {
        let found = judge(at, &json!(text));
        assert_eq!(found.len(), 1, "{at} = {text}: {found:?}");
        assert!(found[0].contains(accepted), "{at} = {text}: {found:?}");
    }
}

#[test]
fn enumerations_and_forms_name_what_they_accept() {
    texts(
        "slmModel",
        &[
            "electron",
            "electron-kogta",
            "electron-kogta-v2",
            "gpt-4o",
            "gpt-4.1",
            "gpt-5.2",
            "gpt-realtime",
            "gpt-realtime-mini",
        ],
        &["gpt-3", ""],
        "electron, electron-kogta",
    );
    texts("workflowType", &["single_prompt", "workflow_graph"], &["graph"], "workflow_graph, single_prompt");
    texts(
        "backgroundSound",
        &["", "office", "cafe", "call_center", "static"],
        &["rain"],
        "'' (empty), office, cafe, call_center, static",
    );
    texts(
        "customLLMWebSocketUrl",
        &["ws://a", "wss://a/b"],
        &["https://a", "wss://", "a"],
        "ws:// or wss://",
    );
    texts("synthesizer.voiceConfig.gender", &["male", "female"], &["other"], "male, female");
    texts("synthesizer.voiceConfig.model", &["waves", "lightning-v3.1"], &[], "");
    texts("language.enabled", &["en", "hi", "ta"], &["de"], "en, hi, ta");
    texts("language.default", &["en", "de"], &[], "");
    texts(
        "preCallAPI.url",
        &["https://a.example/{{ id }}", "HTTP://a"],
        &["a.example", "ftp://a", "https://"],
        "http:// or https://",
    );
    texts(
        "preCallAPI.method",
        &["GET", "POST", "PUT", "DELETE", "PATCH"],
        &["get", "HEAD"],
        "GET, POST, PUT, DELETE, PATCH",
    );
    texts("widgetConfig.position", &["bottom-right", "top-left"], &["left"], "bottom-right");
    texts("widgetConfig.size", &["tiny", "compact", "full"], &["big"], "tiny, compact, full");
    texts("widgetConfig.mode", &["chat", "voice"], &["video"], "chat, voice");
    texts("widgetConfig.theme", &["light", "dark"], &["auto"], "light, dark");
}

#[test]
fn tools_and_metrics_name_what_they_accept() {
    let tools = "singlePromptConfig.tools";
    texts(&format!("{tools}[0].name"), &["book_slot"], &["book slot", "", "a\tb"], "a name without spaces");
    texts(&format!("{tools}[1].onHoldMusic"), &["ringtone", "none"], &["jazz"], "ringtone, relaxing_sound");
    texts(
        &format!("{tools}[1].transferOption.type"),
        &["cold_transfer"],
        &["hot"],
        "cold_transfer, warm_transfer",
    );
    texts(
        &format!("{tools}[1].transferOption.privateHandoffOption.type"),
        &["static"],
        &["x"],
        "prompt, static",
    );
    texts(
        &format!("{tools}[1].transferOption.publicHandoffOption.type"),
        &["static"],
        &["x"],
        "prompt, static",
    );
    texts(&format!("{tools}[2].method"), &["PATCH"], &["HEAD"], "GET, POST");
    texts(&format!("{tools}[2].url"), &["http://a"], &["a"], "http:// or https://");
    texts(
        &format!("{tools}[2].llmParameters[0].type"),
        &["text", "number", "boolean", "enum"],
        &["date"],
        "text, number, boolean, enum",
    );
    texts(&format!("{tools}[3].variablesExtractionSchema[0].type"), &["text"], &["date"], "text, number");
    let metrics = "postCallAnalyticsConfig.dispositionMetrics[0]";
    texts(
        &format!("{metrics}.identifier"),
        &["a_1"],
        &["A", "a b", "", "a-b"],
        "lower-case letters, digits and '_'",
    );
    texts(
        &format!("{metrics}.dispositionMetricType"),
        &["STRING", "BOOLEAN", "INTEGER", "ENUM", "DATETIME"],
        &["TEXT"],
        "STRING, BOOLEAN",
    );
    texts(
        "postCallAnalyticsConfig.successMetrics[0].successMetricType",
        &["NUMERIC_SCALE", "PERCENTAGE_SCALE", "PASS_FAIL", "DESCRIPTIVE_SCALE"],
        &["X"],
        "NUMERIC_SCALE",
    );
}

#[test]
fn what_must_be_there_is_asked_for_and_the_reason_is_given() {
    let check = |at: &str, wanted: &str| {
        let mut config = base();
        let keys = ListKeys::new();
        let gone = crate::diff::path::remove(&mut config, &path(at), &keys).expect("the path fits");
        assert!(gone.is_some(), "{at} is in the base");
        let found = lines(&atoms().validate(&config));
        assert_eq!(found.len(), 1, "{at}: {found:?}");
        let pointer = format!("/{}", at.replace(['.', '['], "/").replace(']', ""));
        assert!(found[0].starts_with(&format!("{pointer}: is missing")), "{at}: {found:?}");
        assert!(found[0].contains(wanted), "{at}: {found:?}");
    };
    check("singlePromptConfig.prompt", "accepted: text");
    check("language.switching", "accepted: an object");
    check("preCallAPI.url", "https://");
    check("preCallAPI.method", "GET");
    check("preCallAPI.responseVariables[0].variableName", "text");
    check("preCallAPI.responseVariables[0].jsonPath", "text");
    check("pronunciationDicts[0].word", "text");
    check("pronunciationDicts[0].pronunciation", "text");
    let tools = "singlePromptConfig.tools";
    check(&format!("{tools}[0].type"), "end_call, transfer_call");
    check(&format!("{tools}[0].name"), "without spaces");
    check(&format!("{tools}[0].description"), "text");
    check(&format!("{tools}[1].transferNumber"), "when 'type' is 'transfer_call'");
    check(&format!("{tools}[1].transferOption"), "when 'type' is 'transfer_call'");
    check(&format!("{tools}[2].url"), "when 'type' is 'api_call'");
    check(&format!("{tools}[2].method"), "when 'type' is 'api_call'");
    check(&format!("{tools}[2].headersArray[0].key"), "text");
    check(&format!("{tools}[2].headersArray[0].value"), "text");
    check(&format!("{tools}[2].queryParams[0].key"), "text");
    check(&format!("{tools}[2].queryParams[0].value"), "text");
    for field in ["name", "description", "type"] {
        check(&format!("{tools}[2].llmParameters[0].{field}"), "accepted");
        check(&format!("{tools}[3].variablesExtractionSchema[0].{field}"), "accepted");
    }
    check(&format!("{tools}[2].llmParameters[0].values"), "when 'type' is 'enum'");
    check(&format!("{tools}[2].responseVariables[0].jsonPath"), "text");
    check(&format!("{tools}[3].variablesExtractionSchema"), "when 'type' is 'extract_dynamic_variables'");
    check(&format!("{tools}[3].variablesExtractionSchema[0].values"), "when 'type' is 'enum'");
    check(&format!("{tools}[4].knowledgeBaseId"), "when 'type' is 'knowledge_base_search'");
    let metric = "postCallAnalyticsConfig.dispositionMetrics[0]";
    check(&format!("{metric}.identifier"), "accepted");
    check(&format!("{metric}.dispositionMetricPrompt"), "text");
    check(&format!("{metric}.dispositionMetricType"), "STRING");
    check(&format!("{metric}.choices"), "when 'dispositionMetricType' is 'ENUM'");
    for field in ["identifier", "successMetricPrompt", "successMetricType"] {
        check(&format!("postCallAnalyticsConfig.successMetrics[0].{field}"), "accepted");
    }
    check("workflowGraph.nodes[2].id", "accepted");
    check("workflowGraph.edges[0].source", "accepted");
    check("workflowGraph.edges[0].target", "accepted");
}
