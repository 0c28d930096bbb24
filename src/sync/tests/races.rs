//! What several do at once, and what is done again because of that.

use std::sync::Barrier;

use super::*;

/// Pushes `support` to `team`, which is to have it under another handle.
fn push_as(laptop: &Store, team: &Store, to: &str) -> Result<Synced, SyncError> {
    let transport = StoreTransport::on(Arc::clone(team.repo()));
    let scope = Scope { rename: Some(handle(to)), ..Scope::default() };
    let (job, mut done) = (Job { pair: Pair { local: Some(handle("support")), tip: None }, scope }, None);
    laptop.link(&transport).push(&[job], &mut |_, result| done = Some(result))?;
    done.expect("told")
}

#[test]
fn an_agent_that_two_push_at_once_under_two_handles_is_made_once() {
    for round in 0..10 {
        let (team, ana, bo) = (store(1, "Tea"), store(2, "Ana"), store(3, "Bo"));
        ana.create("support");
        bo.clone_all(&ana.transport);
        let start = Barrier::new(2);
        let pushed = std::thread::scope(|scope| {
            let push = |laptop, to| {
                let (team, start) = (&team, &start);
                scope.spawn(move || {
                    start.wait();
                    push_as(laptop, team, to)
                })
            };
            [push(&ana, "one"), push(&bo, "two")].map(|pushing| pushing.join().expect("no panic"))
        });
        let agents = team.repo().backend().agents(None, 9).expect("listed");
        assert_eq!(agents.len(), 1, "round {round}: {agents:?}");
        let refused = pushed.iter().filter_map(|result| result.as_ref().err());
        let refused: Vec<&SyncError> = refused.collect();
        let [SyncError::Repo(RepoError::IdTaken { by, .. })] = refused[..] else { panic!("{refused:?}") };
        assert_eq!(*by, agents[0]);
        team.sound();
    }
}

#[test]
fn what_arrived_is_not_sent_again_when_the_remote_moved_on() {
    let (team, ana) = (team(), store(2, "Ana"));
    ana.clone_all(&team.transport);
    for number in 0..120 {
        ana.publish("support", &format!("number {number}"));
    }
    let busy = Faulty::new(&team.transport, 1, 0);
    busy.moved.set(4);
    ana.push(&busy, &Scope::default()).expect("pushed");
    assert_eq!((busy.moved.get(), busy.staged.get()), (0, 1));
    assert_eq!(team.versions("support"), ana.versions("support"));
    team.sound();
    // Nor is one that moves on for ever waited for without end.
    ana.publish("support", "one more");
    busy.moved.set(u32::MAX);
    let contended = ana.push(&busy, &Scope::default()).expect_err("it moved on each time");
    assert!(matches!(contended, SyncError::Contended(_)), "{contended:?}");
}

#[test]
fn what_is_noted_of_agents_that_follow_is_believed_as_long_as_both_logs_are_the_same() {
    let (team, ana) = (store(1, "Tea"), store(2, "Ana"));
    for number in 0..followed::FROM_AGENTS {
        team.create(&format!("agent-{number}"));
    }
    ana.clone_all(&team.transport);
    let fetched = || {
        let link = ana.link(&team.transport);
        let pairs = link.to_fetch(&[]).expect("listed");
        let jobs: Vec<Job> = pairs.into_iter().map(|pair| Job { pair, scope: Scope::default() }).collect();
        let mut moved = Vec::new();
        link.fetch(&jobs, &mut |at, result| {
            if result.expect("fetched").operation.is_some() {
                moved.push(jobs[at].pair.name());
            }
        })
        .expect("fetched");
        moved
    };
    let noted = || ana.repo().disk().read(&ana.repo().root().join("cache/followed-origin"), 1 << 20);
    assert!(noted().is_err());
    assert_eq!((fetched(), fetched()), (Vec::new(), Vec::new()));
    let lines = String::from_utf8(noted().expect("read")).expect("text").lines().count();
    assert_eq!(lines, 1 + followed::FROM_AGENTS);
    team.publish("agent-3", "new there");
    ana.publish("agent-4", "new here");
    assert_eq!(fetched(), ["agent-3"]);
    assert_eq!(fetched(), Vec::<String>::new());
    // One that says nothing of use costs a look at everything.
    let path = ana.repo().root().join("cache/followed-origin");
    ana.repo().disk().write_atomic(&path, b"garbage").expect("written");
    team.publish("agent-5", "new there");
    assert_eq!(fetched(), ["agent-5"]);
    ana.sound();
}

#[test]
fn remotes_that_are_noted_at_once_are_all_kept() {
    const EACH: usize = 12;
    let disk: crate::disk::SharedDisk = Arc::new(SimDisk::new(1));
    let repo = || {
        let clock = Arc::new(StepClock::new(Time::from_ms(1_772_892_000_000).expect("a time"), 10));
        let backend = Arc::new(MemoryBackend::new(StoreId([1; 16])));
        Repo::on(backend, Arc::clone(&disk), "/x".into(), clock)
    };
    let start = Barrier::new(4);
    std::thread::scope(|scope| {
        for who in 0..4 {
            let (repo, start) = (repo(), &start);
            scope.spawn(move || {
                start.wait();
                for number in 0..EACH {
                    let noted = Remote {
                        name: handle(&format!("r{who}-{number}")),
                        url: format!("/somewhere/{who}"),
                        agents: Vec::new(),
                        token_file: None,
                        store: None,
                    };
                    write_remote(&repo, &noted, false).expect("noted");
                    if number % 3 == 0 {
                        remove_remote(&repo, &noted.name).expect("removed");
                    }
                }
            });
        }
    });
    let kept = remotes(&repo()).expect("read");
    assert_eq!(kept.len(), 4 * (EACH - EACH.div_ceil(3)));
    let twice = write_remote(&repo(), &kept[0], false).expect_err("it is there");
    assert!(matches!(twice, SyncError::RemoteExists(_)), "{twice:?}");
}
