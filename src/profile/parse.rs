//! Reads a profile file and names everything that is wrong with it. `docs/concepts/profiles.md`
//! describes the format for people.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::diff::path::{ListKeys, Path, Step};
use crate::object::{BlockName, EntryKind};

use super::problem::{Problem, nearest, pointer_to};
use super::shape::{
    BlockSpec, Container, DraftPolicy, Field, ImportSpec, PatchRule, Resolved, Rule, Shape, Unknown, index,
};

/// The profile file format that this build reads.
const FORMAT: u64 = 1;

const KEYS: [&str; 17] = [
    "format",
    "name",
    "title",
    "draft_policy",
    "title_field",
    "unknown_fields",
    "blocks",
    "containers",
    "fields",
    "definitions",
    "list_keys",
    "rules",
    "resolved",
    "patch",
    "metadata",
    "import",
    "defaults",
];

/// Reads one object of the file: every key asked for is noted, so that the others can be named.
struct Reader<'a> {
    map: Option<&'a Map<String, Value>>,
    pointer: String,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn new(value: &'a Value, pointer: String, keys: &[&str], problems: &'a mut Vec<Problem>) -> Self {
        let map = value.as_object();
        match map {
            None => problems.push(Problem::new(pointer.as_str(), "is not an object")),
            Some(map) => {
                for key in map.keys().filter(|key| !keys.contains(&key.as_str())) {
                    let near = nearest(key, keys.iter().copied());
                    let accepted = near.map_or_else(|| keys.join(", "), str::to_owned);
                    let problem = Problem::new(pointer_to(&pointer, key), "is not a key of a profile file");
                    problems.push(problem.accepts(accepted));
                }
            }
        }
        Self { map, pointer, problems }
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.and_then(|map| map.get(key)).filter(|value| !value.is_null())
    }

    fn wrong(&mut self, key: &str, message: &str) {
        self.problems.push(Problem::new(pointer_to(&self.pointer, key), message));
    }

    fn opt_text(&mut self, key: &str) -> Option<String> {
        let value = self.get(key)?;
        let text = value.as_str().map(str::to_owned);
        if text.is_none() {
            self.wrong(key, "is not text");
        }
        text
    }

    fn text(&mut self, key: &str) -> String {
        if self.get(key).is_none() && self.map.is_some() {
            self.wrong(key, "is missing");
        }
        self.opt_text(key).unwrap_or_default()
    }

    fn flag(&mut self, key: &str) -> bool {
        match self.get(key) {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => {
                self.wrong(key, "is neither true nor false");
                false
            }
        }
    }

    fn list(&mut self, key: &str) -> &'a [Value] {
        match self.get(key) {
            None => &[],
            Some(Value::Array(items)) => items,
            Some(_) => {
                self.wrong(key, "is not a list");
                &[]
            }
        }
    }

    fn texts(&mut self, key: &str) -> Vec<String> {
        let items = self.list(key);
        let texts: Vec<String> = items.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        if texts.len() < items.len() {
            self.wrong(key, "is not a list of texts");
        }
        texts
    }

    fn object(&mut self, key: &str) -> Value {
        match self.get(key) {
            None => Value::Object(Map::new()),
            Some(value @ Value::Object(_)) => value.clone(),
            Some(_) => {
                self.wrong(key, "is not an object");
                Value::Object(Map::new())
            }
        }
    }

    fn keys(&mut self, key: &str) -> Vec<String> {
        let text = self.text(key);
        if text.is_empty() {
            return Vec::new();
        }
        let keys = field_keys(&text);
        if keys.is_none() {
            self.wrong(key, "is not a path of field names");
        }
        keys.unwrap_or_default()
    }

    fn block_name(&mut self, key: &str) -> Option<BlockName> {
        let text = self.text(key);
        if text.is_empty() {
            return None;
        }
        match text.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                self.wrong(key, &error.to_string());
                None
            }
        }
    }
}

/// The keys of a path that consists of field names only.
fn field_keys(text: &str) -> Option<Vec<String>> {
    let path: Path = text.parse().ok()?;
    let key = |step: &Step| match step {
        Step::Field(name) => Some(name.clone()),
        Step::Key(_) | Step::Index(_) => None,
    };
    path.steps().iter().map(key).collect()
}

