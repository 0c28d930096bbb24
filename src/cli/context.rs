//! What a verb works with: the store, opened when first asked for; the clock; who acts; the
//! terminal.

use std::cell::{Cell, OnceCell};
use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::backend::BackendError;
use crate::backend::bucket::BucketUrl;
use crate::clock::{Clock, StepClock, SystemClock, Time};
use crate::disk::{RealDisk, SharedDisk};
use crate::error::{Kind, without_secrets};
use crate::object::Author;
use crate::refs::Handle;
use crate::repo::{Repo, STORE_DIR, Settings};

use super::bucket;
use super::error::CliError;
use super::far;
use super::globals::Globals;
use super::setting;
use super::terminal::{Output, Style, plain};
use super::who;

/// The variable that fixes the clock, for tests and reproducible demos.
const TIME_VARIABLE: &str = "RECTO_TIME";

/// What a verb works with.
#[derive(Debug)]
pub(crate) struct Context {
    /// The terminal.
    pub(crate) out: Output,
    store: Option<String>,
    yes: bool,
    directory: PathBuf,
    disk: SharedDisk,
    clock: Arc<dyn Clock>,
    repo: OnceCell<Arc<Repo>>,
    /// As whom the server of a store has us act.
    acts_as: OnceCell<Author>,
    introduced: Cell<bool>,
}

impl Context {
    /// A context of this process. Changes the working directory when `-C` says so.
    ///
    /// # Errors
    /// When the directory cannot be entered, or `RECTO_TIME` is no time.
    pub(crate) fn new(globals: &Globals, out: Output) -> Result<Self, CliError> {
        if let Some(dir) = &globals.directory {
            std::env::set_current_dir(dir)
                .map_err(|error| CliError::usage(format!("cannot enter '{}': {error}", dir.display())))?;
        }
        let directory = std::env::current_dir().map_err(|error| {
            CliError::new(Kind::Io, format!("cannot tell the working directory: {error}"))
        })?;
        Ok(Self {
            out,
            store: globals.store.clone().filter(|store| !store.is_empty()),
            yes: globals.yes,
            directory,
            disk: Arc::new(RealDisk::new()),
            clock: clock(std::env::var(TIME_VARIABLE).ok().as_deref())?,
            repo: OnceCell::new(),
            acts_as: OnceCell::new(),
            introduced: Cell::new(false),
        })
    }

    /// The directory in which recto runs.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The disk of the machine.
    pub(crate) fn disk(&self) -> &SharedDisk {
        &self.disk
    }

    /// The clock.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// The bucket that `--store` or `RECTO_STORE` names; `None` when it names none.
    ///
    /// # Errors
    /// When it is an address of a bucket, and a wrong one.
    pub(crate) fn bucket(&self) -> Result<Option<BucketUrl>, CliError> {
        let named = self.store.as_deref().filter(|name| BucketUrl::is_one(name));
        Ok(named.map(|name| name.parse().map_err(BackendError::from)).transpose()?)
    }

    /// The address of a server that `--store` or `RECTO_STORE` names; `None` when it names none.
    pub(crate) fn server(&self) -> Option<&str> {
        let scheme = |name: &&str| name.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        let named = self.store.as_deref();
        named.filter(|name| scheme(name).is_some_and(|scheme| ["http", "https"].contains(&scheme.as_str())))
    }

    /// Refuses where the store is behind a server: what is to be done takes its files.
    ///
    /// # Errors
    /// When it is.
    pub(crate) fn wants_files(&self, verb: &str) -> Result<(), CliError> {
        let Some(url) = self.server() else { return Ok(()) };
        let shown = without_secrets(url);
        let message = format!("'recto {verb}' works on the files of a store, and '{shown}' is a server");
        let hint = format!("run it on the machine of the server: recto --store DIR {verb}");
        Err(CliError::new(Kind::Refused, message).hint(hint))
    }

    /// The directory that `--store` or `RECTO_STORE` names; an address is refused.
    ///
    /// # Errors
    /// When it is an address.
    pub(crate) fn named_store(&self) -> Result<Option<PathBuf>, CliError> {
        let Some(name) = &self.store else { return Ok(None) };
        if name.contains("://") {
            let shown = without_secrets(name);
            let message = format!("a store cannot be used at '{shown}': that is an address of another kind");
            let hint =
                "name the directory of a store, a bucket (s3://BUCKET/PREFIX) or a server (http://HOST)";
            return Err(CliError::new(Kind::Refused, message).hint(hint));
        }
        Ok(Some(self.directory.join(name)))
    }

    /// The directory of the store to use, for one in a bucket or behind a server that of what this machine
    /// keeps for it; `None` when there is none.
    ///
    /// # Errors
    /// When a directory cannot be looked at, or a bucket or server not be reached.
    pub(crate) fn store_root(&self) -> Result<Option<PathBuf>, CliError> {
        if self.server().is_some() || self.bucket()?.is_some() {
            return Ok(Some(self.repo()?.root().to_path_buf()));
        }
        let Some(named) = self.named_store()? else {
            return Ok(Repo::discover(&self.disk, &self.directory)?);
        };
        let inside = named.join(STORE_DIR);
        let has_inside = self.disk.stat(&inside)?.is_some();
        Ok(Some(if has_inside { inside } else { named }))
    }

