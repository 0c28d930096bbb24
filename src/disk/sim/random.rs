//! A small generator (SplitMix64, Steele, Lea and Flood 2014): the same seed gives the same choices for ever.

/// A stream of choices.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// The stream of a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not zero.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let bound = bound as u64;
        usize::try_from(self.next() % bound).expect("it is below a usize")
    }

    /// Whether a chance of `eighths` in eight came true.
    pub(super) fn chance(&mut self, eighths: usize) -> bool {
        self.below(8) < eighths
    }

    /// Sixteen bytes.
    pub(super) fn id(&mut self) -> [u8; 16] {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.next().to_be_bytes());
        id[8..].copy_from_slice(&self.next().to_be_bytes());
        id
    }
}

/// How much of a group of unsynced changes a loss of power spares. Chosen once for the group, so that all or
/// nothing is as likely to be seen as any mixture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// None of them.
    Lost,
    /// All of them.
    Kept,
    /// Each with this chance in eight.
    Mixed(usize),
}

impl Fate {
    /// Draws one.
    pub(super) fn draw(random: &mut Random) -> Self {
        match random.below(4) {
            0 => Self::Lost,
            1 => Self::Kept,
            _ => Self::Mixed([1, 4, 7][random.below(3)]),
        }
    }

    /// Whether a single change is kept.
    pub(super) fn keeps(self, random: &mut Random) -> bool {
        match self {
            Self::Lost => false,
            Self::Kept => true,
            Self::Mixed(eighths) => random.chance(eighths),
        }
    }

    /// Which of `count` successive states of one thing is found: the first is the durable one, the last the newest.
    pub(super) fn state(self, count: usize, random: &mut Random) -> usize {
        if self.keeps(random) {
            count - 1
        } else if self == Self::Lost || random.chance(4) {
            0
        } else {
            random.below(count)
        }
    }
}
