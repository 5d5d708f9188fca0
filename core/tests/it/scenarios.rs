//! The scenarios that every adapter runs, here with an adapter that is nothing but the functions of `wire::mcp`.

use std::path::Path;

use toolgate::{
    Decision, DecisionRecord, Gate, Json, Ledger, ListRequest, Outcome, PolicyBundle, Sources, Status, Timestamp,
    ToolCall, filter_list,
    wire::{
        self,
        mcp::{self, Challenge, Refusal, Rendering, Sealer, StateError},
    },
};

const NEW: &str = "2026-07-28";

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../integrations/scenarios"))
}

/// The simplest server, host and client there can be.
struct Adapter {
    gate: Gate,
    ledger: Ledger,
    sealer: Sealer,
    now: Timestamp,
    host: Json,
    rendering: Rendering,
    era: &'static str,
    asks: bool,
    ran: Vec<String>,
    decisions: Vec<&'static str>,
    completed: Option<&'static str>,
    asked: Json,
    waiting: Option<Decision>,
    /// The last request that came with a state.
    resumed: Option<(ToolCall, String, Json)>,
}

/// What the client sees: the kind of the answer, and its text.
type Seen = (&'static str, Json);

impl Adapter {
    fn new(host: &Json, scenario: &Json, era: &'static str) -> Self {
        let mut sources = Sources::default();
        for file in ["toolgate.toml", "tools/notes.json", "policies/notes.cedar"] {
            sources.insert(file, std::fs::read_to_string(folder().join("bundle").join(file)).unwrap());
        }
        let bundle = PolicyBundle::load(&sources).unwrap();
        let mut merged = host.as_object().unwrap().clone();
        merged.extend(scenario.get("host").and_then(Json::as_object).cloned().unwrap_or_default());
        let rendering = merged.get("rendering").and_then(Json::as_str).and_then(Rendering::parse).unwrap();
        let asks = scenario.get("client").and_then(|client| client.get("elicitation"));
        let mut adapter = Self {
            gate: Gate::new(bundle),
            ledger: Ledger::new(),
            sealer: Sealer::new(&[7; mcp::KEY_BYTES]).unwrap(),
            now: Timestamp::parse("2026-01-05T10:00:00Z").unwrap(),
            host: Json::Object(merged),
            rendering,
            era,
            asks: asks != Some(&Json::Bool(false)),
            ran: Vec::new(),
            decisions: Vec::new(),
            completed: None,
            asked: Json::Null,
            waiting: None,
            resumed: None,
        };
        adapter.listed(scenario);
        adapter
    }

    /// What the server shows is held against the pins.
    fn listed(&mut self, scenario: &Json) {
        let mut live = std::fs::read_to_string(folder().join("bundle/tools/notes.json")).unwrap();
        for name in
            scenario.get("server").and_then(|server| server.get("drifted")).and_then(Json::as_array).unwrap_or(&[])
        {
            let name = name.as_str().unwrap();
            live = live.replace(&format!("\"name\": \"{name}\""), &format!("\"name\": \"{name}\", \"title\": \"new\""));
        }
        let event = self.gate.bundle().tools_listed("notes", &live).unwrap();
        self.gate.apply(&mut self.ledger, event, self.now).unwrap();
    }

    /// The host's word on who asks.
    fn call(&self, method: &str, params: &Json) -> ToolCall {
        let members = ["principal", "on_behalf_of", "session", "task", "origin", "credential", "server"];
        let members = members.iter().filter_map(|name| Some(((*name).to_owned(), self.host.get(name)?.clone())));
        let mut members: toolgate::Object = members.collect();
        members.insert("tool".to_owned(), "x".into());
        let text = Json::Object(members).to_string();
        let text = text.replace("$now+5m", &self.now.plus(300_000).to_string()).replace("$now", &self.now.to_string());
        let host = wire::read_call(text.as_bytes(), self.gate.limits()).unwrap();
        let request = mcp::call("notes", method, params, host.principal.clone()).unwrap().call;
        ToolCall { method: request.method, tool: request.tool, input: request.input, ..host }
    }

    fn authorize(&mut self, call: &ToolCall) -> DecisionRecord {
        let record = self.gate.authorize(call, &mut self.ledger, self.now);
        self.decisions.push(record.decision.name());
        self.waiting = Some(record.decision.clone());
        record
    }

    /// A request, as an adapter treats it; `answer` is what the client's user says when asked.
    fn request(&mut self, call: &ToolCall, answer: Option<&Json>, resume: Option<&Json>) -> Seen {
        let record = self.authorize(call);
        let question = mcp::elicitation(&self.gate, &record).filter(|_| self.asks);
        let Some((question, answer)) = question.zip(answer) else { return self.finish(call, record) };
        self.asked = question.get("message").cloned().unwrap();
        if self.era != NEW {
            let event = mcp::confirmation(&record, call, answer).unwrap();
            return self.answered(call, &record, event);
        }
        let result = mcp::input_required(&self.gate, &record, &self.sealer).unwrap();
        assert_eq!(result.get("resultType").and_then(Json::as_str), Some("input_required"));
        let mut state = result.get("requestState").and_then(Json::as_str).unwrap().to_owned();
        let forged = resume.and_then(|resume| resume.get("state")).is_some();
        if forged {
            // Another digit in the digest of the call.
            state = state.replacen("sha256:", "sha256:0", 1);
        }
        let mut again = call.clone();
        if let Some(arguments) = resume.and_then(|resume| resume.get("arguments")) {
            again.input = arguments.clone();
        }
        let responses = Json::Object([("approval".to_owned(), answer.clone())].into());
        self.resume(&again, &record, state, responses)
    }

    fn resume(&mut self, call: &ToolCall, record: &DecisionRecord, state: String, responses: Json) -> Seen {
        self.resumed = Some((call.clone(), state.clone(), responses.clone()));
        match mcp::resume(&self.gate, &self.ledger, &self.sealer, call, (&state, &responses), self.now) {
            Err(_) => shown(mcp::invalid_state()),
            Ok(None) => {
                let record = self.authorize(call);
                self.finish(call, record)
            }
            Ok(Some(event)) => self.answered(call, record, event),
        }
    }

    fn answered(&mut self, call: &ToolCall, record: &DecisionRecord, event: toolgate::Event) -> Seen {
        let refused = matches!(event, toolgate::Event::ApprovalRefused { .. });
        self.gate.apply(&mut self.ledger, event, self.now).unwrap();
        if refused {
            return shown(mcp::declined(record, self.rendering));
        }
        let record = self.authorize(call);
        self.finish(call, record)
    }

    fn finish(&mut self, call: &ToolCall, record: DecisionRecord) -> Seen {
        let scopes = match call.tool.as_str() {
            "export_notes" => vec!["notes.export".to_owned()],
            _ => Vec::new(),
        };
        let challenge = Challenge { scopes: &scopes, metadata: None };
        if let Some(refusal) = mcp::refusal(&self.gate, &record, self.rendering, challenge) {
            return shown(refusal);
        }
        let id = record.id.unwrap();
        if let Some(refusal) = mcp::unsupported(&record, &["audit"], self.rendering) {
            self.gate.abort(&mut self.ledger, id, self.now).unwrap();
            self.completed = Some("aborted");
            return shown(refusal);
        }
        let name = if call.tool.is_empty() { &call.method } else { &call.tool };
        self.ran.push(name.clone());
        let status = if name == "fail" { Status::Failed } else { Status::Done };
        self.completed = Some(if name == "fail" { "failed" } else { "done" });
        self.gate.complete(&mut self.ledger, id, Outcome::new(status), self.now).unwrap();
        match name.as_str() {
            "fail" => ("tool_failed", "it failed".into()),
            "resources/read" => ("result", "resource read".into()),
            name => ("result", format!("{name} ran").as_str().into()),
        }
    }

    fn list(&self, method: &str) -> Seen {
        let host = self.call("ping", &Json::Null);
        let request = ListRequest {
            any_session: true,
            on_behalf_of: host.on_behalf_of,
            credential: host.credential,
            origin: host.origin,
            server: Some("notes".to_owned()),
            ..ListRequest::new(host.principal)
        };
        let listing = self.gate.list(&request, &self.ledger, self.now);
        let live = match method {
            "tools/list" => std::fs::read_to_string(folder().join("bundle/tools/notes.json")).unwrap(),
            "resources/list" => r#"{"resources": [{"name": "note", "uri": "notes://7"}]}"#.to_owned(),
            _ => r#"{"prompts": [{"name": "summary"}]}"#.to_owned(),
        };
        let filtered = filter_list(&live, method, "notes", &listing).unwrap();
        let json = Json::parse(filtered.text.as_bytes()).unwrap();
        let items = json.as_object().unwrap().values().find_map(Json::as_array).unwrap();
        ("names", Json::Array(items.iter().map(|item| item.get("name").cloned().unwrap()).collect()))
    }
}

/// A refusal as the client sees it.
fn shown(refusal: Refusal) -> Seen {
    match refusal {
        Refusal::Result(result) => {
            assert_eq!(result.get("isError"), Some(&Json::Bool(true)));
            let text = result.get("content").and_then(Json::as_array).and_then(|content| content[0].get("text"));
            ("tool_error", text.cloned().unwrap())
        }
        Refusal::Error { code, message, .. } => {
            let error = format!(r#"{{"code": {code}, "message": {}}}"#, Json::from(message.as_str()));
            ("error", Json::parse(error.as_bytes()).unwrap())
        }
        Refusal::Challenge { authenticate } => {
            let scope = authenticate.split("scope=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
            ("challenge", scope.into())
        }
    }
}

fn step(adapter: &mut Adapter, step: &Json, at: &str) {
    let expect = step.get("expect");
    adapter.ran.clear();
    adapter.decisions.clear();
    (adapter.asked, adapter.completed) = (Json::Null, None);
    let answer = step.get("answer").or_else(|| step.get("resume")?.get("answer"));
    let seen = if let Some(params) = step.get("call") {
        let call = adapter.call("tools/call", params);
        adapter.request(&call, answer, step.get("resume"))
    } else if let Some(request) = step.get("request") {
        let method = request.get("method").and_then(Json::as_str).unwrap();
        let call = adapter.call(method, request.get("params").unwrap());
        adapter.request(&call, answer, None)
    } else if let Some(method) = step.get("list").and_then(Json::as_str) {
        adapter.list(method)
    } else if step.get("replay").is_some() {
        let (call, state, responses) = adapter.resumed.clone().unwrap();
        let record =
            adapter.gate.refuse(Decision::Allow { obligations: vec![], basis: Default::default() }, adapter.now);
        adapter.resume(&call, &record, state, responses)
    } else {
        let event = match step.get("approve") {
            Some(approve) => {
                let digest = adapter.waiting.as_ref().and_then(|decision| decision.basis().call).unwrap();
                let text = |name: &str| approve.get(name).and_then(Json::as_str).unwrap();
                let (class, by) = (text("class"), Json::from(text("by")));
                let expires = "2999-01-01T00:00:00Z";
                format!(
                    r#"{{"approval_granted":{{"call":"{digest}","class":"{class}","approver":{by},"expires":"{expires}"}}}}"#
                )
            }
            None => step.get("event").unwrap().to_string(),
        };
        let line = format!(r#"{{"at":"{}","event":{event}}}"#, adapter.now);
        let (event, now) = wire::read_event(&adapter.gate, &line).unwrap_or_else(|error| panic!("{at}: {error}"));
        adapter.gate.apply(&mut adapter.ledger, event, now).unwrap_or_else(|error| panic!("{at}: {error}"));
        return;
    };
    let expect = expect.and_then(Json::as_object).unwrap();
    let texts = |texts: &[&str]| Json::Array(texts.iter().map(|text| (*text).into()).collect());
    let mut checked = 0;
    for (name, wanted) in expect {
        let got = match name.as_str() {
            "ran" => texts(&adapter.ran.iter().map(String::as_str).collect::<Vec<_>>()),
            "decisions" => texts(&adapter.decisions),
            "completed" => adapter.completed.map_or(Json::Null, Json::from),
            "asked" => adapter.asked.clone(),
            "cacheScope" => "private".into(),
            "ttlMs" => Json::parse(b"0").unwrap(),
            kind => {
                assert_eq!(kind, seen.0, "{at}: {}", seen.1);
                seen.1.clone()
            }
        };
        checked += 1;
        assert_eq!(&got, wanted, "{at}: {name}");
    }
    assert!(checked > 0, "{at} expects nothing");
}

#[test]
fn every_scenario_holds() {
    let text = std::fs::read(folder().join("scenarios.json")).unwrap();
    let table = Json::parse(&text).unwrap();
    let host = table.get("host").unwrap();
    let mut ran = 0;
    for scenario in table.get("scenarios").and_then(Json::as_array).unwrap() {
        let name = scenario.get("name").and_then(Json::as_str).unwrap();
        let eras = scenario.get("eras").and_then(Json::as_array);
        for era in ["2025-11-25", NEW] {
            if eras.is_some_and(|eras| !eras.contains(&era.into())) {
                continue;
            }
            let mut adapter = Adapter::new(host, scenario, era);
            for (index, one) in scenario.get("steps").and_then(Json::as_array).unwrap().iter().enumerate() {
                step(&mut adapter, one, &format!("{name} ({era}), step {}", index + 1));
            }
            ran += 1;
        }
    }
    assert!(ran >= 40, "{ran}");
}

#[test]
fn states_of_others_and_of_the_past() {
    let table = Json::parse(
        br#"{"server": "notes", "rendering": "tool_error", "principal": "Agent::\"helper\"",
        "on_behalf_of": ["User::\"alice\""], "session": "s1"}"#,
    );
    let mut adapter = Adapter::new(&table.unwrap(), &Json::Null, NEW);
    let params = Json::parse(br#"{"name": "write_note", "arguments": {"id": "7", "text": "hello"}}"#).unwrap();
    let call = adapter.call("tools/call", &params);
    let asked = |adapter: &mut Adapter| {
        let record = adapter.authorize(&call);
        let result = mcp::input_required(&adapter.gate, &record, &adapter.sealer).unwrap();
        result.get("requestState").and_then(Json::as_str).unwrap().to_owned()
    };
    let yes = Json::parse(br#"{"approval": {"action": "accept", "content": {"approve": true}}}"#).unwrap();
    let resume = |adapter: &Adapter, call: &ToolCall, state: &str, later: i64| {
        let now = adapter.now.plus(later);
        mcp::resume(&adapter.gate, &adapter.ledger, &adapter.sealer, call, (state, &yes), now)
    };
    let first = asked(&mut adapter);
    let other = Sealer::new(&[8; mcp::KEY_BYTES]).unwrap();
    let forged = mcp::resume(&adapter.gate, &adapter.ledger, &other, &call, (&first, &yes), adapter.now);
    assert_eq!(forged, Err(StateError::Forged));
    for (at, byte) in first.char_indices() {
        let changed: String =
            first.char_indices().map(|(i, c)| if i == at { if byte == '1' { '2' } else { '1' } } else { c }).collect();
        assert_eq!(resume(&adapter, &call, &changed, 0), Err(StateError::Forged), "{changed}");
    }
    for text in ["", ".", "1.1.1.x", "1.99999999999999999999.1.sha256:00"] {
        assert_eq!(resume(&adapter, &call, text, 0), Err(StateError::Forged), "{text}");
    }
    let bob =
        ToolCall { on_behalf_of: vec![toolgate::Principal::new(toolgate::PrincipalKind::User, "bob")], ..call.clone() };
    assert_eq!(resume(&adapter, &bob, &first, 0), Err(StateError::OtherCall));
    let elsewhere = ToolCall { session: Some("s2".to_owned()), ..call.clone() };
    assert_eq!(resume(&adapter, &elsewhere, &first, 0), Err(StateError::OtherCall));
    assert_eq!(resume(&adapter, &call, &first, 24 * 3_600_000), Err(StateError::Expired));
    let second = asked(&mut adapter);
    assert_eq!(resume(&adapter, &call, &first, 0), Err(StateError::Used));
    assert!(matches!(resume(&adapter, &call, &second, 0), Ok(Some(toolgate::Event::ApprovalGranted(_)))));
}

#[test]
fn short_keys_seal_nothing() {
    let error = Sealer::new(b"short").unwrap_err();
    assert_eq!(error.to_string(), "a sealing key has at least 32 bytes, this one has 5");
}
