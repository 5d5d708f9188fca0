//! What each task runs, in order. The first step that fails ends it.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use crate::{c, licences, published, python, wasm};

/// Where property tests begin, so that a commit that passed here passes anywhere. `cargo test` alone begins elsewhere each time.
const SEED: &str = "20261122";

/// The repository.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

pub(crate) fn test() -> Result<(), String> {
    cargo(&["test", "--workspace"])?;
    // On what the tests of the core have left. In the run above, it had the features that others ask for.
    cargo(&["test", "--package", "toolgate-edge"])?;
    cargo(&["test", "--manifest-path", "fuzz/Cargo.toml"])?;
    c::test()?;
    python::test()?;
    published::some()?;
    cargo(&["test", "--manifest-path", "xtask/wasm/Cargo.toml"])?;
    wasm::build()?;
    wasm::test()
}

pub(crate) fn ci() -> Result<(), String> {
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&["fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"])?;
    cargo(&["fmt", "--check", "--manifest-path", "xtask/wasm/Cargo.toml"])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    cargo(&["clippy", "--package", "toolgate", "--no-default-features", "--", "-D", "warnings"])?;
    cargo(&["clippy", "--manifest-path", "fuzz/Cargo.toml", "--all-targets", "--", "-D", "warnings"])?;
    // The libraries: the command has the name of the crate, and would overwrite its pages.
    cargo(&["doc", "--workspace", "--lib", "--no-deps"])?;
    licences::check(&root())?;
    test()?;
    held()
}

/// Holds the tests of every example bundle to what tests of policies should reach.
pub(crate) fn gates() -> Result<(), String> {
    cargo(&["build", "--package", "toolgate-cli"])?;
    held()
}

/// As [`gates`], by the command that has been built: `cargo test` builds it with the features of its tests, and what it has
/// built need not be built again.
fn held() -> Result<(), String> {
    let examples = root().join("policies/examples");
    let fault = |error: std::io::Error| format!("`{}`: {error}", examples.display());
    let entries = fs::read_dir(&examples).map_err(fault)?.collect::<Result<Vec<_>, _>>().map_err(fault)?;
    let mut bundles: Vec<_> = entries.iter().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    bundles.sort();
    let mut bundles: Vec<_> = bundles.into_iter().map(|name| format!("policies/examples/{name}")).collect();
    bundles.push("integrations/scenarios/bundle".to_owned());
    bundles.retain(|bundle| root().join(bundle).join("toolgate.toml").is_file());
    for bundle in &bundles {
        let coverage =
            ["test", bundle, "--format", "plain", "--min-coverage", "clauses=100", "--min-coverage", "mcdc=90"];
        run(&target().join("debug/toolgate"), &coverage)?;
        run(&target().join("debug/toolgate"), &["mutants", bundle, "--min-score", "95"])?;
    }
    Ok(())
}

/// Runs cargo in the repository. Other workspaces build into the same folder, so that all share their dependencies.
fn cargo(arguments: &[&str]) -> Result<(), String> {
    run(Path::new(&program()), arguments)
}

fn run(program: &Path, arguments: &[&str]) -> Result<(), String> {
    step(
        Command::new(program)
            .args(arguments)
            .current_dir(root())
            .env("CARGO_TARGET_DIR", target())
            .env("RUSTDOCFLAGS", "-D warnings")
            .env("PROPTEST_RNG_SEED", std::env::var_os("PROPTEST_RNG_SEED").unwrap_or_else(|| SEED.into())),
    )
}

/// Runs one command, and says which.
pub(crate) fn step(command: &mut Command) -> Result<(), String> {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(name).chain(command.get_args()).map(|word| word.to_string_lossy());
    let shown = words.collect::<Vec<_>>().join(" ");
    println!("xtask: {shown}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{shown}`: {status}")),
        Err(error) => Err(format!("`{shown}` does not start: {error}")),
    }
}

/// Where everything is built: the repository's `target`, or what `CARGO_TARGET_DIR` says, seen from the repository.
pub(crate) fn target() -> PathBuf {
    root().join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// Runs a task of this program again, optimised.
pub(crate) fn again_in_release(arguments: &[&str]) -> ExitCode {
    let cargo = Command::new(program())
        .args(["run", "--quiet", "--release", "--package", "xtask", "--"])
        .args(arguments)
        .current_dir(root())
        .status();
    match cargo.ok().and_then(|status| u8::try_from(status.code()?).ok()) {
        Some(code) => ExitCode::from(code),
        None => ExitCode::from(2),
    }
}

/// The cargo that runs this.
pub(crate) fn program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
