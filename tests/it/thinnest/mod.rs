//! The versioning API of thinnestAI: every endpoint as its document has it, what is refused, and the commands of
//! the document as they stand.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::Place;
use crate::serve::wire::Served;

const LINES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/thinnest/lines.sh");
const AGENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/agents/thinnest-helpdesk.json");

/// A store with one agent of one version, `helpdesk`, behind the API.
struct Api {
    place: Place,
    served: Served,
    token: String,
}

impl Api {
    fn new() -> Self {
        let place = Place::with_store();
        place.recto(["import", AGENT, "--as", "helpdesk"]).ok();
        let mut command = place.command(["serve", "--listen", "127.0.0.1:0"]);
        let served = Served::started(command.env_remove("RECTO_TIME"));
        Self { place, served, token: "any".to_owned() }
    }

    #[track_caller]
    fn recto(&self, args: &[&str]) -> String {
        self.place.run(self.place.command(args).env_remove("RECTO_TIME")).ok()
    }

    /// Asks, and gives status and document.
    fn send(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let (status, value, _) = self.exchange(method, path, body);
        (status, value)
    }

    /// Asks, and gives status, document and head.
    fn exchange(&self, method: &str, path: &str, body: &str) -> (u16, Value, String) {
        let answer = self.served.raw(
            format!(
                "{method} /thinnest/agents/{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                 authorization: Bearer {}\r\ncontent-length: {}\r\n\r\n{body}",
                self.token,
                body.len()
            )
            .as_bytes(),
        );
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        let value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
        (status, value, head.to_ascii_lowercase() + "\r\n")
    }

    #[track_caller]
    fn get(&self, path: &str) -> Value {
        let (status, value) = self.send("GET", &format!("helpdesk/{path}"), "");
        assert_eq!(status, 200, "{value}");
        value
    }

    #[track_caller]
    fn post(&self, path: &str, body: &Value) -> Value {
        let (status, value) = self.send("POST", &format!("helpdesk/{path}"), &body.to_string());
        assert_eq!(status, 200, "{value}");
        value
    }

    #[track_caller]
    fn refused(&self, method: &str, path: &str, body: &str, status: u16, says: &str) {
        let (told, value) = self.send(method, path, body);
        assert_eq!(told, status, "{method} {path}: {value}");
        assert!(value["detail"].as_str().is_some_and(|text| text.contains(says)), "{says}: {value}");
    }
}

#[test]
fn an_agent_is_published_changed_and_taken_offline() {
    let api = Api::new();
    let status = api.get("status");
    assert_eq!((&status["status"], &status["published_version_id"]), (&json!("draft"), &Value::Null));
    let first = api.post("publish", &json!({"change_summary": "Went live"}));
    assert_eq!(
        first,
        json!({"success": true, "status": "published", "version_id": 2, "version_number": 2, "version_label": "v2"})
    );
    let status = api.get("status");
    assert_eq!(status["status"], "published");
    assert_eq!(status["published_version_id"], 2);
    assert_eq!(status["has_unpublished_changes"], false);
    assert_eq!(status["changed_fields"], json!([]));
    let time = status["last_published_at"].as_str().expect("a time");
    assert!(time.len() == 19 && !time.contains('Z'), "{time}");
    api.recto(&["set", "helpdesk@main", "instructions=Be brief.", "model=gpt-4o"]);
    let status = api.get("status");
    assert_eq!(status["has_unpublished_changes"], true);
    assert_eq!(status["changed_fields"], json!(["instructions", "model"]));
    let diff = api.get("diff-draft");
    assert_eq!(diff["published_version"], json!({"id": 2, "version_number": 2}));
    assert_eq!(diff["changes"]["model"], json!({"old": "gpt-4o-mini", "new": "gpt-4o"}));
    assert_eq!(diff["changes"]["instructions"]["new"], "Be brief.");
    assert_eq!(diff["has_changes"], true);
    assert_eq!(api.post("unpublish", &json!({}))["success"], true);
    assert_eq!(api.get("status")["status"], "draft");
    assert!(api.recto(&["timeline", "helpdesk"]).contains("unpublish"));
    assert_eq!(api.post("publish", &json!({}))["version_number"], 3);
    assert_eq!(api.recto(&["cat", "helpdesk", "model"]).trim(), "gpt-4o");
}

