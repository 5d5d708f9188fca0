//! Coverage, mutants and tests that show nothing, on a bundle that is small enough to see it all.

use toolgate::{Mutants, PolicyBundle, Shapes, Sources};
use toolgate_harness::{Bench, Coverage, Fate, Measure, Options, Outcome, Recorder, Seen};

use crate::notes;

const POLICIES: &str = r#"@id("staff")
@obligation("audit:notes")
permit (principal in Group::"staff", action in Action::"call", resource);

@id("few")
@approval("ops")
forbid (principal, action == Action::"notes/send", resource)
when { context.input.count > 10 || context.origin == "retrieved" };

@id("bot")
permit (principal == Agent::"bot", action == Action::"notes/send", resource);
"#;

const HEAD: &str = "version: 1\nnow: 2026-01-05T10:00:00Z\ncalls:\n  ann: {principal: 'User::\"ann\"', origin: user}\n";

fn sources(tests: &str) -> Sources {
    notes::sources(POLICIES, &format!("{HEAD}tests:\n{tests}"))
}

/// A run of these tests, all of which pass.
fn run(tests: &str) -> (Bench, Vec<Seen>, Sources) {
    let sources = sources(tests);
    let bench = Bench::new(PolicyBundle::load(&sources).unwrap(), sources.clone());
    let (recorder, suites) = (Recorder::default(), bench.suites());
    let report = bench.run(&suites, &Options { observer: Some(&recorder), ..Options::default() });
    assert_eq!(report.verdict().name(), "passed", "{:?}", suites[0].suite.found);
    let seen = recorder.seen(&suites);
    (bench, seen, sources)
}

const READS: &str =
    "  - {name: reads, call: {extends: ann, tool: notes/read}, expect: {allow: [staff], obligations: [audit:notes]}}\n";

const GUARDED: &str = "  - {name: sends, call: {extends: ann, tool: notes/send, input: {count: 11}}, expect: {approval: [ops]}}
  - {name: some, call: {extends: ann, tool: notes/send, input: {count: 1}}, expect: allow}
invariants:
  - {name: content sends nothing, never: allow, where: 'action == Action::\"notes/send\" && context.origin == \"retrieved\"'}
";

const FULL: &str = "  - {name: reads, call: {extends: ann, tool: notes/read}, expect: {allow: [staff], obligations: [audit:notes]}}
  - {name: sends, call: {extends: ann, tool: notes/send, input: {count: 10}}, expect: {allow: [staff], obligations: [audit:notes]}}
  - {name: many, call: {extends: ann, tool: notes/send, input: {count: 11}}, expect: {approval: [ops], policies: [few]}}
  - {name: ordered, call: {extends: ann, tool: notes/send, input: {count: 1}, origin: retrieved}, expect: {approval: [ops], policies: [few]}}
  - {name: planned, call: {extends: ann, tool: notes/send, input: {count: 1}, origin: agent}, expect: {allow: [staff]}}
  - {name: eve, call: {principal: 'User::\"eve\"', tool: notes/read, origin: user}, expect: {deny: no_permit}}
  - {name: bot, call: {principal: 'Agent::\"bot\"', on_behalf_of: ['User::\"ann\"'], tool: notes/send, input: {count: 11}, origin: user}, expect: {approval: [ops]}}
  - {name: bot sends, call: {principal: 'Agent::\"bot\"', on_behalf_of: ['User::\"ann\"'], tool: notes/send, input: {count: 2}, origin: user}, expect: {allow: [bot, staff]}}
";

fn coverage(tests: &str) -> Coverage {
    let (bench, seen, sources) = run(tests);
    Coverage::of(bench.gate(), &Shapes::load(&sources).unwrap(), &seen, false)
}

#[test]
fn coverage_counts_what_was_seen_of_what_can_be() {
    let figures = |coverage: &Coverage| -> Vec<_> {
        Measure::ALL.map(|one| coverage.figure(one)).iter().map(|one| (one.covered, one.total)).collect()
    };
    assert_eq!(figures(&coverage(READS)), [(2, 9), (0, 2), (3, 12), (0, 4), (0, 1)]);
    let full = coverage(FULL);
    assert_eq!(figures(&full), [(9, 9), (2, 2), (12, 12), (4, 4), (1, 1)], "{}", full.text(""));
    // A second `true` would not decide alone.
    let both = FULL.replace("count: 1}, origin: retrieved", "count: 12}, origin: retrieved");
    assert_eq!(figures(&coverage(&both)), [(9, 9), (2, 2), (11, 12), (3, 4), (1, 1)]);
}

