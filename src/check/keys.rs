//! What the name of a field says about its value: a secret, an address, a telephone number.
//! Names are compared word by word, so that `maxTokens` is not taken for a token.

/// How strongly a name says that its value is a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sensitivity {
    /// Any literal is a secret (`password`, `x-api-key`).
    Sure,
    /// A literal that looks random is a secret (`token`, `cookie`).
    Likely,
}

/// Pairs of last words that name a secret key.
const KEY_PAIRS: [(&str, &str); 12] = [
    ("api", "key"),
    ("access", "key"),
    ("private", "key"),
    ("secret", "key"),
    ("signing", "key"),
    ("encryption", "key"),
    ("subscription", "key"),
    ("auth", "key"),
    ("account", "key"),
    ("pass", "word"),
    ("pass", "phrase"),
    ("functions", "key"),
];

/// Last words that name a secret.
const SURE_WORDS: [&str; 9] = [
    "authorization",
    "apikey",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "authtoken",
    "accesstoken",
];

/// Last words that name a secret if the value looks like one.
const LIKELY_WORDS: [&str; 8] =
    ["token", "cookie", "auth", "bearer", "credential", "credentials", "secrets", "jwt"];

/// Words that make the token a part of the model's vocabulary or a cursor.
const TOKEN_KINDS: [&str; 10] =
    ["stop", "eos", "bos", "pad", "unk", "special", "page", "next", "continuation", "end"];

/// The words of a name, in lower case: split at case changes and at anything not alphanumeric,
/// without numbers at the end.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut previous = ' ';
    for c in name.chars().take(200) {
        let boundary = !previous.is_alphanumeric() || (previous.is_lowercase() && c.is_uppercase());
        if c.is_alphanumeric() {
            if boundary || words.is_empty() {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.extend(c.to_lowercase());
            }
        }
        previous = c;
    }
    while words.last().is_some_and(|word| word.bytes().all(|b| b.is_ascii_digit())) {
        words.pop();
    }
    words
}

/// The last two words, the first of them empty if there is only one.
fn last_two(words: &[String]) -> (&str, &str) {
    let last = words.last().map_or("", String::as_str);
    let before = words.len().checked_sub(2).map_or("", |at| words[at].as_str());
    (before, last)
}

/// What the name of a field says about its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts {
    sensitivity: Option<Sensitivity>,
    /// The last word is one that means a secret inside headers only: elsewhere a signature is the
    /// model's own, and a key any name.
    in_headers_only: bool,
    /// The value is an address.
    pub(super) address: bool,
    /// The value is a telephone number.
    pub(super) phone: Option<PhoneField>,
}

impl Facts {
    /// What this name says.
    pub(super) fn of(name: &str) -> Self {
        let words = words(name);
        let (before, last) = last_two(&words);
        let address = ["url", "uri", "endpoint", "webhook", "baseurl", "websocket", "href"].contains(&last);
        let phone = phone_field(before, last);
        let last = last.trim_end_matches(|c: char| c.is_ascii_digit());
        let sure = SURE_WORDS.contains(&last) || KEY_PAIRS.contains(&(before, last));
        let likely = LIKELY_WORDS.contains(&last) && !TOKEN_KINDS.contains(&before);
        let sensitivity = if sure { Some(Sensitivity::Sure) } else { likely.then_some(Sensitivity::Likely) };
        Self { sensitivity, in_headers_only: ["key", "signature"].contains(&last), address, phone }
    }

    /// Whether the value is a secret. Inside headers also that of `X-Key` and the like.
    pub(super) fn sensitivity(self, in_headers: bool) -> Option<Sensitivity> {
        self.sensitivity.or((in_headers && self.in_headers_only).then_some(Sensitivity::Likely))
    }
}

/// Whether the name says that its values are addresses to allow, which nobody calls.
pub(super) fn is_allowlist(name: &str) -> bool {
    let words = words(name);
    let (before, last) = last_two(&words);
    ["allowlist", "whitelist", "domains", "origins", "origin", "blocklist", "denylist"].contains(&last)
        || (["allow", "white", "block", "deny"].contains(&before) && last == "list")
}

/// What a name says about telephone numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PhoneField {
    /// A number that a call is sent to: anything but a number is wrong.
    Transfer,
    /// A number; a description in its place is none of this rule's business.
    Number,
}

/// Whether the name says that its value is a telephone number.
fn phone_field(before: &str, last: &str) -> Option<PhoneField> {
    match (before, last) {
        ("transfer" | "forward" | "forwarding" | "escalation", "number" | "phone")
        | (_, "transfernumber") => Some(PhoneField::Transfer),
        ("phone" | "telephone", "numbers")
        | (_, "phonenumber" | "phonenumbers")
        | (
            "phone" | "telephone" | "to" | "from" | "fallback" | "destination" | "outbound" | "caller"
            | "callback",
            "number",
        )
        | ("to" | "from" | "fallback" | "destination" | "outbound" | "caller" | "callback", "phone") => {
            Some(PhoneField::Number)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_into_words() {
        let check = |name: &str, expected: &str| assert_eq!(words(name).join(" "), expected, "{name}");
        check("xi-api-key", "xi api key");
        check("clientSecret2", "client secret2");
        check("client_secret_2", "client secret");
        check("customLLMWebSocketUrl", "custom llmweb socket url");
        check("", "");
    }

    #[test]
    fn names_of_secrets_are_told_from_names_about_secrets() {
        for name in [
            "Authorization",
            "X-API-Key",
            "apiKey",
            "client_secret",
            "dbPassword",
            "Ocp-Apim-Subscription-Key",
        ] {
            assert_eq!(Facts::of(name).sensitivity(false), Some(Sensitivity::Sure), "{name}");
        }
        for name in ["token", "X-Auth-Token", "Cookie", "access_token"] {
            assert_eq!(Facts::of(name).sensitivity(false), Some(Sensitivity::Likely), "{name}");
        }
        let others = ["max_tokens", "maxTokens", "tokenizer", "token_url", "passwordPolicy", "secret_name"];
        for name in others.into_iter().chain([
            "stop_token",
            "next_page_token",
            "signature",
            "key",
            "keyword",
            "author",
            "",
        ]) {
            assert_eq!(Facts::of(name).sensitivity(false), None, "{name}");
        }
        assert_eq!(Facts::of("X-Key").sensitivity(true), Some(Sensitivity::Likely));
    }
}
