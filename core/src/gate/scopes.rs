//! Whether OAuth scopes are all that a denied call lacks.

use std::collections::BTreeSet;

use super::Gate;
use crate::{Decision, Ledger, Timestamp, ToolCall, engine::Var};

/// Scopes that are tried, and policies that name some.
const TRIED: usize = 256;

impl Gate {
    /// The scopes that the credential of a denied call lacks, if they are all that is missing: with them, sorted, it would be
    /// allowed, or need an approval, and with fewer of them it would not. Empty for every other call.
    ///
    /// What a host asks for in an `insufficient_scope` challenge (RFC 6750).
    pub fn missing_scopes(&self, call: &ToolCall, ledger: &Ledger, now: Timestamp) -> Vec<String> {
        let denied = |call: &ToolCall| matches!(self.decide(call, ledger, now), Decision::Deny { .. });
        let Some(credential) = call.credential.as_ref().filter(|_| denied(call)) else { return Vec::new() };
        let named = self.bundle.program().texts_beside(Var::Context, &["credential", "scopes"]);
        let lacking = |scopes: BTreeSet<String>| -> BTreeSet<String> {
            scopes.into_iter().filter(|scope| !credential.scopes.contains(scope)).take(TRIED).collect()
        };
        let enough = |scopes: &BTreeSet<String>| {
            let mut call = call.clone();
            call.credential.iter_mut().for_each(|credential| credential.scopes.extend(scopes.iter().cloned()));
            !denied(&call)
        };
        let of = |forbids: bool| -> BTreeSet<String> {
            let policies = named
                .iter()
                .filter(|(policy, _)| self.bundle.policies.get(*policy).is_some_and(|p| p.forbids == forbids));
            policies.flat_map(|(_, scopes)| scopes).cloned().collect()
        };
        let (permits, forbids) = (of(false), of(true));
        // What one condition asks for, then what all do; a scope that a forbid names may be one too many.
        let mut tried: Vec<_> = named.iter().take(TRIED).map(|(_, scopes)| lacking(scopes.clone())).collect();
        tried.sort_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
        tried.dedup();
        tried.extend([&permits - &forbids, &permits | &forbids].map(lacking));
        let Some(mut scopes) = tried.into_iter().find(|scopes| !scopes.is_empty() && enough(scopes)) else {
            return Vec::new();
        };
        for scope in scopes.clone().into_iter().rev() {
            scopes.remove(&scope);
            if scopes.is_empty() || !enough(&scopes) {
                scopes.insert(scope);
            }
        }
        scopes.into_iter().collect()
    }
}
