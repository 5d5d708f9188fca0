//! The example bundles: each loads without a finding, and answers its calls as its README says.

use std::{
    fs,
    path::{Path, PathBuf},
};

use toolgate::{Decision, Engine, Gate, Ledger, ListRequest, PolicyBundle, Reason, Sources, Standing, Timestamp, wire};

use crate::desk::shown;

/// What makes up a bundle; READMEs, journals and calls stand beside it.
const FILES: [&str; 2] = ["toolgate.toml", "entities.json"];
const FOLDERS: [&str; 3] = ["tools", "policies", "schema"];

pub(crate) struct Example {
    name: String,
    folder: PathBuf,
    pub(crate) sources: Sources,
    pub(crate) gate: Gate,
}

/// `toolgate decide ... --call calls --ledger journal --now now`, as a README says it, and the answers in its table.
pub(crate) struct Command {
    pub(crate) calls: String,
    pub(crate) journal: Option<String>,
    pub(crate) now: Timestamp,
    answers: Vec<String>,
}

impl Example {
    pub(crate) fn load(name: &str) -> Self {
        let folder = examples().join(name);
        let mut sources = Sources::default();
        let within = |inner: &str| -> Vec<_> {
            names(&folder.join(inner)).iter().map(|file| format!("{inner}/{file}")).collect()
        };
        let inner: Vec<_> = FOLDERS.into_iter().flat_map(within).collect();
        for file in FILES.map(str::to_owned).into_iter().chain(inner) {
            if let Ok(text) = fs::read_to_string(folder.join(&file)) {
                sources.insert(file, text);
            }
        }
        let bundle = PolicyBundle::load_strict(&sources).unwrap_or_else(|error| panic!("{name}\n{error}"));
        Self { name: name.to_owned(), folder, sources, gate: Gate::new(bundle).with_engine(Engine::Both) }
    }

    pub(crate) fn text(&self, file: &str) -> String {
        fs::read_to_string(self.folder.join(file)).unwrap_or_else(|error| panic!("{}/{file}: {error}", self.name))
    }

    fn replay(&self, journal: &str) -> Ledger {
        wire::read_journal(&self.gate, journal).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// The ledger that the bundle's journal gives.
    fn ledger(&self) -> Ledger {
        self.replay(&self.text("journal.jsonl"))
    }

    /// A line of `calls/calls.jsonl`, counted from 1 as in the README.
    fn call(&self, number: usize) -> String {
        self.text("calls/calls.jsonl").lines().nth(number - 1).unwrap().to_owned()
    }

    fn decide(&self, call: &str, ledger: &Ledger, now: Timestamp) -> String {
        match wire::read_call(call.as_bytes(), self.gate.limits()) {
            Ok(call) => shown(&self.gate.decide(&call, ledger, now)),
            Err(denied) => shown(&denied),
        }
    }

    fn authorize(&self, call: &str, ledger: &mut Ledger, now: Timestamp) -> String {
        match wire::read_call(call.as_bytes(), self.gate.limits()) {
            Ok(call) => shown(&self.gate.authorize(&call, ledger, now).decision),
            Err(denied) => shown(&denied),
        }
    }

    pub(crate) fn commands(&self) -> Vec<Command> {
        let folder = format!("policies/examples/{}", self.name);
        let readme = self.text("README.md");
        let mut commands: Vec<Command> = Vec::new();
        for line in readme.lines() {
            if let Some(words) = line.strip_prefix(&format!("$ toolgate decide {folder} ")) {
                let words: Vec<_> = words.split(' ').collect();
                let after = |flag| Some(words[words.iter().position(|word| *word == flag)? + 1].to_owned());
                let file = |flag| Some(after(flag)?.strip_prefix(&format!("{folder}/")).unwrap().to_owned());
                let now = at(&after("--now").unwrap());
                let (calls, journal) = (file("--call").unwrap(), file("--ledger"));
                commands.push(Command { calls, journal, now, answers: Vec::new() });
            }
            let cells: Vec<_> = line.split(" | ").collect();
            if let ([number, _, answer, _], Some(command)) = (cells.as_slice(), commands.last_mut())
                && let Ok(number) = number.trim_start_matches("| ").parse::<usize>()
            {
                command.answers.push(answer.trim_matches('`').to_owned());
                assert_eq!(command.answers.len(), number, "{folder}/README.md: {line}");
            }
        }
        commands
    }
}

pub(crate) fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/examples")
}

/// The names in a folder, in order; none if there is no such folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn at(time: &str) -> Timestamp {
    Timestamp::parse(time).unwrap()
}

