//! A record as it was kept: what can still be told of a call from its line.

use super::{ChainError, chain, redact::REDACTED};
use crate::{Credential, Decision, Digest, EntityRef, Json, Origin, Principal, PrincipalKind, Timestamp, ToolCall};

/// The record of a decision, as [`wire::read_record`](crate::wire::read_record) reads it.
#[derive(Clone, Debug)]
pub struct KeptRecord {
    /// When it was decided.
    pub at: Timestamp,
    /// What was decided. Of the details of a deny, what a record shows.
    pub decision: Decision,
    /// The bundle that decided: its name, version and digest.
    pub bundle: (String, String, Digest),
    /// What was asked; nothing of what never became a call.
    pub(crate) asked: Option<Kept>,
    /// What was known, for each actor; nothing of a call that no policy was asked about.
    pub(crate) hops: Option<Vec<Hop>>,
}

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) server: String,
    pub(crate) method: String,
    pub(crate) tool: String,
    pub(crate) action: Option<String>,
    pub(crate) chain: Vec<String>,
    pub(crate) task: Option<String>,
    pub(crate) session: Option<String>,
    pub(crate) origin: Origin,
    pub(crate) transport: Option<String>,
    pub(crate) input_digest: Digest,
    pub(crate) arguments: Json,
}

/// What was known when one actor was asked about.
#[derive(Clone, Debug)]
pub(crate) struct Hop {
    pub(crate) context: Json,
    /// Of the actor, what policies could look at.
    pub(crate) attributes: Json,
}

impl Hop {
    /// What stands at a path of the context.
    pub(crate) fn fact(&self, path: &[&str]) -> Option<&Json> {
        path.iter().try_fold(&self.context, |here, name| here.get(name))
    }
}

impl KeptRecord {
    /// The action that was asked for: `server/tool`, or `server/tool#operation`. Nothing where the bundle knew none.
    pub fn action(&self) -> Option<&str> {
        self.asked.as_ref()?.action.as_deref()
    }

    /// The actors, caller first, as the record names them.
    pub fn chain(&self) -> impl Iterator<Item = &str> {
        self.asked.iter().flat_map(|asked| &asked.chain).map(String::as_str)
    }
}

impl Kept {
    /// The call again, without claims, and the paths of arguments that the record hides.
    ///
    /// # Errors
    /// What else of it the record hides.
    pub(crate) fn call(&self, credential: Option<Credential>) -> Result<(ToolCall, Vec<Vec<String>>), String> {
        let single = [("server", &self.server), ("method", &self.method), ("tool", &self.tool)];
        let maybe = [("task", &self.task), ("session", &self.session), ("transport", &self.transport)];
        let maybe = maybe.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?)));
        let chain = self.chain.iter().map(|text| ("principal", text));
        for (name, text) in single.into_iter().chain(maybe).chain(chain) {
            if text.contains(REDACTED) || text.chars().count() >= super::SHORT {
                return Err(format!("the record hides or cuts its `{name}`"));
            }
        }
        let mut hidden = Vec::new();
        if Digest::of(super::Domain::Input, &self.arguments) != self.input_digest {
            hide(&self.arguments, &mut Vec::new(), &mut hidden);
            if hidden.is_empty() {
                return Err("its arguments are not those of the call".to_owned());
            }
        }
        let actor = |text: &String| {
            let id = EntityRef::parse(text)?;
            Some(Principal::new(PrincipalKind::parse(&id.kind)?, &*id.id))
        };
        let actors = self.chain.iter().map(actor).collect::<Option<Vec<_>>>();
        let mut actors = actors.ok_or("the record names no actor")?.into_iter();
        let mut call = ToolCall::new(&*self.server, &*self.tool, actors.next().ok_or("the record names no actor")?);
        call.method.clone_from(&self.method);
        call.input.clone_from(&self.arguments);
        call.on_behalf_of = actors.collect();
        call.credential = credential;
        (call.task, call.session) = (self.task.clone(), self.session.clone());
        (call.origin, call.transport) = (self.origin, self.transport.clone());
        Ok((call, hidden))
    }
}

/// Puts the paths at which something is hidden. What stands in a list is a part of it.
fn hide(shown: &Json, path: &mut Vec<String>, hidden: &mut Vec<Vec<String>>) {
    match shown {
        Json::Object(members) if !members.keys().any(|name| name.contains(REDACTED)) => {
            for (name, value) in members {
                path.push(name.clone());
                hide(value, path, hidden);
                path.pop();
            }
        }
        other if hides(other) => hidden.push(path.clone()),
        _ => {}
    }
}

/// Whether something in it is hidden.
pub(crate) fn hides(shown: &Json) -> bool {
    match shown {
        Json::String(text) => text.contains(REDACTED),
        Json::Array(items) => items.iter().any(hides),
        Json::Object(members) => members.iter().any(|(name, value)| name.contains(REDACTED) || hides(value)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

/// Checks that a line of records is as it was written, whatever stands before it.
///
/// # Errors
/// It is no record, or was changed.
pub(crate) fn sealed(line: &str) -> Result<(), ChainError> {
    chain::opened(line, 1).map(drop)
}
