//! The profiles that are part of the build. Their ids stand here, so that a profile is found by its id
//! without reading any; a profile that changes gets a new id, and stores keep the one they were made
//! with.

use std::sync::{Arc, LazyLock, OnceLock};

use crate::object::ObjectId;

use super::Profile;

/// The names of the profiles that are part of the build.
pub(super) const NAMES: [&str; 4] = ["atoms", "thinnest", "callem", "generic"];

/// The id of each profile and its file.
const FILES: [(&str, &[u8]); 4] = [
    ("b443a2d4d78d3d009df89247b0cbd3e5cc0753428c56d241c8fe971bf078e1e6", include_bytes!("data/atoms.json")),
    (
        "3fe56f3cdd7e2b4b370523fae34f5f43b130b6af45aa6f5a794f316298837c8e",
        include_bytes!("data/thinnest.json"),
    ),
    ("48353e999a1a5451eda70b92977226e62fc30dd482b2140c6c56133ca046abd8", include_bytes!("data/callem.json")),
    ("1ace53b98cfc4d9001d6ea82dccf3c7417f8bdc8d36336c7e351034ea533cb22", include_bytes!("data/generic.json")),
];

static PROFILES: LazyLock<[Arc<Profile>; 4]> = LazyLock::new(|| {
    FILES.map(|(id, file)| {
        Arc::new(Profile {
            id: id.parse().expect("a test compares every id with the file's"),
            content: OnceLock::new(),
            file,
            schema: OnceLock::new(),
        })
    })
});

/// The profile of that name.
pub(super) fn named(name: &str) -> Option<&'static Profile> {
    let at = NAMES.iter().position(|known| *known == name)?;
    Some(&PROFILES[at])
}

/// The profile with that id.
pub(super) fn with_id(id: ObjectId) -> Option<&'static Arc<Profile>> {
    PROFILES.iter().find(|profile| profile.id == id)
}
