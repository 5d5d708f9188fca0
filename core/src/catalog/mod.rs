//! What tools are.
