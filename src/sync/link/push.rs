//! Pushing agents: what this store has and the remote has not, if the remote has nothing that this store
//! has not seen. Objects go before refs, and the refs of each agent in one operation of the remote.

use std::collections::HashMap;
use std::time::Duration;

use crate::backend::{ChainHead, ChainPart, Staged};
use crate::object::Object;
use crate::refs::Handle;
use crate::repo::random_bytes;

use super::super::news::{self, News, Place};
use super::super::{AgentTip, PushOutcome, PushRequest, SyncError};
use super::ahead::Ahead;
use super::bring::Goal;
use super::left;
use super::plan::Plan;
use super::view::View;
use super::{Job, Link, Scope, Synced, TOGETHER_MAX, Tell};

/// How often a remote that moved meanwhile is looked at again.
const TRIES_MAX: u32 = 20;
/// The longest pause before the second try, which doubles with each, and before any, in milliseconds.
const PAUSE_MS: (u64, u64) = (4, 250);

/// One agent on its way.
struct Going<'j> {
    at: usize,
    local: &'j Handle,
    tip: Option<AgentTip>,
    scope: &'j Scope,
}

/// One agent of which it is known what goes.
pub(super) struct Planned<'j> {
    going: Going<'j>,
    pub(super) view: View,
    pub(super) plan: Plan,
}

