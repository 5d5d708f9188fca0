//! The files that make up a bundle.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use toolgate::{BUNDLE_FILE, Sources};

use super::{FolderError, at, read, text};

/// The files that make up a bundle: by name, or by folder and extension.
const FILES: [&str; 2] = ["toolgate.toml", "entities.json"];
const FOLDERS: [(&str, &str); 3] = [("tools", "json"), ("policies", "cedar"), ("schema", "cedarschema")];

/// Reads the files of a bundle's folder.
///
/// # Errors
/// There is no such folder, it holds what no bundle may hold, or the system does not give a file.
pub fn bundle(folder: &Path) -> Result<Sources, FolderError> {
    let root = match fs::canonicalize(folder) {
        Ok(root) if root.is_dir() => root,
        Ok(_) => return Err(FolderError::File(folder.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(FolderError::Missing { path: folder.to_owned(), error });
        }
        Err(error) => return Err(FolderError::unread(folder, error)),
    };
    let mut read = Reader { shown: folder, root, visited: BTreeSet::new(), sources: Sources::default() };
    FILES.iter().try_for_each(|name| read.file(name))?;
    FOLDERS.iter().try_for_each(|(name, extension)| read.folder(name, extension))?;
    Ok(read.sources)
}

struct Reader<'a> {
    shown: &'a Path,
    root: PathBuf,
    /// Folders that were read, and for what: a link may lead back to one of them.
    visited: BTreeSet<(PathBuf, String)>,
    sources: Sources,
}

impl Reader<'_> {
    /// Where a name of the bundle really lies; `None` if there is nothing. Links may not leave the bundle's folder: what
    /// decides is what was reviewed and what the digest covers.
    fn resolve(&self, name: &str) -> Result<Option<PathBuf>, FolderError> {
        let path = self.root.join(name);
        let shown = self.shown.join(name);
        match fs::canonicalize(&path) {
            Ok(real) if real.starts_with(&self.root) => Ok(Some(real)),
            Ok(_) => Err(FolderError::NoBundle(at(
                &shown,
                "the link leaves the bundle's folder; put the file itself into the bundle",
            ))),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => Ok(None),
            Err(error) => Err(FolderError::unread(&shown, error)),
        }
    }

    fn file(&mut self, name: &str) -> Result<(), FolderError> {
        let Some(real) = self.resolve(name)? else { return Ok(()) };
        let shown = self.shown.join(name);
        if !real.is_file() {
            return Err(FolderError::NoBundle(at(&shown, "this is no regular file")));
        }
        let bytes = read(&real).map_err(|error| FolderError::unread(&shown, error))?;
        // One byte too many is enough for the core to refuse the file; where it was cut does not matter then.
        let text = if bytes.len() > BUNDLE_FILE {
            String::from_utf8_lossy(&bytes).into_owned()
        } else {
            text(bytes).map_err(|why| FolderError::NoBundle(at(&shown, why)))?
        };
        self.sources.insert(name, text);
        Ok(())
    }

    /// Adds the files below one folder. Hidden files are an editor's, not the bundle's.
    fn folder(&mut self, name: &str, extension: &str) -> Result<(), FolderError> {
        let shown = self.shown.join(name);
        let Some(real) = self.resolve(name)? else { return Ok(()) };
        if !real.is_dir() {
            return Err(FolderError::NoBundle(at(&shown, "this is no folder")));
        }
        if !self.visited.insert((real.clone(), extension.to_owned())) {
            return Ok(());
        }
        let failed = |error: io::Error| FolderError::unread(&shown, error);
        let entries = fs::read_dir(&real).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let mut entries: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
        entries.sort();
        for path in entries {
            let Some(last) = path.file_name().and_then(|last| last.to_str()) else {
                return Err(FolderError::NoBundle(at(&path, "the file's name is no Unicode text")));
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
                return Err(FolderError::NoBundle(at(&self.shown.join(&inner), why)));
            }
        }
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that panics is a test that fails")]

    use std::os::unix::fs::symlink;

    use super::*;

    /// What lies in a folder of one kind counts as the other kind, too, where a link leads there.
    #[test]
    fn a_folder_is_read_for_each_kind() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("tools/s.json", "{}"), ("tools/more/deny.cedar", "forbid (principal, action, resource);")]
        {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::create_dir(folder.path().join("policies")).unwrap();
        symlink("../tools/more", folder.path().join("policies/more")).unwrap();
        symlink(".", folder.path().join("policies/more/loop")).unwrap();
        let sources = bundle(folder.path()).unwrap();
        assert!(sources.names().any(|name| name == "policies/more/deny.cedar"));
    }
}
