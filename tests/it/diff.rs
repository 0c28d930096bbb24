//! `recto diff`: what differs, in every form, with secrets masked.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::Place;
use crate::life::Life;

const TOKEN_OLD: &str = "Bearer sk-proj-Zq8vT2nLr5xWk3Yb7Hd9Fj4Mp6";
const TOKEN_NEW: &str = "Bearer sk-proj-Aa1vT2nLr5xWk3Yb7Hd9Fj4Mp6";

fn config() -> Value {
    let tool = |name: &str, timeout: u64| {
        json!({"name": name, "type": "api_call", "description": "A tool.", "enabled": true, "timeout": timeout,
            "url": format!("https://calendar.example/{name}"), "method": "GET",
            "headers": {"Authorization": TOKEN_OLD}})
    };
    json!({
        "workflowType": "single_prompt",
        "singlePromptConfig": {
            "prompt": "# Role\nYou are kind.\n\nOne\nTwo\nThree\nFour\nFive\n\nSay goodbye.\n",
            "tools": [tool("find_slots", 5000), tool("book_slot", 6000)],
        },
        "firstMessage": "Hello.",
    })
}

/// An Atoms agent: V1 serves, the draft `tone` differs in a prompt, a tool and a setting.
fn place() -> Place {
    let place = Place::with_store();
    let life = Life::of(&place);
    life.create("support", "atoms", config());
    life.draft("support", "tone");
    let prompt = "# Role\nYou are polite.\n\nOne\nTwo\nThree\nFour\nFive\n\nSay goodbye.\nHang up.\n";
    let fields = [
        ("prompt", json!(prompt)),
        ("tools[book_slot].timeout", json!(9000)),
        ("firstMessage", json!("Welcome.")),
        ("timezone", json!({"label": "UTC", "offset": 0})),
    ];
    life.set("support", "tone", &fields);
    place
}

#[test]
fn a_draft_is_compared_with_what_serves_field_by_field() {
    let expected = "\
support V1 -> tone

workflow_prompt
  ~ prompt: +2 -1 lines
    @@ -1,5 +1,5 @@
      # Role
    - You are [-kind-].
    + You are {+polite+}.

      One
      Two
    @@ -8,3 +8,4 @@
      Five

      Say goodbye.
    + Hang up.

workflow_tools
  ~ tools[book_slot].timeout: 6000 -> 9000

call_handling
  ~ firstMessage: \"Hello.\" -> \"Welcome.\"
  + timezone
    + {
    +   \"label\": \"UTC\",
    +   \"offset\": 0
    + }
";
    assert_eq!(place().recto(["diff", "support@tone"]).ok(), expected);
}

#[test]
fn any_two_revisions_are_compared_in_either_notation() {
    let place = place();
    let range = place.recto(["diff", "support@V1..tone"]).ok();
    assert_eq!(place.recto(["diff", "support@V1", "support@tone"]).ok(), range);
    assert_eq!(place.recto(["diff", "support..support@draft:tone"]).ok(), range);
    let back = place.recto(["diff", "support@tone..V1"]).ok();
    assert!(back.contains("~ tools[book_slot].timeout: 9000 -> 6000"), "{back}");
    assert!(back.contains("  - timezone\n    - {"), "{back}");
}

#[test]
fn what_is_equal_prints_nothing_and_exits_with_0() {
    let place = place();
    let run = place.recto(["diff", "--exit-code", "support@V1..ACTIVE"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, ""));
    assert_eq!(run.stderr, "no difference between support V1 and V1\n");
    place.recto(["diff", "--exit-code", "support@tone"]).exits(1);
    place.recto(["diff", "support@tone"]).exits(0);
}

#[test]
fn paths_narrow_the_comparison_to_blocks_and_fields() {
    let place = place();
    let names = |args: &[&str]| {
        let words = ["diff", "--blocks", "support@tone", "--"].iter().chain(args);
        place.recto(words).ok()
    };
    assert_eq!(names(&["call_handling"]), "call_handling\n");
    assert_eq!(names(&["tools[book_slot].timeout", "prompt"]), "workflow_prompt\nworkflow_tools\n");
    assert_eq!(names(&["singlePromptConfig.tools"]), "workflow_tools\n");
    assert_eq!(names(&["timezone.offset"]), "call_handling\n");
    assert_eq!(names(&["tools[find_slots]"]), "");
    let run = place.recto(["diff", "support@tone", "--", "tols"]);
    assert!(run.stderr.contains("'tols' is no block and no field of either side"), "{}", run.stderr);
}

