//! `--store http://...`: every verb does over HTTP what it does on the store's own disk, in a few requests.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::served::at;
use super::wire::Served;
use crate::harness::{Place, Run};

/// A store in `team`, whose server takes the time of whoever acts.
fn place() -> Place {
    let place = Place::empty();
    place
        .write("one.json", r#"{"prompt": "Be kind.\n", "voice": {"speed": 1}, "tools": [{"name": "book"}]}"#);
    place.recto(["init", "team"]).ok();
    // The clock of each command stands at a minute of its own.
    at(&place, "team", &["config", "clock.backwards", "allow"]);
    place
}

/// Runs a verb in a directory of its own, on a store elsewhere.
fn on(place: &Place, store: &str, args: &[&str]) -> Run {
    place.run(place.command(args).env("RECTO_STORE", store))
}

/// Without what differs between any two runs: ids of records, which have random parts.
fn without_ids(text: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_hexdigit() && !c.is_ascii_uppercase() {
            word.push(c);
            continue;
        }
        let is_id = word.len() >= 6 && word.bytes().any(|byte| byte.is_ascii_digit());
        out.push_str(if is_id { "<id>" } else { &word });
        word.clear();
        out.push(c);
    }
    out
}

const VERBS: [&[&str]; 34] = [
    &["agent", "new", "support", "--profile", "generic", "--from", "one.json", "--activate"],
    &["agent", "new", "sales", "--profile", "generic", "--from", "one.json"],
    &["agent", "list"],
    &["draft", "new", "support@tone", "--from", "latest"],
    &["set", "support@tone", "voice.speed:=2", "prompt=Be brief."],
    &["status"],
    &["diff", "support", "support@tone"],
    &["draft", "list", "support"],
    &["publish", "support@tone", "-m", "two", "--activate"],
    &["publish", "support@tone", "-m", "again"],
    &["version", "list", "support"],
    &["log", "support"],
    &["log", "support", "--json"],
    &["timeline", "support"],
    &["cat", "support"],
    &["cat", "support@V1", "voice.speed"],
    &["show", "support@V2"],
    &["rollback", "support"],
    &["cat", "support", "prompt"],
    &["undo", "support"],
    &["activate", "support@V9"],
    &["draft", "new", "support@main"],
    &["checkout", "support@main"],
    &["status"],
    &["save", "support"],
    &["diff", "support@V1..V2", "--json"],
    &["pin", "support@V1"],
    &["version", "edit", "support@V1", "--label", "first"],
    &["agent", "rename", "sales", "shop"],
    &["agent", "show", "sales"],
    &["agent", "archive", "shop"],
    &["agent", "list", "--json"],
    &["unpublish", "support"],
    &["fsck"],
];

#[test]
fn every_verb_says_over_http_what_it_says_here() {
    let (here, there) = (place(), place());
    let server = Served::new(&there, "team", "127.0.0.1:0", &[]);
    // Each command has its own minute, and the server took one.
    here.command(["--version"]);
    let here_store = here.path("team").display().to_string();
    for verb in VERBS {
        let (local, far) = (on(&here, &here_store, verb), on(&there, &server.url(), verb));
        let said = |run: &Run| (run.code, without_ids(&run.stdout), without_ids(&run.stderr));
        let (mut local, mut far) = (said(&local), said(&far));
        for text in [&mut local.1, &mut local.2, &mut far.1, &mut far.2] {
            *text = text.replace(&server.url(), "STORE").replace("/here/team", "STORE");
        }
        assert_eq!(far, local, "{verb:?}");
        if verb[0] == "checkout" {
            for place in [&here, &there] {
                let prompt = place.read("agents/support/prompt.md").replace("kind", "quick");
                place.write("agents/support/prompt.md", prompt.replace("brief", "quick"));
            }
        }
    }
    at(&there, "team", &["fsck"]);
}

