//! What the adapters in `toolgate.mcp` need of `toolgate::wire::mcp`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::{prelude::*, types::PyDict};
use toolgate::{
    Decision, Json, ToolCall,
    wire::mcp::{self, Challenge, Continuing, Refusal, Rendering, Sealer},
};

use crate::{
    decision,
    event::Event,
    fault,
    gate::Gate,
    identity::Identity,
    json,
    ledger::Ledger,
    record::{Record, Trace},
    time,
};

/// A request of the protocol as a call, which the gate takes in place of a dict.
#[pyclass(frozen, module = "toolgate")]
pub(crate) struct McpRequest {
    pub(crate) call: ToolCall,
    state: Option<String>,
    responses: Option<Json>,
}

#[pymethods]
impl McpRequest {
    /// The method.
    #[getter]
    fn method(&self) -> &str {
        &self.call.method
    }

    /// The tool's name; empty for other methods than `tools/call`.
    #[getter]
    fn tool(&self) -> &str {
        &self.call.tool
    }

    /// `requestState`, as the client sent it.
    #[getter]
    fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    fn __repr__(&self) -> String {
        format!("<McpRequest {} {} by {}>", self.call.method, self.call.tool, self.call.principal.entity())
    }
}

/// Calls whose tool has asked for more input, until the client comes back with it.
#[pyclass(frozen, module = "toolgate")]
pub(crate) struct McpContinuing(Mutex<Continuing<Py<PyAny>>>);

impl McpContinuing {
    fn lock(&self) -> MutexGuard<'_, Continuing<Py<PyAny>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl McpContinuing {
    #[new]
    fn new() -> Self {
        Self(Mutex::default())
    }

    /// Keeps what is known of a call whose tool has answered with `state`, if with any. Gives what is known of the call that
    /// nobody can go on with any more.
    #[pyo3(signature = (request, state, kept))]
    fn keep(&self, request: &McpRequest, state: Option<&str>, kept: Py<PyAny>) -> Option<Py<PyAny>> {
        self.lock().keep(&request.call, state, kept)
    }

    /// What is known of the call that goes on with this request, if it is one.
    fn take(&self, request: &McpRequest) -> Option<Py<PyAny>> {
        let brought = request.state.is_some() || request.responses.is_some();
        brought.then(|| self.lock().take(&request.call, request.state.as_deref())).flatten()
    }
}

/// How one server answers: the rendering of denials, the obligations that it can meet, and the key of its states.
#[pyclass(frozen, module = "toolgate")]
pub(crate) struct McpAnswers {
    gate: Py<Gate>,
    rendering: Rendering,
    obligations: Vec<String>,
    sealer: Sealer,
}

/// A refusal as a dict with one member: `result`, `error` or `challenge`.
fn told<'py>(py: Python<'py>, refusal: Refusal) -> PyResult<Bound<'py, PyDict>> {
    let shown = PyDict::new(py);
    match refusal {
        Refusal::Result(result) => shown.set_item("result", json::dict(py, &result.to_string())?)?,
        Refusal::Challenge { authenticate } => shown.set_item("challenge", authenticate)?,
        Refusal::Error { code, message, data } => {
            let error = PyDict::new(py);
            error.set_item("code", code)?;
            error.set_item("message", message)?;
            error.set_item("data", data.map(|data| json::dict(py, &data.to_string())).transpose()?)?;
            shown.set_item("error", error)?;
        }
    }
    Ok(shown)
}

fn shown<'py>(py: Python<'py>, json: Option<Json>) -> PyResult<Option<Bound<'py, PyDict>>> {
    json.map(|json| json::dict(py, &json.to_string())).transpose()
}

fn answered(event: toolgate::Event) -> (Event, bool) {
    let approves = matches!(event, toolgate::Event::ApprovalGranted(_));
    (Event(event), approves)
}

#[pymethods]
impl McpAnswers {
    /// `rendering` is "tool_error", "protocol_error", "hide" or "scope_challenge"; `key` has at least 32 random bytes.
    #[new]
    fn new(py: Python<'_>, gate: Py<Gate>, rendering: &str, obligations: Vec<String>, key: Vec<u8>) -> PyResult<Self> {
        let names = || Rendering::ALL.map(Rendering::name).join("\", \"");
        let wrong = || fault::usage(py, "rendering", &format!("none of \"{}\"", names()));
        let rendering = Rendering::parse(rendering).ok_or_else(wrong)?;
        let sealer = Sealer::new(&key).map_err(|error| fault::usage(py, "key", &error.to_string()))?;
        Ok(Self { gate, rendering, obligations, sealer })
    }

    /// The call that a method with these params makes. `host` is what the host says of it, as members of a call.
    #[pyo3(signature = (method, params, host, identity=None))]
    fn request(
        &self,
        py: Python<'_>,
        method: &str,
        params: &Bound<'_, PyAny>,
        host: &Bound<'_, PyAny>,
        identity: Option<&Identity>,
    ) -> PyResult<Py<PyAny>> {
        let limits = self.gate.get().gate.limits();
        let refused = |refused: Decision| Ok(Py::new(py, decision::Decision(refused))?.into_any());
        let host = match json::call(host, identity, limits)? {
            Ok(host) => host,
            Err(decision) => return refused(*decision),
        };
        let params = match json::lenient(params, limits)? {
            Ok(params) => params,
            Err(decision) => return refused(*decision),
        };
        let request = match mcp::call(&host.server, method, &params, host.principal.clone()) {
            Ok(request) => request,
            Err(decision) => return refused(decision),
        };
        let ToolCall { method, tool, input, .. } = request.call;
        let call = ToolCall { method, tool, input, ..host };
        Ok(Py::new(py, McpRequest { call, state: request.state, responses: request.responses })?.into_any())
    }

