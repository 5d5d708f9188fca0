//! Other entities for a bundle, without loading the rest of it again.

use std::sync::Arc;

use super::{
    Identity, PolicyBundle, entities,
    files::{self, Files},
    load,
};
use crate::{
    error::{self, Diagnostic, Error},
    sources::Sources,
};

impl PolicyBundle {
    /// This bundle with the entities of `sources`, whose other files must be those that it was loaded from: no policy is
    /// parsed, validated or compiled again. It is the bundle that [`PolicyBundle::load`] makes of `sources`, digest included.
    ///
    /// With [`SharedGate::replace`](crate::SharedGate::replace), who is in which group changes while calls are decided.
    ///
    /// # Errors
    /// What is wrong with the entities, each with its place. `other_files`: other files differ, too, or this bundle was not
    /// loaded from text; then load it.
    ///
    /// ```
    /// # fn main() -> Result<(), toolgate::Error> {
    /// use toolgate::{Gate, Ledger, PolicyBundle, Principal, PrincipalKind, SharedGate, Sources, Timestamp, ToolCall};
    ///
    /// let mut sources = Sources::default();
    /// sources.insert("toolgate.toml", "[bundle]\nname = \"demo\"\nversion = \"1\"\n[servers.notes]");
    /// sources.insert("tools/notes.json", r#"{"tools": [{"name": "read", "inputSchema": {"type": "object"}}]}"#);
    /// sources.insert("policies/a.cedar", r#"@id("team") permit (principal in Group::"team", action, resource);"#);
    /// let gate = SharedGate::new(Gate::new(PolicyBundle::load(&sources)?));
    /// let call = ToolCall::new("notes", "read", Principal::new(PrincipalKind::User, "alice"));
    /// let allowed = || gate.get().decide(&call, &Ledger::new(), Timestamp::from_millis(0)).is_allow();
    /// assert!(!allowed());
    ///
    /// sources.insert("entities.json", r#"[
    ///     {"uid": {"type": "User", "id": "alice"}, "attrs": {}, "parents": [{"type": "Group", "id": "team"}]}
    /// ]"#);
    /// let bundle = gate.get().bundle().with_entities(&sources)?;
    /// gate.replace(bundle);
    /// assert!(allowed());
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_entities(&self, sources: &Sources) -> Result<Self, Error> {
        let refused = |why: String| {
            let told = Diagnostic::error("other_files", why);
            Err(told.help("load the bundle from its files, with `PolicyBundle::load`").into())
        };
        let Some(others) = self.others else {
            return refused("this bundle was not loaded from files that others could be held against".to_owned());
        };
        if others != files::digest(sources, &self.catalog, Files::WithoutEntities) {
            return refused(format!("other files than `{}` differ from those of the bundle", entities::FILE));
        }
        files::lengths(sources)?;
        let mut found = Vec::new();
        let mut store = entities::levels(&self.catalog);
        let fragments = load::fragments(sources, &mut found);
        entities::load(&self.catalog, &fragments, sources, &mut store, &mut found);
        if !found.is_empty() {
            error::sort(&mut found);
            return Err(Error::new(found));
        }
        let digest = files::digest(sources, &self.catalog, Files::All);
        Ok(Self {
            compiled: self.compiled.over(&self.catalog, &mut store, digest),
            catalog: self.catalog.clone(),
            store: Arc::new(store),
            policies: self.policies.clone(),
            slots: self.slots.clone(),
            by_id: self.by_id.clone(),
            chosen: self.chosen,
            unpacked: false,
            others: self.others,
            #[cfg(feature = "oracle")]
            cedar: self.cedar.clone(),
            identity: Arc::new(Identity::of(&self.catalog, digest, self.identity.schema)),
            warnings: self.warnings.clone(),
        })
    }
}
