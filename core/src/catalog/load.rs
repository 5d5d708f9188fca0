//! Builds the catalog: the manifest's words joined with the pinned definitions.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock},
};

use super::{
    Action, Catalog, Server, Tool, Verbs,
    effect::{Effect, Hints, KnownFrom},
    level::Levels,
    manifest::{self, Manifest, Placed, Says, ServerEntry, ToolEntry},
    method,
    shape::Shape,
};
use crate::{
    error::{Diagnostic, Place, Severity},
    gather::Gather as _,
    json::{Json, Pointer},
    sorted::Sorted,
};
#[cfg(feature = "author")]
use {
    super::{manifest::Entries, tools_list},
    crate::{error::closest, sources::Sources},
};

/// Pinned definitions, by the name of the tool.
pub(crate) type Pins = BTreeMap<String, Json>;

/// Reads the manifest and every server's pins. The catalog holds what could be understood.
#[cfg(feature = "author")]
pub(crate) fn load(sources: &Sources) -> (Catalog, Vec<Diagnostic>) {
    let Some((file, text)) = sources.entry(manifest::FILE) else {
        let missing = Diagnostic::error("manifest_missing", "the bundle has no `toolgate.toml`")
            .help("`toolgate init DIR --tools NAME=FILE` writes one from a tools/list result");
        return (Catalog::empty(), vec![missing]);
    };
    let (manifest, mut found) = manifest::read(file, text);
    let pins = manifest.entries.servers.iter().map(|(id, entry)| (id.clone(), pins(entry, sources, &mut found)));
    let pins = pins.gather();
    found.extend(unused(&manifest.entries, sources));
    let (catalog, wrong) = build(manifest, pins);
    found.extend(wrong);
    (catalog, found)
}

/// Joins the manifest with the pinned definitions of each server.
pub(crate) fn build(manifest: Manifest, mut pins: BTreeMap<String, Pins>) -> (Catalog, Vec<Diagnostic>) {
    let mut found = Vec::new();
    let mut servers = Sorted::new();
    for (id, entry) in &manifest.entries.servers {
        let mut load = Load { levels: &manifest.levels, found: &mut found, entries: &manifest.entries.tools };
        servers.insert(id.clone(), load.server(id, entry, pins.remove(id).unwrap_or_default()));
    }
    // A tools/list that could not be read has been told of; that its tools are missing follows.
    let unread = |id: &str| {
        let server = id.split('/').next().and_then(|server| servers.get(server));
        server.is_some_and(|server: &Server| server.definitions.is_empty())
    };
    let taken = |id: &str| {
        let (server, name) = id.split_once('/').unwrap_or_default();
        let server = servers.get(server);
        server.is_some_and(|server: &Server| server.tools.contains_key(name) || server.methods.contains_key(name))
    };
    for (id, entry) in manifest.entries.tools.iter().filter(|(id, _)| !taken(id) && !unread(id)) {
        found.push(unknown_tool(id, entry, &servers));
    }
    let catalog = Catalog {
        name: manifest.name,
        version: manifest.version,
        levels: manifest.levels,
        principals: manifest.principals,
        require: manifest.require,
        disabled: manifest.disabled,
        named_labels: BTreeSet::new(),
        entries: manifest.entries,
        servers,
    };
    (catalog, found)
}

/// Lists of tools that no server has: whoever put one there counts on its tools.
#[cfg(feature = "author")]
fn unused<'a>(entries: &'a Entries, sources: &'a Sources) -> impl Iterator<Item = Diagnostic> + 'a {
    // One that is not there is told of with the name that is nearest.
    let missing = entries.servers.iter().any(|(_, entry)| sources.entry(&entry.tools.value).is_none());
    let taken = move |file: &str| missing || entries.servers.iter().any(|(_, entry)| entry.tools.value == file);
    let files = sources.folder("tools", "json").filter(move |(file, _)| !taken(file));
    files.map(|(file, _)| {
        let id = file.trim_start_matches("tools/").trim_end_matches(".json");
        let message = format!("no server has the tools of `{file}`");
        let help = format!("write `[servers.{id}]` into the manifest, or take the file out of the bundle");
        Diagnostic::warning("tools_unused", message).at(Place::whole(file)).help(help)
    })
}

/// The definitions of a server's tools list.
#[cfg(feature = "author")]
fn pins(entry: &ServerEntry, sources: &Sources, found: &mut Vec<Diagnostic>) -> Pins {
    if let Some((file, text)) = sources.entry(&entry.tools.value) {
        let (definitions, wrong) = tools_list::definitions(file, text);
        found.extend(wrong);
        return definitions;
    }
    let message = format!("the bundle has no file `{}`", entry.tools.value);
    let near = closest(&entry.tools.value, sources.names());
    let help = near.map(|near| format!("did you mean `{near}`?"));
    let missing = Diagnostic::error("tools_missing", message).at(entry.tools.place.clone());
    found
        .push(missing.help(
            help.unwrap_or_else(|| "put the server's tools/list result there, as the server gave it".to_owned()),
        ));
    Pins::new()
}

