//! What could be allowed, against all calls that there are: a small argument space, enumerated.

use std::collections::BTreeMap;

use toolgate::{
    Gate, Json, Ledger, ListRequest, Listed, Origin, PolicyBundle, Principal, PrincipalKind, Sources, Standing,
    Timestamp, ToolCall, filter_tools, wire,
};

/// A random number generator that is the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % count
    }

    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

const TOOLS: usize = 24;
const SEEDS: u64 = 6;

const SCHEMA: &str = r#"{"type": "object", "properties": {
    "color": {"type": "string", "enum": ["red", "green", "blue"]},
    "n": {"type": "integer", "minimum": 0, "maximum": 3},
    "flag": {"type": "boolean"},
    "note": {"type": "string", "enum": ["", "x"]},
    "repo": {"type": "string", "enum": ["a", "b", "c"]}
}, "required": ["color", "n", "flag", "repo"], "additionalProperties": false}"#;

/// The same arguments, of which the schema says no more than the type.
const OPEN: &str = r#"{"type": "object", "properties": {
    "color": {"type": "string"}, "n": {"type": "integer"}, "flag": {"type": "boolean"}, "note": {"type": "string"},
    "repo": {"type": "string"}
}, "required": ["color", "n", "flag", "repo"]}"#;

const ENTITIES: &str = r#"[
    {"uid": {"type": "Organization", "id": "acme"}, "attrs": {}, "parents": []},
    {"uid": {"type": "Repository", "id": "a"}, "attrs": {"archived": false}, "parents": [{"type": "Organization", "id": "acme"}]},
    {"uid": {"type": "Repository", "id": "b"}, "attrs": {"archived": true}, "parents": []}
]"#;

const TYPES: &str = "entity Organization;\nentity Repository in [Organization, Level, Server] { archived: Bool };\n";

fn mapped(tool: usize) -> bool {
    tool % 2 == 1
}

fn open(tool: usize) -> bool {
    tool % 4 > 1
}

fn atom(dice: &mut Dice, mapped: bool) -> String {
    let resource = if mapped { 4 } else { 1 };
    let color = dice.one_of(&["red", "green", "blue"]);
    let k = dice.below(5);
    match dice.below(14 + resource) {
        0 | 1 => format!("context.input.color == \"{color}\""),
        2 => format!("context.input.color != \"{color}\""),
        3 => format!("[\"{color}\", \"red\"].contains(context.input.color)"),
        4 => format!("context.input.color like \"*{}*\"", dice.one_of(&["e", "r", "bl"])),
        5 => format!("context.input.n {} {k}", dice.one_of(&["<", "<=", ">", ">=", "==", "!="])),
        6 => format!("context.input.n + 1 > {k}"),
        7 => "context.input.flag".to_owned(),
        8 => format!("(context.input has note && context.input.note == \"{}\")", dice.one_of(&["", "x"])),
        9 => "context.input has note".to_owned(),
        10 => format!("principal == User::\"{}\"", dice.one_of(&["ann", "bob"])),
        11 => "context.session.present".to_owned(),
        12 => format!("context.origin == \"{}\"", dice.one_of(&["user", "agent"])),
        13 => format!("(if context.input.flag then context.input.n else {k}) < 2"),
        _ if !mapped => "resource.owner == \"team\"".to_owned(),
        14 => "resource.archived".to_owned(),
        15 => format!("resource == Repository::\"{}\"", dice.one_of(&["a", "b", "c"])),
        16 => "resource in Organization::\"acme\"".to_owned(),
        _ => "resource in Server::\"s\"".to_owned(),
    }
}

fn condition(dice: &mut Dice, mapped: bool, depth: usize) -> String {
    let mut inner = || condition(&mut *dice, mapped, depth.saturating_sub(1));
    match depth {
        0 => atom(dice, mapped),
        _ => {
            let (a, b) = (inner(), inner());
            match dice.below(6) {
                0 => format!("({a} && {b})"),
                1 | 2 => format!("({a} || {b})"),
                3 => format!("!({a})"),
                4 => format!("(if {a} then {b} else {})", condition(dice, mapped, 0)),
                _ => a,
            }
        }
    }
}

