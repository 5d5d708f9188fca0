//! What a policy could have named instead: the other entities of a type, the other strings.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use cedar_policy::pst::{BinaryOp, Clause, Expr, Literal};

use crate::{
    PrincipalKind,
    policy::{PolicyBundle, actions::GROUPS, lint::FEW, load::Parsed, read_paths::children},
};

/// Types whose entities are all known.
const CLOSED: [&str; 6] = ["Action", "AtLeast", "AtMost", "Level", "Server", "Tool"];

/// The names that a bundle uses.
pub(super) struct Known {
    /// By type. Levels are in their order, all others sorted.
    ids: BTreeMap<String, Vec<String>>,
    strings: BTreeSet<String>,
    resources: Vec<String>,
}

impl Known {
    pub(super) fn of(bundle: &PolicyBundle, parsed: &[Parsed], actions: impl Iterator<Item = String>) -> Self {
        let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut put = |kind: &str, id: &str| {
            ids.entry(kind.to_owned()).or_default().insert(id.to_owned());
        };
        bundle.store.iter().for_each(|entity| put(&entity.id.kind, &entity.id.id));
        bundle.servers().for_each(|server| put("Server", server));
        bundle.catalog.tools().for_each(|(_, tool)| put("Tool", &tool.id));
        let own = || parsed.iter().filter(|one| !one.is_baseline());
        own().flat_map(|one| &one.statement.entities).for_each(|literal| put(&literal.kind, &literal.id));
        actions.for_each(|action| put("Action", &action));
        let levels = bundle.catalog.levels.names();
        let mut ids: BTreeMap<_, Vec<_>> =
            ids.into_iter().map(|(kind, ids)| (kind, ids.into_iter().collect())).collect();
        ["Level", "AtLeast", "AtMost"].iter().for_each(|kind| drop(ids.insert((*kind).to_owned(), levels.to_vec())));
        let mut strings = BTreeSet::new();
        for one in own() {
            for clause in one.tree.clauses() {
                let (Clause::When(expr) | Clause::Unless(expr)) = clause;
                texts(expr, &mut strings);
            }
        }
        let mut resources: Vec<_> = bundle.catalog.mapped_types().into_iter().map(str::to_owned).collect();
        resources.push("Tool".to_owned());
        Self { ids, strings, resources }
    }

    /// The types that principals or resources can have.
    pub(super) fn kinds(&self, name: &str) -> Vec<&str> {
        match name {
            "principal" => PrincipalKind::ALL.map(PrincipalKind::name).to_vec(),
            _ => self.resources.iter().map(String::as_str).collect(),
        }
    }

    /// The groups that actions are in by what they do.
    pub(super) fn effects(&self) -> impl Iterator<Item = &'static str> {
        GROUPS.iter().map(|(name, _)| *name).filter(|name| *name != "call")
    }

    /// Other ids of a type: the neighbours of a level, for other types the next one, or one that nobody has.
    pub(super) fn others(&self, kind: &str, id: &str) -> Vec<String> {
        let class = |one: &&String| kind != "Action" || one.contains('/') == id.contains('/');
        let all: Vec<_> = self.ids.get(kind).into_iter().flatten().filter(class).collect();
        let at = all.iter().position(|one| *one == id);
        let near = |at: Option<usize>| at.and_then(|at| all.get(at)).map(|one| (*one).clone());
        if matches!(kind, "AtLeast" | "AtMost" | "Level") {
            let around = [near(at.and_then(|at| at.checked_sub(1))), near(at.map(|at| at + 1))];
            return around.into_iter().flatten().collect();
        }
        let next = near(at.map(|at| (at + 1) % all.len())).filter(|next| next != id);
        let stranger = (!CLOSED.contains(&kind)).then(|| format!("{id}-other"));
        next.or(stranger).into_iter().collect()
    }

    /// Another string: the next value of a fact that has only a few, the next that policies use, or one that none does.
    pub(super) fn string(&self, text: &str) -> String {
        for values in FEW {
            if let Some(at) = values.iter().position(|value| *value == text) {
                let next = values.iter().cycle().nth(at + 1);
                return next.map(|next| (*next).to_owned()).unwrap_or_default();
            }
        }
        let behind = self.strings.range::<str, _>((Bound::Excluded(text), Bound::Unbounded)).next();
        let other = behind.or_else(|| self.strings.first()).filter(|other| *other != text);
        other.cloned().unwrap_or_else(|| format!("{text}-other"))
    }
}

/// The strings that an expression compares with. As deep as the policy, which was capped before it was parsed.
fn texts(expr: &Expr, out: &mut BTreeSet<String>) {
    match expr {
        Expr::Literal(Literal::String(text)) => {
            out.insert(text.to_string());
        }
        // What an extension type is made of is no string to compare with, and the name of a tag is none either.
        Expr::UnaryOp { .. } if children(expr).iter().any(|child| matches!(child, Expr::Literal(_))) => {}
        Expr::BinaryOp { op: BinaryOp::GetTag | BinaryOp::HasTag, left, .. } => texts(left, out),
        other => children(other).into_iter().for_each(|child| texts(child, out)),
    }
}
