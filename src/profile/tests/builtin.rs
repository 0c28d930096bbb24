//! What every built-in profile satisfies, and what the vendors' descriptions say of theirs.

use std::sync::Arc;

use super::*;

#[test]
fn every_builtin_profile_passes_the_check_for_profile_files() {
    for name in Profile::builtin_names() {
        let profile = Profile::builtin(name).expect("a name of the list is there");
        assert_eq!(profile.name(), *name);
        let again = Profile::parse(profile.bytes()).map_err(|error| error.to_string());
        assert_eq!(again.map(|again| again.id()), Ok(profile.id()), "{name}");
        assert_eq!(Profile::builtin_by_id(profile.id()).map(Arc::as_ref), Some(profile), "{name}");
    }
    assert_eq!(Profile::builtin_by_id(ObjectId::from_bytes([7; 32])), None);
    assert!(Profile::builtin("elsewhere").is_none());
}

#[test]
fn every_field_has_exactly_one_home() {
    for name in Profile::builtin_names() {
        let profile = Profile::builtin(name).expect("a built-in profile");
        for field in profile.fields() {
            let same: Vec<_> = profile
                .fields()
                .iter()
                .filter(|other| other.path.is_prefix_of(&field.path) || field.path.is_prefix_of(&other.path))
                .collect();
            assert_eq!(same.len(), 1, "{name}: {}", field.path);
            assert_eq!(profile.block_of(&field.path), Some(field.block.clone()));
        }
    }
}

#[test]
fn atoms_has_the_thirteen_sections_and_every_field_of_the_api() {
    let fields = |block: &str| -> Vec<String> {
        let fields = atoms().fields().iter().filter(|field| field.block.as_str() == block);
        fields.map(|field| field.path.to_string()).collect()
    };
    let check = |block: &str, wanted: &[&str]| assert_eq!(fields(block), wanted, "{block}");
    check("workflow_prompt", &["singlePromptConfig.prompt"]);
    check("workflow_tools", &["singlePromptConfig.tools"]);
    check("workflow_graph", &["workflowGraph", "workflowType", "globalPrompt"]);
    check("llm", &["slmModel", "customLLMWebSocketUrl", "globalKnowledgeBaseId", "enableStyleGuide"]);
    check("voice", &["synthesizer", "transcriberType", "pronunciationDicts", "speechFormatting"]);
    check("language", &["language"]);
    check(
        "call_handling",
        &[
            "firstMessage",
            "allowInterruptions",
            "waitForUserToSpeakFirst",
            "muteUserUntilFirstBotResponse",
            "interruptionBackoffTimer",
            "preCallAPI",
            "defaultVariables",
            "timezone",
        ],
    );
    check("detection", &["smartTurnConfig", "voiceDetectionConfig", "voiceMailDetectionConfig"]);
    check("analytics", &["postCallAnalyticsConfig", "callDispositionConfig"]);
    check("timeouts", &["llmIdleTimeoutConfig", "sessionTimeoutConfig"]);
    check("audio", &["backgroundSound", "denoisingConfig"]);
    check("privacy", &["redactionConfig"]);
    check("widget", &["widgetConfig"]);
    assert_eq!(atoms().blocks().len(), 13);
    assert_eq!(atoms().fields().len(), 33);
}

#[test]
fn policies_titles_and_defaults() {
    let check = |name: &str, policy: DraftPolicy, title_is_config: bool| {
        let profile = Profile::builtin(name).expect("a built-in profile");
        assert_eq!(profile.draft_policy(), policy, "{name}");
        assert_eq!(profile.title_is_config(), title_is_config, "{name}");
        assert_eq!(profile.validate(profile.defaults()), [], "{name}");
    };
    check("atoms", DraftPolicy::Many, false);
    check("thinnest", DraftPolicy::One, true);
    check("callem", DraftPolicy::One, true);
    check("generic", DraftPolicy::Many, false);
    let wanted = json!({"workflowType": "single_prompt", "singlePromptConfig": {"prompt": ""}});
    assert_eq!(atoms().defaults(), &wanted);
}

#[test]
fn recognised_keys_are_the_configs_own() {
    for (key, wanted) in
        [("synthesizer", true), ("singlePromptConfig", true), ("name", false), ("voice", false)]
    {
        assert_eq!(atoms().recognises(key), wanted, "{key}");
    }
    let thinnest = Profile::builtin("thinnest").expect("a built-in profile");
    assert!(thinnest.recognises("brand_new"));
}

#[test]
fn lists_are_matched_by_their_keys() {
    let check = |list: &str, key: Option<&str>| {
        assert_eq!(atoms().list_keys().key_for(&path(list)), key, "{list}");
    };
    check("singlePromptConfig.tools", Some("name"));
    check("singlePromptConfig.tools[x].llmParameters", Some("name"));
    check("postCallAnalyticsConfig.dispositionMetrics", Some("identifier"));
    check("pronunciationDicts", Some("word"));
    check("workflowGraph.nodes", Some("id"));
    check("singlePromptConfig.tools[x].queryParams", None);
}

/// Keywords that mean the same in the drafts 7 and 2020-12 of JSON Schema; `items` as one schema.
const COMMON: [&str; 24] = [
    "type",
    "properties",
    "required",
    "additionalProperties",
    "patternProperties",
    "propertyNames",
    "items",
    "enum",
    "const",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "description",
    "default",
];

fn assert_common(schema: &Value, place: &str) {
    let Some(map) = schema.as_object() else { return assert!(schema.is_boolean(), "{place}: {schema}") };
    if map.contains_key("$ref") {
        return assert_eq!(map.len(), 1, "{place}: what stands beside a reference counts in one draft only");
    }
    for (key, value) in map {
        let below = format!("{place}/{key}");
        match key.as_str() {
            "allOf" | "anyOf" | "oneOf" => {
                value.as_array().expect("schemas").iter().for_each(|schema| assert_common(schema, &below));
            }
            "if"
            | "then"
            | "else"
            | "not"
            | "contains"
            | "items"
            | "additionalProperties"
            | "propertyNames" => {
                assert_common(value, &below);
            }
            "properties" | "patternProperties" => {
                let named = value.as_object().expect("schemas by name");
                named.values().for_each(|schema| assert_common(schema, &below));
            }
            key if key.starts_with("x-") => {}
            key => assert!(COMMON.contains(&key), "{below} is not the same in both drafts"),
        }
    }
}

#[test]
fn the_schemas_of_the_build_mean_the_same_in_both_drafts() {
    for name in Profile::builtin_names() {
        let shape = Profile::builtin(name).expect("a built-in profile").shape();
        for field in &shape.fields {
            assert_common(&field.schema, &format!("{name}: {}", field.path));
        }
        for (key, schema) in shape.definitions.as_object().into_iter().flatten() {
            assert_common(schema, &format!("{name}: $defs/{key}"));
        }
    }
}
