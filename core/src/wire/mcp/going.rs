//! Calls whose tool has asked for more input.

use std::{
    cmp::Reverse,
    collections::{HashMap, VecDeque},
};

use super::continuation;
use crate::{Digest, ToolCall, gather::Gather as _, id::EntityRef};

/// Calls of one caller at once. Who lets more of them lie loses his own oldest.
const EACH: usize = 64;
/// Calls of all callers at once. Where there are more, whoever has most loses his oldest.
const ALL: usize = 4_096;

/// The reservations of calls whose tool has asked for more input (2026-07-28), until the client comes back with it: what was
/// approved of a call is approved of all its rounds. For hosts in Rust; the state is the server's own.
///
/// A caller is the whole chain, as the gate sees it: nobody displaces what another one waits for, as long as there is room for
/// all.
#[derive(Debug)]
pub struct Continuing<T = u64> {
    callers: HashMap<Vec<EntityRef>, VecDeque<Kept<T>>>,
    /// How many calls have ever been kept.
    count: u64,
}

/// One call that waits.
#[derive(Debug)]
struct Kept<T> {
    since: u64,
    key: Digest,
    what: T,
}

impl<T> Continuing<T> {
    /// Keeps `what` is known of a call whose tool has answered with `state`, if with any: the id of its reservation. Gives that
    /// of the call that nobody can go on with any more: complete it.
    #[must_use]
    pub fn keep(&mut self, call: &ToolCall, state: Option<&str>, what: T) -> Option<T> {
        let key = continuation(call, state.unwrap_or_default());
        self.count += 1;
        let calls = self.callers.entry(caller(call)).or_default();
        let other = calls.iter().position(|one| one.key == key).and_then(|place| calls.remove(place));
        calls.push_back(Kept { since: self.count, key, what });
        let over = match other {
            None if calls.len() > EACH => calls.pop_front(),
            None => self.over(),
            other => other,
        };
        over.map(|one| one.what)
    }

    /// What is displaced where all callers together have too many: of whoever has most, and of several, of who began first.
    fn over(&mut self) -> Option<Kept<T>> {
        if self.len() <= ALL {
            return None;
        }
        let most = |calls: &&mut VecDeque<Kept<T>>| (calls.len(), Reverse(calls.front().map(|one| one.since)));
        self.callers.values_mut().max_by_key(most)?.pop_front()
    }

    fn len(&self) -> usize {
        self.callers.values().map(VecDeque::len).sum()
    }

    /// What is known of a call that comes with `state`, or with an answer alone: put its reservation to
    /// [`Gate::proceed`](crate::Gate::proceed).
    pub fn take(&mut self, call: &ToolCall, state: Option<&str>) -> Option<T> {
        if self.callers.is_empty() {
            return None;
        }
        let (key, caller) = (continuation(call, state.unwrap_or_default()), caller(call));
        let calls = self.callers.get_mut(&caller)?;
        let taken = calls.iter().position(|one| one.key == key).and_then(|place| calls.remove(place));
        if calls.is_empty() {
            self.callers.remove(&caller);
        }
        taken.map(|one| one.what)
    }

    /// All that is kept.
    pub fn end(&mut self) -> Vec<T> {
        self.callers.drain().flat_map(|(_, calls)| calls).map(|one| one.what).collect()
    }
}

impl<T> Default for Continuing<T> {
    fn default() -> Self {
        Self { callers: HashMap::new(), count: 0 }
    }
}

/// Whose call it is.
fn caller(call: &ToolCall) -> Vec<EntityRef> {
    call.chain().map(|actor| actor.entity()).gather()
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
        assert_eq!(going.take(&call("alice"), Some("s")), None);
    }

    #[test]
    fn a_caller_displaces_his_own_oldest() {
        let mut going = Continuing::default();
        assert_eq!(going.keep(&call("bob"), None, 9_000), None);
        for id in 0..EACH as u64 {
            assert_eq!(going.keep(&call("alice"), Some(&id.to_string()), id), None);
        }
        assert_eq!(going.take(&call("alice"), Some("0")), Some(0));
        assert_eq!(going.keep(&call("alice"), Some("x"), 9_001), None);
        assert_eq!(going.keep(&call("alice"), Some("y"), 9_002), Some(1));
        // The same agent for another user is another caller.
        let for_carol = ToolCall { on_behalf_of: vec![Principal::new(PrincipalKind::User, "carol")], ..call("alice") };
        assert_eq!(going.keep(&for_carol, None, 9_003), None);
        assert_eq!(going.take(&call("bob"), None), Some(9_000));
    }

    #[test]
    fn where_there_is_no_room_left_whoever_has_most_makes_it() {
        let mut going = Continuing::default();
        assert_eq!(going.keep(&call("alice"), None, 9_000), None);
        for caller in 0..ALL.div_ceil(EACH) {
            for id in 0..EACH {
                let over = going.keep(&call(&caller.to_string()), Some(&id.to_string()), (caller * EACH + id) as u64);
                // The last one finds every place taken, and one of those who filled them gives way.
                assert_eq!(over, (caller * EACH + id == ALL - 1).then_some(0));
            }
        }
        assert_eq!(going.keep(&call("bob"), None, 9_001), Some(64));
        assert_eq!((going.len(), going.take(&call("alice"), None)), (ALL, Some(9_000)));
    }
}
