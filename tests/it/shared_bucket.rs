//! One bucket that laptops use as their remote, some of them through servers of which there are several,
//! some by themselves; and servers, and the service below them, that are killed in the middle.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::bucket::{STORE, Server, names};
use crate::harness::Place;
use crate::serve::wire::Served;

/// How long something may take that takes a moment.
const SOON: Duration = Duration::from_mins(1);

/// A server of the bucket's store.
fn serve(s3: &Server, place: &Place, listen: &str, args: &[&str]) -> Served {
    let words = ["serve", "--listen", listen];
    Served::started(&mut s3.command(place, &[&words, args].concat()))
}

/// A command in a clone, with the bucket in reach.
fn command(s3: &Server, place: &Place, dir: &str, args: &[&str]) -> Command {
    let mut command = place.command(["-C", dir].iter().chain(args));
    s3.reached_by(&mut command);
    command
}

#[track_caller]
fn at(s3: &Server, place: &Place, dir: &str, args: &[&str]) -> String {
    place.run(&mut command(s3, place, dir, args)).ok()
}

/// Publishes a version; its id.
#[track_caller]
fn publish(s3: &Server, place: &Place, dir: &str, agent: &str, text: &str) -> String {
    let draft = format!("{agent}@d");
    at(s3, place, dir, &["draft", "new", &draft, "--from", "latest"]);
    at(s3, place, dir, &["set", &draft, &format!("prompt={text}")]);
    at(s3, place, dir, &["publish", &draft, "-m", text, "-q"]).trim().to_owned()
}

/// A bucket with a store that has an agent.
fn team(place: &Place) -> Server {
    let s3 = Server::start();
    s3.run(place, &["init"]).ok();
    s3.run(place, &["agent", "new", "support", "--profile", "generic"]).ok();
    s3
}

#[test]
fn laptops_share_a_bucket_without_a_server() {
    let place = Place::empty();
    let s3 = team(&place);
    at(&s3, &place, ".", &["clone", STORE, "ana"]);
    at(&s3, &place, ".", &["clone", STORE]);
    let by_ana = publish(&s3, &place, "ana", "support", "ana's");
    publish(&s3, &place, "prod", "support", "bo's");
    at(&s3, &place, "ana", &["push"]);
    let refused = place.run(&mut command(&s3, &place, "prod", &["push"])).exits(3);
    assert!(refused.stderr.contains("V2 'ana's' by Asha Rao"), "{}", refused.stderr);
    assert!(at(&s3, &place, "prod", &["pull"]).contains("your V2? is now V3?"));
    at(&s3, &place, "prod", &["push"]);
    at(&s3, &place, "ana", &["pull"]);
    for dir in ["ana", "prod"] {
        let list = at(&s3, &place, dir, &["version", "list", "support"]);
        assert!(list.contains("V3") && list.contains(&by_ana[..8]), "{dir}: {list}");
        for verb in ["push", "pull", "fetch"] {
            assert!(at(&s3, &place, dir, &[verb]).contains("have the same"));
        }
        at(&s3, &place, dir, &["fsck"]);
    }
    s3.run(&place, &["fsck"]).ok();
    // A store that was on one machine only gets a bucket of its own.
    at(&s3, &place, ".", &["init", "old"]);
    at(&s3, &place, "old", &["agent", "new", "sales", "--profile", "generic"]);
    publish(&s3, &place, "old", "sales", "two");
    let bucket = "s3://agents/another";
    at(&s3, &place, ".", &["--store", bucket, "init"]);
    at(&s3, &place, "old", &["remote", "add", "origin", bucket]);
    at(&s3, &place, "old", &["push"]);
    let listed = at(&s3, &place, ".", &["--store", bucket, "version", "list", "sales"]);
    assert_eq!(names(&listed).len(), 2, "{listed}");
    let same = place.run(&mut command(&s3, &place, ".", &["--store", bucket, "remote", "add", "me", bucket]));
    assert!(same.code == 1 && same.stderr.contains("this store's own id"), "{same:?}");
    let none = place.run(&mut command(&s3, &place, "old", &["remote", "add", "x", "s3://agents/none"]));
    assert!(none.code != 0 && none.stderr.contains("is not a recto store"), "{none:?}");
}

