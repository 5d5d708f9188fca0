//! The compiled engine beside Cedar: operator by operator, then at random.

use cedar_policy::{Context, Entities, PolicySet};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Compiled, Dice, Oracle, Outcome, Request, compare};

fn entities() -> Entities {
    let entities = json!([
        {"uid": {"type": "User", "id": "ann"}, "attrs": {"age": 30, "name": "Ann", "boss": {"__entity": {"type": "User", "id": "bob"}},
            "ghost": {"__entity": {"type": "User", "id": "ghost"}}}, "tags": {"team": "red", "level": 3},
            "parents": [{"type": "Group", "id": "dev"}]},
        {"uid": {"type": "User", "id": "bob"}, "attrs": {"age": 50, "rec": {"deep": {"er": 1}}}, "parents": []},
        {"uid": {"type": "Group", "id": "dev"}, "attrs": {}, "parents": [{"type": "Group", "id": "all"}]},
        {"uid": {"type": "Doc", "id": "d"}, "attrs": {"owner": {"__entity": {"type": "User", "id": "ann"}}}, "parents": []},
    ]);
    Entities::from_json_value(entities, None).unwrap()
}

fn context() -> Value {
    let extension = |function: &str, arg: &str| json!({"__extn": {"fn": function, "arg": arg}});
    json!({
        "yes": true, "no": false, "n": 7, "most": i64::MAX, "least": i64::MIN, "s": "abc*ü", "empty": "",
        "set": [1, 2, 3], "names": ["a", "b"], "mixed": [1, "a", {"x": [1]}], "none": [],
        "rec": {"a": {"b": {"c": 1}}, "n": 1, "odd name": 2}, "e": {"__entity": {"type": "User", "id": "ann"}},
        "ghost": {"__entity": {"type": "User", "id": "ghost"}},
        "dec": extension("decimal", "1.5"), "ip": extension("ip", "10.1.2.3"), "net": extension("ip", "10.0.0.0/8"),
        "ips": [extension("ip", "::1"), extension("ip", "10.0.0.1/32")],
        "dt": extension("datetime", "2026-01-05T10:00:00.123Z"), "dur": extension("duration", "-1d2h"),
        "late": extension("datetime", "9999-12-31"), "long": extension("duration", "9223372036854775807ms"),
    })
}

fn request(context: Value) -> cedar_policy::Request {
    let context = Context::from_json_value(context, None).unwrap();
    let uid = |text: &str| text.parse().unwrap();
    cedar_policy::Request::new(uid("User::\"ann\""), uid("Action::\"read\""), uid("Doc::\"d\""), context, None).unwrap()
}

/// What both engines say of every policy, with the index and without.
#[track_caller]
fn outcome(policies: &str, context: Value) -> Outcome {
    let set: PolicySet = policies.parse().unwrap_or_else(|error| panic!("{error:?}: {policies}"));
    let (entities, request) = (entities(), request(context));
    let compiled = Compiled::new(&set).unwrap();
    let (prepared, asked) = (compiled.entities(&entities).unwrap(), Request::new(&request).unwrap());
    let theirs = Oracle::new(&set).unwrap().evaluate(&entities, &request);
    assert_eq!(compiled.evaluate(&prepared, &asked), theirs, "{policies}");
    assert_eq!(compiled.evaluate_all(&prepared, &asked), theirs, "without the index: {policies}");
    theirs
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    True,
    False,
    Error,
}

/// A condition, and what comes of it: in both engines, and computed as well from constants as from facts.
#[track_caller]
fn check(wanted: Is, conditions: &[&str]) {
    for condition in conditions {
        let found = outcome(&format!("permit (principal, action, resource) when {{ {condition} }};"), context());
        let is = match (found.permits.len(), found.errors.len()) {
            (1, 0) => Is::True,
            (0, 0) => Is::False,
            _ => Is::Error,
        };
        assert_eq!(is, wanted, "{condition}");
    }
}

use Is::{Error, False, True};

