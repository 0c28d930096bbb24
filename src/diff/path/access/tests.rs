//! Following paths: what is found, what is made on the way, and what is refused.

use serde_json::json;

use super::*;

fn keys() -> ListKeys {
    let mut keys = ListKeys::new();
    keys.insert("tools", "name").expect("a pattern");
    keys.insert("nodes[].items", "id").expect("a pattern");
    keys
}

fn path(text: &str) -> Path {
    text.parse().expect("a path")
}

fn config() -> Value {
    json!({
        "voice": {"id": "v1", "odd.name": 1, "gone": null},
        "tools": [{"name": "a", "timeout": 5}, {"name": "b"}, {"name": "0"}, {"name": "c"}, {"name": "c"}],
        "tags": ["x", "y"],
        "nodes": [{"items": [{"id": "i", "a/b~": 7}]}],
    })
}

#[test]
fn gets_by_field_key_and_position() {
    let check = |text: &str, wanted: Option<Value>| {
        assert_eq!(get(&config(), &path(text), &keys()), wanted.as_ref(), "{text}");
    };
    check(".", Some(config()));
    check("voice.id", Some(json!("v1")));
    check("voice.\"odd.name\"", Some(json!(1)));
    check("voice.gone", Some(json!(null)));
    check("tools[a].timeout", Some(json!(5)));
    check("tools[1].name", Some(json!("b")));
    check("tools[0].name", Some(json!("0")));
    check("tools[\"0\"].name", Some(json!("0")));
    check("tools[\"1\"]", None);
    check("tools[c]", None);
    check("tools[4].name", Some(json!("c")));
    check("tools[5]", None);
    check("tags[1]", Some(json!("y")));
    check("tags[x]", None);
    check("nodes[0].items[i].id", Some(json!("i")));
    check("voice.id.x", None);
    check("voice[0]", None);
}

#[test]
fn says_why_there_is_nothing() {
    let check = |text: &str, wanted: &str| {
        let error = resolve(&config(), &path(text), &keys()).expect_err(text);
        assert_eq!(error.to_string(), wanted);
    };
    check("voice.ib", "no field 'ib' in 'voice' (it has 'gone', 'id', 'odd.name')");
    check("voice.id.x", "no field 'x' in 'voice.id', which is a string");
    check("voice[id]", "no entry '[id]' in 'voice', which is an object");
    check("tools[z].x", "no entry 'z' in 'tools' (it has 'a', 'b', '0', 'c', 'c')");
    check("tools[c]", "ambiguous entry 'c' in 'tools': 2 entries have this key");
    check("tags[x]", "no entry 'x' in 'tags', whose entries are known by position only");
    check("tags[2]", "no entry 2 in 'tags' (length 2, counted from 0)");
}

#[test]
fn sets_what_is_there_and_makes_what_is_missing() {
    let check = |text: &str, value: Value| {
        let mut root = config();
        set(&mut root, &path(text), &keys(), value.clone()).expect(text);
        assert_eq!(get(&root, &path(text), &keys()), Some(&value), "{text}");
        root
    };
    check(".", json!([1]));
    check("voice.id", json!("v2"));
    check("voice.gone.deep", json!(1));
    check("new.deep.er", json!(1));
    check("tags[2]", json!("z"));
    check("list[0][0]", json!("z"));
    let root = check("tools[fresh].timeout", json!(9));
    assert_eq!(root["tools"][5], json!({"name": "fresh", "timeout": 9}));
    let root = check("nodes[1].items[j].x", json!(true));
    assert_eq!(root["nodes"][1], json!({"items": [{"id": "j", "x": true}]}));
    let root = check("tools[a].timeout", json!(6));
    assert_eq!(root["tools"].as_array().map(Vec::len), Some(5));
}

#[test]
fn an_entry_gets_the_key_that_it_is_addressed_by() {
    for place in ["tools[a]", "tools[new]"] {
        let mut root = config();
        set(&mut root, &path(place), &keys(), json!({"timeout": 1})).expect("an entry");
        assert_eq!(get(&root, &path(place), &keys()).expect("the entry")["timeout"], 1);
        for wrong in [json!({"name": "other"}), json!("text"), json!({"name": 3})] {
            let before = root.clone();
            let error = set(&mut root, &path(place), &keys(), wrong).expect_err("another key");
            assert!(matches!(error, PathError::WrongKey { .. }), "{error}");
            assert_eq!(root, before);
        }
    }
    let mut root = json!({});
    let error = set(&mut root, &path("tools[a].name"), &keys(), json!("b")).expect_err("another key");
    let wanted = "the value for 'tools[a]' must be an object whose 'name' is 'a'";
    assert_eq!((error.to_string().as_str(), root), (wanted, json!({})));
}

#[test]
fn a_refused_set_changes_nothing() {
    for bad in [
        "voice.id.x",
        "voice[0]",
        "tags[3]",
        "tags[x]",
        "tags[x].y",
        "new[1]",
        "new[x]",
        "new.a[0].b[1]",
        "tools[c].x",
        "tools.name",
        "voice.gone[2]",
    ] {
        let mut root = config();
        assert!(set(&mut root, &path(bad), &keys(), json!(1)).is_err(), "{bad}");
        assert_eq!(root, config(), "{bad}");
    }
    let deep = Path::from(vec![Step::Index(0); JSON_MAX_DEPTH + 1]);
    let error = set(&mut json!([]), &deep, &keys(), json!(1));
    assert!(matches!(error, Err(PathError::TooDeep { .. })));
}

#[test]
fn removes_what_is_there_and_only_that() {
    let check = |text: &str, wanted: Option<Value>| {
        let mut root = config();
        assert_eq!(remove(&mut root, &path(text), &keys()), Ok(wanted.clone()), "{text}");
        match wanted {
            Some(_) => assert_ne!(root, config(), "{text}"),
            None => assert_eq!(root, config(), "{text}"),
        }
    };
    check("voice.id", Some(json!("v1")));
    check("voice.gone", Some(json!(null)));
    check("voice.gone.x", None);
    check("tools[b]", Some(json!({"name": "b"})));
    check("tags[0]", Some(json!("x")));
    check("tags[2]", None);
    check("tools[z].timeout", None);
    check("no.such.thing", None);
    for bad in [".", "voice.id.x", "tags.x", "tags[x]", "tools[c]", "voice[0].x"] {
        let mut root = config();
        assert!(remove(&mut root, &path(bad), &keys()).is_err(), "{bad}");
        assert_eq!(root, config(), "{bad}");
    }
}

#[test]
fn gives_json_pointers() {
    let pointer = |text: &str| path(text).to_pointer(&config(), &keys());
    let check = |text: &str, wanted: &str| {
        assert_eq!(pointer(text).as_deref(), Some(wanted));
        assert_eq!(config().pointer(wanted), get(&config(), &path(text), &keys()));
    };
    check(".", "");
    check("tools[b].name", "/tools/1/name");
    check("nodes[0].items[i].\"a/b~\"", "/nodes/0/items/0/a~1b~0");
    assert_eq!(pointer("tools[z]"), None);
    assert_eq!(pointer("voice.nope"), None);
}
