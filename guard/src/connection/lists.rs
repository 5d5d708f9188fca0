//! Lists, without what the principal could not be allowed to use.

use serde_json::value::RawValue;
use toolgate::filter_list;

use super::{Connection, calls};
use crate::message::{self, Id};

/// The lists that are filtered.
pub(super) const FILTERED: [&str; 5] =
    ["tools/list", "prompts/list", "resources/list", "resources/templates/list", "skills/list"];

impl Connection {
    /// Passes the server's answer to a list on, filtered. A list that cannot be read is not passed on.
    pub(super) fn filtered(
        &mut self,
        id: &Id,
        method: &str,
        modern: bool,
        result: Result<&RawValue, &RawValue>,
        line: &str,
    ) {
        let Ok(result) = result else { return self.tell_client(line.to_owned()) };
        let result = result.get();
        if method == "tools/list" {
            self.drifted(result);
        }
        if self.host.settings.observe {
            return self.tell_client(line.to_owned());
        }
        let (host, gate) = (self.host.clone(), self.host.gate());
        let listing = host.ledger.list(&gate, &host.settings.listing(self.transport), host.now());
        match filter_list(result, method, &host.settings.server, &listing) {
            Err(error) => {
                self.warn(&format!("the server's answer to `{method}` cannot be filtered: {error}"));
                let text = format!("Denied: the server's answer to `{method}` cannot be read.");
                self.tell_client(message::error(Some(id), calls::DENIED, &text, None));
            }
            Ok(filtered) if filtered.left_out.is_empty() && !modern => self.tell_client(line.to_owned()),
            Ok(filtered) if modern => {
                self.tell_client(message::response(id, &scoped(&filtered.text, filtered.cache_scope)))
            }
            Ok(filtered) => self.tell_client(message::response(id, &filtered.text)),
        }
        if method == "tools/list" && self.pins.modern() {
            self.list_tools_once();
        }
    }
}

/// The result, with how it may be cached: by this principal's client alone, and for no time, since what somebody may do changes with
/// any event, and no client is told.
fn scoped(result: &str, scope: &str) -> String {
    let Some(mut members) = message::members(result) else { return result.to_owned() };
    members.insert("cacheScope".to_owned(), message::raw(serde_json::Value::from(scope).to_string()));
    members.insert("ttlMs".to_owned(), message::raw("0".to_owned()));
    serde_json::to_string(&members).unwrap_or_else(|_| result.to_owned())
}
