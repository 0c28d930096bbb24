//! What every built-in profile satisfies.

use super::*;

#[test]
fn every_builtin_profile_passes_the_check_for_profile_files() {
    for name in Profile::builtin_names() {
        let profile = Profile::builtin(name).expect("a name of the list is there");
        assert_eq!(profile.name(), *name);
        let again = Profile::parse(profile.bytes()).map_err(|error| error.to_string());
        assert_eq!(again.map(|again| again.id()), Ok(profile.id()), "{name}");
    }
    assert!(Profile::builtin("elsewhere").is_none());
}
