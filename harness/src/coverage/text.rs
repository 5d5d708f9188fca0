//! Coverage as a table, and what is missing.

use super::{Coverage, Measure};

impl Coverage {
    /// The figures, and each thing that was not seen. `root`: the bundle's folder.
    pub fn text(&self, root: &str) -> String {
        let mut out = format!("coverage of {}\n", self.bundle);
        for measure in Measure::ALL {
            let figure = self.figure(measure);
            let (name, covered, total) = (measure.name(), figure.covered, figure.total);
            match total {
                0 => out.push_str(&format!("  {name:<12} {:>5}\n", "none")),
                _ => out.push_str(&format!("  {name:<12} {covered:>5} of {total:<5} {:>5.1} %\n", figure.shown())),
            }
        }
        let figure = self.environments();
        out.push_str(&format!(
            "  {:<12} {:>5} of {:<5} actor, tool and resource types with an allow and a deny\n",
            "environments", figure.covered, figure.total
        ));
        for policy in &self.policies {
            let whole = policy.missing();
            let parts = |items: &[super::Item], what: &str| -> Vec<String> {
                let missing = items.iter().filter(|item| !item.missing().is_empty());
                let told = missing.map(|item| {
                    let missing = item.missing().join(", ");
                    format!("    {}:{} {what}`{}`: {missing}\n", item.line, item.column, item.text)
                });
                told.collect()
            };
            let mut told = parts(&policy.atoms, "");
            // A clause of one atom would only say the same.
            let several: Vec<_> =
                policy.clauses.iter().filter(|clause| policy.atoms_of(clause.part) > 1).cloned().collect();
            told.extend(parts(&several, "the clause that begins with "));
            if whole.is_empty() && told.is_empty() {
                continue;
            }
            out.push_str(&format!("\n{} {}\n", super::source::at(root, &policy.place), policy.id));
            whole.iter().for_each(|line| out.push_str(&format!("    {line}\n")));
            told.iter().for_each(|line| out.push_str(line));
        }
        out
    }
}

impl super::PolicyCoverage {
    fn atoms_of(&self, part: toolgate::Part) -> usize {
        self.atoms.iter().filter(|atom| atom.part == part).count()
    }
}
