//! What always holds, for documents of few names and values, so that three of them have much in
//! common and much against each other.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::{Index, Selector};
use serde_json::{Value, json};

use super::marking::keep;
use super::*;
use crate::diff::path::Step;
use crate::encoding::json::parse;

/// Objects with scalars, objects below `a` and `b`, a list with keys as `l`, one without as `u`.
fn document() -> impl Strategy<Value = Value> {
    let scalar =
        || prop_oneof![Just(Value::Null), (0..3u32).prop_map(Value::from), "[ab]{0,1}".prop_map(Value::from)];
    let object = prop::collection::btree_map("[a-d]", scalar(), 0..4).prop_map(|fields| json!(fields));
    object.prop_recursive(3, 30, 4, move |inner| {
        let list = prop::collection::btree_map("[p-t]", inner.clone(), 0..4).prop_map(|entries| {
            let with_key = |(key, mut entry): (String, Value)| {
                entry["k"] = json!(key);
                entry
            };
            entries.into_iter().map(with_key).collect::<Vec<_>>()
        });
        let list = list.prop_shuffle();
        let others = prop::collection::vec(scalar(), 0..4);
        let below = prop::collection::btree_map("[ab]", inner, 0..2);
        let scalars = prop::collection::btree_map("[a-d]", scalar(), 0..4);
        (scalars, below, prop::option::of(list), prop::option::of(others)).prop_map(
            |(scalars, below, l, u)| {
                let mut fields: BTreeMap<String, Value> = scalars.into_iter().chain(below).collect();
                fields.extend(l.map(|l| ("l".to_owned(), json!(l))));
                fields.extend(u.map(|u| ("u".to_owned(), json!(u))));
                json!(fields)
            },
        )
    })
}

/// A document, and two others of which each differs from it in some branches.
fn three() -> impl Strategy<Value = [Value; 3]> {
    (document(), document(), document(), any::<[bool; 8]>()).prop_map(|(base, ours, theirs, keep)| {
        let graft = |other: Value, keep: &[bool]| {
            let mut result = base.clone();
            for (name, keep) in ["a", "b", "l", "u"].into_iter().zip(keep) {
                if !keep {
                    match other.get(name) {
                        Some(value) => result[name] = value.clone(),
                        None => drop(result.as_object_mut().expect("an object").remove(name)),
                    }
                }
            }
            result
        };
        let (ours, theirs) = (graft(ours, &keep[..4]), graft(theirs, &keep[4..]));
        [base, ours, theirs]
    })
}

fn keys() -> Policies {
    let mut patterns = vec![];
    let mut places = vec![String::new()];
    for _ in 0..4 {
        patterns.extend(places.iter().map(|place| (format!("{place}l"), "k")));
        places = places
            .iter()
            .flat_map(|place| ["a.", "b.", "l[]."].map(|step| format!("{place}{step}")))
            .collect();
    }
    let patterns: Vec<(&str, &str)> =
        patterns.iter().map(|(pattern, key)| (pattern.as_str(), *key)).collect();
    policies(&patterns)
}

fn merge(base: &Value, ours: &Value, theirs: &Value) -> Merged {
    config(&json_block(base), &json_block(ours), &json_block(theirs), &keys())
}

/// The scalars and the lists without keys of a document, by their paths.
fn leaves(value: &Value) -> BTreeMap<Path, Value> {
    fn collect(value: &Value, at: &Path, out: &mut BTreeMap<Path, Value>) {
        match value {
            Value::Object(fields) => {
                fields.iter().for_each(|(name, value)| collect(value, &at.field(name), out));
            }
            Value::Array(entries) if at.last() == Some(&Step::Field("l".to_owned())) => {
                for entry in entries {
                    let key = entry["k"].as_str().expect("a key").to_owned();
                    collect(entry, &at.join(&vec![Step::Key(key)].into()), out);
                }
            }
            leaf => drop(out.insert(at.clone(), leaf.clone())),
        }
    }
    let mut out = BTreeMap::new();
    collect(value, &Path::root(), &mut out);
    out
}

