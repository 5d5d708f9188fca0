//! The guard between a client and a server that know nothing of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that panics is a test that fails"
)]

mod common;
mod hostile;
mod http;
mod origin;
mod reload;
mod remote;
mod scenarios;
mod tls;
