//! Packed bundles: they decide and record as what they were packed from, and nothing else is taken for one.

use std::{
    fs,
    path::{Path, PathBuf},
};

use toolgate::{Gate, Ledger, PolicyBundle, Timestamp, conformance, public_key, wire};

use crate::{
    desk::{POLICIES, sources},
    examples::{Example, examples, names},
};

/// The explanations and records of a bundle's calls, one after the other on the ledger that its journal gives.
fn records(gate: &Gate, journal: &str, calls: &str, now: Timestamp) -> String {
    let mut ledger = wire::read_journal(gate, journal).unwrap();
    let mut out = String::new();
    for line in calls.lines() {
        let record = match wire::read_call(line.as_bytes(), gate.limits()) {
            Ok(call) => {
                let explanation = wire::explanation(&gate.explain(&call, &ledger, now));
                format!("{explanation}\n{}", gate.authorize(&call, &mut ledger, now).to_json())
            }
            Err(denied) => format!("{denied:?}"),
        };
        out.push_str(&record);
        out.push('\n');
    }
    out.push_str(&ledger.snapshot());
    out
}

fn kept() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("packed")
}

/// For the core without Cedar, which packs nothing itself: `edge/` decides these and must come to the same records.
fn keep(name: &str, files: &[(&str, &[u8])]) {
    let folder = kept().join(name);
    fs::create_dir_all(&folder).unwrap();
    for (file, bytes) in files {
        fs::write(folder.join(file), bytes).unwrap();
    }
}

#[test]
fn examples_decide_the_same_packed() {
    let mut compared = 0;
    let _ = fs::remove_dir_all(kept());
    for name in names(&examples()).into_iter().filter(|name| examples().join(name).is_dir()) {
        let example = Example::load(&name);
        let loaded = Gate::new(PolicyBundle::load_strict(&example.sources).unwrap());
        let packed = loaded.bundle().pack();
        assert_eq!(packed, example.gate.bundle().pack(), "{name}: the same bundle, other bytes");
        let bundle = PolicyBundle::unpack(&packed).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(bundle.pack(), packed, "{name}");
        assert_eq!(
            (bundle.digest(), bundle.schema_digest()),
            (loaded.bundle().digest(), loaded.bundle().schema_digest())
        );
        assert_eq!(bundle.tools(), loaded.bundle().tools());
        assert_eq!(format!("{:?}", bundle.policies()), format!("{:?}", loaded.bundle().policies()));
        let unpacked = Gate::new(bundle);
        for (at, command) in example.commands().into_iter().enumerate() {
            let journal = command.journal.map(|journal| example.text(&journal)).unwrap_or_default();
            let calls = example.text(&command.calls);
            let expected = records(&loaded, &journal, &calls, command.now);
            assert_eq!(records(&unpacked, &journal, &calls, command.now), expected, "{name}/{}", command.calls);
            keep(
                &format!("{name}-{at}"),
                &[
                    ("bundle.toolgate", &packed),
                    ("journal.jsonl", journal.as_bytes()),
                    ("calls.jsonl", calls.as_bytes()),
                    ("now", command.now.to_string().as_bytes()),
                    ("records", expected.as_bytes()),
                ],
            );
            compared += calls.lines().count();
        }
    }
    assert!(compared > 100, "{compared} calls");
}

