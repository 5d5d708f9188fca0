//! Whether what a decision rests on has changed since: how calls that run at once find out that one was faster.

use super::Ledger;
use crate::id::EntityRef;

/// What a decision looked at.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    pub(crate) session: Option<String>,
    pub(crate) task: Option<String>,
    pub(crate) credential: Option<String>,
    /// The tool, if a policy reads its usage.
    pub(crate) tool: Option<String>,
    /// The actors, if a policy reads their usage.
    pub(crate) principals: Vec<EntityRef>,
}

/// The ticks at which all that changed last; `None` for what the ledger does not know.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stamp(Vec<Option<u64>>);

impl Ledger {
    /// The state of what a decision looked at. Two equal stamps: it would be decided in the same way, time aside.
    pub(crate) fn stamp(&self, watched: &Watched) -> Stamp {
        let Watched { session, task, credential, tool, principals } = watched;
        let session = session.as_deref().and_then(|id| self.sessions.get(id));
        let credential = credential.as_deref().and_then(|id| self.credentials.get(id));
        let tool = tool.as_deref().and_then(|id| self.tools.get(id));
        let mut ticks = vec![
            Some(self.rules),
            session.map(|session| session.changed),
            credential.map(|seen| seen.changed),
            tool.map(|tracked| tracked.changed),
        ];
        ticks.extend(principals.iter().map(|id| Some(self.principals.get(id)?.changed)));
        let mut next = task.as_deref();
        while let Some(task) = next.and_then(|id| self.tasks.get(id)) {
            ticks.push(Some(task.changed));
            next = task.opened.parent.as_deref().filter(|_| ticks.len() < 64);
        }
        Stamp(ticks)
    }
}
