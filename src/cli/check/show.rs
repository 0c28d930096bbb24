//! A check's findings, and the problems of the config, in every form.

use serde_json::{Value, json};

use crate::check::{Severity, mask_text, output};
use crate::profile::Problem;

use crate::cli::context::Context;
use crate::cli::count::count;
use crate::cli::error::CliError;
use crate::cli::outside::said;
use crate::cli::terminal::{Style, plain_line};

use super::Format;
use super::subject::Subject;

/// What problems of the config are called among the rules.
const INVALID: &str = "invalid-config";

/// Prints a checked subject.
///
/// # Errors
/// When stdout is closed.
pub(super) fn show(ctx: &Context, subject: &Subject, format: Format, reveal: bool) -> Result<(), CliError> {
    // The formats of other programs have findings only.
    if let (Some(why), Format::Github | Format::Sarif) = (&subject.outside, format) {
        ctx.out.warn(said(why));
    }
    match format {
        Format::Json => ctx.out.json(to_value(subject)),
        Format::Text => text(ctx, subject, reveal),
        Format::Github => {
            let mut lines = output::github(&subject.check.report, &|finding| subject.place(finding));
            for problem in &subject.problems {
                lines += &github_line(subject, problem);
            }
            ctx.out.raw(lines.as_bytes())
        }
        Format::Sarif => {
            let text = crate::encoding::canonical::pretty(&sarif(subject));
            ctx.out.raw(text.as_bytes())
        }
    }
}

fn text(ctx: &Context, subject: &Subject, reveal: bool) -> Result<(), CliError> {
    for problem in &subject.problems {
        let label = ctx.out.paint(Style::Bad, "error");
        let line = mask_text(&problem.to_string()).into_owned();
        ctx.out.line(format!("{label}  {INVALID}  {}", plain_line(&line)))?;
    }
    for finding in &subject.check.report.findings {
        let style = if finding.severity == Severity::Error { Style::Bad } else { Style::Note };
        let label = ctx.out.paint(style, finding.severity.name());
        let line = finding.line.map(|line| format!(" line {line}")).unwrap_or_default();
        let masked = finding.masked.as_ref().map(|masked| format!(" ({masked})")).unwrap_or_default();
        let (rule, path) = (finding.rule, &finding.path);
        let words = format!("{path}{line}: {}{masked}", finding.message);
        ctx.out.line(format!("{label}  {rule}  {}", plain_line(&words)))?;
        if let Some(text) = subject.text_at(finding).filter(|_| reveal) {
            ctx.out.line(format!("       {}", plain_line(&text)))?;
        }
    }
    if let Some(why) = &subject.outside {
        let label = ctx.out.paint(Style::Bad, "refused");
        ctx.out.line(format!("{label}  {}", plain_line(&said(why))))?;
    }
    let (errors, warnings) = counts(subject);
    let accepted = match subject.check.accepted {
        0 => String::new(),
        count => format!(", {count} accepted"),
    };
    let state = subject.state.map(|state| format!("; recorded as {state}")).unwrap_or_default();
    let words = format!(
        "{}: {}, {}{accepted}{state}",
        subject.name,
        count(errors, "error"),
        count(warnings, "warning")
    );
    ctx.out.say(plain_line(&words));
    Ok(())
}

/// Errors, those of the config included, and warnings.
pub(super) fn counts(subject: &Subject) -> (usize, usize) {
    let report = &subject.check.report;
    (report.count(Severity::Error) + subject.problems.len(), report.count(Severity::Warning))
}

fn to_value(subject: &Subject) -> Value {
    let (errors, warnings) = counts(subject);
    let problem = |problem: &Problem| {
        let masked = |text: &str| mask_text(text).into_owned();
        let place = subject.place_of(problem);
        json!({
            "pointer": masked(&problem.pointer),
            "message": masked(&problem.message),
            "accepted": problem.accepted.as_deref().map(masked),
            "file": place.file,
            "line": place.line,
        })
    };
    let mut findings = output::json(&subject.check.report, None)["findings"].take();
    if let Value::Array(values) = &mut findings {
        for (value, finding) in values.iter_mut().zip(&subject.check.report.findings) {
            let place = subject.place(finding);
            value["file"] = place.file.into();
            value["line"] = place.line.into();
        }
    }
    json!({
        "subject": subject.name,
        "profile": subject.profile.name(),
        "status": subject.state.map(crate::agent::CheckState::name),
        "outside": subject.outside,
        "errors": errors,
        "warnings": warnings,
        "accepted": subject.check.accepted,
        "problems": subject.problems.iter().map(problem).collect::<Vec<_>>(),
        "findings": findings,
    })
}

fn github_line(subject: &Subject, problem: &Problem) -> String {
    let place = subject.place_of(problem);
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let file = data(&place.file).replace(':', "%3A").replace(',', "%2C");
    let message = data(&mask_text(&problem.to_string()));
    format!("::error file={file},line={},title={INVALID}::{message}\n", place.line)
}

fn sarif(subject: &Subject) -> Value {
    let mut log = output::sarif(&subject.check.report, &|finding| subject.place(finding), None);
    if subject.problems.is_empty() {
        return log;
    }
    let run = &mut log["runs"][0];
    if let Value::Array(rules) = &mut run["tool"]["driver"]["rules"] {
        let why = "a config that its profile does not accept cannot be published";
        rules.push(json!({"id": INVALID, "shortDescription": {"text": why}}));
    }
    if let Value::Array(results) = &mut run["results"] {
        for problem in &subject.problems {
            let place = subject.place_of(problem);
            results.push(json!({
                "ruleId": INVALID,
                "level": "error",
                "message": {"text": mask_text(&problem.to_string())},
                "locations": [{"physicalLocation": {
                    "artifactLocation": {"uri": uri(&place.file)},
                    "region": {"startLine": place.line},
                }}],
            }));
        }
    }
    log
}

/// A path as a URI reference.
fn uri(path: &str) -> String {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte);
    path.bytes().map(|b| if kept(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
