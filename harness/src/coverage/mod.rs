//! Coverage: which policies decided, and what their clauses and atoms came to, in the calls of a run.

mod json;
mod lcov;
mod source;
mod text;

use std::collections::BTreeMap;

use toolgate::{Decision, Feasible, Finding, Gate, Part, Place, Reason, Shapes, Truth};

use crate::seen::Seen;

/// How often something came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// It held.
    pub holds: u64,
    /// It did not hold.
    pub fails: u64,
    /// It could not be evaluated.
    pub errors: u64,
}

impl Count {
    fn add(&mut self, truth: Truth) {
        match truth {
            Truth::True => self.holds += 1,
            Truth::False => self.fails += 1,
            Truth::Error => self.errors += 1,
            Truth::NotReached => {}
        }
    }

    /// How often it was evaluated.
    pub fn reached(&self) -> u64 {
        self.holds + self.fails + self.errors
    }
}

/// A clause or an atom of a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// What of the policy it is.
    pub part: Part,
    /// Its text; of a clause, that of its first atom.
    pub text: String,
    /// Where it begins.
    pub line: usize,
    /// The column, in characters, counted from 1.
    pub column: usize,
    /// What it came to.
    pub count: Count,
    /// What can come of it in some call.
    pub feasible: Feasible,
    /// Whether it was seen to decide, one way and the other.
    pub decided: bool,
}

/// What was seen of a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyCoverage {
    /// Its id.
    pub id: String,
    /// Whether it forbids.
    pub forbids: bool,
    /// Where it stands.
    pub place: Place,
    /// Decisions that name it.
    pub decided: u64,
    /// What it came to, in calls of its actions.
    pub count: Count,
    /// Whether it can be unsatisfied in a call of its actions.
    pub can_fail: bool,
    /// Calls that it denied, or held up, and that were permitted otherwise; of a forbid.
    pub overrides: Option<u64>,
    /// Its clauses.
    pub clauses: Vec<Item>,
    /// Its atoms.
    pub atoms: Vec<Item>,
}

/// A kind of actor, a tool, and a type of resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Environment {
    /// `User`, `Agent` or `Workload`.
    pub principal: String,
    /// `server/tool`.
    pub tool: String,
    /// The type of the resource.
    pub resource: String,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Each policy decided, was satisfied, and was not.
    Policies,
    /// Each clause held, and did not.
    Clauses,
    /// Each atom held, and did not.
    Atoms,
    /// Each atom was seen to decide alone, one way and the other (masking MC/DC).
    Mcdc,
    /// Each forbid was seen to deny what was permitted otherwise.
    Overrides,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Policies, Self::Clauses, Self::Atoms, Self::Mcdc, Self::Overrides];

    /// Its name, as in `--min-coverage mcdc=90`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Policies => "policies",
            Self::Clauses => "clauses",
            Self::Atoms => "atoms",
            Self::Mcdc => "mcdc",
            Self::Overrides => "overrides",
        }
    }
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figure {
    /// What was seen.
    pub covered: usize,
    /// What can be seen.
    pub total: usize,
}

impl Figure {
    /// Adds something that can be seen, and whether it was.
    fn add(&mut self, feasible: bool, seen: bool) {
        self.total += usize::from(feasible);
        self.covered += usize::from(feasible && seen);
    }

    /// In percent; 100 where there is nothing to see.
    #[expect(clippy::cast_precision_loss, reason = "a percentage of small numbers")]
    pub fn percent(&self) -> f64 {
        if self.total == 0 { 100.0 } else { self.covered as f64 * 100.0 / self.total as f64 }
    }

    /// As [`Figure::percent`], cut behind the first digit: what is not reached is never shown as if it were.
    #[expect(clippy::cast_precision_loss, reason = "a percentage of small numbers")]
    pub fn shown(&self) -> f64 {
        (self.covered * 1_000).checked_div(self.total).unwrap_or(1_000) as f64 / 10.0
    }
}

/// The coverage of a bundle's policies by a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Coverage {
    /// The bundle's name.
    pub bundle: String,
    /// Each policy, in the order of the files.
    pub policies: Vec<PolicyCoverage>,
    /// Each environment that calls can have, and whether a call was allowed in it, and one denied.
    pub environments: BTreeMap<Environment, (bool, bool)>,
}

