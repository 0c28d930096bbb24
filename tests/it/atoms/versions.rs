//! Versions: listed, shown, compared, relabelled, activated; and the older way around drafts.

use serde_json::{Value, json};

use super::{Api, is_id, text};

#[test]
fn pages_of_versions_are_the_newest_first_and_pins_filter() {
    let api = Api::new();
    let (agent, first) = api.agent("Desk");
    let mut ids = vec![first];
    for number in 2..=4 {
        let last = ids.last().expect("one").clone();
        ids.push(api.version(&agent, &last, &json!({"firstMessage": format!("V{number}")})));
    }
    let path = format!("/agent/{agent}/versions");
    let listed = |query: &str| -> (Vec<String>, Value) {
        let page = api.get(&format!("{path}{query}")).ok(200);
        let versions = page["versions"].as_array().expect("a list").iter().map(|item| text(&item["_id"]));
        (versions.collect(), page.clone())
    };
    let newest: Vec<String> = ids.iter().rev().cloned().collect();
    assert_eq!(listed("").0, newest);
    assert_eq!(listed("").1["versions"][0]["publishedByName"], "Asha Rao");
    assert_eq!(listed("?limit=2&skip=1").0, newest[1..3]);
    assert_eq!(listed("?skip=9").0, Vec::<String>::new());
    api.patch(&format!("{path}/{}", ids[1]), &json!({"isPinned": true})).ok(200);
    let (pinned, page) = listed("?isPinned=true");
    assert_eq!(
        (pinned, page["total"].clone()),
        (vec![ids[1].clone()], json!(4)),
        "the total ignores the filter"
    );
    assert_eq!(listed("?isPinned=false&limit=2").0, [ids[3].clone(), ids[2].clone()]);
    for wrong in ["?limit=0", "?limit=101", "?limit=x", "?skip=-1", "?isPinned=2"] {
        api.get(&format!("{path}{wrong}")).refused(400, "Invalid Input");
    }
}

#[test]
fn what_is_said_of_a_version_may_change_and_its_config_not() {
    let api = Api::new();
    let (agent, first) = api.agent("Desk");
    let path = format!("/agent/{agent}/versions/{first}");
    let edited = api.patch(&path, &json!({"label": "The first", "firstMessage": "x"}));
    assert!(edited.head.contains("recto-ignored: firstMessage\r\n"), "{edited:?}");
    let edited = edited.ok(200);
    assert_eq!((edited["label"].clone(), edited["description"].clone()), (json!("The first"), json!(null)));
    let edited = api.patch(&path, &json!({"description": "How it began", "isPinned": true})).ok(200);
    assert_eq!((edited["label"].clone(), edited["isPinned"].clone()), (json!("The first"), json!(true)));
    assert!(text(&edited["updatedAt"]) > text(&edited["createdAt"]), "{edited}");
    let cleared = api.patch(&path, &json!({"label": null, "isPinned": false})).ok(200);
    assert_eq!((cleared["label"].clone(), cleared["isPinned"].clone()), (json!(null), json!(false)));
    assert_eq!(cleared["description"], "How it began");
    let shown = api.get(&path).ok(200);
    assert_eq!(shown["version"], cleared);
    assert_eq!(shown["resolvedConfig"]["workflow_prompt"], json!({"prompt": ""}));
    assert_eq!(shown["resolvedConfig"]["workflow_graph"], json!({"workflowType": "single_prompt"}));
    assert_eq!(shown["securityCheck"], shown["version"]["securityCheck"]);
    for (wrong, place) in [
        (json!({}), "At least one of label, description, or isPinned must be provided"),
        (json!({"firstMessage": "x"}), "At least one of"),
        (json!({"label": "x".repeat(201)}), "label must contain at most 200"),
        (json!({"description": "x".repeat(2001)}), "description must contain at most 2000"),
        (json!({"isPinned": "yes"}), "Expected boolean"),
    ] {
        api.patch(&path, &wrong).refused(400, place);
    }
}

