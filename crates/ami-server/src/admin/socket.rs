//! The file of the admin socket: whoever may not open it never finds it open, and it is removed when it is still ours.
//!
//! The socket is bound in a directory of its own that only amiplex enters, gets its mode there, and then takes its name: so there is
//! no moment at which others could connect, and what a process that died has left is replaced in one step.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::{UnixListener, UnixStream};

/// A listening socket and its file.
#[derive(Debug)]
pub(crate) struct AdminSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the file.
    identity: (u64, u64),
}

impl AdminSocket {
    /// Listens at `path`, in the place of what a process that is gone has left there. To be called in a tokio runtime.
    pub(crate) fn bind(path: &Path, mode: u32) -> io::Result<Self> {
        make_sure_that_nobody_answers(path)?;
        let parent = path.parent().unwrap_or_else(|| Path::new("."));
        // Short, because the path of a socket may have a hundred bytes or so.
        let private = tempfile::Builder::new()
            .prefix(".")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(parent)?;
        let first = private.path().join("s");
        let listener = std::os::unix::net::UnixListener::bind(&first)?;
        listener.set_nonblocking(true)?;
        std::fs::set_permissions(&first, Permissions::from_mode(mode))?;
        let metadata = std::fs::symlink_metadata(&first)?;
        let listener = UnixListener::from_std(listener)?;
        std::fs::rename(&first, path)?;
        Ok(Self {
            listener,
            path: path.to_path_buf(),
            identity: (metadata.dev(), metadata.ino()),
        })
    }

    /// The next connection.
    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        let is_ours = std::fs::symlink_metadata(&self.path)
            .is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.identity);
        if is_ours && let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "cannot remove the admin socket");
        }
    }
}

/// Nothing is replaced but a socket at which nobody listens.
fn make_sure_that_nobody_answers(path: &Path) -> io::Result<()> {
    let in_the_way = |text| Err(io::Error::new(io::ErrorKind::AddrInUse, text));
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return in_the_way("there is a file of that name which is no socket");
        }
        Ok(_) => {}
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A full backlog must not make us wait; somebody owns it.
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        Ok(()) | Err(_) => in_the_way("another process listens there"),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(directory).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[tokio::test]
    async fn the_file_has_its_mode_and_goes_with_the_socket() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("admin.sock");
        for wanted in [0o600, 0o660] {
            let socket = AdminSocket::bind(&path, wanted).unwrap();
            assert_eq!(mode(&path), wanted);
            assert_eq!(
                names(directory.path()),
                ["admin.sock"],
                "nothing else is left"
            );
            let (client, server) = tokio::join!(UnixStream::connect(&path), socket.accept());
            drop(server.unwrap());
            assert_eq!(client.unwrap().read(&mut [0]).await.unwrap(), 0);
            drop(socket);
            assert!(!path.exists());
        }
    }

    #[tokio::test]
    async fn what_a_dead_process_left_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("admin.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let socket = AdminSocket::bind(&path, 0o600).unwrap();
        let (client, server) = tokio::join!(UnixStream::connect(&path), socket.accept());
        assert!(client.is_ok() && server.is_ok());
    }

    #[tokio::test]
    async fn a_socket_in_use_and_a_file_are_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("admin.sock");
        let first = AdminSocket::bind(&path, 0o600).unwrap();
        let error = AdminSocket::bind(&path, 0o600).unwrap_err();
        assert!(
            error.to_string().contains("another process listens"),
            "{error}"
        );
        let (client, server) = tokio::join!(UnixStream::connect(&path), first.accept());
        assert!(client.is_ok() && server.is_ok());
        let file = directory.path().join("file");
        std::fs::write(&file, "kept").unwrap();
        assert!(AdminSocket::bind(&file, 0o600).is_err());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
    }

    /// A process that was told to start beside this one has taken the name: its file stays.
    #[tokio::test]
    async fn the_file_of_another_is_not_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("admin.sock");
        let first = AdminSocket::bind(&path, 0o600).unwrap();
        std::fs::remove_file(&path).unwrap();
        let second = AdminSocket::bind(&path, 0o600).unwrap();
        drop(first);
        assert!(path.exists());
        drop(second);
        assert!(!path.exists());
    }
}
