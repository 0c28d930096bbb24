//! Agents: made, shown, listed, renamed, copied, put away.

use serde_json::json;

use super::{Api, is_id, text};

#[test]
fn an_agent_of_a_name_alone_serves_the_defaults_at_once() {
    let api = Api::new();
    let made = api.post("/agent", &json!({"name": "Front Desk", "unheardOf": 1}));
    assert!(made.head.contains("recto-ignored: unheardOf\r\n"), "{made:?}");
    let id = text(&made.ok(201));
    let agent = api.get(&format!("/agent/{id}")).ok(200);
    assert_eq!(agent["name"], "Front Desk");
    assert_eq!(agent["workflowType"], "single_prompt");
    assert_eq!(agent["_resolvedConfig"]["prompt"], "");
    assert_eq!((agent["archived"].clone(), agent["description"].clone()), (json!(false), json!("")));
    for key in ["_id", "organization", "workflowId", "createdBy", "activeVersionId", "versionId"] {
        assert!(is_id(&agent[key]), "{key}: {agent}");
    }
    assert_eq!(agent["activeVersionId"], agent["versionId"]);
    let time = text(&agent["createdAt"]);
    assert!(time.len() == 24 && time.ends_with('Z') && time.contains('T'), "{time}");
    // The store's own names for the same.
    let shown: serde_json::Value =
        serde_json::from_str(&api.recto(&["agent", "show", "front-desk", "--json"])).expect("JSON");
    assert!(text(&shown["id"]).starts_with(&id), "{shown}");
    let log = api.recto(&["log", "front-desk", "--json"]);
    assert!(log.contains("\"via\":\"atoms\""), "{log}");
    // The same name again is another agent.
    let (other, _) = api.agent("Front Desk");
    assert_ne!(other, id);
    assert!(api.recto(&["agent", "list"]).contains("front-desk-2"));
}

#[test]
fn where_a_program_has_the_last_word_a_new_agent_serves_when_it_said_so() {
    let api = Api::new();
    let (first, _) = api.agent("First");
    api.recto(&["config", "check.command", "true"]);
    let organization = api.get(&format!("/agent/{first}")).ok(200)["organization"].clone();
    let copy = json!({"targetOrganizationId": organization});
    let copied = text(&api.post(&format!("/agent/{first}/duplicate"), &copy).ok(201)["_id"]);
    let made = text(&api.post("/agent", &json!({"name": "Desk"})).ok(201));
    for (agent, handle) in [(made, "desk"), (copied, "first-copy")] {
        let shown = api.get(&format!("/agent/{agent}")).ok(200);
        assert!(shown["activeVersionId"].is_null() && shown.get("_resolvedConfig").is_none(), "{shown}");
        let version = api.get(&format!("/agent/{agent}/versions")).ok(200)["versions"][0].clone();
        assert_eq!(version["securityCheck"]["status"], "pending", "{version}");
        let activate = format!("/agent/{agent}/versions/{}/activate", text(&version["_id"]));
        api.send("PATCH", &activate, None).refused(400, "security check pending");
        api.recto(&["check", &format!("{handle}@V1"), "--run"]);
        assert_eq!(api.send("PATCH", &activate, None).ok(200)["isActive"], true);
    }
    // What recto's own check finds makes no agent, as without a program.
    let leak = json!({"name": "Leaking", "firstMessage": "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"});
    api.post("/agent", &leak).refused(400, "nothing was made");
}

#[test]
fn config_and_metadata_are_told_apart() {
    let api = Api::new();
    let body = json!({
        "name": "Desk", "description": "Answers.", "telephonyProductId": "p1", "allowInboundCall": true,
        "firstMessage": "Hello.", "language": {"enabled": "hi", "switching": {"isEnabled": true}},
        "singlePromptConfig": {"prompt": "Be kind."},
    });
    let id = text(&api.post("/agent", &body).ok(201));
    let path = format!("/agent/{id}");
    let agent = api.get(&path).ok(200);
    assert_eq!(agent["telephonyProductId"], "p1");
    assert_eq!(agent["language"]["enabled"], "hi");
    let resolved = &agent["_resolvedConfig"];
    assert_eq!(resolved["defaultLanguage"], "hi");
    assert_eq!(resolved["prompt"], "Be kind.");
    assert!(resolved.get("name").is_none() && resolved.get("telephonyProductId").is_none(), "{resolved}");
    let edit = json!({"name": "Desk 2", "telephonyProductId": null, "allowInboundCall": false, "other": 1});
    let answer = api.patch(&path, &edit);
    assert!(answer.head.contains("recto-ignored: other\r\n"), "{answer:?}");
    assert_eq!(answer.ok(200), json!(id));
    let agent = api.get(&path).ok(200);
    assert_eq!((agent["name"].clone(), agent["allowInboundCall"].clone()), (json!("Desk 2"), json!(false)));
    assert!(agent.get("telephonyProductId").is_none(), "{agent}");
    assert_eq!(agent["description"], "Answers.");
    assert_eq!(api.get(&format!("{path}/versions")).ok(200)["total"], 1, "metadata is no version");
}

