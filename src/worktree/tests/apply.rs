//! Applying files: the plan, its guards, and one operation for each agent that differs.

use serde_json::json;

use crate::agent::{Agents, Direct, PublishOptions};
use crate::object::Author;
use crate::refs::Handle;
use crate::worktree::{APPLY_SURFACE, Action, ApplyOptions, Outcome, Planned, WorktreeError};

use super::harness::{Work, handle, on_both, profile};

struct Ci<'a> {
    work: &'a Work,
    agents: Agents,
}

impl<'a> Ci<'a> {
    fn new(work: &'a Work) -> Self {
        let ci = Author { name: "CI".to_owned(), email: None };
        Self { work, agents: Agents::new(work.shared_repo(), ci, APPLY_SURFACE) }
    }

    fn plan(&self, options: &ApplyOptions) -> Result<Vec<Planned>, WorktreeError> {
        Planned::all(&self.agents, &self.work.root, options)
    }

    fn apply(&self, options: &ApplyOptions) -> Vec<Option<Outcome>> {
        let plan = self.plan(options).expect("a plan");
        for planned in &plan {
            assert!(planned.refused.is_none(), "{:?}", planned.refused);
        }
        plan.iter().map(|planned| planned.carry_out(&self.agents, options).expect("applied")).collect()
    }

    fn actions(&self) -> Vec<(String, Action, bool)> {
        let plan = self.plan(&ApplyOptions::default()).expect("a plan");
        plan.iter().map(|one| (one.agent.to_string(), one.action, one.refused.is_some())).collect()
    }

    /// Somebody publishes by other means.
    fn publish_elsewhere(&self, prompt: &str) {
        let config = json!({"prompt": prompt, "voice": {"speed": 1, "id": "nyah"}});
        let options = PublishOptions::default();
        let direct = Direct { profile: profile("generic"), config: &config, expected_latest: None, options };
        self.work.agents.publish_config(&handle("support"), &direct).expect("published").expect("changed");
    }

    fn count(&self, agent: &Handle) -> u64 {
        self.agents.version_count(agent).expect("read")
    }
}

#[test]
fn only_what_differs_is_published_and_a_second_apply_does_nothing() {
    on_both(|work| {
        let ci = Ci::new(work);
        work.checkout();
        let dir = work.root.join("agents/fresh");
        work.disk().create_dir_all(&dir).expect("created");
        let file =
            "{\"format\": 1, \"agent\": \"fresh\", \"profile\": \"generic\", \"title\": \"Fresh one\"}";
        work.disk().write_atomic(&dir.join("agent.json"), file.as_bytes()).expect("written");
        work.disk().write_atomic(&dir.join("prompt.md"), b"Hello.").expect("written");
        assert_eq!(
            ci.actions(),
            [("fresh".to_owned(), Action::Create, false), ("support".to_owned(), Action::Unchanged, false)]
        );
        assert_eq!(ci.count(&handle("support")), 1, "a plan changes nothing");
        work.write("prompt.md", "Be kinder.");
        let options =
            ApplyOptions { activate: true, label: "from files".to_owned(), ..ApplyOptions::default() };
        let done: Vec<Outcome> = ci.apply(&options).into_iter().flatten().collect();
        assert_eq!(
            done.iter().map(|one| (one.number.position, one.active)).collect::<Vec<_>>(),
            [(1, true), (2, true)]
        );
        assert_eq!(work.agents.active(&handle("support")).expect("read"), Some(done[1].version));
        assert_eq!(work.agents.info(&handle("fresh")).expect("there").meta.title, "Fresh one");
        assert!(work.read("agent.json").expect("there").contains("\"base_number\": 2"));
        assert!(ci.apply(&options).iter().all(Option::is_none));
        assert_eq!(ci.count(&handle("support")), 2);
    });
}

#[test]
fn an_agent_that_was_rolled_back_is_left_alone() {
    let work = Work::simulated();
    let ci = Ci::new(&work);
    work.checkout();
    work.write("prompt.md", "bad idea");
    let options = ApplyOptions { activate: true, ..ApplyOptions::default() };
    ci.apply(&options);
    work.agents.roll_back(&handle("support"), None, None).expect("rolled back");
    let before = work.agents.active(&handle("support")).expect("read");
    assert!(ci.apply(&options).iter().all(Option::is_none));
    assert_eq!(work.agents.active(&handle("support")).expect("read"), before);
}

#[test]
fn a_version_that_somebody_else_published_is_not_undone() {
    on_both(|work| {
        let ci = Ci::new(work);
        work.checkout();
        ci.publish_elsewhere("theirs");
        work.write("prompt.md", "from files");
        assert_eq!(ci.actions(), [("support".to_owned(), Action::Publish, true)]);
        let plan = ci.plan(&ApplyOptions::default()).expect("a plan");
        let Some(WorktreeError::InTheWay { expected, newest: actual, .. }) = &plan[0].refused else {
            panic!("{:?}", plan[0].refused)
        };
        assert_eq!((expected.as_str(), actual.as_str()), ("V1, which the files are based on", "V2 by Ana"));
        let options = ApplyOptions { overwrite: true, ..ApplyOptions::default() };
        assert_eq!(ci.apply(&options)[0].as_ref().map(|done| done.number.position), Some(3));
    });
}

