//! What atoms claim of the facts. Atoms that mean the same of the same facts make one claim, in whatever policy they stand.

use std::collections::BTreeMap;

use crate::{
    engine::{Looks, PolicyIndex, Program, Question, Var},
    id::EntityRef,
};

/// Facts of the context that each actor has his own of.
const OWN: [&[&str]; 3] = [&["usage", "principal"], &["environment", "principal"], &["status", "environment_matches"]];

/// What would have to be changed for a claim to become true or false.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Point {
    /// What stands at this path.
    Slot(u32),
    /// Who or what is asked about, or what that is in.
    Stand(Var),
    /// Several things at once: it is only known that the claim would have to be otherwise.
    Opaque,
    /// A grant of this template.
    Grant(PolicyIndex),
    /// Nothing that could be changed.
    Fixed,
}

/// A claim.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) looks: Looks,
    pub(super) point: Point,
    /// The actor and the resource that it is about, where it is not about all.
    pub(super) about: About,
    /// Where it is made.
    pub(super) atoms: Vec<(PolicyIndex, usize)>,
}

/// An actor and a resource, each if it matters.
pub(super) type About = (Option<EntityRef>, Option<EntityRef>);

/// A claim by its place.
pub(super) type ClaimId = usize;

/// All claims of a call.
#[derive(Default)]
pub(super) struct Claims {
    all: Vec<Claim>,
    ids: BTreeMap<(String, About), ClaimId>,
    looks: BTreeMap<(PolicyIndex, usize), Looks>,
}

impl Claims {
    pub(super) fn get(&self, id: ClaimId) -> Option<&Claim> {
        self.all.get(id)
    }

    /// The claim that an atom makes in a question.
    pub(super) fn of(
        &mut self,
        program: &Program,
        question: &Question<'_>,
        policy: PolicyIndex,
        atom: usize,
    ) -> ClaimId {
        let looks = self.looks.entry((policy, atom)).or_insert_with(|| program.looks(policy, atom)).clone();
        let paths: Vec<_> = looks.slots.iter().map(|slot| program.names(*slot)).collect();
        let about = |var: Var| looks.vars.contains(&var) || paths.iter().any(|(root, _)| *root == Some(var));
        let own = paths
            .iter()
            .any(|(root, names)| *root == Some(Var::Context) && OWN.iter().any(|own| names.starts_with(own)));
        let principal = (own || about(Var::Principal)).then(|| question.principal.clone());
        let resource = about(Var::Resource).then(|| question.resource.clone());
        let point = match (looks.slots.as_slice(), looks.vars.as_slice()) {
            _ if looks.filled => Point::Fixed,
            ([slot], []) => Point::Slot(*slot),
            ([], [var @ (Var::Principal | Var::Resource)]) => Point::Stand(*var),
            ([], [] | [Var::Action]) => Point::Fixed,
            _ => Point::Opaque,
        };
        // What cannot be changed is no other claim's.
        let text = if point == Point::Fixed { format!("{policy}/{atom}") } else { looks.text.clone() };
        let id = self.put(text, Claim { looks, point, about: (principal, resource), atoms: Vec::new() });
        if let Some(claim) = self.all.get_mut(id).filter(|claim| !claim.atoms.contains(&(policy, atom))) {
            claim.atoms.push((policy, atom));
        }
        id
    }

    /// The claim that there is a grant of a template.
    pub(super) fn grant(&mut self, question: &Question<'_>, template: PolicyIndex) -> ClaimId {
        let about = (Some(question.principal.clone()), Some(question.resource.clone()));
        let (looks, point) = (Looks::default(), Point::Grant(template));
        self.put(format!("grant {template}"), Claim { looks, point, about, atoms: Vec::new() })
    }

    fn put(&mut self, text: String, claim: Claim) -> ClaimId {
        let id = *self.ids.entry((text, claim.about.clone())).or_insert(self.all.len());
        if id == self.all.len() {
            self.all.push(claim);
        }
        id
    }
}

impl Claim {
    /// Whether a question is about what the claim is about.
    pub(super) fn concerns(&self, question: &Question<'_>) -> bool {
        let (principal, resource) = &self.about;
        principal.as_ref().is_none_or(|own| own == question.principal)
            && resource.as_ref().is_none_or(|own| own == question.resource)
    }
}
