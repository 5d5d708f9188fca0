//! `context`: what is known about the call besides principal, action and resource.

use std::collections::BTreeSet;

use super::{Actor, Origins, level, schema};
use crate::{
    Binding, PrincipalKind, ToolCall,
    call::Credential,
    catalog::Action,
    gather::Gather as _,
    id::EntityRef,
    ledger::{Counts, Session, Tally, Task},
    time::Timestamp,
    value::{Record, Value},
};

/// The chain ends in somebody who can want something by himself.
pub(super) fn has_initiator(call: &ToolCall) -> bool {
    call.initiator().kind != PrincipalKind::Agent
}

/// The context of the question about one `actor`. Names and types are those of [`schema::CONTEXT`].
pub(super) fn record(origins: &Origins<'_>, actors: &[Actor], actor: &Actor) -> Record {
    let Origins { call, admitted, now, .. } = origins;
    let mut out = Out::default();
    out.put("now", Value::Datetime(*now));
    out.put("tool", Value::Entity(admitted.tool.entity()));
    out.put("server", Value::Entity(EntityRef::new("Server", admitted.server.id.clone())));
    out.put("input", Value::Record(admitted.record.clone()));
    out.put("destinations", Value::strings(admitted.destinations.iter().map(String::as_str)));
    out.put("objects", Value::strings(admitted.resources.iter().map(ToString::to_string)));
    out.put("origin", Value::string(call.origin.name()));
    out.put("transport", Value::string(call.transport.as_deref().unwrap_or("unknown")));
    let tenants = actors.iter().filter_map(|actor| actor.tenant.as_deref());
    out.flag("halted", origins.ledger.halts(&call.server, tenants));
    out.flag("revoked", origins.ledger.revokes(call, Some(&admitted.tool.id), *now));
    task(origins, &mut out);
    session(origins, &mut out);
    credential(origins, &mut out);
    delegation(call, actors, &mut out);
    usage(origins, actor, &mut out);
    environment(origins, actor, &mut out);
    out.0
}

/// A record in the making; dots in a name make records within.
#[derive(Default)]
struct Out(Record);

impl Out {
    fn put(&mut self, path: &str, value: Value) {
        match path.split_once('.') {
            None => drop(self.0.insert(path.into(), value)),
            Some((first, rest)) => {
                let mut inner = match self.0.remove(first) {
                    Some(Value::Record(members)) => Out(members),
                    _ => Out::default(),
                };
                inner.put(rest, value);
                self.0.insert(first.into(), Value::Record(inner.0));
            }
        }
    }

    fn flag(&mut self, path: &str, value: bool) {
        self.put(path, Value::Bool(value));
    }

    /// A three-state fact: `"yes"`, `"no"`, or `"absent"` where there is nothing to judge.
    fn state(&mut self, name: &str, value: Option<bool>) {
        let text = match value {
            Some(true) => schema::YES,
            Some(false) => schema::NO,
            None => schema::ABSENT,
        };
        self.put(&format!("status.{name}"), Value::string(text));
    }
}

fn task(origins: &Origins<'_>, out: &mut Out) {
    let Origins { call, admitted, ledger, now, .. } = origins;
    let Some(id) = &call.task else {
        for name in ["active", "covers_tool", "covers_destinations", "covers_objects", "initiator_matches", "has_calls"]
        {
            out.state(&format!("task_{name}"), None);
        }
        return;
    };
    let task = ledger.task(id, *now);
    // A task covers what it covers itself and what all tasks that it is a part of cover.
    let judge = |test: &dyn Fn(&Task) -> bool| task.is_some() && ledger.lineage(id, *now).all(test);
    let action = admitted.action;
    let left = ledger.task_calls_left(id, *now);
    let facts = [
        ("active", ledger.task_active(id, *now) && !ledger.revokes_task(call, *now)),
        ("initiator_matches", judge(&|task| task.opened.initiator == call.initiator().entity())),
        ("covers_tool", judge(&|task| covers_tool(&task.opened.tools, &admitted.tool.id, action))),
        ("covers_destinations", judge(&|task| within(task.opened.destinations.as_ref(), &admitted.destinations))),
        ("covers_objects", judge(&|task| within(task.opened.objects.as_ref(), &admitted.resources))),
    ];
    for (name, value) in facts {
        out.flag(&format!("task.{name}"), value);
        // Of a task that nobody opened, one thing is wrong: that.
        out.state(&format!("task_{name}"), (task.is_some() || name == "active").then_some(value));
    }
    out.state("task_has_calls", left.filter(|_| task.is_some()).map(|left| left > 0));
    out.put("task.remaining_calls", long(task.map_or(0, |_| left.unwrap_or(Counts::UNKNOWN.total))));
    out.put("task.id", Value::string(id.as_str()));
    out.put("task.purpose", Value::string(task.map_or("", |task| &task.opened.purpose)));
    let expires = task.map_or(Timestamp::from_millis(0), |task| task.opened.expires);
    out.put("task.expires", Value::Datetime(expires));
}

