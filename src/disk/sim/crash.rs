//! What a loss of power leaves of an image.

use std::collections::{BTreeMap, BTreeSet};

use super::image::{Content, Image, Name, Node, ROOT, settle};
use super::random::{Fate, Random};

/// What a loss of power spares of the changes that no sync covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerLoss {
    /// Nothing.
    DropAll,
    /// Everything: the gentlest loss.
    KeepAll,
    /// A pseudo-random part. Of a file, each sector of 512 bytes and the length are kept or lost
    /// independently, and one sector on the disk may be half new; a length without its data reads as zeros.
    /// Each directory operation is kept or lost as a whole.
    Random,
}

/// The image after a loss of power, all of it durable.
pub(super) fn after_power_loss(image: &Image, mode: PowerLoss, random: &mut Random) -> Image {
    let entries = surviving_entries(image, mode, random);
    let mut after = Image::new();
    let torn = torn_sector(image, mode, random);
    let mut number = 0;
    let mut seen = BTreeSet::from([ROOT]);
    let mut todo = vec![(ROOT, ROOT)];
    while let Some((old_dir, new_dir)) = todo.pop() {
        for ((_, name), inode) in entries.range((old_dir, String::new())..(old_dir + 1, String::new())) {
            let Some(node) = image.nodes.get(inode) else { continue };
            let content = match &node.content {
                // A directory that two kept operations put in two places is found in one.
                Content::Dir if !seen.insert(*inode) => continue,
                Content::Dir => Content::Dir,
                Content::Link(target) => Content::Link(target.clone()),
                Content::File(data) => Content::File(super::file::FileData::durable(match mode {
                    PowerLoss::DropAll => data.dropped(),
                    PowerLoss::KeepAll => data.kept(),
                    PowerLoss::Random => {
                        let outcomes = data.outcomes();
                        let here = torn.and_then(|torn: usize| torn.checked_sub(number));
                        number += outcomes.dirty_sectors();
                        outcomes.draw(here, random)
                    }
                })),
            };
            let is_dir = matches!(content, Content::Dir);
            let new = after.adopt((new_dir, name.clone()), Node { content, changed: node.changed });
            if is_dir {
                todo.push((*inode, new));
            }
        }
    }
    after
}

fn surviving_entries(image: &Image, mode: PowerLoss, random: &mut Random) -> BTreeMap<Name, u64> {
    let fate = match mode {
        PowerLoss::DropAll => Fate::Lost,
        PowerLoss::KeepAll => Fate::Kept,
        PowerLoss::Random => Fate::draw(random),
    };
    let mut entries = image.durable.clone();
    for op in &image.pending {
        if fate.keeps(random) {
            settle(&mut entries, op);
        }
    }
    entries.into_iter().filter_map(|(name, (_, inode))| inode.map(|inode| (name, inode))).collect()
}

/// In every second loss one dirty sector was being written: its number among all of them.
fn torn_sector(image: &Image, mode: PowerLoss, random: &mut Random) -> Option<usize> {
    if mode != PowerLoss::Random || !random.chance(4) {
        return None;
    }
    let dirty = image.nodes.values().filter_map(|node| match &node.content {
        Content::File(data) => Some(data.outcomes().dirty_sectors()),
        _ => None,
    });
    let total: usize = dirty.sum();
    (total > 0).then(|| random.below(total))
}
