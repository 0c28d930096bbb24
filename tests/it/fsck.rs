//! Examining a store, and taking agents into use again.

use std::fs;

use crate::harness::Place;
use crate::stored;

#[test]
fn a_sound_store_is_counted() {
    let place = Place::with_store();
    stored::agent(&place, "support");
    let run = place.recto(["fsck"]).exits(0);
    assert_eq!(run.stdout, "");
    assert_eq!(run.stderr, "examined 1 agent, 1 record, 5 objects: all sound\n");
    let report = place.recto(["fsck", "--json"]).exits(0).json("fsck");
    assert_eq!((&report["objects"], &report["faults"]), (&5.into(), &serde_json::json!([])));
}

#[test]
fn each_fault_has_its_line_and_the_exit_code_says_so() {
    let place = Place::with_store();
    let stored = stored::agent(&place, "support");
    let id = stored.prompt.to_string();
    let file = place.path(".recto/objects").join(&id[..2]).join(&id[2..]);
    let mut bytes = fs::read(&file).expect("the object");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&file, bytes).expect("it can be damaged");
    place.write(".recto/agents/support/ACTIVE", "none\n");
    let run = place.recto(["fsck"]).exits(4);
    let subjects: Vec<&str> = run.stdout.lines().filter_map(|line| Some(line.split_once(": ")?.0)).collect();
    assert!(subjects.contains(&"agents/support/ACTIVE"), "{}", run.stdout);
    assert!(subjects.contains(&format!("object {id}").as_str()), "{}", run.stdout);
    let report = place.recto(["fsck", "--json"]).exits(4).json("fsck");
    let faults = report["faults"].as_array().expect("a list");
    assert_eq!(faults.len(), run.stdout.lines().count());
}

#[test]
fn damaged_objects_are_refused_with_the_exit_code_of_corruption() {
    let place = Place::with_store();
    let stored = stored::commit(&place);
    let id = stored.prompt.to_string();
    place.write(format!(".recto/objects/{}/{}", &id[..2], &id[2..]), "garbage");
    let error = place.recto(["cat-object", &id, "--json"]).json_error(4);
    assert_eq!(error["error"]["kind"], "corrupt");
    assert!(error["error"]["hint"].as_str().is_some_and(|hint| hint.contains("recto fsck")));
}

#[test]
fn a_store_of_a_later_format_is_refused() {
    let place = Place::with_store();
    let format = place.read(".recto/format").replace("format 1", "format 9");
    place.write(".recto/format", format);
    let run = place.recto(["fsck"]).exits(1);
    assert!(run.stderr.starts_with("error: the store has format 9,"), "{}", run.stderr);
}

#[test]
fn recovery_opens_what_a_failed_flush_closed() {
    let place = Place::with_store();
    stored::agent(&place, "support");
    stored::agent(&place, "sales");
    assert_eq!(place.recto(["recover"]).ok(), "nothing had failed\n");
    place.write(".recto/agents/support/.journal.failed", "a flush of this journal failed\n");
    let closed = place.recto(["fsck"]).exits(4);
    assert!(closed.stdout.starts_with("agents/support/journal: "), "{}", closed.stdout);
    let report = place.recto(["recover", "--json"]).exits(0).json("recover");
    assert_eq!(report["recovered"], serde_json::json!(["support"]));
    place.recto(["fsck"]).ok();
    assert_eq!(place.recto(["recover", "sales"]).ok(), "nothing had failed\n");
    place.recto(["recover", "nobody"]).exits(1);
    place.recto(["recover", "No Body"]).exits(2);
}
