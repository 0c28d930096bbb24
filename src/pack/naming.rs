//! The ids of the objects of a stream, in its order: computed beside the decoding of what follows where
//! there are many, because either takes about as long as the other.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::object::Object;

use super::index::{self, Tally};
use super::stream::Packed;

/// Fewer objects than this are not worth a thread.
const BESIDE_FROM_OBJECTS: u64 = 256;
/// So many objects go to the other thread together,
const BATCH_OBJECTS: usize = 64;
/// or so many bytes of payload.
const BATCH_BYTES: usize = 512 * 1024;
/// Most bytes of payload that wait for their ids.
const WAITING_MAX_BYTES: usize = 4 * 1024 * 1024;
/// Most batches on their way in one direction.
const BATCHES_MAX: usize = 4;

/// An object whose id is not known yet.
pub(super) struct Unnamed {
    /// Where its record begins.
    pub(super) at: u64,
    /// The object.
    pub(super) object: Arc<Object>,
    /// Where the record begins that its own builds on.
    pub(super) base_at: Option<u64>,
}

/// Gives objects their ids.
#[derive(Default)]
pub(super) struct Naming {
    named: VecDeque<Packed>,
    objects: u64,
    tally: Tally,
    batch: Vec<Unnamed>,
    batch_bytes: usize,
    beside: Option<Beside>,
    /// There is no other thread to be had.
    is_alone: bool,
}

/// The other thread.
struct Beside {
    to: SyncSender<Vec<Unnamed>>,
    from: Receiver<Vec<Packed>>,
    thread: JoinHandle<Tally>,
    /// The bytes of the batches whose ids have not come yet.
    waiting: VecDeque<usize>,
}

impl Naming {
    /// Takes the object of the next record.
    pub(super) fn push(&mut self, unnamed: Unnamed) {
        self.objects += 1;
        if self.objects <= BESIDE_FROM_OBJECTS {
            let packed = name(&mut self.tally, unnamed);
            self.named.push_back(packed);
            return;
        }
        self.batch_bytes += unnamed.object.payload.len();
        self.batch.push(unnamed);
        if self.batch.len() >= BATCH_OBJECTS || self.batch_bytes >= BATCH_BYTES {
            self.send();
        }
    }

    /// The next object whose id is known.
    pub(super) fn pop(&mut self) -> Option<Packed> {
        self.named.pop_front()
    }

    /// Whether no object waits to be taken.
    pub(super) fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    /// Waits for all ids; the sum over the entries of the objects that came.
    pub(super) fn finish(&mut self) -> &Tally {
        if !self.batch.is_empty() {
            self.send();
        }
        if let Some(Beside { to, from, thread, .. }) = self.beside.take() {
            drop(to);
            self.named.extend(from.into_iter().flatten());
            self.tally.join(&thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        &self.tally
    }

    fn send(&mut self) {
        let (batch, size_bytes) = (std::mem::take(&mut self.batch), std::mem::take(&mut self.batch_bytes));
        if self.beside.is_none() && !self.is_alone {
            self.beside = Beside::begin().ok();
            self.is_alone = self.beside.is_none();
        }
        let Some(beside) = &mut self.beside else {
            let tally = &mut self.tally;
            self.named.extend(batch.into_iter().map(|one| name(tally, one)));
            return;
        };
        while beside.waiting.len() >= BATCHES_MAX
            || beside.waiting.iter().sum::<usize>() + size_bytes > WAITING_MAX_BYTES
                && !beside.waiting.is_empty()
        {
            // A thread that has died says why when it is joined.
            let Ok(named) = beside.from.recv() else { return };
            beside.waiting.pop_front();
            self.named.extend(named);
        }
        beside.waiting.push_back(size_bytes);
        let _joined_later = beside.to.send(batch);
    }
}

impl Beside {
    fn begin() -> std::io::Result<Self> {
        let (to, batches) = sync_channel::<Vec<Unnamed>>(BATCHES_MAX);
        let (ready, from) = sync_channel(BATCHES_MAX + 1);
        let thread = std::thread::Builder::new().spawn(move || {
            let mut tally = Tally::default();
            for batch in batches {
                let named = batch.into_iter().map(|one| name(&mut tally, one)).collect::<Vec<_>>();
                if ready.send(named).is_err() {
                    break;
                }
            }
            tally
        })?;
        Ok(Self { to, from, thread, waiting: VecDeque::new() })
    }
}

fn name(tally: &mut Tally, Unnamed { at, object, base_at }: Unnamed) -> Packed {
    let id = object.id();
    tally.add(&index::entry(&id, at));
    Packed { id, object, at, base_at }
}