#[test]
fn stat_counts_lines_and_values() {
    let expected = "\
BLOCK            CHANGE   ADDED  REMOVED  OF
workflow_prompt  changed  +2     -1       lines
workflow_tools   changed  +1     -1       values
call_handling    changed  +3     -1       values
support V1 -> tone: 4 fields differ in 3 blocks
";
    assert_eq!(place().recto(["diff", "--stat", "support@tone"]).ok(), expected);
}

#[test]
fn json_keeps_its_schema_and_has_everything() {
    let place = place();
    let diff = place.recto(["diff", "--json", "support@tone"]).json("diff");
    assert_eq!(diff["equal"], false);
    assert_eq!(diff["old"]["name"], "V1");
    assert_eq!(diff["changes"][1]["path"], "tools[book_slot].timeout");
    assert_eq!(diff["changes"][1]["block"], "workflow_tools");
    assert_eq!((&diff["changes"][1]["old"], &diff["changes"][1]["new"]), (&json!(6000), &json!(9000)));
    let removed = &diff["changes"][0]["text"]["hunks"][0]["lines"][1];
    assert_eq!(removed["tag"], "removed");
    assert_eq!(removed["pieces"][1], json!({"changed": true, "text": "kind"}));
    let equal = place.recto(["diff", "--json", "support@V1..V1"]).json("diff");
    assert_eq!((&equal["equal"], &equal["changes"]), (&json!(true), &json!([])));
}

#[test]
fn a_unified_patch_applies_to_the_files_of_a_checkout() {
    let place = place();
    let before = place.recto(["diff", "--unified", "--reveal", "support@tone..V1"]).ok();
    assert!(before.contains("--- a/agents/support/call_handling.json\n"), "{before}");
    // The files of the draft become those of V1, and those of V1 hold what V1 holds.
    place.write("agents/support/call_handling.json", "{\n  \"firstMessage\": \"Welcome.\",\n  \"timezone\": {\n    \"label\": \"UTC\",\n    \"offset\": 0\n  }\n}\n");
    let patch = place.recto(["diff", "-u", "support@tone..V1", "--", "call_handling"]).ok();
    place.write("change.patch", patch);
    let status = Command::new("patch")
        .args(["-p1", "-s", "-i", "change.patch"])
        .current_dir(place.path(""))
        .stdin(Stdio::null())
        .status()
        .expect("patch runs");
    assert!(status.success());
    let expected = "{\n  \"firstMessage\": \"Hello.\"\n}\n";
    assert_eq!(place.read("agents/support/call_handling.json"), expected);
}

/// V1 and a draft that gains and loses empty blocks, and changes what kind a block is.
fn kinds() -> Place {
    let place = Place::with_store();
    place.write("c.json", json!({"prompt": "Hi.\n", "voice": "nyah", "gone": "", "last": "x"}).to_string());
    place.recto(["import", "c.json", "--as", "support", "--profile", "generic"]).ok();
    place.recto(["draft", "new", "support@tone"]).ok();
    place.recto(["unset", "support@tone", "gone", "last"]).ok();
    place.recto(["set", "support@tone", "fresh=", "voice:={\"id\": \"nyah\"}", "none:={}"]).ok();
    place
}

#[test]
fn a_patch_tells_empty_blocks_and_blocks_of_another_kind() {
    for program in [["git", "apply"], ["patch", "-p1"]] {
        let place = kinds();
        let patch = place.recto(["diff", "-u", "support@V1..tone"]).ok();
        assert!(!patch.contains("+++ b/agents/support/voice.md"), "a text does not become JSON: {patch}");
        place.recto(["export", "support@V1", "--format", "blocks", "-o", "agents/support"]).ok();
        place.write("change.patch", patch.clone());
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).current_dir(place.path("")).stdin(place.open("change.patch"));
        assert!(command.output().expect("it runs").status.success(), "{program:?}: {patch}");
        place.recto(["export", "support@tone", "--format", "blocks", "-o", "expected/support"]).ok();
        for file in ["fresh.md", "none.json", "prompt.md", "voice.json"] {
            let expected = place.read(format!("expected/support/{file}"));
            assert_eq!(place.read(format!("agents/support/{file}")), expected, "{program:?} {file}");
        }
        for file in ["gone.md", "last.md", "voice.md"] {
            assert!(!place.path(format!("agents/support/{file}")).exists(), "{program:?} {file}");
        }
    }
}