/// Whether one of these tools and groups covers an action of a tool.
pub(crate) fn covers_tool(tools: &BTreeSet<String>, tool: &str, action: &Action) -> bool {
    let named = tools.contains(tool) || tools.contains(&*action.id) || tools.contains("call");
    let destructive = action.effect.0.name() == "destructive" && tools.contains("write");
    named || destructive || action.groups().any(|group| tools.contains(group))
}

fn within<T: Ord>(allowed: Option<&BTreeSet<T>>, touched: &[T]) -> bool {
    allowed.is_none_or(|allowed| touched.iter().all(|one| allowed.contains(one)))
}

/// A call without a session gets the facts of the worst one: everything seen, every label, every counter full.
fn session(origins: &Origins<'_>, out: &mut Out) {
    let Origins { call, admitted, catalog, ledger, now, .. } = origins;
    let levels = &catalog.levels;
    let given = call.session.is_some();
    let session = call.session.as_ref().and_then(|id| ledger.session(id, *now));
    let owned = session.is_none_or(|session| session.owner == call.initiator().entity());
    let bound = session.is_none_or(|session| session.accepts(call.key()));
    out.flag("session.present", given);
    out.flag("session.principal_matches", given && owned);
    out.flag("session.binding_matches", given && bound);
    out.flag("session.lowered", session.map_or(!given, |session| session.lowered));
    out.state("session_principal_matches", given.then_some(owned));
    out.state("session_binding_matches", given.then_some(bound));
    out.put("session.id", Value::string(call.session.as_deref().unwrap_or_default()));
    let seen = match session {
        // A level that another bundle knew, and this one does not, is as high as can be.
        Some(session) => {
            let seen = session.levels.iter().map(|name| levels.index(name).unwrap_or(levels.highest()));
            levels.name(seen.max().unwrap_or(0))
        }
        None if given => levels.name(0),
        None => levels.name(levels.highest()),
    };
    out.put("session.seen", Value::Entity(level(seen)));
    let strings = |tally: &Tally| Value::strings(tally.iter());
    let nothing = || Value::Set(Vec::new());
    let (labels, tools, servers) = match session {
        Some(session) => (strings(&session.labels), strings(&session.tools), strings(&session.servers)),
        None if given => (nothing(), nothing(), nothing()),
        None => (
            Value::strings(catalog.labels()),
            Value::strings(catalog.tools().map(|(_, tool)| &*tool.id)),
            Value::strings(catalog.servers.keys().map(String::as_str)),
        ),
    };
    out.flag("session.tool_is_new", session.is_none_or(|session| !session.tools.contains(&admitted.tool.id)));
    out.flag("session.server_is_new", session.is_none_or(|session| !session.servers.contains(&admitted.server.id)));
    out.put("session.labels", labels);
    out.put("session.tools", tools);
    out.put("session.servers", servers);
    let denials = session.map_or(if given { 0 } else { Counts::UNKNOWN.total }, |session| session.denials);
    out.put("session.denials", long(denials));
}

