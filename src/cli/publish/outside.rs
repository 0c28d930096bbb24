//! The program that `check.command` names: it gets the config of a version on stdin, and its exit
//! says whether the version may serve.
//!
//! The setting is one machine's own (it is neither versioned nor synced), and is run by the shell:
//! whoever can write it can run programs as whoever publishes here.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::agent::VersionInfo;
use crate::check::mask_text;
use crate::error::Kind;
use crate::refs::Handle;

use crate::cli::context::Context;
use crate::cli::error::CliError;

/// The setting that names the program.
const SETTING: &str = "check.command";

/// Most characters of the program's words that are kept as the reason.
const REASON_MAX_CHARS: usize = 500;

/// The program, when there is one. Only what the store itself says counts.
///
/// # Errors
/// When the settings cannot be read.
pub(in crate::cli) fn command(ctx: &Context) -> Result<Option<String>, CliError> {
    Ok(ctx.repo()?.settings()?.get(SETTING).map(str::to_owned))
}

/// Runs the program on a version's config; `Err` inside says why it does not pass.
///
/// # Errors
/// When the program cannot be run: the version's check then stays pending.
pub(in crate::cli) fn run(
    command: &str,
    (agent, version): (&Handle, &VersionInfo),
    config: &[u8],
) -> Result<Result<(), String>, CliError> {
    let failed = |error: std::io::Error| {
        CliError::new(Kind::Io, format!("cannot run the check '{command}': {error}"))
            .hint(format!("'recto check {agent}@{} --run' tries again", version.name()))
    };
    let mut child = Command::new("/bin/sh")
        .args(["-c", command])
        .env("RECTO_AGENT", agent.as_str())
        .env("RECTO_VERSION", version.name())
        .env("RECTO_VERSION_ID", version.id.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut stdin = child.stdin.take().expect("it is piped");
    // Written beside the reading: a program that talks while it reads would otherwise stand still.
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            // A program that does not want all of the config closes its end; that is its business.
            let _ = stdin.write_all(config);
        });
        child.wait_with_output()
    });
    let output = output.map_err(failed)?;
    if output.status.success() {
        return Ok(Ok(()));
    }
    // The shell's own words for a program that it does not find, or may not run.
    if matches!(output.status.code(), Some(126 | 127)) {
        let words = reason(&output.stderr, &output.stdout);
        return Err(failed(std::io::Error::other(words.unwrap_or_else(|| "it is not there".to_owned()))));
    }
    let said = reason(&output.stderr, &output.stdout);
    Ok(Err(said.unwrap_or_else(|| format!("'{command}' ended with {}", output.status))))
}

/// What the program said last, with secrets masked.
fn reason(stderr: &[u8], stdout: &[u8]) -> Option<String> {
    let last = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
    };
    let line = last(stderr).or_else(|| last(stdout))?;
    Some(mask_text(&line).chars().take(REASON_MAX_CHARS).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_last_line_without_secrets() {
        assert_eq!(reason(b"a\nb \n\n", b"c").as_deref(), Some("b"));
        assert_eq!(reason(b"\n", b"c").as_deref(), Some("c"));
        assert_eq!(reason(b"", b""), None);
        let said = reason(b"bad key sk-proj-abcdefghijklmnopqrstuvwxyz0123456789", b"").expect("a reason");
        assert!(!said.contains("abcdefgh"), "{said}");
    }
}
