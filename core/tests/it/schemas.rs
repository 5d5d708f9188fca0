//! Input schemas by which a value could escape from what policies see.

use toolgate::{Ledger, ListRequest, Principal, PrincipalKind, Sources, Standing};

use crate::desk;

fn sources(schema: &str, manifest: &str, policies: &str) -> Sources {
    let mut sources = Sources::default();
    let head =
        "[bundle]\nname = \"x\"\nversion = \"1\"\n[servers.s]\n[tools.\"s/t\"]\neffect = \"write\"\negress = false";
    sources.insert("toolgate.toml", format!("{head}\n{manifest}"));
    sources.insert("tools/s.json", format!(r#"{{"tools": [{{"name": "t", "inputSchema": {schema}}}]}}"#));
    sources.insert("policies/a.cedar", policies);
    sources
}

/// What a call of a tool with this schema comes to; a forbid looks whether it is forced.
fn decided(schema: &str, manifest: &str, input: &str) -> String {
    let policies = r#"@id("may") permit (principal, action, resource);
        @id("force") forbid (principal, action == Action::"s/t", resource)
        when { context.input has force && context.input.force };
        @id("evil") forbid (principal, action, resource) when { context.destinations.contains("evil") };"#;
    let gate = desk::gate_of(&sources(schema, manifest, policies));
    desk::shown(&desk::decide(&gate, &desk::call("s/t", input, "")))
}

/// A tool that takes the closest of several forms fills in other defaults than one that takes the first.
#[test]
fn defaults_of_several_forms_that_fit() {
    let form = |members: &str| format!(r#"{{"type": "object", "properties": {{{members}}}}}"#);
    let check = |forms: &[String], input: &str, expected: &str| {
        let force = r#""force": {"type": "boolean"}"#;
        let schema = format!(r#"{{"type": "object", "properties": {{{force}}}, "anyOf": [{}]}}"#, forms.join(", "));
        let told = decided(&schema, "", input);
        assert!(told.starts_with(expected), "{schema} {input}: {told}");
    };
    let (calm, hard) = (
        r#""x": {"type": "string"}, "force": {"default": false}"#,
        r#""y": {"type": "string"}, "force": {"default": true}"#,
    );
    let both = [form(calm), form(hard)];
    check(&both, r#"{"y": "a"}"#, "deny inexact_argument []: a policy reads `context.input.force`");
    check(&both, r#"{"y": "a", "force": false}"#, "allow [may]");
    check(&[both[0].clone(), form(r#""y": {"type": "string"}"#)], "{}", "deny inexact_argument");
    check(&[both[1].clone(), both[1].clone()], "{}", "deny forbidden [force]");
    // One form alone fits.
    check(&both, r#"{"x": 1, "y": "a"}"#, "deny forbidden [force]");
    check(&both, r#"{"x": "a", "y": 1}"#, "allow [may]");
    // A member that no form declares is no way to another form.
    let o = |members: &str| format!(r#""o": {{"type": "object", "properties": {{{members}}}}}"#);
    let nested =
        [form(&format!(r#"{}, {hard}"#, o(r#""a": {}"#))), form(&format!(r#"{}, {calm}"#, o(r#""a": {}, "b": {}"#)))];
    check(&nested, r#"{"o": {"a": 1, "b": 2}}"#, "deny inexact_argument");
    check(&nested, r#"{"o": {"a": 1, "b": 2}, "y": 1}"#, "allow [may]");
}

/// A default that depends on a condition, or on which schema is looked at first, is no absence.
#[test]
fn defaults_that_depend() {
    let force = r#""mode": {"type": "string"}, "force": {"type": "boolean"}"#;
    let check = |rest: &str, input: &str, expected: &str| {
        let schema = format!(r#"{{"type": "object", "properties": {{{force}, "o": {{"type": "object"}}}}, {rest}}}"#);
        let told = decided(&schema, "", input);
        assert!(told.starts_with(expected), "{rest} {input}: {told}");
    };
    let unsure = "deny inexact_argument []: a policy reads `context.input.force`, which is not given, and its default cannot be told beforehand; write it";
    let filled = r#"{"properties": {"force": {"default": true}}}"#;
    let hard = r#"{"properties": {"mode": {"const": "hard"}}}"#;
    for rest in [
        format!(r#""if": {hard}, "then": {filled}"#),
        format!(r#""if": {hard}, "else": {filled}"#),
        format!(r##""allOf": [{{"if": {hard}, "then": {{"$ref": "#/$defs/f"}}}}], "$defs": {{"f": {filled}}}"##),
        format!(r#""dependentSchemas": {{"mode": {filled}}}"#),
        format!(r#""dependencies": {{"mode": {filled}, "force": ["mode"]}}"#),
        format!(r##""$dynamicRef": "#/$defs/f", "$defs": {{"f": {filled}}}"##),
        format!(r##""anyOf": [{{"if": {hard}, "then": {filled}}}, {{"required": ["mode"]}}]"##),
    ] {
        check(&rest, r#"{"mode": "hard"}"#, unsure);
        check(&rest, "{}", unsure);
        check(&rest, r#"{"mode": "hard", "force": false}"#, "allow [may]");
        check(&rest, r#"{"mode": "hard", "force": true}"#, "deny forbidden [force]");
    }
    // A schema that is not here can say anything.
    for lost in [r##""$ref": "#args""##, r#""allOf": [{"$ref": "https://schemas.example/args.json"}]"#] {
        check(lost, "{}", unsure);
        check(lost, r#"{"force": false}"#, "allow [may]");
    }
    let own =
        r##"{"type": "object", "properties": {"force": {"type": "boolean", "default": false}}, "$ref": "#args"}"##;
    assert!(decided(own, "", "{}").starts_with("allow [may]"));
    let lost = r##""patternProperties": {"^z": {"$ref": "#args"}}"##;
    check(lost, r#"{"zz": {}}"#, "allow [may]");
    // Of two defaults for one argument, a tool takes the one that it comes to first.
    let other =
        r#""allOf": [{"properties": {"force": {"default": true}}}, {"properties": {"force": {"default": false}}}]"#;
    check(other, "{}", unsure);
    check(r#""allOf": [{"properties": {"force": {"default": true}}}]"#, "{}", "deny forbidden [force]");
    let same = format!(r#""allOf": [{filled}], "if": {hard}, "then": {filled}"#);
    check(&same, "{}", "deny forbidden [force]");
    // No policy looks at it.
    let else_where =
        r#""if": true, "then": {"properties": {"o": {"properties": {"p": {"default": 1}}}, "mode": {"default": "x"}}}"#;
    check(else_where, r#"{"o": {}}"#, "allow [may]");
}

#[test]
fn defaults_that_depend_below_others() {
    let schema = r##"{"type": "object", "properties": {"force": {"type": "boolean"}, "to": {"type": "string"}, "o": {"type": "object",
        "default": {}, "properties": {"k": {"type": "boolean"}}}, "l": {"type": "array", "items": {"type": "object", "properties": {"k": {"type": "boolean"}}}}},
        "if": {"required": ["to"]}, "then": {"properties": {"o": {"properties": {"k": {"default": true}}}, "l": {"items": {"properties": {"k": {"default": true}}}}}},
        "else": {"properties": {"to": {"default": "evil"}}}}"##;
    let check = |manifest: &str, input: &str, expected: &str| {
        let told = decided(schema, manifest, input);
        assert!(told.starts_with(expected), "{manifest} {input}: {told}");
    };
    check("", "{}", "allow [may]");
    check("destinations = [\"/to\"]", r#"{"to": "evil"}"#, "deny forbidden [evil]");
    check(
        "destinations = [\"/to\"]",
        "{}",
        "deny inexact_argument []: `/to` is not given, and its default cannot be told beforehand; write it",
    );
    check("resource = { type = \"R\", id = \"{/to}\" }", "{}", "deny inexact_argument");
    check("resource = { type = \"R\", id = \"{/l/*/k}\" }", r#"{"to": "x", "l": [{}]}"#, "deny inexact_argument");
    check("resource = { type = \"R\", id = \"{/o/k}\" }", r#"{"to": "x"}"#, "deny inexact_argument");
}

#[test]
fn the_search_for_them_ends() {
    let check = |schema: &str, input: &str, expected: &str| {
        let told = decided(schema, "", input);
        assert!(told.contains(expected), "{told}");
    };
    let endless = "takes too long to check, or refers to itself without end";
    let nested = r##"{"type": "object", "properties": {"force": {"type": "boolean"}, "a": {"$ref": "#", "default": {}}}, "if": true, "then": {"properties": {"a": {"default": {"a": {}}}}}}"##;
    check(nested, "{}", "allow [may]");
    check(nested, &format!("{}{}{}", r#"{"a":"#.repeat(30), "{}", "}".repeat(30)), "allow [may]");
    let names =
        (0..800).map(|n| format!(r#""p{n}": {{"type": "boolean", "default": true}}"#)).collect::<Vec<_>>().join(", ");
    let wide = format!(
        r#"{{"type": "object", "properties": {{{names}}}, "if": true, "then": {{"properties": {{{names}}}}}}}"#
    );
    let wide = format!(
        r#"{{"type": "object", "properties": {{"force": {{"type": "boolean"}}, "l": {{"type": "array", "items": {wide}}}}}}}"#
    );
    check(&wide, &format!(r#"{{"l": [{}{{}}]}}"#, "{}, ".repeat(4000)), endless);
    check(&wide, r#"{"l": [{}]}"#, "allow [may]");
}

/// A tool is not listed as allowed where a call is denied for what its schema does not tell.
#[test]
fn what_cannot_be_told_is_not_allowed_beforehand() {
    let filled = r#"{"properties": {"force": {"default": true}}}"#;
    let check = |rest: &str, manifest: &str| {
        let schema = format!(
            r#"{{"type": "object", "properties": {{"force": {{"type": "boolean"}}, "to": {{"type": "string", "minLength": 1}}}}, {rest}}}"#
        );
        let policies = r#"@id("may") permit (principal, action, resource);
            @id("force") forbid (principal is Agent, action == Action::"s/t", resource) when { context.input has force && context.input.force };"#;
        let gate = desk::gate_of(&sources(&schema, manifest, policies));
        let listed =
            gate.list(&ListRequest::new(Principal::new(PrincipalKind::User, "alice")), &Ledger::new(), desk::now());
        let told = desk::shown(&desk::decide(&gate, &desk::call("s/t", "{}", "")));
        assert_eq!(
            (listed[0].tool.as_str(), listed[0].standing),
            ("t", Standing::Depends),
            "{rest} {manifest}: {told}"
        );
        assert!(told.starts_with("deny inexact_argument"), "{rest} {manifest}: {told}");
    };
    for rest in [
        format!(r#""if": true, "then": {filled}"#),
        format!(r#""dependencies": {{"mode": {filled}}}"#),
        format!(r##""$dynamicRef": "#/$defs/f", "$defs": {{"f": {filled}}}"##),
        r##""$ref": "#args""##.to_owned(),
        format!(r#""anyOf": [{filled}, {{}}]"#),
        format!(r#""allOf": [{filled}, {{"properties": {{"force": {{"default": false}}}}}}]"#),
    ] {
        check(&rest, "");
    }
    check(r#""if": true, "then": {"properties": {"to": {"default": "x"}}}"#, "destinations = [\"/to\"]");
}
