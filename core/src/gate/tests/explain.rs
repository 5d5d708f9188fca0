//! Random policies and calls: atoms come to what Cedar's evaluator says of their text, and a call that differs as an
//! explanation says is not denied.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value as Shown, json};

use crate::gate::*;
use crate::{Difference, Sources, Truth, engine::questions, wire};

const MANIFEST: &str = "[bundle]\nname = \"x\"\nversion = \"1\"\n[servers.s]\n[tools.\"s/do\"]\neffect = \"read\"\n\
                        egress = false\nsensitivity = \"internal\"";

const TOOLS: &str = r#"{"tools": [{"name": "do", "inputSchema": {"type": "object", "required": ["n", "m", "text", "flag", "tags"],
    "properties": {"n": {"type": "integer"}, "m": {"type": "integer"}, "text": {"type": "string"}, "flag": {"type": "boolean"},
    "tags": {"type": "array", "items": {"type": "string"}}, "maybe": {"type": "integer"}}}}]}"#;

/// Conditions that are true or false by themselves, or, the last one, that fail for large numbers.
const ATOMS: [&str; 22] = [
    "true",
    "false",
    "context.input.n == 1",
    "context.input.n != 1",
    "context.input.n < 2",
    "context.input.n >= 3",
    "context.input.n > context.input.m",
    "context.input.m == 2",
    "context.input.text == \"x\"",
    "context.input.text like \"x*y\"",
    "[\"x\", \"z\"].contains(context.input.text)",
    "context.input.flag",
    "context.input.flag == false",
    "context.input.tags.contains(\"p\")",
    "context.input.tags.containsAll([\"p\", \"q\"])",
    "context.input.tags.containsAny([\"q\", \"r\"])",
    "context.input.tags.isEmpty()",
    "(context.input has maybe && context.input.maybe > 0)",
    "context.origin == \"user\"",
    "principal in Group::\"g\"",
    "resource in AtMost::\"internal\"",
    "context.input.n * 2 < 7",
];

fn condition() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(ATOMS.as_slice()).prop_map(str::to_owned);
    leaf.prop_recursive(3, 10, 3, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            3 => pair.clone().prop_map(|(a, b)| format!("({a} && {b})")),
            3 => pair.prop_map(|(a, b)| format!("({a}\n || {b})")),
            1 => inner.clone().prop_map(|a| format!("!({a})")),
            1 => (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("(if {a} then {b} else {c})")),
        ]
    })
}

fn policies() -> impl Strategy<Value = String> {
    let policy = (condition(), prop::option::of(condition()), 0..6_u8).prop_map(|(when, unless, kind)| {
        let unless = unless.map(|unless| format!(" unless {{ {unless} }}")).unwrap_or_default();
        let (effect, head) = match kind {
            0 => ("forbid", "@approval(\"ops\") "),
            1 | 2 => ("forbid", ""),
            _ => ("permit", ""),
        };
        let principal = if kind % 2 == 0 { "principal" } else { "principal is User" };
        format!("{head}{effect} ({principal}, action == Action::\"s/do\", resource) when {{ {when} }}{unless};\n")
    });
    prop::collection::vec(policy, 1..5).prop_map(|all| {
        let all = all.iter().enumerate().map(|(at, policy)| format!("@id(\"p{at}\") {policy}"));
        all.collect()
    })
}

fn input() -> impl Strategy<Value = Shown> {
    let numbers = || prop::sample::select(vec![-1, 0, 1, 2, 3, 4, i64::MAX]);
    let text = prop::sample::select(vec!["x", "z", "xy", ""]);
    let tags = prop::collection::btree_set(prop::sample::select(vec!["p", "q", "o"]), 0..3);
    let maybe = prop::option::of(0..2_i64);
    (numbers(), numbers(), text, prop::bool::ANY, tags, maybe).prop_map(|(n, m, text, flag, tags, maybe)| {
        let mut input = json!({"n": n, "m": m, "text": text, "flag": flag, "tags": tags});
        if let Some(maybe) = maybe {
            input["maybe"] = maybe.into();
        }
        input
    })
}

fn gate(policies: &str) -> Option<Gate> {
    let mut sources = Sources::default();
    sources.insert("toolgate.toml", MANIFEST);
    sources.insert("tools/s.json", TOOLS);
    sources.insert("policies/a.cedar", policies);
    // What can never be true does not load.
    Some(Gate::new(PolicyBundle::load(&sources).ok()?))
}

fn call(gate: &Gate, input: &Shown, origin: &str) -> ToolCall {
    let call = json!({"server": "s", "tool": "do", "input": input, "principal": "Agent::\"bot\"",
        "on_behalf_of": ["User::\"ann\""], "origin": origin});
    wire::read_call(call.to_string().as_bytes(), gate.limits()).unwrap()
}

const NOW: Timestamp = Timestamp::from_millis(1_767_607_200_000);

/// The facts that differ, by their paths; nothing if one of them is no argument.
fn values(changes: &[Difference]) -> Option<BTreeMap<String, Option<Shown>>> {
    changes
        .iter()
        .map(|one| {
            let path =
                one.path.clone().filter(|path| path.starts_with("context.input.") || path == "context.origin")?;
            let value = match one.example.as_deref() {
                Some("absent") => None,
                // Anything that no policy names.
                None => Some("something else".into()),
                Some(text) => Some(serde_json::from_str(text).unwrap()),
            };
            Some((path, value))
        })
        .collect()
}

