//! Addresses of buckets, and how a service is reached: by what the environment says, never by what stands
//! in an address or in a store.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::{ClientOptions, ObjectStore, RetryConfig};

use crate::error::without_secrets;

use super::BucketError;
use super::error::scrubbed;

/// How long one request may take, and how long it may take to be connected, in seconds.
const TIMEOUT_S: (u64, u64) = (30, 5);

/// The kind of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    S3,
    Azure,
    Google,
}

/// The address of a bucket and a prefix in it, as `s3://bucket/prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketUrl {
    service: Service,
    bucket: String,
    prefix: String,
}

impl BucketUrl {
    /// Whether a text is meant as such an address.
    pub fn is_one(text: &str) -> bool {
        text.split_once("://").is_some_and(|(scheme, _)| service(scheme).is_some())
    }

    /// Where below the bucket the store lies.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The client of the service, as the environment says.
    pub(super) fn connect(&self) -> Result<Arc<dyn ObjectStore>, BucketError> {
        // Fails where one is installed already, which does as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let retries =
            RetryConfig { max_retries: 2, retry_timeout: Duration::from_secs(10), ..RetryConfig::default() };
        let built = match self.service {
            Service::S3 => {
                let builder = AmazonS3Builder::from_env().with_bucket_name(&self.bucket).with_retry(retries);
                let options = options(std::env::var("AWS_ALLOW_HTTP").is_ok_and(|value| is_yes(&value)));
                builder
                    .with_client_options(options)
                    .build()
                    .map(|store| Arc::new(store) as Arc<dyn ObjectStore>)
            }
            Service::Azure => {
                let builder = MicrosoftAzureBuilder::from_env().with_container_name(&self.bucket);
                let options = options(std::env::var("AZURE_ALLOW_HTTP").is_ok_and(|value| is_yes(&value)));
                let built = builder.with_retry(retries).with_client_options(options).build();
                built.map(|store| Arc::new(store) as Arc<dyn ObjectStore>)
            }
            Service::Google => {
                let builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(&self.bucket);
                let built = builder.with_retry(retries).with_client_options(options(false)).build();
                built.map(|store| Arc::new(store) as Arc<dyn ObjectStore>)
            }
        };
        built.map_err(|error| BucketError::Settings {
            service: self.service.name(),
            said: scrubbed(error.to_string()),
        })
    }
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Self::S3 => "S3",
            Self::Azure => "Azure",
            Self::Google => "Google Cloud Storage",
        }
    }

    fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Azure => "az",
            Self::Google => "gs",
        }
    }
}

fn options(allow_http: bool) -> ClientOptions {
    ClientOptions::new()
        .with_timeout(Duration::from_secs(TIMEOUT_S.0))
        .with_connect_timeout(Duration::from_secs(TIMEOUT_S.1))
        .with_allow_http(allow_http)
}

fn is_yes(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on")
}

fn service(scheme: &str) -> Option<Service> {
    match scheme {
        "s3" => Some(Service::S3),
        "az" => Some(Service::Azure),
        "gs" => Some(Service::Google),
        _ => None,
    }
}

impl FromStr for BucketUrl {
    type Err = BucketError;

    fn from_str(text: &str) -> Result<Self, BucketError> {
        let address = without_secrets(text);
        let bad = |reason| Err(BucketError::Address { address: address.clone(), reason });
        let Some((scheme, rest)) = text.split_once("://") else { return bad("it has no scheme") };
        let Some(service) = service(scheme) else { return bad("its scheme is not s3, az or gs") };
        if rest.contains('@') {
            return bad("credentials do not belong into an address");
        }
        if rest.contains(['?', '#', '%', '\\']) || rest.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return bad("it has characters that no bucket and no prefix has");
        }
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let fits = bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if bucket.is_empty() || !fits {
            return bad("it names no bucket");
        }
        let prefix = prefix.trim_end_matches('/');
        if !prefix.is_empty() && prefix.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return bad("its prefix has an empty part, '.' or '..'");
        }
        Ok(Self { service, bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

impl fmt::Display for BucketUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.service.scheme(), self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for (text, same) in [
            ("s3://bucket", "s3://bucket"),
            ("s3://bucket/", "s3://bucket"),
            ("s3://bucket/a/b", "s3://bucket/a/b"),
            ("az://box/x/", "az://box/x"),
            ("gs://b.c_d/x", "gs://b.c_d/x"),
        ] {
            assert_eq!(text.parse::<BucketUrl>().map(|url| url.to_string()).ok().as_deref(), Some(same));
        }
    }

    #[test]
    fn what_is_none_is_refused_without_its_password() {
        for text in [
            "bucket",
            "http://bucket",
            "s3://",
            "s3:///x",
            "s3://b/../x",
            "s3://b//x",
            "s3://b/x?y",
            "s3://b c",
            "s3://key:secret@bucket/x",
            "s3://b/%2e%2e",
            "S3://bucket",
            "s3://b/x#y",
            "s3://b/\u{7}",
        ] {
            let error = text.parse::<BucketUrl>().expect_err(text).to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        assert!(BucketUrl::is_one("s3://x") && !BucketUrl::is_one("http://x") && !BucketUrl::is_one("./s3"));
    }
}
