//! Reads a bundle's folder, or a packed bundle, and the files beside it that a command line names.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    str::FromStr,
};

use toolgate::{BUNDLE_FILE, Diagnostic, PolicyBundle, Sources};
use toolgate_folder::{FolderError, drain, read, text};

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
    let (loaded, sources) = match (packed(path)?, keys) {
        (Some(bytes), None) => (PolicyBundle::unpack(&bytes), Sources::default()),
        (Some(bytes), Some(keys)) => (PolicyBundle::unpack_signed(&bytes, keys), Sources::default()),
        (None, Some(_)) => {
            return Err("only a packed bundle can be signed; `toolgate pack` makes one".to_owned().into());
        }
        (None, None) => match sources(path, format, out)? {
            Ok(sources) => (PolicyBundle::load(&sources), sources),
            Err(exit) => return Ok(Err(exit)),
        },
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

/// The bytes of a file, which a packed bundle must be in; nothing for a folder, or for nothing.
pub(crate) fn packed(path: &Path) -> Result<Option<Vec<u8>>, Fault> {
    if !path.is_file() {
        return Ok(None);
    }
    let bytes = read(path).map_err(|error| at(path, error))?;
    if !PolicyBundle::is_packed(&bytes) {
        let shown = path.display();
        let why = format!("`{shown}` is a file, and no packed bundle; a bundle is a folder with a `toolgate.toml`");
        return Err(why.into());
    }
    Ok(Some(bytes))
}

/// Reads the files of a bundle's folder. A folder that holds what no bundle may hold is an invalid bundle.
pub(crate) fn sources(folder: &Path, format: Format, out: &mut impl Write) -> Result<Result<Sources, Exit>, Fault> {
    match toolgate_folder::bundle(folder) {
        Ok(sources) => Ok(Ok(sources)),
        Err(error @ FolderError::Missing { .. }) => {
            let shown = folder.display();
            Err(format!("{error}; `toolgate init {shown} --tools NAME=FILE` starts a bundle there").into())
        }
        Err(FolderError::NoBundle(why)) => no_bundle(why, format, out).map(Err),
        Err(error) => Err(error.to_string().into()),
    }
}

/// Tells of a file that no bundle may hold, and the end that this is.
pub(crate) fn no_bundle(why: String, format: Format, out: &mut impl Write) -> Result<Exit, Fault> {
    match format {
        Format::Text => render::note(&format!("{} {}", render::styled(render::RED, "error:"), render::plain(&why))),
        Format::Json => writeln!(out, "{}", render::problems_json(&Diagnostic::error("bundle_file", why).into()))?,
    }
    Ok(Exit::Invalid)
}

/// The text of a file that a command line names, or of the standard input for `-`.
pub(crate) fn input(path: &Path) -> Result<String, Fault> {
    let standard = path == Path::new("-");
    let bytes = if standard { drain(io::stdin().lock()) } else { read(path) };
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

impl NamedFile {
    /// The file, as messages call it.
    pub(crate) fn shown(&self) -> String {
        if self.file == Path::new("-") { "the standard input".to_owned() } else { self.file.display().to_string() }
    }
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
