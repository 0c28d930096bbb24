//! `recto show` and `recto cat`: what is known of a revision, and its config for scripts.

use serde_json::{Value, json};

use crate::harness::Place;
use crate::life::{Life, handle};

const TOKEN: &str = "Bearer sk-proj-Zq8vT2nLr5xWk3Yb7Hd9Fj4Mp6";

fn place() -> Place {
    let place = Place::with_store();
    let life = Life::of(&place);
    life.support();
    life.draft("support", "tone");
    life.set("support", "tone", &[("voice.id", json!("emily")), ("menu", json!(["a"]))]);
    life.publish("support", "tone", "Kinder tone", false);
    life.draft("support", "next");
    life.set("support", "next", &[("prompt", json!("Be kind.\nBe quick.\n"))]);
    place
}

#[test]
fn a_version_is_shown_with_its_changes_and_blocks() {
    let place = place();
    let shown = place.recto(["show", "support@V2"]).ok();
    for part in [
        "support V2\n",
        "label        Kinder tone\n",
        "by           Ben Ode\n",
        "time         2026-03-07T12:04:00.000Z\n",
        "made from    V1\n",
        "profile      generic\n",
        "check        passed\n",
        "changed since V1\n  ~ voice.id\n  + menu\n",
        "\nBLOCK   KIND  SIZE      ID\n",
        "\nmenu    json  1 entry   ",
        "\nprompt  text  2 lines   ",
        "\nvoice   json  2 fields  ",
    ] {
        assert!(shown.contains(part), "{part:?}\n{shown}");
    }
    assert!(place.recto(["show", "support"]).ok().starts_with("support V1 (ACTIVE)\n"));
}

#[test]
fn a_draft_is_shown_with_its_base_and_revision() {
    let place = place();
    let shown = place.recto(["show", "support@next"]).ok();
    assert!(shown.starts_with("support next (draft)\n"), "{shown}");
    assert!(shown.contains("forked from  V1\n") && shown.contains("revision     2\n"), "{shown}");
    assert!(shown.contains("~ prompt: +1 -1 lines"), "{shown}");
}

#[test]
fn json_keeps_its_schema_for_every_kind_of_revision() {
    let place = place();
    let life = Life::by(&place, "Ben Ode", "2026-03-07T13:00:00Z");
    let draft = life.agents.draft(&handle("support"), &handle("next")).expect("a draft");
    let checkpoint =
        life.agents.checkpoint(&handle("support"), &draft.commit, "Before lunch", "", "").expect("made").0;
    life.set("support", "next", &[("voice.id", json!("raj"))]);
    let show = |revision: &str| place.recto(["show", "--json", revision]).json("show");
    let version = show("support@V2");
    assert_eq!(
        (&version["is"], &version["number"], &version["active"]),
        (&json!("version"), &json!(2), &json!(false))
    );
    assert_eq!(version["changes"][0], json!({"path": "voice.id", "block": "voice", "change": "changed"}));
    assert_eq!(show("support@V1")["changes"], json!(null));
    assert_eq!(show("support@next")["revision"], 3);
    let shown = show(&format!("support@{}", checkpoint.short()));
    assert_eq!((&shown["is"], &shown["label"]), (&json!("checkpoint"), &json!("Before lunch")));
    let earlier = show(&format!("support@{}", draft.commit.short()));
    assert_eq!(earlier["is"], "commit");
}

#[test]
fn cat_prints_the_config_in_the_shape_that_patches_have() {
    let place = place();
    let text = place.recto(["cat", "support@V2"]).ok();
    let value: Value = serde_json::from_str(&text).expect("JSON");
    let expected =
        json!({"prompt": "Be kind.\nBe brief.\n", "voice": {"id": "emily", "speed": 1}, "menu": ["a"]});
    assert_eq!(value, expected);
    assert!(text.starts_with("{\n  \"menu\": [\n"), "{text}");
    let raw = place.recto(["cat", "--raw", "support@V2"]).ok();
    assert!(raw.starts_with("{\"menu\":[\"a\"],\"prompt\":") && raw.ends_with('}'), "{raw}");
    let json = place.recto(["cat", "--json", "support@V2"]).json("cat");
    assert_eq!((&json["value"], &json["masked"]), (&expected, &json!(false)));
}

#[test]
fn cat_prints_one_field_as_scripts_want_it() {
    let place = place();
    let cat = |args: &[&str]| place.recto(["cat", "support@V2"].iter().chain(args)).ok();
    assert_eq!(cat(&["prompt"]), "Be kind.\nBe brief.\n");
    assert_eq!(cat(&["voice.id"]), "emily\n");
    assert_eq!(cat(&["voice.id", "--raw"]), "emily");
    assert_eq!(cat(&["voice.speed"]), "1\n");
    assert_eq!(cat(&["menu", "--raw"]), "[\"a\"]");
    let missing = place.recto(["cat", "support", "voice.volume"]).exits(1);
    assert!(missing.stderr.contains("volume"), "{}", missing.stderr);
    place.recto(["cat", "support", "voice..id"]).exits(2);
}

#[test]
fn cat_knows_blocks_aliases_and_the_resolved_document() {
    let place = Place::with_store();
    let config = json!({
        "workflowType": "single_prompt",
        "singlePromptConfig": {"prompt": "Hi.\n", "tools": []},
        "slmModel": "gpt-4.1",
        "firstMessage": "Hello.",
    });
    Life::of(&place).create("desk", "atoms", config);
    let cat = |args: &[&str]| place.recto(["cat", "desk"].iter().chain(args)).ok();
    assert_eq!(cat(&["prompt"]), "Hi.\n");
    assert_eq!(cat(&["workflow_prompt"]), "Hi.\n");
    assert_eq!(cat(&["call_handling", "--raw"]), "{\"firstMessage\":\"Hello.\"}");
    assert_eq!(cat(&["--resolved", "modelName"]), "gpt-4.1\n");
    let missing = place.recto(["cat", "desk", "widget"]).exits(1);
    assert!(missing.stderr.contains("this config has no block 'widget'"), "{}", missing.stderr);
}

#[test]
fn cat_masks_secrets_unless_they_are_to_be_revealed() {
    let place = Place::with_store();
    let config = json!({"prompt": "Hi.\n", "hook": {"headers": {"Authorization": TOKEN}}});
    Life::of(&place).create("desk", "generic", config);
    for args in [
        &["cat", "desk"][..],
        &["cat", "desk", "hook.headers.Authorization"],
        &["cat", "desk", "--resolved"],
        &["cat", "--json", "desk", "hook"],
    ] {
        let run = place.recto(args).exits(0);
        assert!(!run.stdout.contains("T2nLr5x") && run.stdout.contains("****"), "{}", run.stdout);
    }
    assert_eq!(
        place.recto(["cat", "--reveal", "desk", "hook.headers.Authorization"]).ok(),
        format!("{TOKEN}\n")
    );
    let told = place.recto(["cat", "desk"]).exits(0);
    assert_eq!(told.stderr, "secrets are masked; --reveal shows them\n");
}
