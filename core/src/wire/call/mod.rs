//! A call as JSON.

mod quick;
#[cfg(test)]
mod tests;

use super::fields::Fields;
use crate::{
    Binding, Credential, Decision, Denial, Limits, ListRequest, Origin, Principal, PrincipalKind, Reason, ToolCall,
    catalog::Fault,
    id::EntityRef,
    json::{Caps, Json, JsonError, Object, read},
};

/// The members of a call as JSON.
pub const CALL_MEMBERS: [&str; 11] = [
    "server",
    "method",
    "tool",
    "input",
    "principal",
    "on_behalf_of",
    "credential",
    "task",
    "session",
    "origin",
    "transport",
];

/// Reads a call as JSON under `limits`. What cannot be read is a `Deny` with reason `malformed_call` or `limit_exceeded`.
///
/// # Errors
/// The deny.
///
/// ```
/// use toolgate::{Limits, wire};
/// let text = br#"{"server": "github", "tool": "get_me", "principal": {"type": "User", "id": "alice"}}"#;
/// let call = wire::read_call(text, &Limits::default()).unwrap();
/// assert_eq!(call.tool, "get_me");
/// assert!(wire::read_call(b"{", &Limits::default()).is_err());
/// ```
pub fn read_call(text: &[u8], limits: &Limits) -> Result<ToolCall, Decision> {
    if let Some(call) = quick::call(text, limits) {
        return Ok(call);
    }
    let json = json(text, limits).map_err(|denial| refused(denial.reason, denial.detail))?;
    call_of(json)
}

/// As [`read_call`], of JSON that was read before: by a binding, from the values of its language.
///
/// # Errors
/// The deny.
///
/// ```
/// use toolgate::{Json, wire};
/// let json = Json::parse(br#"{"server": "github", "tool": "get_me", "principal": "User::\"alice\""}"#).unwrap();
/// assert_eq!(wire::call_of(json).unwrap().principal.id, "alice");
/// ```
pub fn call_of(json: Json) -> Result<ToolCall, Decision> {
    call(json).map_err(malformed).map_err(|denial| refused(denial.reason, denial.detail))
}

fn malformed(detail: String) -> Denial {
    Denial { reason: Reason::MalformedCall, detail }
}

fn json(text: &[u8], limits: &Limits) -> Result<Json, Denial> {
    let denial = |error: JsonError| Denial { reason: (&error.fault).into(), detail: error.to_string() };
    read(text, &Caps::call(limits)).map_err(denial)
}

fn refused(reason: Reason, detail: String) -> Decision {
    Decision::refused(Fault::new(reason, detail), None)
}

fn call(json: Json) -> Result<ToolCall, String> {
    let mut fields = Fields::of(json, "")?;
    let server = fields.required("server")?;
    let method = fields.string("method")?.unwrap_or_else(|| "tools/call".to_owned());
    let tool = fields.string("tool")?;
    if tool.is_none() && method == "tools/call" {
        return Err(fields.missing("tool"));
    }
    let input = match fields.value("input") {
        None => Json::default(),
        Some(input @ Json::Object(_)) => input,
        Some(_) => return Err("`/input` is not an object".to_owned()),
    };
    let (principal, on_behalf_of) = chain(&mut fields)?;
    let credential = fields.value("credential").map(credential).transpose()?;
    let call = ToolCall {
        server,
        method,
        tool: tool.unwrap_or_default(),
        input,
        principal,
        on_behalf_of,
        credential,
        task: fields.string("task")?,
        session: fields.string("session")?,
        origin: fields.choice("origin", &Origin::ALL, Origin::name)?.unwrap_or_default(),
        transport: fields.string("transport")?,
    };
    fields.finish()?;
    Ok(call)
}

/// The actors of the delegation chain.
fn chain(fields: &mut Fields<'_>) -> Result<(Principal, Vec<Principal>), String> {
    let principal = fields.value("principal").ok_or_else(|| fields.missing("principal"))?;
    let principal = self::principal(principal, "/principal")?;
    let on_behalf_of = match fields.value("on_behalf_of") {
        None => Vec::new(),
        Some(Json::Array(items)) => {
            let actors =
                items.into_iter().enumerate().map(|(i, item)| self::principal(item, &format!("/on_behalf_of/{i}")));
            actors.collect::<Result<_, _>>()?
        }
        Some(_) => return Err("`/on_behalf_of` is not a list of actors".to_owned()),
    };
    Ok((principal, on_behalf_of))
}

/// Reads whose tools are to be listed: a call without `tool`, `method` and `input`, whose `server` may be left out.
///
/// # Errors
/// Why not, as for [`read_call`].
///
/// ```
/// use toolgate::{Limits, wire};
/// let request = wire::read_list_request(br#"{"principal": "User::\"alice\""}"#, &Limits::default()).unwrap();
/// assert_eq!(request.principal.id, "alice");
/// ```
pub fn read_list_request(text: &[u8], limits: &Limits) -> Result<ListRequest, Denial> {
    list_request(json(text, limits)?).map_err(malformed)
}

fn list_request(json: Json) -> Result<ListRequest, String> {
    let mut fields = Fields::of(json, "")?;
    let (principal, on_behalf_of) = chain(&mut fields)?;
    let credential = fields.value("credential").map(credential).transpose()?;
    let request = ListRequest {
        principal,
        on_behalf_of,
        credential,
        task: fields.string("task")?,
        session: fields.string("session")?,
        any_session: fields.maybe_flag("any_session")?,
        origin: fields.choice("origin", &Origin::ALL, Origin::name)?.unwrap_or_default(),
        transport: fields.string("transport")?,
        server: fields.string("server")?,
    };
    fields.finish()?;
    Ok(request)
}

/// `{"type": "User", "id": "alice", "claims": {..}}`, or Cedar's `User::"alice"`.
fn principal(value: Json, at: &str) -> Result<Principal, String> {
    let (kind, id, claims) = match value {
        Json::String(text) => {
            let actor =
                EntityRef::parse(&text).ok_or_else(|| format!("`{at}` is no actor such as `User::\"alice\"`"))?;
            (actor.kind.to_string(), actor.id.to_string(), Object::new())
        }
        other => Fields::of(other, at)?.read(|fields| {
            let (kind, id) = (fields.required("type")?, fields.required("id")?);
            let claims = match fields.value("claims") {
                None => Object::new(),
                Some(Json::Object(claims)) => claims,
                Some(_) => return Err(format!("`{at}/claims` is not an object")),
            };
            Ok((kind, id, claims))
        })?,
    };
    let kind = PrincipalKind::parse(&kind).ok_or_else(|| format!("`{at}` is none of `User`, `Agent`, `Workload`"))?;
    if id.is_empty() {
        return Err(format!("`{at}` has an empty id"));
    }
    Ok(Principal { kind, id, claims })
}

fn credential(value: Json) -> Result<Credential, String> {
    Fields::of(value, "/credential")?.read(|fields| {
        Ok(Credential {
            id: fields.string("id")?,
            issuer: fields.string("issuer")?,
            audience: fields.strings("audience")?.unwrap_or_default(),
            expires: fields.time("expires")?,
            issued: fields.time("issued")?,
            not_before: fields.time("not_before")?,
            key: fields.string("key")?,
            bound: fields.choice("bound", &Binding::ALL, Binding::name)?.unwrap_or(Binding::None),
            scopes: fields.strings("scopes")?.unwrap_or_default(),
        })
    })
}
