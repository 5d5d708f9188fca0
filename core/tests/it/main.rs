//! The crate as its users see it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that panics is a test that fails"
)]

mod baseline;
mod catalog;
mod delegation;
mod desk;
mod decisions;
mod documents;
mod examples;
mod explaining;
mod holes;
mod hostile;
mod listing;
mod loading;
mod nearest;
mod oracle;
mod packed;
mod records;
mod replay;
mod scenarios;
mod scene;
mod schemas;
mod shared;
mod threats;
