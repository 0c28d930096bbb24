//! The plumbing: ids, objects, trees.

use std::collections::HashMap;

use recto::object::Content;

use crate::harness::Place;
use crate::stored;

#[test]
fn an_id_depends_on_the_content_alone() {
    let place = Place::empty();
    place.write("a.json", "{\"b\": 1.0, \"a\": [true]}");
    let of_file = place.recto(["hash-object", "a.json"]).ok();
    let of_stdin = place.recto_with(["hash-object", "--kind", "json"], "{\"a\":[true],\"b\":1}").ok();
    assert_eq!(of_file, of_stdin);
    let as_text = place.recto(["hash-object", "a.json", "--kind", "text"]).ok();
    assert_ne!(of_file, as_text);
    let report = place.recto(["hash-object", "a.json", "--json"]).exits(0).json("hash-object");
    assert_eq!((&report["size_bytes"], &report["written"]), (&18.into(), &false.into()));
}

#[test]
fn what_is_written_can_be_read_by_the_beginning_of_its_id() {
    let place = Place::with_store();
    let id = place.recto_with(["hash-object", "-w", "-q"], "Hello\n").ok();
    let short = &id[..8];
    assert_eq!(place.recto(["cat-object", short]).ok(), "Hello\n");
    assert_eq!(place.recto(["cat-object", short, "--kind"]).ok(), "block\n");
    assert_eq!(place.recto(["cat-object", short, "--size"]).ok(), "6\n");
    assert_eq!(place.recto(["cat-object", &short.to_uppercase(), "--raw"]).ok(), "Hello\n");
    let value = place.recto(["cat-object", id.trim(), "--json"]).exits(0).json("cat-object");
    assert_eq!(value["block"]["text"], "Hello\n");
}

#[test]
fn without_write_nothing_is_stored() {
    let place = Place::with_store();
    let id = place.recto_with(["hash-object"], "Hello\n").ok();
    place.recto(["cat-object", id.trim()]).exits(1);
}

#[test]
fn files_are_read_through_links() {
    let place = Place::empty();
    place.write("real.md", "x");
    std::os::unix::fs::symlink("real.md", place.path("link.md")).expect("a link");
    std::os::unix::fs::symlink("round.md", place.path("round.md")).expect("a link");
    assert_eq!(place.recto(["hash-object", "link.md"]).ok(), place.recto(["hash-object", "real.md"]).ok());
    assert!(place.recto(["hash-object", "round.md"]).exits(1).stderr.contains("leads round in a circle"));
}

#[test]
fn what_is_no_content_is_refused() {
    let place = Place::empty();
    let json = |text: &str| place.recto_with(["hash-object", "--kind", "json"], text).exits(5).stderr;
    assert_eq!(json("{\"x\": {\"a\": 1, \"a\": 2}}"), "error: duplicate key 'a' at line 1, column 16 (/x)\n");
    json("9007199254740993");
    json("{");
    place.recto_with(["hash-object"], b"\xff\xfe").exits(5);
    place.recto(["hash-object", "absent.md"]).exits(1);
}

#[test]
fn what_names_no_object_is_told_apart() {
    let place = Place::with_store();
    place.recto(["cat-object", "not an id"]).exits(2);
    place.recto(["cat-object", &"a".repeat(65)]).exits(2);
    place.recto(["cat-object", &"a".repeat(64)]).exits(1);
    place.recto(["cat-object", "abcd"]).exits(1);
}

#[test]
fn an_ambiguous_beginning_lists_the_candidates() {
    let place = Place::with_store();
    let (first, second) = texts_whose_ids_begin_alike();
    let ids = [&first, &second].map(|text| place.recto_with(["hash-object", "-w", "-q"], text).ok());
    let error = place.recto(["cat-object", &ids[0][..4], "--json"]).json_error(2);
    let mut expected = ids.clone().map(|id| id.trim().to_owned());
    expected.sort();
    assert_eq!(error["error"]["details"], serde_json::json!(expected));
    assert_eq!(place.recto(["cat-object", &ids[0][..12]]).ok(), first);
}

fn texts_whose_ids_begin_alike() -> (String, String) {
    let mut seen = HashMap::new();
    for number in 0..100_000 {
        let text = format!("text {number}");
        let object = Content::Text(text.clone()).to_object().expect("small");
        if let Some(other) = seen.insert(object.id().to_string()[..4].to_owned(), text.clone()) {
            return (other, text);
        }
    }
    panic!("there are 65536 beginnings of four digits");
}

#[test]
fn trees_and_commits_are_laid_out() {
    let place = Place::with_store();
    let stored = stored::commit(&place);
    let commit = place.recto(["cat-object", &stored.commit.to_string()]).ok();
    insta::assert_snapshot!(commit, @r"
    tree a99c815fe8cecca0a1488b35dad649d399f9c6324df75ee3f1b5cbf714dc61c4
    profile 671ce78abeedccf5c8e6f151e129b5c8203070ae571859c83a7623f017508bcb
    author Asha Rao <asha@example.com>
    time 2026-03-07T12:00:00.000Z

    First

    What it says.
    ");
    let of_commit = place.recto(["ls-tree", &stored.commit.short()]).ok();
    insta::assert_snapshot!(of_commit, @r"
    BLOCK   KIND  ID
    prompt  text  3245cfb5a3f4fbbbe62dc761c97059dc280e4e5f67e5a37fc36221505db44246
    tools   json  16a26dccb9f6cf6d38abc4a1bf1de558b3e81e0c82e794fdf6e8517bc852157a
    ");
    assert_eq!(place.recto(["cat-object", &stored.tree.short()]).ok(), of_commit);
    for id in [stored.commit, stored.tree] {
        place.recto(["ls-tree", &id.to_string(), "--json"]).exits(0).json("ls-tree");
        place.recto(["cat-object", &id.to_string(), "--json"]).exits(0).json("cat-object");
    }
    let block = place.recto(["ls-tree", &stored.prompt.to_string(), "--json"]).json_error(1);
    assert_eq!(block["error"]["kind"], "refused");
}

#[test]
fn revisions_name_objects_too() {
    let place = Place::with_store();
    let stored = stored::agent(&place, "support");
    let by_id = place.recto(["ls-tree", &stored.tree.to_string()]).ok();
    for name in ["support", "support@ACTIVE"] {
        assert_eq!(place.recto(["ls-tree", name]).ok(), by_id, "{name}");
    }
    assert!(place.recto(["cat-object", "support@ACTIVE"]).ok().starts_with("tree "));
    place.recto(["ls-tree", "sales"]).exits(1);
    place.recto(["ls-tree", "support@V99"]).exits(1);
    place.recto(["ls-tree", "support@{noon}"]).exits(2);
}
