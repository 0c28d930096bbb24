//! A script of operations that crash and fault tests stop everywhere, and what is said of a store
//! before and after each.

use std::collections::{BTreeMap, BTreeSet};

use crate::backend::conformance::packs::{packed, steps, versions};
use crate::backend::script::{STORE, block, deriving, handle, keeping, moving, problems, renaming};
use crate::backend::{Backend, BackendError, Outcome, StoredAs, Transaction};
use crate::disk::SimDisk;
use crate::disk::sim::PowerLoss;
use crate::log::{AgentId, StoreId};
use crate::refs::Handle;

use super::{create, open};

/// One operation of a process that opens the store, does it, and ends.
pub(super) struct Operation {
    pub(super) name: &'static str,
    pub(super) run: fn(&SimDisk) -> Result<(), BackendError>,
    /// Whether the machine lost power, and everything not durable, before it.
    pub(super) rebooted: bool,
}

/// What the import stages.
const STAGED: [&str; 2] = ["bulk", "bulk too"];

/// The other store, parts of whose chain are fetched.
const OTHER: StoreId = StoreId([9; 16]);

const fn operation(name: &'static str, run: fn(&SimDisk) -> Result<(), BackendError>) -> Operation {
    Operation { name, run, rebooted: false }
}

const fn after_reboot(name: &'static str, run: fn(&SimDisk) -> Result<(), BackendError>) -> Operation {
    Operation { name, run, rebooted: true }
}

pub(super) const SCRIPT: [Operation; 24] = [
    operation("create the store", |disk| create(disk).map(drop)),
    operation("create an agent", |disk| {
        one(disk, |at| {
            deriving(moving(at, "support", &[("drafts/main", Some("hello")), ("ACTIVE", None)]), Some("{}"))
        })
    }),
    operation("edit", |disk| {
        one(disk, |at| moving(at, "support", &[("drafts/main", Some(&"hello you ".repeat(90)))]))
    }),
    operation("create another", |disk| {
        one(disk, |at| moving(at, "sales", &[("drafts/main", Some("hello")), ("drafts/b", Some("b"))]))
    }),
    operation("publish", |disk| {
        one(disk, |at| {
            moving(at, "support", &[("drafts/main", None), ("versions", Some("v1")), ("meta", Some("title"))])
        })
    }),
    operation("activate", |disk| {
        one(disk, |at| deriving(moving(at, "support", &[("ACTIVE", Some("v1"))]), Some("{\"v\":1}")))
    }),
    operation("check", |disk| {
        let about = format!("checks/{}", block("v1").id());
        one(disk, |at| moving(at, "support", &[(&about, Some("passed")), ("drafts/next", Some("hello"))]))
    }),
    after_reboot("publish and activate", |disk| {
        let moves = &[("drafts/next", None), ("versions", Some("v2")), ("ACTIVE", Some("v2"))];
        one(disk, |at| deriving(moving(at, "support", moves), Some("{\"v\":2}")))
    }),
    operation("gc", |disk| gc(disk, false)),
    operation("discard", |disk| one(disk, |at| moving(at, "sales", &[("drafts/b", None)]))),
    operation("rename", |disk| one(disk, |at| renaming(at, "support", "desk"))),
    operation("edit the renamed", |disk| one(disk, |at| moving(at, "desk", &[("drafts/main", Some("3"))]))),
    operation("take in a pack", |disk| {
        let (backend, healthy) = (open(disk)?, open(&disk.process_death())?);
        let mut bring = moving(&healthy, "sales", &[("drafts/main", Some("packed"))]);
        let mut objects = versions("packed", 70);
        objects.append(&mut bring.objects);
        let (_, staged) = backend.stage_pack(&mut packed(&objects).as_slice(), &mut |_| {})?;
        bring.staged = Some(staged);
        backend.commit_many(&[bring]).map(|outcomes| assert_eq!(outcomes, [Outcome::Committed]))
    }),
    after_reboot("gc of all", |disk| gc(disk, true)),
    operation("rename back", |disk| one(disk, |at| renaming(at, "desk", "support"))),
    after_reboot("rename on", |disk| one(disk, |at| renaming(at, "support", "help"))),
    operation("import", |disk| {
        let (backend, healthy) = (open(disk)?, open(&disk.process_death())?);
        backend.stage(&STAGED.map(block))?;
        let mut many: Vec<_> = ["bulk-1", "bulk-2", "sales"]
            .map(|at| moving(&healthy, at, &[("versions", Some("bulk"))]))
            .into();
        for transaction in &mut many {
            transaction.objects.clear();
        }
        for outcome in backend.commit_many(&many)? {
            assert_eq!(outcome, Outcome::Committed);
        }
        Ok(())
    }),
    operation("large edit", |disk| {
        let random: String =
            (0..120u32).map(|n| blake3::hash(&n.to_le_bytes()).to_hex().to_string()).collect();
        one(disk, |at| moving(at, "help", &[("drafts/large", Some(&random))]))
    }),
    operation("edit with a checkpoint", |disk| {
        one(disk, |at| moving(at, "help", &[("drafts/large", Some("small"))]))
    }),
    operation("checkpoint", |disk| open(disk)?.checkpoint()),
    after_reboot("edit after the checkpoint", |disk| {
        one(disk, |at| moving(at, "help", &[("drafts/large", None), ("meta", Some("m"))]))
    }),
    operation("fetch", |disk| {
        one(disk, |at| {
            let moves =
                &[("remotes/origin/versions", Some("theirs")), ("remotes/origin/ACTIVE", Some("theirs"))];
            keeping(at, moving(at, "help", moves), OTHER, 3)
        })
    }),
    after_reboot("pull", |disk| {
        one(disk, |at| {
            keeping(
                at,
                moving(at, "help", &[("versions", Some("theirs")), ("unpushed", Some("mine"))]),
                OTHER,
                2,
            )
        })
    }),
    operation("gc at last", |disk| gc(disk, false)),
];

