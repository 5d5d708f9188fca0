//! The question: who asks, for whom, for what task, to do what.

mod claims;
mod credential;
mod principal;
mod within;

pub use claims::Identity;
pub(crate) use claims::{Claims, ClaimsError};
pub use credential::{Binding, Credential};
pub use principal::{Principal, PrincipalKind};

use std::fmt;

use crate::json::Json;

/// Who or what asked for the call. The host says; a call that does not say counts as retrieved content, the least trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// The user asked, in this turn.
    User,
    /// The agent's own plan asked.
    Agent,
    /// Content that the agent read asked.
    #[default]
    Retrieved,
}

impl Origin {
    /// Every origin there is.
    pub const ALL: [Self; 3] = [Self::User, Self::Agent, Self::Retrieved];

    /// `user`, `agent` or `retrieved`.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Agent => "agent",
            Self::Retrieved => "retrieved",
        }
    }
}

/// One MCP request put to the gate. Everything here is the host's word: put in only what the host has verified.
#[derive(Clone)]
pub struct ToolCall {
    /// The server, by its id in the bundle.
    pub server: String,
    /// The MCP method: `tools/call`, unless something else is asked.
    pub method: String,
    /// The tool's name, for `tools/call`.
    pub tool: String,
    /// The arguments of `tools/call`; the `params` of any other method.
    pub input: Json,
    /// The caller: the first actor of the delegation chain.
    pub principal: Principal,
    /// On whose behalf, nearest first, the initiator last (RFC 8693 `act` nesting).
    pub on_behalf_of: Vec<Principal>,
    /// Facts of the presented token.
    pub credential: Option<Credential>,
    /// The task the call belongs to, by its id in the ledger.
    pub task: Option<String>,
    /// The session, by the host's handle.
    pub session: Option<String>,
    /// Who or what asked.
    pub origin: Origin,
    /// How the call came in: `http`, `stdio`, or the host's own word.
    pub transport: Option<String>,
}

impl ToolCall {
    /// A `tools/call` by `principal`, with nothing else known.
    pub fn new(server: impl Into<String>, tool: impl Into<String>, principal: Principal) -> Self {
        Self {
            server: server.into(),
            method: "tools/call".to_owned(),
            tool: tool.into(),
            input: Json::default(),
            principal,
            on_behalf_of: Vec::new(),
            credential: None,
            task: None,
            session: None,
            origin: Origin::default(),
            transport: None,
        }
    }

    /// The actors behind the call: the caller first, the initiator last.
    pub fn chain(&self) -> impl Iterator<Item = &Principal> {
        std::iter::once(&self.principal).chain(&self.on_behalf_of)
    }

    /// The thumbprint of the key that the credential is bound to, if it is bound to one.
    pub(crate) fn key(&self) -> Option<&str> {
        self.credential.as_ref()?.key.as_deref()
    }

    /// The initiator: the last actor of the chain, the caller where nobody else is named.
    pub fn initiator(&self) -> &Principal {
        self.on_behalf_of.last().unwrap_or(&self.principal)
    }
}

/// The call without its credential and without its arguments.
impl fmt::Debug for ToolCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolCall")
            .field("server", &self.server)
            .field("method", &self.method)
            .field("tool", &self.tool)
            .field("principal", &self.principal)
            .field("on_behalf_of", &self.on_behalf_of)
            .field("task", &self.task)
            .field("session", &self.session)
            .field("origin", &self.origin)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}
