//! What each fact of `context` comes to, when somebody asks.

use std::collections::BTreeSet;

use super::{Facts, Hop, Hops, fixed::Fixed, level};
use crate::{
    Binding, PrincipalKind, ToolCall,
    call::Credential,
    catalog::{Action, Plain},
    id::EntityRef,
    ledger::{Counts, Session, Tally, Task},
    time::Timestamp,
    value::Value,
};

/// The chain ends in somebody who can want something by himself.
pub(super) fn has_initiator(call: &ToolCall) -> bool {
    call.initiator().kind != PrincipalKind::Agent
}

/// The facts of the question about one actor.
#[derive(Clone, Copy)]
pub(crate) struct View<'f> {
    pub(super) facts: &'f Facts<'f, 'f>,
    pub(super) hop: &'f Hop<'f>,
}

/// A fact, as it stands wherever it comes from.
pub(crate) enum Seen<'f> {
    Bool(bool),
    Long(i64),
    /// A word of ours.
    Word(&'static str),
    Text(&'f str),
    Datetime(Timestamp),
    Duration(i64),
    Entity(&'f EntityRef),
    Value(&'f Value),
}

impl Seen<'_> {
    pub(crate) fn owned(&self) -> Value {
        match self {
            Self::Bool(value) => Value::Bool(*value),
            Self::Long(value) => Value::Long(*value),
            Self::Word(word) => Value::string(*word),
            Self::Text(text) => Value::string(*text),
            Self::Datetime(time) => Value::Datetime(*time),
            Self::Duration(millis) => Value::Duration(*millis),
            Self::Entity(id) => Value::Entity((*id).clone()),
            Self::Value(value) => (*value).clone(),
        }
    }
}

impl<'f> From<Plain<'f>> for Seen<'f> {
    fn from(plain: Plain<'f>) -> Self {
        match plain {
            Plain::Bool(value) => Self::Bool(value),
            Plain::Long(value) => Self::Long(value),
            Plain::Text(text) => Self::Text(text),
        }
    }
}

impl<'f> From<&'f Value> for Seen<'f> {
    fn from(value: &'f Value) -> Self {
        match value {
            Value::Bool(value) => Self::Bool(*value),
            Value::Long(value) => Self::Long(*value),
            Value::String(text) => Self::Text(text),
            Value::Datetime(time) => Self::Datetime(*time),
            Value::Duration(millis) => Self::Duration(*millis),
            Value::Entity(id) => Self::Entity(id),
            Value::Decimal(_) | Value::Ip(_) | Value::Set(_) | Value::Record(_) => Self::Value(value),
        }
    }
}

pub(super) fn boolean<'f>(value: bool) -> Option<Seen<'f>> {
    Some(Seen::Bool(value))
}

pub(super) fn text(text: &str) -> Option<Seen<'_>> {
    Some(Seen::Text(text))
}

pub(super) fn word<'f>(word: &'static str) -> Option<Seen<'f>> {
    Some(Seen::Word(word))
}

pub(super) fn long<'f>(count: u64) -> Option<Seen<'f>> {
    Some(Seen::Long(i64::try_from(count).unwrap_or(i64::MAX)))
}

/// The state of a fact that may have nothing to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Yes,
    No,
    Absent,
}

impl State {
    pub(crate) fn of(known: Option<bool>) -> Self {
        known.map_or(Self::Absent, |known| if known { Self::Yes } else { Self::No })
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Absent => "absent",
        }
    }

    /// The state of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Yes, Self::No, Self::Absent].into_iter().find(|state| state.name() == name)
    }
}

/// A part of the context that may be absent as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Always,
    Task,
    Credential,
}

impl Part {
    /// The part that a first name of a path leads into.
    pub(crate) fn of(name: &str) -> Self {
        match name {
            "task" => Self::Task,
            "credential" => Self::Credential,
            _ => Self::Always,
        }
    }
}

