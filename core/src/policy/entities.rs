//! The bundle's static entities: groups, users, resources, in Cedar's JSON entity format.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use cedar_policy::{Context, Entities, EntityUid, EvalResult, Expression, Request, eval_expression};
use miette::Diagnostic as _;

use super::{
    load::{self, Fragment, Parsed},
    schema,
};
use crate::{
    catalog::Catalog,
    entity::{Entity, Store},
    error::{Diagnostic, Place},
    facts::level_entities,
    id::EntityRef,
    json::{Caps, Json, Number, Numbers, Object, read},
    sources::Sources,
    time::Timestamp,
    value::{Record, Value},
};

pub(super) const FILE: &str = "entities.json";

/// A store with the levels.
pub(super) fn levels(catalog: &Catalog) -> Store {
    let mut store = Store::default();
    level_entities(catalog.levels.names()).into_iter().for_each(|level| store.insert(level));
    store
}

/// Names that policies and the file have, compared with each other, at most: a bundle of many is not held up by them.
const COMPARED: usize = 200_000;

/// Tells of entities in policies that are nearly one of the file: a forbid about a misspelt group forbids nothing.
pub(super) fn nearly(parsed: &[Parsed], store: &Store, found: &mut Vec<Diagnostic>) {
    let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    store.iter().for_each(|known| kinds.entry(&known.id.kind).or_default().push(&known.id.id));
    let mut left = COMPARED;
    let mut helps: BTreeMap<EntityRef, Option<Diagnostic>> = BTreeMap::new();
    for one in parsed {
        for literal in &one.statement.entities {
            let id = literal.entity();
            // Short names and numbered ones are near each other anyway.
            let own = id.id.chars().count() > 3 && !id.id.ends_with(|c: char| c.is_ascii_digit());
            if !own || store.get(&id).is_some() {
                continue;
            }
            let same = kinds.get(&*id.kind).map(Vec::as_slice).unwrap_or_default();
            let told = helps.entry(id).or_insert_with_key(|id| {
                left = left.checked_sub(same.len())?;
                let message = format!("`{FILE}` has no {id}");
                let told = Diagnostic::warning("unknown_entity", message).suggest(&id.id, same.iter().copied());
                told.help.is_some().then_some(told)
            });
            found.extend(told.clone().map(|told| told.at(one.at(literal.span.clone()))));
        }
    }
}

/// Reads `entities.json` into the store, checked against the schema.
pub(super) fn load(
    catalog: &Catalog,
    fragments: &[Fragment],
    sources: &Sources,
    store: &mut Store,
    found: &mut Vec<Diagnostic>,
) {
    let Some((file, text)) = sources.entry(FILE) else { return };
    let json = match read(text.as_bytes(), &Caps::file(Numbers::Exact)) {
        Ok(json) => json,
        Err(error) => {
            let place = Place::new(file, text, error.offset..error.offset);
            found.push(Diagnostic::error("entities", error.fault.to_string()).at(place));
            return;
        }
    };
    let wrong = form(&json, file, text);
    if !wrong.is_empty() {
        found.extend(wrong);
        return;
    }
    let parents = parents(&json);
    let with_children: BTreeSet<_> = parents.values().flatten().collect();
    let mapped = load::mapped(catalog, fragments, sources, &mut Vec::new());
    let on_file = schema::json(catalog, &mapped, schema::Purpose::OnFile);
    let Some(schema) = load::build(on_file, fragments, found) else { return };
    // As we have read it: Cedar takes no `7.0` for the whole number that it is.
    let entities = match Entities::from_json_str(&json.to_string(), Some(&schema)) {
        Ok(entities) => entities,
        Err(error) => {
            found.push(told(&error, file, text));
            return;
        }
    };
    for entity in entities.iter() {
        let id = reference(&entity.uid());
        if &*id.kind == "Action" {
            continue;
        }
        let own = ["Tool", "Server", "Level", "AtLeast", "AtMost"];
        if own.contains(&&*id.kind) {
            let message = format!("{id} comes from the manifest, not from the entities");
            let place = mention(file, text, &id.id);
            found.push(Diagnostic::error("entities", message).at(place).help("describe it in toolgate.toml"));
            continue;
        }
        let direct = parents.get(&id).cloned();
        let Some(entity) = converted(&id, entity, &entities, direct) else {
            let message = format!("{id} has a value of a type that is not known here");
            found.push(Diagnostic::error("entities", message).at(mention(file, text, &id.id)));
            continue;
        };
        if let (Some(claim), Some(group)) = (&catalog.principals.groups_claim, group_of(&entity)) {
            let message = format!("{id} is in {group} here, but groups come from the claim `{claim}`");
            let help = "say membership in one place: leave out [groups] in the manifest, or the parent here";
            found.push(Diagnostic::error("entities", message).at(mention(file, text, &id.id)).help(help));
        }
        // A parent of others need not be anything that a call names.
        if let Some(right) = catalog.mapped_id(&id).filter(|_| !with_children.contains(&id)) {
            let message =
                format!("no call is mapped to {id}: the manifest's mapping percent-encodes what it puts into an id");
            let help = format!("write `{right}`");
            found.push(Diagnostic::error("entity_id", message).at(mention(file, text, &id.id)).help(help));
        }
        store.insert(entity);
    }
    for entity in store.iter().filter(|entity| &*entity.id.kind != "Level") {
        let levels: Vec<_> = store.levels_of(&entity.id).into_iter().collect();
        if levels.len() > 1 {
            let message = format!("{} is in several levels: {}", entity.id, levels.join(", "));
            let help = "an entity has one sensitivity; it may come from a parent, and then from one parent only";
            found.push(Diagnostic::error("entities", message).at(mention(file, text, &entity.id.id)).help(help));
        }
    }
    for entity in store.iter().filter(|entity| &*entity.id.kind != "Level") {
        // An author's schema may let it in there, past its level.
        for parent in entity.parents.iter().filter(|parent| matches!(&*parent.kind, "AtLeast" | "AtMost")) {
            let message = format!("{} is in {parent} by itself, and not by its level", entity.id);
            let place = mention(file, text, &entity.id.id);
            let help = "put it into its `Level`, which is in all that follow from it";
            found.push(Diagnostic::error("entities", message).at(place).help(help));
        }
        // A misspelt level is below no bound, wherever it stands.
        for named in entity.mentions() {
            if let Some(all) = catalog.own(&named.kind).filter(|all| !all.contains(&&*named.id)) {
                let message = format!("{} names {named}, which the bundle does not have", entity.id);
                let place = mention(file, text, &named.id);
                let code = match &*named.kind {
                    "Server" => "unknown_server",
                    "Tool" => "unknown_tool",
                    _ => "unknown_level",
                };
                found.push(Diagnostic::error(code, message).at(place).suggest(&named.id, all));
            }
        }
    }
}

