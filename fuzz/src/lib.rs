//! The properties that fuzzing checks, as plain functions: a fuzz target feeds them, and the tests replay what it found.
//!
//! Each takes arbitrary bytes, and panics where its property does not hold.

use std::sync::LazyLock;

use toolgate::{Gate, Json, Ledger, Limits, PolicyBundle, Sources, Timestamp, conformance, wire};
use toolgate_harness::Session;

const MANIFEST: &str = include_str!("bundle/toolgate.toml");
const TOOLS: &str = include_str!("bundle/tools.json");
const POLICIES: &str = include_str!("bundle/policies.cedar");

const NOW: Timestamp = Timestamp::from_millis(1_767_607_200_000);
/// Behind whatever happens: the last millisecond of the year 9999.
const LATER: Timestamp = Timestamp::from_millis(253_402_300_799_999);

/// A target: its name, and its property.
pub type Target = (&'static str, fn(&[u8]));

/// Every target, by the name of its corpus.
pub const TARGETS: [Target; 8] = [
    ("call_json", call_json),
    ("policy_text", policy_text),
    ("tools_list", tools_list),
    ("manifest", manifest),
    ("engine", engine),
    ("packed", packed),
    ("journal", journal),
    ("suite", suite),
];

fn sources() -> Sources {
    let mut sources = Sources::default();
    sources.insert("toolgate.toml", MANIFEST);
    sources.insert("tools/desk.json", TOOLS);
    sources.insert("policies/desk.cedar", POLICIES);
    sources
}

static GATE: LazyLock<Gate> = LazyLock::new(|| match PolicyBundle::load(&sources()) {
    Ok(bundle) => Gate::new(bundle).with_engine(toolgate::Engine::Both),
    Err(error) => panic!("the bundle of the fuzz targets does not load: {error}"),
});

static PACKED: LazyLock<Vec<u8>> = LazyLock::new(|| GATE.bundle().pack());

const CALLS: [&str; 3] = [
    r#"{"server": "desk", "tool": "read", "input": {"path": "/a"}, "principal": {"type": "User", "id": "ann"}}"#,
    r#"{"server": "desk", "tool": "send", "input": {"folder": "f", "name": "n", "to": ["a"]}, "principal": {"type": "User", "id": "ann"}}"#,
    r#"{"server": "desk", "tool": "send", "input": {"folder": "f", "name": "n"}, "principal": {"type": "Agent", "id": "bot"},
        "on_behalf_of": [{"type": "User", "id": "ann"}], "task": "t1", "session": "s1",
        "credential": {"id": "jti-1", "expires": "2026-01-05T10:05:00Z"}}"#,
];

/// No call makes reading or deciding panic; one that is not JSON, or names nothing that the bundle has, is not allowed;
/// `authorize` and `decide` agree; and the AuthZEN reading of the same bytes is JSON.
pub fn call_json(data: &[u8]) {
    let gate = &*GATE;
    let ledger = Ledger::new();
    let answer = wire::authzen::evaluate(gate, data, &wire::authzen::Host::default(), &ledger, NOW);
    assert!(Json::parse(answer.as_bytes()).is_ok(), "an AuthZEN answer is not JSON: {answer}");
    // A call is mostly taken from its text at once; what comes of it is what comes of the whole document.
    let whole = Json::parse(data).ok().and_then(|json| wire::call_of(json).ok());
    match (wire::read_call(data, &Limits::default()), whole) {
        (Err(decision), None) => assert!(!decision.is_allow(), "a call that could not be read was allowed"),
        (Err(_), Some(_)) => panic!("a call was refused that its document is"),
        (Ok(_), None) => panic!("a call was read out of what is none"),
        (Ok(call), Some(whole)) => {
            let decision = gate.decide(&call, &ledger, NOW);
            let known =
                call.server == "desk" && (call.method != "tools/call" || ["read", "send"].contains(&&*call.tool));
            assert!(known || !decision.is_allow(), "a call of something unknown was allowed");
            let record = gate.authorize(&call, &mut ledger.clone(), NOW);
            assert_eq!(record.decision, decision, "authorize and decide differ");
            assert!(!record.to_json().contains('\n'), "a record is more than a line");
            let other = gate.authorize(&whole, &mut ledger.clone(), NOW);
            assert_eq!(record.to_json(), other.to_json(), "the call and its document differ");
        }
    }
}

/// Any text as a policy file either loads or is refused with its faults; neither panics, hangs, nor overflows the stack.
pub fn policy_text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut sources = sources();
    sources.insert("policies/desk.cedar", text);
    loads_or_says_why(&sources);
}