#[test]
fn a_block_without_fields_is_a_difference() {
    let place = Place::with_store();
    let line = |blocks: Value| {
        json!({"agent": "support", "author": "Ana", "time": "2026-01-05T09:00:00Z", "profile": "thinnest",
            "blocks": blocks})
        .to_string()
            + "\n"
    };
    let prompt = json!("Be kind.\n");
    place.write(
        "h.jsonl",
        line(json!({"instructions": prompt})) + &line(json!({"instructions": prompt, "voice": {}})),
    );
    place.recto(["import", "h.jsonl"]).ok();
    place.recto(["diff", "--exit-code", "support@V1..V2"]).exits(1);
    let shown = place.recto(["diff", "support@V1..V2"]).ok();
    assert!(shown.contains("voice\n  ~ the block is new and has no fields\n"), "{shown}");
    let json = place.recto(["diff", "--json", "support@V1..V2"]).json("diff");
    assert_eq!((&json["equal"], &json["blocks"][0]["change"]), (&json!(false), &json!("added")));
    let patch = place.recto(["diff", "-u", "support@V1..V2"]).ok();
    assert!(patch.contains("+++ b/agents/support/voice.json"), "{patch}");
}

#[test]
fn counts_have_the_plural_that_they_need() {
    let place = place();
    place.recto(["draft", "new", "support@one"]).ok();
    let prompt = config()["singlePromptConfig"]["prompt"].as_str().expect("a prompt").to_owned() + "Bye.\n";
    place.recto(["set", "support@one", &format!("prompt={prompt}")]).ok();
    let shown = place.recto(["diff", "support@one"]).ok();
    assert!(shown.contains("~ prompt: +1 -0 lines"), "{shown}");
    place.write("bad.json", "{\"firstMessage\": 3}");
    let run = place.recto(["check", "bad.json", "--profile", "atoms"]);
    assert!(
        run.stderr.contains("1 error, 0 warnings") || run.stderr.contains("1 error, 1 warning"),
        "{run:?}"
    );
}

#[test]
fn side_by_side_fits_the_width() {
    let place = place();
    let mut command = place.command(["diff", "--side-by-side", "support@tone", "--", "prompt"]);
    let shown = place.run(command.env("COLUMNS", "43")).ok();
    let expected = "\
support@V1             support@tone

workflow_prompt
  prompt
line 1                 line 1
# Role                 # Role
You are [-kind-].    | You are {+polite+}.

One                    One
Two                    Two
line 8                 line 8
Five                   Five

Say goodbye.           Say goodbye.
                     > Hang up.
";
    assert_eq!(shown, expected);
    let mut command = place.command(["diff", "--side-by-side", "support@tone"]);
    let narrow = place.run(command.env("COLUMNS", "24")).ok();
    assert!(
        narrow.lines().filter(|line| !line.starts_with("  ")).all(|line| line.chars().count() <= 24),
        "{narrow}"
    );
}

#[test]
fn secrets_are_masked_and_a_secret_that_changed_is_told() {
    let place = place();
    let life = Life::by(&place, "Ben Ode", "2026-03-07T13:00:00Z");
    life.draft("support", "keys");
    life.set("support", "keys", &[("tools[book_slot].headers.Authorization", json!(TOKEN_NEW))]);
    for form in ["--stat", "--blocks", "--unified", "--side-by-side", "--json"] {
        let shown = place.recto(["diff", form, "support@keys"]).ok();
        assert!(!shown.contains("T2nLr5x"), "{form}: {shown}");
    }
    let shown = place.recto(["diff", "support@keys"]).ok();
    assert!(shown.contains("tools[book_slot].headers.Authorization"), "{shown}");
    assert!(shown.contains("(a masked secret changed)") && !shown.contains("T2nLr5x"), "{shown}");
    let json = place.recto(["diff", "--json", "support@keys"]).json("diff");
    assert_eq!((&json["masked"], &json["changes"][0]["hides_secret"]), (&json!(true), &json!(true)));
    let revealed = place.recto(["diff", "--reveal", "support@keys"]).ok();
    assert!(revealed.contains(TOKEN_OLD.split('-').next_back().expect("a part")), "{revealed}");
    assert!(revealed.contains("Aa1vT2nLr5x"), "{revealed}");
}

