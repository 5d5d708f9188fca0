//! From a bundle's files to a bundle: everything that is wrong with it, at once.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Range,
    sync::Arc,
};

use cedar_policy::{EntityTypeName, PolicyId, PolicySet, Schema, SchemaFragment, pst};

use super::{
    FIXED, Identity, Policy, PolicyBundle,
    actions::Actions,
    annotate, compile,
    compiled::Compiled,
    declared::Declared,
    entities,
    files::{self, Files},
    leaves, lint, read_paths,
    sample::Samples,
    schema, session, slots,
    text::{self, Language, Statement},
    threads, validate,
};
use crate::{
    catalog::{self, Catalog, MANIFEST},
    digest::{Digest, Domain},
    engine::{Engine, Reads},
    error::{self, Diagnostic, Error, Lines, Place, Severity, closest},
    sorted::Sorted,
    sources::Sources,
};

const BASELINE_FILE: &str = "baseline.cedar";
const BASELINE: &str = include_str!("baseline.cedar");

/// A policy or template that Cedar parsed, with what stands around it.
pub(super) struct Parsed {
    pub(super) policy: Policy,
    pub(super) tree: pst::Template,
    pub(super) statement: Statement,
    pub(super) file: Arc<str>,
    pub(super) source: Arc<str>,
    lines: Arc<Lines>,
    pub(super) body: Body,
}

pub(super) enum Body {
    Policy(cedar_policy::Policy),
    Template(cedar_policy::Template),
}

impl Body {
    fn tree(&self) -> Option<pst::Template> {
        match self {
            Self::Template(template) => template.to_pst().ok(),
            Self::Policy(policy) => tree(policy),
        }
    }
}

impl Parsed {
    pub(super) fn at(&self, span: Range<usize>) -> Place {
        self.lines.place(&self.file, &self.source, span)
    }

    /// Whether it ships with the crate.
    pub(super) fn is_baseline(&self) -> bool {
        &*self.file == BASELINE_FILE
    }

    #[cfg(feature = "oracle")]
    pub(super) fn id(&self) -> PolicyId {
        PolicyId::new(&self.policy.id)
    }

    /// Adds it to a set, for the validator.
    pub(super) fn add(&self, set: &mut PolicySet) -> Result<(), String> {
        let added = match &self.body {
            Body::Policy(policy) => set.add(policy.clone()),
            Body::Template(template) => set.add_template(template.clone()),
        };
        added.map_err(|error| error.to_string())
    }
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
        load(sources).map(|loaded| loaded.bundle)
    }

    /// As [`PolicyBundle::load`], and a warning is an error too.
    ///
    /// # Errors
    /// Everything that is wrong, and everything that deserves a second look.
    pub fn load_strict(sources: &Sources) -> Result<Self, Error> {
        let bundle = Self::load(sources)?;
        if bundle.warnings.is_empty() { Ok(bundle) } else { Err(Error::new(bundle.warnings)) }
    }
}

/// A bundle, and what it was made of.
pub(super) struct Loaded {
    pub(super) bundle: PolicyBundle,
    pub(super) parsed: Vec<Parsed>,
    pub(super) schema: Schema,
}

pub(super) fn load(sources: &Sources) -> Result<Loaded, Error> {
    let own = |catalog: &Catalog, found: &mut Vec<Diagnostic>| {
        let mut parsed = parse(&BASELINE_FILE.into(), BASELINE, found);
        disable(catalog, &mut parsed, found);
        for (file, text) in sources.folder("policies", "cedar") {
            parsed.extend(parse(file, text, found));
        }
        parsed
    };
    with(sources, own)
}

