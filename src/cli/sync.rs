//! What the verbs that bring two stores together have in common: the remote that is meant, the agents, and
//! how it is done. What was done is told by [`super::synced`].

use std::collections::HashMap;

use crate::agent::{Agents, TakenBack};
use crate::error::Kind;
use crate::history::{Revision, Spec};
use crate::refs::Handle;
use crate::sync::{
    Drafts, Job, Link, ORIGIN, Pair, Remote, Scope, SyncError, Synced, Tell, Transport, remote, remotes,
};

use super::address::Address;
use super::agents::draft_name;
use super::context::Context;
use super::error::{CliError, Exit};
use super::shell;
use super::synced::{Telling, said, told};
use super::terminal::Traffic;

/// What a push is called while it is under way.
pub(super) const PUSHING: &str = "pushing";
/// What a fetch is.
pub(super) const FETCHING: &str = "fetching";

/// The remote that is named, or `origin`, or the only one.
///
/// # Errors
/// When there is none.
pub(super) fn chosen(ctx: &Context, named: Option<&str>) -> Result<Remote, CliError> {
    let repo = ctx.repo()?;
    if let Some(name) = named {
        return Ok(remote(repo, &name.parse()?)?);
    }
    let mut all = remotes(repo)?;
    if let Some(at) = all.iter().position(|remote| remote.name.as_str() == ORIGIN) {
        return Ok(all.swap_remove(at));
    }
    match all.len() {
        1 => Ok(all.remove(0)),
        0 => Err(SyncError::NoSuchRemote(ORIGIN.parse()?).into()),
        _ => Err(CliError::usage("there are several remotes, and none is called 'origin'")
            .details(all.iter().map(|remote| format!("{} {}", remote.name, remote.shown_url())))
            .hint(format!("--remote {}", all[0].name))),
    }
}

/// The address that comes first among words, where names of agents may stand, and the others.
///
/// # Errors
/// When a file of the name cannot be looked at.
pub(super) fn addressed<'w>(
    ctx: &Context,
    words: &'w [String],
) -> Result<Option<(&'w str, &'w [String])>, CliError> {
    let Some((first, rest)) = words.split_first() else { return Ok(None) };
    // No agent has a slash in its name; one may be called as a bundle is.
    let is_address = match first.split_once('@') {
        Some(_) => first.contains("://"),
        None => first.contains('/') || Address::of(ctx, first)?.is_bundle(ctx)?,
    };
    Ok(is_address.then_some((first, rest)))
}

/// The remote whose store is at an address.
///
/// # Errors
/// When nothing is there, or what is there is no remote.
pub(super) fn at_address(ctx: &Context, word: &str) -> Result<Remote, CliError> {
    let (repo, address) = (ctx.repo()?, Address::of(ctx, word)?);
    let noted = remotes(repo)?;
    let url = address.to_string();
    if let Some(same) = noted.iter().find(|remote| remote.url == url) {
        return Ok(same.clone());
    }
    let found = address.opened(ctx, None, Some(repo))?.store()?;
    let known = noted.into_iter().find(|remote| remote.store == Some(found));
    known.map(|remote| Remote { url, ..remote }).ok_or_else(|| {
        CliError::new(Kind::NotFound, format!("what is at '{word}' is no remote of this store"))
            .hint(format!("recto remote add NAME {}", shell::quote(word)))
    })
}

/// This store and the remote that is meant.
pub(super) struct Side {
    pub(super) agents: Agents,
    pub(super) remote: Remote,
    pub(super) transport: Box<dyn Transport>,
    dry_run: bool,
    rest: Option<String>,
}

impl Side {
    /// Opens both.
    ///
    /// # Errors
    /// When there is no remote, or one of the two cannot be opened.
    pub(super) fn open(ctx: &Context, named: Option<&str>, dry_run: bool) -> Result<Self, CliError> {
        Self::with(ctx, ctx.agents(dry_run)?, chosen(ctx, named)?, dry_run)
    }

