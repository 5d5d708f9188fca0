//! Tasks, their parts, and the grants that count for them.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Ledger, Revocation,
    event::{EventError, Grant, TaskOpened},
    forget::{Due, KEPT},
    limits,
};
use crate::{id::EntityRef, time::Timestamp};

/// A task, as far as it has come.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Task {
    pub(crate) opened: Arc<TaskOpened>,
    /// When it was completed or cancelled.
    pub(crate) over: Option<Timestamp>,
    /// The calls it made, those of its parts included.
    pub(crate) calls: u64,
    /// The grants issued for it.
    pub(crate) grants: BTreeSet<String>,
    /// The tick of its last change. Not a part of what it is.
    pub(crate) changed: u64,
}

impl Task {
    pub(crate) fn new(opened: TaskOpened) -> Self {
        Self { opened: Arc::new(opened), over: None, calls: 0, grants: BTreeSet::new(), changed: 0 }
    }

    /// When it is forgotten: not before its parts can be, which end with it at the latest.
    pub(crate) fn end(&self) -> Timestamp {
        self.opened.expires.plus(KEPT)
    }

    /// Whether it is forgotten.
    pub(crate) fn gone(&self, now: Timestamp) -> bool {
        self.end() <= now
    }
}

impl Ledger {
    /// The task of this id, unless it is forgotten.
    pub(crate) fn task(&self, id: &str, now: Timestamp) -> Option<&Task> {
        self.tasks.get(id).map(|task| &**task).filter(|task| !task.gone(now))
    }

    /// A task and the tasks it is a part of, itself first; fewer than there were where one of them is forgotten.
    pub(crate) fn lineage(&self, id: &str, now: Timestamp) -> impl Iterator<Item = &Task> {
        self.lineage_of(self.task(id, now), now)
    }

    /// As [`Ledger::lineage`], of a task that was looked up before.
    pub(crate) fn lineage_of<'l>(&'l self, first: Option<&'l Task>, now: Timestamp) -> impl Iterator<Item = &'l Task> {
        let up = move |task: &&Task| self.task(task.opened.parent.as_deref()?, now);
        std::iter::successors(first, up).take(limits::PARTS)
    }

    /// Whether calls may be made for a task: neither it nor a task it is a part of has ended or was revoked.
    pub(crate) fn task_active(&self, id: &str, now: Timestamp) -> bool {
        self.is_active(self.task(id, now), now)
    }

    /// As [`Ledger::task_active`], of a task that was looked up before.
    pub(crate) fn is_active(&self, task: Option<&Task>, now: Timestamp) -> bool {
        let mut whole = false;
        let good = self.lineage_of(task, now).all(|task| {
            whole = task.opened.parent.is_none();
            task.over.is_none()
                && now < task.opened.expires
                && (self.revoked.is_empty() || !self.is_revoked(&Revocation::Task(task.opened.id.clone()), now))
        });
        good && whole
    }

    /// How many calls a task may still make: the least that it and the tasks it is a part of have left.
    pub(crate) fn task_calls_left(&self, task: &Task, now: Timestamp) -> Option<u64> {
        self.lineage_of(Some(task), now)
            .filter_map(|task| Some(task.opened.max_calls?.saturating_sub(task.calls)))
            .min()
    }

    /// The grants that count in calls of any task, or of any task of an initiator.
    pub(crate) fn grants_for(&self, initiator: Option<&EntityRef>, now: Timestamp) -> impl Iterator<Item = &Grant> {
        let of = move |task: &&Arc<Task>| initiator.is_none_or(|initiator| task.opened.initiator == *initiator);
        let tasks = self.tasks.values().filter(of);
        tasks.flat_map(move |task| self.grants(Some(&**task).filter(|task| !task.gone(now)), now))
    }

    /// The grants that count in calls of a task.
    pub(crate) fn grants<'l>(&'l self, task: Option<&'l Task>, now: Timestamp) -> impl Iterator<Item = &'l Grant> {
        let known = task.filter(|task| !task.grants.is_empty() && self.is_active(Some(task), now));
        let ids = known.into_iter().flat_map(|task| task.grants.iter().map(move |id| (&task.opened.id, id)));
        let grants = ids.filter_map(|(task, id)| Some((task, self.grants.get(id.as_str())?)));
        grants
            .filter(|(task, grant)| grant.task == **task)
            .map(|(_, grant)| &**grant)
            .filter(move |grant| now < grant.expires && !self.is_revoked(&Revocation::Grant(grant.id.clone()), now))
    }

    pub(super) fn task_opened(&mut self, opened: TaskOpened, now: Timestamp) -> Result<(), EventError> {
        limits::task(&opened)?;
        let id = opened.id.clone();
        if self.task(&id, now).is_some() {
            return Err(EventError::TaskTaken(id));
        }
        if opened.expires <= now {
            return Err(EventError::Expired { what: format!("the task `{id}`"), at: opened.expires });
        }
        limits::room("tasks", self.tasks.size(), limits::TASKS)?;
        if let Some(parent) = &opened.parent {
            let whole = self.task(parent, now).ok_or_else(|| EventError::UnknownTask(parent.clone()))?;
            if !self.task_active(parent, now) {
                return Err(EventError::TaskOver(parent.clone()));
            }
            let wider = |how: String| EventError::TaskWider { task: id.clone(), parent: parent.clone(), how };
            if self.lineage(parent, now).count() >= limits::PARTS {
                return Err(wider(format!("tasks are parts of each other more than {} deep", limits::PARTS)));
            }
            narrower(&opened, &whole.opened).map_err(wider)?;
        }
        self.drop_task(&id);
        self.put_task(Task { changed: self.tick, ..Task::new(opened) });
        Ok(())
    }

