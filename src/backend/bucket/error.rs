//! What goes wrong between this machine and a bucket. No text here ever holds a credential.

use crate::error::{Classify, Kind};

/// Longest text of a service that is repeated, in bytes.
const SAID_MAX_BYTES: usize = 300;

/// Variables whose values never stand in a text.
const SECRETS: [&str; 10] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_ACCESS_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_STORAGE_SAS_KEY",
    "AZURE_STORAGE_CLIENT_SECRET",
    "AZURE_CLIENT_SECRET",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
];

/// Why a bucket could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// The address is none of a bucket.
    #[error("'{address}' is no address of a bucket: {reason}")]
    Address {
        /// The address, without what may be a credential.
        address: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// What the environment says of the service cannot be used.
    #[error("the settings for {service} cannot be used: {said}")]
    Settings {
        /// The service.
        service: &'static str,
        /// What is wrong.
        said: String,
    },
    /// The service does not let us.
    #[error("cannot {doing}: the service refused the credentials: {said}")]
    Denied {
        /// What was being done.
        doing: String,
        /// What the service said.
        said: String,
    },
    /// There is no such bucket.
    #[error("cannot {doing}: there is no such bucket: {said}")]
    NoBucket {
        /// What was being done.
        doing: String,
        /// What the service said.
        said: String,
    },
    /// The service did not answer, or not in a way that helps.
    #[error("cannot {doing}: {said}")]
    Failed {
        /// What was being done.
        doing: String,
        /// What the service said.
        said: String,
    },
    /// The service does not keep a promise without which operations would be lost.
    #[error("this service cannot hold a store: {0}")]
    BrokenPromise(&'static str),
    /// Something that a state names is not there.
    #[error("'{0}' is missing")]
    Missing(String),
    /// Something is too large to be written in one piece.
    #[error("there are {size_bytes} bytes to write in one piece, more than the {max_bytes} that it may have")]
    TooLarge {
        /// Its size.
        size_bytes: u64,
        /// The limit.
        max_bytes: u64,
    },
    /// Others kept writing what had to be written.
    #[error("'{0}' kept being changed by others")]
    Contended(String),
    /// The system has no random bytes.
    #[error("no random bytes from the system: {0}")]
    Random(String),
    /// The machine refused what requests need.
    #[error("cannot start what sends requests: {0}")]
    Start(String),
}

impl BucketError {
    /// Says what a service answered, in words without credentials.
    pub(super) fn of(doing: &str, error: &object_store::Error) -> Self {
        use object_store::Error;
        let (doing, said) = (doing.to_owned(), said(error));
        let has = |word: &str| said.contains(word);
        match error {
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => Self::Denied { doing, said },
            _ if has("NoSuchBucket") || has("ContainerNotFound") => Self::NoBucket { doing, said },
            _ if has("InvalidAccessKeyId") || has("SignatureDoesNotMatch") || has("169.254.169.254") => {
                Self::Denied { doing, said }
            }
            _ => Self::Failed { doing, said },
        }
    }
}

/// The innermost causes of an error in one line, shortened.
fn said(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    if let Some(told) = told(&text) {
        return scrubbed(told);
    }
    // A query may carry a signature.
    while let Some(start) = text.find('?') {
        let end = text[start..].find([' ', ')', '"', '\n']).map_or(text.len(), |len| start + len);
        text.replace_range(start..end, "");
    }
    scrubbed(text)
}

/// The code and the message of an answer in XML.
fn told(text: &str) -> Option<String> {
    let within = |tag: &str| {
        let (_, rest) = text.split_once(&format!("<{tag}>"))?;
        rest.split_once(&format!("</{tag}>")).map(|(inside, _)| inside)
    };
    Some(format!("{}: {}", within("Code")?, within("Message")?))
}

/// A text without control characters and without the value of any variable that holds a secret.
pub(super) fn scrubbed(mut text: String) -> String {
    for name in SECRETS {
        if let Ok(value) = std::env::var(name)
            && value.len() >= 8
        {
            text = text.replace(&value, "***");
        }
    }
    let mut text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.len() > SAID_MAX_BYTES {
        let end = (0..=SAID_MAX_BYTES).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push_str("...");
    }
    text
}

impl Classify for BucketError {
    fn kind(&self) -> Kind {
        match self {
            Self::Address { .. } => Kind::Usage,
            Self::Settings { .. } | Self::BrokenPromise(_) => Kind::Refused,
            Self::NoBucket { .. } => Kind::NotFound,
            Self::Denied { .. } | Self::Failed { .. } | Self::Random(_) | Self::Start(_) => Kind::Io,
            Self::Missing(_) => Kind::Corrupt,
            Self::Contended(_) => Kind::Conflict,
            Self::TooLarge { .. } => Kind::Invalid,
        }
    }

    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Address { .. } => "write s3://BUCKET/PREFIX, az://CONTAINER/PREFIX or gs://BUCKET/PREFIX",
            Self::Settings { .. } | Self::Denied { .. } => {
                "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION (and AWS_ENDPOINT elsewhere than at AWS), AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY (and AZURE_STORAGE_ENDPOINT elsewhere than at Azure), or GOOGLE_SERVICE_ACCOUNT"
            }
            Self::NoBucket { .. } => {
                "create the bucket or container first, and check the endpoint: AWS_ENDPOINT and AWS_REGION, or AZURE_STORAGE_ENDPOINT"
            }
            Self::Failed { .. } => {
                "check the network and the endpoint (AWS_ENDPOINT and AWS_REGION, or AZURE_STORAGE_ENDPOINT); one without TLS needs AWS_ALLOW_HTTP=true or AZURE_ALLOW_HTTP=true"
            }
            Self::Missing(_) => "run 'recto fsck' for all that is damaged",
            Self::Contended(_) => "run the command again",
            Self::BrokenPromise(_) => {
                "use a service whose conditional writes hold: docs/limits.md names some"
            }
            Self::Random(_) | Self::Start(_) | Self::TooLarge { .. } => return None,
        };
        Some(text.to_owned())
    }
}
