//! Imports and exports on a store in a simulated directory.

use std::io::BufReader;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::agent::Number;
use crate::agent::*;
use crate::clock::{Clock, StepClock, Time};
use crate::disk::SimDisk;
use crate::encoding::json;
use crate::history::{Revision, Spec};
use crate::object::{Author, Blocks, Content, ObjectId};
use crate::profile::Profile;
use crate::refs::Handle;
use crate::repo::{Repo, RepoError};

const HISTORY: &str = include_str!("../../../fixtures/agents/history.jsonl");

fn agents() -> Agents {
    let clock = Arc::new(StepClock::new(Time::from_ms(1_790_000_000_000).expect("a time"), 1000));
    let repo = Repo::init(Arc::new(SimDisk::new(1)), Path::new("/work"), clock).expect("a store");
    Agents::new(Arc::new(repo), Author { name: "Ana".to_owned(), email: None }, "test")
}

fn handle(text: &str) -> Handle {
    text.parse().expect("a handle")
}

fn document(text: &str) -> Value {
    json::parse(text.as_bytes()).expect("a fixture is JSON")
}

fn sound(agents: &Agents) {
    assert_eq!(agents.fsck(&mut |_| ()).expect("examined").faults, []);
}

fn history(agents: &Agents, text: &str, options: &HistoryOptions) -> Result<HistoryReport, Box<HistoryStop>> {
    let interrupt = AtomicBool::new(false);
    agents.import_history(&mut BufReader::new(text.as_bytes()), options, &interrupt, &mut |_| ())
}

fn import(agents: &Agents, text: &str) -> HistoryReport {
    history(agents, text, &HistoryOptions::default()).unwrap_or_else(|stop| panic!("{}", stop.error))
}

fn stopped(agents: &Agents, text: &str) -> (String, HistoryReport) {
    let stop = history(agents, text, &HistoryOptions::default()).expect_err("it is wrong");
    (stop.error.to_string(), stop.done)
}

fn ids(agents: &Agents, agent: &str) -> Vec<ObjectId> {
    let versions = agents.versions(&handle(agent), 0, 1000).expect("versions");
    versions.into_iter().map(|version| version.id).collect()
}

fn exported(agents: &Agents, agent: &str) -> String {
    let lines = agents.export_history(&handle(agent)).expect("an agent");
    lines.map(|line| String::from_utf8(line.expect("read")).expect("text")).collect()
}

#[test]
fn a_history_becomes_versions_that_keep_author_time_and_message() {
    let agents = agents();
    let report = import(&agents, HISTORY);
    assert_eq!((report.agents, report.new_agents, report.new_versions), (2, 2, 6));
    let versions = agents.versions(&handle("library"), 0, 10).expect("versions");
    assert_eq!(versions.len(), 3);
    assert_eq!(versions[2].author.to_string(), "Sam Okoro <sam@fairhaven.example>");
    assert_eq!(versions[1].time.to_string(), "2026-01-19T11:42:10.000Z");
    assert_eq!(
        (versions[1].label.as_str(), versions[1].check),
        ("offer renewals first", CheckState::Unchecked)
    );
    assert_eq!(versions[1].parents, [versions[0].id]);
    let cafe = agents.config(ids(&agents, "cafe").last().expect("a version")).expect("a config");
    assert_eq!(cafe.value.get("music"), None, "deleted blocks are gone");
    assert_eq!(cafe.value["voice"]["rate"], 1.05, "blocks that are not named stay");
    assert!(agents.active(&handle("cafe")).expect("read").is_none(), "a history serves nothing");
    let claimed = agents.timeline(&handle("cafe")).expect("a timeline");
    assert!(claimed.len() == 3 && claimed.iter().all(|served| served.claimed));
    sound(&agents);
}

#[test]
fn the_same_history_again_changes_nothing_and_a_longer_one_goes_on() {
    let agents = agents();
    let start: String = HISTORY.split_inclusive('\n').take(4).collect();
    import(&agents, &start);
    let report = import(&agents, HISTORY);
    assert_eq!((report.new_agents, report.new_versions, report.skipped), (0, 2, 4));
    let before = ids(&agents, "library");
    let report = import(&agents, HISTORY);
    assert_eq!((report.new_versions, report.skipped), (0, 6));
    assert_eq!(ids(&agents, "library"), before);
    let fresh = self::agents();
    import(&fresh, HISTORY);
    assert_eq!(ids(&fresh, "library"), before, "cut off or not, the commits are the same");
    sound(&agents);
}