/// Loads a bundle with policies that need not be its own.
pub(super) fn with(
    sources: &Sources,
    policies: impl FnOnce(&Catalog, &mut Vec<Diagnostic>) -> Vec<Parsed>,
) -> Result<Loaded, Error> {
    files::lengths(sources)?;
    let mut found = Vec::new();
    let (mut catalog, problems) = catalog::load(sources);
    if sources.entry(MANIFEST).is_none() {
        return Err(Error::new(problems));
    }
    // Of tools that could not be read, whatever names them would be told as wrong, too.
    let unread = ["tools_list", "tools_missing"];
    let unread = problems.iter().any(|one| one.severity == Severity::Error && unread.contains(&one.code))
        && catalog.servers.values().any(|server| server.definitions.is_empty());
    found.extend(problems);
    let fragments = fragments(sources, &mut found);
    let parsed = policies(&catalog, &mut found);
    let parsed = unique(parsed, &mut found);
    let mut store = entities::levels(&catalog);
    let mut schema_digest = Digest::of_text(Domain::Schema, "");
    let mut filled = Sorted::new();
    let mut schema = None;
    let schemas = schemas(&catalog, &fragments, sources, &mut found);
    if let Some((declared, cedar)) = schemas.filter(|_| !unread) {
        schema_digest = Digest::of_text(Domain::Schema, &declared.own.to_string());
        let actions = Actions::of(&catalog);
        lint::all(&catalog, &actions, &declared, &parsed, &mut found);
        let doubtful = Samples::new(&actions, &declared, &fragments).doubtful(&parsed);
        validate::all(&actions, &cedar, &doubtful, &mut found);
        entities::load(&catalog, &fragments, sources, &mut store, &mut found);
        entities::nearly(&parsed, &store, &mut found);
        filled = parsed
            .iter()
            .enumerate()
            .filter_map(|(place, one)| match &one.body {
                Body::Template(template) => Some((place, slots::of(one, template, &cedar))),
                Body::Policy(_) => None,
            })
            .collect();
        schema = Some(cedar);
    }
    error::sort(&mut found);
    let broken = found.iter().any(|one| one.severity == Severity::Error);
    let Some(schema) = schema.filter(|_| !broken) else { return Err(Error::new(found)) };
    // What to review is told of a bundle that loads; beside errors it would only hide them.
    found.extend(catalog.review());
    error::sort(&mut found);
    catalog.named_labels = parsed.iter().flat_map(|one| session::labels(&one.tree)).collect();
    let reads = read(&catalog, &parsed);
    let program = compile::all(parsed.iter().map(|one| (&one.policy, &one.tree))).map_err(Error::new)?;
    let by_id = parsed.iter().enumerate().map(|(place, one)| (one.policy.id.clone(), place)).collect();
    let digest = files::digest(sources, &catalog, Files::All);
    let identity = Arc::new(Identity::of(&catalog, digest, schema_digest));
    let bundle = PolicyBundle {
        compiled: Compiled::new(program, &catalog, &mut store, reads, digest),
        chosen: Engine::default(),
        unpacked: false,
        others: Some(files::digest(sources, &catalog, Files::WithoutEntities)),
        #[cfg(feature = "oracle")]
        cedar: Some(Arc::new(super::cedar::CedarEngine::of(&catalog, &parsed))),
        slots: Arc::new(filled),
        store: Arc::new(store),
        by_id: Arc::new(by_id),
        policies: parsed.iter().map(|one| one.policy.clone()).collect(),
        identity,
        warnings: found,
        catalog: Arc::new(catalog),
    };
    Ok(Loaded { bundle, parsed, schema })
}

