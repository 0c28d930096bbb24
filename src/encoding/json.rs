//! Strict I-JSON parsing (RFC 7493). Being written.

/// Why a document was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct JsonError {
    /// why
    pub reason: String,
}

/// Parses.
/// # Errors
/// later
pub fn parse(bytes: &[u8]) -> Result<serde_json::Value, JsonError> {
    serde_json::from_slice(bytes).map_err(|e| JsonError { reason: e.to_string() })
}
