//! A disk in memory for tests: it forgets unsynced changes as a loss of power does, fails where it is told to,
//! and does the same again for the same seed. Never the home of anybody's data.
//!
//! Every call that changes something, and every sync, is one or more numbered steps, counted from 1:
//! an atomic write is three (create the temporary file, write it, rename it), a write to a new file two, the
//! creation of directories one each. A crash test counts the steps of a run, then repeats the run and stops
//! it at each of them.
//!
//! All paths are taken from the root of this disk, which is `/` and durable; everything else must be created.

mod crash;
mod file;
mod image;
mod random;

mod disk;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use crash::PowerLoss;

use super::locks::LockTable;
use super::{DiskError, TEMPORARY_PREFIX};
use file::FileData;
use image::{Content, Image};
use random::Random;

/// The largest file, in bytes: a write beyond it finds the disk full.
const FILE_MAX_BYTES: usize = 1 << 30;

/// What goes wrong at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The device fails. A sync that meets it loses what it was to make durable, as Linux does: readers still
    /// see it, and no later sync makes it durable.
    Eio,
    /// The disk is full. The first half of a write at an offset is done; a sync loses as with `Eio`.
    Enospc,
}

/// What the disk says once it was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the power is off")]
pub struct PowerIsOff;

impl PowerIsOff {
    /// Whether this is why a disk refused.
    pub fn caused(error: &DiskError) -> bool {
        match error {
            DiskError::Io { source, .. } => {
                source.get_ref().and_then(|cause| cause.downcast_ref::<Self>()).is_some()
            }
            _ => false,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct PlannedFault {
    step: u64,
    fault: Fault,
    lasting: bool,
}

#[derive(Debug, Clone, Copy)]
struct Stop {
    step: u64,
    /// Whether a write at that step is half done.
    tear: bool,
}

#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // Each is a switch of its own, for a test to set.
struct State {
    image: Image,
    boot_id: [u8; 16],
    steps: u64,
    stop: Option<Stop>,
    off: bool,
    faults: Vec<PlannedFault>,
    read_only: bool,
    network: bool,
    no_exchange: bool,
    temporary_files: u64,
}

/// How far the present step comes.
enum Step {
    /// All of it.
    Done,
    /// Half of it, if it is a write; then the power goes.
    Half,
    /// This goes wrong.
    Fails(Fault),
}

/// The simulated disk. Clones are handles on the same disk, as the processes of one machine have.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
    locks: Arc<LockTable<u64>>,
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        write!(f, "SimDisk({} steps, {} entries)", state.steps, state.image.entries.len())
    }
}

impl SimDisk {
    /// An empty disk; the seed decides its boot id.
    pub fn new(seed: u64) -> Self {
        Self::with(Image::new(), Random::new(seed).id())
    }

    fn with(image: Image, boot_id: [u8; 16]) -> Self {
        let state = State {
            image,
            boot_id,
            steps: 0,
            stop: None,
            off: false,
            faults: Vec::new(),
            read_only: false,
            network: false,
            no_exchange: false,
            temporary_files: 0,
        };
        Self { state: Arc::new(Mutex::new(state)), locks: LockTable::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many steps there were so far, failed ones included.
    pub fn steps(&self) -> u64 {
        self.state().steps
    }

    /// The power goes before the step numbered `step`: it and every later call, reads too, fail with [`PowerIsOff`].
    pub fn stop_at(&self, step: u64) {
        self.state().stop = Some(Stop { step, tear: false });
    }

    /// As [`Self::stop_at`], but if that step writes, the first half of its bytes is written.
    pub fn stop_within(&self, step: u64) {
        self.state().stop = Some(Stop { step, tear: true });
    }

    /// The step numbered `step` fails; with `lasting` every later one too.
    pub fn fail_at(&self, step: u64, fault: Fault, lasting: bool) {
        self.state().faults.push(PlannedFault { step, fault, lasting });
    }

    /// Whether changes are refused as on a volume mounted read-only. Syncs are not.
    pub fn read_only(&self, yes: bool) {
        self.state().read_only = yes;
    }

    /// What [`is_network`](super::Disk::is_network) answers.
    pub fn network(&self, yes: bool) {
        self.state().network = yes;
    }

    /// Whether [`exchange`](super::Disk::exchange) is refused, as by file systems that do not know it.
    pub fn no_exchange(&self, yes: bool) {
        self.state().no_exchange = yes;
    }

    /// The disk as the next process finds it after this one was killed: everything written is there, locks
    /// are free, the boot id is the same, steps count anew, no fault is planned. This handle is left as it is, so
    /// that several outcomes of one crash can be looked at.
    #[must_use]
    pub fn process_death(&self) -> Self {
        let state = self.state();
        let after = Self::with(state.image.clone(), state.boot_id);
        after.no_exchange(state.no_exchange);
        after
    }

    /// The disk as it is found after a loss of power: see [`PowerLoss`]. The boot id is another one, and all
    /// that is found is durable. This handle is left as it is.
    #[must_use]
    pub fn power_loss(&self, seed: u64, mode: PowerLoss) -> Self {
        let state = self.state();
        let mut random =
            Random::new(seed ^ u64::from_be_bytes(state.boot_id[..8].try_into().expect("eight")));
        let boot_id = random.id();
        let after = Self::with(crash::after_power_loss(&state.image, mode, &mut random), boot_id);
        after.no_exchange(state.no_exchange);
        after
    }

    /// Every path that readers see, sorted.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.state().image.paths().into_iter().map(|(path, _)| path).collect()
    }

    /// Every regular file that readers see, with its bytes. Not a step.
    pub fn image(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let image = &self.state().image;
        let files =
            image.paths().into_iter().filter_map(|(path, inode)| match &image.nodes[&inode].content {
                Content::File(data) => Some((path, data.live().to_vec())),
                _ => None,
            });
        files.collect()
    }

    /// Replaces the bytes of a file, seen and durable alike, behind the back of whoever uses the disk. Not a step.
    ///
    /// # Errors
    /// `NotFound`, `NotAFile`.
    pub fn overwrite(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        let mut state = self.state();
        let data = state.image.file_mut(path).map_err(|e| DiskError::of_file("overwrite", path, e))?;
        *data = FileData::durable(bytes.to_vec());
        Ok(())
    }

    /// Flips one bit (0 to 7) of a byte of a file, seen and durable alike. Not a step, and the file's time stays.
    ///
    /// # Errors
    /// `NotFound`, `NotAFile`; an `Io` when the file has no such byte.
    pub fn corrupt(&self, path: &Path, offset: usize, bit: u8) -> Result<(), DiskError> {
        let mut state = self.state();
        let data = state.image.file_mut(path).map_err(|e| DiskError::of_file("corrupt", path, e))?;
        if data.flip(offset, bit) {
            return Ok(());
        }
        Err(DiskError::new("corrupt", path, io::ErrorKind::UnexpectedEof.into()))
    }
}

impl Fault {
    fn error(self) -> io::Error {
        match self {
            Self::Eio => rustix::io::Errno::IO.into(),
            Self::Enospc => rustix::io::Errno::NOSPC.into(),
        }
    }
}

impl State {
    /// Before any call.
    fn alive(&self) -> io::Result<()> {
        if self.off { Err(io::Error::other(PowerIsOff)) } else { Ok(()) }
    }