#[test]
fn forms_of_coverage() {
    let (bench, seen, sources) = run(READS);
    let coverage = Coverage::of(bench.gate(), &Shapes::load(&sources).unwrap(), &seen, false);
    insta::assert_snapshot!("coverage_text", coverage.text("notes"));
    insta::assert_snapshot!("coverage_source", coverage.source(&sources, "notes"));
    insta::assert_snapshot!("coverage_lcov", coverage.lcov("notes"));
    insta::assert_snapshot!("coverage_json", serde_json::to_string_pretty(&coverage.json()).unwrap());
}

#[test]
fn survivors_come_with_a_test_that_kills_them() {
    let (bench, seen, sources) = run(READS);
    let mutants = Mutants::load(&sources, false).unwrap();
    let report = bench.mutants(&mutants, &bench.suites(), &seen, 2);
    let score = report.score();
    assert!(score.survived > 10 && score.killed > 3, "{score:?}");
    let mut tests = READS.to_owned();
    for one in &report.tried {
        if let Fate::Survived(witness) = &one.fate {
            let witness = witness.as_ref().unwrap_or_else(|| panic!("{:?}", one.mutant));
            tests.push_str(&witness.test);
        }
    }
    // All of them together are a suite that kills every mutant.
    let (bench, seen, _) = run(&tests);
    let report = bench.mutants(&mutants, &bench.suites(), &seen, 1);
    assert_eq!(report.score().survived, 0, "{}", report.text(""));
}

/// What a mutant came to is what a run says of a bundle that is loaded with the change in it, cases and invariants alike.
#[test]
fn what_kills_a_mutant_fails_in_a_run() {
    let (mut by_invariant, mut survived) = (0, 0);
    let (bench, seen, sources) = run(GUARDED);
    let mutants = Mutants::load(&sources, false).unwrap();
    for one in bench.mutants(&mutants, &bench.suites(), &seen, 2).tried {
        let mut sources = sources.clone();
        let (before, after) = (&POLICIES[..one.mutant.place.start], &POLICIES[one.mutant.place.end..]);
        sources.insert("policies/a.cedar", format!("{before}{}{after}", one.mutant.after));
        // `@approval` on what has become a permit.
        let Ok(bundle) = PolicyBundle::load(&sources) else { continue };
        let bench = Bench::new(bundle, sources);
        let report = bench.run(&bench.suites(), &Options::default());
        let verdict = report.verdict().name();
        let Fate::Killed(by) = &one.fate else {
            assert_eq!(verdict, "passed", "{one:?}");
            survived += 1;
            continue;
        };
        // What the tests name, and what is gone, makes them no tests of this bundle.
        if verdict == "failed" {
            let mut cases = report.suites.iter().flat_map(|suite| &suite.cases);
            let case = cases.find(|case| case.id == *by).unwrap();
            assert!(matches!(case.outcome, Outcome::Failed(_)), "{one:?}");
            by_invariant += usize::from(by.ends_with("::content sends nothing"));
        } else {
            assert_eq!(verdict, "invalid", "{one:?}");
        }
    }
    assert!(by_invariant > 0 && survived > 0, "{by_invariant} by the invariant, {survived} survived");
}

#[test]
fn mutants_in_words() {
    let (bench, seen, sources) = run(FULL);
    let mutants = Mutants::load(&sources, false).unwrap();
    let one = bench.mutants(&mutants, &bench.suites(), &seen, 1);
    assert_eq!(one.text(""), bench.mutants(&mutants, &bench.suites(), &seen, 4).text(""));
    insta::assert_snapshot!("mutants_text", one.text("notes"));
}

