//! What can happen between calls.

use std::collections::BTreeSet;

use crate::{digest::Digest, id::EntityRef, time::Timestamp};

/// Something that happened, told by the host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A session begins, bound to the initiator of its calls.
    SessionOpened {
        /// The host's handle.
        id: String,
        /// The initiator.
        owner: EntityRef,
    },
    /// A session is over; its handle is never good again.
    SessionEnded(String),
    /// A unit of work begins.
    TaskOpened(TaskOpened),
    /// A task is done.
    TaskCompleted(String),
    /// Somebody approved one exact call.
    ApprovalGranted(Approval),
    /// Something is no longer good, from the next decision on.
    Revoked(Revocation),
    /// The kill switch.
    Halted(Scope),
    /// The end of a halt.
    Resumed(Scope),
    /// A live tools/list was compared with the pins: these tools of the server differ, all others are as pinned.
    ToolsDrifted {
        /// The server's id.
        server: String,
        /// The names of the tools that differ.
        tools: BTreeSet<String>,
    },
    /// A server started a task of the protocol (MCP `tasks/*`) for somebody.
    McpTaskCreated {
        /// The server's id.
        server: String,
        /// The protocol's task id.
        id: String,
        /// The initiator of the call that started it.
        owner: EntityRef,
    },
}

/// A declared unit of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskOpened {
    /// Its id.
    pub id: String,
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
    /// When it ends by itself.
    pub expires: Timestamp,
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

/// Something that is no longer good.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Revocation {
    /// An actor, wherever it stands in a chain.
    Principal(EntityRef),
    /// A token, by its id.
    Credential(String),
    /// A session.
    Session(String),
    /// A task.
    Task(String),
    /// A server.
    Server(String),
    /// A tool, as `server/tool`.
    Tool(String),
}

/// What a halt stops.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Everything.
    All,
    /// Calls with an actor of this tenant.
    Tenant(String),
    /// Calls to this server.
    Server(String),
}

/// Why an event was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// The event names something that the bundle does not know.
    #[error("{0}")]
    Unknown(String),
    /// The event's time is before the ledger's.
    #[error("the event is earlier than the last one: time does not go back")]
    ClockBehind,
    /// The session is bound to somebody else.
    #[error("the session `{0}` belongs to another principal")]
    SessionTaken(String),
    /// There is no such session.
    #[error("no session `{0}` was opened")]
    UnknownSession(String),
    /// There is a task of this id.
    #[error("a task `{0}` was opened before")]
    TaskTaken(String),
    /// There is no such task.
    #[error("no task `{0}` was opened")]
    UnknownTask(String),
}
