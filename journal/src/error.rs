//! Why a journal is not taken up.

use std::{io, path::PathBuf};

/// Why a journal is not taken up. Its file is then as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The system does not give the file, its folder or its lock.
    #[error("`{}`: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// Somebody appends to it.
    #[error("`{}`: the journal is open already, here or in another process", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// A folder, a device, a pipe.
    #[error("`{}`: this is no regular file", path.display())]
    NoFile {
        /// The file.
        path: PathBuf,
    },
    /// A line that is no event, or that the ledger refuses; or a snapshot that was cut off.
    #[error("`{}`: line {line}: {message}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
}
