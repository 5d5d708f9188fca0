//! The rules: policies loaded, validated and compiled. The only place that names Cedar's crates.

mod actions;
mod compiled;
mod events;
mod grants;
mod packed;
#[cfg(feature = "signing")]
mod signing;

// What needs Cedar: loading from text, and evaluation and explanation by Cedar.
#[cfg(feature = "author")]
mod annotate;
#[cfg(feature = "oracle")]
mod cedar;
#[cfg(feature = "author")]
mod compile;
#[cfg(feature = "author")]
mod conditions;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "author")]
mod declared;
#[cfg(feature = "oracle")]
mod engines;
#[cfg(feature = "author")]
mod entities;
#[cfg(feature = "author")]
mod files;
#[cfg(feature = "author")]
mod form;
#[cfg(feature = "author")]
mod guard;
#[cfg(feature = "author")]
mod leaves;
#[cfg(feature = "author")]
mod lint;
#[cfg(feature = "author")]
mod load;
#[cfg(feature = "author")]
mod mutate;
#[cfg(feature = "author")]
mod read_paths;
#[cfg(feature = "author")]
mod refill;
#[cfg(feature = "author")]
mod sample;
#[cfg(feature = "author")]
mod schema;
#[cfg(feature = "author")]
mod scope;
#[cfg(feature = "author")]
mod session;
#[cfg(feature = "author")]
mod shapes;
#[cfg(feature = "author")]
mod slots;
#[cfg(feature = "author")]
mod table;
#[cfg(feature = "author")]
mod text;
#[cfg(feature = "author")]
mod threads;
#[cfg(feature = "author")]
mod validate;
#[cfg(feature = "author")]
mod worlds;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::{Arc, OnceLock},
};

#[cfg(all(test, feature = "author"))]
pub(crate) use schema::schema_of;
#[cfg(feature = "signing")]
pub use signing::public_key;
#[cfg(feature = "author")]
pub use {
    mutate::{Mutant, Mutants, Operator},
    shapes::{Feasible, Shapes},
    text::too_deep_to_parse,
};

use crate::{
    catalog::{self, Catalog, Drift, ONE_PAGE, ToolReport, definitions},
    digest::Digest,
    engine::{Engine, Evaluate, PolicyIndex},
    entity::Store,
    error::{Diagnostic, Error, Place},
    gather::Gather as _,
    id::EntityRef,
    json::Json,
    ledger::Event,
    obligation::Obligation,
    sorted::Sorted,
};

/// Baseline rules that no bundle may be without, and the fact that each forbids a call for.
const FIXED: [(&str, &str); 2] = [("baseline/halted", "context.halted"), ("baseline/revoked", "context.revoked")];

/// A policy of a bundle, as decisions refer to it.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its `@id`.
    pub id: Arc<str>,
    /// Whether it forbids; otherwise it permits.
    pub forbids: bool,
    /// Its `@reason`, shown to people.
    pub reason: Option<String>,
    /// Who may lift it, if it is a forbid with `@approval`.
    pub approval: Option<String>,
    /// What comes with a call that it permits.
    pub obligations: Vec<Obligation>,
    /// Its `@owner`.
    pub owner: Option<String>,
    /// The controls it implements.
    pub controls: Vec<String>,
    /// Where it stands.
    pub place: Place,
    /// Its text, without annotations.
    pub text: String,
    /// Whether it is a template, which only counts through grants.
    pub template: bool,
    /// The constraints of its scope (principal, action, resource), and behind them the leaves of its conditions: what `&&`,
    /// `||`, `!` and `if` join. In the order of the text; the index of an atom is its place here.
    pub atoms: Vec<Atom>,
}

/// A part of a policy that is true or false by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Atom {
    /// What it is a part of.
    pub part: Part,
    /// The line it begins in, counted from 1.
    pub line: usize,
    /// The column it begins at in characters, counted from 1.
    pub column: usize,
    /// The bytes of [`Policy::text`] that it is.
    pub span: Range<usize>,
}

