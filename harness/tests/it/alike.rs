//! Who reaches what: actors whom nothing tells apart share an answer, which is the one that each would get alone.

use std::collections::BTreeSet;

use proptest::{collection::vec, option::weighted, prelude::*, sample::select};
use toolgate::{
    EntityRef, Event, Gate, Grant, Ledger, ListRequest, Origin, PolicyBundle, Principal, PrincipalKind, Revocation,
    Scope, Sources, TaskOpened, Timestamp,
};
use toolgate_harness::{Question, actors, reach, reach_json};

const MANIFEST: &str = r#"
[bundle]
name = "alike"
version = "1"
[servers.s]
[tools."s/read"]
effect = "read"
[tools."s/send"]
effect = "write"
egress = true
resource = { type = "Box", id = "{/to}" }
[principals.User.attributes]
grade = { type = "Long" }
nick = { type = "String" }
"#;

const TOOLS: &str = r#"{"tools": [
  {"name": "read", "inputSchema": {"type": "object", "properties": {"to": {"type": "string"}}}},
  {"name": "send", "inputSchema": {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]}}
]}"#;

const SCHEMA: &str = "entity Box in [Server, Level] { owner?: User };";

/// What policies may say: of everybody, of a few, and of texts with ids in them.
const POLICIES: [&str; 16] = [
    r#"permit (principal in Group::"g0", action == Action::"s/read", resource);"#,
    r#"permit (principal in Group::"g1", action, resource) when { context.input has to && context.input.to == "u1" };"#,
    r#"permit (principal == User::"u1", action == Action::"s/send", resource);"#,
    r#"permit (principal is Agent, action, resource) when { context.session.present };"#,
    r#"permit (principal is User, action, resource) when { principal has grade && principal.grade > 1 };"#,
    r#"permit (principal is User, action, resource) when { principal.hasTag("t") && principal.getTag("t") == "x" };"#,
    r#"permit (principal, action, resource) when { principal == User::"u2" || principal == Agent::"u3" };"#,
    r#"permit (principal, action, resource) when { context.delegation.initiator == "User::\"u2\"" };"#,
    r#"permit (principal, action, resource) when { context.delegation.actors.contains("User::\"u3\"") };"#,
    r#"permit (principal is User, action == Action::"s/send", resource is Box) when { resource has owner && resource.owner == principal };"#,
    r#"permit (principal == ?principal, action, resource);"#,
    r#"permit (principal is User, action == Action::"s/read", resource) when { context.usage.principal.total < 1 };"#,
    r#"forbid (principal in Group::"g2", action, resource) when { context.origin != "user" };"#,
    r#"@approval("ops") forbid (principal in Group::"g1", action in Action::"write", resource);"#,
    r#"permit (principal, action, resource) when { context.delegation.depth > 0 && context.delegation has caller };"#,
    r#"permit (principal is User, action, resource) when { (if context.origin == "user" then principal else User::"u0") has nick };"#,
];

/// An actor of the entity file: kind, number, group, grade, nick, tag, and whether it has a box.
type Known = (usize, usize, Option<usize>, Option<i64>, Option<bool>, Option<bool>, bool);

const KINDS: [&str; 3] = ["User", "Agent", "Workload"];