#[test]
fn logic() {
    check(
        True,
        &[
            "true",
            "context.yes && !context.no",
            "context.no || context.yes",
            "true || 1",
            "context.yes || 1",
            "if context.no then 1 else true",
        ],
    );
    check(
        True,
        &["!(context.no && 1)", "!(false && 1)", "(if context.yes then 2 else 1) == 2", "true && true && context.yes"],
    );
    check(False, &["false", "context.no && 1", "false && context.missing", "context.yes && context.yes && context.no"]);
    check(
        Error,
        &[
            "1",
            "context.n",
            "context.yes && 1",
            "true && 1",
            "false || \"x\"",
            "!1",
            "!context.n",
            "if 1 then true else true",
        ],
    );
    check(
        Error,
        &["if context.n then true else true", "if true then 1 else true", "context.no || context.missing", "1 && true"],
    );
}

#[test]
fn comparisons() {
    check(True, &["context.n < 8", "7 <= context.n", "context.n > 6", "context.n >= 7", "context.dt < context.late"]);
    check(
        True,
        &[
            "context.dur < context.long",
            "datetime(\"2026-01-05\") <= context.dt",
            "context.n == 7",
            "context.n != \"7\"",
        ],
    );
    check(False, &["context.n < 7", "\"7\" == context.n", "context.dec == 1", "User::\"a\" == Doc::\"a\"", "[] == {}"]);
    check(
        True,
        &[
            "[1, 2, 2] == [2, 1]",
            "{a: [1], b: 2} == {b: 2, a: [1, 1]}",
            "context.set == [3, 2, 1, 1]",
            "[[1], [2]] == [[2], [1]]",
        ],
    );
    check(
        True,
        &[
            "context.ips == [ip(\"0::1\"), ip(\"10.0.0.1\")]",
            "context.dt == datetime(\"2026-01-05T11:00:00.123+0100\")",
        ],
    );
    check(
        True,
        &[
            "decimal(\"1.50\") == context.dec",
            "context.rec.a == {b: {c: 1}}",
            "[context.n, 7] == [7]",
            "{x: context.n}.x == 7",
        ],
    );
    check(
        Error,
        &[
            "\"a\" < \"b\"",
            "context.dec < context.dec",
            "context.n < context.dt",
            "context.dt < context.dur",
            "true < false",
        ],
    );
    check(Error, &["1 < \"1\"", "context.ip <= context.ip", "[1] < [2]", "principal > resource"]);
}

#[test]
fn arithmetic() {
    check(
        True,
        &["context.n + 1 == 8", "context.n - 8 == -1", "context.n * -2 == -14", "-(context.n) == -7", "1 + 2 * 3 == 7"],
    );
    check(
        True,
        &[
            "context.most + context.least == -1",
            "context.least == -9223372036854775808",
            "-(context.most) - 1 == context.least",
        ],
    );
    check(
        Error,
        &[
            "context.most + 1 == 0",
            "context.least - 1 == 0",
            "context.most * 2 == 0",
            "-(context.least) == 0",
            "9223372036854775807 + 1 == 0",
        ],
    );
    check(
        Error,
        &[
            "context.n + \"1\" == 8",
            "-true == 1",
            "context.dur + context.dur == context.dur",
            "-(context.s) == 1",
            "-(-9223372036854775808) == 0",
        ],
    );
}

#[test]
fn text() {
    check(
        True,
        &[
            "context.s like \"abc\\*ü\"",
            "context.s like \"*\"",
            "context.s like \"a*c*\"",
            "context.empty like \"\"",
            "\"a*b\" like \"a\\*b\"",
            "\"🦀x\" like \"*x\"",
        ],
    );
    check(
        False,
        &["context.s like \"abc\"", "\"aXb\" like \"a\\*b\"", "context.empty like \"?\"", "context.s like \"*ü*ü*\""],
    );
    check(Error, &["context.n like \"*\"", "1 like \"1\"", "context.e like \"*\""]);
}

