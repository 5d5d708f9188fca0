//! Reads the `[tools.*]` tables.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::{
    Operations, Output, Part, Placed, ResourceMap, Says, ToolEntry, bundle,
    section::{Section, Source},
};
use crate::{
    catalog::{effect::Effect, kind::Kind, level::Levels},
    error::{Diagnostic, Place},
    json::{Pointer, Step},
    limits::{LEDGER_LABELS, LEDGER_NAME},
    sorted::Sorted,
};

/// Every `[tools."server/tool"]` table.
pub(super) fn tools(
    root: &mut Section<'_, '_>,
    source: &mut Source<'_>,
    levels: &Levels,
) -> Sorted<String, Placed<ToolEntry>> {
    let mut tools = Sorted::new();
    let Some(table) = root.table(source, "tools") else { return tools };
    for (id, key, value, span) in Section::new(table.value, "tools").entries() {
        let Some(entry) = value.as_table() else {
            source.error(span, "manifest_type", format!("`tools.\"{id}\"` is not a table")).help =
                Some(format!("write [tools.\"{id}\"] and its keys below"));
            continue;
        };
        if !id.contains('/') {
            source.error(key, "manifest_value", format!("`{id}` does not name a server and a tool")).help =
                Some("write [tools.\"server/tool\"], in quotes".to_owned());
            continue;
        }
        let value = tool(entry, id, source, levels);
        tools.insert(id.to_owned(), Placed { value, place: source.place(key) });
    }
    tools
}

fn tool(table: &DeTable<'_>, id: &str, source: &mut Source<'_>, levels: &Levels) -> ToolEntry {
    let name = format!("tools.\"{id}\"");
    let mut section = Section::new(table, name.clone());
    let owner = section.string(source, "owner").map(|text| text.value);
    let purpose = section.string(source, "purpose").map(|text| text.value);
    let says = says(&mut section, source, levels);
    let output = section.table(source, "output").map(|table| output(table.value, &name, source, levels));
    let operations = section.table(source, "operations");
    let operations = operations.and_then(|table| self::operations(&table, &name, source, levels));
    let arguments = section.table(source, "arguments");
    let arguments = arguments.map(|table| self::arguments(table.value, &name, source)).unwrap_or_default();
    let extra_arguments = section.boolean(source, "extra_arguments").map(|flag| flag.value);
    section.finish(source);
    ToolEntry { owner, purpose, says, output: output.unwrap_or_default(), operations, arguments, extra_arguments }
}

fn says(section: &mut Section<'_, '_>, source: &mut Source<'_>, levels: &Levels) -> Says {
    let effect = section.choice(source, "effect", &Effect::NAMES).map(|effect| effect.value);
    let egress = section.boolean(source, "egress").map(|flag| flag.value);
    let level = section.string(source, "sensitivity");
    let level = level.and_then(|level| bundle::level(levels.names(), level, source));
    let resources = section.value("resource").map(|(value, span)| resources(value, span, source));
    let destinations = section.strings(source, "destinations", false);
    let destinations = destinations.map(|all| all.into_iter().filter_map(|one| pointer(one, source)).collect());
    Says { effect, egress, level, resources, destinations }
}

fn output(table: &DeTable<'_>, name: &str, source: &mut Source<'_>, levels: &Levels) -> Output {
    let mut section = Section::new(table, format!("{name}.output"));
    let labels = section.strings(source, "labels", false).unwrap_or_default();
    let mut wrong = |place: &Place, why: String, help| {
        source.found.push(Diagnostic::error("manifest_value", why).at(place.clone()).help(help));
    };
    for label in labels.iter().filter(|label| label.value.is_empty() || label.value.len() > LEDGER_NAME) {
        let message = format!("a label is empty or longer than {LEDGER_NAME} bytes");
        wrong(&label.place, message, "write a short name, such as `untrusted`");
    }
    if let Some(more) = labels.get(LEDGER_LABELS) {
        let message = format!("{} labels are more than the {LEDGER_LABELS} that a session carries", labels.len());
        wrong(&more.place, message, "leave out the others, or let one stand for several");
    }
    let level = section.string(source, "sensitivity");
    let level = level.and_then(|level| bundle::level(levels.names(), level, source));
    section.finish(source);
    Output { labels: labels.into_iter().map(|label| label.value).collect(), level }
}

