//! The files of a bundle as such: how long they may be, and their digest.

use std::{collections::BTreeSet, sync::Arc};

use super::entities;
use crate::{
    catalog::{self, Catalog},
    digest::{Digest, Domain},
    error::{Diagnostic, Error, Place},
    json::{Json, Object},
    limits::BUNDLE_FILE,
    sources::Sources,
};

/// Refuses files that are too long.
pub(super) fn lengths(sources: &Sources) -> Result<(), Error> {
    let long = |name: &&str| sources.text(name).is_some_and(|text| text.len() > BUNDLE_FILE);
    let told = |name: &str| {
        let message = format!("the file is longer than the {BUNDLE_FILE} bytes allowed");
        Diagnostic::error("file_too_long", message).at(Place::whole(&name.into()))
    };
    let found: Vec<_> = sources.names().filter(long).map(told).collect();
    if found.is_empty() { Ok(()) } else { Err(Error::new(found)) }
}

/// Refuses a byte order mark, which nobody sees, and which Cedar would call an invalid token.
pub(super) fn marked(file: &Arc<str>, text: &str, code: &'static str) -> Option<Diagnostic> {
    text.starts_with('\u{feff}').then(|| {
        let told = Diagnostic::error(code, "the file begins with a byte order mark").at(Place::whole(file));
        told.help("save it as UTF-8 without one")
    })
}

/// Which files of a bundle a digest is of.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Files {
    All,
    WithoutEntities,
}

/// The digest of the files that decide, of just those: whatever else a host puts beside them changes nothing.
pub(super) fn digest(sources: &Sources, catalog: &Catalog, files: Files) -> Digest {
    let pins: BTreeSet<_> = catalog.servers.values().map(|server| server.file.as_str()).collect();
    let decides = |name: &str| {
        let of = |folder: &str, kind: &str| name.starts_with(folder) && name.ends_with(kind);
        name == catalog::MANIFEST
            || (name == entities::FILE && files == Files::All)
            || pins.contains(name)
            || of("policies/", ".cedar")
            || of("schema/", ".cedarschema")
    };
    let files: Object = sources
        .names()
        .filter(|name| decides(name))
        .filter_map(|name| Some((name.to_owned(), Json::String(sources.text(name)?.to_owned()))))
        .collect();
    Digest::of(Domain::Bundle, &Json::Object(files))
}