    /// Opens the remote for agents of this store.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn with(
        ctx: &Context,
        agents: Agents,
        remote: Remote,
        dry_run: bool,
    ) -> Result<Self, CliError> {
        let address = Address::of(ctx, &remote.url)?;
        let transport = address.opened(ctx, remote.token_file.as_deref(), Some(agents.repo()))?;
        Ok(Self::of(agents, remote, transport, dry_run))
    }

    /// Two that are open.
    pub(super) fn of(agents: Agents, remote: Remote, transport: Box<dyn Transport>, dry_run: bool) -> Self {
        Self { agents, remote, transport, dry_run, rest: None }
    }

    /// The same, where it is said what is left behind that nobody asked for, and that this command, with
    /// flags, takes it over.
    #[must_use]
    pub(super) fn naming_rest(self, command: String) -> Self {
        Self { rest: Some(command), ..self }
    }

    /// The two together.
    pub(super) fn link(&self) -> Link<'_> {
        Link::new(&self.agents, self.transport.as_ref(), self.remote.name.clone(), self.dry_run)
            .expecting(self.remote.store)
    }

    /// The agents that are fetched: those that are named, else those that were cloned.
    ///
    /// # Errors
    /// When one is not there.
    pub(super) fn to_fetch(&self, named: &[Handle]) -> Result<Vec<Pair>, CliError> {
        let named = if named.is_empty() { &self.remote.agents } else { named };
        self.link().to_fetch(named).map_err(|error| said(&self.remote.name, error))
    }

    /// The agents that are pushed: those that are named, else all that are here.
    ///
    /// # Errors
    /// When one is not here.
    pub(super) fn to_push(&self, named: &[Handle]) -> Result<Vec<Pair>, CliError> {
        self.link().to_push(named).map_err(|error| said(&self.remote.name, error))
    }

    /// Does something with agents, and tells what was done.
    ///
    /// # Errors
    /// As [`told`].
    pub(super) fn run(
        &self,
        ctx: &Context,
        what: &'static str,
        jobs: &[Job],
        act: impl FnOnce(&Link<'_>, &[Job], &mut Tell<'_>) -> Result<(), SyncError>,
    ) -> Result<Exit, CliError> {
        let traffic = Traffic::new(ctx.out.progress(what, Some(jobs.len() as u64)));
        let link = self.link().telling(&traffic);
        // What a push gives away is known before: afterwards it has its number.
        let before = if what == PUSHING { self.taken_back(jobs) } else { HashMap::new() };
        let results = each(&traffic, jobs, |tell| act(&link, jobs, tell));
        drop(traffic);
        let taken_back = match what {
            PUSHING => before,
            FETCHING => HashMap::new(),
            _ => self.taken_back(jobs),
        };
        let rest = self.rest.clone();
        let telling = Telling { remote: &self.remote.name, dry_run: self.dry_run, taken_back, rest };
        told(ctx, &telling, results)
    }

    /// What versions that wait for their numbers take back, by agent. One that cannot be read is told of by
    /// who works with it.
    fn taken_back(&self, jobs: &[Job]) -> HashMap<String, TakenBack> {
        let here = jobs.iter().filter_map(|job| job.pair.local.as_ref());
        let lost = |local: &Handle| Some((local.to_string(), self.agents.taken_back(local).ok().flatten()?));
        here.filter_map(lost).collect()
    }
}

impl crate::sync::Progress for Traffic {
    fn bytes(&self, count: u64) {
        self.moved(count, 0);
    }

    fn objects(&self, count: u64) {
        self.moved(0, count);
    }
}

/// Agents, and the drafts of them, that words name.
pub(super) struct Named(Vec<(Handle, Drafts)>);

impl Named {
    /// The agents.
    pub(super) fn handles(&self) -> Vec<Handle> {
        self.0.iter().map(|(handle, _)| handle.clone()).collect()
    }

    /// What travels of each of the agents.
    pub(super) fn jobs(&self, pairs: Vec<Pair>, all_drafts: bool, scope: &Scope) -> Vec<Job> {
        let job = |pair: Pair| {
            let asked = self.0.iter().find(|(handle, _)| handle.as_str() == pair.name());
            let drafts = match asked {
                Some((_, drafts)) => drafts.clone(),
                None if all_drafts => Drafts::All,
                None => Drafts::None,
            };
            Job { pair, scope: Scope { drafts, ..scope.clone() } }
        };
        pairs.into_iter().map(job).collect()
    }
}

/// The agents that words name, and the drafts that they name with them.
///
/// # Errors
/// When a word names something else.
pub(super) fn named(agents: &Agents, words: &[String], all_drafts: bool) -> Result<Named, CliError> {
    let mut found: Vec<(Handle, Drafts)> = Vec::new();
    for word in words {
        let spec: Spec = word.parse()?;
        let agent = agents.repo().backend().locate(&spec.agent).map_err(crate::repo::RepoError::from)?;
        let agent = agent.unwrap_or_else(|| spec.agent.clone());
        let draft = match &spec.revision {
            _ if !spec.explicit => None,
            Revision::Word(_) | Revision::Draft(_) if draft_name(&spec.revision).is_some() => {
                draft_name(&spec.revision)
            }
            _ => {
                return Err(CliError::usage(format!("'{word}' is no agent and no draft"))
                    .hint(format!("{agent}@DRAFT")));
            }
        };
        if !found.iter().any(|(known, _)| *known == agent) {
            let drafts = if all_drafts { Drafts::All } else { Drafts::None };
            found.push((agent.clone(), drafts));
        }
        let entry = found.iter_mut().find(|(known, _)| *known == agent);
        let Some(((_, drafts), draft)) = entry.zip(draft) else { continue };
        match drafts {
            Drafts::Named(names) => names.push(draft),
            Drafts::None => *drafts = Drafts::Named(vec![draft]),
            Drafts::All => {}
        }
    }
    Ok(Named(found))
}

/// Does something with several agents; what fails for one stops none of the others.
pub(super) fn each(
    traffic: &Traffic,
    jobs: &[Job],
    act: impl FnOnce(&mut Tell<'_>) -> Result<(), SyncError>,
) -> Vec<(String, Result<Synced, SyncError>)> {
    let mut found: Vec<Option<Result<Synced, SyncError>>> = jobs.iter().map(|_| None).collect();
    let done = act(&mut |at, result| {
        traffic.agent(&jobs[at].pair.name());
        found[at] = Some(result);
    });
    // What stopped everything is told of each agent that was not come to.
    let mut stopped = done.err();
    let mut reason = String::new();
    let mut missing = || match stopped.take() {
        Some(error) => {
            reason = error.to_string();
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                reason = format!("{reason}: {cause}");
                source = cause.source();
            }
            Err(error)
        }
        None => Err(SyncError::Stopped(reason.clone())),
    };
    let results = found.into_iter().map(|result| result.unwrap_or_else(&mut missing));
    jobs.iter().map(|job| job.pair.name()).zip(results).collect()
}