#[test]
fn another_history_of_the_same_agent_is_refused() {
    let agents = agents();
    import(&agents, HISTORY);
    let (error, done) = stopped(&agents, &HISTORY.replace("offer renewals first", "renewals"));
    assert_eq!(error, "line 3: agent 'library' already has another V2");
    assert_eq!((done.new_versions, done.skipped), (0, 2));
    sound(&agents);
}

#[test]
fn a_bad_line_keeps_what_stands_before_it() {
    for (from, to, expected) in [
        ("\"time\":\"2026-02-02T08:05:00Z\"", "\"time\":\"yesterday\"", "line 4: its 'time' is 'yesterday'"),
        ("\"deleted\":[\"music\"]", "\"deleted\":[\"noise\"]", "line 4: its 'deleted' names block 'noise'"),
        ("no music, bigger groups write\"", "x\",\"message\":\"y\"", "line 4: duplicate key 'message'"),
    ] {
        let agents = agents();
        let (error, done) = stopped(&agents, &HISTORY.replace(from, to));
        assert!(error.starts_with(expected), "{error}");
        assert_eq!((done.new_versions, done.progress.lines), (3, 3));
        assert_eq!((ids(&agents, "library").len(), ids(&agents, "cafe").len()), (2, 1));
        assert_eq!(import(&agents, HISTORY).skipped, 3, "put right, it goes on");
        sound(&agents);
    }
}

#[test]
fn a_first_version_must_be_whole() {
    let line = HISTORY.lines().nth(2).expect("a partial line");
    let (error, _) = stopped(&agents(), line);
    assert!(error.starts_with("line 1: it is partial, but agent 'library' has no version"), "{error}");
}

#[test]
fn a_dry_run_judges_everything_and_writes_nothing() {
    let agents = agents().rehearsing();
    let report = import(&agents, HISTORY);
    assert_eq!((report.new_agents, report.new_versions), (2, 6));
    assert!(agents.list(None, 10).expect("listed").is_empty());
    let bad = HISTORY.replace("\"deleted\":[\"music\"]", "\"deleted\":[\"noise\"]");
    assert!(stopped(&agents, &bad).0.starts_with("line 4"));
}

#[test]
fn an_interrupt_keeps_what_was_taken() {
    let agents = agents();
    let line = HISTORY.lines().next().expect("a line");
    let many: String =
        (0..1000).map(|at| format!("{}\n", line.replace("library", &format!("a{at}")))).collect();
    let interrupt = AtomicBool::new(false);
    let stop = agents
        .import_history(
            &mut BufReader::new(many.as_bytes()),
            &HistoryOptions::default(),
            &interrupt,
            &mut |_| {
                interrupt.store(true, Ordering::SeqCst);
            },
        )
        .expect_err("interrupted");
    assert!(matches!(stop.error, AgentError::Interrupted(_)));
    let taken = stop.done.new_agents;
    assert!(taken > 0 && taken < 1000, "{taken}");
    assert_eq!(agents.list(None, 2000).expect("listed").len() as u64, taken);
    assert_eq!(import(&agents, &many).skipped, taken);
    sound(&agents);
}

#[test]
fn titles_that_derive_the_same_handle_stay_apart() {
    let agents = agents();
    let line = HISTORY.lines().next().expect("a line");
    let titles = ["Sales Agent", "sales  agent", "sales-agent", "日本語", "中文"];
    let text: String = titles
        .iter()
        .map(|title| format!("{}\n", line.replace("\"library\"", &format!("\"{title}\""))))
        .collect();
    assert_eq!(import(&agents, &text).new_agents, 5);
    let found = agents.list(None, 10).expect("listed");
    let title_of = |name: &str| {
        found.iter().find(|info| info.handle == handle(name)).map(|info| info.meta.title.clone())
    };
    assert_eq!(title_of("sales-agent").as_deref(), Some("Sales Agent"));
    assert_eq!(title_of("sales-agent-2").as_deref(), Some("sales  agent"));
    assert_eq!(title_of("sales-agent-3").as_deref(), Some("sales-agent"));
    assert_eq!(import(&agents, &text).skipped, 5, "each is found again");
    sound(&agents);
}

