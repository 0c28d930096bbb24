//! The JSON of requests and answers, and what it stands for.

use serde::{Deserialize, Serialize};

use crate::backend::{ChainHead, ChainPart, KeptPack, Staged};
use crate::log::{AgentId, RecordId, StoreId};
use crate::object::ObjectId;
use crate::pack::PackId;
use crate::refs::Handle;
use crate::sync::{AgentTip, LinesAsk, Listing, Need, Told};

use super::text::{plain, texts};
use super::{Failure, Text};

/// The end of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadShape {
    store: Text<StoreId>,
    record: Text<RecordId>,
    bytes: u64,
}

impl From<ChainHead> for HeadShape {
    fn from(head: ChainHead) -> Self {
        Self { store: Text(head.store), record: Text(head.record), bytes: head.bytes }
    }
}

impl From<HeadShape> for ChainHead {
    fn from(head: HeadShape) -> Self {
        Self { store: head.store.0, record: head.record.0, bytes: head.bytes }
    }
}

/// An agent of the store that answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TipShape {
    agent: Text<Handle>,
    id: Text<AgentId>,
    record: Text<RecordId>,
    bytes: u64,
}

impl TipShape {
    /// As it is told; whose log it is goes without saying.
    pub fn of(tip: &AgentTip) -> Self {
        let (record, bytes) = (Text(tip.head.record), tip.head.bytes);
        Self { agent: Text(tip.handle.clone()), id: Text(tip.id), record, bytes }
    }

    /// As it is worked with.
    pub fn at(self, store: StoreId) -> AgentTip {
        let head = ChainHead { store, record: self.record.0, bytes: self.bytes };
        AgentTip { handle: self.agent.0, id: self.id.0, head }
    }
}

/// The answer of `agents`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    state: String,
    agents: Vec<TipShape>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<(Text<Handle>, String)>,
}

impl Listed {
    /// As it is told.
    pub fn of(listing: &Listing) -> Self {
        let unreadable = listing.unreadable.iter().map(|(handle, why)| (Text(handle.clone()), why.clone()));
        Self {
            state: listing.state.clone(),
            agents: listing.tips.iter().map(TipShape::of).collect(),
            unreadable: unreadable.collect(),
        }
    }

    /// As it is worked with.
    pub fn at(self, store: StoreId) -> Listing {
        let unreadable = self.unreadable.into_iter().map(|(handle, why)| (handle.0, why));
        Listing {
            state: self.state,
            tips: self.agents.into_iter().map(|tip| tip.at(store)).collect(),
            unreadable: unreadable.collect(),
        }
    }
}

/// The request of `tips` and of `chains`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handles {
    agents: Vec<Text<Handle>>,
}

impl Handles {
    /// As it is told.
    pub fn of(handles: &[Handle]) -> Self {
        Self { agents: texts(handles) }
    }

    /// As it is worked with.
    pub fn into_plain(self) -> Vec<Handle> {
        plain(self.agents)
    }
}

/// The answer of `tips`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tips {
    /// For each handle that was asked for, in order.
    pub tips: Vec<Option<TipShape>>,
}

/// The answer of `chains`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chains {
    /// For each handle that was asked for, in order.
    pub chains: Vec<Vec<HeadShape>>,
}

/// The request of `lines`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asks {
    asks: Vec<AskShape>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct AskShape {
    agent: Text<Handle>,
    upto: HeadShape,
    kept: Vec<HeadShape>,
}

impl Asks {
    /// As it is told.
    pub fn of(asks: &[LinesAsk]) -> Self {
        let one = |ask: &LinesAsk| AskShape {
            agent: Text(ask.handle.clone()),
            upto: ask.upto.into(),
            kept: ask.kept.iter().copied().map(Into::into).collect(),
        };
        Self { asks: asks.iter().map(one).collect() }
    }

    /// As it is worked with.
    pub fn into_plain(self) -> Vec<LinesAsk> {
        let one = |ask: AskShape| LinesAsk {
            handle: ask.agent.0,
            upto: ask.upto.into(),
            kept: ask.kept.into_iter().map(Into::into).collect(),
        };
        self.asks.into_iter().map(one).collect()
    }
}

