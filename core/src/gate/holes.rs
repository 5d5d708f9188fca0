//! What a listing does not know: the arguments, and every fact that depends on them.

use crate::{
    Ledger, Timestamp, ToolCall,
    catalog::{Action, Fields, Server, Tool, Type},
    engine::{Hole, Holes, Kind},
    facts::Facts,
    gather::Gather as _,
    value::Value,
};

/// The unknown facts of all calls to one action.
pub(super) fn of(
    call: &ToolCall,
    (server, tool, action): (&Server, &Tool, &Action),
    facts: &Facts,
    ledger: &Ledger,
    now: Timestamp,
) -> Holes {
    let mut holes = Holes::default();
    let mut input = Hole { members: members(tool.shape.fields()), ..Hole::new(Kind::Record) };
    for (name, hole) in &mut input.members {
        let certain = server.certain(tool, name, tool.shape.fields().get(name).map(|field| &field.ty));
        hole.choices = certain.choices;
        hole.bounds = certain.bounds;
    }
    let verb = action.id.split_once('#').map(|(_, verb)| verb);
    if let Some((verb, hole)) = verb.zip(tool.chooser().and_then(|name| input.members.get_mut(name))) {
        hole.choices = Some(vec![Value::string(verb)]);
        hole.optional = false;
    }
    holes.put(&["input"], input);
    // The number of approvals that wait leaves out those of the very same call: here, those of none.
    let waiting = facts.hops.first().and_then(|(_, context)| match context.get("usage")? {
        Value::Record(usage) => usage.get("pending_approvals"),
        _ => None,
    });
    if let Some(Value::Long(most @ 1..)) = waiting {
        holes.put(&["usage", "pending_approvals"], Hole { bounds: (0, *most), ..Hole::new(Kind::Long) });
    }
    let lineage = || call.task.iter().flat_map(|task| ledger.lineage(task, now));
    if !action.destinations.is_empty() {
        holes.put(&["destinations"], Hole::new(Kind::Set));
        if lineage().any(|task| task.opened.destinations.is_some()) {
            covered(&mut holes, facts, "covers_destinations");
        }
    }
    if !action.resources.is_empty() {
        holes.put(&["objects"], Hole::new(Kind::Set));
        if lineage().any(|task| task.opened.objects.is_some()) {
            covered(&mut holes, facts, "covers_objects");
        }
    }
    holes
}

/// Whether the task covers what a call touches. What it does not cover of every call stays so.
fn covered(holes: &mut Holes, facts: &Facts, name: &str) {
    let task = facts.hops.first().and_then(|(_, context)| context.get("task"));
    let covers = match task {
        Some(Value::Record(task)) => task.get(name),
        _ => None,
    };
    if covers == Some(&Value::Bool(true)) {
        holes.put(&["task", name], Hole::new(Kind::Bool));
        let choices = Some(["yes", "no"].map(Value::string).into());
        holes.put(&["status", &format!("task_{name}")], Hole { choices, ..Hole::new(Kind::String) });
    }
}

/// As deep as the types, which are bounded.
fn members(fields: &Fields) -> std::collections::BTreeMap<String, Hole> {
    let hole = |ty: &Type| match ty {
        Type::Bool => Hole::new(Kind::Bool),
        Type::Long => Hole::new(Kind::Long),
        Type::Decimal => Hole::new(Kind::Decimal),
        Type::String => Hole::new(Kind::String),
        Type::Datetime => Hole::new(Kind::Datetime),
        Type::Ip => Hole::new(Kind::Ip),
        Type::Set(_) => Hole::new(Kind::Set),
        Type::Url | Type::Email | Type::Record(_) => {
            Hole { members: members(&ty.fields().unwrap_or_default()), ..Hole::new(Kind::Record) }
        }
    };
    fields.iter().map(|(name, field)| (name.clone(), Hole { optional: !field.required, ..hole(&field.ty) })).gather()
}
