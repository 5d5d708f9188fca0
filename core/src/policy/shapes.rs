//! How the atoms of policies are joined, and what can come of them: what coverage is held against.

use cedar_policy::pst::{Expr, Template};

use super::{
    actions::Actions,
    form, load, read_paths,
    table::{self, Table},
    worlds::Worlds,
};
use crate::{
    engine::{Form, SCOPE, Term, Truth},
    error::Error,
    sources::Sources,
};

/// What can come of an atom, or of a clause, in some call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feasible {
    /// It can hold.
    pub holds: bool,
    /// It can fail to hold.
    pub fails: bool,
    /// There can be two calls in which it alone decides, one way and the other, what the policy comes to.
    pub decides: bool,
}

impl Feasible {
    const ANY: Self = Self { holds: true, fails: true, decides: true };
    const NOTHING: Self = Self { holds: false, fails: false, decides: false };
}

/// The shapes of a bundle's policies. Policies are known by their place in [`PolicyBundle::policies`](crate::PolicyBundle::policies).
#[derive(Debug)]
pub struct Shapes(Vec<Shape>);

#[derive(Debug)]
struct Shape {
    form: Form,
    atoms: Vec<Feasible>,
    clauses: Vec<Feasible>,
}

impl Shapes {
    /// The shapes of the policies in a bundle's files.
    ///
    /// # Errors
    /// Everything that is wrong with the bundle.
    ///
    /// ```
    /// use toolgate::{Shapes, Sources, Truth::{False, NotReached, True}};
    ///
    /// let mut sources = Sources::default();
    /// sources.insert("toolgate.toml", "[bundle]\nname = \"demo\"\nversion = \"1\"\n[servers.notes]");
    /// sources.insert("tools/notes.json", r#"{"tools": [{"name": "read", "inputSchema": {"type": "object"}}]}"#);
    /// sources.insert("policies/a.cedar", r#"@id("a") permit (principal, action, resource)
    ///     when { context.origin == "user" || context.origin == "agent" };"#);
    /// let shapes = Shapes::load(&sources)?;
    /// let policy = toolgate::PolicyBundle::load(&sources)?.policies().len() - 1;
    /// // Where both fail, each decides; where the first holds, the second is not asked.
    /// assert_eq!(shapes.decisive(policy, &[True, True, True, False, False])[3..], [true, true]);
    /// assert_eq!(shapes.decisive(policy, &[True, True, True, True, NotReached])[3..], [true, false]);
    /// # Ok::<(), toolgate::Error>(())
    /// ```
    pub fn load(sources: &Sources) -> Result<Self, Error> {
        let load::Loaded { bundle, parsed, .. } = load::load(sources)?;
        let actions = Actions::of(&bundle.catalog);
        let worlds = Worlds::of(&bundle, &actions, Vec::new(), &[]);
        Ok(Self(parsed.iter().map(|one| Shape::of(&one.tree, worlds.keeps_out(&one.tree))).collect()))
    }

    /// What can come of each atom of a policy, in the order of [`Policy::atoms`](crate::Policy::atoms).
    pub fn atoms(&self, policy: usize) -> &[Feasible] {
        self.0.get(policy).map(|shape| &*shape.atoms).unwrap_or_default()
    }

    /// What can come of each `when` and `unless` of a policy: it holds if it lets the policy apply.
    pub fn clauses(&self, policy: usize) -> &[Feasible] {
        self.0.get(policy).map(|shape| &*shape.clauses).unwrap_or_default()
    }

    /// For each atom, whether the policy could have come to something else, had this atom alone come to the opposite. Atoms
    /// that were not reached can come to anything.
    pub fn decisive(&self, policy: usize, atoms: &[Truth]) -> Vec<bool> {
        let Some(shape) = self.0.get(policy) else { return Vec::new() };
        shape.decisive(atoms)
    }

    /// What each `when` and `unless` comes to, from what the atoms come to.
    pub fn clauses_of(&self, policy: usize, atoms: &[Truth]) -> Vec<Truth> {
        let Some(shape) = self.0.get(policy) else { return Vec::new() };
        let values = values(&shape.form, atoms.get(SCOPE..).unwrap_or_default());
        let mut passed = atoms.iter().take(SCOPE).all(|one| *one == Truth::True);
        let each = shape.form.clauses.iter().map(|clause| {
            let value = values.get(*clause as usize).copied().filter(|_| passed).unwrap_or(Truth::NotReached);
            passed &= value == Truth::True;
            value
        });
        each.collect()
    }
}

