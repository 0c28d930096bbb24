//! Canonical JSON (RFC 8785). Being written.

/// Writes.
pub fn to_vec(value: &serde_json::Value) -> Vec<u8> {
    value.to_string().into_bytes()
}
