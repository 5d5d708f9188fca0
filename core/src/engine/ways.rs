//! The ways in which a policy would be satisfied, or would not: which of its atoms would have to differ.

use std::collections::BTreeMap;

use super::{
    SCOPE,
    form::{Form, Term},
    program::Program,
    suppose::Held,
    truth::Truth,
};

/// Atoms of a policy that would have to be other than they are, and what.
pub(crate) type Way = BTreeMap<usize, bool>;

/// Ways that are kept for each part of a condition: the shortest.
const WAYS: usize = 24;

impl Program {
    /// The ways in which a rule would be satisfied, or would neither be satisfied nor fail; the shortest first. The second
    /// tells whether there may be more.
    pub(crate) fn ways(&self, held: &Held, wanted: bool) -> (Vec<Way>, bool) {
        let Some(rule) = self.rule_of(held.policy) else { return (Vec::new(), false) };
        let mut finding = Finding { cut: false };
        let (scope, leaves) = held.atoms.split_at(SCOPE.min(held.atoms.len()));
        let mut all = [vec![Way::new()], Vec::new()];
        for (at, truth) in scope.iter().enumerate() {
            // Another action is another call.
            let here =
                [true, false].map(|wanted| if at == 1 { stays(*truth, wanted) } else { flip(at, *truth, wanted) });
            all = finding.and(&all, &here);
        }
        let terms = finding.terms(&rule.form, leaves);
        for clause in &rule.form.clauses {
            let Some(here) = terms.get(*clause as usize) else { continue };
            all = finding.and(&all, here);
        }
        let [holds, fails] = all;
        (if wanted { holds } else { fails }, finding.cut)
    }
}

/// The ways in which something would hold, and those in which it would not.
type Ways = [Vec<Way>; 2];

fn flip(atom: usize, truth: Truth, wanted: bool) -> Vec<Way> {
    match truth {
        // Constants keep it from ever being reached, or from being anything else.
        Truth::NotReached => Vec::new(),
        truth if truth == Truth::from(wanted) => vec![Way::new()],
        _ => vec![Way::from([(atom, wanted)])],
    }
}

fn stays(truth: Truth, wanted: bool) -> Vec<Way> {
    if truth == Truth::from(wanted) { vec![Way::new()] } else { Vec::new() }
}

struct Finding {
    cut: bool,
}

impl Finding {
    fn terms(&mut self, form: &Form, leaves: &[Truth]) -> Vec<Ways> {
        let mut terms: Vec<Ways> = Vec::with_capacity(form.terms.len());
        let nothing: Ways = Default::default();
        for term in &form.terms {
            let at = |place: u32| terms.get(place as usize).unwrap_or(&nothing);
            let not = |[holds, fails]: &Ways| [fails.clone(), holds.clone()];
            let ways = match *term {
                Term::Leaf(leaf) => {
                    let truth = leaves.get(leaf as usize).copied().unwrap_or(Truth::NotReached);
                    [true, false].map(|wanted| flip(SCOPE + leaf as usize, truth, wanted))
                }
                Term::Not(inner) => not(at(inner)),
                Term::And(left, right) => self.and(at(left), at(right)),
                Term::Or(left, right) => not(&self.and(&not(at(left)), &not(at(right)))),
                Term::If { cond, then, otherwise } => {
                    let [holds, fails] = at(cond);
                    let ([then, then_not], [otherwise, otherwise_not]) = (at(then), at(otherwise));
                    [(then, otherwise), (then_not, otherwise_not)].map(|(then, otherwise)| {
                        let both = [self.both(holds, then), self.both(fails, otherwise)].concat();
                        self.shortest(both)
                    })
                }
            };
            terms.push(ways);
        }
        terms
    }

    /// `&&`: the right side is only asked where the left one holds.
    fn and(&mut self, [left_holds, left_fails]: &Ways, [right_holds, right_fails]: &Ways) -> Ways {
        let holds = self.both(left_holds, right_holds);
        let fails = [left_fails.clone(), self.both(left_holds, right_fails)].concat();
        [holds, self.shortest(fails)]
    }

    /// One way and another at once, where they do not contradict each other.
    fn both(&mut self, left: &[Way], right: &[Way]) -> Vec<Way> {
        let mut found = Vec::new();
        for a in left {
            for b in right {
                if a.iter().all(|(atom, wanted)| b.get(atom).is_none_or(|other| other == wanted)) {
                    found.push(a.iter().chain(b).map(|(atom, wanted)| (*atom, *wanted)).collect());
                }
            }
        }
        self.shortest(found)
    }

    /// The shortest ways, without those that another is a part of.
    fn shortest(&mut self, mut ways: Vec<Way>) -> Vec<Way> {
        ways.sort_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
        let mut kept: Vec<Way> = Vec::new();
        for way in ways {
            let part = |shorter: &Way| shorter.iter().all(|(atom, wanted)| way.get(atom) == Some(wanted));
            if kept.iter().any(part) {
                continue;
            }
            if kept.len() == WAYS {
                self.cut = true;
                break;
            }
            kept.push(way);
        }
        kept
    }
}
