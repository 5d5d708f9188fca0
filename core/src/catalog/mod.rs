//! What tools are.

mod kind;
mod shape;