fn credential(origins: &Origins<'_>, out: &mut Out) {
    let Origins { call, admitted, ledger, now, .. } = origins;
    let Some(credential) = &call.credential else {
        for name in ["expired", "audience_matches", "revoked", "bound", "not_yet_valid", "seen_elsewhere"] {
            out.state(&format!("credential_{name}"), None);
        }
        out.put("status.credential_lifetime", Value::Duration(0));
        return;
    };
    let Credential { id, issuer, audience, expires, issued, not_before, bound, key: _, scopes } = credential;
    let here = admitted.server.audience();
    let judged = [
        // A token that does not say when it ends counts as ended.
        ("expired", expires.is_none_or(|expires| expires <= *now)),
        ("not_yet_valid", not_before.is_some_and(|start| *now < start)),
        ("audience_matches", admitted.server.accepts(audience)),
        ("revoked", ledger.revokes_credential(call, *now)),
        ("seen_elsewhere", id.as_ref().is_some_and(|id| ledger.seen_elsewhere(id, here, *now))),
    ];
    for (name, value) in judged {
        out.flag(&format!("credential.{name}"), value);
        // A token without an id can be neither revoked nor recognised.
        let known = id.is_some() || !matches!(name, "revoked" | "seen_elsewhere");
        out.state(&format!("credential_{name}"), known.then_some(value));
    }
    out.state("credential_bound", Some(*bound != Binding::None));
    // One that does not say when it was issued lives at least from now on.
    let since = issued.map_or(*now, |issued| issued.min(*now));
    let lifetime = expires.map_or(i64::MAX, |expires| expires.millis().saturating_sub(since.millis()));
    out.put("credential.lifetime", Value::Duration(lifetime));
    // Of a token that does not say when it ends, one thing is wrong: that.
    out.put("status.credential_lifetime", Value::Duration(expires.map_or(0, |_| lifetime)));
    out.put("credential.id", Value::string(id.as_deref().unwrap_or_default()));
    out.put("credential.issuer", Value::string(issuer.as_deref().unwrap_or_default()));
    out.put("credential.audience", Value::strings(audience.iter().map(String::as_str)));
    out.put("credential.bound", Value::string(bound.name()));
    out.put("credential.scopes", Value::strings(scopes.iter().map(String::as_str)));
    if let Some(expires) = expires {
        out.put("credential.expires", Value::Datetime(*expires));
    }
    if let Some(issued) = issued {
        out.put("credential.issued", Value::Datetime(*issued));
    }
}

fn delegation(call: &ToolCall, actors: &[Actor], out: &mut Out) {
    let ids: BTreeSet<_> = actors.iter().map(|actor| &actor.entity.id).gather();
    let tenants: BTreeSet<_> = actors.iter().filter_map(|actor| actor.tenant.as_ref()).gather();
    out.put("delegation.depth", long(actors.len().saturating_sub(1) as u64));
    out.flag("delegation.cycle", ids.len() < actors.len());
    out.flag("delegation.tenant_changes", tenants.len() > 1);
    out.flag("delegation.has_initiator", has_initiator(call));
    out.put("delegation.caller", Value::string(call.principal.entity().to_string()));
    out.put("delegation.initiator", Value::string(call.initiator().entity().to_string()));
    out.put("delegation.actors", Value::strings(ids.iter().map(ToString::to_string)));
}

fn usage(origins: &Origins<'_>, actor: &Actor, out: &mut Out) {
    let Origins { call, admitted, ledger, ask, now, .. } = origins;
    let session = call.session.as_ref().map(|id| ledger.session(id, *now));
    let by_session = |known: Option<&Session>| known.map_or(Counts::NONE, |session| session.usage.counts(*now));
    let by = [
        ("session", session.map_or(Counts::UNKNOWN, by_session)),
        ("tool", ledger.tool_counts(&admitted.tool.id, *now)),
        ("principal", ledger.principal_counts(&actor.entity.id, *now)),
    ];
    for (name, counts) in by {
        out.put(&format!("usage.{name}.minute"), long(counts.minute));
        out.put(&format!("usage.{name}.hour"), long(counts.hour));
        out.put(&format!("usage.{name}.total"), long(counts.total));
    }
    let distinct = |count: fn(&Session) -> usize| match session {
        None => long(Counts::UNKNOWN.total),
        Some(known) => long(known.map_or(0, count) as u64),
    };
    out.put("usage.distinct_tools", distinct(|session| session.tools.len()));
    out.put("usage.distinct_servers", distinct(|session| session.servers.len()));
    out.put("usage.pending_approvals", long(ledger.waiting(&call.initiator().entity(), ask, *now)));
}

fn environment(origins: &Origins<'_>, actor: &Actor, out: &mut Out) {
    let (server, principal) = (&origins.admitted.server.environment, &actor.environment);
    let text = |known: &Option<String>| Value::string(known.as_deref().unwrap_or("unknown"));
    out.put("environment.server", text(server));
    out.put("environment.principal", text(principal));
    let both = server.as_ref().zip(principal.as_ref());
    out.state("environment_matches", both.map(|(server, principal)| server == principal));
}

fn long(count: u64) -> Value {
    Value::Long(i64::try_from(count).unwrap_or(i64::MAX))
}
