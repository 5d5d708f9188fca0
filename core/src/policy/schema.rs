//! The Cedar schema of a bundle: an action for each tool, typed arguments, and the facts of the context.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use super::actions::{GROUPS, direct_groups};
use crate::{
    PrincipalKind,
    catalog::{Attribute, AttributeType, Catalog, Fields, Type},
    facts::{CONTEXT, Fact, FactType},
};

/// Entity types that toolgate declares; an author's schema cannot.
pub(super) const OWN_TYPES: [&str; 9] =
    ["User", "Agent", "Workload", "Group", "Tool", "Server", "Level", "AtLeast", "AtMost"];

/// Common types that hold the records of the context carry this prefix, to stay out of the author's way.
const PREFIX: &str = "Toolgate";

/// What the schema is for. Entities on file need not carry what claims will say of principals, and call nothing.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Purpose {
    AtDecision,
    OnFile,
}

/// The schema as Cedar's JSON, without the author's fragments. `mapped` are the resource types that no fragment declares.
pub(super) fn json(catalog: &Catalog, mapped: &BTreeSet<&str>, purpose: Purpose) -> Json {
    let mut namespaces: BTreeMap<String, Json> = BTreeMap::new();
    let (common, parts) = context();
    let own = json!({
        "entityTypes": own_types(catalog, purpose),
        "actions": actions(catalog, &parts, purpose),
        "commonTypes": common,
    });
    namespaces.insert(String::new(), own);
    for name in mapped {
        let (namespace, base) = name.rsplit_once("::").unwrap_or(("", name));
        let slot = namespaces.entry(namespace.to_owned()).or_insert_with(|| json!({"entityTypes": {}, "actions": {}}));
        if let Some(types) = slot.get_mut("entityTypes").and_then(Json::as_object_mut) {
            types.insert(base.to_owned(), json!({"memberOfTypes": ["Level", "Server"]}));
        }
    }
    json!(namespaces)
}

fn own_types(catalog: &Catalog, purpose: Purpose) -> Json {
    let mut types = Map::new();
    for kind in PrincipalKind::ALL {
        let mut attributes = Map::new();
        attributes.insert("tenant".to_owned(), json!({"type": "String", "required": false}));
        for (name, Attribute { ty, required, .. }) in catalog.principals.attributes.get(&kind).into_iter().flatten() {
            let mut attribute = match ty {
                AttributeType::Bool => json!({"type": "Boolean"}),
                AttributeType::Long => json!({"type": "Long"}),
                AttributeType::String => json!({"type": "String"}),
                AttributeType::Strings => json!({"type": "Set", "element": {"type": "String"}}),
                AttributeType::Level => json!({"type": "Entity", "name": "Level"}),
            };
            require(&mut attribute, *required && purpose == Purpose::AtDecision);
            attributes.insert(name.clone(), attribute);
        }
        types.insert(
            kind.name().to_owned(),
            json!({
                "memberOfTypes": ["Group"],
                "shape": {"type": "Record", "attributes": attributes},
                "tags": {"type": "String"},
            }),
        );
    }
    let record = |attributes: &[(&str, &str)]| {
        let attributes: Map<_, _> =
            attributes.iter().map(|(name, ty)| ((*name).to_owned(), json!({"type": ty}))).collect();
        json!({"type": "Record", "attributes": attributes})
    };
    let tool = [
        ("owner", "String"),
        ("purpose", "String"),
        ("effect", "String"),
        ("egress", "Boolean"),
        ("drifted", "Boolean"),
    ];
    let server = [("owner", "String"), ("environment", "String"), ("verified", "Boolean")];
    types.insert("Group".to_owned(), json!({"memberOfTypes": ["Group"]}));
    types.insert("Tool".to_owned(), json!({"memberOfTypes": ["Server", "Level"], "shape": record(&tool)}));
    types.insert("Server".to_owned(), json!({"shape": record(&server)}));
    types.insert("Level".to_owned(), json!({"memberOfTypes": ["AtLeast", "AtMost"]}));
    types.insert("AtLeast".to_owned(), json!({}));
    types.insert("AtMost".to_owned(), json!({}));
    Json::Object(types)
}

/// The records of the context as common types, and the attributes of `context` that refer to them.
fn context() -> (Json, Map<String, Json>) {
    let mut common: BTreeMap<String, Map<String, Json>> = BTreeMap::new();
    let mut top = Map::new();
    for Fact { path, ty, .. } in CONTEXT {
        let mut owner = String::new();
        let mut parts = path.split('.').peekable();
        while let Some(part) = parts.next() {
            let (name, required) = part.strip_suffix('?').map_or((part, true), |name| (name, false));
            let (mut attribute, inner) = if parts.peek().is_some() {
                let record = format!("{}{}", if owner.is_empty() { PREFIX } else { &owner }, capital(name));
                (json!({"type": record}), record)
            } else {
                (fact(*ty), String::new())
            };
            require(&mut attribute, required);
            let slot = if owner.is_empty() { &mut top } else { common.entry(owner).or_default() };
            slot.insert(name.to_owned(), attribute);
            owner = inner;
        }
    }
    let records =
        common.into_iter().map(|(name, attributes)| (name, json!({"type": "Record", "attributes": attributes})));
    (Json::Object(records.collect()), top)
}

