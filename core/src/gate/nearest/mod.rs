//! What would have to differ for a denied call to be allowed: inclusion-minimal sets of claims, each set held against all
//! policies, for every hop and every resource.

mod claims;
mod world;

use std::collections::BTreeSet;

use self::{
    claims::{Claim, Claims, Point},
    world::{Demands, Ground, World, is_other},
};
use super::{
    Gate,
    explain::cut,
    secrets::{HIDDEN, Secrets},
    who::Who,
};
use crate::{
    Policy, ToolCall, Truth,
    catalog::Admitted,
    decision::Linked,
    engine::{Held, Link, PolicyIndex, Question, Var, Way, questions},
    facts::{Gathered, level_entities},
};

/// What would have to differ for a denied call not to be denied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Nearest {
    /// Each set by itself is enough, and no part of it is. The smallest first.
    pub sets: Vec<NearestPermit>,
    /// Whether there may be others that were not looked for.
    pub cut: bool,
    /// Who would be asked about, and on what, where no permit is about the action at all: only a policy author can help.
    pub unwritten: Vec<(String, String)>,
}

/// Facts that would have to differ, all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearestPermit {
    /// The facts.
    pub changes: Vec<Difference>,
    /// The forbids that would still stand, and who may lift each: then the answer is that approval is needed.
    pub standing: Vec<(String, String)>,
}

/// A fact that would have to differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What is claimed of it, in Cedar; `grant of TEMPLATE` for a grant that there is not.
    pub claim: String,
    /// What the claim comes to.
    pub now: Truth,
    /// What it would have to come to.
    pub needed: bool,
    /// The actor that it is about, if it is not about all.
    pub principal: Option<String>,
    /// The resource that it is about, if it is not about all.
    pub resource: Option<String>,
    /// The path that the claim looks at, if it is one.
    pub path: Option<String>,
    /// What stands there, as a Cedar literal, `absent` or `[hidden]`.
    pub value: Option<String>,
    /// A value with which all would be well, or `absent`; others may do, too. Nothing where anything would do that no policy
    /// names, or where none is known.
    pub example: Option<String>,
    /// Where the claim is made: policies, and atoms by their places in [`Policy::atoms`].
    pub atoms: Vec<(String, usize)>,
    /// Who can change it.
    pub who: Vec<Who>,
}

/// Worlds that are looked at.
const WORLDS: usize = 600;

/// Worlds that are looked at however many policies there are.
const FEWEST: usize = 24;

/// Worlds times the policies that are held against each.
const WORK: usize = 400_000;

/// Sets that are told.
const SETS: usize = 8;

/// Facts in a set.
const FACTS: usize = 10;

/// Sets of which every part is tried.
const SMALL: usize = 5;

impl Gate {
    /// What would have to differ for a call that policies deny.
    pub(super) fn nearest(
        &self,
        call: &ToolCall,
        admitted: &Admitted<'_>,
        facts: &Gathered,
        linked: &[Linked<'_>],
        secrets: &Secrets,
    ) -> Nearest {
        let questions: Vec<_> = questions(facts).collect();
        let asked: Vec<_> = questions.iter().map(|question| self.bundle.asked(question, &facts.entities)).collect();
        let (program, catalog) = (self.bundle.program(), &self.bundle.catalog);
        let levels = level_entities(catalog.levels.names()).into();
        let ground = Ground { program, catalog, call, admitted, questions: &questions, asked: &asked, levels };
        // A grant counts in the calls of a task.
        let permits = |(_, policy): &(usize, &Policy)| policy.template && !policy.forbids && call.task.is_some();
        let templates: Vec<_> = self.bundle.policies.iter().enumerate().filter(permits).map(|(at, _)| at).collect();
        let links = questions.iter().map(|question| {
            let own = linked.iter().map(Linked::link);
            let fill = |template: &usize| Link {
                template: *template,
                principal: Some(question.principal),
                resource: Some(question.resource),
            };
            own.chain(templates.iter().map(fill)).collect()
        });
        let mut search = Search {
            policies: &self.bundle.policies,
            ground,
            links: links.collect(),
            granted: linked.len(),
            claims: Claims::default(),
            worlds: 0,
            most: WORLDS,
            cut: false,
        };
        let (unwritten, held) = search.unwritten();
        search.most = most(held);
        let sets = if unwritten.is_empty() { search.run() } else { Vec::new() };
        let sets = sets.iter().filter_map(|demands| search.told(demands, secrets)).collect();
        let shown = |question: &Question<'_>| {
            (secrets.out_of(question.principal.to_string()), secrets.out_of(question.resource.to_string()))
        };
        let unwritten = unwritten.into_iter().filter_map(|at| questions.get(at)).map(shown).collect();
        Nearest { sets, cut: search.cut, unwritten }
    }
}

