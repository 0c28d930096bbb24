//! Findings in the forms that other programs read: JSON, SARIF 2.1.0, and the workflow commands of
//! GitHub Actions. None of them holds a secret.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::finding::{Finding, Report, Severity, fingerprint};
use super::rules::RULES;

/// Where a finding is in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Path of the file, relative to the root of the project, with `/` between its parts.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

/// Number of the JSON form, raised when a reader has to change.
const JSON_FORMAT: u64 = 1;

/// The report as JSON; with a key, each finding has its fingerprint.
pub fn json(report: &Report, key: Option<&[u8; 32]>) -> Value {
    let finding = |finding: &Finding| {
        let mut value = json!({
            "rule": finding.rule,
            "severity": finding.severity.name(),
            "path": finding.path,
            "pointer": finding.pointer,
            "message": finding.message,
        });
        if let Some(line) = finding.line {
            value["line"] = line.into();
        }
        if let Some(masked) = &finding.masked {
            value["masked"] = masked.as_str().into();
        }
        if let Some(key) = key {
            value["fingerprint"] = fingerprint(key, finding).into();
        }
        value
    };
    json!({
        "format": JSON_FORMAT,
        "errors": report.count(Severity::Error),
        "warnings": report.count(Severity::Warning),
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

/// The report as workflow commands (`::error file=...`), one line per finding.
pub fn github(report: &Report, place: &dyn Fn(&Finding) -> Place) -> String {
    let mut lines = String::new();
    for finding in &report.findings {
        let Place { file, line } = place(finding);
        let (level, rule) = (finding.severity.name(), finding.rule);
        let (file, message) = (property(&file), data(&format!("{}: {}", finding.path, finding.message)));
        writeln!(lines, "::{level} file={file},line={line},title={rule}::{message}")
            .expect("writing to a string cannot fail");
    }
    lines
}

/// Escapes the message of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// The report as a SARIF 2.1.0 log with one run; with a key, each result has its fingerprint.
pub fn sarif(report: &Report, place: &dyn Fn(&Finding) -> Place, key: Option<&[u8; 32]>) -> Value {
    let rules: Vec<Value> = RULES
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id,
                "shortDescription": { "text": rule.rationale },
                "help": { "text": rule.remedy },
                "defaultConfiguration": { "level": rule.severity.name() },
            })
        })
        .collect();
    let results: Vec<Value> =
        report.findings.iter().map(|finding| sarif_result(finding, place, key)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "recto", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn sarif_result(finding: &Finding, place: &dyn Fn(&Finding) -> Place, key: Option<&[u8; 32]>) -> Value {
    let Place { file, line } = place(finding);
    let mut result = json!({
        "ruleId": finding.rule,
        "level": finding.severity.name(),
        "message": { "text": finding.message },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": uri(&file) },
                "region": { "startLine": line.max(1) },
            },
            "logicalLocations": [{ "fullyQualifiedName": finding.path }],
        }],
    });
    if let Some(index) = RULES.iter().position(|rule| rule.id == finding.rule) {
        result["ruleIndex"] = index.into();
    }
    if let Some(key) = key {
        result["partialFingerprints"] = json!({ "rectoFinding/v1": fingerprint(key, finding) });
    }
    result
}

/// A relative path as a URI reference: everything but letters, digits and `/._-~` is escaped.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            write!(uri, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    uri
}
