//! Replays what fuzzing keeps: the seeds and regressions in the repository, and the local corpus where there is one.

use std::{fs, path::Path};

use toolgate_fuzz::TARGETS;

#[test]
fn every_kept_input_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, property) in TARGETS {
        let kept = fs::read_dir(root.join("regressions").join(name)).expect("each target has a folder of regressions");
        let corpus = fs::read_dir(root.join("corpus").join(name)).into_iter().flatten();
        let mut count = 0;
        for entry in kept.chain(corpus) {
            let path = entry.expect("a folder can be listed").path();
            property(&fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
            count += 1;
        }
        assert!(count > 0, "{name}: nothing was replayed");
        println!("{name}: {count} inputs");
    }
}
