//! The secret of a webhook, and what is signed with it: Standard Webhooks, version 1 of its symmetric
//! signatures (HMAC-SHA256).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use super::WebhookError;

/// How the text of every secret begins.
const PREFIX: &str = "whsec_";
/// Random bytes of a secret.
const SECRET_BYTES: usize = 32;
/// Fewest bytes of a secret that signs anything.
const SECRET_MIN_BYTES: usize = 24;

/// The secret of a webhook. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Vec<u8>);

impl SigningSecret {
    /// A new one.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn random() -> Result<Self, WebhookError> {
        let mut bytes = vec![0; SECRET_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| WebhookError::Random(error.to_string()))?;
        Ok(Self(bytes))
    }

    /// Reads a secret; why it is none does not repeat it.
    ///
    /// # Errors
    /// When it is not `whsec_` and at least 24 bytes in base64.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bytes = text.strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok());
        let bytes = bytes.filter(|bytes| bytes.len() >= SECRET_MIN_BYTES);
        bytes.map(Self).ok_or_else(|| "a secret is 'whsec_' and at least 24 bytes in base64".to_owned())
    }

    /// The text, to be shown once, and kept.
    pub fn text(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// The signature of a request: `v1,` and the base64 of what its id, its time in seconds and its body give.
    pub fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let mut signing = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.0));
        signing.update(format!("{id}.{seconds}.").as_bytes());
        signing.update(body);
        format!("v1,{}", STANDARD.encode(signing.sign()))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_as_the_standard_says() {
        let secret = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        let signature =
            secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_what_its_text_says_and_shows_itself_nowhere_else() {
        let secret = SigningSecret::random().expect("random bytes");
        assert_ne!(secret, SigningSecret::random().expect("random bytes"));
        assert_eq!(SigningSecret::parse(&secret.text()), Ok(secret.clone()));
        assert_eq!(format!("{secret:?}"), "SigningSecret");
        for bad in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_no base64!"] {
            let error = SigningSecret::parse(bad).expect_err("no secret");
            assert!(bad.is_empty() || bad == "whsec_" || !error.contains(bad), "{error}");
        }
    }
}