#[test]
fn tests_that_show_nothing() {
    let check = |tests: &str, expected: &[&str]| {
        let (bench, seen, sources) = run(tests);
        let shapes = Shapes::load(&sources).unwrap();
        let coverage = Coverage::of(bench.gate(), &shapes, &seen, false);
        let found = bench.vacuous(&bench.suites(), &shapes, &seen, &coverage);
        let found: Vec<_> = found.iter().map(|one| format!("{}: {}", one.code, one.message)).collect();
        assert_eq!(found, expected, "{tests}");
    };
    check(FULL, &[]);
    check(
        READS,
        &[
            "forbid_untested: no test shows `few` to deny a call that a permit would allow",
            "tool_untested: 1 tool has no test: `notes/send`",
        ],
    );
    let any =
        "  - {name: any, call: {principal: 'User::\"eve\"', tool: notes/read, origin: user}, expect: {deny: any}}\n";
    check(&format!("{FULL}{any}"), &["vacuous_deny: the test passes for any deny, whatever its cause"]);
    let again = READS.replace("name: reads", "name: reads again");
    check(
        &format!("{FULL}{again}"),
        &["duplicate_test: the test shows nothing that `reads` at tests/a.test.yaml:6:5 does not"],
    );
}

/// `resources/subscribe` is decided as `resources/read`, a stream as what it tells of, and `completion/complete` as what is completed.
#[test]
fn methods_that_are_decided_as_others_are_tests_of_these() {
    tests_of_the_others("resources/subscribe, input: {uri: 'a://b'}");
    tests_of_the_others("subscriptions/listen, input: {notifications: {resourceSubscriptions: ['a://b']}}");
}

fn tests_of_the_others(reads: &str) {
    let reader =
        "@id(\"reader\") permit (principal == User::\"rita\", action == Action::\"notes/resources/read\", resource);\n";
    let rita = "{principal: 'User::\"rita\"', server: notes, origin: user";
    let prompt = "{ref: {type: ref/prompt, name: p}, argument: {name: a, value: b}}";
    let tests = format!(
        "  - {{name: s, call: {rita}, method: {reads}}}, expect: {{allow: [reader]}}}}
  - {{name: c, call: {rita}, method: completion/complete, input: {prompt}}}, expect: {{deny: no_permit}}}}\n"
    );
    let mut sources = sources(&tests);
    sources.insert("policies/b.cedar", reader);
    let bench = Bench::new(PolicyBundle::load(&sources).unwrap(), sources.clone());
    let (recorder, suites) = (Recorder::default(), bench.suites());
    let report = bench.run(&suites, &Options { observer: Some(&recorder), ..Options::default() });
    assert_eq!(report.verdict().name(), "passed", "{:?}", suites[0].suite.found);
    let seen = recorder.seen(&suites);
    let report = bench.mutants(&Mutants::load(&sources, false).unwrap(), &suites, &seen, 1);
    let of = |operator: &str| {
        let mut tried = report.tried.iter().filter(|one| one.mutant.policy == "reader");
        tried.find(|one| one.mutant.operator.name() == operator).unwrap()
    };
    for operator in ["drop-policy", "flip-effect"] {
        let one = of(operator);
        assert!(matches!(&one.fate, Fate::Killed(by) if by.ends_with("::s")), "{one:?}");
    }
    let coverage = Coverage::of(bench.gate(), &Shapes::load(&sources).unwrap(), &seen, false);
    assert_eq!(coverage.environments().total, 4 * 3);
    let seen = coverage.environments.iter().filter(|(_, (allowed, denied))| *allowed || *denied);
    let seen: Vec<_> = seen.map(|(one, _)| one.tool.as_str()).collect();
    assert_eq!(seen, ["notes/prompts/get", "notes/resources/read"]);
    // What tells a survivor is written as the call that it is.
    for one in &report.tried {
        if let (Fate::Survived(found), "reader") = (&one.fate, one.mutant.policy.as_str()) {
            assert!(found.is_some(), "{one:?}");
        }
    }
}

