//! What the source code must look like, beyond what the compiler and clippy see.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that panics is a test that fails"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const LINES: usize = 500;
const TEST_LINES: usize = 800;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every Rust file below `folder`, relative to it, and its text.
fn sources(folder: &Path) -> BTreeMap<String, String> {
    files(folder, &[".rs"])
}

/// Every file below `folder` whose name ends so, relative to it, and its text.
fn files(folder: &Path, ends: &[&str]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut next = vec![folder.to_owned()];
    while let Some(path) = next.pop() {
        for entry in fs::read_dir(&path).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = entry.file_name().into_string().unwrap();
            if path.is_dir() && name != "target" && name != "node_modules" && name != "dist" && !name.starts_with('.') {
                next.push(path);
            } else if ends.iter().any(|end| name.ends_with(end)) {
                let relative = path.strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/");
                found.insert(relative, fs::read_to_string(&path).unwrap());
            }
        }
    }
    assert!(!found.is_empty(), "{} has no source files", folder.display());
    found
}

fn is_test(file: &str) -> bool {
    file.ends_with("/tests.rs") || file.starts_with("tests/") || file.contains("/tests/") || file.contains("/test/")
}

fn none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn files_are_short() {
    let written = [".rs", ".py", ".pyi", ".js", ".mjs", ".ts"];
    let over = files(&root(), &written).into_iter().filter_map(|(file, text)| {
        let (lines, limit) = (text.lines().count(), if is_test(&file) { TEST_LINES } else { LINES });
        (lines > limit).then(|| format!("{file}: {lines} lines, more than {limit}"))
    });
    none(over.collect());
}

/// The code of a file: without comments, and without the tests at its end.
fn code(text: &str) -> String {
    let lines = text.lines().map(|line| match line.trim_start().starts_with("//") {
        true => "",
        false => line.split_once(" // ").map_or(line, |(code, _)| code),
    });
    let code = lines.collect::<Vec<_>>().join("\n");
    let end = code.find("#[cfg(test)]\nmod tests {").unwrap_or(code.len());
    code[..end].to_owned()
}

/// The modules that only tests have: `#[cfg(test)] mod name;`, as a folder and a name.
fn test_modules(sources: &BTreeMap<String, String>) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for (file, text) in sources {
        let folder = file.strip_suffix("mod.rs").map(str::to_owned);
        let folder = folder.unwrap_or_else(|| file.strip_suffix(".rs").unwrap().to_owned() + "/");
        for rest in text.split("#[cfg(test)]\nmod ").skip(1) {
            if let Some((name, _)) = rest.split_once(';').filter(|(name, _)| !name.contains('{')) {
                found.insert((folder.clone(), name.to_owned()));
            }
        }
    }
    found
}

/// The first name of every path that starts with `crate::`, grouped imports taken apart.
fn named(code: &str) -> BTreeSet<String> {
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let Some(group) = rest.strip_prefix('{') else {
            found.insert(name(rest));
            continue;
        };
        let (mut depth, mut fresh) = (0, true);
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => fresh = true,
                c if fresh && !c.is_whitespace() => {
                    found.insert(name(&group[at..]));
                    fresh = false;
                }
                _ => {}
            }
        }
    }
    found
}

#[test]
fn grouped_imports_are_taken_apart() {
    let code =
        "use crate::{\n    Digest, error::{Diagnostic, Place},\n    json::Json,\n};\nfn f(x: crate::Timestamp) {}";
    assert_eq!(named(code).into_iter().collect::<Vec<_>>(), ["Digest", "Timestamp", "error", "json"]);
}

/// The modules stand in `lib.rs` in reading order, and each imports only from those above it.
#[test]
fn modules_import_from_those_above() {
    let all = sources(&root().join("core/src"));
    let library = code(&all["lib.rs"]);
    let order: Vec<_> = library
        .lines()
        .filter_map(|line| line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod ")?.strip_suffix(';'))
        .collect();
    let place = |module: &str| order.iter().position(|one| *one == module);
    // What the root re-exports counts as its module's.
    let mut exported = BTreeMap::new();
    for statement in library.split("pub use ").skip(1) {
        let (path, _) = statement.split_once(';').unwrap();
        let (module, names) = path.split_once("::").unwrap();
        for item in names.trim_matches(['{', '}']).split(',') {
            exported.insert(item.rsplit(' ').next().unwrap().to_owned(), module.to_owned());
        }
    }
    let tests = test_modules(&all);
    let mut faults = Vec::new();
    for (file, text) in all.iter().filter(|(file, _)| *file != "lib.rs") {
        let of_tests = |(folder, name): &(String, String)| {
            *file == format!("{folder}{name}.rs") || file.starts_with(&format!("{folder}{name}/"))
        };
        if tests.iter().any(of_tests) {
            continue;
        }
        let own = file.split(['/', '.']).next().unwrap();
        let here = place(own).unwrap_or_else(|| panic!("{file} belongs to no module of lib.rs"));
        for name in named(&code(text)) {
            let module = exported.get(&name).unwrap_or(&name);
            match place(module) {
                None => faults.push(format!("{file}: nobody knows where `crate::{name}` is defined")),
                Some(there) if there > here => {
                    faults.push(format!("{file}: `{own}` stands above `{module}`, of which it uses `{name}`"))
                }
                Some(_) => {}
            }
        }
    }
    assert!(order.len() > 10 && exported.len() > 10, "lib.rs was not understood");
    none(faults);
}

/// What stands behind the engine can be replaced without touching a caller.
#[test]
fn only_the_policy_module_names_cedar() {
    let all = sources(&root().join("core/src"));
    let names = |text: &str| code(text).contains("cedar_policy");
    let outside: Vec<_> = all
        .iter()
        .filter(|(file, text)| !file.starts_with("policy/") && names(text))
        .map(|(file, _)| file.clone())
        .collect();
    none(outside);
    assert!(all.iter().any(|(file, text)| file.starts_with("policy/") && names(text)), "nothing names cedar_policy");
}
