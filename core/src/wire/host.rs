//! What the bindings tell their hosts besides records, and take from them: the head of a decision, who asks, what a bundle
//! is, and its files.

use super::{
    Shown,
    event::{write, write_event},
    line,
    members::{Members, list, number},
};
use crate::{
    Diagnostic, Event, Identity, Place, Severity, Sources,
    call::{Binding, Principal},
    decision::Decision,
    json::{Caps, Json, Numbers, read},
    policy::PolicyBundle,
    record::DecisionRecord,
};

fn or_null(text: Option<&str>) -> Json {
    text.map_or(Json::Null, Json::from)
}

fn count(count: usize) -> Json {
    number(count.try_into().unwrap_or(u64::MAX))
}

/// What a host looks at before it runs a tool, as one line of JSON: `decision`, `id` (`null` if the ledger took nothing), `at`,
/// `reasons` and `details` of a denial, `policies`, `obligations`, `call_digest`, and `approval` where one is needed.
///
/// ```
/// use toolgate::{Gate, Ledger, PolicyBundle, Principal, PrincipalKind, Sources, Timestamp, ToolCall, wire};
///
/// # fn main() -> Result<(), toolgate::Error> {
/// # let mut sources = Sources::default();
/// # sources.insert("toolgate.toml", "[bundle]\nname = \"demo\"\nversion = \"1\"");
/// let gate = Gate::new(PolicyBundle::load(&sources)?);
/// let call = ToolCall::new("notes", "read", Principal::new(PrincipalKind::User, "alice"));
/// let record = gate.authorize(&call, &mut Ledger::new(), Timestamp::from_millis(1_767_607_200_000));
/// assert!(wire::summary(&record).contains(r#""decision":"deny""#));
/// assert!(wire::event_line(&record).contains("call_denied"));
/// # Ok(())
/// # }
/// ```
pub fn summary(record: &DecisionRecord) -> String {
    let decision = &record.decision;
    let basis = decision.basis();
    let approval = match decision {
        Decision::NeedsApproval { by, .. } => Some(Members::default().put("by", list(by)).end()),
        _ => None,
    };
    let told = Members::default()
        .text("decision", decision.name())
        .time("at", record.at)
        .put("id", record.id.map_or(Json::Null, number))
        .put("reasons", list(decision.reasons().into_iter().map(crate::Reason::code)))
        .put("details", list(decision.denials().iter().map(|denial| denial.detail.as_str())))
        .put("policies", list(&basis.policies))
        .put("obligations", list(decision.obligations()))
        .put("call_digest", or_null(basis.call.map(|digest| digest.to_string()).as_deref()));
    match approval {
        Some(approval) => told.put("approval", approval),
        None => told,
    }
    .end()
    .to_string()
}

/// An event as JSON, without a time: what stands at `event` in a line of a journal.
///
/// ```
/// use toolgate::{Event, wire};
/// assert_eq!(wire::event(&Event::TaskCompleted("t1".to_owned())), r#"{"task_completed":"t1"}"#);
/// ```
pub fn event(event: &Event) -> String {
    line(&Shown(&write::event(event)))
}

/// The event of a record as a line for a journal; empty, if the decision changed nothing.
pub fn event_line(record: &DecisionRecord) -> String {
    record.event.as_ref().map(|event| write_event(event, record.at)).unwrap_or_default()
}

/// Reads the files of a bundle: a JSON object from their names to their texts, of at most [`BUNDLE_FILE`](crate::BUNDLE_FILE)
/// bytes in all.
///
/// # Errors
/// What is wrong, in words: no JSON, a name that occurs twice, a file that is no text.
///
/// ```
/// use toolgate::wire;
/// let sources = wire::read_sources(br#"{"policies/a.cedar": "permit (principal, action, resource);"}"#).unwrap();
/// assert_eq!(sources.names().collect::<Vec<_>>(), ["policies/a.cedar"]);
/// assert_eq!(wire::read_sources(br#"{"a": 1}"#).unwrap_err(), "`a` is no text");
/// ```
pub fn read_sources(files: &[u8]) -> Result<Sources, String> {
    let Json::Object(files) = read(files, &Caps::file(Numbers::Any)).map_err(|error| error.to_string())? else {
        return Err("this is no JSON object from the names of files to their texts".to_owned());
    };
    let mut sources = Sources::default();
    for (name, text) in files {
        let Json::String(text) = text else { return Err(format!("`{name}` is no text")) };
        sources.insert(name, text);
    }
    Ok(sources)
}

/// What a bundle is, as one line of JSON: its name, version and digests, its servers, its policies with their places, and
/// what deserves a second look.
pub fn bundle(bundle: &PolicyBundle) -> String {
    let policies = bundle.policies().iter().map(|policy| {
        Members::default()
            .text("id", &policy.id)
            .text("effect", if policy.forbids { "forbid" } else { "permit" })
            .put("template", Json::Bool(policy.template))
            .put("reason", or_null(policy.reason.as_deref()))
            .put("approval", or_null(policy.approval.as_deref()))
            .put("place", place(&policy.place))
            .text("text", &policy.text)
            .end()
    });
    Members::default()
        .text("name", bundle.name())
        .text("version", bundle.version())
        .digest("digest", &bundle.digest())
        .digest("schema_digest", &bundle.schema_digest())
        .put("disabled_baseline", list(bundle.disabled_baseline()))
        .put("servers", list(bundle.servers()))
        .put("policies", Json::Array(policies.collect()))
        .put("warnings", Json::Array(bundle.warnings().iter().map(diagnostic).collect()))
        .end()
        .to_string()
}

/// A finding in a bundle, with its place.
pub fn diagnostic(one: &Diagnostic) -> Json {
    let severity = match one.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    Members::default()
        .text("severity", severity)
        .text("code", one.code)
        .text("message", &one.message)
        .put("help", or_null(one.help.as_deref()))
        .put("place", one.place.as_ref().map_or(Json::Null, place))
        .end()
}

/// A place in a bundle's files: lines and columns from 1, bytes from 0.
fn place(place: &Place) -> Json {
    Members::default()
        .text("file", &place.file)
        .put("line", count(place.line))
        .put("column", count(place.column))
        .put("start", count(place.start))
        .put("end", count(place.end))
        .end()
}

/// Who asks, as one line of JSON: the members of a call that say so.
pub fn identity(identity: &Identity) -> String {
    let Identity { principal, on_behalf_of, credential, .. } = identity;
    let bound = (credential.bound != Binding::None).then(|| credential.bound.name());
    let token = Members::default()
        .put("audience", list(&credential.audience))
        .put("scopes", list(&credential.scopes))
        .maybe("bound", bound)
        .maybe("id", credential.id.as_deref())
        .maybe("issuer", credential.issuer.as_deref())
        .maybe_time("expires", credential.expires)
        .maybe_time("issued", credential.issued)
        .maybe_time("not_before", credential.not_before)
        .maybe("key", credential.key.as_deref());
    Members::default()
        .put("principal", actor(principal))
        .put("on_behalf_of", Json::Array(on_behalf_of.iter().map(actor).collect()))
        .put("credential", token.end())
        .end()
        .to_string()
}

fn actor(actor: &Principal) -> Json {
    let entity = actor.entity();
    Members::default()
        .text("type", &entity.kind)
        .text("id", &entity.id)
        .put("claims", Json::Object(actor.claims.clone()))
        .end()
}
