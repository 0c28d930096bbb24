//! A JSON block laid out for people, with markers around the values in question.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use crate::diff::path::{ListKeys, Node, Step, key_of};
use crate::encoding::canonical::{self, INDENT};

use super::{Conflict, Dispute, Marks, MergeError, Sides, stale};
use crate::merge::resolve::place_after;

/// Writes the block.
pub(super) fn write(
    value: &Value,
    conflicts: &[&Conflict],
    keys: &ListKeys,
    marks: &Marks<'_>,
) -> Result<String, MergeError> {
    let mut disputed = Vec::with_capacity(conflicts.len());
    for &conflict in conflicts {
        let Dispute::Value { path, after, sides } = &conflict.dispute else { return Err(stale(conflict)) };
        disputed.push(Disputed { conflict, steps: path.steps(), after, sides });
    }
    if disputed.is_empty() {
        return Ok(canonical::pretty(value));
    }
    let mut out = String::new();
    Layout { marks, level: 0 }.inside(&mut out, value, &disputed, Some(keys.root()))?;
    out.push('\n');
    Ok(out)
}

/// A value in question.
#[derive(Clone, Copy)]
struct Disputed<'a> {
    conflict: &'a Conflict,
    /// The way to it from where we are.
    steps: &'a [Step],
    after: &'a [String],
    sides: &'a Sides<Option<Value>>,
}

impl Disputed<'_> {
    /// Checks that there is something to go on in, or at the end of the way what ours has.
    fn check(&self, here: Option<&Value>) -> Result<(), MergeError> {
        let fits = if self.steps.len() == 1 { here == self.sides.ours.as_ref() } else { here.is_some() };
        if fits { Ok(()) } else { Err(stale(self.conflict)) }
    }
}

/// A field of an object or an entry of a list.
struct Member<'a> {
    /// The field's name with its colon; empty for an entry.
    head: String,
    /// The key, when this is an entry of a list with keys.
    key: Option<&'a str>,
    body: Body<'a>,
}

enum Body<'a> {
    Plain(&'a Value),
    /// There are values in question below.
    Inner(&'a Value, Vec<Disputed<'a>>, Option<&'a Node>),
    Disputed(&'a Sides<Option<Value>>),
}

impl Member<'_> {
    /// Whether it is there whatever is decided.
    fn is_sure(&self) -> bool {
        match &self.body {
            Body::Plain(_) | Body::Inner(..) => true,
            Body::Disputed(sides) => sides.as_ref().into_array().into_iter().all(Option::is_some),
        }
    }
}

#[derive(Clone, Copy)]
struct Layout<'a> {
    marks: &'a Marks<'a>,
    level: usize,
}

impl Layout<'_> {
    /// Writes a value in which some are in question, without a line feed behind it.
    fn inside(
        self,
        out: &mut String,
        value: &Value,
        disputed: &[Disputed<'_>],
        node: Option<&Node>,
    ) -> Result<(), MergeError> {
        let (open, close, members) = match value {
            Value::Object(fields) => ('{', '}', fields_of(fields, disputed, node)?),
            Value::Array(entries) => ('[', ']', entries_of(entries, disputed, node)?),
            _ => {
                let lost = disputed.first().map(|disputed| stale(disputed.conflict));
                out.push_str(canonical::pretty(value).trim_end());
                return lost.map_or(Ok(()), Err);
            }
        };
        out.push(open);
        out.push('\n');
        Self { level: self.level + 1, ..self }.members(out, &members)?;
        self.indent(out);
        out.push(close);
        Ok(())
    }

    /// Writes all members, each with a line feed behind it.
    ///
    /// Whether a member needs a comma depends on those behind it. Up to the last one that is sure to be
    /// there, all need one. That one and those behind it depend on what is decided, so they are decided
    /// together, in one pair of markers - of the sure one only its last line, if it is not in question
    /// itself.
    fn members(self, out: &mut String, members: &[Member<'_>]) -> Result<(), MergeError> {
        let sure = members.iter().rposition(Member::is_sure);
        let (before, rest) = members.split_at(sure.unwrap_or(0));
        for member in before {
            self.separated(out, member)?;
        }
        let (last, unsure) = rest.split_at(usize::from(sure.is_some()));
        let mut behind = Sides::<Vec<String>>::default();
        for member in unsure {
            self.push_sides(&mut behind, member);
        }
        let mut tails = Sides::<Vec<String>>::default();
        if let Some(member) = last.first() {
            if behind.as_ref().into_array().into_iter().all(|lines| !lines.is_empty()) {
                self.separated(out, member)?;
            } else if let Body::Disputed(_) = member.body {
                self.push_sides(&mut tails, member);
            } else {
                let mut text = String::new();
                self.undisputed(&mut text, member)?;
                let line = text.rfind('\n').map_or(0, |feed| feed + 1);
                out.push_str(&text[..line]);
                tails = tails.map(|_| vec![text[line..].to_owned()]);
            }
        }
        tails.base.extend(behind.base);
        tails.ours.extend(behind.ours);
        tails.theirs.extend(behind.theirs);
        let tails = tails.map(|members| match members.join(",\n") {
            members if members.is_empty() => members,
            members => members + "\n",
        });
        if tails.ours == tails.base && tails.ours == tails.theirs {
            out.push_str(&tails.ours);
        } else {
            self.marks.write(out, tails.as_ref().map(String::as_str));
        }
        Ok(())
    }

    /// Writes a member behind which there is another in any case.
    fn separated(self, out: &mut String, member: &Member<'_>) -> Result<(), MergeError> {
        let Body::Disputed(_) = member.body else {
            self.undisputed(out, member)?;
            out.push_str(",\n");
            return Ok(());
        };
        let mut lines = Sides::<Vec<String>>::default();
        self.push_sides(&mut lines, member);
        let lines = lines.map(|lines| lines.iter().map(|line| format!("{line},\n")).collect::<String>());
        self.marks.write(out, lines.as_ref().map(String::as_str));
        Ok(())
    }

    fn undisputed(self, out: &mut String, member: &Member<'_>) -> Result<(), MergeError> {
        match &member.body {
            Body::Inner(value, disputed, node) => {
                self.indent(out);
                out.push_str(&member.head);
                self.inside(out, value, disputed, *node)
            }
            Body::Plain(value) => {
                out.push_str(&self.plain(&member.head, value));
                Ok(())
            }
            Body::Disputed(_) => Ok(()),
        }
    }

    /// Adds, for each side that has it, the lines of a member in question.
    fn push_sides(self, lines: &mut Sides<Vec<String>>, member: &Member<'_>) {
        let Body::Disputed(sides) = member.body else { return };
        let push = |lines: &mut Vec<String>, value: &Option<Value>| {
            lines.extend(value.as_ref().map(|value| self.plain(&member.head, value)));
        };
        push(&mut lines.base, &sides.base);
        push(&mut lines.ours, &sides.ours);
        push(&mut lines.theirs, &sides.theirs);
    }

    /// A member's lines, without comma and line feed behind them.
    fn plain(self, head: &str, value: &Value) -> String {
        let mut out = String::new();
        self.indent(&mut out);
        out.push_str(head);
        // No string has a line feed in it, so that every one of them begins a line of the layout.
        for (at, line) in canonical::pretty(value).lines().enumerate() {
            if at > 0 {
                out.push('\n');
                self.indent(&mut out);
            }
            out.push_str(line);
        }
        out
    }

    fn indent(self, out: &mut String) {
        out.extend(std::iter::repeat_n(' ', self.level * INDENT));
    }
}

/// What a member's value is, given the values in question that its step leads to.
fn body<'a>(value: Option<&'a Value>, mine: Vec<Disputed<'a>>, node: Option<&'a Node>) -> Option<Body<'a>> {
    match mine.iter().find(|disputed| disputed.steps.len() == 1) {
        Some(disputed) => Some(Body::Disputed(disputed.sides)),
        None if mine.is_empty() => value.map(Body::Plain),
        None => {
            let below = |disputed: Disputed<'a>| Disputed { steps: &disputed.steps[1..], ..disputed };
            value.map(|value| Body::Inner(value, mine.into_iter().map(below).collect(), node))
        }
    }
}

