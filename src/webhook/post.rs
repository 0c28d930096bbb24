//! Requests to webhooks: signed, answered within 10 s or not at all, and never sent on to another place.

use std::error::Error as _;
use std::io::Read as _;
use std::time::Duration;

use reqwest::blocking;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect;

use crate::clock::Time;

use super::{Hook, Message, WebhookError};

/// How long a request may take until it is answered.
const TIMEOUT: Duration = Duration::from_secs(10);
/// What is kept of the body of an answer, in bytes.
const ANSWER_MAX_BYTES: u64 = 2048;
/// The status of what has gone for good.
pub(super) const GONE: u16 = 410;

/// Whether a status says that what was told was taken.
pub(super) fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

/// What a webhook answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    response: blocking::Response,
}

impl Answer {
    /// Whether the webhook has taken what it was told.
    pub fn is_taken(&self) -> bool {
        is_success(self.status)
    }

    /// How its body begins; empty when it does not come.
    pub fn into_text(self) -> String {
        let mut body = Vec::new();
        // An answer that breaks off has its status all the same.
        let _ = self.response.take(ANSWER_MAX_BYTES).read_to_end(&mut body);
        String::from_utf8_lossy(&body).into_owned()
    }
}

/// Sends requests.
#[derive(Debug, Clone)]
pub struct Poster(blocking::Client);

impl Poster {
    /// Something that sends requests.
    ///
    /// # Errors
    /// Why nothing can be sent from here.
    pub fn new() -> Result<Self, String> {
        // Fails when there is one already, which is as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = blocking::Client::builder()
            .user_agent(concat!("recto/", env!("CARGO_PKG_VERSION")))
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .build();
        client.map(Self).map_err(|error| reason(&error))
    }

    /// Tells a webhook something, as of now.
    ///
    /// # Errors
    /// `Unanswered`.
    pub fn send(&self, hook: &Hook, message: &Message, now: Time) -> Result<Answer, WebhookError> {
        let request = self
            .0
            .post(&hook.url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", now.as_ms().div_euclid(1000).to_string())
            .header("webhook-signature", hook.sign(&message.id, now, &message.body))
            .body(message.body.clone());
        let unanswered = |error| WebhookError::Unanswered { name: hook.name.clone(), reason: reason(&error) };
        let response = request.send().map_err(unanswered)?;
        Ok(Answer { status: response.status().as_u16(), response })
    }
}

/// Why there was no answer; without the address, in which there may be something secret.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", TIMEOUT.as_secs());
    }
    let mut last: Option<&(dyn std::error::Error + 'static)> = error.source();
    while let Some(next) = last.and_then(std::error::Error::source) {
        last = Some(next);
    }
    last.map_or_else(|| "the request failed".to_owned(), ToString::to_string)
}
