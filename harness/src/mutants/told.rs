//! Mutants in words, and the tests that would kill them.

use serde_json::{Value, json};
use toolgate::Mutant;

use super::{Fate, MutantReport, Tried};
use crate::{report, search::single};

impl MutantReport {
    /// The score, each survivor with a test that would kill it, and the mutants that no call can tell. `root`: the bundle's
    /// folder.
    pub fn text(&self, root: &str) -> String {
        let score = self.score();
        let mut out = format!(
            "mutants of {}: {} killed, {} survived, {} equivalent; score {:.1} %\n",
            self.bundle,
            score.killed,
            score.survived,
            score.equivalent,
            score.shown()
        );
        for one in &self.tried {
            let Fate::Survived(witness) = &one.fate else { continue };
            out.push_str(&format!("\nsurvived: {}\n", heading(root, &one.mutant)));
            one.mutant.old.iter().for_each(|line| out.push_str(&format!("  - {line}\n")));
            one.mutant.new.iter().for_each(|line| out.push_str(&format!("  + {line}\n")));
            match witness {
                None => out.push_str("  no call was found that tells it from the bundle\n"),
                Some(witness) => {
                    out.push_str(&format!("  this test of {} would kill it:\n", witness.file));
                    witness.test.lines().for_each(|line| out.push_str(&format!("  {line}\n")));
                }
            }
        }
        if score.equivalent > 0 {
            out.push_str("\nequivalent:\n");
        }
        for one in &self.tried {
            let Fate::Equivalent(why) = &one.fate else { continue };
            let Tried { mutant, .. } = one;
            let (before, after) = (single(&mutant.before), single(&mutant.after));
            out.push_str(&format!("  {}: `{before}` → `{after}`: {why}\n", heading(root, mutant)));
        }
        out
    }

    /// The same for programs; versioned.
    pub fn json(&self) -> Value {
        let score = self.score();
        let tried = self.tried.iter().map(|Tried { mutant, fate }| {
            let mut told = json!({
                "policy": mutant.policy,
                "operator": mutant.operator.name(),
                "file": &*mutant.place.file,
                "line": mutant.place.line,
                "column": mutant.place.column,
                "before": mutant.before,
                "after": mutant.after,
            });
            let mut put =
                |key: &str, value: Value| drop(told.as_object_mut().map(|told| told.insert(key.to_owned(), value)));
            match fate {
                Fate::Killed(case) => {
                    put("fate", "killed".into());
                    put("by", case.as_str().into());
                }
                Fate::Equivalent(why) => {
                    put("fate", "equivalent".into());
                    put("why", (*why).into());
                }
                Fate::Survived(witness) => {
                    put("fate", "survived".into());
                    if let Some(witness) = witness {
                        put("test", json!({"file": witness.file, "yaml": witness.test}));
                    }
                }
            }
            told
        });
        json!({
            "version": 1,
            "bundle": self.bundle,
            "cases": self.cases,
            "killed": score.killed,
            "survived": score.survived,
            "equivalent": score.equivalent,
            "score": score.shown(),
            "mutants": tried.collect::<Vec<_>>(),
        })
    }
}

fn heading(root: &str, mutant: &Mutant) -> String {
    let place = report::path(&mutant.place.to_string(), root);
    format!("{place} {} {}", mutant.policy, mutant.operator.name())
}
