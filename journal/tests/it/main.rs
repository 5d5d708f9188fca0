//! What a host sees of a journal: random histories, crashes at every byte, second writers, compactions.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that panics is a test that fails"
)]

mod desk;
mod files;
mod history;
mod torn;
