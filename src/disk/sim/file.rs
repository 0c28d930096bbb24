//! One file of the simulated disk: what readers see, what is durable, and the changes in between.

use std::collections::BTreeMap;

use super::random::{Fate, Random};

/// The unit that a device writes in one go.
const SECTOR_BYTES: usize = 512;

type Sector = [u8; SECTOR_BYTES];

/// A change that no sync has covered yet.
#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => {
                let end = offset + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*offset..end].copy_from_slice(bytes);
            }
            Self::SetLen(len) => content.resize(*len, 0),
        }
    }
}

/// A file's bytes, twice.
#[derive(Debug, Clone, Default)]
pub(super) struct FileData {
    /// What readers see.
    live: Vec<u8>,
    /// What every loss of power leaves.
    durable: Vec<u8>,
    pending: Vec<Change>,
}

impl FileData {
    /// A file whose bytes are durable.
    pub(super) fn durable(bytes: Vec<u8>) -> Self {
        Self { live: bytes.clone(), durable: bytes, pending: Vec::new() }
    }

    /// What readers see.
    pub(super) fn live(&self) -> &[u8] {
        &self.live
    }

    /// Writes, filling a gap with zeros.
    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.change(Change::Write { offset, bytes: bytes.to_vec() });
        }
    }

    /// Cuts or extends.
    pub(super) fn set_len(&mut self, len: usize) {
        self.change(Change::SetLen(len));
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.live);
        self.pending.push(change);
    }

    /// Makes the changes since the last sync durable, be it one that failed: those before it stay lost.
    pub(super) fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// A failed sync: the changes stay visible, and no later sync knows of them.
    pub(super) fn lose(&mut self) {
        self.pending.clear();
    }

    /// Flips one bit of what is stored, seen and durable alike; `false` beyond the end.
    pub(super) fn flip(&mut self, offset: usize, bit: u8) -> bool {
        let flip = |content: &mut Vec<u8>| content.get_mut(offset).map(|byte| *byte ^= 1 << (bit % 8));
        flip(&mut self.durable);
        flip(&mut self.live).is_some()
    }

    /// All unsynced changes kept.
    pub(super) fn kept(&self) -> Vec<u8> {
        let mut content = self.durable.clone();
        self.pending.iter().for_each(|change| change.apply(&mut content));
        content
    }

    /// All unsynced changes lost.
    pub(super) fn dropped(&self) -> Vec<u8> {
        self.durable.clone()
    }

    /// What a loss of power may leave.
    pub(super) fn outcomes(&self) -> Outcomes {
        let mut outcomes = Outcomes {
            content: self.durable.clone(),
            lens: vec![self.durable.len()],
            sectors: BTreeMap::new(),
        };
        for change in &self.pending {
            outcomes.apply(change);
        }
        outcomes
    }
}

/// The states through which a file's length and sectors went since they were durable.
#[derive(Debug)]
pub(super) struct Outcomes {
    /// The newest content.
    content: Vec<u8>,
    lens: Vec<usize>,
    sectors: BTreeMap<usize, Vec<Sector>>,
}

/// A sector padded with zeros, as a device holds it.
fn sector(content: &[u8], index: usize) -> Sector {
    let mut sector = [0; SECTOR_BYTES];
    let start = (index * SECTOR_BYTES).min(content.len());
    let part = &content[start..content.len().min(start + SECTOR_BYTES)];
    sector[..part.len()].copy_from_slice(part);
    sector
}

impl Outcomes {
    /// Applies the next change, and adds the states that it brings.
    fn apply(&mut self, change: &Change) {
        let old_len = self.content.len();
        let touched = match change {
            Change::Write { offset, bytes } => *offset..offset + bytes.len(),
            Change::SetLen(len) => *len..old_len.max(*len),
        };
        let indices = touched.start / SECTOR_BYTES..touched.end.div_ceil(SECTOR_BYTES);
        let before: Vec<Sector> = indices.clone().map(|index| sector(&self.content, index)).collect();
        change.apply(&mut self.content);
        if self.content.len() != old_len {
            self.lens.push(self.content.len());
        }
        for (index, old) in indices.zip(before) {
            let new = sector(&self.content, index);
            if old != new {
                self.sectors.entry(index).or_insert_with(|| vec![old]).push(new);
            }
        }
    }

    /// How many sectors have more than one possible state.
    pub(super) fn dirty_sectors(&self) -> usize {
        self.sectors.len()
    }

    /// Draws one outcome. Each sector and the length are chosen independently; bytes never written read as
    /// zeros. The dirty sector numbered `torn` is found half old, half new.
    pub(super) fn draw(&self, torn: Option<usize>, random: &mut Random) -> Vec<u8> {
        let fate = Fate::draw(random);
        let len = self.lens[fate.state(self.lens.len(), random)];
        let mut content = self.content.clone();
        let sectors = self.content.len().max(len).div_ceil(SECTOR_BYTES);
        content.resize(sectors * SECTOR_BYTES, 0);
        for (number, (index, states)) in self.sectors.iter().enumerate() {
            let mut found = states[fate.state(states.len(), random)];
            if torn == Some(number) {
                let newer = 1 + random.below(states.len() - 1);
                found = tear(&states[newer - 1], &states[newer], random);
            }
            let start = index * SECTOR_BYTES;
            if let Some(place) = content.get_mut(start..start + SECTOR_BYTES) {
                place.copy_from_slice(&found);
            }
        }
        content.truncate(len);
        content
    }
}

/// The start of the new state with the end of the old one, cut where that shows if it can.
fn tear(old: &Sector, new: &Sector, random: &mut Random) -> Sector {
    let differs = |i: &usize| old[*i] != new[*i];
    let first = (0..SECTOR_BYTES).find(differs).unwrap_or(0);
    let last = (0..SECTOR_BYTES).rfind(differs).unwrap_or(SECTOR_BYTES - 1);
    let cut = first + 1 + random.below((last - first).max(1));
    let mut torn = *old;
    torn[..cut].copy_from_slice(&new[..cut]);
    torn
}
