//! The files that the tests of a bundle are made of.

use std::{
    fs, io,
    path::{Component, Path},
};

use toolgate::{BUNDLE_FILE, Sources};

use super::{FolderError, at, read, text};

/// What a test file can be or use.
const KINDS: [&str; 4] = ["yaml", "yml", "json", "jsonl"];

/// Folders below a bundle that are looked through, at most this deep.
const DEPTH: usize = 16;

/// What a test file's name ends with.
const TESTS: [&str; 3] = [".test.yaml", ".test.yml", ".test.json"];

/// Adds to a bundle's files what its tests may be and use: every YAML and JSON file of its folder. Hidden files are left
/// out, and so are links out of the folder, and what is no text.
///
/// # Errors
/// The system does not give a folder or a file, or a test file is no text.
pub fn add_tests(folder: &Path, sources: &mut Sources) -> Result<(), FolderError> {
    let shown = folder;
    let root = fs::canonicalize(folder).map_err(|error| FolderError::unread(folder, error))?;
    let mut next = vec![(root.clone(), 0)];
    while let Some((folder, depth)) = next.pop() {
        let failed = |error: io::Error| FolderError::unread(&folder, error);
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            let linked = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            let Ok(real) = fs::canonicalize(&path) else { continue };
            if entry.file_name().to_string_lossy().starts_with('.') || !real.starts_with(&root) {
                continue;
            }
            if real.is_dir() && !linked && depth < DEPTH {
                next.push((path, depth + 1));
            } else if real.is_file() && path.extension().is_some_and(|kind| KINDS.iter().any(|known| kind == *known)) {
                add(shown, &root, &path, sources)?;
            }
        }
    }
    Ok(())
}

fn add(shown: &Path, root: &Path, path: &Path, sources: &mut Sources) -> Result<(), FolderError> {
    let Some(name) = name_in(root, path).filter(|name| sources.text(name).is_none()) else { return Ok(()) };
    let bytes = read(path).map_err(|error| FolderError::unread(path, error))?;
    if bytes.len() > BUNDLE_FILE {
        // One byte too many is enough for a test file to be refused; where it was cut does not matter then.
        sources.insert(name, String::from_utf8_lossy(&bytes));
        return Ok(());
    }
    match text(bytes) {
        Ok(text) => sources.insert(name, text),
        Err(why) if TESTS.iter().any(|end| name.ends_with(end)) => {
            return Err(FolderError::NoBundle(at(&shown.join(&name), why)));
        }
        // Whatever else lies in the folder is no part of the bundle.
        Err(_) => {}
    }
    Ok(())
}

/// The name of a file in a bundle: its path below the folder, with `/` between folders. `None` if it lies elsewhere.
pub fn name_in(root: &Path, path: &Path) -> Option<String> {
    let parts = path.strip_prefix(root).ok()?.components().map(|part| match part {
        Component::Normal(part) => part.to_str(),
        _ => None,
    });
    Some(parts.collect::<Option<Vec<_>>>()?.join("/"))
}
