//! Looks for a call that two gates answer otherwise: among the calls of tests, and calls that differ from them in one thing or
//! two.

mod near;
mod values;
mod vary;
mod write;

use std::collections::BTreeSet;

use toolgate::{Decision, Gate, Json, Ledger, ToolCall};

pub(crate) use near::Near;
use values::Values;
pub(crate) use write::{last, single, written};

use crate::seen::Seen;

/// Calls that are tried for one topic.
const TRIES: usize = 3_000;

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

/// Tools that are tried of a policy that covers many.
const TOOLS: usize = 200;

/// What two gates differ in, as far as it is known.
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
    pub(crate) tells: &'a dyn Fn(&Decision, &Decision) -> bool,
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
    found: Option<Found<'s>>,
    /// A call that tells them, and that the baseline denies anyway.
    odd: Option<Found<'s>>,
}

impl<'s> Search<'_, 's> {
    /// Whether the search is over: found, or tried long enough.
    fn attempt(&mut self, base: &'s Seen, ledger: &Ledger, call: ToolCall, before: u32) -> bool {
        if self.tries == 0 || self.found.is_some() {
            return true;
        }
        self.tries -= 1;
        let answers = [self.pair.ours, self.pair.theirs].map(|gate| gate.decide(&call, ledger, base.now));
        let [ours, theirs] = &answers;
        // What never reaches policy tells nothing of it.
        if ours.basis().answers.is_empty() || !(self.pair.tells)(ours, theirs) {
            return false;
        }
        let found = Some(Found { base, call, before });
        if ours.basis().policies.iter().any(|id| id.starts_with("baseline/")) {
            if self.odd.is_none() {
                self.odd = found;
                self.tries = self.tries.min(BETTER);
            }
            return false;
        }
        self.found = found;
        true
    }
}

/// Looks for a call that tells two gates. `near`: the calls of the tests.
pub(crate) fn find<'s>(pair: &Pair<'_>, topic: &Topic<'_>, near: &Near<'s>) -> Option<Found<'s>> {
    let values = &near.values(topic);
    let ranked = near.ranked(topic.policy);
    let tools = &topic.tools;
    let (own, far): (Vec<&Seen>, Vec<_>) = ranked.into_iter().partition(|one| tools.contains(one.target().as_str()));
    let mut bases: Vec<(&Seen, ToolCall)> = own.iter().map(|one| (*one, one.call.clone())).collect();
    for one in own.into_iter().chain(far).take(TRANSPLANTED) {
        let others = tools.iter().filter(|tool| **tool != one.target()).take(TOOLS);
        bases.extend(others.filter_map(|tool| Some((one, transplanted(&one.call, tool, values)?))));
    }
    let mut search = Search { pair, tries: TRIES, found: None, odd: None };
    search.all(&bases, values);
    search.found.or(search.odd)
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
        None => ("tools/call", name, values.input(tool)?),
    };
    Some(ToolCall { server, tool: tool.to_owned(), method: method.to_owned(), input, ..call.clone() })
}

/// What calls an action is named in: an operation is chosen by an argument.
pub(crate) fn tool(action: &str) -> &str {
    action.split('#').next().unwrap_or_default()
}
