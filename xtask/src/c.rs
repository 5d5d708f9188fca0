//! The C library: its header, what a C host links against, and its tests, which are programs in C.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use toolgate::Timestamp;

use crate::run::{program, root, step, target};

/// What the programs in C are compiled with.
const FLAGS: [&str; 6] = ["-std=c99", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// Writes the header.
pub(crate) fn write_header() -> Result<(), String> {
    write(&header_path(), header()?)
}

/// Makes `target/c`, with `include`, `lib` and a description for `pkg-config`.
pub(crate) fn build() -> Result<(), String> {
    unchanged()?;
    library(&["--release"])?;
    let dist = target().join("c");
    for (from, to) in [
        (header_path(), "include/toolgate.h"),
        (target().join("release").join(shared()), &format!("lib/{}", shared())),
        (target().join("release/libtoolgate_c.a"), "lib/libtoolgate_c.a"),
    ] {
        let bytes = fs::read(&from).map_err(|error| format!("{}: {error}", from.display()))?;
        write(&dist.join(to), bytes)?;
    }
    let version = env!("CARGO_PKG_VERSION");
    let described = format!(
        "prefix=${{pcfiledir}}/../..\n\nName: toolgate\nDescription: decides whether one MCP tool call may happen\n\
         Version: {version}\nCflags: -I${{prefix}}/include\nLibs: -L${{prefix}}/lib -ltoolgate_c\n\
         Libs.private: -lpthread -ldl -lm\n"
    );
    write(&dist.join("lib/pkgconfig/toolgate.pc"), described)?;
    println!("xtask: {}", dist.display());
    Ok(())
}

/// Compiles and runs the programs in C, on a library that is not optimised, as the workspace's tests have built it.
pub(crate) fn test() -> Result<(), String> {
    unchanged()?;
    library(&[])?;
    let misuse = compile("test/misuse.c")?;
    step(
        Command::new(misuse)
            .arg(root().join("policies/examples/github-triage"))
            .arg(fresh("misuse")?)
            .arg(packed().join("github-triage-0/bundle.toolgate")),
    )?;
    let filesystem = root().join("policies/examples/filesystem");
    step(Command::new(compile("test/protocol.c")?).arg(&filesystem).arg(filesystem.join("tools/filesystem.json")))?;
    step(&mut Command::new(compile("test/approvals.c")?))?;
    step(&mut Command::new(compile("test/threads.c")?))?;
    let example = compile("examples/decide.c")?;
    step(&mut Command::new(example))?;
    for page in ["README.md", "bindings/c/README.md"] {
        step(Command::new(compile(&shown(page)?)?).current_dir(root()))?;
    }
    let cases = records(&compile("test/records.c")?)?;
    let bundles = suites(&compile("test/suites.c")?)?;
    println!("xtask: {cases} records files and the suites of {bundles} bundles passed in C");
    Ok(())
}

/// What the core with Cedar has recorded, byte for byte: by the packed bundle, and by its folder.
fn records(program: &Path) -> Result<usize, String> {
    let packed = packed();
    let left = "; the tests of the core leave it: `cargo test --package toolgate --test it packed`";
    let cases = entries(&packed).map_err(|error| error + left)?;
    for case in &cases {
        let read = |name: &str| fs::read_to_string(case.join(name)).map_err(|error| format!("{name}: {error}"));
        let now = Timestamp::parse(&read("now")?).ok_or("`now` is no time")?.millis().to_string();
        let name = case.file_name().unwrap_or_default().to_string_lossy();
        let folder = root().join("policies/examples").join(name.rsplit_once('-').map_or(&*name, |(name, _)| name));
        for bundle in [case.join("bundle.toolgate"), folder] {
            let mut command = Command::new(program);
            let told =
                command.args([&bundle, &case.join("journal.jsonl"), &case.join("calls.jsonl")]).arg(&now).output();
            let told = told.map_err(|error| format!("{}: {error}", program.display()))?;
            if !told.status.success() || told.stdout != read("records")?.as_bytes() {
                return Err(format!(
                    "`{}`: other records in C: {}",
                    bundle.display(),
                    String::from_utf8_lossy(&told.stderr)
                ));
            }
        }
    }
    if cases.is_empty() { Err(format!("`{}` is empty{left}", packed.display())) } else { Ok(cases.len()) }
}

/// Bundles that the tests of the core have packed, each with calls and their records.
fn packed() -> PathBuf {
    target().join("tmp/packed")
}

/// The suites of every example bundle.
fn suites(program: &Path) -> Result<usize, String> {
    let mut bundles = entries(&root().join("policies/examples"))?;
    bundles.retain(|bundle| bundle.join("toolgate.toml").is_file());
    bundles.iter().try_for_each(|bundle| step(Command::new(program).arg(bundle)))?;
    if bundles.is_empty() { Err("there are no example bundles".to_owned()) } else { Ok(bundles.len()) }
}

/// The program in C that a page shows.
fn shown(page: &str) -> Result<PathBuf, String> {
    let text = fs::read_to_string(root().join(page)).map_err(|error| format!("{page}: {error}"))?;
    let program = text.split_once("\n```c\n").and_then(|(_, rest)| rest.split_once("\n```\n"));
    let (program, _) = program.ok_or_else(|| format!("`{page}` shows no program in C"))?;
    let source = target().join("tmp/c").join(page.replace('/', "-")).with_extension("c");
    write(&source, format!("{program}\n"))?;
    Ok(source)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let told = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut all: Vec<_> = fs::read_dir(folder)
        .map_err(told)?
        .map(|entry| Ok(entry.map_err(told)?.path()))
        .collect::<Result<_, String>>()?;
    all.sort();
    Ok(all)
}

/// Whether the header is what the source says.
fn unchanged() -> Result<(), String> {
    if fs::read_to_string(header_path()).ok() == Some(header()?) {
        return Ok(());
    }
    Err("`bindings/c/include/toolgate.h` is not what the source says; `cargo xtask c header` writes it".to_owned())
}

fn header_path() -> PathBuf {
    root().join("bindings/c/include/toolgate.h")
}

fn header() -> Result<String, String> {
    let package = root().join("bindings/c");
    let config = cbindgen::Config::from_file(package.join("cbindgen.toml"))?;
    let mut text = Vec::new();
    cbindgen::generate_with_config(package, config).map_err(|error| error.to_string())?.write(&mut text);
    String::from_utf8(text).map_err(|error| error.to_string())
}

fn shared() -> String {
    format!("{}toolgate_c{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)
}

fn library(options: &[&str]) -> Result<(), String> {
    step(
        Command::new(program())
            .args(["build", "--package", "toolgate-c"])
            .args(options)
            .current_dir(root())
            .env("CARGO_TARGET_DIR", target()),
    )
}

/// A program in C, with the library that the tests have built.
fn compile(source: impl AsRef<Path>) -> Result<PathBuf, String> {
    let source = source.as_ref();
    let (package, library) = (root().join("bindings/c"), target().join("debug"));
    let name = source.file_stem().unwrap_or_default();
    let program = target().join("tmp/c").join(name);
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    write(&program, "")?;
    let mut rpath = std::ffi::OsString::from("-Wl,-rpath,");
    rpath.push(&library);
    step(
        Command::new(compiler)
            .args(FLAGS)
            .arg("-I")
            .arg(package.join("include"))
            .arg(package.join(source))
            .arg("-o")
            .arg(&program)
            .arg("-L")
            .arg(&library)
            .args(["-ltoolgate_c", "-lpthread"])
            .arg(rpath),
    )?;
    Ok(program)
}

/// An empty folder.
fn fresh(name: &str) -> Result<PathBuf, String> {
    let folder = target().join("tmp/c").join(format!("{name}.work"));
    let told = |error: std::io::Error| format!("{}: {error}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(told)?;
    }
    fs::create_dir_all(&folder).map_err(told)?;
    Ok(folder)
}

fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), String> {
    let told = |error: std::io::Error| format!("{}: {error}", path.display());
    path.parent().map_or(Ok(()), fs::create_dir_all).map_err(told)?;
    fs::write(path, bytes).map_err(told)
}
