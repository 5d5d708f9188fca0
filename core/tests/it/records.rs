//! Records: the same bytes for the same input, no secrets, chains that show tampering.

use std::sync::LazyLock;

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use static_assertions::assert_not_impl_any;
use toolgate::{Chain, Credential, Ledger, verify, wire};

use crate::desk::{POLICIES, authorize, call, gate, now};

// What is not printable cannot be logged by accident.
assert_not_impl_any!(Credential: std::fmt::Debug, std::fmt::Display, serde::Serialize);

const CREDENTIAL: &str = r#""credential":{"id":"jti-1","issuer":"https://idp.example","audience":["https://api.githubcopilot.com/mcp/"],"expires":"2026-01-05T10:05:00Z","bound":"dpop","scopes":["repo"]}"#;

#[test]
fn golden() {
    let desk = gate(POLICIES);
    let issue = r#"{"owner":"Acme","repo":"Site","title":"broken link"}"#;
    let allowed = call(
        "github/create_issue",
        issue,
        &format!(
            r#""principal":"Agent::\"triage\"","on_behalf_of":[{{"type":"User","id":"alice","claims":{{"tenant":"acme"}}}}],"session":"s1","origin":"agent",{CREDENTIAL}"#
        ),
    );
    let calls = [
        allowed.as_str(),
        &call(
            "pay/send",
            r#"{"to":"a@b.example","pin":"1234","link":"https://x.example/?t=ghp_0123456789abcdefghij"}"#,
            r#""principal":"Agent::\"x\"""#,
        ),
        &call("github/ghp_0123456789abcdefghij", "{}", ""),
        &call("pay/send", r#"{"to":{"api_key":"s3cr3tvalue"},"access_token":"s3cr3tvalue"}"#, ""),
        "{",
    ];
    let mut ledger = Ledger::new();
    let lines: Vec<_> = calls.iter().map(|call| authorize(&desk, call, &mut ledger).to_json()).collect();
    for line in &lines {
        let _: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(!line.contains('\n'));
        for secret in ["1234\"", "s3cr3t", "ghp_", "jti-1", "idp.example"] {
            assert!(!line.contains(secret), "{secret} in {line}");
        }
    }
    let mut again = Ledger::new();
    let same: Vec<_> = calls.iter().map(|call| authorize(&gate(POLICIES), call, &mut again).to_json()).collect();
    assert_eq!(lines, same, "the same input gives the same bytes");
    insta::assert_snapshot!(lines.join("\n\n"));
}

/// As docs/decisions.md says it, and not as the crate makes it.
#[test]
fn a_call_digest_can_be_made_from_its_record() {
    let wanted = r#""principal":"Agent::\"triage\"","on_behalf_of":["User::\"alice\""],"session":"s1""#;
    let asked = call("github/create_issue", r#"{"owner":"acme","title":"b","repo":"site"}"#, wanted);
    let record = authorize(&gate(POLICIES), &asked, &mut Ledger::new()).to_json();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let (bundle, pin) = (&record["bundle"]["digest"], &record["call"]["tool_digest"]);
    let text = format!(
        r#"{{"action":{{"bundle":{bundle},"id":"github/create_issue","pin":{pin},"server":"github"}},"chain":["Agent::\"triage\"","User::\"alice\""],"input":{{"owner":"acme","repo":"site","title":"b"}},"lift":[],"method":"tools/call","session":"s1","task":null}}"#
    );
    let digest = Sha256::new().chain_update("toolgate/call/v1\0").chain_update(text).finalize();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(record["call_digest"], format!("sha256:{hex}"));
}

/// What the schema marks secret is secret whatever becomes of the call.
#[test]
fn secrets_of_the_schema_stay_out_of_every_record() {
    let desk = gate(POLICIES);
    let check = |input: &str, expected: &str| {
        let (mut ledger, text) = (Ledger::new(), call("pay/send", input, ""));
        let record = authorize(&desk, &text, &mut ledger);
        assert_eq!(record.decision.name(), expected, "{input}");
        let call = wire::read_call(text.as_bytes(), desk.limits()).unwrap();
        let confirmed = desk.confirm(&call, record.id.unwrap(), &mut ledger, now());
        for line in [record.to_json(), confirmed.to_json()] {
            assert!(!line.contains("hush") && line.contains(r#""pin":"[redacted]""#), "{line}");
        }
    };
    check(r#"{"to":"a@b.example","pin":"hush"}"#, "allow");
    check(r#"{"to":7,"pin":"hush"}"#, "deny");
    check(r#"{"pin":"hush"}"#, "deny");
    check(r#"{"to":"a@b.example","pin":"hush","more":1}"#, "deny");
}

/// What looks like a secret is one in an id, too: of an actor, or of what arguments are mapped to.
#[test]
fn ids_that_look_like_secrets_stay_out_of_records() {
    let desk = gate(POLICIES);
    let check = |tool: &str, input: &str, more: &str| {
        let mut ledger = Ledger::new();
        let record = authorize(&desk, &call(tool, input, more), &mut ledger);
        for line in [record.to_json(), wire::answer(&record.decision)] {
            assert!(!line.contains("ghp_") && line.contains("[redacted]"), "{line}");
        }
    };
    let secret = "ghp_0123456789abcdefghij";
    check("github/create_issue", &format!(r#"{{"owner":"acme","repo":"{secret}","title":"x"}}"#), "");
    check("fs/move_file", &format!(r#"{{"source":"/a/{secret}","destination":"/b"}}"#), "");
    check("pay/send", r#"{"to":"a@b.example"}"#, &format!(r#""principal":"User::\"{secret}\"""#));
    let behalf = format!(r#""principal":"Agent::\"x\"","on_behalf_of":["User::\"{secret}\""]"#);
    check("pay/send", r#"{"to":"a@b.example"}"#, &behalf);
}

fn chained(count: usize) -> Vec<String> {
    let desk = gate(POLICIES);
    let (mut chain, mut ledger) = (Chain::default(), Ledger::new());
    let record = |i| authorize(&desk, &call("github/get_me", "{}", &format!("\"session\":\"s{i}\"")), &mut ledger);
    (0..count).map(record).map(|record| record.chained(&mut chain)).collect()
}

fn check(lines: &[String], expected: Result<(), &str>) {
    let result = verify(lines.iter().map(String::as_str), None);
    assert_eq!(result.map(|_| ()).map_err(|error| error.to_string()), expected.map_err(str::to_owned));
}

#[test]
fn chains_show_what_was_done_to_them() {
    let good = chained(4);
    check(&good, Ok(()));
    let edit = |change: fn(&mut Vec<String>)| {
        let mut lines = good.clone();
        change(&mut lines);
        lines
    };
    check(
        &edit(|l| l[1] = l[1].replace("\"allow\"", "\"deny\"")),
        Err("line 2 was changed: its digest is not that of its content"),
    );
    let broken = |n| format!("line {n} does not follow the line before it: records were dropped, added or moved");
    check(&edit(|l| drop(l.remove(1))), Err(&broken(2)));
    check(&edit(|l| drop(l.remove(0))), Err(&broken(1)));
    check(&edit(|l| l.swap(1, 2)), Err(&broken(2)));
    check(&edit(|l| l.insert(1, l[0].clone())), Err(&broken(2)));
    check(&edit(|l| l[3] = "{}".to_owned()), Err("line 4 is no record with a digest"));
    let last = verify(good.iter().take(2).map(String::as_str), None).unwrap();
    assert!(verify(good.iter().skip(2).map(String::as_str), last).is_ok(), "goes on behind a known record");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn a_changed_byte_shows(at: prop::sample::Index, byte in b' '..b'~') {
        static TWO: LazyLock<Vec<String>> = LazyLock::new(|| chained(2));
        let mut lines = TWO.clone();
        let at = at.index(lines[0].len());
        let mut bytes = lines[0].clone().into_bytes();
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        lines[0] = String::from_utf8(bytes).unwrap();
        prop_assert!(verify(lines.iter().map(String::as_str), None).is_err());
    }
}
