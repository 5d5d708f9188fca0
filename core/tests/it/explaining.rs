//! Explanations: what each part of a policy comes to, what is never shown, and what would have to differ.

use toolgate::{Explained, Explanation, Gate, Ledger, PolicyBundle, Sources, Truth, wire};

use crate::{
    desk::{self, call, gate, now},
    scene::Scene,
};

fn explain(gate: &Gate, text: &str) -> Explanation {
    let call = wire::read_call(text.as_bytes(), gate.limits()).unwrap();
    gate.explain(&call, &Ledger::new(), now())
}

/// A policy's outcome, and each of its parts with its place, its outcome and its values.
fn shown(one: &Explained) -> String {
    let atoms = one.atoms.iter().map(|atom| {
        let values: Vec<_> = atom.values.iter().map(|(of, value)| format!("{of}={value}")).collect();
        let why = atom.error.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        let (outcome, place) = (atom.outcome.name(), format!("{}:{}", atom.line, atom.column));
        format!("{place} {} {outcome}{why} {}\n", atom.text, values.join(", ")).replace(" \n", "\n")
    });
    format!("{}\n{}", one.outcome.name(), atoms.collect::<String>())
}

fn check(conditions: &str, input: &str, expected: &str) {
    let policies =
        format!("@id(\"p\")\npermit (principal is User, action == Action::\"pay/send\", resource)\n{conditions};");
    let explanation = explain(&gate(&policies), &call("pay/send", input, ""));
    let found = explanation.policies.iter().find(|one| one.policy == "p").unwrap();
    let found = shown(found);
    let scope = "2:9 principal is User true principal=User::\"alice\"\n2:28 action == Action::\"pay/send\" true\n";
    assert_eq!(found, expected.replacen('\n', &format!("\n{scope}"), 1), "{conditions}");
}

#[test]
fn parts_of_policies() {
    let input = r#"{"to": "a@b.example", "count": 3, "note": "x"}"#;
    check("", input, "true\n");
    check(
        "when { context.input has count && context.input.count > 2 }",
        input,
        "true\n3:8 context.input has count true\n3:35 context.input.count > 2 true context.input.count=3\n",
    );
    check(
        "when { context.input has amount && context.input.amount.lessThan(decimal(\"1.0\")) || context.input.to.domain like \"*.org\" }",
        input,
        "false\n3:8 context.input has amount false\n3:36 context.input.amount.lessThan(decimal(\"1.0\")) not_reached\n\
         3:85 context.input.to.domain like \"*.org\" false context.input.to.domain=\"b.example\"\n",
    );
    check(
        "unless { // why\n  context.origin ==\n    \"agent\" }",
        input,
        "true\n4:3 context.origin == \"agent\" false context.origin=\"retrieved\"\n",
    );
    check(
        "when { if context.session.present then true else !(context.usage.tool.hour + 1 > 5) }",
        input,
        "true\n3:11 context.session.present false context.session.present=false\n3:40 true not_reached\n\
         3:52 context.usage.tool.hour + 1 > 5 false context.usage.tool.hour=0, context.usage.tool.hour + 1=1\n",
    );
    check(
        "when { context.input has count && context.input.count * 9223372036854775807 > 0 }",
        input,
        "error\n3:8 context.input has count true\n3:35 context.input.count * 9223372036854775807 > 0 error \
         (3 * 9223372036854775807 is beyond what a Long holds) context.input.count=3, context.input.count * 9223372036854775807=absent\n",
    );
}

const SECRETS: &str = r#"{"tools": [{"name": "send", "inputSchema": {"type": "object", "properties": {
    "pin": {"type": "integer", "writeOnly": true}, "word": {"type": "string", "format": "password"},
    "deep": {"type": "object", "properties": {"key": {"type": "string", "writeOnly": true}, "open": {"type": "string"}}, "required": ["key", "open"]},
    "keys": {"type": "array", "items": {"type": "string", "writeOnly": true}}, "to": {"type": "string"}, "hint": {"type": "string"}},
    "required": ["pin", "word", "deep", "keys", "to"]}}]}"#;

