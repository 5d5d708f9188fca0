//! Looks for a call that two gates answer otherwise: among the calls of tests, and calls that differ from them in one thing or
//! two.

mod near;
mod values;
mod vary;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use toolgate::{Decision, Gate, Json, Ledger, Origin, Place, Timestamp, ToolCall};

pub(crate) use near::Near;
use values::{Tools, Values};
pub(crate) use write::{call_text, last, single, written};

use crate::{
    run::Bench,
    seen::Seen,
    suite::{Expect, Expected},
};

/// Calls that are tried for one topic.
pub(crate) const TRIES: usize = 3_000;

/// Calls that are tried for all topics of one bundle together, as long as each has [`FEWEST`].
const ALL_TRIES: usize = 60_000;

/// Calls that are tried for one topic of very many.
const FEWEST: usize = 200;

/// Calls that are tried for a better one, once one was found.
const BETTER: usize = 500;

/// Times that a call is repeated to fill a counter.
const REPEATS: u32 = 120;

/// Calls that are repeated.
const REPEATED: usize = 6;

/// Calls that are put to other tools.
const TRANSPLANTED: usize = 8;

/// Calls that are varied in two things.
const VARIED_TWICE: usize = 3;

/// The methods that policies decide like tools, with the argument that each must have.
const METHODS: [(&str, &str); 2] = [("resources/read", "uri"), ("prompts/get", "name")];

/// Actors whose calls are made up.
const ACTORS: usize = 6;

/// Tools that are tried of a policy that covers many.
const TOOLS: usize = 200;

/// What two gates differ in, as far as it is known.
#[derive(Default)]
pub(crate) struct Topic<'a> {
    /// The policy that differs; calls in which most of it holds are looked at first.
    pub(crate) policy: &'a str,
    /// What else stands in it on the other side.
    pub(crate) text: &'a str,
    /// The tools, as `server/tool`, and the methods that it is about.
    pub(crate) tools: BTreeSet<&'a str>,
}

/// Two gates, and what of their answers to one call tells them.
pub(crate) struct Pair<'a> {
    /// The gate whose tests are begun with.
    pub(crate) ours: &'a Gate,
    pub(crate) theirs: &'a Gate,
    /// How many kinds of calls are looked for.
    pub(crate) kinds: usize,
    /// Calls that are tried.
    pub(crate) tries: usize,
    /// The kind of a call that was answered so, if it tells them.
    pub(crate) tells: &'a dyn Fn(&Decision, &Decision) -> Option<usize>,
}

/// A call that was found, and how to come there.
pub(crate) struct Found<'s> {
    /// The call of the tests that it was made of.
    pub(crate) base: &'s Seen,
    pub(crate) call: ToolCall,
    /// How often the same call is made before it.
    pub(crate) before: u32,
}

struct Search<'a, 's> {
    pair: &'a Pair<'a>,
    tries: usize,
    /// A call of each kind.
    found: Vec<Option<Found<'s>>>,
    /// A call of each kind that the baseline denies anyway.
    odd: Vec<Option<Found<'s>>>,
}

impl<'s> Search<'_, 's> {
    /// Whether the search is over: found, or tried long enough.
    fn attempt(&mut self, base: &'s Seen, ledger: &Ledger, call: ToolCall, before: u32) -> bool {
        if self.tries == 0 {
            return true;
        }
        self.tries -= 1;
        let answers = [self.pair.ours, self.pair.theirs].map(|gate| gate.decide(&call, ledger, base.now));
        let [ours, theirs] = &answers;
        // What never reaches policy tells nothing of it.
        if ours.basis().answers.is_empty() {
            return false;
        }
        let Some(kind) = (self.pair.tells)(ours, theirs) else { return false };
        let by_baseline = ours.basis().policies.iter().any(|id| id.starts_with("baseline/"));
        let place = if by_baseline { self.odd.get_mut(kind) } else { self.found.get_mut(kind) };
        let Some(free @ None) = place else { return false };
        *free = Some(Found { base, call, before });
        if self.found.iter().zip(&self.odd).all(|(found, odd)| found.is_some() || odd.is_some()) {
            self.tries = self.tries.min(BETTER);
        }
        if self.found.iter().all(Option::is_some) {
            self.tries = 0;
        }
        self.tries == 0
    }
}

