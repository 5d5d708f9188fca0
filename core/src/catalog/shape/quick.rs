//! Most inputs are flat and fit. To see that, one look at each argument is enough; what is wrong with the others is for
//! [`check`](super::check) to say.

use super::{
    admit::Plain,
    check::{Check, Path},
    graph::{Graph, Id, Node, ROOT},
    slot::{Members, Slot},
};
use crate::json::{Json, Number, Object};

/// Steps that a quick look may take in all. Who needs more of them is checked in full, which has a bound of its own.
const STEPS: u32 = 4_096;

/// The arguments that can be looked at one by one, sorted by name.
#[derive(Debug)]
pub(super) struct Quick {
    arguments: Vec<Expected>,
    /// How many of them must be there.
    required: usize,
}

#[derive(Debug)]
struct Expected {
    name: Box<str>,
    slot: Slot,
    required: bool,
    /// The schema to check the value against, where that asks for more than the type.
    more: Option<Id>,
}

impl Quick {
    /// What is asked of an input; nothing if its schema asks for more than its members one by one.
    pub(super) fn of(graph: &Graph, members: &Members) -> Option<Self> {
        let root = graph.node(ROOT)?;
        let rules = root.object.as_ref().filter(|rules| alone(root) && rules.patterns.is_empty())?;
        let object = Json::Object(Object::new());
        if !root.choices.is_empty() || root.types.is_some_and(|types| !types.admits(&object)) {
            return None;
        }
        let arguments = rules.properties.iter().filter_map(|(name, id)| {
            let node = graph.node(*id)?;
            let member = members.typed.get(name.as_str()).filter(|member| can_be_exact(&member.slot))?;
            let only = |value: &Json| node.types.is_some_and(|types| types.admits(value));
            let typed = match &member.slot {
                Slot::Bool => only(&Json::Bool(true)),
                Slot::Text => only(&Json::from("")),
                Slot::Decimal => only(&Json::Number(Number::Float(0.5))),
                slot => slot.is_long() && only(&Json::Number(Number::Int(0))),
            };
            let plain = typed && alone(node) && node.choices.is_empty() && node.text.is_none() && node.number.is_none();
            let required = rules.required.contains(name);
            Some(Expected {
                name: name.as_str().into(),
                slot: member.slot.clone(),
                required,
                more: (!plain).then_some(*id),
            })
        });
        let arguments: Vec<_> = arguments.collect();
        let required = arguments.iter().filter(|one| one.required).count();
        // One that is required and not among them is one that a quick look never finds.
        (required == rules.required.len()).then_some(Self { arguments, required })
    }

    /// Whether an input surely fits, and all of it is the same in JSON and in Cedar. If not, nothing is known of it.
    pub(super) fn sees(&self, graph: &Graph, input: &Object) -> bool {
        let (mut expected, mut missing) = (self.arguments.iter(), self.required);
        let mut check = Check::new(graph, STEPS);
        for (name, value) in input {
            // Both are sorted: what was passed over does not come again.
            let Some(one) = expected.find(|one| *one.name == **name) else { return false };
            if !is_exact(&one.slot, value) {
                return false;
            }
            if let Some(id) = one.more
                && !check.place(id, value, &Path::Root, false)
            {
                return false;
            }
            missing -= usize::from(one.required);
        }
        missing == 0
    }
}

/// Whether there are values that policies see as they stand.
fn can_be_exact(slot: &Slot) -> bool {
    match slot {
        Slot::Set(items) => matches!(**items, Slot::Bool | Slot::Text) || items.is_long(),
        slot => matches!(slot, Slot::Bool | Slot::Text | Slot::Decimal) || slot.is_long(),
    }
}

/// Whether policies see a value as it stands.
fn is_exact(slot: &Slot, value: &Json) -> bool {
    match (slot, value) {
        (Slot::Decimal, Json::Number(number)) => number.ten_thousandths().is_some(),
        (Slot::Set(slot), Json::Array(items)) => items.iter().all(|item| Plain::of(slot, item).is_some()),
        (slot, value) => Plain::of(slot, value).is_some(),
    }
}

/// Whether a schema applies by itself, and always.
fn alone(node: &Node) -> bool {
    let others = [&node.all, &node.any, &node.one].into_iter().all(|ids| ids.is_empty());
    others && node.not.is_none() && !node.never
}
