//! What the gate tells besides decisions: diagnostics, explanations, listings. Values without behaviour.

use pyo3::prelude::*;
use toolgate::{Severity, wire};

/// One thing that is wrong with a bundle, or that deserves a second look.
#[pyclass(frozen, eq, module = "toolgate")]
#[derive(Clone, PartialEq)]
pub(crate) struct Diagnostic(toolgate::Diagnostic);

impl Diagnostic {
    pub(crate) fn of(one: &toolgate::Diagnostic) -> Self {
        Self(one.clone())
    }
}

#[pymethods]
impl Diagnostic {
    /// `error`: the bundle does not load. `warning`: it loads, but not strictly.
    #[getter]
    fn severity(&self) -> &'static str {
        match self.0.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }

    /// A stable code for programs, such as `unknown_tool`.
    #[getter]
    fn code(&self) -> &'static str {
        self.0.code
    }

    /// What is wrong.
    #[getter]
    fn message(&self) -> &str {
        &self.0.message
    }

    /// What to write instead, where that is known.
    #[getter]
    fn help(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// The file, relative to the bundle, where it has a place.
    #[getter]
    fn file(&self) -> Option<&str> {
        self.0.place.as_ref().map(|place| &*place.file)
    }

    /// The line, counted from 1.
    #[getter]
    fn line(&self) -> Option<usize> {
        self.0.place.as_ref().map(|place| place.line)
    }

    /// The column in characters, counted from 1.
    #[getter]
    fn column(&self) -> Option<usize> {
        self.0.place.as_ref().map(|place| place.column)
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<Diagnostic {}>", self.0)
    }
}

/// What the host must do with an allowed call. A host that does not know it must treat the call as denied.
#[pyclass(frozen, eq, hash, module = "toolgate")]
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Obligation {
    kind: String,
    value: Option<String>,
}

impl Obligation {
    pub(crate) fn of(one: &toolgate::Obligation) -> Self {
        Self { kind: one.kind.clone(), value: one.value.clone() }
    }
}

#[pymethods]
impl Obligation {
    /// What to do: `redact`, `audit`, `notify`, or the policy author's own word.
    #[getter]
    fn kind(&self) -> &str {
        &self.kind
    }

    /// To what, where the kind needs it: a JSON Pointer for `redact`, say.
    #[getter]
    fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    fn __str__(&self) -> String {
        match &self.value {
            Some(value) => format!("{}:{value}", self.kind),
            None => self.kind.clone(),
        }
    }

    fn __repr__(&self) -> String {
        format!("<Obligation {}>", self.__str__())
    }
}

/// Why the answer to a call is what it is. For the host and its people: a client gets codes and `@reason`.
#[pyclass(frozen, module = "toolgate")]
pub(crate) struct Explanation(toolgate::Explanation);

impl Explanation {
    pub(crate) fn of(one: toolgate::Explanation) -> Self {
        Self(one)
    }
}

#[pymethods]
impl Explanation {
    /// `allow`, `deny` or `needs_approval`.
    #[getter]
    fn decision(&self) -> &'static str {
        self.0.decision.name()
    }

    /// Each policy whose action fits, for each actor and each resource.
    #[getter]
    fn policies(&self) -> Vec<Explained> {
        self.0.policies.iter().cloned().map(Explained).collect()
    }

    /// All of it, what would have to differ included, as one line of JSON.
    fn to_json(&self) -> String {
        wire::explanation(&self.0)
    }

    fn __repr__(&self) -> String {
        format!("<Explanation {}: {} policies>", self.decision(), self.0.policies.len())
    }
}

/// One policy, held against one actor and one resource.
#[pyclass(frozen, module = "toolgate")]
pub(crate) struct Explained(toolgate::Explained);

#[pymethods]
impl Explained {
    /// The policy's id.
    #[getter]
    fn policy(&self) -> &str {
        &self.0.policy
    }

    /// Whether it forbids; otherwise it permits.
    #[getter]
    fn forbids(&self) -> bool {
        self.0.forbids
    }

