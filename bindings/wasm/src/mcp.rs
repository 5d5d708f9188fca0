//! One request of the protocol, from the call that it makes to its answer: the words of `toolgate::wire::mcp`.

use toolgate::{
    DecisionRecord, Event, Json, ToolCall,
    wire::{
        self,
        mcp::{self, Challenge, Refusal, Rendering, Sealer},
    },
};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{
    fault::Fault,
    gate::RawGate,
    ledger::RawLedger,
    time,
    told::{self, object},
};

/// Seals what a client has to bring back.
#[wasm_bindgen]
pub struct RawSealer(Sealer);

#[wasm_bindgen]
impl RawSealer {
    /// A sealer with the host's key.
    #[wasm_bindgen(constructor)]
    pub fn new(key: &[u8]) -> Result<RawSealer, Fault> {
        Sealer::new(key).map(Self).map_err(|error| Fault::usage(&error.to_string()))
    }
}

/// A request that the gate was asked about.
#[wasm_bindgen]
pub struct RawTurn {
    call: ToolCall,
    /// `requestState` and `inputResponses`, as the client sent them.
    resumed: Option<(String, Json)>,
    record: DecisionRecord,
}

#[wasm_bindgen]
impl RawGate {
    /// The request as a call, not yet decided. `host` is the host's word: a call with the server's id, who asks, and so on.
    /// The first line of the text that is thrown for a request that makes no call is a record's.
    pub fn turn(&self, host: &str, method: &str, params: &str, now: f64) -> Result<RawTurn, Fault> {
        let host = self.read(host).map_err(|denied| {
            let why = denied.denials().iter().map(|denial| denial.detail.as_str()).collect::<Vec<_>>().join("; ");
            Fault::usage(&format!("what the host says of the call: {why}"))
        })?;
        let request = Json::parse(params.as_bytes())
            .map_err(|error| error.to_string())
            .and_then(|params| {
                mcp::call(&host.server, method, &params, host.principal.clone())
                    .map_err(|denied| denied.denials().iter().map(|denial| denial.detail.clone()).collect())
            })
            .map_err(|why: String| Fault::new("MalformedRequest", &why))?;
        let resumed = request.state.map(|state| (state, request.responses.unwrap_or(Json::Null)));
        let call = ToolCall { method: request.call.method, tool: request.call.tool, input: request.call.input, ..host };
        // Until it is decided, nothing was: a record of the call that allows nothing.
        let record = self.0.confirm(&call, 0, &mut toolgate::Ledger::new(), time(now));
        Ok(RawTurn { call, resumed, record })
    }
}

#[wasm_bindgen]
impl RawTurn {
    /// The tool that is called, or the method.
    pub fn name(&self) -> String {
        if self.call.tool.is_empty() { self.call.method.clone() } else { self.call.tool.clone() }
    }

    /// The arguments of the call, as JSON.
    pub fn input(&self) -> String {
        self.call.input.to_string()
    }

    /// Whether the client brought a state back.
    pub fn resumed(&self) -> bool {
        self.resumed.is_some()
    }

    /// The event that the client's answer is, if the call waits for one.
    pub fn resume(
        &self,
        gate: &RawGate,
        ledger: &RawLedger,
        sealer: &RawSealer,
        now: f64,
    ) -> Result<Option<String>, Fault> {
        let Some((state, responses)) = &self.resumed else { return Ok(None) };
        let event = mcp::resume(&gate.0, &ledger.0, &sealer.0, &self.call, (state, responses), time(now))
            .map_err(|error| Fault::new("StateError", &error.to_string()))?;
        Ok(event.as_ref().map(told_event))
    }

    /// Decides and reserves: the three lines of the record.
    pub fn authorize(&mut self, gate: &RawGate, ledger: &mut RawLedger, now: f64) -> String {
        self.record = gate.0.authorize(&self.call, &mut ledger.0, time(now));
        told::record(&self.record)
    }

    /// How the denial is answered; nothing for an allowed call.
    pub fn refusal(
        &self,
        gate: &RawGate,
        rendering: &str,
        scopes: &str,
        metadata: Option<String>,
    ) -> Result<Option<String>, Fault> {
        let scopes = strings(scopes)?;
        let challenge = Challenge { scopes: &scopes, metadata: metadata.as_deref() };
        Ok(mcp::refusal(&gate.0, &self.record, read_rendering(rendering)?, challenge).map(refused))
    }

    /// Why the allowed call must not run, if it carries an obligation of a kind that is not among `known`.
    pub fn unsupported(&self, known: &str, rendering: &str) -> Result<Option<String>, Fault> {
        let known = strings(known)?;
        let known: Vec<_> = known.iter().map(String::as_str).collect();
        Ok(mcp::unsupported(&self.record, &known, read_rendering(rendering)?).map(refused))
    }

    /// The answer after the user did not approve.
    pub fn declined(&self, rendering: &str) -> Result<String, Fault> {
        Ok(refused(mcp::declined(&self.record, read_rendering(rendering)?)))
    }

    /// The result that asks the client to ask its user.
    #[wasm_bindgen(js_name = inputRequired)]
    pub fn input_required(&self, gate: &RawGate, sealer: &RawSealer) -> Option<String> {
        mcp::input_required(&gate.0, &self.record, &sealer.0).map(|result| result.to_string())
    }

    /// The `params` of `elicitation/create`.
    pub fn elicitation(&self, gate: &RawGate) -> Option<String> {
        mcp::elicitation(&gate.0, &self.record).map(|params| params.to_string())
    }

    /// The event that the answer to the elicitation is.
    pub fn confirmation(&self, answer: &str) -> Result<Option<String>, Fault> {
        let answer = Json::parse(answer.as_bytes())?;
        Ok(mcp::confirmation(&self.record, &self.call, &answer).as_ref().map(told_event))
    }
}

/// The answer to a request whose state does not count.
#[wasm_bindgen(js_name = invalidState)]
pub fn invalid_state() -> String {
    refused(mcp::invalid_state())
}

/// Whether it approves, and the event.
fn told_event(event: &Event) -> String {
    let approves = matches!(event, Event::ApprovalGranted(_));
    // The event alone: when it is applied is said then.
    let line = wire::write_event(event, toolgate::Timestamp::from_millis(0));
    let event = Json::parse(line.as_bytes()).ok().and_then(|line| line.get("event").cloned()).unwrap_or_default();
    object([("approves", Json::Bool(approves)), ("event", event)]).to_string()
}

fn refused(refusal: Refusal) -> String {
    match refusal {
        Refusal::Result(result) => object([("result", result)]),
        Refusal::Error { code, message, data } => {
            let mut members =
                vec![("code", Json::Number(toolgate::Number::Int(code))), ("message", message.as_str().into())];
            members.extend(data.map(|data| ("data", data)));
            object([("error", object(members))])
        }
        Refusal::Challenge { authenticate } => object([("challenge", authenticate.as_str().into())]),
    }
    .to_string()
}

fn read_rendering(name: &str) -> Result<Rendering, Fault> {
    let names = || Rendering::ALL.map(|one| format!("`{}`", one.name())).join(", ");
    Rendering::parse(name).ok_or_else(|| Fault::usage(&format!("there is no rendering `{name}`, but {}", names())))
}

fn strings(text: &str) -> Result<Vec<String>, Fault> {
    let json = Json::parse(text.as_bytes())?;
    let items = json.as_array().unwrap_or_default().iter().filter_map(Json::as_str);
    Ok(items.map(str::to_owned).collect())
}