#[test]
fn one_agent_may_be_given_another_handle_and_two_may_not() {
    let agents = agents();
    let options = HistoryOptions { handle: Some(handle("books")), ..HistoryOptions::default() };
    let library: String = HISTORY.split_inclusive('\n').filter(|line| line.contains("library")).collect();
    history(&agents, &library, &options).expect("it is good");
    assert_eq!(ids(&agents, "books").len(), 3);
    let stop = history(&self::agents(), HISTORY, &options).expect_err("two agents");
    assert!(
        stop.error.to_string().starts_with("line 2: agent 'cafe': it is another agent"),
        "{}",
        stop.error
    );
}

#[test]
fn many_versions_make_records_of_bounded_length() {
    let agents = agents();
    let mut text = HISTORY.lines().next().expect("a line").to_owned() + "\n";
    for at in 0..1200 {
        text += &format!(
            "{}\n",
            json!({"agent": "library", "author": "Ana", "time": "2026-02-01T00:00:00Z", "partial": true, "blocks": {"voice": {"rate": at}}})
        );
    }
    assert_eq!(import(&agents, &text).new_versions, 1201);
    let entries: Vec<_> = agents.log(&handle("library"), LogQuery::default()).expect("a log").collect();
    assert_eq!(entries.len(), 3, "one batch, records of at most 500 moves");
    assert_eq!(agents.version_count(&handle("library")).expect("counted"), 1201);
    sound(&agents);
}

#[test]
fn a_history_may_be_activated_in_the_end() {
    let agents = agents();
    let options = HistoryOptions { activate: true, ..HistoryOptions::default() };
    let report = history(&agents, HISTORY, &options).expect("it is good");
    assert_eq!((report.activated, report.not_activated.len()), (2, 0));
    let (_, resolved) = agents.resolve(&Spec::active(handle("cafe"))).expect("it serves");
    assert_eq!(resolved.name(), "V3");
    sound(&agents);
}

#[test]
fn blocks_that_the_profile_lacks_are_refused() {
    let agents = agents();
    let profile = Some(agents.profile_named("callem").expect("a profile"));
    let options = HistoryOptions { profile, ..HistoryOptions::default() };
    let stop = history(&agents, HISTORY, &options).expect_err("no such blocks");
    assert!(stop.error.to_string().contains("block 'hours'"), "{}", stop.error);
    assert!(agents.list(None, 10).expect("listed").is_empty());
}

#[test]
fn a_one_draft_profile_has_its_draft_and_an_edited_one_stays() {
    let agents = agents();
    let line = |at: u32| {
        json!({"agent": "desk", "author": "Ana", "time": "2026-02-01T00:00:00Z", "profile": "callem",
            "blocks": {"system_prompt": format!("Be kind, {at}."), "welcome_message": "Hi."}})
        .to_string()
            + "\n"
    };
    let one = agents.profile_named("callem").expect("a profile");
    let blocks = document(&line(0))["blocks"].clone();
    assert!(one.blocks().iter().any(|spec| blocks.get(spec.name.as_str()).is_some()));
    let stopped = history(&agents, &line(0), &HistoryOptions::default());
    if let Err(stop) = stopped {
        panic!("{}", stop.error);
    }
    let draft = |agents: &Agents| agents.draft(&handle("desk"), &handle("main")).expect("the draft");
    assert_eq!(draft(&agents).base_number, Some(Number::of(1)));
    import(&agents, &(line(0) + &line(1)));
    assert_eq!(draft(&agents).base_number, Some(Number::of(2)));
    let edit = Edit::Block("system_prompt".parse().expect("a name"), Some(Content::Text("Mine.".to_owned())));
    agents.edit(&handle("desk"), &handle("main"), None, &[edit], "").expect("edited");
    import(&agents, &(line(0) + &line(1) + &line(2)));
    assert_eq!(draft(&agents).base_number, Some(Number::of(2)), "an edited draft is not moved away from");
    sound(&agents);
}

