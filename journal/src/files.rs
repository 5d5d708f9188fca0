//! The files of a journal: where they are, the lock, and folders on the disk.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::error::OpenError;

/// Where the files of a journal are.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The journal itself, without links.
    pub(crate) file: PathBuf,
    /// As the host calls it.
    pub(crate) shown: PathBuf,
}

impl Place {
    /// Links are followed, so that whoever opens the journal by another name meets the same lock.
    pub(crate) fn of(path: &Path) -> Result<Self, OpenError> {
        let shown = path.to_owned();
        let failed = |error| OpenError::Io { path: path.to_owned(), error };
        let file = match fs::canonicalize(path) {
            Ok(file) => file,
            // A link that leads nowhere is no new file: whoever comes next would follow it to another lock.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => {
                let Some(name) = path.file_name() else { return Err(failed(error)) };
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                fs::canonicalize(folder.unwrap_or(Path::new("."))).map_err(failed)?.join(name)
            }
            Err(error) => return Err(failed(error)),
        };
        match fs::metadata(&file) {
            Ok(found) if !found.is_file() => return Err(OpenError::NoFile { path: shown }),
            _ => {}
        }
        Ok(Self { file, shown })
    }

    /// The file with something behind its name.
    fn beside(&self, extension: &str) -> PathBuf {
        let mut name = self.file.file_name().unwrap_or_default().to_owned();
        name.push(extension);
        self.file.with_file_name(name)
    }

    /// The file that is locked. Never the journal: a compaction replaces that, and some systems let nobody read what is
    /// locked.
    pub(crate) fn lock(&self) -> PathBuf {
        self.beside(".lock")
    }

    /// A compaction on its way.
    pub(crate) fn draft(&self) -> PathBuf {
        self.beside(".new")
    }

    /// Locks the journal for as long as the file lives.
    pub(crate) fn locked(&self) -> Result<File, OpenError> {
        let path = self.lock();
        let failed = |error| OpenError::Io { path: path.clone(), error };
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: self.shown.clone() }),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Returns once the folder's entries are on the disk: a new file is lost with a crash before that.
    pub(crate) fn sync_folder(&self) -> io::Result<()> {
        // Elsewhere a folder cannot be opened, and the file's own fsync covers its name.
        if cfg!(unix) {
            let folder = self.file.parent().unwrap_or(Path::new("/"));
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

/// Removes a file, if there is one.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
