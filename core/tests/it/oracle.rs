//! Beside the real thing: plain Cedar on the same policies, and Cedar's own check of the facts.

use std::str::FromStr;

use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request};

use crate::desk::{self, POLICIES, call, decide, gate, shown};

/// Cedar skips a forbid that fails to evaluate, and so allows. The gate denies.
#[test]
fn an_erring_forbid_denies_where_plain_cedar_allows() {
    let policies = r#"
        @id("may") permit (principal, action == Action::"pay/send", resource);
        @id("sum") forbid (principal, action == Action::"pay/send", resource)
        when { context.input has count && context.input.count + 1 > 100 };
    "#;
    let plain = |count: i64| {
        let uid = |text: &str| EntityUid::from_str(text).unwrap();
        let context = Context::from_json_value(serde_json::json!({"input": {"count": count}}), None).unwrap();
        let (who, what, on) = (uid(r#"User::"alice""#), uid(r#"Action::"pay/send""#), uid(r#"Tool::"pay/send""#));
        let request = Request::new(who, what, on, context, None).unwrap();
        let set: PolicySet = policies.parse().unwrap();
        Authorizer::new().is_authorized(&request, &set, &Entities::empty()).decision()
    };
    let ours = |count: i64| {
        shown(&decide(&gate(policies), &call("pay/send", &format!(r#"{{"to":"a@b.example","count":{count}}}"#), "")))
    };
    assert_eq!((plain(5), &*ours(5)), (Decision::Allow, "allow [may]"));
    assert_eq!((plain(500), &*ours(500)), (Decision::Deny, "deny forbidden [sum]: `sum` forbids the call"));
    assert_eq!(plain(i64::MAX), Decision::Allow);
    assert!(ours(i64::MAX).starts_with("deny forbid_error [sum]"), "{}", ours(i64::MAX));
}

#[test]
fn a_misspelt_forbid_does_not_load() {
    let text =
        POLICIES.replace("staff-may", "x") + "@id(\"y\") forbid (principal, action == Action::\"pay/sned\", resource);";
    assert!(toolgate::PolicyBundle::load(&desk::sources(&text)).is_err());
}
