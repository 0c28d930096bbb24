//! A webhook: where, of what and of whom something is told. The form in which a file keeps it.

use std::time::Duration;

use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::access::Pattern;
use crate::clock::Time;
use crate::error::without_secrets;
use crate::refs::Handle;

use super::{EventKind, SigningSecret, WebhookError};

/// Secrets that count besides the newest one.
const FORMER_MAX: usize = 3;
/// Longest overlap of two secrets.
pub const OVERLAP_MAX: Duration = Duration::from_hours(30 * 24);
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

/// A secret that another one took the place of.
#[derive(Debug, Clone)]
pub struct Former {
    /// The secret.
    pub secret: SigningSecret,
    /// Until when requests are signed with it, too.
    pub until: Time,
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
    /// What they are signed with as well, for a while.
    pub former: Vec<Former>,
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

    /// The signatures of a request, the newest secret's first, with a space between each two, as the standard has it.
    pub fn sign(&self, id: &str, now: Time, body: &[u8]) -> String {
        let seconds = now.as_ms().div_euclid(1000);
        let former =
            self.former.iter().rev().filter(|former| now < former.until).map(|former| &former.secret);
        let secrets = std::iter::once(&self.secret).chain(former);
        secrets.map(|secret| secret.sign(id, seconds, body)).collect::<Vec<_>>().join(" ")
    }

    /// Takes another secret; the one before counts for so long, and where that is no time at all, none of those before.
    ///
    /// # Errors
    /// `TooManySecrets`.
    pub(super) fn rotate(
        &mut self,
        secret: SigningSecret,
        now: Time,
        overlap: Duration,
    ) -> Result<(), WebhookError> {
        let ms = i64::try_from(overlap.min(OVERLAP_MAX).as_millis()).unwrap_or(0);
        let until = Time::from_ms(now.as_ms().saturating_add(ms)).unwrap_or(now);
        self.former.retain(|former| now < former.until && now < until);
        if self.former.len() >= FORMER_MAX {
            return Err(WebhookError::TooManySecrets { name: self.name.clone(), max: FORMER_MAX + 1 });
        }
        let before = std::mem::replace(&mut self.secret, secret);
        if now < until {
            self.former.push(Former { secret: before, until });
        }
        Ok(())
    }
}

/// Finds out whether an address can be told something; what is not encrypted only on this machine, unless that
/// is wanted.
///
/// # Errors
/// `BadUrl`, `Unencrypted`.
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
        return Err(WebhookError::Unencrypted(without_secrets(url)));
    }
    Ok(())
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// A secret that counts for a while, as the file has it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FormerEntry {
    secret: String,
    until_ms: i64,
}

/// A webhook, as the file has it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    id: String,
    name: String,
    url: String,
    secret: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    former: Vec<FormerEntry>,
    events: Vec<String>,
    agents: Vec<String>,
    created_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gone_ms: Option<i64>,
}

impl Entry {
    /// What the file is to have of a webhook: of the secrets before its newest one those that count still.
    pub(super) fn of(hook: &Hook, now: Time) -> Self {
        Self {
            id: hook.id.clone(),
            name: hook.name.to_string(),
            url: hook.url.clone(),
            secret: hook.secret.text(),
            former: hook
                .former
                .iter()
                .filter(|former| now < former.until)
                .map(|former| FormerEntry { secret: former.secret.text(), until_ms: former.until.as_ms() })
                .collect(),
            events: hook.events.iter().map(|event| event.name().to_owned()).collect(),
            agents: hook.agents.iter().map(Pattern::to_string).collect(),
            created_ms: hook.created.as_ms(),
            gone_ms: hook.gone.map(Time::as_ms),
        }
    }

    /// Whether a file that has it needs the form that knows former secrets.
    pub(super) fn has_former(&self) -> bool {
        !self.former.is_empty()
    }

    pub(super) fn into_hook(self) -> Result<Hook, String> {
        let time = |ms| Time::from_ms(ms).ok_or_else(|| format!("'{ms}' is no time"));
        let events: Result<_, WebhookError> = self.events.iter().map(|event| event.parse()).collect();
        let agents: Result<_, _> = self.agents.iter().map(|pattern| pattern.parse::<Pattern>()).collect();
        let former = |entry: FormerEntry| {
            Ok(Former { secret: SigningSecret::parse(&entry.secret)?, until: time(entry.until_ms)? })
        };
        Ok(Hook {
            former: self.former.into_iter().map(former).collect::<Result<_, String>>()?,
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

    fn at(ms: i64) -> Time {
        Time::from_ms(ms).expect("a time")
    }

    fn hook() -> Hook {
        Hook {
            id: "1".to_owned(),
            name: "deploys".parse().expect("a name"),
            url: "https://example.com/".to_owned(),
            secret: SigningSecret::random().expect("random bytes"),
            former: Vec::new(),
            events: EventKind::ALL.to_vec(),
            agents: vec![Pattern::all()],
            created: at(0),
            gone: None,
        }
    }

    #[test]
    fn both_secrets_sign_while_they_overlap_and_then_one() {
        let mut hook = hook();
        let first = hook.secret.clone();
        assert_eq!(hook.sign("m", at(0), b"{}"), first.sign("m", 0, b"{}"));
        let new = || SigningSecret::random().expect("random bytes");
        hook.rotate(new(), at(0), Duration::from_secs(10)).expect("rotated");
        let second = hook.secret.clone();
        let both = format!("{} {}", second.sign("m", 9, b"{}"), first.sign("m", 9, b"{}"));
        assert_eq!(hook.sign("m", at(9_999), b"{}"), both);
        assert_eq!(hook.sign("m", at(10_000), b"{}"), second.sign("m", 10, b"{}"));
        let read = Entry::of(&hook, at(9_999)).into_hook().expect("it reads back");
        assert_eq!(read.sign("m", at(9_999), b"{}"), both);
        // At once, as for secrets that somebody else knows.
        hook.rotate(new(), at(20_000), Duration::from_secs(10)).expect("rotated");
        hook.rotate(new(), at(20_000), Duration::ZERO).expect("rotated");
        assert_eq!(hook.sign("m", at(20_000), b"{}"), hook.secret.sign("m", 20, b"{}"));
        for _ in 0..FORMER_MAX {
            hook.rotate(new(), at(20_000), Duration::from_secs(10)).expect("rotated");
        }
        let refused = hook.clone().rotate(new(), at(20_000), Duration::from_secs(10));
        assert!(matches!(refused, Err(WebhookError::TooManySecrets { .. })), "{refused:?}");
        hook.rotate(new(), at(30_000), Duration::from_secs(10)).expect("those before count no more");
    }

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