    /// Whether a method carries no authority: it runs without being decided, and lists are filtered.
    #[staticmethod]
    fn passes(method: &str) -> bool {
        mcp::passes(method)
    }

    /// How the denial in a record is answered; `None` for an allowed call. `scopes` are those that are missing, if scopes
    /// are all that is missing.
    #[pyo3(signature = (record, scopes=Vec::new(), metadata=None))]
    fn refusal<'py>(
        &self,
        py: Python<'py>,
        record: &Record,
        scopes: Vec<String>,
        metadata: Option<&str>,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let challenge = Challenge { scopes: &scopes, metadata };
        let refusal = mcp::refusal(&self.gate.get().gate, &record.0, self.rendering, challenge);
        refusal.map(|refusal| told(py, refusal)).transpose()
    }

    /// Why an allowed call must not run: it carries an obligation that the host cannot meet.
    fn unsupported<'py>(&self, py: Python<'py>, record: &Record) -> PyResult<Option<Bound<'py, PyDict>>> {
        let known: Vec<_> = self.obligations.iter().map(String::as_str).collect();
        mcp::unsupported(&record.0, &known, self.rendering).map(|refusal| told(py, refusal)).transpose()
    }

    /// The answer to a call whose user did not approve it.
    fn declined<'py>(&self, py: Python<'py>, record: &Record) -> PyResult<Bound<'py, PyDict>> {
        told(py, mcp::declined(&record.0, self.rendering))
    }

    /// The answer to a request whose `requestState` does not count.
    #[staticmethod]
    fn invalid_state(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
        told(py, mcp::invalid_state())
    }

    /// The params of `elicitation/create` that ask the user; `None` where the user's word is not what is missing.
    fn elicitation<'py>(&self, py: Python<'py>, record: &Record) -> PyResult<Option<Bound<'py, PyDict>>> {
        shown(py, mcp::elicitation(&self.gate.get().gate, &record.0))
    }

    /// The result that asks the client to ask its user (2026-07-28).
    fn input_required<'py>(&self, py: Python<'py>, record: &Record) -> PyResult<Option<Bound<'py, PyDict>>> {
        shown(py, mcp::input_required(&self.gate.get().gate, &record.0, &self.sealer))
    }

    /// The event that the answer to an elicitation is, and whether it approves.
    fn confirmation(
        &self,
        record: &Record,
        request: &McpRequest,
        answer: &Bound<'_, PyAny>,
    ) -> PyResult<Option<(Event, bool)>> {
        // An answer that is no JSON is no yes.
        let answer = json::lenient(answer, self.gate.get().gate.limits())?.unwrap_or(Json::Null);
        Ok(mcp::confirmation(&record.0, &request.call, &answer).map(answered))
    }

    /// Decides a reserved call again, whose tool has asked for more input.
    #[pyo3(signature = (request, id, ledger, now=None))]
    fn proceed(
        &self,
        py: Python<'_>,
        request: &McpRequest,
        id: u64,
        ledger: &Ledger,
        now: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Record> {
        let (gate, now) = (&self.gate.get().gate, time::now(py, now)?);
        Ok(Record(ledger.run(py, |shared| shared.proceed(gate, &request.call, id, now))))
    }

    /// Takes up what a request with `requestState` brings: applies it, and gives whether it approves, with the records; `None`
    /// where the call does not wait for its user any more. An answer counts once, however many threads bring it.
    ///
    /// Raises `StateError` for a state that does not count.
    #[pyo3(signature = (request, ledger, now=None))]
    fn resume(
        &self,
        py: Python<'_>,
        request: &McpRequest,
        ledger: &Ledger,
        now: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<(bool, Vec<Trace>)>> {
        let now = time::now(py, now)?;
        let (state, responses) = (request.state.as_deref().unwrap_or_default(), &request.responses);
        let answers = (state, responses.as_ref().unwrap_or(&Json::Null));
        let gate = &self.gate.get().gate;
        let resumed = ledger.run(py, |shared| {
            shared.apply_made(gate, now, |ledger, now| {
                mcp::resume(gate, ledger, &self.sealer, &request.call, answers, now)
            })
        });
        let Some((event, applied)) = resumed.map_err(|error| fault::state(py, &error))? else { return Ok(None) };
        let traces = applied.map_err(|error| fault::event(py, &error))?;
        Ok(Some((answered(event).1, traces.into_iter().map(Trace).collect())))
    }

    /// Which of the scopes that a call needs its token lacks, if these are all that is missing: with them, it would not be
    /// denied.
    #[pyo3(signature = (request, needed, ledger, now=None))]
    fn missing_scopes(
        &self,
        py: Python<'_>,
        request: &McpRequest,
        needed: Vec<String>,
        ledger: &Ledger,
        now: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Vec<String>> {
        let now = time::now(py, now)?;
        let mut call = request.call.clone();
        let Some(credential) = &mut call.credential else { return Ok(Vec::new()) };
        let missing: Vec<_> = needed.into_iter().filter(|one| !credential.scopes.contains(one)).collect();
        if missing.is_empty() {
            return Ok(missing);
        }
        credential.scopes.extend(missing.iter().cloned());
        let decision = ledger.shared.decide(&self.gate.get().gate, &call, now);
        Ok(if matches!(decision, Decision::Deny { .. }) { Vec::new() } else { missing })
    }
}
