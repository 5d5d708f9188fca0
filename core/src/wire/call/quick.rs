//! A call as hosts write it, taken from the text without a tree in between: it is most of what a call from JSON costs.
//!
//! Whatever is not just right gives nothing here. Then the call is read over the tree, which knows what is wrong and says it.

use crate::{
    Binding, Credential, Limits, Origin, Principal, PrincipalKind, Timestamp, ToolCall,
    id::EntityRef,
    json::{Beginning, Caps, Json, Object, Walk},
};

const CALL: [&str; 11] = [
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
const PRINCIPAL: [&str; 3] = ["type", "id", "claims"];
const CREDENTIAL: [&str; 9] = ["id", "issuer", "audience", "expires", "issued", "not_before", "key", "bound", "scopes"];

/// The call, if the text is one, and has no member that is `null`.
pub(super) fn call(text: &[u8], limits: &Limits) -> Option<ToolCall> {
    let caps = Caps::call(limits);
    let (mut walk, first) = Walk::begin(text, &caps)?;
    let nobody = Principal { kind: PrincipalKind::User, id: String::new(), claims: Object::new() };
    let mut call = ToolCall::new("", "", nobody);
    let mut there = [false; CALL.len()];
    walk.members((first, 1), CALL, |walk, place, peek| {
        *there.get_mut(place)? = true;
        match place {
            0 => call.server = owned(walk, peek)?,
            1 => call.method = owned(walk, peek)?,
            2 => call.tool = owned(walk, peek)?,
            3 => call.input = Json::Object(walk.any((peek, 2))?),
            4 => call.principal = principal(walk, (peek, 2))?,
            5 => {
                let actors = &mut call.on_behalf_of;
                walk.each((peek, 2), |walk, peek| {
                    actors.push(principal(walk, (peek, 3))?);
                    Some(())
                })?;
            }
            6 => call.credential = Some(credential(walk, (peek, 2))?),
            7 => call.task = Some(owned(walk, peek)?),
            8 => call.session = Some(owned(walk, peek)?),
            9 => call.origin = choice(walk, peek, &Origin::ALL, Origin::name)?,
            _ => call.transport = Some(owned(walk, peek)?),
        }
        Some(())
    })?;
    walk.ends()?;
    let [server, _, tool, _, principal, ..] = there;
    (server && principal && (tool || call.method != "tools/call")).then_some(call)
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
        _ => walk.members(begun, PRINCIPAL, |walk, place, peek| {
            match place {
                0 => kind = Some(PrincipalKind::parse(walk.text(peek)?)?),
                1 => id = owned(walk, peek)?,
                _ => claims = walk.any((peek, begun.1 + 1))?,
            }
            Some(())
        })?,
    }
    kind.filter(|_| !id.is_empty()).map(|kind| Principal { kind, id, claims })
}

fn credential(walk: &mut Walk<'_>, begun: (Beginning, usize)) -> Option<Credential> {
    let mut credential = Credential {
        id: None,
        issuer: None,
        audience: Vec::new(),
        expires: None,
        issued: None,
        not_before: None,
        bound: Binding::None,
        key: None,
        scopes: Vec::new(),
    };
    walk.members(begun, CREDENTIAL, |walk, place, peek| {
        let list = |walk: &mut Walk<'_>| match peek {
            Beginning::String => Some(vec![owned(walk, peek)?]),
            _ => walk.texts((peek, begun.1 + 1)),
        };
        match place {
            0 => credential.id = Some(owned(walk, peek)?),
            1 => credential.issuer = Some(owned(walk, peek)?),
            2 => credential.audience = list(walk)?,
            3 => credential.expires = time(walk, peek)?,
            4 => credential.issued = time(walk, peek)?,
            5 => credential.not_before = time(walk, peek)?,
            6 => credential.key = Some(owned(walk, peek)?),
            7 => credential.bound = choice(walk, peek, &Binding::ALL, Binding::name)?,
            _ => credential.scopes = list(walk)?,
        }
        Some(())
    })?;
    Some(credential)
}