fn fields_of<'a>(
    fields: &'a Map<String, Value>,
    disputed: &[Disputed<'a>],
    node: Option<&'a Node>,
) -> Result<Vec<Member<'a>>, MergeError> {
    let mut by_name: BTreeMap<&str, Vec<Disputed<'a>>> = BTreeMap::new();
    for disputed in disputed {
        let Some(Step::Field(name)) = disputed.steps.first() else { return Err(stale(disputed.conflict)) };
        disputed.check(fields.get(name))?;
        by_name.entry(name).or_default().push(*disputed);
    }
    let mut names: Vec<&'a str> = fields.keys().map(String::as_str).collect();
    names.extend(by_name.keys().filter(|name| !fields.contains_key(**name)));
    names.sort_unstable_by(|a, b| canonical::by_utf16(a, b));
    let member = |name: &'a str| {
        let mine = by_name.remove(name).unwrap_or_default();
        let below = node.and_then(|node| node.field(name));
        let name_json = canonical::pretty(&Value::from(name));
        Some(Member {
            head: format!("{}: ", name_json.trim_end()),
            key: None,
            body: body(fields.get(name), mine, below)?,
        })
    };
    Ok(names.into_iter().filter_map(member).collect())
}

fn entries_of<'a>(
    entries: &'a [Value],
    disputed: &[Disputed<'a>],
    node: Option<&'a Node>,
) -> Result<Vec<Member<'a>>, MergeError> {
    let field = node.and_then(Node::key);
    let key_at = |entry: &'a Value| field.and_then(|field| key_of(entry, field));
    let mut by_step: HashMap<&Step, Vec<Disputed<'a>>> = HashMap::new();
    for disputed in disputed {
        let step = disputed.steps.first().ok_or_else(|| stale(disputed.conflict))?;
        by_step.entry(step).or_default().push(*disputed);
    }
    let mut members = Vec::with_capacity(entries.len());
    for (at, entry) in entries.iter().enumerate() {
        let key = key_at(entry);
        let by_key = key.and_then(|key| by_step.remove(&Step::Key(key.to_owned())));
        let mine = by_key.or_else(|| by_step.remove(&Step::Index(at))).unwrap_or_default();
        for disputed in &mine {
            disputed.check(Some(entry))?;
        }
        members.extend(body(Some(entry), mine, node.and_then(Node::entries)).map(|body| Member {
            head: String::new(),
            key,
            body,
        }));
    }
    for disputed in disputed {
        let Some(Step::Key(key)) = disputed.steps.first() else { continue };
        if by_step.remove(&disputed.steps[0]).is_none() {
            continue;
        }
        disputed.check(None)?;
        let at = place_after(disputed.after, |key| members.iter().position(|member| member.key == Some(key)));
        members
            .insert(at, Member { head: String::new(), key: Some(key), body: Body::Disputed(disputed.sides) });
    }
    match by_step.into_values().flatten().next() {
        Some(lost) => Err(stale(lost.conflict)),
        None => Ok(members),
    }
}