/// How many requests a verb took.
fn requests(place: &Place, server: &Served, verb: &[&str]) -> usize {
    let count = || server.log().lines().filter(|line| line.contains("path=/api/v1/store")).count();
    let before = count();
    on(place, &server.url(), verb).ok();
    // What is logged comes a little later: once this request is seen, all before it were.
    let mark = format!("mark-{}", server.log().len());
    server.raw(
        format!(
            "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-request-id: {mark}\r\n\r\n"
        )
        .as_bytes(),
    );
    let until = Instant::now() + Duration::from_secs(20);
    while !server.log().contains(&mark) {
        assert!(Instant::now() < until, "{}", server.log());
        std::thread::yield_now();
    }
    count() - before
}

#[test]
fn a_verb_takes_a_few_requests() {
    let place = place();
    let server = Served::new(&place, "team", "127.0.0.1:0", &[]);
    on(&place, &server.url(), VERBS[0]).ok();
    for number in 2..12 {
        on(&place, &server.url(), &["draft", "new", "support@d"]).ok();
        on(&place, &server.url(), &["set", "support@d", &format!("voice.speed:={number}")]).ok();
        on(&place, &server.url(), &["publish", "support@d", "--activate"]).ok();
    }
    on(&place, &server.url(), &["draft", "new", "support@tone"]).ok();
    let mut told = Vec::new();
    for (verb, most) in [
        (&["status"][..], 5),
        (&["agent", "list"], 4),
        (&["cat", "support"], 3),
        (&["diff", "support", "support@tone"], 3),
        (&["log", "support"], 4),
        (&["version", "list", "support"], 3),
        (&["timeline", "support"], 4),
        (&["set", "support@tone", "voice.speed:=99"], 4),
        (&["publish", "support@tone", "--activate"], 5),
        (&["rollback", "support"], 5),
        (&["undo", "support"], 5),
    ] {
        let took = requests(&place, &server, verb);
        told.push(format!("{} {took}", verb[0]));
        assert!(took <= most, "{verb:?} took {took} requests, not {most}: {told:?}");
    }
}

#[test]
fn what_takes_the_files_of_a_store_is_refused_with_where_it_is_done() {
    let place = place();
    let server = Served::new(&place, "team", "127.0.0.1:0", &[]);
    for verb in [
        &["gc"][..],
        &["recover"],
        &["new-id"],
        &["serve"],
        &["token", "list"],
        &["webhook", "list"],
        &["init"],
    ] {
        let refused = on(&place, &server.url(), verb).exits(1);
        assert!(refused.stderr.contains("works on the files of a store"), "{verb:?} {}", refused.stderr);
        assert!(refused.stderr.contains("hint: "), "{verb:?} {}", refused.stderr);
    }
    let secret = on(&place, "http://ana:secret@localhost:1", &["status"]).exits(2);
    assert!(!secret.stderr.contains("secret") && secret.stderr.contains("RECTO_TOKEN"), "{}", secret.stderr);
    let nobody = on(&place, "http://127.0.0.1:9", &["status"]);
    assert!(nobody.code != 0 && nobody.stderr.contains("cannot be reached"), "{}", nobody.stderr);
    let other = on(&place, "ftp://somewhere", &["status"]).exits(1);
    assert!(other.stderr.contains("an address of another kind"), "{}", other.stderr);
}