#[test]
fn stored_text_cannot_steer_the_terminal() {
    let place = Place::with_store();
    let life = Life::of(&place);
    life.support();
    life.draft("support", "evil");
    life.set(
        "support",
        "evil",
        &[("prompt", json!("Be \u{1b}[31mred\u{1b}[0m.\u{7}\n")), ("voice.id", json!("\u{1b}]0;x"))],
    );
    for form in ["--unified", "--side-by-side", "--stat", "--color=always"] {
        let args = ["diff", form, "support@evil"];
        let shown = place.recto(args).ok();
        let steers = shown.contains("\u{1b}[31mred") || shown.contains('\u{7}') || shown.contains("\u{1b}]");
        // A patch is data: it must be exact to be applied, and is escaped on terminals only.
        assert_eq!(steers, form == "--unified", "{form}: {shown:?}");
    }
}

#[test]
fn agents_of_different_profiles_and_names_are_compared() {
    let place = place();
    Life::by(&place, "Ben Ode", "2026-03-07T13:00:00Z").create("ivr", "generic", json!({"prompt": "Hi.\n"}));
    let shown = place.recto(["diff", "support@V1..ivr@V1"]).ok();
    assert!(shown.starts_with("support@V1 -> ivr@V1\n"), "{shown}");
    assert!(shown.contains("+ prompt: \"Hi.\\n\""), "{shown}");
}

#[test]
fn files_are_compared_with_the_draft_that_they_come_from() {
    let place = Place::with_store();
    let nothing = place.recto(["diff"]).exits(2);
    assert!(nothing.stderr.contains("no agent is checked out here"), "{}", nothing.stderr);
    let life = Life::of(&place);
    life.support();
    life.create("sales", "generic", json!({"prompt": "Hi.\n"}));
    life.draft("support", "tone");
    life.draft("sales", "short");
    for (agent, draft) in [("support", "tone"), ("sales", "short")] {
        life.check_out(&place, agent, draft);
    }
    let unchanged = place.recto(["diff", "--exit-code"]).exits(0);
    assert_eq!(unchanged.stdout, "");
    place.write("agents/support/prompt.md", "Be polite.\nBe brief.\n");
    let expected = "\
support tone -> files

prompt
  ~ prompt: +1 -1 lines
    @@ -1,2 +1,2 @@
    - Be [-kind-].
    + Be {+polite+}.
      Be brief.
";
    assert_eq!(place.recto(["diff", "support"]).ok(), expected);
    assert_eq!(place.recto(["diff"]).ok(), expected);
    assert_eq!(place.recto(["diff", "--exit-code", "sales"]).exits(0).stdout, "");
    assert_eq!(place.recto(["-C", "agents/support", "diff", "--blocks"]).ok(), "prompt\n");
    place.write("agents/sales/prompt.md", "Hey.\n");
    let both = place.recto(["diff", "--exit-code"]).exits(1).stdout;
    assert!(both.starts_with("sales short -> files\n") && both.ends_with(expected), "{both}");
    place.recto(["diff", "--json"]).json_error(2);
    assert_eq!(place.recto(["diff", "--json", "sales"]).json("diff")["new"]["name"], "files");
    place.write("agents/sales/prompt.md", b"\xff\xfe");
    place.recto(["diff", "sales"]).exits(5);
}

#[test]
fn what_names_nothing_is_refused() {
    let place = place();
    place.recto(["diff", "support@V1..V9"]).exits(1);
    place.recto(["diff", "nobody@V1..V2"]).exits(1);
    place.recto(["diff", "support@V1.."]).exits(2);
    place.recto(["diff", "support@tone", "--", "a..b"]).exits(2);
    place.recto(["diff", "--stat", "--blocks", "support@tone"]).exits(2);
    let error = place.recto(["diff", "--json", "support@nothing"]).json_error(1);
    assert_eq!(error["error"]["kind"], "not_found");
}
