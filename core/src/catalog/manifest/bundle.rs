//! Reads the manifest as a whole: every table but the tools'.

use std::sync::Arc;

use toml::de::{DeTable, DeValue};
use url::Url;

use super::{
    Attribute, AttributeType, Entries, Manifest, Placed, Principals, Require, ServerEntry,
    section::{Section, Source, list},
    tool,
};
use crate::{
    PrincipalKind,
    call::Claims,
    catalog::level::Levels,
    error::{Diagnostic, Place},
    id::is_server_id,
    limits::LEDGER_NAME,
    sorted::Sorted,
};

/// Reads the manifest: what it says as far as it can be understood, and everything that is wrong with it.
pub(crate) fn read(file: &Arc<str>, text: &str) -> (Manifest, Vec<Diagnostic>) {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut source = Source { file: file.clone(), text, found: Vec::new() };
    for error in &errors {
        source.error(error.span().unwrap_or(0..0), "manifest_syntax", error.message().to_owned());
    }
    let mut root = Section::new(document.get_ref(), "the manifest");
    let (name, version, levels) = bundle(&mut root, &mut source);
    let servers = servers(&mut root, &mut source);
    let tools = tool::tools(&mut root, &mut source, &levels);
    let principals = principals(&mut root, &mut source);
    let require = require(&mut root, &mut source);
    let disabled = disabled(&mut root, &mut source);
    root.finish(&mut source);
    let entries = Entries { servers, tools };
    let manifest = Manifest { name, version, levels, entries, principals, require, disabled };
    (manifest, source.found)
}

fn bundle(root: &mut Section<'_, '_>, source: &mut Source<'_>) -> (String, String, Levels) {
    let Some(table) = root.table(source, "bundle") else {
        let place = Place::whole(&source.file);
        let missing = Diagnostic::error("manifest_missing", "the manifest has no [bundle] table")
            .at(place)
            .help("write `[bundle]`, `name = \"...\"` and `version = \"...\"`");
        source.found.push(missing);
        return (String::new(), String::new(), Levels::default());
    };
    let mut section = Section::new(table.value, "bundle");
    let mut text = |key: &str, source: &mut Source<'_>| match section.string(source, key) {
        Some(text) if !text.value.is_empty() => text.value,
        Some(text) => {
            source.found.push(Diagnostic::error("manifest_value", format!("`{key}` is empty")).at(text.place));
            String::new()
        }
        None if source.found.is_empty() => {
            let missing = Diagnostic::error("manifest_missing", format!("[bundle] has no `{key}`"));
            source.found.push(missing.at(table.place.clone()));
            String::new()
        }
        None => String::new(),
    };
    let name = text("name", source);
    let version = text("version", source);
    let levels = levels(&mut section, source);
    section.finish(source);
    (name, version, levels)
}

fn levels(section: &mut Section<'_, '_>, source: &mut Source<'_>) -> Levels {
    let names = section.strings(source, "sensitivity", false);
    let default = section.string(source, "default_sensitivity");
    let mut names = match names {
        None => Levels::default().names().to_vec(),
        Some(names) => {
            let mut kept: Vec<String> = Vec::new();
            for name in names {
                if name.value.is_empty() || name.value.len() > LEDGER_NAME || kept.contains(&name.value) {
                    let shown: String = name.value.chars().take(60).collect();
                    let why = format!("is empty, stands here twice or is longer than {LEDGER_NAME} bytes");
                    let message = format!("the sensitivity level `{shown}` {why}");
                    source.found.push(Diagnostic::error("manifest_value", message).at(name.place));
                } else {
                    kept.push(name.value);
                }
            }
            kept
        }
    };
    if names.is_empty() {
        let place = Place::whole(&source.file);
        source.found.push(Diagnostic::error("manifest_value", "`sensitivity` lists no level").at(place));
        names = Levels::default().names().to_vec();
    }
    let index = default.and_then(|default| level(&names, default, source));
    Levels::new(names, index)
}