    /// The store, opened when first asked for.
    ///
    /// # Errors
    /// When there is none, or it cannot be opened.
    pub(crate) fn repo(&self) -> Result<&Arc<Repo>, CliError> {
        if let Some(repo) = self.repo.get() {
            return Ok(repo);
        }
        if let Some(url) = self.bucket()? {
            let repo = bucket::open(self, &url)?;
            return Ok(self.repo.get_or_init(|| Arc::new(repo)));
        }
        if let Some(url) = self.server() {
            let (repo, actor) = far::open(self, url)?;
            if let Some(actor) = actor {
                self.acts_as.get_or_init(|| actor);
            }
            return Ok(self.repo.get_or_init(|| Arc::new(repo)));
        }
        let Some(root) = self.store_root()? else {
            let message = format!("no recto store in '{}' or above it", self.directory.display());
            let hint = "'recto init' makes one here, '--store DIR' uses one elsewhere";
            return Err(CliError::new(Kind::NotFound, message).hint(hint));
        };
        let repo = Repo::open(Arc::clone(&self.disk), &root, self.clock())?;
        Ok(self.repo.get_or_init(|| Arc::new(repo)))
    }

    /// What was done and is not to be seen in the files of the store yet.
    pub(crate) fn unapplied(&self) -> Vec<BackendError> {
        self.repo.get().map(|repo| repo.take_unapplied()).unwrap_or_default()
    }

    /// Agents that were found not to show in their files what was done before, for want of space.
    pub(crate) fn waiting_for_space(&self) -> Vec<Handle> {
        self.repo.get().map(|repo| repo.backend().waiting_for_space()).unwrap_or_default()
    }

    /// Who acts: whom the server of the store says by the token, `RECTO_AUTHOR`, the store's settings, the
    /// user's settings, else the system's name for the user, which is said once.
    ///
    /// # Errors
    /// When what is configured is no author, or the server cannot be reached.
    pub(crate) fn author(&self) -> Result<Author, CliError> {
        if self.server().is_some() {
            self.repo()?;
            if let Some(actor) = self.acts_as.get() {
                return Ok(actor.clone());
            }
        }
        if let Some(author) = who::from_environment()? {
            return Ok(author);
        }
        if let Some(author) = who::from_settings(|name| self.setting(name))? {
            return Ok(author);
        }
        let author = who::from_system(self.disk.as_ref());
        if self.out.is_watched() && !self.introduced.replace(true) {
            let text = format!(
                "you act as '{}'; 'recto config --global user.name NAME' says otherwise",
                author.name
            );
            self.out.say(self.out.paint_error(Style::Dim, &plain(&text)));
        }
        Ok(author)
    }

    /// A setting: the store's, else the user's.
    ///
    /// # Errors
    /// When a settings file is damaged.
    pub(crate) fn setting(&self, name: &str) -> Result<Option<String>, CliError> {
        let of_store = match self.store_root()? {
            Some(_) => self.repo()?.settings()?,
            None => Settings::default(),
        };
        if let Some(value) = of_store.get(name) {
            return Ok(Some(value.to_owned()));
        }
        Ok(setting::read_global(self.disk.as_ref())?.get(name).map(str::to_owned))
    }

    /// Asks the person; `--yes` answers. Without a terminal to ask on it is refused.
    ///
    /// # Errors
    /// When nobody can be asked, or the answer is not yes.
    pub(crate) fn confirm(&self, question: &str) -> Result<(), CliError> {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() || !self.out.is_watched() {
            let error = CliError::new(Kind::Refused, format!("{question} was not answered"));
            return Err(error.hint("add --yes to the command"));
        }
        self.out.flush()?;
        self.out.error_text(&format!("{question} [y/N] "));
        let mut answer = String::new();
        io::stdin()
            .lock()
            .read_line(&mut answer)
            .map_err(|error| CliError::new(Kind::Io, format!("cannot read the answer: {error}")))?;
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(CliError::new(Kind::Refused, "nothing was changed")),
        }
    }
}

/// The clock that `RECTO_TIME` asks for: a time, or a time and a step per reading, `...Z+1000ms`.
fn clock(fixed: Option<&str>) -> Result<Arc<dyn Clock>, CliError> {
    let Some(text) = fixed.filter(|text| !text.is_empty()) else { return Ok(Arc::new(SystemClock)) };
    let step = text.strip_suffix("ms").and_then(|text| text.rsplit_once('+'));
    let (start, step_ms) = match step {
        Some((start, step)) => (start, step.parse().ok()),
        None => (text, Some(0)),
    };
    let bad = |reason: &str| {
        CliError::usage(format!("{TIME_VARIABLE} is '{text}': {reason}"))
            .hint(format!("{TIME_VARIABLE}=2026-03-07T14:03:00Z, or 2026-03-07T14:03:00Z+1000ms"))
    };
    let start = Time::parse(start, None).map_err(|reason| bad(&reason))?;
    let step_ms = step_ms.ok_or_else(|| bad("its step is no number of milliseconds"))?;
    Ok(Arc::new(StepClock::new(start, step_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_stands_or_steps() {
        let readings = |text| {
            let clock = clock(Some(text)).expect("a clock");
            [clock.now().to_string(), clock.now().to_string()]
        };
        let start = "2026-03-07T14:03:00.000Z".to_owned();
        assert_eq!(readings("2026-03-07T14:03:00Z"), [start.clone(), start.clone()]);
        assert_eq!(readings("2026-03-07T14:03:00Z+1500ms"), [start, "2026-03-07T14:03:01.500Z".to_owned()]);
    }

    #[test]
    fn what_is_no_clock_is_refused() {
        for bad in ["noon", "2026-03-07T14:03:00Z+fastms", "+1000ms"] {
            assert_eq!(clock(Some(bad)).expect_err(bad).code(), 2, "{bad}");
        }
    }
}
