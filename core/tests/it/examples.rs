//! The example bundles: each loads without a finding, and answers its calls as its README says.

use std::{fs, path::Path};

use toolgate::{Gate, Ledger, PolicyBundle, Sources};

use crate::desk::{authorize, shown};

fn load(name: &str) -> (Gate, String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/examples").join(name);
    let mut sources = Sources::default();
    let mut folders = vec![String::new()];
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(folder.join(&inner)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{inner}{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                folders.push(format!("{path}/"));
            } else {
                sources.insert(path, fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    let bundle = PolicyBundle::load_strict(&sources).unwrap_or_else(|error| panic!("{name}\n{error}"));
    let calls =
        sources.names().filter(|file| file.ends_with(".jsonl")).map(|file| sources.text(file).unwrap().to_owned());
    (Gate::new(bundle).with_engine(toolgate::Engine::Both), calls.collect())
}

#[test]
fn examples_answer_their_calls() {
    let mut told = String::new();
    for name in ["banking", "filesystem", "github-triage"] {
        let (gate, calls) = load(name);
        told.push_str(&format!("{name}\n"));
        for call in calls.lines() {
            let record = authorize(&gate, call, &mut Ledger::new());
            told.push_str(&format!("  {}\n", shown(&record.decision)));
        }
    }
    insta::assert_snapshot!(told);
}