/// The index of a level named in the manifest.
pub(super) fn level(names: &[String], name: Placed<String>, source: &mut Source<'_>) -> Option<usize> {
    let index = names.iter().position(|known| *known == name.value);
    if index.is_none() {
        let message = format!("unknown sensitivity level `{}`", name.value);
        let found = Diagnostic::error("unknown_level", message)
            .at(name.place)
            .help(format!("the levels are {}", list(names)))
            .suggest(&name.value, names.iter().map(String::as_str));
        source.found.push(found);
    }
    index
}

fn servers(root: &mut Section<'_, '_>, source: &mut Source<'_>) -> Sorted<String, ServerEntry> {
    let mut servers = Sorted::new();
    let Some(table) = root.table(source, "servers") else { return servers };
    for (id, key, value, span) in Section::new(table.value, "servers").entries() {
        let Some(entry) = value.as_table() else {
            source.error(span, "manifest_type", format!("`servers.{id}` is not a table"));
            continue;
        };
        if !is_server_id(id) {
            source.error(key, "manifest_value", format!("`{id}` cannot be a server id")).help =
                Some("use 1 to 128 of letters, digits, `_`, `.` and `-`".to_owned());
            continue;
        }
        let mut section = Section::new(entry, format!("servers.{id}"));
        let tools = section
            .string(source, "tools")
            .unwrap_or_else(|| Placed { value: format!("tools/{id}.json"), place: source.place(key) });
        let environments = [("development", "development"), ("test", "test"), ("production", "production")];
        let (origin, owner) = (section.string(source, "origin"), section.string(source, "owner"));
        if let Some(origin) =
            origin.as_ref().filter(|origin| !Url::parse(&origin.value).is_ok_and(|url| url.has_host()))
        {
            let message = format!("the origin of `{id}` is no URL: `{}`", origin.value.escape_debug());
            let help = "write where the server is reached, such as `https://mcp.example/`";
            source.found.push(Diagnostic::warning("origin", message).at(origin.place.clone()).help(help));
        }
        let audience = section.strings(source, "audience", true).unwrap_or_default();
        let environment = section.choice(source, "environment", &environments);
        let mut flag = |key: &str, default: bool, source: &mut Source<'_>| {
            section.boolean(source, key).map_or(default, |flag| flag.value)
        };
        let entry = ServerEntry {
            tools,
            origin: origin.map(|origin| origin.value),
            audience: audience.into_iter().map(|one| one.value).collect(),
            owner: owner.map(|owner| owner.value),
            environment: environment.map(|one| one.value.to_owned()),
            verified: flag("verified", true, source),
            trust_hints: flag("trust_hints", false, source),
            extra_arguments: flag("extra_arguments", false, source),
        };
        section.finish(source);
        servers.insert(id.to_owned(), entry);
    }
    servers
}

fn principals(root: &mut Section<'_, '_>, source: &mut Source<'_>) -> Principals {
    let mut principals = Principals::default();
    if let Some(table) = root.table(source, "principals") {
        let mut section = Section::new(table.value, "principals");
        for kind in PrincipalKind::ALL {
            let Some(table) = section.table(source, kind.name()) else { continue };
            let mut section = Section::new(table.value, format!("principals.{}", kind.name()));
            if let Some(attributes) = section.table(source, "attributes") {
                let name = format!("principals.{}.attributes", kind.name());
                principals.attributes.insert(kind, self::attributes(attributes.value, &name, source));
            }
            section.finish(source);
        }
        section.finish(source);
    }
    if let Some(table) = root.table(source, "groups") {
        let mut section = Section::new(table.value, "groups");
        principals.groups_claim = section.name(source, "claim");
        section.finish(source);
    }
    if let Some(table) = root.table(source, "identity") {
        principals.claims = identity(Section::new(table.value, "identity"), source);
    }
    principals
}