/// Any text as a pinned tools/list result either loads or is refused with its faults.
pub fn tools_list(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut sources = sources();
    sources.insert("toolgate.toml", "[bundle]\nname = \"fuzz\"\nversion = \"1.0.0\"\n[servers.desk]\n");
    sources.insert("policies/desk.cedar", "@id(\"all\")\npermit (principal, action, resource);\n");
    sources.insert("tools/desk.json", text);
    loads_or_says_why(&sources);
    // A live list is compared with the pins by the same reader.
    if let Err(error) = GATE.bundle().drift("desk", text) {
        assert!(!error.to_string().is_empty(), "a refusal without a word");
    }
}

/// Any text as the manifest either loads or is refused with its faults.
pub fn manifest(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut sources = sources();
    sources.insert("toolgate.toml", text);
    loads_or_says_why(&sources);
}

/// Whatever policies, entities and requests the bytes choose, the compiled engine and Cedar find the same policies and links
/// satisfied, and the same ones failing.
pub fn engine(data: &[u8]) {
    match conformance::compare(&mut conformance::Dice::of(data), 4) {
        Ok(compared) => assert!(compared.disagreements.is_empty(), "{}", compared.disagreements.join("\n")),
        Err(why) => panic!("what was made could not be compared: {why}"),
    }
}

/// Any bytes as a packed bundle are either refused with a word, or decide: the same as ever if the bundle is the same. Behind a
/// first byte that says so, they are changes to one that is sound, with its digest made to fit again, so that what is
/// behind the digest gets to see them.
pub fn packed(data: &[u8]) {
    let own;
    let bytes = match data.split_first() {
        Some((0, changes)) => {
            own = conformance::resealed(&PACKED, changes);
            &own
        }
        _ => data,
    };
    match PolicyBundle::unpack(bytes) {
        Err(error) => assert!(!error.to_string().is_empty(), "a refusal without a word"),
        Ok(bundle) => {
            let again = bundle.pack();
            assert!(PolicyBundle::unpack(&again).is_ok(), "what was unpacked does not pack");
            let gate = Gate::new(bundle);
            for call in CALLS {
                if let Ok(call) = wire::read_call(call.as_bytes(), &Limits::default()) {
                    let record = gate.authorize(&call, &mut Ledger::new(), NOW);
                    assert!(
                        !record.to_json().contains("the compiled program is damaged"),
                        "the program was not verified"
                    );
                }
            }
        }
    }
}

/// Any text as a journal or a snapshot is refused with the line, or makes a ledger that comes back from its own snapshot and
/// that calls can be decided by; an event that was read is the same when it was written and read again.
pub fn journal(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for line in text.lines() {
        if let Ok((event, at)) = wire::read_event(&GATE, line) {
            let written = wire::write_event(&event, at);
            assert_eq!(wire::read_event(&GATE, &written), Ok((event, at)), "an event is another one: {written}");
        }
    }
    for taken in [wire::read_journal(&GATE, text), Ledger::restore(text)] {
        match taken {
            Err(error) => assert!(error.to_string().starts_with("line "), "a refusal without its line: {error}"),
            Ok(ledger) => {
                let snapshot = ledger.snapshot();
                match Ledger::restore(&snapshot) {
                    Ok(again) => assert_eq!(again.snapshot(), snapshot, "a snapshot is another one"),
                    Err(error) => panic!("a snapshot does not come back: {error}\n{snapshot}"),
                }
                for call in CALLS.map(|call| wire::read_call(call.as_bytes(), &Limits::default())).into_iter().flatten()
                {
                    let decision = GATE.decide(&call, &ledger, LATER);
                    assert_eq!(GATE.authorize(&call, &mut ledger.clone(), LATER).decision, decision);
                }
            }
        }
    }
}

/// Any text as a test file is refused with its faults, or runs.
pub fn suite(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut tests = Sources::default();
    tests.insert("tests/desk.test.yaml", text);
    let session = match Session::open_packed(&PACKED, tests) {
        Ok(session) => session,
        Err(error) => panic!("the bundle of the fuzz targets does not load: {error}"),
    };
    for options in ["", r#"{"format": "junit"}"#, r#"{"format": "text", "verbose": true}"#] {
        assert!(session.run(options).is_ok_and(|report| !report.is_empty()), "tests ran without a report");
    }
}

fn loads_or_says_why(sources: &Sources) {
    if let Err(error) = PolicyBundle::load(sources) {
        assert!(!error.to_string().is_empty(), "a refusal without a word");
    }
}
