//! What is refused, with which status and which words; never with 409.

use serde_json::json;

use super::Api;

#[test]
fn an_agent_wants_a_name_and_languages_their_switching() {
    let api = Api::new();
    for (body, text) in [
        (json!({}), "Invalid Input: Required"),
        (json!({"name": "Desk", "language": {}}), "Invalid Input: Required"),
        (json!({"name": "Desk", "language": {"enabled": "en"}}), "Invalid Input: Required"),
        (json!({"name": ""}), "name is empty"),
        (json!({"name": 7}), "Expected string, received number"),
        (json!({"name": "Desk", "description": []}), "Expected string, received array"),
        (json!({"name": "Desk", "allowInboundCall": "yes"}), "allowInboundCall"),
        (json!({"name": "Desk", "slmModel": "gpt-2"}), "/slmModel"),
        (json!({"name": "Desk", "workflowType": "workflow_graph", "slmModel": "gpt-realtime"}), "slmModel"),
        (json!([]), "not a JSON object"),
    ] {
        api.post("/agent", &body).refused(400, text);
    }
    let secret = format!("Use the key sk_live_{}.", "4eC39HqLyjWDarjtT1zdp7dc");
    let body = json!({"name": "Desk", "singlePromptConfig": {"prompt": secret}});
    api.post("/agent", &body).refused(400, "security check failed, nothing was made");
    assert_eq!(api.get("/agent").ok(200)["total"], 0);
    for wrong in ["?page=0", "?offset=0", "?offset=101", "?page=x"] {
        api.get(&format!("/agent{wrong}")).refused(400, "Invalid Input");
    }
}

#[test]
fn what_is_not_there_is_told_as_the_api_tells_it() {
    let api = Api::new();
    let (agent, version) = api.agent("Desk");
    let nobody = "f".repeat(24);
    let body = json!({"firstMessage": "x"});
    for id in [nobody.as_str(), "desk", "..", "x"] {
        api.get(&format!("/agent/{id}")).refused(400, "No agent found");
        api.get(&format!("/agent/{id}/drafts")).refused(400, "No agent found");
        api.get(&format!("/agent/{id}/versions")).refused(400, "No agent found");
        api.patch(&format!("/agent/{id}"), &json!({"name": "x"})).refused(400, "No agent found");
        api.patch(&format!("/agent/{id}/drafts/{nobody}/config"), &body).refused(404, "Agent not found");
        api.delete(&format!("/agent/{id}/archive")).refused(400, "No agent found");
        api.get(&format!("/agent/{id}/workflow")).refused(404, "Agent not found");
        api.post(&format!("/agent/{id}/duplicate"), &json!({})).refused(404, "Agent not found");
        api.patch(&format!("/workflow/{id}"), &json!({})).refused(404, "Workflow not found");
    }
    let at = format!("/agent/{agent}");
    api.patch(&format!("{at}/drafts/{nobody}/config"), &body).refused(404, "Draft not found");
    api.get(&format!("{at}/drafts/{nobody}")).refused(400, "Draft not found");
    api.get(&format!("{at}/drafts/main/diff")).refused(400, "Draft not found");
    api.get(&format!("{at}/versions/{nobody}")).refused(400, "Version not found");
    api.get(&format!("{at}/versions/V1")).refused(400, "not a version id");
    api.get(&format!("{at}?versionId={nobody}")).refused(400, "Version not found");
    // The version of another agent is none of this one's.
    let (other, _) = api.agent("Other");
    api.get(&format!("/agent/{other}/versions/{version}")).refused(400, "Version not found");
    // Agents are archived, not deleted; and methods and places that are not there are 404.
    api.delete(&at).refused(404, "Not Found");
    api.send("PUT", &at, None).refused(404, "does not take");
    api.get("/campaign").refused(404, "nothing");
    assert_eq!(api.get(&at).ok(200)["archived"], false);
}

#[test]
fn parameters_that_the_api_does_not_have_are_passed_over_and_named() {
    let api = Api::new();
    let (agent, version) = api.agent("Desk");
    let draft = api.draft(&agent, &version, &json!({"firstMessage": "Hello."}));
    let at = format!("/agent/{agent}");
    let two = format!("versionA={version}&versionB={version}");
    for taken in [
        "?page=1&offset=5&search=desk".to_owned(),
        format!("/{agent}?versionId={version}"),
        format!("/{agent}?draftId={draft}"),
        format!("/{agent}/workflow?versionId={version}"),
        format!("/{agent}/drafts/{draft}?limit=5"),
        format!("/{agent}/drafts/{draft}/diff?compareTo={version}"),
        format!("/{agent}/drafts/{draft}/diff?versionId={version}"),
        format!("/{agent}/versions?limit=5&skip=0&isPinned=false"),
        format!("/{agent}/versions/diff?{two}"),
        format!("/{agent}/versions/diff?baseId={version}&compareId={version}"),
        format!(
            "/{agent}/versions/compare-metrics?{two}&dateFrom=2026-03-07T14:03:00Z&dateTo=2026-03-08T14:03:00Z"
        ),
    ] {
        let answer = api.get(&format!("/agent{taken}"));
        assert!(!answer.head.contains("recto-ignored"), "{answer:?}");
        answer.ok(200);
    }
    for (path, named) in [
        ("/agent?limit=5&page=1".to_owned(), "limit"),
        (format!("{at}/versions?ispinned=true&x=%0A"), "ispinned, x"),
        (format!("{at}/drafts?limit=1"), "limit"),
        ("/agent?limit=5&x=1&limit=6&page=1".to_owned(), "limit, x"),
    ] {
        let answer = api.get(&path);
        assert!(answer.head.contains(&format!("recto-ignored: {named}\r\n")), "{answer:?}");
        answer.ok(200);
    }
    let published = api.send("POST", &format!("{at}/drafts/{draft}/publish?activate=true"), None);
    assert!(published.head.contains("recto-ignored: activate\r\n"), "{published:?}");
    assert_eq!(api.get(&at).ok(200)["activeVersionId"], version, "publishing never activates");
    api.get("/agent?page=1&page=2").refused(400, "'page' is given twice");
}

