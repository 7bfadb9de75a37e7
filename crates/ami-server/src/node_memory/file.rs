//! The file: its form, and how it is read and written.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use ami_mux::Service;
use serde::{Deserialize, Serialize};

use super::Recalled;

/// Its name in `server.state_dir`.
const NAME: &str = "nodes.json";
/// More than thousands of nodes need; what is longer is no file of ours.
const BYTES_MAX: u64 = 1024 * 1024;
const MODE: u32 = 0o600;

/// What is in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    nodes: BTreeMap<String, KeptNode>,
}

/// One node in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeptNode {
    service: String,
    version: Option<String>,
}

impl Kept {
    pub(super) fn new(nodes: impl Iterator<Item = (String, Recalled)>) -> Self {
        let kept = |recalled: Recalled| KeptNode {
            service: recalled.service.as_str().to_owned(),
            version: recalled.version.map(|version| version.to_string()),
        };
        Self {
            nodes: nodes.map(|(name, node)| (name, kept(node))).collect(),
        }
    }

    /// What is kept of the node of that name.
    pub(super) fn node(&self, name: &str) -> Option<Recalled> {
        let node = self.nodes.get(name)?;
        Some(Recalled {
            service: Service::parse(&node.service).unwrap_or_default(),
            version: node.version.as_ref().and_then(|text| text.parse().ok()),
        })
    }
}

/// Where it is. The methods block.
#[derive(Debug)]
pub(super) struct MemoryFile {
    directory: PathBuf,
}

impl MemoryFile {
    pub(super) fn in_directory(directory: &Path) -> Self {
        Self {
            directory: directory.to_path_buf(),
        }
    }

    /// What was kept; nothing when there is no file. A file that cannot be understood is put aside; the error says what and where.
    pub(super) fn read(&self) -> Result<Kept, String> {
        let path = self.directory.join(NAME);
        let mut text = Vec::new();
        let read =
            File::open(&path).and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut text));
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::default()),
            Err(error) => return Err(format!("{}: cannot be read: {error}", path.display())),
            Ok(_) => {}
        }
        let problem = match self.understand(&text) {
            Ok(kept) => return Ok(kept),
            Err(problem) => problem,
        };
        let aside = self.directory.join("nodes.json.broken");
        let kept = match std::fs::rename(&path, &aside) {
            Ok(()) => format!("it is {} now", aside.display()),
            Err(error) => format!("it cannot be put aside: {error}"),
        };
        Err(format!("{}: {problem}; {kept}", path.display()))
    }

    fn understand(&self, text: &[u8]) -> Result<Kept, String> {
        if u64::try_from(text.len()).is_ok_and(|length| length > BYTES_MAX) {
            return Err(format!("is longer than {BYTES_MAX} bytes"));
        }
        let kept: Kept = serde_json::from_slice(text)
            .map_err(|error| format!("cannot be understood: {error}"))?;
        for (name, node) in &kept.nodes {
            if Service::parse(&node.service).is_none() {
                let service = &node.service;
                return Err(format!("node {name}: {service:?} is no service"));
            }
        }
        Ok(kept)
    }

    /// Replaces the file; the error says what and where.
    pub(super) fn write(&self, kept: &Kept) -> Result<(), String> {
        let path = self.directory.join(NAME);
        self.replace(&path, kept)
            .map_err(|error| format!("{}: cannot be written: {error}", path.display()))
    }

    fn replace(&self, path: &Path, kept: &Kept) -> io::Result<()> {
        let beside = self.directory.join("nodes.json.new");
        let mut text = serde_json::to_vec_pretty(kept)?;
        text.push(b'\n');
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(MODE)
            .open(&beside)?;
        file.write_all(&text)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        // The new name is on the disk when its directory is.
        File::open(&self.directory)?.sync_all()
    }
}

/// Whether files can be made in `directory`, which is `server.state_dir`; the error says what is wrong.
pub fn probe(directory: &Path) -> Result<(), String> {
    match tempfile::tempfile_in(directory) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!(
            "server.state_dir: cannot write in {}: {error}",
            directory.display()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> Kept {
        let one = Recalled {
            service: Service::Maintenance,
            version: "11.0.0".parse().ok(),
        };
        let two = Recalled {
            service: Service::Open,
            version: None,
        };
        Kept::new([("pbx1".to_owned(), one), ("pbx2".to_owned(), two)].into_iter())
    }

    #[test]
    fn what_is_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let file = MemoryFile::in_directory(directory.path());
        assert_eq!(file.read(), Ok(Kept::default()), "there is none");
        file.write(&Kept::default()).unwrap();
        file.write(&kept()).unwrap();
        let read = file.read().unwrap();
        assert_eq!(read, kept());
        let one = read.node("pbx1").unwrap();
        assert_eq!(one.service, Service::Maintenance);
        assert_eq!(one.version.unwrap().to_string(), "11.0.0");
        assert_eq!(read.node("pbx3"), None);
        let names = std::fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(names, 1, "nothing is left beside it");
    }

    #[test]
    fn a_broken_file_is_named_and_put_aside() {
        for (text, says) in [
            (&b"{\"nodes\": {"[..], "cannot be understood: EOF"),
            (&b"\xff\xfe"[..], "cannot be understood"),
            (b"", "cannot be understood"),
            (
                b"{\"nodes\":{\"pbx1\":{\"service\":\"asleep\",\"version\":null}}}",
                "node pbx1: \"asleep\" is no service",
            ),
            (&vec![b' '; 1024 * 1024 + 1], "is longer than 1048576 bytes"),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join(NAME);
            std::fs::write(&path, text).unwrap();
            let file = MemoryFile::in_directory(directory.path());
            let error = file.read().unwrap_err();
            assert!(error.starts_with(&path.display().to_string()), "{error}");
            assert!(error.contains(says), "{error}");
            assert!(error.contains("nodes.json.broken now"), "{error}");
            assert_eq!(file.read(), Ok(Kept::default()));
            let aside = std::fs::read(directory.path().join("nodes.json.broken"));
            assert_eq!(aside.unwrap(), text);
        }
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let file = MemoryFile::in_directory(Path::new("/nowhere"));
        let error = file.write(&kept()).unwrap_err();
        assert!(
            error.starts_with("/nowhere/nodes.json: cannot be written: "),
            "{error}"
        );
        assert!(
            probe(Path::new("/nowhere"))
                .unwrap_err()
                .contains("/nowhere")
        );
    }
}
