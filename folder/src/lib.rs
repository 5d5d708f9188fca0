//! Reads a bundle from its folder: the files that decide, and those that its tests are made of.
//!
//! Nothing is followed out of the folder: what decides is what was reviewed and what the bundle's digest covers.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sources = toolgate_folder::bundle("policies/my-bundle".as_ref())?;
//! let gate = toolgate::Gate::new(toolgate::PolicyBundle::load(&sources)?);
//! # Ok(())
//! # }
//! ```

mod bundle;
mod tests;

use std::{
    fmt, fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use toolgate::{BUNDLE_FILE, Sources};

pub use bundle::bundle;
pub use tests::{add_tests, name_in};

/// Why a folder, or a file in it, is not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// There is no such folder.
    #[error("there is no folder `{}`", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// It is a file.
    #[error("`{}` is a file; what is written here is the folder of a bundle, with its `toolgate.toml`", .0.display())]
    File(PathBuf),
    /// It holds something that no bundle may hold.
    #[error("{0}")]
    NoBundle(String),
    /// The system does not give it.
    #[error("`{}`: {error}", path.display())]
    Unread {
        /// The folder, or the file.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
}

impl FolderError {
    fn unread(path: &Path, error: io::Error) -> Self {
        Self::Unread { path: path.to_owned(), error }
    }
}

/// What is wrong with a file, behind its name.
fn at(path: &Path, why: impl fmt::Display) -> String {
    format!("`{}`: {why}", path.display())
}

/// A bundle as it was found.
#[derive(Debug)]
pub enum Found {
    /// A folder: the texts of its files.
    Folder(Sources),
    /// A file: the bytes of a packed bundle, if they are one.
    Packed(Vec<u8>),
}

/// Reads what lies at a path: the folder of a bundle, or the file of a packed one.
///
/// # Errors
/// As for [`bundle`]; or the system does not give the file.
pub fn find(path: &Path) -> Result<Found, FolderError> {
    match path.is_file() {
        true => read(path).map(Found::Packed).map_err(|error| FolderError::unread(path, error)),
        false => bundle(path).map(Found::Folder),
    }
}

/// The bytes of a file, and no more of a long one than it takes to see that it is too long: one more than [`BUNDLE_FILE`].
///
/// # Errors
/// The system does not give it.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    drain(fs::File::open(path)?)
}

/// As [`read`], for an input that is open.
///
/// # Errors
/// As for [`read`].
pub fn drain(input: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let longest = u64::try_from(BUNDLE_FILE).unwrap_or(u64::MAX).saturating_add(1);
    input.take(longest).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text that bytes are.
///
/// # Errors
/// They are no UTF-8, in words.
pub fn text(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes)
        .map_err(|error| format!("this is no UTF-8 text, from byte {} on", error.utf8_error().valid_up_to()))
}
