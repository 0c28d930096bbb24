//! The table of rules: what each is called, how grave it is, and why it exists. The reference
//! page of the rules is made from it.

use super::finding::Severity;

/// A secret stands in the config.
pub(super) const SECRET: &str = "secret-in-config";
/// A masked secret stands where the secret should.
pub(super) const MASKED: &str = "masked-secret";
/// An address that is called without encryption.
pub(super) const PLAIN_URL: &str = "plain-http-url";
/// An address inside a private network.
pub(super) const PRIVATE_URL: &str = "private-network-url";
/// A telephone number that is not in E.164 form.
pub(super) const PHONE: &str = "phone-not-e164";
/// A variable that nothing defines.
pub(super) const UNDEFINED: &str = "undefined-variable";
/// A prompt without text.
pub(super) const EMPTY_PROMPT: &str = "empty-prompt";

/// One rule of the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The name, as findings carry it.
    pub id: &'static str,
    /// How grave a finding is.
    pub severity: Severity,
    /// Why the rule exists, in one line.
    pub rationale: &'static str,
    /// What to do about a finding, in one line.
    pub remedy: &'static str,
}

/// Every rule, in alphabetical order.
pub const RULES: [Rule; 7] = [
    Rule {
        id: EMPTY_PROMPT,
        severity: Severity::Warning,
        rationale: "an agent with an empty prompt answers with whatever its model makes up",
        remedy: "write the prompt, or remove the field",
    },
    Rule {
        id: MASKED,
        severity: Severity::Error,
        rationale: "a masked secret comes from an output of recto or of the vendor; saved, it would overwrite the real one",
        remedy: "put back the real value's variable, such as {{api_key}}",
    },
    Rule {
        id: PHONE,
        severity: Severity::Error,
        rationale: "a number that is not '+', country code and subscriber number fails only when a caller is transferred",
        remedy: "write the number as '+' and 7 to 15 digits without spaces",
    },
    Rule {
        id: PLAIN_URL,
        severity: Severity::Error,
        rationale: "http and ws carry what callers say, and the credentials of the call, in the open",
        remedy: "use https or wss",
    },
    Rule {
        id: PRIVATE_URL,
        severity: Severity::Error,
        rationale: "the vendor's servers cannot reach a private network, and an address in theirs is an attack on them",
        remedy: "use a public host name",
    },
    Rule {
        id: SECRET,
        severity: Severity::Error,
        rationale: "a version is kept for ever and copied to every clone, so a secret in it can only be revoked",
        remedy: "revoke the secret, and use a variable such as {{api_key}} in its place",
    },
    Rule {
        id: UNDEFINED,
        severity: Severity::Warning,
        rationale: "a variable that nothing defines is spoken as braces, or as silence",
        remedy: "define the variable, correct its name, or give it a fallback as in {{name|there}}",
    },
];

/// The severity of a rule, by its name.
pub(super) fn severity_of(id: &str) -> Severity {
    RULES.iter().find(|rule| rule.id == id).map_or(Severity::Error, |rule| rule.severity)
}
