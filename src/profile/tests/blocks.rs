//! Configs to blocks and back, the resolved shape, and paths.

use proptest::prelude::*;

use super::*;
use crate::object::Content;

fn example() -> Value {
    json!({
        "singlePromptConfig": {"prompt": "Be kind.\n", "tools": [{"type": "end_call", "name": "bye", "description": "d"}]},
        "slmModel": "gpt-4o", "globalPrompt": "g", "workflowType": "single_prompt",
        "language": {"enabled": "hi", "switching": {"isEnabled": false}},
        "backgroundSound": ""})
}

#[test]
fn fields_go_to_their_blocks_and_absent_blocks_stay_absent() {
    let blocks = atoms().split(&example()).expect("a config");
    let names: Vec<&str> = blocks.keys().map(BlockName::as_str).collect();
    assert_eq!(names, ["audio", "language", "llm", "workflow_graph", "workflow_prompt", "workflow_tools"]);
    let block = |name: &str| blocks[&name.parse::<BlockName>().expect("a name")].clone();
    assert_eq!(block("workflow_prompt"), Content::Text("Be kind.\n".to_owned()));
    assert_eq!(block("audio"), Content::Json(json!({"backgroundSound": ""})));
    assert_eq!(
        block("workflow_graph"),
        Content::Json(json!({"globalPrompt": "g", "workflowType": "single_prompt"}))
    );
    assert_eq!(atoms().join(&blocks), Ok(example()));
}

#[test]
fn an_empty_prompt_is_a_block() {
    let blocks = atoms().split(&json!({"singlePromptConfig": {"prompt": ""}})).expect("a config");
    assert_eq!(blocks.values().collect::<Vec<_>>(), [&Content::Text(String::new())]);
    assert_eq!(atoms().split(&json!({})), Ok(Blocks::new()));
}

#[test]
fn the_resolved_shape_has_both_names() {
    let blocks = atoms().split(&example()).expect("a config");
    let resolved = atoms().resolved(&blocks).expect("blocks of the profile");
    let mut wanted = example();
    wanted["prompt"] = json!("Be kind.\n");
    wanted["tools"] = example()["singlePromptConfig"]["tools"].clone();
    wanted["modelName"] = json!("gpt-4o");
    wanted["defaultLanguage"] = json!("hi");
    wanted["languageSwitching"] = json!({"isEnabled": false});
    assert_eq!(resolved, wanted);
    let later = json!({"language": {"default": "en", "enabled": "hi", "supported": ["en"], "switching": {}}});
    let resolved = atoms().resolved(&atoms().split(&later).expect("a config")).expect("blocks");
    assert_eq!(resolved["defaultLanguage"], json!("en"));
    assert_eq!(resolved["supportedLanguages"], json!(["en"]));
}

#[test]
fn blocks_that_do_not_fit_are_named() {
    let check = |name: &str, content: Content, reason: &str| {
        let blocks = Blocks::from([(name.parse().expect("a name"), content)]);
        let error = atoms().join(&blocks).expect_err("a block that does not fit").to_string();
        assert_eq!(error, format!("block '{name}' does not fit its profile: {reason}"));
    };
    check("soul", Content::Json(json!({})), "profile 'atoms' has no such block");
    check("workflow_prompt", Content::Json(json!("x")), "it holds json, not text");
    check("llm", Content::Text("x".to_owned()), "it holds text, not json");
    check("llm", Content::Json(json!([])), "it holds a list, not an object");
    check("llm", Content::Json(json!({"synthesizer": {}})), "it has no field 'synthesizer'");
}

#[test]
fn generic_makes_a_block_of_every_key() {
    let generic = Profile::builtin("generic").expect("a built-in profile");
    let config = json!({"prompt": "hello", "model": {"name": "x"}, "n": 3, "none": null, "list": []});
    let blocks = generic.split(&config).expect("a config");
    assert_eq!(blocks.len(), 5);
    assert_eq!(blocks[&"prompt".parse().expect("a name")], Content::Text("hello".to_owned()));
    assert_eq!(generic.join(&blocks), Ok(config.clone()));
    assert_eq!(generic.validate(&config), []);
    let bad = generic.validate(&json!({"a/b": 1, "": 2, "con": 3}));
    assert_eq!(bad.len(), 3, "{bad:?}");
    let text_as_json = Blocks::from([("a".parse().expect("a name"), Content::Json(json!("x")))]);
    assert!(generic.join(&text_as_json).is_err());
}

