//! Imports through the binary: what is refused, what is kept, and going on after an interruption.

use std::fmt::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::harness::Place;

const HISTORY: &str = include_str!("../../fixtures/agents/history.jsonl");
const ANSWER: &str = include_str!("../../fixtures/agents/atoms-get-agent.json");

/// A history of one agent with so many versions.
fn long_history(versions: usize) -> String {
    let prompt = "Be kind to every caller, and never promise a time. ".repeat(40);
    let mut text = String::new();
    for at in 0..versions {
        let partial = if at == 0 { "" } else { "\"partial\":true," };
        let _ = writeln!(
            text,
            "{{\"agent\":\"support\",\"author\":\"Ana <ana@x.example>\",\"time\":\"2026-01-05T09:00:00Z\",\"message\":\"m{at}\",{partial}\"blocks\":{{\"prompt\":\"{prompt}{at}\"}}}}"
        );
    }
    text
}

/// Runs a line of a shell that has `<(...)`.
fn in_bash(place: &Place, line: &str) -> std::process::Output {
    let mut bash = std::process::Command::new("bash");
    let recto = env!("CARGO_BIN_EXE_recto");
    bash.args(["-c", line]).env("RECTO", recto).env("RECTO_AUTHOR", "Ana").env("HOME", place.home(""));
    bash.current_dir(place.path("")).output().expect("bash runs")
}

#[test]
fn what_a_shell_passes_as_a_pipe_is_read() {
    let place = Place::with_store();
    place.write("agent.json", ANSWER);
    place.write("history.jsonl", HISTORY);
    for line in [
        "\"$RECTO\" import <(cat agent.json) --as desk",
        "mkfifo pipe && (cat agent.json > pipe &) && \"$RECTO\" import pipe --as other",
        "cat history.jsonl | \"$RECTO\" import /dev/stdin",
        "\"$RECTO\" agent new third --from <(cat agent.json)",
        "\"$RECTO\" draft new third@tone && \"$RECTO\" set third@tone firstMessage=@<(echo Hello)",
        "\"$RECTO\" check <(cat agent.json)",
    ] {
        let output = in_bash(&place, line);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {told}");
    }
    assert_eq!(place.recto(["cat", "third@tone", "firstMessage"]).ok().trim(), "Hello");
    let empty = in_bash(&place, "\"$RECTO\" import <(true) --as none");
    assert!(!empty.status.success());
}

