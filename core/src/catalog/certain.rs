//! What an input schema surely says of an argument, by its own words alone: enough to know that no value can be refused.

use super::{
    Action, Server, Tool, Type, Verbs,
    manifest::{Part, ResourceMap},
};
use crate::{
    gather::Gather as _,
    json::{Json, Number, Object, Pointer, Step},
    value::Value,
};

/// Levels of arrays and objects that are looked into.
const DEPTH: usize = 8;

/// What is sure of an argument.
#[derive(Clone, Debug)]
pub(crate) struct Certain {
    /// All values that it can have, where the schema lists them.
    pub(crate) choices: Option<Vec<Value>>,
    /// The least and the greatest, if it is a Long.
    pub(crate) bounds: (i64, i64),
    /// Whether policies see every value as it is.
    pub(crate) exact: bool,
    /// Whether it is always there, and can name something.
    names: bool,
}

impl Server {
    /// What is sure of one of a tool's arguments.
    pub(crate) fn certain(&self, tool: &Tool, argument: &str, ty: Option<&Type>) -> Certain {
        let nothing = Certain { choices: None, bounds: (i64::MIN, i64::MAX), exact: false, names: false };
        let known = || {
            let name = tool.id.split_once('/')?.1;
            let schema = tool.pin.and(self.definitions.get(name))?.get("inputSchema").filter(|one| plain(one))?;
            let argument_schema = schema.get("properties")?.get(argument).filter(|one| plain(one))?;
            let at = Pointer::default().member(argument).to_string();
            let loose = |(pointer, _): &(String, String)| pointer.is_empty() || pointer.starts_with(&at);
            (!tool.shape.not_enforced().iter().any(loose)).then_some((schema, argument_schema))
        };
        let Some((schema, own)) = known() else { return nothing };
        let required = schema.get("required").and_then(Json::as_array);
        let required = required.is_some_and(|names| names.iter().any(|name| name.as_str() == Some(argument)));
        let long = |key: &str| match own.get(key) {
            Some(Json::Number(Number::Int(value))) => Some(*value),
            _ => None,
        };
        let ty = ty.or_else(|| tool.shape.fields().get(argument).map(|field| &field.ty));
        Certain {
            choices: listed(own).and_then(|choices| choices.iter().map(|choice| typed(choice, ty?)).collect()),
            bounds: (long("minimum").unwrap_or(i64::MIN), long("maximum").unwrap_or(i64::MAX)),
            exact: ty.is_some_and(|ty| exact(own, ty, 0)),
            names: required && names(own),
        }
    }

    /// What of the arguments a policy cannot see coming: why a call that fits the input schema can still be refused.
    pub(crate) fn surprises(&self, tool: &Tool, action: &Action) -> Vec<String> {
        let sure = |pointer: &Pointer| match pointer.0.as_slice() {
            [Step::Member(name)] => self.certain(tool, name, None).names,
            _ => false,
        };
        let mapped = |map: &&ResourceMap| {
            !map.parts.iter().all(|part| match part {
                Part::Value(pointer) => sure(pointer),
                Part::Text(_) => true,
            })
        };
        let resources = action.resources.iter().filter(mapped);
        let resources = resources.map(|map| format!("the arguments must name a {}", map.kind));
        let kinds =
            tool.kinds.iter().map(|(pointer, kind)| format!("`{pointer}` must be of the kind `{}`", kind.name()));
        let unsure = action.destinations.iter().filter(|pointer| !sure(pointer) && !tool.kinds.contains_key(pointer));
        let destinations = unsure.map(|pointer| format!("`{pointer}` must be a destination"));
        resources.chain(kinds).chain(destinations).gather()
    }

    /// Whether the schema leaves only operations that the manifest lists.
    pub(crate) fn chooses(&self, tool: &Tool) -> bool {
        let Verbs::Chosen(pointer, verbs) = &tool.verbs else { return true };
        let [Step::Member(name)] = pointer.0.as_slice() else { return false };
        let certain = self.certain(tool, name, Some(&Type::String));
        let listed = |choice: &Value| matches!(choice, Value::String(text) if verbs.contains_key(&**text));
        certain.names && certain.choices.is_some_and(|choices| choices.iter().all(listed))
    }
}

impl Tool {
    /// The argument that chooses what the tool does, if it stands at the top.
    pub(crate) fn chooser(&self) -> Option<&str> {
        match &self.verbs {
            Verbs::Chosen(pointer, _) => match pointer.0.as_slice() {
                [Step::Member(name)] => Some(name),
                _ => None,
            },
            Verbs::One(_) => None,
        }
    }
}

/// A schema that says by its own words what a value is: not by a reference (beside one, older revisions look at nothing
/// else), nor by others; and that does not let it be null besides.
fn plain(schema: &Json) -> bool {
    let elsewhere = ["$ref", "allOf", "anyOf", "oneOf"];
    let nullable = schema.get("nullable").is_some_and(|nullable| *nullable != Json::Bool(false));
    let alone = |members: &Object| elsewhere.iter().all(|keyword| !members.contains_key(*keyword));
    !nullable && schema.as_object().is_some_and(alone)
}

/// The values of `enum` or `const`.
fn listed(schema: &Json) -> Option<&[Json]> {
    match schema.get("const") {
        Some(value) => Some(std::slice::from_ref(value)),
        None => schema.get("enum")?.as_array(),
    }
}

fn typed(choice: &Json, ty: &Type) -> Option<Value> {
    match (choice, ty) {
        (Json::Bool(value), Type::Bool) => Some(Value::Bool(*value)),
        (Json::String(text), Type::String) => Some(Value::string(text.as_str())),
        (Json::Number(Number::Int(value)), Type::Long) => Some(Value::Long(*value)),
        _ => None,
    }
}

fn names(schema: &Json) -> bool {
    let long = schema.get("minLength").and_then(Json::as_u64).is_some_and(|length| length > 0);
    let full = |choice: &Json| choice.as_str().is_some_and(|text| !text.is_empty());
    (schema.get("type").and_then(Json::as_str) == Some("string") && long)
        || listed(schema).is_some_and(|choices| choices.iter().all(full))
}

/// Whether every value that the schema describes is one of its Cedar type. What the type has and these words do not tell
/// of, other parts of the schema describe.
fn exact(schema: &Json, ty: &Type, depth: usize) -> bool {
    if !plain(schema) || depth > DEPTH {
        return false;
    }
    if let Some(choices) = listed(schema) {
        let same = |of: fn(&Json) -> bool| choices.iter().all(of);
        return same(|one| matches!(one, Json::Bool(_)))
            || same(|one| matches!(one, Json::String(_))) && schema.get("format").is_none()
            || same(|one| matches!(one, Json::Number(Number::Int(_))));
    }
    let whole = |key: &str| matches!(schema.get(key), Some(Json::Number(Number::Int(_))));
    match (schema.get("type").and_then(Json::as_str), ty) {
        (Some("boolean"), _) => true,
        (Some("string"), _) => schema.get("format").is_none(),
        (Some("integer"), _) => whole("minimum") && whole("maximum"),
        (Some("array"), Type::Set(ty)) => schema.get("items").is_some_and(|items| exact(items, ty, depth + 1)),
        (Some("object"), Type::Record(fields)) => {
            let member = |name: &String| schema.get("properties")?.get(name);
            fields.iter().all(|(name, field)| member(name).is_some_and(|own| exact(own, &field.ty, depth + 1)))
        }
        _ => false,
    }
}
