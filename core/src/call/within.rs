//! Whether a call is within the limits, before anything looks at what it says. No recursion: the input may be of any
//! depth.

use super::ToolCall;
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
        let credential = self.credential.iter().flat_map(|credential| {
            credential
                .id
                .iter()
                .chain(&credential.key)
                .chain(&credential.issuer)
                .chain(&credential.audience)
                .chain(&credential.scopes)
        });
        let ids = [&self.server, &self.method, &self.tool].into_iter();
        let ids = ids.chain(&self.task).chain(&self.session).chain(&self.transport).chain(credential);
        for id in ids.chain(self.chain().map(|actor| &actor.id)) {
            if id.len() > limits.id {
                return Err(format!("an identifier of {} bytes is longer than the {} allowed", id.len(), limits.id));
            }
        }
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

    fn measure(&self, value: &Json, limits: &Limits, bytes: &mut usize) -> Result<(), String> {
        let mut next = vec![(value, 0_usize)];
        while let Some((value, depth)) = next.pop() {
            let strings: Vec<&str> = match value {
                Json::String(text) => vec![text],
                Json::Object(members) => members.keys().map(String::as_str).collect(),
                _ => Vec::new(),
            };
            for text in strings {
                *bytes += text.len();
                if text.len() > limits.string {
                    return Err(format!(
                        "a string of {} bytes is longer than the {} allowed",
                        text.len(),
                        limits.string
                    ));
                }
            }
            if let Json::Number(number) = value {
                exact(number)?;
            }
            let depth = depth + usize::from(matches!(value, Json::Array(_) | Json::Object(_)));
            if depth > limits.depth {
                return Err(format!("the input is nested deeper than the {} levels allowed", limits.depth));
            }
            let children: Vec<&Json> = match value {
                Json::Array(items) => items.iter().collect(),
                Json::Object(members) => members.values().collect(),
                _ => continue,
            };
            if children.len() > limits.items {
                return Err(format!("an array or object has more than the {} members allowed", limits.items));
            }
            *bytes += children.len();
            if *bytes > limits.bytes {
                return Err(format!("the call holds more than the {} bytes allowed", limits.bytes));
            }
            next.extend(children.into_iter().map(|child| (child, depth)));
        }
        if *bytes > limits.bytes {
            return Err(format!("the call holds more than the {} bytes allowed", limits.bytes));
        }
        Ok(())
    }
}

fn exact(number: &Number) -> Result<(), String> {
    let good = match number {
        Number::Int(_) => true,
        Number::Float(value) => Number::try_from(*value).is_ok(),
        Number::Literal(_) => false,
    };
    good.then_some(()).ok_or_else(|| "a number fits neither a 64-bit integer nor a double".to_owned())
}
