//! Whether an event names what the bundle knows, and allows no more than the bundle does.

use super::{PolicyBundle, actions::GROUPS};
use crate::{
    PrincipalKind, Timestamp,
    catalog::{Action, Tool, did_you_mean},
    facts::covers_tool,
    id::EntityRef,
    ledger::{Approval, Event, EventError, LabelsLowered, Ledger, Revocation, Scope, TaskOpened},
};

/// The group that may lower labels, where a bundle has it.
const LOWERS: &str = "lower-labels";

impl PolicyBundle {
    /// What is wrong with an event in the eyes of the bundle.
    pub(crate) fn takes(&self, event: &Event, ledger: &Ledger, now: Timestamp) -> Result<(), EventError> {
        match event {
            Event::TaskOpened(task) => {
                self.knows(event).map_err(EventError::Unknown)?;
                self.narrower(task, ledger, now)
            }
            Event::LabelsLowered(lowered) => {
                self.knows(event).map_err(EventError::Unknown)?;
                self.lower(lowered, ledger, now)
            }
            Event::GrantIssued(grant) => self.fits(grant).map_err(EventError::GrantUnfit),
            Event::ApprovalGranted(approval) => {
                self.knows(event).map_err(EventError::Unknown)?;
                self.may_approve(approval)
            }
            _ => self.knows(event).map_err(EventError::Unknown),
        }
    }

    /// What an event names that the bundle does not have, in words.
    fn knows(&self, event: &Event) -> Result<(), String> {
        match event {
            Event::SessionOpened { owner, .. } => actor(owner),
            Event::LabelsLowered(LabelsLowered { seen, by, .. }) => {
                actor(by)?;
                seen.as_deref().map_or(Ok(()), |level| self.level(level))
            }
            Event::TaskOpened(task) => {
                actor(&task.initiator)?;
                task.tools.iter().try_for_each(|tool| self.action(tool))
            }
            Event::ApprovalGranted(approval) => {
                actor(&approval.approver)?;
                let classes: Vec<_> = self.policies.iter().filter_map(|policy| policy.approval.as_deref()).collect();
                known("approval class", &approval.class, classes)
            }
            Event::ApprovalRefused { approver, .. } => actor(approver),
            Event::Revoked { what, .. } => match what {
                Revocation::Principal(id) => actor(id),
                Revocation::Server(id) => self.server(id),
                Revocation::Tool(id) => known("tool", id, self.catalog.tools().map(|(_, tool)| &*tool.id).collect()),
                Revocation::Credential(_) | Revocation::Session(_) | Revocation::Task(_) | Revocation::Grant(_) => {
                    Ok(())
                }
            },
            Event::Halted(Scope::Server(id)) => self.server(id),
            Event::ToolsListed { server, .. } => self.server(server),
            Event::McpTaskCreated { server, owner, .. } => {
                self.server(server)?;
                actor(owner)
            }
            Event::Resumed(Scope::Server(id)) => self.server(id),
            // What ends something is never refused for what the bundle no longer has; what comes of a call was decided, and
            // a level that nobody knows counts as the highest.
            Event::SessionEnded(_)
            | Event::TaskCompleted(_)
            | Event::TaskCancelled(_)
            | Event::GrantIssued(_)
            | Event::ApprovalRequested(_)
            | Event::Reinstated(_)
            | Event::Halted(_)
            | Event::Resumed(_)
            | Event::CallReserved(_)
            | Event::CallCompleted { .. }
            | Event::CallStarted(_)
            | Event::CallAborted(_)
            | Event::CallDenied(_) => Ok(()),
        }
    }

    /// A part of a task covers no action that the whole does not cover.
    fn narrower(&self, task: &TaskOpened, ledger: &Ledger, now: Timestamp) -> Result<(), EventError> {
        let Some(parent) = &task.parent else { return Ok(()) };
        let covers = |tools, (tool, action): (&Tool, &Action)| covers_tool(tools, &tool.id, action);
        let mut actions = self.catalog.tools().flat_map(|(_, tool)| tool.actions().map(move |action| (tool, action)));
        let whole: Vec<_> = ledger.lineage(parent, now).map(|task| &task.opened.tools).collect();
        let more = actions.find(|one| covers(&task.tools, *one) && !whole.iter().all(|tools| covers(tools, *one)));
        match more {
            Some((_, action)) if !whole.is_empty() => Err(EventError::TaskWider {
                task: task.id.clone(),
                parent: parent.clone(),
                how: format!("the whole does not cover `{}`", action.id),
            }),
            _ => Ok(()),
        }
    }

    /// Where the bundle says who may lower labels, it is one of them; and the level that counts from now on is not above
    /// what the session has seen.
    fn lower(&self, lowered: &LabelsLowered, ledger: &Ledger, now: Timestamp) -> Result<(), EventError> {
        if let Some(group) = self.outside(LOWERS, &lowered.by) {
            return Err(EventError::NotLowered(format!("{} is not in {group}, and lowers no labels", lowered.by)));
        }
        let (Some(level), Some(session)) = (&lowered.seen, ledger.session(&lowered.session, now)) else {
            return Ok(());
        };
        let levels = &self.catalog.levels;
        let index = |name: &str| levels.index(name).unwrap_or(levels.highest());
        let brought = ledger.ended(session, now).map(|call| &*call.reservation.seen);
        let seen = session.levels.kept().chain(brought).map(index).max().unwrap_or(0);
        if index(level) <= seen {
            return Ok(());
        }
        let seen = levels.name(seen);
        Err(EventError::NotLowered(format!("`{level}` is above `{seen}`, the highest that the session has seen")))
    }

    /// Where the bundle says who is in the group of an approver class, the approver must be.
    fn may_approve(&self, approval: &Approval) -> Result<(), EventError> {
        let Approval { class, approver, .. } = approval;
        self.outside(class, approver).map_or(Ok(()), |group| {
            Err(EventError::NotApprover(format!("{approver} is not in {group}, and cannot approve for `{class}`")))
        })
    }

    /// The group of this name, if the bundle has it and `id` is not in it.
    fn outside(&self, group: &str, id: &EntityRef) -> Option<EntityRef> {
        let group = EntityRef::new("Group", group);
        (self.store.get(&group).is_some() && !self.store.within(id, &group)).then_some(group)
    }

    fn server(&self, id: &str) -> Result<(), String> {
        known("server", id, self.servers().collect())
    }

    fn level(&self, name: &str) -> Result<(), String> {
        known("sensitivity level", name, self.catalog.levels.names().iter().map(String::as_str).collect())
    }

    /// A tool, one of its verbs, or a group.
    fn action(&self, id: &str) -> Result<(), String> {
        let tools = self.catalog.tools().map(|(_, tool)| tool);
        let actions = tools.flat_map(|tool| std::iter::once(&*tool.id).chain(tool.actions().map(|action| &*action.id)));
        known("tool or action group", id, actions.chain(GROUPS.iter().map(|(name, _)| *name)).collect())
    }
}

fn actor(id: &EntityRef) -> Result<(), String> {
    known("kind of actor", &id.kind, PrincipalKind::ALL.map(PrincipalKind::name).into())
}

fn known(what: &str, name: &str, all: Vec<&str>) -> Result<(), String> {
    if all.contains(&name) {
        return Ok(());
    }
    let near = did_you_mean(name, all);
    Err(format!("the bundle has no {what} `{}`{near}", name.escape_debug()))
}