#[test]
fn two_servers_and_laptops_beside_them_have_one_bucket() {
    let place = Place::empty();
    let s3 = team(&place);
    let servers =
        [serve(&s3, &place, "127.0.0.1:0", &["--max-age", "0"]), serve(&s3, &place, "127.0.0.1:0", &[])];
    let (first, second) = (servers[0].url(), servers[1].url());
    let people = [("ana", first.as_str()), ("bo", second.as_str()), ("cy", STORE)];
    for (who, place_of) in people {
        at(&s3, &place, ".", &["clone", place_of, who]);
    }
    let begin = Instant::now();
    while !servers.iter().all(|server| {
        server
            .raw(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .starts_with("HTTP/1.1 200")
    }) {
        assert!(begin.elapsed() < SOON, "{}{}", servers[0].log(), servers[1].log());
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut published = Vec::new();
    for round in 0..3 {
        for (who, _) in people {
            published.push(publish(&s3, &place, who, "support", &format!("{who} {round}")));
        }
        // All of them push at once until all have got through.
        let mut open: Vec<&str> = people.iter().map(|(who, _)| *who).collect();
        let begin = Instant::now();
        while !open.is_empty() {
            assert!(begin.elapsed() < SOON, "{open:?} {}{}", servers[0].log(), servers[1].log());
            let start = |who: &&str| {
                let mut push = command(&s3, &place, who, &["push"]);
                push.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts")
            };
            let children: Vec<_> = open.iter().map(start).collect();
            let done = children.into_iter().map(|mut child| child.wait().expect("it ends").success());
            let done: Vec<bool> = done.collect();
            open = open.into_iter().zip(done).filter(|(_, done)| !done).map(|(who, _)| who).collect();
            for who in &open {
                at(&s3, &place, who, &["pull"]);
            }
        }
    }
    // What was pushed through one server is seen at once through the one that asks every time.
    let last = publish(&s3, &place, "cy", "support", "last");
    published.push(last.clone());
    let begin = Instant::now();
    while !place.run(&mut command(&s3, &place, "cy", &["push"])).stdout.contains("1 version") {
        assert!(begin.elapsed() < SOON);
        at(&s3, &place, "cy", &["pull"]);
    }
    at(&s3, &place, "ana", &["pull"]);
    assert!(at(&s3, &place, "ana", &["version", "list", "support"]).contains(&last[..8]));
    let begin = Instant::now();
    while !at(&s3, &place, "bo", &["version", "list", "support"]).contains(&last[..8]) {
        assert!(begin.elapsed() < SOON);
        at(&s3, &place, "bo", &["pull"]);
    }
    let listed = s3.run(&place, &["version", "list", "support"]).ok();
    assert_eq!(names(&listed).len(), 1 + published.len(), "{listed}");
    for (who, _) in people {
        at(&s3, &place, who, &["pull"]);
        let list = at(&s3, &place, who, &["version", "list", "support"]);
        assert!(published.iter().all(|id| list.matches(&id[..8]).count() == 1), "{who}: {list}");
        at(&s3, &place, who, &["fsck"]);
    }
    s3.run(&place, &["fsck"]).ok();
    let refused = place.recto(["--store", "ana", "serve", "--max-age", "2"]).exits(2);
    assert!(refused.stderr.contains("a store in a bucket"), "{}", refused.stderr);
}

#[test]
fn nothing_is_lost_when_servers_and_the_service_are_killed() {
    let place = Place::empty();
    let mut s3 = team(&place);
    let mut servers = [0, 1].map(|_| serve(&s3, &place, "127.0.0.1:0", &[]));
    let listens = [0, 1].map(|at: usize| servers[at].address.to_string());
    let urls = [servers[0].url(), servers[1].url(), STORE.to_owned()];
    let clones: Vec<String> = (0..urls.len()).map(|number| format!("clone{number}")).collect();
    let places: Vec<Place> = urls.iter().map(|_| Place::empty()).collect();
    for ((url, dir), place) in urls.iter().zip(&clones).zip(&places) {
        at(&s3, place, ".", &["clone", url, dir]);
        at(&s3, place, dir, &["agent", "new", dir, "--profile", "generic"]);
    }
    let over = AtomicBool::new(false);
    // Commands are put together beforehand: who runs them shares nothing with who kills.
    let rounds: Vec<Vec<Vec<Command>>> = places
        .iter()
        .zip(&clones)
        .map(|(place, dir)| {
            let draft = format!("{dir}@d");
            let round = |number: usize| {
                let prompt = format!("prompt={dir} {number}");
                let label = format!("{dir}-{number}.");
                vec![
                    command(&s3, place, dir, &["draft", "new", &draft, "--from", "latest"]),
                    command(&s3, place, dir, &["set", &draft, &prompt]),
                    command(&s3, place, dir, &["publish", &draft, "-m", &label, "-q"]),
                    command(&s3, place, dir, &["push", dir]),
                ]
            };
            (0..200).map(round).collect()
        })
        .collect();
    let acknowledged: Vec<Vec<usize>> = std::thread::scope(|scope| {
        let over = &over;
        let write = |rounds: Vec<Vec<Command>>| {
            move || {
                let (mut pushed, mut waiting) = (Vec::new(), Vec::new());
                for (number, steps) in rounds.into_iter().enumerate() {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    waiting.push(number);
                    let quiet = |mut step: Command| step.stdout(Stdio::null()).stderr(Stdio::null()).status();
                    let steps = steps.into_iter().map(|step| quiet(step).expect("it runs").success());
                    let done: Vec<bool> = steps.collect();
                    assert_eq!(done[..3], [true; 3], "what is done here needs no bucket");
                    if done[3] {
                        pushed.append(&mut waiting);
                    }
                }
                pushed
            }
        };
        let writers: Vec<_> = rounds.into_iter().map(|rounds| scope.spawn(write(rounds))).collect();
        for round in 0..6_usize {
            std::thread::sleep(Duration::from_millis(900));
            if round % 3 == 2 {
                s3.kill_and_restart(Duration::from_millis(200));
            } else {
                let at = round % 2;
                servers[at].kill();
                servers[at] = serve(&s3, &place, &listens[at], &[]);
            }
        }
        std::thread::sleep(Duration::from_secs(1));
        over.store(true, Ordering::Relaxed);
        writers.into_iter().map(|writer| writer.join().expect("it ended")).collect()
    });
    assert!(acknowledged.iter().map(Vec::len).sum::<usize>() > 3, "{acknowledged:?}");
    for ((place, dir), pushed) in places.iter().zip(&clones).zip(&acknowledged) {
        let there = s3.run(place, &["version", "list", dir]);
        for number in pushed {
            let label = format!("{dir}-{number}.");
            assert!(there.stdout.contains(&label), "{label} of {pushed:?} is lost: {there:?}");
        }
        // What did not get through does so now, and everything has one number.
        at(&s3, place, dir, &["push", dir]);
        let (here, there) =
            (at(&s3, place, dir, &["version", "list", dir]), s3.run(place, &["version", "list", dir]).ok());
        assert_eq!(names(&here), names(&there));
        at(&s3, place, dir, &["fsck"]);
    }
    s3.run(&place, &["fsck"]).ok();
}