#[test]
fn ids_count_snapshots_and_numbers_count_versions() {
    let api = Api::new();
    api.post("publish", &json!({}));
    let kept =
        json!({"change_summary": "Before the trial", "version_label": "pre", "environment": "staging"});
    assert_eq!(
        api.post("versions", &kept),
        json!({"success": true, "version_id": 3, "version_number": null, "version_label": "pre"})
    );
    api.recto(&["set", "helpdesk@main", "model=gpt-4o"]);
    let third = api.post("publish", &json!({"change_summary": "A larger model"}));
    assert_eq!((&third["version_id"], &third["version_number"]), (&json!(4), &json!(3)));
    let list = api.get("versions");
    let list = list["versions"].as_array().expect("a list");
    let ids: Vec<_> =
        list.iter().map(|version| (version["id"].clone(), version["version_number"].clone())).collect();
    let numbers = [(4, Some(3)), (3, None), (2, Some(2)), (1, Some(1))];
    assert_eq!(ids, numbers.map(|(id, number)| (json!(id), json!(number))));
    assert_eq!(list[0]["name"], "Northwind Helpdesk");
    assert_eq!((&list[0]["environment"], &list[0]["is_active"]), (&json!("production"), &json!(true)));
    assert_eq!((&list[1]["environment"], &list[1]["is_active"]), (&json!("staging"), &json!(false)));
    assert_eq!(list[1]["change_summary"], "Before the trial");
    assert_eq!(list[2]["version_label"], "v2");
    assert!(list[0]["created_by"].as_str().is_some_and(|who| who.contains("asha")), "{}", list[0]);
    assert!(list[0].get("snapshot").is_none());
    let shown = api.get("versions/4");
    assert_eq!(shown["snapshot"]["model"], "gpt-4o");
    let diff = api.get("versions/2/diff/4");
    assert_eq!(
        diff,
        json!({
            "version_a": {"id": 2, "version_number": 2}, "version_b": {"id": 4, "version_number": 3},
            "changes": {"model": {"old": "gpt-4o-mini", "new": "gpt-4o"}}, "has_changes": true,
        })
    );
    assert_eq!(api.get("versions/2/diff/3")["has_changes"], false);
    // What was taken back is no version any more, and its id is nobody else's.
    api.recto(&["undo", "helpdesk"]);
    let after = api.get("versions");
    assert!(
        after["versions"].as_array().expect("a list").iter().all(|version| version["id"] != 4),
        "{after}"
    );
    assert_eq!(api.post("publish", &json!({}))["version_id"], 5);
}

#[test]
fn a_rollback_keeps_the_draft_and_publishes_the_old_state() {
    let api = Api::new();
    api.post("publish", &json!({}));
    api.recto(&["set", "helpdesk@main", "model=gpt-4o"]);
    api.post("publish", &json!({}));
    api.recto(&["set", "helpdesk@main", "model=unfinished"]);
    let done = api.post("versions/2/rollback", &json!({}));
    assert_eq!(done["success"], true);
    assert_eq!(done["message"], "Rolled back to version 2");
    assert_eq!(done["agent_id"], "helpdesk");
    assert_eq!((&done["backup_version_id"], &done["version_id"]), (&json!(4), &json!(5)));
    assert_eq!(api.recto(&["cat", "helpdesk", "model"]).trim(), "gpt-4o-mini");
    assert_eq!(api.get("versions/4")["snapshot"]["model"], "unfinished");
    assert_eq!(api.get("status")["has_unpublished_changes"], false);
    // The backup can be gone back to, as any snapshot.
    let back = api.post("versions/4/rollback", &json!({}));
    assert_eq!(back["message"], "Rolled back to checkpoint 4");
    assert_eq!(api.recto(&["cat", "helpdesk", "model"]).trim(), "unfinished");
    api.recto(&["undo", "helpdesk"]);
    assert_eq!(api.recto(&["cat", "helpdesk", "model"]).trim(), "gpt-4o-mini");
    api.recto(&["fsck"]);
}

