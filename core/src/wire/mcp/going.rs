//! Calls whose tool has asked for more input.

use std::collections::{HashMap, VecDeque};

use super::continuation;
use crate::{Digest, ToolCall};

/// Calls at once. Who lets more of them lie loses the oldest.
const CALLS: usize = 1_024;

/// The reservations of calls whose tool has asked for more input (2026-07-28), until the client comes back with it: what was
/// approved of a call is approved of all its rounds. For hosts in Rust; the state is the server's own.
#[derive(Debug, Default)]
pub struct Continuing {
    calls: HashMap<Digest, u64>,
    /// The oldest first. Some have gone on since.
    order: VecDeque<(Digest, u64)>,
}

impl Continuing {
    /// Keeps the reservation `id` of a call whose tool has answered with `state`, if with any. Gives the reservation that nobody
    /// can go on with any more: complete it.
    #[must_use]
    pub fn keep(&mut self, call: &ToolCall, state: Option<&str>, id: u64) -> Option<u64> {
        let key = continuation(call, state.unwrap_or_default());
        self.order.retain(|(key, id)| self.calls.get(key) == Some(id));
        let other = self.calls.insert(key, id);
        self.order.push_back((key, id));
        if other.is_some() || self.calls.len() <= CALLS {
            return other;
        }
        let (oldest, id) = self.order.pop_front()?;
        self.calls.remove(&oldest);
        Some(id)
    }

    /// The reservation of a call that comes with `state`, or with an answer alone: put it to [`Gate::proceed`](crate::Gate::proceed).
    pub fn take(&mut self, call: &ToolCall, state: Option<&str>) -> Option<u64> {
        if self.calls.is_empty() {
            return None;
        }
        self.calls.remove(&continuation(call, state.unwrap_or_default()))
    }

    /// All that is kept.
    pub fn end(&mut self) -> Vec<u64> {
        self.order.clear();
        self.calls.drain().map(|(_, id)| id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Principal, PrincipalKind};

    fn call(who: &str) -> ToolCall {
        ToolCall::new("notes", "write", Principal::new(PrincipalKind::User, who))
    }

    #[test]
    fn states_of_others_are_others() {
        let mut going = Continuing::default();
        assert_eq!(going.keep(&call("alice"), Some("s"), 1), None);
        assert_eq!(going.keep(&call("bob"), Some("s"), 2), None);
        assert_eq!(going.take(&call("bob"), None), None);
        assert_eq!(going.take(&call("bob"), Some("s")), Some(2));
        assert_eq!(going.take(&call("bob"), Some("s")), None);
        assert_eq!(going.keep(&call("alice"), Some("s"), 3), Some(1));
        assert_eq!(going.end(), [3]);
    }

    #[test]
    fn the_oldest_is_given_up() {
        let mut going = Continuing::default();
        for id in 0..CALLS as u64 {
            assert_eq!(going.keep(&call("alice"), Some(&id.to_string()), id), None);
        }
        assert_eq!(going.take(&call("alice"), Some("0")), Some(0));
        assert_eq!(going.keep(&call("alice"), Some("x"), 9_000), None);
        assert_eq!(going.keep(&call("alice"), Some("y"), 9_001), Some(1));
    }
}