struct Search<'w> {
    policies: &'w [Policy],
    ground: Ground<'w>,
    /// For each question: the grants that there are, and behind them those that there could be.
    links: Vec<Vec<Link<'w>>>,
    /// How many grants there are.
    granted: usize,
    claims: Claims,
    worlds: usize,
    /// How many of them are looked at.
    most: usize,
    cut: bool,
}

/// What keeps a world from allowing the call.
enum Obstacle {
    /// A forbid stands that nobody may lift, or cannot be evaluated.
    Forbid(usize, Held),
    /// Nothing permits; what could.
    Unpermitted(usize, Vec<Held>),
}

impl Search<'_> {
    /// The questions for which no permit is about the action, and how many policies are held against a world.
    fn unwritten(&self) -> (Vec<usize>, usize) {
        let (program, nothing) = (self.ground.program, Default::default());
        let (mut unwritten, mut policies) = (Vec::new(), 0);
        for (at, (asked, links)) in self.ground.asked.iter().zip(&self.links).enumerate() {
            let held = program.suppose(asked, &nothing, links);
            policies += held.len();
            if held.iter().all(|one| one.forbids) {
                unwritten.push(at);
            }
        }
        (unwritten, policies)
    }

    /// Goes from world to world, those with the fewest changes first. In each, the first obstacle is taken out of the way
    /// in every way there is.
    fn run(&mut self) -> Vec<Demands> {
        let (mut next, mut seen, mut found) = (BTreeSet::from([(0, Demands::new())]), BTreeSet::new(), Vec::new());
        while let Some((_, demands)) = next.pop_first() {
            if found.iter().any(|smaller| is_part(smaller, &demands)) || !seen.insert(demands.clone()) {
                continue;
            }
            if found.len() == SETS || self.worlds >= self.most {
                self.cut = true;
                break;
            }
            let Some(world) = self.world(&demands) else { continue };
            let Some(obstacle) = self.obstacle(&demands, &world) else {
                let least = self.least(demands);
                if !found.contains(&least) {
                    found.retain(|larger| !is_part(&least, larger));
                    found.push(least);
                }
                continue;
            };
            for way in self.ways(obstacle) {
                let mut more = demands.clone();
                let new = way.into_iter().all(|(claim, wanted)| *more.entry(claim).or_insert(wanted) == wanted);
                if new && more.len() > demands.len() {
                    if more.len() > FACTS {
                        self.cut = true;
                    } else {
                        next.insert((more.len(), more));
                    }
                }
            }
        }
        found.sort_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
        found
    }

    fn world(&mut self, demands: &Demands) -> Option<World> {
        self.worlds += 1;
        self.ground.world(&self.claims, demands)
    }

    /// Whether a world that is as demanded allows the call.
    fn allows(&mut self, demands: &Demands) -> bool {
        self.world(demands).is_some_and(|world| self.obstacle(demands, &world).is_none())
    }

    /// A part of what is demanded that is enough, and of which no part is.
    fn least(&mut self, demands: Demands) -> Demands {
        let all: Vec<_> = demands.iter().map(|(claim, wanted)| (*claim, *wanted)).collect();
        if all.len() <= SMALL {
            let count = 1_u32 << all.len();
            let mut parts: Vec<u32> = (0..count.saturating_sub(1)).collect();
            parts.sort_by_key(|part| part.count_ones());
            for part in parts {
                let chosen = all.iter().enumerate().filter(|(at, _)| part >> at & 1 == 1);
                let chosen: Demands = chosen.map(|(_, one)| *one).collect();
                if self.allows(&chosen) {
                    return chosen;
                }
            }
            return demands;
        }
        let mut least = demands;
        for (claim, wanted) in all {
            least.remove(&claim);
            if !self.allows(&least) {
                least.insert(claim, wanted);
            }
        }
        least
    }

    fn obstacle(&mut self, demands: &Demands, world: &World) -> Option<Obstacle> {
        let mut unpermitted = None;
        for (at, (asked, links)) in self.ground.asked.iter().zip(&self.links).enumerate() {
            let supposed = world.supposed.get(at)?;
            let mut held = self.ground.program.suppose(asked, supposed, links);
            let stands = |one: &Held| {
                let holds = one.outcome == Truth::True && !self.is_liftable(one.policy);
                one.forbids && (one.outcome == Truth::Error || holds)
            };
            if let Some(forbid) = held.iter().position(stands) {
                return Some(Obstacle::Forbid(at, held.swap_remove(forbid)));
            }
            held.retain(|one| !one.forbids);
            let question = self.ground.questions.get(at)?;
            let mut counts = |one: &Held| {
                one.link.is_none_or(|link| link < self.granted)
                    || demands.get(&self.claims.grant(question, one.policy)) == Some(&true)
            };
            if unpermitted.is_none() && !held.iter().any(|one| one.outcome == Truth::True && counts(one)) {
                unpermitted = Some(Obstacle::Unpermitted(at, held));
            }
        }
        unpermitted
    }

    /// Whether an approval can lift a policy.
    fn is_liftable(&self, policy: PolicyIndex) -> bool {
        self.policies.get(policy).is_some_and(|policy| policy.approval.is_some())
    }

    /// The ways around an obstacle, as claims.
    fn ways(&mut self, obstacle: Obstacle) -> Vec<Demands> {
        let (at, held, outcomes): (_, _, &[bool]) = match obstacle {
            // A forbid that can be lifted may stand, as long as it can be evaluated.
            Obstacle::Forbid(at, held) if self.is_liftable(held.policy) => (at, vec![held], &[false, true]),
            Obstacle::Forbid(at, held) => (at, vec![held], &[false]),
            Obstacle::Unpermitted(at, held) => (at, held, &[true]),
        };
        let Some(question) = self.ground.questions.get(at) else { return Vec::new() };
        let mut found = Vec::new();
        for (one, outcome) in held.iter().flat_map(|one| outcomes.iter().map(move |outcome| (one, *outcome))) {
            let (ways, cut) = self.ground.program.ways(one, outcome);
            self.cut |= cut;
            for way in ways {
                let mut demands = self.demands(question, one.policy, &way);
                if let Some(demands) = &mut demands
                    && one.link.is_some_and(|link| link >= self.granted)
                {
                    demands.insert(self.claims.grant(question, one.policy), true);
                }
                found.extend(demands);
            }
        }
        found
    }

    /// What a way demands; nothing if it demands both of one claim.
    fn demands(&mut self, question: &Question<'_>, policy: PolicyIndex, way: &Way) -> Option<Demands> {
        let mut demands = Demands::new();
        for (atom, wanted) in way {
            let claim = self.claims.of(self.ground.program, question, policy, *atom);
            if *demands.entry(claim).or_insert(*wanted) != *wanted {
                return None;
            }
        }
        Some(demands)
    }

    /// A set, for people.
    fn told(&mut self, demands: &Demands, secrets: &Secrets) -> Option<NearestPermit> {
        let world = self.world(demands)?;
        let changes = demands.iter().filter_map(|(id, needed)| {
            let claim = self.claims.get(*id)?;
            Some(self.difference(claim, *needed, world.values.get(id), secrets))
        });
        let changes = changes.collect();
        let mut standing = BTreeSet::new();
        for ((asked, links), supposed) in self.ground.asked.iter().zip(&self.links).zip(&world.supposed) {
            let held = self.ground.program.suppose(asked, supposed, links);
            let forbids = held.iter().filter(|one| one.forbids && one.outcome == Truth::True);
            standing.extend(forbids.filter_map(|one| {
                let policy = self.policies.get(one.policy)?;
                Some((policy.id.to_string(), policy.approval.clone()?))
            }));
        }
        Some(NearestPermit { changes, standing: standing.into_iter().collect() })
    }

    fn difference(
        &self,
        claim: &Claim,
        needed: bool,
        example: Option<&Option<crate::value::Value>>,
        secrets: &Secrets,
    ) -> Difference {
        let program = self.ground.program;
        let at = self.ground.questions.iter().position(|question| claim.concerns(question)).unwrap_or_default();
        let now = match (claim.atoms.first(), self.ground.asked.get(at)) {
            (Some((policy, atom)), Some(asked)) => program.suppose_atom(asked, &Default::default(), *policy, *atom),
            _ => Truth::False,
        };
        let id = |policy: &PolicyIndex| self.policies.get(*policy).map(|policy| policy.id.clone()).unwrap_or_default();
        let slot = match claim.point {
            Point::Slot(slot) => Some(slot),
            _ => None,
        };
        let paths: Vec<_> = claim.looks.slots.iter().map(|slot| program.names(*slot)).collect();
        let hidden = paths.iter().any(|(root, names)| root.is_some_and(|root| secrets.hides(root, names)));
        let shown = |value: String| if hidden { HIDDEN.to_owned() } else { cut(secrets.out_of(value)) };
        let value = slot.zip(self.ground.asked.get(at)).map(|(slot, asked)| match asked.stands(program, slot) {
            Some(value) => shown(value.to_string()),
            None => "absent".to_owned(),
        });
        let example = example.filter(|_| !hidden).and_then(|value| match value {
            None => Some("absent".to_owned()),
            Some(value) => (!is_other(value)).then(|| shown(value.to_string())),
        });
        let (principal, resource) = &claim.about;
        Difference {
            claim: match claim.point {
                Point::Grant(template) => format!("grant of {}", id(&template)),
                _ => claim.looks.text.clone(),
            },
            now,
            needed,
            principal: principal.as_ref().map(|id| secrets.out_of(id.to_string())),
            resource: resource.as_ref().map(|id| secrets.out_of(id.to_string())),
            path: slot.map(|slot| program.path(slot)),
            value,
            example,
            atoms: claim.atoms.iter().map(|(policy, atom)| (id(policy).to_string(), *atom)).collect(),
            who: who(claim, &paths),
        }
    }
}

