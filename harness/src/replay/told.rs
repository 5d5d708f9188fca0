//! What became of records, in words and for programs.

use serde_json::{Value, json};
use toolgate::wire;

use super::{Line, Replay};
use crate::Way;
pub(super) use crate::diff::short;

/// Entries that are told one by one; the JSON has all.
const ENTRIES: usize = 40;

impl Replay {
    /// What became of them, in the lines of a terminal.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let mut way = None;
        for (at, one) in self.changes().enumerate() {
            if at == ENTRIES {
                out.push_str(&format!(
                    "… and {} more ways to be decided otherwise\n",
                    self.changes().count() - ENTRIES
                ));
                break;
            }
            if way != Some(one.way) {
                out.push_str(&format!("{}:\n", one.way.name()));
            }
            way = Some(one.way);
            let (time, chain) = &one.about;
            let (action, count) = (&one.action, calls(one.count));
            out.push_str(&format!("  {action}: {} → {}\n", short(&one.old), short(&one.new)));
            out.push_str(&format!("    {count}, first at {}: {time}, {}\n", place(&one.first), chain.join(" for ")));
        }
        let untold = self.untold();
        if !untold.is_empty() {
            out.push_str("cannot be told:\n");
        }
        for one in untold.iter().take(ENTRIES) {
            out.push_str(&format!("  {}, first at {}:\n", calls(one.count), place(&one.first)));
            one.why.iter().for_each(|why| out.push_str(&format!("    {why}\n")));
        }
        if untold.len() > ENTRIES {
            out.push_str(&format!("  … and {} more reasons\n", untold.len() - ENTRIES));
        }
        if !out.is_empty() {
            out.push('\n');
        }
        let ways = Way::ALL.map(|way| format!("{} {}", self.count(way), way.name()));
        let unknown = self.unknown();
        out.push_str(&format!(
            "{} on record: {} the same, {}, {unknown} not to be told\n",
            plural(self.decisions(), "decision"),
            self.same,
            ways.join(", ")
        ));
        let others: usize = self.others.values().sum();
        if others > 0 {
            let kinds: Vec<_> = self.others.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            out.push_str(&format!("{} of other kinds: {}\n", plural(others, "record"), kinds.join(", ")));
        }
        out
    }

    /// The same for programs; versioned.
    pub fn json(&self) -> Value {
        let answer = |decision| serde_json::from_str::<Value>(&wire::answer(decision)).unwrap_or_default();
        let first = |line: &Line| json!({"file": line.file, "line": line.line});
        let changes = self.changes().map(|one| {
            let (time, chain) = &one.about;
            json!({
                "change": one.way.name(),
                "action": one.action,
                "count": one.count,
                "first": first(&one.first),
                "at": time,
                "chain": chain,
                "old": answer(&one.old),
                "new": answer(&one.new),
            })
        });
        let untold = self.untold();
        let untold = untold.iter().map(|one| json!({"why": one.why, "count": one.count, "first": first(&one.first)}));
        json!({
            "version": 1,
            "decisions": self.decisions(),
            "same": self.same,
            "widened": self.count(Way::Widened),
            "narrowed": self.count(Way::Narrowed),
            "altered": self.count(Way::Altered),
            "untold": self.unknown(),
            "others": self.others,
            "changes": changes.collect::<Vec<_>>(),
            "reasons": untold.collect::<Vec<_>>(),
        })
    }
}

fn place(line: &Line) -> String {
    format!("{}:{}", line.file, line.line)
}

fn calls(count: usize) -> String {
    plural(count, "call")
}

fn plural(count: usize, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}
