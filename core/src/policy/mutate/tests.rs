#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

use super::*;
use crate::{Gate, Ledger, Principal, PrincipalKind, Timestamp, ToolCall};

const MANIFEST: &str = r#"
[bundle]
name = "mutants"
version = "1"
[servers.notes]
[tools."notes/read"]
effect = "read"
sensitivity = "internal"
[tools."notes/write"]
effect = "write"
sensitivity = "confidential"
[tools."notes/move"]
effect = "write"
resource = { type = "Note", id = "{/id}" }
"#;

const TOOLS: &str = r#"{"tools": [
    {"name": "read", "inputSchema": {"type": "object", "properties": {
        "id": {"type": "string"}, "amount": {"type": "number"}, "count": {"type": "integer"}, "loud": {"type": "boolean"}}}},
    {"name": "write", "inputSchema": {"type": "object", "required": ["id", "count", "amount", "loud"], "properties": {
        "id": {"type": "string"}, "amount": {"type": "number"}, "count": {"type": "integer"}, "loud": {"type": "boolean"}}}},
    {"name": "move", "inputSchema": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}}]}"#;

const ENTITIES: &str = r#"[
    {"uid": {"type": "Group", "id": "staff"}, "attrs": {}, "parents": []},
    {"uid": {"type": "User", "id": "ann"}, "attrs": {}, "parents": [{"type": "Group", "id": "staff"}]}]"#;

fn mutants(policy: &str) -> Mutants {
    let mut sources = Sources::default();
    sources.insert("toolgate.toml", MANIFEST);
    sources.insert("tools/notes.json", TOOLS);
    sources.insert("entities.json", ENTITIES);
    sources.insert("policies/a.cedar", policy);
    Mutants::load(&sources, false).unwrap_or_else(|error| panic!("{error}"))
}

/// The changes that one operator makes of a policy, `=` before those that are proven equivalent.
fn check(operator: Operator, policy: &str, expected: &[(&str, &str)]) {
    let mutants = mutants(policy);
    let found: Vec<_> = (mutants.all().iter())
        .filter(|one| one.operator == operator)
        .map(|one| {
            let sign = if one.equivalent.is_some() { "=" } else { "" };
            (format!("{sign}{}", one.before.split_whitespace().collect::<Vec<_>>().join(" ")), one.after.clone())
        })
        .collect();
    let expected: Vec<_> = expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    assert_eq!(found, expected, "{policy}");
}

/// A policy with this condition on the tool whose arguments are all required.
fn when(condition: &str) -> String {
    format!("@id(\"a\") permit (principal, action == Action::\"notes/write\", resource) when {{ {condition} }};")
}

const SCOPED: &str =
    r#"@id("a") permit (principal in Group::"staff", action in [Action::"read", Action::"notes/move"], resource);"#;

#[test]
fn policies_and_scopes() {
    use Operator::{DropElement, DropPolicy, FlipEffect, NarrowScope, WidenScope};
    check(FlipEffect, SCOPED, &[("permit", "forbid")]);
    let whole = SCOPED.split_once(' ').unwrap().1;
    check(DropPolicy, SCOPED, &[(whole, "")]);
    check(
        WidenScope,
        SCOPED,
        &[
            ("principal in Group::\"staff\"", "principal"),
            ("action in [Action::\"read\", Action::\"notes/move\"]", "action"),
        ],
    );
    check(
        NarrowScope,
        SCOPED,
        &[
            ("=principal in Group::\"staff\"", "principal is User in Group::\"staff\""),
            ("principal in Group::\"staff\"", "principal is Agent in Group::\"staff\""),
            ("principal in Group::\"staff\"", "principal is Workload in Group::\"staff\""),
            ("resource", "resource is Note"),
            ("resource", "resource is Tool"),
        ],
    );
    check(DropElement, SCOPED, &[("Action::\"read\",", ""), (", Action::\"notes/move\"", "")]);
    check(
        WidenScope,
        r#"@id("a") permit (principal == User::"ann", action == Action::"notes/move", resource is Note in Level::"restricted");"#,
        &[
            ("principal == User::\"ann\"", "principal"),
            ("principal == User::\"ann\"", "principal is User"),
            // No other tool has notes for its resources.
            ("=action == Action::\"notes/move\"", "action"),
            ("=resource is Note in Level::\"restricted\"", "resource"),
            ("=resource is Note in Level::\"restricted\"", "resource is Note"),
            ("=resource is Note in Level::\"restricted\"", "resource in Level::\"restricted\""),
        ],
    );
}

