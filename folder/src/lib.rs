//! Reads a bundle from disk: the files of its folder, or the bytes of its packed file.
//!
//! The core opens no file. Hosts that have a file system read a bundle with [`read`], so that the same files make the same
//! bundle whoever reads them: links may not leave the folder, hidden files do not count, and a file that looks as if it
//! should count and would not is refused.

mod reader;

pub use reader::sources;

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use toolgate::{BUNDLE_FILE, PolicyBundle, Sources};

/// What lies at a path.
#[derive(Debug)]
pub enum Found {
    /// The files of a bundle's folder.
    Folder(Sources),
    /// The bytes of a packed bundle.
    Packed(Vec<u8>),
}

/// Why a bundle is not read. Each says at which path.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Nothing is there that could be a bundle.
    #[error("{0}")]
    NoBundle(String),
    /// The folder holds something that no bundle may hold.
    #[error("`{}`: {why}", path.display())]
    Invalid {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The system does not give it.
    #[error("`{}`: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
}

/// Reads what lies at `path`: a folder is read file by file, a file must be a packed bundle.
///
/// # Errors
/// There is nothing, or no bundle; the folder holds what no bundle may hold; or the system does not give it.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use toolgate::PolicyBundle;
/// use toolgate_folder::Found;
///
/// let bundle = match toolgate_folder::read("my-bundle")? {
///     Found::Folder(sources) => PolicyBundle::load(&sources)?,
///     Found::Packed(bytes) => PolicyBundle::unpack(&bytes)?,
/// };
/// # Ok(())
/// # }
/// ```
pub fn read(path: impl AsRef<Path>) -> Result<Found, ReadError> {
    let path = path.as_ref();
    if path.is_file() {
        let bytes = bytes(path).map_err(|error| ReadError::Io { path: path.to_owned(), error })?;
        if PolicyBundle::is_packed(&bytes) {
            return Ok(Found::Packed(bytes));
        }
        let shown = path.display();
        let why = format!("`{shown}` is a file, and no packed bundle; a bundle is a folder with a `toolgate.toml`");
        return Err(ReadError::NoBundle(why));
    }
    sources(path).map(Found::Folder)
}

/// The bytes of a file, and no more of a long one than it takes to see that it is too long.
///
/// # Errors
/// The system does not give it.
pub fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    drain(fs::File::open(path)?)
}

/// As [`bytes`], from anything.
///
/// # Errors
/// It cannot be read.
pub fn drain(input: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let longest = u64::try_from(BUNDLE_FILE).unwrap_or(u64::MAX).saturating_add(1);
    input.take(longest).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Bytes as text.
///
/// # Errors
/// From where on they are no UTF-8, in words.
pub fn text(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes)
        .map_err(|error| format!("this is no UTF-8 text, from byte {} on", error.utf8_error().valid_up_to()))
}
