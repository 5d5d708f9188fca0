//! Conditions about calls that decide nothing: what a test says of many calls at once.

use super::Gate;
use crate::{Diagnostic, Ledger, PolicyBundle, Sources, Timestamp, ToolCall};

/// Conditions in Cedar on the facts of a bundle's calls, as those of its policies are.
pub struct Conditions(Gate);

impl Conditions {
    /// Reads conditions, and checks them against the schema of the bundle that these are the files of.
    ///
    /// # Errors
    /// Everything that is wrong with them: which condition, counted from 0, and the place in its text if that is known.
    ///
    /// ```
    /// # let mut sources = toolgate::Sources::default();
    /// # sources.insert("toolgate.toml", "[bundle]\nname = \"demo\"\nversion = \"1.0.0\"\n[servers.notes]\n");
    /// # sources.insert("tools/notes.json", r#"{"tools": [{"name": "read", "inputSchema": {"type": "object"}}]}"#);
    /// let wrong = toolgate::Conditions::load(&sources, &["context.sesion.tainted"]).err().unwrap();
    /// assert_eq!(wrong[0].0, 0);
    /// assert!(wrong[0].1.to_string().contains("sesion"), "{}", wrong[0].1);
    /// ```
    pub fn load(sources: &Sources, conditions: &[&str]) -> Result<Self, Vec<(usize, Diagnostic)>> {
        PolicyBundle::of_conditions(sources, conditions).map(|bundle| Self(Gate::new(bundle)))
    }

    /// Whether a condition holds for a call, for one of its actors and resources at least. No condition
    /// holds for a call that never reaches policy, and none has a number that was not loaded.
    ///
    /// # Errors
    /// Why it failed to evaluate, and so might hold.
    pub fn holds(&self, number: usize, call: &ToolCall, ledger: &Ledger, now: Timestamp) -> Result<bool, String> {
        let decision = self.0.decide(call, ledger, now);
        let answers = &decision.basis().answers;
        let id = number.to_string();
        match answers.iter().flat_map(|one| &one.errors).find(|(failed, _)| **failed == *id) {
            Some((_, why)) => Err(why.clone()),
            None => Ok(answers.iter().any(|one| one.forbids.iter().any(|held| **held == *id))),
        }
    }
}
