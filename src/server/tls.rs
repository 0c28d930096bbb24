//! TLS for connections, when the server is given a certificate.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::disk::{Disk, DiskError};
use crate::error::{Classify, Kind};

/// Largest file of certificates or keys, in bytes.
const FILE_MAX_BYTES: u64 = 1024 * 1024;

/// What a server proves with that it is itself.
#[derive(Clone)]
pub struct Identity(Arc<ServerConfig>);

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read '{}'", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: DiskError,
    },
    /// A file has no certificate, or no key, in PEM.
    #[error("'{}' has no {what} in PEM: {reason}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is not in it.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Certificate and key do not belong together, or are of a kind that is not known.
    #[error("certificate and key cannot be used together: {0}")]
    Pair(String),
}

impl Classify for TlsError {
    fn kind(&self) -> Kind {
        match self {
            Self::Disk { source, .. } if source.is_not_found() => Kind::NotFound,
            Self::Disk { .. } => Kind::Io,
            Self::Pem { .. } | Self::Pair(_) => Kind::Invalid,
        }
    }
}

impl Identity {
    /// Reads a certificate, the issuers after it, and its key, each in PEM.
    ///
    /// # Errors
    /// When a file cannot be read or has nothing of the kind, or they do not belong together.
    pub fn read(disk: &dyn Disk, certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let read = |path: &Path| {
            let failed = |source| TlsError::Disk { path: path.to_path_buf(), source };
            disk.read(path, FILE_MAX_BYTES).map_err(failed)
        };
        let pem =
            |path: &Path, what, reason: String| TlsError::Pem { path: path.to_path_buf(), what, reason };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(certificate)?).collect();
        let chain = chain.map_err(|error| pem(certificate, "certificate", error.to_string()))?;
        if chain.is_empty() {
            return Err(pem(certificate, "certificate", "nothing is in it".to_owned()));
        }
        let secret = PrivateKeyDer::from_pem_slice(&read(key)?)
            .map_err(|error| pem(key, "private key", error.to_string()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let pair = |error: rustls::Error| TlsError::Pair(error.to_string());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(pair)?
            .with_no_client_auth()
            .with_single_cert(chain, secret)
            .map_err(pair)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }

    /// What takes connections in.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0))
    }
}
