//! Most inputs are flat and fit. To see that, one look at each argument is enough; what is wrong with the others is for
//! [`check`](super::check) to say.

use super::{
    admit::Plain,
    check::{Check, Path},
    doubt::Absent,
    fill::fill,
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
    /// What those are that are not there.
    defaults: Object,
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
        let mut arguments: Vec<_> = arguments.collect();
        // One that is required and not among them is one that a quick look never finds.
        if arguments.iter().filter(|one| one.required).count() < rules.required.len() {
            return None;
        }
        let (mut defaults, mut steps) = (object, STEPS);
        let Json::Object(defaults) =
            fill(graph, ROOT, &mut defaults, &mut steps, &mut Absent::new()).then_some(defaults)?
        else {
            return None;
        };
        arguments.iter_mut().for_each(|one| one.required &= !defaults.contains_key(&*one.name));
        let required = arguments.iter().filter(|one| one.required).count();
        let quick = Self { arguments, required, defaults };
        // Of what fills in for an argument, not more is taken for granted than of an argument.
        quick.fits(graph, &quick.defaults).is_some().then_some(quick)
    }

    /// What arguments are that are not there.
    pub(super) fn defaults(&self) -> Option<&Object> {
        Some(&self.defaults).filter(|defaults| !defaults.is_empty())
    }

    /// Whether an input surely fits, and all of it is the same in JSON and in Cedar. If not, nothing is known of it.
    pub(super) fn sees(&self, graph: &Graph, input: &Object) -> bool {
        self.fits(graph, input) == Some(self.required)
    }

    /// How many required arguments are there, if all that are there surely fit.
    fn fits(&self, graph: &Graph, input: &Object) -> Option<usize> {
        let (mut expected, mut required) = (self.arguments.iter(), 0);
        let mut check = Check::new(graph, STEPS);
        for (name, value) in input {
            // Both are sorted: what was passed over does not come again.
            let one = expected.find(|one| *one.name == **name)?;
            let more = |id: Id| check.place(id, value, &Path::Root, false);
            if !is_exact(&one.slot, value) || !one.more.is_none_or(more) {
                return None;
            }
            required += usize::from(one.required);
        }
        // What a check says that had to be given up, holds of nothing: under `not`, it even says that a value fits.
        (!check.stuck).then_some(required)
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

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::{collection::vec, prelude::*, sample::select};
    use serde_json::{Map, Value, json};

    use super::super::Shape;
    use crate::{
        json::{Json, Pointer, Step},
        sorted::Sorted,
    };

    fn read(value: &Value) -> Json {
        Json::parse(value.to_string().as_bytes()).unwrap()
    }

    fn compile(schema: &Value) -> Shape {
        Shape::compile(&read(schema), &Sorted::new(), false).0
    }

    fn name() -> impl Strategy<Value = String> {
        select(vec!["a", "b", "c"]).prop_map(str::to_owned)
    }

    fn scalar() -> impl Strategy<Value = Value> {
        let values = json!(["", "a", "b", -1, 0, 1, 2, true, false, ["a"], null, 0.5, 0.123456]);
        select(values.as_array().unwrap().clone())
    }

    /// A schema of one plain value, mostly with a default, which may be wrong.
    fn flat() -> impl Strategy<Value = Value> {
        let types = vec![
            json!({"type": "string"}),
            json!({"type": "string", "enum": ["a", "b"]}),
            json!({"type": "integer", "minimum": 0}),
            json!({"type": "boolean"}),
            json!({"type": "number"}),
            json!({"type": "array", "items": {"type": "string"}}),
        ];
        (select(types), prop::option::weighted(0.7, scalar())).prop_map(|(mut schema, default)| {
            if let Some(default) = default {
                schema["default"] = default;
            }
            schema
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        #[test]
        fn defaults_beside_the_input_are_as_those_in_it(
            properties in vec((name(), flat()), 0..4),
            required in vec(name(), 0..2),
            inputs in vec(vec((name(), scalar()), 0..4).prop_map(|all| Value::Object(all.into_iter().collect())), 8),
        ) {
            let properties: Map<_, _> = properties.into_iter().collect();
            let mut required = required;
            required.dedup();
            let schema = json!({"type": "object", "properties": properties, "required": required});
            let (quick, slow) = (compile(&schema), Shape { quick: None, ..compile(&schema) });
            for input in &inputs {
                let given = read(input);
                let both = (quick.admit(Cow::Borrowed(&given)), slow.admit(Cow::Borrowed(&given)));
                prop_assert_eq!(&both.0, &both.1, "{} {}", schema, input);
                let (Ok(ours), Ok(other)) = both else { continue };
                prop_assert_eq!(quick.record(&ours.input), slow.record(&other.input));
                for name in properties.keys() {
                    prop_assert_eq!(ours.input.get(name), other.input.get(name), "{} {} {}", schema, input, name);
                    let pointer = Pointer::default().member(name);
                    prop_assert_eq!(ours.input.one(&pointer), other.input.one(&pointer));
                    let each = pointer.child(Step::Each);
                    prop_assert_eq!(ours.input.all(&each.0), other.input.all(&each.0));
                }
            }
        }
    }

    #[test]
    fn what_takes_long_is_left_to_the_full_check() {
        let long = json!({ "p": format!("/etc/{}", "x".repeat(66_000)) });
        for more in [json!({"not": {"pattern": "^/etc"}}), json!({"oneOf": [{"pattern": "^/"}, {"pattern": "c"}]})] {
            let mut schema = json!({"type": "object", "properties": {"p": {"type": "string"}}});
            schema["properties"]["p"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let (shape, given) = (compile(&schema), read(&long));
            assert!(shape.quick.is_some());
            assert!(shape.admit(Cow::Borrowed(&given)).is_err(), "{schema}");
        }
    }

    #[test]
    fn plain_defaults_need_no_copy() {
        let schema = json!({"type": "object", "required": ["n"], "properties": {
            "n": {"type": "integer", "default": 7}, "s": {"type": "string"},
        }});
        let (shape, given) = (compile(&schema), read(&json!({"s": "x"})));
        let quick = shape.quick.as_ref().unwrap();
        assert!(quick.sees(&shape.graph, given.as_object().unwrap()));
        assert_eq!(quick.defaults().unwrap()["n"], read(&json!(7)));
        assert_eq!(shape.admit(Cow::Borrowed(&given)).unwrap().input.whole(), read(&json!({"n": 7, "s": "x"})));
    }
}