#[test]
fn what_was_unpacked_says_what_it_lacks() {
    let bundle = PolicyBundle::unpack(&PolicyBundle::load(&sources(POLICIES)).unwrap().pack()).unwrap();
    assert!(bundle.is_unpacked() && bundle.warnings().is_empty());
    let gate = Gate::new(bundle).with_engine(toolgate::Engine::Cedar);
    let call = crate::desk::call("pay/send", r#"{"to":"a@b.example","count":1}"#, "");
    let call = wire::read_call(call.as_bytes(), gate.limits()).unwrap();
    let decision = gate.decide(&call, &Ledger::new(), Timestamp::from_millis(0));
    assert!(format!("{decision:?}").contains("the bundle was unpacked"), "{decision:?}");
}

/// Places in a packed bundle: all of the head and of the end, and some between.
fn sampled(packed: &[u8]) -> impl Iterator<Item = usize> + use<> {
    let length = packed.len();
    (0..length).filter(move |at| *at < 200 || at % 199 == 0 || *at + 200 > length)
}

fn small() -> Vec<u8> {
    PolicyBundle::load(&sources(POLICIES)).unwrap().pack()
}

#[test]
fn a_flipped_byte_is_found() {
    let packed = small();
    for at in sampled(&packed) {
        let mut other = packed.clone();
        other[at] ^= 1 << (at % 8);
        assert!(PolicyBundle::unpack(&other).is_err(), "byte {at} of {}", packed.len());
    }
}

/// Behind a digest that fits: no change of a byte makes a program that cannot be run.
#[test]
fn what_is_read_can_be_run() {
    let packed = small();
    let call = crate::desk::call("pay/send", r#"{"to":"a@b.example","count":1}"#, "");
    let (mut refused, mut taken) = (0, 0);
    for at in (0..packed.len().min(usize::from(u16::MAX))).step_by(397) {
        let [low, high] = u16::try_from(at).unwrap().to_le_bytes();
        for byte in [1, 0xff] {
            match PolicyBundle::unpack(&conformance::resealed(&packed, &[low, high, byte])) {
                Err(_) => refused += 1,
                Ok(bundle) => {
                    taken += 1;
                    let gate = Gate::new(bundle);
                    if let Ok(call) = wire::read_call(call.as_bytes(), gate.limits()) {
                        let decision = gate.decide(&call, &Ledger::new(), Timestamp::from_millis(0));
                        assert!(!format!("{decision:?}").contains("program is damaged"), "{at}: {byte}");
                    }
                }
            }
        }
    }
    assert!(refused > 20 && taken > 20, "{refused} refused, {taken} taken");
}

#[test]
fn a_part_is_no_bundle() {
    let packed = small();
    for length in sampled(&packed) {
        assert!(PolicyBundle::unpack(&packed[..length]).is_err(), "{length} of {} bytes", packed.len());
    }
    assert!(PolicyBundle::unpack(&[&packed[..], &[0]].concat()).is_err());
}

#[test]
fn another_format_says_what_to_do() {
    let mut other = small();
    other[8] = 9;
    let error = PolicyBundle::unpack(&other).err().unwrap().to_string();
    insta::assert_snapshot!(error, @"error: the packed bundle is of format 9, and this toolgate reads format 2 (pack the bundle with a toolgate of this version: `toolgate pack BUNDLE -o FILE`)");
}

#[test]
fn signatures() {
    let (key, other) = ([7; 32], [8; 32]);
    let packed = small();
    let signed = PolicyBundle::sign(&packed, &key).unwrap();
    let told = |bytes: &[u8], keys: &[[u8; 32]]| match PolicyBundle::unpack_signed(bytes, keys) {
        Ok(_) => "taken".to_owned(),
        Err(error) => error.diagnostics()[0].message.clone(),
    };
    assert_eq!(told(&signed, &[public_key(&other), public_key(&key)]), "taken");
    assert_eq!(told(&packed, &[public_key(&key)]), "the packed bundle is not signed");
    let none = "the packed bundle is signed by none of the keys that are trusted";
    assert_eq!(told(&signed, &[public_key(&other)]), none);
    assert_eq!(told(&signed, &[]), none);
    assert_eq!(told(&signed, &[[0; 32]]), none);
    let twice = PolicyBundle::sign(&signed, &other).unwrap();
    assert_eq!(
        (told(&twice, &[public_key(&key)]), told(&twice, &[public_key(&other)])),
        ("taken".into(), "taken".into())
    );
    assert!(PolicyBundle::unpack(&signed).is_ok(), "who does not ask need not know");
    for at in sampled(&signed).filter(|at| *at < 60 || at % 97 == 0 || *at > packed.len() - 2) {
        let mut flipped = signed.clone();
        flipped[at] ^= 1 << (at % 8);
        assert_ne!(told(&flipped, &[public_key(&key)]), "taken", "byte {at}");
    }
    // A signature belongs to its bundle.
    let elsewhere = PolicyBundle::load(&sources("@id(\"none\") permit (principal, action, resource);")).unwrap().pack();
    let moved = [&elsewhere[..elsewhere.len() - 1], &signed[packed.len() - 1..]].concat();
    assert!(PolicyBundle::unpack(&moved).is_ok());
    assert_eq!(told(&moved, &[public_key(&key)]), none);
}

/// What other entities make of a bundle is what loading makes of it, to the byte.
#[test]
fn other_entities_are_as_if_loaded() {
    let folders = names(&examples()).into_iter().filter(|name| examples().join(name).join("entities.json").exists());
    for name in folders {
        let whole = Example::load(&name).sources;
        let with = |entities: &str| {
            let mut sources = whole.clone();
            sources.insert("entities.json", entities);
            sources
        };
        let before = PolicyBundle::load(&with("[]")).unwrap();
        let after = before.with_entities(&whole).unwrap();
        assert_eq!(after.pack(), PolicyBundle::load(&whole).unwrap().pack(), "{name}");
        assert_ne!(after.digest(), before.digest(), "{name}");
        let back = after.with_entities(&with("[]")).unwrap();
        assert_eq!(back.pack(), before.pack(), "{name}");

        let wrong = with(r#"[{"uid": {"type": "User", "id": "x"}, "attrs": {"shoes": 44}, "parents": []}]"#);
        let told = |result: Result<PolicyBundle, toolgate::Error>| result.err().unwrap().to_string();
        assert_eq!(told(before.with_entities(&wrong)), told(PolicyBundle::load(&wrong)), "{name}");
        let mut more = whole.clone();
        more.insert("policies/more.cedar", r#"@id("more") forbid (principal, action, resource);"#);
        let unpacked = PolicyBundle::unpack(&before.pack()).unwrap();
        let files = told(before.with_entities(&more));
        assert!(files.contains("other files than `entities.json` differ"), "{name}: {files}");
        let packed = told(unpacked.with_entities(&whole));
        assert!(packed.contains("was not loaded from files"), "{name}: {packed}");
    }
}
