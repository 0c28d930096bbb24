//! Drafts: forked, edited, renamed, compared, published, discarded.

use serde_json::{Value, json};

use super::{Api, is_id, text};

#[test]
fn a_draft_keeps_its_id_and_edits_move_its_revision() {
    let api = Api::new();
    let (agent, version) = api.agent("Desk");
    let drafts = format!("/agent/{agent}/drafts");
    let fork = json!({"sourceVersionId": version, "draftName": "Täglich: warmer!"});
    let draft = api.post(&drafts, &fork).ok(201);
    assert_eq!(draft["draftName"], "Täglich: warmer!");
    assert_eq!((draft["status"].clone(), draft["draftRevision"].clone()), (json!("draft"), json!(1)));
    assert_eq!(
        (draft["sourceVersionId"].clone(), draft["versionNumber"].clone()),
        (json!(version), json!(null))
    );
    assert_eq!(draft["blocks"].as_object().map(serde_json::Map::len), Some(13));
    assert!(draft["blocks"].as_object().expect("blocks").values().all(is_id), "{draft}");
    let id = text(&draft["draftId"]);
    assert!(is_id(&draft["draftId"]) && draft["_id"] != draft["draftId"]);
    let path = format!("{drafts}/{id}");
    let edited = api.patch(&format!("{path}/config"), &json!({"firstMessage": "Hello."})).ok(200);
    assert_eq!((edited["draftId"].clone(), edited["draftRevision"].clone()), (json!(id), json!(2)));
    assert_ne!(edited["_id"], draft["_id"]);
    assert_ne!(edited["blocks"]["call_handling"], draft["blocks"]["call_handling"]);
    assert!(edited.get("firstMessage").is_none(), "the values are not echoed");
    api.patch(&format!("{path}/config"), &json!({"slmModel": "gpt-4o", "transcriberType": "pulse"})).ok(200);
    let shown = api.get(&format!("{path}?limit=1")).ok(200);
    assert_eq!((shown["editCount"].clone(), shown["latest"]["draftRevision"].clone()), (json!(2), json!(3)));
    let history = shown["editHistory"].as_array().expect("a list");
    assert_eq!((history.len(), history[0]["revision"].clone()), (1, json!(3)));
    assert_eq!(history[0]["changedSections"], json!(["llm", "voice"]));
    assert_eq!(history[0]["editorName"], "Asha Rao");
    // A rename is no edit.
    assert_eq!(api.patch(&path, &json!({"draftName": "Daily"})).ok(200), json!({"draftName": "Daily"}));
    let shown = api.get(&path).ok(200);
    assert_eq!(
        (shown["editCount"].clone(), shown["latest"]["draftName"].clone()),
        (json!(2), json!("Daily"))
    );
    assert!(api.recto(&["draft", "list", "desk"]).contains("daily"));
    assert!(api.recto(&["log", "desk"]).contains("draft titled 'Daily'"));
    // Two may have the same name, and a name that means a version elsewhere is no other here.
    for name in ["Daily", "latest", "V7"] {
        let draft = api.post(&drafts, &json!({"sourceVersionId": version, "draftName": name})).ok(201);
        assert_eq!(draft["draftName"], name);
    }
    let listed = api.recto(&["draft", "list", "desk"]);
    assert!(listed.contains("daily-2") && listed.contains("draft-2"), "{listed}");
    let resolved = api.get(&format!("/agent/{agent}?draftId={id}")).ok(200);
    assert_eq!(resolved["_resolvedConfig"]["modelName"], "gpt-4o");
    assert_eq!(resolved["activeVersionId"], json!(version));
}

#[test]
fn patches_follow_the_vendors_rules() {
    let api = Api::new();
    let (agent, version) = api.agent("Desk");
    let tool = json!({"type": "end_call", "name": "end_call", "description": "Ends the call."});
    let start = json!({
        "singlePromptConfig": {"prompt": "Be kind.", "tools": [tool]},
        "synthesizer": {"speed": 1.1, "voiceConfig": {"model": "waves", "voiceId": "nyah"}},
        "language": {"enabled": "en", "switching": {"isEnabled": true}},
        "smartTurnConfig": {"isEnabled": true, "waitTimeInSecs": 3},
        "backgroundSound": "office",
    });
    let id = api.draft(&agent, &version, &start);
    let (path, shown) =
        (format!("/agent/{agent}/drafts/{id}/config"), format!("/agent/{agent}?draftId={id}"));
    let config = || api.get(&shown).ok(200)["_resolvedConfig"].clone();
    api.patch(&path, &json!({"singlePromptConfig": {"prompt": "Be brief."}})).ok(200);
    api.patch(&path, &json!({"synthesizer": {"speed": 0.9}, "language": {"enabled": "hi"}})).ok(200);
    api.patch(&path, &json!({"smartTurnConfig": {"isEnabled": false}, "backgroundSound": ""})).ok(200);
    let now = config();
    assert_eq!((now["prompt"].clone(), now["tools"].clone()), (json!("Be brief."), json!([tool])));
    assert_eq!(now["synthesizer"]["voiceConfig"]["voiceId"], "nyah", "one level is merged");
    assert_eq!(now["language"]["switching"]["isEnabled"], true);
    assert_eq!(now["smartTurnConfig"], json!({"isEnabled": false}), "the others are replaced");
    assert_eq!(now["backgroundSound"], "");
    // Nothing, and the same again, are no revisions.
    let revision = api.patch(&path, &json!({})).ok(200)["draftRevision"].clone();
    assert_eq!(api.patch(&path, &json!({"backgroundSound": ""})).ok(200)["draftRevision"], revision);
    // Keys that are no config are passed over beside one that is, and named.
    let answer = api.patch(&path, &json!({"name": "x", "voice": {}, "firstMessage": "Hi."}));
    assert!(answer.head.contains("recto-ignored: name, voice\r\n"), "{answer:?}");
    for nothing in [json!({"name": "x"}), json!({"voice": {"speed": 1}}), json!({"workflowGraph": {}})] {
        api.patch(&path, &nothing).refused(400, "No recognized config fields in request body");
    }
    for (wrong, place) in [
        (json!({"firstMessage": null}), "/firstMessage"),
        (json!({"synthesizer": {"speed": 9}}), "/synthesizer/speed"),
        (json!({"singlePromptConfig": {"tools": []}}), "/singlePromptConfig/prompt"),
        (json!({"slmModel": "gpt-2", "firstMessage": "kept?"}), "/slmModel"),
    ] {
        api.patch(&path, &wrong).refused(400, place);
    }
    assert_eq!(config()["firstMessage"], "Hi.", "what is refused changes nothing");
}

