//! No method of rmcp's trait is left behind.

use std::{collections::BTreeSet, path::PathBuf, process::Command};

/// Where the rmcp lies that this test was built with.
fn rmcp() -> PathBuf {
    let told = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--offline", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .unwrap();
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    let packages = told["packages"].as_array().unwrap();
    let rmcp = packages.iter().find(|one| one["name"] == "rmcp").unwrap();
    PathBuf::from(rmcp["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned()
}

/// The names behind `fn` at the beginning of lines.
fn functions(text: &str) -> BTreeSet<&str> {
    let lines = text.lines().map(str::trim_start);
    let names = lines.filter_map(|line| line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn ")));
    names.filter_map(|rest| rest.split(['(', '<']).next()).collect()
}

#[test]
fn every_method_of_the_trait_is_forwarded() {
    let text = std::fs::read_to_string(rmcp().join("src/handler/server.rs")).unwrap();
    let (_, rest) = text.split_once("macro_rules! server_handler_methods").unwrap();
    let (methods, _) = rest.split_once("pub trait ServerHandler").unwrap();
    let wanted = functions(methods);
    assert!(wanted.len() >= 32, "{wanted:?}");
    let ours = include_str!("../../src/forward.rs");
    let (_, ours) = ours.split_once("impl<S: ServerHandler> ServerHandler for Gated<S>").unwrap();
    let missing: Vec<_> = wanted.difference(&functions(ours)).copied().collect();
    assert!(missing.is_empty(), "not forwarded: {missing:?}");
    // Forwarded, not only named: each asks the server behind the gate.
    for name in wanted {
        assert!(ours.contains(&format!("self.inner.{name}(")), "`{name}` does not reach the server");
    }
}
