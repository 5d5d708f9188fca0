//! Finds the test files that a command line names.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use toolgate::{Diagnostic, Sources};
use toolgate_folder::FolderError;
use toolgate_harness::is_suite;

use crate::{
    Format, bundle,
    exit::{Exit, Fault, at},
    render,
};

/// A file of a bundle, named from where the command was given.
pub(crate) fn named(root: &str, file: &str) -> String {
    if root == "." { file.to_owned() } else { format!("{}/{file}", root.trim_end_matches('/')) }
}

/// A diagnostic whose file is named so.
pub(crate) fn from_here(root: &str, one: &Diagnostic) -> Diagnostic {
    let mut one = one.clone();
    if let Some(place) = &mut one.place {
        place.file = named(root, &place.file).into();
    }
    one
}

/// Whether a file among the tests is one of tests by all but its name.
fn misnamed(name: &str, sources: &Sources) -> bool {
    let yaml = Path::new(name).extension().is_some_and(|end| end == "yaml" || end == "yml");
    let tests = |text: &str| text.lines().any(|line| line.starts_with("tests:"));
    yaml && name.starts_with("tests/") && !is_suite(name) && sources.text(name).is_some_and(tests)
}

/// The files of a bundle and of its tests, and which of them are to be run.
pub(crate) struct Found {
    pub(crate) sources: Sources,
    pub(crate) names: Vec<String>,
}

/// Adds to a bundle's files those of its tests. `paths`: what is to be run; nothing means all test files.
pub(crate) fn find(
    root: &Path,
    paths: &[PathBuf],
    mut sources: Sources,
    format: Format,
    out: &mut impl Write,
) -> Result<Result<Found, Exit>, Fault> {
    match toolgate_folder::add_tests(root, &mut sources) {
        Ok(()) => {}
        Err(FolderError::NoBundle(why)) => return bundle::no_bundle(why, format, out).map(Err),
        Err(error) => return Err(error.to_string().into()),
    }
    let real = fs::canonicalize(root).map_err(|error| at(root, error))?;
    let mut names = Vec::new();
    for path in paths {
        let there = fs::canonicalize(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => format!("there is no test file or folder `{}`", path.display()),
            _ => at(path, error),
        })?;
        let Some(name) = toolgate_folder::name_in(&real, &there) else {
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
        sources.names().filter(|name| misnamed(name, &sources)).for_each(|name| {
            let (shown, right) = (root.join(name).display().to_string(), Path::new(name).with_extension("test.yaml"));
            let right = right.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let (shown, right) = (render::plain(&shown), render::plain(&right));
            let why = format!("`{shown}` has tests, and is not run: name it `{right}`");
            render::note(&format!("{} {why}", render::styled(render::YELLOW, "warning:")));
        });
        names.extend(sources.names().filter(|name| is_suite(name)).map(str::to_owned));
    }
    names.sort();
    names.dedup();
    Ok(Ok(Found { sources, names }))
}
