//! What could be allowed: each tool of the catalog, before there are arguments.

use std::collections::BTreeSet;

use super::{Gate, holes, named, unknown};
use crate::{
    Credential, Ledger, Origin, Policy, Principal, Timestamp, ToolCall,
    catalog::{Action, Admitted, Fault, Server, Tool, Verbs},
    decision::Linked,
    digest::{Digest, Domain},
    engine::{Mapped, Outcome, Question, Root, Weighed},
    facts::Gathered,
    gather::Gather as _,
    id::EntityRef,
    json::Json,
};

/// Whose tools are listed. Everything here is the host's word, as in a [`ToolCall`].
///
/// A list that clients see is one for [any session](ListRequest::any_session), so that it does not tell what happened in one.
#[derive(Clone)]
pub struct ListRequest {
    /// The caller: the first actor of the delegation chain.
    pub principal: Principal,
    /// On whose behalf, nearest first, the initiator last.
    pub on_behalf_of: Vec<Principal>,
    /// Facts of the presented token.
    pub credential: Option<Credential>,
    /// The task that calls would belong to.
    pub task: Option<String>,
    /// The session that calls would belong to.
    pub session: Option<String>,
    /// Whether calls could belong to any session and task, or to none: what depends on them is then as unknown as what
    /// depends on the arguments. `task` and `session` are not looked at, and no `transport` means any.
    pub any_session: bool,
    /// Who or what would ask.
    pub origin: Origin,
    /// How calls would come in.
    pub transport: Option<String>,
    /// The server whose tools are listed; all of them, if none is named.
    pub server: Option<String>,
}

/// What could become of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Every call whose arguments fit the input schema and the [`Limits`](crate::Limits) is allowed.
    Allowed,
    /// It depends on the arguments, or that cannot be told beforehand.
    Depends,
    /// It could be allowed, but not without an approval.
    Approval,
    /// No call could be allowed.
    Hidden,
}

/// A tool, or one operation of a tool, and what could become of calls to it. Listing is not authorization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The server, by its id in the bundle.
    pub server: String,
    /// The tool's name; the method, where it is none.
    pub tool: String,
    /// The operation, in an entry about one of several.
    pub operation: Option<String>,
    /// Whether it is a method of the protocol that policies decide like a tool.
    pub method: bool,
    /// What could become of a call.
    pub standing: Standing,
    /// What remains to be seen, each as `permit ID when { … }` or `forbid ID when { … }`, with what is known folded away.
    /// Long ones are cut. Without the feature `explain`, none is told.
    pub conditions: Vec<String>,
    /// Why arguments that fit the input schema could be refused before a policy is asked.
    pub arguments: Vec<String>,
    /// The approver classes that may be asked.
    pub approvals: Vec<String>,
    /// Why it is hidden, for the host and its people.
    pub why: Option<String>,
}

/// A handle that no host hands out.
const ANY: &str = "\u{0}any";

/// The baseline's rule that a task serves its own initiator only.
const TASK_INITIATOR: &str = "baseline/task-initiator";

/// Conditions of one entry.
#[cfg(feature = "explain")]
const CONDITIONS: usize = 16;

/// Characters of a condition.
#[cfg(feature = "explain")]
const CONDITION: usize = 400;

impl ListRequest {
    /// The tools of `principal`, with nothing else known.
    pub fn new(principal: Principal) -> Self {
        Self {
            principal,
            on_behalf_of: Vec::new(),
            credential: None,
            task: None,
            session: None,
            any_session: false,
            origin: Origin::default(),
            transport: None,
            server: None,
        }
    }

    /// A call to a tool, as far as it is known.
    fn call(&self, server: &Server, tool: &Tool) -> ToolCall {
        let name = tool.id.split_once('/').map_or("", |(_, name)| name);
        let method = tool.pin.is_none();
        ToolCall {
            server: server.id.to_string(),
            method: if method { name.to_owned() } else { "tools/call".to_owned() },
            tool: if method { String::new() } else { name.to_owned() },
            input: Json::default(),
            principal: self.principal.clone(),
            on_behalf_of: self.on_behalf_of.clone(),
            credential: self.credential.clone(),
            // What stands for any session is one that nobody has used.
            task: if self.any_session { None } else { self.task.clone() },
            session: if self.any_session { Some(ANY.to_owned()) } else { self.session.clone() },
            origin: self.origin,
            transport: self.transport.clone(),
        }
    }
}

