//! From subject, action, resource and context to a call.

use std::collections::BTreeSet;

use super::Host;
use crate::{
    Gate, Principal, PrincipalKind, Reason, ToolCall,
    json::{Json, Object},
    wire::fields::Fields,
};

/// A request as a call, and what the answer needs beside it.
pub(super) struct Request {
    pub(super) call: ToolCall,
    /// The obligation types that the enforcement point says it can meet; `None` where it does not say.
    pub(super) supported: Option<BTreeSet<String>>,
}

/// Why a request became no call.
pub(super) enum Refused {
    /// It is not what the Authorization API asks for.
    Malformed(String),
    /// It contradicts the host.
    Deny(Reason),
}

impl From<String> for Refused {
    fn from(message: String) -> Self {
        Self::Malformed(message)
    }
}

/// The resource of a request.
struct Resource {
    kind: String,
    id: String,
    properties: Object,
}

/// Maps a request (COAZ-MCP draft 1, "Default Mappings").
pub(super) fn call(gate: &Gate, request: &Json, host: &Host) -> Result<Request, Refused> {
    let mut fields = Fields::of(request.clone(), "")?;
    let subject = fields.value("subject").ok_or_else(|| fields.missing("subject"))?;
    let action = fields.value("action").ok_or_else(|| fields.missing("action"))?;
    let resource = fields.value("resource").ok_or_else(|| fields.missing("resource"))?;
    let context = object(&mut fields, "context")?;

    let mut subject = self::subject(subject)?;
    subject.claims.clone_from(&host.claims);
    let method = Fields::of(action, "/action")?.required("name")?;
    let mut resource = Fields::of(resource, "/resource")?;
    let resource = Resource {
        kind: resource.required("type")?,
        id: resource.required("id")?,
        properties: object(&mut resource, "properties")?,
    };
    let arguments = arguments(&context, &resource.properties)?;
    let (server, id) = server(gate, host, &resource);
    let (tool, input) = params(&method, &resource.kind, id, arguments)?;
    let (principal, on_behalf_of) = match agent(&context, host)? {
        // A token that was issued to the agent itself names it twice.
        Some(id) if subject.kind != PrincipalKind::Agent || subject.id != id => {
            (Principal::new(PrincipalKind::Agent, id), vec![subject])
        }
        _ => (subject, Vec::new()),
    };
    let call = ToolCall {
        server,
        method,
        tool,
        input,
        principal,
        on_behalf_of,
        credential: host.credential.clone(),
        task: host.task.clone(),
        session: host.session.clone(),
        origin: host.origin,
        transport: host.transport.clone(),
    };
    Ok(Request { call, supported: supported(&context) })
}

/// An optional object; empty where it is absent.
fn object(fields: &mut Fields<'_>, key: &'static str) -> Result<Object, String> {
    let pointer = fields.pointer(key);
    match fields.value(key) {
        None => Ok(Object::new()),
        Some(Json::Object(members)) => Ok(members),
        Some(_) => Err(format!("`{pointer}` is not an object")),
    }
}

/// The subject, without claims: what a request says in `properties` is not verified.
fn subject(subject: Json) -> Result<Principal, String> {
    let mut fields = Fields::of(subject, "/subject")?;
    let (kind, id) = (fields.required("type")?, fields.required("id")?);
    // `identity` is what the default mappings write for the user on whose behalf the agent acts.
    let named = |one: &PrincipalKind| one.name().eq_ignore_ascii_case(&kind);
    let user = kind.eq_ignore_ascii_case("identity").then_some(PrincipalKind::User);
    let kind = user.or_else(|| PrincipalKind::ALL.into_iter().find(named));
    let kind = kind.ok_or("`/subject/type` is none of `identity`, `user`, `agent`, `workload`")?;
    if id.is_empty() {
        return Err("`/subject/id` is empty".to_owned());
    }
    Ok(Principal::new(kind, id))
}

/// The agent between the subject and the server. A request may name one by itself: one more hop only narrows.
fn agent(context: &Object, host: &Host) -> Result<Option<String>, Refused> {
    let named = match context.get("agent") {
        None | Some(Json::Null) => None,
        Some(Json::String(id)) if !id.is_empty() => Some(id),
        Some(_) => return Err("`/context/agent` is not the id of an agent".to_owned().into()),
    };
    match (&host.agent, named) {
        (Some(known), Some(named)) if known != named => Err(Refused::Deny(Reason::IdentityConflict)),
        (Some(known), _) => Ok(Some(known.clone())),
        (None, named) => Ok(named.cloned()),
    }
}

