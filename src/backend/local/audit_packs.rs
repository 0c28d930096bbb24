//! Examines every pack: its name, every byte of it, and where it is damaged, which objects that concerns.

use crate::backend::{BackendError, Fault};
use crate::pack::Pack;

use super::LocalBackend;
use super::audit::note_left;
use super::packs::{Known, Opened};

/// Where packs lie, as faults name it.
const SHOWN: &str = "objects/packs";

impl LocalBackend {
    pub(super) fn audit_packs(&self, found: &mut dyn FnMut(Fault)) {
        // What was mapped before is looked at as it is now.
        self.forget_packs();
        let listed = match self.strays_among_packs() {
            Ok((temporary, strays)) => {
                note_left(SHOWN, temporary, found);
                for name in strays {
                    found(Fault::new(format!("{SHOWN}/{name}"), "it is not named as a pack is"));
                }
                self.list_packs()
            }
            Err(error) => Err(error),
        };
        match listed {
            Ok(listed) => listed.iter().for_each(|known| self.audit_pack(known, found)),
            Err(error) => found(Fault::new(SHOWN, error.to_string())),
        }
    }

    fn audit_pack(&self, known: &Known, found: &mut dyn FnMut(Fault)) {
        let subject = format!("{SHOWN}/{}.pack", known.id);
        let opened = match self.open_pack(known) {
            Ok(Ok(Some(opened))) => opened,
            // A gc removed it: all that it held is in a pack that is examined too, or was made since.
            Ok(Ok(None)) => return,
            Ok(Err(reason)) => return found(Fault::new(subject, reason)),
            Err(error) => return found(Fault::new(subject, error.to_string())),
        };
        let problem = match opened.pack.verify() {
            Ok(summary) if summary.id == known.id => {
                // What the stream takes as it comes, a look into the index must find.
                Pack::open(opened.pack.as_bytes()).err().map(|error| error.to_string())
            }
            Ok(summary) => Some(format!("its bytes hash to '{}'", summary.id)),
            Err(error) => Some(error.to_string()),
        };
        let Some(problem) = problem else { return };
        let damaged = self.damaged_in(known, opened, found);
        let objects = if damaged == 1 { "object" } else { "objects" };
        found(Fault::new(
            subject,
            format!("{problem}; {damaged} {objects} of its index cannot be read from it"),
        ));
    }

    /// Names the objects of a damaged pack that cannot be read from it; returns how many they are.
    fn damaged_in(&self, known: &Known, opened: &Opened, found: &mut dyn FnMut(Fault)) -> u64 {
        let mut damaged = 0;
        for id in opened.pack.ids() {
            let Err(error) =
                opened.get(&id).and_then(|object| object.map(drop).ok_or_else(|| unlisted(opened)))
            else {
                continue;
            };
            damaged += 1;
            let (subject, problem) =
                (format!("object {id}"), format!("pack '{}' is damaged: {error}", known.id));
            found(match self.read_object(&id) {
                Ok(Some(_)) => Fault::harmless(subject, format!("{problem}; it is kept elsewhere as well")),
                Ok(None) | Err(BackendError::Packed { .. }) => Fault::new(subject, problem),
                Err(error) => Fault::new(subject, format!("{problem}; {error}")),
            });
        }
        damaged
    }
}

/// What it means that the index has an object that is not found by it.
fn unlisted(opened: &Opened) -> crate::pack::PackError {
    let offset = opened.pack.as_bytes().len() as u64;
    crate::pack::PackError::Index { offset, reason: "its entries are not strictly sorted" }
}
