//! The facts of `context`, once: the name and type of each, which the Cedar schema is generated from, and what it comes to.

#[cfg(feature = "explain")]
use crate::value::Value;

use super::context::{Seen, State, View, boolean, long, text, word};

/// The type of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FactType {
    Bool,
    Long,
    String,
    /// A String that is one of these.
    Word(&'static [&'static str]),
    Strings,
    Datetime,
    Duration,
    Entity(&'static str),
}

pub(crate) const ORIGINS: &[&str] = &["user", "agent", "retrieved"];
pub(crate) const ENVIRONMENTS: &[&str] = &["development", "test", "production", "unknown"];
pub(crate) const STATES: &[&str] = &[State::Yes.name(), State::No.name(), State::Absent.name()];
pub(crate) const BINDINGS: &[&str] = &["none", "dpop", "mtls"];

/// A fact of `context`. `context.input` is none of them: it differs from tool to tool.
#[derive(Debug)]
pub(crate) struct Fact {
    /// Its path. What ends in `?` may be absent: a record within, or the fact itself.
    pub(crate) path: &'static str,
    pub(crate) ty: FactType,
    pub(crate) of: Of,
}

/// How it is found out what a fact comes to.
#[derive(Debug)]
pub(crate) enum Of {
    /// A Bool that is always there.
    Flag(for<'f> fn(View<'f>) -> bool),
    /// A [`State`] that is always there.
    State(for<'f> fn(View<'f>) -> Option<bool>),
    /// Anything; nothing where it is absent.
    Any(for<'f> fn(View<'f>) -> Option<Seen<'f>>),
}

impl Fact {
    /// What it comes to; nothing where it is absent.
    pub(crate) fn seen<'f>(&self, view: View<'f>) -> Option<Seen<'f>> {
        match self.of {
            Of::Flag(of) => boolean(of(view)),
            Of::State(of) => word(State::of(of(view)).name()),
            Of::Any(of) => of(view),
        }
    }

    /// The names of its path.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.path.split('.').map(|name| name.trim_end_matches('?'))
    }

    /// Whether it may come to this, or to nothing.
    #[cfg(feature = "explain")]
    pub(crate) fn admits(&self, value: Option<&Value>) -> bool {
        let Some(value) = value else { return self.path.ends_with('?') };
        match (self.ty, value) {
            (Bool, Value::Bool(_))
            | (Long, Value::Long(_))
            | (String, Value::String(_))
            | (Datetime, Value::Datetime(_))
            | (Duration, Value::Duration(_)) => true,
            (Word(words), Value::String(word)) => words.contains(&&**word),
            (Strings, Value::Set(items)) => items.iter().all(|item| matches!(item, Value::String(_))),
            (Entity(kind), Value::Entity(id)) => *id.kind == *kind,
            _ => false,
        }
    }
}

