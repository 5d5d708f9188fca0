//! A request of the protocol as a call.

use crate::{
    Decision, Principal, Reason, ToolCall,
    catalog::{self, Fault},
    digest::{Digest, Domain},
    gather::Gather as _,
    json::{Json, Object},
};

/// Members of `params` that are the protocol's and no arguments.
const ENVELOPE: [&str; 3] = ["_meta", "inputResponses", "requestState"];

/// A request of the protocol: the call it makes, and what a client brought back with it (2026-07-28, multi round-trip
/// requests).
#[derive(Clone, Debug)]
pub struct Request {
    /// The call. Who asks is the host's word, so are task, session, credential and origin: fill them in.
    pub call: ToolCall,
    /// `requestState`, as the client sent it: a claim until [`resume`](super::resume) has opened it.
    pub state: Option<String>,
    /// `inputResponses`, as the client sent them.
    pub responses: Option<Json>,
}

/// Whether a request with this method carries no authority: it can run without being put to the gate. The answers of lists
/// are filtered ([`filter_list`](crate::filter_list)).
///
/// ```
/// use toolgate::wire::mcp;
/// assert!(mcp::passes("initialize") && mcp::passes("tools/list"));
/// assert!(!mcp::passes("tools/call") && !mcp::passes("unknown/method"));
/// ```
pub fn passes(method: &str) -> bool {
    catalog::passes(method)
}

/// The call that `method` with these `params` makes at `server`, by its id in the bundle. `_meta` is left out: what a client
/// says of itself is no fact.
///
/// # Errors
/// A deny with reason `malformed_call`: `params` do not have the protocol's form.
///
/// ```
/// use toolgate::{Json, Principal, PrincipalKind, wire::mcp};
/// let params = Json::parse(br#"{"name": "read", "arguments": {"id": "7"}, "_meta": {"session": "forged"}}"#).unwrap();
/// let alice = Principal::new(PrincipalKind::User, "alice");
/// let request = mcp::call("notes", "tools/call", &params, alice).unwrap();
/// assert_eq!((request.call.tool.as_str(), request.call.session), ("read", None));
/// assert_eq!(request.call.input.to_string(), r#"{"id":"7"}"#);
/// ```
pub fn call(server: &str, method: &str, params: &Json, principal: Principal) -> Result<Request, Decision> {
    let malformed = |why: String| Decision::refused(Fault::new(Reason::MalformedCall, why), None);
    let empty = Object::new();
    let params = match params {
        Json::Object(members) => members,
        Json::Null => &empty,
        _ => return Err(malformed("`params` is not an object".to_owned())),
    };
    let text = |name: &str| match params.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(malformed(format!("`params.{name}` is not a string"))),
    };
    let (tool, input) = if method == "tools/call" {
        let tool = text("name")?.ok_or_else(|| malformed("`params.name` is missing: the tool to call".to_owned()))?;
        let input = match params.get("arguments") {
            None | Some(Json::Null) => Json::Object(empty.clone()),
            Some(input @ Json::Object(_)) => input.clone(),
            Some(_) => return Err(malformed("`params.arguments` is not an object".to_owned())),
        };
        (tool, input)
    } else {
        let members = params.iter().filter(|(name, _)| !ENVELOPE.contains(&name.as_str()));
        (String::new(), Json::Object(members.map(|(name, value)| (name.clone(), value.clone())).gather()))
    };
    let state = text("requestState")?;
    let responses = params.get("inputResponses").cloned();
    let call = ToolCall { method: method.to_owned(), input, ..ToolCall::new(server, tool, principal) };
    Ok(Request { call, state, responses })
}

/// What the reservation of a call is kept under whose tool has asked for more input by a `requestState` of its own (2026-07-28):
/// by the one who brings that state back with this call, [`Gate::proceed`](crate::Gate::proceed) finds it. States of servers are no
/// secrets, and need not differ from call to call.
pub fn continuation(call: &ToolCall, state: &str) -> Digest {
    let text = |text: Option<&String>| text.map_or(Json::Null, |text| text.as_str().into());
    let chain = call.chain().map(|actor| actor.entity().to_string().as_str().into()).collect();
    let parts = [&call.server, &call.method, &call.tool].map(|part| text(Some(part)));
    let mut of = vec![state.into(), call.input.clone(), Json::Array(chain)];
    of.extend(parts.into_iter().chain([text(call.session.as_ref()), text(call.task.as_ref())]));
    Digest::of(Domain::Input, &Json::Array(of))
}
