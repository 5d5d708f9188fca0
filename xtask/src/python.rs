//! The Python package: its wheel is built and installed as a user would install it, beside each MCP SDK, and tested there.

use std::{fs, path::PathBuf, process::Command};

use crate::run::{root, step, target};

/// The test environments, by the SDK that each has: the whole suite runs in the first, what is about the SDK in all.
const ENVIRONMENTS: [(&str, &[&str]); 3] = [
    ("mcp2", &["tests"]),
    ("mcp1", &["tests/test_mcp.py", "tests/test_auth.py", "tests/test_lines.py"]),
    ("fastmcp", &["tests/test_mcp.py", "tests/test_auth.py", "tests/test_lines.py"]),
];

/// Builds the wheel and runs the Python tests. The command must have been built: records are compared with its.
pub(crate) fn test() -> Result<(), String> {
    let wheel = wheel()?;
    let command = target().join("debug/toolgate");
    for (name, tests) in ENVIRONMENTS {
        let python = environment(name)?;
        step(Command::new(&python).args(["-m", "pip", "install", "-q", "--force-reinstall", "--no-deps"]).arg(&wheel))?;
        let pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider"];
        step(
            Command::new(&python)
                .args(pytest)
                .args(tests)
                .current_dir(root().join("bindings/python"))
                .env("TOOLGATE_COMMAND", &command),
        )?;
    }
    Ok(())
}

/// The wheel, not optimised: its dependencies are those that the workspace's tests have built. It is built from the source
/// distribution, so that one that lacks a file does not pass.
fn wheel() -> Result<PathBuf, String> {
    let out = target().join("python/wheels");
    if out.exists() {
        fs::remove_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    }
    let python = environment("build")?;
    step(
        Command::new(python)
            .args(["-m", "maturin", "build", "--sdist", "--out"])
            .arg(&out)
            .current_dir(root().join("bindings/python"))
            .env("CARGO_TARGET_DIR", target()),
    )?;
    let entries = fs::read_dir(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    let mut wheels = entries.filter_map(Result::ok).map(|entry| entry.path());
    let wheel = wheels.find(|path| path.extension().is_some_and(|kind| kind == "whl"));
    wheel.ok_or_else(|| format!("maturin left no wheel in {}", out.display()))
}

/// The Python of a virtual environment with what `requirements-NAME.txt` pins. It is made anew when that changes.
fn environment(name: &str) -> Result<PathBuf, String> {
    let requirements = root().join(format!("bindings/python/requirements-test-{name}.txt"));
    let pinned = fs::read_to_string(&requirements).map_err(|error| format!("{}: {error}", requirements.display()))?;
    let folder = target().join("python").join(name);
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let installed = folder.join("requirements.txt");
    if fs::read_to_string(&installed).is_ok_and(|text| text == pinned) {
        return Ok(python);
    }
    step(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    step(Command::new(&python).args(["-m", "pip", "install", "-q", "-r"]).arg(&requirements))?;
    fs::write(&installed, pinned).map_err(|error| format!("{}: {error}", installed.display()))?;
    Ok(python)
}