impl Coverage {
    /// Counts what came of these calls. `baseline`: the policies that ship with the crate count, too.
    pub fn of(gate: &Gate, shapes: &Shapes, seen: &[Seen], baseline: bool) -> Self {
        let bundle = gate.bundle();
        let own = |id: &str| baseline || !id.starts_with("baseline/");
        let mut all: Vec<_> = (bundle.policies().iter().enumerate())
            .map(|(at, policy)| own(&policy.id).then(|| Counting::of(policy, shapes, at)))
            .collect();
        let mut environments = environments(gate);
        for one in seen {
            let survey = gate.survey(&one.call, &one.ledger, one.now);
            let mut concerned = vec![false; all.len()];
            for finding in &survey.findings {
                let at = finding.policy as usize;
                concerned.get_mut(at).into_iter().for_each(|one| *one = true);
                if let Some(Some(counting)) = all.get_mut(at) {
                    counting.finding(shapes, at, finding, survey.atoms(finding));
                }
            }
            let asked = !survey.questions.is_empty();
            for (counting, concerned) in all.iter_mut().zip(concerned) {
                let Some(counting) = counting else { continue };
                counting.decision(&one.decision);
                if let Some(action) = counting.policy.atoms.get_mut(1).filter(|_| asked && !concerned) {
                    action.count.fails += 1;
                }
            }
            place(&mut environments, one);
        }
        let policies = all.into_iter().flatten().map(Counting::end).collect();
        Self { bundle: bundle.name().to_owned(), policies, environments }
    }

    /// How much of a measure was seen. What no call can show is not counted.
    pub fn figure(&self, measure: Measure) -> Figure {
        let mut figure = Figure::default();
        for policy in &self.policies {
            match measure {
                Measure::Policies => {
                    figure.add(true, policy.decided > 0);
                    figure.add(true, policy.count.holds > 0);
                    figure.add(policy.can_fail, policy.count.fails > 0);
                }
                Measure::Overrides => policy.overrides.into_iter().for_each(|seen| figure.add(true, seen > 0)),
                Measure::Clauses => policy.clauses.iter().for_each(|one| one.both(&mut figure)),
                Measure::Atoms => policy.atoms.iter().for_each(|one| one.both(&mut figure)),
                Measure::Mcdc => policy.atoms.iter().for_each(|one| figure.add(one.feasible.decides, one.decided)),
            }
        }
        figure
    }

    /// The environments in which a call was allowed and one was denied.
    pub fn environments(&self) -> Figure {
        let covered = self.environments.values().filter(|(allowed, denied)| *allowed && *denied).count();
        Figure { covered, total: self.environments.len() }
    }
}

impl Item {
    fn both(&self, figure: &mut Figure) {
        figure.add(self.feasible.holds, self.count.holds > 0);
        figure.add(self.feasible.fails, self.count.fails > 0);
    }

    /// What was not seen of it, in words.
    fn missing(&self) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if self.feasible.holds && self.count.holds == 0 {
            missing.push("never true");
        }
        if self.feasible.fails && self.count.fails == 0 {
            missing.push("never false");
        }
        if missing.is_empty() && self.feasible.decides && !self.decided {
            missing.push("never alone what decides, both ways");
        }
        missing
    }
}

impl PolicyCoverage {
    /// What was not seen of it as a whole, in words.
    fn missing(&self) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if self.decided == 0 {
            missing.push("decides no call");
        }
        if self.count.holds == 0 {
            missing.push("never satisfied");
        }
        if self.can_fail && self.count.fails == 0 {
            missing.push("never unsatisfied in a call of its actions");
        }
        if self.overrides == Some(0) {
            missing.push("never seen to deny what is permitted otherwise");
        }
        missing
    }
}

/// A policy whose coverage is being counted.
struct Counting {
    policy: PolicyCoverage,
    /// For each atom: by what it came to when it decided, what the policy came to.
    decisive: Vec<[[bool; 2]; 2]>,
}

