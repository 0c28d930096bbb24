//! `recto fsck`: examines a whole store.

use serde_json::{Value, json};

use crate::access::TOKENS_FILE;
use crate::backend::Fault;
use crate::error::Kind;
use crate::repo::FsckReport;

use super::context::Context;
use super::count::count;
use super::error::{CliError, Exit};
use super::terminal::{Style, plain_line};
use super::{token, webhook};

/// Examine the whole store
///
/// Reads every stored byte: each object against its id, each log line by line, each ref against its
/// log, each journal, and the files of tokens and webhooks. Prints one line for each fault, `subject:
/// problem`, and exits with 4 when there is one. Changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recto fsck")]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args, ctx: &Context) -> Result<Exit, CliError> {
    let agents = ctx.agents_to_read()?;
    let mut progress = ctx.out.progress("examining", None);
    let mut report = agents.fsck(&mut |agent| progress.step(agent.as_str()))?;
    drop(progress);
    report.faults.extend(beside(ctx)?);
    let exit = if report.faults.is_empty() { Exit::Done } else { Exit::Found(Kind::Corrupt) };
    if ctx.out.is_json() {
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
    let tokens = token::book(ctx)?.list().err().map(|error| (TOKENS_FILE, CliError::from(error)));
    let webhooks = webhook::hooks(ctx)?.examine();
    let webhooks = webhooks.into_iter().map(|(file, error)| (file, CliError::from(error)));
    Ok(tokens.into_iter().chain(webhooks).map(|(file, error)| Fault::new(file, told(error))).collect())
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