/// Whoever enforces must know which arguments were decided about, so there may not be two of them.
fn arguments(context: &Object, properties: &Object) -> Result<Option<Json>, String> {
    let places = [("/context/arguments", context), ("/resource/properties/arguments", properties)];
    let mut found: Option<&Json> = None;
    for (place, members) in places {
        match (members.get("arguments"), found) {
            (None | Some(Json::Null), _) => {}
            (Some(value @ Json::Object(_)), None) => found = Some(value),
            (Some(value), Some(other)) if value == other => {}
            (Some(Json::Object(_)), Some(_)) => {
                return Err("`/context/arguments` and `/resource/properties/arguments` differ; give one".to_owned());
            }
            (Some(_), _) => return Err(format!("`{place}` is not an object")),
        }
    }
    Ok(found.cloned())
}

/// The server, and the id of the resource within it. A server that is not the host's stays in the id, which then names
/// no tool.
fn server(gate: &Gate, host: &Host, resource: &Resource) -> (String, String) {
    let prefix = match resource.id.split_once('/') {
        Some((server, _)) if resource.kind == "tool" => Some(server),
        _ => None,
    };
    let server = host
        .server
        .as_deref()
        .or(prefix)
        .or_else(|| resource.properties.get("server").and_then(Json::as_str))
        .or_else(|| addressed(gate, resource))
        .or_else(|| only(gate))
        .unwrap_or_default();
    let own = resource.id.strip_prefix(server).and_then(|rest| rest.strip_prefix('/'));
    let id = own.filter(|_| prefix.is_some()).unwrap_or(&resource.id);
    (server.to_owned(), id.to_owned())
}

/// The server that an `mcp_server` is: its id is a token audience (RFC 8707), an origin, or the bundle's own name.
fn addressed<'g>(gate: &'g Gate, resource: &Resource) -> Option<&'g str> {
    let id = &resource.id;
    let mut servers = gate.bundle().catalog.servers.iter().filter(|_| resource.kind == "mcp_server");
    let (name, _) = servers
        .find(|(name, server)| *name == id || server.audience.contains(id) || server.origin.as_ref() == Some(id))?;
    Some(name)
}

fn only(gate: &Gate) -> Option<&str> {
    let mut servers = gate.bundle().servers();
    servers.next().filter(|_| servers.next().is_none())
}

/// The tool's name and the input of a call: the inverse of what the default mappings do to `params`.
fn params(method: &str, kind: &str, id: String, arguments: Option<Json>) -> Result<(String, Json), String> {
    let nothing = || Json::Object(Object::new());
    let one = |key: &str, id: String| Object::from([(key.to_owned(), Json::String(id))]);
    Ok(match (method, kind) {
        ("tools/call", "tool") => (id, arguments.unwrap_or_else(nothing)),
        (
            "resources/read"
            | "resources/subscribe"
            | "resources/unsubscribe"
            | "resources/directory/read"
            | "skills/get",
            "resource",
        ) => (String::new(), Json::Object(one("uri", id))),
        ("prompts/get", "prompt") => {
            let mut params = one("name", id);
            params.extend(arguments.map(|arguments| ("arguments".to_owned(), arguments)));
            (String::new(), Json::Object(params))
        }
        ("completion/complete", "prompt" | "resource") => {
            let mut reference = one("type", format!("ref/{kind}"));
            reference.extend(one(if kind == "prompt" { "name" } else { "uri" }, id));
            (String::new(), Json::Object(Object::from([("ref".to_owned(), Json::Object(reference))])))
        }
        ("subscriptions/listen", "resource" | "task") => {
            let names = if kind == "task" { "taskIds" } else { "resourceSubscriptions" };
            (String::new(), Json::Object(Object::from([(names.to_owned(), Json::Array(vec![Json::String(id)]))])))
        }
        (method, "task") if method.starts_with("tasks/") => (String::new(), Json::Object(one("taskId", id))),
        ("tools/call" | "resources/read" | "resources/subscribe" | "prompts/get" | "completion/complete", _) => {
            return Err(format!(
                "`{method}` is not asked of a `{}`; see the default mappings of COAZ-MCP",
                kind.chars().take(60).collect::<String>().escape_debug()
            ));
        }
        _ => (String::new(), nothing()),
    })
}

/// What does not name obligation types declares none.
fn supported(context: &Object) -> Option<BTreeSet<String>> {
    let declared = context.get("supported_obligations").filter(|value| **value != Json::Null)?;
    let types = declared.as_array().into_iter().flatten().filter_map(Json::as_str);
    Some(types.map(str::to_owned).collect())
}