#[cfg(feature = "author")]
impl Catalog {
    fn empty() -> Self {
        Self {
            name: String::new(),
            version: String::new(),
            levels: Levels::default(),
            principals: manifest::Principals::default(),
            require: manifest::Require::default(),
            disabled: Vec::new(),
            named_labels: BTreeSet::new(),
            entries: Entries::default(),
            servers: Sorted::new(),
        }
    }
}

/// A manifest entry that no pinned tool took.
fn unknown_tool(id: &str, entry: &Placed<ToolEntry>, servers: &Sorted<String, Server>) -> Diagnostic {
    let place = entry.place.clone();
    let (server, _) = id.split_once('/').unwrap_or((id, ""));
    if let Some(known) = servers.get(server) {
        let names: Vec<_> = known.tools.values().map(|tool| &*tool.id).collect();
        return Diagnostic::error("unknown_tool", format!("`{}` pins no tool `{id}`", known.file))
            .at(place)
            .suggest(id, names);
    }
    let names = servers.keys().map(String::as_str);
    Diagnostic::error("unknown_server", format!("`{id}` is a tool of the server `{server}`, which is not in [servers]"))
        .at(place)
        .suggest(server, names)
}

struct Load<'a> {
    levels: &'a Levels,
    found: &'a mut Vec<Diagnostic>,
    entries: &'a Sorted<String, Placed<ToolEntry>>,
}

