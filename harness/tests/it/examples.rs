//! The suites of the example bundles pass.

use std::path::{Path, PathBuf};

use toolgate::{PolicyBundle, Sources};
use toolgate_harness::{Bench, Options};

/// A bundle's folder, as text files by name.
pub(crate) fn sources(folder: &Path) -> Sources {
    let mut sources = Sources::default();
    let mut next = vec![PathBuf::new()];
    while let Some(inner) = next.pop() {
        for entry in std::fs::read_dir(folder.join(&inner)).unwrap().map(Result::unwrap) {
            let inner = inner.join(entry.file_name());
            if entry.path().is_dir() {
                next.push(inner);
            } else {
                sources
                    .insert(inner.to_str().unwrap().replace('\\', "/"), std::fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    sources
}

/// The folders of all example bundles.
pub(crate) fn folders() -> Vec<PathBuf> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/examples");
    let entries = std::fs::read_dir(examples).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).collect()
}

#[test]
fn examples_pass() {
    let mut passed = 0;
    for folder in folders() {
        let sources = sources(&folder);
        let bundle = PolicyBundle::load_strict(&sources).unwrap();
        let bench = Bench::new(bundle, sources);
        let report = bench.run(&bench.suites(), &Options { jobs: 2, ..Options::default() });
        let totals = report.totals();
        assert_eq!(
            (totals.failed, totals.invalid, totals.skipped),
            (0, 0, 0),
            "{}\n{}",
            folder.display(),
            report.json()
        );
        passed += totals.passed;
    }
    assert!(passed >= 30, "{passed}");
}
