//! What is remembered of many agents, kept in a file for the processes after this one, so that they need one
//! look at each agent's journal instead of reading it and the end of the log.
//!
//! Why it is safe: what the file says of an agent is believed only as long as the agent's journal looks as it
//! did when it was read, exactly as a process believes itself that looked before (see `known`): the same file
//! by inode, length and both of its times, of which the later was past when the journal was read, so that
//! every later write looks different. It is not believed after another boot, since then files may have lost
//! what was not durable; nor of another store, nor when it is damaged. A copy of a store has other inodes.
//! Losing the file costs time only.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use crate::backend::{Backend as _, BackendError, Head};
use crate::clock::Time;
use crate::disk::{FileKind, Stat};
use crate::refs::Handle;

use super::LocalBackend;
use super::examine::Tail;
use super::known::Looked;

/// Who looks at so many agents at once uses the file.
const FROM_AGENTS: usize = 64;
/// It is written again when so many of them were not in it, or had changed.
const NEW_MIN: usize = 32;
/// Largest file, in bytes.
const FILE_MAX_BYTES: u64 = 16 * 1024 * 1024;

impl LocalBackend {
    /// The heads of several agents' logs.
    pub(super) fn several_heads(&self, agents: &[Handle]) -> Result<Vec<Option<Head>>, BackendError> {
        let many = agents.len() >= FROM_AGENTS;
        if many && !self.recalled.swap(true, Ordering::SeqCst) {
            self.recall();
        }
        let (mut heads, mut anew) = (Vec::with_capacity(agents.len()), 0);
        for agent in agents {
            let unchanged = self.unchanged_head(agent)?;
            anew += usize::from(unchanged.is_none());
            heads.push(if unchanged.is_some() { unchanged } else { self.head(agent)? });
        }
        if many && anew >= NEW_MIN {
            self.note();
        }
        Ok(heads)
    }

    /// The line before all others: what follows is believed of no other store and in no other boot.
    fn title(&self) -> String {
        format!("recto known 1 {:032x} {}\n", u128::from_be_bytes(self.boot), self.store)
    }

    /// Takes in what was noted, if it can be read: it is looked at before it is believed.
    pub(super) fn recall(&self) {
        let Ok(bytes) = self.disk.read(&self.layout.known(), FILE_MAX_BYTES) else { return };
        let Some(body) = std::str::from_utf8(&bytes).ok().and_then(checked) else { return };
        let Some(lines) = body.strip_prefix(&self.title()) else { return };
        for (handle, tail) in lines.lines().filter_map(entry) {
            if !self.known().contains_key(&handle) {
                self.remember(&handle, tail);
            }
        }
    }

    /// Notes what is known for sure. Nothing depends on it: who may not write goes without.
    fn note(&self) {
        let mut text = self.title();
        for (handle, tail) in self.known().iter() {
            if let (Some(head), Some(stat)) = (tail.head, tail.looked.and_then(|looked| looked.for_sure())) {
                line(&mut text, handle, tail, &head, &stat);
            }
        }
        let digest = blake3::hash(text.as_bytes()).to_hex();
        let _ = writeln!(text, "{digest}");
        let path = self.layout.known();
        if let Some(dir) = path.parent() {
            let made = self.disk.create_dir_all(dir);
            let _ = made.and_then(|()| self.disk.write_atomic(&path, text.as_bytes()));
        }
    }
}

/// What stands before the digest of it.
fn checked(text: &str) -> Option<&str> {
    let at = text.strip_suffix('\n')?.rfind('\n')? + 1;
    (*blake3::hash(&text.as_bytes()[..at]).to_hex() == text[at..text.len() - 1]).then_some(&text[..at])
}

fn line(text: &mut String, handle: &Handle, tail: &Tail, head: &Head, stat: &Stat) {
    let Tail { epoch, seq, offset, log_bytes, old_boot, .. } = tail;
    let (agent, record, time_ms) = (head.agent, head.record, head.time.as_ms());
    let Stat { len_bytes, modified_ns, changed_ns, inode, .. } = stat;
    let _ = writeln!(
        text,
        "{handle} {agent} {record} {time_ms} {log_bytes} {epoch} {seq} {offset} {} {len_bytes} {modified_ns} {changed_ns} {inode}",
        u8::from(*old_boot),
    );
}

fn entry(line: &str) -> Option<(Handle, Tail)> {
    let mut words = line.split(' ');
    let handle = words.next()?.parse().ok()?;
    let (agent, record) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let time = Time::from_ms(words.next()?.parse().ok()?)?;
    let log_bytes = words.next()?.parse().ok()?;
    let (epoch, seq) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let (offset, old_boot) = (words.next()?.parse().ok()?, words.next()? == "1");
    let len_bytes = words.next()?.parse().ok()?;
    let (modified_ns, changed_ns) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let inode = words.next()?.parse().ok()?;
    let stat = Stat { kind: FileKind::File, len_bytes, modified_ns, changed_ns, inode, executable: false };
    let tail = Tail {
        epoch,
        old_boot,
        seq,
        offset,
        file_bytes: len_bytes,
        log_bytes,
        head: Some(Head { agent, record, time, log_bytes }),
        // Asked again before anything is written.
        flushed: false,
        looked: Some(Looked::noted(stat)),
    };
    words.next().is_none().then_some((handle, tail))
}
