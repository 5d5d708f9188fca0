//! Input meant to hurt: each a clear deny or load error, nothing else.

use std::sync::LazyLock;

use proptest::prelude::*;
use toolgate::{Gate, Json, Ledger, Number, PolicyBundle, Principal, PrincipalKind, ToolCall};

use crate::desk::{self, POLICIES, call, decide, gate, now, shown};

fn check(gate: &Gate, call: &str, expected: &str) {
    let shown = shown(&decide(gate, call));
    let start: String = call.chars().take(100).collect();
    assert!(shown.starts_with(expected), "{start}\n  {shown}\n  {expected}");
}

#[test]
fn arguments_that_another_reader_would_take_otherwise() {
    let desk = gate(POLICIES);
    let path = |path: &str| call("fs/read_text_file", &format!(r#"{{"path":"{path}"}}"#), "");
    check(&desk, &path("/srv/data/a.txt"), "allow");
    for bad in [
        "/srv/data/../../etc/passwd",
        "/srv/data/./a",
        "/srv/data//a",
        "/srv/data/%2e%2e/etc",
        "/srv/data/a\\\\b",
        "/srv/data/a\\u0000",
        "/srv/database/a",
        "/srv/data/",
        "srv/data/a",
        "~/a",
        "/etc/passwd",
        "",
    ] {
        check(&desk, &path(bad), "deny invalid_arguments []: `/path`");
    }
    let link = |link: &str| call("pay/send", &format!(r#"{{"to":"a@b.example","link":"{link}"}}"#), "");
    check(&desk, &link("https://api.github.com/x?y"), "allow");
    for bad in [
        "https://api.github.com@evil.test/",
        "https://evil.test\\\\@api.github.com/",
        "https://0x7f.1/",
        "https://2130706433/",
        "https://аpi.github.com/",
        "https://api.github.com\\n.evil.test/",
        "javascript:alert(1)",
        "https://a%2eb/",
        "https://api.github.com/a/../b",
        "https:/api.github.com/",
        "https://api.github.com:0443/",
        "//api.github.com",
    ] {
        check(&desk, &link(bad), "deny invalid_arguments []: `/link`");
    }
    for bad in [
        "a@b",
        "a b@c.example",
        "\\\"a\\\"@c.example",
        "a@b@c.example",
        "Ann <a@c.example>",
        "a@127.0.0.1",
        "ä@c.example",
    ] {
        check(&desk, &call("pay/send", &format!(r#"{{"to":"{bad}"}}"#), ""), "deny invalid_arguments []: `/to`");
    }
    check(&desk, &call("github/get_me", r#"{"extra":1}"#, ""), "deny invalid_arguments");
}

#[test]
fn values_that_their_type_cannot_hold() {
    let guarded = r#"@id("big") forbid (principal, action == Action::"pay/send", resource)
        when { context.input has amount && context.input.amount.greaterThan(decimal("100.0")) };"#;
    let desk = gate(&format!("{POLICIES}\n{guarded}"));
    let amount = |amount: &str| call("pay/send", &format!(r#"{{"to":"a@b.example","amount":{amount}}}"#), "");
    check(&desk, &amount("99.9999"), "allow");
    check(&desk, &amount("1e2"), "allow");
    check(&desk, &amount("100.0001"), "deny forbidden");
    check(&desk, &amount("1000000.00001"), "deny inexact_argument");
    check(&desk, &amount("922337203685478"), "deny inexact_argument");
    check(&desk, &amount("9223372036854775808"), "deny malformed_call");
    check(&desk, &amount("1e400"), "deny malformed_call");
    check(&desk, &amount("1000000.00000000000001"), "deny malformed_call");
    check(&desk, &amount("\"1\""), "deny invalid_arguments");
    // Where no policy reads the argument, nobody is misled.
    check(&gate(POLICIES), &amount("1000000.00001"), "allow");
    let note = r#"@id("note") forbid (principal, action == Action::"pay/send", resource) when { context.input has note && context.input.note like "*x*" };"#;
    let null = call("pay/send", r#"{"to":"a@b.example","note":null}"#, "");
    check(&gate(&format!("{POLICIES}\n{note}")), &null, "deny inexact_argument");
    check(&gate(POLICIES), &null, "allow");
}

#[test]
fn mappings_that_could_be_confused() {
    let wall = r#"@id("wall") forbid (principal, action == Action::"github/create_issue", resource) unless { resource in Server::"github" };
        @id("site") forbid (principal, action == Action::"github/create_issue", resource == Repository::"a/b%2Fc");"#;
    let desk = gate(&format!("{POLICIES}\n{wall}"));
    let issue = |owner: &str, repo: &str| {
        call("github/create_issue", &format!(r#"{{"owner":"{owner}","repo":"{repo}","title":"t"}}"#), "")
    };
    check(&desk, &issue("a/b", "c"), "allow");
    check(&desk, &issue("A", "b/C"), "deny forbidden [site]");
    check(&desk, &issue("", "c"), "deny missing_resource");
    check(
        &desk,
        &call("github/push_files", r#"{"owner":"o","repo":"r","branch":"b","message":"m","files":[]}"#, ""),
        "deny missing_resource",
    );
}

#[test]
fn documents() {
    let desk = gate(POLICIES);
    let deep =
        |n: usize| call("pay/send", &format!(r#"{{"to":"a@b.example","any":{}{}}}"#, "[".repeat(n), "]".repeat(n)), "");
    check(&desk, &deep(31), "allow");
    check(&desk, &deep(33), "deny limit_exceeded");
    check(&desk, &deep(10_000), "deny limit_exceeded");
    check(&desk, &call("pay/send", &format!(r#"{{"to":"{}"}}"#, "x".repeat(100 << 20)), ""), "deny limit_exceeded");
    check(
        &desk,
        r#"{"server":"pay","tool":"send","tool":"send"}"#,
        "deny malformed_call []: line 1, column 38: the key `tool`",
    );
    check(&desk, &call("pay/send", r#"{"to":"a@b.example","to":"c@d.example"}"#, ""), "deny malformed_call");
    check(&desk, &call("pay/send", r#"{"to":"\ud800"}"#, ""), "deny malformed_call");
    check(&desk, &call("pay/send", r#"{"to":"a@b.example","count":9223372036854775808}"#, ""), "deny malformed_call");
    check(&desk, &call("pay/send", "[]", ""), "deny malformed_call");
    check(&desk, "", "deny malformed_call");
    check(
        &desk,
        &call("pay/send", "{}", r#""credential":{"token":"eyJhbGciOi.x.y"}"#),
        "deny malformed_call []: `/credential` has an unknown member `token`",
    );
    check(&desk, &call("pay/send", "{}", r#""principal":"Robot::\"x\"""#), "deny malformed_call");
    check(&desk, &call("pay/send", "{}", &format!(r#""session":"{}""#, "x".repeat(600))), "deny limit_exceeded");
}

#[test]
fn calls_built_by_hand_are_held_to_the_same_limits() {
    let desk = gate(POLICIES);
    let mut input = Json::Null;
    for _ in 0..5_000 {
        input = Json::Array(vec![input]);
    }
    let mut call = ToolCall::new("pay", "send", Principal::new(PrincipalKind::User, "alice"));
    call.input = Json::Object([("to".to_owned(), "a@b.example".into()), ("any".to_owned(), input)].into());
    let decision = desk.decide(&call, &Ledger::new(), now());
    assert!(shown(&decision).starts_with("deny limit_exceeded"), "{}", shown(&decision));
    for number in [Number::Float(f64::NAN), Number::Float(1e300), Number::Literal("1e1".into())] {
        call.input =
            Json::Object([("to".to_owned(), "a@b.example".into()), ("any".to_owned(), Json::Number(number))].into());
        let decision = desk.decide(&call, &Ledger::new(), now());
        assert!(shown(&decision).starts_with("deny limit_exceeded"), "{}", shown(&decision));
    }
}

#[test]
fn policies_too_deep_for_a_parser() {
    let deep = |n: usize| {
        format!("@id(\"p\") permit (principal, action, resource) when {{ {}true{} }};", "(".repeat(n), ")".repeat(n))
    };
    let told = |text: &str| PolicyBundle::load(&desk::sources(text)).err().unwrap().to_string();
    assert!(PolicyBundle::load(&desk::sources(&deep(60))).is_ok());
    for n in [70, 700, 100_000] {
        assert_eq!(
            told(&deep(n)),
            "policies/desk.cedar:1:117: error: brackets are nested deeper than the 64 levels allowed"
        );
    }
    let chain = format!("@id(\"p\") permit (principal, action, resource) when {{ {} }};", ["true"; 490].join(" && "));
    assert!(PolicyBundle::load(&desk::sources(&chain)).is_ok());
    let chain = chain.replace("true &&", "true && !false && true &&");
    assert!(told(&chain).contains("operators"), "{}", told(&chain));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn no_text_is_allowed_by_accident(text in "\\PC{0,60}") {
        static ANY: LazyLock<Gate> = LazyLock::new(|| gate("@id(\"any\") permit (principal, action, resource);"));
        prop_assert!(!decide(&ANY, &text).is_allow());
    }
}