/// Parses one file of policies. Text that is too deep never reaches Cedar.
pub(super) fn parse(file: &Arc<str>, source: &str, found: &mut Vec<Diagnostic>) -> Vec<Parsed> {
    if let Some(told) = files::marked(file, source, "policy_syntax") {
        found.push(told);
        return Vec::new();
    }
    let lines = Arc::new(Lines::of(source));
    let place = |span: Range<usize>| lines.place(file, source, span);
    let tokens = text::tokens(source);
    if let Some(deep) = text::too_deep(&tokens, source, Language::Policies) {
        found.push(Diagnostic::error("policy_too_deep", deep.message).at(place(deep.span)));
        return Vec::new();
    }
    let set: PolicySet = match source.parse() {
        Ok(set) => set,
        Err(errors) => {
            let errors: cedar_policy::ParseErrors = errors;
            found.extend(errors.iter().map(|error| validate::syntax(error, file, source)));
            return Vec::new();
        }
    };
    let text: Arc<str> = source.into();
    let mut parsed = Vec::new();
    let statements = text::statements(source, &tokens);
    if statements.len() != set.num_of_policies() + set.num_of_templates() {
        let message = "the policies of this file could not be told apart";
        found.push(Diagnostic::error("policy_syntax", message).at(Place::whole(file)));
        return Vec::new();
    }
    let bodies: Vec<_> = (0..statements.len()).map(|index| body(&set, index)).collect();
    let trees = threads::each(&bodies, |body| body.as_ref().and_then(Body::tree));
    for (index, (statement, part)) in statements.into_iter().zip(bodies.into_iter().zip(trees)).enumerate() {
        let (Some(body), Some(tree)) = part else {
            found.push(Diagnostic::error("policy_syntax", "the policy has no syntax tree").at(place(statement.head)));
            continue;
        };
        let forbids = tree.effect == pst::Effect::Forbid;
        let notes = annotate::read(&statement, forbids, &place, found);
        if statement.annotation("id").is_none() {
            let message = format!("a {} has no `@id`", if forbids { "forbid" } else { "permit" });
            let help = "write `@id(\"...\")` above it: decisions, records and tests name policies by their id";
            found.push(Diagnostic::error("missing_id", message).at(place(statement.head.clone())).help(help));
        }
        let id = notes.id.unwrap_or_else(|| format!("{file}#{index}"));
        let body = match body {
            Body::Policy(policy) => Body::Policy(policy.new_id(PolicyId::new(&id))),
            Body::Template(template) => Body::Template(template.new_id(PolicyId::new(&id))),
        };
        let policy = Policy {
            id: id.into(),
            forbids,
            reason: notes.reason,
            approval: notes.approval,
            obligations: notes.obligations,
            owner: notes.owner,
            controls: notes.controls,
            place: place(statement.head.clone()),
            text: source.get(statement.head.start..statement.span.end).unwrap_or_default().to_owned(),
            template: matches!(body, Body::Template(_)),
            atoms: leaves::atoms(&statement, &tree, source, &place),
        };
        parsed.push(Parsed {
            policy,
            tree,
            statement,
            file: file.clone(),
            source: text.clone(),
            lines: lines.clone(),
            body,
        });
    }
    parsed
}

pub(super) fn tree(policy: &cedar_policy::Policy) -> Option<pst::Template> {
    match policy.to_pst().ok()? {
        pst::Policy::Static(policy) => Some(policy.body().clone()),
        pst::Policy::Linked(_) => None,
    }
}

/// A policy or template by its place in a text: Cedar numbers them together.
fn body(set: &PolicySet, index: usize) -> Option<Body> {
    let number = PolicyId::new(format!("policy{index}"));
    let policy = set.policy(&number).cloned().map(Body::Policy);
    policy.or_else(|| set.template(&number).cloned().map(Body::Template))
}

/// Takes out the baseline rules that the manifest switches off.
fn disable(catalog: &Catalog, baseline: &mut Vec<Parsed>, found: &mut Vec<Diagnostic>) {
    let mut seen = std::collections::BTreeSet::new();
    for id in &catalog.disabled {
        if !seen.insert(&id.value) {
            let message = format!("`{}` is listed twice", id.value);
            found.push(Diagnostic::error("manifest_value", message).at(id.place.clone()));
            continue;
        }
        let known: Vec<_> = baseline.iter().map(|one| &*one.policy.id).collect();
        if FIXED.iter().any(|(fixed, _)| *fixed == id.value) {
            let message = format!("`{}` cannot be switched off by a bundle", id.value);
            let help = "halt and revocation are the host's; only the host can leave them out";
            found.push(Diagnostic::error("baseline_fixed", message).at(id.place.clone()).help(help));
        } else if !known.contains(&id.value.as_str()) {
            let message = format!("the baseline has no rule `{}`", id.value);
            found.push(Diagnostic::error("unknown_policy", message).at(id.place.clone()).suggest(&id.value, known));
        } else {
            baseline.retain(|one| *one.policy.id != *id.value);
        }
    }
}

