//! A small bundle to write suites for.

use std::sync::LazyLock;

use toolgate::{PolicyBundle, Sources};
use toolgate_harness::{Bench, Options, Report, Style};

const MANIFEST: &str = r#"
[bundle]
name = "desk"
version = "1.0.0"

[tools."notes/read"]
effect = "read"
egress = false
sensitivity = "internal"
output = { labels = ["note"] }

[tools."notes/send"]
effect = "write"
sensitivity = "public"

[tools."notes/delete"]
effect = "destructive"
egress = false
sensitivity = "internal"

[tools."notes/edit"]
egress = false
sensitivity = "internal"

[tools."notes/edit".operations]
argument = "/method"
append = { effect = "write" }
erase = { effect = "destructive" }

[servers.notes]
"#;

const TOOLS: &str = r#"{"tools": [
  {"name": "read", "inputSchema": {"type": "object", "properties": {"id": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "string"}}}, "required": ["id"]}},
  {"name": "send", "inputSchema": {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]}},
  {"name": "delete", "inputSchema": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}},
  {"name": "edit", "inputSchema": {"type": "object", "properties": {"method": {"type": "string"}}, "required": ["method"]}}
]}"#;

const POLICIES: &str = r#"
@id("staff-read")
@obligation("audit:notes")
permit (principal in Group::"staff", action == Action::"notes/read", resource)
when { context.input.id > 0 && context.input.id < 100 };

@id("staff-write")
permit (principal in Group::"staff", action in Action::"write", resource);

@id("bot-reads")
permit (principal == Agent::"bot", action in Action::"read", resource);

@id("no-thirteen")
@reason("the thirteenth note stays closed")
forbid (principal, action == Action::"notes/read", resource) when { context.input.id == 13 };

@id("no-overflow")
forbid (principal, action == Action::"notes/read", resource)
when { context.input.id == 2 && context.input.id * 9223372036854775807 < 0 };

@id("deleting-is-confirmed")
@approval("librarians")
forbid (principal, action in Action::"destructive", resource);

@id("read-budget")
forbid (principal, action in Action::"read", resource) when { context.usage.session.hour >= 3 };

@id("task-only")
forbid (principal is Agent, action, resource) when { context has task && context.task.purpose != "tidy" };

@id("trusted-readers")
permit (principal == ?principal, action == Action::"notes/read", resource);
"#;

const ENTITIES: &str = r#"[
  {"uid": {"type": "Group", "id": "staff"}, "attrs": {}, "parents": []},
  {"uid": {"type": "User", "id": "alice"}, "attrs": {}, "parents": [{"type": "Group", "id": "staff"}]},
  {"uid": {"type": "User", "id": "barbara"}, "attrs": {}, "parents": [{"type": "Group", "id": "staff"}]},
  {"uid": {"type": "User", "id": "eve"}, "attrs": {}, "parents": []}
]"#;

/// The head of every suite.
pub(crate) const HEAD: &str = r#"version: 1
now: 2026-01-05T10:00:00Z
calls:
  alice: {principal: 'User::"alice"', session: s1}
  reads: {extends: alice, tool: notes/read, input: {id: 1}}
"#;

/// The bundle, loaded once.
static DESK: LazyLock<Bench> = LazyLock::new(|| {
    let mut sources = Sources::default();
    sources.insert("toolgate.toml", MANIFEST);
    sources.insert("tools/notes.json", TOOLS);
    sources.insert("policies/desk.cedar", POLICIES);
    sources.insert("entities.json", ENTITIES);
    let bundle = PolicyBundle::load(&sources).unwrap_or_else(|error| panic!("{error}"));
    Bench::new(bundle, sources)
});

/// The bundle, with these files beside it.
pub(crate) fn bench(files: &[(&str, &str)]) -> Bench {
    let mut sources = DESK.sources().clone();
    for (name, text) in files {
        sources.insert(*name, *text);
    }
    DESK.with(sources)
}

/// What comes of a suite: the head, and these lines.
pub(crate) fn report(lines: &str) -> Report {
    let bench = bench(&[("tests/a.test.yaml", &format!("{HEAD}{lines}"))]);
    bench.run(&bench.suites(), &Options::default())
}

/// What is wrong with a suite, or the report on it.
pub(crate) fn told(report: &Report) -> String {
    let found: String = report.suites.iter().flat_map(|suite| &suite.found).map(|one| format!("{one}\n")).collect();
    found + &report.text(Style::Plain, "", "toolgate test .", false)
}

/// That every case of these lines passes.
pub(crate) fn pass(lines: &str, cases: usize) {
    let report = report(lines);
    let totals = report.totals();
    assert_eq!((totals.passed, totals.failed, totals.invalid), (cases, 0, 0), "{lines}\n{}", told(&report));
    assert!(report.suites[0].found.is_empty(), "{lines}\n{}", told(&report));
}