#[test]
fn forks_renames_and_publishes_that_are_refused() {
    let api = Api::new();
    let (agent, version) = api.agent("Desk");
    let draft = api.draft(&agent, &version, &json!({"firstMessage": "Hello."}));
    let drafts = format!("/agent/{agent}/drafts");
    for (body, text) in [
        (json!({}), "Either sourceVersionId or sourceDraftId is required"),
        (json!({"draftName": "x"}), "Either sourceVersionId or sourceDraftId is required"),
        (json!({"sourceVersionId": version, "sourceDraftId": draft}), "Exactly one of"),
        (json!({"sourceVersionId": "V1"}), "not a version id"),
        (json!({"sourceVersionId": "f".repeat(24)}), "Version not found"),
        (json!({"sourceDraftId": "f".repeat(24)}), "Draft not found"),
        (json!({"sourceVersionId": 1}), "Expected string"),
        (json!({"sourceVersionId": version, "draftName": "x".repeat(101)}), "at most 100"),
        (json!({"sourceVersionId": version, "draftName": " "}), "draftName is empty"),
    ] {
        api.post(&drafts, &body).refused(400, text);
    }
    api.send("POST", &drafts, None).refused(400, "Either sourceVersionId or sourceDraftId is required");
    let at = format!("{drafts}/{draft}");
    api.patch(&at, &json!({})).refused(400, "Invalid Input: Required");
    api.patch(&at, &json!({"draftName": "x".repeat(101)})).refused(400, "at most 100");
    for wrong in ["0", "101", "x"] {
        api.get(&format!("{at}?limit={wrong}")).refused(400, "limit");
    }
    api.post(&format!("{at}/publish"), &json!({"label": "x".repeat(201)})).refused(400, "at most 200");
    api.post(&format!("{at}/publish"), &json!({"activate": "now"})).refused(400, "Expected boolean");
    assert_eq!(api.get(&drafts).ok(200).as_array().map(Vec::len), Some(1), "nothing was made");
    let config = json!({"firstMessage": "x"});
    api.patch(&format!("/agent/{agent}"), &config)
        .refused(400, "Agent has versioning enabled. Config changes must be made through drafts.");
    api.patch(&format!("/agent/{agent}"), &json!({"name": "x", "voice": {}})).refused(400, "through drafts");
    for (name, says) in [(json!(""), "Invalid Input: name is empty"), (json!(null), "Expected string")] {
        api.patch(&format!("/agent/{agent}"), &json!({"name": name})).refused(400, says);
    }
    assert_eq!(api.get(&format!("/agent/{agent}")).ok(200)["name"], "Desk");
}

#[test]
fn workflows_and_calls_that_are_refused() {
    let api = Api::new();
    let (agent, _) = api.agent("Desk");
    let shown = api.get(&format!("/agent/{agent}")).ok(200);
    let workflow = format!("/workflow/{}", shown["workflowId"].as_str().expect("an id"));
    let prompt = json!({"prompt": "x"});
    for (body, text) in [
        (json!({"singlePromptConfig": prompt}), "Invalid Input: Required"),
        (json!({"type": "flow", "singlePromptConfig": prompt}), "single_prompt, workflow_graph"),
        (json!({"type": "single_prompt"}), "Exactly one of workflowGraph or singlePromptConfig"),
        (
            json!({"type": "single_prompt", "singlePromptConfig": prompt, "workflowGraph": {}}),
            "Exactly one of workflowGraph or singlePromptConfig",
        ),
        (json!({"type": "workflow_graph", "singlePromptConfig": prompt}), "workflowGraph is required"),
        (json!({"type": "single_prompt", "singlePromptConfig": []}), "Expected object"),
        (
            json!({"type": "workflow_graph", "workflowGraph": {"edges": [{"source": "a", "target": "b"}]}}),
            "/workflowGraph/edges",
        ),
    ] {
        api.patch(&workflow, &body).refused(400, text);
    }
    assert_eq!(api.get(&format!("/agent/{agent}/versions")).ok(200)["total"], 1);
    for (body, text) in [
        (json!({"phoneNumber": "+15550100"}), "Invalid Input: Required"),
        (json!({"agentId": agent}), "Invalid Input: Required"),
        (json!({"agentId": agent, "phoneNumber": "0800"}), "phoneNumber"),
        (json!({"agentId": agent, "phoneNumber": "+1", "variables": []}), "variables"),
        (json!({"agentId": "f".repeat(24), "phoneNumber": "+1"}), "No agent found"),
    ] {
        api.post("/conversation/outbound", &body).refused(400, text);
    }
    api.recto(&["unpublish", "desk"]);
    let call = json!({"agentId": agent, "phoneNumber": "+15550100"});
    api.post("/conversation/outbound", &call).refused(400, "no active version");
    let shown = api.get(&format!("/agent/{agent}")).ok(200);
    assert_eq!(shown["activeVersionId"], json!(null));
    assert!(shown.get("_resolvedConfig").is_none(), "{shown}");
    let edit = json!({"type": "single_prompt", "singlePromptConfig": prompt});
    api.patch(&workflow, &edit).refused(400, "no active version");
    api.post(&format!("/agent/{agent}/duplicate"), &json!({"targetOrganizationId": shown["organization"]}))
        .refused(400, "no active version");
}