impl Standing {
    /// `allowed`, `depends`, `approval` or `hidden`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Depends => "depends",
            Self::Approval => "approval",
            Self::Hidden => "hidden",
        }
    }
}

impl Listed {
    /// The id of its action: `server/tool`, or `server/tool#operation`.
    pub fn action(&self) -> String {
        let operation = self.operation.as_ref().map(|name| format!("#{name}")).unwrap_or_default();
        format!("{}/{}{operation}", self.server, self.tool)
    }

    fn new(server: &Server, tool: &Tool, action: Option<&Action>, standing: Standing) -> Self {
        let operation = action.and_then(|action| action.id.split_once('#')).map(|(_, verb)| verb.to_owned());
        Self {
            server: server.id.to_string(),
            tool: tool.id.split_once('/').map_or_else(String::new, |(_, name)| name.to_owned()),
            operation,
            method: tool.pin.is_none(),
            standing,
            conditions: Vec::new(),
            arguments: Vec::new(),
            approvals: Vec::new(),
            why: None,
        }
    }
}

impl Gate {
    /// What could become of calls to each tool, sorted by server and tool: an operation behind its tool, methods of the
    /// protocol behind the tools. It is the compiled program that is asked, with all that depends on the arguments unknown.
    ///
    /// A tool that some arguments could be allowed for is never hidden, and one that some could be denied for is never
    /// `allowed`. Approvals that the ledger holds are not looked at: each is for one exact call.
    pub fn list(&self, request: &ListRequest, ledger: &Ledger, now: Timestamp) -> Vec<Listed> {
        let lent = request.any_session.then(|| self.lent(request, ledger, now));
        let mut listed = Vec::new();
        for (server, tool) in self.bundle.catalog.tools() {
            if request.server.as_ref().is_some_and(|wanted| **wanted != *server.id) {
                continue;
            }
            let call = request.call(server, tool);
            let task = call.task.as_deref().and_then(|id| ledger.task(id, now));
            let each = tool.actions().map(|action| {
                let of = (server, tool, action);
                match &lent {
                    None => self.listed(&call, of, &self.linked(task, ledger, now), holes::Known::Session, ledger, now),
                    Some(lent) => self.listed_for_any(&call, of, lent, ledger, now),
                }
            });
            let each: Vec<_> = each.collect();
            if let Verbs::Chosen(argument, _) = &tool.verbs {
                listed.push(together(server, tool, &argument.to_string(), &each));
            }
            listed.extend(each);
        }
        listed
    }

