//! Conflicts that wait, as people read them and as JSON. Secrets are masked as everywhere.

use serde_json::{Map, Value, json};

use crate::agent::{AgentError, Agents, Config, conflict_name};
use crate::check::{mask_at, mask_text, mask_value};
use crate::merge::{Conflict, Dispute, Record, Sides, Stretch};
use crate::object::Content;
use crate::profile::Profile;
use crate::refs::Handle;

use super::render;
use super::terminal::{Output, Style, plain_line};

/// Longest value that is shown on the line of its side, in characters.
const VALUE_MAX_CHARS: usize = 80;

/// The conflicts that wait in a config: each with its place, and why the sides conflict.
///
/// # Errors
/// When they cannot be read.
pub(super) fn names(agents: &Agents, agent: &Handle, config: &Config) -> Result<Vec<String>, AgentError> {
    let record = agents.conflicts(agent, &config.commit)?;
    Ok(record.map_or_else(Vec::new, |record| named(&record, &config.profile)))
}

/// Each conflict with its place, and why the sides conflict.
pub(super) fn named(record: &Record, profile: &Profile) -> Vec<String> {
    let name = |conflict: &Conflict| format!("{}: {}", conflict_name(profile, conflict), words(conflict));
    record.conflicts.iter().map(name).collect()
}

/// Why the sides conflict, and in which lines.
fn words(conflict: &Conflict) -> String {
    let word = conflict.kind().word();
    let Dispute::Lines(stretches) = &conflict.dispute else { return word.to_owned() };
    let lines = |stretch: &Stretch| {
        let count = stretch.sides.ours.text.lines().count();
        match count {
            0 | 1 => stretch.at.to_string(),
            _ => format!("{}-{}", stretch.at, stretch.at + count - 1),
        }
    };
    format!("{word} in line {}", stretches.iter().map(lines).collect::<Vec<_>>().join(", "))
}

/// Shows conflicts, with both sides of each.
pub(super) fn lines(out: &Output, conflicts: &[&Conflict], profile: &Profile, reveal: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for conflict in conflicts {
        let name = plain_line(&conflict_name(profile, conflict)).into_owned();
        lines.push(String::new());
        lines.push(format!("{}: {}", out.paint(Style::Strong, &name), words(conflict)));
        match &conflict.dispute {
            Dispute::Lines(stretches) => {
                for stretch in stretches {
                    lines.extend(texts(out, &masked_lines(stretch, reveal)));
                }
            }
            Dispute::Value { .. } | Dispute::Block(_) => {
                let sides = values(profile, conflict, reveal);
                lines.extend(by_side(out, &sides));
            }
        }
    }
    lines
}

/// What each side has, if it has something.
fn values(profile: &Profile, conflict: &Conflict, reveal: bool) -> Sides<Option<Value>> {
    let value = |content: &Content| match content {
        Content::Text(text) => Value::String(text.clone()),
        Content::Json(value) => value.clone(),
    };
    let sides = match &conflict.dispute {
        Dispute::Value { sides, .. } => sides.clone(),
        Dispute::Block(sides) => sides.as_ref().map(|side| side.as_ref().map(value)),
        Dispute::Lines(_) => Sides::default(),
    };
    if reveal {
        return sides;
    }
    // The names on the way to a value tell whether it is a secret.
    let at = profile.config_path(&conflict.block, &conflict.path());
    sides.map(|side| side.map(|side| at.as_ref().map_or_else(|| mask_value(&side), |at| mask_at(at, &side))))
}

fn masked_lines(stretch: &Stretch, reveal: bool) -> Sides<String> {
    let text = |text: &str| if reveal { text.to_owned() } else { mask_text(text).into_owned() };
    stretch.sides.as_ref().map(|lines| text(&lines.text))
}

/// Short values beside the names of their sides, others as what each side changed.
fn by_side(out: &Output, sides: &Sides<Option<Value>>) -> Vec<String> {
    let shown = sides.as_ref().map(|side| side.as_ref().map(render::value_lines));
    let short = |side: &Option<Vec<String>>| match side {
        None => true,
        Some(lines) => lines.len() == 1 && lines[0].chars().count() <= VALUE_MAX_CHARS,
    };
    if shown.as_ref().into_array().into_iter().all(short) {
        let value = |side: &Option<Vec<String>>| {
            side.as_ref().map_or_else(|| out.paint(Style::Dim, "(none)"), |lines| lines[0].clone())
        };
        let names = ["base", "ours", "theirs"];
        let each = names.into_iter().zip(shown.as_ref().into_array());
        return each.map(|(name, side)| format!("  {name:6}  {}", value(side))).collect();
    }
    let whole = |side: Option<Vec<String>>| {
        side.unwrap_or_default().iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>()
    };
    texts(out, &shown.map(whole))
}

/// What each side made of the base.
fn texts(out: &Output, sides: &Sides<String>) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, side) in [("ours", &sides.ours), ("theirs", &sides.theirs)] {
        lines.push(format!("  {name}"));
        lines.extend(
            render::changed_lines(out, &sides.base, side).into_iter().map(|line| format!("    {line}")),
        );
    }
    lines
}

/// Conflicts in JSON. A side that has nothing there has no member.
pub(super) fn to_value(conflicts: &[&Conflict], profile: &Profile, reveal: bool) -> Value {
    conflicts.iter().map(|conflict| one_value(conflict, profile, reveal)).collect()
}

fn one_value(conflict: &Conflict, profile: &Profile, reveal: bool) -> Value {
    let mut value = json!({
        "path": conflict_name(profile, conflict),
        "block": conflict.block.as_str(),
        "kind": conflict.kind().word(),
    });
    if let Dispute::Lines(stretches) = &conflict.dispute {
        let stretch = |stretch: &Stretch| {
            let Sides { base, ours, theirs } = masked_lines(stretch, reveal);
            json!({"line": stretch.at, "base": base, "ours": ours, "theirs": theirs})
        };
        value["stretches"] = stretches.iter().map(stretch).collect();
        return value;
    }
    let names = ["base", "ours", "theirs"];
    let sides = names.into_iter().zip(values(profile, conflict, reveal).into_array());
    let sides = sides.filter_map(|(name, side)| Some((name.to_owned(), side?)));
    value["sides"] = Value::Object(sides.collect::<Map<String, Value>>());
    value
}