fn policies(dice: &mut Dice) -> String {
    let mut out = String::new();
    for tool in 0..TOOLS {
        let kinds = ["permit", "permit", "permit", "forbid", "forbid", "@approval(\"ops\")\nforbid"];
        for number in 0..1 + dice.below(4) {
            let kind = if number == 0 { "permit" } else { kinds[dice.below(kinds.len())] };
            let depth = dice.below(3);
            let when = match dice.below(5) {
                0 => String::new(),
                _ => format!("\nwhen {{ {} }}", condition(dice, mapped(tool), depth)),
            };
            let principal = dice.one_of(&["principal", "principal", "principal is User"]);
            let kind = kind.replace("forbid", &format!("@id(\"p{tool}-{number}\") forbid"));
            let kind = kind.replace("permit", &format!("@id(\"p{tool}-{number}\") permit"));
            out += &format!("{kind} ({principal}, action == Action::\"s/t{tool}\", resource){when};\n");
        }
    }
    out
}

fn gate(policies: &str) -> Gate {
    Gate::new(PolicyBundle::load(&sources(policies)).unwrap_or_else(|error| panic!("{policies}\n{error}")))
}

fn sources(policies: &str) -> Sources {
    let mut manifest = "[bundle]\nname = \"space\"\nversion = \"1\"\n[servers.s]\n".to_owned();
    let mut tools = Vec::new();
    for tool in 0..TOOLS {
        manifest += &format!("[tools.\"s/t{tool}\"]\neffect = \"read\"\negress = false\nowner = \"team\"\n");
        if mapped(tool) {
            manifest += "resource = { type = \"Repository\", id = \"{/repo}\" }\n";
        }
        tools.push(format!("{{\"name\": \"t{tool}\", \"inputSchema\": {}}}", if open(tool) { OPEN } else { SCHEMA }));
    }
    let mut sources = Sources::default();
    sources.insert("toolgate.toml", manifest);
    sources.insert("tools/s.json", format!("{{\"tools\": [{}]}}", tools.join(",")));
    sources.insert("schema/types.cedarschema", TYPES);
    sources.insert("entities.json", ENTITIES);
    sources.insert("policies/p.cedar", policies);
    sources
}

/// Every input that fits the schema.
fn space() -> Vec<Json> {
    let mut all = Vec::new();
    for color in ["red", "green", "blue"] {
        for n in 0..4 {
            for flag in [true, false] {
                for note in ["", ", \"note\": \"\"", ", \"note\": \"x\""] {
                    for repo in ["a", "b", "c"] {
                        let text =
                            format!(r#"{{"color": "{color}", "n": {n}, "flag": {flag}, "repo": "{repo}"{note}}}"#);
                        all.push(Json::parse(text.as_bytes()).unwrap());
                    }
                }
            }
        }
    }
    all
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_767_607_200_000)
}

/// What is true of a tool, by all its calls.
fn truth(gate: &Gate, request: &ListRequest, tool: &str, space: &[Json]) -> (Standing, [usize; 3]) {
    let mut counts = [0; 3];
    for input in space {
        let mut call = ToolCall::new("s", tool, request.principal.clone());
        call.on_behalf_of = request.on_behalf_of.clone();
        call.origin = request.origin;
        call.input = input.clone();
        let place = match gate.decide(&call, &Ledger::new(), now()).name() {
            "allow" => 0,
            "needs_approval" => 1,
            _ => 2,
        };
        counts[place] += 1;
    }
    let standing = match counts {
        [0, 0, _] => Standing::Hidden,
        [0, _, _] => Standing::Approval,
        [_, 0, 0] => Standing::Allowed,
        _ => Standing::Depends,
    };
    (standing, counts)
}

