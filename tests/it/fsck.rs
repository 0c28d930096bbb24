//! Examining a store, and taking agents into use again.

use std::fs;

use crate::harness::Place;
use crate::stored;

#[test]
fn a_sound_store_is_counted() {
    let place = Place::with_store();
    stored::agent(&place, "support");
    let run = place.recto(["fsck"]).exits(0);
    assert_eq!(run.stdout, "");
    assert_eq!(run.stderr, "examined 1 agent, 1 record, 5 objects: all sound\n");
    let report = place.recto(["fsck", "--json"]).exits(0).json("fsck");
    assert_eq!((&report["objects"], &report["faults"]), (&5.into(), &serde_json::json!([])));
}

#[test]
fn each_fault_has_its_line_and_the_exit_code_says_so() {
    let place = Place::with_store();
    let stored = stored::agent(&place, "support");
    let id = stored.prompt.to_string();
    let file = place.path(".recto/objects").join(&id[..2]).join(&id[2..]);
    let mut bytes = fs::read(&file).expect("the object");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&file, bytes).expect("it can be damaged");
    place.write(".recto/agents/support/ACTIVE", "none\n");
    let run = place.recto(["fsck"]).exits(4);
    let subjects: Vec<&str> = run.stdout.lines().filter_map(|line| Some(line.split_once(": ")?.0)).collect();
    assert!(subjects.contains(&"agents/support/ACTIVE"), "{}", run.stdout);
    assert!(subjects.contains(&format!("object {id}").as_str()), "{}", run.stdout);
    let report = place.recto(["fsck", "--json"]).exits(4).json("fsck");
    let faults = report["faults"].as_array().expect("a list");
    assert_eq!(faults.len(), run.stdout.lines().count());
}

