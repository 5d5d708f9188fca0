//! What can happen between calls, and what a call itself leaves behind.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::call::{CallDenied, Outcome, Reservation};
use crate::{digest::Digest, id::EntityRef, time::Timestamp};

/// Something that happened. The ledger changes by events alone, so that replaying them gives the same ledger.
///
/// The host tells most of them. Those of a call (`Call..` and `ApprovalRequested`) come out of `Gate::authorize`,
/// `confirm`, `complete` and `abort`; a host applies them itself only to replay a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A session begins, bound to the initiator of its calls and, where there is one, to the key of the credential.
    SessionOpened {
        /// The host's handle.
        id: String,
        /// The initiator.
        owner: EntityRef,
        /// The thumbprint of the key that the credential is bound to.
        key: Option<String>,
    },
    /// A session is over.
    SessionEnded(String),
    /// Somebody decided that a session has seen less than it has.
    LabelsLowered(LabelsLowered),
    /// A unit of work begins.
    TaskOpened(TaskOpened),
    /// A task is done.
    TaskCompleted(String),
    /// A task is given up.
    TaskCancelled(String),
    /// A template of the bundle counts for somebody, for one task.
    GrantIssued(Grant),
    /// A call waits for an approval.
    ApprovalRequested(ApprovalRequest),
    /// Somebody approved one exact call.
    ApprovalGranted(Approval),
    /// Somebody refused to approve one exact call.
    ApprovalRefused {
        /// The call digest that was asked for.
        call: Digest,
        /// Who refused.
        approver: EntityRef,
    },
    /// Something is no longer good, from the next decision on.
    Revoked {
        /// What.
        what: Revocation,
        /// When nobody needs to know any more: when the revoked credential has expired anyway, say. `None`: never.
        until: Option<Timestamp>,
    },
    /// What was revoked is good again.
    Reinstated(Revocation),
    /// The kill switch.
    Halted(Scope),
    /// The end of a halt.
    Resumed(Scope),
    /// A live tools/list was held against the pins. What differs has drifted until it is pinned anew, or reinstated: a
    /// server that shows the old definition again clears nothing.
    ToolsListed {
        /// The server's id.
        server: String,
        /// The tools that differ or are gone, by name, with the pin that they differ from.
        /// `PolicyBundle::tools_listed` makes them of the server's own text.
        drifted: BTreeMap<String, Digest>,
    },
    /// A server started a task of the protocol (MCP `tasks/*`) for somebody.
    McpTaskCreated {
        /// The server's id.
        server: String,
        /// The protocol's task id.
        id: String,
        /// The initiator of the call that started it.
        owner: EntityRef,
        /// The session of that call. The task can be asked about in that session only.
        session: Option<String>,
    },
    /// A call was allowed, and counts from now on.
    CallReserved(Arc<Reservation>),
    /// The tool of a reserved call has been started.
    CallStarted(u64),
    /// The tool of a reserved call has come to an end, good or bad.
    CallCompleted {
        /// The call, by the id of its record.
        call: u64,
        /// What came of it.
        outcome: Outcome,
    },
    /// A reserved call was given up before its tool started.
    CallAborted(u64),
    /// A call was denied. It uses up no budget.
    CallDenied(CallDenied),
}

impl Event {
    /// Something is no longer good, for ever.
    pub fn revoked(what: Revocation) -> Self {
        Self::Revoked { what, until: None }
    }
}

/// A declared unit of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskOpened {
    /// Its id.
    pub id: String,
    /// The task that it is a part of. A part is never wider than the whole.
    pub parent: Option<String>,
    /// What it is for.
    pub purpose: String,
    /// Who it is done for: calls may cite it only under this initiator.
    pub initiator: EntityRef,
    /// The actions it may use: `server/tool`, or a group such as `read`. Empty: none.
    pub tools: BTreeSet<String>,
    /// Where it may send to. `None`: anywhere.
    pub destinations: Option<BTreeSet<String>>,
    /// What it may touch. `None`: anything.
    pub objects: Option<BTreeSet<EntityRef>>,
    /// How many calls it may make, those of its parts included. `None`: any number.
    pub max_calls: Option<u64>,
    /// When it ends by itself.
    pub expires: Timestamp,
}

impl TaskOpened {
    /// A task of its own that may use these tools and groups, anywhere and on anything, until it expires.
    pub fn new<T: Into<String>>(
        id: impl Into<String>,
        purpose: impl Into<String>,
        initiator: EntityRef,
        tools: impl IntoIterator<Item = T>,
        expires: Timestamp,
    ) -> Self {
        Self {
            id: id.into(),
            parent: None,
            purpose: purpose.into(),
            initiator,
            tools: tools.into_iter().map(Into::into).collect(),
            destinations: None,
            objects: None,
            max_calls: None,
            expires,
        }
    }
}

