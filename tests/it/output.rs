//! What reaches a terminal, a pipe, a file.

use std::io::Read as _;
use std::process::Stdio;

use crate::harness::Place;
use crate::stored;

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let place = Place::with_store();
    let text = "a line of text that fills a pipe\n".repeat(200_000);
    let id = place.recto_with(["hash-object", "-w", "-q"], &text).ok();
    let mut command = place.command(["cat-object", id.trim()]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let mut first = [0; 10];
    let mut pipe = child.stdout.take().expect("it is piped");
    pipe.read_exact(&mut first).expect("it prints");
    drop(pipe);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_a_failure() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let place = Place::with_store();
    let run = place.run(place.command(["man"]).stdout(full)).exits(1);
    assert!(run.stderr.starts_with("error: cannot write to stdout: "), "{}", run.stderr);
}

#[test]
fn colours_are_for_terminals_unless_asked_for() {
    let place = Place::with_store();
    let stored = stored::commit(&place);
    let id = stored.tree.to_string();
    assert!(!place.recto(["ls-tree", &id]).ok().contains('\u{1b}'));
    let coloured = place.recto(["ls-tree", &id, "--color", "always"]).ok();
    assert!(coloured.starts_with("\u{1b}[1mBLOCK\u{1b}[0m"), "{coloured:?}");
    let error = place.recto(["cat-object", "abcd", "--color", "always"]).exits(1).stderr;
    assert!(error.starts_with("\u{1b}[31merror:\u{1b}[0m "), "{error:?}");
}

#[test]
fn exact_bytes_go_to_a_pipe() {
    let place = Place::with_store();
    let stored = stored::commit(&place);
    let raw = place.recto(["cat-object", "--raw", &stored.prompt.to_string()]).ok();
    assert_eq!(raw, "Be brief.\u{1b}[2J\n");
}

/// Runs a command on a terminal of its own, made by `script` (util-linux).
#[cfg(target_os = "linux")]
fn on_a_terminal(place: &Place, line: &str, pager: &str) -> String {
    let recto = env!("CARGO_BIN_EXE_recto");
    let mut command = std::process::Command::new("script");
    command
        .args(["-qec", &format!("{recto} {line}"), "/dev/null"])
        .current_dir(place.path(""))
        .env("TERM", "xterm")
        .env("RECTO_PAGER", pager)
        .env_remove("NO_COLOR")
        .stdin(Stdio::null());
    let output = command.output().expect("'script' is installed");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
#[cfg(target_os = "linux")]
fn stored_text_cannot_steer_a_terminal() {
    let place = Place::with_store();
    let stored = stored::commit(&place);
    let shown = on_a_terminal(&place, &format!("cat-object --raw {}", stored.prompt), "");
    assert!(shown.contains("Be brief.\\u{1b}[2J"), "{shown:?}");
    assert!(!shown.contains("\u{1b}[2J"), "{shown:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn long_output_is_paged_on_a_terminal_and_short_output_is_not() {
    let place = Place::with_store();
    let long = place.recto_with(["hash-object", "-w", "-q"], "line\n".repeat(500)).ok();
    let short = place.recto_with(["hash-object", "-w", "-q"], "line\n").ok();
    let pager = "echo PAGED; wc -l";
    let shown = on_a_terminal(&place, &format!("cat-object {}", long.trim()), pager);
    assert!(shown.contains("PAGED") && shown.contains("500"), "{shown:?}");
    assert_eq!(on_a_terminal(&place, &format!("cat-object {}", short.trim()), pager), "line\r\n");
    let no_pager = format!("--no-pager cat-object {}", long.trim());
    assert!(!on_a_terminal(&place, &no_pager, pager).contains("PAGED"));
}
