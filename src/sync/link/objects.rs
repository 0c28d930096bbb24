//! The objects that agents on their way here need: packs that the remote keeps, and what is asked for by
//! name; and whether all of them came.

use std::collections::HashSet;
use std::io::Read;
use std::rc::Rc;

use crate::object::{Kind, ObjectId};
use crate::pack::PackId;
use crate::refs::{Handle, RefName, Target};

use super::super::closure::Known;
use super::super::intake::Arrived;
use super::super::progress::Metered;
use super::super::{Need, SyncError};
use super::bring::Coming;
use super::{Link, Tell};

impl Link<'_> {
    /// Takes the packs that the remote keeps as they are. Those that came before this was cut off are not
    /// sent again: they are here, and what is in them is found when it is looked for.
    pub(super) fn bring_packs(&self) -> Result<Rc<Arrived>, SyncError> {
        let repo = self.agents.repo();
        let here: HashSet<PackId> = repo.backend().packs()?.into_iter().map(|pack| pack.id).collect();
        let mut arrived = Arrived::default();
        for pack in self.transport.packs()?.into_iter().filter(|pack| !here.contains(&pack.id)) {
            let progress = self.progress;
            let mut take =
                |source: &mut dyn Read| arrived.take(repo, &mut Metered::new(source, progress), progress);
            match self.transport.pack(&pack.id, 0, &mut take) {
                // It was put into another meanwhile. What was in it is asked for by name.
                Err(SyncError::NoSuchPack(_)) => {}
                other => other?,
            }
        }
        Ok(Rc::new(arrived))
    }

    /// Brings the objects that all of them need and sees that none is missing.
    pub(super) fn bring_objects(
        &self,
        coming: &mut Vec<Coming<'_>>,
        arrived: &mut Arrived,
        tell: &mut Tell<'_>,
    ) -> Result<(), SyncError> {
        if self.dry_run {
            return Ok(());
        }
        // What came as packs is usually everything but the newest.
        let mut needs = Vec::new();
        self.keep_good(coming, tell, |link, one| {
            one.wants = link.not_here(one)?;
            if link.is_complete(one, arrived).is_err() {
                let need = link.need(one, arrived)?;
                needs.extend((!need.wants.is_empty()).then_some(need));
            }
            Ok(())
        });
        self.ask_for(&needs, coming, arrived, tell)?;
        // Who packed what the remote keeps may have left out what a version needs: it is asked for in whole.
        let mut needs = Vec::new();
        let nothing = Arrived::default();
        self.keep_good(coming, tell, |link, one| match link.is_complete(one, arrived) {
            Err(SyncError::Incomplete(_)) if link.everything => {
                needs.push(link.need(one, &nothing)?);
                Ok(())
            }
            other => other,
        });
        self.ask_for(&needs, coming, arrived, tell)?;
        self.keep_good(coming, tell, |link, one| {
            if needs.iter().any(|need| need.handle == one.news.tip.handle) {
                link.is_complete(one, arrived)?;
            }
            link.refuse_odd(one, arrived)
        });
        Ok(())
    }

    fn ask_for(
        &self,
        needs: &[Need],
        coming: &mut Vec<Coming<'_>>,
        arrived: &mut Arrived,
        tell: &mut Tell<'_>,
    ) -> Result<(), SyncError> {
        if needs.is_empty() {
            return Ok(());
        }
        let repo = self.agents.repo();
        let progress = self.progress;
        let mut take =
            |source: &mut dyn Read| arrived.take(repo, &mut Metered::new(source, progress), progress);
        match self.transport.objects(needs, &mut take) {
            // One agent that is damaged there holds up none of the others. A disk that is full or fails is not
            // asked again.
            Err(error) if needs.len() > 1 && error.is_damage() => {
                for need in needs {
                    let one = std::slice::from_ref(need);
                    if let Err(error) = self.transport.objects(one, &mut take) {
                        let damaged = |coming: &Coming<'_>| coming.place.tip.handle == need.handle;
                        if let Some(place) = coming.iter().position(damaged) {
                            tell(coming.remove(place).at, Err(error));
                        }
                    }
                }
                Ok(())
            }
            other => other,
        }
    }

    /// Whether everything that an agent's refs will lead to is here; notes what its operation brings.
    fn is_complete(&self, one: &mut Coming<'_>, arrived: &mut Arrived) -> Result<(), SyncError> {
        // What comes later takes nothing away.
        if one.complete {
            return Ok(());
        }
        let mut wants = one.wants.clone();
        wants.extend(self.profile_of(one, arrived)?);
        let known = self.known(one.place.local.as_ref());
        let handle = one.place.local.as_ref().unwrap_or(&one.news.tip.handle);
        one.brought = arrived.complete(self.agents.repo(), handle, &wants, &known)?;
        one.complete = true;
        Ok(())
    }

    /// Whether the refs of the remote lead to what such refs lead to.
    fn refuse_odd(&self, one: &Coming<'_>, arrived: &Arrived) -> Result<(), SyncError> {
        let list = RefName::versions();
        let versions = one.news.versions.iter().map(|(id, _)| (&list, Some(Target::Id(*id))));
        let moves = one.news.moves.iter().map(|(name, to)| (name, to.clone()));
        for (name, to) in versions.chain(moves) {
            if let Some(reason) = arrived.refuses(self.agents, name, to.as_ref())? {
                let agent = one.news.tip.handle.clone();
                return Err(SyncError::Malformed { agent, reason: format!("'{name}': {reason}") });
            }
        }
        Ok(())
    }

    /// What refs of the remote name now and is not here.
    fn not_here(&self, coming: &Coming<'_>) -> Result<Vec<ObjectId>, SyncError> {
        let (local, news) = (coming.place.local.as_ref(), &coming.news);
        let known = self.known(local);
        // Versions of which this log had not told yet are here only if they were published here.
        let new: HashSet<ObjectId> = news.versions.iter().map(|(id, _)| *id).collect();
        let own = self.listed(local, &RefName::unpushed())?;
        let mut wants = Vec::new();
        for id in news.wants() {
            let here =
                own.contains(&id) || !new.contains(&id) && (known.contains(&id)? || self.is_block(&id)?);
            if !here {
                wants.push(id);
            }
        }
        Ok(wants)
    }

    /// What has to come of an agent besides what arrived.
    fn need(&self, coming: &Coming<'_>, arrived: &Arrived) -> Result<Need, SyncError> {
        let (local, news) = (coming.place.local.as_ref(), &coming.news);
        let mut haves = self.newest(local)?;
        let came = news.versions.iter().take_while(|(id, _)| arrived.has_written(id));
        haves.extend(came.last().map(|(id, _)| *id));
        let wants = coming.wants.iter().filter(|id| !arrived.has_written(id)).copied().collect();
        Ok(Need { handle: news.tip.handle.clone(), wants, haves })
    }

    fn is_block(&self, id: &ObjectId) -> Result<bool, SyncError> {
        let object = self.agents.repo().object(id)?;
        Ok(object.is_some_and(|object| object.kind == Kind::Block))
    }

    /// The newest version that is here, and the newest of the remote's that is.
    fn newest(&self, local: Option<&Handle>) -> Result<Vec<ObjectId>, SyncError> {
        let Some(local) = local else { return Ok(Vec::new()) };
        let backend = self.agents.repo().backend();
        let mut newest = Vec::new();
        for list in [Some(RefName::versions()), RefName::versions().at_remote(&self.remote)] {
            let Some(list) = list else { continue };
            let len = backend.list_len(local, &list)?;
            let last = backend.list(local, &list, len.saturating_sub(1), 1)?;
            newest.extend(last.first().map(|entry| entry.id));
        }
        newest.dedup();
        Ok(newest)
    }

    /// The versions that are here.
    fn known<'l>(&'l self, local: Option<&'l Handle>) -> Known<'l> {
        let near = self.newest(local).unwrap_or_default().into_iter().collect();
        Known::new(near, move || {
            let mut all = self.listed(local, &RefName::unpushed())?;
            for list in [Some(RefName::versions()), RefName::versions().at_remote(&self.remote)] {
                all.extend(list.map(|list| self.listed(local, &list)).transpose()?.unwrap_or_default());
            }
            Ok(all)
        })
    }

    /// The entries of a list of an agent that is here.
    fn listed(&self, local: Option<&Handle>, list: &RefName) -> Result<HashSet<ObjectId>, SyncError> {
        let Some(local) = local else { return Ok(HashSet::new()) };
        let entries = self.agents.repo().backend().list(local, list, 0, usize::MAX)?;
        Ok(entries.into_iter().map(|entry| entry.id).collect())
    }

    /// Metadata names a profile, which need not be that of any version.
    fn profile_of(&self, coming: &Coming<'_>, arrived: &Arrived) -> Result<Option<ObjectId>, SyncError> {
        let meta = coming.news.moves.get(&RefName::meta()).and_then(Option::as_ref);
        let Some(id) = meta.and_then(Target::id) else { return Ok(None) };
        let object = arrived.object(self.agents.repo(), &id)?.ok_or(SyncError::Incomplete(id))?;
        Ok(self.agents.profile_in(&object.payload))
    }
}