#[test]
fn pages_of_agents_are_the_newest_first() {
    let api = Api::new();
    let ids: Vec<String> =
        ["Alpha desk", "Beta Desk", "Gamma"].into_iter().map(|name| api.agent(name).0).collect();
    let listed = |query: &str| -> (Vec<String>, serde_json::Value) {
        let page = api.get(&format!("/agent{query}")).ok(200);
        let agents = page["agents"].as_array().expect("a list").iter().map(|agent| text(&agent["_id"]));
        (agents.collect(), page.clone())
    };
    let newest: Vec<String> = ids.iter().rev().cloned().collect();
    assert_eq!(listed("").0, newest);
    let (second, page) = listed("?page=2&offset=2");
    assert_eq!(second, ids[..1]);
    let counts = ["total", "totalCount", "totalPages", "hasMore"].map(|key| page[key].clone());
    assert_eq!(counts, [json!(3), json!(3), json!(2), json!(false)]);
    assert_eq!(listed("?page=1&offset=2").1["hasMore"], true);
    assert_eq!(listed("?search=DESK").0, [ids[1].clone(), ids[0].clone()]);
    assert!(listed("?page=9").0.is_empty());
    // What others do shows at once: another title, another handle, an agent that is put away.
    api.recto(&["agent", "rename", "gamma", "delta"]);
    api.recto(&["agent", "edit", "alpha-desk", "--title", "Zeta"]);
    assert_eq!(api.get(&format!("/agent/{}", ids[2])).ok(200)["name"], "Gamma");
    assert_eq!(listed("?search=zeta").0, ids[..1]);
    assert_eq!(api.delete(&format!("/agent/{}/archive", ids[1])).ok(200), json!(null));
    assert_eq!(listed("?search=desk").0, Vec::<String>::new());
    assert_eq!(listed("").1["total"], 2);
    assert_eq!(api.get(&format!("/agent/{}", ids[1])).ok(200)["archived"], true);
    let call = json!({"agentId": ids[1], "phoneNumber": "+15550100"});
    api.post("/conversation/outbound", &call).refused(400, "archived");
}

#[test]
fn a_copy_has_the_config_without_what_belongs_to_the_organization() {
    let api = Api::new();
    let tools = json!([
        {"type": "end_call", "name": "end_call", "description": "Ends the call."},
        {"type": "knowledge_base_search", "name": "look_up", "description": "Looks it up.",
            "knowledgeBaseId": "60d0fe4f5311236168a109ca"},
    ]);
    let body = json!({
        "name": "Desk", "telephonyProductId": "p1", "defaultVariables": {"company": "Acme"},
        "singlePromptConfig": {"prompt": "Be kind.", "tools": tools},
    });
    let id = text(&api.post("/agent", &body).ok(201));
    let agent = api.get(&format!("/agent/{id}")).ok(200);
    let to = json!({"targetOrganizationId": agent["organization"]});
    let copy = text(&api.post(&format!("/agent/{id}/duplicate"), &to).ok(201)["_id"]);
    let copied = api.get(&format!("/agent/{copy}")).ok(200);
    assert_eq!(copied["_resolvedConfig"]["prompt"], "Be kind.");
    assert_eq!(copied["_resolvedConfig"]["tools"].as_array().map(Vec::len), Some(1));
    assert_eq!(copied["defaultVariables"], json!({"company": ""}));
    assert!(copied.get("telephonyProductId").is_none(), "{copied}");
    assert!(is_id(&copied["activeVersionId"]) && copied["activeVersionId"] != agent["activeVersionId"]);
    assert_eq!(api.get(&format!("/agent/{copy}/versions")).ok(200)["total"], 1);
    api.post(&format!("/agent/{id}/duplicate"), &json!({"targetOrganizationId": "f".repeat(24)}))
        .refused(404, "Organization not found");
    api.post(&format!("/agent/{id}/duplicate"), &json!({})).refused(400, "Invalid Input: Required");
}
