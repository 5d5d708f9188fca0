//! The values that an argument can have, where the schema lists them.

use super::{
    Shape,
    graph::{Graph, Id, ROOT},
};
use crate::json::{Json, Step};

/// Forms of forms that are looked into.
const FORMS: usize = 8;

impl Shape {
    /// What can stand at a place of the input: nothing else fits the schema.
    pub(crate) fn choices(&self, path: &[Step]) -> Option<Vec<&Json>> {
        let mut at = vec![ROOT];
        for step in path {
            let sure = at.iter().flat_map(|id| self.graph.surely(*id));
            at = match step {
                Step::Member(name) => {
                    sure.filter_map(|id| self.graph.node(id)?.object.as_ref()?.properties.get(name).copied()).collect()
                }
                Step::Each => {
                    let arrays = sure.filter_map(|id| self.graph.node(id)?.array.as_ref());
                    arrays.filter(|rules| rules.prefix.is_empty()).filter_map(|rules| rules.items).collect()
                }
            };
        }
        at.into_iter().filter_map(|id| self.graph.choices(id, 0)).reduce(both)
    }
}

impl Graph {
    fn surely(&self, id: Id) -> impl Iterator<Item = Id> {
        self.node(id).into_iter().flat_map(|node| node.sure.iter().copied())
    }

    fn choices(&self, id: Id, level: usize) -> Option<Vec<&Json>> {
        let mut found = Vec::new();
        for node in self.surely(id).filter_map(|id| self.node(id)) {
            found.extend(node.choices.iter().map(|all| all.iter().collect()));
            for branches in [&node.any, &node.one] {
                let branches = self.not_null(branches);
                if branches.len() > 1 && level < FORMS {
                    let each = branches.iter().map(|id| self.choices(*id, level + 1));
                    found.extend(each.collect::<Option<Vec<Vec<&Json>>>>().map(|each| each.concat()));
                }
            }
        }
        found.into_iter().reduce(both)
    }
}

fn both<'j>(a: Vec<&'j Json>, b: Vec<&'j Json>) -> Vec<&'j Json> {
    a.into_iter().filter(|one| b.contains(one)).collect()
}
