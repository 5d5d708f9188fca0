//! A call as hosts write it, taken from the text without a tree in between: it is most of what a call from JSON costs.
//!
//! Whatever is not just right gives nothing here. Then the call is read over the tree, which knows what is wrong and says it.

use super::CALL_MEMBERS;
use crate::{
    Binding, Credential, Limits, Origin, Principal, PrincipalKind, Timestamp, ToolCall,
    id::EntityRef,
    json::{Beginning, Caps, Json, Object, Walk},
};

const PRINCIPAL: [&str; 3] = ["type", "id", "claims"];
const CREDENTIAL: [&str; 9] = ["id", "issuer", "audience", "expires", "issued", "not_before", "key", "bound", "scopes"];

/// The call, if the text is one, and has no member that is `null`.
pub(super) fn call(text: &[u8], limits: &Limits) -> Option<ToolCall> {
    let caps = Caps::call(limits);
    let (mut walk, first) = Walk::begin(text, &caps)?;
    let (mut server, mut method, mut tool, mut caller) = (None, None, None, None);
    let nobody = Principal { kind: PrincipalKind::User, id: String::new(), claims: Object::new() };
    let mut call = ToolCall::new("", "", nobody);
    walk.members((first, 1), CALL_MEMBERS, |walk, name, peek| {
        match name {
            "server" => server = Some(owned(walk, peek)?),
            "method" => method = Some(owned(walk, peek)?),
            "tool" => tool = Some(owned(walk, peek)?),
            "input" => call.input = Json::Object(walk.any((peek, 2))?),
            "principal" => caller = Some(principal(walk, (peek, 2))?),
            "on_behalf_of" => {
                let actors = &mut call.on_behalf_of;
                walk.each((peek, 2), |walk, peek| {
                    actors.push(principal(walk, (peek, 3))?);
                    Some(())
                })?;
            }
            "credential" => call.credential = Some(credential(walk, (peek, 2))?),
            "task" => call.task = Some(owned(walk, peek)?),
            "session" => call.session = Some(owned(walk, peek)?),
            "origin" => call.origin = choice(walk, peek, &Origin::ALL, Origin::name)?,
            "transport" => call.transport = Some(owned(walk, peek)?),
            _ => return None,
        }
        Some(())
    })?;
    walk.ends()?;
    (call.server, call.principal) = (server?, caller?);
    call.method = method.unwrap_or(call.method);
    call.tool = match tool {
        None if call.method == "tools/call" => return None,
        tool => tool.unwrap_or_default(),
    };
    Some(call)
}

fn owned(walk: &mut Walk<'_>, peek: Beginning) -> Option<String> {
    walk.text(peek).map(str::to_owned)
}

fn choice<T: Copy>(walk: &mut Walk<'_>, peek: Beginning, all: &[T], name: fn(T) -> &'static str) -> Option<T> {
    let text = walk.text(peek)?;
    all.iter().find(|one| name(**one) == text).copied()
}

fn time(walk: &mut Walk<'_>, peek: Beginning) -> Option<Option<Timestamp>> {
    Timestamp::parse(walk.text(peek)?).map(Some)
}

fn principal(walk: &mut Walk<'_>, begun: (Beginning, usize)) -> Option<Principal> {
    let (mut kind, mut id, mut claims) = (None, String::new(), Object::new());
    match begun.0 {
        Beginning::String => {
            let actor = EntityRef::parse(walk.text(begun.0)?)?;
            (kind, id) = (PrincipalKind::parse(&actor.kind), (*actor.id).to_owned());
        }
        _ => walk.members(begun, PRINCIPAL, |walk, name, peek| {
            match name {
                "type" => kind = Some(PrincipalKind::parse(walk.text(peek)?)?),
                "id" => id = owned(walk, peek)?,
                _ => claims = walk.any((peek, begun.1 + 1))?,
            }
            Some(())
        })?,
    }
    kind.filter(|_| !id.is_empty()).map(|kind| Principal { kind, id, claims })
}

fn credential(walk: &mut Walk<'_>, begun: (Beginning, usize)) -> Option<Credential> {
    let mut credential = Credential::NOTHING;
    walk.members(begun, CREDENTIAL, |walk, name, peek| {
        let list = |walk: &mut Walk<'_>| match peek {
            Beginning::String => Some(vec![owned(walk, peek)?]),
            _ => walk.texts((peek, begun.1 + 1)),
        };
        match name {
            "id" => credential.id = Some(owned(walk, peek)?),
            "issuer" => credential.issuer = Some(owned(walk, peek)?),
            "audience" => credential.audience = list(walk)?,
            "expires" => credential.expires = time(walk, peek)?,
            "issued" => credential.issued = time(walk, peek)?,
            "not_before" => credential.not_before = time(walk, peek)?,
            "key" => credential.key = Some(owned(walk, peek)?),
            "bound" => credential.bound = choice(walk, peek, &Binding::ALL, Binding::name)?,
            _ => credential.scopes = list(walk)?,
        }
        Some(())
    })?;
    Some(credential)
}