fn changed(gate: &Gate, input: &Shown, origin: &str, values: &BTreeMap<String, Option<Shown>>) -> ToolCall {
    let (mut input, mut origin) = (input.clone(), origin.to_owned());
    for (path, value) in values {
        match (path.strip_prefix("context.input."), value) {
            (Some(name), Some(value)) => input[name] = value.clone(),
            (Some(name), None) => drop(input.as_object_mut().unwrap().remove(name)),
            (None, value) => origin = value.as_ref().and_then(Shown::as_str).unwrap().to_owned(),
        }
    }
    call(gate, &input, &origin)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    #[test]
    fn atoms_are_as_cedar_says(policies in policies(), input in input()) {
        let gate = gate(&policies);
        prop_assume!(gate.is_some());
        let gate = gate.unwrap();
        let call = call(&gate, &input, "agent");
        let ledger = Ledger::new();
        let facts = gate.judge(&call, &ledger, NOW).facts().unwrap().gathered().unwrap();
        let questions: Vec<_> = questions(&facts).collect();
        let survey = gate.survey(&call, &ledger, NOW);
        prop_assert!(!survey.findings.is_empty());
        for finding in &survey.findings {
            let policy = &gate.bundle().policies()[finding.policy as usize];
            let question = &questions[finding.question as usize];
            let outcomes = survey.atoms(finding);
            prop_assert_eq!(outcomes.len(), policy.atoms.len());
            for (atom, outcome) in policy.atoms.iter().zip(outcomes) {
                let text = policy.atom_text(atom);
                if *outcome == Truth::NotReached || ["principal", "action", "resource"].contains(&text) {
                    continue;
                }
                let cedar = gate.bundle().by_cedar_alone(text, question, &facts.entities);
                prop_assert_eq!(*outcome, cedar.map_or(Truth::Error, Truth::from), "{} of {}", text, policy.text);
                if !policy.id.starts_with("baseline/") {
                    let line = policies.lines().nth(atom.line - 1).unwrap();
                    let there: String = line.chars().skip(atom.column - 1).collect();
                    prop_assert!(there.starts_with(text.lines().next().unwrap()), "{} at {:?}", text, atom);
                }
            }
        }
        for (at, answer) in survey.decision.basis().answers.iter().enumerate() {
            let of = |forbids: bool, outcome: Truth| -> BTreeSet<&str> {
                let found = survey.findings.iter().filter(|one| one.question as usize == at && one.outcome == outcome);
                let policies = found.map(|one| &gate.bundle().policies()[one.policy as usize]);
                policies.filter(|policy| policy.forbids == forbids).map(|policy| &*policy.id).collect()
            };
            fn ids(ids: &[std::sync::Arc<str>]) -> BTreeSet<&str> {
                ids.iter().map(|id| &**id).collect()
            }
            prop_assert_eq!(of(false, Truth::True), ids(&answer.permits));
            prop_assert_eq!(of(true, Truth::True), ids(&answer.forbids));
            let erring = &of(false, Truth::Error) | &of(true, Truth::Error);
            prop_assert_eq!(erring, answer.errors.iter().map(|(policy, _)| &**policy).collect::<BTreeSet<_>>());
        }
    }

    #[test]
    fn what_differs_as_told_is_not_denied(policies in policies(), input in input(), origin in prop::sample::select(vec!["user", "agent"])) {
        let gate = gate(&policies);
        prop_assume!(gate.is_some());
        let gate = gate.unwrap();
        let ledger = Ledger::new();
        let explanation = gate.explain(&call(&gate, &input, origin), &ledger, NOW);
        let denied = |call: &ToolCall| matches!(gate.decide(call, &ledger, NOW), Decision::Deny { .. });
        if !matches!(explanation.decision, Decision::Deny { .. }) {
            prop_assert!(explanation.nearest.sets.is_empty());
            return Ok(());
        }
        for set in &explanation.nearest.sets {
            let Some(values) = values(&set.changes) else { continue };
            let other = changed(&gate, &input, origin, &values);
            prop_assert!(!denied(&other), "{policies}{input} {set:#?}");
            let asks = matches!(gate.decide(&other, &ledger, NOW), Decision::NeedsApproval { .. });
            prop_assert_eq!(asks, !set.standing.is_empty());
            // No part of it is enough.
            let all: Vec<_> = values.iter().collect();
            for part in 0..(1_u32 << all.len()) - 1 {
                let chosen = all.iter().enumerate().filter(|(at, _)| part >> at & 1 == 1);
                let chosen = chosen.map(|(_, (path, value))| ((*path).clone(), (*value).clone())).collect();
                prop_assert!(denied(&changed(&gate, &input, origin, &chosen)), "{policies}{input} {set:#?} {chosen:?}");
            }
        }
        // Where other arguments would do, there is a set.
        if explanation.nearest.sets.is_empty() && !explanation.nearest.cut {
            for (n, text) in (-1..5).flat_map(|n| ["x", "z", "xy", "o"].map(|text| (n, text))) {
                for (m, flag) in (-1..5).flat_map(|m| [(m, true), (m, false)]) {
                    for tags in [json!([]), json!(["p"]), json!(["p", "q"]), json!(["r"]), json!(["p", "r"])] {
                        let other = json!({"n": n, "m": m, "text": text, "flag": flag, "tags": tags});
                        prop_assert!(denied(&call(&gate, &other, origin)), "{policies}{input}: {other}");
                    }
                }
            }
        }
    }
}
