//! The compiled program of a bundle, which decides.

use std::{collections::BTreeMap, sync::Arc};

use super::{PolicyBundle, actions::Actions};
use crate::{
    catalog::Catalog,
    engine::{Asked, Engine, Evaluate, Evaluation, Holes, Incomplete, Link, Mapped, Program, Question, Reads, Weighed},
    entity::Reach,
    id::EntityRef,
};

/// The program, and what it has to know of actions.
pub(super) struct Compiled {
    pub(super) program: Program,
    /// What the policies that can apply to each action may look at.
    pub(super) reads: Arc<BTreeMap<String, Reads>>,
    /// What each action is in.
    groups: Arc<BTreeMap<String, Vec<EntityRef>>>,
    nothing: Reads,
}

impl Compiled {
    pub(super) fn new(program: Program, catalog: &Catalog, reads: BTreeMap<String, Reads>) -> Self {
        let group = |name: &String| EntityRef::new("Action", name.as_str());
        let ancestry = Actions::of(catalog).ancestry.into_iter();
        let groups = ancestry.map(|(action, groups)| (action, groups.iter().map(group).collect())).collect();
        Self { program, reads: Arc::new(reads), groups: Arc::new(groups), nothing: Reads::default() }
    }

    /// The same with another program, whose rule at one place reads these paths of these actions.
    #[cfg(feature = "author")]
    pub(super) fn changed<'r>(&self, program: Program, reads: impl Iterator<Item = (&'r str, &'r Reads)>) -> Self {
        let Self { groups, nothing, .. } = self;
        let mut all = self.reads.clone();
        for (action, more) in reads {
            if let Some(known) = Arc::make_mut(&mut all).get_mut(action) {
                known.extend(more);
            }
        }
        Self { program, reads: all, groups: groups.clone(), nothing: nothing.clone() }
    }

    /// A question as the program is asked it.
    fn asked<'f>(&'f self, question: &'f Question<'f>, entities: &'f Reach) -> Asked<'f> {
        let groups = self.groups.get(&*question.action.id).map(Vec::as_slice).unwrap_or_default();
        Asked { question, entities, groups }
    }

    pub(super) fn evaluate(&self, entities: &Reach, questions: &[Question<'_>], links: &[Link<'_>]) -> Vec<Evaluation> {
        let one = |question: &Question<'_>| self.program.evaluate(&self.asked(question, entities), links);
        questions.iter().map(one).collect()
    }
}

impl PolicyBundle {
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
    fn evaluate(
        &self,
        entities: &Reach,
        questions: &[Question<'_>],
        links: &[Link<'_>],
    ) -> Result<Vec<Evaluation>, String> {
        match self.chosen {
            Engine::Compiled => Ok(self.compiled.evaluate(entities, questions, links)),
            #[cfg(feature = "author")]
            Engine::Cedar => self.by_cedar(entities, questions, links),
            #[cfg(feature = "author")]
            Engine::Both => self.by_both(entities, questions, links),
        }
    }

    fn reads(&self, action: &str) -> &Reads {
        self.compiled.reads.get(action).unwrap_or(&self.compiled.nothing)
    }
}
