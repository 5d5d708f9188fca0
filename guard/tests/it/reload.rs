//! A bundle that changes on the disk while a guard decides by it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use toolgate::{PolicyBundle, Sources};
use toolgate_guard::{Watch, watch};

use crate::common::{LONGEST, host_of};

fn load(file: &Path) -> Result<PolicyBundle, String> {
    let version = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let mut sources = Sources::default();
    sources.insert("toolgate.toml", format!("[bundle]\nname = \"n\"\nversion = \"{version}\"\n[servers.notes]\n"));
    sources.insert("tools/notes.json", r#"{"tools": []}"#);
    sources.insert("policies/a.cedar", r#"@id("all") permit (principal, action, resource);"#);
    PolicyBundle::load(&sources).map_err(|error| error.to_string())
}

/// A guard that watches `path`, where the version of its bundle stands in `file`.
struct Watched {
    file: PathBuf,
    told: mpsc::Receiver<String>,
    _watch: Watch,
}

impl Watched {
    fn new(path: &Path, file: PathBuf) -> Self {
        let (tell, told) = mpsc::channel();
        let host = host_of(load(&file).unwrap(), LONGEST, move |text| drop(tell.send(text.to_owned())));
        let read = file.clone();
        Self { told, _watch: watch(Arc::clone(&host), path, move || load(&read)).unwrap(), file }
    }

    /// Waits until people are told what begins like this.
    fn tells(&self, start: &str) {
        while !self
            .told
            .recv_timeout(Duration::from_secs(30))
            .unwrap_or_else(|_| panic!("no `{start}`"))
            .starts_with(start)
        {}
    }

    fn check(&self, version: &str) {
        fs::write(&self.file, version).unwrap();
        self.tells(&format!("reloaded {version}"));
    }
}

fn empty(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn a_folder_that_is_replaced_as_a_whole_is_still_watched() {
    let folder = empty("reload-folder").join("bundle");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("version"), "1").unwrap();
    let watched = Watched::new(&folder, folder.join("version"));
    watched.check("2");
    fs::remove_dir_all(&folder).unwrap();
    watched.tells("the bundle has changed and does not load, the one before stays");
    fs::create_dir(&folder).unwrap();
    watched.check("3");
    watched.check("4");
    // By a rename, too.
    let other = folder.with_file_name("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("version"), "5").unwrap();
    fs::rename(&folder, folder.with_file_name("before")).unwrap();
    fs::rename(&other, &folder).unwrap();
    watched.tells("reloaded 5");
    watched.check("6");
    fs::write(&watched.file, "\"").unwrap();
    watched.tells("the bundle has changed and does not load, the one before stays");
    watched.check("7");
}

/// Records are often written beside the bundle, and never settle.
#[test]
fn what_happens_beside_a_packed_bundle_does_not_keep_it_from_being_read() {
    let folder = empty("reload-file");
    fs::write(folder.join("packed"), "1").unwrap();
    let watched = Watched::new(&folder.join("packed"), folder.join("packed"));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                fs::write(folder.join("records"), "x").unwrap();
            }
        });
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| watched.check("2")));
        over.store(true, Ordering::Relaxed);
        checked.unwrap();
    });
    // By a rename, as packing does it.
    fs::write(folder.join("new"), "3").unwrap();
    fs::rename(folder.join("new"), folder.join("packed")).unwrap();
    watched.tells("reloaded 3");
}