/// Packs what is loose, or everything.
pub(super) fn gc(disk: &SimDisk, all: bool) -> Result<(), BackendError> {
    let backend = open(disk)?;
    let mut ids = BTreeSet::new();
    backend.stored(&mut |id, how| match how {
        StoredAs::Packed(_) if !all => drop(ids.remove(&id)),
        _ => drop(ids.insert(id)),
    })?;
    backend.repack(&mut steps(ids)).map(drop)
}

fn one(disk: &SimDisk, transaction: impl Fn(&dyn Backend) -> Transaction) -> Result<(), BackendError> {
    let backend = open(disk)?;
    // What a test says of the store must not fail where the disk does: a process that cannot read
    // does nothing.
    let healthy = open(&disk.process_death())?;
    backend.commit(&transaction(&healthy)).map(|outcome| assert_eq!(outcome, Outcome::Committed))
}

/// What is said of every agent: its handle, its log and those of other stores, its derived document.
pub(super) type Summary = BTreeMap<AgentId, (Handle, Vec<String>, Option<String>)>;

/// What is said of a store; nothing, when there is none.
pub(super) fn summary(disk: &SimDisk) -> Result<Option<Summary>, BackendError> {
    let backend = match open(disk) {
        Err(BackendError::NotAStore(_)) => return Ok(None),
        other => other?,
    };
    assert_eq!(backend.store_id(), STORE);
    let mut summary = Summary::new();
    // A first look completes a rename that was begun; the second finds the agent under its new name.
    backend.agents(None, 99)?.iter().try_for_each(|handle| backend.head(handle).map(drop))?;
    for handle in backend.agents(None, 99)? {
        let head = backend.head(&handle)?.expect("an agent that was listed");
        let log = backend.read_log(&handle, 0, 1 << 20)?;
        let mut log: Vec<String> = String::from_utf8_lossy(&log).lines().map(str::to_owned).collect();
        for chain in backend.chains(&handle)? {
            let bytes = backend.read_chain(&handle, chain.store, 0, 1 << 20)?;
            log.extend(String::from_utf8_lossy(&bytes).lines().map(str::to_owned));
        }
        let derived = backend.derived(&handle, "ACTIVE.json")?;
        let derived = derived.map(|document| String::from_utf8_lossy(&document).into_owned());
        summary.insert(head.agent, (handle, log, derived));
    }
    Ok(Some(summary))
}

/// Whether each agent is as it was before the operation, or as after it: nothing else.
pub(super) fn is_before_or_after(found: &Summary, before: &Summary, after: &Summary) -> bool {
    let agents = after.keys().chain(found.keys());
    agents.into_iter().all(|agent| {
        let found = found.get(agent);
        found == before.get(agent) || found == after.get(agent)
    })
}

/// Everything that is wrong with a store. An object that was staged for an import, and that nothing came
/// to rely on, may be there in part: the import writes it again.
pub(super) fn found_wrong(backend: &dyn Backend) -> Vec<String> {
    let staged = STAGED.map(|text| format!("object {}: the stored object is malformed", block(text).id()));
    let mut problems = problems(backend);
    problems.retain(|problem| !staged.iter().any(|staged| problem.starts_with(staged)));
    problems
}

/// Checks that a store found after a crash is sound, and that it can be used: an edit of each agent is
/// kept, also over a loss of power that spares nothing that was not flushed.
pub(super) fn check_and_use(disk: &SimDisk, context: &str) {
    check_and_lose(disk, PowerLoss::DropAll, context);
}

/// The same with another loss of power.
pub(super) fn check_and_lose(disk: &SimDisk, loss: PowerLoss, context: &str) {
    summary(disk).expect(context);
    let backend = open(disk).expect("a store");
    assert_eq!(found_wrong(&backend), Vec::<String>::new(), "{context}");
    for agent in backend.agents(None, 99).expect("listed") {
        let edit = moving(&backend, agent.as_str(), &[("drafts/after", Some("the crash"))]);
        let outcome = backend.commit(&edit);
        assert!(matches!(outcome, Ok(Outcome::Committed)), "{context}: {outcome:?}");
    }
    let fresh = moving(&backend, "fresh", &[("drafts/after", Some("the crash"))]);
    let outcome = backend.commit(&fresh);
    assert!(matches!(outcome, Ok(Outcome::Committed)), "{context}: {outcome:?}");
    let used = summary(disk).expect("readable");
    let lost = disk.power_loss(7, loss);
    assert_eq!(summary(&lost).expect(context), used, "{context}: an acknowledged edit is gone");
    let found = found_wrong(&open(&lost).expect("a store"));
    assert_eq!(found, Vec::<String>::new(), "{context}, after the power went again");
    let head = |at: &Handle| backend.head(at).expect("readable").map(|head| head.agent);
    assert!(head(&handle("fresh")).is_some(), "{context}");
}