/// An item of the answer of `lines`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinesItem {
    /// What there is of a log; as many bytes of lines follow as are said.
    Log {
        /// Which of the asks it belongs to, from 0.
        ask: usize,
        /// The end of the log.
        end: HeadShape,
        /// Where in the log the lines begin; absent when there are none.
        offset: Option<u64>,
        /// How many bytes of lines follow.
        bytes: u64,
    },
    /// Logs of an agent cannot be read.
    Failed {
        /// Which of the asks it belongs to.
        ask: usize,
        /// Why.
        error: Failure,
    },
    /// Nothing more comes, because of this.
    Broken(Failure),
    /// That was all.
    End,
}

impl LinesItem {
    /// What is told of a log, and the bytes that follow.
    pub fn of(ask: usize, told: &Told) -> (Self, &[u8]) {
        let lines = told.part.as_ref().map_or(&[][..], |part| part.lines.as_slice());
        let offset = told.part.as_ref().map(|part| part.offset);
        (Self::Log { ask, end: told.end.into(), offset, bytes: lines.len() as u64 }, lines)
    }

    /// What is told of a log, as it is worked with.
    pub fn told(end: HeadShape, offset: Option<u64>, lines: Vec<u8>) -> Told {
        let end = ChainHead::from(end);
        Told { end, part: offset.map(|offset| ChainPart { store: end.store, offset, lines }) }
    }
}

/// The answer of `packs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packs {
    packs: Vec<KeptShape>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeptShape {
    id: Text<PackId>,
    bytes: u64,
    objects: u64,
}

impl Packs {
    /// As it is told.
    pub fn of(packs: &[KeptPack]) -> Self {
        let one =
            |pack: &KeptPack| KeptShape { id: Text(pack.id), bytes: pack.size_bytes, objects: pack.objects };
        Self { packs: packs.iter().map(one).collect() }
    }

    /// As it is worked with.
    pub fn into_plain(self) -> Vec<KeptPack> {
        let one = |pack: KeptShape| KeptPack { id: pack.id.0, size_bytes: pack.bytes, objects: pack.objects };
        self.packs.into_iter().map(one).collect()
    }
}

/// The request of `objects`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    needs: Vec<NeedShape>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct NeedShape {
    agent: Text<Handle>,
    wants: Vec<Text<ObjectId>>,
    haves: Vec<Text<ObjectId>>,
}

impl Needs {
    /// As it is told.
    pub fn of(needs: &[Need]) -> Self {
        let one = |need: &Need| NeedShape {
            agent: Text(need.handle.clone()),
            wants: texts(&need.wants),
            haves: texts(&need.haves),
        };
        Self { needs: needs.iter().map(one).collect() }
    }

    /// As it is worked with.
    pub fn into_plain(self) -> Vec<Need> {
        let one = |need: NeedShape| Need {
            handle: need.agent.0,
            wants: plain(need.wants),
            haves: plain(need.haves),
        };
        self.needs.into_iter().map(one).collect()
    }
}

/// An item of the answer of `objects`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectsItem {
    /// So many bytes of a pack follow.
    Data(u64),
    /// The pack is over; another one may follow.
    Pack,
    /// Nothing more comes, because of this.
    Broken(Failure),
    /// That was all.
    End,
}

/// The request of `lacks`: for each agent, objects of which it may lack some.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lacks {
    asks: Vec<(Text<Handle>, Vec<Text<ObjectId>>)>,
}

impl Lacks {
    /// As it is told.
    pub fn of(asks: &[(Handle, Vec<ObjectId>)]) -> Self {
        Self { asks: asks.iter().map(|(agent, ids)| (Text(agent.clone()), texts(ids))).collect() }
    }

    /// As it is worked with.
    pub fn into_plain(self) -> Vec<(Handle, Vec<ObjectId>)> {
        self.asks.into_iter().map(|(agent, ids)| (agent.0, plain(ids))).collect()
    }
}

/// The answer of `lacks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lacking {
    lacks: Vec<Vec<Text<ObjectId>>>,
}

impl Lacking {
    /// As it is told.
    pub fn of(lacks: &[Vec<ObjectId>]) -> Self {
        Self { lacks: lacks.iter().map(|ids| texts(ids)).collect() }
    }

    /// As it is worked with.
    pub fn into_plain(self) -> Vec<Vec<ObjectId>> {
        self.lacks.into_iter().map(plain).collect()
    }
}

/// The answer of `stage`, and a part of a push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedShape {
    packs: Vec<Text<PackId>>,
}

impl From<&Staged> for StagedShape {
    fn from(staged: &Staged) -> Self {
        Self { packs: texts(&staged.packs) }
    }
}

impl From<StagedShape> for Staged {
    fn from(staged: StagedShape) -> Self {
        Self { packs: plain(staged.packs) }
    }
}
