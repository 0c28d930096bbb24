//! Fetching, pulling and cloning: many agents at once, each in one operation of this store.

use std::rc::Rc;

use crate::object::ObjectId;
use crate::refs::{Handle, RefName};
use crate::repo::{Receipt, RepoError};

use super::super::intake::Arrived;
use super::super::news::{self, News, Place};
use super::super::{AgentTip, SyncError};
use super::view::View;
use super::{Job, Link, Scope, Synced, TOGETHER_MAX, Tell};

/// What is done with the agents that are here already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// Only what the remote has is noted.
    Fetch,
    /// This store's own refs follow.
    Pull,
    /// What a push made of them is taken over.
    Push,
}

impl Goal {
    fn kind(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Pull => "pull",
            Self::Push => "push",
        }
    }
}

/// How often agents that somebody else brings at the same time are looked at.
const TRIES_MAX: u32 = 5;

/// One agent on its way.
#[derive(Debug)]
pub(super) struct Coming<'j> {
    pub(super) at: usize,
    pub(super) place: Place,
    scope: &'j Scope,
    pub(super) news: News,
    /// What refs of the remote name now and was not here.
    pub(super) wants: Vec<ObjectId>,
    /// The objects that the operation brings itself.
    pub(super) brought: Vec<ObjectId>,
    /// Whether everything that its refs will lead to was found to be here.
    pub(super) complete: bool,
}