#[test]
fn an_export_imports_as_the_same_commits() {
    let agents = agents();
    import(&agents, HISTORY);
    agents.rename(&handle("cafe"), &handle("bistro")).expect("renamed");
    // A version whose base is not the one before it, under another author.
    let name = handle("tone");
    let first = DraftSource::Revision(Revision::Version(1));
    agents.new_draft(&handle("library"), &name, &first).expect("forked");
    let edit = Edit::Set("voice.rate".parse().expect("a path"), crate::profile::Input::Text("2".to_owned()));
    agents.edit(&handle("library"), &name, None, &[edit], "").expect("edited");
    let options = PublishOptions {
        label: "slower".to_owned(),
        description: "\nas asked".to_owned(),
        overwrite: true,
        ..PublishOptions::default()
    };
    agents.publish(&handle("library"), &name, &options).expect("published");
    let text = exported(&agents, "library") + &exported(&agents, "bistro");
    assert!(text.contains("\"parents\":[1]") && text.contains("\"partial\":true"));
    let copy = self::agents();
    import(&copy, &text);
    for agent in ["library", "bistro"] {
        assert_eq!(ids(&copy, agent), ids(&agents, agent), "{agent}");
        assert_eq!(exported(&copy, agent), exported(&agents, agent));
    }
    sound(&copy);
}

#[test]
fn other_profiles_are_named_in_an_export() {
    let agents = agents();
    let text = include_str!("../../../fixtures/agents/atoms-support.json");
    let options = ImportOptions { handle: Some(handle("support")), ..ImportOptions::default() };
    agents.import_document(&document(text), &options).expect("imported");
    let copy = self::agents();
    import(&copy, &exported(&agents, "support"));
    assert_eq!(ids(&copy, "support"), ids(&agents, "support"));
}

#[test]
fn every_fixture_is_recognised_and_imported_twice_is_no_change() {
    for (text, profile) in [
        (include_str!("../../../fixtures/agents/atoms-support.json"), "atoms"),
        (include_str!("../../../fixtures/agents/atoms-outbound-sales.json"), "atoms"),
        (include_str!("../../../fixtures/agents/atoms-workflow.json"), "atoms"),
        (include_str!("../../../fixtures/agents/atoms-get-agent.json"), "atoms"),
        (include_str!("../../../fixtures/agents/thinnest-helpdesk.json"), "thinnest"),
        (include_str!("../../../fixtures/agents/callem-reception.json"), "callem"),
        (include_str!("../../../fixtures/agents/generic-ivr.json"), "generic"),
    ] {
        let agents = agents();
        let options = ImportOptions { handle: Some(handle("one")), ..ImportOptions::default() };
        let report = agents.import_document(&document(text), &options).expect("imported");
        assert_eq!((report.profile.as_str(), report.outcome), (profile, ImportOutcome::Created));
        let again = agents.import_document(&document(text), &options).expect("imported");
        assert_eq!((again.outcome, again.receipt), (ImportOutcome::Unchanged, None));
        // What was exported is the same config, as a document and as blocks.
        let config = agents.config(&report.commit.expect("V1")).expect("a config");
        let other = ImportOptions { handle: Some(handle("two")), ..ImportOptions::default() };
        let copy = agents.import_document(&document(&config.to_document()), &other).expect("imported");
        assert_eq!((copy.tree, copy.profile.as_str()), (report.tree, profile));
        let files = BlockFiles { blocks: config.blocks.clone(), ..BlockFiles::default() };
        let third = ImportOptions { handle: Some(handle("three")), ..ImportOptions::default() };
        let copy = agents.import_blocks(&files, &third).expect("imported");
        assert_eq!((copy.tree, copy.profile.as_str()), (report.tree, profile));
        sound(&agents);
    }
}

