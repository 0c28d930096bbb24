//! Finds an object by its id, by the beginning of its id, or by the revision that names it.

use crate::error::Kind;
use crate::history::Spec;
use crate::object::ObjectId;
use crate::repo::Repo;

use super::context::Context;
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
pub(super) fn object_id(repo: &Repo, text: &str) -> Result<ObjectId, CliError> {
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

/// The object that `AGENT@REV` or an id names: a word with an `@` is a revision, and so is one that
/// cannot be the beginning of an id.
///
/// # Errors
/// As [`object_id`], or when the revision names nothing.
pub(crate) fn object(ctx: &Context, text: &str) -> Result<ObjectId, CliError> {
    let is_id = text.len() >= PREFIX_MIN_DIGITS && text.bytes().all(|b| b.is_ascii_hexdigit());
    if is_id {
        return object_id(ctx.repo()?, text);
    }
    let spec: Spec = text.parse()?;
    Ok(ctx.agents_to_read()?.resolve(&spec)?.1.commit())
}

/// Says that there is no such object.
pub(crate) fn absent(text: impl std::fmt::Display) -> CliError {
    CliError::new(Kind::NotFound, format!("no object '{text}'"))
}
