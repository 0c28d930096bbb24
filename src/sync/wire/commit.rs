//! Operations that were put together afar: each is a line of JSON, then the bytes of its objects, records and
//! lines; the answer says of each what came of it. Objects travel in the same form, by themselves.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};

use crate::backend::{Derived, Moved, Outcome, Transaction};
use crate::log::Record;
use crate::object::Object;
use crate::refs::{Expected, Handle, RefName, Target};

use super::push::{ObjectShape, PartShape};
use super::store::StateShape;
use super::{Failure, StagedShape, Text, WireError, read_bytes, read_item, write_item};
use crate::backend::ChainPart;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoreItem {
    Operation(Box<OperationShape>),
    Objects(Vec<ObjectShape>),
    End,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OperationShape {
    agent: Text<Handle>,
    objects: Vec<ObjectShape>,
    staged: Option<StagedShape>,
    /// The length of each record's line, in bytes.
    records: Vec<u64>,
    expects: Vec<(Text<RefName>, ExpectedShape)>,
    chains: Vec<PartShape>,
    rename_to: Option<Text<Handle>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    derived: Vec<DerivedShape>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DerivedShape {
    name: String,
    bytes: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ExpectedShape {
    Absent,
    Is(Text<Target>),
    Any,
}

impl From<&Expected> for ExpectedShape {
    fn from(expected: &Expected) -> Self {
        match expected {
            Expected::Absent => Self::Absent,
            Expected::Is(target) => Self::Is(Text(target.clone())),
            Expected::Any => Self::Any,
        }
    }
}

impl From<ExpectedShape> for Expected {
    fn from(expected: ExpectedShape) -> Self {
        match expected {
            ExpectedShape::Absent => Self::Absent,
            ExpectedShape::Is(target) => Self::Is(target.0),
            ExpectedShape::Any => Self::Any,
        }
    }
}

/// Writes operations. Documents that follow from them go along only when `derived` says so: a server makes
/// them itself.
///
/// # Errors
/// When the sink fails.
pub fn write_operations<'a>(
    sink: &mut dyn Write,
    operations: impl IntoIterator<Item = &'a Transaction>,
    derived: bool,
) -> io::Result<()> {
    for operation in operations {
        let documents: &[Derived] = if derived { &operation.derived } else { &[] };
        let lines: Vec<Vec<u8>> = operation.records.iter().map(|record| record.to_line().1).collect();
        let document = |derived: &Derived| DerivedShape {
            name: derived.name.clone(),
            bytes: derived.content.as_ref().map(|content| content.len() as u64),
        };
        let shape = OperationShape {
            agent: Text(operation.agent.clone()),
            objects: operation.objects.iter().map(ObjectShape::of).collect(),
            staged: operation.staged.as_ref().map(Into::into),
            records: lines.iter().map(|line| line.len() as u64).collect(),
            expects: operation
                .expects
                .iter()
                .map(|(name, expected)| (Text(name.clone()), expected.into()))
                .collect(),
            chains: operation.chains.iter().map(PartShape::of).collect(),
            rename_to: operation.rename_to.clone().map(Text),
            derived: documents.iter().map(document).collect(),
        };
        write_item(sink, &StoreItem::Operation(Box::new(shape)))?;
        operation.objects.iter().try_for_each(|object| sink.write_all(&object.payload))?;
        lines.iter().try_for_each(|line| sink.write_all(line))?;
        operation.chains.iter().try_for_each(|part| sink.write_all(&part.lines))?;
        let contents = documents.iter().filter_map(|derived| derived.content.as_ref());
        contents.into_iter().try_for_each(|content| sink.write_all(content))?;
    }
    write_item(sink, &StoreItem::End)
}

/// Reads operations, up to the item that ends them.
///
/// # Errors
/// `CutOff`, `Shape`, `TooLong` when they have more than `max_bytes` besides their lines of JSON, `Io`.
pub fn read_operations(source: &mut dyn BufRead, max_bytes: u64) -> Result<Vec<Transaction>, WireError> {
    let (mut operations, mut left_bytes) = (Vec::new(), max_bytes);
    loop {
        let shape = match read_item(source)? {
            StoreItem::Operation(shape) => *shape,
            StoreItem::End => return Ok(operations),
            StoreItem::Objects(_) => return Err(WireError::Shape("objects stand by themselves".to_owned())),
        };
        let mut bytes = |len: u64| {
            left_bytes = left_bytes.checked_sub(len).ok_or(WireError::TooLong { max_bytes })?;
            read_bytes(source, len, max_bytes)
        };
        let objects = shape.objects.iter().map(|object| object.read(&mut bytes));
        let objects = objects.collect::<Result<_, _>>()?;
        let mut records = Vec::new();
        for len in shape.records {
            let line = bytes(len)?;
            let line = line.strip_suffix(b"\n");
            let line = line.ok_or_else(|| WireError::Shape("a record does not end".to_owned()))?;
            let (_, record) = Record::from_line(line).map_err(|error| WireError::Shape(error.to_string()))?;
            records.push(record);
        }
        let mut chains = Vec::new();
        for part in shape.chains {
            chains.push(ChainPart { store: part.store.0, offset: part.offset, lines: bytes(part.bytes)? });
        }
        let mut derived = Vec::new();
        for document in shape.derived {
            let content = document.bytes.map(&mut bytes).transpose()?;
            derived.push(Derived { name: document.name, content });
        }
        operations.push(Transaction {
            agent: shape.agent.0,
            objects,
            staged: shape.staged.map(Into::into),
            records,
            expects: shape.expects.into_iter().map(|(name, expected)| (name.0, expected.into())).collect(),
            chains,
            derived,
            rename_to: shape.rename_to.map(|to| to.0),
        });
    }
}

/// Writes objects by themselves.
///
/// # Errors
/// When the sink fails.
pub fn write_objects<'a>(
    sink: &mut dyn Write,
    objects: impl IntoIterator<Item = &'a Object> + Clone,
) -> io::Result<()> {
    write_item(sink, &StoreItem::Objects(objects.clone().into_iter().map(ObjectShape::of).collect()))?;
    objects.into_iter().try_for_each(|object| sink.write_all(&object.payload))?;
    write_item(sink, &StoreItem::End)
}

/// Reads objects by themselves, to their end.
///
/// # Errors
/// `CutOff`, `Shape`, `TooLong` when they have more than `max_bytes`, `Io`.
pub fn read_objects(source: &mut dyn BufRead, max_bytes: u64) -> Result<Vec<Object>, WireError> {
    let StoreItem::Objects(shapes) = read_item(source)? else {
        return Err(WireError::Shape("objects belong here".to_owned()));
    };
    let mut left_bytes = max_bytes;
    let mut bytes = |len: u64| {
        left_bytes = left_bytes.checked_sub(len).ok_or(WireError::TooLong { max_bytes })?;
        read_bytes(source, len, max_bytes)
    };
    let objects = shapes.iter().map(|shape| shape.read(&mut bytes)).collect::<Result<_, _>>()?;
    match read_item(source)? {
        StoreItem::End => Ok(objects),
        _ => Err(WireError::Shape("objects end here".to_owned())),
    }
}

/// The answer of `commit` and `commits`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitAnswer {
    /// What came of them.
    Outcomes {
        /// Of each, in order.
        outcomes: Vec<OutcomeShape>,
        /// What its agent is since, when one was sent by itself and happened.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Box<StateShape>>,
    },
    /// The store failed, and nothing happened; of several operations some may have.
    Failed(Failure),
    /// What was asked contradicts itself, and nothing happened.
    Bad(String),
}

