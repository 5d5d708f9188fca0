//! What Cedar's validator lets pass: literals nobody knows, `has` on names nothing has, levels the wrong way round,
//! guards that switch a forbid off, scopes that never fit.

mod absent;
mod authors;
mod choices;
mod destinations;
mod names;
mod scope;
mod walk;
mod without;

use cedar_policy::pst::Clause;

use super::{actions::Actions, declared::Declared, load::Parsed};
use crate::{
    catalog::Catalog,
    error::Diagnostic,
    facts::{BINDINGS, ENVIRONMENTS, ORIGINS, STATES},
};

pub(super) use authors::author_types;
use walk::Walk;

const EFFECTS: &[&str] = &["read", "write", "destructive", "execute"];

/// The values of facts that have only a few.
pub(super) const FEW: [&[&str]; 5] = [ORIGINS, ENVIRONMENTS, STATES, EFFECTS, BINDINGS];

/// Every check of every policy.
pub(super) fn all(
    catalog: &Catalog,
    actions: &Actions<'_>,
    declared: &Declared,
    parsed: &[Parsed],
    found: &mut Vec<Diagnostic>,
) {
    let walls = without::walls(actions, parsed);
    for one in parsed {
        if one.policy.forbids && one.policy.template {
            let message =
                format!("the forbid `{}` is a template, which applies only where a grant links it", one.policy.id);
            let help = "write a forbid without `?principal` and `?resource`: what is forbidden needs no grant";
            let head = one.at(one.statement.head.clone());
            found.push(Diagnostic::warning("forbid_template", message).at(head).help(help));
        }
        names::literals(catalog, actions, one, found);
        names::operations_group(catalog, one, found);
        let covered = actions.covered(&one.tree.action);
        scope::fits(one, &covered, declared, found);
        let mut walk = Walk::new(one, covered, declared, (catalog, &walls), found);
        walk.scope();
        for clause in one.tree.clauses() {
            match clause {
                Clause::When(expr) => walk.condition(expr, true),
                Clause::Unless(expr) => walk.condition(expr, false),
            }
        }
    }
}
