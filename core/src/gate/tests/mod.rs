//! What the pipeline promises, seen from within.

mod agree;
mod conform;
mod explain;
mod stamps;
mod story;