impl Link<'_> {
    /// Looks at agents of the remote, and moves the refs that say where its refs are; no others. Those that
    /// are not here are made, under the same id and handle; what serves there serves here.
    ///
    /// # Errors
    /// When the remote did not answer; of each agent `Copied`, `Chain`, `Incomplete`, `OtherAgent` when the
    /// handle of a new one is taken, and what this store refuses.
    pub fn fetch(&self, jobs: &[Job], tell: &mut Tell<'_>) -> Result<(), SyncError> {
        self.bring(jobs, Goal::Fetch, tell)
    }

    /// Fetches, and moves this store's own refs where only the remote moved them: its versions come before
    /// those published here.
    ///
    /// # Errors
    /// As [`Self::fetch`]; `Diverged`, `NotUpstream`; `BothMoved` for a draft.
    pub fn pull(&self, jobs: &[Job], tell: &mut Tell<'_>) -> Result<(), SyncError> {
        self.bring(jobs, Goal::Pull, tell)
    }

    pub(super) fn bring(&self, jobs: &[Job], goal: Goal, tell: &mut Tell<'_>) -> Result<(), SyncError> {
        let before = if self.everything && !self.dry_run { Some(self.bring_packs()?) } else { None };
        for (chunk, jobs) in jobs.chunks(TOGETHER_MAX).enumerate() {
            let first = chunk * TOGETHER_MAX;
            self.bring_some(jobs, goal, before.as_ref(), &mut |at, result| tell(first + at, result))?;
        }
        Ok(())
    }

    /// Brings one agent.
    pub(super) fn bring_one(
        &self,
        local: &Handle,
        tip: &AgentTip,
        goal: Goal,
        scope: &Scope,
    ) -> Result<Synced, SyncError> {
        let pair = super::Pair { local: Some(local.clone()), tip: Some(tip.clone()) };
        let mut done = Ok(Synced::default());
        let job = Job { pair, scope: scope.clone() };
        self.bring(&[job], goal, &mut |_, result| done = result)?;
        done
    }

    /// Brings agents; those that somebody else brings at the same time are looked at again.
    fn bring_some(
        &self,
        jobs: &[Job],
        goal: Goal,
        before: Option<&Rc<Arrived>>,
        tell: &mut Tell<'_>,
    ) -> Result<(), SyncError> {
        let mut jobs: Vec<(usize, Job)> = jobs.iter().cloned().enumerate().collect();
        for attempt in 1..=TRIES_MAX {
            let (mut stale, plain) =
                (Vec::new(), jobs.iter().map(|(_, job)| job.clone()).collect::<Vec<_>>());
            let hear: &mut Tell<'_> = &mut |place, result| match result {
                Err(SyncError::Stale(_)) if attempt < TRIES_MAX => stale.push(place),
                result => tell(jobs[place].0, result),
            };
            self.bring_once(&plain, goal, Arrived::after(before.cloned()), attempt > 1, hear)?;
            if stale.is_empty() {
                break;
            }
            let mut again: Vec<(usize, Job)> = stale.into_iter().map(|place| jobs[place].clone()).collect();
            let there = |(_, job): &(usize, Job)| Some(job.pair.tip.as_ref()?.handle.clone());
            let handles: Vec<Handle> = again.iter().filter_map(there).collect();
            for ((_, job), tip) in again.iter_mut().zip(self.transport.tips(&handles)?) {
                // One that was to be made may have been made by the other.
                let id = job.pair.tip.as_ref().map(|tip| tip.id);
                if job.pair.local.is_none() {
                    let here = news::handles_by_id(self.agents.repo().backend())?;
                    job.pair.local = id.and_then(|id| here.get(&id).cloned());
                }
                job.pair.tip = tip.filter(|tip| Some(tip.id) == id);
            }
            jobs = again;
        }
        Ok(())
    }

    fn bring_once(
        &self,
        jobs: &[Job],
        goal: Goal,
        mut arrived: Arrived,
        fresh: bool,
        tell: &mut Tell<'_>,
    ) -> Result<(), SyncError> {
        let mut coming = self.look_at(jobs, goal, fresh, tell)?;
        self.bring_objects(&mut coming, &mut arrived, tell)?;
        let (new, here): (Vec<Coming<'_>>, Vec<Coming<'_>>) =
            coming.into_iter().partition(|coming| coming.place.local.is_none());
        self.adopt(&new, &arrived, tell);
        self.update(&here, &arrived, goal, tell);
        Ok(())
    }

    /// What is new of each agent; those with nothing to do are told at once.
    fn look_at<'j>(
        &self,
        jobs: &'j [Job],
        goal: Goal,
        fresh: bool,
        tell: &mut Tell<'_>,
    ) -> Result<Vec<Coming<'j>>, SyncError> {
        let (mut places, mut ats) = (Vec::new(), Vec::new());
        for (at, job) in jobs.iter().enumerate() {
            match self.place_of(job) {
                Ok(place) => {
                    places.push(place);
                    ats.push(at);
                }
                Err(error) => tell(at, Err(error)),
            }
        }
        let looked = news::look(self, &places, fresh)?;
        let mut coming = Vec::new();
        for ((at, place), news) in ats.into_iter().zip(places).zip(looked) {
            match news {
                Err(error) => tell(at, Err(error)),
                Ok(None) if goal == Goal::Fetch => tell(at, Ok(Synced::default())),
                Ok(news) => {
                    let news = news.unwrap_or_else(|| News::of(&place.tip));
                    let (scope, wants) = (&jobs[at].scope, Vec::new());
                    let (brought, complete) = (Vec::new(), false);
                    coming.push(Coming { at, place, scope, news, wants, brought, complete });
                }
            }
        }
        Ok(coming)
    }

    fn place_of(&self, job: &Job) -> Result<Place, SyncError> {
        let local = job.pair.local.clone();
        let Some(tip) = job.pair.tip.clone() else {
            return Err(match local {
                Some(local) => SyncError::NotThere(local),
                None => SyncError::Unreachable("an agent is neither here nor there".to_owned()),
            });
        };
        self.refuse_other(tip.head.store)?;
        let backend = self.agents.repo().backend();
        let handle = job.scope.rename.as_ref().unwrap_or(&tip.handle);
        if local.is_none()
            && let Some(there) = backend.locate(handle)?
        {
            // Somebody else may have made it since it was looked for.
            let same = backend.head(&there)?.is_some_and(|head| head.agent == tip.id);
            let handle = tip.handle.clone();
            let other = SyncError::OtherAgent { handle, pushing: false };
            return Err(if same { SyncError::Stale(there) } else { other });
        }
        Ok(Place { local, tip })
    }

    /// Does something with each, and tells of those with which it failed.
    pub(super) fn keep_good(
        &self,
        coming: &mut Vec<Coming<'_>>,
        tell: &mut Tell<'_>,
        mut act: impl FnMut(&Self, &mut Coming<'_>) -> Result<(), SyncError>,
    ) {
        coming.retain_mut(|one| match act(self, one) {
            Ok(()) => true,
            Err(error) => {
                tell(one.at, Err(error));
                false
            }
        });
    }

    /// Makes agents of the remote here.
    fn adopt(&self, coming: &[Coming<'_>], arrived: &Arrived, tell: &mut Tell<'_>) {
        let named = |one: &Coming<'_>| one.scope.rename.as_ref().unwrap_or(&one.news.tip.handle).clone();
        let handles: Vec<Handle> = coming.iter().map(named).collect();
        let done = self.agents.run_many::<Synced, SyncError>(&handles, "clone", |at, operation| {
            let Coming { news, brought, scope, .. } = &coming[at];
            match operation.agent_id() {
                Some(id) if id == news.tip.id => return Err(SyncError::Stale(handles[at].clone())),
                Some(_) => {
                    return Err(SyncError::OtherAgent { handle: handles[at].clone(), pushing: false });
                }
                None => {}
            }
            operation.adopt(news.tip.id);
            operation.cite(news.tip.head.record.digest());
            self.track(operation, news, arrived, brought)?;
            let view = View::of(self.agents, None, &self.remote, Some(Some(news)))?;
            let scope = Scope { activate: true, ..Scope::clone(scope) };
            let mut synced = self.take(operation, &view, news, &scope)?;
            self.take_renamed(operation, &view, &scope)?;
            if operation.current(&RefName::active())?.is_none() {
                operation.write(RefName::active(), None, Vec::new())?;
            }
            synced.created = true;
            Ok(synced)
        });
        // Somebody else made it under another handle a moment ago: it is looked at again.
        let made = |at: usize, error| match error {
            SyncError::Repo(RepoError::IdTaken { .. }) => SyncError::Stale(handles[at].clone()),
            other => other,
        };
        let done = done.into_iter().enumerate().map(|(at, done)| done.map_err(|error| made(at, error)));
        tell_all(coming, done.collect(), tell);
    }

    /// What the remote did, and what follows from it for this store's refs unless it is only looked at.
    fn update(&self, coming: &[Coming<'_>], arrived: &Arrived, goal: Goal, tell: &mut Tell<'_>) {
        let handles: Vec<Handle> = coming.iter().filter_map(|one| one.place.local.clone()).collect();
        let done = self.agents.run_many::<Synced, SyncError>(&handles, goal.kind(), |at, operation| {
            let Coming { news, brought, scope, .. } = &coming[at];
            operation.cite(news.tip.head.record.digest());
            self.track(operation, news, arrived, brought)?;
            if goal == Goal::Fetch {
                return Ok(Synced::default());
            }
            let view = View::of(self.agents, Some(&handles[at]), &self.remote, Some(Some(news)))?;
            self.take(operation, &view, news, scope)
        });
        tell_all(coming, done, tell);
    }
}

fn tell_all(coming: &[Coming<'_>], done: Vec<Result<(Synced, Receipt), SyncError>>, tell: &mut Tell<'_>) {
    for (one, result) in coming.iter().zip(done) {
        let synced = result.map(|(synced, receipt)| Synced {
            operation: receipt.operation,
            changes: receipt.changes,
            ..synced
        });
        tell(one.at, synced);
    }
}