#[test]
fn what_apply_published_itself_is_not_in_the_way() {
    let work = Work::simulated();
    let ci = Ci::new(&work);
    work.checkout();
    let committed = work.read("agent.json").expect("there");
    for (number, prompt) in [(2, "one"), (3, "two")] {
        // Each run of a CI starts from what is committed, whose base is older.
        work.write("agent.json", &committed);
        work.write("prompt.md", prompt);
        assert_eq!(
            ci.apply(&ApplyOptions::default())[0].as_ref().map(|done| done.number.position),
            Some(number)
        );
    }
    ci.publish_elsewhere("theirs");
    work.write("agent.json", &committed);
    work.write("prompt.md", "three");
    assert_eq!(ci.actions(), [("support".to_owned(), Action::Publish, true)]);
}

#[test]
fn what_is_expected_must_be_newest() {
    let work = Work::simulated();
    let ci = Ci::new(&work);
    work.checkout();
    work.write("prompt.md", "new");
    let expect = |text: &str| ApplyOptions {
        expect: vec![text.parse().expect("an expectation")],
        ..ApplyOptions::default()
    };
    let refused = |text: &str| ci.plan(&expect(text)).expect("a plan")[0].refused.is_some();
    let first = work.agents.active(&handle("support")).expect("read").expect("active").to_string();
    assert!(!refused("support=V1"));
    assert!(!refused(&first[..10]));
    ci.apply(&ApplyOptions::default());
    assert!(refused("support=V1"));
    assert!(!refused("support=V2"));
    assert!(matches!(ci.plan(&expect("sales=V1")), Err(WorktreeError::BadExpect(_))));
    work.create("sales", "generic", json!({"prompt": "Sell."}));
    work.agents
        .new_draft(&handle("sales"), &handle("x"), &crate::agent::DraftSource::Default)
        .expect("forked");
    work.tree().checkout(&handle("sales"), &handle("x")).expect("checked out");
    assert!(matches!(ci.plan(&expect("V1")), Err(WorktreeError::BadExpect(_))));
}

#[test]
fn the_problems_of_all_files_come_before_anything_is_done() {
    on_both(|work| {
        let ci = Ci::new(work);
        work.checkout();
        work.write("voice.json", "{\n \"id\": }");
        for (name, file) in [
            ("a", "{\"format\": 1, \"agent\": \"b\", \"profile\": \"generic\"}"),
            ("c", "{\"format\": 1, \"agent\": \"c\", \"profile\": \"nope\"}"),
        ] {
            let dir = work.root.join("agents").join(name);
            work.disk().create_dir_all(&dir).expect("created");
            work.disk().write_atomic(&dir.join("agent.json"), file.as_bytes()).expect("written");
        }
        let error = ci.plan(&ApplyOptions::default()).expect_err("refused");
        let WorktreeError::Invalid { faults, .. } = error else { panic!("{error}") };
        let shown: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(shown[0], "agents/a/agent.json:1:24: is 'b', but the directory is named 'a'");
        assert!(shown[1].starts_with("agents/c/agent.json:1:40: no profile 'nope'"), "{shown:?}");
        assert!(shown[2].starts_with("agents/support/voice.json:2:8: "), "{shown:?}");
    });
}

#[test]
fn a_failed_check_stops_what_would_serve_it() {
    let work = Work::simulated();
    let ci = Ci::new(&work);
    work.checkout();
    work.write("prompt.md", "The key is sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKL.");
    let activate = ApplyOptions { activate: true, ..ApplyOptions::default() };
    let plan = ci.plan(&activate).expect("a plan");
    assert!(plan[0].refused.is_some(), "{:?}", plan[0].check);
    let reason = Some("it is no key".to_owned());
    let done = ci.apply(&ApplyOptions { override_check: reason, ..activate });
    assert!(done[0].as_ref().is_some_and(|done| done.active));
}

#[test]
fn a_directory_of_one_agent_can_be_applied_by_itself() {
    let work = Work::simulated();
    work.checkout();
    work.write("prompt.md", "new");
    let dir = work.root.join("agents/support");
    let plan = Planned::all(&work.agents, &dir, &ApplyOptions::default());
    assert_eq!(plan.expect("a plan")[0].action, Action::Publish);
    let none = Planned::all(&work.agents, &work.root.join(".recto/objects"), &ApplyOptions::default());
    assert!(matches!(none, Err(WorktreeError::NoAgents { .. })), "{none:?}");
}