#[test]
fn a_vendor_answer_is_found_again_by_its_id_and_changes_become_a_draft() {
    let agents = agents();
    let answer = document(include_str!("../../../fixtures/agents/atoms-get-agent.json"));
    let made = agents.import_document(&answer, &ImportOptions::default()).expect("imported");
    assert!(!made.dropped.is_empty());
    agents.rename(&made.agent, &handle("front-desk")).expect("renamed");
    let again = agents.import_document(&answer, &ImportOptions::default()).expect("imported");
    assert_eq!((again.agent.as_str(), again.outcome), ("front-desk", ImportOutcome::Unchanged));
    let mut config = agents.config(&made.commit.expect("V1")).expect("a config").value;
    config["slmModel"] = json!("no such model");
    let into = ImportOptions { handle: Some(handle("front-desk")), ..ImportOptions::default() };
    assert!(matches!(agents.import_document(&config, &into), Err(AgentError::Invalid { .. })));
    let mut config = agents.config(&made.commit.expect("V1")).expect("a config").value;
    config["slmModel"] = json!("gpt-4.1");
    let agents = agents.rehearsing();
    let report = agents.import_document(&config, &into).expect("judged");
    assert_eq!(report.outcome, ImportOutcome::Draft(handle("import")));
    assert!(agents.drafts(&handle("front-desk")).expect("drafts").is_empty(), "a rehearsal writes nothing");
    let agents = Agents { rehearsal: false, ..agents };
    let report = agents.import_document(&config, &into).expect("imported");
    assert_eq!(report.outcome, ImportOutcome::Draft(handle("import")));
    let report = agents.import_document(&config, &into).expect("imported");
    assert_eq!(report.outcome, ImportOutcome::Unchanged, "the draft holds it already");
    let live = ImportOptions { activate: true, label: "from the dashboard".to_owned(), ..into };
    let report = agents.import_document(&config, &live).expect("imported");
    assert_eq!((report.outcome, report.active), (ImportOutcome::Published(Number::of(2)), true));
    sound(&agents);
}

#[test]
fn another_profile_than_the_agents_is_refused() {
    let agents = agents();
    let into = ImportOptions { handle: Some(handle("ivr")), ..ImportOptions::default() };
    agents.import_document(&json!({"greeting": "Hi", "menu": []}), &into).expect("imported");
    let profile = Some(agents.profile_named("atoms").expect("a profile"));
    let other = ImportOptions { profile, ..into };
    let error =
        agents.import_document(&json!({"slmModel": "electron"}), &other).expect_err("another profile");
    assert_eq!(error.to_string(), "agent 'ivr': it has profile 'generic', not 'atoms'");
}

/// What somebody does, after so many readings of the clock.
type Deed = (usize, Box<dyn FnOnce() + Send>);

/// A clock at whose reading somebody else does something: between what an operation is based on and itself.
struct Meddling {
    clock: StepClock,
    deed: Mutex<Option<Deed>>,
}

impl std::fmt::Debug for Meddling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.clock.fmt(f)
    }
}

impl Clock for Meddling {
    fn now(&self) -> Time {
        let mut left = self.deed.lock().expect("no panic");
        let due = match left.take() {
            Some((0, deed)) => Some(deed),
            Some((readings, deed)) => {
                *left = Some((readings - 1, deed));
                None
            }
            None => None,
        };
        drop(left);
        if let Some(deed) = due {
            deed();
        }
        self.clock.now()
    }
}

