//! Where the time of a publish goes: its parts that only compute.

use std::path::Path;

use crate::stores;
use crate::table::{self, Target};
use crate::timing::{Scale, in_turn};
use crate::workload::{Evolving, Size};

/// Measures the parts.
pub(crate) fn run(dir: &Path, _scale: Scale) {
    table::group("Parts of a publish that only compute");
    let agents = stores::init(dir);
    let profile = stores::generic();
    for (size, shown) in [(Size::Large, "68 kB"), (Size::Middle, "22 kB")] {
        let config = Evolving::new(3, size).value();
        let context = recto::check::Context::for_profile("generic");
        let blocks = profile.split(&config).expect("blocks");
        let [canonical, loose, validate, check, masks, resolved, clone] = in_turn(
            200,
            [
                &mut |_| drop(std::hint::black_box(recto::encoding::canonical::to_vec(&config))),
                &mut |_| drop(agents.loose_config(profile.clone(), &config).expect("a config")),
                &mut |_| drop(std::hint::black_box(profile.validate(&config))),
                &mut |_| drop(std::hint::black_box(recto::check::check(&config, &context))),
                &mut |_| drop(std::hint::black_box(recto::check::contains_mask(&config))),
                &mut |_| drop(std::hint::black_box(profile.resolved(&blocks))),
                &mut |_| drop(std::hint::black_box(config.clone())),
            ],
        );
        for (name, samples) in [
            ("canonical JSON", canonical),
            ("split, hash, join", loose),
            ("validate", validate),
            ("check", check),
            ("masks", masks),
            ("resolved", resolved),
            ("clone", clone),
        ] {
            table::alone(&format!("{name} {shown}"), samples.median(), Target::None);
        }
    }
}
