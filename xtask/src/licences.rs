//! Whether every dependency comes under a licence, and is a crate, that `deny.toml` allows. `cargo deny check` reads the
//! same file, and adds advisories; this needs neither the network nor an installed tool.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use serde_json::Value;

use crate::run::program;

/// Checks the dependencies of the workspace in `root`.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    let text = fs::read_to_string(root.join("deny.toml")).map_err(|error| format!("deny.toml: {error}"))?;
    let rules: toml::Value = toml::from_str(&text).map_err(|error| format!("deny.toml: {error}"))?;
    let packages = packages(root)?;
    let faults = faults(&rules, &packages);
    println!("xtask: {} packages, {} faults of licence or ban", packages.len(), faults.len());
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

/// What the rules say against packages, as `cargo metadata` has them.
fn faults(rules: &toml::Value, packages: &[Value]) -> Vec<String> {
    let list = |table: &str, list: &str| rules.get(table).and_then(|table| table.get(list));
    let (allowed, banned) = (names(list("licenses", "allow")), names(list("bans", "deny")));
    let exceptions = list("licenses", "exceptions").and_then(toml::Value::as_array);
    let excepted = |name: &str| -> BTreeSet<String> {
        let all = exceptions.into_iter().flatten();
        let own = all.filter(|one| one.get("crate").and_then(toml::Value::as_str) == Some(name));
        own.flat_map(|one| names(one.get("allow"))).chain(allowed.iter().cloned()).collect()
    };
    let mut faults = Vec::new();
    for package in packages {
        let member = |name: &str| package.get(name).and_then(Value::as_str);
        let name = member("name").unwrap_or_default();
        if banned.contains(name) {
            faults.push(format!("`{name}` is banned"));
        }
        let licence = member("license").unwrap_or_default();
        if !satisfied(licence, &excepted(name)) {
            faults.push(format!("`{name}` comes under `{licence}`, which deny.toml does not allow"));
        }
    }
    faults
}

/// The texts of a list, if it is one.
fn names(list: Option<&toml::Value>) -> BTreeSet<String> {
    let texts = list.and_then(toml::Value::as_array).into_iter().flatten();
    texts.filter_map(toml::Value::as_str).map(str::to_owned).collect()
}

fn packages(root: &Path) -> Result<Vec<Value>, String> {
    let output = Command::new(program())
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("`cargo metadata` did not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("`cargo metadata` failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let metadata: Value =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("`cargo metadata`: {error}"))?;
    Ok(metadata.get("packages").and_then(Value::as_array).cloned().unwrap_or_default())
}

/// Whether an SPDX expression can be met by allowed licences alone. An `OR` binds weaker than an `AND`; the old form
/// with a slash is an `OR`.
fn satisfied(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<_> = spaced.split_whitespace().collect();
    let (met, rest) = any(&words, allowed);
    met && rest.is_empty()
}

fn any<'w, 'a>(words: &'w [&'a str], allowed: &BTreeSet<String>) -> (bool, &'w [&'a str]) {
    let (mut met, mut rest) = all(words, allowed);
    while let ["OR", more @ ..] = rest {
        let (other, left) = all(more, allowed);
        (met, rest) = (met | other, left);
    }
    (met, rest)
}

fn all<'w, 'a>(words: &'w [&'a str], allowed: &BTreeSet<String>) -> (bool, &'w [&'a str]) {
    let (mut met, mut rest) = one(words, allowed);
    while let ["AND", more @ ..] = rest {
        let (other, left) = one(more, allowed);
        (met, rest) = (met & other, left);
    }
    (met, rest)
}

fn one<'w, 'a>(words: &'w [&'a str], allowed: &BTreeSet<String>) -> (bool, &'w [&'a str]) {
    match words {
        ["(", inner @ ..] => match any(inner, allowed) {
            (met, [")", rest @ ..]) => (met, rest),
            (_, rest) => (false, rest),
        },
        [licence, "WITH", exception, rest @ ..] => (allowed.contains(&format!("{licence} WITH {exception}")), rest),
        [licence, rest @ ..] => (allowed.contains(*licence), rest),
        [] => (false, words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        let allowed = ["MIT", "Apache-2.0", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into();
        for good in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-3.0/MIT",
            "(MIT OR GPL-3.0) AND Unicode-3.0",
            "GPL-3.0 AND MIT OR Apache-2.0",
            "Apache-2.0 WITH LLVM-exception",
        ] {
            assert!(satisfied(good, &allowed), "{good}");
        }
        for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR MIT) AND GPL-3.0", "MIT WITH other", "(MIT", "MIT MIT"] {
            assert!(!satisfied(bad, &allowed), "{bad}");
        }
    }

    #[test]
    fn rules() {
        let rules = toml::toml! {
            [licenses]
            allow = ["MIT"]
            exceptions = [{ crate = "cbindgen", allow = ["MPL-2.0"] }]
            [bans]
            deny = ["openssl"]
        };
        let package = |name: &str, license: &str| serde_json::json!({"name": name, "license": license});
        let told = |name, license| faults(&toml::Value::Table(rules.clone()), &[package(name, license)]);
        assert_eq!(told("serde", "MIT OR GPL-3.0"), Vec::<String>::new());
        assert_eq!(told("cbindgen", "MPL-2.0"), Vec::<String>::new());
        assert_eq!(told("other", "MPL-2.0"), ["`other` comes under `MPL-2.0`, which deny.toml does not allow"]);
        assert_eq!(told("openssl", "MIT"), ["`openssl` is banned"]);
    }
}
