//! The objects that another store needs, as a pack for it.

use std::collections::HashSet;
use std::io::Write;
use std::sync::Arc;

use crate::agent::Agents;
use crate::backend::Staged;
use crate::object::{Author, ObjectId};
use crate::refs::{Handle, RefName};
use crate::repo::Repo;

use super::closure::{self, Known};
use super::parcel::{Few, Parcel};
use super::store_transport::NEAR_AGENTS;
use super::{Need, SyncError};

/// What goes out: objects of which it is not known yet whether they are few, or a pack.
enum Outgoing<W> {
    Few(Few),
    Many(Box<Parcel<'static, W>>),
}

/// Writes a pack of what is needed of a store: few objects as a thin one, which builds on what the
/// receiver has, many as one that stands by itself.
///
/// # Errors
/// When an object cannot be read, or the sink fails.
pub fn write_pack(repo: &Arc<Repo>, needs: &[Need], sink: &mut dyn Write) -> Result<(), SyncError> {
    let lookup = |id: &ObjectId| Ok(repo.object(id)?);
    let nobody = Author { name: String::new(), email: None };
    let agents = Agents::new(Arc::clone(repo), nobody, "");
    let (mut outgoing, mut sink) = (Outgoing::Few(Few::default()), Some(sink));
    for (at, need) in needs.iter().enumerate() {
        if at.is_multiple_of(NEAR_AGENTS) {
            let next = &needs[at..needs.len().min(at + NEAR_AGENTS)];
            let next: Vec<Handle> = next.iter().map(|need| need.handle.clone()).collect();
            repo.backend().near(&next, &Staged::default());
        }
        let near: HashSet<ObjectId> = need.haves.iter().copied().collect();
        let known = Known::new(near, || before(repo, need));
        // What is known of the agent names its profile, which no commit need name any more.
        let profile = agents.meta(&need.handle)?.profile;
        let wants: Vec<ObjectId> = need.wants.iter().copied().chain([profile]).collect();
        closure::walk(&lookup, &wants, &known, &mut |item| {
            match &mut outgoing {
                Outgoing::Many(parcel) => parcel.add(&item)?,
                Outgoing::Few(few) => few.push(item),
            }
            if let Outgoing::Few(few) = &outgoing
                && few.is_many()
                && let Some(sink) = sink.take()
            {
                let mut parcel = Parcel::standing(sink)?;
                few.items.iter().try_for_each(|item| parcel.add(item))?;
                outgoing = Outgoing::Many(Box::new(parcel));
            }
            Ok(())
        })?;
    }
    let parcel = match outgoing {
        Outgoing::Many(parcel) => parcel,
        Outgoing::Few(few) => {
            let Some(sink) = sink.take() else { return Ok(()) };
            let mut parcel = Parcel::thin(sink, Box::new(lookup))?;
            for newest in needs.iter().filter_map(|need| need.haves.last()) {
                for (role, id) in closure::roles(&lookup, newest)? {
                    parcel.receiver_has(role, id);
                }
            }
            few.items.iter().try_for_each(|item| parcel.add(item))?;
            return parcel.finish();
        }
    };
    parcel.finish()
}

/// The versions up to the newest that the receiver has.
fn before(repo: &Repo, need: &Need) -> Result<HashSet<ObjectId>, SyncError> {
    if need.haves.is_empty() {
        return Ok(HashSet::new());
    }
    let versions = repo.backend().list(&need.handle, &RefName::versions(), 0, usize::MAX)?;
    let had = versions.iter().rposition(|entry| need.haves.contains(&entry.id)).map_or(0, |at| at + 1);
    Ok(versions[..had].iter().map(|entry| entry.id).collect())
}