/// What of a policy an [`Atom`] is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The scope's constraint of the principal.
    Principal,
    /// The scope's constraint of the action.
    Action,
    /// The scope's constraint of the resource.
    Resource,
    /// A `when`, by its place among the policy's clauses, counted from 0.
    When(u32),
    /// An `unless`, by its place among the policy's clauses, counted from 0.
    Unless(u32),
}

impl Policy {
    /// The text of one of its [`Policy::atoms`], as it stands in the file.
    pub fn atom_text(&self, atom: &Atom) -> &str {
        self.text.get(atom.span.clone()).unwrap_or_default()
    }
}

/// Policies, schema and catalog: validated, compiled, immutable.
pub struct PolicyBundle {
    // What mutants of a bundle have in common, and what stays when its entities are replaced, is shared.
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) store: Arc<Store>,
    pub(crate) policies: Vec<Policy>,
    slots: Arc<Sorted<PolicyIndex, grants::Slots>>,
    by_id: Arc<BTreeMap<Arc<str>, PolicyIndex>>,
    compiled: compiled::Compiled,
    pub(crate) chosen: Engine,
    unpacked: bool,
    /// The digest of its files without the entities; nothing where it was not loaded from them.
    #[cfg(feature = "author")]
    others: Option<Digest>,
    /// Cedar's policies; a bundle that was unpacked has none.
    #[cfg(feature = "oracle")]
    pub(crate) cedar: Option<Arc<cedar::CedarEngine>>,
    pub(crate) identity: Arc<Identity>,
    warnings: Vec<Diagnostic>,
}

/// What a record says of the bundle that decided.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) digest: Digest,
    pub(crate) schema: Digest,
    /// The baseline rules that the manifest switches off.
    pub(crate) disabled: Vec<String>,
    /// All that as records show it, made once.
    pub(crate) json: OnceLock<String>,
}

impl Identity {
    fn of(catalog: &Catalog, digest: Digest, schema: Digest) -> Self {
        let disabled = catalog.disabled.iter().map(|id| id.value.clone()).collect();
        Self {
            name: catalog.name.clone(),
            version: catalog.version.clone(),
            digest,
            schema,
            disabled,
            json: OnceLock::new(),
        }
    }
}

impl PolicyBundle {
    /// The bundle's name.
    pub fn name(&self) -> &str {
        &self.catalog.name
    }

    /// The bundle's version.
    pub fn version(&self) -> &str {
        &self.catalog.version
    }

    /// The digest of every file that decides: manifest, pins, policies, schemas, entities.
    pub fn digest(&self) -> Digest {
        self.identity.digest
    }

    /// The digest of the Cedar schema.
    pub fn schema_digest(&self) -> Digest {
        self.identity.schema
    }

    /// What deserves a second look.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// Every policy, the baseline's included, in the order of their files.
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// The entities of the bundle's own file, and its levels, in order.
    pub fn entities(&self) -> impl Iterator<Item = &EntityRef> {
        self.store.iter().map(|entity| &entity.id)
    }

    /// The entities that policies name, each once, in order.
    pub fn named_entities(&self) -> impl Iterator<Item = &EntityRef> {
        self.compiled.reads.values().flat_map(|reads| reads.entities()).gather::<BTreeSet<_>>().into_iter()
    }

    /// The policy of that id.
    pub fn policy(&self, id: &str) -> Option<&Policy> {
        self.policies.get(*self.by_id.get(id)?)
    }

    /// Each action as policies see it.
    pub fn tools(&self) -> Vec<ToolReport> {
        self.catalog.report()
    }

    /// The ids of the servers.
    pub fn servers(&self) -> impl Iterator<Item = &str> {
        self.catalog.servers.keys().map(String::as_str)
    }

    /// Where a server may be reached, as the manifest says.
    pub fn origin(&self, server: &str) -> Option<&str> {
        self.catalog.servers.get(server)?.origin.as_deref()
    }

