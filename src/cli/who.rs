//! Who acts: from the environment, from settings, from the system.

use std::path::Path;

use crate::disk::Disk;
use crate::object::Author;
use crate::object::limits::AUTHOR_MAX_CHARS;

use super::error::CliError;

/// The variable that names who acts.
const AUTHOR_VARIABLE: &str = "RECTO_AUTHOR";
/// Largest table of users that is read, in bytes.
const PASSWD_MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Checks a name.
///
/// # Errors
/// Why it is not one.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    if name.trim().is_empty() {
        return Err("a name is not empty".to_owned());
    }
    if name.chars().count() > AUTHOR_MAX_CHARS {
        return Err(format!("a name has at most {AUTHOR_MAX_CHARS} characters"));
    }
    if name.contains(|c: char| c.is_control() || c == '<' || c == '>') {
        return Err("a name has no control characters and no '<' or '>'".to_owned());
    }
    Ok(())
}

/// Checks an e-mail address, roughly: what would break `Name <address>`.
///
/// # Errors
/// Why it is not one.
pub(super) fn check_email(email: &str) -> Result<(), String> {
    let breaks = |c: char| c.is_control() || c.is_whitespace() || c == '<' || c == '>';
    if email.is_empty() || email.chars().count() > AUTHOR_MAX_CHARS || email.contains(breaks) {
        return Err("an address has no spaces, no '<' or '>', and is not empty".to_owned());
    }
    Ok(())
}

fn author(name: &str, email: Option<&str>) -> Result<Author, String> {
    let name = name.trim();
    check_name(name)?;
    email.map_or(Ok(()), check_email)?;
    Ok(Author { name: name.to_owned(), email: email.map(str::to_owned) })
}

/// Reads `Name <email>` or `Name`.
fn parse(text: &str) -> Result<Author, String> {
    match text.trim().strip_suffix('>').and_then(|text| text.split_once('<')) {
        Some((name, email)) => author(name, Some(email)),
        None => author(text, None),
    }
}

/// Who `RECTO_AUTHOR` names.
///
/// # Errors
/// When it is set and names nobody.
pub(super) fn from_environment() -> Result<Option<Author>, CliError> {
    let Some(text) = std::env::var_os(AUTHOR_VARIABLE).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let bad = |reason: &str| {
        CliError::usage(format!("{AUTHOR_VARIABLE} names nobody: {reason}"))
            .hint(format!("{AUTHOR_VARIABLE}='Asha Rao <asha@example.com>'"))
    };
    let text = text.to_str().ok_or_else(|| bad("it is not UTF-8"))?;
    parse(text).map(Some).map_err(|reason| bad(&reason))
}

/// Whom the settings name.
///
/// # Errors
/// When they cannot be read, or name nobody.
pub(super) fn from_settings(
    get: impl Fn(&str) -> Result<Option<String>, CliError>,
) -> Result<Option<Author>, CliError> {
    let Some(name) = get("user.name")? else { return Ok(None) };
    let email = get("user.email")?;
    let author = author(&name, email.as_deref())
        .map_err(|reason| CliError::usage(format!("the settings name nobody: {reason}")))?;
    Ok(Some(author))
}

/// Whom the system takes this process for.
pub(super) fn from_system(disk: &dyn Disk) -> Author {
    let mut named = ["USER", "LOGNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
    let listed = || disk.read(Path::new("/etc/passwd"), PASSWD_MAX_BYTES).ok();
    let uid = rustix::process::getuid().as_raw();
    let name = named
        .find(|name| check_name(name).is_ok())
        .or_else(|| name_of(uid, &String::from_utf8_lossy(&listed()?)))
        .unwrap_or_else(|| format!("uid {uid}"));
    Author { name, email: None }
}

/// The name of a user in the text of `/etc/passwd`.
fn name_of(uid: u32, passwd: &str) -> Option<String> {
    let mut users = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let user = users.find(|fields| fields.get(2).and_then(|id| id.parse().ok()) == Some(uid))?;
    user.first().filter(|name| check_name(name).is_ok()).map(|name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authors_are_read_with_and_without_an_address() {
        let check = |text: &str, name: &str, email: Option<&str>| {
            let expected = Author { name: name.to_owned(), email: email.map(str::to_owned) };
            assert_eq!(parse(text), Ok(expected), "{text:?}");
        };
        check("Asha Rao <asha@example.com>", "Asha Rao", Some("asha@example.com"));
        check(" Asha ", "Asha", None);
    }

    #[test]
    fn what_names_nobody_is_refused() {
        for bad in ["", "  ", "<a@b>", "A <a b>", "A <>", "a\u{1b}b", "A <a@b> x"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        assert!(parse(&"x".repeat(201)).is_err());
    }

    #[test]
    fn users_are_found_by_number() {
        let passwd = "root:x:0:0:root:/:/bin/sh\nasha:x:1000:1000:,,,:/home/asha:/bin/zsh\n";
        assert_eq!(name_of(1000, passwd).as_deref(), Some("asha"));
        assert_eq!(name_of(7, passwd), None);
    }
}
