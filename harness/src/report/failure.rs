//! Why a case failed: what was expected, what came, and what each policy that matters made of the call.

use toolgate::Place;

/// Why a case failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Where the expectation stands.
    pub place: Place,
    /// The step, counted from 1, in a test of several.
    pub step: Option<usize>,
    /// Which time of a repeated call, counted from 1.
    pub time: Option<u32>,
    /// What was expected, in words.
    pub expected: String,
    /// What came, in words.
    pub got: String,
    /// What else there is to say: the details of a deny, errors of policies.
    pub details: Vec<String>,
    /// The call that was decided, in words; empty where the step is no call.
    pub call: String,
    /// The policies that matter.
    pub views: Vec<View>,
}

/// One policy, held against one hop and one resource.
#[derive(Clone, Debug)]
pub struct View {
    /// The policy's id.
    pub policy: String,
    /// Whether it forbids.
    pub forbids: bool,
    /// Where it stands.
    pub place: Place,
    /// The actor.
    pub principal: String,
    /// The resource.
    pub resource: String,
    /// Whether it is satisfied.
    pub satisfied: bool,
    /// Whether this is a permit that comes near to allowing the call.
    pub nearest: bool,
    /// Its scope and conditions, in order.
    pub atoms: Vec<Atom>,
}

/// A part of a policy's scope, or of one of its conditions.
#[derive(Clone, Debug)]
pub struct Atom {
    /// Its text, in Cedar.
    pub text: String,
    /// What came of it.
    pub standing: Standing,
    /// What it looks at, and the values that stand there.
    pub values: Vec<(String, String)>,
}

/// What came of an [`Atom`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It could not be evaluated, for this reason.
    Error(String),
    /// What stands before it decided.
    NotReached,
}

impl Standing {
    /// `true`, `false`, `error` or `not_reached`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::True => "true",
            Self::False => "false",
            Self::Error(_) => "error",
            Self::NotReached => "not_reached",
        }
    }
}
