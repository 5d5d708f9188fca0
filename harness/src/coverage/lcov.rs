//! Coverage in the format of lcov's tracefiles (`man geninfo`): a policy is a function, an atom is a branch.

use std::collections::BTreeMap;

use super::Coverage;

impl Coverage {
    /// A tracefile. `root`: the bundle's folder, before the names of files.
    pub fn lcov(&self, root: &str) -> String {
        let mut out = String::from("TN:\n");
        for (name, policies) in self.by_file() {
            out.push_str(&format!("SF:{}\n", super::source::file(root, &name)));
            for policy in &policies {
                out.push_str(&format!("FN:{},{}\n", policy.place.line, policy.id));
            }
            for policy in &policies {
                out.push_str(&format!("FNDA:{},{}\n", policy.decided, policy.id));
            }
            let decided = policies.iter().filter(|policy| policy.decided > 0).count();
            out.push_str(&format!("FNF:{}\nFNH:{decided}\n", policies.len()));
            let mut lines: BTreeMap<usize, u64> = BTreeMap::new();
            let (mut found, mut hit) = (0, 0);
            for (block, policy) in policies.iter().enumerate() {
                let line = lines.entry(policy.place.line).or_default();
                *line = (*line).max(policy.count.reached());
                for (number, atom) in policy.atoms.iter().enumerate() {
                    let feasible = atom.feasible;
                    if !feasible.holds && !feasible.fails {
                        continue;
                    }
                    let line = lines.entry(atom.line).or_default();
                    *line = (*line).max(atom.count.reached());
                    let ways = [(feasible.holds, atom.count.holds), (feasible.fails, atom.count.fails)];
                    for (way, (possible, count)) in ways.into_iter().enumerate() {
                        if possible {
                            let taken = if atom.count.reached() == 0 { "-".to_owned() } else { count.to_string() };
                            out.push_str(&format!("BRDA:{},{block},{},{taken}\n", atom.line, 2 * number + way));
                            (found, hit) = (found + 1, hit + usize::from(count > 0));
                        }
                    }
                }
            }
            out.push_str(&format!("BRF:{found}\nBRH:{hit}\n"));
            lines.iter().for_each(|(line, count)| out.push_str(&format!("DA:{line},{count}\n")));
            let reached = lines.values().filter(|count| **count > 0).count();
            out.push_str(&format!("LF:{}\nLH:{reached}\nend_of_record\n", lines.len()));
        }
        out
    }
}
