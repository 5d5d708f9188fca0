//! What the conditions of a rule are made of: leaves, and how `&&`, `||`, `!` and `if` join them. The code of a leaf is part
//! of the rule's own code.

use std::ops::Range;

/// How leaves are joined. Operands are places in [`Form::terms`], and stand before what they are operands of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Term {
    Leaf(u32),
    Not(u32),
    And(u32, u32),
    Or(u32, u32),
    If { cond: u32, then: u32, otherwise: u32 },
}

/// How a leaf is evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Leaf {
    /// By this part of the program's code, which leaves one value.
    Code(Range<usize>),
    /// It is always this.
    Constant(bool),
    /// Constants beside it keep it from being reached.
    Never,
}

/// The conditions of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) terms: Vec<Term>,
    /// The terms that must hold, in the order of evaluation.
    pub(crate) clauses: Vec<u32>,
    pub(crate) leaves: Vec<Leaf>,
}