#[test]
fn an_import_takes_the_place_of_nothing_that_is_done_meanwhile() {
    let clock = StepClock::new(Time::from_ms(1_790_000_000_000).expect("a time"), 1000);
    let clock = Arc::new(Meddling { clock, deed: Mutex::new(None) });
    let meddler: Arc<dyn Clock> = clock.clone();
    let repo = Repo::init(Arc::new(SimDisk::new(1)), Path::new("/work"), meddler).expect("a store");
    let agents = Agents::new(Arc::new(repo), Author { name: "Ana".to_owned(), email: None }, "test");
    let (ivr, draft) = (handle("ivr"), handle("import"));
    let into = ImportOptions { handle: Some(ivr.clone()), ..ImportOptions::default() };
    let import = |speed: u64, options: &ImportOptions| {
        agents.import_document(&json!({"greeting": "Hi", "speed": speed}), options)
    };
    let speed = || {
        let draft = agents.draft(&ivr, &draft).expect("a draft");
        agents.config(&draft.commit).expect("a config").value["speed"].clone()
    };
    let edits = |speed: u64| {
        let config = json!({"greeting": "Hi", "speed": speed});
        let (colleague, ivr, draft) = (agents.clone(), ivr.clone(), draft.clone());
        move || {
            colleague.edit(&ivr, &draft, None, &[Edit::Replace(config)], "imported").expect("edited");
        }
    };
    let meanwhile = |readings, deed: Box<dyn FnOnce() + Send>| {
        *clock.deed.lock().expect("no panic") = Some((readings, deed));
    };
    for made in 1..=3 {
        import(made, &into).expect("imported");
    }
    meanwhile(0, Box::new(edits(10)));
    let moved = import(4, &into).expect_err("somebody was faster");
    assert!(matches!(moved, AgentError::DraftMoved { expected: 3, actual: 4, .. }), "{moved:?}");
    assert_eq!(speed(), json!(10));
    // What somebody did is not taken for what an import left, whatever they say of it.
    let refused = import(4, &into).expect_err("it is somebody's work");
    assert!(matches!(refused, AgentError::DraftHasWork { revision: 4, .. }), "{refused:?}");
    import(5, &ImportOptions { overwrite: true, ..into.clone() }).expect("it may");
    // Another draft of that name, at the same revision.
    let (colleague, first, discarded) = (agents.clone(), edits(20), (ivr.clone(), draft.clone()));
    let revision = agents.draft(&ivr, &draft).expect("a draft").revision;
    let more: Vec<_> = (0..revision - 2).map(|at| edits(30 + at)).collect();
    meanwhile(
        0,
        Box::new(move || {
            let (ivr, draft) = discarded;
            colleague.discard_draft(&ivr, &draft, None).expect("discarded");
            colleague.new_draft(&ivr, &draft, &DraftSource::Default).expect("made");
            first();
            for edit in more {
                edit();
            }
        }),
    );
    let other = import(6, &into).expect_err("it is another draft");
    assert_eq!(agents.draft(&ivr, &draft).expect("a draft").revision, revision);
    assert!(matches!(other, AgentError::Repo(RepoError::NotAsExpected { .. })), "{other:?}");
    // What is published is what was imported.
    import(7, &ImportOptions { overwrite: true, ..into.clone() }).expect("it may");
    meanwhile(1, Box::new(edits(40)));
    let moved = import(8, &ImportOptions { activate: true, ..into }).expect_err("somebody was faster");
    assert!(matches!(moved, AgentError::DraftMoved { .. }), "{moved:?}");
    assert_eq!((speed(), ids(&agents, "ivr").len()), (json!(40), 1));
    sound(&agents);
}

fn profile_of(agents: &Agents, blocks: &Blocks) -> String {
    agents.profile_for_blocks(blocks).expect("a profile").name().to_owned()
}

#[test]
fn block_names_tell_the_profile() {
    let agents = agents();
    let callem = agents.profile_named("callem").expect("a profile");
    let fixture = document(include_str!("../../../fixtures/agents/callem-reception.json"));
    assert_eq!(profile_of(&agents, &callem.split(&fixture).expect("blocks")), "callem");
    assert_eq!(profile_of(&agents, &Blocks::new()), Profile::builtin("generic").expect("a profile").name());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Random histories of two agents, exported and imported into another store, are the same commits.
    #[test]
    fn any_history_survives_export_and_import(steps in prop::collection::vec((0..2usize, 0..3usize, 0..4u32, "[a-z \\n]{0,12}"), 1..20)) {
        let names = ["prompt", "voice", "tools"];
        let mut text = String::new();
        let mut has: [Vec<&str>; 2] = [Vec::new(), Vec::new()];
        for (who, block, value, message) in steps {
            let (agent, name) = (["one", "Agent Two"][who], names[block]);
            let content = if block == 0 { json!(format!("say {value}\n")) } else { json!({"v": value}) };
            let mut line = json!({"agent": agent, "author": "Ana <ana@x.example>", "time": "2026-02-01T00:00:00.250Z", "message": message});
            let first = has[who].is_empty() && !text.contains(&format!("\"agent\":\"{agent}\""));
            if !first {
                line["partial"] = json!(true);
            }
            if value == 3 && has[who].contains(&name) {
                line["deleted"] = json!([name]);
                line["blocks"] = json!({});
                has[who].retain(|other| *other != name);
            } else {
                line["blocks"] = json!({name: content});
                has[who].push(name);
                has[who].dedup();
            }
            text += &format!("{line}\n");
        }
        let (agents, copy) = (agents(), agents());
        import(&agents, &text);
        let found = agents.list(None, 10).expect("listed");
        for info in &found {
            import(&copy, &exported(&agents, info.handle.as_str()));
            prop_assert_eq!(ids(&copy, info.handle.as_str()), ids(&agents, info.handle.as_str()));
        }
    }
}
