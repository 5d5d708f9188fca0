//! Truth where not everything is known: all that a condition can come to.

/// What a condition can come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) holds: bool,
    pub(crate) fails: bool,
    pub(crate) errs: bool,
}

impl Outcome {
    pub(crate) const TRUE: Self = Self { holds: true, fails: false, errs: false };
    pub(crate) const FALSE: Self = Self { holds: false, fails: true, errs: false };
    pub(crate) const ANY: Self = Self { holds: true, fails: true, errs: true };
    pub(crate) const OPEN: Self = Self { holds: true, fails: true, errs: false };

    /// `&&`: the right side is reached where the left one holds.
    pub(crate) fn and(self, right: Self) -> Self {
        Self {
            holds: self.holds && right.holds,
            fails: self.fails || (self.holds && right.fails),
            errs: self.errs || (self.holds && right.errs),
        }
    }

    /// `||`: the right side is reached where the left one does not hold.
    pub(crate) fn or(self, right: Self) -> Self {
        self.not().and(right.not()).not()
    }

    /// `!`
    pub(crate) fn not(self) -> Self {
        Self { holds: self.fails, fails: self.holds, errs: self.errs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value that a condition has in the end; nothing where it fails to evaluate.
    type Truth = Option<bool>;

    const ALL: [Truth; 3] = [Some(true), Some(false), None];

    /// What is possible, taken from which values are.
    fn outcome(truths: impl Iterator<Item = Truth>) -> Outcome {
        let mut out = Outcome::default();
        for truth in truths {
            match truth {
                Some(true) => out.holds = true,
                Some(false) => out.fails = true,
                None => out.errs = true,
            }
        }
        out
    }

    fn truths(outcome: Outcome) -> impl Iterator<Item = Truth> + Clone {
        ALL.into_iter()
            .zip([outcome.holds, outcome.fails, outcome.errs])
            .filter(|(_, may)| *may)
            .map(|(truth, _)| truth)
    }

    fn every() -> impl Iterator<Item = Outcome> + Clone {
        (1..8_u8).map(|bits| Outcome { holds: bits & 1 > 0, fails: bits & 2 > 0, errs: bits & 4 > 0 })
    }

    /// Cedar's short circuit, tried with each value that each side can have.
    #[test]
    fn as_short_circuit() {
        let and = |left: Truth, right: Truth| if left == Some(true) { right } else { left };
        let or = |left: Truth, right: Truth| if left == Some(false) { right } else { left };
        for left in every() {
            assert_eq!(left.not(), outcome(truths(left).map(|truth| truth.map(|value| !value))), "!{left:?}");
            for right in every() {
                let both = || truths(left).flat_map(move |a| truths(right).map(move |b| (a, b)));
                assert_eq!(left.and(right), outcome(both().map(|(a, b)| and(a, b))), "{left:?} && {right:?}");
                assert_eq!(left.or(right), outcome(both().map(|(a, b)| or(a, b))), "{left:?} || {right:?}");
            }
        }
        assert_eq!(Outcome::FALSE.and(Outcome::ANY), Outcome::FALSE);
        assert_eq!(Outcome::OPEN.and(Outcome::FALSE), Outcome::FALSE);
        assert_eq!(Outcome::ANY.and(Outcome::FALSE), Outcome { fails: true, errs: true, holds: false });
    }
}
