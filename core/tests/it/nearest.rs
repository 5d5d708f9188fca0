//! The calls of the examples that are denied, changed as the nearest permits say: then they are not denied any more.

use serde_json::{Value, json};
use toolgate::{Difference, Engine, EntityRef, Gate, NearestPermit, ToolCall, wire};

use crate::examples::{Command, Example, examples, names};

/// Where a call as JSON holds the fact of a path, if a caller writes it there.
fn written_at(path: &str) -> Option<String> {
    let names: Vec<_> = path.split('.').collect();
    match names.as_slice() {
        ["context", "input", name] => Some(format!("/input/{name}")),
        ["context", name @ ("origin" | "transport")] => Some(format!("/{name}")),
        ["context", "credential", name @ ("bound" | "issuer")] => Some(format!("/credential/{name}")),
        _ => None,
    }
}

/// Writes another value into a call. `None` where the caller is not who writes it.
fn rewritten(call: &mut Value, change: &Difference) -> Option<()> {
    let place = written_at(change.path.as_deref()?)?;
    let (object, member) = place.rsplit_once('/')?;
    let object = call.pointer_mut(object)?.as_object_mut()?;
    match change.example.as_deref() {
        Some("absent") => drop(object.remove(member)),
        // Anything that no policy names.
        None => drop(object.insert(member.to_owned(), "something else".into())),
        Some(value) => drop(object.insert(member.to_owned(), serde_json::from_str(value).unwrap())),
    }
    Some(())
}

/// Puts an actor or a resource into what a claim names, in a bundle's entities. `None` where that is not what differs.
fn moved(entities: &mut Value, call: &ToolCall, resource: Option<&EntityRef>, change: &Difference) -> Option<()> {
    let (who, group) = change.claim.split_once(" in ").filter(|_| change.needed)?;
    let group = match EntityRef::parse(group)? {
        bound if *bound.kind == *"AtMost" => EntityRef::new("Level", bound.id),
        group => group,
    };
    let named = |name: &Option<String>| name.as_deref().and_then(EntityRef::parse);
    let actor = || EntityRef::new(call.principal.kind.name(), call.principal.id.as_str());
    let id = match who {
        "principal" => named(&change.principal).unwrap_or_else(actor),
        "resource" => named(&change.resource).or(resource.cloned())?,
        _ => return None,
    };
    let uid = |id: &EntityRef| json!({"type": &*id.kind, "id": &*id.id});
    let all = entities.as_array_mut()?;
    let at = all.iter().position(|one| one["uid"] == uid(&id)).unwrap_or_else(|| {
        all.push(json!({"uid": uid(&id), "attrs": {}, "parents": []}));
        all.len() - 1
    });
    let parents = all[at]["parents"].as_array_mut()?;
    parents.retain(|parent| *group.kind != *"Level" || parent["type"] != "Level");
    parents.push(uid(&group));
    Some(())
}

/// The call and the gate as a set of changes says; nothing where something else would have to differ.
fn changed(
    example: &Example,
    line: &str,
    call: &ToolCall,
    set: &NearestPermit,
    touched: Option<&EntityRef>,
) -> Option<(ToolCall, Gate)> {
    let mut other: Value = serde_json::from_str(line).unwrap();
    let mut sources = example.sources.clone();
    let mut entities: Value =
        sources.text("entities.json").map_or(json!([]), |text| serde_json::from_str(text).unwrap());
    for change in &set.changes {
        rewritten(&mut other, change).or_else(|| moved(&mut entities, call, touched, change))?;
    }
    sources.insert("entities.json", entities.to_string());
    let bundle = example.gate.bundle().with_entities(&sources).ok()?;
    let call = wire::read_call(other.to_string().as_bytes(), example.gate.limits()).unwrap();
    Some((call, Gate::new(bundle).with_engine(Engine::Both)))
}

#[test]
fn examples_differ_as_told() {
    let (mut tried, mut told) = (0, 0);
    for name in names(&examples()).into_iter().filter(|name| examples().join(name).is_dir()) {
        let example = Example::load(&name);
        for Command { calls, journal, now, .. } in example.commands() {
            let journal = journal.map(|journal| example.text(&journal)).unwrap_or_default();
            let ledger = wire::read_journal(&example.gate, &journal).unwrap();
            for line in example.text(&calls).lines() {
                let Ok(call) = wire::read_call(line.as_bytes(), example.gate.limits()) else { continue };
                let explanation = example.gate.explain(&call, &ledger, now);
                let answers = &explanation.decision.basis().answers;
                let touched = answers.first().map(|answer| &answer.resource);
                for set in &explanation.nearest.sets {
                    told += 1;
                    let Some((other, gate)) = changed(&example, line, &call, set, touched) else { continue };
                    tried += 1;
                    let decision = gate.decide(&other, &ledger, now);
                    let wanted = if set.standing.is_empty() { "allow" } else { "needs_approval" };
                    assert_eq!(decision.name(), wanted, "{name}: {line}\n{set:#?}\n{decision:#?}");
                }
            }
        }
    }
    // The others are about what neither a caller nor the entities say: the ledger, the chain, the token.
    assert!(tried * 4 > told, "{tried} of {told}");
}
