//! What changed since a revision of git.

use std::{collections::BTreeSet, path::Path, process::Command};

use toolgate_harness::Loaded;

use crate::exit::Fault;

/// The files of a bundle that differ from a revision, by their names in the bundle.
pub(crate) struct Changed {
    files: BTreeSet<String>,
    /// Whether one of them decides.
    decides: bool,
}

/// Asks git what differs in a bundle's folder: in what is committed, and in what is not.
pub(crate) fn since(revision: &str, folder: &Path) -> Result<Changed, Fault> {
    if revision.starts_with('-') {
        return Err(format!("`{revision}` is no revision").into());
    }
    let differ = git(folder, &["diff", "--name-only", "--relative", "-z", revision, "--", "."])?;
    let untracked = git(folder, &["ls-files", "--others", "--exclude-standard", "-z"])?;
    let files: BTreeSet<_> =
        (differ + &untracked).split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let decides = files.iter().any(|name| decides(name));
    Ok(Changed { files, decides })
}

/// Whether a bundle may decide by a file of this name.
fn decides(name: &str) -> bool {
    matches!(name, "toolgate.toml" | "entities.json")
        || ["tools/", "policies/", "schema/"].iter().any(|folder| name.starts_with(folder))
}

fn git(folder: &Path, words: &[&str]) -> Result<String, Fault> {
    let told = |why: String| Fault::Told(format!("git in `{}`: {why}", folder.display()));
    let output =
        Command::new("git").arg("-C").arg(folder).args(words).output().map_err(|error| told(error.to_string()))?;
    if !output.status.success() {
        return Err(told(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    String::from_utf8(output.stdout).map_err(|_| told("a file's name is no Unicode text".to_owned()))
}

impl Changed {
    /// Whether a suite may say something else than before.
    pub(crate) fn touches(&self, loaded: &Loaded) -> bool {
        self.decides || loaded.suite.texts.iter().any(|(name, _)| self.files.contains(&**name))
    }
}