/// Reads a profile file's content.
///
/// # Errors
/// Every problem of the file.
pub(super) fn shape(value: &Value) -> Result<Shape, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut reader = Reader::new(value, String::new(), &KEYS, &mut problems);
    if reader.get("format").and_then(Value::as_u64) != Some(FORMAT) {
        reader.problems.push(Problem::new("/format", "is not a format that this build reads").accepts("1"));
    }
    let name = reader.text("name");
    if !name.is_empty() && name.parse::<BlockName>().is_err() {
        reader.wrong("name", "is not a name: letters, digits, '_', '-' and '.'");
    }
    let draft_policy = match reader.opt_text("draft_policy").as_deref() {
        None | Some("many") => DraftPolicy::Many,
        Some("one") => DraftPolicy::One,
        Some(_) => {
            let problem = Problem::new("/draft_policy", "is no draft policy");
            reader.problems.push(problem.accepts("many, one"));
            DraftPolicy::Many
        }
    };
    let (title, title_field) = (reader.opt_text("title"), reader.opt_text("title_field"));
    let (metadata, definitions, defaults) =
        (reader.texts("metadata"), reader.object("definitions"), reader.object("defaults"));
    let unknown = unknown(&mut reader);
    let blocks = blocks(&mut reader);
    let containers = containers(&mut reader);
    let fields = fields(&mut reader);
    let list_keys = list_keys(&mut reader);
    let (rules, resolved) = (rules(&mut reader), resolved(&mut reader));
    let (patch, import) = (patch(&mut reader), import(&mut reader));
    let (index, blocked) = index(&fields);
    for at in blocked {
        let message = format!("'{}' is named twice, or lies inside another field", fields[at].path);
        problems.push(Problem::new(format!("/fields/{at}/path"), message));
    }
    let title = title.unwrap_or_else(|| name.clone());
    let shape = Shape {
        name,
        title,
        draft_policy,
        title_field,
        unknown,
        blocks,
        containers,
        fields,
        definitions,
        list_keys,
        rules,
        resolved,
        patch,
        metadata,
        import,
        defaults,
        index,
    };
    if problems.is_empty() {
        super::coherence::check(&shape, &mut problems);
    }
    if problems.is_empty() { Ok(shape) } else { Err(problems) }
}

fn unknown(reader: &mut Reader<'_>) -> Unknown {
    match reader.get("unknown_fields") {
        None => Unknown::Refuse,
        Some(Value::String(text)) if text == "refuse" => Unknown::Refuse,
        Some(Value::String(text)) if text == "own_block" => Unknown::OwnBlock,
        Some(value) => {
            let mut inner =
                Reader::new(value, "/unknown_fields".to_owned(), &["block"], &mut *reader.problems);
            inner.block_name("block").map_or(Unknown::Refuse, Unknown::Keep)
        }
    }
}

fn blocks(reader: &mut Reader<'_>) -> Vec<BlockSpec> {
    let mut blocks = Vec::new();
    for (at, value) in reader.list("blocks").iter().enumerate() {
        let keys = ["name", "kind", "description"];
        let mut item = Reader::new(value, format!("/blocks/{at}"), &keys, &mut *reader.problems);
        let name = item.block_name("name");
        let kind = match item.text("kind").as_str() {
            "text" => EntryKind::Text,
            "json" => EntryKind::Json,
            _ => {
                let problem = Problem::new(pointer_to(&item.pointer, "kind"), "is no kind of block");
                item.problems.push(problem.accepts("text, json"));
                EntryKind::Json
            }
        };
        let description = item.opt_text("description").unwrap_or_default();
        blocks.extend(name.map(|name| BlockSpec { name, kind, description }));
    }
    blocks
}

fn containers(reader: &mut Reader<'_>) -> Vec<Container> {
    let mut containers = Vec::new();
    for (at, value) in reader.list("containers").iter().enumerate() {
        let pointer = format!("/containers/{at}");
        let mut item = Reader::new(value, pointer, &["path", "required"], &mut *reader.problems);
        containers.push(Container { keys: item.keys("path"), required: item.texts("required") });
    }
    containers
}

