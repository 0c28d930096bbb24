//! Which file systems are shared between machines, by their magic number or type name.
//!
//! They are told apart because a store relies on one kernel: its locks must exclude every writer, its boot id
//! must tell whether any cached write was lost, and a rename must be seen whole by all readers.

use std::io;
use std::path::Path;

/// `statfs` magic numbers of file systems that several machines write to.
#[cfg(target_os = "linux")]
const NETWORK_MAGIC: [(u32, &str); 15] = [
    (0x0000_6969, "nfs: locks and renames may be acknowledged twice or late"),
    (0xff53_4d42, "cifs: another client's cache is not seen"),
    (0xfe53_4d42, "smb2: as cifs"),
    (0x0000_517b, "smb, before cifs"),
    (0x0000_564c, "ncpfs"),
    (0x7375_7245, "coda: disconnected writes"),
    (0x5346_414f, "openafs: the last to close wins"),
    (0x6b41_4653, "the kernel's afs: as openafs"),
    (0x00c3_6400, "ceph"),
    (0x0bd0_0bd0, "lustre: flock is local unless mounted otherwise"),
    (0x1983_0326, "beegfs: flock is local unless configured otherwise"),
    (0x4750_4653, "gpfs: another machine's crash leaves this boot id unchanged"),
    (0x7461_636f, "ocfs2: as gpfs"),
    (0x0116_1970, "gfs2: as gpfs"),
    (0x2003_0528, "orangefs: no flock"),
];

/// FUSE says nothing in its magic number; these are types that reach another machine.
///
/// Left out on purpose, as `virtiofs` and `9p` are: shares of the host's own disk with a guest or a container.
/// The guest's kernel sees every writer in the guest, and passes flushes through; only a writer on the host at
/// the same time would be unseen.
#[cfg(target_os = "linux")]
const NETWORK_FUSE: [&str; 14] = [
    "sshfs",
    "s3fs",
    "s3ql",
    "mountpoint-s3",
    "gcsfuse",
    "blobfuse",
    "blobfuse2",
    "rclone",
    "goofys",
    "davfs",
    "glusterfs",
    "ceph-fuse",
    "ceph",
    "juicefs",
];

#[cfg(target_os = "linux")]
const FUSE_MAGIC: u32 = 0x6573_5546;

/// Whether a path lies on such a file system.
///
/// # Errors
/// When the path cannot be looked at.
#[cfg(target_os = "linux")]
pub(super) fn is_network(path: &Path) -> io::Result<bool> {
    let stat = rustix::fs::statfs(path)?;
    // The magic is 32 bits in a word whose width and sign differ by architecture.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let magic = stat.f_type as u32;
    if magic != FUSE_MAGIC {
        return Ok(NETWORK_MAGIC.iter().any(|(known, _)| *known == magic));
    }
    let device = rustix::fs::stat(path)?.st_dev;
    let device = (rustix::fs::major(device), rustix::fs::minor(device));
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    Ok(fuse_is_network(&mounts, device))
}

/// Elsewhere the question is not answered: every volume passes for local.
///
/// # Errors
/// When the path cannot be looked at.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_network(path: &Path) -> io::Result<bool> {
    std::fs::symlink_metadata(path).map(|_| false)
}

/// Looks a device up in the text of `/proc/self/mountinfo`, where its type reads `fuse.sshfs`, or plain `fuse`
/// with the program as source.
#[cfg(target_os = "linux")]
fn fuse_is_network(mounts: &str, (major, minor): (u32, u32)) -> bool {
    let device = format!("{major}:{minor}");
    mounts.lines().any(|line| {
        let Some((mount, kind)) = line.split_once(" - ") else { return false };
        if mount.split(' ').nth(2) != Some(device.as_str()) {
            return false;
        }
        let mut words = kind.split(' ');
        let subtype = words.next().and_then(|word| word.strip_prefix("fuse."));
        let name = subtype.or_else(|| words.next()).unwrap_or_default();
        NETWORK_FUSE.contains(&name)
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
36 35 0:49 / /mnt/far rw,nosuid shared:1 - fuse.sshfs me@host:/srv rw,user_id=0
37 35 0:50 / /mnt/ntfs rw - fuseblk /dev/sdb1 rw
38 35 0:51 / /mnt/s3 rw - fuse mountpoint-s3 rw
";

    #[test]
    fn fuse_types_are_told_apart() {
        assert!(fuse_is_network(MOUNTS, (0, 49)));
        assert!(!fuse_is_network(MOUNTS, (0, 50)));
        assert!(fuse_is_network(MOUNTS, (0, 51)));
        assert!(!fuse_is_network(MOUNTS, (0, 4)));
    }

    #[test]
    fn proc_is_local_and_an_absent_path_is_an_error() {
        assert!(!is_network(Path::new("/proc")).expect("statfs of /proc"));
        let absent = is_network(Path::new("/proc/no-such-thing"));
        assert_eq!(absent.expect_err("absent").kind(), io::ErrorKind::NotFound);
    }
}