impl<'f> View<'f> {
    pub(crate) fn facts(self) -> &'f Facts<'f, 'f> {
        self.facts
    }

    pub(crate) fn principal(self) -> &'f EntityRef {
        self.hop.actor.id()
    }

    /// Whether a part of the context is there.
    pub(crate) fn carries(self, part: Part) -> bool {
        match part {
            Part::Always => true,
            Part::Task => self.call().task.is_some(),
            Part::Credential => self.call().credential.is_some(),
        }
    }

    pub(super) fn now(self) -> Timestamp {
        self.facts.from.now
    }

    pub(super) fn call(self) -> &'f ToolCall {
        self.facts.from.call
    }

    pub(super) fn fixed(self) -> &'f Fixed {
        self.facts.from.fixed
    }

    pub(super) fn hops(self) -> &'f Hops<'f> {
        &self.facts.hops
    }

    pub(super) fn destinations(self) -> Option<Seen<'f>> {
        let all = || Value::strings(self.facts.admitted.destinations.iter().map(String::as_str));
        Some(Seen::Value(self.facts.kept().destinations.get_or_init(all)))
    }

    pub(super) fn objects(self) -> Option<Seen<'f>> {
        let all = || Value::strings(self.facts.admitted.resources.iter().map(ToString::to_string));
        Some(Seen::Value(self.facts.kept().objects.get_or_init(all)))
    }

    pub(super) fn halted(self) -> bool {
        let tenants = self.hops().iter().filter_map(|hop| hop.actor.tenant());
        self.facts.from.ledger.halts(&self.call().server, tenants)
    }

    pub(super) fn revoked(self) -> bool {
        let tool = Some(&*self.facts.admitted.tool.id);
        self.facts.from.ledger.revokes(self.call(), self.session(), tool, self.now())
    }
}

/// The task.
impl<'f> View<'f> {
    fn task(self) -> Option<&'f Task> {
        self.facts.task
    }

    pub(super) fn task_known(self) -> bool {
        self.task().is_some()
    }

    pub(super) fn task_purpose(self) -> Option<Seen<'f>> {
        self.call().task.as_ref()?;
        text(self.task().map_or("", |task| &task.opened.purpose))
    }

    pub(super) fn task_expires(self) -> Option<Seen<'f>> {
        self.call().task.as_ref()?;
        let expires = self.task().map_or(Timestamp::from_millis(0), |task| task.opened.expires);
        Some(Seen::Datetime(expires))
    }

    pub(super) fn task_active(self) -> Option<bool> {
        self.call().task.as_ref()?;
        let ledger = self.facts.from.ledger;
        Some(ledger.is_active(self.task(), self.now()) && !ledger.revokes_task(self.call(), self.now()))
    }

    /// A task covers what it covers itself and what all tasks that it is a part of cover.
    fn task_judged(self, test: impl Fn(&Task) -> bool) -> Option<bool> {
        self.call().task.as_ref()?;
        Some(self.task_known() && self.facts.from.ledger.lineage_of(self.task(), self.now()).all(test))
    }

    pub(super) fn task_initiator_matches(self) -> Option<bool> {
        let initiator = self.facts.initiator();
        self.task_judged(|task| task.opened.initiator == *initiator)
    }

    pub(super) fn task_covers_tool(self) -> Option<bool> {
        let admitted = &self.facts.admitted;
        self.task_judged(|task| covers_tool(&task.opened.tools, &admitted.tool.id, admitted.action))
    }

    pub(super) fn task_covers_destinations(self) -> Option<bool> {
        let admitted = &self.facts.admitted;
        // What leaves for nobody knows where is on no list.
        let anywhere = admitted.action.egress.0 && admitted.destinations.is_empty();
        self.task_judged(|task| match &task.opened.destinations {
            Some(_) if anywhere => false,
            allowed => within(allowed.as_ref(), &admitted.destinations),
        })
    }

    pub(super) fn task_covers_objects(self) -> Option<bool> {
        self.task_judged(|task| within(task.opened.objects.as_ref(), &self.facts.admitted.resources))
    }

    /// How many calls are left; nothing where there is no limit, or no task.
    pub(super) fn task_calls_left(self) -> Option<u64> {
        self.facts.from.ledger.task_calls_left(self.task()?, self.now())
    }

    pub(super) fn task_remaining_calls(self) -> Option<Seen<'f>> {
        self.call().task.as_ref()?;
        long(self.task().map_or(0, |_| self.task_calls_left().unwrap_or(Counts::UNKNOWN.total)))
    }
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