impl Link<'_> {
    /// Pushes agents; one that is not at the remote is made there.
    ///
    /// # Errors
    /// When the remote did not answer; of each agent `Behind` when the remote has versions that were not
    /// pulled; `Diverged`, `BothMoved`, `Copied`; what either store refuses. The remote has it then as it was.
    pub fn push(&self, jobs: &[Job], tell: &mut Tell<'_>) -> Result<(), SyncError> {
        let own = self.agents.repo().backend().store_id();
        let there = self.transport.store()?;
        if there == own {
            return Err(SyncError::SameStore(own));
        }
        self.refuse_other(there)?;
        for (chunk, jobs) in jobs.chunks(TOGETHER_MAX).enumerate() {
            let first = chunk * TOGETHER_MAX;
            self.push_some(jobs, &mut |at, result| tell(first + at, result))?;
        }
        Ok(())
    }

    fn push_some(&self, jobs: &[Job], tell: &mut Tell<'_>) -> Result<(), SyncError> {
        let mut waiting: Vec<Going<'_>> = Vec::new();
        for (at, Job { pair, scope }) in jobs.iter().enumerate() {
            match &pair.local {
                Some(local) => waiting.push(Going { at, local, tip: pair.tip.clone(), scope }),
                None => tell(at, Ok(Synced::default())),
            }
        }
        let mut ahead = Ahead::default();
        for attempt in 0..TRIES_MAX {
            if attempt > 0 {
                back_off(attempt)?;
            }
            let planned = self.plan_all(waiting, tell)?;
            if planned.is_empty() {
                return Ok(());
            }
            waiting = self.push_planned(planned, &mut ahead, tell)?;
            if waiting.is_empty() {
                return Ok(());
            }
        }
        for going in waiting {
            tell(going.at, Err(SyncError::Contended(going.local.clone())));
        }
        Ok(())
    }

    /// What goes of each; those of which nothing does are told at once.
    fn plan_all<'j>(
        &self,
        waiting: Vec<Going<'j>>,
        tell: &mut Tell<'_>,
    ) -> Result<Vec<Planned<'j>>, SyncError> {
        let place =
            |going: &Going<'_>| Some(Place { local: Some(going.local.clone()), tip: going.tip.clone()? });
        let places: Vec<Place> = waiting.iter().filter_map(place).collect();
        let mut looked = news::look(self, &places, true)?.into_iter();
        let mut planned = Vec::new();
        for going in waiting {
            let news = if going.tip.is_some() { looked.next().unwrap_or(Ok(None)) } else { Ok(None) };
            let at = going.at;
            match news.and_then(|news| self.plan_one(going, news.as_ref())) {
                Ok(Ok(one)) => planned.push(one),
                Ok(Err(synced)) => tell(at, Ok(synced)),
                Err(error) => tell(at, Err(error)),
            }
        }
        Ok(planned)
    }

    /// What goes of an agent, or what was done about it without anything going.
    fn plan_one<'j>(
        &self,
        going: Going<'j>,
        news: Option<&News>,
    ) -> Result<Result<Planned<'j>, Synced>, SyncError> {
        let (local, tip) = (going.local, going.tip.as_ref());
        let view = View::of(self.agents, Some(local), &self.remote, tip.map(|_| news))?;
        let plan = match self.plan(local, tip, &view, going.scope) {
            Err(SyncError::Behind { .. }) => return Err(self.behind(local, tip, &view)?),
            other => other?,
        };
        if plan.changes.is_empty() || self.dry_run {
            let mut synced = self.settle(local, tip, news, &view)?;
            synced.left = left::after(plan.left, &synced.left);
            synced.sent = plan.changes;
            synced.created = tip.is_none();
            return Ok(Err(synced));
        }
        Ok(Ok(Planned { going, view, plan }))
    }

    /// After a push whose answer did not come: the numbers that it gave.
    fn settle(
        &self,
        local: &Handle,
        tip: Option<&AgentTip>,
        news: Option<&News>,
        view: &View,
    ) -> Result<Synced, SyncError> {
        let Some(tip) = tip.filter(|_| !self.dry_run) else { return Ok(Synced::default()) };
        let waits = view.provisional().iter().any(|id| view.their_place(id).is_some());
        let follows = view.follows_anew() && news.is_some();
        if view.numbered_there() != Some(false) && (waits || follows) {
            return self.bring_one(local, tip, Goal::Push, &Scope::default());
        }
        Ok(Synced::default())
    }

    /// Asks the remote; gives those that are to be looked at again.
    fn push_planned<'j>(
        &self,
        planned: Vec<Planned<'j>>,
        ahead: &mut Ahead,
        tell: &mut Tell<'_>,
    ) -> Result<Vec<Going<'j>>, SyncError> {
        let mut lost: HashMap<usize, SyncError> = HashMap::new();
        let mut objects = self.send(&planned, ahead, &mut |place, error| drop(lost.insert(place, error)))?;
        let there: Vec<Handle> =
            planned.iter().filter(|one| one.going.tip.is_some()).map(Planned::handle).collect();
        let mut kept = self.transport.chains(&there)?.into_iter();
        let (mut requests, mut asked) = (Vec::new(), Vec::new());
        for (place, one) in planned.into_iter().enumerate() {
            let theirs = one.going.tip.as_ref().and_then(|_| kept.next()).unwrap_or_default();
            if let Some(error) = lost.remove(&place) {
                tell(one.going.at, Err(error));
                continue;
            }
            let objects = objects.get_mut(place).map(std::mem::take).unwrap_or_default();
            match self.request(&one, &theirs, objects, ahead.staged.clone()) {
                Ok(request) => {
                    requests.push(request);
                    asked.push(one);
                }
                Err(error) => tell(one.going.at, Err(error)),
            }
        }
        let outcomes = self.transport.push(&requests)?;
        let sent = || requests.iter().flat_map(|request| &request.objects);
        self.progress.objects(sent().count() as u64);
        self.progress.bytes(sent().map(|object| object.payload.len() as u64).sum());
        if outcomes.len() != requests.len() {
            return Err(SyncError::Unreachable("it did not answer for every agent".to_owned()));
        }
        let (mut again, mut done) = (Vec::new(), Vec::new());
        for (one, outcome) in asked.into_iter().zip(outcomes) {
            match outcome {
                Ok(PushOutcome::Committed(tip)) => done.push((one, tip)),
                Ok(PushOutcome::Moved | PushOutcome::Unknown) => again.push(one),
                Err(error) => tell(one.going.at, Err(error)),
            }
        }
        self.take_over(done, tell)?;
        self.look_again(again, tell)
    }

    /// What the push made of the agents: their numbers, and that the remote has them so.
    fn take_over(&self, done: Vec<(Planned<'_>, AgentTip)>, tell: &mut Tell<'_>) -> Result<(), SyncError> {
        let job = |(one, tip): &(Planned<'_>, AgentTip)| {
            let pair = super::Pair { local: Some(one.going.local.clone()), tip: Some(tip.clone()) };
            Job { pair, scope: Scope::default() }
        };
        let jobs: Vec<Job> = done.iter().map(job).collect();
        let mut done: Vec<Option<Planned<'_>>> = done.into_iter().map(|(one, _)| Some(one)).collect();
        self.bring(&jobs, Goal::Push, &mut |place, result| {
            let Some(Planned { going, plan, .. }) = done.get_mut(place).and_then(Option::take) else {
                return;
            };
            let synced = result.map(|synced| Synced {
                sent: plan.changes,
                left: left::after(plan.left, &synced.left),
                created: going.tip.is_none(),
                ..synced
            });
            tell(going.at, synced);
        })
    }

    /// Agents that moved at the remote, as they are there now.
    fn look_again<'j>(
        &self,
        again: Vec<Planned<'j>>,
        tell: &mut Tell<'_>,
    ) -> Result<Vec<Going<'j>>, SyncError> {
        if again.is_empty() {
            return Ok(Vec::new());
        }
        let handles: Vec<Handle> = again.iter().map(Planned::handle).collect();
        let tips = self.transport.tips(&handles)?;
        let mut waiting = Vec::new();
        for (one, tip) in again.into_iter().zip(tips) {
            let id = self.agents.repo().backend().head(one.going.local)?.map(|head| head.agent);
            match tip {
                Some(found) if Some(found.id) != id => {
                    let error = SyncError::OtherAgent { handle: found.handle, pushing: true };
                    tell(one.going.at, Err(error));
                }
                tip => waiting.push(Going { tip, ..one.going }),
            }
        }
        Ok(waiting)
    }

    fn request(
        &self,
        one: &Planned<'_>,
        theirs: &[ChainHead],
        objects: Vec<Object>,
        staged: Option<Staged>,
    ) -> Result<PushRequest, SyncError> {
        let local = one.going.local;
        let head = self.agents.repo().backend().head(local)?;
        let head = head.ok_or_else(|| SyncError::NotThere(local.clone()))?;
        Ok(PushRequest {
            agent: head.agent,
            handle: one.handle(),
            expected: one.going.tip.as_ref().map(|tip| tip.head.record),
            cites: head.record,
            objects,
            staged,
            chains: self.lines_for(local, theirs, head.log_bytes)?,
            changes: one.plan.changes.clone(),
            actor: self.agents.actor().clone(),
        })
    }

    /// The lines of this store's log, and of those that it keeps, that the remote does not have.
    fn lines_for(
        &self,
        local: &Handle,
        theirs: &[ChainHead],
        log_bytes: u64,
    ) -> Result<Vec<ChainPart>, SyncError> {
        let backend = self.agents.repo().backend();
        let (own, there) = (backend.store_id(), self.transport.store()?);
        let kept = |store| theirs.iter().find(|head| head.store == store).copied();
        let length = |end: u64, start: u64| usize::try_from(end - start).unwrap_or(usize::MAX);
        let mut parts = Vec::new();
        if let Some(before) = kept(own) {
            news::refuse_copy_of_own(backend, Some(local), local, before)?;
        }
        let offset = kept(own).map_or(0, |head| head.bytes);
        if log_bytes > offset {
            let lines = backend.read_log(local, offset, length(log_bytes, offset))?;
            parts.push(ChainPart { store: own, offset, lines });
        }
        for chain in backend.chains(local)?.into_iter().filter(|chain| chain.store != there) {
            let before = kept(chain.store);
            let offset = before.map_or(0, |head| head.bytes);
            if chain.bytes > offset {
                if let Some(before) = before
                    && news::record_at(backend, local, chain.store, offset)? != Some(before.record)
                {
                    // Two stores wrote under that id, before one of them got another. What came first is kept.
                    continue;
                }
                let lines = backend.read_chain(local, chain.store, offset, length(chain.bytes, offset))?;
                parts.push(ChainPart { store: chain.store, offset, lines });
            }
        }
        Ok(parts)
    }
}

/// Waits before another try, and not as long as the others who wait.
fn back_off(attempt: u32) -> Result<(), SyncError> {
    let most_us = (PAUSE_MS.0 << attempt.min(16)).min(PAUSE_MS.1) * 1000;
    let drawn = u128::from_le_bytes(random_bytes()?) % u128::from(most_us);
    std::thread::sleep(Duration::from_micros(u64::try_from(drawn).unwrap_or(most_us)));
    Ok(())
}

impl Planned<'_> {
    /// Whether the remote does not have the agent.
    pub(super) fn is_new(&self) -> bool {
        self.going.tip.is_none()
    }

    /// The agent's handle at the remote.
    pub(super) fn handle(&self) -> Handle {
        match &self.going.tip {
            Some(tip) => tip.handle.clone(),
            None => self.going.scope.rename.as_ref().unwrap_or(self.going.local).clone(),
        }
    }
}