/// An argument that is an address or a URL by its kind takes no other text.
#[test]
fn arguments_of_a_kind_are_varied_within_it() {
    let tests = "  - {name: a, call: {extends: ann, tool: notes/mail, input: {to: a@own.example, url: 'https://own.example/'}}, expect: allow}\n";
    let mut sources = sources(tests);
    sources.insert(
        "toolgate.toml",
        format!(
            "{}[tools.\"notes/mail\".arguments]\n\"/to\" = {{ kind = \"email\" }}\n\"/url\" = {{ kind = \"url\" }}\n",
            notes::MANIFEST
        ),
    );
    let mail = r#"{"name": "mail", "inputSchema": {"type": "object", "required": ["to", "url"], "properties": {"to": {"type": "string"}, "url": {"type": "string"}}}}, "#;
    sources.insert(
        "tools/notes.json",
        notes::TOOLS.replace("{\"name\": \"read\"", &format!("{mail}{{\"name\": \"read\"")),
    );
    let policies = "@id(\"own\") forbid (principal, action == Action::\"notes/mail\", resource) when { context.input.to.domain != \"own.example\" };
@id(\"home\") forbid (principal, action == Action::\"notes/mail\", resource) when { context.input.url.host != \"own.example\" };\n";
    sources.insert("policies/b.cedar", policies);
    let bench = Bench::new(PolicyBundle::load(&sources).unwrap_or_else(|error| panic!("{error}")), sources.clone());
    let (recorder, suites) = (Recorder::default(), bench.suites());
    let report = bench.run(&suites, &Options { observer: Some(&recorder), ..Options::default() });
    assert_eq!(report.verdict().name(), "passed", "{:?}", suites[0].suite.found);
    let report = bench.mutants(&Mutants::load(&sources, false).unwrap(), &suites, &recorder.seen(&suites), 1);
    for one in report.tried.iter().filter(|one| ["own", "home"].contains(&one.mutant.policy.as_str())) {
        assert!(!matches!(one.fate, Fate::Survived(None)), "{one:?}");
    }
}

#[test]
fn what_is_not_reached_is_not_shown_as_if_it_were() {
    let shown = |covered, total| toolgate_harness::Figure { covered, total }.shown();
    let figures = [shown(1_999, 2_000), shown(573, 1_000), shown(2, 3), shown(0, 0), shown(5, 5)];
    assert_eq!(figures, [99.9, 57.3, 66.6, 100.0, 100.0]);
    assert_eq!(toolgate_harness::Score { killed: 1_999, survived: 1, equivalent: 3 }.shown(), 99.9);
}

/// A test that is shown can be put among the others as it is, however far those are indented.
#[test]
fn tests_that_kill_are_indented_as_the_others_are() {
    let lines = [
        "- name: reads",
        "  given:",
        "  - {advance: 5m}",
        "  - {advance: 1m}",
        "  call: {extends: ann, tool: notes/read}",
        "  expect: {allow: [staff], obligations: [audit:notes]}",
    ];
    for indent in ["", "    "] {
        let tests: String = lines.iter().map(|line| format!("{indent}{line}\n")).collect();
        let (bench, seen, sources) = run(&tests);
        let report = bench.mutants(&Mutants::load(&sources, false).unwrap(), &bench.suites(), &seen, 1);
        let witness = report.tried.iter().find_map(|one| match &one.fate {
            Fate::Survived(witness) => witness.as_ref(),
            _ => None,
        });
        let test = &witness.unwrap().test;
        assert!(test.starts_with(&format!("{indent}- name: ")), "{test}");
        run(&format!("{tests}{test}"));
    }
}

/// However the folder was named, files are named as reports of runs name them.
#[test]
fn files_are_named_from_where_the_command_was_given() {
    let (bench, seen, sources) = run(READS);
    let coverage = Coverage::of(bench.gate(), &Shapes::load(&sources).unwrap(), &seen, false);
    let mutants = bench.mutants(&Mutants::load(&sources, false).unwrap(), &bench.suites(), &seen, 1);
    for (root, file) in [("notes/", "notes/policies/a.cedar"), (".", "policies/a.cedar"), ("", "policies/a.cedar")] {
        assert!(coverage.lcov(root).contains(&format!("SF:{file}\n")), "{}", coverage.lcov(root));
        assert!(coverage.source(&sources, root).starts_with(file), "{}", coverage.source(&sources, root));
        assert!(coverage.text(root).contains(&format!("\n{file}:")), "{}", coverage.text(root));
        assert!(mutants.text(root).contains(&format!("survived: {file}:")), "{}", mutants.text(root));
    }
}
