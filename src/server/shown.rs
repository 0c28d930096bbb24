//! What a client wrote, as errors repeat it. Knows texts only.

/// How much of it is told, in characters.
const SHOWN_MAX_CHARS: usize = 64;

/// What a client wrote, short and without what steers terminals.
pub(super) fn shown(text: &str) -> String {
    text.escape_debug().take(SHOWN_MAX_CHARS).collect()
}
