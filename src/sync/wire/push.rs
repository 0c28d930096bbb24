//! Pushes: each is a line of JSON, then the bytes of its objects and of its lines; the answer says of each
//! what came of it.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::backend::ChainPart;
use crate::log::{AgentId, Change, Former, RecordId, StoreId};
use crate::object::{Author, BlockName, Kind, Object};
use crate::refs::{Handle, RefName, Target};
use crate::sync::SyncError;
use crate::sync::{PushOutcome, PushRequest};

use super::text::{plain, texts};
use super::{Failure, StagedShape, Text, TipShape, WireError, read_bytes, read_item, write_item};

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PushItem {
    Agent(Box<RequestShape>),
    End,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestShape {
    agent: Text<Handle>,
    id: Text<AgentId>,
    expected: Option<Text<RecordId>>,
    cites: Text<RecordId>,
    actor: ActorShape,
    staged: Option<StagedShape>,
    changes: Vec<ChangeShape>,
    objects: Vec<ObjectShape>,
    chains: Vec<PartShape>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActorShape {
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeShape {
    r#ref: Text<RefName>,
    from: Option<Text<Target>>,
    to: Option<Text<Target>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    continues: Option<Text<RefName>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resumes: Option<FormerShape>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    blocks: Vec<Text<BlockName>>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    ext: Map<String, Value>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FormerShape {
    created: Text<RecordId>,
    revision: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ObjectShape {
    kind: String,
    bytes: u64,
}

impl ObjectShape {
    pub(super) fn of(object: &Object) -> Self {
        Self { kind: object.kind.name().to_owned(), bytes: object.payload.len() as u64 }
    }

    /// Reads the object that is announced; `bytes` reads so many.
    pub(super) fn read(
        &self,
        bytes: &mut impl FnMut(u64) -> Result<Vec<u8>, WireError>,
    ) -> Result<Object, WireError> {
        let kind = [Kind::Block, Kind::Tree, Kind::Commit].into_iter().find(|kind| kind.name() == self.kind);
        let kind = kind.ok_or_else(|| WireError::Shape(format!("'{}' is no kind of object", self.kind)))?;
        if self.bytes > kind.max_bytes() as u64 {
            return Err(WireError::TooLong { max_bytes: kind.max_bytes() as u64 });
        }
        Ok(Object { kind, payload: bytes(self.bytes)? })
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartShape {
    pub(super) store: Text<StoreId>,
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

impl PartShape {
    pub(super) fn of(part: &ChainPart) -> Self {
        Self { store: Text(part.store), offset: part.offset, bytes: part.lines.len() as u64 }
    }
}

impl ChangeShape {
    fn of(change: &Change) -> Self {
        Self {
            r#ref: Text(change.name.clone()),
            from: change.from.clone().map(Text),
            to: change.to.clone().map(Text),
            continues: change.continues.clone().map(Text),
            resumes: change
                .resumes
                .map(|former| FormerShape { created: Text(former.created), revision: former.revision }),
            blocks: texts(&change.blocks),
            ext: change.ext.clone(),
        }
    }

    fn into_plain(self) -> Change {
        Change {
            name: self.r#ref.0,
            from: self.from.map(|target| target.0),
            to: self.to.map(|target| target.0),
            continues: self.continues.map(|name| name.0),
            resumes: self
                .resumes
                .map(|former| Former { created: former.created.0, revision: former.revision }),
            blocks: plain(self.blocks),
            ext: self.ext,
        }
    }
}

/// Writes pushes.
///
/// # Errors
/// When the sink fails.
pub fn write_requests<'a>(
    sink: &mut dyn Write,
    requests: impl IntoIterator<Item = &'a PushRequest>,
) -> io::Result<()> {
    for request in requests {
        let shape = RequestShape {
            agent: Text(request.handle.clone()),
            id: Text(request.agent),
            expected: request.expected.map(Text),
            cites: Text(request.cites),
            actor: ActorShape { name: request.actor.name.clone(), email: request.actor.email.clone() },
            staged: request.staged.as_ref().map(Into::into),
            changes: request.changes.iter().map(ChangeShape::of).collect(),
            objects: request.objects.iter().map(ObjectShape::of).collect(),
            chains: request.chains.iter().map(PartShape::of).collect(),
        };
        write_item(sink, &PushItem::Agent(Box::new(shape)))?;
        for object in &request.objects {
            sink.write_all(&object.payload)?;
        }
        for part in &request.chains {
            sink.write_all(&part.lines)?;
        }
    }
    write_item(sink, &PushItem::End)
}

/// Reads pushes, up to the item that ends them.
///
/// # Errors
/// `CutOff`, `Shape`, `TooLong` when they have more than `max_bytes` of objects and lines, `Io`.
pub fn read_requests(source: &mut dyn BufRead, max_bytes: u64) -> Result<Vec<PushRequest>, WireError> {
    let (mut requests, mut left_bytes) = (Vec::new(), max_bytes);
    loop {
        let shape = match read_item(source)? {
            PushItem::Agent(shape) => *shape,
            PushItem::End => return Ok(requests),
        };
        if shape.actor.name.is_empty() {
            return Err(WireError::Shape("nobody is named as who pushes".to_owned()));
        }
        let mut bytes = |len: u64| {
            left_bytes = left_bytes.checked_sub(len).ok_or(WireError::TooLong { max_bytes })?;
            read_bytes(source, len, max_bytes)
        };
        let objects = shape.objects.iter().map(|object| object.read(&mut bytes));
        let objects = objects.collect::<Result<_, _>>()?;
        let mut chains = Vec::new();
        for part in shape.chains {
            chains.push(ChainPart { store: part.store.0, offset: part.offset, lines: bytes(part.bytes)? });
        }
        requests.push(PushRequest {
            agent: shape.id.0,
            handle: shape.agent.0,
            expected: shape.expected.map(|id| id.0),
            cites: shape.cites.0,
            objects,
            staged: shape.staged.map(Into::into),
            chains,
            changes: shape.changes.into_iter().map(ChangeShape::into_plain).collect(),
            actor: Author { name: shape.actor.name, email: shape.actor.email },
        });
    }
}

/// The answer of `push`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushAnswer {
    /// What came of each push, in order.
    pub results: Vec<PushResult>,
}

/// What came of a push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushResult {
    /// It happened, and the agent is so since.
    Committed(TipShape),
    /// The store moved on before.
    Moved,
    /// The store itself does not know yet.
    Unknown,
    /// It was refused.
    Failed(Failure),
}

impl PushResult {
    /// As it is told.
    pub fn of(result: &Result<PushOutcome, SyncError>) -> Self {
        match result {
            Ok(PushOutcome::Committed(tip)) => Self::Committed(TipShape::of(tip)),
            Ok(PushOutcome::Moved) => Self::Moved,
            Ok(PushOutcome::Unknown) => Self::Unknown,
            Err(error) => Self::Failed(Failure::of(error)),
        }
    }

    /// As it is worked with.
    ///
    /// # Errors
    /// What the other store refused with.
    pub fn at(self, store: StoreId) -> Result<PushOutcome, SyncError> {
        match self {
            Self::Committed(tip) => Ok(PushOutcome::Committed(tip.at(store))),
            Self::Moved => Ok(PushOutcome::Moved),
            Self::Unknown => Ok(PushOutcome::Unknown),
            Self::Failed(failure) => Err(failure.into_error()),
        }
    }
}
