use super::*;
use crate::{Event, PolicyBundle, Principal, PrincipalKind, Sources, ToolCall};

const MANIFEST: &str = r#"
    [bundle]
    name = "authzen"
    version = "1.0.0"
    [servers.notes]
    audience = "https://notes.example/mcp"
    [servers.mail]
    origin = "https://mail.example/"
    [tools."notes/read"]
    effect = "read"
    [tools."notes/delete"]
    effect = "destructive"
    [tools."mail/send"]
    effect = "write"
    [principals.User.attributes]
    role = { type = "String", claim = "role" }
"#;

const TOOLS: &str = r#"{"tools": [
    {"name": "read", "inputSchema": {"type": "object", "properties": {"id": {"type": "integer"}}}},
    {"name": "delete", "inputSchema": {"type": "object"}},
    {"name": "send", "inputSchema": {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]}}
]}"#;

const POLICIES: &str = r#"
    @id("read")
    permit (principal, action == Action::"notes/read", resource);
    @id("admins-delete")
    permit (principal is User, action == Action::"notes/delete", resource)
    when { principal has role && principal.role == "admin" };
    @id("agents-pass")
    permit (principal is Agent, action in Action::"call", resource)
    unless { principal == Agent::"rogue" };
    @id("send")
    @obligation("redact:/ssn")
    @obligation_2("notify:ops@example.com")
    @obligation_3("session_termination")
    @obligation_4("step-up:urn:example:loa:3")
    permit (principal is User, action == Action::"mail/send", resource);
    @id("send-to-boss")
    @reason("mail to the boss is looked at first")
    @approval("ops")
    forbid (principal, action == Action::"mail/send", resource)
    when { context.input.to == "boss" };
    @id("send-to-press")
    @reason("nobody writes to the press")
    forbid (principal, action == Action::"mail/send", resource)
    when { context.input.to == "press" };
    @id("resources")
    permit (principal, action == Action::"notes/resources/read", resource)
    when { context.input.uri == "note://1" };
"#;

const NOW: Timestamp = Timestamp::from_millis(1_767_607_200_000);

fn gate(manifest: &str, policies: &str) -> Gate {
    let mut sources = Sources::default();
    sources.insert("toolgate.toml", manifest);
    sources.insert("tools/notes.json", TOOLS);
    sources.insert("tools/mail.json", TOOLS);
    sources.insert("policies/p.cedar", policies);
    Gate::new(PolicyBundle::load(&sources).unwrap_or_else(|error| panic!("{error}")))
}

thread_local! {
    static GATE: Gate = gate(MANIFEST, POLICIES);
}

fn asked(request: &str, host: &Host, ledger: &Ledger) -> String {
    GATE.with(|gate| evaluate(gate, request.as_bytes(), host, ledger, NOW))
}

