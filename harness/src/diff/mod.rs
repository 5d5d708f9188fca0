//! What two bundles decide otherwise: in their texts, in what each actor could be allowed, and in calls that were tried on
//! both.

mod calls;
mod texts;
mod told;

pub(crate) use told::short;
use toolgate::{Decision, Standing, Timestamp, ToolCall};

use crate::{
    reach::{self, Question, Reach},
    run::{Bench, Loaded},
    seen::Seen,
};

/// One of two bundles.
pub struct Side<'a> {
    /// The bundle.
    pub bench: &'a Bench,
    /// Its tests.
    pub suites: &'a [Loaded],
    /// The calls of a run of its tests.
    pub seen: &'a [Seen],
}

/// What two bundles, an old and a new one, differ in.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The bundles: name, version and digest.
    pub bundles: [(String, String, String); 2],
    /// Policies that only one of them has, or that are not the same, in the order of their ids.
    pub policies: Vec<Changed>,
    /// Actions that only one of them has, or that are not the same, in the order of their ids.
    pub tools: Vec<Changed>,
    /// What an actor could be allowed by one of them, and not, or not so far, by the other.
    pub reach: Vec<Moved>,
    /// Calls that they decide otherwise: one of each kind, those that are let through first.
    pub calls: Vec<Flip>,
    /// How many kinds of calls were found beyond those.
    pub left_out: usize,
}

/// A policy or an action that is not the same in two bundles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Its id.
    pub id: String,
    /// Whether the old and the new bundle have it.
    pub there: [bool; 2],
    /// What is not the same, in words, of what both have.
    pub what: Vec<String>,
}

/// An action that actors could be allowed more or less of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The actors, in words.
    pub who: String,
    /// The action.
    pub action: String,
    /// How far it went, and how far it goes.
    pub standings: [Standing; 2],
}

/// Which way an answer changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// More is let through: a deny becomes an allow, or either becomes what an approval is needed for.
    Widened,
    /// Less is let through.
    Narrowed,
    /// As much is let through, with other obligations, or with other approvers.
    Altered,
}

/// A call that two bundles decide otherwise.
#[derive(Clone, Debug)]
pub struct Flip {
    /// Which way.
    pub way: Way,
    /// The policy that it was looked for by; nothing for a call that a test makes.
    pub policy: Option<String>,
    /// The call.
    pub call: ToolCall,
    /// The time of the call.
    pub now: Timestamp,
    /// The test before whose call, or at whose call, it is made; nothing if the ledger was empty.
    pub case: Option<String>,
    /// How often the same call is made before it.
    pub before: u32,
    /// What the old and the new bundle answer.
    pub answers: [Decision; 2],
    /// A test of this file that passes on one bundle and fails on the other.
    pub test: Option<Test>,
}

/// A test that tells two bundles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// The test file that it was made from.
    pub file: String,
    /// The test, as an element of its `tests`.
    pub yaml: String,
    /// Whether it passes on the new bundle, and fails on the old one; otherwise it is the other way round.
    pub of_new: bool,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Widened, Self::Narrowed, Self::Altered];

    /// `widened`, `narrowed` or `altered`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Widened => "widened",
            Self::Narrowed => "narrowed",
            Self::Altered => "altered",
        }
    }

    /// Which way an answer changes; nothing if it is as good as the same.
    pub fn of(was: &Decision, is: &Decision) -> Option<Self> {
        let through = |decision: &Decision| match decision {
            Decision::Deny { .. } => 0,
            Decision::NeedsApproval { .. } => 1,
            Decision::Allow { .. } => 2,
        };
        match through(was).cmp(&through(is)) {
            std::cmp::Ordering::Less => Some(Self::Widened),
            std::cmp::Ordering::Greater => Some(Self::Narrowed),
            std::cmp::Ordering::Equal => {
                let approvers = |decision: &Decision| match decision {
                    Decision::NeedsApproval { by, .. } => by.clone(),
                    _ => Vec::new(),
                };
                let same = was.obligations() == is.obligations() && approvers(was) == approvers(is);
                (!same).then_some(Self::Altered)
            }
        }
    }
}

impl Difference {
    /// Whether anything was found that they decide otherwise.
    pub fn is_felt(&self) -> bool {
        !self.reach.is_empty() || !self.calls.is_empty()
    }

    /// How many of the calls go this way.
    pub fn count(&self, way: Way) -> usize {
        self.calls.iter().filter(|one| one.way == way).count()
    }
}

/// What an old and a new bundle differ in. `asked`: whose reach is compared, and when; calls are made up for that time, too.
/// The same whatever the number of threads.
///
/// What is told of calls and of reach is so: it was tried on both bundles. Calls that were not tried may be decided otherwise,
/// too.
pub fn diff(old: &Side<'_>, new: &Side<'_>, asked: &Question<'_>, jobs: usize) -> Difference {
    let sides = [old, new];
    let name = |side: &Side<'_>| {
        let bundle = side.bench.gate().bundle();
        (bundle.name().to_owned(), bundle.version().to_owned(), bundle.digest().to_string())
    };
    let [was, is] = sides.map(|side| side.bench.gate().bundle().digest());
    let mut found = Difference {
        bundles: sides.map(name),
        policies: Vec::new(),
        tools: Vec::new(),
        reach: Vec::new(),
        calls: Vec::new(),
        left_out: 0,
    };
    if was != is {
        found.policies = texts::policies(sides.map(|side| side.bench.gate().bundle()));
        found.tools = texts::tools(sides.map(|side| side.bench.gate().bundle()));
        found.reach = moved(sides.map(|side| reach::reach(side.bench.gate(), asked, jobs)));
        (found.calls, found.left_out) = calls::flips(sides, &found.policies, asked.now, jobs);
    }
    found
}

/// What is not reached as far as before.
fn moved(reaches: [Vec<Reach>; 2]) -> Vec<Moved> {
    let [old, new] = reaches;
    let mut moved = Vec::new();
    for (was, is) in old.iter().zip(&new) {
        let standing = |reach: &Reach, action: &str| {
            let one = reach.actions.iter().find(|one| one.tool.action == action);
            one.map_or(Standing::Hidden, |one| one.standing)
        };
        let mut actions: Vec<_> = was.actions.iter().chain(&is.actions).map(|one| &one.tool.action).collect();
        actions.sort();
        actions.dedup();
        for action in actions {
            let standings = [standing(was, action), standing(is, action)];
            if standings[0] != standings[1] {
                moved.push(Moved { who: is.who(), action: action.clone(), standings });
            }
        }
    }
    moved
}
