//! The gate: loads a bundle, and decides.

use std::path::PathBuf;

use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyBytes, PyDict},
};
use toolgate::{CredentialUse, Digest, Downstream, Outcome, PolicyBundle, Sources, Status, filter_list};
use toolgate_folder::Found;

use crate::{
    decision::Decision,
    event::Event,
    fault,
    identity::Identity,
    json,
    ledger::Ledger,
    names::Names,
    record::{Record, Trace},
    report::{Diagnostic, Explanation, Listed},
    time,
};

/// Decides calls by one bundle. Immutable; one gate serves many threads.
#[pyclass(frozen, module = "toolgate")]
pub(crate) struct Gate {
    pub(crate) gate: toolgate::Gate,
}

/// A call by its record, or by its id.
#[derive(FromPyObject)]
pub(crate) enum Call<'py> {
    Record(Bound<'py, Record>),
    Id(u64),
}

impl Call<'_> {
    fn id(&self, py: Python<'_>) -> PyResult<u64> {
        match self {
            Self::Id(id) => Ok(*id),
            Self::Record(record) => record.get().0.id.ok_or_else(|| {
                fault::usage(
                    py,
                    "call",
                    "the ledger took nothing of this call; only one that was allowed can be completed",
                )
            }),
        }
    }
}

/// Where a bundle comes from: the bytes of a packed file, a dict of file names and texts, or a path.
fn load(source: &Bound<'_, PyAny>, strict: bool, keys: Option<Vec<[u8; 32]>>) -> PyResult<PolicyBundle> {
    let py = source.py();
    let found = if let Ok(bytes) = source.cast::<PyBytes>() {
        Found::Packed(bytes.as_bytes().to_vec())
    } else if let Ok(files) = source.cast::<PyDict>() {
        let mut sources = Sources::default();
        for (name, text) in files {
            sources.insert(name.extract::<String>()?, text.extract::<String>()?);
        }
        Found::Folder(sources)
    } else {
        let path: PathBuf = source.extract().map_err(|_| {
            PyTypeError::new_err("pass the path of a bundle, the bytes of a packed one, or a dict of its files")
        })?;
        py.detach(|| toolgate_folder::find(&path)).map_err(|error| fault::read(py, &error))?
    };
    let loaded = py.detach(|| match (&found, &keys) {
        (Found::Packed(bytes), None) => Ok(PolicyBundle::unpack(bytes)),
        (Found::Packed(bytes), Some(keys)) => Ok(PolicyBundle::unpack_signed(bytes, keys)),
        (Found::Folder(_), Some(_)) => Err(()),
        (Found::Folder(sources), None) if strict => Ok(PolicyBundle::load_strict(sources)),
        (Found::Folder(sources), None) => Ok(PolicyBundle::load(sources)),
    });
    let loaded = loaded.map_err(|()| fault::usage(py, "keys", "only a packed bundle can be signed"))?;
    loaded.map_err(|error| fault::bundle(py, &error))
}

#[pymethods]
impl Gate {
    /// Loads a bundle: from its folder or packed file by `path`, from the bytes of a packed one, or from a dict of file
    /// names and texts. `strict` takes warnings for errors. With `keys`, only a packed bundle that one of these Ed25519
    /// public keys (32 bytes each) signed.
    ///
    /// Raises `BundleError` with all that is wrong, each with its place.
    #[staticmethod]
    #[pyo3(signature = (source, *, strict=false, keys=None))]
    fn load(source: &Bound<'_, PyAny>, strict: bool, keys: Option<Vec<[u8; 32]>>) -> PyResult<Self> {
        load(source, strict, keys).map(|bundle| Self { gate: toolgate::Gate::new(bundle) })
    }

    /// The bundle's name.
    #[getter]
    fn name(&self) -> &str {
        self.gate.bundle().name()
    }

    /// The bundle's version.
    #[getter]
    fn version(&self) -> &str {
        self.gate.bundle().version()
    }

    /// The digest of every file that decides.
    #[getter]
    fn digest(&self) -> String {
        self.gate.bundle().digest().to_string()
    }

    /// The ids of the servers.
    #[getter]
    fn servers(&self) -> Vec<String> {
        self.gate.bundle().servers().map(str::to_owned).collect()
    }

    /// What deserves a second look.
    #[getter]
    fn warnings(&self) -> Vec<Diagnostic> {
        self.gate.bundle().warnings().iter().map(Diagnostic::of).collect()
    }

