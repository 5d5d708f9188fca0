//! `admit` against the `jsonschema` crate, on schemas of the enforced keywords.

use std::borrow::Cow;

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value, json};

use super::Shape;
use crate::{json::Json, sorted::Sorted};

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2_i64..4).prop_map(Value::from),
        select(vec![0.5, 1.5, -0.5]).prop_map(Value::from),
        select(vec!["", "a", "ab", "ba", "äöü", "a\nb"]).prop_map(Value::from),
    ]
}

fn name() -> impl Strategy<Value = String> {
    select(vec!["a", "b", "c", "x-a"]).prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((name(), inner), 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn types() -> impl Strategy<Value = Value> {
    let one = || select(vec!["null", "boolean", "integer", "number", "string", "array", "object"]);
    prop_oneof![
        3 => one().prop_map(Value::from),
        1 => (one(), one()).prop_map(|(a, b)| if a == b { json!(a) } else { json!([a, b]) }),
    ]
}

/// One keyword that says nothing of other schemas.
fn plain() -> impl Strategy<Value = (&'static str, Value)> {
    let count = || 0..3_i64;
    prop_oneof![
        4 => types().prop_map(|value| ("type", value)),
        2 => vec(value(), 1..4).prop_map(|value| ("enum", Value::from(value))),
        1 => value().prop_map(|value| ("const", value)),
        1 => (select(vec!["minLength", "maxLength", "minItems", "maxItems"]), count()).prop_map(|(k, n)| (k, json!(n))),
        2 => (select(vec!["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]), select(vec![-1.0, 0.5, 1.0, 2.0]))
            .prop_map(|(k, n)| (k, json!(n))),
        1 => select(vec!["^a", "b$", "^[ab]+$", "ö{1}", "a.b"]).prop_map(|value| ("pattern", json!(value))),
        1 => any::<bool>().prop_map(|value| ("uniqueItems", json!(value))),
        2 => vec(name(), 0..3).prop_map(|mut names| {
            names.sort();
            names.dedup();
            ("required", json!(names))
        }),
    ]
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => vec(plain(), 0..3).prop_map(|keywords| {
            Value::Object(keywords.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
        }),
        1 => select(vec!["#/$defs/d0", "#/$defs/d1"]).prop_map(|to| json!({ "$ref": to })),
        1 => any::<bool>().prop_map(Value::from),
    ]
}

/// An object or array schema; it always says what else is admitted, since silence means "nothing" here.
fn nest(inner: BoxedStrategy<Value>) -> impl Strategy<Value = Value> {
    let properties = vec((name(), inner.clone()), 0..4).prop_map(|all| all.into_iter().collect::<Map<_, _>>());
    let object =
        (properties, inner.clone(), prop::option::of(inner.clone())).prop_map(|(properties, other, pattern)| {
            let mut schema = json!({"properties": properties, "additionalProperties": other});
            if let Some(pattern) = pattern {
                schema["patternProperties"] = json!({ "^x-": pattern });
            }
            schema
        });
    let array = (inner.clone(), vec(inner, 0..3)).prop_map(|(items, prefix)| {
        let mut schema = json!({ "items": items });
        if !prefix.is_empty() {
            schema["prefixItems"] = prefix.into();
        }
        schema
    });
    prop_oneof![3 => object, 1 => array]
}

fn schema() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 32, 4, |inner| {
        let branches = (select(vec!["anyOf", "oneOf", "allOf"]), vec(inner.clone(), 1..4), leaf());
        prop_oneof![
            3 => nest(inner.clone()),
            3 => branches.prop_map(|(keyword, branches, mut beside)| {
                match beside.as_object_mut() {
                    Some(members) => {
                        members.insert(keyword.to_owned(), branches.into());
                        beside
                    }
                    None => json!({ keyword: branches }),
                }
            }),
            1 => inner.prop_map(|schema| json!({ "not": schema })),
        ]
    })
}

fn input_schema() -> impl Strategy<Value = Value> {
    let properties = vec((name(), schema()), 0..4).prop_map(|all| all.into_iter().collect::<Map<_, _>>());
    // A `$ref` stands below a member or an element, so that every round of a recursion takes something from the value.
    let definitions = || nest(leaf().boxed());
    (properties, vec(name(), 0..2), definitions(), definitions(), prop::option::of(schema())).prop_map(
        |(properties, mut required, d0, d1, beside)| {
            required.dedup();
            let mut schema = json!({
                "type": "object", "properties": properties, "required": required, "additionalProperties": false,
                "$defs": {"d0": d0, "d1": d1},
            });
            if let Some(beside) = beside {
                schema["allOf"] = json!([beside]);
            }
            schema
        },
    )
}

fn read(value: &Value) -> Json {
    Json::parse(value.to_string().as_bytes()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn agrees_with_jsonschema(
        schema in input_schema(),
        inputs in vec(vec((name(), value()), 0..4).prop_map(|all| Value::Object(all.into_iter().collect())), 8),
    ) {
        let oracle = jsonschema::draft202012::new(&schema).unwrap();
        let (shape, _) = Shape::compile(&read(&schema), &Sorted::new(), false);
        prop_assert_eq!(shape.not_enforced(), &[]);
        let slow = Shape { quick: None, ..Shape::compile(&read(&schema), &Sorted::new(), false).0 };
        for input in &inputs {
            let given = read(input);
            let ours = shape.admit(Cow::Borrowed(&given));
            prop_assert_eq!(&ours, &slow.admit(Cow::Borrowed(&given)), "{} {}", schema, input);
            prop_assert_eq!(ours.is_ok(), oracle.is_valid(input), "{} {} {:?}", schema, input, ours);
            let Ok(ours) = ours else { continue };
            prop_assert_eq!(ours.input.whole(), read(input));
            // What a policy may rely on: a required field is there, or is noted as inexact.
            let record = shape.record(&ours.input);
            for (name, field) in shape.fields() {
                let there = record.contains_key(name.as_str());
                let inexact = ours.inexact.iter().any(|one| one.path.first() == Some(name));
                prop_assert!(there || inexact || !field.required, "{} {} lacks {}", schema, input, name);
                prop_assert!(there || inexact || input.get(name).is_none(), "{} {} hides {}", schema, input, name);
            }
        }
    }
}
