//! Random policies, held against Cedar.

use std::fmt::Write as _;

use cedar_policy::{Context, Entities, EntityId, EntityTypeName, EntityUid, PolicyId, PolicySet, Request, SlotId};

use super::{Compiled, Oracle, dice::Dice, generate::Writer};

/// What came of comparing.
#[derive(Debug, Default)]
pub struct Compared {
    /// How many outcomes of one policy, or one link, for one request were compared.
    pub comparisons: u64,
    /// How many requests that were.
    pub requests: u64,
    /// Of those comparisons, how many were satisfied policies, and how many failed to evaluate: neither should be rare.
    pub satisfied: u64,
    /// See `satisfied`.
    pub erring: u64,
    /// Each disagreement, with everything that is needed to see it again.
    pub disagreements: Vec<String>,
}

impl Compared {
    /// Adds another comparison's counts to these.
    pub fn add(&mut self, other: Self) {
        self.comparisons += other.comparisons;
        self.requests += other.requests;
        self.satisfied += other.satisfied;
        self.erring += other.erring;
        self.disagreements.extend(other.disagreements);
    }
}

/// Makes a policy set, entities, and so many requests, and compares what comes of each policy and each link.
///
/// # Errors
/// Something that was made could not be read, which is a fault of the generator; or could not be compiled.
pub fn compare(dice: &mut Dice<'_>, requests: usize) -> Result<Compared, String> {
    let mut writer = Writer { dice };
    let count = 2 + writer.dice.roll(14);
    let mut text = String::new();
    for _ in 0..count {
        let template = writer.dice.once_in(6);
        text.push_str(&writer.policy(template));
    }
    if writer.dice.roll(2) == 0 {
        text.push_str(&writer.siblings());
    }
    let mut set: PolicySet = text.parse().map_err(|error| format!("{error:?}\n{text}"))?;
    link(&mut writer, &mut set, &mut text)?;
    let json = writer.entities();
    let entities = Entities::from_json_value(json.clone(), None).map_err(|error| format!("{error:?}\n{json}"))?;
    let compiled = Compiled::new(&set).map_err(|faults| format!("{}\n{text}", faults.join("\n")))?;
    let oracle = Oracle::new(&set)?;
    let prepared = compiled.entities(&entities)?;
    let mut done = Compared::default();
    let mut context = (serde_json::Value::Null, Context::empty());
    for turn in 0..requests {
        // A context costs more than an evaluation.
        if turn % 4 == 0 {
            let json = writer.context();
            let made = Context::from_json_value(json.clone(), None).map_err(|error| format!("{error:?}\n{json}"))?;
            context = (json, made);
        }
        let [principal, action, resource] = writer.request();
        let request = Request::new(uid(principal)?, uid(action)?, uid(resource)?, context.1.clone(), None);
        let request = request.map_err(|error| error.to_string())?;
        let asked = super::Request::new(&request)?;
        let ours = compiled.evaluate(&prepared, &asked);
        // Read beforehand, facts are the same; so is what is found without the index.
        let all = compiled.evaluate_all(&prepared, &asked.resolved(&compiled, &prepared));
        let theirs = oracle.evaluate(&entities, &request);
        done.requests += 1;
        done.comparisons += set.policies().count() as u64;
        done.satisfied += (theirs.permits.len() + theirs.forbids.len()) as u64;
        done.erring += theirs.errors.len() as u64;
        if ours != theirs || all != theirs {
            let mut told = format!("{text}\nentities: {json}\ncontext: {}\n", context.0);
            let _ = write!(
                told,
                "request: {principal:?} {action:?} {resource:?}\ncompiled: {ours:?}\nwithout index: {all:?}\ncedar: {theirs:?}\n"
            );
            done.disagreements.push(told);
        }
    }
    Ok(done)
}

/// Links each template, once or twice.
fn link(writer: &mut Writer<'_, '_>, set: &mut PolicySet, text: &mut String) -> Result<(), String> {
    let templates: Vec<_> = set
        .templates()
        .map(|template| (template.id().clone(), template.slots().cloned().collect::<Vec<SlotId>>()))
        .collect();
    for (template, slots) in templates {
        for turn in 0..1 + writer.dice.roll(2) {
            let mut values = std::collections::HashMap::new();
            for slot in &slots {
                let filling = writer.filling();
                let _ = writeln!(text, "// {template} link {turn}: {slot} = {filling:?}");
                values.insert(slot.clone(), uid(filling)?);
            }
            let id = PolicyId::new(format!("{template}-{turn}"));
            set.link(template.clone(), id, values).map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

fn uid((kind, id): (&str, &str)) -> Result<EntityUid, String> {
    let kind: EntityTypeName = kind.parse().map_err(|_| format!("`{kind}` is no type"))?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}