static URI_PARAMS: LazyLock<Json> =
    LazyLock::new(|| schema(br#"{"type":"object","properties":{"uri":{"type":"string"}},"required":["uri"]}"#));

static PROMPT_PARAMS: LazyLock<Json> = LazyLock::new(|| {
    schema(br#"{"type":"object","properties":{"name":{"type":"string"},"arguments":{"type":"object"}},"required":["name"]}"#)
});

fn schema(text: &[u8]) -> Json {
    Json::parse(text).unwrap_or_default()
}

/// Who owns the server owns its tools, unless the manifest names somebody else.
fn owned(placed: Option<&Placed<ToolEntry>>, server: &Server) -> ToolEntry {
    let mut entry = placed.map(|placed| placed.value.clone()).unwrap_or_default();
    let owner = Some(&server.owner).filter(|owner| !owner.is_empty());
    entry.owner = entry.owner.or(owner.cloned());
    entry
}

impl Load<'_> {
    fn server(&mut self, id: &str, entry: &ServerEntry, definitions: Pins) -> Server {
        let mut server = Server {
            id: id.into(),
            file: entry.tools.value.clone(),
            origin: entry.origin.clone(),
            audience: entry.audience.clone(),
            owner: entry.owner.clone().unwrap_or_default(),
            environment: entry.environment.clone(),
            verified: entry.verified,
            definitions: BTreeMap::new(),
            tools: Sorted::new(),
            methods: Sorted::new(),
        };
        for (name, definition) in &definitions {
            let tool = self.tool(&server, entry, name, definition);
            server.tools.insert(name.clone(), tool);
        }
        server.definitions = definitions;
        for (name, params) in [(method::RESOURCES_READ, &*URI_PARAMS), (method::PROMPTS_GET, &*PROMPT_PARAMS)] {
            let tool = self.method(&server, name, params);
            server.methods.insert(name, tool);
        }
        server
    }

    fn tool(&mut self, server: &Server, server_entry: &ServerEntry, name: &str, definition: &Json) -> Tool {
        let id: Arc<str> = format!("{}/{name}", server.id).into();
        let placed = self.entries.get(&*id);
        let place = placed.map_or(&server_entry.tools.place, |entry| &entry.place).clone();
        let entry = owned(placed, server);
        let nothing = Json::default();
        let schema = definition.get("inputSchema").unwrap_or_else(|| {
            let message = format!("`{id}` has no `inputSchema`, so it can only be called without arguments");
            self.found.push(Diagnostic::warning("tool_schema", message).at(place.clone()));
            &nothing
        });
        let hints = Hints::read(definition);
        let trust = server_entry.trust_hints;
        let extra = entry.extra_arguments.unwrap_or(server_entry.extra_arguments);
        self.build(id, entry, schema, extra, Some(super::pin::digest(definition)), hints, trust)
    }

    fn method(&mut self, server: &Server, name: &'static str, params: &Json) -> Tool {
        let id: Arc<str> = format!("{}/{name}", server.id).into();
        let mut entry = owned(self.entries.get(&*id), server);
        // The protocol itself says that these two only read.
        entry.says.effect.get_or_insert(Effect::Read);
        self.build(id, entry, params, true, None, Hints::default(), false)
    }

    #[expect(clippy::too_many_arguments, reason = "what tools and methods have in common is built in one place")]
    fn build(
        &mut self,
        id: Arc<str>,
        entry: ToolEntry,
        schema: &Json,
        extra: bool,
        pin: Option<crate::Digest>,
        hints: Hints,
        trust: bool,
    ) -> Tool {
        let mut places = Sorted::new();
        let mut kinds = Sorted::new();
        for (pointer, kind) in entry.arguments {
            if let Some(why) = kind.value.root_fault() {
                self.found.push(Diagnostic::error("argument_kind", why).at(kind.place.clone()));
            }
            places.insert(pointer.clone(), kind.place);
            kinds.insert(pointer, kind.value);
        }
        let (shape, faults) = Shape::compile(schema, &kinds, extra);
        for fault in faults {
            let message = format!("`{id}`: the argument `{}`: {}", fault.pointer, fault.why);
            let mut found = Diagnostic::error("argument_kind", message);
            found.place = places.get(&fault.pointer).cloned();
            self.found.push(found);
        }
        let says = &entry.says;
        self.check_pointers(&id, &shape, says);
        let action = |id: Arc<str>, over: Option<&Says>| {
            let pick = |f: fn(&Says) -> Option<bool>| over.and_then(f).or_else(|| f(says));
            let effect = over.and_then(|over| over.effect).or(says.effect);
            let level = over.and_then(|over| over.level).or(says.level);
            let resources = over.and_then(|over| over.resources.as_ref()).or(says.resources.as_ref());
            let destinations = over.and_then(|over| over.destinations.as_ref()).or(says.destinations.as_ref());
            Action {
                id,
                effect: hints.decide_effect(effect, trust),
                egress: hints.decide_egress(pick(|says| says.egress), trust),
                level: level
                    .map_or((self.levels.unlabelled(), KnownFrom::Default), |level| (level, KnownFrom::Manifest)),
                resources: values(resources),
                destinations: values(destinations),
            }
        };
        let verbs = match &entry.operations {
            None => Verbs::One(action(id.clone(), None)),
            Some(operations) => {
                let verbs = operations
                    .verbs
                    .iter()
                    .map(|(verb, over)| (verb.clone(), action(format!("{id}#{verb}").into(), Some(&over.value))));
                Verbs::Chosen(operations.argument.value.clone(), verbs.gather())
            }
        };
        if let Some(operations) = &entry.operations {
            self.check_pointer(&id, &shape, &operations.argument.value, &operations.argument.place);
            for over in operations.verbs.values() {
                self.check_pointers(&id, &shape, &over.value);
            }
        }
        Tool {
            id,
            pin,
            owner: entry.owner.unwrap_or_default(),
            purpose: entry.purpose.unwrap_or_default(),
            #[cfg(feature = "author")]
            hints,
            shape,
            kinds,
            output: entry.output,
            verbs,
        }
    }

    /// Reports manifest pointers to arguments that the tool does not have.
    fn check_pointers(&mut self, id: &str, shape: &Shape, says: &Says) {
        for map in says.resources.iter().flatten() {
            for part in &map.value.parts {
                if let manifest::Part::Value(pointer) = part {
                    self.check_pointer(id, shape, pointer, &map.place);
                }
            }
        }
        for pointer in says.destinations.iter().flatten() {
            if let Some(mut unknown) = unknown_argument(id, shape, &pointer.value, &pointer.place) {
                // Unlike an entity, a destination may be there in some versions of a tool only: the call goes nowhere
                // through an argument that it cannot have. What looks misspelt stays an error.
                if unknown.help.is_none() {
                    unknown.severity = Severity::Warning;
                }
                self.found.push(unknown);
            }
        }
    }

    fn check_pointer(&mut self, id: &str, shape: &Shape, pointer: &Pointer, place: &Place) {
        self.found.extend(unknown_argument(id, shape, pointer, place));
    }
}

/// A manifest pointer to an argument that the tool does not have.
fn unknown_argument(id: &str, shape: &Shape, pointer: &Pointer, place: &Place) -> Option<Diagnostic> {
    let text = pointer.to_string();
    let names: Vec<_> = shape.arguments().map(|name| format!("/{name}")).collect();
    let unknown = || {
        Diagnostic::error("unknown_argument", format!("`{id}` has no argument at `{text}`"))
            .at(place.clone())
            .suggest(text.trim_end_matches("/*"), names.iter().map(String::as_str))
    };
    (!shape.has(pointer)).then(unknown)
}

fn values<T: Clone>(placed: Option<&Vec<Placed<T>>>) -> Vec<T> {
    placed.into_iter().flatten().map(|one| one.value.clone()).collect()
}
