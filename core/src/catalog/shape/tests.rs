use std::borrow::Cow;

use super::{admit::Admitted, *};
use crate::json::{Caps, Numbers, read};

fn json(text: &str) -> Json {
    read(text.as_bytes(), &Caps::file(Numbers::Any)).unwrap()
}

fn pointer(text: &str) -> Pointer {
    Pointer::parse(text).unwrap()
}

/// A schema with one property, `a`.
fn one(a: &str) -> Shape {
    compile(&format!(r#"{{"type": "object", "properties": {{"a": {a}}}}}"#), &[])
}

fn compile(schema: &str, kinds: &[(&str, Kind)]) -> Shape {
    let kinds = kinds.iter().map(|(at, kind)| (pointer(at), kind.clone())).collect();
    let (shape, faults) = Shape::compile(&json(schema), &kinds, false);
    assert_eq!(faults, [], "{schema}");
    shape
}

/// Fields as Cedar writes them, then what is left out.
fn shown(shape: &Shape) -> String {
    let left: Vec<_> = shape.left_out().iter().map(|left| format!("; {} {}", left.pointer, left.why)).collect();
    format!("{}{}", Type::Record(shape.fields().clone()), left.concat())
}

/// The record, then what is inexact; or the misfits.
fn admitted(shape: &Shape, input: &str) -> String {
    match shape.admit(Cow::Owned(Json::parse(input.as_bytes()).unwrap())) {
        Ok(Admitted { input, inexact, .. }) => {
            let inexact: Vec<_> = inexact.iter().map(|one| format!("; {} {}", one.path.join("."), one.why)).collect();
            format!("{}{}", crate::value::Value::Record(shape.record(&input)), inexact.concat())
        }
        Err(misfits) => misfits.iter().map(|one| format!("{} {}", one.pointer, one.why)).collect::<Vec<_>>().join("; "),
    }
}

#[test]
fn types_of_arguments() {
    let check = |a: &str, expected: &str| {
        let (expected, more) = expected.split_once(" + ").unwrap_or((expected, ""));
        let expected = match expected.strip_prefix('!') {
            Some(why) => format!("{{}}; /a{why}"),
            None => format!("{{\"a\"?: {expected}}}{more}"),
        };
        assert_eq!(shown(&one(a)), expected, "{a}");
    };
    check(r#"{"type": "string"}"#, "String");
    check(r#"{"type": "string", "format": "date-time"}"#, "datetime");
    check(r#"{"type": "string", "format": "ipv4"}"#, "ipaddr");
    check(r#"{"type": "string", "format": "ipv6"}"#, "ipaddr");
    check(r#"{"type": "string", "format": "uri"}"#, "String");
    check(r#"{"type": "integer"}"#, "Long");
    check(r#"{"type": "number"}"#, "decimal");
    check(r#"{"type": "boolean"}"#, "Bool");
    check(r#"{"enum": ["x", "y", null]}"#, "String");
    check(r#"{"enum": [1, 2]}"#, "Long");
    check(r#"{"enum": [1, 2.5]}"#, "decimal");
    check(r#"{"const": true}"#, "Bool");
    check(r#"{"type": "number", "enum": [1, 2]}"#, "Long");
    check(r#"{"enum": ["x", 1]}"#, "! string or integer: no single Cedar type");
    check(r#"{"type": ["string", "null"]}"#, "String");
    check(r#"{"type": "string", "nullable": true}"#, "String");
    check(r#"{"anyOf": [{"type": "integer"}, {"type": "null"}]}"#, "Long");
    check(r#"{"oneOf": [{"type": "null"}, {"type": "array", "items": {"type": "string"}}]}"#, "Set<String>");
    check(r#"{"anyOf": [{"type": "integer"}, {"type": "number"}]}"#, "decimal");
    check(r#"{"anyOf": [{"type": "string", "format": "ipv4"}, {"type": "string", "format": "ipv6"}]}"#, "ipaddr");
    check(r#"{"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string"}]}"#, "String");
    check(r#"{"anyOf": [{"const": "x"}, {"enum": ["y"]}, {"type": "string"}]}"#, "String");
    check(r#"{"anyOf": [{"type": "string"}, {"type": "number"}]}"#, "! string or number: no single Cedar type");
    check(r#"{"type": ["string", "number", "boolean"]}"#, "! string or number or boolean: no single Cedar type");
    check(r#"{"type": "string", "anyOf": [{"minLength": 2}, {"const": "x"}]}"#, "String");
    check(r#"{"anyOf": [{"type": "string"}, {}]}"#, "! the schema gives it no type");
    check(r#"{"allOf": [{"type": "string"}, {"maxLength": 3}]}"#, "String");
    check(r#"{"allOf": [{"type": "string"}, {"type": "integer"}]}"#, "! string and integer at once: no value fits");
    check(r#"{"type": ["string", "integer"], "allOf": [{"type": "integer"}]}"#, "Long");
    check("{}", "! the schema gives it no type");
    check("true", "! the schema gives it no type");
    check("false", "! no value fits");
    check("12", "! the schema gives it no type");
    check(r#"{"type": 12}"#, "! the schema gives it no type");
    check(r#"{"type": "null"}"#, "! always null");
    check(r#"{"type": "object"}"#, "! object that declares no members");
    check(
        r#"{"type": "object", "additionalProperties": {"type": "string"}}"#,
        "! map: the names of its members are not declared",
    );
    check(r#"{"type": "array"}"#, "! array that does not say what its elements are");
    check(r#"{"type": "array", "items": {}}"#, "! array whose elements have no type (the schema gives it no type)");
    check(
        r#"{"type": "array", "prefixItems": [{"type": "string"}]}"#,
        "! tuple: each place in the array has a schema of its own",
    );
    check(
        r#"{"type": "array", "items": [{"type": "string"}]}"#,
        "! tuple: each place in the array has a schema of its own",
    );
    check(r#"{"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}"#, "Set<Set<Long>>");
    check(
        r#"{"properties": {"b": {"type": "string"}, "c": {"type": "integer"}}, "required": ["b"]}"#,
        r#"{"b": String, "c"?: Long}"#,
    );
    check(
        r#"{"type": "object", "properties": {"b": {"type": "string"}, "c": {"type": "string"}}, "anyOf": [{"required": ["b"]}, {"required": ["c"]}]}"#,
        r#"{"b"?: String, "c"?: String}"#,
    );
    check(
        r#"{"oneOf": [{"type": "object", "properties": {"k": {"const": "x"}, "b": {"type": "string"}}, "required": ["k", "b"]},
                      {"type": "object", "properties": {"k": {"const": "y"}, "b": {"type": "integer"}, "c": {"type": "boolean"}}, "required": ["k", "c"]}]}"#,
        r#"{"c"?: Bool, "k": String} + ; /a/b string or integer: no single Cedar type"#,
    );
    check(
        r#"{"allOf": [{"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]}, {"properties": {"c": {"type": "integer", "default": 1}}}]}"#,
        r#"{"b": String, "c": Long}"#,
    );
    check(
        r#"{"type": "array", "items": {"type": "object", "properties": {"value": {"type": ["string", "number"]}, "id": {"type": "integer"}}}}"#,
        r#"Set<{"id"?: Long}> + ; /a/*/value string or number: no single Cedar type"#,
    );
    check(r##"{"$ref": "#/$defs/none"}"##, "! `$ref` to `#/$defs/none` leads nowhere");
    check(r#"{"$ref": "https://x.test/s"}"#, "! `$ref` to `https://x.test/s` is not local, and never fetched");
    check(r##"{"$ref": "#/properties/a"}"##, "! recursive");
    check(r##"{"type": "array", "items": {"$ref": "#"}}"##, "! array whose elements have no type (recursive)");
}

fn check_shape(schema: &str, expected: &str) {
    assert_eq!(shown(&compile(schema, &[])), expected, "{schema}");
}

#[test]
fn presence_and_references() {
    check_shape(
        r##"{"properties": {"a": {"$ref": "#/$defs/s~1t"}, "b": {"$ref": "#/definitions/q%22"}, "c": {"type": ["string", "null"]}, "d": {"type": "string", "default": "x"},
            "e": {"type": "integer", "default": "no"}, "f": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": null}},
            "required": ["a", "c", "e"], "$defs": {"s/t": {"type": "string"}}, "definitions": {"q\"": {"type": "boolean"}}}"##,
        r#"{"a": String, "b"?: Bool, "c"?: String, "d": String, "e": Long, "f"?: String}"#,
    );
    check_shape(
        r##"{"properties": {"t": {"$ref": "#/$defs/tree"}}, "$defs": {"tree": {"type": "object", "properties": {"v": {"type": "string"}, "kids": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}}}}"##,
        r#"{"t"?: {"v"?: String}}; /t/kids array whose elements have no type (recursive)"#,
    );
    check_shape(
        r#"{"properties": {"": {"type": "string"}, "a\"é\n": {"type": "integer"}, "if": {"type": "boolean"}}}"#,
        r#"{""?: String, "a\"é\n"?: Long, "if"?: Bool}"#,
    );
    check_shape(
        r#"{"properties": {}, "required": ["x"], "then": {"properties": {"y": {"type": "string"}}}}"#,
        "{}; /x the schema gives it no type, or one only under a condition; /y the schema gives it no type, or one only under a condition",
    );
    for odd in [
        "true",
        "false",
        "null",
        "[]",
        "{}",
        r#"{"type": "array"}"#,
        r#"{"properties": [], "required": {}, "anyOf": [], "allOf": 1, "enum": 2}"#,
    ] {
        check_shape(odd, "{}");
    }
}

#[test]
fn strangers_schemas_end() {
    let deep = (0..60).fold(r#"{"type": "string"}"#.to_owned(), |inner, _| format!(r#"{{"items": {inner}}}"#));
    let shape = one(&deep);
    assert!(shape.left_out()[0].why.contains("nested too deep"), "{:?}", shape.left_out());

    let doubling: Vec<_> = (0..60)
        .map(|n| format!(r##""d{n}": {{"properties": {{"x": {{"$ref": "#/$defs/d{}"}}, "y": {{"$ref": "#/$defs/d{0}"}}}}, "allOf": [{{"$ref": "#/$defs/d{0}"}}, {{"$ref": "#/$defs/d{0}"}}]}}"##, n + 1))
        .collect();
    let shape = compile(
        &format!(
            r##"{{"properties": {{"a": {{"$ref": "#/$defs/d0"}}}}, "$defs": {{{}, "d60": {{"type": "object"}}}}}}"##,
            doubling.join(",")
        ),
        &[],
    );
    let endless = " the input schema takes too long to check, or refers to itself without end";
    assert_eq!(admitted(&shape, r#"{"a": {"x": {}}}"#), endless);

    let wide: Vec<_> = (0..20_000).map(|n| format!(r#""p{n}": {{"type": "string"}}"#)).collect();
    let shape = compile(&format!(r#"{{"properties": {{{}}}}}"#, wide.join(",")), &[]);
    assert_eq!(shape.arguments().count(), 20_000);
    assert!(shape.not_enforced().iter().any(|(_, what)| what == "too many subschemas"));

    let circle = one(r##"{"allOf": [{"$ref": "#/properties/a"}], "not": {"$ref": "#/properties/a"}}"##);
    assert_eq!(admitted(&circle, r#"{"a": 1}"#), endless);

    let greedy =
        compile(r##"{"properties": {"a": {"$ref": "#", "default": {}}, "b": {"$ref": "#", "default": {}}}}"##, &[]);
    assert_eq!(admitted(&greedy, "{}"), "{}");

    let chain: Vec<_> = (0..9000).map(|n| format!(r##""d{n}": {{"$ref": "#/$defs/d{}"}}"##, n + 1)).collect();
    let shape = compile(
        &format!(
            r##"{{"properties": {{"a": {{"$ref": "#/$defs/d0"}}}}, "$defs": {{{}, "d9000": {{}}}}}}"##,
            chain.join(",")
        ),
        &[],
    );
    assert_eq!(admitted(&shape, r#"{"a": 1}"#), endless);
}

#[test]
fn admission() {
    let check = |a: &str, value: &str, expected: &str| {
        let result = admitted(&one(a), &format!(r#"{{"a": {value}}}"#));
        let result = result
            .strip_prefix("{\"a\": ")
            .and_then(|rest| rest.strip_suffix('}'))
            .map(str::to_owned)
            .unwrap_or(result);
        assert_eq!(result, expected, "{a} {value}");
    };
    check(r#"{"type": "string"}"#, r#""x""#, r#""x""#);
    check(r#"{"type": "string"}"#, "12", "/a is the integer `12`; write a string");
    check(r#"{"type": ["integer", "null"]}"#, r#""x""#, "/a is the string `x`; write null or an integer");
    check(r#"{"type": "integer"}"#, "1.0", "1");
    check(r#"{"type": "integer"}"#, "1.5", "/a is the number `1.5`; write an integer");
    check(r#"{"type": "number"}"#, "12.5", r#"decimal("12.5")"#);
    check(r#"{"type": "number"}"#, "0.00001", "{}; a has more than 4 decimals or is beyond ±922337203685477.5807");
    check(
        r#"{"type": "number"}"#,
        "922337203685478",
        "{}; a has more than 4 decimals or is beyond ±922337203685477.5807",
    );
    check(
        r#"{"type": "array", "items": {"type": "number"}}"#,
        "[1, 0.00001]",
        "{}; a has an element that has more than 4 decimals or is beyond ±922337203685477.5807",
    );
    check(r#"{"type": "array", "items": {"type": "integer"}}"#, "[2, 1, 2]", "[1, 2]");
    check(
        r#"{"type": "array", "items": {"properties": {"n": {"type": "number"}}}}"#,
        r#"[{"n": 1}, {"n": 0.00001}]"#,
        "{}; a has an element that has more than 4 decimals or is beyond ±922337203685477.5807",
    );
    check(
        r#"{"type": ["string", "null"]}"#,
        "null",
        "{}; a is null, which no Cedar type holds; leave the argument out instead",
    );
    check(
        r#"{"type": "string", "nullable": true, "enum": ["x"]}"#,
        "null",
        "{}; a is null, which no Cedar type holds; leave the argument out instead",
    );
    check(r#"{"enum": ["open", "closed"]}"#, r#""opne""#, "/a `opne` is not one of the choices; did you mean `open`?");
    check(r#"{"enum": ["open", "closed"]}"#, "1", "/a `1` is not one of the choices; write one of `open`, `closed`");
    check(
        r#"{"const": 9007199254740993}"#,
        "9007199254740992",
        "/a `9007199254740992` is not what the schema allows; write `9007199254740993`",
    );
    check(r#"{"type": "string", "maxLength": 2}"#, r#""äöü""#, "/a 3 characters where at most 2 may be");
    check(r#"{"type": "string", "minLength": 3}"#, r#""äöü""#, r#""äöü""#);
    check(r#"{"type": "string", "pattern": "b+"}"#, r#""abc""#, r#""abc""#);
    check(r#"{"type": "string", "pattern": "^b+$"}"#, r#""b\nb""#, "/a `b\\nb` does not match the pattern `^b+$`");
    check(
        r#"{"type": "integer", "minimum": 1, "exclusiveMaximum": 5}"#,
        "5",
        "/a `5` is out of range; write a number that is less than `5`",
    );
    check(
        r#"{"type": "integer", "minimum": 3, "exclusiveMinimum": true}"#,
        "3",
        "/a `3` is out of range; write a number that is more than `3`",
    );
    check(
        r#"{"type": "integer", "maximum": 9007199254740992}"#,
        "9007199254740993",
        "/a `9007199254740993` is out of range; write a number that is at most `9007199254740992`",
    );
    check(r#"{"type": "integer", "maximum": 1e30}"#, "9007199254740993", "9007199254740993");
    check(
        r#"{"type": "array", "maxItems": 1, "uniqueItems": true, "items": {"type": "integer"}}"#,
        "[1, 1.0]",
        "/a 2 elements where at most 1 may be; /a/1 the same element stands here twice; leave one out",
    );
    check(
        r#"{"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "integer"}}"#,
        r#"["x", "y"]"#,
        "/a/1 is the string `y`; write an integer",
    );
    check(
        r#"{"type": "string", "format": "date-time"}"#,
        r#""2026-01-05T10:00:00.120Z""#,
        r#"datetime("2026-01-05T10:00:00.12Z")"#,
    );
    check(
        r#"{"type": "string", "format": "date-time"}"#,
        r#""2026-01-05T10:00:00.1200001Z""#,
        "{}; a is finer than a millisecond, or a leap second",
    );
    check(
        r#"{"type": "string", "format": "date-time"}"#,
        r#""2026-01-05T10:00:00.1200000Z""#,
        r#"datetime("2026-01-05T10:00:00.12Z")"#,
    );
    check(
        r#"{"type": "string", "format": "date-time"}"#,
        r#""tomorrow""#,
        "/a `tomorrow` is not an RFC 3339 date-time; write it as `2026-01-05T10:00:00Z`",
    );
    check(
        r#"{"type": "string", "format": "date-time"}"#,
        r#""2026-02-30T10:00:00Z""#,
        "/a `2026-02-30T10:00:00Z` is not an RFC 3339 date-time; write it as `2026-01-05T10:00:00Z`",
    );
    check(r#"{"type": "string", "format": "ipv4"}"#, r#""10.0.0.1""#, r#"ip("10.0.0.1")"#);
    check(
        r#"{"type": "string", "format": "ipv4"}"#,
        r#""010.0.0.1""#,
        "/a `010.0.0.1` is not an IPv4 address; write it as `192.0.2.1`",
    );
    check(
        r#"{"type": "string", "format": "ipv4"}"#,
        r#""::1""#,
        "/a `::1` is not an IPv4 address; write it as `192.0.2.1`",
    );
    check(r#"{"type": "string", "format": "ipv6"}"#, r#""::ffff:1.2.3.4""#, r#"ip("0:0:0:0:0:ffff:102:304")"#);
    check(
        r#"{"anyOf": [{"type": "string", "maxLength": 1}, {"type": "null"}]}"#,
        r#""xy""#,
        "/a 2 characters where at most 1 may be",
    );
    check(r#"{"anyOf": [{"type": "string"}, {"type": "null"}]}"#, "1", "/a is the integer `1`; write null or a string");
    check(
        r#"{"anyOf": [{"const": "x"}, {"const": "y"}]}"#,
        r#""z""#,
        "/a `z` fits none of the 2 forms that the schema allows",
    );
    check(
        r#"{"type": "integer", "oneOf": [{"minimum": 1}, {"minimum": 2}]}"#,
        "3",
        "/a fits 2 forms of which the schema allows just one at a time",
    );
    check(
        r#"{"type": "integer", "not": {"const": 3}}"#,
        "3",
        "/a `3` has a form that the schema rules out; write another",
    );
    check(
        r#"{"properties": {"b": {"type": "string"}}, "required": ["b"]}"#,
        "{}",
        "/a/b missing; the schema requires it",
    );
    check(
        r#"{"properties": {"owner": {"type": "string"}}}"#,
        r#"{"ownr": 1}"#,
        "/a/ownr not declared; did you mean `owner`?",
    );
    check(r#"{"properties": {"b": {"type": "string"}}, "additionalProperties": true}"#, r#"{"zzz": 1}"#, "{}");
    check(
        r#"{"properties": {"b": {"type": "string"}}, "additionalProperties": {"type": "string"}}"#,
        r#"{"zzz": 1}"#,
        "/a/zzz is the integer `1`; write a string",
    );
    check(
        r#"{"properties": {"b": {"type": "string"}}, "patternProperties": {"^x-": {"type": "string"}}}"#,
        r#"{"x-y": "1", "y": 2}"#,
        "/a/y not declared; did you mean `b`?",
    );
    check(
        r#"{"allOf": [{"properties": {"b": {"type": "string"}}}, {"properties": {"c": {"type": "string"}}}]}"#,
        r#"{"b": "1", "c": "2"}"#,
        r#"{"b": "1", "c": "2"}"#,
    );
    check(r#"{"type": "object"}"#, r#"{"any": 1}"#, "{}");
    check(r#"{"anyOf": [{"properties": {"b": {"type": "string"}}}, {"type": "object"}]}"#, r#"{"any": 1}"#, "{}");
    check(
        r#"{"anyOf": [{"properties": {"b": {"type": "string"}}}, {"type": "string"}]}"#,
        r#"{"any": 1}"#,
        "/a/any not declared; leave it out, or write one of `b`",
    );
    check(r#"{"type": "string"}"#, &format!("[{}]", "1,".repeat(99) + "1"), "/a is an array; write a string");
    check(
        r#"{"type": "integer"}"#,
        &format!("\"{}\"", "x".repeat(99)),
        &format!("/a is the string `{}…`; write an integer", "x".repeat(60)),
    );
    check("false", "1", "/a the schema admits no value here; leave it out");
}

#[test]
fn inputs() {
    let check = |schema: &str, input: &str, expected: &str| {
        assert_eq!(admitted(&compile(schema, &[]), input), expected, "{schema} {input}")
    };
    check("{}", "[]", " the arguments are an array; write an object");
    check("{}", "{}", "{}");
    check("{}", r#"{"x": 1}"#, "/x not declared; nothing is, so leave it out");
    let schema = r#"{"properties": {"title": {"type": "string"}, "body": {"type": "string"}}, "required": ["title"], "additionalProperties": false}"#;
    check(
        schema,
        r#"{"titel": "x"}"#,
        "/title missing; the schema requires it; /titel not declared; did you mean `title`?",
    );
    check(
        schema,
        r#"{"title": "x", "a/b~c": 1}"#,
        "/a~1b~0c not declared; leave it out, or write one of `body`, `title`",
    );
    check(
        r#"{"properties": {"a": {}}, "additionalProperties": true}"#,
        r#"{"b": 1}"#,
        "/b not declared; did you mean `a`?",
    );
    check(
        r##"{"properties": {"n": {"type": "integer", "default": 7}, "o": {"$ref": "#/$defs/o"}, "bad": {"type": "integer", "default": "x"}, "nil": {"type": ["string", "null"], "default": null}},
            "$defs": {"o": {"type": "object", "default": {}, "properties": {"s": {"type": "string", "default": "d"}, "l": {"type": "array", "items": {"properties": {"k": {"type": "boolean", "default": true}}}}}}}}"##,
        r#"{"o": {"l": [{}, {"k": false}]}}"#,
        r#"{"n": 7, "o": {"l": [{"k": false}, {"k": true}], "s": "d"}}"#,
    );
    check(
        r##"{"properties": {"o": {"anyOf": [{"$ref": "#/$defs/o"}, {"type": "null"}], "default": {}}}, "$defs": {"o": {"type": "object", "properties": {"s": {"type": "string", "default": "d"}}}}}"##,
        "{}",
        r#"{"o": {"s": "d"}}"#,
    );
    let tree = r##"{"properties": {"t": {"$ref": "#/$defs/tree"}}, "$defs": {"tree": {"properties": {"v": {"type": "string"}, "kids": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}, "required": ["v"]}}}"##;
    check(tree, r#"{"t": {"v": "x", "kids": [{"v": "y", "kids": []}]}}"#, r#"{"t": {"v": "x"}}"#);
    check(
        tree,
        r#"{"t": {"v": "x", "kids": [{"v": "y", "kids": [{"w": 1}]}]}}"#,
        "/t/kids/0/kids/0/v missing; the schema requires it; /t/kids/0/kids/0/w not declared; did you mean `v`?",
    );
    let extra = Shape::compile(&json(r#"{"properties": {"a": {"type": "string"}}}"#), &Sorted::new(), true).0;
    assert_eq!(admitted(&extra, r#"{"a": "x", "b": 1}"#), r#"{"a": "x"}"#);
}

#[test]
fn kinds() {
    let schema = r#"{"properties": {"p": {"type": "string", "maxLength": 20}, "u": {"type": ["string", "null"]}, "to": {"type": "array", "items": {"type": "string"}}, "n": {"type": "number"}, "m": {"type": ["string", "number"]}}}"#;
    let path = Kind::Path { root: Some("/srv".to_owned()) };
    let shape =
        compile(schema, &[("/p", path.clone()), ("/u", Kind::Url), ("/to/*", Kind::Email), ("/n", Kind::Integer)]);
    assert_eq!(
        Type::Record(shape.fields().clone()).to_string(),
        r#"{"n"?: Long, "p"?: String, "to"?: Set<{"address": String, "domain": String}>, "u"?: {"fragment"?: String, "host": String, "path": String, "port": Long, "query"?: String, "scheme": String}}"#
    );
    let check = |input: &str, expected: &str| assert_eq!(admitted(&shape, input), expected);
    check(
        r#"{"p": "/srv/a", "u": "https://A.test", "to": ["a@B.test"], "n": 2.0}"#,
        r#"{"n": 2, "p": "/srv/a", "to": [{"address": "a@b.test", "domain": "b.test"}], "u": {"host": "a.test", "path": "/", "port": 443, "scheme": "https"}}"#,
    );
    check(r#"{"n": 2.5}"#, "/n not an integer: `2.5`; write a whole number");
    check(r#"{"u": null}"#, "{}; u is null, which no Cedar type holds; leave the argument out instead");
    check(r#"{"to": ["a@b.test", "x"]}"#, "/to/1 not a plain email address: it has no `@`; write `name@example.com`");
    check(
        r#"{"p": "/srv/../etc/passwd-passwd"}"#,
        "/p not a path in normal form: it has a `.` or `..` segment; write the path that it leads to; /p 25 characters where at most 20 may be",
    );
    let faults = |at: &str, kind: Kind| {
        let (_, faults) = Shape::compile(&json(schema), &[(pointer(at), kind)].into(), false);
        faults.into_iter().map(|fault| fault.why).collect::<String>()
    };
    assert_eq!(faults("/too", Kind::Url), "there is no such argument; did you mean `/to`?");
    assert_eq!(
        faults("/to", Kind::Email),
        "it is an array; give the kind `email` to its elements, with `/*` at the end"
    );
    assert_eq!(faults("/n", path), "its type is number, and the kind `path` is for a string");
    assert_eq!(faults("/p", Kind::Integer), "its type is string, and the kind `integer` is for a number");
    assert_eq!(faults("/m", Kind::Url), "no policy can use it: string or number: no single Cedar type");
}

#[test]
fn secrets_stay_secret() {
    let schema = r##"{"properties": {"pw": {"type": "string", "format": "password", "minLength": 9, "pattern": "^x", "enum": ["hunter3"]}, "o": {"writeOnly": true, "properties": {"k": {"type": "integer"}}},
        "l": {"type": "array", "items": {"anyOf": [{"type": "string", "format": "password", "pattern": "^x"}, {"type": "null"}]}}, "u": {"type": "string", "writeOnly": true}, "t": {"$ref": "#/$defs/t"}},
        "$defs": {"t": {"properties": {"key": {"type": "integer", "writeOnly": true}, "t": {"$ref": "#/$defs/t"}}}}}"##;
    let shape = compile(schema, &[("/u", Kind::Path { root: Some("/srv".into()) })]);
    let secrets: Vec<_> = shape.secrets().iter().map(ToString::to_string).collect();
    assert_eq!(secrets, ["/l/*", "/o", "/pw", "/t/key", "/t/t", "/u"]);
    let result = admitted(
        &shape,
        r#"{"pw": "hunter2", "o": {"k": "hunter2"}, "l": ["hunter2"], "u": "hunter2", "t": {"t": {"t": {"key": "hunter2"}}}}"#,
    );
    assert!(!result.contains("hunter2"), "{result}");
    for place in ["/pw ", "/o/k ", "/l/0 ", "/u ", "/t/t/t/key "] {
        assert!(result.contains(place), "{place} in {result}");
    }
}

#[test]
fn pointers_and_lists() {
    let shape = compile(
        r#"{"properties": {"a": {"type": "array", "items": {"properties": {"b": {"type": ["string", "number"]}}}}, "m": {"type": "object", "additionalProperties": {"type": "string"}}, "f": {"type": "object"}, "s": {"type": "string"}, "x": {}},
            "minProperties": 1}"#,
        &[],
    );
    for (at, there) in [
        ("/a", true),
        ("/a/*", true),
        ("/a/*/b", true),
        ("/a/*/c", false),
        ("/a/b", false),
        ("/m/any", true),
        ("/f/any", true),
        ("/s/any", false),
        ("/s/*", false),
        ("/x/*/y", true),
        ("/y", false),
    ] {
        assert_eq!(shape.has(&pointer(at)), there, "{at}");
    }
    assert_eq!(shape.arguments().collect::<Vec<_>>(), ["a", "f", "m", "s", "x"]);
    let shape = compile(
        r#"{"properties": {"p": {"type": "string", "pattern": "(?=x)", "format": "uri", "title": "t", "x-y": 1}, "n": {"type": "number", "multipleOf": 2, "maximun": 3}, "q": {"type": "string", "pattern": "\\<a"}}, "minProperties": 1}"#,
        &[],
    );
    let listed: Vec<_> = shape.not_enforced().iter().map(|(at, keyword)| format!("{at} {keyword}")).collect();
    assert_eq!(listed, [" minProperties", "/n maximun", "/n multipleOf", "/p format", "/p pattern", "/q pattern"]);
}

/// The tools of nine real servers: how many arguments policies can use, and how many, at any depth, they cannot.
#[test]
fn real_servers() {
    let mut table = String::new();
    let mut tools = 0;
    for (server, text) in [
        ("aws-iam", include_str!("../../../tests/tools/aws-iam.json")),
        ("everything", include_str!("../../../tests/tools/everything.json")),
        ("fetch", include_str!("../../../tests/tools/fetch.json")),
        ("filesystem", include_str!("../../../tests/tools/filesystem.json")),
        ("git", include_str!("../../../tests/tools/git.json")),
        ("github", include_str!("../../../tests/tools/github.json")),
        ("memory", include_str!("../../../tests/tools/memory.json")),
        ("playwright", include_str!("../../../tests/tools/playwright.json")),
        ("slack-archived", include_str!("../../../tests/tools/slack-archived.json")),
    ] {
        let (mut usable, mut left, mut unenforced) = (0, Vec::new(), BTreeSet::new());
        let list = json(text);
        let list = list.get("tools").unwrap().as_array().unwrap();
        for tool in list {
            let (shape, faults) = Shape::compile(tool.get("inputSchema").unwrap(), &Sorted::new(), false);
            assert_eq!(faults, []);
            usable += shape.fields().len();
            left.extend(shape.left_out().iter().map(|left| {
                format!("  {} {} {}\n", tool.get("name").unwrap().as_str().unwrap(), left.pointer, left.why)
            }));
            unenforced.extend(shape.not_enforced().iter().map(|(_, keyword)| keyword.clone()));
        }
        tools += list.len();
        table += &format!(
            "{server}: {} tools, {usable} usable, {} left out, not enforced: {unenforced:?}\n{}",
            list.len(),
            left.len(),
            left.concat()
        );
    }
    assert_eq!(tools, 231);
    assert_eq!(table, TABLE);
}

const TABLE: &str = r#"aws-iam: 29 tools, 80 usable, 16 left out, not enforced: {}
  list_users /ctx/_meta map: the names of its members are not declared
  list_users /ctx/content/*/_meta map: the names of its members are not declared
  list_users /ctx/content/*/resource/_meta map: the names of its members are not declared
  list_users /ctx/structuredContent the schema gives it no type
  get_user /ctx/_meta map: the names of its members are not declared
  get_user /ctx/content/*/_meta map: the names of its members are not declared
  get_user /ctx/content/*/resource/_meta map: the names of its members are not declared
  get_user /ctx/structuredContent the schema gives it no type
  create_user /ctx/_meta map: the names of its members are not declared
  create_user /ctx/content/*/_meta map: the names of its members are not declared
  create_user /ctx/content/*/resource/_meta map: the names of its members are not declared
  create_user /ctx/structuredContent the schema gives it no type
  create_role /assume_role_policy_document string or object: no single Cedar type
  simulate_principal_policy /context_entries map: the names of its members are not declared
  put_user_policy /policy_document string or object: no single Cedar type
  put_role_policy /policy_document string or object: no single Cedar type
everything: 16 tools, 18 usable, 0 left out, not enforced: {"format"}
fetch: 1 tools, 4 usable, 0 left out, not enforced: {"format"}
filesystem: 14 tools, 25 usable, 0 left out, not enforced: {}
git: 12 tools, 28 usable, 0 left out, not enforced: {}
github: 117 tools, 613 usable, 5 left out, not enforced: {}
  actions_run_trigger /inputs object that declares no members
  issue_write /issue_fields/*/value string or number or boolean: no single Cedar type
  projects_write /updated_field/value the schema gives it no type
  update_issue_assignees /assignees array whose elements have no type (string or object: no single Cedar type)
  update_issue_labels /labels array whose elements have no type (string or object: no single Cedar type)
memory: 9 tools, 8 usable, 0 left out, not enforced: {}
playwright: 25 tools, 69 usable, 1 left out, not enforced: {"propertyNames"}
  browser_drop /data map: the names of its members are not declared
slack-archived: 8 tools, 17 usable, 0 left out, not enforced: {}
"#;

/// Wherever a schema marks it: no pointer is missing, and no message shows it.
#[test]
fn secrets_in_odd_places() {
    let check = |schema: &str, input: &str, expected: &[&str]| {
        let shape = compile(schema, &[]);
        let secrets: Vec<_> = shape.secrets().iter().map(ToString::to_string).collect();
        assert_eq!(secrets, expected, "{schema}");
        let told = admitted(&shape, input);
        assert!(told.starts_with('/') && !told.contains("hunter2"), "{told}");
    };
    let (named, secret) = (r#""properties": {"p": {"type": "integer"}}"#, r#"{"writeOnly": true}"#);
    check(&format!(r#"{{{named}, "allOf": [{{"properties": {{"p": {secret}}}}}]}}"#), r#"{"p": "hunter2"}"#, &["/p"]);
    check(&format!(r#"{{{named}, "patternProperties": {{"^p": {secret}}}}}"#), r#"{"p": "hunter2"}"#, &[""]);
    let within = |rest: &str| format!(r#"{{"properties": {{"env": {{"type": "object", {rest}}}}}}}"#);
    let text = r#"{"type": "integer", "format": "password"}"#;
    check(&within(&format!(r#""additionalProperties": {text}"#)), r#"{"env": {"A": "hunter2"}}"#, &["/env"]);
    let list = format!(r#""patternProperties": {{"^s": {{"type": "array", "items": {text}}}}}"#);
    check(&within(&list), r#"{"env": {"s": ["hunter2"]}}"#, &["/env"]);
    check(&within(&list), r#"{"env": {"s": "hunter2"}}"#, &["/env"]);
    let both = format!(r#"{named}, "additionalProperties": {{"additionalProperties": {secret}}}"#);
    check(&within(&both), r#"{"env": {"p": "hunter2"}}"#, &["/env"]);
    // More branches than anybody follows.
    let many = r#"{"type": "boolean"},"#.repeat(300);
    let many = format!(r#"{{"properties": {{"p": {{"anyOf": [{many} {text}]}}}}}}"#);
    check(&many, r#"{"p": "hunter2"}"#, &["/p"]);
}

/// Every part of a check costs as much as it does, so that no schema and no input of any size hold a call up.
#[test]
fn what_takes_long_is_given_up() {
    let check = |schema: &str, input: &str, expected: &str| {
        let input = format!(r#"{{"a": {input}}}"#);
        let told = admitted(&compile(&format!(r#"{{"properties": {{"a": {schema}}}}}"#), &[]), &input);
        assert!(told.starts_with(expected), "{} {told:.200}", schema.get(..100).unwrap_or(schema));
    };
    let endless = " the input schema takes too long to check";
    let many = |count: usize, one: &dyn Fn(usize) -> String| (0..count).map(one).collect::<Vec<_>>().join(",");
    let branches = |count: usize, one: &str| format!(r#"{{"anyOf": [{}]}}"#, many(count, &|_| one.to_owned()));
    let list = |count: usize, one: &str| format!("[{}]", many(count, &|_| one.to_owned()));
    let object = |count: usize, one: &str| format!("{{{}}}", many(count, &|n| format!(r#""p{n}": {one}"#)));
    let text = |length: usize| format!("\"{}\"", "a".repeat(length));
    check(
        &branches(150, r#"{"uniqueItems": true, "maxItems": 0}"#),
        &format!("[{}]", many(5, &|n| text(200_000 + n))),
        endless,
    );
    check(&branches(8_000, r#"{"maxLength": 1}"#), &text(100_000), endless);
    check(&branches(2_000, r#"{"required": ["x"]}"#), &object(4_000, "1"), endless);
    let numbers = many(100_000, &|n| n.to_string());
    check(&format!(r#"{{"items": {{"enum": [{numbers}]}}}}"#), &list(400, "99999"), endless);
    let names = many(100_000, &|n| format!("\"{n}\""));
    check(&format!(r#"{{"items": {{"required": [{names}]}}}}"#), &list(400, "{}"), endless);
    // A pattern is as long as it is compiled.
    let long = many(9, &|_| r#"{"pattern": "^.{0,8000}$"}"#.to_owned());
    check(&format!(r#"{{"allOf": [{long}]}}"#), &text(8_000), endless);
    let patterns = many(1_000, &|n| format!(r#""^x{{0,200}}{n}$": true"#));
    check(&format!(r#"{{"patternProperties": {{{patterns}}}}}"#), &object(4_000, "1"), endless);
    let wide = object(9_000, r#"{"type": "string"}"#);
    let wide = format!(r#"{{"type": "array", "items": {{"type": "object", "properties": {wide}}}}}"#);
    check(&wide.replacen('{', r#"{"default": [], "#, 1), &list(4_000, "{}"), endless);
    check(&format!(r#"{{"type": "array", "items": {wide}}}"#), &list(20, &list(4_000, "{}")), "{");
}

/// As `RegExp` of a JavaScript engine says: what it refuses is refused here.
#[test]
fn patterns_are_those_of_ecmascript() {
    let check = |pattern: &str, fits: &str, not: &str| {
        let shape = one(&Json::Object([("pattern".to_owned(), pattern.into())].into()).to_string());
        assert_eq!(shape.not_enforced(), [], "{pattern}");
        for (text, expected) in fits.chars().map(|c| (c, true)).chain(not.chars().map(|c| (c, false))) {
            let input = Json::Object([("a".to_owned(), text.to_string().as_str().into())].into());
            assert_eq!(shape.admit(Cow::Owned(input)).is_ok(), expected, "{pattern} {text:?}");
        }
    };
    let space = "\t\n\u{b}\u{c}\r \u{a0}\u{1680}\u{2000}\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}\u{feff}";
    let others = "\0\u{8}\u{e}!a\u{9f}\u{a1}é\u{85}\u{180e}\u{200b}\u{2027}\u{202a}\u{2060}\u{fefe}\u{ff00}😀";
    for (pattern, negated) in [("^\\s$", "^\\S$"), ("^[\\s]$", "^[\\S]$"), ("^[^\\S]$", "^[^\\s]$")] {
        check(pattern, space, others);
        check(negated, others, space);
    }
    check("^[\\]\\s.]$", &format!("].{space}"), others);
    check("^.$", others, "\n\r\u{2028}\u{2029}");
    check("^[.]\\.?$", ".", "a\n");
    check("^[^]$", others, "");
    check("^[\\s\\S]$", &format!("{space}{others}"), "");
    check("^[]$", "", others);
}