#[test]
fn clauses_and_operands() {
    use Operator::{DropClause, DropGuard, DropOperand, NegateClause, NegateOperand, SwapJunction};
    let one = when("context.input.loud");
    check(DropClause, &one, &[("when { context.input.loud }", "")]);
    check(NegateClause, &one, &[("when", "unless")]);
    check(NegateOperand, &one, &[]);
    let three = when("context.input.loud && (context.input.count > 1 || !context.session.lowered)");
    check(
        DropOperand,
        &three,
        &[
            ("context.input.loud &&", ""),
            ("&& (context.input.count > 1 || !context.session.lowered)", ""),
            ("context.input.count > 1 ||", ""),
            ("|| !context.session.lowered", ""),
        ],
    );
    check(
        NegateOperand,
        &three,
        &[
            ("context.input.loud", "!(context.input.loud)"),
            (
                "(context.input.count > 1 || !context.session.lowered)",
                "!((context.input.count > 1 || !context.session.lowered))",
            ),
            ("context.input.count > 1", "!(context.input.count > 1)"),
            ("!", ""),
        ],
    );
    check(SwapJunction, &three, &[("&&", "||"), ("||", "&&")]);
    // Without its guard, what it guards does not validate.
    let guarded = when("context has task && context.task.active");
    check(DropGuard, &guarded, &[]);
    check(DropOperand, &guarded, &[("&& context.task.active", "")]);
    let idle = when("context has task && context.input.loud");
    check(DropGuard, &idle, &[("context has task &&", "")]);
    check(
        NegateOperand,
        &when("if context.input.loud then context.session.lowered else false"),
        &[("context.input.loud", "!(context.input.loud)")],
    );
}

#[test]
fn words() {
    use Operator::{FlipBool, ShiftBound, SwapComparison, SwapContains, SwapEntity, SwapString, WidenPattern};
    let count = when("context.input.count >= 30");
    // `>` is `>= 31`, and the bound already moves.
    check(SwapComparison, &count, &[(">=", "<")]);
    check(ShiftBound, &count, &[("30", "31"), ("30", "29")]);
    check(SwapComparison, &when("context.input.count == 0"), &[("==", "!=")]);
    check(ShiftBound, &when("context.input.count == 0"), &[("0", "1")]);
    let amount = when("context.input.amount.lessThan(decimal(\"10.5\"))");
    check(SwapComparison, &amount, &[("lessThan", "lessThanOrEqual"), ("lessThan", "greaterThanOrEqual")]);
    check(ShiftBound, &amount, &[("\"10.5\"", "\"10.5001\""), ("\"10.5\"", "\"10.4999\"")]);
    let long = when("context.now.durationSince(context.now) > duration(\"1h\")");
    check(ShiftBound, &long, &[("\"1h\"", "\"3600001ms\""), ("\"1h\"", "\"3599999ms\"")]);
    check(SwapContains, &when("context.session.labels.containsAll([\"a\", \"b\"])"), &[("containsAll", "containsAny")]);
    check(FlipBool, &when("context.input.loud == true"), &[("true", "false")]);
    check(
        WidenPattern,
        &when("context.input.id like \"/srv/data/*\""),
        &[("\"/srv/data/*\"", "\"*/srv/data/*\""), ("\"/srv/data/*\"", "\"/srv/*\"")],
    );
    check(
        SwapString,
        &when("context.input.id == \"b\" || context.input.id == \"a\""),
        &[("\"b\"", "\"a\""), ("\"a\"", "\"b\"")],
    );
    check(SwapString, &when("context.input.id == \"a\""), &[("\"a\"", "\"a-other\"")]);
    check(SwapString, &when("context.origin == \"retrieved\""), &[("\"retrieved\"", "\"user\"")]);
    check(
        SwapEntity,
        r#"@id("a") forbid (principal == User::"ann", action in Action::"write", resource in AtLeast::"confidential");"#,
        &[
            ("User::\"ann\"", "User::\"ann-other\""),
            ("Action::\"write\"", "Action::\"call\""),
            // Whatever can be written here is confidential at least.
            ("=AtLeast::\"confidential\"", "AtLeast::\"internal\""),
            ("AtLeast::\"confidential\"", "AtLeast::\"restricted\""),
        ],
    );
}

#[test]
fn annotations() {
    let lifted = "@id(\"a\")\n@approval(\"ops\")\nforbid (principal, action, resource);";
    check(Operator::DropApproval, lifted, &[("@approval(\"ops\")", "")]);
    let told = mutants(lifted);
    let one = told.all().iter().find(|one| one.operator == Operator::DropApproval).unwrap();
    assert_eq!((one.old.join("|"), one.new.join("|")), ("@approval(\"ops\")".to_owned(), String::new()));
    assert_eq!((one.place.line, one.place.column), (2, 1));
    let obliged =
        "@id(\"a\") @obligation(\"redact:/x\") @obligation_2(\"audit\") permit (principal, action, resource);";
    check(Operator::DropObligation, obliged, &[("@obligation(\"redact:/x\")", ""), ("@obligation_2(\"audit\")", "")]);
}

