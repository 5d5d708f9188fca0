//! What a guard is told when it starts.

use toolgate::{Credential, ListRequest, Origin, Principal, ToolCall, wire::mcp::Rendering};

/// Who is asked for an approval of the class `initiator`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ask {
    /// The client, which asks its user: by elicitation, or by a result that requires input (2026-07-28).
    #[default]
    Client,
    /// The person at the terminal that the guard runs in.
    Terminal,
}

/// What happens when the server's tools are not those that are pinned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDrift {
    /// The guard ends.
    #[default]
    Refuse,
    /// The guard goes on; tools that differ are hidden, and calls to them denied.
    Deny,
}

/// How one guard is set.
#[derive(Clone)]
pub struct Settings {
    /// The server, by its id in the bundle.
    pub server: String,
    /// Who calls.
    pub principal: Principal,
    /// On whose behalf, nearest first, the initiator last.
    pub on_behalf_of: Vec<Principal>,
    /// Facts of the caller's token, where the host has verified one.
    pub credential: Option<Credential>,
    /// The task that all calls belong to.
    pub task: Option<String>,
    /// Who or what asks for the calls, as far as the host knows.
    pub origin: Origin,
    /// How denials reach the client.
    pub rendering: Rendering,
    /// Who is asked for approvals.
    pub ask: Ask,
    /// What happens when tools have drifted.
    pub on_drift: OnDrift,
    /// Decide and record, but let everything through.
    pub observe: bool,
    /// The longest message in bytes, in either direction.
    pub longest: usize,
}

/// The longest message, unless another is set: 64 MiB.
pub const LONGEST: usize = 64 << 20;

impl Settings {
    /// The settings for one server and one principal, all else as it is by default.
    pub fn new(server: impl Into<String>, principal: Principal) -> Self {
        Self {
            server: server.into(),
            principal,
            on_behalf_of: Vec::new(),
            credential: None,
            task: None,
            origin: Origin::default(),
            rendering: Rendering::default(),
            ask: Ask::default(),
            on_drift: OnDrift::default(),
            observe: false,
            longest: LONGEST,
        }
    }

    /// A call with what the host knows of it.
    pub(crate) fn vouch(&self, call: ToolCall, session: &str, transport: &str) -> ToolCall {
        ToolCall {
            on_behalf_of: self.on_behalf_of.clone(),
            credential: self.credential.clone(),
            task: self.task.clone(),
            session: Some(session.to_owned()),
            origin: self.origin,
            transport: Some(transport.to_owned()),
            ..call
        }
    }

    /// Whose tools are listed: for any session, so that a list does not tell what happened in one.
    pub(crate) fn listing(&self, transport: &str) -> ListRequest {
        ListRequest {
            on_behalf_of: self.on_behalf_of.clone(),
            credential: self.credential.clone(),
            any_session: true,
            origin: self.origin,
            transport: Some(transport.to_owned()),
            server: Some(self.server.clone()),
            ..ListRequest::new(self.principal.clone())
        }
    }
}