/// Reports ids that occur twice, and the author's use of the baseline's prefix.
fn unique(parsed: Vec<Parsed>, found: &mut Vec<Diagnostic>) -> Vec<Parsed> {
    let mut first: HashMap<Arc<str>, Place> = HashMap::new();
    let mut kept = Vec::new();
    for one in parsed {
        let place = one.statement.annotation("id").map_or(one.policy.place.clone(), |id| one.at(id.span.clone()));
        let id = &one.policy.id;
        if !one.is_baseline() && id.starts_with("baseline/") {
            let message = format!("the id `{id}` is the baseline's");
            found.push(Diagnostic::error("policy_id", message).at(place).help("choose an id without `baseline/`"));
            continue;
        }
        if let Some(other) = first.get(id) {
            let message = format!("the id `{id}` is taken by the policy at {other}");
            found.push(Diagnostic::error("duplicate_id", message).at(place).help("give each policy an id of its own"));
            continue;
        }
        first.insert(id.clone(), place);
        kept.push(one);
    }
    kept
}

/// An author's schema file.
pub(super) struct Fragment {
    pub(super) file: Arc<str>,
    pub(super) text: String,
    pub(super) fragment: SchemaFragment,
    pub(super) json: serde_json::Value,
}

pub(super) fn fragments(sources: &Sources, found: &mut Vec<Diagnostic>) -> Vec<Fragment> {
    let mut fragments = Vec::new();
    for (file, source) in sources.folder("schema", "cedarschema") {
        if let Some(told) = files::marked(file, source, "schema_syntax") {
            found.push(told);
            continue;
        }
        let tokens = text::tokens(source);
        if let Some(deep) = text::too_deep(&tokens, source, Language::Schema) {
            let place = Place::new(file, source, deep.span);
            found.push(Diagnostic::error("schema_too_deep", deep.message).at(place));
            continue;
        }
        match SchemaFragment::from_cedarschema_str(source) {
            Err(error) => found.push(validate::told("schema_syntax", &error, file, source)),
            Ok((fragment, _)) => match fragment.clone().to_json_value() {
                Err(error) => found.push(validate::told("schema_syntax", &error, file, source)),
                Ok(json) => fragments.push(Fragment { file: file.clone(), text: source.to_owned(), fragment, json }),
            },
        }
    }
    fragments
}

/// The schema that policies are validated against, or nothing if it cannot be built.
pub(super) fn schemas(
    catalog: &Catalog,
    fragments: &[Fragment],
    sources: &Sources,
    found: &mut Vec<Diagnostic>,
) -> Option<(Declared, Schema)> {
    let before = found.len();
    let mapped = mapped(catalog, fragments, sources, found);
    let own = schema::json(catalog, &mapped, schema::Purpose::AtDecision);
    let declared = Declared { own, authors: fragments.iter().map(|one| one.json.clone()).collect() };
    lint::author_types(catalog, &declared, fragments, found);
    if found.iter().skip(before).any(|one| one.severity == Severity::Error) {
        return None;
    }
    build(declared.own.clone(), fragments, found).map(|schema| (declared, schema))
}

/// Joins toolgate's schema with the author's.
pub(super) fn build(own: serde_json::Value, fragments: &[Fragment], found: &mut Vec<Diagnostic>) -> Option<Schema> {
    let whole = |file: &str| Place::whole(&file.into());
    let own = match SchemaFragment::from_json_value(own) {
        Ok(own) => own,
        Err(error) => {
            found.push(Diagnostic::error("schema", error.to_string()).at(whole(MANIFEST)));
            return None;
        }
    };
    let all = std::iter::once(own).chain(fragments.iter().map(|one| one.fragment.clone()));
    match Schema::from_schema_fragments(all) {
        Ok(schema) => Some(schema),
        Err(error) => {
            let mut told = match about(&error, fragments) {
                Some(one) => validate::told("schema", &error, &one.file, &one.text),
                None => Diagnostic::error("schema", error.to_string()).at(whole(MANIFEST)),
            };
            told.message = format!("the author's schema and the tools' do not fit together: {}", told.message);
            found.push(told);
            None
        }
    }
}