fn operations(
    table: &Placed<&DeTable<'_>>,
    name: &str,
    source: &mut Source<'_>,
    levels: &Levels,
) -> Option<Operations> {
    let name = format!("{name}.operations");
    let mut section = Section::new(table.value, name.clone());
    let argument = section.string(source, "argument");
    let mut verbs = Sorted::new();
    for (verb, key, value, span) in section.entries() {
        if verb == "argument" {
            continue;
        }
        let Some(entry) = value.as_table() else {
            source.error(span, "manifest_type", format!("the verb `{verb}` in [{name}] is not a table")).help =
                Some(format!("write `{verb} = {{ effect = \"read\" }}`"));
            continue;
        };
        let mut section = Section::new(entry, format!("{name}.{verb}"));
        let value = says(&mut section, source, levels);
        section.finish(source);
        verbs.insert(verb.to_owned(), Placed { value, place: source.place(key) });
    }
    if verbs.is_empty() {
        let missing =
            Diagnostic::error("manifest_missing", format!("[{name}] lists no verb, so that every call is denied"))
                .at(table.place.clone())
                .help("write `VERB = { effect = \"read\" }` for each that may be called, or leave the table out");
        source.found.push(missing);
    }
    match argument {
        Some(argument) => Some(Operations { argument: pointer(argument, source)?, verbs }),
        None => {
            let missing = Diagnostic::error("manifest_missing", format!("[{name}] has no `argument`"))
                .at(table.place.clone())
                .help("name the argument that chooses the verb, as in `argument = \"/method\"`");
            source.found.push(missing);
            None
        }
    }
}

fn arguments(table: &DeTable<'_>, name: &str, source: &mut Source<'_>) -> Sorted<Pointer, Placed<Kind>> {
    let name = format!("{name}.arguments");
    let mut arguments = Sorted::new();
    for (text, key, value, span) in Section::new(table, name.as_str()).entries() {
        let place = source.place(key);
        let Some(pointer) = pointer(Placed { value: text.to_owned(), place: place.clone() }, source) else { continue };
        let Some(entry) = value.as_table() else {
            source.error(span, "manifest_type", format!("`{text}` in [{name}] is not a table")).help =
                Some("write `{ kind = \"path\" }`".to_owned());
            continue;
        };
        let mut section = Section::new(entry, format!("{name}.\"{text}\""));
        let kinds = [("path", 0), ("url", 1), ("email", 2), ("integer", 3)];
        let kind = section.choice(source, "kind", &kinds);
        let root = section.string(source, "root");
        section.finish(source);
        let kind = match (kind.map(|kind| kind.value), root) {
            (Some(0), root) => Kind::Path { root: root.map(|root| root.value) },
            (Some(_), Some(root)) => {
                let message = "`root` goes with `kind = \"path\"` only";
                source.found.push(Diagnostic::error("manifest_value", message).at(root.place));
                continue;
            }
            (Some(1), None) => Kind::Url,
            (Some(2), None) => Kind::Email,
            (Some(_), None) => Kind::Integer,
            (None, _) => {
                if entry.iter().all(|(key, _)| key.get_ref() != "kind") {
                    source.error(span, "manifest_missing", format!("`{text}` in [{name}] has no `kind`")).help =
                        Some("the kinds are `path`, `url`, `email` and `integer`".to_owned());
                }
                continue;
            }
        };
        arguments.insert(pointer.value, Placed { value: kind, place });
    }
    arguments
}