#[test]
fn versions_are_promoted_along_the_order() {
    let api = Api::new();
    api.post("publish", &json!({}));
    api.recto(&["set", "helpdesk@main", "model=gpt-4o"]);
    api.post("publish", &json!({}));
    // The old one does not serve: it has to go step by step, or somebody says why not.
    let to = |environment: &str| json!({"version_id": 2, "target_environment": environment}).to_string();
    api.refused("POST", "helpdesk/versions/2/promote", &to("production"), 409, "staging");
    let (status, told) = api.send("POST", "helpdesk/versions/2/promote", &to("development"));
    assert_eq!((status, &told["environment"]), (200, &json!("development")), "{told}");
    assert_eq!(api.get("versions/2")["environment"], "development");
    assert_eq!(api.send("POST", "helpdesk/versions/2/promote", &to("staging")).0, 200);
    assert_eq!(api.get("versions/3")["is_active"], true, "users see nothing of it yet");
    assert_eq!(api.send("POST", "helpdesk/versions/2/promote", &to("production")).0, 200);
    let now = api.get("versions/2");
    assert_eq!((&now["environment"], &now["is_active"]), (&json!("production"), &json!(true)));
    let why = json!({"target_environment": "production", "reason": "the fix cannot wait"});
    assert_eq!(api.post("versions/1/promote", &why)["success"], true);
    assert!(api.recto(&["log", "helpdesk"]).contains("the fix cannot wait"));
    assert!(api.recto(&["env", "list", "helpdesk"]).contains("V1"));
}

