//! Whether an event names what the bundle knows.

use super::{PolicyBundle, schema::GROUPS};
use crate::{
    PrincipalKind,
    catalog::did_you_mean,
    id::EntityRef,
    ledger::{Event, Revocation, Scope},
};

impl PolicyBundle {
    /// What an event names that the bundle does not have, in words.
    pub(crate) fn knows(&self, event: &Event) -> Result<(), String> {
        match event {
            Event::SessionOpened { owner, .. } => actor(owner),
            Event::TaskOpened(task) => {
                actor(&task.initiator)?;
                task.tools.iter().try_for_each(|tool| self.action(tool))
            }
            Event::ApprovalGranted(approval) => {
                actor(&approval.approver)?;
                let classes: Vec<_> = self.policies.iter().filter_map(|policy| policy.approval.as_deref()).collect();
                known("approval class", &approval.class, classes)
            }
            Event::Revoked(Revocation::Principal(id)) => actor(id),
            Event::Revoked(Revocation::Server(id)) | Event::Halted(Scope::Server(id)) => self.server(id),
            Event::Revoked(Revocation::Tool(id)) => {
                known("tool", id, self.catalog.tools().map(|(_, tool)| &*tool.id).collect())
            }
            Event::ToolsDrifted { server, .. } => self.server(server),
            Event::McpTaskCreated { server, owner, .. } => {
                self.server(server)?;
                actor(owner)
            }
            Event::SessionEnded(_)
            | Event::TaskCompleted(_)
            | Event::Revoked(_)
            | Event::Halted(_)
            | Event::Resumed(_) => Ok(()),
        }
    }

    fn server(&self, id: &str) -> Result<(), String> {
        known("server", id, self.servers().collect())
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
