//! Puts a gate in front of any MCP server, without touching it: a proxy that forwards what is allowed, answers what is not,
//! and lets everything else through as it is.
mod settings;
mod place;
mod host;
mod message;
mod connection;
mod queue;
mod lines;
mod remote;
mod side;
mod pump;
mod server;
mod stdio;
mod http;
mod reload;
mod live;

pub use host::{Clock, Confirm, Host, Notice, Parts, Records, Tell};
pub use http::http;
pub use live::tools;
pub use pump::Ended;
pub use reload::{Watch, watch};
pub use remote::{Remote, Trust};
pub use server::{ServerCommand, Upstream};
pub use settings::{Ask, LONGEST, OnDrift, Settings};
pub use stdio::{between, stdio, stream};