#[test]
fn examples_answer_their_calls() {
    let mut told = String::new();
    for name in names(&examples()).into_iter().filter(|name| examples().join(name).is_dir()) {
        let example = Example::load(&name);
        let commands = example.commands();
        let beside = names(&example.folder.join("calls")).into_iter().map(|file| format!("calls/{file}"));
        let beside = beside.chain(names(&example.folder)).filter(|file| file.ends_with(".jsonl"));
        for file in beside {
            let used = |command: &Command| command.calls == file || command.journal.as_ref() == Some(&file);
            assert!(commands.iter().any(used), "no command in {name}/README.md uses {file}");
        }
        for Command { calls, journal, now, answers } in commands {
            let ledger = journal.map_or_else(Ledger::new, |journal| example.replay(&example.text(&journal)));
            let calls_text = example.text(&calls);
            // One command has its answer in the prose behind it.
            let told_below = calls == "calls/reset.jsonl";
            assert!(told_below || answers.len() == calls_text.lines().count(), "{name}/README.md: {calls}");
            for (number, call) in (1..).zip(calls_text.lines()) {
                let at = format!("{name}/{calls}:{number}");
                let answer = example.decide(call, &ledger, now);
                let short = answer.split_once("]: ").map_or(answer.clone(), |(before, _)| format!("{before}]"));
                let said = answers.get(number - 1).unwrap_or(&short);
                assert_eq!(*said, short, "{at}: the README says one thing, the gate another: {answer}");
                assert_eq!(example.authorize(call, &mut ledger.clone(), now), answer, "{at}");
                told.push_str(&format!("{at} {answer}\n"));
            }
        }
    }
    insta::assert_snapshot!(told);
}

/// The calls one after the other, each on what the ones before it left: the journal goes on, and replays to the same.
#[test]
fn what_the_calls_leave_replays() {
    for name in names(&examples()).into_iter().filter(|name| examples().join(name).is_dir()) {
        let example = Example::load(&name);
        for Command { calls, journal, now, .. } in example.commands() {
            let mut journal = journal.map(|journal| example.text(&journal)).unwrap_or_default();
            let mut ledger = example.replay(&journal);
            for call in example.text(&calls).lines() {
                let call = wire::read_call(call.as_bytes(), example.gate.limits()).unwrap();
                if let Some(event) = example.gate.authorize(&call, &mut ledger, now).event {
                    journal.push_str(&wire::write_event(&event, now));
                    journal.push('\n');
                }
            }
            assert_eq!(example.replay(&journal).snapshot(), ledger.snapshot(), "{name}/{calls}");
            let restored = Ledger::restore(&ledger.snapshot()).unwrap();
            assert_eq!(restored.snapshot(), ledger.snapshot(), "{name}/{calls}");
        }
    }
}

#[test]
fn an_approval_lifts_the_call_once() {
    let example = Example::load("approval-gate");
    let (asked, again) = (at("2026-01-05T10:10:00Z"), at("2026-01-05T10:12:00Z"));
    let reset = example.text("calls/reset.jsonl");
    assert_eq!(reset.trim_end(), example.call(3));
    let waiting = "needs_approval ops [destructive-needs-ops]";
    let call = wire::read_call(reset.as_bytes(), example.gate.limits()).unwrap();
    let wanted = example.gate.decide(&call, &example.ledger(), asked);
    assert_eq!(shown(&wanted), waiting);
    let digest = wanted.basis().call.unwrap();
    // The line of the README, with the digest in it.
    let readme = example.text("README.md");
    let line = readme.lines().find(|line| line.contains("approval_granted")).unwrap();
    let by = |approver: &str| {
        let line = line.replace("sha256:...", &digest.to_string()).replace("olga", approver);
        wire::read_journal(&example.gate, &format!("{}{line}\n", example.text("journal.jsonl")))
    };
    let mut ledger = by("olga").unwrap();
    for (number, other) in [(4, "needs_approval initiator [agent-changes-are-confirmed]"), (6, "deny no_permit []")] {
        assert!(
            example.decide(&example.call(number), &ledger, again).starts_with(other),
            "the approval is for call 3 alone"
        );
    }
    let elsewhere = reset.replace("/srv/repos/site", "/srv/repos/docs");
    assert_eq!(example.decide(&elsewhere, &ledger, again), waiting);
    assert_eq!(example.decide(&reset, &ledger, at("2026-01-05T10:20:00Z")), waiting, "expired");
    assert_eq!(example.authorize(&reset, &mut ledger, again), "allow [engineers-work]");
    assert_eq!(example.authorize(&reset, &mut ledger, again), waiting, "used up");
    let asker = by("ana").unwrap();
    assert_eq!(example.decide(&reset, &asker, again), waiting, "who asks does not approve");
    let refused = by("gil").unwrap_err().to_string();
    assert!(refused.starts_with("line 3: ") && refused.contains("User::\"gil\" is not in Group::\"ops\""), "{refused}");
}

#[test]
fn budgets_and_grants_end_with_time() {
    let rate = Example::load("rate-and-fan-out");
    let later = at("2026-01-05T10:12:00Z");
    assert_eq!(rate.decide(&rate.call(2), &rate.ledger(), later), "allow [everyone]");
    let grant = Example::load("task-bound-grant");
    let ended = grant.decide(&grant.call(2), &grant.ledger(), at("2026-01-05T10:30:00Z"));
    assert!(ended.starts_with("deny no_permit"), "{ended}");
}

