//! Records put to other bundles: what is told is what those bundles answer to the very call.

use toolgate::{Decision, Gate, Mutant, Mutants, PolicyBundle, Replayed, Replayer, Sources, wire};
use toolgate_harness::{Bench, Options, Recorder, Seen, Way};

use crate::examples;

/// A record of a call, made on the ledger on which it was decided.
fn record(gate: &Gate, seen: &Seen) -> String {
    gate.authorize(&seen.call, &mut seen.ledger.clone(), seen.now).to_json()
}

/// Whether approvals that are bound to the bundle, too, let it through.
fn lifted(decision: &Decision) -> bool {
    decision.is_allow() && decision.basis().answers.iter().any(|answer| !answer.forbids.is_empty())
}

/// The files of a bundle with a change of its policies.
fn mutated(sources: &Sources, mutant: &Mutant) -> Sources {
    let (file, mut sources) = (&mutant.place.file, sources.clone());
    let mut text = sources.text(file).unwrap().to_owned();
    text.replace_range(mutant.place.start..mutant.place.end, &mutant.after);
    sources.insert(file.clone(), text);
    sources
}

/// Changes of a manifest and of entities.
const EDITS: [(&str, &str, &str); 14] = [
    ("toolgate.toml", "effect = \"read\"", "effect = \"destructive\""),
    ("toolgate.toml", "effect = \"write\"", "effect = \"read\""),
    ("toolgate.toml", "egress = true", "egress = false"),
    ("toolgate.toml", "egress = false", "egress = true"),
    ("toolgate.toml", "sensitivity = \"internal\"", "sensitivity = \"restricted\""),
    ("toolgate.toml", "sensitivity = \"restricted\"", "sensitivity = \"public\""),
    ("toolgate.toml", "audience = \"", "audience = \"https://other.example/"),
    ("toolgate.toml", "[require]\n", "[require]\nsession = true\n"),
    ("toolgate.toml", "claim = \"groups\"", "claim = \"teams\""),
    ("toolgate.toml", "[servers.", "[baseline]\ndisable = [\"baseline/task-outside-tools\"]\n[servers."),
    ("entities.json", "\"Group\"", "\"Group\", \"id\": \"nobody\"}, {\"type\": \"Group\""),
    ("entities.json", "\"parents\": [", "\"parents\": [{\"type\": \"Level\", \"id\": \"restricted\"}], \"unused\": ["),
    ("entities.json", "\"tenant\": \"acme\"", "\"tenant\": \"globex\""),
    ("entities.json", "\"archived\": false", "\"archived\": true"),
];

/// The files of a bundle with another manifest, or with other entities, in each way that makes a difference.
fn edited(sources: &Sources) -> Vec<Sources> {
    let changed = EDITS.iter().flat_map(|(file, from, to)| {
        let text = sources.text(file).unwrap_or_default();
        let (first, all) = (text.replacen(from, to, 1), text.replace(from, to));
        [first, all].map(|edited| (edited != text).then_some((*file, edited)))
    });
    let changed = changed.flatten().map(|(file, text)| {
        let mut sources = sources.clone();
        sources.insert(file, text);
        sources
    });
    changed.collect()
}

/// What became of the records of the example bundles' tests, put to bundles that are made of theirs.
#[derive(Default)]
struct Tally {
    told: usize,
    untold: usize,
    flips: usize,
}

fn check(changes: fn(&Sources) -> Vec<Sources>) -> Tally {
    let mut tally = Tally::default();
    for folder in examples::folders() {
        let sources = examples::sources(&folder);
        let bench = Bench::new(PolicyBundle::load(&sources).unwrap(), sources.clone());
        let (recorder, suites) = (Recorder::default(), bench.suites());
        bench.run(&suites, &Options { observer: Some(&recorder), ..Options::default() });
        let seen = recorder.seen(&suites);
        let lines: Vec<_> = seen.iter().map(|one| record(bench.gate(), one)).collect();
        let kept: Vec<_> = lines.iter().map(|line| wire::read_record(line).unwrap().unwrap()).collect();
        for changed in changes(&sources) {
            let Ok(bundle) = PolicyBundle::load(&changed) else { continue };
            let gate = Gate::new(bundle);
            let replayer = Replayer::new(&gate, [bench.gate().bundle()]);
            for ((kept, line), seen) in kept.iter().zip(&lines).zip(&seen) {
                let own = gate.bundle().digest() == bench.gate().bundle().digest();
                if lifted(&kept.decision) && !own {
                    continue;
                }
                let answer = gate.decide(&seen.call, &seen.ledger, seen.now);
                match replayer.put(kept) {
                    Replayed::Decided(now) => {
                        let manifest = changed.text("toolgate.toml").unwrap();
                        assert_eq!(Way::of(&answer, &now), None, "{manifest}\n{line}\n{answer:?}\n{now:?}");
                        assert!(!own || answer.basis().policies == now.basis().policies, "{line}\n{now:?}");
                        tally.flips += usize::from(Way::of(&kept.decision, &now).is_some());
                        tally.told += 1;
                    }
                    Replayed::Untold(_) => tally.untold += 1,
                    Replayed::Foreign(..) => panic!("it was decided by the bundle as it was"),
                }
            }
        }
    }
    tally
}

#[test]
fn the_same_bundle_answers_the_same() {
    let Tally { told, untold, flips } = check(|sources| vec![sources.clone()]);
    assert!(told > 300, "{told}");
    assert_eq!((untold, flips), (0, 0));
}

#[test]
fn other_policies_answer_what_is_told() {
    let Tally { told, untold, flips } = check(|sources| {
        let mutants = Mutants::load(sources, false).unwrap();
        let few = mutants.all().iter().step_by(mutants.all().len() / 3 + 1);
        few.map(|mutant| mutated(sources, mutant)).collect()
    });
    println!("{told} {untold} {flips}");
    assert!(told > 50 * untold, "{told} were told, {untold} not");
    assert!(flips > 100, "{flips}");
}

#[test]
fn other_manifests_and_entities_answer_what_is_told() {
    let Tally { told, untold, flips } = check(edited);
    println!("{told} {untold} {flips}");
    assert!(told > 3 * untold, "{told} were told, {untold} not");
    assert!(flips > 100, "{flips}");
}
