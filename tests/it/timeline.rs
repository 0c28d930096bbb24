//! `recto timeline`: what served when. `show --at` and `cat --at` say the same.

use serde_json::json;

use crate::harness::Place;
use crate::life::{Life, handle};

/// V1 from 12:00, V2 from 12:03, nothing from 13:00, V2 again from 13:30.
fn place() -> Place {
    let place = Place::with_store();
    let life = Life::of(&place);
    life.support();
    life.draft("support", "tone");
    life.set("support", "tone", &[("voice.id", json!("emily"))]);
    let published = life.publish("support", "tone", "Kinder tone", true);
    let support = handle("support");
    Life::by(&place, "Cleo Park", "2026-03-07T13:00:00Z")
        .agents
        .unpublish(&support, "maintenance")
        .expect("done");
    let later = Life::by(&place, "Ben Ode", "2026-03-07T13:30:00Z");
    later.agents.activate(&support, &published.version, Some("a test"), None).expect("activated");
    place
}

#[test]
fn every_stretch_has_its_version_and_its_reason() {
    let place = place();
    let mut command = place.command(["timeline", "support"]);
    let shown = place.run(command.env("RECTO_TIME", "2026-03-08T14:35:05Z")).ok();
    let expected = "\
FROM                      TO                        FOR    VERSION  LABEL        BY         HOW        WHY
2026-03-07T12:00:00.000Z  2026-03-07T12:03:00.000Z  3m     V1                    Ben Ode    create     a test
2026-03-07T12:03:00.000Z  2026-03-07T13:00:00.000Z  57m    V2       Kinder tone  Ben Ode    publish    a test
2026-03-07T13:00:00.000Z  2026-03-07T13:30:00.000Z  30m    none                  Cleo Park  unpublish  maintenance
2026-03-07T13:30:00.000Z  now                       1d 1h  V2       Kinder tone  Ben Ode    activate   a test
";
    assert_eq!(shown, expected);
}

#[test]
fn a_span_of_time_keeps_what_served_in_it() {
    let place = place();
    let versions = |args: &[&str]| {
        let words = ["timeline", "support", "--json"].iter().chain(args);
        let stretches = place.recto(words).json("timeline")["stretches"].clone();
        let number = |stretch: &serde_json::Value| stretch["version"]["number"].as_u64().unwrap_or(0);
        stretches.as_array().expect("a list").iter().map(number).collect::<Vec<u64>>()
    };
    assert_eq!(versions(&[]), [1, 2, 0, 2]);
    assert_eq!(versions(&["--since", "2026-03-07T12:03:00Z"]), [2, 0, 2]);
    assert_eq!(versions(&["--until", "2026-03-07T12:59:00Z"]), [1, 2]);
    assert_eq!(versions(&["--since", "2026-03-07T12:30:00Z", "--until", "2026-03-07T12:40:00Z"]), [2]);
    assert_eq!(versions(&["--until", "2026-03-07T11:00:00Z"]), [0; 0]);
}

#[test]
fn json_says_from_when_to_when_by_whom_and_why() {
    let place = place();
    let line = place.recto(["timeline", "--json", "support"]).json("timeline");
    let (third, last) = (&line["stretches"][2], &line["stretches"][3]);
    assert_eq!(third["version"], json!(null));
    assert_eq!(third["duration_ms"], 1_800_000);
    assert_eq!((&third["actor"]["name"], &third["note"]), (&json!("Cleo Park"), &json!("maintenance")));
    assert_eq!(
        (&last["to"], &last["duration_ms"], &last["claimed"]),
        (&json!(null), &json!(null), &json!(false))
    );
}

#[test]
fn show_and_cat_know_what_served_at_a_time() {
    let place = place();
    let id = |args: &[&str]| place.recto(args).ok();
    assert_eq!(id(&["cat", "support", "voice.id", "--at", "2026-03-07T12:01:00Z"]), "nyah\n");
    assert_eq!(id(&["cat", "support@{2026-03-07T12:30:00Z}", "voice.id"]), "emily\n");
    let shown = place.recto(["show", "--json", "support", "--at", "2026-03-07T12:01:00Z"]).json("show");
    assert_eq!((&shown["name"], &shown["served"]["to"]), (&json!("V1"), &json!("2026-03-07T12:03:00.000Z")));
    let text = place.recto(["show", "support", "--at", "2026-03-07T12:30:00Z"]).ok();
    assert!(
        text.contains("2026-03-07T12:03:00.000Z to 2026-03-07T13:00:00.000Z, publish by Ben Ode"),
        "{text}"
    );
    let none = place.recto(["show", "support", "--at", "2026-03-07T13:10:00Z"]).exits(1);
    assert!(none.stderr.contains("2026-03-07T13:10:00.000Z"), "{}", none.stderr);
    place.recto(["cat", "support", "--at", "2026-03-07T11:00:00Z"]).exits(1);
    place.recto(["cat", "support@V1", "--at", "2026-03-07T12:01:00Z"]).exits(2);
}

#[test]
fn a_time_without_a_zone_is_local_and_the_utc_used_is_said() {
    let place = place();
    for args in [
        &["cat", "support", "voice.id", "--at", "2026-03-07T17:31:00"][..],
        &["cat", "support@{2026-03-07T17:31:00}", "voice.id"],
    ] {
        let run = place.run(place.command(args).env("TZ", "IST-5:30"));
        assert!(run.stderr.contains("2026-03-07T12:01:00.000Z"), "{}", run.stderr);
        assert_eq!(run.exits(0).stdout, "nyah\n");
    }
}

