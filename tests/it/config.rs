//! Settings of a store and of a user.

use crate::harness::Place;

#[test]
fn a_setting_is_set_shown_and_removed() {
    let place = Place::with_store();
    let set = place.recto(["config", "user.name", "Asha Rao"]).exits(0);
    assert_eq!(set.stdout, "user.name: unset -> 'Asha Rao'\n");
    assert_eq!(set.stderr, "undo: recto config --unset user.name\n");
    assert_eq!(place.recto(["config", "user.name"]).ok(), "Asha Rao\n");
    let change = place.recto(["config", "--json", "user.name", "Bo"]).exits(0).json("config-change");
    assert_eq!(change["undo"], "recto config user.name 'Asha Rao'");
    place.recto(["config", "--unset", "user.name"]).ok();
    assert_eq!(place.recto(["config", "user.name"]).exits(1).stdout, "");
    let absent = place.recto(["config", "user.name", "--json"]).exits(1).json("config-value");
    assert!(absent["value"].is_null());
}

#[test]
fn the_store_counts_before_the_user() {
    let place = Place::with_store();
    place.recto(["config", "--global", "user.name", "Everywhere"]).ok();
    place.recto(["config", "--global", "user.email", "e@example.com"]).ok();
    assert!(place.home(".config/recto/config.json").exists());
    place.recto(["config", "user.name", "Here"]).ok();
    assert_eq!(place.recto(["config", "user.name"]).ok(), "Here\n");
    assert_eq!(place.recto(["config", "--global", "user.name"]).ok(), "Everywhere\n");
    let list = place.recto(["config"]).ok();
    insta::assert_snapshot!(list, @r"
    NAME        VALUE          FROM
    user.name   Here           store
    user.email  e@example.com  user
    ");
    let list = place.recto(["config", "--json"]).exits(0).json("config");
    assert_eq!(list["settings"]["user.name"]["from"], "store");
}

#[test]
fn the_users_settings_need_no_store() {
    let place = Place::empty();
    let xdg = place.home("elsewhere");
    place.run(place.command(["config", "--global", "user.name", "Asha"]).env("XDG_CONFIG_HOME", &xdg)).ok();
    assert!(xdg.join("recto/config.json").exists());
    let shown = place.run(place.command(["config", "user.name"]).env("XDG_CONFIG_HOME", &xdg)).ok();
    assert_eq!(shown, "Asha\n");
    place.recto(["config", "user.name", "Asha"]).exits(1);
    place.run(place.command(["config", "--global", "user.name", "A"]).env_remove("HOME")).exits(1);
}

#[test]
fn what_is_no_setting_is_refused_and_nothing_is_written() {
    let place = Place::with_store();
    for bad in [
        ["config", "user.nmae", "Asha"],
        ["config", "user.name", ""],
        ["config", "user.name", "a\u{1b}b"],
        ["config", "user.email", "a b"],
        ["config", "clock.backwards", "maybe"],
        ["config", "--unset", "nothing.known"],
        ["config", "--global", "--unset"],
    ] {
        place.recto(bad).exits(2);
    }
    let global = place.recto(["config", "--global", "check.command", "./check"]).exits(2);
    assert!(global.stderr.contains("hint: recto config check.command VALUE"), "{}", global.stderr);
    assert!(!place.path(".recto/config.json").exists() && !place.home(".config").exists());
}

#[test]
fn a_damaged_settings_file_is_named() {
    let place = Place::with_store();
    place.write(".recto/config.json", "{\"user.name\": 1}");
    let error = place.recto(["config", "--json"]).json_error(5);
    let message = error["error"]["message"].as_str().expect("a text");
    assert!(message.contains(".recto/config.json' is not a settings file: 'user.name' is not a text"));
}

#[test]
fn active_json_takes_effect_at_once() {
    let place = crate::agents::with_support();
    let document = place.path(".recto/agents/support/ACTIVE.json");
    let before = std::fs::read(&document).expect("there");
    place.recto(["config", "active_json", "off"]).ok();
    assert!(!document.exists());
    place.recto(["fsck"]).ok();
    place.recto(["config", "active_json", "on"]).ok();
    assert_eq!(std::fs::read(&document).expect("there again"), before);
    place.recto(["fsck"]).ok();
    place.recto(["config", "active_json", "off"]).ok();
    place.recto(["config", "--unset", "active_json"]).ok();
    assert_eq!(std::fs::read(&document).expect("there again"), before);
    place.recto(["fsck"]).ok();
}
