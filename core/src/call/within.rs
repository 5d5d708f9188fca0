//! Whether a call is within the limits, before anything looks at what it says. No recursion: the input may be of any
//! depth.

use std::{collections::btree_map, slice};

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
        let mut next = Next::new();
        leaf(value, limits, bytes)?;
        open(value, 0, limits, &mut next)?;
        while let Some((children, depth)) = next.last_mut() {
            let depth = *depth;
            match children.next() {
                None => drop(next.pop()),
                Some((name, child)) => {
                    name.map_or(Ok(()), |name| string(name, limits, bytes))?;
                    *bytes += 1;
                    leaf(child, limits, bytes)?;
                    open(child, depth, limits, &mut next)?;
                }
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
type Open<'j> = (Children<'j>, usize);

/// What is open, outermost first: mostly little.
type Next<'j> = SmallVec<[Open<'j>; 2]>;

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

/// Puts an array or an object on the stack, if that is what the value is.
fn open<'j>(value: &'j Json, depth: usize, limits: &Limits, next: &mut Next<'j>) -> Result<(), String> {
    let (children, count) = match value {
        Json::Array(items) => (Children::Items(items.iter()), items.len()),
        Json::Object(members) => (Children::Members(members.iter()), members.len()),
        _ => return Ok(()),
    };
    if depth + 1 > limits.depth {
        return Err(format!("the input is nested deeper than the {} levels allowed", limits.depth));
    }
    if count > limits.items {
        return Err(format!("an array or object has more than the {} members allowed", limits.items));
    }
    next.push((children, depth + 1));
    Ok(())
}

fn leaf(value: &Json, limits: &Limits, bytes: &mut usize) -> Result<(), String> {
    match value {
        Json::String(text) => string(text, limits, bytes),
        Json::Number(number) => exact(number),
        _ => Ok(()),
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
        Number::Float(value) => Number::try_from(*value).is_ok(),
        Number::Literal(_) => false,
    };
    good.then_some(()).ok_or_else(|| "a number fits neither a 64-bit integer nor a double".to_owned())
}