#[test]
fn a_session_learns_from_its_own_calls() {
    let example = Example::load("session-labels");
    let now = at("2026-01-05T10:10:00Z");
    let mut ledger = Ledger::new();
    let (page, write) = (example.call(1), example.call(10));
    let payroll = r#"{"server": "fs", "tool": "read_text_file", "input": {"path": "/srv/data/payroll.csv"},
        "principal": "Agent::\"assistant\"", "on_behalf_of": ["User::\"ana\""], "session": "s1"}"#;
    assert_eq!(example.authorize(&write, &mut ledger, now), "allow [assistant, staff]");
    assert_eq!(example.authorize(&page, &mut ledger, now), "allow [assistant, staff]");
    assert_eq!(example.authorize(&write, &mut ledger, now), "needs_approval initiator [web-text-is-confirmed]");
    assert_eq!(example.authorize(payroll, &mut ledger, now), "allow [assistant, staff]");
    let denied = example.authorize(&page, &mut ledger, now);
    assert!(denied.starts_with("deny forbidden [secrets-stay]"), "{denied}");
    let by_agent = example.text("journal.jsonl").replace("User::\\\"olga\\\"", "Agent::\\\"assistant\\\"");
    assert_ne!(by_agent, example.text("journal.jsonl"));
    let refused = wire::read_journal(&example.gate, &by_agent).unwrap_err();
    assert!(refused.message.contains("is an agent"), "{refused}");
}

/// What the listing says of a tool, by the facts of each call, holds for that call. And it says something: the listings of
/// each example's first call are kept.
#[test]
fn listings_hold_for_the_calls() {
    let mut told = String::new();
    for name in names(&examples()).into_iter().filter(|name| examples().join(name).is_dir()) {
        let example = Example::load(&name);
        for Command { calls, journal, now, .. } in example.commands() {
            let ledger = journal.map_or_else(Ledger::new, |journal| example.replay(&example.text(&journal)));
            for (number, line) in (1..).zip(example.text(&calls).lines()) {
                let Ok(call) = wire::read_call(line.as_bytes(), example.gate.limits()) else { continue };
                let request = ListRequest {
                    principal: call.principal.clone(),
                    on_behalf_of: call.on_behalf_of.clone(),
                    credential: call.credential.clone(),
                    task: call.task.clone(),
                    session: call.session.clone(),
                    origin: call.origin,
                    transport: call.transport.clone(),
                    any_session: false,
                    server: None,
                };
                let listing = example.gate.list(&request, &ledger, now);
                let decision = example.gate.decide(&call, &ledger, now);
                let name = if call.method == "tools/call" { &call.tool } else { &call.method };
                for one in listing.iter().filter(|one| one.server == call.server && one.tool == *name) {
                    let of_verb = |verb: &String| line.contains(&format!("\"{verb}\""));
                    if !one.operation.as_ref().is_none_or(of_verb) {
                        continue;
                    }
                    let fits = match (&decision, one.standing) {
                        (Decision::Allow { .. }, standing) => {
                            matches!(standing, Standing::Allowed | Standing::Depends)
                        }
                        (Decision::NeedsApproval { .. }, standing) => {
                            matches!(standing, Standing::Approval | Standing::Depends)
                        }
                        (Decision::Deny { .. }, Standing::Allowed) => {
                            decision.reasons().iter().all(|reason| *reason == Reason::InvalidArguments)
                        }
                        (Decision::Deny { .. }, _) => true,
                    };
                    assert!(fits, "{name}/{calls}:{number} {}\n{one:#?}", shown(&decision));
                }
                // For any session and task, the same holds of more calls: nothing that is possible is hidden.
                let any = ListRequest { any_session: true, ..request };
                let any = if number == 1 { example.gate.list(&any, &ledger, now) } else { Vec::new() };
                for one in any {
                    let same = listing.iter().find(|other| other.action() == one.action()).unwrap();
                    let fits = match (one.standing, same.standing) {
                        (Standing::Hidden, other) => other == Standing::Hidden,
                        (Standing::Allowed, other) => other == Standing::Allowed,
                        _ => true,
                    };
                    assert!(fits, "{name}/{calls}:{number} for any session\n{one:#?}\n{same:#?}");
                }
                if number == 1 {
                    told.push_str(&format!("\n{}/{calls}\n", example.name));
                    for one in listing.iter().filter(|one| one.standing != Standing::Hidden) {
                        let more = [&one.conditions, &one.arguments, &one.approvals].map(|list| list.join("; "));
                        told.push_str(&format!("{} {} [{}]\n", one.standing.name(), one.action(), more.join("] [")));
                    }
                }
            }
        }
    }
    insta::assert_snapshot!(told);
}
