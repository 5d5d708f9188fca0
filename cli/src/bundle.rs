//! Reads a bundle's folder.

use std::{fs, path::Path};

use toolgate::{PolicyBundle, Sources};

use crate::{Format, exit::Exit, render};

/// The files that make up a bundle: by name, or by folder and extension.
const FILES: [&str; 2] = ["toolgate.toml", "entities.json"];
const FOLDERS: [(&str, &str); 3] = [("tools", "json"), ("policies", "cedar"), ("schema", "cedarschema")];

/// Reads the files of a bundle's folder.
pub(crate) fn sources(folder: &Path) -> Result<Sources, String> {
    if !folder.is_dir() {
        let shown = folder.display();
        return Err(if folder.exists() {
            format!("`{shown}` is no folder: a bundle is a folder with a toolgate.toml")
        } else {
            format!("there is no `{shown}`; `toolgate init {shown} --tools NAME=FILE` starts a bundle there")
        });
    }
    let mut sources = Sources::default();
    for name in FILES {
        let path = folder.join(name);
        if path.is_file() {
            sources.insert(name, text(&path)?);
        }
    }
    for (name, extension) in FOLDERS {
        if folder.join(name).is_dir() {
            walk(folder, name, extension, &mut sources)?;
        }
    }
    Ok(sources)
}

/// Adds the files below one folder. Links are not followed: a bundle is what stands in its folder.
fn walk(root: &Path, inner: &str, extension: &str, sources: &mut Sources) -> Result<(), String> {
    let at = |error: &dyn std::fmt::Display| format!("`{}`: {error}", root.join(inner).display());
    for entry in fs::read_dir(root.join(inner)).map_err(|e| at(&e))? {
        let entry = entry.map_err(|e| at(&e))?;
        let kind = entry.file_type().map_err(|e| at(&e))?;
        let Some(name) = entry.file_name().to_str().map(|name| format!("{inner}/{name}")) else {
            return Err(at(&"a file's name is no Unicode text"));
        };
        if kind.is_symlink() {
            return Err(format!("`{}` is a link; put the file itself into the bundle", entry.path().display()));
        } else if kind.is_dir() {
            walk(root, &name, extension, sources)?;
        } else if entry.path().extension().is_some_and(|found| found == extension) {
            sources.insert(name, text(&entry.path())?);
        }
    }
    Ok(())
}

/// The text of a file.
pub(crate) fn text(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("`{}`: {error}", path.display()))
}

/// Loads a bundle; one that does not load has been told of, and the exit is all that is left.
pub(crate) fn load(folder: &Path, strict: bool, format: Format) -> Result<Result<PolicyBundle, Exit>, String> {
    let sources = sources(folder)?;
    let loaded = if strict { PolicyBundle::load_strict(&sources) } else { PolicyBundle::load(&sources) };
    Ok(loaded.map_err(|error| {
        match format {
            Format::Text => render::problems(&error, &sources),
            Format::Json => println!("{}", render::problems_json(&error)),
        }
        Exit::Invalid
    }))
}

/// `NAME=FILE`, as `--tools` takes it.
#[derive(Clone)]
pub(crate) struct NamedFile {
    /// The server's id.
    pub(crate) name: String,
    /// The file with its tools/list result; `-` is the standard input.
    pub(crate) file: std::path::PathBuf,
}

impl std::str::FromStr for NamedFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, file)) if !name.is_empty() && !file.is_empty() => {
                Ok(Self { name: name.to_owned(), file: file.into() })
            }
            _ => Err("write NAME=FILE, as in `github=tools-list.json`".to_owned()),
        }
    }
}

impl NamedFile {
    /// The file's text.
    pub(crate) fn read(&self) -> Result<String, String> {
        input(&self.file)
    }
}

/// The text of a file, or of the standard input for `-`.
pub(crate) fn input(path: &Path) -> Result<String, String> {
    if path == Path::new("-") {
        return std::io::read_to_string(std::io::stdin()).map_err(|error| format!("the standard input: {error}"));
    }
    text(path)
}