/// Calls that are tried for each of so many topics.
pub(crate) fn share(topics: usize) -> usize {
    ALL_TRIES.checked_div(topics).unwrap_or(TRIES).clamp(FEWEST, TRIES)
}

/// Looks for calls that tell two gates, one of each kind. `near`: the calls of the tests.
pub(crate) fn find<'s>(pair: &Pair<'_>, topic: &Topic<'_>, near: &Near<'s>) -> Vec<Found<'s>> {
    let values = &near.values(topic);
    let ranked = near.ranked(topic.policy);
    let tools = &topic.tools;
    let (own, far): (Vec<&Seen>, Vec<_>) = ranked.into_iter().partition(|one| tools.contains(one.target().as_str()));
    let mut bases: Vec<(&Seen, ToolCall)> = own.iter().map(|one| (*one, one.call.clone())).collect();
    for one in own.into_iter().chain(far).take(TRANSPLANTED) {
        let others = tools.iter().filter(|tool| **tool != one.target()).take(TOOLS);
        bases.extend(others.filter_map(|tool| Some((one, transplanted(&one.call, tool, values)?))));
    }
    let none = || (0..pair.kinds).map(|_| None).collect();
    let mut search = Search { pair, tries: pair.tries, found: none(), odd: none() };
    search.all(&bases, values);
    search.found.into_iter().zip(search.odd).filter_map(|(found, odd)| found.or(odd)).collect()
}

