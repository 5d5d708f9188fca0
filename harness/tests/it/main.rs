//! Suites as their authors write them, right and wrong, and what is told of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

mod alike;
mod desk;
mod difference;
mod examples;
mod failures;
mod forms;
mod hostile;
mod holes;
mod import;
mod junit;
mod kept;
mod meaning;
mod mutants;
mod notes;
mod schema;
mod session;
mod silent;
mod wrong;
