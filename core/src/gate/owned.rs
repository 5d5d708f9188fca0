//! Tasks of the protocol (MCP `tasks/*`): only their owner may ask about them.

use super::{Gate, passed};
use crate::{
    Decision, Ledger, Reason, Timestamp, ToolCall,
    catalog::Fault,
    facts::{missing, tenants},
};

impl Gate {
    /// A task of the protocol belongs to whoever started it. What every call must carry, halt and revocation hold here too.
    pub(super) fn owned(&self, call: &ToolCall, ids: &[String], ledger: &Ledger, now: Timestamp) -> Decision {
        let refused = |reason, detail: &str| Decision::refused(Fault::new(reason, detail), None);
        let catalog = &self.bundle.catalog;
        let tenants = missing(call, catalog.require).and_then(|()| tenants(call, catalog, &self.bundle.store));
        let tenants = match tenants {
            Ok(tenants) => tenants,
            Err(fault) => return Decision::refused(fault, None),
        };
        let halted = ledger.halts(&call.server, tenants.iter().map(String::as_str));
        let session = call.session.as_deref().and_then(|id| ledger.session(id, now));
        let revoked = ledger.revokes(call, session, None, now)
            || ledger.revokes_task(call, now)
            || ledger.revokes_credential(call, now);
        if halted || revoked {
            return refused(
                Reason::Forbidden,
                "calls are halted, or an actor, the session, the server, the task or the credential is revoked",
            );
        }
        if let Some(credential) = &call.credential {
            if credential.expires.is_none_or(|end| end <= now) {
                return refused(Reason::Forbidden, "the credential has expired, or does not say when it does");
            }
            if credential.not_before.is_some_and(|start| now < start) {
                return refused(Reason::Forbidden, "the credential is not yet valid");
            }
            if !catalog.servers.get(&call.server).is_some_and(|server| server.accepts(&credential.audience)) {
                return refused(Reason::Forbidden, "the credential was issued for another server");
            }
        }
        if call.task.as_deref().is_some_and(|task| !ledger.task_active(task, now)) {
            return refused(Reason::Forbidden, "the task is over, or was never opened");
        }
        if session.is_some_and(|one| one.owner != call.initiator().entity() || !one.accepts(call.key())) {
            return refused(Reason::Forbidden, "the session belongs to another principal, or to another key");
        }
        for id in ids {
            match ledger.mcp_task(&call.server, id, now) {
                Some(task) if task.owner != call.initiator().entity() => return self.not_owner(call, id),
                // What the task brings was counted in the session that started it.
                Some(task) if task.session != call.session => {
                    let detail = format!("the protocol's task `{id}` was started in another session");
                    return refused(Reason::NotTaskOwner, &detail);
                }
                Some(_) => {}
                None => return self.not_owner(call, id),
            }
        }
        passed()
    }

    fn not_owner(&self, call: &ToolCall, id: &str) -> Decision {
        let detail = format!("the protocol's task `{id}` is not known to be {:?}'s", call.initiator());
        Decision::refused(Fault::new(Reason::NotTaskOwner, detail), None)
    }
}
