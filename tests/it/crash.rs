//! Stops one agent's life at every step, loses power in every way the disk knows, and looks at what
//! is left: the old state or the new, everything acknowledged there, nothing damaged.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use recto::agent::{AgentError, Agents, DraftSource, Edit, NewAgent, PublishOptions, RepublishOptions};
use recto::clock::{StepClock, Time};
use recto::disk::sim::{Fault, PowerLoss};
use recto::disk::{SharedDisk, SimDisk};
use recto::object::Author;
use recto::profile::{Input, Profile};
use recto::refs::Handle;
use recto::release::{Environments, Promotion, ReleaseError, Source};
use recto::repo::Repo;
use serde_json::json;

const DIR: &str = "/team";

fn handle(text: &str) -> Handle {
    text.parse().expect("a handle")
}

fn clock() -> Arc<StepClock> {
    Arc::new(StepClock::new(Time::from_ms(1_772_000_000_000).expect("a time"), 1000))
}

fn agents(repo: Repo) -> Agents {
    Agents::new(Arc::new(repo), Author { name: "Ana".to_owned(), email: None }, "test")
}

fn open(disk: &SimDisk) -> Option<Agents> {
    let disk: SharedDisk = Arc::new(disk.clone());
    let root = Path::new(DIR).join(".recto");
    Repo::open(disk, &root, clock()).ok().map(agents)
}

/// One operation of the life; `Err` when the power went.
type Step = fn(&SimDisk) -> Result<(), ()>;

fn with(disk: &SimDisk, act: impl FnOnce(&Agents) -> Result<(), recto::agent::AgentError>) -> Result<(), ()> {
    let agents = open(disk).ok_or(())?;
    act(&agents).map_err(|error| LAST.set(error.to_string()))
}

