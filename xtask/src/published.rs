//! `cargo xtask published`: published servers and clients, pinned, with the guard between them.

use std::{fs, path::PathBuf, process::Command};

use crate::run::{root, step, target};

/// Installs what is pinned, and runs every script.
pub(crate) fn run() -> Result<(), String> {
    build(&[])?;
    let place = Place::installed("debug")?;
    place.python("run.py", &[])?;
    place.python("everything.py", &[])?;
    place.step(Command::new("node").arg("run.mjs").arg(&place.guard).arg(place.work.join("typescript")))
}

/// Three of the servers and one client, with the command that the tests have built: what every test run can afford.
pub(crate) fn some() -> Result<(), String> {
    Place::installed("debug")?.python("run.py", &["filesystem", "git", "everything"])
}

/// What the guard costs, with a release build.
pub(crate) fn measure(calls: &[&str]) -> Result<(), String> {
    build(&["--release"])?;
    Place::installed("release")?.python("measure.py", calls)
}

fn build(options: &[&str]) -> Result<(), String> {
    let mut command = Command::new(crate::run::program());
    step(
        command
            .args(["build", "-p", "toolgate-cli"])
            .args(options)
            .current_dir(root())
            .env("CARGO_TARGET_DIR", target()),
    )
}

struct Place {
    folder: PathBuf,
    work: PathBuf,
    guard: PathBuf,
}

impl Place {
    /// What is pinned, installed unless it is.
    fn installed(profile: &str) -> Result<Self, String> {
        let folder = target().join("published");
        let place = Self { work: folder.join("work"), guard: target().join(profile).join("toolgate"), folder };
        let told = |error: std::io::Error| format!("{}: {error}", place.folder.display());
        fs::create_dir_all(&place.work).map_err(told)?;
        let (pinned, mut texts) = (root().join("integrations/published"), String::new());
        for name in ["package.json", "package-lock.json", "requirements.txt", "run.mjs"] {
            fs::copy(pinned.join(name), place.folder.join(name)).map_err(told)?;
            texts.push_str(&fs::read_to_string(pinned.join(name)).map_err(told)?);
        }
        let installed = place.folder.join("installed");
        if fs::read_to_string(&installed).is_ok_and(|before| before == texts) {
            return Ok(place);
        }
        place.step(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]))?;
        place.step(Command::new("python3").args(["-m", "venv", "--clear", "venv"]))?;
        place.step(place.in_venv("pip").args(["install", "--quiet", "-r", "requirements.txt"]))?;
        fs::write(&installed, texts).map_err(told)?;
        Ok(place)
    }

    fn in_venv(&self, program: &str) -> Command {
        let folder = if cfg!(windows) { "Scripts" } else { "bin" };
        Command::new(self.folder.join("venv").join(folder).join(program))
    }

    fn python(&self, script: &str, more: &[&str]) -> Result<(), String> {
        let script = root().join("integrations/published/python").join(script);
        let mut command = self.in_venv("python");
        command.arg(script).arg(&self.guard).arg(self.folder.join("node_modules")).arg(&self.work).args(more);
        self.step(&mut command)
    }

    /// Runs a step in the folder.
    fn step(&self, command: &mut Command) -> Result<(), String> {
        step(command.current_dir(&self.folder))
    }
}
