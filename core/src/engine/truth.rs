//! What the parts of a rule come to.

use super::{
    form::{Form, Leaf, Term},
    machine::Machine,
    ops::{self, Computed},
    source::Source,
};

/// What came of a part of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It could not be evaluated.
    Error,
    /// What stands before it decided already.
    NotReached,
}

impl Truth {
    /// `true`, `false`, `error` or `not_reached`.
    pub fn name(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::False => "false",
            Self::Error => "error",
            Self::NotReached => "not_reached",
        }
    }

    fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            other => other,
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

impl<T> From<&Computed<T>> for Truth
where
    T: Copy + Into<bool>,
{
    fn from(computed: &Computed<T>) -> Self {
        computed.as_ref().map_or(Self::Error, |holds| Self::from((*holds).into()))
    }
}

impl Form {
    /// What each term comes to, from what its leaves would come to if they were reached.
    pub(crate) fn values(&self, leaves: &[Truth], out: &mut Vec<Truth>) {
        out.clear();
        for term in &self.terms {
            let at = |place: u32| out.get(place as usize).copied().unwrap_or(Truth::Error);
            let value = match *term {
                Term::Leaf(leaf) => leaves.get(leaf as usize).copied().unwrap_or(Truth::Error),
                Term::Not(inner) => at(inner).not(),
                Term::And(left, right) if at(left) == Truth::True => at(right),
                Term::Or(left, right) if at(left) == Truth::False => at(right),
                Term::And(left, _) | Term::Or(left, _) => at(left),
                Term::If { cond, then, otherwise } => match at(cond) {
                    Truth::True => at(then),
                    Truth::False => at(otherwise),
                    other => other,
                },
            };
            out.push(value);
        }
    }

    /// What all conditions come to, from what the terms come to.
    pub(crate) fn outcome(&self, values: &[Truth]) -> Truth {
        let at = |place: &u32| values.get(*place as usize).copied().unwrap_or(Truth::Error);
        self.clauses.iter().map(at).find(|value| *value != Truth::True).unwrap_or(Truth::True)
    }

    /// Marks the leaves that evaluation does not reach, from what the terms come to.
    pub(crate) fn pass_over(&self, values: &[Truth], leaves: &mut [Truth]) {
        let at = |place: u32| values.get(place as usize).copied().unwrap_or(Truth::Error);
        let mut reached = vec![false; self.terms.len()];
        let mark = |place: u32, reached: &mut Vec<bool>| {
            if let Some(mark) = reached.get_mut(place as usize) {
                *mark = true;
            }
        };
        for clause in &self.clauses {
            mark(*clause, &mut reached);
            if at(*clause) != Truth::True {
                break;
            }
        }
        for (place, term) in self.terms.iter().enumerate().rev() {
            let here = reached.get(place).copied().unwrap_or_default();
            match *term {
                Term::Leaf(leaf) if !here => {
                    if let Some(leaf) = leaves.get_mut(leaf as usize) {
                        *leaf = Truth::NotReached;
                    }
                }
                _ if !here => {}
                Term::Leaf(_) => {}
                Term::Not(inner) => mark(inner, &mut reached),
                Term::And(left, right) | Term::Or(left, right) => {
                    mark(left, &mut reached);
                    let on = if matches!(term, Term::And(..)) { Truth::True } else { Truth::False };
                    if at(left) == on {
                        mark(right, &mut reached);
                    }
                }
                Term::If { cond, then, otherwise } => {
                    mark(cond, &mut reached);
                    match at(cond) {
                        Truth::True => mark(then, &mut reached),
                        Truth::False => mark(otherwise, &mut reached),
                        Truth::Error | Truth::NotReached => {}
                    }
                }
            }
        }
    }
}

impl<'f, S: Source<'f>> Machine<'_, 'f, S> {
    /// Whether a leaf holds, whatever stands before it.
    pub(super) fn leaf(&mut self, leaf: &Leaf) -> Option<Computed<bool>> {
        match leaf {
            Leaf::Never => None,
            Leaf::Constant(value) => Some(Ok(*value)),
            Leaf::Code(code) => Some(self.run(code.clone()).and_then(|_| ops::bool(self.pop()?))),
        }
    }
}
