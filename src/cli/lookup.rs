//! Finds an object by its id, or by the beginning of its id.

use crate::error::Kind;
use crate::object::ObjectId;
use crate::repo::Repo;

use super::error::CliError;

/// Digits of an id.
const ID_DIGITS: usize = 64;
/// Fewest digits that name an object.
const PREFIX_MIN_DIGITS: usize = 4;
/// Most candidates that are listed.
const CANDIDATES_MAX: usize = 10;

/// The object whose id begins with these digits. A whole id is taken as it is.
///
/// # Errors
/// When the text is no beginning of an id, or names no object, or several.
pub(crate) fn object_id(repo: &Repo, text: &str) -> Result<ObjectId, CliError> {
    let digits = text.to_ascii_lowercase();
    let hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    if !hex || !(PREFIX_MIN_DIGITS..=ID_DIGITS).contains(&digits.len()) {
        let reason = format!("{PREFIX_MIN_DIGITS} to {ID_DIGITS} hexadecimal digits");
        return Err(CliError::usage(format!("'{text}' is not the id of an object: {reason}")));
    }
    if let Ok(id) = digits.parse() {
        return Ok(id);
    }
    let found = repo.backend().find(&digits, CANDIDATES_MAX + 1)?;
    match found.as_slice() {
        [] => Err(absent(text)),
        [id] => Ok(*id),
        several => {
            let more = (several.len() > CANDIDATES_MAX).then(|| "...".to_owned());
            let candidates = several.iter().take(CANDIDATES_MAX).map(ToString::to_string).chain(more);
            Err(CliError::usage(format!("'{text}' is the beginning of several ids")).details(candidates))
        }
    }
}

/// Says that there is no such object.
pub(crate) fn absent(text: impl std::fmt::Display) -> CliError {
    CliError::new(Kind::NotFound, format!("no object '{text}'"))
}
