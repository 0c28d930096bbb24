//! Servers and clients that die in the middle, and many who push at once.

use std::process::Stdio;
use std::time::Duration;

use super::served::{at, numbered, publish, team};
use super::wire::{Served, Wire};

#[test]
fn a_push_that_is_cut_off_at_any_byte_leaves_the_store_as_it_was() {
    let place = team(1);
    let server = Served::new(&place, "team", "127.0.0.1:0", &[]);
    let wire = Wire::new(server.address);
    at(&place, ".", &["clone", &wire.url(), "ana"]);
    publish(&place, "ana", "agent0", "2");
    let versions = || at(&place, "team", &["version", "list", "agent0"]);
    let before = versions();
    for up_bytes in (0..1600).step_by(160) {
        wire.cut(up_bytes, u64::MAX);
        let pushed = place.recto(["-C", "ana", "push"]);
        wire.cut(u64::MAX, u64::MAX);
        if pushed.code == 0 {
            break;
        }
        assert_eq!(versions(), before, "cut at {up_bytes}");
    }
    at(&place, "ana", &["push"]);
    assert!(versions().contains("V2"));
    at(&place, "team", &["fsck"]);
}

#[test]
fn servers_that_are_killed_lose_nothing_that_was_acknowledged() {
    let place = team(1);
    let mut server = Served::new(&place, "team", "127.0.0.1:0", &[]);
    let listen = server.address.to_string();
    at(&place, ".", &["clone", &server.url(), "ana"]);
    let mut published = Vec::new();
    for round in 0..12u64 {
        published.push(publish(&place, "ana", "agent0", &(round + 2).to_string()));
        let mut push = place.command(["-C", "ana", "push"]);
        let mut child = push.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        std::thread::sleep(Duration::from_millis(round * 5));
        server.kill();
        let acknowledged = child.wait().expect("it ends").success();
        let list = at(&place, "team", &["version", "list", "agent0"]);
        if acknowledged {
            assert!(list.contains(&published.last().expect("one")[..8]), "round {round}: {list}");
        }
        server = Served::new(&place, "team", &listen, &[]);
        at(&place, "ana", &["push"]);
    }
    let list = at(&place, "team", &["version", "list", "agent0"]);
    for id in &published {
        assert_eq!(list.matches(&id[..8]).count(), 1, "{list}");
    }
    for dir in ["team", "ana"] {
        at(&place, dir, &["fsck"]);
    }
}

#[test]
fn clients_that_are_killed_leave_nothing_half_done() {
    let place = team(12);
    let server = Served::new(&place, "team", "127.0.0.1:0", &[]);
    for round in 0..8u64 {
        let dir = format!("clone{round}");
        let mut clone = place.command(["clone", &server.url(), &dir]);
        let mut child = clone.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        std::thread::sleep(Duration::from_millis(round * 6));
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        // As its help says: what was cut off is completed by a fetch, if it came to make a store.
        let again = place.recto(["-C", &dir, "fetch"]);
        if again.code != 0 {
            let _ = std::fs::remove_dir_all(place.path(&dir));
            at(&place, ".", &["clone", &server.url(), &dir]);
        }
        at(&place, &dir, &["fsck"]);
        let list = at(&place, &dir, &["agent", "list"]);
        assert_eq!(list.lines().filter(|line| line.starts_with("agent")).count(), 12, "{list}");
    }
    publish(&place, "clone7", "agent0", "2");
    for round in 0..8u64 {
        let mut push = place.command(["-C", "clone7", "push"]);
        let mut child = push.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        std::thread::sleep(Duration::from_millis(round * 6));
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        at(&place, "team", &["fsck"]);
    }
    at(&place, "clone7", &["push"]);
    let list = at(&place, "team", &["version", "list", "agent0"]);
    assert_eq!(numbered(&list), 2, "{list}");
}

#[test]
fn of_many_who_push_at_once_each_gets_a_number_of_its_own() {
    let place = team(1);
    let server = Served::new(&place, "team", "127.0.0.1:0", &[]);
    let people: Vec<String> = (0..6).map(|number| format!("clone{number}")).collect();
    for (number, who) in people.iter().enumerate() {
        at(&place, ".", &["clone", &server.url(), who]);
        publish(&place, who, "agent0", &(number + 2).to_string());
    }
    let mut open: Vec<&String> = people.iter().collect();
    for _ in 0..people.len() {
        let start = |who: &&String| {
            let mut push = place.command(["-C", who.as_str(), "push"]);
            push.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts")
        };
        let children: Vec<_> = open.iter().map(start).collect();
        let done = children.into_iter().map(|mut child| child.wait().expect("it ends").success());
        let done: Vec<bool> = done.collect();
        assert!(done.contains(&true), "somebody gets through");
        open = open.into_iter().zip(done).filter(|(_, done)| !done).map(|(who, _)| who).collect();
        for who in &open {
            at(&place, who, &["pull"]);
        }
    }
    assert!(open.is_empty());
    let list = at(&place, "team", &["version", "list", "agent0"]);
    assert_eq!(numbered(&list), 7, "{list}");
    at(&place, "team", &["fsck"]);
}
