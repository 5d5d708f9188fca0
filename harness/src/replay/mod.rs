//! What a bundle would have answered to the calls of records: put one by one, and told by what changes.

mod told;

use std::collections::BTreeMap;

use toolgate::{Decision, KeptRecord, Replayed, Replayer, wire};

use crate::Way;

/// Where a record stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// The file, as the host names it.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
}

/// Calls that are decided otherwise in the same way.
#[derive(Clone, Debug)]
pub struct Change {
    /// Which way.
    pub way: Way,
    /// The action.
    pub action: String,
    /// What was answered to the first of them.
    pub old: Decision,
    /// What would be.
    pub new: Decision,
    /// How many there are.
    pub count: usize,
    /// Where the first of them stands.
    pub first: Line,
    /// Its time, and its actors, caller first.
    pub about: (String, Vec<String>),
}

/// Calls of which the answer cannot be told, for the same reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untold {
    /// Why.
    pub why: Vec<String>,
    /// How many there are.
    pub count: usize,
    /// Where the first of them stands.
    pub first: Line,
}

/// What became of records that were put to a bundle.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    /// Decisions that would be the same.
    pub same: usize,
    /// Records of other kinds, by their kinds.
    pub others: BTreeMap<String, usize>,
    /// What would be decided otherwise, by way, action and answers.
    changes: BTreeMap<(Way, String, String), Change>,
    /// What cannot be told, by why.
    untold: BTreeMap<Vec<String>, Untold>,
}

impl Replay {
    /// Puts a line of records.
    ///
    /// # Errors
    /// Why it is no record, as for [`wire::read_record`].
    pub fn put(&mut self, replayer: &Replayer<'_>, line: &str, at: Line) -> Result<(), String> {
        match wire::read_record(line)? {
            Err(kind) => *self.others.entry(kind).or_default() += 1,
            Ok(kept) => match replayer.put(&kept) {
                Replayed::Decided(new) => self.decided(kept, new, at),
                Replayed::Untold(why) => self.unknown_for(why, at),
                Replayed::Foreign(name, version, digest) => {
                    let why = format!("the bundle {name} {version} decided it, which is not at hand ({digest})");
                    self.unknown_for(vec![why, "name that bundle, too: --was BUNDLE".to_owned()], at);
                }
            },
        }
        Ok(())
    }

    fn unknown_for(&mut self, why: Vec<String>, at: Line) {
        let fresh = Untold { why: why.clone(), count: 0, first: at };
        self.untold.entry(why).or_insert(fresh).count += 1;
    }

    fn decided(&mut self, kept: KeptRecord, new: Decision, at: Line) {
        let Some(way) = Way::of(&kept.decision, &new) else {
            self.same += 1;
            return;
        };
        let action = kept.action().unwrap_or_default().to_owned();
        let answers = format!("{} → {}", told::short(&kept.decision), told::short(&new));
        let about = (kept.at.to_string(), kept.chain().map(str::to_owned).collect());
        let fresh = Change { way, action: action.clone(), old: kept.decision, new, count: 0, first: at, about };
        self.changes.entry((way, action, answers)).or_insert(fresh).count += 1;
    }

    /// What would be decided otherwise: what is let through first.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.changes.values()
    }

    /// What cannot be told: what is most first.
    pub fn untold(&self) -> Vec<&Untold> {
        let mut untold: Vec<_> = self.untold.values().collect();
        untold.sort_by_key(|one| std::cmp::Reverse(one.count));
        untold
    }

    /// How many calls go this way.
    pub fn count(&self, way: Way) -> usize {
        self.changes().filter(|one| one.way == way).map(|one| one.count).sum()
    }

    /// How many answers cannot be told.
    pub fn unknown(&self) -> usize {
        self.untold.values().map(|one| one.count).sum()
    }

    /// How many decisions there were.
    pub fn decisions(&self) -> usize {
        self.same + self.unknown() + Way::ALL.map(|way| self.count(way)).iter().sum::<usize>()
    }
}
