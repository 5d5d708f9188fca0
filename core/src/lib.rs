//! toolgate decides, in-process and in Cedar, whether one MCP tool call may happen.

mod call;
mod catalog;
mod digest;
mod error;
mod id;
mod json;
mod limits;
mod obligation;
mod reason;
mod time;
mod value;

pub use call::{Binding, Credential, Origin, Principal, PrincipalKind, ToolCall};
pub use digest::Digest;
pub use error::{Diagnostic, Error, Place, Severity};
pub use id::EntityRef;
pub use json::{Json, JsonError, JsonFault, Number, Object};
pub use limits::Limits;
pub use obligation::Obligation;
pub use reason::Reason;
pub use time::Timestamp;
pub use value::{Record, Value};