impl Shape {
    fn of(tree: &Template, keeps_out: [bool; SCOPE]) -> Self {
        let mut shape = Self { form: form::of(tree), atoms: Vec::new(), clauses: Vec::new() };
        let leaves: Vec<_> = table::conditions(tree).flat_map(leaves).collect();
        let scope = keeps_out.into_iter().enumerate().map(|(at, fails)| match fails {
            // Policies are held against the calls of their actions alone.
            true => Feasible { decides: at != 1, ..Feasible::ANY },
            false => Feasible::NOTHING,
        });
        shape.atoms = scope.collect();
        match Table::of(table::conditions(tree)) {
            Some(table) => {
                let rows: Vec<_> = table.rows().map(|row| shape.row(&leaves, &row)).collect();
                let found: Vec<_> = (0..leaves.len()).map(|at| shape.feasible(&rows, at)).collect();
                shape.atoms.extend(found);
                shape.clauses = (0..shape.form.clauses.len()).map(|at| shape.clause(&rows, at)).collect();
            }
            None => {
                shape.atoms.resize(SCOPE + leaves.len(), Feasible::ANY);
                shape.clauses.resize(shape.form.clauses.len(), Feasible::ANY);
            }
        }
        shape
    }

    /// What the atoms come to in a row of the table, those that are not reached left open.
    fn row(&self, leaves: &[&Expr], row: &table::Row<'_>) -> Vec<Truth> {
        let truth = |leaf: &&Expr| table::truth(leaf, row).map_or(Truth::Error, Truth::from);
        let mut all: Vec<Truth> = leaves.iter().map(truth).collect();
        let values = values(&self.form, &all);
        self.form.pass_over(&values, &mut all);
        std::iter::repeat_n(Truth::True, SCOPE).chain(all).collect()
    }

    fn feasible(&self, rows: &[Vec<Truth>], leaf: usize) -> Feasible {
        let at = SCOPE + leaf;
        let comes = |truth| rows.iter().any(|row| row.get(at) == Some(&truth));
        // By what it comes to, and what the policy then comes to.
        let mut seen = [[false; 2]; 2];
        for row in rows.iter().filter(|row| self.decisive(row).get(at) == Some(&true)) {
            let own = row.get(at) == Some(&Truth::True);
            let whole = self.outcome(row) == Truth::True;
            if let Some(seen) = seen.get_mut(usize::from(own)).and_then(|seen| seen.get_mut(usize::from(whole))) {
                *seen = true;
            }
        }
        let [fails, holds] = seen;
        let decides = (fails[0] && holds[1]) || (fails[1] && holds[0]);
        Feasible { holds: comes(Truth::True), fails: comes(Truth::False), decides }
    }

    fn clause(&self, rows: &[Vec<Truth>], at: usize) -> Feasible {
        let comes = |truth| {
            rows.iter().any(|row| {
                let values = values(&self.form, row.get(SCOPE..).unwrap_or_default());
                self.form.clauses.get(at).and_then(|clause| values.get(*clause as usize)) == Some(&truth)
            })
        };
        Feasible { holds: comes(Truth::True), fails: comes(Truth::False), decides: false }
    }

    /// What the policy comes to; open where that hangs on an atom that was not reached.
    fn outcome(&self, atoms: &[Truth]) -> Truth {
        let (scope, leaves) = atoms.split_at_checked(SCOPE).unwrap_or_default();
        let values = values(&self.form, leaves);
        let clauses = self.form.clauses.iter().map(|clause| values.get(*clause as usize).copied());
        let all = scope.iter().copied().map(Some).chain(clauses);
        all.fold(Truth::True, |whole, part| and(whole, part.unwrap_or(Truth::Error)))
    }

    fn decisive(&self, atoms: &[Truth]) -> Vec<bool> {
        let whole = self.outcome(atoms);
        let mut flipped = atoms.to_vec();
        let mut decisive = Vec::with_capacity(atoms.len());
        for at in 0..atoms.len() {
            let Some(own) = flipped.get_mut(at) else { break };
            let kept = *own;
            *own = not(kept);
            let known = matches!(kept, Truth::True | Truth::False);
            decisive.push(known && self.outcome(&flipped) != whole);
            if let Some(own) = flipped.get_mut(at) {
                *own = kept;
            }
        }
        decisive
    }
}