#[test]
fn fields_without_a_name_are_kept_where_the_profile_says_so() {
    for name in ["thinnest", "callem"] {
        let profile = Profile::builtin(name).expect("a built-in profile");
        let config = json!({"name": "Sales", "brand_new": {"x": 1}});
        assert_eq!(lines(&profile.validate(&config)), Vec::<String>::new());
        let blocks = profile.split(&config).expect("a config");
        assert_eq!(blocks[&"other".parse().expect("a name")], Content::Json(json!({"brand_new": {"x": 1}})));
        assert_eq!(profile.join(&blocks), Ok(config));
        let clash = Blocks::from([("other".parse().expect("a name"), Content::Json(json!({"name": "x"})))]);
        assert!(profile.join(&clash).is_err(), "a known field lives in its own block only");
    }
}

#[test]
fn short_paths_lead_to_the_same_place() {
    let check = |short: &str, long: &str, block: Option<&str>| {
        assert_eq!(atoms().resolve_path(&path(short)), path(long), "{short}");
        assert_eq!(atoms().short_path(&path(long)), path(short), "{long}");
        for given in [short, long] {
            let found = atoms().block_of(&path(given)).map(|name| name.to_string());
            assert_eq!(found.as_deref(), block, "{given}");
        }
    };
    check("prompt", "singlePromptConfig.prompt", Some("workflow_prompt"));
    check("tools[book].timeout", "singlePromptConfig.tools[book].timeout", Some("workflow_tools"));
    check("synthesizer.voiceConfig.voiceId", "synthesizer.voiceConfig.voiceId", Some("voice"));
    check("singlePromptConfig", "singlePromptConfig", None);
    check("nothing.here", "nothing.here", None);
    check("name", "name", None);
}

/// Configs of any profile: each field present or not, with a text or with JSON of any shape.
fn configs(profile: &'static Profile) -> impl Strategy<Value = Value> {
    let json = prop_oneof![
        Just(json!(null)),
        any::<i32>().prop_map(|n| json!(n)),
        ".{0,6}".prop_map(|t| json!(t)),
        Just(json!({"a": [1]}))
    ];
    let keys: Vec<String> = match profile.fields().len() {
        0 => ["a", "b_1", "C.d"].map(str::to_owned).to_vec(),
        _ => profile.fields().iter().map(|field| field.path.to_string()).collect(),
    };
    let values = proptest::collection::vec(proptest::option::of((json, ".{0,6}")), keys.len());
    values.prop_map(move |values| {
        let mut config = json!({});
        for (key, (value, text)) in keys.iter().zip(values).filter_map(|(key, value)| Some((key, value?))) {
            let block = profile.block_of(&path(key)).expect("a field has a block");
            let spec = profile.blocks().iter().find(|spec| spec.name == block);
            let is_text = spec.is_some_and(|spec| spec.kind == crate::object::EntryKind::Text);
            let value = if is_text { json!(text) } else { value };
            let at = if profile.fields().is_empty() { Path::root().field(key) } else { path(key) };
            crate::diff::path::set(&mut config, &at, &ListKeys::new(), value).expect("the path fits");
        }
        config
    })
}

#[test]
fn join_undoes_split_and_split_undoes_join() {
    for name in Profile::builtin_names() {
        let profile = Profile::builtin(name).expect("a built-in profile");
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let outcome = runner.run(&configs(profile), |config| {
            let blocks = profile.split(&config).expect("every field has a place");
            let joined = profile.join(&blocks);
            prop_assert_eq!(joined.as_ref(), Ok(&config));
            prop_assert_eq!(profile.split(&config), Ok(blocks));
            Ok(())
        });
        assert!(outcome.is_ok(), "{name}: {outcome:?}");
    }
}
