//! What a listing does not know: the arguments, and every fact that depends on them.

use crate::{
    Ledger, Timestamp, ToolCall,
    catalog::{Action, Fields, Server, Tool, Type},
    engine::{Hole, Holes, Kind},
    facts::{self, Fact, FactType, Gathered},
    gather::Gather as _,
    sorted::Sorted,
    value::Value,
};

/// What a listing knows besides who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// The session and the task that calls belong to, or that they belong to none.
    Session,
    /// Neither.
    Nothing,
}

/// The unknown facts of all calls to one action.
pub(super) fn of(
    call: &ToolCall,
    (server, tool, action): (&Server, &Tool, &Action),
    known: Known,
    facts: &Gathered,
    ledger: &Ledger,
    now: Timestamp,
) -> Holes {
    let mut holes = Holes::default();
    if known == Known::Nothing {
        of_any_session(&mut holes);
        // Calls of any session come in any way, unless it is said which.
        if call.transport.is_none() {
            holes.put(&["transport"], Hole::new(Kind::String));
        }
    }
    let mut input = Hole { members: members(tool.shape.fields()), ..Hole::new(Kind::Record) };
    for (name, hole) in input.members.iter_mut() {
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
            // Where only arguments say where it goes, all that is known is that it goes somewhere.
            covered(&mut holes, facts, "covers_destinations", server.origin.is_none());
        }
    }
    if !action.resources.is_empty() {
        holes.put(&["objects"], Hole::new(Kind::Set));
        if lineage().any(|task| task.opened.objects.is_some()) {
            covered(&mut holes, facts, "covers_objects", false);
        }
    }
    holes
}

/// Everything that depends on the session and on the task.
fn of_any_session(holes: &mut Holes) {
    let mut roots = std::collections::BTreeMap::<&str, Hole>::new();
    for Fact { path, ty, .. } in facts::CONTEXT {
        let mut names = path.split('.');
        let (Some(root), rest) = (names.next(), names.collect::<Vec<_>>()) else { continue };
        let (name, optional) = root.strip_suffix('?').map_or((root, false), |name| (name, true));
        match (name, rest.as_slice()) {
            ("session" | "task", [member]) => {
                let record = roots.entry(name).or_insert_with(|| Hole { optional, ..Hole::new(Kind::Record) });
                record.members.insert((*member).to_owned(), Hole::new(kind(*ty)));
            }
            ("revoked", []) => holes.put(&["revoked"], Hole::new(Kind::Bool)),
            ("usage", ["session", _] | ["distinct_tools" | "distinct_servers"]) => {
                let hole = Hole { bounds: (0, i64::MAX), ..Hole::new(Kind::Long) };
                holes.put(&[&[name], rest.as_slice()].concat(), hole);
            }
            ("status", [member]) if member.starts_with("task_") || member.starts_with("session_") => {
                let choices = Some(["yes", "no", "absent"].map(Value::string).into());
                holes.put(&[name, member], Hole { choices, ..Hole::new(Kind::String) });
            }
            _ => {}
        }
    }
    roots.into_iter().for_each(|(name, hole)| holes.put(&[name], hole));
}

fn kind(ty: FactType) -> Kind {
    match ty {
        FactType::Bool => Kind::Bool,
        FactType::Long => Kind::Long,
        FactType::String | FactType::Word(_) => Kind::String,
        FactType::Strings => Kind::Set,
        FactType::Datetime => Kind::Datetime,
        FactType::Duration => Kind::Duration,
        FactType::Entity(_) => Kind::Entity,
    }
}

/// Whether the task covers what a call touches. What it does not cover of every call stays so, unless it is `open`.
fn covered(holes: &mut Holes, facts: &Gathered, name: &str, open: bool) {
    let task = facts.hops.first().and_then(|(_, context)| context.get("task"));
    let covers = match task {
        Some(Value::Record(task)) => task.get(name),
        _ => None,
    };
    if open || covers == Some(&Value::Bool(true)) {
        holes.put(&["task", name], Hole::new(Kind::Bool));
        let choices = Some(["yes", "no"].map(Value::string).into());
        holes.put(&["status", &format!("task_{name}")], Hole { choices, ..Hole::new(Kind::String) });
    }
}

/// As deep as the types, which are bounded.
fn members(fields: &Fields) -> Sorted<String, Hole> {
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
