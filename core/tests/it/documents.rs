//! The documents say what the code does: every reason and every fact is in them.

use toolgate::Reason;

const DECISIONS: &str = include_str!("../../../docs/decisions.md");
const POLICIES: &str = include_str!("../../../docs/policies.md");

#[test]
fn every_reason_is_documented() {
    for reason in Reason::ALL {
        assert!(DECISIONS.contains(&format!("`{reason}`")), "docs/decisions.md has no `{reason}`");
    }
}

#[test]
fn every_fact_is_documented() {
    let table = include_str!("../../src/facts/schema.rs");
    let facts = table.lines().filter_map(|line| line.trim().strip_prefix("(\"")?.split('"').next());
    let facts: Vec<_> = facts.collect();
    assert!(facts.len() > 50);
    for fact in facts {
        assert!(POLICIES.contains(&format!("`{fact}`")), "docs/policies.md has no `{fact}`");
    }
}
