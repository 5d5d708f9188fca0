//! `cargo xtask published`: published servers and clients, pinned, with the guard between them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::run::root;

/// Installs what is pinned, and runs every script.
pub(crate) fn run() -> Result<(), String> {
    let place = Place::installed("debug", &[])?;
    place.python("run.py", &[])?;
    place.step(Command::new("node").arg("run.mjs").arg(&place.guard).arg(place.work.join("typescript")))
}

/// What the guard costs, with a release build.
pub(crate) fn measure(calls: &[&str]) -> Result<(), String> {
    Place::installed("release", &["--release"])?.python("measure.py", calls)
}

struct Place {
    folder: PathBuf,
    work: PathBuf,
    guard: PathBuf,
}

impl Place {
    fn installed(profile: &str, options: &[&str]) -> Result<Self, String> {
        let (root, folder) = (root(), root().join("target/published"));
        let place =
            Self { work: folder.join("work"), guard: root.join("target").join(profile).join("toolgate"), folder };
        place.step(
            Command::new(crate::run::program()).args(["build", "-p", "toolgate-cli"]).args(options).current_dir(&root),
        )?;
        let told = |error: std::io::Error| format!("{}: {error}", place.folder.display());
        fs::create_dir_all(&place.work).map_err(told)?;
        let pinned = root.join("integrations/published");
        for name in ["package.json", "package-lock.json", "requirements.txt", "run.mjs"] {
            fs::copy(pinned.join(name), place.folder.join(name)).map_err(told)?;
        }
        place.step(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]))?;
        if !place.folder.join("venv").is_dir() {
            place.step(Command::new("python3").args(["-m", "venv", "venv"]))?;
        }
        place.step(place.in_venv("pip").args(["install", "--quiet", "-r", "requirements.txt"]))?;
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

    /// Runs a step in the folder, unless it says where.
    fn step(&self, command: &mut Command) -> Result<(), String> {
        let shown =
            format!("{} {:?}", Path::new(command.get_program()).display(), command.get_args().collect::<Vec<_>>());
        println!("xtask: {shown}");
        if command.get_current_dir().is_none() && self.folder.is_dir() {
            command.current_dir(&self.folder);
        }
        match command.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("{shown}: {status}")),
            Err(error) => Err(format!("{shown} does not start: {error}")),
        }
    }
}