/// The document with its lists with keys in the order of these.
fn in_order(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                let mut value = in_order(value);
                if let (true, Value::Array(entries)) = (name == "l", &mut value) {
                    entries.sort_by_key(|entry| entry["k"].as_str().map(str::to_owned));
                }
                (name.clone(), value)
            };
            Value::Object(fields.iter().map(field).collect())
        }
        Value::Array(entries) => entries.iter().map(in_order).collect(),
        other => other.clone(),
    }
}

fn decided(mut merged: Merged, choice: &Choice) -> Value {
    merged.resolve(&name("j"), &Path::root(), choice, &keys()).expect("fresh conflicts");
    value_of(&merged).clone()
}

/// The conflicts by their places, without where entries belong.
fn places(merged: &Merged, swapped: bool) -> BTreeMap<Path, Sides<Option<Value>>> {
    let conflict = |conflict: &Conflict| match &conflict.dispute {
        Dispute::Value { path, sides: Sides { base, ours, theirs }, .. } => {
            let (ours, theirs) = if swapped { (theirs, ours) } else { (ours, theirs) };
            (path.clone(), Sides { base: base.clone(), ours: ours.clone(), theirs: theirs.clone() })
        }
        other => panic!("{other:?} in a JSON block of all sides"),
    };
    merged.conflicts.iter().map(conflict).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn a_change_of_one_side_is_that_side([base, ours, _] in three()) {
        for (base, ours, theirs, wanted) in
            [(&base, &base, &ours, &ours), (&base, &ours, &base, &ours), (&base, &ours, &ours, &ours)]
        {
            let merged = merge(base, ours, theirs);
            prop_assert_eq!(value_of(&merged), wanted);
            prop_assert_eq!(merged.conflicts, vec![]);
        }
    }

    #[test]
    fn it_does_not_matter_who_merges_whom([base, ours, theirs] in three()) {
        let (one, other) = (merge(&base, &ours, &theirs), merge(&base, &theirs, &ours));
        prop_assert_eq!(places(&one, false), places(&other, true));
        let (one, other) = (decided(one, &Choice::Base), decided(other, &Choice::Base));
        prop_assert_eq!(in_order(&one), in_order(&other));
    }

    #[test]
    fn no_change_is_lost_and_none_invented([base, ours, theirs] in three()) {
        let merged = merge(&base, &ours, &theirs);
        let [was, mine, other] = [&base, &ours, &theirs].map(leaves);
        let is = leaves(value_of(&merged));
        let conflicts: Vec<Path> = merged.conflicts.iter().map(Conflict::path).collect();
        for path in was.keys().chain(mine.keys()).chain(other.keys()) {
            let (before, ours, theirs) = (was.get(path), mine.get(path), other.get(path));
            if conflicts.iter().any(|at| at.is_prefix_of(path) || path.is_prefix_of(at)) {
                continue;
            }
            if before == theirs {
                prop_assert_eq!(is.get(path), ours, "{}", path);
            } else if before == ours {
                prop_assert_eq!(is.get(path), theirs, "{}", path);
            }
        }
        for (path, value) in &is {
            let sides = [was.get(path), mine.get(path), other.get(path)];
            let known = match value {
                Value::Array(entries) => entries.iter().all(|entry| {
                    sides.iter().flatten().any(|side| side.as_array().is_some_and(|list| list.contains(entry)))
                }),
                _ => sides.contains(&Some(value)),
            };
            prop_assert!(known, "{} {}", path, value);
        }
        for conflict in &merged.conflicts {
            let Dispute::Value { path, sides, .. } = &conflict.dispute else { continue };
            let policies = keys();
            let found = crate::diff::path::get(value_of(&merged), path, &policies[&name("j")]);
            prop_assert_eq!(found, sides.ours.as_ref());
        }
    }

    #[test]
    fn deciding_for_one_side_everywhere_leaves_what_only_the_other_changed([base, ours, theirs] in three()) {
        let merged = merge(&base, &ours, &theirs);
        let [was, mine, other] = [&base, &ours, &theirs].map(leaves);
        let conflicts: Vec<Path> = merged.conflicts.iter().map(Conflict::path).collect();
        let below = |path: &Path| conflicts.iter().any(|at| at.is_prefix_of(path));
        for (choice, side) in [(Choice::Base, &was), (Choice::Ours, &mine), (Choice::Theirs, &other)] {
            let is = leaves(&decided(merged.clone(), &choice));
            for path in is.keys().chain(side.keys()).filter(|path| below(path)) {
                prop_assert_eq!(is.get(path), side.get(path), "{:?} {}", choice, path);
            }
        }
    }

    #[test]
    fn marked_files_are_json_whichever_sides_are_kept(
        [base, ours, theirs] in three(),
        choices in prop::collection::vec(0..3usize, 20),
    ) {
        let merged = merge(&base, &ours, &theirs);
        let conflicts: Vec<&Conflict> = merged.conflicts.iter().collect();
        let (policies, block) = (keys(), &merged.blocks[&name("j")]);
        let text = markers::block(Some(block), &conflicts, &policies[&name("j")], &labels());
        let text = text.expect("fresh conflicts").expect("a file");
        prop_assert_eq!(parse(text.as_bytes()).is_ok(), conflicts.is_empty());
        for (side, choice) in [Choice::Ours, Choice::Base, Choice::Theirs].iter().enumerate() {
            let kept = parse(keep(&text, &mut |_| side).as_bytes());
            prop_assert_eq!(kept, Ok(decided(merged.clone(), choice)), "{}", text);
        }
        let mixed = keep(&text, &mut |at| choices[at % choices.len()]);
        let mixed = parse(mixed.as_bytes());
        prop_assert!(mixed.is_ok(), "{:?} {}", mixed, text);
        let mixed = leaves(&mixed.expect("JSON"));
        let kept = leaves(value_of(&merged));
        let paths: Vec<Path> = conflicts.iter().map(|conflict| conflict.path()).collect();
        let undecided = |path: &Path| paths.iter().any(|at| at.is_prefix_of(path) || path.is_prefix_of(at));
        for path in mixed.keys().chain(kept.keys()).filter(|path| !undecided(path)) {
            prop_assert_eq!(mixed.get(path), kept.get(path), "{}", path);
        }
    }

    #[test]
    fn records_give_conflicts_back([base, ours, theirs] in three()) {
        let record = Record { labels: labels(), conflicts: merge(&base, &ours, &theirs).conflicts };
        prop_assert_eq!(Record::from_bytes(&record.to_bytes().expect("shallow values")), Ok(record));
    }

    #[test]
    fn any_bytes_are_a_record_or_refused(text in "[\\[\\]{}:,\"a1]{0,20}") {
        if let Ok(record) = Record::from_bytes(text.as_bytes()) {
            prop_assert!(record.to_bytes().is_ok());
        }
    }
}

