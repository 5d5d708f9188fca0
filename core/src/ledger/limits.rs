//! How much a ledger holds. Beyond, an event is refused and a call is denied: nothing is dropped to make room.

use std::collections::BTreeSet;

use super::{
    call::{Outcome, Reservation},
    event::{EventError, TaskOpened},
};
pub(super) use crate::limits::LEDGER_LABELS as LABELS;
use crate::{
    id::{EntityRef, is_type},
    limits::LEDGER_NAME as ID,
};

/// Sessions that are not forgotten.
pub(super) const SESSIONS: usize = 4_000_000;
/// Tasks that are not forgotten.
pub(super) const TASKS: usize = 4_000_000;
/// Reserved calls without an outcome.
pub(super) const CALLS: usize = 4_000_000;
/// Digests of calls that hold an approval.
pub(super) const APPROVED: usize = 1_000_000;
/// Grants of one task.
pub(super) const GRANTS: usize = 256;
/// Approvals of one call.
pub(super) const APPROVALS: usize = 16;
/// Calls of one initiator that wait for an approval.
pub(super) const WAITING: usize = 64;
/// How deep tasks are parts of each other, the whole included.
pub(super) const PARTS: usize = 8;
/// Members of one set in an event.
pub(super) const SET: usize = 4096;

pub(super) fn room(what: &'static str, held: usize, most: usize) -> Result<(), EventError> {
    if held < most { Ok(()) } else { Err(EventError::Full { what, most }) }
}

pub(super) fn ids<'a>(all: impl IntoIterator<Item = &'a (impl AsRef<str> + ?Sized + 'a)>) -> Result<(), EventError> {
    all.into_iter().try_for_each(|one| id(one.as_ref()))
}

fn id(id: &str) -> Result<(), EventError> {
    if id.len() > ID {
        let message = format!("an identifier of {} bytes is longer than the {ID} allowed", id.len());
        return Err(EventError::TooLong(message));
    }
    if id.is_empty() {
        return Err(EventError::TooLong("an identifier is empty".to_owned()));
    }
    Ok(())
}

/// Entities that a snapshot can write and read back.
pub(super) fn entities<'a>(all: impl IntoIterator<Item = &'a EntityRef>) -> Result<(), EventError> {
    all.into_iter().try_for_each(|one| {
        id(&one.id)?;
        let wrong = || EventError::TooLong(format!("`{}` is no type of entities", cut(&one.kind).escape_debug()));
        is_type(&one.kind).then_some(()).ok_or_else(wrong)
    })
}

pub(super) fn set(what: &str, size: usize, most: usize) -> Result<(), EventError> {
    let message = || format!("{size} {what} are more than the {most} allowed");
    if size <= most { Ok(()) } else { Err(EventError::TooLong(message())) }
}

pub(super) fn task(opened: &TaskOpened) -> Result<(), EventError> {
    let TaskOpened { id, parent, purpose, initiator, tools, destinations, objects, .. } = opened;
    ids([id.as_str()].into_iter().chain(parent.as_deref()))?;
    entities([initiator])?;
    if purpose.len() > ID {
        return Err(EventError::TooLong(format!("the purpose is longer than {ID} bytes")));
    }
    let places = destinations.as_ref().map_or(0, BTreeSet::len);
    let things = objects.as_ref().map_or(0, BTreeSet::len);
    for (what, size) in [("tools", tools.len()), ("destinations", places), ("objects", things)] {
        set(what, size, SET)?;
    }
    ids(tools.iter().chain(destinations.iter().flatten()))?;
    entities(objects.iter().flatten())
}

pub(super) fn reservation(call: &Reservation) -> Result<(), EventError> {
    if call.chain.is_empty() {
        return Err(EventError::TooLong("a call is reserved for nobody".to_owned()));
    }
    entities(&call.chain)?;
    ids([&*call.server, &call.tool, &call.seen])?;
    ids([&call.session, &call.key, &call.task].into_iter().flatten())?;
    ids(call.credential.iter().map(|credential| &*credential.id))?;
    ids(&call.labels)?;
    set("labels", call.labels.len(), LABELS)?;
    set("actors", call.chain.len(), LABELS)
}

/// The beginning of a text that is too long to keep.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(ID / 4).collect()
}

impl Outcome {
    /// The outcome with what only records show cut to size. Labels are left as they are: none may be lost.
    pub(crate) fn bounded(mut self) -> Self {
        let short = |text: &mut String| {
            if text.len() > ID {
                *text = cut(text);
            }
        };
        self.credentials.truncate(LABELS);
        self.downstream.truncate(LABELS);
        self.sensitivity.iter_mut().for_each(short);
        for used in &mut self.credentials {
            short(&mut used.id);
            used.issuer.iter_mut().chain(&mut used.audience).for_each(short);
        }
        for reached in &mut self.downstream {
            short(&mut reached.system);
            reached.operation.iter_mut().for_each(short);
        }
        self
    }
}
