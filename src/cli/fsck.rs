//! `recto fsck`: examines a whole store.

use std::error::Error;
use std::iter;

use serde_json::{Value, json};

use crate::access::TOKENS_FILE;
use crate::backend::Fault;
use crate::disk::DiskError;
use crate::error::{Classify, Kind};
use crate::repo::FsckReport;

use super::context::Context;
use super::count::count;
use super::error::{CliError, Exit};
use super::terminal::{Style, plain_line};
use super::{token, webhook};

/// Examine the whole store
///
/// Reads every stored byte: each object against its id, each log line by line, each ref against its
/// log, each journal, and the files of tokens and webhooks; one of these that may not be read is named in
/// a warning. Prints one line for each fault, `subject: problem`, and exits with 4 when there is one.
/// Changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto fsck")]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents_to_read()?;
    let mut progress = ctx.out.progress("examining", None);
    let mut report = agents.fsck(&mut |agent| progress.step(agent.as_str()))?;
    drop(progress);
    let (unseen, faults): (Vec<_>, Vec<_>) = beside(ctx)?.into_iter().partition(|fault| fault.harmless);
    report.faults.extend(faults);
    let exit = if report.faults.is_empty() { Exit::Done } else { Exit::Found(Kind::Corrupt) };
    if ctx.out.is_json() {
        report.notes.extend(unseen);
        ctx.out.json(to_value(&report))?;
        return Ok(exit);
    }
    for Fault { subject, problem, .. } in &report.faults {
        let subject = ctx.out.paint(Style::Bad, &plain_line(subject));
        ctx.out.line(format!("{subject}: {}", plain_line(problem)))?;
    }
    for Fault { subject, problem, .. } in &report.notes {
        ctx.out.say(format!("{}: {}, harmless", plain_line(subject), plain_line(problem)));
    }
    for Fault { subject, problem, .. } in &unseen {
        ctx.out.warn(format!("{subject}: {problem}"));
    }
    ctx.out.say(format!(
        "examined {}, {}, {}: {}",
        count(report.agents, "agent"),
        count(report.records, "record"),
        count(report.objects, "object"),
        match report.faults.len() {
            0 => "all sound".to_owned(),
            faults => count(faults, "fault"),
        }
    ));
    Ok(exit)
}

/// What is wrong with files that lie beside what is versioned, and how to come back from it. Behind a server there
/// are none of ours.
fn beside(ctx: &Context) -> Result<Vec<Fault>, CliError> {
    if ctx.server().is_some() {
        return Ok(Vec::new());
    }
    let tokens = token::book(ctx)?.list().err().map(|error| fault_of(TOKENS_FILE, error));
    let webhooks = webhook::hooks(ctx)?.examine().into_iter().map(|(file, error)| fault_of(file, error));
    Ok(tokens.into_iter().chain(webhooks).collect())
}

/// What is wrong with a file that cannot be read: nothing, as far as anybody can tell, where only others may read it.
fn fault_of(file: &str, error: impl Classify + 'static) -> Fault {
    if !is_denied(&error) {
        return Fault::new(file, told(CliError::from(error)));
    }
    let error =
        CliError::from(error).hint("its owner may read it, and root: run 'recto fsck' as one of them");
    Fault::harmless(file, format!("it is not examined: {}", error.brief()))
}

fn is_denied(error: &(dyn Error + 'static)) -> bool {
    let mut causes = iter::successors(Some(error), |error| (**error).source());
    causes.any(|cause| matches!(cause.downcast_ref(), Some(DiskError::Denied { .. })))
}

/// What is wrong with a file, and what helps; where nothing else is known to, that it can be read.
fn told(error: CliError) -> String {
    match error {
        CliError::Failed(failure) if failure.hint.is_none() => {
            CliError::Failed(failure).hint("it is a file that whoever runs recto may read and write").brief()
        }
        error => error.brief(),
    }
}

fn to_value(report: &FsckReport) -> Value {
    let fault = |fault: &Fault| json!({"subject": fault.subject, "problem": fault.problem});
    json!({
        "agents": report.agents,
        "records": report.records,
        "objects": report.objects,
        "faults": report.faults.iter().map(fault).collect::<Vec<_>>(),
        "notes": report.notes.iter().map(fault).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;

    use super::*;
    use crate::access::AccessError;

    #[test]
    fn what_others_may_read_is_no_fault_and_everything_else_is() {
        let path = Path::new("/s/tokens.json");
        let found = |source| fault_of(TOKENS_FILE, AccessError::Disk { path: path.to_owned(), source });
        let denied = found(DiskError::new("read", path, io::ErrorKind::PermissionDenied.into()));
        assert!(denied.harmless, "{denied:?}");
        for part in ["it is not examined", "no permission to read '/s/tokens.json'", "its owner may read it"]
        {
            assert!(denied.problem.contains(part), "no '{part}': {denied:?}");
        }
        let no_file = found(DiskError::NotAFile { operation: "read", path: path.to_owned() });
        assert!(!no_file.harmless && no_file.problem.contains("is not a regular file"), "{no_file:?}");
        assert!(!found(DiskError::new("read", path, io::ErrorKind::Other.into())).harmless);
        let reason = "it has format 9".to_owned();
        assert!(!fault_of(TOKENS_FILE, AccessError::Damaged { path: path.to_owned(), reason }).harmless);
    }
}
