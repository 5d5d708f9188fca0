//! Approvals: asked for, granted for one exact call, used once.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Ledger, Revocation,
    event::{Approval, ApprovalRequest, EventError},
    forget::Due,
    limits,
};
use crate::{digest::Digest, gather::Gather as _, id::EntityRef, sorted::Sorted, time::Timestamp};

/// What an initiator waits for, by the call digest.
pub(crate) type Waiting = Sorted<Digest, ApprovalRequest>;

impl Ledger {
    /// The approvals of a call that can still be used, whoever gave them.
    fn usable(&self, call: &Digest, now: Timestamp) -> impl Iterator<Item = &Approval> {
        let granted = self.approvals.get(call).into_iter().flat_map(|approvals| approvals.iter());
        granted.filter(move |approval| {
            let revoked = self.is_revoked(&Revocation::Principal(approval.approver.clone()), now);
            now < approval.expires && !revoked
        })
    }

    /// Whether somebody who may has approved the call of this digest, for the class that an `@approval` names.
    pub(crate) fn approved(&self, call: &Digest, class: &str, chain: &[EntityRef], now: Timestamp) -> bool {
        self.usable(call, now).any(|approval| {
            // The user's own confirmation is the one approval that comes from inside the chain.
            let may = if class == "initiator" {
                chain.last() == Some(&approval.approver)
            } else {
                !chain.contains(&approval.approver)
            };
            approval.class == class && may && &*approval.approver.kind != "Agent"
        })
    }

    /// How many other calls of an initiator wait for an approval.
    pub(crate) fn waiting(&self, initiator: &EntityRef, ask: &Digest, now: Timestamp) -> u64 {
        let waiting = self.waiting.get(initiator).into_iter().flat_map(|waiting| waiting.values());
        waiting.filter(|one| now < one.until && one.ask != *ask).map(|one| one.ask).gather::<BTreeSet<_>>().len() as u64
    }

    /// The id of the request under which somebody waits for the approval of a call.
    pub(crate) fn waits_for(&self, call: &Digest, now: Timestamp) -> Option<u64> {
        let request = self.waiting.get(self.waiting_by.get(call)?)?.get(call)?;
        (now < request.until).then_some(request.id)
    }

    pub(super) fn approval_requested(&mut self, request: ApprovalRequest, now: Timestamp) -> Result<(), EventError> {
        if request.id <= self.sequence {
            return Err(EventError::CallTaken(request.id));
        }
        limits::entities([&request.initiator])?;
        let others = self.waiting(&request.initiator, &request.ask, now);
        limits::room(
            "pending approvals of an initiator",
            usize::try_from(others).unwrap_or(usize::MAX),
            limits::WAITING,
        )?;
        self.sequence = request.id;
        self.put_waiting(request);
        Ok(())
    }

    fn put_waiting(&mut self, request: ApprovalRequest) {
        let (call, initiator) = (request.call, request.initiator.clone());
        // What is asked again waits once, whatever stands in its way by now.
        let before = self.waiting.get(&initiator).into_iter().flat_map(|waiting| waiting.values());
        let same: Vec<_> = before.filter(|other| other.ask == request.ask).map(|other| other.call).collect();
        same.iter().for_each(|call| self.settle(call));
        self.due.insert_mut((request.until, Due::Waiting(call)));
        self.waiting_by.insert_mut(call, initiator.clone());
        let mut waiting = self.waiting.get(&initiator).cloned().unwrap_or_default();
        Arc::make_mut(&mut waiting).insert(call, request);
        self.waiting.insert_mut(initiator, waiting);
    }

    /// Puts a call back that waits, as a snapshot has it.
    pub(crate) fn restore_waiting(&mut self, request: ApprovalRequest) -> Result<(), EventError> {
        let held = self.waiting.get(&request.initiator).map_or(0, |waiting| waiting.len());
        limits::room("pending approvals of an initiator", held, limits::WAITING)?;
        self.put_waiting(request);
        Ok(())
    }

    /// Puts an approval back, as a snapshot has it.
    pub(crate) fn restore_approval(&mut self, approval: Approval) -> Result<(), EventError> {
        let held = self.approvals.get(&approval.call).map_or(0, |approvals| approvals.len());
        limits::room("approvals of a call", held, limits::APPROVALS)?;
        self.put_approval(approval);
        Ok(())
    }

