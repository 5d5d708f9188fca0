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
    let facts = table.split("fact(").filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
    let facts: Vec<_> = facts.collect();
    assert!(facts.len() > 50);
    for fact in facts {
        assert!(POLICIES.contains(&format!("`{fact}`")), "docs/policies.md has no `{fact}`");
    }
}

#[test]
fn the_baseline_is_documented_rule_by_rule() {
    for policy in crate::desk::gate("").bundle().policies().iter().filter(|policy| policy.id.starts_with("baseline/")) {
        let reason = policy.reason.as_deref().unwrap();
        let row = format!("| `{}` | {reason} | {} |", policy.id, policy.controls.join(", "));
        assert!(POLICIES.contains(&row), "docs/policies.md has no row {row}");
        assert!(!policy.controls.is_empty(), "{}", policy.id);
    }
}

/// The table of docs/ledger.md names every event, and only events.
#[test]
fn every_event_is_documented() {
    let rows = include_str!("../../../docs/ledger.md").lines().filter(|line| line.starts_with("| `"));
    let names = rows.take_while(|line| !line.starts_with("| `kind`")).filter_map(|line| line.split('|').nth(1));
    let documented: Vec<_> = names.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    let source = include_str!("../../src/wire/event/read.rs");
    let list = source.split_once("const NAMES").unwrap().1.split_once("];").unwrap().0;
    let known: Vec<_> = list.split('"').skip(1).step_by(2).collect();
    assert!(known.len() > 20);
    for name in &known {
        assert!(documented.contains(name), "docs/ledger.md has no `{name}`");
    }
    for name in documented.iter().filter(|name| name.contains('_') && !name.contains('.') && !name.contains('(')) {
        assert!(known.contains(name), "docs/ledger.md names `{name}`, which is no event");
    }
}