#[test]
fn a_diff_shows_each_section() {
    let api = Api::new();
    let (agent, first) = api.agent("Desk");
    let second = api.version(&agent, &first, &json!({"firstMessage": "One."}));
    let draft = api.draft(&agent, &second, &json!({"firstMessage": "Two."}));
    let path = format!("/agent/{agent}/drafts/{draft}/diff");
    let own = api.get(&path).ok(200);
    let section = json!({
        "before": {"firstMessage": "One."}, "after": {"firstMessage": "Two."}, "changed": true,
    });
    assert_eq!(own["sections"]["call_handling"], section);
    assert_eq!(own["sections"].as_object().map(serde_json::Map::len), Some(13));
    assert_eq!(own["sections"]["voice"], json!({"before": null, "after": null, "changed": false}));
    assert_eq!(own["hasChanges"], true);
    for query in ["compareTo", "versionId"] {
        let other = api.get(&format!("{path}?{query}={first}")).ok(200);
        assert_eq!(other["sections"]["call_handling"]["before"], Value::Null, "{query}");
    }
    let same = api.draft(&agent, &second, &json!({}));
    assert_eq!(api.get(&format!("/agent/{agent}/drafts/{same}/diff")).ok(200)["hasChanges"], false);
    api.get(&format!("{path}?compareTo={}", "f".repeat(24))).refused(400, "Version not found");
}

#[test]
fn publishing_never_activates_and_happens_once() {
    let api = Api::new();
    let (agent, first) = api.agent("Desk");
    let draft = api.draft(&agent, &first, &json!({"firstMessage": "Hello."}));
    let copy = api.post(&format!("/agent/{agent}/drafts"), &json!({"sourceDraftId": draft})).ok(201);
    let path = format!("/agent/{agent}/drafts/{draft}");
    api.patch(&path, &json!({"draftName": "Renamed on the way"})).ok(200);
    let body = json!({"label": "v2", "description": null, "activate": true});
    let version = api.post(&format!("{path}/publish"), &body).ok(201);
    assert_eq!((version["versionNumber"].clone(), version["label"].clone()), (json!(2), json!("v2")));
    assert_eq!((version["isActive"].clone(), version["status"].clone()), (json!(false), json!("published")));
    assert_eq!(
        (version["parentVersion"].clone(), version["description"].clone()),
        (json!(first), json!(null))
    );
    assert_eq!(version["securityCheck"]["status"], "passed");
    assert_eq!(api.get(&format!("/agent/{agent}")).ok(200)["activeVersionId"], json!(first));
    // Who did not get the answer asks again, also after others published.
    let other = api.version(&agent, &first, &json!({"firstMessage": "Other."}));
    let again = api.post(&format!("{path}/publish"), &json!({"label": "again"})).ok(201);
    assert_eq!((again["_id"].clone(), again["label"].clone()), (version["_id"].clone(), json!("v2")));
    assert_eq!(api.get(&format!("/agent/{agent}/versions")).ok(200)["total"], 3);
    assert_ne!(json!(other), version["_id"]);
    api.get(&path).refused(400, "Draft not found");
    // A discarded draft became nothing.
    let gone = format!("/agent/{agent}/drafts/{}", text(&copy["draftId"]));
    assert_eq!(api.delete(&gone).ok(200), Value::Null);
    api.post(&format!("{gone}/publish"), &json!({})).refused(400, "Draft not found");
    // An empty body is a body, and a draft without changes is a version like any other.
    let plain = api.post(&format!("/agent/{agent}/drafts"), &json!({"sourceVersionId": first})).ok(201);
    let plain = format!("/agent/{agent}/drafts/{}/publish", text(&plain["draftId"]));
    assert_eq!(api.send("POST", &plain, None).ok(201)["versionNumber"], 4);
}

#[test]
fn test_calls_are_answered_and_placed_nowhere() {
    let api = Api::new();
    let (agent, version) = api.agent("Desk");
    let draft = api.draft(&agent, &version, &json!({"firstMessage": "Hello."}));
    let before = api.recto(&["log", "desk", "--json"]);
    let paths = [format!("drafts/{draft}"), format!("versions/{version}")];
    let mut ids = Vec::new();
    for path in paths.map(|path| format!("/agent/{agent}/{path}/test-call")) {
        ids.push(text(&api.send("POST", &path, None).ok(200)["callId"]));
        let body = json!({"mode": "telephony", "toPhone": "+15550100"});
        ids.push(text(&api.post(&path, &body).ok(200)["callId"]));
        api.post(&path, &json!({"mode": "fax"})).refused(400, "webcall, chat, telephony");
        api.post(&path, &json!({"mode": "telephony"})).refused(400, "Invalid Input: Required");
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    assert_eq!(api.recto(&["log", "desk", "--json"]), before, "nothing is recorded");
}
