//! Runs a folder of Cedar's integration tests through the compiled engine and through Cedar's authorizer.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use cedar_policy::{Context, Entities, EntityUid, PolicySet, Request, Schema};
use serde_json::Value;
use toolgate::conformance::{self, Compiled, Oracle, Outcome};

/// Bytes of stack for each thread.
const STACK: usize = 64 << 20;

/// What came of a folder.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) cases: usize,
    pub(crate) requests: usize,
    /// Requests whose answers differ, and cases that could not be run.
    pub(crate) disagreements: Vec<String>,
    /// Of those, how many cases could not be run at all.
    pub(crate) failures: usize,
}

/// Runs every case below `root`.
pub(crate) fn run(root: &Path) -> Result<Report, String> {
    let mut files = Vec::new();
    walk(root, &mut files)?;
    files.sort();
    let half = files.len().div_ceil(2).max(1);
    let parts = std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for files in files.chunks(half) {
            // Cedar's parser recurses, and a case may be nested as deep as it allows.
            let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, move || part(root, files));
            threads.push(thread.map_err(|error| error.to_string())?);
        }
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| "a case panicked".to_owned()))
            .collect::<Result<Vec<_>, _>>()
    })?;
    let mut report = Report::default();
    for part in parts {
        report.cases += part.cases;
        report.requests += part.requests;
        report.failures += part.failures;
        report.disagreements.extend(part.disagreements);
    }
    Ok(report)
}

fn part(root: &Path, files: &[PathBuf]) -> Report {
    let mut report = Report::default();
    for file in files {
        match read(file) {
            // Entities are JSON, too.
            Ok(case) if case.get("requests").is_none() => {}
            Ok(json) => {
                report.cases += 1;
                if let Err(why) = case(root, file, &json, &mut report) {
                    report.failures += 1;
                    report.disagreements.push(format!("{}: error: {why}", file.display()));
                }
            }
            Err(why) => {
                report.cases += 1;
                report.failures += 1;
                report.disagreements.push(format!("error: {why}"));
            }
        }
    }
    report
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|error| format!("{}: {error}", folder.display()))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            walk(&path, files)?;
        } else if name.ends_with(".json") && !name.ends_with("entities.json") {
            files.push(path);
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<Value, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
}

/// The file that a case refers to: from the root, or beside the case.
fn beside(root: &Path, file: &Path, case: &Value, member: &str) -> Result<PathBuf, String> {
    let named = case.get(member).and_then(Value::as_str).ok_or_else(|| format!("the case names no {member}"))?;
    let from_root = root.join(named);
    if from_root.exists() {
        return Ok(from_root);
    }
    let name = Path::new(named).file_name().ok_or_else(|| format!("`{named}` is no file"))?;
    Ok(file.with_file_name(name))
}

fn case(root: &Path, file: &Path, case: &Value, report: &mut Report) -> Result<(), String> {
    let text = |member: &str| -> Result<String, String> {
        let path = beside(root, file, case, member)?;
        fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let set: PolicySet = text("policies")?.parse().map_err(|error| format!("policies: {error}"))?;
    let (schema, _) = Schema::from_cedarschema_str(&text("schema")?).map_err(|error| format!("schema: {error}"))?;
    let entities = Entities::from_json_str(&text("entities")?, Some(&schema));
    let entities = entities.map_err(|error| format!("entities: {error}: {:?}", std::error::Error::source(&error)))?;
    let compiled = Compiled::new(&set).map_err(|faults| faults.join("; "))?;
    let (oracle, prepared) = (Oracle::new(&set)?, compiled.entities(&entities)?);
    let requests = case.get("requests").and_then(Value::as_array).ok_or("the requests are no list")?;
    for (number, json) in requests.iter().enumerate() {
        let request = request(json, &schema).map_err(|why| format!("request {number}: {why}"))?;
        let wanted = Wanted::of(json).ok_or_else(|| format!("request {number} lacks its answer"))?;
        let asked = conformance::Request::new(&request)?;
        let (ours, theirs) = (compiled.evaluate(&prepared, &asked), oracle.evaluate(&entities, &request));
        let all = compiled.evaluate_all(&prepared, &asked);
        report.requests += 1;
        if ours != theirs || all != theirs || !wanted.is(&ours) {
            report.disagreements.push(format!(
                "{}: request {number}\n  compiled      {ours:?}\n  without index {all:?}\n  cedar         {theirs:?}\n  expected      {wanted:?}",
                file.display()
            ));
        }
    }
    Ok(())
}

fn request(json: &Value, schema: &Schema) -> Result<Request, String> {
    let uid = |name: &str| {
        let json = json.get(name).ok_or_else(|| format!("it has no {name}"))?;
        EntityUid::from_json(json.clone()).map_err(|error| format!("{name}: {error}"))
    };
    let action = uid("action")?;
    let context = json.get("context").cloned().unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    let context =
        Context::from_json_value(context, Some((schema, &action))).map_err(|error| format!("context: {error}"))?;
    let validate = json.get("validateRequest").and_then(Value::as_bool).unwrap_or(true);
    Request::new(uid("principal")?, action, uid("resource")?, context, validate.then_some(schema))
        .map_err(|error| error.to_string())
}

/// What the file expects.
#[derive(Debug)]
struct Wanted {
    allow: bool,
    reasons: BTreeSet<String>,
    errors: BTreeSet<String>,
}

impl Wanted {
    fn of(json: &Value) -> Option<Self> {
        let ids = |name: &str| {
            let ids = json.get(name)?.as_array()?.iter().map(|id| Some(id.as_str()?.to_owned()));
            ids.collect::<Option<BTreeSet<_>>>()
        };
        let allow = json.get("decision")?.as_str()?.eq_ignore_ascii_case("allow");
        // The corpus names them `reason` and `errors`; older files have `reasons`.
        Some(Self { allow, reasons: ids("reason").or_else(|| ids("reasons"))?, errors: ids("errors")? })
    }

    fn is(&self, outcome: &Outcome) -> bool {
        self.allow == outcome.allows() && self.reasons == *outcome.reasons() && self.errors == outcome.errors
    }
}
