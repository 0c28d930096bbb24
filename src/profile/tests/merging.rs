//! Merging under a profile: the keys of its lists, and the paths of conflicts.

use super::*;
use crate::merge;

/// The conflicts of three configs, by their paths in the config.
fn conflicts(profile: &Profile, sides: [Value; 3]) -> (Value, Vec<String>) {
    let [base, ours, theirs] = sides.map(|config| profile.split(&config).expect("a config"));
    let merged = merge::config(&base, &ours, &theirs, &profile.merge_policies());
    let at = |conflict: &merge::Conflict| {
        profile
            .config_path(&conflict.block, &conflict.path())
            .map_or("none".to_owned(), |path| path.to_string())
    };
    (profile.join(&merged.blocks).expect("blocks of this profile"), merged.conflicts.iter().map(at).collect())
}

#[test]
fn tools_and_their_parameters_are_matched_by_the_keys_of_the_profile() {
    let config = |timeout: u32, city: &str, prompt: &str| {
        let parameter = |name: &str, kind: &str| json!({"name": name, "type": kind});
        let tool = |name: &str, timeout: u32| {
            json!({"name": name, "timeout": timeout,
                "llmParameters": [parameter("city", city), parameter("day", "string")]})
        };
        let mut tools = vec![tool("book", timeout), tool("find", 1)];
        if timeout > 1 {
            tools.reverse();
        }
        json!({"singlePromptConfig": {"prompt": prompt, "tools": tools}, "workflowType": "single_prompt"})
    };
    let (merged, paths) = conflicts(
        atoms(),
        [config(1, "string", "a\n"), config(2, "number", "b\n"), config(1, "boolean", "c\n")],
    );
    assert_eq!(merged, config(2, "number", "b\n"));
    assert_eq!(
        paths,
        [
            "singlePromptConfig.prompt",
            "singlePromptConfig.tools[find].llmParameters[city].type",
            "singlePromptConfig.tools[book].llmParameters[city].type",
        ]
    );
}

#[test]
fn unknown_fields_have_the_keys_that_the_profile_states_for_them() {
    let list = |n: u32, m: u32| json!([{"id": "a", "n": n}, {"id": "b", "n": m}]);
    let mut file = json!({"format": 1, "name": "own", "title": "own", "draft_policy": "many",
        "list_keys": {"extra": "id"}, "unknown_fields": "own_block", "defaults": {}});
    let config = |list: Value| json!({"extra": list, "note": "x"});
    let reversed = json!([{"id": "b", "n": 1}, {"id": "a", "n": 3}]);
    for unknown in [json!("own_block"), json!({"block": "rest"})] {
        if unknown.is_object() {
            file["blocks"] = json!([{"name": "rest", "kind": "json", "description": "all"}]);
        }
        file["unknown_fields"] = unknown;
        let profile = Profile::parse(file.to_string().as_bytes()).expect("a profile");
        let sides = [config(list(1, 1)), config(list(2, 1)), config(reversed.clone())];
        let (merged, paths) = conflicts(&profile, sides);
        assert_eq!(paths, ["extra[a].n"]);
        assert_eq!(merged["extra"], json!([{"id": "b", "n": 1}, {"id": "a", "n": 2}]));
    }
}

#[test]
fn the_root_of_a_block_of_several_fields_has_no_path() {
    let at = |block: &str| {
        let block = block.parse().expect("a block name");
        atoms().config_path(&block, &Path::root()).map(|path| path.to_string())
    };
    assert_eq!(at("workflow_prompt").as_deref(), Some("singlePromptConfig.prompt"));
    assert_eq!(at("workflow_tools").as_deref(), Some("singlePromptConfig.tools"));
    assert_eq!(at("voice"), None);
    assert_eq!(at("unheard_of"), None);
}
