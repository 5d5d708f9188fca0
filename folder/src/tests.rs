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
/// The system does not give a folder or a file, or a test file is no text, or a link out of the folder or to nothing.
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
            let name = entry.file_name().to_string_lossy().into_owned();
            let real = fs::canonicalize(&path).ok().filter(|real| real.starts_with(&root));
            if name.starts_with('.') {
                continue;
            }
            let Some(real) = real else {
                // Tests that are not run would be missed by nobody where others are.
                let inner = path.strip_prefix(&root).unwrap_or(&path);
                let folder = inner.starts_with("tests") && path.is_dir();
                if is_test(&name) || folder {
                    let why = if folder {
                        "the link leads out of the bundle's folder; put the folder itself into the bundle"
                    } else {
                        "the link leads out of the bundle's folder, or nowhere; put the file itself into the bundle"
                    };
                    return Err(FolderError::NoBundle(at(&shown.join(inner), why)));
                }
                continue;
            };
            if real.is_dir() && !linked && depth < DEPTH {
                next.push((path, depth + 1));
            } else if real.is_file() && path.extension().is_some_and(|kind| KINDS.iter().any(|known| kind == *known)) {
                add(shown, &root, &path, sources)?;
            }
        }
    }
    Ok(())
}

fn is_test(name: &str) -> bool {
    TESTS.iter().any(|end| name.ends_with(end))
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
        Err(why) if is_test(&name) => {
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

#[cfg(all(test, unix))]
mod links {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_test_file_that_is_not_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join("b");
        fs::create_dir_all(bundle.join("tests")).unwrap();
        fs::write(bundle.join("tests/a.test.yaml"), "version: 1").unwrap();
        fs::write(folder.path().join("b.test.yaml"), "version: 1").unwrap();
        let found = || {
            let mut sources = Sources::default();
            add_tests(&bundle, &mut sources).map(|()| sources.names().map(str::to_owned).collect::<Vec<_>>())
        };
        symlink("a.test.yaml", bundle.join("tests/c.test.yaml")).unwrap();
        symlink("../../b.test.yaml", bundle.join("tests/fixture.yaml")).unwrap();
        symlink("nowhere", bundle.join("tests/.#a.test.yaml")).unwrap();
        assert_eq!(found().unwrap(), ["tests/a.test.yaml", "tests/c.test.yaml"]);
        for to in ["../../b.test.yaml", "nowhere"] {
            symlink(to, bundle.join("tests/b.test.yaml")).unwrap();
            let told = found().unwrap_err().to_string();
            assert!(
                told.contains("b/tests/b.test.yaml`: the link leads out of the bundle's folder, or nowhere"),
                "{told}"
            );
            fs::remove_file(bundle.join("tests/b.test.yaml")).unwrap();
        }
    }

    /// Whatever tests lie in a folder that is not followed, nobody would miss them.
    #[test]
    fn a_folder_of_tests_that_is_not_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join("b");
        fs::create_dir_all(bundle.join("tests")).unwrap();
        fs::create_dir_all(folder.path().join("shared")).unwrap();
        let refused = |link: &str| {
            let link = bundle.join(link);
            symlink(folder.path().join("shared"), &link).unwrap();
            let told = add_tests(&bundle, &mut Sources::default()).map_err(|error| error.to_string());
            fs::remove_file(link).unwrap();
            told
        };
        assert!(refused("tests/shared").unwrap_err().contains("the link leads out of the bundle's folder"));
        refused("elsewhere").unwrap();
        fs::remove_dir(bundle.join("tests")).unwrap();
        assert!(refused("tests").unwrap_err().contains("b/tests`: the link leads out of the bundle's folder"));
    }
}
