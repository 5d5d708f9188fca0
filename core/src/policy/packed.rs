//! A bundle in one file: what decisions need, and nothing that has to be parsed or compiled.
//!
//! ```text
//! magic (8) · format version (4) · length of the payload (8) · SHA-256 (32) · payload · signatures
//! ```
//!
//! Numbers of the head are little-endian. The digest is of what stands before it and of the payload, and is compared before
//! anything in the payload is looked at. A signature is of everything before the signatures.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Atom, FIXED, Identity, Part, Policy, PolicyBundle, actions::Actions, compiled::Compiled, grants::Slots};
use crate::{
    catalog::Catalog,
    codec::{Broken, Packed, Reader, packed_enum, packed_struct},
    digest::{Digest, Domain},
    engine::{Engine, Program, Role, SCOPE, pack_reads, unpack_reads},
    entity::{Entity, Store},
    error::{Diagnostic, Error},
    gather::Gather as _,
    limits::BUNDLE_FILE,
    sorted::Sorted,
};

/// What a packed bundle starts with. A transfer as text would change it.
const MAGIC: [u8; 8] = *b"\x89TGB\r\n\x1a\n";

/// The version of the format. Whatever changes the bytes, or what they mean to a decision, raises it.
const FORMAT: u32 = 2;

packed_struct!(Policy { id, forbids, reason, approval, obligations, owner, controls, place, text, template, atoms });
packed_struct!(Atom { part, line, column, span });
packed_enum!(Part { 0 = Principal, 1 = Action, 2 = Resource, 3 = When(clause), 4 = Unless(clause) });
packed_struct!(Slots { principal, resource });

/// A packed bundle, taken apart. What it says of itself holds.
#[cfg_attr(not(feature = "signing"), allow(dead_code, reason = "nobody asks who signed"))]
pub(super) struct Opened<'b> {
    pub(super) payload: &'b [u8],
    /// Everything that signatures are of.
    pub(super) signed: &'b [u8],
    pub(super) signatures: Vec<Signature>,
}

/// A public key, and the signature of its owner.
#[cfg_attr(not(feature = "signing"), allow(dead_code, reason = "nobody asks who signed"))]
pub(super) struct Signature {
    pub(super) key: [u8; 32],
    pub(super) bytes: [u8; 64],
}

impl PolicyBundle {
    /// The bundle in one file, which [`PolicyBundle::unpack`] reads without any parser. Of the same bundle, always the same
    /// bytes.
    #[must_use]
    pub fn pack(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        self.digest().pack(&mut payload);
        self.schema_digest().pack(&mut payload);
        self.catalog.pack(&mut payload);
        self.store.iter().map(|entity| (**entity).clone()).collect::<Vec<_>>().pack(&mut payload);
        self.policies.pack(&mut payload);
        self.slots.pack(&mut payload);
        pack_reads(&self.compiled.reads, &mut payload);
        self.compiled.program.pack(&mut payload);
        sealed(&payload)
    }

    /// Reads a packed bundle. It decides, and records, as the bundle that was packed.
    ///
    /// The bytes may come from anywhere: the digest finds damage, and what is not a bundle is refused. Who made it, only a
    /// signature tells.
    ///
    /// # Errors
    /// It is no packed bundle, of another version of the format, damaged, or not sound.
    ///
    /// ```
    /// use toolgate::PolicyBundle;
    ///
    /// let error = PolicyBundle::unpack(b"something else").err().unwrap();
    /// assert!(error.to_string().contains("this is no packed bundle"));
    /// ```
    pub fn unpack(bytes: &[u8]) -> Result<Self, Error> {
        Self::read(open(bytes)?.payload)
    }

    /// Whether bytes claim to be a packed bundle.
    pub fn is_packed(bytes: &[u8]) -> bool {
        bytes.starts_with(&MAGIC)
    }