/// The author's file that an error is about: where there are several, the one whose text the error points into.
fn about<'f>(error: &dyn miette::Diagnostic, fragments: &'f [Fragment]) -> Option<&'f Fragment> {
    if let [only] = fragments {
        return Some(only);
    }
    let whole = error.source_code()?.read_span(&(0, 0).into(), usize::MAX, usize::MAX).ok()?;
    fragments.iter().find(|one| one.text.as_bytes() == whole.data())
}

/// The resource types that the manifest maps to and no author's schema declares.
pub(super) fn mapped<'c>(
    catalog: &'c Catalog,
    fragments: &[Fragment],
    sources: &Sources,
    found: &mut Vec<Diagnostic>,
) -> BTreeSet<&'c str> {
    let authored: Vec<_> = fragments.iter().flat_map(|one| types(&one.json)).collect();
    let mut mapped = BTreeSet::new();
    for kind in catalog.mapped_types() {
        let mut tell = |mut told: Diagnostic| {
            if let Some((file, text)) = sources.entry(MANIFEST) {
                let quoted = format!("\"{kind}\"");
                told.place = text.find(&quoted).map(|start| Place::new(file, text, start..start + quoted.len()));
            }
            found.push(told);
        };
        if schema::OWN_TYPES.contains(&kind) || kind == "Action" {
            let message = format!("`{kind}` is toolgate's own type, no business entity");
            tell(Diagnostic::error("resource_type", message).help("map to a type of your own"));
        } else if kind.parse::<EntityTypeName>().is_err() {
            let message = format!("`{kind}` is no name of an entity type");
            let help = "write a name such as `Repository` or `Acme::Account`";
            tell(Diagnostic::error("resource_type", message).help(help));
        } else if !authored.iter().any(|one| one == kind) {
            // A type need not be declared; one that is nearly declared would be in no policy and in no entity.
            if let Some(near) = closest(kind, authored.iter().map(String::as_str)) {
                let message = format!("no schema declares the type `{kind}`");
                let help = format!("did you mean `{near}`? if not, declare it, too");
                tell(Diagnostic::warning("resource_type", message).help(help));
            }
            mapped.insert(kind);
        }
    }
    mapped
}

/// The entity types that an author's schema declares.
fn types(json: &serde_json::Value) -> impl Iterator<Item = String> {
    json.as_object().into_iter().flatten().flat_map(|(namespace, content)| {
        let names = content.get("entityTypes").and_then(|types| types.as_object()).into_iter().flatten();
        names.map(move |(name, _)| if namespace.is_empty() { name.clone() } else { format!("{namespace}::{name}") })
    })
}

/// What the policies of each action may look at.
fn read(catalog: &Catalog, parsed: &[Parsed]) -> Sorted<String, Arc<Reads>> {
    let actions = Actions::of(catalog);
    let mut read: Sorted<_, _> =
        actions.all.iter().map(|(_, action)| (action.id.to_string(), Reads::default())).collect();
    for one in parsed {
        let mut reads = read_paths::of(&one.tree);
        // What a policy names as a literal it can look into, wherever the entity stands.
        for literal in one.statement.entities.iter().filter(|literal| literal.kind != "Action") {
            reads.mention(literal.entity());
        }
        for (_, action) in actions.covered(&one.tree.action) {
            read.get_mut(&*action.id).into_iter().for_each(|read: &mut Reads| read.extend(&reads));
        }
    }
    read.into_iter().map(|(action, reads)| (action, Arc::new(reads))).collect()
}
