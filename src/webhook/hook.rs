//! A webhook: where, of what and of whom something is told. The form in which a file keeps it.

use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::access::Pattern;
use crate::clock::Time;
use crate::error::without_secrets;
use crate::refs::Handle;

use super::{EventKind, SigningSecret, WebhookError};

/// Longest address, in bytes.
const URL_MAX_BYTES: usize = 2048;

/// A webhook that is to be added.
#[derive(Debug, Clone)]
pub struct NewHook {
    /// Its name.
    pub name: Handle,
    /// Where it is told; [`check_url`] finds it good.
    pub url: String,
    /// What of; everything when empty.
    pub events: Vec<EventKind>,
    /// Of which agents; of all when empty.
    pub agents: Vec<Pattern>,
}

/// A webhook.
#[derive(Debug, Clone)]
pub struct Hook {
    /// Its id, random: another one of the same name is another webhook.
    pub id: String,
    /// Its name.
    pub name: Handle,
    /// Where it is told.
    pub url: String,
    /// What its requests are signed with.
    pub secret: SigningSecret,
    /// What it is told of, and no more.
    pub events: Vec<EventKind>,
    /// The agents that it is told of.
    pub agents: Vec<Pattern>,
    /// When it was added.
    pub created: Time,
    /// Since when it is told nothing more, because it said that it has gone.
    pub gone: Option<Time>,
}

impl Hook {
    /// Whether it is told of an agent.
    pub fn hears(&self, agent: &Handle) -> bool {
        self.agents.iter().any(|pattern| pattern.matches(agent.as_str()))
    }
}

/// Finds out whether an address can be told something; what is not encrypted only on this machine, unless that
/// is wanted.
///
/// # Errors
/// `BadUrl`.
pub fn check_url(url: &str, insecure: bool) -> Result<(), WebhookError> {
    let bad =
        |reason: &str| Err(WebhookError::BadUrl { url: without_secrets(url), reason: reason.to_owned() });
    if url.len() > URL_MAX_BYTES {
        return bad("it has more than 2048 bytes");
    }
    let parsed = match Url::parse(url) {
        Ok(parsed) => parsed,
        Err(error) => return bad(&error.to_string()),
    };
    if !["http", "https"].contains(&parsed.scheme()) || parsed.host_str().is_none() {
        return bad("it is not http://HOST or https://HOST");
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return bad("a name or password in it would be shown in lists; requests are signed");
    }
    if parsed.fragment().is_some() {
        return bad("an address of a server has no '#'");
    }
    if parsed.scheme() == "http" && !insecure && !is_loopback(&parsed) {
        return bad("what is sent there is not encrypted; use https, or '--insecure'");
    }
    Ok(())
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// A webhook, as the file has it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    id: String,
    name: String,
    url: String,
    secret: String,
    events: Vec<String>,
    agents: Vec<String>,
    created_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gone_ms: Option<i64>,
}

impl Entry {
    pub(super) fn of(hook: &Hook) -> Self {
        Self {
            id: hook.id.clone(),
            name: hook.name.to_string(),
            url: hook.url.clone(),
            secret: hook.secret.text(),
            events: hook.events.iter().map(|event| event.name().to_owned()).collect(),
            agents: hook.agents.iter().map(Pattern::to_string).collect(),
            created_ms: hook.created.as_ms(),
            gone_ms: hook.gone.map(Time::as_ms),
        }
    }

    pub(super) fn into_hook(self) -> Result<Hook, String> {
        let time = |ms| Time::from_ms(ms).ok_or_else(|| format!("'{ms}' is no time"));
        let events: Result<_, WebhookError> = self.events.iter().map(|event| event.parse()).collect();
        let agents: Result<_, _> = self.agents.iter().map(|pattern| pattern.parse::<Pattern>()).collect();
        Ok(Hook {
            name: self.name.parse().map_err(|_| format!("'{}' is no name", self.name))?,
            secret: SigningSecret::parse(&self.secret)?,
            events: events.map_err(|error| error.to_string())?,
            agents: agents.map_err(|error| error.to_string())?,
            created: time(self.created_ms)?,
            gone: self.gone_ms.map(time).transpose()?,
            id: self.id,
            url: self.url,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_encrypted_or_on_this_machine_and_have_no_password() {
        let check = |url: &str, insecure, good| {
            assert_eq!(check_url(url, insecure).is_ok(), good, "{url}");
        };
        for url in [
            "https://hooks.example.com/a?b=c",
            "http://127.0.0.1:80/",
            "http://[::1]:8/x",
            "http://localhost/",
        ] {
            check(url, false, true);
        }
        for url in ["http://example.com/", "http://10.0.0.1/", "http://127.0.0.1.example.com/"] {
            check(url, false, false);
            check(url, true, true);
        }
        let long = format!("https://example.com/{}", "x".repeat(URL_MAX_BYTES));
        for url in
            ["", "example.com", "ftp://example.com/", "file:///etc/passwd", "https://a:b@example.com/", &long]
        {
            check(url, true, false);
        }
        let error = check_url("https://ana:hidden@example.com/", false).expect_err("it has a password");
        assert!(!error.to_string().contains("hidden"), "{error}");
    }
}