#[test]
fn attributes() {
    check(
        True,
        &[
            "principal.age == 30",
            "principal.boss.age == 50",
            "principal.boss.rec.deep.er == 1",
            "context.rec[\"odd name\"] == 2",
        ],
    );
    check(
        True,
        &[
            "context has n",
            "context has rec.a.b.c",
            "principal has boss.rec.deep",
            "context.rec has \"odd name\"",
            "{a: 1} has a",
            "resource.owner.boss has age",
        ],
    );
    check(
        False,
        &[
            "context has missing",
            "context has missing.a",
            "context has rec.x.y",
            "principal has boss.boss",
            "context.ghost has age",
            "context has ghost.age",
        ],
    );
    check(False, &["principal.ghost has age", "{a: {b: 1}} has a.c", "action has x", "context has rec.a.b.d"]);
    check(
        Error,
        &[
            "context.missing",
            "context.rec.x.y == 1",
            "principal.missing",
            "context.ghost.age == 1",
            "context.missing has a",
            "context.n has a",
        ],
    );
    check(
        Error,
        &[
            "context has n.a",
            "context has rec.n.a",
            "context.n.a == 1",
            "{a: 1}.b == 1",
            "1 has a",
            "context.set has a",
            "(if context.yes then principal else context).zip == 1",
            "action.x == 1",
        ],
    );
}

#[test]
fn entities_and_types() {
    check(
        True,
        &[
            "principal is User",
            "principal in Group::\"all\"",
            "principal in principal",
            "User::\"nobody\" in User::\"nobody\"",
            "context.e in Group::\"dev\"",
        ],
    );
    check(
        True,
        &[
            "principal in [Group::\"x\", Group::\"all\"]",
            "principal is User in Group::\"dev\"",
            "resource.owner in [context.e, Group::\"no\"]",
            "principal in [principal]",
        ],
    );
    check(
        False,
        &[
            "principal is Group",
            "principal is Group in 1",
            "resource in Group::\"all\"",
            "principal in []",
            "User::\"nobody\" in Group::\"all\"",
            "context.ghost in Group::\"dev\"",
        ],
    );
    check(
        Error,
        &[
            "1 is User",
            "context is User",
            "principal in 1",
            "1 in Group::\"all\"",
            "principal in [Group::\"dev\", 1]",
            "principal in context.set",
            "context.n is User in 1",
            "principal is User in 1",
        ],
    );
}

#[test]
fn tags() {
    check(
        True,
        &[
            "principal.hasTag(\"team\")",
            "principal.getTag(\"team\") == \"red\"",
            "context.e.getTag(\"level\") < 4",
            "principal.hasTag(if context.yes then \"team\" else \"x\")",
        ],
    );
    check(False, &["principal.hasTag(\"age\")", "context.ghost.hasTag(\"team\")", "resource.hasTag(context.s)"]);
    check(
        Error,
        &[
            "principal.getTag(\"none\") == 1",
            "context.ghost.getTag(\"team\") == \"red\"",
            "principal.hasTag(1)",
            "context.hasTag(\"a\")",
            "context.n.getTag(\"a\") == 1",
        ],
    );
}

#[test]
fn sets() {
    check(
        True,
        &[
            "context.set.contains(2)",
            "[1, [2]].contains([2])",
            "context.set.containsAll([1, 1])",
            "context.set.containsAny([9, 3])",
            "context.none.isEmpty()",
            "context.mixed.contains({x: [1]})",
        ],
    );
    check(
        True,
        &[
            "[].isEmpty()",
            "context.set.containsAll([])",
            "context.ips.contains(ip(\"10.0.0.1\"))",
            "[context.n, context.s].contains(\"abc*ü\")",
            "[1, 2].containsAll([context.rec.n])",
        ],
    );
    check(
        False,
        &[
            "context.set.contains(\"2\")",
            "context.set.containsAll([1, 4])",
            "context.set.containsAny([])",
            "[1].isEmpty()",
            "context.mixed.contains({x: [2]})",
        ],
    );
    check(
        Error,
        &[
            "context.n.contains(1)",
            "context.set.containsAll(1)",
            "1.containsAny([1])",
            "context.s.isEmpty()",
            "[context.missing].isEmpty()",
            "[1].containsAll(context.rec)",
        ],
    );
}

#[test]
fn decimals() {
    check(
        True,
        &[
            "context.dec.lessThan(decimal(\"1.5001\"))",
            "context.dec.greaterThanOrEqual(decimal(\"1.5\"))",
            "decimal(\"-0.0\") == decimal(\"0.0\")",
            "decimal(\"-922337203685477.5808\").lessThanOrEqual(context.dec)",
        ],
    );
    check(False, &["context.dec.greaterThan(decimal(\"1.5\"))", "decimal(\"-0.5\").greaterThan(decimal(\"0.0\"))"]);
    check(
        Error,
        &[
            "decimal(\"1\") == context.dec",
            "decimal(\"1.00000\") == context.dec",
            "decimal(\"922337203685477.5808\") == context.dec",
            "context.n.lessThan(decimal(\"1.0\"))",
            "decimal(context.s) == context.dec",
            "decimal(1) == context.dec",
        ],
    );
}