#[test]
fn agrees_with_every_call_there_is() {
    let space = space();
    let mut exact: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    let mut depends = 0;
    for seed in 0..SEEDS {
        let mut dice = Dice(seed);
        let text = policies(&mut dice);
        let gate = gate(&text);
        let ann = Principal::new(PrincipalKind::User, "ann");
        let mut request = ListRequest::new(ann.clone());
        if seed % 2 == 1 {
            request = ListRequest::new(Principal::new(PrincipalKind::Agent, "bot"));
            request.on_behalf_of = vec![ann];
        }
        request.origin = Origin::User;
        let listing = gate.list(&request, &Ledger::new(), now());
        for one in listing.iter().filter(|one| !one.method) {
            let (truth, [allow, approval, deny]) = truth(&gate, &request, &one.tool, &space);
            let own: Vec<_> =
                text.split(";\n").filter(|policy| policy.contains(&format!("s/{}\"", one.tool))).collect();
            let told = format!("{one:#?}\n{truth:?} {allow} {approval} {deny}\n{}", own.join(";\n"));
            match one.standing {
                Standing::Allowed => assert_eq!((approval, deny), (0, 0), "{told}"),
                Standing::Hidden => assert_eq!((allow, approval), (0, 0), "{told}"),
                Standing::Approval => assert_eq!(allow, 0, "{told}"),
                Standing::Depends => assert!(!one.conditions.is_empty() || !one.arguments.is_empty(), "{told}"),
            }
            // Of an open schema, these are not all the calls.
            if one.tool.strip_prefix('t').and_then(|number| number.parse().ok()).is_some_and(open) {
                depends += usize::from(one.standing == Standing::Depends);
                continue;
            }
            let [right, all] = exact.entry(truth.name()).or_default();
            *right += usize::from(truth == one.standing);
            *all += 1;
        }
    }
    let opened = usize::try_from(SEEDS).unwrap() * TOOLS / 2;
    println!("{exact:?}; of {opened} with an open schema, {depends} depend");
    let (right, all) = exact.values().fold((0, 0), |sum, [right, all]| (sum.0 + right, sum.1 + all));
    assert!(depends * 5 < opened * 4, "{depends}");
    assert!(right * 100 >= all * 95, "{right} of {all} exact: {exact:?}");
    // Of what truly is so, and not only of what depends.
    for standing in ["allowed", "hidden", "approval"] {
        let [right, all] = exact[standing];
        assert!(right * 10 >= all * 9, "{standing}: {right} of {all}");
    }
}

/// The listing of `t0` (its resource is the tool) or `t1` (mapped), for the user ann.
fn listed(tool: usize, policies: &str) -> Listed {
    let policies = policies.replace("SCOPE", &format!("principal, action == Action::\"s/t{tool}\", resource"));
    let mut request = ListRequest::new(Principal::new(PrincipalKind::User, "ann"));
    request.origin = Origin::User;
    let listing = gate(&policies).list(&request, &Ledger::new(), now());
    listing.into_iter().find(|one| one.tool == format!("t{tool}")).unwrap()
}

/// A condition of a permit, and what is left of it.
#[test]
fn what_remains() {
    let cases = [
        ("true", "allowed"),
        ("context.session.present", "hidden"),
        ("principal == User::\"ann\"", "allowed"),
        ("principal == User::\"bob\" && context.input.flag", "hidden"),
        ("context.input.flag && principal == User::\"bob\"", "hidden"),
        ("principal == User::\"ann\" || context.input.flag", "allowed"),
        ("principal == User::\"bob\" || context.input.flag", "depends: context.input.flag"),
        ("context.input.flag || !context.input.flag", "allowed"),
        ("context.input.n == 1 && context.input.n > 2", "hidden"),
        ("context.input.n < 4", "allowed"),
        ("context.input.n + 1 > 3", "depends: context.input.n + 1 > 3"),
        ("context.input.color == \"pink\"", "hidden"),
        ("[\"red\", \"green\", \"blue\"].contains(context.input.color)", "allowed"),
        ("context.input.color like \"*e*\"", "allowed"),
        ("!(context.input.color like \"r*\")", "depends: !(context.input.color like \"r*\")"),
        (
            "context.input has note && context.input.note == \"x\"",
            "depends: context.input has note && context.input.note == \"x\"",
        ),
        (
            "(context.input.flag || context.session.present) && (context.input.n + 1) * 2 == 4",
            "depends: context.input.flag && (context.input.n + 1) * 2 == 4",
        ),
        (
            "if context.origin == \"user\" then context.input.flag else context.input.n == 1",
            "depends: context.input.flag",
        ),
        (
            "context.input.flag || context.input.n == 1 && context.input.color != \"red\"",
            "depends: context.input.flag || context.input.n == 1 && context.input.color != \"red\"",
        ),
        ("resource.owner == \"team\" && context.input.flag", "depends: context.input.flag"),
    ];
    for (condition, expected) in cases {
        let one = listed(0, &format!("@id(\"p\") permit (SCOPE) when {{ {condition} }};"));
        assert_eq!(shown(&one), expected, "{condition}");
    }
    let mapped = [
        ("resource.archived", "depends: resource.archived"),
        ("resource in Server::\"s\"", "allowed"),
        ("resource is Repository", "allowed"),
        (
            "resource is Repository in Organization::\"acme\"",
            "depends: resource is Repository in Organization::\"acme\"",
        ),
        ("resource == Repository::\"a\"", "depends: resource == Repository::\"a\""),
        ("context.objects.contains(\"x\")", "depends: context.objects.contains(\"x\")"),
    ];
    for (condition, expected) in mapped {
        let one = listed(1, &format!("@id(\"p\") permit (SCOPE) when {{ {condition} }};"));
        assert_eq!(shown(&one), expected, "{condition}");
    }
}

