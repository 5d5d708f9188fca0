//! Writes the workload of policy tests into a folder, for the command line: `suite FOLDER TEAMS CASES`.

use std::{env, error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [folder, teams, cases] = arguments.as_slice() else { return Err("usage: suite FOLDER TEAMS CASES".into()) };
    let sources = toolgate_benches::suite::sources(teams.parse()?, cases.parse()?)?;
    for name in sources.names() {
        let path = Path::new(folder).join(name);
        fs::create_dir_all(path.parent().ok_or("a file without a folder")?)?;
        fs::write(path, sources.text(name).unwrap_or_default())?;
    }
    Ok(())
}