#[test]
fn addresses() {
    check(
        True,
        &[
            "context.ip.isIpv4()",
            "ip(\"::1\").isIpv6()",
            "context.ip.isInRange(context.net)",
            "ip(\"127.0.0.0/8\").isLoopback()",
            "ip(\"ff02::1\").isMulticast()",
            "ip(\"::/0\").isInRange(ip(\"::/0\"))",
        ],
    );
    check(
        False,
        &[
            "context.net.isInRange(context.ip)",
            "context.ip.isInRange(ip(\"::/0\"))",
            "ip(\"127.0.0.0/7\").isLoopback()",
            "ip(\"10.0.0.1/24\") == ip(\"10.0.0.0/24\")",
            "ip(\"224.0.0.0/3\").isMulticast()",
        ],
    );
    check(
        Error,
        &[
            "ip(\"::ffff:10.0.0.1\").isIpv6()",
            "ip(\"10.0.0.1/33\").isIpv4()",
            "context.s.isIpv4()",
            "context.ip.isInRange(\"10.0.0.0/8\")",
            "ip(context.s).isIpv4()",
            "ip(\"10.0.0.1/08\").isIpv4()",
        ],
    );
}

#[test]
fn times() {
    check(
        True,
        &[
            "context.dt.toDate() == datetime(\"2026-01-05\")",
            "context.dt.toTime() == duration(\"10h123ms\")",
            "context.dt.offset(duration(\"-1d\")) < context.dt",
            "context.late.durationSince(context.dt) > duration(\"0ms\")",
        ],
    );
    check(
        True,
        &[
            "context.dur.toHours() == -26",
            "context.dur.toDays() == -1",
            "context.dur.toMinutes() == -1560",
            "context.dur.toSeconds() == -93600",
            "context.dur.toMilliseconds() == -93600000",
            "duration(\"-1ms\").toSeconds() == 0",
        ],
    );
    check(
        True,
        &[
            "datetime(\"1969-12-31T23:59:59.999Z\").toTime() == duration(\"23h59m59s999ms\")",
            "datetime(\"1969-12-31\").toTime() == duration(\"0ms\")",
        ],
    );
    check(
        Error,
        &[
            "context.late.offset(context.long) == context.dt",
            "context.dt.offset(context.n) == context.dt",
            "context.dur.toDate() == context.dt",
            "datetime(\"2023-02-29\") == context.dt",
            "duration(\"1h1d\") == context.dur",
        ],
    );
    check(
        Error,
        &[
            "datetime(\"1970-01-01\").offset(duration(\"-9223372036854775808ms\")).toDate() == context.dt",
            "datetime(\"1970-01-01\").offset(duration(\"-9223372036854775808ms\")).durationSince(context.dt) == context.dur",
            "context.dt.toHours() == 1",
        ],
    );
}

/// An equality that the index could look for must not hide what is evaluated before it.
#[test]
fn the_index_loses_no_error() {
    let set = |first: &str| -> String {
        (0..5)
            .map(|n| format!("permit (principal, action, resource) when {{ {first} && context.s == \"{n}\" }};\n"))
            .collect()
    };
    for (first, errors) in [
        ("context.yes", 0),
        ("context.n < 9", 0),
        ("context has rec.a.b", 0),
        ("context.missing == 1", 5),
        ("context.n", 5),
        ("context.s < 9", 5),
        ("context has n.a", 5),
        ("context.no && context.missing == 1", 0),
        ("principal has zip && principal.zip == 1", 0),
        ("(context has missing || context.missing == 1)", 5),
        ("principal in Group::\"all\"", 0),
        ("context.s in Group::\"all\"", 5),
        ("context.n like \"*\"", 5),
        ("context.most + 1 == 0", 5),
    ] {
        assert_eq!(outcome(&set(first), context()).errors.len(), errors, "{first}");
        let mut without = context();
        without.as_object_mut().unwrap().remove("s");
        outcome(&set(first), without);
    }
    let unless: String =
        (0..5).map(|n| format!("forbid (principal, action, resource) unless {{ context.s == \"{n}\" }};\n")).collect();
    assert_eq!(outcome(&unless, context()).forbids.len(), 5);
}