#[test]
fn a_damaged_object_is_said_to_be_needed_or_unreachable() {
    let place = Place::with_store();
    place.write("agent.json", r#"{"prompt": "Be kind to everybody.\n", "voice": {"speed": 1}}"#);
    place.recto(["agent", "new", "support", "--profile", "generic", "--from", "agent.json"]).ok();
    place.recto(["draft", "new", "support@tone"]).ok();
    place.recto(["set", "support@tone", "voice.speed:=2"]).ok();
    let prompt = place.recto_with(["hash-object", "-"], "Be kind to everybody.\n").ok();
    let prompt = prompt.trim();
    let file = |id: &str| format!(".recto/objects/{}/{}", &id[..2], &id[2..]);
    place.write(file(prompt), "garbage");
    let unreachable = "ab".repeat(32);
    place.write(file(&unreachable), "garbage");
    let run = place.recto(["fsck"]).exits(4);
    let line = |id: &str| {
        let mut lines = run.stdout.lines().filter(|line| line.starts_with(&format!("object {id}: ")));
        let line = lines.next().unwrap_or_else(|| panic!("{id}: {}", run.stdout)).to_owned();
        assert_eq!(lines.next(), None, "said once");
        line
    };
    let needed = "; needed by V1 of agent 'support', 'drafts/tone' of agent 'support'";
    assert!(line(prompt).ends_with(needed), "{}", run.stdout);
    assert!(line(&unreachable).ends_with("; unreachable, nothing is lost with it"), "{}", run.stdout);
    fs::remove_file(place.path(file(prompt))).expect("removed");
    let run = place.recto(["fsck"]).exits(4);
    let missing = format!("object {prompt}: it is missing{needed}");
    assert!(run.stdout.contains(&missing), "{}", run.stdout);
}

/// What is lost with an object, as `fsck` says it.
fn loss(place: &Place, id: &str) -> String {
    let run = place.recto(["fsck"]).exits(4);
    let mut lines = run.stdout.lines().filter(|line| line.starts_with(&format!("object {id}: ")));
    let line = lines.next().unwrap_or_else(|| panic!("{id}: {}", run.stdout));
    assert_eq!(lines.next(), None, "said once");
    line.rsplit_once("; ").expect("what is lost").1.to_owned()
}

fn damage(place: &Place, id: &str) {
    place.write(format!(".recto/objects/{}/{}", &id[..2], &id[2..]), "garbage");
}

const UNKNOWN: &str = "not known to be needed, but not all that may need it can be read";
const UNREACHABLE: &str = "unreachable, nothing is lost with it";

#[test]
fn an_object_behind_a_damaged_one_is_not_called_unreachable() {
    for behind_commit in [false, true] {
        let place = Place::with_store();
        let stored = stored::agent(&place, "support");
        let (stray, prompt) = ("ab".repeat(32), stored.prompt.to_string());
        damage(&place, &stray);
        damage(&place, &prompt);
        assert_eq!(loss(&place, &prompt), "needed by 'ACTIVE' of agent 'support'");
        assert_eq!(loss(&place, &stray), UNREACHABLE);
        let between = if behind_commit { stored.commit } else { stored.tree }.to_string();
        damage(&place, &between);
        assert_eq!(loss(&place, &between), "needed by 'ACTIVE' of agent 'support'");
        assert_eq!(loss(&place, &prompt), UNKNOWN);
        assert_eq!(loss(&place, &stray), UNKNOWN);
    }
}

#[test]
fn an_object_that_the_log_remembers_may_be_needed_by_what_cannot_be_read() {
    let place = Place::with_store();
    place.write("agent.json", r#"{"prompt": "Be kind to everybody.\n", "voice": {"speed": 1}}"#);
    place.recto(["agent", "new", "support", "--profile", "generic", "--from", "agent.json"]).ok();
    place.recto(["draft", "new", "support@tone"]).ok();
    place.recto(["set", "support@tone", "voice.speed:=2"]).ok();
    place.recto(["set", "support@tone", "voice.speed:=3"]).ok();
    let voice = |speed: u32| {
        let text = format!("{{\"speed\":{speed}}}");
        place.recto_with(["hash-object", "--kind", "json", "-"], text).ok().trim().to_owned()
    };
    damage(&place, &voice(2));
    assert_eq!(loss(&place, &voice(2)), "needed by nothing but what the log remembers");
    let draft = place.read(".recto/agents/support/drafts/tone")[..64].to_owned();
    damage(&place, &draft);
    assert_eq!(loss(&place, &voice(2)), UNKNOWN);
}

#[test]
fn one_damaged_agent_does_not_hide_what_others_need() {
    let place = Place::with_store();
    place.write("other.json", r#"{"prompt": "Be brief."}"#);
    place.recto(["agent", "new", "aaa", "--profile", "generic", "--from", "other.json"]).ok();
    place.recto(["draft", "new", "aaa@tone"]).ok();
    place.write("agent.json", r#"{"prompt": "Be kind to everybody.\n"}"#);
    place.recto(["agent", "new", "support", "--profile", "generic", "--from", "agent.json"]).ok();
    let prompt = place.recto_with(["hash-object", "-"], "Be kind to everybody.\n").ok().trim().to_owned();
    let stray = "ab".repeat(32);
    damage(&place, &prompt);
    damage(&place, &stray);
    place.write(".recto/agents/aaa/drafts/tone", "garbage");
    assert_eq!(loss(&place, &prompt), "needed by V1 of agent 'support'");
    assert_eq!(loss(&place, &stray), UNREACHABLE, "its log knows what the draft's ref said");
    let mut log = place.read(".recto/agents/aaa/log");
    log.insert(9, ' ');
    place.write(".recto/agents/aaa/log", log);
    assert_eq!(loss(&place, &prompt), "needed by V1 of agent 'support'");
    assert_eq!(loss(&place, &stray), UNKNOWN);
}

#[test]
fn refs_of_any_name_need_what_they_point_to() {
    let place = Place::with_store();
    place.write(
        "agent.json",
        r#"{"prompt": "Be kind.", "voice": {"api_key": "sk-live-12345678901234567890"}}"#,
    );
    place.recto(["agent", "new", "support", "--profile", "generic", "--from", "agent.json"]).ok();
    place.recto(["check", "accept", "support", "voice.api_key", "--reason", "a sandbox key"]).ok();
    let accepted = place.read(".recto/agents/support/accepted")[..64].to_owned();
    damage(&place, &accepted);
    assert_eq!(loss(&place, &accepted), "needed by 'accepted' of agent 'support'");
}

#[test]
fn what_dead_processes_left_is_harmless_and_removed_when_it_is_old() {
    let place = Place::with_store();
    let stored = stored::agent(&place, "support");
    let fan = stored.prompt.to_string()[..2].to_owned();
    let (young, old) =
        (format!(".recto/objects/{fan}/.recto-tmp-young"), format!(".recto/objects/{fan}/.recto-tmp-old"));
    let agents = ".recto/agents/support/.recto-tmp-mine".to_owned();
    let (young_root, old_root, old_agents) =
        [".recto/.recto-tmp-young", ".recto/.recto-tmp-old", ".recto/agents/.recto-tmp-old"]
            .map(str::to_owned)
            .into();
    let all = [&young, &young_root, &old, &old_root, &old_agents, &agents];
    for left in all {
        place.write(left, "half a fi");
    }
    let hours_ago = std::time::SystemTime::now() - std::time::Duration::from_hours(2);
    for old in [&old, &old_root, &old_agents] {
        let file = fs::File::options().write(true).open(place.path(old));
        file.and_then(|file| file.set_modified(hours_ago)).expect("set back");
    }
    let link = place.path(".recto/agents/.recto-tmp-to-desk");
    std::os::unix::fs::symlink("desk", &link).expect("made");
    let run = place.recto(["fsck"]).exits(0);
    for notes in ["objects: 2 temporary files", "store: 2 temporary files", "agents: 2 temporary files"] {
        assert!(run.stderr.contains(&format!("{notes}, harmless\n")), "{}", run.stderr);
    }
    let report = place.recto(["fsck", "--json"]).exits(0).json("fsck");
    assert_eq!(report["notes"].as_array().map(Vec::len), Some(4));
    let report = place.recto(["recover", "--json"]).exits(0).json("recover");
    assert_eq!(report["removed"], 5);
    let there = all.map(|left| place.path(left).exists());
    let expected = [true, true, false, false, false, false];
    assert_eq!(there, expected, "a young one may be somebody's who is at work");
    assert!(fs::symlink_metadata(link).is_err(), "no rename to it is under way: its lock was free");
}

#[test]
fn damaged_objects_are_refused_with_the_exit_code_of_corruption() {
    let place = Place::with_store();
    let stored = stored::commit(&place);
    let id = stored.prompt.to_string();
    place.write(format!(".recto/objects/{}/{}", &id[..2], &id[2..]), "garbage");
    let error = place.recto(["cat-object", &id, "--json"]).json_error(4);
    assert_eq!(error["error"]["kind"], "corrupt");
    assert!(error["error"]["hint"].as_str().is_some_and(|hint| hint.contains("recto fsck")));
}

#[test]
fn a_store_of_a_later_format_is_refused() {
    let place = Place::with_store();
    let format = place.read(".recto/format").replace("format 1", "format 9");
    place.write(".recto/format", format);
    let run = place.recto(["fsck"]).exits(1);
    assert!(run.stderr.starts_with("error: the store has format 9,"), "{}", run.stderr);
}

#[test]
fn recovery_opens_what_a_failed_flush_closed() {
    let place = Place::with_store();
    stored::agent(&place, "support");
    stored::agent(&place, "sales");
    assert_eq!(place.recto(["recover"]).ok(), "nothing had failed\n");
    place.write(".recto/agents/support/.journal.failed", "a flush of this journal failed\n");
    let closed = place.recto(["fsck"]).exits(4);
    assert!(closed.stdout.starts_with("agents/support/journal: "), "{}", closed.stdout);
    let report = place.recto(["recover", "--json"]).exits(0).json("recover");
    assert_eq!(report["recovered"], serde_json::json!(["support"]));
    place.recto(["fsck"]).ok();
    assert_eq!(place.recto(["recover", "sales"]).ok(), "nothing had failed\n");
    place.recto(["recover", "nobody"]).exits(1);
    place.recto(["recover", "No Body"]).exits(2);
}

#[test]
fn a_lost_journal_is_made_anew_where_all_else_is_sound() {
    let place = crate::agents::with_support();
    let journal = place.path(".recto/agents/support/journal");
    for remove in [true, false] {
        if remove {
            fs::remove_file(&journal).expect("removed");
        } else {
            fs::write(&journal, "").expect("emptied");
        }
        place.recto(["status", "support"]).exits(4);
        let run = place.recto(["recover", "support"]).ok();
        assert_eq!(run, "agent 'support' is in use again\n");
        assert!(place.recto(["status", "support"]).ok().contains("V1 by"));
        place.recto(["agent", "edit", "support", "--title", &format!("Title {remove}")]).ok();
        place.recto(["fsck"]).ok();
    }
    fs::remove_file(&journal).expect("removed");
    assert_eq!(place.recto(["recover"]).ok(), "agent 'support' is in use again\n");
    place.recto(["fsck"]).ok();
}

#[test]
fn a_lost_journal_is_not_made_anew_over_other_damage() {
    let place = crate::agents::with_support();
    place.recto(["agent", "new", "healthy"]).ok();
    let dir = place.path(".recto/agents/support");
    fs::write(dir.join("journal"), "").expect("emptied");
    let active = fs::read(dir.join("ACTIVE")).expect("there");
    fs::remove_file(dir.join("ACTIVE")).expect("removed");
    let run = place.recto(["recover", "support"]).exits(4);
    assert!(run.stderr.contains("agents/support/ACTIVE"), "{}", run.stderr);
    let all = place.recto(["recover"]).exits(4);
    assert!(all.stderr.contains("1 damaged agent is left out"), "{}", all.stderr);
    assert!(fs::read(dir.join("journal")).expect("there").is_empty(), "nothing was written");
    fs::write(dir.join("ACTIVE"), active).expect("written");
    // A log that lost its last operation no longer says what the refs say.
    let log = fs::read(dir.join("log")).expect("there");
    place.recto(["recover", "support"]).ok();
    place.recto(["unpublish", "support"]).ok();
    fs::write(dir.join("log"), log).expect("written");
    fs::write(dir.join("journal"), "").expect("emptied");
    let run = place.recto(["recover", "support"]).exits(4);
    assert!(run.stderr.contains("but its log says"), "{}", run.stderr);
}

#[test]
fn one_agent_under_two_handles_is_a_fault() {
    let place = Place::with_store();
    stored::agent(&place, "support");
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .args([place.path(".recto/agents/support"), place.path(".recto/agents/twin")])
        .status();
    assert!(copied.expect("cp runs").success());
    let run = place.recto(["fsck"]).exits(4);
    let line = "agents/twin: it is the same agent as 'support'";
    assert!(run.stdout.lines().any(|found| found == line), "{}", run.stdout);
}

#[test]
fn files_of_tokens_and_webhooks_are_examined() {
    let place = Place::with_store();
    stored::agent(&place, "support");
    place.recto(["fsck"]).ok();
    place.recto(["token", "create", "ci", "--role", "reader"]).ok();
    place.recto(["webhook", "add", "deploys", "https://example.com/"]).ok();
    place.recto(["fsck"]).ok();
    let check = |file: &str, damaged: &str, words: &str, way_back: &str| {
        let path = format!(".recto/{file}");
        let good = place.read(&path);
        place.write(&path, damaged);
        let run = place.recto(["fsck"]).exits(4);
        let found = run.stdout.strip_prefix(&format!("{file}: ")).unwrap_or_else(|| panic!("{}", run.stdout));
        for part in [words, way_back, &format!("/.recto/{file}'")] {
            assert!(found.contains(part), "no '{part}': {found}");
        }
        assert_eq!(run.stdout.lines().count(), 1, "{}", run.stdout);
        let report = place.recto(["fsck", "--json"]).exits(4).json("fsck");
        assert_eq!(report["faults"][0]["subject"], file);
        // A store without the file is as sound as one with it.
        fs::remove_file(place.path(&path)).expect("removed");
        place.recto(["fsck"]).ok();
        fs::create_dir(place.path(&path)).expect("made");
        let run = place.recto(["fsck"]).exits(4);
        assert!(run.stdout.contains(&format!("{file}: cannot use")), "{}", run.stdout);
        assert!(run.stdout.contains("hint: it is a file that"), "{}", run.stdout);
        fs::remove_dir(place.path(&path)).expect("removed");
        place.write(&path, good);
        place.recto(["fsck"]).ok();
    };
    let backup = "restore it from a backup, or remove it and";
    check("tokens.json", "{\"format\":1,\"tokens\":[", "is damaged", backup);
    check("tokens.json", "{\"format\":9,\"tokens\":[]}", "it has format 9", backup);
    check("webhooks.json", "garbage", "line 1 is not as it was written", backup);
    let state = "or remove it: webhooks are then told of what happens from now on";
    check("webhooks-state.json", "{}", "is damaged", state);
}
