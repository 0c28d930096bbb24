//! The coarse kinds of failure. Every module has an error enum of its own; each of them maps to
//! one kind here, and only the edges (`cli`, `server`) turn a kind into an exit code or a status.

/// What a caller would do differently about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The thing asked for is not there (an agent, a revision, an object).
    NotFound,
    /// The operation is not allowed in the present state; nothing was changed.
    Refused,
    /// The words of the request are wrong (a malformed name, revision or path).
    Usage,
    /// Something moved since it was read: read again and decide.
    Conflict,
    /// Stored bytes are not what was written.
    Corrupt,
    /// The config or the document does not satisfy its rules.
    Invalid,
    /// The operating system refused: full disk, no permission, failed flush.
    Io,
    /// The caller was interrupted; what was acknowledged before stays.
    Interrupted,
    /// An invariant of recto itself does not hold.
    Bug,
}

/// An address as it may be shown: what stands before an at sign may be a name and a password.
pub fn without_secrets(address: &str) -> String {
    match (address.split_once("://"), address.rsplit_once('@')) {
        (Some((scheme, rest)), Some((_, place))) if rest.contains('@') => format!("{scheme}://***@{place}"),
        _ => address.to_owned(),
    }
}

/// What an error was caused by, the nearest first; a cause that only repeats the one before it is left out.
pub fn causes(error: &dyn std::error::Error) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if texts.last() != Some(&text) {
            texts.push(text);
        }
        source = cause.source();
    }
    texts.remove(0);
    texts
}

/// An error that knows its coarse kind and, where there is one, a command that helps.
pub trait Classify: std::error::Error {
    /// The coarse kind.
    fn kind(&self) -> Kind;

    /// A hint that can be acted on as it stands, without the word `hint`.
    fn hint(&self) -> Option<String> {
        None
    }

    /// What the message only counts: every problem, every change that would be lost, a line each.
    fn details(&self) -> Vec<String> {
        Vec::new()
    }
}
