//! Pipes and devices that a person names as input: read once, from front to back. Files of a store are
//! never among them.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use super::DiskError;

/// Opens a pipe or a character device, such as the `/dev/fd/63` of a shell's `<(...)`, links followed;
/// `None` when something else stands there, or nothing. Waits for whoever writes into a pipe.
///
/// # Errors
/// What the system refuses.
pub fn open_pipe(path: &Path) -> Result<Option<Box<dyn Read>>, DiskError> {
    let Ok(meta) = fs::metadata(path) else { return Ok(None) };
    let kind = meta.file_type();
    if !kind.is_fifo() && !kind.is_char_device() {
        return Ok(None);
    }
    let file = File::open(path).map_err(|error| DiskError::new("read", path, error))?;
    Ok(Some(Box::new(file)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_directories_are_no_pipes() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("file");
        fs::write(&file, "text").expect("written");
        for path in [dir.path(), &file, &dir.path().join("none")] {
            assert!(open_pipe(path).expect("looked at").is_none(), "{}", path.display());
        }
        let mut text = String::new();
        let null = open_pipe(Path::new("/dev/null")).expect("opened");
        null.expect("a device").read_to_string(&mut text).expect("read");
        assert_eq!(text, "");
    }
}
