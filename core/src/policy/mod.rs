//! The rules: policies loaded, validated and compiled. The only place that names Cedar's crates.

mod annotate;
mod cedar;
mod compile;
#[cfg(feature = "conformance")]
pub mod conformance;
mod declared;
mod entities;
mod events;
mod engines;
mod explain;
mod grants;
mod guard;
mod lint;
mod load;
mod read_paths;
mod schema;
mod scope;
mod session;
mod text;
mod validate;

use std::collections::{BTreeMap, BTreeSet, HashMap};

pub use explain::{Condition, Explanation, Truth};
#[cfg(test)]
pub(crate) use load::schema_of;

use crate::{
    catalog::{self, Catalog, Drift, ToolReport, definitions},
    digest::{Digest, Domain},
    engine::{Engine, Evaluate, PolicyIndex},
    entity::Store,
    error::{Diagnostic, Error, Place},
    json::{Json, Object},
    ledger::Event,
    obligation::Obligation,
    sources::Sources,
};

/// A policy of a bundle, as decisions refer to it.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its `@id`.
    pub id: String,
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
}

/// Policies, schema and catalog: validated, compiled, immutable.
pub struct PolicyBundle {
    pub(crate) catalog: Catalog,
    pub(crate) store: Store,
    pub(crate) policies: Vec<Policy>,
    pub(crate) engine: cedar::CedarEngine,
    slots: HashMap<PolicyIndex, grants::Slots>,
    by_id: HashMap<String, PolicyIndex>,
    compiled: engines::Compiled,
    pub(crate) chosen: Engine,
    digest: Digest,
    schema_digest: Digest,
    warnings: Vec<Diagnostic>,
}

impl PolicyBundle {
    /// Loads a bundle from its files.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once, each with its place.
    ///
    /// ```
    /// use toolgate::{PolicyBundle, Sources};
    ///
    /// let mut sources = Sources::default();
    /// sources.insert("toolgate.toml", r#"
    ///     [bundle]
    ///     name = "demo"
    ///     version = "1.0.0"
    ///     [servers.notes]
    /// "#);
    /// sources.insert("tools/notes.json", r#"{"tools": [{"name": "read", "inputSchema": {"type": "object"}}]}"#);
    /// sources.insert("policies/demo.cedar", r#"
    ///     @id("users-read")
    ///     permit (principal is User, action == Action::"notes/raed", resource);
    /// "#);
    /// let error = PolicyBundle::load(&sources).err().unwrap();
    /// assert!(error.to_string().contains("did you mean `notes/read`?"), "{error}");
    /// ```
    pub fn load(sources: &Sources) -> Result<Self, Error> {
        load::load(sources)
    }

    /// As [`PolicyBundle::load`], and a warning is an error too.
    ///
    /// # Errors
    /// Everything that is wrong, and everything that deserves a second look.
    pub fn load_strict(sources: &Sources) -> Result<Self, Error> {
        let bundle = Self::load(sources)?;
        if bundle.warnings.is_empty() { Ok(bundle) } else { Err(Error::new(bundle.warnings)) }
    }

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
        self.digest
    }

    /// The digest of the Cedar schema.
    pub fn schema_digest(&self) -> Digest {
        self.schema_digest
    }

    /// What deserves a second look.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// Every policy, the baseline's included, in the order of their files.
    pub fn policies(&self) -> &[Policy] {
        &self.policies
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
            live.iter().map(|(name, definition)| (name.as_str(), catalog::pin_of(definition))).collect();
        let pinned = known.tools.iter().filter_map(|(name, tool)| Some((name, tool.pin?)));
        let drifted = pinned.filter(|(name, pin)| digests.get(name.as_str()) != Some(pin));
        let drifted = drifted.map(|(name, pin)| (name.clone(), pin)).collect();
        Ok(Event::ToolsListed { server: server.to_owned(), drifted })
    }

    fn unknown_server(&self, server: &str) -> Error {
        let unknown = Diagnostic::error("unknown_server", format!("the bundle has no server `{server}`"));
        unknown.suggest(server, self.servers()).into()
    }

    pub(crate) fn engine(&self) -> &dyn Evaluate {
        self
    }
}

/// The digest of all files that decide, of just those: whatever else a host puts beside them changes nothing.
fn bundle_digest(sources: &Sources, catalog: &Catalog) -> Digest {
    let pins: BTreeSet<_> = catalog.servers.values().map(|server| server.file.as_str()).collect();
    let decides = |name: &str| {
        let of = |folder: &str, kind: &str| name.starts_with(folder) && name.ends_with(kind);
        name == catalog::MANIFEST
            || name == entities::FILE
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

/// The ancestors of each action: every group it is in.
type Ancestry = BTreeMap<String, Vec<String>>;

/// Why policy text must not reach a parser that recurses, if it is nested too deep for one.
///
/// ```
/// assert_eq!(toolgate::too_deep_to_parse("permit (principal, action, resource);"), None);
/// assert!(toolgate::too_deep_to_parse(&"(".repeat(1000)).is_some());
/// ```
pub fn too_deep_to_parse(text: &str) -> Option<String> {
    text::too_deep(&text::tokens(text), text, text::Language::Policies).map(|deep| deep.message)
}
