//! The workload of policy tests: a bundle over GitHub's tools in which so many teams each have seven policies, and a suite of so
//! many cases. What each case expects, to the deciding policies, is what the bundle answers: they all pass.

use std::{error::Error, fmt::Write as _};

use serde_json::{Value, json};
use toolgate::{Decision, Gate, Ledger, Limits, PolicyBundle, Reason, Sources, wire};

use crate::{GITHUB, NOW, entity};

/// Tools that the suite calls, with what they take beside an owner and a repository.
const CALLED: [(&str, &str); 6] = [
    ("list_issues", ""),
    ("get_latest_release", ""),
    ("create_issue", r#""title": "broken link", "#),
    ("add_issue_comment", r#""issue_number": 7, "body": "seen", "#),
    ("delete_file", r#""path": "old.md", "message": "clean up", "branch": "main", "#),
    ("create_issue", r#""title": "the secret key", "#),
];

/// The repositories of each team: name, level, whether it is archived.
const REPOSITORIES: [(&str, &str, bool); 5] = [
    ("site", "internal", false),
    ("docs", "public", false),
    ("payments", "restricted", false),
    ("legacy", "internal", true),
    ("audit", "confidential", false),
];

const POLICIES: &str = r#"@id("TEAM-reads")
permit (principal in Group::"TEAM", action in Action::"read", resource is Repository in Organization::"TEAM")
when { resource in AtMost::"confidential" };
@id("TEAM-writes")
@obligation("audit:TEAM")
permit (principal in Group::"TEAM", action in Action::"write", resource is Repository in Organization::"TEAM")
when { resource in AtMost::"internal" && (context.origin == "user" || context.origin == "agent") };
@id("TEAM-bot-reads")
permit (principal == Agent::"TEAM-bot", action in Action::"read", resource in Organization::"TEAM")
unless { resource in AtLeast::"confidential" };
@id("TEAM-bot-files")
permit (
  principal == Agent::"TEAM-bot",
  action in [Action::"github/create_issue", Action::"github/add_issue_comment", Action::"github/delete_file"],
  resource is Repository in Organization::"TEAM"
)
when { context.input.owner == "TEAM" && context.usage.session.hour < 30 };
@id("TEAM-archived")
forbid (principal, action in Action::"write", resource is Repository in Organization::"TEAM")
when { resource.archived };
@id("TEAM-titles")
forbid (principal, action == Action::"github/create_issue", resource in Organization::"TEAM")
when { context.input.title like "*secret*" };
@id("TEAM-confirms")
@approval("TEAM-leads")
forbid (principal, action in Action::"destructive", resource in Organization::"TEAM");
"#;

/// The files of the bundle, its suite among them. `people`: members of each team beside those that calls come from.
///
/// # Errors
/// The bundle does not load, or the tools are not those that the workload is made of.
pub fn sources(teams: usize, cases: usize, people: usize) -> Result<Sources, Box<dyn Error>> {
    let mut sources = bundle(teams, people)?;
    let gate = Gate::new(PolicyBundle::load(&sources)?);
    sources.insert("tests/teams.test.yaml", suite(&gate, teams, cases)?);
    Ok(sources)
}

fn bundle(teams: usize, people: usize) -> Result<Sources, Box<dyn Error>> {
    let mut manifest = "[bundle]\nname = \"teams\"\nversion = \"1.0.0\"\n[servers.github]\n[require]\nsession = true\n\
                        initiator = true\n"
        .to_owned();
    let list: Value = serde_json::from_str(GITHUB)?;
    for tool in list.get("tools").and_then(Value::as_array).ok_or("no tools")? {
        let name = tool.get("name").and_then(Value::as_str).ok_or("a tool without a name")?;
        let starts = |words: &[&str]| words.iter().any(|word| name.starts_with(word));
        let effect = if starts(&["get_", "list_", "search_"]) {
            "read"
        } else if starts(&["delete_", "merge_"]) {
            "destructive"
        } else {
            "write"
        };
        writeln!(
            manifest,
            "[tools.\"github/{name}\"]\neffect = \"{effect}\"\negress = false\nsensitivity = \"internal\""
        )?;
        if CALLED.iter().any(|(called, _)| *called == name) {
            writeln!(manifest, "resource = {{ type = \"Repository\", id = \"{{/owner}}/{{/repo}}\" }}")?;
        }
    }
    let (mut policies, mut entities) = (String::new(), Vec::new());
    for team in (0..teams).map(team) {
        policies.push_str(&POLICIES.replace("TEAM", &team));
        entities.push(entity("Organization", &team, json!({}), &[]));
        entities.push(entity("Group", &team, json!({}), &[]));
        let others = (0..people).map(|number| format!("{team}-{number}"));
        for user in others.chain([format!("{team}-ana")]) {
            entities.push(entity("User", &user, json!({}), &[("Group", &team)]));
        }
        entities.push(entity("Agent", &format!("{team}-bot"), json!({}), &[]));
        for (name, level, archived) in REPOSITORIES {
            let parents = [("Organization", team.as_str()), ("Level", level)];
            entities.push(entity("Repository", &format!("{team}/{name}"), json!({"archived": archived}), &parents));
        }
    }
    let mut sources = Sources::default();
    sources.insert("toolgate.toml", manifest);
    sources.insert("tools/github.json", GITHUB);
    sources.insert("policies/teams.cedar", policies);
    sources.insert("entities.json", Value::Array(entities).to_string());
    sources.insert(
        "schema/teams.cedarschema",
        "entity Organization;\nentity Repository in [Organization, Level, Server] { archived: Bool };\n",
    );
    Ok(sources)
}

fn team(number: usize) -> String {
    format!("team-{number}")
}

/// So many calls, spread evenly over the teams and over what their members can ask for, and a budget for each team.
fn suite(gate: &Gate, teams: usize, cases: usize) -> Result<String, Box<dyn Error>> {
    let mut text = "version: 1\nnow: 2026-01-05T10:00:00Z\ntests:\n".to_owned();
    for number in 0..cases {
        let (own, turn) = (team(number % teams), number / teams);
        let other = team((number + 1) % teams);
        if turn == 0 {
            writeln!(
                text,
                "  - name: the budget of {own}\n    steps:\n      - call: &CALL\n        repeat: 30\n        expect: allow\n      \
                 - {{call: &CALL, expect: {{deny: no_permit}}}}"
            )?;
            let call = budget(&own);
            text = text.replace("&CALL", &call);
            continue;
        }
        let call = call(&own, &other, turn);
        let expected = expected(gate, &call)?;
        writeln!(text, "  - name: case {number}\n    call: {call}\n    expect: {expected}")?;
    }
    Ok(text)
}

fn budget(own: &str) -> String {
    format!(
        r#"{{"principal": {{"type": "Agent", "id": "{own}-bot"}}, "on_behalf_of": [{{"type": "User", "id": "{own}-ana"}}], "origin": "agent", "session": "s1", "server": "github", "tool": "create_issue", "input": {{"title": "x", "owner": "{own}", "repo": "site"}}}}"#
    )
}

/// The `turn`th call of a team. A stride that has no factor in common with what there is goes through all of it.
fn call(own: &str, other: &str, turn: usize) -> String {
    let turn = turn * 157;
    let pick = |count: usize, of: usize| (turn / count) % of;
    let (tool, arguments) = CALLED.get(pick(1, CALLED.len())).copied().unwrap_or_default();
    let user = |team: &str| format!(r#"{{"type": "User", "id": "{team}-ana"}}"#);
    let agent = |team: &str| format!(r#"{{"type": "Agent", "id": "{team}-bot"}}"#);
    let actors = match pick(6, 4) {
        0 => format!(r#""principal": {}"#, user(own)),
        1 => format!(r#""principal": {}, "on_behalf_of": [{}]"#, agent(own), user(own)),
        2 => format!(r#""principal": {}"#, user(other)),
        _ => format!(r#""principal": {}, "on_behalf_of": [{}]"#, agent(own), user(other)),
    };
    let repository = REPOSITORIES.get(pick(24, REPOSITORIES.len())).map_or("site", |one| one.0);
    let origin = ["user", "agent", "retrieved"].get(pick(120, 3)).copied().unwrap_or_default();
    format!(
        r#"{{{actors}, "origin": "{origin}", "session": "s1", "server": "github", "tool": "{tool}", "input": {{{arguments}"owner": "{own}", "repo": "{repository}"}}}}"#
    )
}

/// What the bundle answers to a call, as an expectation.
fn expected(gate: &Gate, call: &str) -> Result<String, Box<dyn Error>> {
    let read = wire::read_call(call.as_bytes(), &Limits::default()).map_err(|deny| format!("{call}: {deny:?}"))?;
    let mut ledger = Ledger::new();
    ledger.apply(
        toolgate::Event::SessionOpened { id: "s1".to_owned(), owner: read.initiator().entity(), key: None },
        NOW,
    )?;
    let decision = gate.decide(&read, &ledger, NOW);
    let ids = || decision.basis().policies.iter().map(|id| id.to_string()).collect::<Vec<_>>();
    Ok(match &decision {
        Decision::Allow { obligations, .. } => {
            let obligations: Vec<_> = obligations.iter().map(ToString::to_string).collect();
            json!({"allow": ids(), "obligations": obligations}).to_string()
        }
        Decision::NeedsApproval { by, .. } => json!({"approval": by, "policies": ids()}).to_string(),
        Decision::Deny { .. } => match decision.reasons().as_slice() {
            [Reason::Forbidden] => json!({"deny": ids()}).to_string(),
            [Reason::NoPermit] => json!({"deny": "no_permit"}).to_string(),
            reasons => return Err(format!("{call}: {reasons:?}").into()),
        },
    })
}
