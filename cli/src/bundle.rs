//! Reads a bundle's folder, or a packed bundle, and the files beside it that a command line names.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    str::FromStr,
};

use toolgate::{BUNDLE_FILE, PolicyBundle, Sources};
use toolgate_folder::{Found, ReadError, bytes, drain, text};

use crate::{
    Format,
    exit::{Exit, Fault, at},
    render,
};

/// A bundle that loaded, with its files (a packed one has none); or how the run ends, everything having been told.
pub(crate) type Loaded = Result<(PolicyBundle, Sources), Exit>;

/// Loads a bundle, and tells all that is wrong with one that does not load.
pub(crate) fn load(path: &Path, format: Format, out: &mut impl Write) -> Result<Loaded, Fault> {
    load_signed(path, None, format, out)
}

/// As [`load`]; with keys, only a packed bundle that one of them signed.
pub(crate) fn load_signed(
    path: &Path,
    keys: Option<&[[u8; 32]]>,
    format: Format,
    out: &mut impl Write,
) -> Result<Loaded, Fault> {
    let found = match told(toolgate_folder::read(path))? {
        Ok(found) => found,
        Err(exit) => return Ok(Err(exit)),
    };
    let (loaded, sources) = match (found, keys) {
        (Found::Packed(bytes), None) => (PolicyBundle::unpack(&bytes), Sources::default()),
        (Found::Packed(bytes), Some(keys)) => (PolicyBundle::unpack_signed(&bytes, keys), Sources::default()),
        (Found::Folder(_), Some(_)) => {
            return Err("only a packed bundle can be signed; `toolgate pack` makes one".to_owned().into());
        }
        (Found::Folder(sources), None) => (PolicyBundle::load(&sources), sources),
    };
    match loaded {
        Ok(bundle) => Ok(Ok((bundle, sources))),
        Err(error) => {
            match format {
                Format::Text => render::problems(&error, &sources),
                Format::Json => writeln!(out, "{}", render::problems_json(&error))?,
            }
            Ok(Err(Exit::Invalid))
        }
    }
}

/// Reads the files of a bundle's folder.
pub(crate) fn sources(folder: &Path) -> Result<Result<Sources, Exit>, Fault> {
    told(toolgate_folder::sources(folder))
}

/// Tells what no bundle may hold: that is an invalid bundle, and everything else a fault of usage.
fn told<T>(read: Result<T, ReadError>) -> Result<Result<T, Exit>, Fault> {
    match read {
        Ok(found) => Ok(Ok(found)),
        Err(invalid @ ReadError::Invalid { .. }) => {
            let why = invalid.to_string();
            render::note(&format!("{} {}", render::styled(render::RED, "error:"), render::plain(&why)));
            Ok(Err(Exit::Invalid))
        }
        Err(other) => Err(other.to_string().into()),
    }
}

/// The text of a file that a command line names, or of the standard input for `-`.
pub(crate) fn input(path: &Path) -> Result<String, Fault> {
    let standard = path == Path::new("-");
    let bytes = if standard { drain(io::stdin().lock()) } else { bytes(path) };
    let told = |why: String| Fault::Told(if standard { format!("the standard input: {why}") } else { at(path, why) });
    let bytes = bytes.map_err(|error| told(error.to_string()))?;
    if bytes.len() > BUNDLE_FILE {
        return Err(told(format!("longer than the {BUNDLE_FILE} bytes allowed")));
    }
    text(bytes).map_err(told)
}

/// Replaces a file as a whole: whoever reads it meanwhile, or a crash, finds the old or the new one.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), Fault> {
    fs::metadata(path).map_err(|error| at(path, error))?;
    write(path, text.as_bytes())
}

/// As [`replace`], of a file that need not be there.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let told = |error: io::Error| Fault::Told(at(path, error));
    // A link stays one.
    let there = path.exists();
    let real = if there { fs::canonicalize(path).map_err(told)? } else { path.to_owned() };
    if real.is_dir() {
        return Err(at(path, "this is a folder").into());
    }
    let mut name = real.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = real.with_file_name(name);
    let written = fs::write(&new, bytes)
        .and_then(|()| if there { fs::set_permissions(&new, fs::metadata(&real)?.permissions()) } else { Ok(()) })
        .and_then(|()| fs::rename(&new, &real));
    written.map_err(|error| {
        // What is half written helps nobody; that it cannot be removed would only hide the first error.
        let _ = fs::remove_file(&new);
        told(error)
    })
}

/// `NAME=FILE`, as `--tools` takes it.
#[derive(Clone, Debug)]
pub(crate) struct NamedFile {
    /// The server's id.
    pub(crate) name: String,
    /// The file with its tools/list result; `-` is the standard input.
    pub(crate) file: PathBuf,
}

impl FromStr for NamedFile {
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

/// The texts of the named files. A server may be named once, and the standard input can be read once.
pub(crate) fn named(files: &[NamedFile]) -> Result<Vec<(&str, String)>, Fault> {
    let mut names = BTreeSet::new();
    if let Some(twice) = files.iter().find(|one| !names.insert(&one.name)) {
        return Err(format!("`--tools` names the server `{}` twice", twice.name).into());
    }
    if files.iter().filter(|one| one.file == Path::new("-")).count() > 1 {
        return Err("only one `--tools` can be the standard input".to_owned().into());
    }
    files.iter().map(|one| Ok((one.name.as_str(), input(&one.file)?))).collect()
}
