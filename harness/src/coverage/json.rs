//! Coverage for programs.

use serde_json::{Map, Value, json};

use super::{Count, Coverage, Figure, Item, Measure};

impl Coverage {
    /// The figures, and what was seen of each policy; versioned.
    pub fn json(&self) -> Value {
        let figures: Map<_, _> =
            Measure::ALL.iter().map(|one| (one.name().to_owned(), figure(self.figure(*one)))).collect();
        let policies = self.policies.iter().map(|policy| {
            json!({
                "id": policy.id,
                "effect": if policy.forbids { "forbid" } else { "permit" },
                "file": &*policy.place.file,
                "line": policy.place.line,
                "decided": policy.decided,
                "satisfied": count(policy.count),
                "overrides": policy.overrides,
                "clauses": policy.clauses.iter().map(item).collect::<Vec<_>>(),
                "atoms": policy.atoms.iter().map(item).collect::<Vec<_>>(),
            })
        });
        let environments = self.environments.iter().filter(|(_, (allowed, denied))| *allowed || *denied).map(
            |(one, (allowed, denied))| {
                json!({"principal": one.principal, "tool": one.tool, "resource": one.resource, "allowed": allowed, "denied": denied})
            },
        );
        json!({
            "version": 1,
            "bundle": self.bundle,
            "coverage": figures,
            "environments": {"figure": figure(self.environments()), "seen": environments.collect::<Vec<_>>()},
            "policies": policies.collect::<Vec<_>>(),
        })
    }
}

fn figure(figure: Figure) -> Value {
    json!({"covered": figure.covered, "total": figure.total, "percent": figure.shown()})
}

fn count(count: Count) -> Value {
    json!({"true": count.holds, "false": count.fails, "error": count.errors})
}

fn item(item: &Item) -> Value {
    let feasible = item.feasible;
    json!({
        "text": item.text,
        "line": item.line,
        "column": item.column,
        "count": count(item.count),
        "feasible": {"true": feasible.holds, "false": feasible.fails, "decides": feasible.decides},
        "decides": item.decided,
    })
}
