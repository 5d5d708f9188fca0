//! The gate in force, replaced while others decide by it.

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;

use crate::{Gate, PolicyBundle};

/// A [`Gate`] whose bundle can be replaced at any time. Taking the gate waits for nobody, and neither does replacing it.
///
/// Whoever decides takes the gate once for each call: [`Gate::authorize`], [`Gate::complete`] and what comes between then
/// follow one bundle. Calls in flight end by the bundle they began with, and the ledger knows them under the next one, too.
///
/// ```
/// # fn main() -> Result<(), toolgate::Error> {
/// use toolgate::{Gate, Ledger, PolicyBundle, Principal, PrincipalKind, SharedGate, Sources, Timestamp, ToolCall};
///
/// let bundle = |policies: &str| {
///     let mut sources = Sources::default();
///     sources.insert("toolgate.toml", "[bundle]\nname = \"demo\"\nversion = \"1\"\n[servers.notes]");
///     sources.insert("tools/notes.json", r#"{"tools": [{"name": "read", "inputSchema": {"type": "object"}}]}"#);
///     sources.insert("policies/a.cedar", policies);
///     PolicyBundle::load(&sources)
/// };
/// let gate = SharedGate::new(Gate::new(bundle("@id(\"all\") permit (principal, action, resource);")?));
/// let call = ToolCall::new("notes", "read", Principal::new(PrincipalKind::User, "alice"));
/// let allowed = || gate.get().decide(&call, &Ledger::new(), Timestamp::from_millis(0)).is_allow();
/// assert!(allowed());
///
/// // A bundle that does not load never gets here: the one in force stays.
/// gate.replace(bundle("@id(\"none\") forbid (principal, action, resource);")?);
/// assert!(!allowed());
/// # Ok(())
/// # }
/// ```
pub struct SharedGate {
    now: ArcSwap<Gate>,
}

impl SharedGate {
    /// A shared gate that begins with this one.
    pub fn new(gate: Gate) -> Self {
        Self { now: ArcSwap::from_pointee(gate) }
    }

    /// The gate in force. It stays as it is, whatever is put in its place.
    pub fn get(&self) -> Arc<Gate> {
        self.now.load_full()
    }

    /// Puts another bundle in force, under the same limits and on the same engine; gives back the gate that was.
    pub fn replace(&self, bundle: PolicyBundle) -> Arc<Gate> {
        let before = self.get();
        let gate = Gate::with_limits(bundle, *before.limits()).with_engine(before.bundle().chosen);
        self.now.swap(Arc::new(gate))
    }
}

/// Says nothing of what is in it.
impl fmt::Debug for SharedGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedGate").finish_non_exhaustive()
    }
}