/// How many worlds are looked at, by the policies that are held against each.
fn most(policies: usize) -> usize {
    (WORK / policies.max(1)).clamp(FEWEST, WORLDS)
}

/// Whether everything that one set demands is demanded by another.
fn is_part(part: &Demands, whole: &Demands) -> bool {
    part.iter().all(|(claim, wanted)| whole.get(claim) == Some(wanted))
}

/// Who can change what a claim is about.
fn who(claim: &Claim, paths: &[(Option<Var>, Vec<&str>)]) -> Vec<Who> {
    let of_path = |(root, names): &(Option<Var>, Vec<&str>)| root.map(|root| Who::of(root, names));
    let of_var = |var: &Var| match var {
        // Which resource it is, the arguments say; what it is in, its owner.
        Var::Resource if claim.looks.text.contains(" in ") => Who::ResourceOwner,
        Var::Resource | Var::Action => Who::Caller,
        Var::Principal | Var::Context => Who::of(*var, &[]),
    };
    let mut who: BTreeSet<_> = paths.iter().filter_map(of_path).chain(claim.looks.vars.iter().map(of_var)).collect();
    if matches!(claim.point, Point::Grant(_)) {
        who.insert(Who::Task);
    }
    if who.is_empty() {
        who.insert(Who::PolicyAuthor);
    }
    who.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Explaining takes no longer the more policies there are than evaluating them a few times does.
    #[test]
    fn work_is_bounded() {
        for policies in [0, 1, 26, 600, 2_000, 10_000, 1_000_000] {
            let most = most(policies);
            assert!((FEWEST..=WORLDS).contains(&most), "{policies}: {most}");
            assert!(most * policies <= WORK.max(FEWEST * policies), "{policies}: {most}");
        }
        assert_eq!(most(26 + 100), WORLDS, "a bundle of usual size is looked at in full");
    }
}
