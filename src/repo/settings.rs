//! Settings of a store: a small JSON file of dotted names and texts, beside what is versioned.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use crate::backend::Glance;
use crate::disk::{DiskError, LockGuard, replace_durably};
use crate::encoding::{canonical, json};

use super::{Repo, RepoError};

/// Largest settings file, in bytes.
const SETTINGS_MAX_BYTES: u64 = 1024 * 1024;

/// Dotted names (`user.name`) and their texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings(pub BTreeMap<String, String>);

impl Settings {
    /// Reads a settings file.
    ///
    /// # Errors
    /// What is wrong with it, when it is not a JSON object of texts.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let value = json::parse(bytes).map_err(|error| error.to_string())?;
        let Value::Object(map) = value else { return Err("it is not a JSON object".to_owned()) };
        let mut settings = BTreeMap::new();
        for (name, value) in map {
            let Value::String(text) = value else { return Err(format!("'{name}' is not a text")) };
            settings.insert(name, text);
        }
        Ok(Self(settings))
    }

    /// The text of a settings file.
    pub fn to_text(&self) -> String {
        let map = self.0.iter().map(|(name, text)| (name.clone(), Value::from(text.as_str())));
        canonical::pretty(&Value::Object(map.collect()))
    }

    /// The text of a setting.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl Repo {
    fn settings_path(&self) -> PathBuf {
        self.root.join("config.json")
    }

    /// What the settings look like from afar; `None` when there are none.
    pub fn glance_at_settings(&self) -> Option<Glance> {
        self.disk.stat(&self.settings_path()).ok()?.as_ref().map(Glance::of_file)
    }

    /// Reads the settings; none when there is no such file.
    ///
    /// # Errors
    /// When the file is not a JSON object of texts.
    pub fn settings(&self) -> Result<Settings, RepoError> {
        let path = self.settings_path();
        let bytes = match self.disk.read(&path, SETTINGS_MAX_BYTES) {
            Ok(bytes) => bytes,
            Err(DiskError::NotFound { .. }) => return Ok(Settings::default()),
            Err(source) => return Err(RepoError::disk(&path, source)),
        };
        Settings::parse(&bytes).map_err(|reason| RepoError::Settings { path, reason })
    }

    /// Changes the settings as they are now: nobody else who does so changes them meanwhile. Nothing is
    /// written when `change` fails.
    ///
    /// # Errors
    /// What `change` returns; when the settings cannot be read or written.
    pub fn change_settings<T, E: From<RepoError>>(
        &self,
        change: impl FnOnce(&mut Settings) -> Result<T, E>,
    ) -> Result<T, E> {
        let _guard = self.lock_settings()?;
        let mut settings = self.settings()?;
        let value = change(&mut settings)?;
        self.write_settings(&settings)?;
        Ok(value)
    }

    /// The lock lies where a store in a directory has its locks, so that one which takes its place has it, too.
    fn lock_settings(&self) -> Result<Box<dyn LockGuard>, RepoError> {
        let path = self.root.join("locks").join(".settings.lock");
        let failed = |source| RepoError::disk(&path, source);
        match self.disk.lock(&path) {
            Err(DiskError::NotFound { .. }) => {
                self.disk.create_dir_all(&self.root.join("locks")).map_err(failed)?;
                self.disk.lock(&path).map_err(failed)
            }
            other => other.map_err(failed),
        }
    }

    /// Replaces the settings.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_settings(&self, settings: &Settings) -> Result<(), RepoError> {
        let text = settings.to_text();
        let path = self.settings_path();
        replace_durably(self.disk.as_ref(), &path, text.as_bytes())
            .map_err(|source| RepoError::disk(&path, source))
    }
}