#[test]
fn an_answer_of_the_vendor_becomes_an_agent_and_says_what_was_left_out() {
    let place = Place::with_store();
    place.write("agent.json", ANSWER);
    let run = place.recto(["import", "agent.json", "--as", "front-desk", "--json", "--activate"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let value = crate::schema::read("import", &run.stdout, &run.command);
    assert_eq!((&value["outcome"], &value["active"]), (&"created".into(), &true.into()));
    assert_eq!(value["profile"], "atoms");
    let dropped = value["dropped"].as_array().expect("a list");
    assert!(dropped.iter().any(|name| name == "totalCalls"), "{dropped:?}");
    let again = place.recto(["import", "agent.json"]);
    assert!(again.stdout.contains("agent 'front-desk' has this config already"), "{}", again.stdout);
    assert_eq!(again.code, 0);
}

#[test]
fn an_import_that_activates_names_what_served_before() {
    let place = Place::with_store();
    for version in 1..4 {
        place.write("blocks/prompt.md", format!("Answer {version}."));
        let words = ["import", "blocks", "--format", "blocks", "--as", "desk", "--activate", "--json"];
        let before = place.recto(["agent", "show", "desk", "--json"]);
        let done = place.recto(words).exits(0).json("import");
        if version == 1 {
            assert_eq!(done["from"], serde_json::Value::Null);
            continue;
        }
        let served = before.exits(0).json("agent-show")["active"]["id"].clone();
        assert!(served.is_string() && done["from"] == served, "{served} {done}");
    }
    place.write("blocks/prompt.md", "Answer 4.");
    let run = place.recto(["import", "blocks", "--format", "blocks", "--as", "desk", "--activate"]).exits(0);
    assert!(run.stdout.contains("ACTIVE of agent 'desk': V3 -> V4\n"), "{}", run.stdout);
    place.recto(["activate", "desk@V1"]).ok();
    let again =
        place.recto(["import", "blocks", "--format", "blocks", "--as", "desk", "--activate"]).exits(0);
    assert!(again.stdout.contains("ACTIVE of agent 'desk': V1 -> V4\n"), "{}", again.stdout);
    place.recto(["unpublish", "desk"]).ok();
    place.write("team/desk.json", "{\"prompt\":\"Answer 5.\"}");
    let run = place.recto(["import", "team", "--format", "configs", "--activate"]).exits(0);
    assert!(run.stdout.contains("  ACTIVE of agent 'desk': nothing -> V5\n"), "{}", run.stdout);
}

#[test]
fn a_document_that_is_wrong_is_refused_with_every_problem() {
    let place = Place::with_store();
    place.write("agent.json", "{\"slmModel\": \"none\", \"firstMessage\": 3}");
    let run = place.recto(["import", "agent.json", "--as", "x", "--profile", "atoms"]);
    assert_eq!(run.code, 5);
    assert!(run.stderr.contains("/slmModel") && run.stderr.contains("/firstMessage"), "{}", run.stderr);
    place.write("twice.json", "{\"a\": 1, \"a\": 2}");
    let run = place.recto(["import", "twice.json", "--as", "x"]);
    assert!(run.code == 5 && run.stderr.contains("duplicate key 'a'"), "{}", run.stderr);
    let run = place.recto(["import", "nothing.json"]);
    assert!(run.code == 1 && run.stderr.contains("there is no 'nothing.json'"), "{}", run.stderr);
}

#[test]
fn bad_lines_are_named_and_what_stands_before_them_is_kept() {
    for (from, to, expected) in [
        ("\"author\":\"Mina Sato\"", "\"author\":\"x\",\"author\":\"y\"", "duplicate key 'author'"),
        ("\"author\":\"Mina Sato\",", "", "it has no 'author'"),
        ("2026-03-01T19:30:00Z", "2026-03-01T19:30:00", "its 'time' is '2026-03-01T19:30:00'"),
        ("give the booking page", "give \u{1}", "unescaped control character"),
    ] {
        let place = Place::with_store();
        place.write("h.jsonl", HISTORY.replace(from, to));
        let run = place.recto(["import", "h.jsonl"]);
        assert_eq!(run.code, 5, "{}", run.stderr);
        assert!(run.stderr.contains("h.jsonl: line 6: ") && run.stderr.contains(expected), "{}", run.stderr);
        assert!(run.stdout.contains("imported 5 versions of 2 agents"), "{}", run.stdout);
        place.write("h.jsonl", HISTORY);
        let run = place.recto(["import", "h.jsonl"]);
        assert!(run.stdout.contains("imported 1 version of 2 agents (0 new), 5 skipped"), "{}", run.stdout);
        place.recto(["fsck"]).ok();
    }
}

/// A line of a history, with one block.
fn line(agent: &str, prompt: &str) -> String {
    format!(
        "{{\"agent\":\"{agent}\",\"author\":\"Ana\",\"time\":\"2026-01-05T09:00:00Z\",\"blocks\":{{\"prompt\":\"{prompt}\"}}}}\n"
    )
}

#[test]
fn a_hint_does_not_claim_what_was_not_kept() {
    let place = Place::with_store();
    let bad = line("a", "x").replace("2026-01-05T09:00:00Z", "2026");
    place.write("h.jsonl", &bad);
    let run = place.recto(["import", "h.jsonl"]).exits(5);
    assert!(run.stderr.contains("nothing was imported"), "{}", run.stderr);
    assert!(!run.stderr.contains("is in the store"), "{}", run.stderr);
    place.write("h.jsonl", line("a", "x") + &bad);
    let run = place.recto(["import", "h.jsonl"]).exits(5);
    assert!(run.stderr.contains("what stands before it is in the store"), "{}", run.stderr);
    place.write("h.jsonl", line(&"q".repeat(400), "x"));
    let run = place.recto(["import", "h.jsonl"]).exits(5);
    assert!(run.stderr.contains("line 1: its 'agent' has 400 characters"), "{}", run.stderr);
    let label = format!(",\"label\":\"{}\"}}\n", "q".repeat(400));
    place.write("h.jsonl", line("b", "x").trim_end().strip_suffix('}').expect("a line").to_owned() + &label);
    let run = place.recto(["import", "h.jsonl"]).exits(5);
    assert!(run.stderr.contains("line 1: the label has 400 characters"), "{}", run.stderr);
    place.recto(["agent", "show", "b"]).exits(1);
    place.write("c.json", "{\"prompt\": \"Hi.\"}");
    let run = place.recto(["import", "c.json"]).exits(2);
    assert!(!run.stderr.contains("title") && run.stderr.contains("--as HANDLE"), "{}", run.stderr);
}

#[test]
fn names_that_are_no_handles_are_told_with_theirs() {
    let history = line("Support Bot", "one") + &line("support-bot", "two") + &line("Büro", "three");
    let expected = serde_json::json!([
        {"name": "Support Bot", "agent": "support-bot-2"},
        {"name": "Büro", "agent": "b-ro"},
    ]);
    let prompt = |place: &Place, agent: &str| place.recto(["cat", &format!("{agent}@V1"), "prompt"]).ok();
    let through_file = Place::with_store();
    through_file.write("h.jsonl", &history);
    let run = through_file.recto(["import", "h.jsonl", "--json"]).exits(0);
    assert_eq!(run.json("import-history")["named"], expected);
    let through_pipe = Place::with_store();
    let run = through_pipe.recto_with(["import", "-", "--format", "history"], &history);
    assert!(run.stdout.contains("  'Support Bot' -> support-bot-2\n  'Büro' -> b-ro\n"), "{}", run.stdout);
    for place in [&through_file, &through_pipe] {
        // Who bears the handle as a name has it, whoever comes first.
        assert_eq!(prompt(place, "support-bot"), "two\n");
        assert_eq!(prompt(place, "support-bot-2"), "one\n");
        let again = place.recto_with(["import", "-", "--format", "history"], &history);
        assert!(again.stdout.contains("imported 0 versions of 3 agents (0 new), 3 skipped"), "{again:?}");
    }
}

#[test]
fn a_guessed_profile_is_told() {
    let place = Place::with_store();
    place.write("agent.json", ANSWER);
    let run = place.recto(["import", "agent.json", "--as", "desk"]).exits(0);
    assert!(run.stderr.contains("profile 'atoms' (guessed; --profile changes it)"), "{}", run.stderr);
    place.write("c.json", "{\"instructions\": \"Be kind.\", \"model\": \"m\", \"voice\": \"v\"}");
    let run = place.recto(["import", "c.json", "--as", "plain", "--json"]).exits(0);
    let value = run.json("import");
    assert_eq!((&value["profile"], &value["profile_guessed"]), (&"generic".into(), &true.into()));
    let run = place.recto(["agent", "new", "made", "--from", "c.json"]).exits(0);
    assert!(run.stderr.contains("profile 'generic' (guessed"), "{}", run.stderr);
    let run = place.recto(["import", "c.json", "--as", "named", "--profile", "thinnest"]).exits(0);
    assert!(!run.stderr.contains("guessed"), "{}", run.stderr);
}

#[test]
fn what_was_said_about_versions_later_goes_out_and_comes_in() {
    let place = Place::with_store();
    place.write("h.jsonl", HISTORY);
    place.recto(["import", "h.jsonl"]).ok();
    place.recto(["version", "edit", "cafe@V1", "--label", "Opening", "--description", "As it began"]).ok();
    place.recto(["pin", "cafe@V2"]).ok();
    place.recto(["draft", "new", "cafe@tone", "--from", "V1"]).ok();
    place.recto(["set", "cafe@tone", "prompt=Other."]).ok();
    place.recto(["publish", "cafe@tone", "--overwrite"]).ok();
    place.recto(["undo", "cafe"]).ok();
    let all = place.recto(["export", "cafe", "--format", "history"]).exits(0);
    assert!(all.stderr.contains("left out: 1 draft: cafe@tone\n"), "{}", all.stderr);
    assert!(all.stderr.contains("left out: the log"), "{}", all.stderr);
    let copy = Place::with_store();
    copy.recto_with(["import", "-"], &all.stdout).ok();
    copy.recto(["fsck"]).ok();
    assert_eq!(copy.recto(["export", "cafe", "--format", "history"]).stdout, all.stdout);
    let versions = |place: &Place| {
        let value = place.recto(["version", "list", "cafe", "--json"]).json("version-list");
        let facts = |version: &serde_json::Value| {
            ["id", "label", "description", "pinned", "withdrawn"].map(|key| version[key].clone())
        };
        value["versions"].as_array().expect("a list").iter().map(facts).collect::<Vec<_>>()
    };
    assert_eq!(versions(&copy), versions(&place));
    let list = copy.recto(["version", "list", "cafe"]).ok();
    assert!(list.contains("Opening") && list.contains("withdrawn"), "{list}");
    place.recto(["export", "cafe", "--format", "history", "-o", "c.jsonl", "--json"]).json("export");
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let place = Place::with_store();
    let mut bytes = HISTORY.as_bytes().to_vec();
    let at = HISTORY.find("Fairhaven").expect("the first line");
    bytes[at] = 0xff;
    place.write("h.jsonl", bytes);
    let run = place.recto(["import", "h.jsonl"]);
    assert!(run.code == 5 && run.stderr.contains("line 1: invalid UTF-8"), "{}", run.stderr);
}

#[test]
fn a_history_comes_through_a_pipe_and_goes_out_again() {
    let place = Place::with_store();
    let run = place.recto_with(["import", "--json"], HISTORY);
    let value = crate::schema::read("import-history", &run.stdout, &run.command);
    assert_eq!((&value["new_versions"], &value["agents"]), (&6.into(), &2.into()));
    let all = place.recto(["export", "--all", "--format", "history"]);
    assert_eq!(all.stdout.lines().count(), 6);
    place.recto(["export", "--all", "--format", "history", "-o", "all.jsonl"]).ok();
    assert_eq!(place.read("all.jsonl"), all.stdout);
    let copy = Place::with_store();
    copy.recto_with(["import", "-"], &all.stdout).ok();
    assert_eq!(copy.recto(["export", "--all", "--format", "history"]).stdout, all.stdout);
    let ids = |place: &Place| place.recto(["version", "list", "cafe", "--json"]).stdout;
    let versions = |text: &str| {
        let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let list = value["versions"].as_array().expect("a list").clone();
        list.into_iter().map(|version| version["id"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(versions(&ids(&place)), versions(&ids(&copy)));
}

#[test]
fn block_files_go_out_and_come_in() {
    let place = Place::with_store();
    place.write("agent.json", ANSWER);
    place.recto(["import", "agent.json", "--as", "front-desk"]).ok();
    place.recto(["export", "front-desk@V1", "--format", "blocks", "-o", "blocks"]).ok();
    assert!(place.read("blocks/workflow_prompt.md").starts_with("# Role"));
    let run = place.recto(["import", "blocks", "--as", "front-desk"]);
    assert!(run.stdout.contains("has this config already"), "{}{}", run.stdout, run.stderr);
    place.write("blocks/workflow_prompt.md", "Be kind.\n");
    let run = place.recto(["import", "blocks", "--as", "front-desk", "--dry-run"]);
    assert!(run.stdout.contains("dry run: imported as draft 'import'"), "{}", run.stdout);
    let run = place.recto(["import", "blocks", "--as", "front-desk", "--activate", "-m", "short"]);
    assert!(run.stdout.contains("imported as V2 of agent 'front-desk'"), "{}{}", run.stdout, run.stderr);
    let again = place.recto(["export", "front-desk", "--format", "blocks", "-o", "blocks"]);
    assert!(again.code == 1 && again.stderr.contains("is not empty"), "{}", again.stderr);
}

#[test]
fn an_interrupted_import_is_gone_on_with() {
    let place = Place::with_store();
    place.write("long.jsonl", long_history(3_000));
    let mut child = place
        .command(["import", "long.jsonl"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    // It has begun once it has staged objects.
    let started = Instant::now();
    let begun = || place.path(".recto/objects").read_dir().is_ok_and(|mut entries| entries.next().is_some());
    while !begun() {
        assert!(started.elapsed() < Duration::from_mins(1), "it does not begin");
        std::thread::yield_now();
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it can be told");
    let code = child.wait().expect("it ends").code();
    assert_eq!(code, Some(130));
    place.recto(["fsck"]).ok();
    let run = place.recto(["import", "long.jsonl", "--json"]);
    let value = crate::schema::read("import-history", &run.stdout, &run.command);
    let (new, skipped) = (value["new_versions"].as_u64(), value["skipped"].as_u64());
    assert_eq!(new.zip(skipped).map(|(new, skipped)| new + skipped), Some(3_000));
    assert!(new > Some(0), "it was interrupted in the middle");
}

#[test]
fn the_demo_runs_and_leaves_a_sound_store() {
    let place = Place::empty();
    let run = place.recto(["demo", "shown"]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    for expected in ["$ recto import front-desk.json", "ACTIVE", "\"activated_at\":", "Try next"] {
        assert!(run.stdout.contains(expected), "{expected}: {}", run.stdout);
    }
    let run = place.recto(["-C", "shown", "fsck"]);
    assert_eq!(run.code, 0, "{}", run.stdout);
    let run = place.recto(["demo", "shown"]);
    assert!(run.code == 1 && run.stderr.contains("is not empty"), "{}", run.stderr);
}

#[test]
fn the_demo_never_touches_another_store() {
    let place = Place::with_store();
    let mut command = place.command(["demo", "shown"]);
    let run = place.run(command.env("RECTO_STORE", place.path(".recto")));
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert!(place.recto(["agent", "list", "--json"]).stdout.contains("\"agents\": []"));
}

#[test]
fn a_directory_of_configs_makes_an_agent_of_each_or_none() {
    let place = Place::with_store();
    for name in ["front-desk", "after-hours"] {
        place.write(format!("team/{name}.json"), ANSWER);
    }
    let tried = place.recto(["import", "team", "--dry-run", "--json"]).exits(0).json("import-configs");
    assert_eq!(tried["agents"].as_array().map(Vec::len), Some(2));
    assert_eq!(place.recto(["agent", "list", "-q"]).ok(), "");
    // One that cannot be imported keeps the others out.
    place.write("team/broken.json", r#"{"slmModel": "no such model", "workflowType": "single_prompt"}"#);
    let refused = place.recto(["import", "team", "--format", "configs", "--profile", "atoms"]).exits(5);
    assert!(refused.stderr.contains("1 of 3 documents in"), "{}", refused.stderr);
    assert!(refused.stderr.contains("'broken.json': "), "{}", refused.stderr);
    assert_eq!(place.recto(["agent", "list", "-q"]).ok(), "");
    std::fs::remove_file(place.path("team/broken.json")).expect("removed");
    let done = place.recto(["import", "team"]).ok();
    assert!(done.contains("'front-desk.json': imported as new agent 'front-desk' (atoms), V1"), "{done}");
    assert_eq!(place.recto(["agent", "list", "-q"]).ok().lines().count(), 2);
    let again = place.recto(["import", "team"]).ok();
    assert!(again.contains("agent 'after-hours' has this config already"), "{again}");
    place.recto(["import", "team", "--as", "one"]).exits(2);
}

#[test]
fn a_directory_of_configs_that_stops_says_what_was_made_and_goes_on() {
    let place = Place::with_store();
    for name in ["after-hours", "front-desk", "sales"] {
        place.write(format!("team/{name}.json"), ANSWER);
    }
    // What a rehearsal, which writes nothing, cannot know.
    let blocked = |name: &str| place.path(format!(".recto/locks/{name}.lock"));
    std::fs::create_dir_all(blocked("front-desk")).expect("made");
    let run = place.recto(["import", "team"]).exits(1);
    assert!(run.stdout.contains("'after-hours.json': imported as new agent 'after-hours'"), "{}", run.stdout);
    assert!(run.stdout.contains("  undo: recto agent archive after-hours"), "{}", run.stdout);
    assert!(run.stderr.contains("error: 'front-desk.json': "), "{}", run.stderr);
    assert!(
        run.stderr.contains("  1 of 3 documents were imported before it; 2 documents left"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("the same command goes on"), "{}", run.stderr);
    std::fs::remove_dir(blocked("front-desk")).expect("removed");
    std::fs::create_dir_all(blocked("sales")).expect("made");
    let run = place.recto(["import", "team", "--json"]).exits(1);
    let done = run.json("import-configs");
    let outcomes: Vec<_> =
        done["agents"].as_array().expect("agents").iter().map(|one| &one["outcome"]).collect();
    assert_eq!(outcomes, ["unchanged", "created"]);
    assert!(done["agents"][1]["operation"].is_string(), "{done}");
    let error: serde_json::Value = serde_json::from_str(&run.stderr).expect("JSON");
    let message = error["error"]["message"].as_str().expect("a message");
    assert!(message.starts_with("'sales.json': "), "{message}");
    assert_eq!(error["error"]["details"][0], "2 of 3 documents were imported before it; 1 document left");
    std::fs::remove_dir(blocked("sales")).expect("removed");
    place.recto(["import", "team"]).ok();
    assert_eq!(place.recto(["agent", "list", "-q"]).ok().lines().count(), 3);
}

#[test]
fn a_directory_that_may_be_several_agents_or_one_is_asked_about() {
    let place = Place::with_store();
    place.write("dir/support.json", r#"{"prompt": "Be kind."}"#);
    place.write("dir/sales.json", r#"{"prompt": "Sell."}"#);
    let asked = place.recto(["import", "dir", "--as", "one"]).exits(2);
    assert!(
        asked.stderr.contains("may hold an agent in each file, or the blocks of one agent"),
        "{}",
        asked.stderr
    );
    assert!(asked.stderr.contains("'recto import dir --format configs' makes 2 agents"), "{}", asked.stderr);
    assert_eq!(place.recto(["agent", "list", "-q"]).ok(), "");
    place.recto(["import", "dir", "--format", "configs"]).ok();
    assert_eq!(place.recto(["cat", "sales@V1", "prompt"]).ok().trim(), "Sell.");
    place.recto(["import", "dir", "--format", "blocks", "--as", "one"]).ok();
    assert_eq!(place.recto(["cat", "one@V1", "sales.prompt"]).ok().trim(), "Sell.");
    // A text, or a list, is a block.
    place.write("dir/prompt.md", "Be brief.\n");
    place.recto(["import", "dir", "--as", "two"]).ok();
}

#[test]
fn an_import_does_not_take_the_place_of_work_that_is_not_published() {
    let place = Place::with_store();
    let desk = include_str!("../../fixtures/agents/callem-reception.json");
    place.write("desk.json", desk);
    place.recto(["import", "desk.json", "--as", "desk", "--profile", "callem"]).ok();
    let mut other: serde_json::Value = serde_json::from_str(desk).expect("JSON");
    other["max_tokens"] = 301.into();
    place.write("other.json", other.to_string());
    place.recto(["set", "desk@main", "temperature:=0.5"]).ok();
    for extra in [&[][..], &["--dry-run"], &["--activate"]] {
        let words = ["import", "other.json", "--as", "desk"].iter().chain(extra);
        let refused = place.recto(words).exits(1);
        assert!(
            refused.stderr.contains(
                "draft 'main' of agent 'desk' has work that is not published: revision 2, by Asha Rao"
            ),
            "{}",
            refused.stderr
        );
        assert!(refused.stderr.contains("--force"), "{}", refused.stderr);
    }
    assert_eq!(place.recto(["cat", "desk@main", "temperature"]).ok().trim(), "0.5");
    place.recto(["import", "other.json", "--as", "desk", "--force"]).ok();
    assert_eq!(place.recto(["cat", "desk@main", "max_tokens"]).ok().trim(), "301");
    // What an import left, another takes the place of.
    other["max_tokens"] = 302.into();
    place.write("other.json", other.to_string());
    place.recto(["import", "other.json", "--as", "desk"]).ok();
    assert_eq!(place.recto(["cat", "desk@main", "max_tokens"]).ok().trim(), "302");
}

#[test]
fn a_history_that_stops_says_what_stands_and_goes_on() {
    let place = Place::with_store();
    place.write("b.jsonl", line("b", "other"));
    place.recto(["import", "b.jsonl"]).ok();
    let first = line("a", "one") + &line("a", "two");
    place.write("h.jsonl", first.clone() + &line("b", "x") + &line("c", "three"));
    let run = place.recto(["import", "h.jsonl"]).exits(5);
    assert!(run.stderr.contains("  agent 'a' has 2 versions of it\n"), "{}", run.stderr);
    assert!(run.stderr.contains("leave that agent's lines out"), "{}", run.stderr);
    place.write("h.jsonl", first + &line("c", "three"));
    let again = place.recto(["import", "h.jsonl"]).ok();
    assert!(again.contains("imported 1 version of 2 agents (1 new), 2 skipped"), "{again}");
}
