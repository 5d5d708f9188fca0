//! The question of `toolgate_benches::engine`, for four other engines: the same permits and forbids, the same call.
//!
//! Each engine gets what it is asked as favourably as its interface allows: policies compiled, the request built
//! beforehand, and the level of the resource and the tenant of the principal as plain values instead of entities. All
//! but toolgate and Cedar may stop at the first permit; none but those two says which policies decided.

mod biscuit;
mod casbin;
mod cel;
mod rego;

use std::error::Error;

use serde_json::Value;
use toolgate_benches::engine::{Apart, TOOLS, context};

/// An engine with the policies loaded and a call built.
pub trait Peer {
    /// Its name in the table.
    fn name(&self) -> &'static str;

    /// Whether it allows the call.
    ///
    /// # Errors
    /// The engine could not evaluate.
    fn allows(&mut self) -> Result<bool, Box<dyn Error>>;
}

/// A permit, as plain values.
struct Permit {
    /// The agent that it names, if it names one.
    agent: Option<String>,
    tool: String,
    /// Where the purpose stands in the call.
    field: &'static str,
    purpose: String,
}

/// All four engines on `count` permits that are told apart like this; Rego twice.
///
/// # Errors
/// An engine refuses the policies, does not allow the call, or allows it for another owner.
pub fn peers(apart: Apart, count: usize) -> Result<Vec<Box<dyn Peer>>, Box<dyn Error>> {
    let permits: Vec<_> = (0..count).map(|index| permit(apart, index, count)).collect();
    let all = |owner: &str| -> Result<Vec<Box<dyn Peer>>, Box<dyn Error>> {
        let call = call(apart, count, owner);
        let mut peers: Vec<Box<dyn Peer>> = vec![
            Box::new(rego::Indexed::new(&permits, &call)?),
            Box::new(cel::Cel::new(&permits, &call)?),
            Box::new(casbin::Casbin::new(&permits, &call)?),
            Box::new(biscuit::Biscuit::new(&permits, &call)?),
        ];
        if count <= rego::MOST {
            peers.push(Box::new(rego::Text::new(&permits, &call)?));
        }
        Ok(peers)
    };
    for mut peer in all("other")? {
        if peer.allows()? {
            return Err(format!("{} allows another owner", peer.name()).into());
        }
    }
    let mut peers = all("acme")?;
    for peer in &mut peers {
        if !peer.allows()? {
            return Err(format!("{} does not allow the call", peer.name()).into());
        }
    }
    Ok(peers)
}

fn permit(apart: Apart, index: usize, count: usize) -> Permit {
    let scoped = matches!(apart, Apart::Scoped);
    let (field, purpose) = match apart {
        Apart::Scoped => ("purpose", format!("purpose-{}", index % 16)),
        Apart::Deep => ("full", format!("purpose-{index}/{}", (count / 2) % 16)),
        Apart::Nothing => ("full", format!("purpose-{}/{}", count / 2, (count / 2) % 16)),
    };
    let tool = if scoped { index % TOOLS } else { 0 };
    Permit { agent: scoped.then(|| format!("agent-{index}")), tool: format!("tool-{tool}"), field, purpose }
}

/// The call that the permit in the middle allows: the context of toolgate's question, and who asks for what, of this owner.
fn call(apart: Apart, count: usize, owner: &str) -> Value {
    let asked = count / 2;
    let tool = if matches!(apart, Apart::Scoped) { asked % TOOLS } else { 0 };
    let mut call = context(asked);
    call["principal"] = format!("agent-{asked}").into();
    call["tenant"] = "acme".into();
    call["tool"] = format!("tool-{tool}").into();
    call["effect"] = "read".into();
    call["level"] = 1.into();
    call["input"]["owner"] = owner.into();
    call
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_allow_the_call_and_no_other() {
        for apart in Apart::ALL {
            assert_eq!(peers(apart, 20).unwrap().len(), 5);
        }
    }
}
