//! The package for JavaScript: `bindings/wasm/dist`, and its tests in every runtime.

use std::{env, fs, path::Path, process::Command};

use crate::run::{program, root, step, target};

/// A build: its name, the features of the crate, and the profile.
const BUILDS: [(&str, &str, &str); 2] = [("toolgate", "", "wasm-quick"), ("author", "author", "wasm")];
const TARGET: &str = "wasm32-unknown-unknown";
/// The package as it is published, from the folder of its tests.
const PACKED: &str = ".work/toolgate-0.1.0.tgz";

/// Makes `bindings/wasm/dist`, and prints the sizes of what is in it.
pub(crate) fn build() -> Result<(), String> {
    let package = root().join("bindings/wasm");
    let dist = package.join("dist");
    match fs::remove_dir_all(&dist) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(format!("{}: {error}", dist.display()));
        }
        _ => {}
    }
    standard_library()?;
    let glue = root().join("xtask/wasm/Cargo.toml");
    step(cargo().args(["build", "--quiet", "--manifest-path"]).arg(&glue).args(["--target-dir"]).arg(target()))?;
    for (name, features, profile) in BUILDS {
        // A folder of its own for each set of features: they would build each other's dependencies anew.
        let folder = target().join("npm").join(name);
        let arguments =
            ["build", "--profile", profile, "--package", "toolgate-wasm", "--target", TARGET, "--target-dir"];
        step(cargo().args(arguments).arg(&folder).args(["--features", features]).env("RUSTFLAGS", flags(&folder)))?;
        let module = folder.join(TARGET).join(profile).join("toolgate_wasm.wasm");
        step(Command::new(target().join("debug/xtask-wasm")).arg(module).arg(&dist).arg(name))?;
    }
    npm(&package, &["ci", "--ignore-scripts"])?;
    step(Command::new("node").arg("build.mjs").current_dir(&package))
}

/// Installs the standard library of the target, where `rust-toolchain.toml` alone has not: rustup may be told to install
/// nothing by itself.
fn standard_library() -> Result<(), String> {
    let rustc =
        Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).current_dir(root()).output();
    let folder = rustc.ok().and_then(|told| String::from_utf8(told.stdout).ok());
    if folder.is_some_and(|folder| Path::new(folder.trim()).is_dir()) {
        return Ok(());
    }
    step(Command::new("rustup").args(["target", "add", TARGET]).current_dir(root()))
}

/// Installs the package as a user would, and runs its tests in every runtime.
pub(crate) fn test() -> Result<(), String> {
    let package = root().join("bindings/wasm");
    let tests = package.join("test");
    let work = tests.join(".work");
    fs::create_dir_all(&work).map_err(|error| format!("{}: {error}", work.display()))?;
    chromium()?;
    npm(&tests, &["ci", "--ignore-scripts"])?;
    // Bun's own way to put its program where npm links it.
    step(Command::new("node").arg("install.js").current_dir(tests.join("node_modules/bun")))?;
    npm(&package, &["pack", "--silent", "--pack-destination", "test/.work"])?;
    npm(&tests, &["install", "--no-save", "--ignore-scripts", PACKED])?;
    let prepare = ["prepare.mjs".into(), target().join("tmp/packed"), root().join("policies/examples")];
    step(Command::new("node").args(prepare).current_dir(&tests))?;
    npm(&tests, &["test"])
}

/// The package beside other libraries in one run, and how long a runtime takes from nothing to a first decision. On what
/// [`test`] has installed.
pub(crate) fn bench() -> Result<(), String> {
    let bench = root().join("bindings/wasm/bench");
    npm(&bench, &["ci", "--ignore-scripts"])?;
    npm(&bench, &["install", "--no-save", "--ignore-scripts", &format!("../test/{PACKED}")])?;
    ["run.mjs", "cold.mjs"].into_iter().try_for_each(|file| step(Command::new("node").arg(file).current_dir(&bench)))
}

/// A Chromium, from the system's packages where there is none yet.
fn chromium() -> Result<(), String> {
    let there = env::var_os("CHROMIUM").is_some() || Path::new("/usr/bin/chromium").exists();
    if there {
        return Ok(());
    }
    println!("xtask: no Chromium here; installing it");
    let apt =
        |arguments: &[&str]| step(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"));
    apt(&["update", "--quiet"])
        .and_then(|()| apt(&["install", "--quiet", "--yes", "--no-install-recommends", "chromium"]))
        .map_err(|why| format!("the test of a page needs Chromium: install it, or name it in CHROMIUM ({why})"))
}

fn npm(folder: &Path, arguments: &[&str]) -> Result<(), String> {
    step(Command::new("npm").args(arguments).args(["--no-audit", "--no-fund", "--loglevel=error"]).current_dir(folder))
}

fn cargo() -> Command {
    let mut cargo = Command::new(program());
    cargo.current_dir(root());
    cargo
}

/// What is marked `#[inline]`, in the standard library above all, is copied to wherever it is called, up to LLVM's 325 by its own
/// measure. Up to 100, a decision takes a fortieth more, and the module is a twentieth smaller.
const INLINE: &str = "-Cllvm-args=-inlinehint-threshold=100";

fn flags(folder: &Path) -> String {
    format!("{INLINE} {}", remapped(folder))
}

/// The same bytes wherever the repository lies, and wherever it is built. Of two prefixes that fit, the last one counts.
fn remapped(folder: &Path) -> String {
    let home = env::var("CARGO_HOME").or_else(|_| env::var("HOME").map(|home| home + "/.cargo")).unwrap_or_default();
    let root = root();
    let prefixes = [(Path::new(&home), "/cargo"), (root.as_path(), "/toolgate"), (folder, "/target")];
    prefixes.map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display())).join(" ")
}