    /// The bundle in one file, which any toolgate loads without a parser.
    fn pack<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.gate.bundle().pack())
    }

    /// What the answer to a call would be. Changes nothing, keeps nothing.
    #[pyo3(signature = (call, ledger=None, now=None, *, identity=None))]
    fn decide(
        &self,
        py: Python<'_>,
        call: &Bound<'_, PyAny>,
        ledger: Option<&Ledger>,
        now: Option<&Bound<'_, PyAny>>,
        identity: Option<&Identity>,
    ) -> PyResult<Decision> {
        let now = time::now(py, now)?;
        Ok(Decision(match json::call(call, identity, self.gate.limits())? {
            Err(refused) => *refused,
            Ok(call) => match ledger {
                Some(ledger) => ledger.shared.decide(&self.gate, &call, now),
                None => self.gate.decide(&call, &toolgate::Ledger::new(), now),
            },
        }))
    }

    /// Decides a call, reserves what an allowed one uses up, and leaves the record. Each call is a dict, or JSON text.
    ///
    /// What is wrong with the call is a deny with its reason. `UsageError` is for what is no call at all: a value that JSON
    /// has no type for, or no dict.
    #[pyo3(signature = (call, ledger, now=None, *, identity=None))]
    fn authorize(
        &self,
        py: Python<'_>,
        call: &Bound<'_, PyAny>,
        ledger: &Ledger,
        now: Option<&Bound<'_, PyAny>>,
        identity: Option<&Identity>,
    ) -> PyResult<Record> {
        let now = time::now(py, now)?;
        Ok(Record(match json::call(call, identity, self.gate.limits())? {
            Err(refused) => self.gate.refuse(*refused, now),
            Ok(call) => ledger.run(py, |shared| shared.authorize(&self.gate, &call, now)),
        }))
    }

    /// Whether a reserved call may still run, right before its tool starts: everything is evaluated again. After an allow,
    /// the call can only be completed.
    #[pyo3(signature = (call, reserved, ledger, now=None, *, identity=None))]
    fn confirm(
        &self,
        py: Python<'_>,
        call: &Bound<'_, PyAny>,
        reserved: Call<'_>,
        ledger: &Ledger,
        now: Option<&Bound<'_, PyAny>>,
        identity: Option<&Identity>,
    ) -> PyResult<Record> {
        let (id, now) = (reserved.id(py)?, time::now(py, now)?);
        Ok(Record(match json::call(call, identity, self.gate.limits())? {
            Err(refused) => self.gate.refuse(*refused, now),
            Ok(call) => ledger.run(py, |shared| shared.confirm(&self.gate, &call, id, now)),
        }))
    }

    /// The tool of a reserved call has come to an end; what it brought counts in its session from now on. `status` is
    /// "done", "failed" or "timed_out"; `credentials` and `downstream` say what it used and reached. Gives the records.
    ///
    /// Raises `EventError` if the call is not reserved, or the outcome names what the bundle does not know.
    #[pyo3(signature = (
        call, ledger, now=None, *, status="done", labels=Names::default(), sensitivity=None, output_digest=None,
        credentials=Vec::new(), downstream=Vec::new()
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn complete(
        &self,
        py: Python<'_>,
        call: Call<'_>,
        ledger: &Ledger,
        now: Option<&Bound<'_, PyAny>>,
        status: &str,
        labels: Names,
        sensitivity: Option<String>,
        output_digest: Option<&str>,
        credentials: Vec<(String, Option<String>, Option<String>)>,
        downstream: Vec<(String, Option<String>)>,
    ) -> PyResult<Vec<Trace>> {
        let (id, now) = (call.id(py)?, time::now(py, now)?);
        let status = match status {
            "done" => Status::Done,
            "failed" => Status::Failed,
            "timed_out" => Status::TimedOut,
            _ => return Err(fault::usage(py, "status", "none of \"done\", \"failed\", \"timed_out\"")),
        };
        let wrong = || fault::usage(py, "output_digest", "no digest such as `sha256:` and 64 hexadecimal digits");
        let output = output_digest.map(|text| Digest::parse(text).ok_or_else(wrong)).transpose()?;
        let credentials =
            credentials.into_iter().map(|(id, issuer, audience)| CredentialUse { id, issuer, audience }).collect();
        let downstream = downstream.into_iter().map(|(system, operation)| Downstream { system, operation }).collect();
        let outcome = Outcome { status, labels: labels.0, sensitivity, output, credentials, downstream };
        let traces = ledger.run(py, |shared| shared.complete(&self.gate, id, outcome, now));
        traces.map(|all| all.into_iter().map(Trace).collect()).map_err(|error| fault::event(py, &error))
    }

    /// A reserved call is given up before its tool started: it uses up nothing. Gives the records.
    ///
    /// Raises `EventError` if the call is not reserved, or its tool has started.
    #[pyo3(signature = (call, ledger, now=None))]
    fn abort(
        &self,
        py: Python<'_>,
        call: Call<'_>,
        ledger: &Ledger,
        now: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Vec<Trace>> {
        let (id, now) = (call.id(py)?, time::now(py, now)?);
        let traces = ledger.run(py, |shared| shared.abort(&self.gate, id, now));
        traces.map(|all| all.into_iter().map(Trace).collect()).map_err(|error| fault::event(py, &error))
    }

    /// Why the answer is what it is: each policy that could apply, each condition with its values, and what would have to
    /// differ.
    #[pyo3(signature = (call, ledger=None, now=None, *, identity=None))]
    fn explain(
        &self,
        py: Python<'_>,
        call: &Bound<'_, PyAny>,
        ledger: Option<&Ledger>,
        now: Option<&Bound<'_, PyAny>>,
        identity: Option<&Identity>,
    ) -> PyResult<Explanation> {
        let now = time::now(py, now)?;
        Ok(Explanation::of(match json::call(call, identity, self.gate.limits())? {
            Ok(call) => match ledger {
                Some(ledger) => ledger.shared.explain(&self.gate, &call, now),
                None => self.gate.explain(&call, &toolgate::Ledger::new(), now),
            },
            Err(denied) => self.gate.explain_refused(&denied),
        }))
    }

    /// What could become of calls to each tool, before there are arguments. `request` is a call without `tool` and `input`;
    /// without `server`, all servers are listed. Listing is not authorization.
    #[pyo3(signature = (request, ledger=None, now=None, *, identity=None))]
    fn list(
        &self,
        py: Python<'_>,
        request: &Bound<'_, PyAny>,
        ledger: Option<&Ledger>,
        now: Option<&Bound<'_, PyAny>>,
        identity: Option<&Identity>,
    ) -> PyResult<Vec<Listed>> {
        Ok(self.listed(py, request, ledger, now, identity)?.1.into_iter().map(Listed).collect())
    }

    /// The result of a list method (a dict, or JSON text) without the entries that are hidden from `request` or not pinned,
    /// as JSON text, and the names of those left out. Serve it with `cacheScope: "private"`.
    ///
    /// Raises `BundleError` if it is no such result.
    #[pyo3(signature = (method, live, request, ledger=None, now=None, *, identity=None))]
    #[expect(clippy::too_many_arguments, reason = "most are keywords in Python")]
    fn filter_list(
        &self,
        py: Python<'_>,
        method: &str,
        live: &Bound<'_, PyAny>,
        request: &Bound<'_, PyAny>,
        ledger: Option<&Ledger>,
        now: Option<&Bound<'_, PyAny>>,
        identity: Option<&Identity>,
    ) -> PyResult<(String, Vec<String>)> {
        let (server, listed) = self.listed(py, request, ledger, now, identity)?;
        let server = server.ok_or_else(|| fault::usage(py, "request", "it has no `server`: say whose list it is"))?;
        let live = json::text(py, "live", live)?;
        let filtered = filter_list(&live, method, &server, &listed).map_err(|error| fault::bundle(py, &error))?;
        Ok((filtered.text, filtered.left_out))
    }

    /// The event that a server lists these tools now, made of its live tools/list result (a dict, or JSON text). By a list
    /// that cannot be read, every tool of the server has drifted. With `only`, tools of other names are not held against the
    /// list: a page of it shows some, and not every client is shown all.
    ///
    /// Raises `BundleError` if the bundle has no such server.
    #[pyo3(signature = (server, live, *, only=None))]
    fn tools_listed(
        &self,
        py: Python<'_>,
        server: &str,
        live: &Bound<'_, PyAny>,
        only: Option<Names>,
    ) -> PyResult<Event> {
        let live = json::text(py, "live", live)?;
        let mut event = self.gate.bundle().tools_listed(server, &live).map_err(|error| fault::bundle(py, &error))?;
        if let (toolgate::Event::ToolsListed { drifted, .. }, Some(Names(only))) = (&mut event, only) {
            drifted.retain(|name, _| only.contains(name));
        }
        Ok(Event(event))
    }

    /// Who asks, from the claims of a token that the host has verified; `[identity]` in the manifest says whose tokens
    /// count. Claims that do not count are a deny.
    fn identify(&self, py: Python<'_>, claims: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let claims = json::value("claims", claims, self.gate.limits())?;
        match self.gate.identify(&claims) {
            Ok(identity) => Ok(Py::new(py, Identity(identity))?.into_any()),
            Err(refused) => Ok(Py::new(py, Decision(refused))?.into_any()),
        }
    }

    /// The record of something that never became a call, with the decision that it met.
    #[pyo3(signature = (decision, now=None))]
    fn refuse(&self, py: Python<'_>, decision: &Decision, now: Option<&Bound<'_, PyAny>>) -> PyResult<Record> {
        if decision.0.is_allow() {
            return Err(fault::usage(py, "decision", "it allows; what is refused was denied"));
        }
        Ok(Record(self.gate.refuse(decision.0.clone(), time::now(py, now)?)))
    }

    fn __repr__(&self) -> String {
        let bundle = self.gate.bundle();
        format!(
            "<Gate {} {}: {} policies, {}>",
            bundle.name(),
            bundle.version(),
            bundle.policies().len(),
            bundle.digest()
        )
    }
}

impl Gate {
    fn listed(
        &self,
        py: Python<'_>,
        request: &Bound<'_, PyAny>,
        ledger: Option<&Ledger>,
        now: Option<&Bound<'_, PyAny>>,
        identity: Option<&Identity>,
    ) -> PyResult<(Option<String>, Vec<toolgate::Listed>)> {
        let now = time::now(py, now)?;
        let request = json::list_request(request, identity, self.gate.limits())?;
        let listed = match ledger {
            Some(ledger) => ledger.shared.list(&self.gate, &request, now),
            None => self.gate.list(&request, &toolgate::Ledger::new(), now),
        };
        Ok((request.server, listed))
    }
}