/// A just-in-time permission: a template with its slots filled, for one task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: String,
    /// The task in whose calls it counts. It ends with the task.
    pub task: String,
    /// The template, by its `@id`.
    pub template: String,
    /// What `?principal` stands for.
    pub principal: Option<EntityRef>,
    /// What `?resource` stands for.
    pub resource: Option<EntityRef>,
    /// When it ends by itself.
    pub expires: Timestamp,
}

/// A call that waits for an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalRequest {
    /// The id of the call's record.
    pub id: u64,
    /// The call digest, to which the approval will be bound.
    pub call: Digest,
    /// The digest of what is asked, whatever policies stand in the way.
    pub ask: Digest,
    /// Who asks, in the end.
    pub initiator: EntityRef,
    /// When nobody waits any longer.
    pub until: Timestamp,
}

/// An approval of one exact call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The call digest that was asked for.
    pub call: Digest,
    /// What kind of approver this is: the text of `@approval`.
    pub class: String,
    /// Who approved.
    pub approver: EntityRef,
    /// Until when it can be used.
    pub expires: Timestamp,
}

/// The decision that a session has seen less than it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelsLowered {
    /// The session.
    pub session: String,
    /// The labels that no longer count.
    pub labels: BTreeSet<String>,
    /// The highest sensitivity that counts from now on, where it changes.
    pub seen: Option<String>,
    /// Who decided: a user or a workload, never an agent.
    pub by: EntityRef,
    /// Why.
    pub why: String,
}

/// Something that is no longer good.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revocation {
    /// An actor, wherever it stands in a chain.
    Principal(EntityRef),
    /// A token, by its id.
    Credential(String),
    /// A session.
    Session(String),
    /// A task.
    Task(String),
    /// A grant.
    Grant(String),
    /// A server.
    Server(String),
    /// A tool, as `server/tool`.
    Tool(String),
}

/// What a halt stops.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Everything.
    All,
    /// Calls with an actor of this tenant.
    Tenant(String),
    /// Calls to this server.
    Server(String),
}

/// Why an event was refused. The ledger is then as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// The event names something that the bundle does not know.
    #[error("{0}")]
    Unknown(String),
    /// The event's time is before the ledger's.
    #[error("the event is earlier than the last one: time does not go back")]
    ClockBehind,
    /// The time is beyond the years that can be written down.
    #[error("the time {0} is not between the years 0 and 9999")]
    ClockWrong(Timestamp),
    /// A task of the protocol belongs to somebody else, or to another session.
    #[error("the protocol's task `{0}` was created for somebody else, or in another session")]
    McpTaskTaken(String),
    /// An identifier or a set is over the limit.
    #[error("{0}")]
    TooLong(String),
    /// The ledger holds as many of these as it may.
    #[error("the ledger holds {most} {what} and takes no more")]
    Full {
        /// What there are too many of.
        what: &'static str,
        /// How many it takes.
        most: usize,
    },
    /// The session is bound to somebody else.
    #[error("the session `{0}` belongs to another principal")]
    SessionTaken(String),
    /// The session has ended.
    #[error("the session `{0}` is over")]
    SessionOver(String),
    /// There is no such session.
    #[error("no session `{0}` was opened")]
    UnknownSession(String),
    /// Labels are lowered by an agent, without a reason, or upwards.
    #[error("{0}")]
    NotLowered(String),
    /// There is a task of this id.
    #[error("a task `{0}` was opened before")]
    TaskTaken(String),
    /// There is no such task.
    #[error("no task `{0}` was opened")]
    UnknownTask(String),
    /// The task has ended.
    #[error("the task `{0}` is over")]
    TaskOver(String),
    /// A part of a task is wider than the whole.
    #[error("the task `{task}` is wider than `{parent}`, of which it is a part: {how}")]
    TaskWider {
        /// The part.
        task: String,
        /// The whole.
        parent: String,
        /// In what.
        how: String,
    },
    /// There is a grant of this id.
    #[error("a grant `{0}` was issued before")]
    GrantTaken(String),
    /// A template that does not exist, or slots that do not fit it.
    #[error("{0}")]
    GrantUnfit(String),
    /// The event would have had its effect in the past only.
    #[error("{what} expired at {at}")]
    Expired {
        /// What.
        what: String,
        /// When.
        at: Timestamp,
    },
    /// The approver is not of the class that he approves for.
    #[error("{0}")]
    NotApprover(String),
    /// The call is not reserved: it never was, it came to an end, or its time is over.
    #[error("no call {0} is reserved")]
    UnknownCall(u64),
    /// The tool has started, so that the call cannot be given up any more.
    #[error("the tool of call {0} has started: complete it")]
    CallStarted(u64),
    /// The host's journal did not take the event.
    #[error("the journal did not take it: {0}")]
    Unkept(String),
    /// The call's id is not behind all ids before.
    #[error("call {0} is not behind the calls before it")]
    CallTaken(u64),
}
