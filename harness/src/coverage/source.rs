//! The policies' files with marks.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use toolgate::{Place, Sources};

use super::{Coverage, PolicyCoverage};
use crate::report;

/// A place as a path from where the command was called.
pub(super) fn at(root: &str, place: &Place) -> String {
    format!("{}:{}:{}", file(root, &place.file), place.line, place.column)
}

pub(super) fn file(root: &str, name: &str) -> String {
    report::path(name, root)
}

impl Coverage {
    /// The policies of each file, in order.
    pub(super) fn by_file(&self) -> BTreeMap<Arc<str>, Vec<&PolicyCoverage>> {
        let mut files: BTreeMap<_, Vec<_>> = BTreeMap::new();
        self.policies.iter().for_each(|one| files.entry(one.place.file.clone()).or_default().push(one));
        files
    }

    /// Each file of policies with a mark before its lines: `+` where everything was seen, `~` where a part was, `-` where
    /// nothing was; and below a line, what is missing in it.
    pub fn source(&self, sources: &Sources, root: &str) -> String {
        let mut out = String::new();
        for (name, policies) in self.by_file() {
            let mut marks: BTreeMap<usize, (bool, BTreeSet<String>)> = BTreeMap::new();
            for policy in policies {
                let head = marks.entry(policy.place.line).or_default();
                head.0 |= policy.count.reached() > 0;
                head.1.extend(policy.missing().into_iter().map(str::to_owned));
                for atom in policy.atoms.iter().filter(|atom| atom.feasible.holds || atom.feasible.fails) {
                    let line = marks.entry(atom.line).or_default();
                    line.0 |= atom.count.reached() > 0;
                    line.1.extend(atom.missing().iter().map(|missing| format!("`{}`: {missing}", atom.text)));
                }
            }
            out.push_str(&format!("{}\n", file(root, &name)));
            for (line, text) in (1..).zip(sources.text(&name).unwrap_or_default().lines()) {
                let mark = match marks.get(&line) {
                    None => ' ',
                    Some((_, missing)) if missing.is_empty() => '+',
                    Some((true, _)) => '~',
                    Some((false, _)) => '-',
                };
                out.push_str(format!("{mark} {line:>4} | {text}").trim_end());
                out.push('\n');
                for missing in marks.get(&line).into_iter().flat_map(|(_, missing)| missing) {
                    out.push_str(&format!("       |   ^ {missing}\n"));
                }
            }
            out.push('\n');
        }
        out
    }
}
