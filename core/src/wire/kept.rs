//! Reads a record line back: what its call was, what was known, what was answered.

use std::sync::Arc;

use super::fields::Fields;
use crate::{
    Answer, Basis, Decision, Denial, Digest, GrantUse, Obligation, Origin, Reason, Timestamp,
    json::{Caps, Json, Numbers, read},
    record::{Hop, Kept, KeptRecord, sealed},
};

/// The version of the records that are read.
const VERSION: u64 = 1;

/// Reads a line of records: that of a decision, or `Err` within with the kind of another, `outcome` say.
///
/// # Errors
/// Why it is no record, or that it is not what was written: its digest is not that of its content. The chain that it is a
/// part of is not looked at; that does [`verify`](crate::verify).
///
/// ```
/// # use toolgate::*;
/// # let mut sources = Sources::default();
/// # sources.insert("toolgate.toml", "[bundle]\nname = \"demo\"\nversion = \"1\"\n[servers.notes]");
/// # sources.insert("tools/notes.json", r#"{"tools": [{"name": "read", "inputSchema": {"type": "object"}}]}"#);
/// # let gate = Gate::new(PolicyBundle::load(&sources).unwrap());
/// let call = ToolCall::new("notes", "read", Principal::new(PrincipalKind::User, "alice"));
/// let line = gate.authorize(&call, &mut Ledger::new(), Timestamp::from_millis(0)).to_json();
/// let kept = wire::read_record(&line).unwrap().unwrap();
/// assert_eq!((kept.action(), kept.decision.reasons()), (Some("notes/read"), vec![Reason::NoPermit]));
/// assert!(wire::read_record(&line.replace("no_permit", "forbidden")).is_err());
/// ```
pub fn read_record(line: &str) -> Result<Result<KeptRecord, String>, String> {
    let json = read(line.as_bytes(), &Caps::file(Numbers::Exact)).map_err(|error| error.to_string())?;
    let mut fields = Fields::of(json, "")?;
    let version = fields.count("version")?;
    if version != VERSION {
        return Err(format!("it is a record of version {version}, and only {VERSION} is known"));
    }
    let kind = fields.required("kind")?;
    sealed(line).map_err(|_| "its digest is not that of its content: it was changed, or is no whole record")?;
    if kind != "decision" {
        return Ok(Err(kind));
    }
    record(&mut fields).map(Ok)
}

fn record(fields: &mut Fields<'_>) -> Result<KeptRecord, String> {
    let at = fields.required("at")?;
    let bundle = object(fields, "bundle", |fields| {
        Ok((fields.required("name")?, fields.required("version")?, fields.digest("digest")?))
    })?;
    Ok(KeptRecord {
        at: Timestamp::parse(&at).ok_or_else(|| format!("`/at` is no time: {at}"))?,
        decision: decision(fields)?,
        bundle: bundle.ok_or_else(|| fields.missing("bundle"))?,
        asked: object(fields, "call", asked)?,
        hops: object(fields, "facts", |fields| {
            fields.each_open("hops", |fields| {
                let context = fields.value("context").unwrap_or_default();
                let attributes = object(fields, "principal", |fields| Ok(fields.value("attributes")))?;
                Ok(Hop { context, attributes: attributes.flatten().unwrap_or_default() })
            })
        })?,
    })
}

/// A member that is an object, of which not all is asked for; nothing where it is absent.
fn object<T>(
    fields: &mut Fields<'_>,
    key: &'static str,
    take: impl FnOnce(&mut Fields<'_>) -> Result<T, String>,
) -> Result<Option<T>, String> {
    let pointer = fields.pointer(key);
    let Some(value) = fields.value(key) else { return Ok(None) };
    Ok(Some(take(&mut Fields::of(value, pointer)?)?))
}

fn asked(fields: &mut Fields<'_>) -> Result<Kept, String> {
    Ok(Kept {
        server: fields.required("server")?,
        method: fields.required("method")?,
        tool: fields.required("tool")?,
        action: fields.string("action")?,
        chain: fields.string("principal")?.into_iter().chain(texts(fields, "on_behalf_of")).collect(),
        task: fields.string("task")?,
        session: fields.string("session")?,
        origin: fields.choice("origin", &Origin::ALL, Origin::name)?.unwrap_or_default(),
        transport: fields.string("transport")?,
        input_digest: fields.digest("input_digest")?,
        arguments: fields.value("arguments").unwrap_or(Json::Null),
    })
}

fn decision(fields: &mut Fields<'_>) -> Result<Decision, String> {
    let name = fields.required("decision")?;
    let grants = fields.each_open("grants", |fields| {
        Ok(GrantUse { grant: fields.required("grant")?, template: fields.required("template")?.into() })
    })?;
    let basis = Basis {
        policies: ids(fields, "policies"),
        call: fields.string("call_digest")?.and_then(|text| Digest::parse(&text)),
        answers: fields.each_open("evaluations", |fields| answer(fields, &grants))?,
    };
    match name.as_str() {
        "allow" => Ok(Decision::Allow { obligations: obligations(fields), basis }),
        "needs_approval" => {
            let by = object(fields, "approval", |fields| Ok(texts(fields, "by")))?.unwrap_or_default();
            Ok(Decision::NeedsApproval { by, basis })
        }
        "deny" => {
            let codes = texts(fields, "reasons");
            let known = codes.iter().filter_map(|code| Reason::ALL.iter().find(|reason| reason.code() == code));
            let mut details = texts(fields, "details").into_iter();
            // Codes stand once each, details as often as there are any.
            let reasons = known.map(|reason| Denial { reason: *reason, detail: details.next().unwrap_or_default() });
            Ok(Decision::Deny { reasons: reasons.collect(), basis })
        }
        other => Err(format!("`/decision` is no decision: {}", other.escape_debug())),
    }
}

fn answer(fields: &mut Fields<'_>, grants: &[GrantUse]) -> Result<Answer, String> {
    let template = |grant: &String| grants.iter().find(|one| one.grant == *grant).map(|one| one.template.clone());
    let used = texts(fields, "grants");
    Ok(Answer {
        principal: fields.entity("principal")?,
        resource: fields.entity("resource")?,
        permits: ids(fields, "permits"),
        grants: used
            .iter()
            .map(|one| GrantUse { grant: one.clone(), template: template(one).unwrap_or_default() })
            .collect(),
        forbids: ids(fields, "forbids"),
        errors: fields
            .each_open("errors", |fields| Ok((fields.required("policy")?.into(), fields.required("error")?)))?,
    })
}

fn obligations(fields: &mut Fields<'_>) -> Vec<Obligation> {
    texts(fields, "obligations").iter().filter_map(|text| Obligation::parse(text)).collect()
}

fn ids(fields: &mut Fields<'_>, key: &'static str) -> Vec<Arc<str>> {
    texts(fields, key).into_iter().map(Into::into).collect()
}

/// The texts of a list; none of anything else.
fn texts(fields: &mut Fields<'_>, key: &'static str) -> Vec<String> {
    let items = fields.value(key);
    let items = items.as_ref().and_then(Json::as_array).unwrap_or_default();
    items.iter().filter_map(Json::as_str).map(str::to_owned).collect()
}