/// Who makes an edit.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Who {
    Nobody,
    Ours,
    Theirs,
}

/// Edits of a fixed document at places that have nothing to do with each other.
#[derive(Debug, Clone)]
struct Edits {
    fields: Vec<(Who, bool)>,
    tools: Vec<(bool, Who, [Who; 2])>,
    added: Vec<(Who, Index)>,
    entries: Vec<Who>,
    moved: (Who, Selector),
}

const TOOLS: usize = 5;

fn edits() -> impl Strategy<Value = Edits> {
    let who = || prop::sample::select(vec![Who::Nobody, Who::Ours, Who::Theirs]);
    (
        prop::collection::vec((who(), any::<bool>()), 6),
        prop::collection::vec((any::<bool>(), who(), [who(), who()]), TOOLS),
        prop::collection::vec((who(), any::<Index>()), 0..4),
        prop::collection::vec(who(), 6),
        (who(), any::<Selector>()),
    )
        .prop_map(|(fields, tools, added, entries, moved)| Edits {
            fields,
            tools,
            added,
            entries,
            moved,
        })
}

fn fixed() -> Value {
    let tools: Vec<Value> =
        (0..TOOLS).map(|at| json!({"k": format!("t{at}"), "a": 0, "b": {"c": 0}})).collect();
    let fields: BTreeMap<String, u32> = (0..6).map(|at| (format!("f{at}"), 0)).collect();
    json!({"a": fields, "l": tools, "u": [0, 0, 1, 1, 0, 1]})
}