/// The session. A call without one gets the facts of the worst: everything seen, every label, every counter full.
impl<'f> View<'f> {
    fn session(self) -> Option<&'f Session> {
        self.facts.session
    }

    pub(super) fn in_session(self) -> bool {
        self.call().session.is_some()
    }

    pub(super) fn session_owned(self) -> bool {
        self.session().is_none_or(|session| session.owner == *self.facts.initiator())
    }

    pub(super) fn session_bound(self) -> bool {
        self.session().is_none_or(|session| session.accepts(self.call().key()))
    }

    pub(super) fn session_lowered(self) -> bool {
        self.session().map_or(!self.in_session(), |session| session.lowered)
    }

    pub(super) fn session_seen(self) -> Option<Seen<'f>> {
        let levels = &self.facts.from.catalog.levels;
        let name = match self.session() {
            // A level that another bundle knew, and this one does not, is as high as can be.
            Some(session) => {
                let seen = session.levels.iter().map(|name| levels.index(name).unwrap_or(levels.highest()));
                levels.name(seen.max().unwrap_or(0))
            }
            None if self.in_session() => levels.name(0),
            None => levels.name(levels.highest()),
        };
        let known = self.facts.from.store.find("Level", name);
        Some(match known {
            Some(known) => Seen::Entity(&known.entity.id),
            None => Seen::Entity(self.facts.kept().seen.get_or_init(|| level(name))),
        })
    }

    fn tally(self, of: impl Fn(&'f Session) -> &'f Tally, all: impl Fn() -> Value) -> Value {
        match self.session() {
            Some(session) => Value::strings(of(session).iter()),
            None if self.in_session() => Value::Set(Vec::new()),
            None => all(),
        }
    }

    pub(super) fn session_labels(self) -> Option<Seen<'f>> {
        // What a host may have told of a session is not empty because the bundle names no label.
        let all = || {
            let mut known = self.facts.from.catalog.labels().peekable();
            let unknown = known.peek().is_none().then_some("unknown");
            Value::strings(known.chain(unknown))
        };
        let labels = || self.tally(|session| &session.labels, all);
        Some(Seen::Value(self.facts.kept().labels.get_or_init(labels)))
    }

    pub(super) fn session_tools(self) -> Option<Seen<'f>> {
        let all = || Value::strings(self.facts.from.catalog.tools().map(|(_, tool)| &*tool.id));
        let tools = || self.tally(|session| &session.tools, all);
        Some(Seen::Value(self.facts.kept().tools.get_or_init(tools)))
    }

    pub(super) fn session_servers(self) -> Option<Seen<'f>> {
        let all = || Value::strings(self.facts.from.catalog.servers.keys().map(String::as_str));
        let servers = || self.tally(|session| &session.servers, all);
        Some(Seen::Value(self.facts.kept().servers.get_or_init(servers)))
    }

    pub(super) fn session_tool_is_new(self) -> bool {
        self.session().is_none_or(|session| !session.tools.contains(&self.facts.admitted.tool.id))
    }

    pub(super) fn session_server_is_new(self) -> bool {
        self.session().is_none_or(|session| !session.servers.contains(&self.facts.admitted.server.id))
    }

    pub(super) fn session_denials(self) -> Option<Seen<'f>> {
        let unknown = if self.in_session() { 0 } else { Counts::UNKNOWN.total };
        long(self.session().map_or(unknown, |session| session.denials))
    }
}

/// The delegation chain.
impl<'f> View<'f> {
    pub(super) fn cycle(self) -> bool {
        let hops = self.hops();
        let before = |at: usize| hops.iter().take(at);
        hops.iter().enumerate().any(|(at, hop)| before(at).any(|other| other.actor.id() == hop.actor.id()))
    }

    pub(super) fn tenant_changes(self) -> bool {
        let mut tenants = self.hops().iter().filter_map(|hop| hop.actor.tenant());
        let first = tenants.next();
        tenants.any(|other| Some(other) != first)
    }

    pub(super) fn delegation_caller(self) -> Option<Seen<'f>> {
        let name = || Value::string(self.call().principal.entity().to_string());
        Some(Seen::Value(self.facts.kept().caller.get_or_init(name)))
    }

    pub(super) fn delegation_initiator(self) -> Option<Seen<'f>> {
        let name = || Value::string(self.call().initiator().entity().to_string());
        Some(Seen::Value(self.facts.kept().initiator.get_or_init(name)))
    }

    pub(super) fn delegation_actors(self) -> Option<Seen<'f>> {
        let all = || Value::strings(self.hops().iter().map(|hop| hop.actor.id().to_string()));
        Some(Seen::Value(self.facts.kept().actors.get_or_init(all)))
    }
}