impl Counting {
    fn of(policy: &toolgate::Policy, shapes: &Shapes, at: usize) -> Self {
        let feasible = shapes.atoms(at);
        let atoms: Vec<Item> = (policy.atoms.iter().zip(feasible))
            .map(|(atom, feasible)| Item {
                part: atom.part,
                text: policy.atom_text(atom).split_whitespace().collect::<Vec<_>>().join(" "),
                line: atom.line,
                column: atom.column,
                count: Count::default(),
                feasible: *feasible,
                decided: false,
            })
            .collect();
        let clauses: Vec<Item> = (shapes.clauses(at).iter().enumerate())
            .filter_map(|(number, feasible)| {
                let of = |part: Part| matches!(part, Part::When(at) | Part::Unless(at) if at as usize == number);
                let first = atoms.iter().find(|atom| of(atom.part))?;
                Some(Item { feasible: *feasible, ..first.clone() })
            })
            .collect();
        let can_fail = [0, 2].iter().any(|at| feasible.get(*at).is_some_and(|one| one.fails))
            || clauses.iter().any(|clause| clause.feasible.fails);
        let decisive = vec![Default::default(); atoms.len()];
        let policy = PolicyCoverage {
            id: policy.id.to_string(),
            forbids: policy.forbids,
            place: policy.place.clone(),
            decided: 0,
            count: Count::default(),
            can_fail,
            overrides: policy.forbids.then_some(0),
            clauses,
            atoms,
        };
        Self { policy, decisive }
    }

    fn finding(&mut self, shapes: &Shapes, at: usize, finding: &Finding, atoms: &[Truth]) {
        let Self { policy, decisive } = self;
        policy.count.add(finding.outcome);
        policy.atoms.iter_mut().zip(atoms).for_each(|(item, truth)| item.count.add(*truth));
        policy.clauses.iter_mut().zip(shapes.clauses_of(at, atoms)).for_each(|(item, truth)| item.count.add(truth));
        let whole = usize::from(finding.outcome == Truth::True);
        for ((seen, truth), decides) in decisive.iter_mut().zip(atoms).zip(shapes.decisive(at, atoms)) {
            let own = usize::from(*truth == Truth::True);
            if let Some(seen) = seen.get_mut(own).and_then(|seen| seen.get_mut(whole)).filter(|_| decides) {
                *seen = true;
            }
        }
    }

    fn decision(&mut self, decision: &Decision) {
        let policy = &mut self.policy;
        let basis = decision.basis();
        if !basis.policies.iter().any(|id| **id == *policy.id) {
            return;
        }
        policy.decided += 1;
        let forbidden = match decision {
            Decision::NeedsApproval { .. } => true,
            _ => decision.reasons() == [Reason::Forbidden],
        };
        let permitted = basis.answers.iter().all(|answer| !answer.permits.is_empty() || !answer.grants.is_empty());
        if let Some(overrides) = policy.overrides.as_mut().filter(|_| forbidden && permitted) {
            *overrides += 1;
        }
    }

    fn end(self) -> PolicyCoverage {
        let Self { mut policy, decisive } = self;
        for (item, [fails, holds]) in policy.atoms.iter_mut().zip(decisive) {
            item.decided = (fails[0] && holds[1]) || (fails[1] && holds[0]);
        }
        policy
    }
}

fn environments(gate: &Gate) -> BTreeMap<Environment, (bool, bool)> {
    let mut found = BTreeMap::new();
    for report in gate.bundle().tools() {
        let tool = report.action.split('#').next().unwrap_or_default();
        for principal in ["User", "Agent", "Workload"] {
            for resource in &report.resources {
                let (principal, tool, resource) = (principal.to_owned(), tool.to_owned(), resource.clone());
                found.insert(Environment { principal, tool, resource }, (false, false));
            }
        }
    }
    found
}

fn place(environments: &mut BTreeMap<Environment, (bool, bool)>, seen: &Seen) {
    let tool = seen.target();
    for answer in &seen.decision.basis().answers {
        let (principal, resource) = (answer.principal.kind.to_string(), answer.resource.kind.to_string());
        let environment = Environment { principal, tool: tool.clone(), resource };
        if let Some((allowed, denied)) = environments.get_mut(&environment) {
            let passes = answer.forbids.is_empty() && !(answer.permits.is_empty() && answer.grants.is_empty());
            if passes { *allowed = true } else { *denied = true }
        }
    }
}