    /// Before any call that changes something.
    fn writable(&self) -> io::Result<()> {
        self.alive()?;
        if self.read_only { Err(io::ErrorKind::ReadOnlyFilesystem.into()) } else { Ok(()) }
    }

    /// Counts a step and says how it goes.
    fn step(&mut self) -> io::Result<Step> {
        self.alive()?;
        self.steps += 1;
        let now = self.steps;
        if let Some(stop) = self.stop.filter(|stop| stop.step <= now) {
            self.off = true;
            return if stop.tear { Ok(Step::Half) } else { Err(io::Error::other(PowerIsOff)) };
        }
        let planned = self.faults.iter().find(|f| f.step == now || f.lasting && f.step < now);
        Ok(planned.map_or(Step::Done, |planned| Step::Fails(planned.fault)))
    }

    /// A step that happens or does not, with nothing in between.
    fn whole_step(&mut self) -> io::Result<()> {
        match self.step()? {
            Step::Done => Ok(()),
            Step::Half => Err(io::Error::other(PowerIsOff)),
            Step::Fails(fault) => Err(fault.error()),
        }
    }

    /// A step that changes the tree.
    fn change<T>(&mut self, change: impl FnOnce(&mut Image) -> io::Result<T>) -> io::Result<T> {
        self.whole_step()?;
        change(&mut self.image)
    }

    /// A step that writes to an existing file.
    fn write(&mut self, path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let step = self.step()?;
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        if offset.saturating_add(bytes.len()) > FILE_MAX_BYTES {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let data = self.image.touch(path)?;
        let half = &bytes[..bytes.len() / 2];
        match step {
            Step::Done => data.write(offset, bytes),
            Step::Fails(Fault::Eio) => return Err(Fault::Eio.error()),
            Step::Fails(fault @ Fault::Enospc) => {
                data.write(offset, half);
                return Err(fault.error());
            }
            Step::Half => {
                data.write(offset, half);
                return Err(io::Error::other(PowerIsOff));
            }
        }
        Ok(())
    }

    /// Creates a file unless one is there: a step only in the first case.
    fn ensure_file(&mut self, path: &Path) -> io::Result<()> {
        match self.image.file(path) {
            Ok(_) => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                self.change(|image| image.create(path, Content::File(FileData::default()))).map(drop)
            }
            Err(e) => Err(e),
        }
    }

    /// Three steps: create, write, rename. A fault takes the temporary file away again; a stop leaves it.
    fn write_atomic(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        // A process that died may have left one of that name.
        let temporary = loop {
            self.temporary_files += 1;
            let name = path.with_file_name(format!("{TEMPORARY_PREFIX}{:06}", self.temporary_files));
            if !matches!(self.image.locate(&name), Ok(place) if place.inode.is_some()) {
                break name;
            }
        };
        self.change(|image| image.create(&temporary, Content::File(FileData::default())))?;
        let result = self
            .write(&temporary, 0, bytes)
            .and_then(|()| self.change(|image| image.rename(&temporary, path)));
        if result.is_err() && !self.off {
            self.image.remove(&temporary, false)?;
        }
        result
    }
}
