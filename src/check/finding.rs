//! A finding, the offending text that it keeps in memory only, its keyed fingerprint, and a
//! report of findings. Knows nothing of the rules that find.

use std::fmt;

use super::context::Context;
use super::mask::mask_text;
use super::rules::severity_of;
use super::walk::Site;

/// How grave a finding is; errors stop a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Worth a look.
    Warning,
    /// Must not be published.
    Error,
}

impl Severity {
    /// The word for this severity: `warning` or `error`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// The text that a finding is about, a secret perhaps: it is compared and fingerprinted, and
/// never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Offending(String);

impl fmt::Debug for Offending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Offending({} bytes)", self.0.len())
    }
}

/// One thing that a rule has found in a config. Nothing that can be printed holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The name of the rule.
    pub rule: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// Where, for people: `tools[book_slot].headers.Authorization`.
    pub path: String,
    /// Where, as a JSON pointer (RFC 6901) into the checked document; secrets in it are masked.
    pub pointer: String,
    /// The line within a text of several lines, from 1.
    pub line: Option<usize>,
    /// What is wrong, in one line.
    pub message: String,
    /// The offending text with all but its first characters hidden, if it is a secret.
    pub masked: Option<String>,
    /// The offending text itself.
    pub fingerprint_input: Offending,
}

impl Finding {
    /// About how much memory its texts take, in bytes.
    pub(crate) fn owned_bytes(&self) -> usize {
        let masked = self.masked.as_ref().map_or(0, String::len);
        self.path.len() + self.pointer.len() + self.message.len() + masked + self.fingerprint_input.0.len()
    }
}

/// Length of a fingerprint, in bytes before hexadecimal.
const FINGERPRINT_BYTES: usize = 16;

/// A name for a finding that another secret at the same path does not share: keyed BLAKE3 of the
/// rule and the offending text, as 32 hexadecimal digits. Without the key it says nothing about
/// the text, so it can be stored.
pub fn fingerprint(key: &[u8; 32], finding: &Finding) -> String {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(finding.rule.as_bytes());
    hasher.update(&[0]);
    hasher.update(finding.fingerprint_input.0.as_bytes());
    hasher.finalize().to_hex()[..2 * FINGERPRINT_BYTES].to_owned()
}

/// All findings about one config.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The findings, in the order of the document.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Takes findings as a report.
    pub fn new(findings: Vec<Finding>) -> Self {
        Self { findings }
    }

    /// The gravest severity found.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// How many findings have this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

/// Findings being gathered.
#[derive(Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    /// Gathers for one place of the config.
    pub(super) fn at<'f>(&'f mut self, site: &'f Site<'f>, context: &'f Context) -> AtSite<'f> {
        AtSite { start: self.0.len(), findings: &mut self.0, site, context }
    }

    /// What was gathered.
    pub(super) fn into_vec(self) -> Vec<Finding> {
        self.0
    }
}

/// Most findings about one value, so that a hostile one cannot flood a report.
const MAX_FINDINGS_PER_VALUE: usize = 100;

/// Findings being gathered for one place of the config.
pub(super) struct AtSite<'f> {
    findings: &'f mut Vec<Finding>,
    /// Where the findings of this place begin.
    start: usize,
    site: &'f Site<'f>,
    context: &'f Context,
}

impl AtSite<'_> {
    /// Adds a finding, unless this place already has one of the same rule about the same text.
    pub(super) fn add(&mut self, rule: &'static str, offending: &str, found: Found) {
        let here = &self.findings[self.start..];
        if here.len() >= MAX_FINDINGS_PER_VALUE
            || here.iter().any(|finding| finding.rule == rule && finding.fingerprint_input.0 == offending)
        {
            return;
        }
        self.findings.push(Finding {
            rule,
            severity: severity_of(rule),
            path: mask_text(&self.site.path(self.context)).into_owned(),
            pointer: mask_text(&self.site.pointer()).into_owned(),
            line: found.line,
            message: found.message,
            masked: found.masked,
            fingerprint_input: Offending(offending.to_owned()),
        });
    }
}

/// What a rule says about an offending text.
#[derive(Default)]
pub(super) struct Found {
    /// What is wrong.
    pub(super) message: String,
    /// The line within a text of several lines, from 1.
    pub(super) line: Option<usize>,
    /// The offending text, masked.
    pub(super) masked: Option<String>,
}

impl Found {
    /// A finding that needs no mask and no line.
    pub(super) fn message(message: String) -> Self {
        Self { message, ..Self::default() }
    }
}

/// The line of a byte offset, from 1, if the text has several lines.
pub(super) fn line_of(text: &str, offset: usize) -> Option<usize> {
    let several = text.trim_end().contains('\n');
    several.then(|| 1 + memchr::memchr_iter(b'\n', &text.as_bytes()[..offset]).count())
}
