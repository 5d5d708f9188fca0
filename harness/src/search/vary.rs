//! Calls that differ from another in one thing.

use toolgate::{Binding, Credential, Json, Origin, Timestamp, ToolCall};

use super::values::Values;
use crate::seen;

/// Tells `found` of each call that differs from this one in one thing, until it says that this is enough.
pub(super) fn each(
    call: &ToolCall,
    values: &Values<'_>,
    now: Timestamp,
    found: &mut dyn FnMut(ToolCall) -> bool,
) -> bool {
    let mut put = |change: &dyn Fn(&mut ToolCall)| {
        let mut changed = call.clone();
        change(&mut changed);
        found(changed)
    };
    for origin in Origin::ALL {
        if origin != call.origin && put(&|call| call.origin = origin) {
            return true;
        }
    }
    for principal in &values.principals {
        if put(&|call| call.principal = principal.clone())
            || put(&|call| {
                call.on_behalf_of.pop();
                call.on_behalf_of.push(principal.clone());
            })
        {
            return true;
        }
    }
    if !call.on_behalf_of.is_empty() && put(&|call| call.on_behalf_of.clear()) {
        return true;
    }
    if call.session.is_some() && put(&|call| call.session = None)
        || call.session.is_none() && put(&|call| call.session = Some("s-new".to_owned()))
        || call.task.is_some() && put(&|call| call.task = None)
    {
        return true;
    }
    let one = |text: &String| Some(text.clone());
    values.sessions.iter().any(|id| put(&|call| call.session = one(id)))
        || values.transports.iter().any(|way| put(&|call| call.transport = one(way)))
        || (!values.transports.is_empty() && call.transport.is_some() && put(&|call| call.transport = None))
        || credentials(call, values, now, &mut put)
        || inputs(call, values, &mut put)
}

type Put<'a> = dyn FnMut(&dyn Fn(&mut ToolCall)) -> bool + 'a;

fn credentials(call: &ToolCall, values: &Values<'_>, now: Timestamp, put: &mut Put<'_>) -> bool {
    let Some(own) = &call.credential else { return false };
    let mut changed = |change: &dyn Fn(&mut Credential)| {
        put(&|call| {
            let mut credential = own.clone();
            change(&mut credential);
            call.credential = Some(credential);
        })
    };
    for bound in [Binding::None, Binding::Dpop, Binding::Mtls] {
        if changed(&|credential| credential.bound = bound) {
            return true;
        }
    }
    if changed(&|credential| credential.scopes.clear()) {
        return true;
    }
    for text in &values.strings {
        if changed(&|credential| credential.issuer = Some(text.clone()))
            || changed(&|credential| credential.scopes.push(text.clone()))
            || changed(&|credential| credential.scopes = vec![text.clone()])
        {
            return true;
        }
    }
    // How long it lives: an hour, a day, and a thousandth more or less.
    for length in [60_000, 3_600_000, 86_400_000] {
        for shift in [-1, 0, 1] {
            if changed(&|credential| {
                let issued = credential.issued.unwrap_or(now);
                (credential.issued, credential.expires) = (Some(issued), Some(issued.plus(length + shift)));
            }) {
                return true;
            }
        }
    }
    call.credential.is_some() && put(&|call| call.credential = None)
}

fn inputs(call: &ToolCall, values: &Values<'_>, put: &mut Put<'_>) -> bool {
    let Json::Object(input) = &call.input else { return false };
    for (name, property) in values.arguments(&seen::target(call)) {
        let own = input.get(name.as_str());
        for choice in values.choices(property).filter(|choice| own != Some(choice)) {
            if put(&|call| set(call, name, Some(choice.clone()))) {
                return true;
            }
        }
        if own.is_some() && put(&|call| set(call, name, None)) {
            return true;
        }
    }
    false
}

pub(super) fn set(call: &mut ToolCall, name: &str, value: Option<Json>) {
    let Json::Object(input) = &call.input else { return };
    let others =
        input.iter().filter(|(other, _)| other.as_str() != name).map(|(name, value)| (name.clone(), value.clone()));
    let set = value.map(|value| (name.to_owned(), value));
    call.input = Json::Object(others.chain(set).collect());
}