    /// Whether the bundle came out of [`PolicyBundle::unpack`]. Then it has no warnings.
    pub fn is_unpacked(&self) -> bool {
        self.unpacked
    }

    pub(super) fn read(payload: &[u8]) -> Result<Self, Error> {
        let mut from = Reader::new(payload);
        let bundle = Self::read_payload(&mut from).and_then(|bundle| from.end().map(|()| bundle));
        bundle.map_err(|Broken(why)| refused(&format!("the packed bundle is not sound: {why}")).into())
    }

    fn read_payload(from: &mut Reader<'_>) -> Result<Self, Broken> {
        let (digest, schema_digest) = Packed::unpack(from)?;
        let catalog = Catalog::unpack(from)?;
        let mut store = store(Packed::unpack(from)?)?;
        let policies: Vec<Policy> = Packed::unpack(from)?;
        let slots: Sorted<_, Slots> = Packed::unpack(from)?;
        let reads = unpack_reads(from)?;
        let program = Program::unpack(from)?;
        let roles = policies.iter().map(|policy| {
            let leaves = policy.atoms.len().checked_sub(SCOPE).ok_or(Broken("a policy has no scope"))?;
            Ok(Role { forbids: policy.forbids, template: policy.template, leaves })
        });
        program.verify(&roles.collect::<Result<Vec<_>, _>>()?)?;
        let by_id: BTreeMap<_, _> = policies.iter().zip(0..).map(|(policy, at)| (policy.id.clone(), at)).gather();
        if by_id.len() != policies.len() {
            return Err(Broken("two policies have one id"));
        }
        let stops = |(id, flag): &(&str, &str)| {
            let known = by_id.get(*id).and_then(|at| Some((*at, policies.get(*at)?)));
            known.is_some_and(|(at, policy)| policy.approval.is_none() && program.stops_at(at, flag))
        };
        if !FIXED.iter().all(stops) {
            return Err(Broken("halt and revocation do not stop what it decides"));
        }
        let templates = policies.iter().zip(0..).filter(|(policy, _)| policy.template).map(|(_, at)| at);
        if !templates.eq(slots.keys().copied()) {
            return Err(Broken("the slots are not those of the templates"));
        }
        let actions: BTreeSet<_> = Actions::of(&catalog).all.iter().map(|(_, action)| action.id.to_string()).gather();
        if !actions.iter().eq(reads.keys()) {
            return Err(Broken("the actions are not those of the catalog"));
        }
        let identity = Arc::new(Identity::of(&catalog, digest, schema_digest));
        Ok(Self {
            compiled: Compiled::new(program, &catalog, &mut store, reads, digest),
            catalog: Arc::new(catalog),
            store: Arc::new(store),
            policies,
            slots: Arc::new(slots),
            by_id: Arc::new(by_id),
            chosen: Engine::default(),
            unpacked: true,
            #[cfg(feature = "author")]
            others: None,
            #[cfg(feature = "oracle")]
            cedar: None,
            identity,
            warnings: Vec::new(),
        })
    }
}

fn store(entities: Vec<Entity>) -> Result<Store, Broken> {
    let mut store = Store::default();
    let count = entities.len();
    entities.into_iter().for_each(|entity| store.insert(entity));
    if store.len() == count { Ok(store) } else { Err(Broken("an entity stands there twice")) }
}

/// A payload in its file, without a signature.
fn sealed(payload: &[u8]) -> Vec<u8> {
    let head = head(payload.len());
    let digest = Digest::of_bytes(Domain::Packed, [head.as_slice(), payload]);
    [head.as_slice(), digest.bytes(), payload, &[0]].concat()
}

fn head(length: usize) -> Vec<u8> {
    [MAGIC.as_slice(), &FORMAT.to_le_bytes(), &(length as u64).to_le_bytes()].concat()
}

