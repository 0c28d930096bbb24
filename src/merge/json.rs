//! Three JSON values to one, field by field.

use serde_json::{Map, Value};

use crate::diff::json::{LIST_PAIRS_MAX, LISTS_NESTED_MAX, Place, Trail};
use crate::diff::path::ListKeys;

use super::{Dispute, Sides};

/// Merges the values of a block that all differ. None when the sides conflict as a whole.
pub(super) fn merge(
    base: Option<&Value>,
    ours: &Value,
    theirs: &Value,
    keys: &ListKeys,
) -> Option<(Value, Vec<Dispute>)> {
    let mut merging = Merging { disputes: Vec::new(), pairs_left: LIST_PAIRS_MAX };
    let sides = Sides { base, ours: Some(ours), theirs: Some(theirs) };
    let value = merging.inside(sides, Place::root(keys))?;
    Some((value, merging.disputes))
}

/// The three values at one place; none where a side has no value.
pub(super) type Values<'a> = Sides<Option<&'a Value>>;

pub(super) struct Merging {
    pub(super) disputes: Vec<Dispute>,
    /// How many more pairs of entries may be considered in lists without keys.
    pub(super) pairs_left: usize,
}

impl Merging {
    /// The merged value at a place, ours where the sides conflict as a whole; none where there is to be
    /// none.
    pub(super) fn values(&mut self, sides: Values<'_>, place: Place<'_>) -> Option<Value> {
        if let Some(undisputed) = sides.undisputed() {
            return undisputed.cloned();
        }
        if let Some(merged) = self.inside(sides, place) {
            return Some(merged);
        }
        let path = place.trail.to_path();
        let sides = sides.map(Option::<&Value>::cloned);
        let ours = sides.ours.clone();
        self.disputes.push(Dispute::Value { path, after: Vec::new(), sides });
        ours
    }

    /// The merged value where something can be merged inside; none, with nothing noted, where the sides
    /// conflict as a whole.
    fn inside(&mut self, sides: Values<'_>, place: Place<'_>) -> Option<Value> {
        match (sides.base, sides.ours?, sides.theirs?) {
            (base @ (None | Some(Value::Object(_))), Value::Object(ours), Value::Object(theirs)) => {
                let sides =
                    Sides { base: base.and_then(Value::as_object), ours: Some(ours), theirs: Some(theirs) };
                Some(self.objects(sides, place))
            }
            (base @ (None | Some(Value::Array(_))), Value::Array(ours), Value::Array(theirs))
                if place.lists_above < LISTS_NESTED_MAX =>
            {
                let base = base.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                self.lists(Sides { base, ours, theirs }, place).map(Value::Array)
            }
            _ => None,
        }
    }

    fn objects(&mut self, sides: Sides<Option<&Map<String, Value>>>, place: Place<'_>) -> Value {
        let mut merged = Map::new();
        let (ours, theirs) = (sides.ours.into_iter().flatten(), sides.theirs.into_iter().flatten());
        let added = theirs.filter(|(name, _)| sides.ours.is_none_or(|ours| !ours.contains_key(*name)));
        let mut names: Vec<&String> = ours.chain(added).map(|(name, _)| name).collect();
        names.sort_unstable();
        for name in names {
            let trail = Trail::Field(place.trail, name);
            let fields = sides.map(|side| side.and_then(|side| side.get(name)));
            if let Some(value) = self.values(fields, place.field(&trail, name)) {
                merged.insert(name.clone(), value);
            }
        }
        Value::Object(merged)
    }
}
