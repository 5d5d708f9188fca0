//! Answers as JSON texts.

use toolgate::{
    Binding, Decision, DecisionRecord, Event, Identity, Json, Number, Object, Place, PolicyBundle, Principal, Trace,
    wire,
};

pub(crate) fn object<'k>(members: impl IntoIterator<Item = (&'k str, Json)>) -> Json {
    let mut all = Object::new();
    all.extend(members.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Json::Object(all)
}

fn texts<'t>(texts: impl IntoIterator<Item = &'t str>) -> Json {
    Json::Array(texts.into_iter().map(Json::from).collect())
}

fn number(number: usize) -> Json {
    Json::Number(Number::Int(i64::try_from(number).unwrap_or(i64::MAX)))
}

pub(crate) fn place(place: &Place) -> Json {
    object([
        ("file", (&*place.file).into()),
        ("line", number(place.line)),
        ("column", number(place.column)),
        ("start", number(place.start)),
        ("end", number(place.end)),
    ])
}

/// A record as three lines: what a host looks at, the record itself, and the line for its journal, which may be empty.
pub(crate) fn record(record: &DecisionRecord) -> String {
    let event = record.event.as_ref().map(|event| wire::write_event(event, record.at)).unwrap_or_default();
    let mut told = short(record);
    told.push('\n');
    told.push_str(&record.to_json());
    told.push('\n');
    told.push_str(&event);
    told
}

fn short(record: &DecisionRecord) -> String {
    let decision = &record.decision;
    let basis = decision.basis();
    let mut members = vec![
        ("decision", decision.name().into()),
        ("at", record.at.to_string().as_str().into()),
        ("id", record.id.map_or(Json::Null, |id| Json::Number(Number::Int(i64::try_from(id).unwrap_or(i64::MAX))))),
        ("reasons", texts(decision.reasons().into_iter().map(toolgate::Reason::code))),
        ("details", texts(decision.denials().iter().map(|denial| denial.detail.as_str()))),
        ("policies", texts(basis.policies.iter().map(|id| &**id))),
        (
            "obligations",
            texts(
                decision.obligations().iter().map(ToString::to_string).collect::<Vec<_>>().iter().map(String::as_str),
            ),
        ),
        ("call_digest", basis.call.map_or(Json::Null, |digest| digest.to_string().as_str().into())),
    ];
    if let Decision::NeedsApproval { by, .. } = decision {
        members.push(("approval", object([("by", texts(by.iter().map(String::as_str)))])));
    }
    object(members).to_string()
}

/// An event without its time.
pub(crate) fn event(event: &Event) -> String {
    let line = wire::write_event(event, toolgate::Timestamp::from_millis(0));
    let event = line.split_once("\"event\":").and_then(|(_, event)| event.strip_suffix('}'));
    event.unwrap_or_default().to_owned()
}

/// Records that belong to an event, a line each.
pub(crate) fn traces(traces: &[Trace]) -> String {
    traces.iter().map(|trace| trace.to_json() + "\n").collect()
}

/// What a bundle is.
pub(crate) fn bundle(bundle: &PolicyBundle) -> String {
    let warnings = bundle.warnings().iter().map(crate::fault::diagnostic).collect();
    let policies = bundle.policies().iter().map(|policy| {
        object([
            ("id", (&*policy.id).into()),
            ("effect", if policy.forbids { "forbid" } else { "permit" }.into()),
            ("template", Json::Bool(policy.template)),
            ("reason", policy.reason.as_deref().map_or(Json::Null, Json::from)),
            ("approval", policy.approval.as_deref().map_or(Json::Null, Json::from)),
            ("place", place(&policy.place)),
            ("text", policy.text.as_str().into()),
        ])
    });
    object([
        ("name", bundle.name().into()),
        ("version", bundle.version().into()),
        ("digest", bundle.digest().to_string().as_str().into()),
        ("schema_digest", bundle.schema_digest().to_string().as_str().into()),
        ("disabled_baseline", texts(bundle.disabled_baseline())),
        ("servers", texts(bundle.servers())),
        ("policies", Json::Array(policies.collect())),
        ("warnings", Json::Array(warnings)),
    ])
    .to_string()
}

/// Who asks, as members of a call.
pub(crate) fn identity(identity: Identity) -> String {
    let Identity { principal, on_behalf_of, credential, .. } = identity;
    let mut members = vec![
        ("audience", texts(credential.audience.iter().map(String::as_str))),
        ("scopes", texts(credential.scopes.iter().map(String::as_str))),
    ];
    if credential.bound != Binding::None {
        members.push(("bound", credential.bound.name().into()));
    }
    let optional = [
        ("id", credential.id),
        ("issuer", credential.issuer),
        ("expires", credential.expires.map(|time| time.to_string())),
        ("issued", credential.issued.map(|time| time.to_string())),
        ("not_before", credential.not_before.map(|time| time.to_string())),
        ("key", credential.key),
    ];
    members.extend(optional.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?.into()))));
    object([
        ("principal", actor(principal)),
        ("on_behalf_of", Json::Array(on_behalf_of.into_iter().map(actor).collect())),
        ("credential", object(members)),
    ])
    .to_string()
}

fn actor(actor: Principal) -> Json {
    let entity = actor.entity();
    object([("type", (&*entity.kind).into()), ("id", (&*entity.id).into()), ("claims", Json::Object(actor.claims))])
}