/// Of rules that are a single test, those are run for every question that no value tells apart: a few, and not a thousand.
#[test]
fn plain_rules_are_found_by_their_value() {
    let rule = |n| format!("forbid (principal, action, resource) when {{ context.s == \"{n}\" }};\n");
    let policies: String = (0..1000).map(rule).collect();
    for (more, alone) in [("", 0), ("forbid (principal, action, resource) when { context.yes };", 1)] {
        let compiled = Compiled::new(&format!("{policies}{more}").parse().unwrap()).unwrap();
        assert_eq!(compiled.program.index.sole.len(), alone);
    }
}

/// Neither compiling, nor evaluating, nor dropping what was compiled goes as deep as a policy is nested.
#[test]
fn thousands_of_conjuncts() {
    let condition = vec!["context.yes"; 3000].join(" && ");
    let work = move || {
        let policies = format!(
            "permit (principal, action, resource) when {{ {condition} }};\nforbid (principal, action, resource) when {{ {condition} && context.missing }};"
        );
        let set: PolicySet = policies.parse().unwrap();
        let compiled = Compiled::new(&set).unwrap();
        let prepared = compiled.entities(&entities()).unwrap();
        let found = compiled.evaluate(&prepared, &Request::new(&request(context())).unwrap());
        assert_eq!((found.permits.len(), found.errors.len()), (1, 1));
    };
    // Cedar's own parser recurses.
    std::thread::Builder::new().stack_size(256 << 20).spawn(work).unwrap().join().unwrap();
}

#[test]
fn what_cannot_be_compiled_is_said() {
    let set: PolicySet = "permit (principal, action, resource) when { ip(\"10.0.0.1\").isIpv4(1) };".parse().unwrap();
    assert!(
        set.policies().next().unwrap().to_pst().is_err(),
        "Cedar's tree has a place for it: this need not be mended"
    );
    check(Error, &["ip(\"10.0.0.1\").isIpv4(1)", "context.yes && decimal() == 1"]);
    check(True, &["context.yes || ip(\"10.0.0.1\").isIpv4(1)"]);
}

#[test]
fn templates() {
    let mut set: PolicySet = "permit (principal == ?principal, action, resource in ?resource);
        forbid (principal in ?principal, action, resource) when { context.missing };"
        .parse()
        .unwrap();
    let slots = [cedar_policy::SlotId::principal(), cedar_policy::SlotId::resource()];
    for (number, template, fillings) in [
        (0, "policy0", vec!["User::\"ann\"", "Doc::\"d\""]),
        (1, "policy0", vec!["User::\"bob\"", "Doc::\"d\""]),
        (2, "policy1", vec!["Group::\"all\""]),
        (3, "policy1", vec!["Group::\"none\""]),
    ] {
        let values = slots.iter().cloned().zip(fillings.iter().map(|text| text.parse().unwrap())).collect();
        let id = cedar_policy::PolicyId::new(format!("link{number}"));
        set.link(cedar_policy::PolicyId::new(template), id, values).unwrap();
    }
    let (entities, request) = (entities(), request(context()));
    let compiled = Compiled::new(&set).unwrap();
    let ours = compiled.evaluate(&compiled.entities(&entities).unwrap(), &Request::new(&request).unwrap());
    assert_eq!(ours, Oracle::new(&set).unwrap().evaluate(&entities, &request));
    assert_eq!(ours.permits.into_iter().collect::<Vec<_>>(), ["link0"]);
    assert_eq!(ours.errors.into_iter().collect::<Vec<_>>(), ["link2"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever policies say, both engines find the same; and the index changes nothing.
    #[test]
    fn at_random(seed: u64) {
        let compared = compare(&mut Dice::seeded(seed), 24).unwrap();
        prop_assert!(compared.disagreements.is_empty(), "{}", compared.disagreements.join("\n"));
    }
}