/// One mapping, or a list of them.
fn resources(value: &DeValue<'_>, span: Range<usize>, source: &mut Source<'_>) -> Vec<Placed<ResourceMap>> {
    match value {
        DeValue::Table(table) => resource(table, span, source).into_iter().collect(),
        DeValue::Array(items) => {
            let maps = items.iter().filter_map(|item| match item.get_ref().as_table() {
                Some(table) => resource(table, item.span(), source),
                None => {
                    source.error(item.span(), "manifest_type", "a resource mapping is not a table".to_owned());
                    None
                }
            });
            maps.collect()
        }
        _ => {
            source.error(span, "manifest_type", "`resource` is neither a table nor a list of tables".to_owned()).help =
                Some("write `resource = { type = \"Repository\", id = \"{/owner}/{/repo}\" }`".to_owned());
            Vec::new()
        }
    }
}

fn resource(table: &DeTable<'_>, span: Range<usize>, source: &mut Source<'_>) -> Option<Placed<ResourceMap>> {
    let mut section = Section::new(table, "resource");
    let (kind, id) = (section.string(source, "type"), section.string(source, "id"));
    let fold_case = section.boolean(source, "fold_case").is_some_and(|flag| flag.value);
    section.finish(source);
    let place = source.place(span.clone());
    let (Some(kind), Some(id)) = (kind, id) else {
        source.error(span, "manifest_missing", "a resource mapping needs `type` and `id`".to_owned());
        return None;
    };
    match template(&id.value) {
        Ok(parts) => Some(Placed { value: ResourceMap { kind: kind.value.into(), parts, fold_case }, place }),
        Err(why) => {
            let message = format!("the id template `{}` {why}", id.value);
            let found = Diagnostic::error("manifest_value", message).at(id.place);
            source.found.push(found.help("write arguments as JSON Pointers in braces, as in `{/owner}/{/repo}`"));
            None
        }
    }
}

/// Splits an id template into text and `{/pointer}`s.
fn template(text: &str) -> Result<Vec<Part>, &'static str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, behind) = after.split_once('}').ok_or("has a `{` without its `}`")?;
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        let pointer = Pointer::parse(inside).ok_or("has braces around something that is no JSON Pointer")?;
        parts.push(Part::Value(pointer));
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    let pointers = parts.iter().filter_map(|part| match part {
        Part::Value(pointer) => Some(pointer.split_each()),
        Part::Text(_) => None,
    });
    let mut stars: Vec<_> = pointers.flatten().collect();
    if stars.iter().any(|(_, after)| after.contains(&Step::Each)) {
        return Err("has more than one `*` in a pointer");
    }
    stars.dedup_by(|(a, _), (b, _)| a == b);
    if stars.len() > 1 {
        return Err("has `*` in two different arrays");
    }
    // Values are percent-encoded, so that only a reserved character tells where one ends.
    let separates = |text: &str| text.chars().any(|c| !c.is_ascii_alphanumeric() && !"-._~%".contains(c));
    let ambiguous = parts.windows(2).any(|pair| matches!(pair, [Part::Value(_), Part::Value(_)]))
        || parts
            .windows(3)
            .any(|three| matches!(three, [Part::Value(_), Part::Text(text), Part::Value(_)] if !separates(text)));
    if ambiguous {
        return Err(
            "has two arguments with nothing reserved between them, so that different values give one id; put a `/` or `:` there",
        );
    }
    if !parts.iter().any(|part| matches!(part, Part::Value(_))) {
        return Err("names no argument");
    }
    Ok(parts)
}

fn pointer(text: Placed<String>, source: &mut Source<'_>) -> Option<Placed<Pointer>> {
    let parsed = Pointer::parse(&text.value);
    if parsed.is_none() {
        let found = Diagnostic::error("manifest_value", format!("`{}` is no JSON Pointer", text.value))
            .at(text.place.clone())
            .help(format!("write `/{}`", text.value.trim_start_matches('/')));
        source.found.push(found);
    }
    parsed.map(|value| Placed { value, place: text.place })
}
