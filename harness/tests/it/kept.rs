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
fn changed(sources: &Sources, mutant: &Mutant) -> Sources {
    let (file, mut sources) = (&mutant.place.file, sources.clone());
    let mut text = sources.text(file).unwrap().to_owned();
    text.replace_range(mutant.place.start..mutant.place.end, &mutant.after);
    sources.insert(file.clone(), text);
    sources
}

#[test]
fn what_is_told_is_what_is_answered() {
    let (mut told, mut untold, mut flips) = (0, 0, 0);
    for folder in examples::folders() {
        let sources = examples::sources(&folder);
        let bench = Bench::new(PolicyBundle::load(&sources).unwrap(), sources.clone());
        let (recorder, suites) = (Recorder::default(), bench.suites());
        bench.run(&suites, &Options { observer: Some(&recorder), ..Options::default() });
        let seen = recorder.seen(&suites);
        let lines: Vec<_> = seen.iter().map(|one| record(bench.gate(), one)).collect();
        let kept: Vec<_> = lines.iter().map(|line| wire::read_record(line).unwrap().unwrap()).collect();
        let own = Replayer::new(bench.gate(), []);
        for (kept, line) in kept.iter().zip(&lines) {
            match own.put(kept) {
                Replayed::Decided(now) => {
                    assert_eq!(now.basis().policies, kept.decision.basis().policies, "{line}");
                    assert_eq!(now.reasons(), kept.decision.reasons(), "{line}");
                    assert_eq!(Way::of(&kept.decision, &now), None, "{line}");
                    told += 1;
                }
                Replayed::Untold(why) => {
                    println!("{}: {why:?}", folder.display());
                    untold += 1;
                }
            }
        }
        let mutants = Mutants::load(&sources, false).unwrap();
        for mutant in mutants.all().iter().step_by(mutants.all().len() / 5 + 1) {
            let Ok(bundle) = PolicyBundle::load(&changed(&sources, mutant)) else { continue };
            let gate = Gate::new(bundle);
            let replayer = Replayer::new(&gate, [bench.gate().bundle()]);
            for (kept, seen) in kept.iter().zip(&seen).filter(|(kept, _)| !lifted(&kept.decision)) {
                let answer = gate.decide(&seen.call, &seen.ledger, seen.now);
                match replayer.put(kept) {
                    Replayed::Decided(now) => {
                        let line = record(bench.gate(), seen);
                        assert_eq!(Way::of(&answer, &now), None, "{mutant:?}\n{line}\n{answer:?}\n{now:?}");
                        flips += usize::from(Way::of(&kept.decision, &now).is_some());
                        told += 1;
                    }
                    Replayed::Untold(why) => {
                        println!("{}: {why:?}", folder.display());
                        untold += 1;
                    }
                }
            }
        }
    }
    println!("{told} {untold} {flips}");
    assert!(told > 20 * untold, "{told} were told, {untold} not");
    assert!(flips > 100, "{flips}");
}
