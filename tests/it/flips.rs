//! Flips a bit of every byte of every file of a small store, and cuts every file at every length:
//! `fsck` finds it, or no reader can tell.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use recto::agent::{Agents, DraftSource, Edit, LogQuery, NewAgent, PublishOptions};
use recto::clock::{StepClock, Time};
use recto::disk::{SharedDisk, SimDisk};
use recto::object::Author;
use recto::profile::{Input, Profile};
use recto::refs::Handle;
use recto::repo::Repo;
use serde_json::json;

fn handle(text: &str) -> Handle {
    text.parse().expect("a handle")
}

fn agents(disk: &SimDisk, init: bool) -> Option<Agents> {
    let clock = Arc::new(StepClock::new(Time::from_ms(1_772_000_000_000).expect("a time"), 1000));
    let shared: SharedDisk = Arc::new(disk.clone());
    let dir = Path::new("/team");
    let repo =
        if init { Repo::init(shared, dir, clock) } else { Repo::open(shared, &dir.join(".recto"), clock) };
    Some(Agents::new(Arc::new(repo.ok()?), Author { name: "Ana".to_owned(), email: None }, "test"))
}

/// A store with a version that serves, one that does not, a draft, a bookmark and a new label.
fn small_store() -> SimDisk {
    let disk = SimDisk::new(1);
    let agents = agents(&disk, true).expect("a store");
    let support = handle("support");
    let profile = Profile::builtin("generic").expect("a profile");
    let new = NewAgent {
        handle: Some(support.clone()),
        config: Some(
            json!({"prompt": "Be kind to every caller, be brief, be kind.\n", "voice": {"id": "nyah"}}),
        ),
        activate: true,
        ..NewAgent::of(Arc::new(Profile::from_stored(profile.bytes()).expect("a profile")))
    };
    agents.create(&new).expect("created");
    let set = |draft: &str, value: &str| {
        agents.new_draft(&support, &handle(draft), &DraftSource::Default).expect("forked");
        let edit = Edit::Set("voice.id".parse().expect("a path"), Input::Text(value.to_owned()));
        agents.edit(&support, &handle(draft), None, &[edit], "").expect("edited");
    };
    set("tone", "emily");
    let published = agents.publish(&support, &handle("tone"), &PublishOptions::default()).expect("published");
    agents.pin(&support, &published.version, true).expect("pinned");
    agents.edit_version(&support, &published.version, Some("warmer"), None).expect("relabelled");
    // A short journal: what is left over in a long one has no effect, and takes long to go through.
    agents.repo().backend().checkpoint().expect("started anew");
    set("next", "liam");
    disk
}

/// Everything that a reader can see, or that nothing can be seen.
fn seen(disk: &SimDisk) -> Result<String, String> {
    let agents = agents(disk, false).ok_or("no store")?;
    let text = |error: recto::agent::AgentError| error.to_string();
    let mut words = String::new();
    for info in agents.list(None, 10).map_err(text)? {
        let agent = &info.handle;
        words.push_str(&format!("{info:?}"));
        for version in agents.versions(agent, 0, 100).map_err(text)? {
            let config = agents.config(&version.id).map_err(text)?;
            words.push_str(&format!("{version:?} {}", config.value));
        }
        for draft in agents.drafts(agent).map_err(text)? {
            let config = agents.config(&draft.commit).map_err(text)?;
            words.push_str(&format!("{draft:?} {}", config.value));
        }
        for entry in agents.log(agent, LogQuery::default()).map_err(text)? {
            words.push_str(&format!("{:?}", entry.map_err(text)?));
        }
        words.push_str(&format!("{:?}", agents.timeline(agent).map_err(text)?));
        let derived =
            agents.repo().backend().derived(agent, "ACTIVE.json").map_err(|error| error.to_string())?;
        words.push_str(&format!("{derived:?}"));
    }
    Ok(words)
}

/// Whether `fsck` finds something, or the store cannot be opened at all.
fn found(disk: &SimDisk) -> bool {
    match agents(disk, false) {
        Some(agents) => agents.fsck(&mut |_| ()).map_or(true, |report| !report.faults.is_empty()),
        None => true,
    }
}

fn files(disk: &SimDisk) -> Vec<(PathBuf, Vec<u8>)> {
    let all = disk.image().into_iter();
    all.filter(|(path, bytes)| !bytes.is_empty() && path.starts_with("/team/.recto")).collect()
}

#[test]
fn every_flipped_bit_is_found_or_without_effect() {
    let disk = small_store();
    assert!(!found(&disk), "the store is sound to begin with");
    let truth = seen(&disk).expect("it can be read");
    let (mut flipped, mut harmless) = (0, 0);
    for (path, bytes) in files(&disk) {
        for at in 0..bytes.len() {
            let hurt = disk.process_death();
            hurt.corrupt(&path, at, u8::try_from(at % 8).expect("a bit")).expect("flipped");
            flipped += 1;
            if !found(&hurt) {
                harmless += 1;
                assert_eq!(
                    seen(&hurt).as_ref(),
                    Ok(&truth),
                    "byte {at} of {} goes unnoticed",
                    path.display()
                );
            }
        }
    }
    assert!(flipped > 10_000, "{flipped} bits flipped");
    assert!(harmless * 2 < flipped, "{harmless} of {flipped} flips were without effect");
}

#[test]
fn every_cut_off_file_is_found_or_without_effect() {
    let disk = small_store();
    let truth = seen(&disk).expect("it can be read");
    let mut cuts = 0;
    for (path, bytes) in files(&disk) {
        for keep in (0..bytes.len()).step_by(7) {
            let hurt = disk.process_death();
            hurt.overwrite(&path, &bytes[..keep]).expect("cut");
            cuts += 1;
            if !found(&hurt) {
                assert_eq!(
                    seen(&hurt).as_ref(),
                    Ok(&truth),
                    "{} cut to {keep} goes unnoticed",
                    path.display()
                );
            }
        }
    }
    assert!(cuts > 1000, "{cuts} cuts");
}