    /// The file of the bundle that pins a server's tools.
    pub fn pin_file(&self, server: &str) -> Option<&str> {
        Some(&self.catalog.servers.get(server)?.file)
    }

    /// The pinned definition of a tool, as the server gave it.
    pub fn definition(&self, server: &str, tool: &str) -> Option<&Json> {
        self.catalog.servers.get(server)?.definitions.get(tool)
    }

    /// The baseline rules that the manifest switches off.
    pub fn disabled_baseline(&self) -> impl Iterator<Item = &str> {
        self.catalog.disabled.iter().map(|id| id.value.as_str())
    }

    /// Compares a live tools/list result with the pins of `server`.
    ///
    /// # Errors
    /// There is no such server, or the text is no tools/list result.
    pub fn drift(&self, server: &str, live: &str) -> Result<Vec<Drift>, Error> {
        let live = self.live(server, live)?;
        Ok(self.catalog.drift(server, &live).unwrap_or_default())
    }

    /// The definitions of a live tools/list result.
    fn live(&self, server: &str, live: &str) -> Result<BTreeMap<String, Json>, Error> {
        if !self.catalog.servers.contains_key(server) {
            return Err(self.unknown_server(server));
        }
        let (live, found) = definitions(&format!("live {server}").into(), live);
        if found.iter().any(|one| one.severity == crate::Severity::Error) {
            return Err(Error::new(found));
        }
        Ok(live)
    }

    /// The event that a server lists these tools, made of the text of its live tools/list result. By a list that cannot
    /// be read, every tool of the server has drifted: a server does not escape by what it writes.
    ///
    /// # Errors
    /// There is no such server.
    pub fn tools_listed(&self, server: &str, live: &str) -> Result<Event, Error> {
        let Some(known) = self.catalog.servers.get(server) else { return Err(self.unknown_server(server)) };
        let live = self.live(server, live).unwrap_or_default();
        let digests: BTreeMap<_, _> =
            live.iter().map(|(name, definition)| (name.as_str(), catalog::pin_of(definition))).gather();
        let pinned = known.tools.iter().filter_map(|(name, tool)| Some((name, tool.pin?)));
        let drifted = pinned.filter(|(name, pin)| digests.get(name.as_str()) != Some(pin));
        let drifted = drifted.map(|(name, pin)| (name.clone(), pin)).gather();
        Ok(Event::ToolsListed { server: server.to_owned(), drifted })
    }

    /// As [`PolicyBundle::tools_listed`], of one page: the tools that it does not have may stand on another. `None` where
    /// nothing on the page differs from its pin.
    ///
    /// # Errors
    /// There is no such server.
    pub fn page_listed(&self, server: &str, page: &str) -> Result<Option<Event>, Error> {
        let Some(known) = self.catalog.servers.get(server) else { return Err(self.unknown_server(server)) };
        let (live, found) = definitions(&format!("live {server}").into(), page);
        let wrong = |one: &Diagnostic| one.severity == crate::Severity::Error && one.code != ONE_PAGE;
        if found.iter().any(wrong) {
            return self.tools_listed(server, "").map(Some);
        }
        let pinned = known.tools.iter().filter_map(|(name, tool)| Some((name, tool.pin?)));
        let differs = |(name, pin): &(&String, Digest)| {
            live.get(*name).is_some_and(|definition| catalog::pin_of(definition) != *pin)
        };
        let drifted: BTreeMap<_, _> = pinned.filter(differs).map(|(name, pin)| (name.clone(), pin)).gather();
        Ok((!drifted.is_empty()).then(|| Event::ToolsListed { server: server.to_owned(), drifted }))
    }

    fn unknown_server(&self, server: &str) -> Error {
        let unknown = Diagnostic::error("unknown_server", format!("the bundle has no server `{server}`"));
        unknown.suggest(server, self.servers()).into()
    }

    pub(crate) fn engine(&self) -> &dyn Evaluate {
        self
    }
}
