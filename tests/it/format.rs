//! A store that the first build of format 1 made is read by this build, and docs/format.md says what
//! its bytes are.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use recto::pack::Pack;

use crate::harness::Place;

fn frozen() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/format/v1")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let (kind, to) = (entry.file_type().expect("a kind"), to.join(entry.file_name()));
        if kind.is_symlink() {
            let target = fs::read_link(entry.path()).expect("a link");
            std::os::unix::fs::symlink(target, to).expect("linked");
        } else if kind.is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("copied");
        }
    }
}

#[test]
fn a_store_of_the_first_build_is_read() {
    let place = Place::empty();
    copy(&frozen().join("store"), &place.path(".recto"));
    fs::create_dir_all(place.path(".recto/locks")).expect("git keeps no empty directory");
    let expected = |name: &str| fs::read_to_string(frozen().join(name)).expect("it is there");
    assert_eq!(place.recto(["cat", "ivr@V2", "--reveal"]).ok(), expected("ivr-V2.json"));
    assert_eq!(place.recto(["log", "ivr", "--oneline"]).ok(), expected("ivr-log.txt"));
    let renamed = place.recto(["agent", "list", "--json"]).ok();
    assert!(renamed.contains("front-desk"), "{renamed}");
    place.recto(["cat", "desk@V1"]).ok();
    place.recto(["fsck"]).exits(0);
    let mut publish = place.command(["publish", "ivr@next", "--allow-unchanged", "--activate"]);
    publish.env("RECTO_TIME", "2026-03-08T00:00:00Z");
    place.run(&mut publish).ok();
    place.recto(["fsck"]).exits(0);
}

#[test]
fn a_pack_of_the_first_build_is_read() {
    let bytes = fs::read(frozen().join("packs/bakery.pack")).expect("it is there");
    let pack = Pack::open(bytes).expect("a pack");
    let id = pack.verify().expect("whole").id.to_string();
    assert_eq!(id, "f5cb53a655c1308271a088160c25b8470eece49d8570a88de18a04c05cf5e9f0");
    let text = |id: &str| {
        let object = pack.get(&id.parse().expect("an id")).expect("readable").expect("it is there");
        String::from_utf8(object.payload).expect("text")
    };
    let older =
        "You answer the phone of a bakery. Be kind to every caller, be brief, and ask for the name first.\n";
    assert_eq!(text("38ee200dcd7a0d5cec19c9dc566c6965307d598fa46bb339aa6461d25b2a0535"), older);
    let newer = older.replace("brief", "brisk");
    assert_eq!(text("06851fd649ecb1929895ad0eebd4e6660605a432cbe030b78ff38582bf3a6992"), newer);
    assert_eq!(pack.objects(), 3);
}

/// What `xxd -s START -l LEN FILE` prints.
fn xxd(bytes: &[u8], start: usize, len: usize) -> String {
    let mut text = String::new();
    let end = bytes.len().min(start + len);
    for at in (start..end).step_by(16) {
        let row = &bytes[at..end.min(at + 16)];
        let pairs: Vec<String> =
            row.chunks(2).map(|pair| pair.iter().map(|byte| format!("{byte:02x}")).collect()).collect();
        let shown: String =
            row.iter().map(|byte| if (0x20..0x7f).contains(byte) { *byte as char } else { '.' }).collect();
        writeln!(text, "{at:08x}: {:<40} {shown}", pairs.join(" ")).expect("a string grows");
    }
    text
}

#[test]
fn the_hexdumps_of_the_format_are_those_of_the_frozen_store() {
    let page =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/format.md")).expect("read");
    let mut compared = 0;
    for block in page.split("```\n$ xxd ").skip(1) {
        let (command, rest) = block.split_once('\n').expect("a command and its output");
        let words: Vec<&str> = command.split(' ').collect();
        let ["-s", start, "-l", len, file] = words[..] else { panic!("'{command}' has another form") };
        let bytes = fs::read(frozen().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let (start, len) = (start.parse().expect("a number"), len.parse().expect("a number"));
        let shown = rest.split("```").next().expect("it ends");
        assert_eq!(shown, xxd(&bytes, start, len), "{command}");
        compared += 1;
    }
    assert!(compared >= 9, "{compared} hexdumps");
}
