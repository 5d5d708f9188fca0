//! Whether a call is within the limits, before anything looks at what it says. No recursion: the input may be of any
//! depth.

use std::{collections::btree_map, mem, slice};

use smallvec::SmallVec;

use super::{Credential, ToolCall};
use crate::{Json, Limits, Number};

impl ToolCall {
    /// What is over a limit, if anything is.
    ///
    /// A number that no reader of ours would have let through counts as one: a digest could not tell it from others.
    pub(crate) fn within(&self, limits: &Limits) -> Result<(), String> {
        let count = 1 + self.on_behalf_of.len();
        if count > limits.chain {
            return Err(format!("the delegation chain has {count} actors, more than the {} allowed", limits.chain));
        }
        self.each_id(&mut |id| {
            if id.len() > limits.id {
                return Err(format!("an identifier of {} bytes is longer than the {} allowed", id.len(), limits.id));
            }
            Ok(())
        })?;
        let mut bytes = 0;
        self.measure(&self.input, limits, &mut bytes)?;
        for actor in self.chain() {
            if actor.claims.len() > limits.claims {
                return Err(format!("{actor:?} has more than the {} claims allowed", limits.claims));
            }
            for (name, claim) in &actor.claims {
                bytes += name.len();
                self.measure(claim, limits, &mut bytes)?;
            }
        }
        Ok(())
    }

    /// What is named by an empty text, if anything is: a ledger keeps nothing under no name.
    pub(crate) fn nameless(&self) -> Option<&'static str> {
        let empty = |text: &Option<String>| text.as_deref() == Some("");
        let token = |of: fn(&Credential) -> &Option<String>| self.credential.as_ref().is_some_and(|one| empty(of(one)));
        let named = [
            (empty(&self.session), "the id of the session is empty; leave the session out, or name it"),
            (empty(&self.task), "the id of the task is empty; leave the task out, or name it"),
            (token(|one| &one.id), "the id of the credential is empty; leave the id out where the token has none"),
            (
                token(|one| &one.key),
                "the key of the credential is empty; leave it out where the token is bound to none",
            ),
            (self.chain().any(|actor| actor.id.is_empty()), "the id of an actor is empty; name him"),
        ];
        named.into_iter().find_map(|(is_empty, why)| is_empty.then_some(why))
    }

    /// Asks for each identifier in turn.
    fn each_id(&self, ask: &mut impl FnMut(&str) -> Result<(), String>) -> Result<(), String> {
        [&self.server, &self.method, &self.tool].into_iter().try_for_each(|id| ask(id))?;
        [&self.task, &self.session, &self.transport].into_iter().flatten().try_for_each(|id| ask(id))?;
        if let Some(Credential { id, key, issuer, audience, scopes, .. }) = &self.credential {
            [id, key, issuer].into_iter().flatten().try_for_each(|id| ask(id))?;
            audience.iter().chain(scopes).try_for_each(|id| ask(id))?;
        }
        self.chain().try_for_each(|actor| ask(&actor.id))
    }

    fn measure(&self, value: &Json, limits: &Limits, bytes: &mut usize) -> Result<(), String> {
        // Outermost first: mostly little is open.
        let mut open: SmallVec<[Open<'_>; 2]> = SmallVec::new();
        let mut here = Open { children: Children::Items(slice::from_ref(value).iter()), depth: 0 };
        loop {
            let Some((name, value)) = here.children.next() else {
                match open.pop() {
                    Some(above) => here = above,
                    None => break,
                }
                continue;
            };
            if let Some(name) = name {
                string(name, limits, bytes)?;
            }
            *bytes += usize::from(here.depth > 0);
            let inner = match value {
                Json::Null | Json::Bool(_) => None,
                Json::String(text) => string(text, limits, bytes).map(|()| None)?,
                Json::Number(number) => exact(number).map(|()| None)?,
                Json::Array(items) => Some((Children::Items(items.iter()), items.len())),
                Json::Object(members) => Some((Children::Members(members.iter()), members.len())),
            };
            if let Some((children, count)) = inner {
                let depth = here.depth + 1;
                if depth > limits.depth {
                    return Err(format!("the input is nested deeper than the {} levels allowed", limits.depth));
                }
                if count > limits.items {
                    return Err(format!("an array or object has more than the {} members allowed", limits.items));
                }
                open.push(mem::replace(&mut here, Open { children, depth }));
            }
            if *bytes > limits.bytes {
                break;
            }
        }
        if *bytes > limits.bytes {
            return Err(format!("the call holds more than the {} bytes allowed", limits.bytes));
        }
        Ok(())
    }
}

/// What an array or an object has yet to show, and how deep it is.
struct Open<'j> {
    children: Children<'j>,
    depth: usize,
}

enum Children<'j> {
    Items(slice::Iter<'j, Json>),
    Members(btree_map::Iter<'j, String, Json>),
}

impl<'j> Iterator for Children<'j> {
    type Item = (Option<&'j str>, &'j Json);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Items(items) => items.next().map(|item| (None, item)),
            Self::Members(members) => members.next().map(|(name, member)| (Some(name.as_str()), member)),
        }
    }
}

fn string(text: &str, limits: &Limits, bytes: &mut usize) -> Result<(), String> {
    *bytes += text.len();
    if text.len() > limits.string {
        return Err(format!("a string of {} bytes is longer than the {} allowed", text.len(), limits.string));
    }
    Ok(())
}

fn exact(number: &Number) -> Result<(), String> {
    let good = match number {
        Number::Int(_) => true,
        Number::Float(value) => Number::try_from(*value).is_ok_and(|read| read == *number),
        Number::Literal(_) => false,
    };
    good.then_some(()).ok_or_else(|| "a number is neither a 64-bit integer nor a double as it is written".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Principal, PrincipalKind};

    /// What is over a limit first is what is told: nothing behind it is looked at.
    #[test]
    fn measuring_ends_at_the_first_limit() {
        let limits = Limits { bytes: 10, string: 8, items: 4, depth: 3, ..Limits::default() };
        let check = |input: &str, expected: &str| {
            let mut call = ToolCall::new("s", "t", Principal::new(PrincipalKind::User, "u"));
            call.input = Json::parse(input.as_bytes()).unwrap();
            assert_eq!(call.within(&limits).err().unwrap_or_default(), expected, "{input}");
        };
        let (bytes, string) =
            ("the call holds more than the 10 bytes allowed", "a string of 9 bytes is longer than the 8 allowed");
        check(r#"{"a":["1234"]}"#, "");
        check(r#"{"a":["1234","1234","123456789"]}"#, bytes);
        check(r#"{"a":["123456789","1234","1234"]}"#, string);
        check(r#"{"a":["1234","1234",[[[]]]]}"#, bytes);
        check("[[[[]]]]", "the input is nested deeper than the 3 levels allowed");
        check("[1,2,3,4,5]", "an array or object has more than the 4 members allowed");
    }
}
