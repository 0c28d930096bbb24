//! Agents that did not come through this API.

use serde_json::json;

use super::{Api, text, timed};
use crate::harness::Place;

/// An answer of the vendor's API about an agent.
fn document(prompt: &str) -> String {
    json!({"status": true, "data": {
        "_id": "60d0fe4f5311236168a109ca", "name": "Old Desk", "organization": "60d0fe4f5311236168a10900",
        "workflowId": "60d0fe4f5311236168a10901", "activeVersionId": "60d0fe4f5311236168a10902",
        "createdBy": "60d0fe4f5311236168a10903", "telephonyProductId": "p1",
        "_resolvedConfig": {"prompt": prompt, "firstMessage": "Hello.", "workflowType": "single_prompt"},
    }})
    .to_string()
}

#[test]
fn they_answer_to_the_vendors_ids_too() {
    let place = Place::with_store();
    place.write("old.json", document("Be kind."));
    place.run(&mut timed(&place, &["import", "old.json", "--activate"])).ok();
    let api = Api::of(place);
    let agent = api.get("/agent/60d0fe4f5311236168a109ca").ok(200);
    let id = text(&agent["_id"]);
    assert_ne!(id, "60d0fe4f5311236168a109ca");
    assert_eq!(api.get(&format!("/agent/{id}")).ok(200), agent);
    assert_eq!(
        (agent["name"].clone(), agent["telephonyProductId"].clone()),
        (json!("Old Desk"), json!("p1"))
    );
    let version = api.get(&format!("/agent/{id}/versions/60d0fe4f5311236168a10902")).ok(200);
    assert_eq!(version["version"]["_id"], agent["activeVersionId"]);
    let edit = json!({"type": "single_prompt", "singlePromptConfig": {"prompt": "Be brief."}});
    assert_eq!(api.patch("/workflow/60d0fe4f5311236168a10901", &edit).ok(200)["versionNumber"], 2);
    let to = json!({"targetOrganizationId": "60d0fe4f5311236168a10900"});
    api.post("/agent/60d0fe4f5311236168a109ca/duplicate", &to).ok(201);
    // A copy that claims the same id does not take it away.
    api.place.write("copy.json", document("I am another."));
    api.recto(&["import", "copy.json", "--as", "thief", "--activate"]);
    assert_eq!(api.get("/agent/60d0fe4f5311236168a109ca").ok(200)["_id"], json!(id));
    assert_eq!(api.get("/agent").ok(200)["total"], 3);
}

#[test]
fn agents_of_other_profiles_are_not_of_this_api() {
    let place = Place::with_store();
    place.write("other.json", r#"{"prompt": "Be kind."}"#);
    let words =
        ["agent", "new", "other", "--profile", "generic", "--from", "other.json", "--activate", "--json"];
    let made: serde_json::Value =
        serde_json::from_str(&place.run(&mut timed(&place, &words)).ok()).expect("JSON");
    let api = Api::of(place);
    assert_eq!(api.get("/agent").ok(200)["total"], 0);
    let shown: serde_json::Value =
        serde_json::from_str(&api.recto(&["agent", "show", "other", "--json"])).expect("JSON");
    let id = text(&shown["id"]);
    api.get(&format!("/agent/{}", &id[..24])).refused(400, "No agent found");
    assert!(made.is_object());
}