#[test]
fn what_is_proven_equivalent() {
    use Operator::{DropOperand, SwapComparison, WidenScope};
    // A tool is its own resource, and its level is the manifest's.
    check(
        WidenScope,
        r#"@id("a") permit (principal, action == Action::"notes/read", resource in AtMost::"internal");"#,
        &[("=action == Action::\"notes/read\"", "action"), ("=resource in AtMost::\"internal\"", "resource")],
    );
    let doubled = when("context.input.count > 4 && context.input.count > 3");
    check(DropOperand, &doubled, &[("context.input.count > 4 &&", ""), ("=&& context.input.count > 3", "")]);
    check(SwapComparison, &doubled, &[(">", "<="), (">", "<=")]);
    // Arithmetic can fail: without it, a call would not be denied.
    let erring = when("context.input.count * 2 == 4 || !(context.input.count * 2 == 4) || context.input.loud");
    check(
        DropOperand,
        &erring,
        &[
            ("context.input.count * 2 == 4 ||", ""),
            ("|| !(context.input.count * 2 == 4)", ""),
            ("=|| context.input.loud", ""),
        ],
    );
}

/// What a permit says of a server for which the baseline denies every call, no call can tell; what a forbid says, it can.
#[test]
fn what_is_said_of_a_server_that_nobody_vouches_for() {
    let check = |manifest: &str, policy: &str, expected: &[(&str, bool)]| {
        let mut sources = Sources::default();
        let servers = "[bundle]\nname = \"shut\"\nversion = \"1\"\n[servers.notes]\n[servers.mail]\nverified = false\n";
        sources.insert("toolgate.toml", format!("{servers}{manifest}"));
        sources.insert("tools/notes.json", TOOLS);
        sources.insert("tools/mail.json", r#"{"tools": [{"name": "send", "inputSchema": {"type": "object"}}]}"#);
        sources.insert("policies/a.cedar", policy);
        let mutants = Mutants::load(&sources, false).unwrap_or_else(|error| panic!("{error}"));
        let dropped = mutants.all().iter().filter(|one| one.operator == Operator::DropElement);
        let found: Vec<_> = dropped.map(|one| (one.before.as_str(), one.equivalent.is_some())).collect();
        assert_eq!(found, expected, "{manifest} {policy}");
    };
    let says = |effect: &str| {
        format!(r#"@id("a") {effect} (principal, action in [Action::"notes/read", Action::"mail/send"], resource);"#)
    };
    let (first, second) = (r#"Action::"notes/read", "#, r#", Action::"mail/send""#);
    check("", &says("permit"), &[(first, false), (second, true)]);
    check("", &says("forbid"), &[(first, false), (second, false)]);
    let disabled = "[baseline]\ndisable = [\"baseline/server-unverified\"]\n";
    check(disabled, &says("permit"), &[(first, false), (second, false)]);
    // One of the bundle's own, and one that an approval lifts.
    let wall = |head: &str| {
        let condition = "!context.server.verified || context.halted";
        format!("{}\n@id(\"w\") {head} forbid (principal, action, resource) when {{ {condition} }};", says("permit"))
    };
    check(disabled, &wall(""), &[(first, false), (second, true)]);
    check(disabled, &wall("@approval(\"ops\")"), &[(first, false), (second, false)]);
}

/// Each mutant of a policy decides as a bundle that was loaded with the mutant in its text.
#[test]
fn mutants_decide_as_their_text() {
    let policy = r#"@id("people") permit (principal in Group::"staff", action in Action::"read", resource) when { context.input has loud && context.input.loud || context.usage.session.total >= 0 };"#;
    let policy = format!(
        "{policy}\n@id(\"wall\") @approval(\"ops\") forbid (principal is User, action, resource) unless {{ context.origin == \"user\" }};"
    );
    let all = mutants(&policy);
    assert!(all.all().len() > 20);
    for (at, mutant) in all.all().iter().enumerate() {
        let (start, end) = (mutant.place.start, mutant.place.end);
        let mut text = policy.clone();
        text.replace_range(start..end, &mutant.after);
        let own = |line: &&str| !line.contains(&format!("\"{}\"", mutant.policy));
        let text = match mutant.operator {
            Operator::DropPolicy => policy.lines().filter(own).collect(),
            _ => text,
        };
        let flipped = mutant.operator == Operator::FlipEffect && mutant.policy == "wall";
        let text = if flipped { text.replace("@approval(\"ops\") ", "") } else { text };
        let loaded = Gate::new(mutants(&text).bundle);
        let mutated = Gate::new(all.bundle(at).unwrap());
        for (kind, name) in [(PrincipalKind::User, "ann"), (PrincipalKind::User, "bob"), (PrincipalKind::Agent, "ann")]
        {
            for (tool, input) in [("read", r#"{"loud": true}"#), ("read", "{}"), ("move", r#"{"id": "1"}"#)] {
                let mut call = ToolCall::new("notes", tool, Principal::new(kind, name));
                call.input = crate::Json::parse(input.as_bytes()).unwrap();
                let decide = |gate: &Gate| {
                    let decision = gate.decide(&call, &Ledger::new(), Timestamp::from_millis(0));
                    (decision.name(), decision.basis().policies.clone(), decision.obligations().to_vec())
                };
                assert_eq!(decide(&mutated), decide(&loaded), "{mutant:?} {call:?}");
            }
        }
    }
}