    /// Where it stands, as `file:line:column`.
    #[getter]
    fn place(&self) -> String {
        self.0.place.to_string()
    }

    /// The actor that was asked about.
    #[getter]
    fn principal(&self) -> &str {
        &self.0.principal
    }

    /// The resource that was asked about.
    #[getter]
    fn resource(&self) -> &str {
        &self.0.resource
    }

    /// What it comes to: `true`, `false` or `error`.
    #[getter]
    fn outcome(&self) -> &'static str {
        self.0.outcome.name()
    }

    /// Its scope and conditions, in order. A constraint that lets everything through is left out.
    #[getter]
    fn conditions(&self) -> Vec<Condition> {
        self.0.atoms.iter().cloned().map(Condition).collect()
    }

    fn __repr__(&self) -> String {
        let effect = if self.0.forbids { "forbid" } else { "permit" };
        let toolgate::Explained { policy, principal, resource, .. } = &self.0;
        format!("<Explained {effect} {policy}: {} for {principal} on {resource}>", self.outcome())
    }
}

/// A part of a policy's scope, or of one of its conditions, that is true or false by itself.
#[pyclass(frozen, module = "toolgate")]
pub(crate) struct Condition(toolgate::ExplainedAtom);

#[pymethods]
impl Condition {
    /// Its text, in Cedar.
    #[getter]
    fn text(&self) -> &str {
        &self.0.text
    }

    /// `true`, `false`, `error` or `not_reached`.
    #[getter]
    fn outcome(&self) -> &'static str {
        self.0.outcome.name()
    }

    /// The engine's words, where it could not be evaluated.
    #[getter]
    fn error(&self) -> Option<&str> {
        self.0.error.as_deref()
    }

    /// What it looks at, and the values that stand there, in Cedar: `absent` or `[hidden]`, where it must be.
    #[getter]
    fn values(&self) -> Vec<(String, String)> {
        self.0.values.clone()
    }

    fn __repr__(&self) -> String {
        format!("<Condition {}: {}>", self.outcome(), self.0.text)
    }
}

/// A tool, or one operation of a tool, and what could become of calls to it. Listing is not authorization.
#[pyclass(frozen, module = "toolgate")]
pub(crate) struct Listed(pub(crate) toolgate::Listed);

#[pymethods]
impl Listed {
    /// The id of its action: `server/tool`, or `server/tool#operation`.
    #[getter]
    fn action(&self) -> String {
        self.0.action()
    }

    /// The server.
    #[getter]
    fn server(&self) -> &str {
        &self.0.server
    }

    /// The tool's name; the method, where it is none.
    #[getter]
    fn tool(&self) -> &str {
        &self.0.tool
    }

    /// The operation, in an entry about one of several.
    #[getter]
    fn operation(&self) -> Option<&str> {
        self.0.operation.as_deref()
    }

    /// Whether it is a method of the protocol that policies decide like a tool.
    #[getter]
    fn method(&self) -> bool {
        self.0.method
    }

    /// `allowed`, `depends`, `approval` or `hidden`.
    #[getter]
    fn standing(&self) -> &'static str {
        self.0.standing.name()
    }

    /// What remains to be seen, as policies in Cedar with what is known folded away.
    #[getter]
    fn conditions(&self) -> Vec<String> {
        self.0.conditions.clone()
    }

    /// Why arguments that fit the input schema could be refused before a policy is asked.
    #[getter]
    fn arguments(&self) -> Vec<String> {
        self.0.arguments.clone()
    }

    /// The approver classes that may be asked.
    #[getter]
    fn approvals(&self) -> Vec<String> {
        self.0.approvals.clone()
    }

    /// Why it is hidden, for the host and its people.
    #[getter]
    fn why(&self) -> Option<&str> {
        self.0.why.as_deref()
    }

    fn __repr__(&self) -> String {
        format!("<Listed {}: {}>", self.0.action(), self.0.standing.name())
    }
}