fn fields(reader: &mut Reader<'_>) -> Vec<Field> {
    let mut fields = Vec::new();
    for (at, value) in reader.list("fields").iter().enumerate() {
        let keys = ["path", "block", "alias", "schema", "description"];
        let mut item = Reader::new(value, format!("/fields/{at}"), &keys, &mut *reader.problems);
        let path_keys = item.keys("path");
        let path = item.get("path").and_then(Value::as_str).and_then(|text| text.parse().ok());
        let (block, alias) = (item.block_name("block"), item.opt_text("alias"));
        let schema = match item.get("schema") {
            None => Value::Bool(true),
            Some(schema @ (Value::Object(_) | Value::Bool(_))) => schema.clone(),
            Some(_) => {
                item.wrong("schema", "is neither an object nor a boolean");
                Value::Bool(true)
            }
        };
        if let (Some(path), Some(block)) = (path, block) {
            fields.push(Field { path, block, alias, schema, keys: path_keys });
        }
    }
    fields
}

fn list_keys(reader: &mut Reader<'_>) -> ListKeys {
    let mut list_keys = ListKeys::new();
    let value = reader.object("list_keys");
    for (path, key) in value.as_object().into_iter().flatten() {
        let pointer = pointer_to("/list_keys", path);
        let Some(key) = key.as_str() else {
            reader.problems.push(Problem::new(pointer, "is not text"));
            continue;
        };
        if let Err(error) = list_keys.insert(path, key) {
            reader.problems.push(Problem::new(pointer, error.to_string()));
        }
    }
    list_keys
}

fn rules(reader: &mut Reader<'_>) -> Vec<Rule> {
    let mut rules = Vec::new();
    for (at, value) in reader.list("rules").iter().enumerate() {
        let name = value.get("rule").and_then(Value::as_str).unwrap_or_default();
        let keys: &[&str] = match name {
            "unique" => &["rule", "list", "key"],
            "edges" => &["rule", "graph"],
            "only_with" => &["rule", "field", "prefix", "other", "value", "absent"],
            _ => {
                let problem = Problem::new(format!("/rules/{at}/rule"), "is no rule that this build knows");
                reader.problems.push(problem.accepts("unique, edges, only_with"));
                continue;
            }
        };
        let mut item = Reader::new(value, format!("/rules/{at}"), keys, &mut *reader.problems);
        rules.push(match name {
            "unique" => Rule::Unique { list: item.keys("list"), key: item.text("key") },
            "edges" => Rule::Edges { graph: item.keys("graph") },
            _ => Rule::OnlyWith {
                field: item.keys("field"),
                prefix: item.text("prefix"),
                other: item.keys("other"),
                value: item.text("value"),
                absent: item.text("absent"),
            },
        });
    }
    rules
}

fn resolved(reader: &mut Reader<'_>) -> Vec<Resolved> {
    let mut resolved = Vec::new();
    for (at, value) in reader.list("resolved").iter().enumerate() {
        let mut item =
            Reader::new(value, format!("/resolved/{at}"), &["name", "from"], &mut *reader.problems);
        let name = item.text("name");
        let from: Vec<_> = item.texts("from").iter().filter_map(|text| field_keys(text)).collect();
        if from.is_empty() {
            item.wrong("from", "names no field");
        }
        resolved.push(Resolved { name, from });
    }
    resolved
}

fn patch(reader: &mut Reader<'_>) -> PatchRule {
    let Some(value) = reader.get("patch") else { return PatchRule::default() };
    let keys = ["null_removes", "merge"];
    let mut item = Reader::new(value, "/patch".to_owned(), &keys, &mut *reader.problems);
    PatchRule { null_removes: item.flag("null_removes"), merge: item.texts("merge") }
}

fn import(reader: &mut Reader<'_>) -> ImportSpec {
    let Some(value) = reader.get("import") else { return ImportSpec::default() };
    let keys = ["envelopes", "wrappers", "flat", "by_block", "title", "vendor_ids", "drop"];
    let mut item = Reader::new(value, "/import".to_owned(), &keys, &mut *reader.problems);
    ImportSpec {
        envelopes: item.texts("envelopes"),
        wrappers: item.texts("wrappers"),
        flat: item.opt_text("flat"),
        by_block: item.opt_text("by_block"),
        title: item.opt_text("title"),
        vendor_ids: item.texts("vendor_ids"),
        drop: item.texts("drop"),
    }
}

/// The names that occur more than once.
pub(super) fn doubled<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    names.filter(|name| !seen.insert(*name)).collect()
}