/// In no value, no error, no example, no resource and no reason.
#[test]
fn secrets_are_never_shown() {
    let mut sources = Sources::default();
    sources.insert(
        "toolgate.toml",
        "[bundle]\nname = \"x\"\nversion = \"1\"\n[servers.s]\n[tools.\"s/send\"]\neffect = \"write\"\nsensitivity = \"internal\"\n\
         resource = { type = \"Box\", id = \"{/word}\" }\ndestinations = [\"/deep/key\"]",
    );
    sources.insert("tools/s.json", SECRETS);
    sources.insert(
        "policies/a.cedar",
        r#"
        @id("word") permit (principal, action == Action::"s/send", resource) when { context.input.word == "other" };
        @id("deep") permit (principal, action == Action::"s/send", resource) when { context.input.deep.key like "nothing*" };
        @id("whole") permit (principal, action == Action::"s/send", resource) when { context.input.deep == {key: "a", open: "b"} };
        @id("keys") permit (principal, action == Action::"s/send", resource) when { context.input.keys.contains("k") };
        @id("sent") permit (principal, action == Action::"s/send", resource) when { context.destinations.contains("me") };
        @id("much") forbid (principal, action == Action::"s/send", resource) when { context.input.pin * 9223372036854775807 > 3 };
        @id("less") permit (principal, action == Action::"s/send", resource) when { context.input.pin - 9223372036854775807 - 9 > 3 };
        "#,
    );
    let gate = Gate::new(PolicyBundle::load(&sources).unwrap_or_else(|error| panic!("{error}")));
    let input = r#"{"pin": -731, "word": "hunter two", "deep": {"key": "skeleton", "open": "no"}, "keys": ["brass"], "to": "x"}"#;
    let text = call("s/send", input, "");
    let explanation = explain(&gate, &text);
    let all = format!("{}{explanation:?}", wire::explanation(&explanation));
    for secret in ["731", "hunter", "skeleton", "brass"] {
        assert!(!all.contains(secret), "{secret}: {all}");
    }
    assert!(all.contains("[hidden]") && all.contains("it looks at a secret"), "{all}");
    // What is wrong with an argument is told without it, too.
    let explanation = explain(&gate, &text.replace("-731", "\"-731\""));
    let all = format!("{}{explanation:?}", wire::explanation(&explanation));
    assert!(!all.contains("731") && all.contains("invalid_arguments"), "{all}");
}

