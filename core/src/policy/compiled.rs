//! The compiled program of a bundle, which decides.

use std::sync::Arc;

use super::{PolicyBundle, actions::Actions};
use crate::{
    catalog::Catalog,
    digest::Digest,
    engine::{
        About, Asked, Engine, Evaluate, Evaluation, Few, Holes, Incomplete, Link, Live, Mapped, Program, Question,
        Reads, Weighed, Where,
    },
    entity::{Reach, Store},
    facts::{Facts, Fixed},
    hash::Table,
    id::EntityRef,
    sorted::Sorted,
};

/// The program, and what is known beforehand of the calls that it decides.
pub(super) struct Compiled {
    pub(super) program: Arc<Program>,
    /// What the policies that can apply to each action may look at.
    pub(super) reads: Sorted<String, Arc<Reads>>,
    /// For each action.
    about: Table<Arc<str>, About>,
    places: Vec<Where>,
    nothing: Arc<Reads>,
}

impl Compiled {
    /// `bundle`: the digest of the bundle, which stands in those of its calls.
    pub(super) fn new(
        program: impl Into<Arc<Program>>,
        catalog: &Catalog,
        store: &mut Store,
        reads: Sorted<String, Arc<Reads>>,
        bundle: Digest,
    ) -> Self {
        let program = program.into();
        store.settle(|id| program.entity(id));
        let nothing = Arc::new(Reads::default());
        let group = |name: &String| EntityRef::new("Action", name.as_str());
        let ancestry = Actions::of(catalog).ancestry;
        let about = Fixed::all(catalog).into_iter().map(|(id, fixed)| {
            let groups = ancestry.get(&*id).into_iter().flatten().map(group).collect();
            let reads = reads.get(&*id).unwrap_or(&nothing).clone();
            (id, About::new(&program, store, reads, fixed, groups, bundle))
        });
        let about = about.collect();
        Self { about, places: Where::all(&program), program, reads, nothing }
    }

    /// The same with another program, whose rule at one place reads these paths of these actions.
    #[cfg(feature = "author")]
    pub(super) fn changed<'r>(
        &self,
        program: Program,
        catalog: &Catalog,
        store: &mut Store,
        reads: impl Iterator<Item = (&'r str, &'r Reads)>,
        bundle: Digest,
    ) -> Self {
        let mut all = self.reads.clone();
        for (action, more) in reads {
            if let Some(known) = all.get_mut(action) {
                Arc::make_mut(known).extend(more);
            }
        }
        Self::new(program, catalog, store, all, bundle)
    }

    /// The same over other entities, in a bundle of this digest.
    #[cfg(feature = "author")]
    pub(super) fn over(&self, catalog: &Catalog, store: &mut Store, bundle: Digest) -> Self {
        Self::new(self.program.clone(), catalog, store, self.reads.clone(), bundle)
    }

    /// A question as the program is asked it.
    fn asked<'f>(&'f self, question: &'f Question<'f>, entities: &'f Reach) -> Asked<'f> {
        let about = self.about.get(&*question.action.id);
        let groups = about.map(|about| about.groups.as_slice()).unwrap_or_default();
        Asked { question, entities, groups }
    }

    pub(super) fn evaluate(&self, facts: &Facts<'_, '_>, about: &About, links: &[Link<'_>]) -> Few<Evaluation> {
        let one = |hop, resource| {
            let source = Live { view: facts.view(hop), resource, about, places: &self.places };
            self.program.evaluate(&source, links)
        };
        let resources = &facts.admitted.resources;
        let asked = facts.hops.iter().flat_map(|hop| resources.iter().map(move |resource| (hop, resource)));
        asked.map(|(hop, resource)| one(hop, resource)).collect()
    }
}

impl PolicyBundle {
    /// Whether a policy reads a member of this name, of whatever.
    pub(crate) fn reads_member(&self, name: &str) -> bool {
        self.compiled.program.reads_member(name)
    }

    /// What of the facts of an action's calls is known beforehand; nothing of an action that the bundle does not have.
    pub(crate) fn about(&self, action: &str) -> Option<&About> {
        self.compiled.about.get(action)
    }

    /// What policies and links could come to for questions of which not everything is known. Each question comes with
    /// its resource, where only the type of that is known.
    pub(crate) fn weigh<'f>(
        &'f self,
        entities: &'f Reach,
        questions: &'f [(Question<'f>, Option<Mapped<'f>>)],
        holes: &'f Holes,
        links: &[Link<'f>],
    ) -> Vec<Vec<Weighed>> {
        let asked: Vec<_> = questions.iter().map(|(question, _)| self.compiled.asked(question, entities)).collect();
        let questions: Vec<_> = asked
            .iter()
            .zip(questions)
            .map(|(source, (_, resource))| Incomplete { source, resource: *resource })
            .collect();
        self.compiled.program.weigh(&questions, holes, links)
    }
}

#[cfg(feature = "explain")]
impl PolicyBundle {
    /// What decides.
    pub(crate) fn program(&self) -> &Program {
        &self.compiled.program
    }

    /// A question as the program is asked it.
    pub(crate) fn asked<'f>(&'f self, question: &'f Question<'f>, entities: &'f Reach) -> Asked<'f> {
        self.compiled.asked(question, entities)
    }
}

impl Evaluate for PolicyBundle {
    fn evaluate(&self, facts: &Facts<'_, '_>, about: &About, links: &[Link<'_>]) -> Result<Few<Evaluation>, String> {
        match self.chosen {
            Engine::Compiled => Ok(self.compiled.evaluate(facts, about, links)),
            #[cfg(feature = "oracle")]
            Engine::Cedar => self.by_cedar(facts, links),
            #[cfg(feature = "oracle")]
            Engine::Both => self.by_both(facts, about, links),
        }
    }

    fn reads(&self, action: &str) -> &Reads {
        self.compiled.reads.get(action).unwrap_or(&self.compiled.nothing)
    }
}
