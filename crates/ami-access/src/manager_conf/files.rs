//! Where configuration files come from: the disk, or memory in tests.
//!
//! Owner: the caller of [`load_from`](super::load_from). The loader itself never touches the disk.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Reads files and expands include patterns.
pub trait Files {
    /// The whole content of a regular file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The files that match a pattern, sorted by name; a name that begins with a dot is matched only
    /// when the pattern says so. Called only for names that hold one of `*`, `?` and `[`.
    fn glob(&self, pattern: &str) -> io::Result<Vec<PathBuf>>;
}

const MATCH: glob::MatchOptions = glob::MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// The file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct DiskFiles;

impl Files for DiskFiles {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            ));
        }
        std::fs::read(path)
    }

    fn glob(&self, pattern: &str) -> io::Result<Vec<PathBuf>> {
        let paths = glob::glob_with(pattern, MATCH)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))?;
        let mut found = paths
            .collect::<Result<Vec<PathBuf>, _>>()
            .map_err(|error| io::Error::new(error.error().kind(), error.to_string()))?;
        found.retain(|path| path.is_file());
        found.sort();
        Ok(found)
    }
}

/// Files held in memory, by their full path.
#[derive(Debug, Clone, Default)]
pub struct MemoryFiles {
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl MemoryFiles {
    /// The same files and one more.
    #[must_use]
    pub fn with(mut self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), content.into());
        self
    }
}

impl Files for MemoryFiles {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.files
            .get(path)
            .cloned()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn glob(&self, pattern: &str) -> io::Result<Vec<PathBuf>> {
        let pattern = glob::Pattern::new(pattern)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))?;
        Ok(self
            .files
            .keys()
            .filter(|path| pattern.matches_path_with(path, MATCH))
            .cloned()
            .collect())
    }
}