fn entities(known: &[Known]) -> String {
    let mut out = vec![
        r#"{"uid": {"type": "Group", "id": "g1"}, "attrs": {}, "parents": [{"type": "Group", "id": "g2"}]}"#.to_owned(),
    ];
    let mut seen = BTreeSet::new();
    for (kind, number, group, grade, nick, tag, boxed) in known {
        let kind = KINDS[*kind];
        if !seen.insert((kind, number)) {
            continue;
        }
        let user = kind == "User";
        let mut attributes = Vec::new();
        attributes.extend(grade.filter(|_| user).map(|grade| format!(r#""grade": {grade}"#)));
        attributes.extend(nick.filter(|_| user).map(|nick| format!(r#""nick": "{nick}{number}""#)));
        let tags = tag.map(|tag| format!(r#""t": "{}""#, if tag { "x" } else { "y" })).unwrap_or_default();
        let parents = group.map(|group| format!(r#"{{"type": "Group", "id": "g{group}"}}"#)).unwrap_or_default();
        out.push(format!(
            r#"{{"uid": {{"type": "{kind}", "id": "u{number}"}}, "attrs": {{{}}}, "tags": {{{tags}}}, "parents": [{parents}]}}"#,
            attributes.join(", ")
        ));
        if *boxed && user {
            let owner = format!(r#""owner": {{"__entity": {{"type": "User", "id": "u{number}"}}}}"#);
            out.push(format!(
                r#"{{"uid": {{"type": "Box", "id": "b{number}"}}, "attrs": {{{owner}}}, "parents": []}}"#
            ));
        }
    }
    format!("[{}]", out.join(",\n"))
}

fn gate(policies: &BTreeSet<usize>, entities: String) -> Gate {
    let mut sources = Sources::default();
    sources.insert("toolgate.toml", MANIFEST);
    sources.insert("tools/s.json", TOOLS);
    sources.insert("schema/box.cedarschema", SCHEMA);
    sources.insert("entities.json", entities);
    let texts = policies.iter().map(|at| format!("@id(\"p{at}\") {}", POLICIES[*at]));
    sources.insert("policies/a.cedar", texts.collect::<Vec<_>>().join("\n"));
    Gate::new(PolicyBundle::load(&sources).unwrap_or_else(|error| panic!("{error}")))
}

fn now() -> Timestamp {
    Timestamp::parse("2026-01-05T10:00:00Z").unwrap()
}

/// What is told of somebody in the ledger: a task with a grant, or a revocation.
fn ledger(gate: &Gate, told: &[(usize, bool)]) -> Ledger {
    let mut ledger = Ledger::new();
    for (number, lent) in told {
        let who = EntityRef::new("User", format!("u{number}"));
        let (task, until) = (format!("task{number}"), now().plus(600_000));
        if !*lent {
            gate.apply(&mut ledger, Event::Revoked { what: Revocation::Principal(who), until: None }, now()).unwrap();
            continue;
        }
        let opened = TaskOpened::new(&task, "lend", who.clone(), ["s/read"], until);
        let opened = gate.apply(&mut ledger, Event::TaskOpened(opened), now());
        if opened.is_ok() && gate.bundle().policy("p10").is_some() {
            let (id, template, principal) = (format!("grant{number}"), "p10".to_owned(), Some(who));
            let grant = Grant { id, task, template, principal, resource: None, expires: until };
            gate.apply(&mut ledger, Event::GrantIssued(grant), now()).unwrap();
        }
    }
    ledger
}

/// All at once, and one by one. How many share an answer.
fn check(gate: &Gate, ledger: &Ledger, chains: &[Vec<Principal>], any_session: bool) -> usize {
    let like = ListRequest { any_session, ..ListRequest::new(Principal::new(PrincipalKind::User, "x")) };
    let asked = |chains| Question { chains, like: &like, origins: &Origin::ALL, ledger, now: now() };
    let told = |reaches: &[_]| reach_json(gate.bundle(), reaches, None)["reach"].clone();
    let all = told(&reach(gate, &asked(chains), 2));
    for (at, chain) in chains.iter().enumerate() {
        let alone = told(&reach(gate, &asked(std::slice::from_ref(chain)), 1));
        assert_eq!(all[at], alone[0]);
    }
    let like = gate.alike(chains, ledger);
    like.iter().enumerate().filter(|(at, first)| at != *first).count()
}

fn chains(gate: &Gate, through: &[Principal]) -> Vec<Vec<Principal>> {
    let others = (0..3).map(|at| Principal::new(PrincipalKind::Agent, format!("new{at}")));
    let actors = actors([gate.bundle()], through).into_iter().chain(others);
    actors.map(|actor| through.iter().cloned().chain([actor]).collect()).collect()
}

/// Most are alike, but for who they are.
fn known() -> impl Strategy<Value = Known> {
    (
        select(vec![0, 0, 0, 0, 0, 0, 1, 2]),
        0..8_usize,
        weighted(0.7, select(vec![0, 0, 0, 1, 2])),
        weighted(0.1, 1..3_i64),
        weighted(0.1, any::<bool>()),
        weighted(0.1, any::<bool>()),
        proptest::bool::weighted(0.1),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn each_as_alone(
        policies in proptest::collection::btree_set(0..POLICIES.len(), 1..5),
        known in vec(known(), 0..14),
        happened in vec((0..4_usize, any::<bool>()), 0..3),
        through in proptest::option::of(0..4_usize),
        any_session in any::<bool>(),
    ) {
        let gate = gate(&policies, entities(&known));
        let through: Vec<_> = through.map(|at| Principal::new(PrincipalKind::User, format!("u{at}"))).into_iter().collect();
        check(&gate, &ledger(&gate, &happened), &chains(&gate, &through), any_session);
    }
}

/// Twelve users in one group.
const TEAM: [Known; 12] = {
    let mut team = [(0, 0, Some(0), None, None, None, false); 12];
    let mut at = 0;
    while at < 12 {
        team[at].1 = at;
        at += 1;
    }
    team
};

/// How many of a team share an answer where these policies are.
fn shared(policies: &[usize], known: &[Known], happened: &[(usize, bool)]) -> usize {
    let gate = gate(&policies.iter().copied().collect(), entities(known));
    let chains: Vec<_> = chains(&gate, &[]).into_iter().filter(|chain| chain[0].id.starts_with('u')).collect();
    check(&gate, &ledger(&gate, happened), &chains, true)
}

/// Of twelve who look the same, eleven share the answer of the first.
#[test]
fn who_is_told_apart() {
    assert_eq!(shared(&[0], &TEAM, &[]), 11);
    // By a policy that names him.
    assert_eq!(shared(&[0, 2], &TEAM, &[]), 10);
    assert_eq!(shared(&[0, 6], &TEAM, &[]), 10);
    // By a text with ids in it, everybody.
    assert_eq!(shared(&[0, 7], &TEAM, &[]), 0);
    assert_eq!(shared(&[0, 8], &TEAM, &[]), 0);
    assert_eq!(shared(&[0, 14], &TEAM, &[]), 0);
    // By what happened.
    assert_eq!(shared(&[0, 10], &TEAM, &[(3, true)]), 10);
    assert_eq!(shared(&[0, 11], &TEAM, &[(3, false)]), 10);
    // By a group, by an attribute that is read, and by an entity that names him.
    let mut other = TEAM;
    other[2].2 = Some(1);
    assert_eq!(shared(&[0], &other, &[]), 10);
    let mut other = TEAM;
    other[2].3 = Some(2);
    assert_eq!(shared(&[0, 4], &other, &[]), 10);
    assert_eq!(shared(&[0], &other, &[]), 11);
    let mut other = TEAM;
    other[2].6 = true;
    assert_eq!(shared(&[0], &other, &[]), 10);
    // By an attribute that is read of somebody who is the principal only sometimes; the policy names u0, too.
    let mut other = TEAM;
    other[2].4 = Some(true);
    assert_eq!(shared(&[0, 15], &other, &[]), 9);
}

/// A tenant counts where a policy reads it, where it may be halted, and where there are others in the chain.
#[test]
fn tenants() {
    let user = |at| {
        format!(
            r#"{{"uid": {{"type": "User", "id": "u{at}"}}, "attrs": {{"tenant": "t{at}"}}, "parents": [{{"type": "Group", "id": "g0"}}]}}"#
        )
    };
    let gate = gate(&BTreeSet::from([0]), format!("[{}]", (0..9).map(user).collect::<Vec<_>>().join(", ")));
    let of = |through: &[&str]| -> Vec<Vec<Principal>> {
        let actor = |id: &str| Principal::new(PrincipalKind::User, id);
        (0..9).map(|at| through.iter().map(|id| actor(id)).chain([actor(&format!("u{at}"))]).collect()).collect()
    };
    assert_eq!(check(&gate, &Ledger::new(), &of(&[]), true), 8);
    assert_eq!(check(&gate, &Ledger::new(), &of(&["u3"]), true), 0);
    let mut ledger = Ledger::new();
    gate.apply(&mut ledger, Event::Halted(Scope::Tenant("t4".to_owned())), now()).unwrap();
    assert_eq!(check(&gate, &ledger, &of(&[]), true), 0);
}

/// Why nothing is reached may have somebody's id in it: it is his own.
#[test]
fn why_is_ones_own() {
    let required = "grade = { type = \"Long\" }";
    let manifest = MANIFEST.replace(required, "grade = { type = \"Long\", required = true }");
    assert_ne!(MANIFEST, manifest);
    let mut sources = Sources::default();
    sources.insert("toolgate.toml", manifest);
    sources.insert("tools/s.json", TOOLS);
    sources.insert("schema/box.cedarschema", SCHEMA);
    sources.insert("policies/a.cedar", format!("@id(\"p\") {}", POLICIES[0]));
    let gate = Gate::new(PolicyBundle::load(&sources).unwrap());
    let chains: Vec<_> = ["ann", "bob"].map(|id| vec![Principal::new(PrincipalKind::User, id)]).into_iter().collect();
    assert_eq!(check(&gate, &Ledger::new(), &chains, true), 1);
    let like = ListRequest { any_session: true, ..ListRequest::new(Principal::new(PrincipalKind::User, "x")) };
    let asked = Question { chains: &chains, like: &like, origins: &Origin::ALL, ledger: &Ledger::new(), now: now() };
    let why: Vec<_> = reach(&gate, &asked, 1).into_iter().map(|one| one.why.unwrap()).collect();
    assert!(why[0].contains("\"ann\"") && why[1].contains("\"bob\""), "{why:?}");
}