#[test]
fn two_versions_are_compared_by_either_pair_of_names() {
    let api = Api::new();
    let (agent, first) = api.agent("Desk");
    let change = json!({"firstMessage": "Hello.", "singlePromptConfig": {"prompt": "Be kind."}});
    let second = api.version(&agent, &first, &change);
    let path = format!("/agent/{agent}/versions");
    let diff = api.get(&format!("{path}/diff?versionA={first}&versionB={second}")).ok(200);
    let expected = json!([
        {"section": "workflow_prompt", "changes": [
            {"path": "singlePromptConfig.prompt", "oldValue": "", "newValue": "Be kind."}]},
        {"section": "call_handling", "changes": [
            {"path": "firstMessage", "oldValue": null, "newValue": "Hello."}]},
    ]);
    assert_eq!(diff["diffs"], expected);
    assert_eq!(diff["unchangedSections"].as_array().map(Vec::len), Some(11));
    assert_eq!(api.get(&format!("{path}/diff?baseId={first}&compareId={second}")).ok(200), diff);
    let same = api.get(&format!("{path}/diff?versionA={first}&versionB={first}")).ok(200);
    assert_eq!(
        (same["diffs"].clone(), same["unchangedSections"].as_array().map(Vec::len)),
        (json!([]), Some(13))
    );
    let dates = "dateFrom=2026-01-01T00:00:00Z&dateTo=2026-02-01T00:00:00Z";
    let both = format!("{path}/compare-metrics?versionA={first}&versionB={second}");
    let metrics = api.get(&format!("{both}&{dates}")).ok(200);
    assert_eq!(metrics["configDiff"], diff);
    for side in ["versionA", "versionB", "deltas"] {
        let numbers = metrics["metrics"][side].as_object().expect("numbers");
        assert!(!numbers.is_empty() && numbers.values().all(|number| *number == 0), "{metrics}");
    }
    api.get(&format!("{both}&dateFrom=yesterday")).refused(400, "dateFrom");
    api.get(&format!("{path}/diff?versionA={first}")).refused(400, "Invalid Input: Required");
    api.get(&format!("{path}/diff?versionA={first}&versionB=V2")).refused(400, "'V2' is not a version id");
}

#[test]
fn activating_goes_forward_and_back() {
    let api = Api::new();
    let (agent, first) = api.agent("Desk");
    let second = api.version(&agent, &first, &json!({"firstMessage": "Hello."}));
    let activate = |id: &str| api.send("PATCH", &format!("/agent/{agent}/versions/{id}/activate"), None);
    let active = activate(&second).ok(200);
    assert_eq!((active["_id"].clone(), active["isActive"].clone()), (json!(second), json!(true)));
    assert!(is_id(&active["activatedBy"]) && active["activatedAt"] == active["updatedAt"], "{active}");
    let before = api.recto(&["log", "desk", "--json"]);
    activate(&second).ok(200);
    assert_eq!(api.recto(&["log", "desk", "--json"]), before, "it is active already");
    let call = json!({"agentId": agent, "phoneNumber": "+1...", "variables": {"name": "Ana"}});
    assert_eq!(api.post("/conversation/outbound", &call).ok(200)["versionId"], json!(second));
    activate(&first).ok(200);
    assert_eq!(api.post("/conversation/outbound", &call).ok(200)["versionId"], json!(first));
    assert_eq!(api.get(&format!("/agent/{agent}/versions/{second}")).ok(200)["version"]["isActive"], false);
}

