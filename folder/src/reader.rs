//! The files of a bundle's folder.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use toolgate::{BUNDLE_FILE, Sources};

use crate::{ReadError, bytes, text};

/// The files that make up a bundle: by name, or by folder and extension.
const FILES: [&str; 2] = ["toolgate.toml", "entities.json"];
const FOLDERS: [(&str, &str); 3] = [("tools", "json"), ("policies", "cedar"), ("schema", "cedarschema")];

/// Reads the files of a bundle's folder, for who wants no packed file.
///
/// # Errors
/// As [`read`](crate::read).
pub fn sources(folder: &Path) -> Result<Sources, ReadError> {
    let shown = folder.display();
    let root = match fs::canonicalize(folder) {
        Ok(root) if root.is_dir() => root,
        Ok(_) => {
            let why = format!(
                "`{shown}` is a file; what is written here is the folder of a bundle, with its `toolgate.toml`"
            );
            return Err(ReadError::NoBundle(why));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let why = format!("there is no folder `{shown}`");
            let help = format!("`toolgate init {shown} --tools NAME=FILE` starts a bundle there");
            return Err(ReadError::NoBundle(format!("{why}; {help}")));
        }
        Err(error) => return Err(ReadError::Io { path: folder.to_owned(), error }),
    };
    let mut read = Reader { shown: folder, root, visited: BTreeSet::new(), sources: Sources::default() };
    FILES.iter().try_for_each(|name| read.file(name))?;
    FOLDERS.iter().try_for_each(|(name, extension)| read.folder(name, extension))?;
    Ok(read.sources)
}

struct Reader<'a> {
    shown: &'a Path,
    root: PathBuf,
    /// Folders that were read: a link may lead back to one of them.
    visited: BTreeSet<PathBuf>,
    sources: Sources,
}

fn invalid(path: PathBuf, why: impl Into<String>) -> ReadError {
    ReadError::Invalid { path, why: why.into() }
}

impl Reader<'_> {
    /// Where a name of the bundle really lies; `None` if there is nothing. Links may not leave the bundle's folder: what
    /// decides is what was reviewed and what the digest covers.
    fn resolve(&self, name: &str) -> Result<Option<PathBuf>, ReadError> {
        let path = self.root.join(name);
        let shown = self.shown.join(name);
        match fs::canonicalize(&path) {
            Ok(real) if real.starts_with(&self.root) => Ok(Some(real)),
            Ok(_) => Err(invalid(shown, "the link leaves the bundle's folder; put the file itself into the bundle")),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => Ok(None),
            Err(error) => Err(ReadError::Io { path: shown, error }),
        }
    }

    fn file(&mut self, name: &str) -> Result<(), ReadError> {
        let Some(real) = self.resolve(name)? else { return Ok(()) };
        let shown = self.shown.join(name);
        if !real.is_file() {
            return Err(invalid(shown, "this is no regular file"));
        }
        let bytes = match bytes(&real) {
            Ok(bytes) => bytes,
            Err(error) => return Err(ReadError::Io { path: shown, error }),
        };
        // One byte too many is enough for the core to refuse the file; where it was cut does not matter then.
        let text = if bytes.len() > BUNDLE_FILE {
            String::from_utf8_lossy(&bytes).into_owned()
        } else {
            text(bytes).map_err(|why| invalid(shown, why))?
        };
        self.sources.insert(name, text);
        Ok(())
    }

    /// Adds the files below one folder. Hidden files are an editor's, not the bundle's.
    fn folder(&mut self, name: &str, extension: &str) -> Result<(), ReadError> {
        let shown = self.shown.join(name);
        let Some(real) = self.resolve(name)? else { return Ok(()) };
        if !real.is_dir() {
            return Err(invalid(shown, "this is no folder"));
        }
        if !self.visited.insert(real.clone()) {
            return Ok(());
        }
        let failed = |error: io::Error| ReadError::Io { path: shown.clone(), error };
        let entries = fs::read_dir(&real).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let mut entries: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
        entries.sort();
        for path in entries {
            let Some(last) = path.file_name().and_then(|last| last.to_str()) else {
                return Err(invalid(path, "the file's name is no Unicode text"));
            };
            if last.starts_with('.') {
                continue;
            }
            let inner = format!("{name}/{last}");
            if path.extension().is_some_and(|found| found == extension) {
                self.file(&inner)?;
            } else if path.is_dir() {
                self.folder(&inner, extension)?;
            } else if extension != "json" && path.extension().is_none_or(|found| found != "md") {
                // A forbid in `deny.ceder` would be missed by nobody until it is needed.
                let why =
                    format!("this is no `.{extension}` file, so it would not count; rename it, or move it elsewhere");
                return Err(invalid(self.shown.join(&inner), why));
            }
        }
        Ok(())
    }
}
