//! The profiles that are part of the build. Each is read when it is first asked for.

use std::sync::OnceLock;

use super::Profile;

/// The names of the profiles that are part of the build.
pub(super) const NAMES: [&str; 4] = ["atoms", "thinnest", "callem", "generic"];

const FILES: [&[u8]; 4] = [
    include_bytes!("data/atoms.json"),
    include_bytes!("data/thinnest.json"),
    include_bytes!("data/callem.json"),
    include_bytes!("data/generic.json"),
];

static READ: [OnceLock<Profile>; 4] = [const { OnceLock::new() }; 4];

/// The profile of that name.
pub(super) fn named(name: &str) -> Option<&'static Profile> {
    let at = NAMES.iter().position(|known| *known == name)?;
    let read = || Profile::from_stored(FILES[at]).expect("a test reads every profile of the build");
    Some(READ[at].get_or_init(read))
}
