//! The shapes of secrets: regular expressions, compiled once, each with a test that tells a
//! secret from text of the same shape. Matching is linear in the length of the text.

use std::sync::OnceLock;

use regex::Regex;

use super::hints::{self, Hint};
use super::secrets::{is_basic_credential, is_placeholder, is_random, looks_like_words};

/// One shape of secret.
pub(super) struct Pattern {
    /// What a match is called in messages.
    pub(super) what: &'static str,
    /// What is found wherever the shape is, and seldom elsewhere: quick to look for.
    pub(super) hint: Hint,
    /// The expression; its first group, if it has one, is the secret.
    pub(super) source: &'static str,
    /// Whether the text of the secret is one indeed.
    accept: fn(&str) -> bool,
}

/// A known prefix is proof enough, unless the rest is filler.
fn shaped(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let filler = ["xxxx", "your", "****", "...", "0000000000", "1234567890abcdef"];
    let tail = &text.as_bytes()[text.len().saturating_sub(12)..];
    let same = tail.iter().all(|byte| *byte == tail[0]);
    !same && !filler.iter().any(|word| lower.contains(word))
}

/// A short prefix such as `sk-` also begins ordinary words, so the rest must look random.
fn shaped_and_random(text: &str) -> bool {
    shaped(text) && text.len() >= 20 && is_random(text) && !looks_like_words(text)
}

fn opaque(text: &str) -> bool {
    !is_placeholder(text) && is_random(text) && !looks_like_words(text)
}

fn quoted(text: &str) -> bool {
    let mixed = text.bytes().any(|b| b.is_ascii_digit()) && text.bytes().any(|b| b.is_ascii_alphabetic());
    mixed && !is_placeholder(text)
}

fn assigned(text: &str) -> bool {
    text.len() >= 16 && opaque(text)
}

fn password(text: &str) -> bool {
    !is_placeholder(text)
}

fn always(_: &str) -> bool {
    true
}

/// Field names that are followed by a secret, in text.
macro_rules! named {
    ($rest:literal) => {
        concat!(
            r"(?i-u:api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key|subscription[_-]?key|account[_-]?key",
            r"|auth[_-]?token|token|secret|password|passwd|authorization)",
            $rest
        )
    };
}

