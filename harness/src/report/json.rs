//! A report as JSON, versioned.

use serde_json::{Value, json};
use toolgate::{Diagnostic, Place, Severity};

use super::{CaseReport, Failure, Outcome, Report, Tested, View};

impl Report {
    /// The report as one line of JSON.
    pub fn json(&self) -> String {
        self.json_ending(self.verdict().exit_code())
    }

    /// As [`Report::json`], of a run that ends with this code: a gate may be unmet though all cases passed.
    pub fn json_ending(&self, code: u8) -> String {
        let totals = self.totals();
        json!({
            "version": 1,
            "bundle": {"name": self.bundle, "version": self.version, "digest": self.digest},
            "verdict": self.verdict().name(),
            "exit_code": code,
            "totals": {
                "passed": totals.passed,
                "failed": totals.failed,
                "skipped": totals.skipped,
                "not_chosen": totals.left_out,
                "invalid_files": totals.invalid,
                "milliseconds": millis(totals.nanos),
            },
            "suites": self.suites.iter().map(suite).collect::<Vec<_>>(),
        })
        .to_string()
    }
}

fn millis(nanos: u64) -> f64 {
    // Exact to the microsecond for any run that ends.
    let micros = u32::try_from(nanos / 1_000).unwrap_or(u32::MAX);
    f64::from(micros) / 1_000.0
}

fn place(place: &Place) -> Value {
    json!({"file": &*place.file, "line": place.line, "column": place.column})
}

/// A diagnostic as the command line's other verbs write it.
pub(crate) fn diagnostic(one: &Diagnostic) -> Value {
    json!({
        "severity": if one.severity == Severity::Error { "error" } else { "warning" },
        "code": one.code,
        "message": one.message,
        "help": one.help,
        "place": one.place.as_ref().map(place),
    })
}

fn suite(suite: &Tested) -> Value {
    json!({
        "file": suite.file,
        "diagnostics": suite.found.iter().map(diagnostic).collect::<Vec<_>>(),
        "cases": suite.cases.iter().map(case).collect::<Vec<_>>(),
        "not_chosen": suite.left_out,
    })
}

fn case(case: &CaseReport) -> Value {
    let (outcome, skipped, failure) = match &case.outcome {
        Outcome::Passed => ("passed", None, None),
        Outcome::Failed(failure) => ("failed", None, Some(self::failure(failure))),
        Outcome::Skipped(why) => ("skipped", Some(why), None),
    };
    json!({
        "id": case.id,
        "name": case.name,
        "file": &*case.place.file,
        "line": case.place.line,
        "outcome": outcome,
        "skipped": skipped,
        "note": case.note,
        "failure": failure,
        "milliseconds": millis(case.nanos),
    })
}

fn failure(failure: &Failure) -> Value {
    json!({
        "place": place(&failure.place),
        "step": failure.step,
        "time": failure.time,
        "expected": failure.expected,
        "got": failure.got,
        "details": failure.details,
        "call": failure.call,
        "policies": failure.views.iter().map(view).collect::<Vec<_>>(),
    })
}

fn view(view: &View) -> Value {
    let atom = |atom: &super::Atom| {
        let error = match &atom.standing {
            super::Standing::Error(why) => Some(why),
            _ => None,
        };
        let values = atom.values.iter().map(|(path, value)| json!({"path": path, "value": value}));
        json!({
            "text": atom.text,
            "truth": atom.standing.name(),
            "error": error,
            "values": values.collect::<Vec<_>>(),
        })
    };
    json!({
        "policy": view.policy,
        "effect": if view.forbids { "forbid" } else { "permit" },
        "place": place(&view.place),
        "principal": view.principal,
        "resource": view.resource,
        "satisfied": view.satisfied,
        "nearest": view.nearest,
        "atoms": view.atoms.iter().map(atom).collect::<Vec<_>>(),
    })
}