fn fact(ty: FactType) -> Json {
    match ty {
        FactType::Bool => json!({"type": "Boolean"}),
        FactType::Long => json!({"type": "Long"}),
        FactType::String | FactType::Word(_) => json!({"type": "String"}),
        FactType::Strings => json!({"type": "Set", "element": {"type": "String"}}),
        FactType::Datetime => json!({"type": "Extension", "name": "datetime"}),
        FactType::Duration => json!({"type": "Extension", "name": "duration"}),
        FactType::Entity(name) => json!({"type": "Entity", "name": name}),
    }
}

fn require(attribute: &mut Json, required: bool) {
    if let (Some(members), false) = (attribute.as_object_mut(), required) {
        members.insert("required".to_owned(), json!(false));
    }
}

fn capital(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_uppercase().to_string() + chars.as_str()).unwrap_or_default()
}

fn actions(catalog: &Catalog, parts: &Map<String, Json>, purpose: Purpose) -> Json {
    let members = |names: &[&str]| names.iter().map(|name| json!({"id": name})).collect::<Vec<_>>();
    let mut actions = Map::new();
    for (name, groups) in GROUPS {
        actions.insert(name.to_owned(), json!({"memberOf": members(groups)}));
    }
    for (_, tool) in catalog.tools() {
        if tool.has_operations() {
            actions.insert(tool.id.to_string(), json!({"memberOf": members(&["call"])}));
        }
        for action in tool.actions() {
            let groups = direct_groups(tool, action);
            if purpose == Purpose::OnFile {
                actions.insert(action.id.to_string(), json!({"memberOf": members(&groups)}));
                continue;
            }
            let mut attributes = parts.clone();
            attributes.insert("input".to_owned(), json!({"type": "Record", "attributes": fields(tool.shape.fields())}));
            for (name, required) in [("task", catalog.require.task), ("credential", catalog.require.credential)] {
                if let (Some(members), true) = (attributes.get_mut(name).and_then(Json::as_object_mut), required) {
                    members.remove("required");
                }
            }
            let applies = json!({
                "principalTypes": PrincipalKind::ALL.map(PrincipalKind::name),
                "resourceTypes": action.resource_types(),
                "context": {"type": "Record", "attributes": attributes},
            });
            actions.insert(action.id.to_string(), json!({"memberOf": members(&groups), "appliesTo": applies}));
        }
    }
    Json::Object(actions)
}

fn fields(fields: &Fields) -> Json {
    let attributes = fields.iter().map(|(name, field)| {
        let mut attribute = argument(&field.ty);
        require(&mut attribute, field.required);
        (name.clone(), attribute)
    });
    Json::Object(attributes.collect())
}

/// As deep as the argument's type, which is capped where it is compiled.
fn argument(ty: &Type) -> Json {
    let extension = |name| json!({"type": "Extension", "name": name});
    let optional = json!({"type": "String", "required": false});
    match ty {
        Type::Bool => json!({"type": "Boolean"}),
        Type::Long => json!({"type": "Long"}),
        Type::String => json!({"type": "String"}),
        Type::Decimal => extension("decimal"),
        Type::Datetime => extension("datetime"),
        Type::Ip => extension("ipaddr"),
        Type::Url => json!({"type": "Record", "attributes": {
            "scheme": {"type": "String"}, "host": {"type": "String"}, "port": {"type": "Long"},
            "path": {"type": "String"}, "query": optional, "fragment": optional,
        }}),
        Type::Email => json!({"type": "Record", "attributes": {
            "address": {"type": "String"}, "domain": {"type": "String"},
        }}),
        Type::Set(inner) => json!({"type": "Set", "element": argument(inner)}),
        Type::Record(inner) => json!({"type": "Record", "attributes": fields(inner)}),
    }
}

/// The schema of a bundle's policies, to hold facts against.
#[cfg(test)]
pub(crate) fn schema_of(sources: &crate::Sources) -> Option<cedar_policy::Schema> {
    let (catalog, _) = crate::catalog::load(sources);
    let fragments = super::load::fragments(sources, &mut Vec::new());
    super::load::schemas(&catalog, &fragments, sources, &mut Vec::new()).map(|(_, schema)| schema)
}
