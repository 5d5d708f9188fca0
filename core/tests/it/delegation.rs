//! Delegation never adds authority.

use proptest::prelude::*;
use toolgate::{Gate, Ledger, wire};

use crate::desk::{self, call};

/// Policies to pick from. None reads `context.delegation`.
const POOL: [&str; 9] = [
    "permit (principal is User, action, resource)",
    "permit (principal is Agent, action in Action::\"read\", resource)",
    "permit (principal in Group::\"staff\", action, resource)",
    "permit (principal == Agent::\"a\", action, resource in Server::\"github\")",
    "permit (principal, action, resource) when { principal has tenant && principal.tenant == \"acme\" }",
    "permit (principal, action, resource) when { context.usage.principal.total < 1 }",
    "forbid (principal is Workload, action, resource)",
    "forbid (principal, action in Action::\"write\", resource) unless { principal in Group::\"staff\" }",
    "forbid (principal == User::\"b\", action, resource) when { context.origin == \"retrieved\" }",
];
const ACTORS: [&str; 8] = [
    r#"{"type":"User","id":"a"}"#,
    r#"{"type":"User","id":"b","claims":{"tenant":"acme"}}"#,
    r#"{"type":"User","id":"c","claims":{"tenant":"other","groups":["staff"]}}"#,
    r#"{"type":"Agent","id":"a"}"#,
    r#"{"type":"Agent","id":"b","claims":{"groups":["staff"]}}"#,
    r#"{"type":"Agent","id":"c","claims":{"tenant":"acme"}}"#,
    r#"{"type":"Workload","id":"a"}"#,
    r#"{"type":"Workload","id":"b","claims":{"tenant":"acme","environment":"test"}}"#,
];

fn gate(picked: &[usize]) -> Gate {
    let policies = picked.iter().map(|index| format!("@id(\"p{index}\") {};\n", POOL[*index]));
    desk::gate_of(&desk::with_manifest(&policies.collect::<String>(), "[groups]\nclaim = \"groups\""))
}

proptest! {
    // A gate takes most of the time, so that many chains are held against each.
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn a_hop_in_between_never_turns_a_deny_into_an_allow(
        picked in prop::sample::subsequence((0..POOL.len()).collect::<Vec<_>>(), 1..POOL.len()),
        chains in prop::collection::vec((prop::collection::vec(0..ACTORS.len(), 2..4), 0..ACTORS.len(), 1_usize..4, any::<bool>()), 60),
    ) {
        let gate = gate(&picked);
        let allowed = |chain: &[usize], pays: bool| {
            let actors: Vec<_> = chain.iter().map(|index| ACTORS[*index]).collect();
            let more = format!(r#""principal":{},"on_behalf_of":[{}]"#, actors[0], actors[1..].join(","));
            let text = if pays { call("pay/send", r#"{"to":"a@b.example"}"#, &more) } else { call("github/get_me", "{}", &more) };
            let asked = wire::read_call(text.as_bytes(), gate.limits()).unwrap();
            gate.decide(&asked, &Ledger::new(), desk::now()).is_allow()
        };
        for (chain, hop, place, pays) in chains {
            let mut longer = chain.clone();
            longer.insert(place.min(chain.len() - 1), hop);
            prop_assert!(allowed(&chain, pays) || !allowed(&longer, pays), "{:?} {:?}", chain, longer);
        }
    }
}
