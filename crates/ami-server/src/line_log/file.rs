//! The file of a log: appended to, and opened anew when another took its name.
//!
//! A rotation needs no signal: before each write the name is looked up, and when it is gone or means another file, it is opened. So
//! `create`, `nocreate` and `copytruncate` of logrotate all work.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// An open log file. Its methods block.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    mode: u32,
    file: File,
    /// Device and inode of `file`.
    identity: (u64, u64),
    /// A write failed, and may have left a part of a line.
    torn: bool,
}

/// What became of an append.
#[derive(Debug)]
pub(super) struct Appended {
    /// The lines are in a file.
    pub(super) written: io::Result<()>,
    /// It is the one that has the name.
    pub(super) named: io::Result<()>,
}

impl LogFile {
    /// Opens the file, or creates it with this mode; the umask can take from that.
    pub(crate) fn open(path: &Path, mode: u32) -> io::Result<Self> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(mode)
            .open(path)?;
        let metadata = file.metadata()?;
        Ok(Self {
            path: path.to_path_buf(),
            mode,
            identity: (metadata.dev(), metadata.ino()),
            file,
            torn: false,
        })
    }

    /// Appends whole lines to the file that has the name now; when that cannot be opened, to the one that had it.
    pub(super) fn append(&mut self, lines: &[u8]) -> Appended {
        let named = if self.is_renamed() {
            Self::open(&self.path, self.mode).map(|new| *self = new)
        } else {
            Ok(())
        };
        // A record behind the rest of another would be read as one with it.
        let begin: &[u8] = if self.torn { b"\n" } else { b"" };
        let written = self
            .file
            .write_all(begin)
            .and_then(|()| self.file.write_all(lines));
        self.torn = written.is_err();
        Appended { written, named }
    }

    fn is_renamed(&self) -> bool {
        let named = std::fs::metadata(&self.path);
        !named.is_ok_and(|named| (named.dev(), named.ino()) == self.identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn it_follows_its_name() {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("security.log");
        std::fs::write(&path, "before\n").unwrap();
        let mut log = LogFile::open(&path, 0o600).unwrap();
        log.append(b"1\n").written.unwrap();
        let rotated = directory.path().join("security.log.1");
        std::fs::rename(&path, &rotated).unwrap();
        log.append(b"2\n").written.unwrap();
        assert_eq!(
            (text(&rotated), text(&path)),
            ("before\n1\n".into(), "2\n".into())
        );
        // Another file was made under the name.
        std::fs::rename(&path, &rotated).unwrap();
        std::fs::write(&path, "").unwrap();
        log.append(b"3\n").written.unwrap();
        assert_eq!(text(&path), "3\n");
        // copytruncate
        File::create(&path).unwrap();
        log.append(b"4\n").written.unwrap();
        assert_eq!(text(&path), "4\n");
    }

    #[test]
    fn nothing_is_glued_to_a_torn_line() {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("security.log");
        let mut log = LogFile::open(&path, 0o600).unwrap();
        assert!(log.append(b"1\n").written.is_ok());
        // As a full disk would leave it.
        std::fs::write(&path, "1\npart of").unwrap();
        log.file = File::open(&path).unwrap();
        assert!(
            log.append(b"2\n").written.is_err(),
            "opened for reading alone"
        );
        log.file = OpenOptions::new().append(true).open(&path).unwrap();
        assert!(log.append(b"3\n").written.is_ok());
        assert!(log.append(b"4\n").written.is_ok());
        assert_eq!(text(&path), "1\npart of\n3\n4\n");
    }

    #[test]
    fn what_cannot_be_opened_anew_goes_where_it_went_and_is_told() {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("logs");
        std::fs::create_dir(&path).unwrap();
        let mut log = LogFile::open(&path.join("security.log"), 0o600).unwrap();
        let moved = directory.path().join("moved");
        std::fs::rename(&path, &moved).unwrap();
        let appended = log.append(b"1\n");
        assert!(appended.written.is_ok() && appended.named.is_err());
        assert_eq!(text(&moved.join("security.log")), "1\n");
        assert!(LogFile::open(&path.join("security.log"), 0o600).is_err());
    }
}