#[test]
fn what_imported_history_says_is_marked_as_claimed_and_never_answered_with() {
    let place = Place::with_store();
    let line = |time: &str, rate: u64| {
        json!({"agent": "library", "author": "Ines Park", "time": time, "message": format!("rate {rate}"),
            "blocks": {"prompt": "Hello.\n", "voice": {"rate": rate}}})
        .to_string()
    };
    place.write(
        "history.jsonl",
        format!("{}\n{}\n", line("2026-01-05T09:00:00Z", 1), line("2026-01-06T09:00:00Z", 2)),
    );
    place.recto(["import", "--activate", "history.jsonl"]).exits(0);
    let stretches = place.recto(["timeline", "--json", "library"]).json("timeline")["stretches"].clone();
    let told = |at: usize| (stretches[at]["claimed"].clone(), stretches[at]["version"]["number"].clone());
    assert_eq!(
        [told(0), told(1), told(2)],
        [(true, 1), (true, 2), (false, 2)].map(|(a, b)| (json!(a), json!(b)))
    );
    assert_eq!(stretches[0]["to"], "2026-01-06T09:00:00.000Z");
    let run = place.recto(["timeline", "library"]).exits(0);
    assert_eq!(run.stdout.matches("import (claimed)").count(), 2, "{}", run.stdout);
    assert!(run.stderr.contains("not what this store served"), "{}", run.stderr);
    place.recto(["show", "library", "--at", "2026-01-07T00:00:00Z"]).exits(1);
}

#[test]
fn imported_times_that_go_backwards_make_no_stretch_that_does() {
    let place = Place::with_store();
    let line = |time: &str, rate: u64| {
        json!({"agent": "library", "author": "Ines Park", "time": time, "blocks": {"voice": {"rate": rate}}})
            .to_string()
            + "\n"
    };
    let times =
        ["2026-01-05T09:00:00Z", "2026-01-03T09:00:00Z", "2026-01-07T09:00:00Z", "2030-01-01T00:00:00Z"];
    let lines: String = times.iter().zip(1..).map(|(time, rate)| line(time, rate)).collect();
    place.write("history.jsonl", lines);
    place.recto(["import", "history.jsonl"]).exits(0);
    let stretches = place.recto(["timeline", "--json", "library"]).json("timeline")["stretches"].clone();
    let stretches = stretches.as_array().expect("a list");
    assert_eq!(stretches.len(), 4);
    let text = |at: usize, key: &str| stretches[at][key].as_str().expect("a time").to_owned();
    for at in 0..4 {
        assert!(text(at, "from") <= text(at, "to"), "{stretches:?}");
        assert!(at == 0 || text(at - 1, "to") == text(at, "from"), "{stretches:?}");
        assert_eq!(stretches[at]["claimed"], true);
    }
    assert_eq!((text(1, "from"), text(1, "to")), (text(0, "from"), text(2, "from")));
    assert_eq!(stretches[0]["stated"], json!(null));
    assert_eq!(text(1, "stated"), "2026-01-03T09:00:00.000Z");
    assert_eq!(text(3, "stated"), "2030-01-01T00:00:00.000Z");
    let shown = place.recto(["timeline", "library"]).ok();
    assert!(shown.contains("says it was made at 2026-01-03T09:00:00.000Z"), "{shown}");
    // What came in after this store served something is claimed up to then at most.
    place.recto(["activate", "library@V3"]).ok();
    place.write("more.jsonl", place.read("history.jsonl") + &line("2026-02-01T00:00:00Z", 5));
    place.recto(["import", "more.jsonl"]).exits(0);
    let later = place.recto(["timeline", "--json", "library"]).json("timeline")["stretches"].clone();
    let later = later.as_array().expect("a list");
    let served = later.iter().find(|one| one["claimed"] == false).expect("it serves");
    for claim in later.iter().filter(|one| one["claimed"] == true) {
        assert!(claim["to"].as_str() <= served["from"].as_str(), "{later:?}");
    }
}

#[test]
fn a_span_that_ends_before_it_begins_is_refused() {
    let place = place();
    for verb in ["timeline", "log"] {
        let args = [verb, "support", "--since", "2026-03-08T00:00:00Z", "--until", "2026-03-07T00:00:00Z"];
        let run = place.recto(args).exits(2);
        assert!(run.stderr.contains("--since is the earlier time"), "{}", run.stderr);
    }
}

#[test]
fn an_agent_that_never_served_has_no_stretch() {
    let place = place();
    place.recto(["timeline", "nobody"]).exits(1);
    place.recto(["timeline", "support@V1"]).exits(2);
    let run = place.recto(["timeline", "support", "--until", "2026-01-01T00:00:00Z"]).exits(0);
    assert_eq!(
        (run.stdout.as_str(), run.stderr.as_str()),
        ("", "nothing served for agent 'support' in that time\n")
    );
}

#[test]
fn a_time_without_an_offset_is_in_the_zone_of_the_environment() {
    let place = crate::agents::with_support();
    let said = |zone: &str| {
        let mut command = place.command(["show", "support", "--at", "2099-01-01 12:00"]);
        place.run(command.env("TZ", zone))
    };
    for (zone, utc) in [("America/New_York", "17:00"), ("Asia/Kolkata", "06:30"), ("UTC", "12:00")] {
        let run = said(zone).exits(0);
        assert!(run.stderr.contains(&format!("2099-01-01T{utc}:00.000Z")), "{zone}: {}", run.stderr);
    }
    let unknown = said("Nonsense/Zone").exits(2).stderr;
    assert!(unknown.contains("'Nonsense/Zone'") && unknown.contains("offset"), "{unknown}");
}