fn shown(one: &Listed) -> String {
    let conditions: Vec<_> = one
        .conditions
        .iter()
        .map(|text| text.strip_prefix("permit p when { ").and_then(|text| text.strip_suffix(" }")).unwrap_or(text))
        .collect();
    match conditions.is_empty() {
        true => one.standing.name().to_owned(),
        false => format!("{}: {}", one.standing.name(), conditions.join("; ")),
    }
}

#[test]
fn forbids_and_approvals() {
    let permit = "@id(\"p\") permit (SCOPE);\n";
    let cases = [
        ("@id(\"f\") forbid (SCOPE);", "hidden"),
        ("@id(\"f\") forbid (SCOPE) when { context.input.flag };", "depends: forbid f when { context.input.flag }"),
        ("@id(\"f\") forbid (SCOPE) unless { context.input.n >= 0 };", "allowed"),
        ("@id(\"f\") @approval(\"ops\") forbid (SCOPE);", "approval"),
        (
            "@id(\"f\") @approval(\"ops\") forbid (SCOPE) when { context.input.flag };",
            "depends: forbid f when { context.input.flag }",
        ),
        // The one that is lifted never stands alone.
        (
            "@id(\"f\") @approval(\"ops\") forbid (SCOPE) when { context.input.flag };
             @id(\"g\") @approval(\"law\") forbid (SCOPE) unless { context.input.flag };",
            "approval: forbid f when { context.input.flag }; forbid g when { !context.input.flag }",
        ),
        (
            "@id(\"f\") @approval(\"ops\") forbid (SCOPE) when { context.input.flag };
             @id(\"g\") forbid (SCOPE) unless { context.input.flag };",
            "approval: forbid f when { context.input.flag }; forbid g when { !context.input.flag }",
        ),
        // It overflows, and so denies, whatever the arguments.
        ("@id(\"f\") forbid (SCOPE) when { context.input.n + 9223372036854775807 + 1 > 0 };", "hidden"),
    ];
    for (forbids, expected) in cases {
        let one = listed(0, &format!("{permit}{forbids}"));
        assert_eq!(shown(&one), expected, "{forbids}");
        let asks = forbids.contains("ops") && one.standing != Standing::Hidden;
        assert_eq!(one.approvals.contains(&"ops".to_owned()), asks, "{forbids}");
        assert_eq!(one.why.is_some(), one.standing == Standing::Hidden);
    }
}

/// Everything but the hidden tools stays as it was, byte for byte.
#[test]
fn a_filtered_list() {
    let mut one = listed(0, "@id(\"p\") permit (SCOPE);");
    one.tool = "b".to_owned();
    let live = "{ \"x\" : {\"tools\": [1, 2]}, \"\\u0074ools\":[ {\"name\":\"a\",\"t\":[{}, \"]\"]},\n {\"n\": 1.50, \"name\" : \"b\"} , {\"name\":\"c\"}], \"nextCursor\":\"9\"}";
    let filtered = filter_tools(live, "s", std::slice::from_ref(&one)).unwrap();
    let expected =
        "{ \"x\" : {\"tools\": [1, 2]}, \"\\u0074ools\":[\n {\"n\": 1.50, \"name\" : \"b\"} ], \"nextCursor\":\"9\"}";
    assert_eq!(filtered.text, expected);
    assert_eq!(filtered.left_out, ["a", "c"]);
    let all = r#"{"tools": [ ]}"#;
    assert_eq!(filter_tools(all, "s", &[]).unwrap().text, all);
    assert_eq!(filter_tools(r#"{"tools":[{"name":"b"}]}"#, "other", &[one]).unwrap().text, r#"{"tools":[]}"#);
    for wrong in ["", "{}", r#"{"tools": {}}"#, r#"{"tools": [], "tools": []}"#, r#"[{"tools": []}]"#] {
        assert!(filter_tools(wrong, "s", &[]).is_err(), "{wrong}");
    }
    let listing = wire::listing(&[]);
    assert_eq!(listing, r#"{"version":1,"cache_scope":"private","tools":[]}"#);
}

/// What a task covers depends on the arguments only where the task says what it covers.
#[test]
fn what_a_task_covers() {
    let policies = "@id(\"p\") permit (principal, action == Action::\"s/t1\", resource)
        when { context has task && context.task.covers_objects && context.task.covers_destinations };";
    let gate = gate(policies);
    let standing = |objects: &str, task: &str| {
        let opened = format!(
            r#"{{"at":"{}","event":{{"task_opened":{{"id":"k","initiator":"User::\"ann\"","purpose":"x","tools":["call"],{objects}"expires":"2027-01-01T00:00:00Z"}}}}}}"#,
            now()
        );
        let ledger = wire::read_journal(&gate, &opened).unwrap_or_else(|error| panic!("{opened}: {error}"));
        let mut request = ListRequest::new(Principal::new(PrincipalKind::User, "ann"));
        request.task = Some(task.to_owned());
        let listing = gate.list(&request, &ledger, now());
        listing.into_iter().find(|one| one.tool == "t1").unwrap()
    };
    assert_eq!(standing("", "k").standing, Standing::Allowed);
    let some = standing(r#""objects":["Repository::\"a\""],"#, "k");
    let expected = [
        "permit p when { context.task.covers_objects }",
        "forbid baseline/task-outside-objects when { context.status.task_covers_objects == \"no\" }",
    ];
    assert_eq!(
        (some.standing, some.conditions.iter().map(String::as_str).collect()),
        (Standing::Depends, expected.to_vec())
    );
    assert_eq!(standing("", "other").standing, Standing::Hidden);
}

/// What a schema says beside its type can make a value one that policies do not see.
#[test]
fn values_that_no_policy_sees() {
    let check = |argument: &str, value: &str, expected: &str| {
        let mut sources = Sources::default();
        let manifest = "[bundle]\nname = \"list\"\nversion = \"1\"\n[servers.s]\n[tools.\"s/t\"]\neffect = \"read\"\negress = false\nsensitivity = \"internal\"";
        sources.insert("toolgate.toml", manifest);
        let tools = format!(
            r#"{{"tools": [{{"name": "t", "inputSchema": {{"type": "object", "properties": {{"x": {argument}}}}}}}]}}"#
        );
        sources.insert("tools/s.json", tools);
        sources.insert("policies/a.cedar", "@id(\"a\") permit (principal, action == Action::\"s/t\", resource) when { context.input has x || !(context.input has x) };");
        let gate = Gate::new(PolicyBundle::load(&sources).unwrap_or_else(|error| panic!("{error}")));
        let call = format!(r#"{{"server":"s","tool":"t","principal":"User::\"ann\"","input":{{"x":{value}}}}}"#);
        let call = wire::read_call(call.as_bytes(), gate.limits()).unwrap();
        let allowed = gate.decide(&call, &Ledger::new(), now()).is_allow();
        let request = ListRequest::new(Principal::new(PrincipalKind::User, "ann"));
        let listed = gate.list(&request, &Ledger::new(), now());
        let standing = listed.iter().find(|one| one.tool == "t").unwrap().standing;
        assert_eq!(standing.name(), expected, "{argument}");
        assert!(allowed || standing != Standing::Allowed, "{argument}: {value}");
    };
    check(r#"{"type": "string"}"#, r#""x""#, "allowed");
    check(r#"{"type": "string", "nullable": true}"#, "null", "depends");
    check(r#"{"enum": ["a", "b"], "nullable": true}"#, "null", "depends");
    check(
        r#"{"type": "string", "allOf": [{"type": "string", "format": "date-time"}]}"#,
        r#""2026-01-05T10:00:00.0001Z""#,
        "depends",
    );
    check(r#"{"type": ["string", "null"]}"#, "null", "depends");
}

/// The standing of `t1`, which is mapped, for ann in any session; `events`: what happened before.
fn any_session(policies: &str, manifest: &str, events: &[&str]) -> Standing {
    let mut sources = sources(policies);
    let whole = format!("{}{manifest}", sources.text("toolgate.toml").unwrap());
    sources.insert("toolgate.toml", whole);
    let gate = Gate::new(PolicyBundle::load(&sources).unwrap_or_else(|error| panic!("{policies}\n{error}")));
    let journal: Vec<_> = events.iter().map(|event| format!(r#"{{"at":"{}","event":{event}}}"#, now())).collect();
    let ledger = wire::read_journal(&gate, &journal.join("\n")).unwrap_or_else(|error| panic!("{error}"));
    let mut request = ListRequest::new(Principal::new(PrincipalKind::User, "ann"));
    request.any_session = true;
    let listing = gate.list(&request, &ledger, now());
    listing.into_iter().find(|one| one.tool == "t1").unwrap().standing
}

/// What a session has seen is an entity, too, and of another type than the resource.
#[test]
fn entities_of_any_session() {
    let check = |condition: &str, expected: Standing| {
        let permit =
            format!("@id(\"p\") permit (principal, action == Action::\"s/t1\", resource) when {{ {condition} }};");
        assert_eq!(any_session(&permit, "", &[]), expected, "{condition}");
    };
    check("context.session.seen is Level", Standing::Depends);
    check("(if context.revoked then Level::\"public\" else context.session.seen) is Level", Standing::Depends);
    check("context.session.seen in AtMost::\"public\"", Standing::Depends);
    check("context.session.seen in AtMost::\"public\" && context.input.flag", Standing::Depends);
}

/// A grant counts in its task, and that may be another initiator's where the bundle lets it.
#[test]
fn grants_of_any_task() {
    let permit = "@id(\"p\") permit (principal == ?principal, action == Action::\"s/t1\", resource);";
    let events = [
        r#"{"task_opened":{"id":"k","initiator":"User::\"bob\"","purpose":"x","tools":["call"],"expires":"2027-01-01T00:00:00Z"}}"#,
        r#"{"grant_issued":{"id":"g","task":"k","template":"p","principal":"User::\"ann\"","expires":"2027-01-01T00:00:00Z"}}"#,
    ];
    let lax = "[baseline]\ndisable = [\"baseline/task-initiator\"]\n";
    assert_eq!(any_session(permit, "", &events), Standing::Hidden);
    assert_eq!(any_session(permit, lax, &events), Standing::Depends);
    assert_eq!(any_session(permit, lax, &events[..1]), Standing::Hidden);
}

/// When nothing is decided, nothing is allowed.
#[test]
fn times_that_nothing_is_decided_at() {
    let gate = gate("@id(\"p\") permit (principal, action == Action::\"s/t0\", resource);");
    let request = ListRequest::new(Principal::new(PrincipalKind::User, "ann"));
    let standing = |now| {
        let listing = gate.list(&request, &Ledger::new(), now);
        listing.into_iter().find(|one| one.tool == "t0").unwrap().standing
    };
    assert_eq!(standing(now()), Standing::Allowed);
    assert_eq!(standing(Timestamp::from_millis(i64::MAX)), Standing::Hidden);
}

/// What some words of a schema say is not all that it says: a value may be null, and have members that stand elsewhere.
#[test]
fn values_that_a_schema_describes_elsewhere() {
    let check = |argument: &str, mapped: bool, input: &str, expected: Standing| {
        let resource = if mapped { "resource = { type = \"Repository\", id = \"{/x}\" }\n" } else { "" };
        let manifest = format!(
            "[bundle]\nname = \"one\"\nversion = \"1\"\n[servers.s]\n[tools.\"s/t\"]\neffect = \"read\"\negress = false\n{resource}"
        );
        let tools = format!(
            r#"{{"tools": [{{"name": "t", "inputSchema": {{"type": "object", "properties": {{"x": {argument}}}, "required": ["x"]}}}}]}}"#
        );
        let reads = "when { context.input has x || true }";
        let permit = format!("@id(\"p\") permit (principal, action == Action::\"s/t\", resource) {reads};");
        let mut sources = Sources::default();
        for (name, text) in [("toolgate.toml", manifest), ("tools/s.json", tools), ("policies/p.cedar", permit)] {
            sources.insert(name, text);
        }
        let gate = Gate::new(PolicyBundle::load(&sources).unwrap_or_else(|error| panic!("{argument}\n{error}")));
        let ann = Principal::new(PrincipalKind::User, "ann");
        let listing = gate.list(&ListRequest::new(ann.clone()), &Ledger::new(), now());
        let standing = listing.into_iter().find(|one| one.tool == "t").unwrap().standing;
        let mut call = ToolCall::new("s", "t", ann);
        call.input = Json::parse(input.as_bytes()).unwrap();
        let allowed = gate.decide(&call, &Ledger::new(), now()).is_allow();
        assert_eq!((standing, allowed), (expected, expected == Standing::Allowed), "{argument} {input}");
    };
    let object = r#"{"type": "object", "properties": {"a": {"type": "string"}}"#;
    let number = r#"{"properties": {"b": {"type": "number"}}}"#;
    check(r#"{"type": "string"}"#, false, r#"{"x": "q"}"#, Standing::Allowed);
    check(r#"{"type": "string", "nullable": false}"#, false, r#"{"x": "q"}"#, Standing::Allowed);
    check(r#"{"type": "string", "nullable": true}"#, false, r#"{"x": null}"#, Standing::Depends);
    check(r#"{"type": "string", "minLength": 1}"#, true, r#"{"x": "q"}"#, Standing::Allowed);
    check(r#"{"type": "string", "minLength": 1, "nullable": true}"#, true, r#"{"x": null}"#, Standing::Depends);
    check(&format!("{object}}}"), false, r#"{"x": {"a": "q"}}"#, Standing::Allowed);
    check(&format!("{object}, \"allOf\": [{number}]}}"), false, r#"{"x": {"b": 0.12345}}"#, Standing::Depends);
}

/// Of what leaves for nobody knows where, no task can say that it may.
#[test]
fn tasks_whose_calls_may_not_leave_for_anywhere() {
    let mut sources = Sources::default();
    let manifest = "[bundle]\nname = \"leave\"\nversion = \"1\"\n[servers.s]\n[tools.\"s/post\"]\negress = true\ndestinations = [\"/to\"]\n[tools.\"s/beam\"]\negress = true\n[tools.\"s/note\"]\negress = false\n";
    sources.insert("toolgate.toml", manifest);
    let schema = r#"{"type": "object", "properties": {"to": {"type": "string"}}}"#;
    let tools = ["post", "beam", "note"].map(|name| format!(r#"{{"name": "{name}", "inputSchema": {schema}}}"#));
    sources.insert("tools/s.json", format!(r#"{{"tools": [{}]}}"#, tools.join(",")));
    sources.insert("policies/p.cedar", "@id(\"p\") permit (principal, action, resource);");
    let gate = Gate::new(PolicyBundle::load(&sources).unwrap_or_else(|error| panic!("{error}")));
    let ann = Principal::new(PrincipalKind::User, "ann");
    let check = |destinations: &str, tool: &str, expected: [&str; 3]| {
        let opened = format!(
            r#"{{"at":"{}","event":{{"task_opened":{{"id":"k","initiator":"User::\"ann\"","purpose":"x","tools":["call"],{destinations}"expires":"2027-01-01T00:00:00Z"}}}}}}"#,
            now()
        );
        let ledger = wire::read_journal(&gate, &opened).unwrap_or_else(|error| panic!("{opened}: {error}"));
        let mut request = ListRequest::new(ann.clone());
        request.task = Some("k".to_owned());
        let listing = gate.list(&request, &ledger, now());
        let standing = listing.into_iter().find(|one| one.tool == tool).unwrap().standing;
        let decided = ["{}", r#"{"to": "a"}"#].map(|input| {
            let mut call = ToolCall::new("s", tool, ann.clone());
            (call.task, call.input) = (request.task.clone(), Json::parse(input.as_bytes()).unwrap());
            gate.decide(&call, &ledger, now()).name()
        });
        assert_eq!([standing.name(), decided[0], decided[1]], expected, "{destinations} {tool}");
    };
    // What stands at `/to` has to be a destination.
    for (tool, standing) in [("post", "depends"), ("beam", "allowed"), ("note", "allowed")] {
        check("", tool, [standing, "allow", "allow"]);
    }
    for (list, post) in [("[\"a\"]", ["depends", "deny", "allow"]), ("[]", ["depends", "deny", "deny"])] {
        let list = format!("\"destinations\":{list},");
        check(&list, "post", post);
        check(&list, "beam", ["hidden", "deny", "deny"]);
        check(&list, "note", ["allowed", "allow", "allow"]);
    }
}
