//! Why a decision is what it is.

use super::Gate;
use crate::{Ledger, Timestamp, ToolCall, engine::questions, facts::Facts, policy::Explanation};

impl Gate {
    /// Why the answer is what it is: each policy that could apply, each condition with its values.
    ///
    /// Nothing, for a bundle that was unpacked: it holds no conditions that could be shown.
    pub fn explain(&self, call: &ToolCall, ledger: &Ledger, now: Timestamp) -> Vec<Explanation> {
        let judgement = self.judge(call, ledger, now);
        let Some(Ok(facts)) = judgement.facts().map(Facts::gathered) else { return Vec::new() };
        questions(&facts).flat_map(|question| self.bundle.explain(&question, &facts.entities)).collect()
    }
}