#[test]
fn who_acts_is_who_the_token_is_of() {
    let place = place();
    let token = |name: &str, role: &str| {
        at(&place, "team", &["token", "create", name, "--role", role, "-q"]).trim().to_owned()
    };
    let (editor, publisher) = (token("bo", "editor"), token("cy", "publisher"));
    let server = Served::new(&place, "team", "127.0.0.1:0", &[]);
    let by = |token: &str, args: &[&str]| {
        place.run(place.command(args).env("RECTO_STORE", server.url()).env("RECTO_TOKEN", token))
    };
    by(&publisher, VERBS[0]).ok();
    by(&editor, VERBS[3]).ok();
    by(&editor, VERBS[4]).ok();
    let refused = by(&editor, &["publish", "support@tone"]).exits(1);
    assert!(refused.stderr.contains("needs the role publisher"), "{}", refused.stderr);
    by(&publisher, &["publish", "support@tone"]).ok();
    let none = on(&place, &server.url(), &["status"]);
    assert!(none.code != 0 && none.stderr.contains("wants a token"), "{}", none.stderr);
    for refused in [none, by("a-token-that-is-none", &["status"])] {
        let hint =
            "hint: put it into RECTO_TOKEN; 'recto token create NAME --role ROLE', where the store lies";
        assert!(refused.stderr.contains(hint), "{}", refused.stderr);
        assert!(!refused.stderr.contains("Authorization"), "{}", refused.stderr);
    }
    let log = at(&place, "team", &["log", "support"]);
    assert!(log.contains("draft-edit by bo") && log.contains("publish by cy"), "{log}");
    at(&place, "team", &["fsck"]);
}

#[test]
fn servers_that_are_killed_lose_no_edit_that_was_acknowledged() {
    let place = place();
    let mut server = Served::new(&place, "team", "127.0.0.1:0", &[]);
    let listen = server.address.to_string();
    on(&place, &server.url(), VERBS[0]).ok();
    on(&place, &server.url(), VERBS[3]).ok();
    let (mut acknowledged, mut known) = (0, 0);
    for round in 0..12u64 {
        let value = format!("voice.speed:={}", round + 10);
        let mut command: Command = place.command(["set", "support@tone", &value]);
        command.env("RECTO_STORE", server.url()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().expect("it starts");
        std::thread::sleep(Duration::from_millis(round * 4));
        server.kill();
        // It comes back while the client still looks for what became of its edit, or later.
        if round % 2 == 0 {
            server = Served::new(&place, "team", &listen, &[]);
        }
        let output = child.wait_with_output().expect("it ends");
        if round % 2 == 1 {
            server = Served::new(&place, "team", &listen, &[]);
        }
        let speed = at(&place, "team", &["cat", "support@tone", "voice.speed"]);
        let happened = speed.trim() == (round + 10).to_string();
        let says = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            acknowledged += 1;
            assert!(happened, "round {round}: {speed} {says}");
        } else {
            let unknown = says.contains("unknown whether");
            known += usize::from(!unknown);
            assert!(unknown || !happened, "round {round}: {speed} {says}");
        }
    }
    assert!(acknowledged + known > 0);
    at(&place, "team", &["fsck"]);
}

#[test]
fn two_far_away_and_one_on_the_disk_lose_nothing_that_they_were_told() {
    let place = place();
    let server = Served::new(&place, "team", "127.0.0.1:0", &[]);
    on(&place, &server.url(), VERBS[0]).ok();
    on(&place, &server.url(), VERBS[3]).ok();
    let disk = place.path("team").display().to_string();
    let edits = |who: usize, store: &str| -> Vec<Command> {
        let edit = |number: usize| {
            let mut command =
                place.command(["set", "support@tone", &format!("by{who}.n:={number}"), "--json"]);
            command.env("RECTO_STORE", store).env("RECTO_TIME", "2026-03-07T16:00:00Z");
            command
        };
        (0..8).map(edit).collect()
    };
    let writers = [edits(0, &server.url()), edits(1, &server.url()), edits(2, &disk)];
    std::thread::scope(|scope| {
        for writer in writers {
            scope.spawn(move || {
                for mut edit in writer {
                    let output = edit.output().expect("it runs");
                    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                }
            });
        }
    });
    let log = at(&place, "team", &["log", "support", "--json"]);
    assert_eq!(log.matches("\"draft-edit\"").count(), 24, "{log}");
    for who in 0..3 {
        assert_eq!(at(&place, "team", &["cat", "support@tone", &format!("by{who}.n")]).trim(), "7");
    }
    at(&place, "team", &["fsck"]);
}