impl Edits {
    fn made_by(&self, makes: impl Fn(Who) -> bool) -> Value {
        let mut document = fixed();
        for (at, (who, remove)) in self.fields.iter().enumerate().filter(|(_, (who, _))| makes(*who)) {
            let fields = document["a"].as_object_mut().expect("an object");
            match (remove, at % 2) {
                (true, _) => drop(fields.remove(&format!("f{at}"))),
                (false, 0) => drop(fields.insert(format!("f{at}"), json!([format!("{who:?}")]))),
                (false, _) => drop(fields.insert(format!("new{at}"), json!(null))),
            }
        }
        for (at, who) in self.entries.iter().enumerate().filter(|(_, who)| makes(**who)) {
            document["u"][at] = json!(format!("{who:?} {at}"));
        }
        let tools = document["l"].as_array_mut().expect("a list");
        for (at, (_, _, [a, b])) in self.tools.iter().enumerate().filter(|(_, (whole, ..))| !whole) {
            if makes(*a) {
                tools[at]["a"] = json!(format!("{a:?}"));
            }
            if makes(*b) {
                tools[at]["b"]["c"] = json!(format!("{b:?}"));
            }
        }
        let removed = |at: usize| self.tools[at].0 && makes(self.tools[at].1);
        let mut at = 0;
        tools.retain(|_| {
            at += 1;
            !removed(at - 1)
        });
        for (at, (_, place)) in self.added.iter().enumerate().filter(|(_, (who, _))| makes(*who)) {
            let to = place.index(tools.len() + 1);
            tools.insert(to, json!({"k": format!("n{at}"), "new": at}));
        }
        if makes(self.moved.0) && !tools.is_empty() {
            let from = self.moved.1.select(0..tools.len());
            let tool = tools.remove(from);
            tools.push(tool);
        }
        document
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn edits_at_different_places_all_come_together(edits in edits()) {
        let ours = edits.made_by(|who| who == Who::Ours);
        let theirs = edits.made_by(|who| who == Who::Theirs);
        let both = edits.made_by(|who| who != Who::Nobody);
        let merged = merge(&fixed(), &ours, &theirs);
        prop_assert_eq!(&merged.conflicts, &vec![]);
        prop_assert_eq!(in_order(value_of(&merged)), in_order(&both));
    }

    #[test]
    fn texts_merge_to_what_the_sides_have(
        base in "([a-d]\n){0,8}", ours in "([a-d]\n){0,8}", theirs in "([a-d]\n){0,8}[ab]?",
    ) {
        let one = |content: &str| blocks(&[("p", text(content))]);
        let merged = |base: &str, ours: &str, theirs: &str| {
            config(&one(base), &one(ours), &one(theirs), &Policies::new())
        };
        for (ours, theirs, wanted) in [(&base, &theirs, &theirs), (&ours, &base, &ours), (&ours, &ours, &ours)] {
            let merged = merged(&base, ours, theirs);
            prop_assert_eq!((merged.blocks, merged.conflicts), (one(wanted), vec![]));
        }
        let (here, there) = (merged(&base, &ours, &theirs), merged(&base, &theirs, &ours));
        prop_assert_eq!(here.conflicts.len(), there.conflicts.len());
        let decided = |mut merged: Merged, choice: Choice| {
            merged.resolve(&name("p"), &Path::root(), &choice, &Policies::new()).expect("fresh conflicts");
            merged.blocks
        };
        prop_assert_eq!(decided(here.clone(), Choice::Ours), here.blocks.clone());
        prop_assert_eq!(decided(here.clone(), Choice::Theirs), there.blocks.clone());
        prop_assert_eq!(decided(here, Choice::Base), decided(there, Choice::Base));
    }
}