    /// The grants of all tasks that a call could belong to.
    fn lent<'l>(&self, request: &ListRequest, ledger: &'l Ledger, now: Timestamp) -> Vec<Linked<'l>> {
        let initiator = request.on_behalf_of.last().unwrap_or(&request.principal).entity();
        // Where nothing keeps a call out of another initiator's task, it could be in any.
        let own = self.bundle.policy(TASK_INITIATOR).is_some().then_some(&initiator);
        let grants = ledger.grants_for(own, now);
        grants.filter_map(|grant| Some(Linked { grant, template: self.bundle.links(grant).ok()? })).collect()
    }

    /// A grant permits in its task only: what needs one depends on the task.
    fn listed_for_any(
        &self,
        call: &ToolCall,
        of: (&Server, &Tool, &Action),
        lent: &[Linked<'_>],
        ledger: &Ledger,
        now: Timestamp,
    ) -> Listed {
        let without = self.listed(call, of, &[], holes::Known::Nothing, ledger, now);
        if lent.is_empty() || without.standing == Standing::Allowed {
            return without;
        }
        let with = self.listed(call, of, lent, holes::Known::Nothing, ledger, now);
        let standing = if with.standing == Standing::Allowed { Standing::Depends } else { with.standing };
        Listed { standing, ..with }
    }

    fn listed(
        &self,
        call: &ToolCall,
        (server, tool, action): (&Server, &Tool, &Action),
        linked: &[Linked<'_>],
        known: holes::Known,
        ledger: &Ledger,
        now: Timestamp,
    ) -> Listed {
        let hidden =
            |why: String| Listed { why: Some(why), ..Listed::new(server, tool, Some(action), Standing::Hidden) };
        let mapped = !action.resources.is_empty();
        let admitted = Admitted::unknown(server, tool, action);
        let facts = match self.known(call, admitted, known, ledger, now) {
            Ok(facts) => facts,
            Err(fault) => return hidden(fault.detail),
        };
        let unknown = holes::of(call, (server, tool, action), known, &facts, ledger, now);
        let links: Vec<_> = linked.iter().map(Linked::link).collect();
        let (kinds, server_id) = (action.resource_types(), EntityRef::new("Server", server.id.clone()));
        let some = EntityRef::new("Tool", "");
        let questions: Vec<_> = facts
            .hops
            .iter()
            .flat_map(|(principal, context)| {
                let own = tool.entity();
                let (facts, some, server, kinds) = (&facts, &some, &server_id, &kinds);
                kinds.iter().map(move |kind| {
                    let resource = facts.resources.iter().find(|id| **id == own).filter(|_| !mapped).unwrap_or(some);
                    let question = Question { principal, action: &facts.action, resource, context };
                    (question, mapped.then_some(Mapped { kind, server, kinds }))
                })
            })
            .collect();
        let weighed = self.bundle.weigh(&facts.entities, &questions, &unknown, &links);
        let mut arguments = server.surprises(tool, action);
        arguments.extend(self.inexact(server, tool, action));
        let sum = Sum::of(&weighed, &self.bundle.policies);
        let standing = sum.standing(arguments.is_empty());
        match standing {
            Standing::Hidden => hidden(refusal(&weighed, &self.bundle.policies)),
            Standing::Allowed => Listed::new(server, tool, Some(action), standing),
            Standing::Depends | Standing::Approval => Listed {
                #[cfg(feature = "explain")]
                conditions: conditions(&weighed, &self.bundle.policies),
                arguments,
                approvals: sum.classes.into_iter().map(str::to_owned).collect(),
                ..Listed::new(server, tool, Some(action), standing)
            },
        }
    }

    /// The facts of a call whose arguments are not known.
    fn known(
        &self,
        call: &ToolCall,
        admitted: Admitted<'_>,
        known: holes::Known,
        ledger: &Ledger,
        now: Timestamp,
    ) -> Result<Gathered, Fault> {
        self.within(call, "listing", ledger, now)?;
        named(call)?;
        // What is asked is not known; the one fact that needs it is unknown, too.
        let ask = Digest::of(Domain::Call, &Json::Null);
        let mut require = self.bundle.catalog.require;
        // A task may come with the call.
        require.task &= known == holes::Known::Session;
        let about = self.bundle.about(&admitted.action.id).ok_or_else(|| unknown(admitted.action))?;
        let facts = self.facts(call, admitted, about, (ask, require), ledger, now).map_err(|refused| refused.0)?;
        facts.gathered()
    }

    /// The arguments that a policy may read, and that may have values which policies do not see as they are.
    fn inexact(&self, server: &Server, tool: &Tool, action: &Action) -> Vec<String> {
        let reads = self.bundle.engine().reads(&action.id);
        let read = |name: &&String| reads.touches(Root::Context, &["input".to_owned(), (*name).clone()]);
        let fields = tool.shape.fields().keys().filter(read);
        let unsure = fields.filter(|name| tool.chooser() != Some(name) && !server.certain(tool, name, None).exact);
        unsure.map(|name| format!("`/{name}` must be exact in its Cedar type")).collect()
    }
}

/// What could become of a call, over all cases.
#[derive(Default)]
struct Sum<'p> {
    allow: bool,
    deny: bool,
    approve: bool,
    classes: BTreeSet<&'p str>,
}

impl<'p> Sum<'p> {
    fn of(weighed: &[Vec<Weighed>], policies: &'p [Policy]) -> Self {
        let cases = weighed.iter().flatten().map(|one| one.outcomes.len()).max().unwrap_or(1);
        let mut sum = Self::default();
        for case in 0..cases {
            sum.case(weighed, policies, case);
        }
        sum
    }

