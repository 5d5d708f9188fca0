//! What does not load, and what it says.

use toolgate::{PolicyBundle, Sources};

use crate::desk::{self, POLICIES};

fn told(sources: &Sources) -> String {
    let lines = |found: &[toolgate::Diagnostic]| {
        found
            .iter()
            .filter(|one| !["no_owner", "no_purpose", "hint_only"].contains(&one.code))
            .map(|one| format!("  [{}] {one}\n", one.code))
            .collect::<String>()
    };
    match PolicyBundle::load(sources) {
        Ok(bundle) => lines(bundle.warnings()),
        Err(error) => lines(error.diagnostics()),
    }
}

/// Each case with everything that loading it says.
fn check(name: &str, cases: &[(&str, Sources)]) {
    let told: Vec<_> = cases.iter().map(|(title, sources)| format!("{title}\n{}", told(sources))).collect();
    insta::assert_snapshot!(name, told.join("\n"));
}

fn policies(cases: &[(&'static str, &str)]) -> Vec<(&'static str, Sources)> {
    cases.iter().map(|(title, text)| (*title, desk::sources(text))).collect()
}

#[test]
fn policies_that_are_refused() {
    let cases = policies(&[
        ("unknown tool", r#"@id("p") permit (principal, action == Action::"github/create_isue", resource);"#),
        (
            "a fraction",
            r#"@id("p") permit (principal, action == Action::"pay/send", resource) when { context.input.rate < 0.5 };"#,
        ),
        ("no end", "@id(\"p\") permit (principal, action, resource)\n@id(\"q\") permit (principal, action, resource);"),
        (
            "unknown tool, in a list",
            r#"@id("p") permit (principal, action in [Action::"github/get_me", Action::"github/get_mee"], resource);"#,
        ),
        (
            "unknown argument",
            r#"@id("p") permit (principal, action == Action::"github/create_issue", resource) when { context.input.titel == "x" };"#,
        ),
        ("unknown entity type", r#"@id("p") permit (principal is Usr, action, resource);"#),
        (
            "wrong type",
            r#"@id("p") permit (principal, action == Action::"pay/send", resource) when { context.input has count && context.input.count == "5" };"#,
        ),
        (
            "unguarded optional argument",
            r#"@id("p") permit (principal, action == Action::"github/create_issue", resource) when { context.input.body like "*x*" };"#,
        ),
        (
            "unguarded optional fact",
            r#"@id("p") permit (principal, action, resource) when { context.task.purpose == "triage" };"#,
        ),
        (
            "never matches: false",
            r#"@id("p") permit (principal, action, resource) when { principal is User && principal is Agent };"#,
        ),
        (
            "never matches: scope",
            r#"@id("p") forbid (principal, action == Action::"github/create_issue", resource is Tool);"#,
        ),
        (
            "never matches: the tool of a mapped call",
            r#"@id("p") forbid (principal, action, resource == Tool::"github/create_issue");"#,
        ),
        ("a tool with operations", r#"@id("p") permit (principal, action == Action::"github/issue_write", resource);"#),
        ("a group", r#"@id("p") permit (principal, action == Action::"write", resource);"#),
        (
            "a group in a condition",
            r#"@id("p") permit (principal, action, resource) unless { action == Action::"destructive" };
               @id("q") permit (principal, action, resource) when { Action::"github/issue_write" != action };
               @id("r") permit (principal, action, resource) unless { [Action::"execute", Action::"github/get_me"].contains(action) };"#,
        ),
        ("approval on a permit", r#"@id("p") @approval("ops") permit (principal, action, resource);"#),
        (
            "obligation on a forbid",
            r#"@id("p") @obligation("audit") forbid (principal, action, resource) when { context.halted };"#,
        ),
        ("no such obligation", r#"@id("p") @obligation("Re dact") permit (principal, action, resource);"#),
        ("missing id", r#"permit (principal, action, resource);"#),
        (
            "duplicate id",
            "@id(\"p\") permit (principal, action, resource);\n@id(\"p\") permit (principal is User, action, resource);",
        ),
        ("reserved id", r#"@id("baseline/halted") permit (principal, action, resource);"#),
        ("impossible id", r#"@id("a b") permit (principal, action, resource);"#),
        ("unknown annotation", r#"@id("p") @reson("x") permit (principal, action, resource);"#),
        ("misspelt level", r#"@id("p") permit (principal, action, resource in AtMost::"inernal");"#),
        ("misspelt server", r#"@id("p") forbid (principal, action, resource in Server::"gihub");"#),
        (
            "misspelt tool entity",
            r#"@id("p") forbid (principal, action, resource) when { context.tool == Tool::"github/get_mee" };"#,
        ),
        (
            "has on a name nothing declares",
            r#"@id("p") forbid (principal, action == Action::"github/create_issue", resource) when { !(context.input has bdy) || principal is Agent };"#,
        ),
        (
            "an argument no policy can use",
            r#"@id("p") permit (principal, action == Action::"pay/send", resource) when { context.input.any == "x" };"#,
        ),
        (
            "a misspelt fact, of every tool",
            r#"@id("p") forbid (principal, action, resource) when { context.orign == "user" };"#,
        ),
        ("a byte order mark", "\u{feff}@id(\"p\") permit (principal, action, resource);"),
        (
            "one name, two types",
            r#"@id("p") forbid (principal, action in Action::"write", resource) when { context.input has issue_number && context.input.issue_number > 3 };"#,
        ),
        (
            "an id that no mapping writes",
            r#"@id("p") forbid (principal, action, resource == Repository::"Acme/My Site");"#,
        ),
        (
            "a fact that never has this value",
            r#"@id("p") forbid (principal, action, resource) when { context.origin == "retreived" || "x" != context.environment.server };"#,
        ),
        (
            "an argument that only some tools have",
            r#"@id("p") permit (principal, action in Action::"read", resource) when { context.input.path like "/srv/*" };"#,
        ),
        (
            "an action in a namespace",
            r#"@id("p") forbid (principal, action == Acme::Action::"github/get_me", resource);"#,
        ),
        (
            "a template",
            r#"@id("p") permit (principal == ?principal, action == Action::"github/get_mee", resource) when { context.input.x == 1 };"#,
        ),
        ("syntax", "@id(\"p\") permit (principal, action, resource) when { context.input. };"),
        (
            "several at once",
            "@id(\"a\") permit (principal, action == Action::\"github/get_mee\", resource);\n@id(\"b\") @aproval(\"x\") forbid (principal is Usr, action, resource);",
        ),
    ]);
    check("policies_that_are_refused", &cases);
}

#[test]
fn policies_that_deserve_a_second_look() {
    let cases = policies(&[
        ("AtLeast in a permit", r#"@id("p") permit (principal, action, resource in AtLeast::"internal");"#),
        (
            "AtMost in a forbid",
            r#"@id("p") forbid (principal, action, resource) when { resource in AtMost::"internal" };"#,
        ),
        (
            "a forbid switched off by leaving out the task",
            r#"@id("p") forbid (principal, action, resource) when { context has task && context.task.purpose != "triage" };"#,
        ),
        (
            "a forbid switched off by leaving out the tenant",
            r#"@id("p") forbid (principal is User, action, resource) when { principal has tenant && principal.tenant != "acme" };"#,
        ),
        (
            "a forbid switched off by leaving out a claim",
            r#"@id("p") forbid (principal is User, action, resource) when { principal.hasTag("team") && principal.getTag("team") != "a" };"#,
        ),
        (
            "a guard the right way round",
            r#"@id("p") forbid (principal, action, resource) unless { context has task && context.task.purpose == "triage" };"#,
        ),
        (
            "a forbid whose scope fits only some",
            r#"@id("p") forbid (principal, action in Action::"write", resource is Tool);"#,
        ),
        (
            "a permit that a missing session meets",
            r#"@id("p") permit (principal, action, resource) when { context.session.labels.contains("private") };"#,
        ),
        (
            "a permit that full counters meet",
            r#"@id("p") permit (principal, action, resource) when { context.usage.session.total > 5 && 3 <= context.session.denials };"#,
        ),
        (
            "a permit that the highest level meets",
            r#"@id("p") permit (principal, action, resource) when { context.session.seen in AtLeast::"confidential" };"#,
        ),
        (
            "forbids that a missing session switches off",
            r#"@id("p") forbid (principal, action, resource) unless { context.session.tools.contains("github/get_me") };
               @id("q") forbid (principal, action, resource) when { !(context.usage.distinct_servers > 0) };"#,
        ),
        (
            "budgets and walls the right way round",
            r#"@id("p") permit (principal, action, resource) when { context.usage.session.minute < 3 };
               @id("q") forbid (principal, action, resource) when { context.session.labels.contains("private") };
               @id("r") permit (principal, action, resource) when { context.session.present && context.session.labels.contains("private") };"#,
        ),
        (
            "a forbid that is a template",
            r#"@id("p") forbid (principal == ?principal, action, resource) when { context.halted };"#,
        ),
        (
            "a forbid switched off in a branch",
            r#"@id("p") forbid (principal, action, resource) unless { if context has credential then context.credential.bound == "dpop" else true };
               @id("q") forbid (principal, action, resource) when { if !(context has credential) then false else context.origin == "agent" };
               @id("r") forbid (principal, action, resource) when { (context has task) != false && context.origin == "agent" };"#,
        ),
        (
            "branches the right way round",
            r#"@id("p") forbid (principal, action, resource) unless { if context has credential then context.credential.bound == "dpop" else false };
               @id("q") forbid (principal, action, resource) when { if context has credential then context.credential.bound == "none" else true };
               @id("r") forbid (principal, action, resource) when { (context has task) == false };"#,
        ),
        (
            "forbids switched off by leaving out the session",
            r#"@id("p") forbid (principal, action, resource) when { context.session.present && context.session.labels.contains("private") };
               @id("q") forbid (principal, action, resource) unless { !context.session.principal_matches || context.origin == "user" };
               @id("r") forbid (principal, action in Action::"write", resource) unless { context.session.present && context.session.binding_matches };"#,
        ),
        (
            "sets of a missing session",
            r#"@id("p") permit (principal, action, resource) when { !context.session.labels.isEmpty() };
               @id("q") forbid (principal, action, resource) when { context.session.tools.isEmpty() };
               @id("r") forbid (principal, action, resource) when { ["private"].containsAll(context.session.labels) };
               @id("s") forbid (principal, action in Action::"write", resource) unless { ["private"].containsAll(context.session.labels) };
               @id("t") forbid (principal, action, resource) when { context.session.labels == ["private"] };"#,
        ),
        ("nothing", POLICIES),
    ]);
    check("policies_that_deserve_a_second_look", &cases);
    let verb = "[tools.\"github/label_write\".operations]\nargument = \"/method\"\ncraete = { effect = \"write\" }";
    let misspelt = told(&desk::with_manifest(POLICIES, verb));
    let warned = "warning: no call of `github/label_write` has the operation `craete` (did you mean `create`?)";
    assert!(misspelt.contains(warned) && misspelt.contains("[unknown_operation] toolgate.toml:"), "{misspelt}");
    let advised = r#"@id("p") forbid (principal, action, resource) unless { principal has tenant && principal.tenant == "acme" };"#;
    assert_eq!(told(&desk::sources(advised)), "", "what the warning says to write loads, and is no warning");
    let with_task = desk::with_manifest(
        r#"@id("p") forbid (principal, action, resource) when { context.task.purpose != "triage" };"#,
        "[require]\ntask = true",
    );
    assert_eq!(told(&with_task), "", "a required fact needs no guard");
    let in_session = r#"@id("p") forbid (principal, action, resource) when { context.session.present && context.session.tools.isEmpty() };"#;
    assert_eq!(told(&desk::with_manifest(in_session, "[require]\nsession = true")), "", "nor does a session");
    let named = |policy: &str, people: &str| {
        let mut sources = desk::sources(policy);
        sources.insert("entities.json", people);
        told(&sources)
    };
    let people = r#"[{"uid": {"type": "Group", "id": "staff"}, "attrs": {}, "parents": []},
        {"uid": {"type": "User", "id": "user-1"}, "attrs": {}, "parents": []}]"#;
    let of = |group: &str| format!(r#"@id("p") forbid (principal in Group::"{group}", action, resource);"#);
    let told_of = named(&of("stff"), people);
    assert!(told_of.contains("policies/desk.cedar:1:") && told_of.contains("did you mean `staff`?"), "{told_of}");
    assert_eq!(named(&of("contractors"), people), "", "a group that is like none of the file may come from elsewhere");
    let user = r#"@id("p") forbid (principal == User::"user-2", action, resource);"#;
    assert_eq!(named(user, people), "", "numbered ids are near each other anyway");
    let deep = format!("{}context.halted{}", "if ".repeat(60), " then context.revoked else context.halted".repeat(60));
    let deep = format!(r#"@id("p") forbid (principal, action, resource) when {{ {deep} }};"#);
    assert_eq!(told(&desk::sources(&deep)), "", "conditions of conditions are looked at twice, and not 2^60 times");
    let strict = PolicyBundle::load_strict(&cases[0].1).err().unwrap();
    assert!(strict.to_string().contains("AtLeast"), "{strict}");
}

/// `absent` is neither `yes` nor `no`, a session that is not there has no id and is new to every tool, and who does not say
/// who asked lets retrieved content have asked.
#[test]
fn what_a_call_leaves_out_decides() {
    let check = |policy: &str, require: &str, expected: &str| {
        let policies = policy.split(';').enumerate().map(|(at, one)| format!("@id(\"p{at}\") {one};\n"));
        let told = told(&desk::with_manifest(&policies.collect::<String>(), require));
        assert!(if expected.is_empty() { told.is_empty() } else { told.contains(expected) }, "{policy}: {told}");
    };
    let forbid = |when: &str| format!("forbid (principal, action, resource) when {{ {when} }}");
    let permit = |when: &str| format!("permit (principal, action, resource) when {{ {when} }}");
    let task = "[forbid_guarded] policies/desk.cedar:1:63: warning: the forbid `p0` is switched off by leaving out the task: `context.status.task_active` then is `absent` (write `[require]` and `task = true` in the manifest, or `... == \"absent\" || ...`)";
    check(&forbid("context.status.task_active == \"yes\" && context.session.lowered"), "", task);
    check(&forbid("context.status.task_active != \"absent\" && context.session.lowered"), "", task);
    check(&forbid("context.status.task_active == \"no\""), "[require]\ntask = true", "");
    check(&forbid("context.status.task_active != \"yes\""), "", "");
    check(&forbid("context.status.task_active == \"absent\" || context.status.task_active == \"no\""), "", "");
    let state = "by leaving out the task: `context.status.task_active` then is `absent`";
    check(&forbid("[\"yes\"].contains(context.status.task_active)"), "", state);
    check(&forbid("![\"no\", \"absent\"].contains(context.status.task_active)"), "", state);
    check(&forbid("[\"no\", \"absent\"].contains(context.status.task_active)"), "", "");
    check(&forbid("![\"yes\"].contains(context.status.task_active)"), "", "");
    check(&forbid("context.status.task_active like \"n*\""), "", state);
    check(&forbid("[\"no\", \"yes\"].containsAny([context.status.task_active])"), "", state);
    check(
        &forbid("[\"yess\"].contains(context.status.task_active)"),
        "",
        "error: `context.status.task_active` is never `yess`",
    );
    check(
        &permit("context.status.task_active != \"no\""),
        "",
        "[permit_unguarded] policies/desk.cedar:1:63: warning: the permit `p0` is met by leaving out the task: `context.status.task_active` then is `absent` (write `[require]` and `task = true` in the manifest, or `... != \"absent\" && ...`)",
    );
    check(&permit("context.status.task_active != \"no\""), "[require]\ntask = true", "");
    check(&permit("context.status.task_active == \"yes\" && context.status.task_covers_tool != \"no\""), "", "");
    check(&permit("context has task && context.status.task_active != \"no\""), "", "");
    check(&permit("context.status.task_active == \"absent\""), "", "");
    check(&permit("context.status.credential_bound != \"no\""), "", "by leaving out the credential");
    // What would be lost by leaving it out is not: another condition, branch or policy sees to that.
    check(&forbid("!(context has task) || (context has task && context.task.purpose != \"triage\")"), "", "");
    check(
        &forbid("if context has task then context.status.task_active == \"no\" else context.session.lowered"),
        "",
        "`context.task`",
    );
    check(&forbid("if context has task then context.status.task_active == \"no\" else true"), "", "");
    let wall = forbid("!(context has task)");
    check(&format!("{wall};{}", forbid("context.status.task_active == \"no\"")), "", "");
    let permits = permit("context.status.task_active == \"yes\"");
    check(&format!("{};{permits}", forbid("context.status.task_active == \"no\"")), "", "");
    let template = "permit (principal == ?principal, action, resource)";
    check(&format!("{};{template}", forbid("context.status.task_active == \"no\"")), "", "");
    let other = "permit (principal, action in Action::\"read\", resource)";
    let some = format!("{};{permits};{other}", forbid("context.status.task_active == \"no\""));
    check(&some, "", "the forbid `p0` is switched off");
    let narrow = "forbid (principal, action in Action::\"write\", resource) when { !(context has task) }";
    check(
        &format!("{narrow};{}", forbid("context.status.task_active == \"no\"")),
        "",
        "the forbid `p1` is switched off",
    );
    let session = "switched off by leaving out the session: `context.session.id` then is empty";
    check(&forbid("context.session.id != \"\" && context.session.lowered"), "", session);
    check(&forbid("[\"s1\"].contains(context.session.id)"), "", session);
    check(&forbid("context.session.id like \"?*\""), "", session);
    check(&forbid("context.session.id like \"s*\""), "[require]\nsession = true", "");
    check(&forbid("context.session.id like \"*\""), "", "");
    check(&forbid("context.session.id != \"s1\""), "", "");
    check(&forbid("context.session.id != \"\""), "[require]\nsession = true", "");
    let new = "by leaving out the session: `context.session.tool_is_new` then is the worst";
    check(&forbid("!context.session.tool_is_new"), "", new);
    check(&forbid("context.session.tool_is_new"), "", "");
    check(&permit("context.session.tool_is_new"), "", new);
    check(&permit("!context.session.present && context.session.tool_is_new"), "", new);
    check(&forbid("!context.session.present || !context.session.tool_is_new"), "", "");
    let origin = "the forbid `p0` is switched off by leaving out who asked: `context.origin` then is `retrieved` (write `... == \"retrieved\" || ...`)";
    check(&forbid("context.origin == \"agent\""), "", origin);
    check(&forbid("[\"user\", \"agent\"].contains(context.origin)"), "", origin);
    check(&forbid("context.origin != \"user\""), "", "");
    check(&forbid("[\"agent\", \"retrieved\"].contains(context.origin)"), "", "");
    check(&format!("{};{}", forbid("context.origin == \"agent\""), forbid("context.origin == \"retrieved\"")), "", "");
    check(&forbid("if context.origin == \"agent\" then context.session.lowered else context.halted"), "", "");
    check(&permit("context.origin == \"user\""), "", "");
    check(&permit("context.origin == \"retrieved\""), "", "");
    check(&permit("context.origin != \"agent\""), "", "the permit `p0` is met by leaving out who asked");
    check(
        &forbid("context.transport == \"http\""),
        "",
        "by leaving out the transport: `context.transport` then is `unknown`",
    );
    let claim = "by leaving out the claim `environment`: `context.environment.principal` then is `unknown`";
    check(&forbid("context.environment.principal == \"development\""), "", claim);
    check(&forbid("context.environment.principal != \"production\""), "", "");
}

/// What the input schema does not list, no call has.
#[test]
fn choices_that_no_argument_has() {
    let list = r##"{"tools": [{"name": "send", "inputSchema": {"type": "object", "required": ["how"], "properties": {
        "how": {"type": "string", "enum": ["create", "update", "delete"]},
        "n": {"enum": [1, 2]}, "free": {"type": "string"},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}},
        "or": {"anyOf": [{"enum": ["red", "green"]}, {"const": "blue"}, {"type": "null"}]},
        "some": {"anyOf": [{"enum": ["red", "green"]}, {"type": "string", "maxLength": 3}]},
        "by": {"type": "object", "properties": {"state": {"allOf": [{"enum": ["a", "b"]}, {"enum": ["b", "c"]}]}}}
    }, "$defs": {"tag": {"type": "string", "enum": ["bug", "wish"]}}}},
    {"name": "drop", "inputSchema": {"type": "object", "required": ["how"], "properties": {"how": {"enum": ["remove"]}}}}]}"##;
    let check = |scope: &str, when: &str, expected: &str| {
        let policy = format!("@id(\"p\") forbid (principal, {scope}, resource) when {{ {when} }};");
        let mut sources = Sources::default();
        sources.insert("policies/desk.cedar", policy.as_str());
        let manifest = "[bundle]\nname = \"x\"\nversion = \"1\"\n[servers.pay]\n[tools.\"pay/send\"]\neffect = \"write\"\negress = false\n[tools.\"pay/drop\"]\neffect = \"write\"\negress = false";
        sources.insert("toolgate.toml", manifest);
        sources.insert("tools/pay.json", list);
        let told = told(&sources);
        assert!(if expected.is_empty() { told.is_empty() } else { told.contains(expected) }, "{policy}: {told}");
    };
    let send = "action == Action::\"pay/send\"";
    let told = "[unknown_choice] policies/desk.cedar:1:97: warning: `context.input.how` is never `remove` (the input schema of `pay/send` lists create, update, delete)";
    check(send, "context.input.how == \"remove\"", told);
    check(send, "\"delte\" != context.input.how", "is never `delte` (did you mean `delete`?)");
    check(send, "[\"create\", \"remove\"].contains(context.input.how)", "is never `remove`");
    check(send, "[\"create\", \"update\"].contains(context.input.how)", "");
    check(send, "context.input.how like \"rem*\"", "`context.input.how` is never like `rem*`");
    check(send, "context.input.how like \"*ate\"", "");
    check("action in [Action::\"pay/send\", Action::\"pay/drop\"]", "context.input.how == \"remove\"", "");
    check(
        "action in [Action::\"pay/send\", Action::\"pay/drop\"]",
        "context.input.how == \"erase\"",
        "is never `erase`",
    );
    check(send, "context.input has n && context.input.n == 3", "`context.input.n` is never `3`");
    check(send, "context.input has n && context.input.n == 2", "");
    check(send, "context.input has free && context.input.free == \"x\"", "");
    check(
        send,
        "context.input has tags && context.input.tags.contains(\"bugs\")",
        "`context.input.tags` never has `bugs` (did you mean `bug`?)",
    );
    check(
        send,
        "context.input has tags && context.input.tags.containsAny([\"bug\", \"wishes\"])",
        "never has `wishes`",
    );
    check(send, "context.input has or && context.input.or == \"yellow\"", "lists red, green, blue)");
    check(send, "context.input has or && context.input.or == \"blue\"", "");
    check(send, "context.input has some && context.input.some == \"x\"", "");
    check(
        send,
        "context.input has by && context.input.by has state && context.input.by.state == \"a\"",
        "`context.input.by.state` is never `a`",
    );
}

/// A server's own destination stands as the manifest writes its origin, a URL's by scheme, host and port.
#[test]
fn destinations_in_another_form() {
    let list = r#"{"tools": [{"name": "send", "inputSchema": {"type": "object", "properties": {"to": {"type": "string"}}}},
        {"name": "mail", "inputSchema": {"type": "object", "properties": {"to": {"type": "string"}}}},
        {"name": "note", "inputSchema": {"type": "object", "properties": {"to": {"type": "string"}}}}]}"#;
    let check = |policy: &str, expected: &str| {
        let mut sources = Sources::default();
        sources.insert("policies/desk.cedar", format!("@id(\"p\") {policy};"));
        let tool = |name: &str, rest: &str| format!("[tools.\"api/{name}\"]\neffect = \"write\"\n{rest}\n");
        let kind = |kind: &str| format!("destinations = [\"/to\"]\narguments.\"/to\" = {{ kind = \"{kind}\" }}");
        let tools = [
            tool("send", &format!("egress = true\n{}", kind("url"))),
            tool("mail", &format!("egress = false\n{}", kind("email"))),
            tool("note", "egress = false"),
        ];
        let head = "[bundle]\nname = \"x\"\nversion = \"1\"\n[servers.api]\norigin = \"https://api.example/mcp/\"\n";
        sources.insert("toolgate.toml", format!("{head}{}", tools.concat()));
        sources.insert("tools/api.json", list);
        let told = told(&sources);
        assert!(if expected.is_empty() { told.is_empty() } else { told.contains(expected) }, "{policy}: {told}");
    };
    let on = |tool: &str, when: &str| {
        format!("forbid (principal, action == Action::\"api/{tool}\", resource) when {{ {when} }}")
    };
    let has = |one: &str| format!("context.destinations.contains(\"{one}\")");
    check(&on("send", &has("https://evil.example")), "");
    check(
        &on("send", &has("https://Evil.example/")),
        "[unknown_destination] policies/desk.cedar:1:106: warning: no call that `p` covers has the destination `https://Evil.example/` (destinations are in normal form: write `https://evil.example`)",
    );
    check(&on("send", &has("evil.example")), "has the destination `evil.example`");
    check(&on("mail", &has("Eve@EVIL.example")), "write `Eve@evil.example`)");
    check(&on("mail", &has("Eve@evil.example")), "");
    check(&on("mail", &has("https://evil.example")), "has the destination `https://evil.example`");
    check(&on("note", &has("anything")), "has the destination `anything`");
    check(&on("send", "[\"https://a.example:443\"].containsAny(context.destinations)"), "write `https://a.example`)");
    // The server's own, in either form.
    let own = "forbid (principal, action == Action::\"api/resources/read\", resource) when { context.destinations.contains(\"https://api.example\") }";
    check(
        own,
        "(the server `api` counts by the `origin` that the manifest gives it: write `https://api.example/mcp/`)",
    );
    check(
        &on("send", &has("https://api.example")),
        "[destination_form] policies/desk.cedar:1:106: warning: the forbid `p` names `https://api.example`, and misses the server `api`, which counts by its `origin` in the manifest (name `https://api.example/mcp/`, too)",
    );
    check(
        &on("send", &has("https://api.example/mcp/")),
        "misses arguments that lead there: a URL counts as `https://api.example` (name `https://api.example`, too)",
    );
    check(&on("send", "context.destinations.containsAny([\"https://api.example\", \"https://api.example/mcp/\"])"), "");
    check(&on("send", &format!("!{}", has("https://api.example"))), "");
    check("permit (principal, action, resource) when { context.destinations.contains(\"https://api.example\") }", "");
    check(
        "forbid (principal, action, resource) unless { [\"https://api.example/mcp/\"].containsAll(context.destinations) }",
        "",
    );
    check(
        "forbid (principal, action, resource) unless { [\"https://api.example/\"].containsAll(context.destinations) }",
        "write `https://api.example/mcp/`)",
    );
}

/// Names that name nothing, and operations that no string chooses.
#[test]
fn manifests_that_no_call_could_meet() {
    let check = |more: &str, expected: &str| {
        let told = told(&desk::with_manifest(POLICIES, more));
        assert!(told.contains(expected), "{more}: {told}");
    };
    check("[groups]\nclaim = \"\"", "error: `claim` is empty");
    check("[identity]\ntenant = \"\"", "error: `tenant` is empty");
    check("[principals.User.attributes]\na = { type = \"String\", claim = \"\" }", "error: `claim` is empty");
    let by = |argument: &str| format!("[tools.\"github/push_files\".operations]\nargument = \"{argument}\"\na = {{}}");
    let manifest = |argument: &str| {
        let mut sources = desk::sources(POLICIES);
        sources.insert(
            "toolgate.toml",
            format!("[bundle]\nname = \"n\"\nversion = \"1\"\n[servers.github]\n{}", by(argument)),
        );
        told(&sources)
    };
    for (argument, ty) in [("/files", "Set<"), ("/files/*/path", "many values")] {
        let told = manifest(argument);
        assert!(told.contains("[operation_argument]") && told.contains(&format!("is no string but {ty}")), "{told}");
    }
    assert!(!manifest("/branch").contains("[operation_argument]"));
}

#[test]
fn manifests_that_are_refused() {
    let manifest = |text: &str| desk::with_manifest(POLICIES, text);
    let mut bare = Sources::default();
    bare.insert("policies/a.cedar", POLICIES);
    let mut no_pins = desk::sources(POLICIES);
    no_pins.insert(
        "toolgate.toml",
        "[bundle]\nname = \"x\"\nversion = \"1\"\n[servers.git]\ntools = \"tools/gitub.json\"",
    );
    let origin = desk::MANIFEST.replace("origin = \"https://api.githubcopilot.com/mcp/\"", "origin = \"api.example\"");
    let mut no_url = desk::sources(POLICIES);
    no_url.insert("toolgate.toml", origin);
    let cases = [
        ("no manifest", bare),
        ("no pins", no_pins),
        ("an origin that is no URL", no_url),
        ("TOML syntax", manifest("[tools.\"pay/send\"")),
        ("unknown key", manifest("[require]\nsesion = true")),
        ("unknown table", manifest("[requires]\nsession = true")),
        ("unknown effect", manifest("[tools.\"github/list_issues\"]\neffect = \"reads\"")),
        ("unknown level", manifest("[tools.\"github/list_issues\"]\nsensitivity = \"secret\"")),
        ("unknown tool", manifest("[tools.\"github/list_isues\"]\neffect = \"read\"")),
        ("unknown server", manifest("[tools.\"gihub/list_issues\"]\neffect = \"read\"")),
        (
            "unknown argument in a mapping",
            manifest("[tools.\"github/list_issues\"]\nresource = { type = \"Repository\", id = \"{/ownr}\" }"),
        ),
        (
            "unknown argument in destinations",
            manifest("[tools.\"github/list_issues\"]\ndestinations = [\"/ownr\", \"owner\"]"),
        ),
        (
            "a destination that the tool does not have",
            manifest("[tools.\"github/list_issues\"]\ndestinations = [\"/recipients/*\"]"),
        ),
        (
            "a kind on an argument of another type",
            manifest(
                "[tools.\"github/list_issues\".arguments]\n\"/perPage\" = { kind = \"url\" }\n\"/nope\" = { kind = \"path\" }\n\"/owner\" = { kind = \"uri\" }",
            ),
        ),
        (
            "a root out of normal form",
            manifest("[tools.\"fs/write_file\".arguments]\n\"/path\" = { kind = \"path\", root = \"/srv/../data\" }"),
        ),
        (
            "id templates",
            manifest(
                "[tools.\"github/list_issues\"]\nresource = [{ type = \"R\", id = \"{/owner\" }, { type = \"R\", id = \"x\" }, { type = \"R\" }]",
            ),
        ),
        (
            "id templates that are ambiguous",
            manifest(
                "[tools.\"github/list_issues\"]\nresource = [{ type = \"R\", id = \"{/owner}{/repo}\" }, { type = \"R\", id = \"{/owner}-{/repo}\" }]",
            ),
        ),
        (
            "a rule switched off twice",
            manifest("[baseline]\ndisable = [\"baseline/task-over\", \"baseline/task-over\"]"),
        ),
        (
            "a mapping to toolgate's own type",
            manifest("[tools.\"github/list_issues\"]\nresource = { type = \"User\", id = \"{/owner}\" }"),
        ),
        ("no such baseline rule", manifest("[baseline]\ndisable = [\"baseline/task-ovr\"]")),
        ("a fixed baseline rule", manifest("[baseline]\ndisable = [\"baseline/halted\"]")),
        (
            "operations without argument",
            manifest("[tools.\"github/label_write\".operations]\ncreate = { effect = \"write\" }"),
        ),
        ("operations without verbs", manifest("[tools.\"github/label_write\".operations]\nargument = \"/method\"")),
        ("attribute types", manifest("[principals.User.attributes]\nclearance = \"Levl\"\ntenant = \"String\"")),
    ];
    check("manifests_that_are_refused", &cases);
}

#[test]
fn author_schemas_and_entities() {
    let with = |schema: &str, entities: &str| {
        let mut sources = desk::sources(POLICIES);
        sources.insert("schema/desk.cedarschema", schema);
        sources.insert("entities.json", entities);
        sources
    };
    let good = "entity Repository in [Level, Server] { archived: Bool }; entity File in [Level, Server];";
    let member = r#"[{"uid": {"type": "Group", "id": "g"}, "attrs": {}, "parents": []},
        {"uid": {"type": "User", "id": "u"}, "attrs": {}, "parents": [{"type": "Group", "id": "g"}]}]"#;
    let mut second = with(good, "[]");
    second.insert("schema/people.cedarschema", "// The people.\nentity Desk { owner: Persn };");
    let mut twice = with(good, "[]");
    twice.insert("schema/people.cedarschema", "// The people.\nentity File;");
    let user = |rest: &str| with(good, &format!(r#"[{{"uid": {{"type": "User", "id": "u"}}, {rest}}}]"#));
    let mut both_groups = with(good, member);
    both_groups.insert("toolgate.toml", format!("{}\n[groups]\nclaim = \"roles\"", desk::MANIFEST));
    let cases = [
        (
            "good",
            with(
                good,
                r#"[{"uid": {"type": "Repository", "id": "acme/site"}, "attrs": {"archived": false}, "parents": [{"type": "Level", "id": "internal"}]}]"#,
            ),
        ),
        ("resource type out of Level and Server", with("entity Repository; entity File in [Level, Server];", "[]")),
        ("toolgate's own type", with("entity User;", "[]")),
        ("an action", with("action \"x\";", "[]")),
        ("schema syntax", with("entity ;", "[]")),
        (
            "a type nobody declares",
            with("entity Repository in [Level, Server] { owner: Persn }; entity File in [Level, Server];", "[]"),
        ),
        ("a type nobody declares, in the second file", second),
        ("a type declared twice, in two files", twice),
        (
            "a mapping to a type that is nearly declared",
            with("entity Repositry in [Level, Server]; entity File in [Level, Server];", "[]"),
        ),
        ("byte order marks", with(&format!("\u{feff}{good}"), "\u{feff}[]")),
        ("no list", with(good, "{}")),
        ("no object", with(good, "[5]")),
        ("missing members", user(r#""atrs": {}"#)),
        ("a misspelt member", user(r#""attrs": {}, "parents": [], "tag": {"team": "a"}"#)),
        ("members of other types", user(r#""attrs": [], "parents": {}, "tags": "a""#)),
        ("numbers that Cedar has not", user(r#""attrs": {"n": [7.5]}, "parents": []"#)),
        (
            "a whole number, however it is written",
            with(
                "entity Repository in [Level, Server] { stars: Long }; entity File in [Level, Server];",
                r#"[{"uid": {"type": "Repository", "id": "a"}, "attrs": {"stars": 7.0}, "parents": []}]"#,
            ),
        ),
        (
            "entity of an unknown type",
            with(good, r#"[{"uid": {"type": "Repo", "id": "x"}, "attrs": {}, "parents": []}]"#),
        ),
        (
            "missing attribute",
            with(good, r#"[{"uid": {"type": "Repository", "id": "acme/site"}, "attrs": {}, "parents": []}]"#),
        ),
        (
            "unknown level",
            with(
                good,
                r#"[{"uid": {"type": "File", "id": "x"}, "attrs": {}, "parents": [{"type": "Level", "id": "secret"}]}]"#,
            ),
        ),
        (
            "an unknown level in an attribute, an unknown server",
            with(
                "entity Repository in [Level, Server]; entity File in [Level, Server] { class: Level };",
                r#"[{"uid": {"type": "File", "id": "x"}, "attrs": {"class": {"type": "Level", "id": "inernal"}}, "parents": [{"type": "Server", "id": "gihub"}]}]"#,
            ),
        ),
        (
            "a bound past the level",
            with(
                "entity Repository in [Level, Server, AtMost]; entity File in [Level, Server, Repository];",
                r#"[{"uid": {"type": "Repository", "id": "r"}, "attrs": {}, "parents": [{"type": "AtMost", "id": "public"}]},
                    {"uid": {"type": "File", "id": "x"}, "attrs": {}, "parents": [{"type": "Level", "id": "restricted"}, {"type": "Repository", "id": "r"}]}]"#,
            ),
        ),
        (
            "a tool",
            with(
                good,
                r#"[{"uid": {"type": "Tool", "id": "github/get_me"}, "attrs": {"owner": "x", "purpose": "y", "effect": "read", "egress": false, "drifted": false}, "parents": []}]"#,
            ),
        ),
        ("a group beside a claim", both_groups),
        (
            "two levels, and an id that no mapping writes",
            with(
                good,
                r#"[{"uid": {"type": "File", "id": "/a"}, "attrs": {}, "parents": [{"type": "Level", "id": "public"}, {"type": "Level", "id": "internal"}]}]"#,
            ),
        ),
        (
            "duplicate key",
            with(good, r#"[{"uid": {"type": "File", "id": "x"}, "attrs": {}, "attrs": {}, "parents": []}]"#),
        ),
        ("deep", with(good, &"[".repeat(10_000))),
    ];
    check("author_schemas_and_entities", &cases);
}

#[test]
fn tools_lists() {
    let with = |list: &str| {
        let mut sources = desk::sources(POLICIES);
        sources.insert("tools/pay.json", list);
        sources
    };
    let tool = |name: &str| {
        format!(
            r#"{{"name": "{name}", "inputSchema": {{"type": "object", "properties": {{"to": {{"type": "string"}}, "link": {{"type": "string"}}}}}}}}"#
        )
    };
    let list = |tools: &[String]| format!(r#"{{"tools": [{}]}}"#, tools.join(","));
    let cases = [
        ("odd names load", with(&list(&[tool("send"), tool("get-weather"), tool("files.read"), tool("2fa")]))),
        ("illegal name", with(&list(&[tool("send"), tool("a b")]))),
        ("twice", with(&list(&[tool("send"), tool("send")]))),
        ("a JSON-RPC response", with(r#"{"jsonrpc": "2.0", "id": 1, "result": {"tools": []}}"#)),
        ("a page", with(&format!(r#"{{"tools": [{}], "nextCursor": "x"}}"#, tool("send")))),
        ("duplicate key", with(r#"{"tools": [{"name": "send", "name": "send"}]}"#)),
        ("not JSON", with("{")),
        (
            "a bound beyond 64 bits",
            with(&list(&[tool("send").replace(
                r#""type": "string"}, "link""#,
                r#""type": "string", "maximum": 18446744073709551616}, "link""#,
            )])),
        ),
    ];
    check("tools_lists", &cases);
}

/// A list of tools that no server has is told of.
#[test]
fn tools_of_no_server() {
    let mut sources = desk::sources(POLICIES);
    sources.insert("tools/wiki.json", r#"{"tools": []}"#);
    let told = told(&sources);
    assert!(told.contains("[tools_unused] tools/wiki.json:1:1: warning: no server has the tools of"), "{told}");
    assert!(told.contains("write `[servers.wiki]` into the manifest"), "{told}");
}

/// Where a list of tools cannot be read, what names its tools is not told as wrong, too.
#[test]
fn tools_that_could_not_be_read() {
    let policies = "@id(\"p\") permit (principal, action == Action::\"github/get_me\", resource);\n@id(\"p\") permit";
    let mut sources = desk::sources(policies);
    sources.insert("tools/github.json", "{\"tools\": [");
    let error = PolicyBundle::load(&sources).err().unwrap();
    let mut codes: Vec<_> = error.diagnostics().iter().map(|one| one.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["policy_syntax", "tools_list"], "{error}");
}
