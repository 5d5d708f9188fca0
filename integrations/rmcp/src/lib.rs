//! The gate in an MCP server that is built with [rmcp](https://docs.rs/rmcp).
//!
//! [`Gated::new`] wraps a `ServerHandler`: `tools/call`, `resources/read`, `prompts/get` and everything else that carries
//! authority is put to the gate before the server sees it, lists are filtered, approvals are asked for through the client, and
//! every decision leaves a record. Methods that carry none pass as they are.
//!
//! ```no_run
//! use rmcp::{ServerHandler, ServiceExt as _};
//! use toolgate::{PolicyBundle, Principal, PrincipalKind};
//! use toolgate_rmcp::{Caller, Gated, Host, Settings};
//!
//! # async fn serve(my_server: impl ServerHandler, bundle: PolicyBundle) -> Result<(), Box<dyn std::error::Error>> {
//! let me = Caller::new(Principal::new(PrincipalKind::User, "me"));
//! let host = Host::new(Settings { caller: Some(me), ..Settings::new(bundle, "notes") })?;
//! let server = Gated::new(my_server, host); // the one line
//! server.serve(rmcp::transport::stdio()).await?.waiting().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Who calls
//!
//! Over HTTP, whoever verifies the token puts a [`Caller`] into the request's extensions, in a layer in front of rmcp's
//! service; a request without one is denied. Elsewhere it is the caller of the [`Settings`]. What a client writes of itself,
//! `clientInfo` and `_meta`, is never looked at.

mod caller;
mod host;
mod gated;
mod forward;
mod challenge;

pub use caller::Caller;
pub use challenge::{ChallengeLayer, Challenged};
pub use gated::Gated;
pub use host::{Host, HostError, Settings};