/// The credential.
impl<'f> View<'f> {
    pub(super) fn credential(self) -> Option<&'f Credential> {
        self.call().credential.as_ref()
    }

    /// A token without an id can be neither revoked nor recognised.
    pub(super) fn credential_named(self) -> bool {
        self.credential().is_some_and(|credential| credential.id.is_some())
    }

    pub(super) fn credential_audience(self) -> Option<Seen<'f>> {
        let all = Value::strings(self.credential()?.audience.iter().map(String::as_str));
        Some(Seen::Value(self.facts.kept().audience.get_or_init(|| all)))
    }

    pub(super) fn credential_scopes(self) -> Option<Seen<'f>> {
        let all = Value::strings(self.credential()?.scopes.iter().map(String::as_str));
        Some(Seen::Value(self.facts.kept().scopes.get_or_init(|| all)))
    }

    /// A token that does not say when it ends counts as ended.
    pub(super) fn expired(self) -> Option<bool> {
        Some(self.credential()?.expires.is_none_or(|expires| expires <= self.now()))
    }

    pub(super) fn not_yet_valid(self) -> Option<bool> {
        Some(self.credential()?.not_before.is_some_and(|start| self.now() < start))
    }

    pub(super) fn audience_matches(self) -> Option<bool> {
        Some(self.facts.admitted.server.accepts(&self.credential()?.audience))
    }

    pub(super) fn credential_revoked(self) -> Option<bool> {
        self.credential().map(|_| self.facts.from.ledger.revokes_credential(self.call(), self.now()))
    }

    pub(super) fn seen_elsewhere(self) -> Option<bool> {
        let (here, id) = (self.facts.admitted.server.audience(), &self.credential()?.id);
        Some(id.as_ref().is_some_and(|id| self.facts.from.ledger.seen_elsewhere(id, here, self.now())))
    }

    pub(super) fn credential_bound(self) -> Option<bool> {
        Some(self.credential()?.bound != Binding::None)
    }

    /// One that does not say when it was issued lives at least from now on.
    pub(super) fn lifetime(self) -> Option<i64> {
        let Credential { issued, expires, .. } = self.credential()?;
        let since = issued.map_or(self.now(), |issued| issued.min(self.now()));
        Some(expires.map_or(i64::MAX, |expires| expires.millis().saturating_sub(since.millis())))
    }

    /// Of a token that does not say when it ends, one thing is wrong: that.
    pub(super) fn judged_lifetime(self) -> i64 {
        let ends = self.credential().is_some_and(|credential| credential.expires.is_some());
        self.lifetime().filter(|_| ends).unwrap_or(0)
    }
}

/// How often, and where.
impl<'f> View<'f> {
    pub(super) fn session_counts(self) -> Counts {
        match self.session() {
            Some(session) => session.usage.counts(self.now()),
            None if self.in_session() => Counts::NONE,
            None => Counts::UNKNOWN,
        }
    }

    pub(super) fn tool_counts(self) -> Counts {
        self.facts.from.ledger.tool_counts(&self.facts.admitted.tool.id, self.now())
    }

    pub(super) fn principal_counts(self) -> Counts {
        self.facts.from.ledger.principal_counts(self.hop.actor.id(), self.now())
    }

    pub(super) fn distinct(self, count: fn(&Session) -> usize) -> Option<Seen<'f>> {
        let unknown = if self.in_session() { 0 } else { Counts::UNKNOWN.total };
        long(self.session().map_or(unknown, |session| count(session) as u64))
    }

    pub(super) fn pending_approvals(self) -> Option<Seen<'f>> {
        let initiator = self.facts.initiator();
        long(self.facts.from.ledger.waiting(initiator, &self.facts.from.ask, self.now()))
    }

    pub(super) fn server_environment(self) -> Option<&'f str> {
        self.facts.admitted.server.environment.as_deref()
    }

    pub(super) fn principal_environment(self) -> Option<&'f str> {
        self.hop.actor.environment
    }

    pub(super) fn environment_matches(self) -> Option<bool> {
        Some(self.server_environment()? == self.principal_environment()?)
    }
}