/// The members of an entity, what each is, and an example. Cedar passes over any other, and nobody would miss what a misspelt `tags`
/// says.
const MEMBERS: [(&str, &str, &str); 4] = [
    ("uid", "object", r#"{"type": "User", "id": "alice"}"#),
    ("attrs", "object", "{}"),
    ("parents", "array", "[]"),
    ("tags", "object", "{}"),
];

/// What keeps the file from being a list of entities. Cedar would tell it by the names of its own types, and without a place.
fn form(json: &Json, file: &Arc<str>, text: &str) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let Some(items) = json.as_array() else {
        let message = format!("the file is no list of entities, but of the type {}", json.kind());
        let help = "write `[{\"uid\": {\"type\": \"Group\", \"id\": \"ops\"}, \"attrs\": {}, \"parents\": []}]`";
        return vec![Diagnostic::error("entities", message).at(Place::whole(file)).help(help)];
    };
    for (item, number) in items.iter().zip(1..) {
        let id = item.get("uid").and_then(uid);
        let name = id.as_ref().map_or_else(|| format!("entity number {number}"), EntityRef::to_string);
        let place = || id.as_ref().map_or_else(|| Place::whole(file), |id| mention(file, text, &id.id));
        let wrong = |message: String| Diagnostic::error("entities", message).at(place());
        let Some(members) = item.as_object() else {
            found.push(wrong(format!("{name} is of the type {}, not an object", item.kind())));
            continue;
        };
        for key in members.keys().filter(|key| MEMBERS.iter().all(|(member, ..)| member != key)) {
            let message = format!("{name} has an unknown member `{key}`");
            let told = Diagnostic::error("entities", message).at(mention(file, text, key));
            found.push(told.suggest(key, MEMBERS.map(|(member, ..)| member)));
        }
        for (member, kind, example) in MEMBERS {
            let message = match members.get(member) {
                Some(value) if value.kind() != kind => {
                    format!("`{member}` of {name} is of the type {}, not {kind}", value.kind())
                }
                None if member != "tags" => format!("{name} has no `{member}`"),
                _ => continue,
            };
            found.push(wrong(message).help(format!("write `\"{member}\": {example}`")));
        }
        for (attribute, number) in fractions(members) {
            let help = format!("write `{{\"__extn\": {{\"fn\": \"decimal\", \"arg\": \"{number}\"}}}}` for a decimal");
            found.push(wrong(format!("`{attribute}` of {name} has {number}, which is no whole number")).help(help));
        }
    }
    found
}

/// The numbers among the attributes and tags of an entity that Cedar has not, and what they stand in.
fn fractions(entity: &Object) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    let named = ["attrs", "tags"].into_iter().filter_map(|member| entity.get(member)?.as_object()).flatten();
    let mut waiting: Vec<_> = named.map(|(name, value)| (name.as_str(), value)).collect();
    while let Some((name, value)) = waiting.pop() {
        match value {
            Json::Number(Number::Float(_) | Number::Literal(_)) => found.push((name, value.to_string())),
            Json::Array(items) => waiting.extend(items.iter().map(|item| (name, item))),
            Json::Object(members) => waiting.extend(members.values().map(|value| (name, value))),
            _ => {}
        }
    }
    found
}