/// Takes a packed bundle apart, and verifies its length and its digest.
pub(super) fn open(bytes: &[u8]) -> Result<Opened<'_>, Error> {
    let mut from = Reader::new(bytes);
    if from.bytes(MAGIC.len()) != Ok(&MAGIC) {
        let why = "this is no packed bundle";
        return Err(refused(why).help("`toolgate pack BUNDLE -o FILE` makes one").into());
    }
    let damaged = |Broken(why)| refused(&format!("the packed bundle is damaged: {why}"));
    let version = from.array().map(u32::from_le_bytes).map_err(damaged)?;
    if version != FORMAT {
        let why = format!("the packed bundle is of format {version}, and this toolgate reads format {FORMAT}");
        let help = "pack the bundle with a toolgate of this version: `toolgate pack BUNDLE -o FILE`";
        return Err(refused(&why).help(help).into());
    }
    if bytes.len() > BUNDLE_FILE {
        return Err(refused(&format!("the packed bundle is longer than the {BUNDLE_FILE} bytes allowed")).into());
    }
    let opened = (|| {
        let length = usize::try_from(u64::from_le_bytes(from.array()?)).unwrap_or(usize::MAX);
        let digest: Digest = Packed::unpack(&mut from)?;
        let payload = from.bytes(length)?;
        let before = bytes.len() - from.left();
        let signed = bytes.get(..before).unwrap_or_default();
        let mut signatures = Vec::new();
        for _ in 0..from.byte()? {
            signatures.push(Signature { key: from.array()?, bytes: from.array()? });
        }
        from.end()?;
        let found = Digest::of_bytes(Domain::Packed, [head(length).as_slice(), payload]);
        if found != digest { Err(Broken("its digest is another")) } else { Ok(Opened { payload, signed, signatures }) }
    })();
    opened.map_err(|broken| damaged(broken).into())
}

/// A packed bundle with bytes of its payload changed and its digest made to fit again: what stands behind the digest must hold
/// without it. Each change is three bytes: a position, modulo the length, and what stands there instead.
#[cfg(feature = "conformance")]
pub(super) fn resealed(packed: &[u8], changes: &[u8]) -> Vec<u8> {
    let mut payload = open(packed).map(|opened| opened.payload.to_vec()).unwrap_or_default();
    for change in changes.as_chunks::<3>().0 {
        let [low, high, byte] = *change;
        let at = usize::from(u16::from_le_bytes([low, high])) % payload.len().max(1);
        if let Some(place) = payload.get_mut(at) {
            *place = byte;
        }
    }
    sealed(&payload)
}

pub(super) fn refused(why: &str) -> Diagnostic {
    Diagnostic::error("packed_bundle", why)
}

#[cfg(all(test, feature = "author"))]
mod tests {
    use super::*;
    use crate::Sources;

    fn rename(policies: &mut [Policy], from: &str, to: &str) {
        policies.iter_mut().filter(|one| *one.id == *from).for_each(|one| one.id = to.into());
    }

    /// Only the host can do without halt and revocation, whoever has packed the bundle.
    #[test]
    fn halt_and_revocation_stand_in_every_bundle() {
        let check = |change: fn(&mut [Policy]), sound: bool| {
            let mut sources = Sources::default();
            sources.insert("toolgate.toml", "[bundle]\nname = \"b\"\nversion = \"1\"");
            let mut bundle = PolicyBundle::load(&sources).unwrap_or_else(|error| panic!("{error}"));
            change(&mut bundle.policies);
            assert_eq!(PolicyBundle::unpack(&bundle.pack()).is_ok(), sound);
        };
        check(|_| (), true);
        check(|policies| rename(policies, "baseline/halted", "halted"), false);
        check(
            |policies| {
                rename(policies, "baseline/halted", "halted");
                rename(policies, "baseline/delegation-cycle", "baseline/halted");
            },
            false,
        );
        check(
            |policies| {
                let revoked = policies.iter_mut().find(|one| *one.id == *"baseline/revoked").unwrap();
                revoked.approval = Some("anybody".to_owned());
            },
            false,
        );
    }
}
