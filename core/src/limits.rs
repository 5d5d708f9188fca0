//! How much of anything one call or one bundle may hold. Over a limit is a `Deny` (a call) or a load error (a bundle).

/// The limits of one call. The defaults suit a server that talks to language models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a call as JSON, and of its input's strings together: 1 MiB.
    pub bytes: usize,
    /// Levels of arrays and objects in the input: 32.
    pub depth: usize,
    /// Bytes of one string: 256 KiB.
    pub string: usize,
    /// Members of one array or object: 4,096.
    pub items: usize,
    /// Actors in the delegation chain, the caller included: 16. (The baseline forbids long before.)
    pub chain: usize,
    /// Resources that one call touches: 64.
    pub resources: usize,
    /// Entities that one evaluation may reach, and parents of theirs, together: 10,000.
    pub entities: usize,
    /// Bytes of one identifier (principal, task, session, credential, server, tool): 512.
    pub id: usize,
    /// Claims of one principal: 256.
    pub claims: usize,
    /// Milliseconds from a reservation until it counts as used, if it is not completed before: 600,000 (10 minutes).
    pub reservation: i64,
    /// Milliseconds that a call waits for an approval: 3,600,000 (1 hour).
    pub approval: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 1 << 20,
            depth: 32,
            string: 256 << 10,
            items: 4096,
            chain: 16,
            resources: 64,
            entities: 10_000,
            id: 512,
            claims: 256,
            reservation: 600_000,
            approval: 3_600_000,
        }
    }
}

/// Nested brackets in one policy file. Cedar's parser recurses on them, and has no guard of its own on WASM.
#[cfg(feature = "author")]
pub(crate) const POLICY_BRACKETS: usize = 64;

/// Bytes of one file of a bundle: 64 MiB.
pub const BUNDLE_FILE: usize = 64 << 20;

/// Bytes of one identifier, label or level that a ledger keeps.
pub(crate) const LEDGER_NAME: usize = 512;

/// Labels of one session. One that would have more is over.
pub(crate) const LEDGER_LABELS: usize = 256;

/// Levels of arrays and objects in a tools/list result, an entities file or an event: 64.
pub(crate) const BUNDLE_DEPTH: usize = 64;