/// What came of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeShape {
    /// It happened.
    Committed,
    /// The log has another head, or the agent is gone.
    Head,
    /// A ref points elsewhere.
    Ref(RefMoved),
    /// The handle is taken.
    HandleTaken(Text<Handle>),
    /// The agent is in the store already, under this handle.
    IdTaken(Text<Handle>),
    /// The store itself does not know yet.
    Unknown,
}

/// A ref that was not where it was expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefMoved {
    name: Text<RefName>,
    expected: ExpectedShape,
    actual: Option<Text<Target>>,
}

impl From<Outcome> for OutcomeShape {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Committed => Self::Committed,
            Outcome::Unknown => Self::Unknown,
            Outcome::Moved(Moved::Head) => Self::Head,
            Outcome::Moved(Moved::HandleTaken(handle)) => Self::HandleTaken(Text(handle)),
            Outcome::Moved(Moved::IdTaken(handle)) => Self::IdTaken(Text(handle)),
            Outcome::Moved(Moved::Ref { name, expected, actual }) => Self::Ref(RefMoved {
                name: Text(name),
                expected: (&expected).into(),
                actual: actual.map(Text),
            }),
        }
    }
}

impl From<OutcomeShape> for Outcome {
    fn from(outcome: OutcomeShape) -> Self {
        match outcome {
            OutcomeShape::Committed => Self::Committed,
            OutcomeShape::Unknown => Self::Unknown,
            OutcomeShape::Head => Self::Moved(Moved::Head),
            OutcomeShape::HandleTaken(handle) => Self::Moved(Moved::HandleTaken(handle.0)),
            OutcomeShape::IdTaken(handle) => Self::Moved(Moved::IdTaken(handle.0)),
            OutcomeShape::Ref(moved) => Self::Moved(Moved::Ref {
                name: moved.name.0,
                expected: moved.expected.into(),
                actual: moved.actual.map(|target| target.0),
            }),
        }
    }
}
