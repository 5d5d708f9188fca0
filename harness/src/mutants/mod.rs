//! Mutation testing: does a test fail, if a policy says something else?

mod told;
mod witness;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use toolgate::{Gate, Mutant, Mutants};

pub use witness::Witness;

use crate::{
    coverage::Figure,
    run::{self, About, Bench, Loaded},
    search::{Near, tool},
    seen::{self, Seen},
    suite::{Act, Case},
    threads,
};

/// What became of a mutant.
#[derive(Clone, Debug)]
pub enum Fate {
    /// This case, or this invariant, fails with it.
    Killed(String),
    /// No case fails with it. A call that tells it from the bundle, where one was found.
    Survived(Option<Box<Witness>>),
    /// No call can tell it from the bundle, for this reason.
    Equivalent(&'static str),
}

/// A mutant and what became of it.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The mutant.
    pub mutant: Mutant,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a bundle's mutants.
#[derive(Clone, Debug)]
pub struct MutantReport {
    /// The bundle's name.
    pub bundle: String,
    /// Each mutant, in the order of the policies.
    pub tried: Vec<Tried>,
    /// How many cases there were to kill them.
    pub cases: usize,
}

/// How many mutants came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// A case failed.
    pub killed: usize,
    /// No case failed.
    pub survived: usize,
    /// No call can tell them.
    pub equivalent: usize,
}

impl Score {
    /// Killed mutants, in percent of those that can be told; 100 where there are none.
    #[expect(clippy::cast_precision_loss, reason = "a percentage of small numbers")]
    pub fn percent(&self) -> f64 {
        let all = self.killed + self.survived;
        if all == 0 { 100.0 } else { self.killed as f64 * 100.0 / all as f64 }
    }
}

impl Score {
    /// As [`Score::percent`], cut behind the first digit: a survivor is never shown as none.
    pub fn shown(&self) -> f64 {
        Figure { covered: self.killed, total: self.killed + self.survived }.shown()
    }
}

impl MutantReport {
    /// How many mutants came to what.
    pub fn score(&self) -> Score {
        let mut score = Score::default();
        for one in &self.tried {
            match one.fate {
                Fate::Killed(_) => score.killed += 1,
                Fate::Survived(_) => score.survived += 1,
                Fate::Equivalent(_) => score.equivalent += 1,
            }
        }
        score
    }
}

impl Bench {
    /// Tries every mutant on the cases of these suites, which pass on the bundle itself. `seen`: the calls of their run, of
    /// which calls are made that tell the survivors. The same whatever the number of threads.
    pub fn mutants(&self, mutants: &Mutants, suites: &[Loaded], seen: &[Seen], jobs: usize) -> MutantReport {
        tried(mutants, self, suites, seen, jobs)
    }
}

fn tried(mutants: &Mutants, bench: &Bench, suites: &[Loaded], seen: &[Seen], jobs: usize) -> MutantReport {
    let cases: Vec<_> =
        suites.iter().flat_map(|loaded| &loaded.suite.cases).filter(|case| case.skip.is_none()).collect();
    let mut callers: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for (at, case) in cases.iter().enumerate() {
        for step in &case.steps {
            if let Act::Call(asked) = &step.act {
                callers.entry(seen::target(&asked.call)).or_default().insert(at);
            }
        }
    }
    let numbers: BTreeMap<&str, usize> = cases.iter().zip(0..).map(|(case, at)| (case.id.as_str(), at)).collect();
    let mut named: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for one in seen {
        let number = numbers.get(one.case.as_str());
        one.decision.basis().policies.iter().for_each(|id| named.entry(id).or_default().extend(number));
    }
    // What only survivors need.
    let (near, about) = (OnceLock::new(), OnceLock::<Vec<About<'_>>>::new());
    let tried = threads::each(mutants.all().len(), jobs, |at| {
        let mutant = mutants.all().get(at)?;
        let fate = match (mutant.equivalent, mutants.bundle(at)) {
            (Some(why), _) => Fate::Equivalent(why),
            (None, Err(_)) => return None,
            (None, Ok(bundle)) => {
                let gate = Gate::new(bundle);
                let tools: BTreeSet<_> = mutant.actions.iter().map(|action| tool(action)).collect();
                let likely = named.get(mutant.policy.as_str());
                let case = killer(&gate, &tools, likely, &cases, &callers).map(|case| &case.id);
                let about = || about.get_or_init(|| suites.iter().flat_map(|one| one.about(bench.gate())).collect());
                let broken = || about().iter().find(|one| one.broken(&gate, &tools)).map(|one| &one.id);
                match case.or_else(broken) {
                    Some(id) => Fate::Killed(id.clone()),
                    None => {
                        let found = witness::find(bench, &gate, mutant, near.get_or_init(|| Near::of(bench, seen)));
                        Fate::Survived(found.map(Box::new))
                    }
                }
            }
        };
        Some(Tried { mutant: mutant.clone(), fate })
    });
    let bundle = mutants.original().name().to_owned();
    MutantReport { bundle, tried: tried.into_iter().flatten().collect(), cases: cases.len() }
}

/// A case that fails with a mutant. Only those that call one of these tools, which its policy is about, can; those that the
/// policy decides are `likely` to, and are tried first.
fn killer<'c>(
    gate: &Gate,
    tools: &BTreeSet<&str>,
    likely: Option<&BTreeSet<usize>>,
    cases: &[&'c Case],
    callers: &BTreeMap<String, BTreeSet<usize>>,
) -> Option<&'c Case> {
    let reached: BTreeSet<_> = tools.iter().filter_map(|tool| callers.get(*tool)).flatten().collect();
    let (first, then): (Vec<&usize>, Vec<&usize>) =
        reached.into_iter().partition(|at| likely.is_some_and(|likely| likely.contains(at)));
    let ordered = first.into_iter().chain(then).filter_map(|at| cases.get(*at));
    ordered.copied().find(|case| !run::passes(gate, case))
}
