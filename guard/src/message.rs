//! One message of the wire, as far as a proxy has to understand it: its envelope. What is inside stays the text that came.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    hash::{Hash, Hasher},
};

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The id of a request: a string or a whole number, told apart. Numbers that are one float are one id: many servers read them as
/// floats, and answer one by the other.
#[derive(Clone)]
pub(crate) struct Id {
    text: String,
    /// The float, for a number.
    float: Option<u64>,
}

impl PartialEq for Id {
    fn eq(&self, other: &Self) -> bool {
        self.float == other.float && (self.float.is_some() || self.text == other.text)
    }
}

impl Eq for Id {}

impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.float {
            Some(float) => float.hash(state),
            None => self.text.hash(state),
        }
    }
}

impl Id {
    /// An id of the guard's own.
    pub(crate) fn own(text: &str) -> Self {
        Self { text: serde_json::Value::from(text).to_string(), float: None }
    }

    fn read(raw: &RawValue) -> Option<Self> {
        Self::parse(raw.get())
    }

    /// Reads an id's JSON. `None` for what no id may be: null, a fraction, a structure.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.starts_with('"') {
            // Two ways to write one string are one id.
            let text: String = serde_json::from_str(text).ok()?;
            return Some(Self::own(&text));
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        let whole = !digits.is_empty() && digits.len() <= 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let float: f64 = text.parse().ok().filter(|_| whole)?;
        // Minus zero is zero.
        Some(Self { text: text.to_owned(), float: Some((float + 0.0).to_bits()) })
    }
}

/// The id as JSON.
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A message, borrowed from its line.
pub(crate) enum Message<'l> {
    Request {
        id: Id,
        method: Cow<'l, str>,
        params: Option<&'l RawValue>,
    },
    Notification {
        method: Cow<'l, str>,
        params: Option<&'l RawValue>,
    },
    /// `Ok` is a result, `Err` an error.
    Response {
        id: Option<Id>,
        result: Result<&'l RawValue, &'l RawValue>,
    },
}

/// Why a line is no message. A request's id is known where it could be read.
pub(crate) struct Malformed {
    pub(crate) id: Option<Id>,
    /// JSON-RPC's code.
    pub(crate) code: i64,
    pub(crate) why: String,
}

/// The members of the envelope, each at most once. Others are refused: some servers match names without regard to case, and
/// would take `Method` for `method`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict<'l> {
    #[serde(borrow)]
    jsonrpc: Cow<'l, str>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'l RawValue>,
    #[serde(borrow)]
    method: Option<Cow<'l, str>>,
    #[serde(borrow)]
    params: Option<&'l RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'l RawValue>,
    #[serde(borrow)]
    error: Option<&'l RawValue>,
}

/// As [`Strict`], from a server: what else it writes is the client's to judge.
#[derive(Deserialize)]
struct Lenient<'l> {
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'l RawValue>,
    #[serde(borrow)]
    method: Option<Cow<'l, str>>,
    #[serde(borrow)]
    params: Option<&'l RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'l RawValue>,
    #[serde(borrow)]
    error: Option<&'l RawValue>,
}

/// A member that is `null` is there.
fn present<'de: 'l, 'l, D: Deserializer<'de>>(from: D) -> Result<Option<&'l RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

impl<'l> Message<'l> {
    /// Reads what a client wrote.
    pub(crate) fn of_client(line: &'l str) -> Result<Self, Malformed> {
        if is_list(line) {
            return Err(Malformed { id: None, code: -32_600, why: "a batch: send each message by itself".to_owned() });
        }
        let wire: Strict<'_> = serde_json::from_str(line).map_err(|error| {
            let code = if error.is_syntax() || error.is_eof() { -32_700 } else { -32_600 };
            Malformed { id: None, code, why: error.to_string() }
        })?;
        if wire.jsonrpc != "2.0" {
            let why = "`jsonrpc` is not \"2.0\"".to_owned();
            return Err(Malformed { id: wire.id.and_then(Id::read), code: -32_600, why });
        }
        let Strict { id, method, params, result, error, .. } = wire;
        match Self::of(Lenient { id, method, params, result, error })? {
            // A server may run it as what it is called, whether it has an id or not.
            Self::Request { id, method, .. } if method.starts_with("notifications/") => {
                let why = format!("`{}` is a notification, which has no `id`", method.escape_debug());
                Err(Malformed { id: Some(id), code: -32_600, why })
            }
            message => Ok(message),
        }
    }

    /// Reads what a server wrote.
    pub(crate) fn of_server(line: &'l str) -> Result<Self, Malformed> {
        if is_list(line) {
            return Err(Malformed { id: None, code: -32_600, why: "a batch".to_owned() });
        }
        let wire = serde_json::from_str(line);
        Self::of(wire.map_err(|error| Malformed { id: None, code: -32_700, why: error.to_string() })?)
    }

    fn of(wire: Lenient<'l>) -> Result<Self, Malformed> {
        let id = wire.id.and_then(Id::read);
        let wrong = |why: &str| Err(Malformed { id: id.clone(), code: -32_600, why: why.to_owned() });
        match (wire.id, wire.method, wire.result, wire.error) {
            (Some(_), Some(method), None, None) => match id {
                Some(id) => Ok(Self::Request { id, method, params: wire.params }),
                None => wrong("`id` is neither a string nor a whole number"),
            },
            (None, Some(method), None, None) => Ok(Self::Notification { method, params: wire.params }),
            (Some(_), None, Some(result), None) => match id {
                Some(id) => Ok(Self::Response { id: Some(id), result: Ok(result) }),
                None => wrong("`id` is neither a string nor a whole number"),
            },
            (_, None, None, Some(error)) => Ok(Self::Response { id, result: Err(error) }),
            _ => wrong("neither a request, a notification nor a response"),
        }
    }
}

