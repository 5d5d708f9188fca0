//! Who calls: the host's word, carried from the layer that verified it.

use rmcp::{RoleServer, service::RequestContext};
use toolgate::{Credential, Identity, Origin, Principal};

/// Who calls, as the host has verified it. Over HTTP, the layer that checks tokens puts it into the request's extensions; what
/// a client writes into `_meta` is never looked at.
#[derive(Clone)]
pub struct Caller {
    /// The caller.
    pub principal: Principal,
    /// On whose behalf, nearest first, the initiator last.
    pub on_behalf_of: Vec<Principal>,
    /// Facts of the presented token.
    pub credential: Option<Credential>,
    /// The session, by the host's handle.
    pub session: Option<String>,
    /// The task the call belongs to.
    pub task: Option<String>,
    /// Who or what asks.
    pub origin: Origin,
}

impl Caller {
    /// A caller with nothing else known.
    pub fn new(principal: Principal) -> Self {
        Self {
            principal,
            on_behalf_of: Vec::new(),
            credential: None,
            session: None,
            task: None,
            origin: Origin::default(),
        }
    }
}

/// What [`Gate::identify`](toolgate::Gate::identify) makes of verified claims.
impl From<Identity> for Caller {
    fn from(identity: Identity) -> Self {
        Self {
            on_behalf_of: identity.on_behalf_of,
            credential: Some(identity.credential),
            ..Self::new(identity.principal)
        }
    }
}

/// Where a request came from, as far as the transport tells.
pub(crate) struct Came {
    /// `http` or `stdio`.
    pub(crate) transport: &'static str,
    /// What the authentication layer put in, over HTTP.
    pub(crate) caller: Option<Caller>,
}

impl Came {
    pub(crate) fn of(context: &RequestContext<RoleServer>) -> Self {
        match context.extensions.get::<http::request::Parts>() {
            None => Self { transport: "stdio", caller: None },
            Some(parts) => Self { transport: "http", caller: parts.extensions.get::<Caller>().cloned() },
        }
    }
}