/// The answer without its `evaluation_id`, which has a test of its own.
fn bare(answer: &str) -> String {
    let mut out = String::new();
    let mut rest = answer;
    while let Some((before, after)) = rest.split_once("\"evaluation_id\":\"sha256:") {
        out.push_str(before);
        rest = after.split_once('"').unwrap().1;
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    out + rest
}

fn check_host(request: &str, host: &Host, response: &str) {
    assert_eq!(bare(&asked(request, host, &Ledger::new())), response, "{request}");
}

fn check(request: &str, response: &str) {
    check_host(request, &Host::default(), response);
}

/// A request for a tool, by user alice; `rest` stands at its end.
fn tool(id: &str, rest: &str) -> String {
    format!(
        r#"{{"subject":{{"type":"identity","id":"alice"}},"action":{{"name":"tools/call"}},"resource":{{"type":"tool","id":"{id}"}}{rest}}}"#
    )
}

const ALLOW: &str = r#"{"decision":true,"context":{}}"#;

fn deny(reason: &str) -> String {
    format!(r#"{{"decision":false,"context":{{"reason":"{reason}"}}}}"#)
}

fn error(message: &str) -> String {
    format!(r#"{{"decision":false,"context":{{"error":{{"status":400,"message":"{message}"}}}}}}"#)
}

#[test]
fn single_evaluations() {
    check(&tool("notes/read", ""), ALLOW);
    check(&tool("notes/delete", ""), &deny("no_permit"));
    check(&tool("notes/raed", ""), &deny("unknown_tool"));
    check(&tool("nots/read", ""), &deny("unknown_server"));
    check(&tool("read", ""), &deny("unknown_server"));
    check(&tool("mail/send", ""), &deny("invalid_arguments"));
    check(
        &tool("mail/send", r#","context":{"arguments":{"to":"press"}}"#),
        r#"{"decision":false,"context":{"reason":"forbidden","reason_user":{"en":"nobody writes to the press"}}}"#,
    );
}

#[test]
fn methods_as_the_default_mappings_write_them() {
    let ask = |method: &str, kind: &str, id: &str| {
        format!(
            r#"{{"subject":{{"type":"identity","id":"alice"}},"action":{{"name":"{method}"}},"resource":{{"type":"{kind}","id":"{id}","properties":{{"server":"notes"}}}}}}"#
        )
    };
    check(&ask("resources/read", "resource", "note://1"), ALLOW);
    for method in ["resources/subscribe", "resources/directory/read", "skills/get", "subscriptions/listen"] {
        check(&ask(method, "resource", "note://1"), ALLOW);
        check(&ask(method, "resource", "note://2"), &deny("no_permit"));
    }
    check(&ask("resources/read", "resource", "note://2"), &deny("no_permit"));
    check(&ask("completion/complete", "resource", "note://1"), ALLOW);
    check(&ask("completion/complete", "prompt", "hello"), &deny("no_permit"));
    check(&ask("prompts/get", "prompt", "hello"), &deny("no_permit"));
    check(&ask("tools/list", "mcp_server", "https://notes.example/mcp"), ALLOW);
    check(&ask("tasks/get", "task", "7"), &deny("not_task_owner"));
    check(&ask("subscriptions/listen", "task", "7"), &deny("not_task_owner"));
    check(&ask("subscriptions/listen", "mcp_server", "https://notes.example/mcp"), ALLOW);
    check(&ask("tasks/list", "mcp_server", "https://notes.example/mcp"), &deny("refused_method"));
    check(&ask("get_customer", "customer", "7"), &deny("unknown_method"));
    check(
        &ask("tools/call", "customer", "7"),
        &error("`tools/call` is not asked of a `customer`; see the default mappings of COAZ-MCP"),
    );
    let mut ledger = Ledger::new();
    let owner = Principal::new(PrincipalKind::User, "alice").entity();
    let created = Event::McpTaskCreated { server: "notes".to_owned(), id: "7".to_owned(), owner, session: None };
    ledger.apply(created, NOW).unwrap();
    assert_eq!(bare(&asked(&ask("tasks/get", "task", "7"), &Host::default(), &ledger)), ALLOW);
}

#[test]
fn servers() {
    let listed = |id: &str| {
        format!(
            r#"{{"subject":{{"type":"user","id":"a"}},"action":{{"name":"tools/list"}},"resource":{{"type":"mcp_server","id":"{id}"}}}}"#
        )
    };
    check(&listed("https://notes.example/mcp"), ALLOW);
    check(&listed("https://mail.example/"), ALLOW);
    check(&listed("notes"), ALLOW);
    check(&listed("https://elsewhere.example/"), &deny("unknown_server"));

    let notes = Host { server: Some("notes".to_owned()), ..Host::default() };
    check_host(&tool("read", ""), &notes, ALLOW);
    check_host(&tool("notes/read", ""), &notes, ALLOW);
    // Another server's tool of the same name is not this one's.
    check_host(&tool("mail/read", ""), &notes, &deny("unknown_tool"));

    let one = "[bundle]\nname = \"one\"\nversion = \"1.0.0\"\n[servers.notes]\n";
    let one = gate(one, "@id(\"any\")\npermit (principal, action, resource);");
    let answer = evaluate(&one, tool("read", "").as_bytes(), &Host::default(), &Ledger::new(), NOW);
    assert_eq!(bare(&answer), ALLOW);
}

#[test]
fn subjects_and_agents() {
    let by = |kind: &str, context: &str| {
        format!(
            r#"{{"subject":{{"type":"{kind}","id":"x"}},"action":{{"name":"tools/call"}},"resource":{{"type":"tool","id":"notes/read"}},"context":{context}}}"#
        )
    };
    for kind in ["identity", "user", "User", "AGENT", "workload"] {
        check(&by(kind, "{}"), ALLOW);
    }
    check(&by("customer", "{}"), &error("`/subject/type` is none of `identity`, `user`, `agent`, `workload`"));
    check(&by("user", r#"{"agent":"triage"}"#), ALLOW);
    // The agent is a hop of its own, which needs a permit too.
    let rogue = r#","context":{"agent":"rogue","arguments":{"to":"x"}}"#;
    check(&tool("mail/send", rogue), &deny("no_permit"));
    // A token that was issued to the agent itself.
    check(&by("agent", r#"{"agent":"x"}"#), ALLOW);
    check(&by("user", r#"{"agent":7}"#), &error("`/context/agent` is not the id of an agent"));
    let host = Host { agent: Some("triage".to_owned()), ..Host::default() };
    check_host(&by("user", r#"{"agent":"triage"}"#), &host, ALLOW);
    check_host(&by("user", "{}"), &host, ALLOW);
    check_host(&by("user", r#"{"agent":"other"}"#), &host, &deny("identity_conflict"));
}

#[test]
fn what_a_request_says_of_itself_is_no_fact() {
    let admin = |member: &str| {
        format!(
            r#"{{"subject":{{"type":"user","id":"alice",{member}}},"action":{{"name":"tools/call"}},"resource":{{"type":"tool","id":"notes/delete"}}}}"#
        )
    };
    check(&admin(r#""properties":{"role":"admin"}"#), &deny("no_permit"));
    check(&admin(r#""claims":{"role":"admin"}"#), &deny("no_permit"));
    let claims = Object::from([("role".to_owned(), Json::from("admin"))]);
    let host = Host { claims, ..Host::default() };
    check_host(&admin(r#""properties":{}"#), &host, ALLOW);

    let context = r#","context":{"session":"s","task":"t","origin":"user","approval":{"id":"a"},"credential":{"id":"c"},"principal":"x"}"#;
    let item = Json::parse(tool("notes/read", context).as_bytes()).unwrap();
    let call = |host: &Host| GATE.with(|gate| request::call(gate, &item, host).ok().unwrap().call);
    let ToolCall { session, task, credential, origin, .. } = call(&Host::default());
    assert!(session.is_none() && task.is_none() && credential.is_none() && origin == Origin::Retrieved);
    let host = Host { session: Some("h".to_owned()), origin: Origin::User, ..Host::default() };
    let call = call(&host);
    assert_eq!((call.session.as_deref(), call.origin), (Some("h"), Origin::User));
}

#[test]
fn arguments_stand_in_one_place() {
    let both = |context: &str, properties: &str| {
        format!(
            r#"{{"subject":{{"type":"user","id":"alice"}},"action":{{"name":"tools/call"}},"resource":{{"type":"tool","id":"notes/read","properties":{properties}}},"context":{context}}}"#
        )
    };
    check(&both(r#"{"arguments":{"id":1}}"#, "{}"), ALLOW);
    check(&both("{}", r#"{"arguments":{"id":1}}"#), ALLOW);
    check(&both(r#"{"arguments":{"id":1}}"#, r#"{"arguments":{"id":1}}"#), ALLOW);
    check(
        &both(r#"{"arguments":{"id":1}}"#, r#"{"arguments":{"id":2}}"#),
        &error("`/context/arguments` and `/resource/properties/arguments` differ; give one"),
    );
    check(&both(r#"{"arguments":[1]}"#, "{}"), &error("`/context/arguments` is not an object"));
    check(&both(r#"{"arguments":{"id":"1"}}"#, "{}"), &deny("invalid_arguments"));
}

#[test]
fn obligations_and_approval() {
    let to =
        |whom: &str, more: &str| tool("mail/send", &format!(r#","context":{{"arguments":{{"to":"{whom}"}}{more}}}"#));
    let obligations = concat!(
        r#"{"decision":true,"context":{"obligations":["#,
        r#"{"id":"obl-1","type":"notification","properties":{"to":"ops@example.com","body":"User::\"alice\" was allowed mail/send"}},"#,
        r#"{"id":"obl-2","type":"custom","properties":{"kind":"redact","value":"/ssn"}},"#,
        r#"{"id":"obl-3","type":"session_termination","properties":{"subject":"alice"}},"#,
        r#"{"id":"obl-4","type":"step-up","properties":{"acr_value":"urn:example:loa:3"}}]}}"#,
    );
    check(&to("x", ""), obligations);
    check(
        &to("x", r#","supported_obligations":["custom","notification","session_termination","step-up"]"#),
        obligations,
    );
    check(&to("x", r#","supported_obligations":["custom"]"#), &deny("unsupported_obligation"));
    check(&to("x", r#","supported_obligations":7"#), &deny("unsupported_obligation"));
    let waiting = concat!(
        r#"{"decision":false,"context":{"evaluated_at":"2026-01-05T10:00:00Z","reason":"approval_required","#,
        r#""reason_user":{"en":"mail to the boss is looked at first"},"#,
        r#""access_request":{"template":"toolgate/approval","expires_at":"2026-01-05T10:10:00Z","approvers":["ops"]}}}"#,
    );
    check(&to("boss", ""), waiting);
    check(&to("boss", r#","approval":{"id":"a","approved_until":"2030-01-01T00:00:00Z"}"#), waiting);
}

#[test]
fn an_evaluation_is_known_by_the_digest_of_its_call() {
    let id = |request: &str| {
        let answer = asked(request, &Host::default(), &Ledger::new());
        let (_, rest) = answer.split_once("\"evaluation_id\":\"").unwrap();
        crate::Digest::parse(rest.split_once('"').unwrap().0).unwrap()
    };
    let mut call = ToolCall::new("notes", "read", Principal::new(PrincipalKind::User, "alice"));
    let decided = GATE.with(|gate| gate.decide(&call, &Ledger::new(), NOW)).basis().call;
    assert_eq!(Some(id(&tool("notes/read", ""))), decided);
    call.input = Json::parse(br#"{"id":1}"#).unwrap();
    assert_ne!(GATE.with(|gate| gate.decide(&call, &Ledger::new(), NOW)).basis().call, decided);
    assert_eq!(id(&tool("notes/raed", "")), id(&tool("notes/raed", "")));
    assert_ne!(id(&tool("notes/raed", "")), id(&tool("notes/reda", "")));
}

#[test]
fn malformed_requests() {
    let subject = r#""subject":{"type":"user","id":"a"}"#;
    let action = r#""action":{"name":"tools/call"}"#;
    let resource = r#""resource":{"type":"tool","id":"notes/read"}"#;
    check("[]", &error("the document is an array, not an object"));
    check(&format!("{{{action},{resource}}}"), &error("the document has no `subject`"));
    check(&format!("{{{subject},{resource}}}"), &error("the document has no `action`"));
    check(&format!("{{{subject},{action}}}"), &error("the document has no `resource`"));
    check(&format!(r#"{{{subject},"action":{{}},{resource}}}"#), &error("`/action` has no `name`"));
    check(
        &format!(r#"{{"subject":{{"type":"user","id":null}},{action},{resource}}}"#),
        &error("`/subject` has no `id`"),
    );
    check(&format!(r#"{{"subject":{{"type":"user","id":""}},{action},{resource}}}"#), &error("`/subject/id` is empty"));
    check(&format!(r#"{{"subject":"a",{action},{resource}}}"#), &error("`/subject` is a string, not an object"));
    check(&format!(r#"{{{subject},{action},{resource},"context":7}}"#), &error("`/context` is not an object"));
    check(
        &format!("{{{subject},{subject},{action},{resource}}}"),
        &error("line 1, column 47: the key `subject` occurs twice in one object"),
    );
    check(
        &tool("notes/read", r#","context":{"arguments":{"id":1e400}}"#),
        &error(
            "line 1, column 155: the number `1e400` is neither a 64-bit integer nor a fraction that a double holds as it is written",
        ),
    );
    check(
        &"[".repeat(10_000),
        &error("line 1, column 38: arrays and objects are nested deeper than the 37 levels allowed"),
    );
    let deep = format!(r#","context":{{"arguments":{{"id":{}1{}}}}}"#, "[".repeat(33), "]".repeat(33));
    check(&tool("notes/read", &deep), &deny("limit_exceeded"));
}

#[test]
fn unknown_members_and_null_are_ignored() {
    check(
        r#"{"subject":{"type":"user","id":"a","properties":null,"x":1},"action":{"name":"tools/call","properties":{"y":2},"z":[]},
            "resource":{"type":"tool","id":"notes/read","properties":{"colour":"red"},"w":{}},
            "context":{"time":"now","agent":null,"arguments":null},"options":{"v":1},"evaluations":null,"u":true}"#,
        ALLOW,
    );
}

#[test]
fn batches() {
    let batch = |semantic: &str, items: &str| {
        format!(
            r#"{{"subject":{{"type":"user","id":"alice"}},"action":{{"name":"tools/call"}},"options":{{{semantic}}},"evaluations":[{items}]}}"#
        )
    };
    let read = r#"{"resource":{"type":"tool","id":"notes/read"}}"#;
    let delete = r#"{"resource":{"type":"tool","id":"notes/delete"}}"#;
    let (yes, no) = (ALLOW, deny("no_permit"));
    let semantic = |name: &str| format!(r#""evaluations_semantic":"{name}""#);
    let three = format!("{read},{delete},{read}");
    let all = format!(r#"{{"evaluations":[{yes},{no},{yes}]}}"#);
    check(&batch("", &three), &all);
    check(&batch(&semantic("execute_all"), &three), &all);
    check(&batch(&semantic("deny_on_first_deny"), &three), &format!(r#"{{"evaluations":[{yes},{no}]}}"#));
    check(&batch(&semantic("permit_on_first_permit"), &three), &format!(r#"{{"evaluations":[{yes}]}}"#));
    check(
        &batch(&semantic("permit_on_first_permit"), &format!("{delete},{three}")),
        &format!(r#"{{"evaluations":[{no},{yes}]}}"#),
    );
    check(
        &batch(&semantic("some"), &three),
        &error(
            "`/options/evaluations_semantic` is none of `execute_all`, `deny_on_first_deny`, `permit_on_first_permit`",
        ),
    );

    // A fault is its item's alone, and is a deny.
    let faults = r#"7,{"resource":{"type":"tool"}},{}"#;
    let told = [
        error("the evaluation is not an object"),
        error("`/resource` has no `id`"),
        error("the document has no `resource`"),
    ];
    check(&batch("", &format!("{faults},{read}")), &format!(r#"{{"evaluations":[{},{yes}]}}"#, told.join(",")));
    check(
        &batch(&semantic("deny_on_first_deny"), &format!("7,{read}")),
        &format!(r#"{{"evaluations":[{}]}}"#, told[0]),
    );

    // Without items it is a single evaluation.
    // Each of them has the long text of the request, and would cost as much as it does.
    let long = |items: usize| {
        let items = vec!["{}"; items].join(",");
        let text = "x".repeat(1 << 18);
        tool("notes/read", &format!(r#","context":{{"arguments":{{"x":"{text}"}}}},"evaluations":[{items}]"#))
    };
    let refused = "`/evaluations` are 300; of a request of this length, at most 254 are answered";
    check(&long(300), &error(refused));
    assert!(asked(&long(254), &Host::default(), &Ledger::new()).contains("invalid_arguments"));

    check(&tool("notes/read", r#","evaluations":[]"#), ALLOW);
    check(&batch("", ""), &error("the document has no `resource`"));
    check(&tool("notes/read", r#","evaluations":{}"#), &error("`/evaluations` is not a list"));
}

#[test]
fn a_member_of_an_item_replaces_the_default_whole() {
    let batch = |item: &str| {
        tool("mail/send", &format!(r#","context":{{"agent":"rogue","arguments":{{"to":"x"}}}},"evaluations":[{item}]"#))
    };
    let one = |response: &str| format!(r#"{{"evaluations":[{response}]}}"#);
    check(&batch("{}"), &one(&deny("no_permit")));
    check(&batch(r#"{"context":null}"#), &one(&deny("no_permit")));
    // Neither the agent nor the arguments are left.
    check(&batch(r#"{"context":{}}"#), &one(&deny("invalid_arguments")));
    check(&batch(r#"{"context":{},"resource":{"type":"tool","id":"notes/read"}}"#), &one(ALLOW));
    check(&batch(r#"{"resource":{"id":"notes/read"}}"#), &one(&error("`/resource` has no `type`")));
}