    fn case(&mut self, weighed: &[Vec<Weighed>], policies: &'p [Policy], case: usize) {
        let (mut refused, mut waits) = (weighed.is_empty(), false);
        let mut classes = BTreeSet::new();
        for question in weighed {
            let (mut may, mut sure) = (false, false);
            for one in question {
                let outcome = one.outcomes.get(case).copied().unwrap_or(Outcome::ANY);
                let class = policies.get(one.policy).and_then(|policy| policy.approval.as_deref());
                match (one.forbids, class) {
                    (false, _) => {
                        may |= outcome.holds;
                        sure |= outcome == Outcome::TRUE;
                    }
                    (true, None) => {
                        self.deny |= outcome.holds || outcome.errs;
                        refused |= !outcome.fails;
                    }
                    (true, Some(class)) => {
                        self.deny |= outcome.errs;
                        refused |= !outcome.fails && !outcome.holds;
                        waits |= !outcome.fails;
                        classes.extend(outcome.holds.then_some(class));
                    }
                }
            }
            refused |= !may;
            self.deny |= !sure;
        }
        self.deny |= refused;
        if !refused {
            self.allow |= !waits;
            self.approve |= !classes.is_empty();
            self.classes.extend(classes);
        }
    }

    fn standing(&self, sure: bool) -> Standing {
        match (self.allow, self.approve) {
            (false, false) => Standing::Hidden,
            (false, true) => Standing::Approval,
            (true, false) if !self.deny && sure => Standing::Allowed,
            (true, _) => Standing::Depends,
        }
    }
}

/// Why nothing could be allowed.
fn refusal(weighed: &[Vec<Weighed>], policies: &[Policy]) -> String {
    let applies = |one: &&Weighed| one.forbids && one.outcomes.iter().all(|outcome| !outcome.fails);
    let forbids = weighed.iter().flatten().filter(applies).filter_map(|one| policies.get(one.policy));
    let forbids: BTreeSet<_> = forbids
        .filter(|policy| policy.approval.is_none())
        .map(|policy| match &policy.reason {
            Some(reason) => format!("`{}`: {reason}", policy.id),
            None => format!("`{}` forbids it", policy.id),
        })
        .gather();
    match forbids.is_empty() {
        true => "no policy could permit it".to_owned(),
        false => forbids.into_iter().collect::<Vec<_>>().join("; "),
    }
}

/// What remains to be seen of each policy.
#[cfg(feature = "explain")]
fn conditions(weighed: &[Vec<Weighed>], policies: &[Policy]) -> Vec<String> {
    let mut found = BTreeSet::new();
    for question in weighed {
        let surely = |one: &Weighed| !one.forbids && one.outcomes.iter().all(|outcome| *outcome == Outcome::TRUE);
        let permitted = question.iter().any(surely);
        for one in question.iter().filter(|one| one.forbids || !permitted) {
            let possible = one.outcomes.iter().any(|outcome| outcome.holds || (one.forbids && outcome.errs));
            let Some(policy) = policies.get(one.policy).filter(|_| possible && !one.rest.is_empty()) else { continue };
            let effect = if one.forbids { "forbid" } else { "permit" };
            found.insert((one.forbids, format!("{effect} {} when {{ {} }}", policy.id, cut(&one.rest))));
        }
    }
    let more = found.len().saturating_sub(CONDITIONS);
    let mut shown: Vec<_> = found.into_iter().take(CONDITIONS).map(|(_, text)| text).collect();
    shown.extend((more > 0).then(|| format!("… and {more} more")));
    shown
}

#[cfg(feature = "explain")]
fn cut(text: &str) -> String {
    match text.char_indices().nth(CONDITION) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A tool as a whole, by what could become of each of its operations.
fn together(server: &Server, tool: &Tool, argument: &str, each: &[Listed]) -> Listed {
    let all = |wanted: &[Standing]| each.iter().all(|one| wanted.contains(&one.standing));
    let chooses = server.chooses(tool);
    let standing = if all(&[Standing::Hidden]) {
        Standing::Hidden
    } else if all(&[Standing::Hidden, Standing::Approval]) {
        Standing::Approval
    } else if all(&[Standing::Allowed]) && chooses {
        Standing::Allowed
    } else {
        Standing::Depends
    };
    let names = each.iter().map(|one| format!("`{}` {}", one.operation.as_deref().unwrap_or(""), one.standing.name()));
    let arguments = match standing {
        Standing::Depends | Standing::Approval => {
            vec![format!("by `{argument}`: {}", names.collect::<Vec<_>>().join(", "))]
        }
        Standing::Allowed | Standing::Hidden => Vec::new(),
    };
    let why = (standing == Standing::Hidden).then(|| "none of its operations could be allowed".to_owned());
    let approvals: BTreeSet<_> = each.iter().flat_map(|one| one.approvals.iter().cloned()).gather();
    Listed { arguments, approvals: approvals.into_iter().collect(), why, ..Listed::new(server, tool, None, standing) }
}
