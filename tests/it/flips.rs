//! Flips a bit of every byte of every file of a small store, every bit of the small files that hold it
//! together, and cuts every file: `fsck` finds it, or no reader can tell.

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

/// Flips one bit; whether `fsck` found it. What it does not find, no reader may notice.
fn flip(disk: &SimDisk, truth: &String, path: &Path, at: usize, bit: u8) -> bool {
    let hurt = disk.process_death();
    hurt.corrupt(path, at, bit).expect("flipped");
    let found = found(&hurt);
    if !found {
        assert_eq!(
            seen(&hurt).as_ref(),
            Ok(truth),
            "bit {bit} of byte {at} of {} goes unnoticed",
            path.display()
        );
    }
    found
}

#[test]
fn every_flipped_bit_is_found_or_without_effect() {
    let disk = small_store();
    assert!(!found(&disk), "the store is sound to begin with");
    let truth = seen(&disk).expect("it can be read");
    let (mut flipped, mut harmless) = (0, 0);
    let mut bits = [0; 8];
    for (path, bytes) in files(&disk) {
        for at in 0..bytes.len() {
            // Another bit in each sector of 8 bytes, so that fields of 8 bytes meet each bit in each byte.
            let bit = (at + at / 8) % 8;
            bits[bit] += 1;
            flipped += 1;
            harmless += u32::from(!flip(&disk, &truth, &path, at, u8::try_from(bit).expect("a bit")));
        }
    }
    assert!(flipped > 10_000, "{flipped} bits flipped");
    assert!(harmless * 2 < flipped, "{harmless} of {flipped} flips were without effect");
    assert!(bits.iter().all(|count| *count > flipped / 16), "{bits:?}");
}

#[test]
fn every_bit_of_the_files_that_hold_the_store_together_is_found_or_without_effect() {
    let disk = small_store();
    let truth = seen(&disk).expect("it can be read");
    let mut met = std::collections::BTreeMap::new();
    for (path, bytes) in files(&disk) {
        let shown =
            path.strip_prefix("/team/.recto").expect("a file of the store").to_string_lossy().into_owned();
        let name = shown.rsplit('/').next().unwrap_or_default();
        if !["format", "ACTIVE", "ACTIVE.json", "meta", "versions", "attributes", "next", "journal"]
            .contains(&name)
        {
            continue;
        }
        // Of a journal its two headers and that of its record; between them lie zeros.
        let headers = |at: &usize| [0..104, 512..616, 1024..1136].iter().any(|part| part.contains(at));
        let counts = |at: &usize| bytes[*at] != 0 && (name != "journal" || headers(at));
        let places: Vec<usize> = (0..bytes.len()).filter(counts).collect();
        let mut found = 0;
        for at in &places {
            for bit in 0..8 {
                found += usize::from(flip(&disk, &truth, &path, *at, bit));
            }
        }
        // One of the two headers of a journal no longer counts.
        let all = places.len() * 8;
        assert!(if name == "journal" { found * 2 > all } else { found == all }, "{shown}: {found} of {all}");
        met.insert(shown, found);
    }
    for file in
        ["format", "agents/support/ACTIVE", "agents/support/ACTIVE.json", "agents/support/drafts/next"]
    {
        assert!(met.contains_key(file), "{file}: {met:?}");
    }
}

/// A line of the log holds ids, whose digits are checked by the line's own.
#[test]
fn every_bit_of_a_log_line_is_found() {
    let disk = small_store();
    let truth = seen(&disk).expect("it can be read");
    let path = PathBuf::from("/team/.recto/agents/support/log");
    let log = disk.image().remove(&path).expect("a log");
    let last = log[..log.len() - 1].iter().rposition(|byte| *byte == b'\n').expect("a line before") + 1;
    for at in last..log.len() {
        for bit in 0..8 {
            assert!(flip(&disk, &truth, &path, at, bit), "bit {bit} of byte {at} of the log");
        }
    }
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
