//! Calls that no test makes, made of the parts of those that tests make: whoever asks, asking for whatever is asked for,
//! from wherever; and each call with one thing about it changed.

use std::collections::{BTreeMap, BTreeSet};

use toolgate::{Json, Origin, ToolCall};

use super::judge;
use crate::suite::Suite;

/// Calls that are made up for one invariant: enough for every pair of the calls of an ordinary suite.
pub(super) const MOST: usize = 2_048;

/// Values that are tried in one place of a call's arguments.
const VALUES: usize = 16;

/// What the calls of a suite are made of.
pub(super) struct Parts<'s> {
    calls: Vec<&'s ToolCall>,
    /// The texts that stand in each place of a tool's arguments, by `server/tool` and pointer.
    texts: BTreeMap<(String, String), BTreeSet<&'s str>>,
}

impl<'s> Parts<'s> {
    pub(super) fn of(suite: &'s Suite) -> Self {
        let mut seen = BTreeSet::new();
        let mut calls = Vec::new();
        let mut texts: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for call in suite.cases.iter().flat_map(|case| case.calls()) {
            if !seen.insert(format!("{} {:?} {} {:?}", judge::call(call), call.origin, chain(call), call.transport)) {
                continue;
            }
            calls.push(call);
            leaves(&call.input, &mut |pointer, text| {
                let values = texts.entry((tool(call), pointer.to_owned())).or_default();
                if values.len() < VALUES {
                    values.insert(text);
                }
            });
        }
        Self { calls, texts }
    }

    /// Everyone who asks, asking for everything that is asked for: first each of them for each tool.
    pub(super) fn crossed(&self) -> impl Iterator<Item = ToolCall> {
        let first = |of: fn(&ToolCall) -> String| {
            let mut seen = BTreeSet::new();
            self.calls.iter().copied().filter(move |call| seen.insert(of(call))).collect::<Vec<_>>()
        };
        let (whos, whats) = (first(chain), first(tool));
        let some = whos.into_iter().flat_map(move |who| whats.clone().into_iter().map(move |what| (who, what)));
        let pairs = some.chain(self.calls.iter().flat_map(|who| self.calls.iter().map(move |what| (*who, *what))));
        pairs.filter(|(who, what)| !std::ptr::eq(*who, *what)).map(|(who, what)| ToolCall {
            server: what.server.clone(),
            method: what.method.clone(),
            tool: what.tool.clone(),
            input: what.input.clone(),
            ..who.clone()
        })
    }

    /// A call with one thing about it changed.
    pub(super) fn varied(&self, call: &ToolCall) -> Vec<ToolCall> {
        let mut made = Vec::new();
        let mut with = |change: &dyn Fn(&mut ToolCall)| {
            let mut other = call.clone();
            change(&mut other);
            made.push(other);
        };
        for origin in Origin::ALL {
            if origin != call.origin {
                with(&|other| other.origin = origin);
            }
        }
        if call.session.is_some() {
            with(&|other| other.session = None);
        }
        if call.task.is_some() {
            with(&|other| other.task = None);
        }
        if call.credential.is_some() {
            with(&|other| other.credential = None);
        }
        if !call.on_behalf_of.is_empty() {
            with(&|other| other.on_behalf_of.clear());
        }
        let mut places = Vec::new();
        leaves(&call.input, &mut |pointer, text| places.push((pointer.to_owned(), text)));
        for (pointer, text) in places {
            let key = (tool(call), pointer);
            for value in self.texts.get(&key).into_iter().flatten().filter(|value| **value != text) {
                with(&|other| put(&mut other.input, &key.1, value));
            }
        }
        made
    }
}

/// Who asks, claims included.
fn chain(call: &ToolCall) -> String {
    call.chain().map(|actor| format!("{}{} ", actor.entity(), Json::Object(actor.claims.clone()))).collect()
}

fn tool(call: &ToolCall) -> String {
    format!("{}/{}{}", call.server, call.method, call.tool)
}

/// Tells of every text within a value, with its pointer. As deep as the arguments of a call, which are bounded.
fn leaves<'j>(value: &'j Json, tell: &mut dyn FnMut(&str, &'j str)) {
    let mut next = vec![(String::new(), value)];
    while let Some((pointer, value)) = next.pop() {
        match value {
            Json::String(text) => tell(&pointer, text),
            Json::Array(items) => {
                next.extend(items.iter().enumerate().map(|(at, item)| (format!("{pointer}/{at}"), item)));
            }
            Json::Object(members) => {
                next.extend(members.iter().map(|(name, value)| (format!("{pointer}/{name}"), value)));
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }
}

fn put(value: &mut Json, pointer: &str, text: &str) {
    let mut here = value;
    for step in pointer.split('/').skip(1) {
        let next = match here {
            Json::Array(items) => step.parse::<usize>().ok().and_then(|at| items.get_mut(at)),
            Json::Object(members) => members.get_mut(step),
            _ => None,
        };
        match next {
            Some(next) => here = next,
            None => return,
        }
    }
    *here = text.into();
}
