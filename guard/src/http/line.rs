//! Ids and tokens that two clients may both use, made unique on the way in and put back on the way out.

use std::collections::HashMap;

use serde_json::value::RawValue;

use crate::message::{self, Id, Members, Message};

/// The member of a notification's `_meta` that says which subscription it belongs to (2026-07-28).
const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// The request of one client among those of many.
#[derive(Clone)]
pub(super) struct Renamed {
    /// The id that the client sees.
    was: Id,
    /// The progress token that the client sees, as JSON.
    token: Option<String>,
}

/// The line of a request with another id, and with that id as its progress token, if it had one.
pub(super) fn renamed(was: Id, method: &str, params: Option<&RawValue>, id: Id) -> (String, Renamed) {
    let mut token = None;
    let Some(params) = params else {
        return (message::bare_request(&id, method), Renamed { was, token });
    };
    let replaced = member(params.get(), "_meta").and_then(|(mut members, mut meta)| {
        let place = meta.get_mut("progressToken")?;
        token = Some(std::mem::replace(place, message::raw(id.to_string())).get().to_owned());
        members.insert("_meta".to_owned(), message::raw(serde_json::to_string(&meta).ok()?));
        serde_json::to_string(&members).ok()
    });
    let line = message::request(&id, method, replaced.as_deref().unwrap_or_else(|| params.get()));
    (line, Renamed { was, token })
}

/// An object, and the object that is its member.
fn member(text: &str, name: &str) -> Option<(Members, Members)> {
    let members = message::members(text)?;
    let inner = message::members(members.get(name)?.get())?;
    Some((members, inner))
}

/// Whose a line of the server is, and the line as that client knows it; `last`: nothing more will come.
pub(super) struct Addressed {
    pub(super) id: Id,
    pub(super) line: String,
    pub(super) last: bool,
}

/// Finds the request that a line belongs to, and puts its own ids back. `None`: it belongs to none.
pub(super) fn addressed(line: &str, open: &HashMap<Id, Renamed>) -> Option<Addressed> {
    match Message::of_server(line).ok()? {
        Message::Response { id: Some(id), result } => {
            let renamed = open.get(&id)?;
            let line = match result {
                Ok(result) => message::response(&renamed.was, result.get()),
                Err(error) => message::failure(&renamed.was, error.get()),
            };
            Some(Addressed { id, line, last: true })
        }
        Message::Notification { method, params } => {
            let params = params?.get();
            let (id, place) = owner(&method, params)?;
            let renamed = open.get(&id)?;
            let mut members = message::members(params)?;
            match place {
                Place::Token => {
                    members.insert("progressToken".to_owned(), message::raw(renamed.token.clone()?));
                }
                Place::Subscription => {
                    let mut meta = message::members(members.get("_meta")?.get())?;
                    meta.insert(SUBSCRIPTION.to_owned(), message::raw(renamed.was.to_string()));
                    members.insert("_meta".to_owned(), message::raw(serde_json::to_string(&meta).ok()?));
                }
            }
            let line = message::notification(&method, &serde_json::to_string(&members).ok()?);
            Some(Addressed { id, line, last: false })
        }
        _ => None,
    }
}

/// Where a notification says which request it belongs to.
enum Place {
    Token,
    Subscription,
}

fn owner(method: &str, params: &str) -> Option<(Id, Place)> {
    let members = message::members(params)?;
    if method == "notifications/progress" {
        return Some((Id::parse(members.get("progressToken")?.get())?, Place::Token));
    }
    let meta = message::members(members.get("_meta")?.get())?;
    Some((Id::parse(meta.get(SUBSCRIPTION)?.get())?, Place::Subscription))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_tokens_are_put_back() {
        let line =
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","_meta":{"progressToken":7}}}"#;
        let Ok(Message::Request { id, method, params }) = Message::of_client(line) else { panic!("{line}") };
        let (sent, renamed) = renamed(id, &method, params, Id::own("h1"));
        assert!(sent.contains(r#""id":"h1""#) && sent.contains(r#""progressToken":"h1""#), "{sent}");
        let open = HashMap::from([(Id::own("h1"), renamed)]);
        let check = |line: &str, expected: &str, last: bool| {
            let addressed = addressed(line, &open).expect(line);
            assert_eq!((addressed.line.as_str(), addressed.last), (expected, last));
        };
        check(
            r#"{"jsonrpc":"2.0","id":"h1","result":{"x":1.0}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{"x":1.0}}"#,
            true,
        );
        check(
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1,"progressToken":"h1"}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1,"progressToken":7}}"#,
            false,
        );
        assert!(super::addressed(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, &open).is_none());
        assert!(super::addressed(r#"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#, &open).is_none());
    }
}
