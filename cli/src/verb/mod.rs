//! One file a verb.

pub(crate) mod check;
pub(crate) mod decide;
pub(crate) mod diff;
pub(crate) mod explain;
pub(crate) mod fmt;
pub(crate) mod guard;
pub(crate) mod init;
pub(crate) mod list;
pub(crate) mod mutants;
pub(crate) mod pack;
pub(crate) mod pin;
pub(crate) mod reach;
pub(crate) mod replay;
pub(crate) mod test;
