//! The command as its users meet it: exit code, standard output and standard error of every verb.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

mod bench;
mod check;
mod decide;
mod diff;
mod explain;
mod fmt;
mod gates;
mod guard;
mod hostile;
mod init;
mod list;
mod pack;
mod pin;
mod reach;
mod replay;
mod test;
mod usage;
#[cfg(unix)]
mod watch;
