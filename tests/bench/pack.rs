//! Packs: how small a history becomes, how long that takes, how quickly an object is read.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::Command;

use recto::clock::Time;
use recto::object::{Author, Commit, Content, Entry, Object, ObjectId, Tree};
use recto::pack::order::{Order, Step};
use recto::pack::{Effort, Pack, PackWriter};

use crate::rivals::git::Git;
use crate::table::{self, Target};
use crate::timing::{Scale, in_turn};
use crate::workload::{Evolving, Size};

/// Measures packs.
pub(crate) fn run(dir: &Path, scale: Scale) {
    table::group(&format!("Packs: one agent with {} versions", scale.versions));
    let git_dir = dir.join("rival.git");
    let git = Git::init(&git_dir, false);
    let mut history = History::default();
    let mut agent = Evolving::new(7, Size::Large);
    let mut changed = crate::publish::all_blocks();
    for at in 0..scale.versions {
        history.publish(&agent, &changed, at);
        git.publish("support", &agent.config, &changed, "next");
        changed = agent.step();
    }
    let steps = history.steps();
    let small = history.pack(&steps, Effort::Small);
    let [ours, fast, theirs] = in_turn(
        3,
        [
            &mut |_| drop(history.pack(&steps, Effort::Small)),
            &mut |_| drop(history.pack(&steps, Effort::Fast)),
            &mut |_| repack(&git_dir),
        ],
    );
    let packed = small.len() as u64;
    table::sizes("size", packed, "git repack, window 50", pack_bytes(&git_dir), Target::AtMost(1.0));
    let alone: usize = steps.iter().map(|step| history.alone(step).len()).sum();
    table::sizes("size", packed, "each object in zstd", alone as u64, Target::None);
    table::count("bytes per version", packed / scale.versions as u64, Target::None);
    table::times("write, small", ours.median(), "git repack, a process", theirs.median(), Target::None);
    table::times("write, fast", fast.median(), "git repack, a process", theirs.median(), Target::None);
    let pack = Pack::open(&small).expect("a pack");
    let [verified] = in_turn(5, [&mut |_| assert_eq!(pack.verify().expect("whole").id, pack.id())]);
    table::alone("verify", verified.median(), Target::None);
    let ids: Vec<ObjectId> = pack.ids().collect();
    let [read, found] = in_turn(
        2000,
        [
            &mut |at| drop(pack.get(&ids[at * 7919 % ids.len()]).expect("readable").expect("there")),
            &mut |at| assert!(pack.contains(&ids[at * 7919 % ids.len()]).expect("an index")),
        ],
    );
    table::alone("read any object", read.median(), Target::None);
    table::alone("look an object up", found.median(), Target::None);
}

/// The objects of one agent, and what each of its things was over time.
#[derive(Default)]
struct History {
    objects: HashMap<ObjectId, Object>,
    series: BTreeMap<String, Vec<ObjectId>>,
}

impl History {
    fn publish(&mut self, agent: &Evolving, changed: &[&str], at: usize) {
        for name in changed {
            let content = match &agent.config[*name] {
                serde_json::Value::String(text) => Content::Text(text.clone()),
                value => Content::Json(value.clone()),
            };
            self.add(&format!("block {name}"), content.to_object().expect("a block"));
        }
        let entries = agent.config.iter().map(|(name, value)| Entry {
            name: name.parse().expect("a block name"),
            kind: if value.is_string() {
                recto::object::EntryKind::Text
            } else {
                recto::object::EntryKind::Json
            },
            id: *self.series[&format!("block {name}")].last().expect("it was added"),
        });
        let tree = Tree::new(entries.collect()).expect("a tree").to_object();
        let parents = self.series.get("commits").and_then(|commits| commits.last()).copied();
        let commit = Commit {
            profile: ObjectId::from_bytes([1; 32]),
            tree: tree.id(),
            parents: parents.into_iter().collect(),
            author: Author { name: "Ana".to_owned(), email: Some("ana@example.com".to_owned()) },
            time: Time::from_ms(1_772_892_000_000 + 61_237 * i64::try_from(at).expect("few"))
                .expect("a time"),
            message: "next".to_owned(),
            ext: serde_json::Map::new(),
        };
        self.add("trees", tree);
        self.add("commits", commit.to_object().expect("a commit"));
    }

    fn add(&mut self, series: &str, object: Object) {
        let id = object.id();
        self.series.entry(series.to_owned()).or_default().push(id);
        self.objects.insert(id, object);
    }

    fn steps(&self) -> Vec<Step> {
        let mut order = Order::new();
        self.series.iter().flat_map(|(name, ids)| order.series(name, ids)).collect()
    }

    fn pack(&self, steps: &[Step], effort: Effort) -> Vec<u8> {
        let mut writer = PackWriter::new(Vec::new(), effort).expect("a vector takes everything");
        for step in steps {
            writer.add(&self.objects[&step.id], step.base_hint).expect("a vector takes everything");
        }
        writer.finish().expect("a vector takes everything").1
    }

    fn alone(&self, step: &Step) -> Vec<u8> {
        zstd::bulk::compress(&self.objects[&step.id].payload, 6).expect("compressed")
    }
}

/// Packs a repository as small as git does within reason.
pub(crate) fn repack(dir: &Path) {
    let arguments = ["repack", "-adfq", "--window=50"];
    let status = Command::new("git").arg("-C").arg(dir).args(arguments).status().expect("git runs");
    assert!(status.success(), "git repack");
}

/// What git's packs and their indexes take.
fn pack_bytes(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir.join("objects/pack")).expect("a directory");
    files.map(|file| file.expect("a file").metadata().expect("its size").len()).sum()
}