const fn fact(path: &'static str, ty: FactType, of: for<'f> fn(View<'f>) -> Option<Seen<'f>>) -> Fact {
    Fact { path, ty, of: Of::Any(of) }
}

const fn flag(path: &'static str, of: for<'f> fn(View<'f>) -> bool) -> Fact {
    Fact { path, ty: Bool, of: Of::Flag(of) }
}

/// The state of a fact that may have nothing to judge.
const fn state(path: &'static str, of: for<'f> fn(View<'f>) -> Option<bool>) -> Fact {
    Fact { path, ty: Word(STATES), of: Of::State(of) }
}

use FactType::{Bool, Datetime, Duration, Entity, Long, String, Strings, Word};

pub(crate) const CONTEXT: &[Fact] = &[
    fact("now", Datetime, |v| Some(Seen::Datetime(v.now()))),
    fact("tool", Entity("Tool"), |v| Some(Seen::Entity(v.fixed().tool_id()))),
    fact("server", Entity("Server"), |v| Some(Seen::Entity(&v.fixed().server.id))),
    fact("destinations", Strings, |v| v.destinations()),
    fact("objects", Strings, |v| v.objects()),
    fact("origin", Word(ORIGINS), |v| word(v.call().origin.name())),
    fact("transport", String, |v| text(v.call().transport.as_deref().unwrap_or("unknown"))),
    flag("halted", |v| v.halted()),
    flag("revoked", |v| v.revoked()),
    fact("task?.id", String, |v| text(v.call().task.as_deref()?)),
    fact("task?.purpose", String, |v| v.task_purpose()),
    fact("task?.expires", Datetime, |v| v.task_expires()),
    fact("task?.active", Bool, |v| boolean(v.task_active()?)),
    fact("task?.initiator_matches", Bool, |v| boolean(v.task_initiator_matches()?)),
    fact("task?.covers_tool", Bool, |v| boolean(v.task_covers_tool()?)),
    fact("task?.covers_destinations", Bool, |v| boolean(v.task_covers_destinations()?)),
    fact("task?.covers_objects", Bool, |v| boolean(v.task_covers_objects()?)),
    fact("task?.remaining_calls", Long, |v| v.task_remaining_calls()),
    flag("session.present", |v| v.in_session()),
    fact("session.id", String, |v| text(v.call().session.as_deref().unwrap_or_default())),
    flag("session.principal_matches", |v| v.in_session() && v.session_owned()),
    flag("session.binding_matches", |v| v.in_session() && v.session_bound()),
    flag("session.lowered", |v| v.session_lowered()),
    fact("session.seen", Entity("Level"), |v| v.session_seen()),
    fact("session.labels", Strings, |v| v.session_labels()),
    fact("session.tools", Strings, |v| v.session_tools()),
    fact("session.servers", Strings, |v| v.session_servers()),
    flag("session.tool_is_new", |v| v.session_tool_is_new()),
    flag("session.server_is_new", |v| v.session_server_is_new()),
    fact("session.denials", Long, |v| v.session_denials()),
    fact("delegation.depth", Long, |v| long(v.call().on_behalf_of.len() as u64)),
    flag("delegation.cycle", |v| v.cycle()),
    flag("delegation.tenant_changes", |v| v.tenant_changes()),
    flag("delegation.has_initiator", |v| super::has_initiator(v.call())),
    fact("delegation.caller", String, |v| v.delegation_caller()),
    fact("delegation.initiator", String, |v| v.delegation_initiator()),
    fact("delegation.actors", Strings, |v| v.delegation_actors()),
    fact("credential?.id", String, |v| text(v.credential()?.id.as_deref().unwrap_or_default())),
    fact("credential?.issuer", String, |v| text(v.credential()?.issuer.as_deref().unwrap_or_default())),
    fact("credential?.audience", Strings, |v| v.credential_audience()),
    fact("credential?.expires?", Datetime, |v| Some(Seen::Datetime(v.credential()?.expires?))),
    fact("credential?.issued?", Datetime, |v| Some(Seen::Datetime(v.credential()?.issued?))),
    fact("credential?.bound", Word(BINDINGS), |v| word(v.credential()?.bound.name())),
    fact("credential?.scopes", Strings, |v| v.credential_scopes()),
    fact("credential?.expired", Bool, |v| boolean(v.expired()?)),
    fact("credential?.audience_matches", Bool, |v| boolean(v.audience_matches()?)),
    fact("credential?.revoked", Bool, |v| boolean(v.credential_revoked()?)),
    fact("credential?.not_yet_valid", Bool, |v| boolean(v.not_yet_valid()?)),
    fact("credential?.seen_elsewhere", Bool, |v| boolean(v.seen_elsewhere()?)),
    fact("credential?.lifetime", Duration, |v| Some(Seen::Duration(v.lifetime()?))),
    fact("usage.session.minute", Long, |v| long(v.session_counts().minute)),
    fact("usage.session.hour", Long, |v| long(v.session_counts().hour)),
    fact("usage.session.total", Long, |v| long(v.session_counts().total)),
    fact("usage.tool.minute", Long, |v| long(v.tool_counts().minute)),
    fact("usage.tool.hour", Long, |v| long(v.tool_counts().hour)),
    fact("usage.tool.total", Long, |v| long(v.tool_counts().total)),
    fact("usage.principal.minute", Long, |v| long(v.principal_counts().minute)),
    fact("usage.principal.hour", Long, |v| long(v.principal_counts().hour)),
    fact("usage.principal.total", Long, |v| long(v.principal_counts().total)),
    fact("usage.distinct_tools", Long, |v| v.distinct(|session| session.tools.len())),
    fact("usage.distinct_servers", Long, |v| v.distinct(|session| session.servers.len())),
    fact("usage.pending_approvals", Long, |v| v.pending_approvals()),
    fact("environment.server", Word(ENVIRONMENTS), |v| text(v.server_environment().unwrap_or("unknown"))),
    fact("environment.principal", String, |v| text(v.principal_environment().unwrap_or("unknown"))),
    state("status.credential_expired", |v| v.expired()),
    state("status.credential_audience_matches", |v| v.audience_matches()),
    state("status.credential_revoked", |v| v.credential_revoked().filter(|_| v.credential_named())),
    state("status.credential_bound", |v| v.credential_bound()),
    state("status.credential_not_yet_valid", |v| v.not_yet_valid()),
    state("status.credential_seen_elsewhere", |v| v.seen_elsewhere().filter(|_| v.credential_named())),
    fact("status.credential_lifetime", Duration, |v| Some(Seen::Duration(v.judged_lifetime()))),
    // Of a task that nobody opened, one thing is wrong: that.
    state("status.task_active", |v| v.task_active()),
    state("status.task_initiator_matches", |v| v.task_initiator_matches().filter(|_| v.task_known())),
    state("status.task_covers_tool", |v| v.task_covers_tool().filter(|_| v.task_known())),
    state("status.task_covers_destinations", |v| v.task_covers_destinations().filter(|_| v.task_known())),
    state("status.task_covers_objects", |v| v.task_covers_objects().filter(|_| v.task_known())),
    state("status.task_has_calls", |v| v.task_calls_left().map(|left| left > 0)),
    state("status.session_principal_matches", |v| v.in_session().then(|| v.session_owned())),
    state("status.session_binding_matches", |v| v.in_session().then(|| v.session_bound())),
    state("status.environment_matches", |v| v.environment_matches()),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Binding, Origin};

    #[test]
    fn words_are_the_names() {
        assert_eq!(ORIGINS, Origin::ALL.map(Origin::name));
        assert_eq!(BINDINGS, Binding::ALL.map(Binding::name));
    }
}