/// Every shape. An earlier one wins where two match at the same place.
pub(super) const PATTERNS: [Pattern; 25] = [
    Pattern {
        what: "private key",
        hint: Hint { literals: &["private key"], follows: hints::anything },
        source: r"-----BEGIN [A-Z0-9 ]{0,24}PRIVATE KEY(?: BLOCK)?-----[^-]*(?:-----END [A-Z0-9 ]{0,24}PRIVATE KEY(?: BLOCK)?-----)?",
        accept: always,
    },
    Pattern {
        what: "Anthropic API key",
        hint: Hint { literals: &["sk-ant-"], follows: hints::token_16 },
        source: r"(?-u:\b)sk-ant-[A-Za-z0-9_-]{16,}",
        accept: shaped,
    },
    Pattern {
        what: "OpenAI API key",
        hint: Hint {
            literals: &["sk-proj-", "sk-svcacct-", "sk-admin-", "sk-or-v1-"],
            follows: hints::token_16,
        },
        source: r"(?-u:\b)sk-(?:proj|svcacct|admin|or-v1)-[A-Za-z0-9_-]{16,}",
        accept: shaped,
    },
    Pattern {
        what: "API key",
        hint: Hint { literals: &["sk-"], follows: hints::token_16 },
        source: r"(?-u:\b)sk-[A-Za-z0-9_-]{20,}",
        accept: shaped_and_random,
    },
    Pattern {
        what: "AWS access key id",
        hint: Hint { literals: &["akia", "asia"], follows: hints::token_16 },
        source: r"(?-u:\b)(?:AKIA|ASIA)[A-Z0-9]{16}(?-u:\b)",
        accept: shaped,
    },
    Pattern {
        what: "AWS secret access key",
        hint: Hint { literals: &["akia", "asia"], follows: hints::token_16 },
        source: r"(?-u:\b)(?:AKIA|ASIA)[A-Z0-9]{16}(?-u:\b)[^A-Za-z0-9/+]{1,8}(?:[A-Za-z_]{0,30}[^A-Za-z0-9/+]{1,8})?([A-Za-z0-9/+]{40})(?-u:\b)",
        accept: is_random,
    },
    Pattern {
        what: "GitHub token",
        hint: Hint {
            literals: &["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"],
            follows: hints::token_16,
        },
        source: r"(?-u:\b)(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,})",
        accept: shaped,
    },
    Pattern {
        what: "GitLab token",
        hint: Hint { literals: &["glpat-"], follows: hints::token_16 },
        source: r"(?-u:\b)glpat-[A-Za-z0-9_-]{20,}",
        accept: shaped,
    },
    Pattern {
        what: "Slack token",
        hint: Hint { literals: &["xox", "xapp-"], follows: hints::token_4 },
        source: r"(?-u:\b)(?:xox[a-z]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{20,})",
        accept: shaped,
    },
    Pattern {
        what: "webhook address",
        hint: Hint { literals: &["hooks.slack.com/"], follows: hints::anything },
        source: r"https://hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_-]{20,})",
        accept: shaped,
    },
    Pattern {
        what: "webhook address",
        hint: Hint { literals: &["/api/webhooks/"], follows: hints::anything },
        source: r"https://(?:[a-z]{1,10}\.)?discord(?:app)?\.com/api/webhooks/[0-9]{10,25}/([A-Za-z0-9_-]{30,})",
        accept: shaped,
    },
    Pattern {
        what: "Stripe key",
        hint: Hint {
            literals: &["sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"],
            follows: hints::token_4,
        },
        source: r"(?-u:\b)(?:[sr]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/]{20,})",
        accept: shaped,
    },
    Pattern {
        what: "Google key",
        hint: Hint { literals: &["aiza", "gocspx-", "ya29."], follows: hints::token_16 },
        source: r"(?-u:\b)(?:AIza[A-Za-z0-9_-]{35}|GOCSPX-[A-Za-z0-9_-]{20,}|ya29\.[A-Za-z0-9_-]{20,})",
        accept: shaped,
    },
    Pattern {
        what: "Twilio key",
        hint: Hint {
            literals: &[
                "sk0", "sk1", "sk2", "sk3", "sk4", "sk5", "sk6", "sk7", "sk8", "sk9", "ska", "skb", "skc",
                "skd", "ske", "skf",
            ],
            follows: hints::hex_31,
        },
        source: r"(?-u:\b)SK[0-9a-f]{32}(?-u:\b)",
        accept: shaped,
    },
    Pattern {
        what: "Twilio auth token",
        hint: Hint {
            literals: &[
                "ac0", "ac1", "ac2", "ac3", "ac4", "ac5", "ac6", "ac7", "ac8", "ac9", "aca", "acb", "acc",
                "acd", "ace", "acf",
            ],
            follows: hints::hex_31,
        },
        source: r"(?-u:\b)AC[0-9a-f]{32}(?-u:\b)[^\n]{1,40}?(?-u:\b)([0-9a-f]{32})(?-u:\b)",
        accept: shaped,
    },
    Pattern {
        what: "SendGrid key",
        hint: Hint { literals: &["sg."], follows: hints::token_16 },
        source: r"(?-u:\b)SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
        accept: shaped,
    },
    Pattern {
        what: "ElevenLabs key",
        hint: Hint { literals: &["sk_"], follows: hints::hex_31 },
        source: r"(?-u:\b)sk_[0-9a-f]{40,}(?-u:\b)",
        accept: shaped,
    },
    Pattern {
        what: "vendor token",
        hint: Hint {
            literals: &[
                "gsk_", "hf_", "npm_", "dop_v1_", "shpat_", "shpca_", "shppa_", "shpss_", "pat", "lin_api_",
                "pmak-", "pplx-", "xai-", "r8_", "tvly-", "sq0", ":aa",
            ],
            follows: hints::token_16,
        },
        source: concat!(
            r"(?-u:\b)(?:gsk_[A-Za-z0-9]{40,}|hf_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{36}|dop_v1_[a-f0-9]{64}",
            r"|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}|pat[A-Za-z0-9]{14}\.[a-f0-9]{64}|lin_api_[A-Za-z0-9]{32,}",
            r"|PMAK-[a-f0-9]{24}-[a-f0-9]{34}|pplx-[A-Za-z0-9]{40,}|xai-[A-Za-z0-9]{60,}|r8_[A-Za-z0-9]{37}|tvly-[A-Za-z0-9-]{24,}",
            r"|pat-(?:na|eu)[0-9]-[a-f0-9-]{36}|sq0[a-z]{3}-[A-Za-z0-9_-]{22,}|[0-9]{8,10}:AA[A-Za-z0-9_-]{33})"
        ),
        accept: shaped,
    },
    Pattern {
        what: "JSON web token",
        hint: Hint { literals: &["eyj"], follows: hints::token_16 },
        source: r"(?-u:\b)eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{8,}",
        accept: always,
    },
    Pattern {
        what: "bearer token",
        hint: Hint { literals: &["bearer"], follows: hints::spaced_token },
        source: r"(?-u:\b)(?i-u:bearer)\s{1,4}([A-Za-z0-9._~+/=-]{12,})",
        accept: opaque,
    },
    Pattern {
        what: "user name and password",
        hint: Hint { literals: &["basic"], follows: hints::spaced_token },
        source: r"(?-u:\b)(?i-u:basic)\s{1,4}([A-Za-z0-9+/]{8,}={0,2})",
        accept: is_basic_credential,
    },
    Pattern {
        what: "password in an address",
        hint: Hint { literals: &["://"], follows: hints::user },
        source: r"(?-u:\b)[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/:@?#<>{}]{0,200}:([^\s/@<>{}]{1,200})@",
        accept: password,
    },
    Pattern {
        what: "credential in an address",
        hint: Hint {
            literals: &[
                "?api",
                "?key",
                "?access",
                "?auth",
                "?token",
                "?secret",
                "?sig",
                "?password",
                "?code",
                "&api",
                "&key",
                "&access",
                "&auth",
                "&token",
                "&secret",
                "&sig",
                "&password",
                "&code",
            ],
            follows: hints::anything,
        },
        source: r"[?&](?i-u:api[_-]?key|key|(?:access|auth)[_-]?token|token|secret|sig|signature|password|auth|code)=([A-Za-z0-9._~%+/=-]{12,})",
        accept: opaque,
    },
    Pattern {
        what: "credential",
        hint: Hint {
            literals: &["key", "token", "secret", "password", "passwd", "authorization"],
            follows: hints::quoted_assignment,
        },
        source: named!(r#"\\{0,3}["']\s{0,3}[:=]\s{0,3}\\{0,3}["']([^"'\\\s{}<>$*]{8,})\\{0,3}["']"#),
        accept: quoted,
    },
    Pattern {
        what: "credential",
        hint: Hint {
            literals: &["key", "token", "secret", "password", "passwd", "authorization"],
            follows: hints::assignment,
        },
        source: named!(r#"\s{0,3}[:=]\s{0,3}["']?([A-Za-z0-9._~+/=-]{16,})"#),
        accept: assigned,
    },
];

/// The shapes, one by one, each compiled when it first occurs: few do, and compiling costs more than
/// reading a config.
static EACH: [OnceLock<Regex>; PATTERNS.len()] = [const { OnceLock::new() }; PATTERNS.len()];

fn each(index: usize) -> &'static Regex {
    EACH[index]
        .get_or_init(|| Regex::new(PATTERNS[index].source).expect("the shapes are constants that compile"))
}

/// A secret in a text, as a range of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
    /// What it is called in messages.
    pub(super) what: &'static str,
}

/// The shortest text that is searched for shapes, in bytes: no shape is shorter.
const SHORTEST: usize = 12;

/// Every secret of a known shape in a text, in order and without overlaps.
pub(super) fn find(text: &str) -> Vec<Span> {
    if text.len() < SHORTEST {
        return Vec::new();
    }
    let mut spans = Vec::new();
    let possible = hints::possible(text);
    if possible == 0 {
        return Vec::new();
    }
    for (index, Pattern { what, accept, .. }) in PATTERNS.iter().enumerate() {
        if possible >> index & 1 == 0 {
            continue;
        }
        for captures in each(index).captures_iter(text) {
            let Some(secret) = captures.get(1).or_else(|| captures.get(0)) else { continue };
            if accept(secret.as_str()) {
                spans.push(Span { start: secret.start(), end: secret.end(), what });
            }
        }
    }
    spans.sort_by_key(|span| span.start);
    let mut apart: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match apart.last_mut() {
            Some(last) if span.start < last.end => last.end = last.end.max(span.end),
            _ => apart.push(span),
        }
    }
    apart
}
