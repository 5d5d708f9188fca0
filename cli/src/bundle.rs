//! Reads a bundle's folder, or a packed bundle, and the files beside it that a command line names.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    str::FromStr,
};

use toolgate::{BUNDLE_FILE, PolicyBundle, Sources};

use crate::{
    Format,
    exit::{Exit, Fault, at},
    render,
};

/// The files that make up a bundle: by name, or by folder and extension.
const FILES: [&str; 2] = ["toolgate.toml", "entities.json"];
const FOLDERS: [(&str, &str); 3] = [("tools", "json"), ("policies", "cedar"), ("schema", "cedarschema")];

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
        (None, None) => match sources(path)? {
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
pub(crate) fn sources(folder: &Path) -> Result<Result<Sources, Exit>, Fault> {
    let shown = folder.display();
    let root = match fs::canonicalize(folder) {
        Ok(root) if root.is_dir() => root,
        Ok(_) => {
            let why = format!(
                "`{shown}` is a file; what is written here is the folder of a bundle, with its `toolgate.toml`"
            );
            return Err(why.into());
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let why = format!("there is no folder `{shown}`");
            return Err(format!("{why}; `toolgate init {shown} --tools NAME=FILE` starts a bundle there").into());
        }
        Err(error) => return Err(at(folder, error).into()),
    };
    let mut read = Reader { shown: folder, root, visited: BTreeSet::new(), sources: Sources::default() };
    let done = FILES
        .iter()
        .try_for_each(|name| read.file(name))
        .and_then(|()| FOLDERS.iter().try_for_each(|(name, extension)| read.folder(name, extension)));
    match done {
        Ok(()) => Ok(Ok(read.sources)),
        Err(Refused::Bundle(why)) => {
            render::note(&format!("{} {}", render::styled(render::RED, "error:"), render::plain(&why)));
            Ok(Err(Exit::Invalid))
        }
        Err(Refused::Read(why)) => Err(why.into()),
    }
}

/// Why a folder is not read.
enum Refused {
    /// It holds something that no bundle may hold.
    Bundle(String),
    /// The system does not give it.
    Read(String),
}

struct Reader<'a> {
    shown: &'a Path,
    root: PathBuf,
    /// Folders that were read: a link may lead back to one of them.
    visited: BTreeSet<PathBuf>,
    sources: Sources,
}

impl Reader<'_> {
    /// Where a name of the bundle really lies; `None` if there is nothing. Links may not leave the bundle's folder: what
    /// decides is what was reviewed and what the digest covers.
    fn resolve(&self, name: &str) -> Result<Option<PathBuf>, Refused> {
        let path = self.root.join(name);
        let shown = self.shown.join(name);
        match fs::canonicalize(&path) {
            Ok(real) if real.starts_with(&self.root) => Ok(Some(real)),
            Ok(_) => Err(Refused::Bundle(at(
                &shown,
                "the link leaves the bundle's folder; put the file itself into the bundle",
            ))),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => Ok(None),
            Err(error) => Err(Refused::Read(at(&shown, error))),
        }
    }

    fn file(&mut self, name: &str) -> Result<(), Refused> {
        let Some(real) = self.resolve(name)? else { return Ok(()) };
        let shown = self.shown.join(name);
        if !real.is_file() {
            return Err(Refused::Bundle(at(&shown, "this is no regular file")));
        }
        let bytes = read(&real).map_err(|error| Refused::Read(at(&shown, error)))?;
        // One byte too many is enough for the core to refuse the file; where it was cut does not matter then.
        let text = if bytes.len() > BUNDLE_FILE {
            String::from_utf8_lossy(&bytes).into_owned()
        } else {
            text(bytes).map_err(|why| Refused::Bundle(at(&shown, why)))?
        };
        self.sources.insert(name, text);
        Ok(())
    }

    /// Adds the files below one folder. Hidden files are an editor's, not the bundle's.
    fn folder(&mut self, name: &str, extension: &str) -> Result<(), Refused> {
        let shown = self.shown.join(name);
        let Some(real) = self.resolve(name)? else { return Ok(()) };
        if !real.is_dir() {
            return Err(Refused::Bundle(at(&shown, "this is no folder")));
        }
        if !self.visited.insert(real.clone()) {
            return Ok(());
        }
        let failed = |error: io::Error| Refused::Read(at(&shown, error));
        let entries = fs::read_dir(&real).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let mut entries: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
        entries.sort();
        for path in entries {
            let Some(last) = path.file_name().and_then(|last| last.to_str()) else {
                return Err(Refused::Bundle(at(&path, "the file's name is no Unicode text")));
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
                return Err(Refused::Bundle(at(&self.shown.join(&inner), why)));
            }
        }
        Ok(())
    }
}

/// The bytes of a file, and no more of a long one than it takes to see that it is too long.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    drain(fs::File::open(path)?)
}

fn drain(input: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let longest = u64::try_from(BUNDLE_FILE).unwrap_or(u64::MAX).saturating_add(1);
    input.take(longest).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes)
        .map_err(|error| format!("this is no UTF-8 text, from byte {} on", error.utf8_error().valid_up_to()))
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
