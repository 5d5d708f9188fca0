//! Finds the test files of a bundle, and what they may use.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use toolgate::Sources;
use toolgate_harness::is_suite;

use crate::{
    bundle,
    exit::{Fault, at},
};

/// What a test file can be or use.
const KINDS: [&str; 4] = ["yaml", "yml", "json", "jsonl"];

/// Folders below a bundle that are looked through, at most this deep.
const DEPTH: usize = 16;

/// The test files that a command line names, as names of the bundle; all of them if it names none.
pub(crate) struct Found {
    pub(crate) sources: Sources,
    pub(crate) names: Vec<String>,
}

/// Adds to a bundle's files what its tests may use: every YAML and JSON file of its folder. A link that leaves the folder is
/// not followed.
pub(crate) fn find(root: &Path, paths: &[PathBuf], mut sources: Sources) -> Result<Found, Fault> {
    let real = fs::canonicalize(root).map_err(|error| at(root, error))?;
    let mut names = Vec::new();
    collect(&real, &real, 0, &mut |path, name| {
        if sources.text(&name).is_none() {
            sources.insert(name.as_str(), bundle::input(path)?);
        }
        Ok(())
    })?;
    for path in paths {
        let there = fs::canonicalize(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => format!("there is no test file or folder `{}`", path.display()),
            _ => at(path, error),
        })?;
        let Some(name) = there.strip_prefix(&real).ok().and_then(named) else {
            let why = format!("`{}` lies outside the bundle `{}`", path.display(), root.display());
            return Err(format!("{why}; tests, and the files that they use, belong into the bundle").into());
        };
        if there.is_dir() {
            let below =
                |one: &&str| name.is_empty() || one.strip_prefix(&name).is_some_and(|rest| rest.starts_with('/'));
            names.extend(sources.names().filter(below).filter(|one| is_suite(one)).map(str::to_owned));
        } else {
            if sources.text(&name).is_none() {
                sources.insert(name.as_str(), bundle::input(path)?);
            }
            names.push(name);
        }
    }
    if paths.is_empty() {
        names.extend(sources.names().filter(|name| is_suite(name)).map(str::to_owned));
    }
    names.sort();
    names.dedup();
    Ok(Found { sources, names })
}

/// Tells `found` of each file that a test may use, and of its name in the bundle.
fn collect(
    root: &Path,
    folder: &Path,
    depth: usize,
    found: &mut dyn FnMut(&Path, String) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let failed = |error: io::Error| at(folder, error);
    let mut entries = fs::read_dir(folder).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let Ok(real) = fs::canonicalize(&path) else { continue };
        if !real.starts_with(root) {
            continue;
        }
        let linked = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        if real.is_dir() && !linked && depth < DEPTH {
            collect(root, &path, depth + 1, found)?;
        } else if real.is_file()
            && path.extension().is_some_and(|kind| KINDS.iter().any(|known| kind == *known))
            && let Some(name) = path.strip_prefix(root).ok().and_then(named)
        {
            found(&path, name)?;
        }
    }
    Ok(())
}

/// A path as the bundle names it.
fn named(path: &Path) -> Option<String> {
    let parts = path.components().map(|part| match part {
        Component::Normal(part) => part.to_str(),
        _ => None,
    });
    Some(parts.collect::<Option<Vec<_>>>()?.join("/"))
}