    /// Forgets a task and its grants.
    pub(super) fn drop_task(&mut self, id: &str) {
        let Some(task) = self.tasks.get(id).cloned() else { return };
        for grant in &task.grants {
            // The grant's id may have been issued anew by now, for another task.
            if self.grants.get(grant.as_str()).is_some_and(|grant| grant.task == id) {
                self.grants.remove_mut(grant.as_str());
            }
        }
        self.tasks.remove_mut(id);
    }

    pub(crate) fn put_task(&mut self, task: Task) {
        let id: Arc<str> = task.opened.id.as_str().into();
        self.due.insert_mut((task.end(), Due::Task(id.clone())));
        self.tasks.insert_mut(id, Arc::new(task));
    }

    pub(super) fn task_over(&mut self, id: &str, now: Timestamp) -> Result<(), EventError> {
        let task = self.task(id, now).ok_or_else(|| EventError::UnknownTask(id.to_owned()))?;
        if task.over.is_some() || task.opened.expires <= now {
            return Err(EventError::TaskOver(id.to_owned()));
        }
        self.change_task(id, |task| task.over = Some(now));
        Ok(())
    }

    fn change_task(&mut self, id: &str, change: impl FnOnce(&mut Task)) {
        let tick = self.tick;
        if let Some(task) = self.tasks.get_mut(id).map(Arc::make_mut) {
            task.changed = tick;
            change(task);
        }
    }

    /// Charges a call to a task and to those it is a part of, or takes it back.
    pub(super) fn charge_task(&mut self, id: Option<&str>, calls: i64) {
        let mut charge = |id: &str| {
            let mut whole = None;
            self.change_task(id, |task| {
                task.calls = task.calls.saturating_add_signed(calls);
                whole.clone_from(&task.opened.parent);
            });
            whole
        };
        let mut next = id.and_then(&mut charge);
        for _ in 1..limits::PARTS {
            let Some(id) = next else { return };
            next = charge(&id);
        }
    }

    pub(super) fn grant_issued(&mut self, grant: Grant, now: Timestamp) -> Result<(), EventError> {
        limits::ids([&*grant.id, &grant.task, &grant.template])?;
        limits::entities([&grant.principal, &grant.resource].into_iter().flatten())?;
        if self.grants.get(grant.id.as_str()).is_some_and(|known| self.task(&known.task, now).is_some()) {
            return Err(EventError::GrantTaken(grant.id));
        }
        if grant.expires <= now {
            return Err(EventError::Expired { what: format!("the grant `{}`", grant.id), at: grant.expires });
        }
        let task = self.task(&grant.task, now).ok_or_else(|| EventError::UnknownTask(grant.task.clone()))?;
        if !self.task_active(&grant.task, now) {
            return Err(EventError::TaskOver(grant.task));
        }
        limits::room("grants of a task", task.grants.len(), limits::GRANTS)?;
        self.put_grant(grant);
        Ok(())
    }

    pub(crate) fn put_grant(&mut self, grant: Grant) {
        let id = grant.id.clone();
        self.change_task(&grant.task, |task| {
            task.grants.insert(id.clone());
        });
        self.grants.insert_mut(id.into(), Arc::new(grant));
    }
}

/// Whether a part is no wider than the whole. What groups of tools cover, only a bundle knows: the gate checks it.
fn narrower(part: &TaskOpened, whole: &TaskOpened) -> Result<(), String> {
    if part.initiator != whole.initiator {
        return Err(format!("it is done for {}, not for {}", part.initiator, whole.initiator));
    }
    if part.purpose != whole.purpose {
        return Err(format!("its purpose is `{}`, that of the whole is `{}`", part.purpose, whole.purpose));
    }
    if part.expires > whole.expires {
        return Err(format!("it expires at {}, the whole at {}", part.expires, whole.expires));
    }
    subset("destination", part.destinations.as_ref(), whole.destinations.as_ref())?;
    subset("object", part.objects.as_ref(), whole.objects.as_ref())?;
    match (part.max_calls, whole.max_calls) {
        (Some(part), Some(most)) if part > most => Err(format!("it may make {part} calls, the whole {most}")),
        (None, Some(most)) => Err(format!("it states no `max_calls`, the whole may make {most}")),
        _ => Ok(()),
    }
}

fn subset<T: Ord + std::fmt::Display>(
    what: &str,
    part: Option<&BTreeSet<T>>,
    whole: Option<&BTreeSet<T>>,
) -> Result<(), String> {
    let Some(whole) = whole else { return Ok(()) };
    let Some(part) = part else { return Err(format!("it states no {what}s, so that any would do")) };
    match part.iter().find(|one| !whole.contains(one)) {
        Some(more) => Err(format!("the whole has no {what} `{more}`")),
        None => Ok(()),
    }
}