fn identity(mut section: Section<'_, '_>, source: &mut Source<'_>) -> Claims {
    let defaults = Claims::default();
    let kinds = PrincipalKind::ALL.map(|kind| (kind.name(), Some(kind)));
    let [user, agent, workload] = kinds;
    let mut kind = |key: &str, kinds: &[_], default: PrincipalKind| {
        section.choice(source, key, kinds).map_or(Some(default), |kind| kind.value)
    };
    let subject = kind("subject", &kinds, defaults.subject);
    let actor = kind("actor", &kinds, defaults.actor);
    let client = kind("client", &[user, agent, workload, ("none", None)], PrincipalKind::Agent);
    let issuers = section.strings(source, "issuers", false).unwrap_or_default();
    let tenant = section.name(source, "tenant");
    for issuer in issuers.iter().filter(|issuer| issuer.value.contains('#')) {
        let message =
            format!("the issuer `{}` has a `#`, which stands between issuer and subject in ids", issuer.value);
        source.found.push(Diagnostic::error("manifest_value", message).at(issuer.place.clone()));
    }
    section.finish(source);
    Claims {
        issuers: issuers.into_iter().map(|issuer| issuer.value).collect(),
        subject: subject.unwrap_or(defaults.subject),
        actor: actor.unwrap_or(defaults.actor),
        client,
        tenant: tenant.unwrap_or(defaults.tenant),
    }
}

fn attributes(table: &DeTable<'_>, name: &str, source: &mut Source<'_>) -> Sorted<String, Attribute> {
    let mut attributes = Sorted::new();
    for (attribute, key, value, span) in Section::new(table, name).entries() {
        let place = source.place(key.clone());
        let types = AttributeType::NAMES;
        let read = match value {
            DeValue::Table(table) => {
                let mut section = Section::new(table, format!("{name}.{attribute}"));
                let ty = section.choice(source, "type", &types);
                let claim = section.name(source, "claim");
                let required = section.boolean(source, "required").is_some_and(|flag| flag.value);
                section.finish(source);
                ty.map(|ty| Attribute { ty: ty.value, claim, required })
            }
            DeValue::String(text) => match types.iter().find(|(name, _)| name == text) {
                Some((_, ty)) => Some(Attribute { ty: *ty, claim: None, required: false }),
                None => {
                    let known: Vec<_> = types.iter().map(|(name, _)| *name).collect();
                    let message = format!("`{text}` is no attribute type");
                    let found = Diagnostic::error("manifest_value", message)
                        .at(source.place(span))
                        .help(format!("the types are {}", list(&known)))
                        .suggest(text, known);
                    source.found.push(found);
                    None
                }
            },
            _ => {
                let message = format!("`{attribute}` in [{name}] is neither a type nor a table with `type`");
                source.error(span, "manifest_type", message);
                None
            }
        };
        if attribute == "tenant" {
            let message = "`tenant` is declared by toolgate: a String, read from the claim `tenant` or the entities";
            source.found.push(Diagnostic::error("manifest_value", message).at(place));
        } else if let Some(read) = read {
            attributes.insert(attribute.to_owned(), read);
        }
    }
    attributes
}

fn require(root: &mut Section<'_, '_>, source: &mut Source<'_>) -> Require {
    let Some(table) = root.table(source, "require") else { return Require::default() };
    let mut section = Section::new(table.value, "require");
    let mut flag = |key: &str| section.boolean(source, key).is_some_and(|flag| flag.value);
    let require = Require {
        session: flag("session"),
        task: flag("task"),
        credential: flag("credential"),
        initiator: flag("initiator"),
    };
    section.finish(source);
    require
}

fn disabled(root: &mut Section<'_, '_>, source: &mut Source<'_>) -> Vec<Placed<String>> {
    let Some(table) = root.table(source, "baseline") else { return Vec::new() };
    let mut section = Section::new(table.value, "baseline");
    let disabled = section.strings(source, "disable", false).unwrap_or_default();
    section.finish(source);
    disabled
}