thread_local! {
    /// What the last operation failed with.
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

fn init(disk: &SimDisk) -> Result<(), ()> {
    let shared: SharedDisk = Arc::new(disk.clone());
    Repo::init(shared, Path::new(DIR), clock()).map(|_| ()).map_err(|_| ())
}

fn create(disk: &SimDisk) -> Result<(), ()> {
    with(disk, |agents| {
        let profile = Profile::builtin("generic").expect("a profile");
        let profile = Arc::new(Profile::from_stored(profile.bytes()).expect("a profile"));
        let new = NewAgent {
            handle: Some(handle("support")),
            config: Some(json!({"prompt": "Be kind.\n", "voice": {"id": "nyah"}})),
            activate: true,
            ..NewAgent::of(profile)
        };
        agents.create(&new).map(|_| ())
    })
}

fn fork(disk: &SimDisk) -> Result<(), ()> {
    with(disk, |agents| {
        agents.new_draft(&handle("support"), &handle("tone"), &DraftSource::Default).map(|_| ())
    })
}

fn edit(disk: &SimDisk) -> Result<(), ()> {
    with(disk, |agents| {
        let set = Edit::Set("voice.id".parse().expect("a path"), Input::Text("emily".to_owned()));
        agents.edit(&handle("support"), &handle("tone"), None, &[set], "").map(|_| ())
    })
}

fn publish(disk: &SimDisk) -> Result<(), ()> {
    with(disk, |agents| {
        let options = PublishOptions { label: "v2".to_owned(), ..PublishOptions::default() };
        agents.publish(&handle("support"), &handle("tone"), &options).map(|_| ())
    })
}

fn activate(disk: &SimDisk) -> Result<(), ()> {
    with(disk, |agents| {
        let version = agents.version_at(&handle("support"), 2)?;
        agents.activate(&handle("support"), &version.id, None, None).map(|_| ())
    })
}

fn fork_again(disk: &SimDisk) -> Result<(), ()> {
    fork(disk)
}

fn discard(disk: &SimDisk) -> Result<(), ()> {
    with(disk, |agents| agents.discard_draft(&handle("support"), &handle("tone"), None).map(|_| ()))
}

fn rename(disk: &SimDisk) -> Result<(), ()> {
    with(disk, |agents| agents.rename(&handle("support"), &handle("helpdesk")).map(|_| ()))
}

fn roll_back(disk: &SimDisk) -> Result<(), ()> {
    with(disk, |agents| agents.roll_back(&handle("helpdesk"), None, None).map(|_| ()))
}

fn promote(disk: &SimDisk) -> Result<(), ()> {
    with(disk, |agents| {
        let environments = Environments::of(agents).map_err(into_agent)?;
        let id = agents.version_at(&handle("support"), 2)?.id;
        let promotion = Promotion::of(Source::Version(id));
        environments.promote(&handle("support"), &promotion).map(|_| ()).map_err(into_agent)
    })
}

fn into_agent(error: ReleaseError) -> AgentError {
    match error {
        ReleaseError::Agent(error) => error,
        ReleaseError::Repo(error) => error.into(),
        other => panic!("{other}"),
    }
}

fn republish(disk: &SimDisk) -> Result<(), ()> {
    with(disk, |agents| {
        let id = agents.version_at(&handle("support"), 2)?.id;
        let options = RepublishOptions { draft: Some(handle("tone")), ..RepublishOptions::default() };
        agents.republish(&handle("support"), &id, &options).map(|_| ())
    })
}

const LIFE: [(&str, Step); 12] = [
    ("init", init),
    ("create", create),
    ("fork", fork),
    ("edit", edit),
    ("publish", publish),
    ("activate", activate),
    ("promote", promote),
    ("fork again", fork_again),
    ("republish", republish),
    ("discard", discard),
    ("rename", rename),
    ("roll back", roll_back),
];

/// What a reader sees of the agent, in words.
fn seen(agents: &Agents) -> String {
    let page = agents.list(None, 10).expect("the agents can be listed");
    let mut words = Vec::new();
    for info in page {
        let active = info.active.map_or(0, |(_, number)| number.position);
        let drafts = agents.drafts(&info.handle).expect("the drafts can be read");
        let drafts: Vec<String> =
            drafts.iter().map(|draft| format!("{}:{}", draft.name, draft.revision)).collect();
        let kept = agents.checkpoints(&info.handle).expect("the checkpoints can be read").len();
        let development = agents.environment(&info.handle, &handle("development")).expect("it can be read");
        words.push(format!(
            "{} V{} active {active} [{}] kept {kept} development {}",
            info.handle,
            info.versions,
            drafts.join(","),
            development.is_some(),
        ));
    }
    words.join("; ")
}

/// The states after each operation of a life that nothing interrupts; the first is "no store".
fn states() -> Vec<String> {
    let disk = SimDisk::new(1);
    let mut states = vec!["no store".to_owned()];
    for (name, step) in LIFE {
        step(&disk).unwrap_or_else(|()| panic!("{name} works on a sound disk"));
        states.push(seen(&open(&disk).expect("a store")));
    }
    states
}

fn state_of(disk: &SimDisk) -> String {
    open(disk).map_or_else(|| "no store".to_owned(), |agents| seen(&agents))
}

/// A store that was cut off is in the state before or after the operation it was in, and sound.
fn examine(disk: &SimDisk, states: &[String], acknowledged: usize, whence: &str) {
    let state = state_of(disk);
    let allowed = [&states[acknowledged], states.get(acknowledged + 1).unwrap_or(&states[acknowledged])];
    assert!(allowed.contains(&&state), "{whence}: found '{state}', allowed {allowed:?}");
    if let Some(agents) = open(disk) {
        let report = agents.fsck(&mut |_| ()).expect("examined");
        assert_eq!(report.faults, [], "{whence}");
    }
}

/// Runs the life until the disk stops; returns how many operations were acknowledged.
fn run_until_stopped(disk: &SimDisk) -> usize {
    LIFE.iter().take_while(|(_, step)| step(disk).is_ok()).count()
}

fn steps_of_a_life() -> u64 {
    let disk = SimDisk::new(1);
    assert_eq!(run_until_stopped(&disk), LIFE.len());
    disk.steps()
}

#[test]
fn a_process_that_dies_at_any_step_leaves_the_old_state_or_the_new() {
    let states = states();
    let steps = steps_of_a_life();
    assert!(steps > 150, "a life has {steps} steps");
    for stop in 1..=steps {
        let disk = SimDisk::new(1);
        disk.stop_at(stop);
        let acknowledged = run_until_stopped(&disk);
        examine(&disk.process_death(), &states, acknowledged, &format!("death at step {stop}"));
    }
}

#[test]
fn a_loss_of_power_at_any_step_leaves_the_old_state_or_the_new() {
    let states = states();
    let steps = steps_of_a_life();
    let mut examined = 0;
    for stop in 1..=steps {
        let disk = SimDisk::new(stop);
        disk.stop_at(stop);
        let acknowledged = run_until_stopped(&disk);
        let mut losses = vec![(PowerLoss::DropAll, 0), (PowerLoss::KeepAll, 0)];
        losses.extend((0..4).map(|seed| (PowerLoss::Random, seed)));
        for (loss, seed) in losses {
            let after = disk.power_loss(seed, loss);
            examine(&after, &states, acknowledged, &format!("{loss:?} {seed} at step {stop}"));
            examined += 1;
        }
    }
    assert!(examined > 1000, "{examined} states examined");
}

#[test]
fn a_recovery_that_is_cut_off_can_be_done_again() {
    let states = states();
    let steps = steps_of_a_life();
    let mut examined = 0;
    for stop in (1..=steps).step_by(7) {
        let disk = SimDisk::new(stop);
        disk.stop_at(stop);
        let acknowledged = run_until_stopped(&disk);
        for seed in 0..1 {
            let lost = disk.power_loss(seed, PowerLoss::Random);
            let whole = lost.process_death();
            let before = whole.steps();
            state_of(&whole);
            for again in 1..=(whole.steps() - before) {
                let retry = lost.process_death();
                retry.stop_at(retry.steps() + again);
                if let Some(agents) = open(&retry) {
                    // It fails or works; what counts is what the next process finds.
                    let _ = agents.list(None, 10);
                }
                let after = retry.power_loss(seed + again, PowerLoss::Random);
                examine(
                    &after,
                    &states,
                    acknowledged,
                    &format!("recovery {again} of step {stop}, seed {seed}"),
                );
                examined += 1;
            }
        }
    }
    assert!(examined > 50, "{examined} recoveries examined");
}

#[test]
fn an_acknowledged_operation_survives_and_the_life_goes_on() {
    let steps = steps_of_a_life();
    for stop in (1..=steps).step_by(5) {
        let disk = SimDisk::new(stop);
        disk.stop_at(stop);
        let acknowledged = run_until_stopped(&disk);
        let after = disk.power_loss(stop, PowerLoss::Random);
        // An operation that was cut off may have happened; then it is not done again.
        let states = states();
        let next = if state_of(&after) == states[acknowledged] { acknowledged } else { acknowledged + 1 };
        for (name, step) in &LIFE[next..] {
            assert_eq!(step(&after), Ok(()), "{name} after a cut at step {stop}");
        }
        assert_eq!(state_of(&after), states[LIFE.len()]);
    }
}

#[test]
fn where_a_full_disk_stops_a_step_what_happened_is_told_so_and_what_did_not_is_told_so() {
    let states = states();
    let disk = SimDisk::new(1);
    let (mut done, mut failed) = (0, 0);
    for (at, (name, step)) in LIFE.iter().enumerate() {
        if at > 1 {
            let run = disk.process_death();
            assert_eq!(step(&run), Ok(()), "{name}");
            for full in 1..=run.steps() {
                let run = disk.process_death();
                run.fail_at(full, Fault::Enospc, false);
                let result = step(&run);
                let found = open(&run.process_death()).expect("a store");
                if found.list(None, 10).is_err() {
                    // What a flush failed for is nobody's to believe until somebody looked at the disk.
                    assert_eq!(result, Err(()), "{name}, full at step {full}");
                    continue;
                }
                let happened = result.is_ok() || LAST.take().contains("happened and is recorded");
                let expected = &states[if happened { at + 1 } else { at }];
                assert_eq!(seen(&found), *expected, "{name}, full at step {full}: {result:?}");
                *(if result.is_ok() { &mut done } else { &mut failed }) += 1;
            }
        }
        assert_eq!(step(&disk), Ok(()), "{name}");
    }
    assert!(done > 20 && failed > 5, "{done} done, {failed} failed");
}