/// A mapping that folds the case of a secret writes it as nobody gave it.
#[test]
fn folded_secrets_are_never_shown() {
    let mut sources = Sources::default();
    sources.insert(
        "toolgate.toml",
        "[bundle]\nname = \"x\"\nversion = \"1\"\n[servers.s]\n[tools.\"s/send\"]\n\
         resource = { type = \"Box\", id = \"{/word}\", fold_case = true }",
    );
    sources.insert("tools/s.json", SECRETS);
    sources.insert("policies/a.cedar", r#"@id("p") permit (principal, action, resource == Box::"other");"#);
    let gate = Gate::new(PolicyBundle::load(&sources).unwrap_or_else(|error| panic!("{error}")));
    for word in ["HUNTER", "Hunter/Two", "hunter two"] {
        let input = r#"{"pin": 1, "word": "WORD", "deep": {"key": "k", "open": "no"}, "keys": ["k"], "to": "x"}"#;
        let explanation = explain(&gate, &call("s/send", &input.replace("WORD", word), ""));
        let all = format!("{}{explanation:?}", wire::explanation(&explanation));
        assert!(all.contains("[hidden]") && !all.to_lowercase().contains("hunter"), "{word}: {all}");
    }
}

/// What would have to differ, each set on one line: claims with `!` where they must not hold, and who can change them.
fn nearest(explanation: &Explanation) -> Vec<String> {
    let sets = explanation.nearest.sets.iter().map(|set| {
        let changes = set.changes.iter().map(|one| {
            let who: Vec<_> = one.who.iter().map(|who| who.name()).collect();
            format!("{}{} [{}]", if one.needed { "" } else { "!" }, one.claim, who.join(","))
        });
        let mut changes: Vec<_> = changes.collect();
        changes.extend(set.standing.iter().map(|(policy, class)| format!("then {policy} asks {class}")));
        changes.join(" & ")
    });
    sets.collect()
}

#[test]
fn what_would_have_to_differ() {
    let check = |policies: &str, tool: &str, input: &str, more: &str, expected: &[&str]| {
        let explanation = explain(&gate(policies), &call(tool, input, more));
        assert_eq!(nearest(&explanation), expected, "{policies}");
        assert!(!explanation.nearest.cut);
    };
    let me = |policies: &str, more: &str, expected: &[&str]| check(policies, "github/get_me", "{}", more, expected);
    let may = "@id(\"may\") permit (principal, action, resource) when ";
    me(&format!("{may}{{ context.origin == \"user\" }};"), "", &["context.origin == \"user\" [host]"]);
    // One fact, whoever asks for it, and however often.
    me(
        &format!(
            "{may}{{ context.origin == \"user\" }}; @id(\"no\") forbid (principal, action, resource) when {{ context.origin != \"user\" }};"
        ),
        "",
        &["!context.origin != \"user\" [host]"],
    );
    // What contradicts itself is no way.
    me(
        &format!(
            "{may}{{ context.origin == \"user\" }}; @id(\"no\") forbid (principal, action, resource) when {{ context.origin == \"user\" }};"
        ),
        "",
        &[],
    );
    me(
        &format!(
            "{may}{{ context.usage.tool.hour > 3 && context.usage.tool.hour < 3 || context.transport == \"stdio\" }};"
        ),
        "",
        &["context.transport == \"stdio\" [host]"],
    );
    // A fact that is missing is there as soon as it has a value.
    me(
        &format!("{may}{{ context has task && context.task.purpose == \"triage\" }};"),
        "",
        &["context.task.purpose == \"triage\" [task]"],
    );
    // A group's members are in what the group is in; levels are one fact.
    me(
        &format!(
            "{may}{{ resource in AtMost::\"public\" }}; @id(\"no\") forbid (principal, action, resource) when {{ resource in AtLeast::\"internal\" }};"
        ),
        "",
        &["resource in AtMost::\"public\" [resource_owner]"],
    );
    // Forbids that an approval lifts are not in the way, and are told.
    me(
        &format!(
            "{may}{{ context.origin == \"user\" }}; @id(\"ask\") @approval(\"ops\") forbid (principal, action, resource);"
        ),
        "",
        &["context.origin == \"user\" [host] & then ask asks ops"],
    );
    // A forbid that cannot be evaluated has to be able to.
    check(
        "@id(\"may\") permit (principal, action, resource); @id(\"no\") forbid (principal, action == Action::\"pay/send\", resource) \
         when { context.input has count && context.input.count * 9223372036854775807 > 0 };",
        "pay/send",
        r#"{"to": "a@b.example", "count": 3}"#,
        "",
        &["!context.input has count [caller]", "!context.input.count * 9223372036854775807 > 0 [caller]"],
    );
    // Every hop and every resource has to be permitted.
    check(
        "@id(\"may\") permit (principal in Group::\"g\", action, resource == File::\"a\"); \
         @id(\"may-b\") permit (principal in Group::\"g\", action, resource == File::\"b\") when { context.origin == \"user\" };",
        "fs/move_file",
        r#"{"source": "a", "destination": "b"}"#,
        r#""on_behalf_of": ["User::\"bob\""]"#,
        &[
            "principal in Group::\"g\" [identity] & context.origin == \"user\" [host] & principal in Group::\"g\" [identity]",
        ],
    );
    let explanation = explain(
        &gate("@id(\"x\") permit (principal, action == Action::\"pay/send\", resource);"),
        &call("github/get_me", "{}", ""),
    );
    assert!(nearest(&explanation).is_empty());
    assert_eq!(explanation.nearest.unwritten, [("User::\"alice\"".to_owned(), "Tool::\"github/get_me\"".to_owned())]);
}

/// A grant is a way where there is a task, and it is enough.
#[test]
fn a_grant_that_is_told_of_is_enough() {
    let mut scene = Scene::at_the_desk("@id(\"lent\") permit (principal == ?principal, action, resource);");
    scene.tell(
        r#"{"task_opened":{"id":"t","purpose":"x","initiator":"User::\"alice\"","tools":["call"],"expires":"2026-01-06T00:00:00Z"}}"#,
    );
    let text = call("github/get_me", "{}", r#""task":"t""#);
    let explanation = scene.gate.explain(&scene.call(&text), &scene.ledger, scene.now);
    assert_eq!(nearest(&explanation), ["grant of lent [task]"]);
    scene.tell(
        r#"{"grant_issued":{"id":"g","task":"t","template":"lent","principal":"User::\"alice\"","expires":"2026-01-06T00:00:00Z"}}"#,
    );
    assert_eq!(scene.ask(&text), "allow [lent]");
    let explanation = scene.gate.explain(&scene.call(&text), &scene.ledger, scene.now);
    let lent = explanation.policies.iter().find(|one| one.policy == "lent").unwrap();
    assert_eq!((lent.grant.as_deref(), lent.outcome), (Some("g"), Truth::True));
    // Without a task there is nothing that a grant could count in.
    let alone = scene.gate.explain(&scene.call(&call("github/get_me", "{}", "")), &scene.ledger, scene.now);
    assert!(nearest(&alone).is_empty());
}

#[test]
fn scopes_that_are_missing() {
    let check = |policies: &str, scopes: &str, expected: &[&str]| {
        let gate = gate(policies);
        let credential = format!(
            r#""credential":{{"id":"j","issuer":"i","audience":["https://api.githubcopilot.com/mcp/"],"expires":"2026-01-05T10:05:00Z","issued":"2026-01-05T10:00:00Z","bound":"dpop","scopes":[{scopes}]}}"#
        );
        let text = call("github/get_me", "{}", &credential);
        let call = wire::read_call(text.as_bytes(), gate.limits()).unwrap();
        assert_eq!(gate.missing_scopes(&call, &Ledger::new(), now()), expected, "{policies}");
    };
    let has = |scopes: &str| format!("context has credential && context.credential.scopes.{scopes}");
    let may = |condition: &str| format!("@id(\"may\") permit (principal, action, resource) when {{ {condition} }};");
    let (a, both) = (has("contains(\"a\")"), has("containsAll([\"b\", \"a\"])"));
    check(&may(&a), "", &["a"]);
    check(&may(&a), "\"a\"", &[]);
    check(&may(&both), "", &["a", "b"]);
    check(&may(&both), "\"b\"", &["a"]);
    check(&may(&has("containsAny([\"x\", \"y\"])")), "", &["x"]);
    check(&may(&format!("{both} || {}", has("contains(\"c\")"))), "", &["c"]);
    check(&may(&format!("{a} && context.origin == \"user\"")), "", &[]);
    // Several policies, each with a part of it.
    let wall = |scope: &str| {
        format!(
            "@id(\"no-{scope}\") forbid (principal, action, resource) unless {{ {} }};",
            has(&format!("contains(\"{scope}\")"))
        )
    };
    check(&format!("{}{}{}", may(&a), wall("b"), wall("c")), "", &["a", "b", "c"]);
    // A scope that a forbid does not want is not asked for.
    let bad = format!("@id(\"no\") forbid (principal, action, resource) when {{ {} }};", has("contains(\"admin\")"));
    check(&format!("{}{bad}", may(&format!("{a} || {}", has("contains(\"admin\")")))), "", &["a"]);
    check("@id(\"x\") permit (principal is Agent, action, resource);", "", &[]);
    // An approval may still be needed.
    check(&format!("{}@id(\"ask\") @approval(\"ops\") forbid (principal, action, resource);", may(&a)), "", &["a"]);
}

/// Before policy, there is nothing but a reason, and what to do.
#[test]
fn calls_that_never_reach_policy() {
    let gate = gate(desk::POLICIES);
    for (text, expected) in [
        (
            call("github/get_them", "{}", ""),
            "unknown_tool: name a pinned tool, or pin the server's tools again (caller)",
        ),
        (
            call("pay/send", "{}", ""),
            "invalid_arguments: give arguments that fit the input schema and their kinds (caller)",
        ),
        (
            call("nowhere/x", "{}", ""),
            "unknown_server: name a server of the bundle, or add this one to the manifest (caller)",
        ),
    ] {
        let explanation = explain(&gate, &text);
        assert!(explanation.policies.is_empty() && explanation.nearest.sets.is_empty());
        let refusals = explanation.refusals.iter();
        let told: Vec<_> = refusals.map(|one| format!("{}: {} ({})", one.reason, one.advice, one.who.name())).collect();
        assert_eq!(told, [expected]);
    }
}

/// The same without Cedar, and without the folder.
#[test]
fn a_packed_bundle_explains_as_its_folder() {
    let loaded = PolicyBundle::load(&desk::sources(desk::POLICIES)).unwrap();
    let unpacked = Gate::new(PolicyBundle::unpack(&loaded.pack()).unwrap());
    let loaded = Gate::new(loaded);
    let text =
        call("github/create_issue", r#"{"owner": "acme", "repo": "site", "title": "t"}"#, "").replace("User", "Agent");
    let (one, other) = (explain(&loaded, &text), explain(&unpacked, &text));
    assert_eq!(one, other);
    assert!(!one.nearest.sets.is_empty());
}

/// Of what type an attribute is that is not there is not known: an example of it could be none.
#[test]
fn what_is_absent_has_no_example_of_a_guessed_type() {
    let tenants =
        r#"@id("p") permit (principal, action == Action::"pay/send", resource) when { principal has tenant };"#;
    let explanation = explain(&gate(tenants), &call("pay/send", r#"{"to": "a@b.example", "count": 3}"#, ""));
    let changes: Vec<_> = explanation.nearest.sets.iter().flat_map(|set| &set.changes).collect();
    let told: Vec<_> = changes.iter().map(|one| (one.claim.as_str(), one.example.as_deref())).collect();
    assert_eq!(told, [("principal has tenant", None)]);
}