/// The leaves of an expression, in the order of the text.
fn leaves(expr: &Expr) -> Vec<&Expr> {
    let (mut found, mut next) = (Vec::new(), vec![expr]);
    while let Some(expr) = next.pop() {
        match form::joins(expr) {
            true => next.extend(read_paths::children(expr).into_iter().rev()),
            false => found.push(expr),
        }
    }
    found
}

fn not(value: Truth) -> Truth {
    match value {
        Truth::True => Truth::False,
        Truth::False => Truth::True,
        other => other,
    }
}

/// `&&`, with [`Truth::NotReached`] for what is open.
fn and(left: Truth, right: Truth) -> Truth {
    match (left, right) {
        (Truth::True, right) => right,
        (Truth::NotReached, Truth::False) => Truth::False,
        (left, _) => left,
    }
}

/// What each term comes to, where leaves that were not reached are open.
fn values(form: &Form, leaves: &[Truth]) -> Vec<Truth> {
    let mut values: Vec<Truth> = Vec::with_capacity(form.terms.len());
    for term in &form.terms {
        let at = |place: u32| values.get(place as usize).copied().unwrap_or(Truth::Error);
        let value = match *term {
            Term::Leaf(leaf) => leaves.get(leaf as usize).copied().unwrap_or(Truth::Error),
            Term::Not(inner) => not(at(inner)),
            Term::And(left, right) => and(at(left), at(right)),
            Term::Or(left, right) => not(and(not(at(left)), not(at(right)))),
            Term::If { cond, then, otherwise } => match at(cond) {
                Truth::True => at(then),
                Truth::False => at(otherwise),
                Truth::NotReached if at(then) == at(otherwise) => at(then),
                other => other,
            },
        };
        values.push(value);
    }
    values
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use cedar_policy::pst;

    fn shape(condition: &str) -> Shape {
        let text = format!("permit (principal, action, resource) when {{ {condition} }};");
        let policy = cedar_policy::Policy::parse(None, text).unwrap();
        let pst::Policy::Static(tree) = policy.to_pst().unwrap() else { panic!("{condition}") };
        Shape::of(tree.body(), [false; SCOPE])
    }

    /// What can come of each leaf: `T` and `F` where it can, `D` where it can decide.
    fn check(condition: &str, expected: &str) {
        let told = |one: &Feasible| {
            [(one.holds, 'T'), (one.fails, 'F'), (one.decides, 'D')].into_iter().filter(|(is, _)| *is).map(|(_, c)| c)
        };
        let found: Vec<_> = shape(condition).atoms[SCOPE..].iter().map(|one| told(one).collect::<String>()).collect();
        assert_eq!(found.join(" "), expected, "{condition}");
    }

    #[test]
    fn what_can_come_of_leaves() {
        check("context.a", "TFD");
        check("context.a && (context.b || !context.c)", "TFD TFD TFD");
        // The same leaf twice: the second only repeats the first.
        check("context.a && context.a", "TFD T");
        check("context.a || context.a && context.b", "TFD F ");
        check("context.n > 3 && context.n > 4", "TFD TFD");
        check("context.n > 4 && context.n > 3", "TFD T");
        check("context.s == \"a\" || context.s != \"b\"", "TFD TFD");
        check("context.s == \"a\" && context.s == \"b\"", "TF F");
        check("if context.a then context.b else !context.b", "TFD TFD TFD");
        check("true || context.a", "T ");
    }

    #[test]
    fn which_atoms_decide() {
        use Truth::{False as F, NotReached as N, True as T};
        let decisive = |condition: &str, leaves: &[Truth]| {
            let atoms: Vec<_> = [T; SCOPE].iter().chain(leaves).copied().collect();
            let found: Vec<_> = shape(condition).decisive(&atoms)[SCOPE..].iter().map(|one| u8::from(*one)).collect();
            format!("{found:?}")
        };
        let all = "context.a && (context.b || context.c)";
        assert_eq!(decisive(all, &[T, T, N]), "[1, 1, 0]");
        assert_eq!(decisive(all, &[T, F, T]), "[1, 0, 1]");
        assert_eq!(decisive(all, &[T, F, F]), "[0, 1, 1]");
        assert_eq!(decisive(all, &[F, N, N]), "[1, 0, 0]");
        assert_eq!(decisive("if context.a then context.b else context.c", &[T, T, N]), "[1, 1, 0]");
    }
}
