//! One request of the protocol, from the call that it makes to its answer: the words of `toolgate::wire::mcp`.

use toolgate::{
    Decision, DecisionRecord, Event, Json, Ledger, Reason, ToolCall,
    wire::{
        self,
        mcp::{self, Challenge, Refusal, Rendering, Sealer},
    },
};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{
    fault::Fault,
    gate::{RawGate, number},
    ledger::RawLedger,
    time, told,
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

/// A request at the gate.
#[wasm_bindgen]
pub struct RawTurn {
    /// The call that it makes, if it makes one.
    call: Option<ToolCall>,
    /// `requestState` and `inputResponses`, as the client sent them.
    resumed: Option<(String, Json)>,
    /// What was decided; before that, a record of the call that allows nothing.
    record: DecisionRecord,
}

#[wasm_bindgen]
impl RawGate {
    /// The request as a call, not yet decided. `host` is the host's word: a call with the server's id, who asks, and so on.
    pub fn turn(&self, host: &str, method: &str, params: &str, now: f64) -> RawTurn {
        match self.asked(host, method, params) {
            Err(denied) => RawTurn { call: None, resumed: None, record: self.0.refuse(denied, time(now)) },
            Ok((call, resumed)) => {
                let record = self.0.confirm(&call, 0, &mut Ledger::new(), time(now));
                RawTurn { call: Some(call), resumed, record }
            }
        }
    }

    /// A request of somebody whose claims do not say who it is: it makes no call.
    pub fn nobody(&self, claims: &str, now: f64) -> RawTurn {
        let denied = self.identity(claims).err();
        let denied = denied.unwrap_or_else(|| Decision::denied(Reason::MissingFact, "nobody is known"));
        RawTurn { call: None, resumed: None, record: self.0.refuse(denied, time(now)) }
    }
}

/// A call, and what a client brought back with it.
type Asked = (ToolCall, Option<(String, Json)>);

impl RawGate {
    fn asked(&self, host: &str, method: &str, params: &str) -> Result<Asked, Decision> {
        let host = self.read(host)?;
        let params = Json::parse(params.as_bytes())
            .map_err(|error| Decision::denied((&error.fault).into(), format!("`params`: {error}")))?;
        let request = mcp::call(&host.server, method, &params, host.principal.clone())?;
        let resumed = request.state.map(|state| (state, request.responses.unwrap_or(Json::Null)));
        let ToolCall { method, tool, input, .. } = request.call;
        Ok((ToolCall { method, tool, input, ..host }, resumed))
    }
}

#[wasm_bindgen]
impl RawTurn {
    /// The three lines of the record of a request that makes no call.
    pub fn refused(&self) -> Option<String> {
        self.call.is_none().then(|| told::record(&self.record))
    }

    /// The tool that is called, or the method.
    pub fn name(&self) -> String {
        match &self.call {
            Some(call) if !call.tool.is_empty() => call.tool.clone(),
            Some(call) => call.method.clone(),
            None => String::new(),
        }
    }

    /// The event that the client's answer is, if the call waits for one.
    pub fn resume(
        &self,
        gate: &RawGate,
        ledger: &RawLedger,
        sealer: &RawSealer,
        now: f64,
    ) -> Result<Option<String>, Fault> {
        let Some(((state, responses), call)) = self.resumed.as_ref().zip(self.call.as_ref()) else { return Ok(None) };
        let event = mcp::resume(&gate.0, &ledger.0, &sealer.0, call, (state, responses), time(now))
            .map_err(|error| Fault::new("StateError", &error.to_string()))?;
        Ok(event.as_ref().map(told_event))
    }

    /// Decides and reserves: the three lines of the record.
    pub fn authorize(&mut self, gate: &RawGate, ledger: &mut RawLedger, now: f64) -> String {
        if let Some(call) = &self.call {
            self.record = gate.0.authorize(call, &mut ledger.0, time(now));
        }
        told::record(&self.record)
    }

    /// What the reservation is kept under while the tool waits for more input.
    pub fn continuation(&self, state: &str) -> Option<String> {
        self.call.as_ref().map(|call| mcp::continuation(call, state).to_string())
    }

    /// As `authorize`, of a reserved call whose tool has asked for more input.
    pub fn proceed(&mut self, gate: &RawGate, id: f64, ledger: &mut RawLedger, now: f64) -> String {
        if let Some(call) = &self.call {
            self.record = gate.0.proceed(call, number(id), &mut ledger.0, time(now));
        }
        told::record(&self.record)
    }

    /// The scopes that the credential lacks, if they are all that is missing: as JSON.
    #[wasm_bindgen(js_name = missingScopes)]
    pub fn missing_scopes(&self, gate: &RawGate, ledger: &RawLedger, needed: &str, now: f64) -> Result<String, Fault> {
        let Some(mut call) = self.call.clone() else { return Ok("[]".to_owned()) };
        let mut missing = strings(needed)?;
        match &mut call.credential {
            Some(credential) => {
                missing.retain(|one| !credential.scopes.contains(one));
                credential.scopes.extend(missing.iter().cloned());
            }
            None => missing.clear(),
        }
        if !missing.is_empty() && matches!(gate.0.decide(&call, &ledger.0, time(now)), Decision::Deny { .. }) {
            missing.clear();
        }
        Ok(Json::Array(missing.iter().map(|one| one.as_str().into()).collect()).to_string())
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
        Ok(self.call.as_ref().and_then(|call| mcp::confirmation(&self.record, call, &answer)).as_ref().map(told_event))
    }
}

/// The answer to a request whose state does not count.
#[wasm_bindgen(js_name = invalidState)]
#[expect(unreachable_pub, reason = "reached from JavaScript")]
pub fn invalid_state() -> String {
    refused(mcp::invalid_state())
}

/// Whether a method carries no authority, and is not decided.
#[wasm_bindgen]
#[expect(unreachable_pub, reason = "reached from JavaScript")]
pub fn passes(method: &str) -> bool {
    mcp::passes(method)
}

/// Whether it approves, and the event.
fn told_event(event: &Event) -> String {
    format!("{{\"approves\":{},\"event\":{}}}", matches!(event, Event::ApprovalGranted(_)), wire::event(event))
}

fn refused(refusal: Refusal) -> String {
    refusal.to_json().to_string()
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
