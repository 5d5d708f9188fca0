//! Writes the workload of policy tests into a folder, for the command line: `suite FOLDER TEAMS CASES [PEOPLE]`, where so many
//! people more are in each team.

use std::{env, error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let ([folder, teams, cases], more) =
        arguments.split_first_chunk().ok_or("usage: suite FOLDER TEAMS CASES [PEOPLE]")?;
    let people = more.first().map_or(Ok(0), |count| count.parse())?;
    let sources = toolgate_benches::suite::sources(teams.parse()?, cases.parse()?, people)?;
    for name in sources.names() {
        let path = Path::new(folder).join(name);
        fs::create_dir_all(path.parent().ok_or("a file without a folder")?)?;
        fs::write(path, sources.text(name).unwrap_or_default())?;
    }
    Ok(())
}
