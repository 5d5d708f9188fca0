//! What the schema declares at a path. Cedar's validator knows, but says nothing of a `has` on a name that nothing has.

use serde_json::Value as Json;

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attribute {
    /// Always there.
    Required,
    /// May be absent.
    Optional,
    /// No such attribute.
    Undeclared,
    /// The schema could not be followed that far.
    Unknown,
}

/// The schema's JSON, toolgate's part and the author's.
pub(super) struct Declared {
    pub(super) own: Json,
    pub(super) authors: Vec<Json>,
}

impl Declared {
    /// What stands at `path` of the context of `action`.
    pub(super) fn context(&self, action: &str, path: &[String]) -> Attribute {
        let pointer = ["", "actions", action, "appliesTo", "context"];
        let context = pointer.iter().try_fold(&self.own, |json, key| json.get(key));
        context.map_or(Attribute::Unknown, |context| self.follow(context, path))
    }

    /// What stands at `path` of an entity of type `kind`.
    pub(super) fn entity(&self, kind: &str, path: &[String]) -> Attribute {
        match self.entity_type(kind) {
            Some(declared) => match declared.get("shape") {
                Some(shape) => self.follow(shape, path),
                None => Attribute::Undeclared,
            },
            None => Attribute::Unknown,
        }
    }

    /// The names declared beside the one that is missing at `path`.
    pub(super) fn siblings(&self, action: &str, path: &[String]) -> Vec<String> {
        let pointer = ["", "actions", action, "appliesTo", "context"];
        let mut node = pointer.iter().try_fold(&self.own, |json, key| json.get(key));
        for name in path.iter().take(path.len().saturating_sub(1)) {
            node = node.and_then(|node| self.attributes(node)).and_then(|attributes| attributes.get(name.as_str()));
        }
        let attributes = node.and_then(|node| self.attributes(node)).and_then(Json::as_object);
        attributes.map(|members| members.keys().cloned().collect()).unwrap_or_default()
    }

    /// Whether an author's entity type is declared below `parent`, directly.
    pub(super) fn is_member_of(&self, kind: &str, parent: &str) -> bool {
        let parents =
            self.entity_type(kind).and_then(|declared| declared.get("memberOfTypes")).and_then(Json::as_array);
        parents.is_some_and(|parents| parents.iter().any(|one| one == parent))
    }

    fn entity_type(&self, kind: &str) -> Option<&Json> {
        let (namespace, base) = kind.rsplit_once("::").unwrap_or(("", kind));
        std::iter::once(&self.own)
            .chain(&self.authors)
            .find_map(|json| json.get(namespace)?.get("entityTypes")?.get(base))
    }

    fn follow(&self, node: &Json, path: &[String]) -> Attribute {
        let mut node = node;
        let mut optional = false;
        for name in path {
            let Some(attributes) = self.attributes(node) else { return Attribute::Unknown };
            match attributes.get(name.as_str()) {
                Some(inner) => {
                    optional |= inner.get("required") == Some(&Json::Bool(false));
                    node = inner;
                }
                None => return Attribute::Undeclared,
            }
        }
        if optional { Attribute::Optional } else { Attribute::Required }
    }

    /// The attributes of a record, of a common type, or of an entity type.
    fn attributes<'a>(&'a self, node: &'a Json) -> Option<&'a Json> {
        match node.get("type")?.as_str()? {
            "Record" => node.get("attributes"),
            "Entity" => self.entity_type(node.get("name")?.as_str()?)?.get("shape")?.get("attributes"),
            "EntityOrCommon" => {
                let name = node.get("name")?.as_str()?;
                match self.entity_type(name) {
                    Some(entity) => entity.get("shape")?.get("attributes"),
                    None => self.common(name)?.get("attributes"),
                }
            }
            name => self.common(name)?.get("attributes"),
        }
    }

    fn common(&self, name: &str) -> Option<&Json> {
        let (namespace, base) = name.rsplit_once("::").unwrap_or(("", name));
        std::iter::once(&self.own)
            .chain(&self.authors)
            .find_map(|json| json.get(namespace)?.get("commonTypes")?.get(base))
    }
}