    /// Nobody waits for the approval of this call any more.
    pub(super) fn settle(&mut self, call: &Digest) {
        let known = || self.waiting_by.get(call).cloned();
        // Mostly nobody waits for anything, and to ask an empty map costs as much as to ask a full one.
        let Some(initiator) = (!self.waiting_by.is_empty()).then(known).flatten() else { return };
        self.waiting_by.remove_mut(call);
        let Some(waiting) = self.waiting.get_mut(&initiator).map(Arc::make_mut) else { return };
        if let Some(request) = waiting.remove(call) {
            self.due.remove_mut(&(request.until, Due::Waiting(*call)));
        }
        if waiting.is_empty() {
            self.waiting.remove_mut(&initiator);
        }
    }

    /// A call is used without an approval: what stood in its way when it was asked for does so no longer.
    pub(super) fn settle_ask(&mut self, initiator: &EntityRef, ask: &Digest) {
        if self.waiting.is_empty() {
            return;
        }
        let known = self.waiting.get(initiator);
        let call = known.and_then(|waiting| waiting.values().find(|one| one.ask == *ask).map(|one| one.call));
        if let Some(call) = call {
            self.rules = self.tick;
            self.settle(&call);
        }
    }

    /// Somebody refused: nobody waits any more, and what others have approved is void, also where a reserved call has
    /// used it and could give it back.
    pub(super) fn approval_refused(&mut self, call: &Digest) {
        self.settle(call);
        self.take_approvals(call);
        let used = self.calls.iter().filter(|(_, open)| open.reservation.call == *call && !open.approvals.is_empty());
        let used: Vec<u64> = used.map(|(id, _)| *id).collect();
        for id in used {
            if let Some(open) = self.calls.get_mut(&id) {
                Arc::make_mut(open).approvals.clear();
            }
        }
    }

    pub(super) fn approval_granted(&mut self, approval: Approval, now: Timestamp) -> Result<(), EventError> {
        limits::ids([&*approval.class])?;
        limits::entities([&approval.approver])?;
        if approval.expires <= now {
            return Err(EventError::Expired { what: "the approval".to_owned(), at: approval.expires });
        }
        if self.is_revoked(&Revocation::Principal(approval.approver.clone()), now) {
            return Err(EventError::NotApprover(format!("{} is revoked, and approves nothing", approval.approver)));
        }
        let known = self.approvals.get(&approval.call).into_iter().flat_map(|approvals| approvals.iter());
        let known = known.filter(|known| now < known.expires).count();
        limits::room("approvals of a call", known, limits::APPROVALS)?;
        limits::room("approved calls", self.approvals.size(), limits::APPROVED)?;
        if &*approval.approver.kind == "Agent" {
            return Err(EventError::NotApprover(format!("{} is an agent, and approves nothing", approval.approver)));
        }
        self.put_approval(approval);
        Ok(())
    }

    fn put_approval(&mut self, approval: Approval) {
        self.due.insert_mut((approval.expires, Due::Approval(approval.call)));
        let mut approvals = self.approvals.get(&approval.call).cloned().unwrap_or_default();
        let call = approval.call;
        Arc::make_mut(&mut approvals).push(approval);
        self.approvals.insert_mut(call, approvals);
    }

    /// The approvals of a call, which are used up.
    pub(super) fn take_approvals(&mut self, call: &Digest) -> Vec<Approval> {
        if self.approvals.is_empty() {
            return Vec::new();
        }
        let taken = self.approvals.get(call).map(|approvals| approvals.to_vec()).unwrap_or_default();
        if !taken.is_empty() {
            self.rules = self.tick;
            self.approvals.remove_mut(call);
            for approval in &taken {
                self.due.remove_mut(&(approval.expires, Due::Approval(*call)));
            }
        }
        taken
    }

    /// Approvals of a call that was given up: they can be used again.
    pub(super) fn give_back(&mut self, approvals: Vec<Approval>) {
        if !approvals.is_empty() {
            self.rules = self.tick;
            for approval in approvals {
                let held = self.approvals.get(&approval.call).map_or(0, |approvals| approvals.len());
                if held < limits::APPROVALS {
                    self.put_approval(approval);
                }
            }
        }
    }
}