impl<'s> Search<'_, 's> {
    fn all(&mut self, bases: &[(&'s Seen, ToolCall)], values: &Values<'_>) {
        if bases.iter().any(|(base, call)| self.attempt(base, &base.ledger, call.clone(), 0)) {
            return;
        }
        for (base, call) in bases.iter().take(REPEATED) {
            let mut ledger = base.ledger.clone();
            for before in 1..=REPEATS {
                if !self.pair.ours.authorize(call, &mut ledger, base.now).decision.is_allow() {
                    break;
                }
                if self.attempt(base, &ledger, call.clone(), before) {
                    return;
                }
            }
        }
        for (base, call) in bases {
            if vary::each(call, values, base.now, &mut |changed| self.attempt(base, &base.ledger, changed, 0)) {
                return;
            }
        }
        for (base, call) in bases.iter().take(VARIED_TWICE) {
            let over = vary::each(call, values, base.now, &mut |changed| {
                vary::each(&changed, values, base.now, &mut |changed| self.attempt(base, &base.ledger, changed, 0))
            });
            if over {
                return;
            }
        }
    }
}

/// Calls to the tools, the operations of tools and the methods that no test calls: the least that their schemas demand, by
/// actors whom the bundle knows, or by nobody known.
pub(crate) fn made(bench: &Bench, seen: &[Seen], now: Timestamp) -> Vec<Seen> {
    let bundle = bench.gate().bundle();
    let tools = Tools::of(bundle, seen);
    let values = Values::of(bundle, &tools, &Topic::default(), std::iter::empty());
    let mut inputs: BTreeMap<&str, Vec<&Json>> = BTreeMap::new();
    let targets: Vec<_> = seen.iter().map(|one| (one.target(), &one.call.input)).collect();
    targets.iter().for_each(|(target, input)| inputs.entry(target).or_default().push(input));
    let called = |action: &str| {
        let (name, verb) = action.split_once('#').map_or((action, None), |(name, verb)| (name, Some(verb)));
        inputs.get(name).is_some_and(|inputs| verb.is_none_or(|verb| inputs.iter().any(|input| chooses(input, verb))))
    };
    // What a test says of its caller, where calls must carry more than an actor.
    let like = seen.iter().find(|one| one.call.credential.is_some());
    let reports = bundle.tools();
    let missing = reports.iter().filter(|report| !called(&report.action)).take(TOOLS);
    let made = missing.flat_map(|report| {
        let calls = values.principals.iter().take(ACTORS).filter_map(|actor| {
            let (server, _) = report.action.split_once('/')?;
            let mut call = ToolCall::new(server, "", actor.clone());
            (call.session, call.origin) = (Some("s-new".to_owned()), Origin::User);
            least(&call, &report.action, &values).into_iter().find_map(|call| {
                let one = undecided(bench, call, now);
                let one = match like.filter(|_| one.decision.basis().answers.is_empty()) {
                    Some(like) => undecided(bench, borrowed(&one.call, &like.call), like.now),
                    None => one,
                };
                // What policies never see is told, too, where no choice of an argument gets further.
                let asked = !report.action.contains('#') || !one.decision.basis().answers.is_empty();
                asked.then_some(one)
            })
        });
        calls.collect::<Vec<_>>()
    });
    made.collect()
}

/// A call that is of no test, with what is decided of it.
fn undecided(bench: &Bench, call: ToolCall, now: Timestamp) -> Seen {
    let ledger = Ledger::new();
    let decision = bench.gate().decide(&call, &ledger, now);
    Seen { case: String::new(), place: Place::whole(&"".into()), call, ledger, now, decision, expect: anything() }
}

/// A call with what another one says of its caller's token, and of those on whose behalf it is.
fn borrowed(call: &ToolCall, from: &ToolCall) -> ToolCall {
    let (credential, transport) = (from.credential.clone(), from.transport.clone());
    ToolCall { credential, transport, on_behalf_of: from.on_behalf_of.clone(), ..call.clone() }
}

/// Whether an argument says this; it is how an operation is chosen.
fn chooses(input: &Json, verb: &str) -> bool {
    input.as_object().is_some_and(|input| input.iter().any(|(_, value)| value.as_str() == Some(verb)))
}

/// Calls like this one to an action, with the least that its schema demands. An operation is chosen by an argument: first by
/// those that list it.
fn least(call: &ToolCall, action: &str, values: &Values<'_>) -> Vec<ToolCall> {
    let (name, verb) = action.split_once('#').map_or((action, None), |(name, verb)| (name, Some(verb)));
    let Some(call) = transplanted(call, name, values) else { return Vec::new() };
    let Some(verb) = verb else { return vec![call] };
    let arguments = values.arguments(name).iter().filter(|(_, property)| {
        property.get("enum").is_some() || property.get("type").and_then(Json::as_str) == Some("string")
    });
    let lists = |property: &Json| {
        let choices = property.get("enum").and_then(Json::as_array);
        choices.is_some_and(|choices| choices.iter().any(|choice| choice.as_str() == Some(verb)))
    };
    let mut arguments: Vec<_> = arguments.map(|(name, property)| (!lists(property), name)).collect();
    arguments.sort_by_key(|(other, _)| *other);
    let chosen = arguments.into_iter().map(|(_, name)| {
        let mut call = call.clone();
        vary::set(&mut call, name, Some(Json::from(verb)));
        call
    });
    chosen.collect()
}

/// What nothing is held against.
fn anything() -> Expect {
    let answer = Expected::Allow { policies: None, obligations: None };
    let place = Place::whole(&"".into());
    Expect { answer, among: BTreeSet::new(), because: None, errors: BTreeSet::new(), place }
}

/// The ledger after a call was made so many times, and done.
pub(crate) fn repeated(gate: &Gate, ledger: &Ledger, call: &ToolCall, now: Timestamp, times: u32) -> Ledger {
    let mut ledger = ledger.clone();
    for _ in 0..times {
        let record = gate.authorize(call, &mut ledger, now);
        if let Some(id) = record.id {
            // A call that cannot be ended stays reserved, and counts all the same.
            let _ = gate.complete(&mut ledger, id, toolgate::Outcome::new(toolgate::Status::Done), now);
        }
    }
    ledger
}

/// A call to another tool, by the same actors and with arguments that the tool takes.
fn transplanted(call: &ToolCall, tool: &str, values: &Values<'_>) -> Option<ToolCall> {
    let (server, name) = tool.split_once('/')?;
    let server = server.to_owned();
    let least = METHODS.iter().find(|(method, _)| *method == name);
    let (method, tool, input) = match least {
        Some((method, argument)) => {
            let input = [((*argument).to_owned(), Json::from("x"))].into_iter().collect();
            (*method, "", Json::Object(input))
        }
        None => ("tools/call", name, values.input(tool, &call.input)?),
    };
    Some(ToolCall { server, tool: tool.to_owned(), method: method.to_owned(), input, ..call.clone() })
}

/// What calls an action is named in: an operation is chosen by an argument.
pub(crate) fn tool(action: &str) -> &str {
    action.split('#').next().unwrap_or_default()
}
