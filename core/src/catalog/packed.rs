//! The catalog of a packed bundle: the manifest and the pinned definitions, out of which it is made again.
//!
//! What follows from them (shapes of inputs, digests, effects) is computed and not believed.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Catalog,
    load::{self, Pins},
    manifest::Manifest,
};
use crate::{
    codec::{Broken, Packed, Reader},
    error::Severity,
};

impl Packed for Catalog {
    /// As the manifest is packed, and behind it the definitions.
    fn pack(&self, out: &mut Vec<u8>) {
        let Self { name, version, levels, principals, require, disabled, entries, named_labels, servers } = self;
        name.pack(out);
        version.pack(out);
        levels.pack(out);
        entries.pack(out);
        principals.pack(out);
        require.pack(out);
        disabled.pack(out);
        servers.len().pack(out);
        for (id, server) in servers {
            id.pack(out);
            server.definitions.pack(out);
        }
        named_labels.pack(out);
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, Broken> {
        let (manifest, pins) = <(Manifest, BTreeMap<String, Pins>)>::unpack(from)?;
        if !manifest.entries.servers.keys().eq(pins.keys()) {
            return Err(Broken("the pins are not those of the servers"));
        }
        let named_labels = BTreeSet::unpack(from)?;
        let (catalog, found) = load::build(manifest, pins);
        match found.iter().any(|one| one.severity == Severity::Error) {
            true => Err(Broken("the manifest and the pins do not fit together")),
            false => Ok(Self { named_labels, ..catalog }),
        }
    }
}