/// A group that the file puts an actor into.
fn group_of(entity: &Entity) -> Option<&EntityRef> {
    let actor = crate::PrincipalKind::parse(&entity.id.kind).is_some();
    entity.parents.iter().find(|parent| actor && &*parent.kind == "Group")
}

/// The parents that the file gives each entity. Cedar gives all ancestors, which for a deep hierarchy are many more.
fn parents(file: &Json) -> BTreeMap<EntityRef, BTreeSet<EntityRef>> {
    let entity = |item: &Json| {
        let parents = item.get("parents")?.as_array()?.iter().map(uid).collect::<Option<_>>()?;
        Some((uid(item.get("uid")?)?, parents))
    };
    file.as_array().into_iter().flatten().filter_map(entity).collect()
}

/// An entity's name, in either of the forms that Cedar takes.
fn uid(value: &Json) -> Option<EntityRef> {
    let value = value.get("__entity").unwrap_or(value);
    Some(EntityRef::new(value.get("type")?.as_str()?, value.get("id")?.as_str()?))
}

/// An entity as ours, with its direct parents where they are known. `None` if a value is of no type we know: left out, it would
/// look absent.
fn converted(
    id: &EntityRef,
    entity: &cedar_policy::Entity,
    entities: &Entities,
    direct: Option<BTreeSet<EntityRef>>,
) -> Option<Entity> {
    let named = |name: &str, value: Result<EvalResult, _>| Some((name.into(), self::value(&value.ok()?)?));
    let attributes: Option<Record> = entity.attrs().map(|(name, value)| named(name, value)).collect();
    let tags: Option<Record> = entity.tags().map(|(name, value)| named(name, value)).collect();
    let all = || entities.ancestors(&entity.uid()).into_iter().flatten().map(reference).collect();
    let parents = direct.unwrap_or_else(all);
    Some(Entity { id: id.clone(), attributes: attributes?, tags: tags?, parents })
}

pub(super) fn reference(uid: &cedar_policy::EntityUid) -> EntityRef {
    EntityRef::new(uid.type_name().to_string(), uid.id().unescaped())
}

/// A value of Cedar's as ours. Cedar bounded its depth when it parsed the entities.
pub(super) fn value(value: &EvalResult) -> Option<Value> {
    Some(match value {
        EvalResult::Bool(value) => Value::Bool(*value),
        EvalResult::Long(value) => Value::Long(*value),
        EvalResult::String(text) => Value::string(text.as_str()),
        EvalResult::EntityUid(uid) => Value::Entity(reference(uid)),
        EvalResult::Set(items) => Value::set(items.iter().map(self::value).collect::<Option<Vec<_>>>()?),
        EvalResult::Record(members) => {
            let members = members.iter().map(|(name, value)| Some((name.as_str().into(), self::value(value)?)));
            Value::Record(members.collect::<Option<_>>()?)
        }
        EvalResult::ExtensionValue(text) => extension(text)?,
    })
}

/// An extension value from the call that made it: `decimal("1.0")`, `ip("10.0.0.0/8")`, `duration("1h")`, `datetime("...")`.
fn extension(text: &str) -> Option<Value> {
    let literal = |name: &str| text.strip_prefix(name)?.strip_prefix("(\"")?.strip_suffix("\")");
    if let Some(literal) = literal("decimal") {
        return crate::json::Digits::parse(literal)?.scaled(4).map(Value::Decimal);
    }
    if let Some(literal) = literal("ip") {
        return Some(Value::Ip(literal.into()));
    }
    // Spans of time have many spellings: Cedar itself says how many milliseconds they are.
    match millis(&format!("{text}.toMilliseconds()")) {
        Some(millis) => Some(Value::Duration(millis)),
        None => millis(&format!("({text}).durationSince(datetime(\"1970-01-01\")).toMilliseconds()"))
            .map(|millis| Value::Datetime(Timestamp::from_millis(millis))),
    }
}

fn millis(expression: &str) -> Option<i64> {
    let nobody: EntityUid = "User::\"\"".parse().ok()?;
    let request = Request::new(nobody.clone(), nobody.clone(), nobody, Context::empty(), None).ok()?;
    match eval_expression(&request, &Entities::empty(), &expression.parse::<Expression>().ok()?).ok()? {
        EvalResult::Long(millis) => Some(millis),
        _ => None,
    }
}

fn told(error: &cedar_policy::entities_errors::EntitiesError, file: &Arc<str>, text: &str) -> Diagnostic {
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        message = format!("{message}: {inner}");
        source = inner.source();
    }
    // Cedar names the entity in backticks, `Type::"id"`.
    let id = message.split("::\"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
    let place = id.map_or_else(|| Place::whole(file), |id| mention(file, text, &id));
    let told = Diagnostic::error("entities", message).at(place);
    match error.help() {
        Some(help) => told.help(help.to_string()),
        None => told,
    }
}

/// The first place in the file that has `id` in quotes.
fn mention(file: &Arc<str>, text: &str, id: &str) -> Place {
    let quoted = format!("\"{id}\"");
    text.find(&quoted).map_or_else(|| Place::whole(file), |start| Place::new(file, text, start..start + quoted.len()))
}