#[test]
fn fields_and_parameters_that_the_api_does_not_have_are_passed_over_and_named() {
    let api = Api::new();
    for (method, path, body, named) in [
        ("POST", "publish", r#"{"summary": "x", "version_label": "l"}"#, "summary"),
        ("POST", "versions", r#"{"summary": "x", "\n": 1}"#, "\\n, summary"),
        (
            "POST",
            "versions/1/promote?x=1",
            r#"{"target_environment": "staging", "reason": "a try", "by": "me"}"#,
            "by, x",
        ),
        ("POST", "versions/1/rollback", r#"{"backup": true}"#, "backup"),
        ("POST", "unpublish?dry_run=1", r#"{"why": 1}"#, "why, dry_run"),
        ("GET", "versions?limit=5", "", "limit"),
    ] {
        let (status, value, head) = api.exchange(method, &format!("helpdesk/{path}"), body);
        assert_eq!(status, 200, "{path}: {value}");
        assert!(head.contains(&format!("recto-ignored: {named}\r\n")), "{path}: {head}");
    }
    // What wants no body takes any.
    for body in ["null", "[]", "a=b", "{"] {
        for path in ["unpublish", "versions/1/rollback"] {
            let (status, value, _) = api.exchange("POST", &format!("helpdesk/{path}"), body);
            assert_eq!(status, 200, "{path} {body}: {value}");
        }
    }
    let (_, _, head) = api.exchange("GET", "helpdesk/status", "");
    assert!(!head.contains("recto-ignored"), "{head}");
}

#[test]
fn what_is_not_there_or_makes_no_sense_is_refused_and_changes_nothing() {
    let api = Api::new();
    api.recto(&["agent", "new", "other", "--profile", "generic"]);
    let log = api.recto(&["log", "helpdesk"]);
    api.refused("GET", "nobody/status", "", 404, "there is no agent 'nobody'");
    api.refused("GET", "helpdesk/versions/99", "", 404, "there is no version 99");
    api.refused("GET", "helpdesk/versions/0", "", 404, "there is no version 0");
    let large = "9".repeat(24);
    let none = format!("there is no version {large}");
    api.refused("GET", &format!("helpdesk/versions/{large}"), "", 404, &none);
    for word in ["x", "+1", "-1", "1.0"] {
        api.refused("GET", &format!("helpdesk/versions/{word}"), "", 422, "ids are numbers");
    }
    api.refused("GET", "other/status", "", 422, "one draft");
    api.refused("POST", "helpdesk/publish", "{", 400, "not JSON");
    api.refused("POST", "helpdesk/publish", "[]", 400, "not a JSON object");
    api.refused(
        "POST",
        "helpdesk/publish",
        r#"{"change_summary": 1}"#,
        400,
        "'change_summary' of the body is a number",
    );
    let nowhere = r#"{"environment": "moon"}"#;
    api.refused("POST", "helpdesk/versions", nowhere, 422, "development, staging, production");
    let other = r#"{"version_id": 2, "target_environment": "staging"}"#;
    api.refused("POST", "helpdesk/versions/1/promote", other, 400, "another one");
    api.refused("POST", "helpdesk/versions/1/promote", "{}", 400, "target_environment");
    api.refused("DELETE", "helpdesk/versions/1", "", 405, "DELETE");
    api.refused("GET", "helpdesk/nothing", "", 404, "nothing at");
    assert_eq!(api.recto(&["log", "helpdesk"]), log);
}

#[test]
fn a_token_does_what_its_role_allows_to_its_agents() {
    let mut api = Api::new();
    let token = |api: &Api, name: &str, role: &str, agents: &str| {
        let told = api.recto(&["token", "create", name, "--role", role, "--agents", agents, "--json"]);
        let told: Value = serde_json::from_str(&told).expect("JSON");
        told["token"].as_str().expect("a token").to_owned()
    };
    let reader = token(&api, "reader", "reader", "help*");
    let editor = token(&api, "editor", "editor", "*");
    let stranger = token(&api, "stranger", "admin", "sales-*");
    api.refused("GET", "helpdesk/status", "", 401, "does not take this token");
    for (token, status, kept, published) in
        [(&reader, 200, 403, 403), (&editor, 200, 200, 403), (&stranger, 404, 404, 404)]
    {
        api.token.clone_from(token);
        assert_eq!(api.send("GET", "helpdesk/status", "").0, status);
        assert_eq!(api.send("POST", "helpdesk/versions", "{}").0, kept);
        assert_eq!(api.send("POST", "helpdesk/publish", "{}").0, published);
    }
    // A stranger is told the same of an agent that is there and of one that is not.
    let (_, there) = api.send("GET", "helpdesk/status", "");
    let (_, not) = api.send("GET", "nobody/status", "");
    assert_eq!(there.to_string().replace("helpdesk", "nobody"), not.to_string());
    assert!(api.recto(&["log", "helpdesk"]).contains("editor"), "the log names who acted");
    api.recto(&["token", "revoke", "editor"]);
    api.token = editor;
    api.refused("GET", "helpdesk/status", "", 401, "does not take this token");
}

#[test]
fn the_commands_of_the_document_run_as_they_stand() {
    let api = Api::new();
    let output = Command::new("bash")
        .args(["-euo", "pipefail", LINES])
        .env("BASE", format!("{}/thinnest", api.served.url()))
        .env("THINNESTAI_API_KEY", "any")
        .env("agent_id", "helpdesk")
        .output()
        .expect("bash runs");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 11, "{told}");
    assert_eq!(lines[0]["version_label"], "v2");
    assert_eq!(lines[2]["status"], "draft");
    assert_eq!(lines[4]["versions"].as_array().map(Vec::len), Some(3));
    assert_eq!(lines[6]["version_label"], "pre-experiment");
    assert_eq!(lines[7]["message"], "Rolled back to version 1");
    assert_eq!(lines[10]["environment"], "production");
}
