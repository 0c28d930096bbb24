//! The settings that recto knows, and the user's own settings file.

use std::path::{Path, PathBuf};

use crate::agent::BOUND_SETTING;
use crate::disk::{Disk, DiskError, replace_durably};
use crate::error::Kind;
use crate::refs::Handle;
use crate::release::{ORDER_SETTING, check_order};
use crate::repo::Settings;
use crate::sync::MIRROR_SETTING;

use super::error::CliError;
use super::who;

/// Largest settings file, in bytes.
const FILE_MAX_BYTES: u64 = 1024 * 1024;

/// Where a setting may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// In a store, or in the user's file for all stores.
    Any,
    /// In a store only: it speaks of that store, or names a program to run on its behalf.
    Store,
}

/// A setting that recto knows.
#[derive(Debug)]
pub(super) struct Known {
    /// Its dotted name.
    pub(super) name: &'static str,
    /// Where it may be kept.
    pub(super) scope: Scope,
    /// Says why a value is not one.
    pub(super) check: fn(&str) -> Result<(), String>,
}

/// Every setting that recto knows, in order of name.
pub(super) const KNOWN: [Known; 8] = [
    Known { name: "active_json", scope: Scope::Store, check: check_switch },
    Known { name: "check.command", scope: Scope::Store, check: check_command },
    Known { name: "clock.backwards", scope: Scope::Store, check: check_backwards },
    Known { name: ORDER_SETTING, scope: Scope::Store, check: check_order },
    Known { name: BOUND_SETTING, scope: Scope::Store, check: check_handle },
    Known { name: MIRROR_SETTING, scope: Scope::Store, check: check_handle },
    Known { name: "user.email", scope: Scope::Any, check: who::check_email },
    Known { name: "user.name", scope: Scope::Any, check: who::check_name },
];

fn check_switch(value: &str) -> Result<(), String> {
    if matches!(value, "on" | "off") { Ok(()) } else { Err("it is 'on' or 'off'".to_owned()) }
}

fn check_handle(value: &str) -> Result<(), String> {
    value.parse::<Handle>().map(drop).map_err(|error| error.to_string())
}

fn check_command(value: &str) -> Result<(), String> {
    if value.trim().is_empty() { Err("a command is not empty".to_owned()) } else { Ok(()) }
}

fn check_backwards(value: &str) -> Result<(), String> {
    if matches!(value, "allow" | "refuse") { Ok(()) } else { Err("it is 'allow' or 'refuse'".to_owned()) }
}

/// The setting of that name.
///
/// # Errors
/// When recto knows none.
pub(super) fn known(name: &str) -> Result<&'static Known, CliError> {
    KNOWN.iter().find(|known| known.name == name).ok_or_else(|| {
        let names: Vec<&str> = KNOWN.iter().map(|known| known.name).collect();
        CliError::usage(format!("no setting '{name}'")).hint(format!("there are {}", names.join(", ")))
    })
}

/// The user's settings file.
///
/// # Errors
/// When the environment names no home.
pub(super) fn global_path() -> Result<PathBuf, CliError> {
    let var = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // The specification says to pass over a relative path.
    let config = var("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    let config = config.or_else(|| Some(var("HOME")?.join(".config")));
    let config = config.ok_or_else(|| {
        CliError::new(Kind::NotFound, "no place for the user's settings")
            .hint("set HOME or XDG_CONFIG_HOME to a directory")
    })?;
    Ok(config.join("recto").join("config.json"))
}

/// The user's settings; none when there is no file, or no home.
///
/// # Errors
/// When the file is not a JSON object of texts.
pub(super) fn read_global(disk: &dyn Disk) -> Result<Settings, CliError> {
    match global_path() {
        Ok(path) => read(disk, &path),
        Err(_) => Ok(Settings::default()),
    }
}

fn read(disk: &dyn Disk, path: &Path) -> Result<Settings, CliError> {
    let bytes = match disk.read(path, FILE_MAX_BYTES) {
        Ok(bytes) => bytes,
        Err(DiskError::NotFound { .. }) => return Ok(Settings::default()),
        Err(error) => return Err(error.into()),
    };
    Settings::parse(&bytes).map_err(|reason| {
        CliError::new(Kind::Invalid, format!("'{}' is not a settings file: {reason}", path.display()))
    })
}

/// Replaces the user's settings, durably.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write_global(disk: &dyn Disk, settings: &Settings) -> Result<(), CliError> {
    let path = global_path()?;
    let dir = path.parent().expect("the file lies in a directory");
    disk.create_dir_all(dir)?;
    Ok(replace_durably(disk, &path, settings.to_text().as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked_by_name() {
        let check = |name: &str, value: &str, good: bool| {
            let setting = known(name).expect("a setting");
            assert_eq!((setting.check)(value).is_ok(), good, "{name} = {value:?}");
        };
        check("clock.backwards", "allow", true);
        check("clock.backwards", "yes", false);
        check("active_json", "off", true);
        check("active_json", "false", false);
        check("user.name", "", false);
        check("user.email", "a b", false);
        check("check.command", " ", false);
        check("environments", "dev,qa,prod", true);
        check("environments", "dev,,prod", false);
        check("environments.active", "../prod", false);
        assert_eq!(known("user.nmae").expect_err("no such setting").code(), 2);
    }
}