#[test]
fn a_check_that_failed_or_is_pending_keeps_a_version_from_serving() {
    let api = Api::new();
    let (agent, first) = api.agent("Desk");
    let secret = format!("Use the key sk_live_{}.", "4eC39HqLyjWDarjtT1zdp7dc");
    let failed = api.version(&agent, &first, &json!({"singlePromptConfig": {"prompt": secret}}));
    let path = |id: &str| format!("/agent/{agent}/versions/{id}");
    let check = api.get(&path(&failed)).ok(200)["securityCheck"].clone();
    assert_eq!(check["status"], "failed", "{check}");
    assert!(is_text(&check["reason"]) && !check["reason"].to_string().contains("4eC39"), "{check}");
    api.send("PATCH", &format!("{}/activate", path(&failed)), None).refused(400, "security check failed");
    // A program outside has the last word where the store names one.
    api.recto(&["config", "check.command", "false"]);
    let pending = api.version(&agent, &first, &json!({"firstMessage": "Hello."}));
    let check = api.get(&path(&pending)).ok(200)["securityCheck"].clone();
    assert_eq!((check["status"].clone(), check["completedAt"].clone()), (json!("pending"), Value::Null));
    api.send("PATCH", &format!("{}/activate", path(&pending)), None).refused(400, "security check pending");
    api.recto(&["config", "check.command", "true"]);
    api.recto(&["check", "desk@V3", "--run"]);
    assert_eq!(api.get(&path(&pending)).ok(200)["securityCheck"]["status"], "passed");
    api.send("PATCH", &format!("{}/activate", path(&pending)), None).ok(200);
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

#[test]
fn the_older_way_becomes_a_version_and_wipes_nothing() {
    let api = Api::new();
    let (agent, first) = api.agent("Desk");
    let tool = json!({"type": "end_call", "name": "end_call", "description": "Ends the call."});
    let start =
        json!({"firstMessage": "Hello.", "singlePromptConfig": {"prompt": "Be kind.", "tools": [tool]}});
    let second = api.version(&agent, &first, &start);
    api.send("PATCH", &format!("/agent/{agent}/versions/{second}/activate"), None).ok(200);
    let workflow = format!("/workflow/{}", text(&api.get(&format!("/agent/{agent}")).ok(200)["workflowId"]));
    let edit = json!({"type": "single_prompt", "singlePromptConfig": {"prompt": "Be brief."}});
    let made = api.patch(&workflow, &edit).ok(200);
    assert_eq!((made["versionNumber"].clone(), made["isActive"].clone()), (json!(3), json!(true)));
    let shown = api.get(&format!("/agent/{agent}")).ok(200)["_resolvedConfig"].clone();
    assert_eq!((shown["tools"].clone(), shown["firstMessage"].clone()), (json!([tool]), json!("Hello.")));
    let read = |query: &str| api.get(&format!("/agent/{agent}/workflow{query}")).ok(200);
    assert_eq!(read(""), json!({"prompt": "Be brief.", "tools": [tool]}));
    assert_eq!(read(&format!("?versionId={second}"))["prompt"], "Be kind.", "the version is honoured");
    // The same again is no version.
    assert_eq!(api.patch(&workflow, &edit).ok(200)["versionNumber"], 3);
    let graph =
        json!({"nodes": [{"id": "a"}, {"id": "b"}], "edges": [{"id": "e", "source": "a", "target": "b"}]});
    api.patch(&workflow, &json!({"type": "workflow_graph", "workflowGraph": graph})).ok(200);
    assert_eq!(read(""), json!({"type": "workflow_graph", "data": graph}));
    let nodes = json!([{"id": "a"}, {"id": "b"}, {"id": "c"}]);
    api.patch(&workflow, &json!({"type": "workflow_graph", "workflowGraph": {"nodes": nodes}})).ok(200);
    assert_eq!(read("")["data"]["edges"], graph["edges"]);
    let organization = api.get(&format!("/agent/{agent}")).ok(200)["organization"].clone();
    api.post(&format!("/agent/{agent}/duplicate"), &json!({"targetOrganizationId": organization}))
        .refused(400, "single_prompt");
    // What the check refuses is recorded, and does not serve.
    let secret = format!("Use the key sk_live_{}.", "4eC39HqLyjWDarjtT1zdp7dc");
    let edit = json!({"type": "single_prompt", "singlePromptConfig": {"prompt": secret}});
    api.patch(&workflow, &edit).refused(400, "security check failed: the change is V6, which does not serve");
    assert_eq!(read("")["type"], "workflow_graph");
    assert_eq!(api.get(&format!("/agent/{agent}/versions")).ok(200)["total"], 6);
}