/// Whether a line is a list. Its members could be read as those of one message, in order, where a server that takes batches reads
/// each as a message of its own.
fn is_list(line: &str) -> bool {
    line.trim_start().starts_with('[')
}

/// A JSON object whose values stay the text that they are.
pub(crate) type Members = BTreeMap<String, Box<RawValue>>;

/// The members of an object; nothing, where it is none.
pub(crate) fn members(text: &str) -> Option<Members> {
    serde_json::from_str(text).ok()
}

/// A value's text, which must be JSON.
pub(crate) fn raw(text: String) -> Box<RawValue> {
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// The value of one member, as JSON.
pub(crate) fn member(text: &str, name: &str) -> Option<serde_json::Value> {
    serde_json::from_str(members(text)?.get(name)?.get()).ok()
}

/// The line of a request.
pub(crate) fn request(id: &Id, method: &str, params: &str) -> String {
    let method = serde_json::Value::from(method);
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{method},"params":{params}}}"#)
}

/// The line of a request without parameters.
pub(crate) fn bare_request(id: &Id, method: &str) -> String {
    let method = serde_json::Value::from(method);
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{method}}}"#)
}

/// The line of a notification.
pub(crate) fn notification(method: &str, params: &str) -> String {
    let method = serde_json::Value::from(method);
    format!(r#"{{"jsonrpc":"2.0","method":{method},"params":{params}}}"#)
}

/// The line of a response.
pub(crate) fn response(id: &Id, result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)
}

/// The line of a response that is an error of somebody else's.
pub(crate) fn failure(id: &Id, error: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#)
}

/// The line of an error. MCP leaves the id out where none could be read.
pub(crate) fn error(id: Option<&Id>, code: i64, message: &str, data: Option<&str>) -> String {
    let id = id.map(|id| format!(r#""id":{id},"#)).unwrap_or_default();
    let data = data.map(|data| format!(r#","data":{data}"#)).unwrap_or_default();
    let message = serde_json::Value::from(message);
    format!(r#"{{"jsonrpc":"2.0",{id}"error":{{"code":{code},"message":{message}{data}}}}}"#)
}

/// A member's name as servers may read it that take no notice of case.
pub(crate) fn folded(name: &str) -> String {
    name.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &str) {
        let told = match Message::of_client(line) {
            Ok(Message::Request { id, method, params }) => format!("request {id} {method} {params:?}"),
            Ok(Message::Notification { method, .. }) => format!("notification {method}"),
            Ok(Message::Response { id, result }) => {
                let id = id.map(|id| id.to_string()).unwrap_or_default();
                format!("response {id} {}", if result.is_ok() { "result" } else { "error" })
            }
            Err(Malformed { id, code, why }) => {
                format!("{code} {} {why}", id.map(|id| id.to_string()).unwrap_or_default())
            }
        };
        assert!(told.starts_with(expected), "{line}\n  {told}\n  {expected}");
    }

    #[test]
    fn envelopes() {
        check(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, "request 1 ping None");
        check(r#"{"jsonrpc":"2.0","id":"\u0061","method":"pi\u006eg","params":{}}"#, r#"request "a" ping"#);
        check(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, "notification notifications/initialized");
        check(r#"{"jsonrpc":"2.0","id":1,"result":null}"#, "response 1 result");
        check(r#"{"jsonrpc":"2.0","id":1,"error":{}}"#, "response 1 error");
    }

    #[test]
    fn what_is_no_message() {
        check("", "-32700");
        check("{", "-32700");
        check("[]", "-32600  a batch");
        check(r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, "-32600  a batch");
        check(r#" ["2.0",1,null,null,{"jsonrpc":"2.0","id":1,"method":"ping"},null]"#, "-32600  a batch");
        check(r#"{"id":1,"method":"ping"}"#, "-32600  missing field `jsonrpc`");
        check(r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, r#"-32600 1 `jsonrpc` is not "2.0""#);
        check(r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, "-32600  `id` is neither");
        check(r#"{"jsonrpc":"2.0","id":1.0,"method":"ping"}"#, "-32600  `id` is neither");
        check(r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#, "-32600 1 neither a request");
        check(r#"{"jsonrpc":"2.0","id":1,"method":"notifications/x"}"#, "-32600 1 `notifications/x` is a notification");
        check(r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}"#, "-32600  duplicate field `method`");
        check(r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}"#, "-32600  unknown field `Method`");
    }

    #[test]
    fn names_are_folded_as_widely_as_any_server_may() {
        for (name, as_read) in [("Name", "name"), ("argument\u{17f}", "arguments"), ("to\u{212a}en", "token")] {
            assert_eq!(folded(name), as_read);
        }
    }
}
