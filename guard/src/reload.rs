//! A bundle that is edited while a guard runs.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::Duration,
};

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use toolgate::PolicyBundle;

use crate::host::{Host, Notice};

/// Editors write a file in several steps: the bundle is read when nothing has happened for so long.
const SETTLED: Duration = Duration::from_millis(200);

/// Watches a bundle as long as it lives.
pub struct Watch {
    _watcher: Arc<Mutex<RecommendedWatcher>>,
}

/// Reads the bundle anew whenever something changes at `path`, its folder or its packed file. A bundle that does not load
/// changes nothing: the one before stays, and people are told.
///
/// # Errors
/// The system does not watch the path.
pub fn watch(
    host: Arc<Host>,
    path: &Path,
    load: impl Fn() -> Result<PolicyBundle, String> + Send + 'static,
) -> Result<Watch, String> {
    let failed = |error: String| format!("`{}` is not watched: {error}", path.display());
    let place = Place::of(path).map_err(|error| failed(error.to_string()))?;
    let (sender, changes) = mpsc::channel();
    let here = place.clone();
    let told = move |event: notify::Result<Event>| {
        if event.map_or(true, |event| !event.kind.is_access() && here.concerned(&event)) {
            // The thread that reads the bundle lives as long as this.
            let _ = sender.send(());
        }
    };
    let mut watcher = notify::recommended_watcher(told).map_err(|error| failed(error.to_string()))?;
    // What is replaced as a whole is another file, or another folder: what it lies in is what lasts.
    let outside = watcher.watch(&place.parent, RecursiveMode::NonRecursive);
    outside.and_then(|()| place.inside(&mut watcher)).map_err(|error| failed(error.to_string()))?;
    let watcher = Arc::new(Mutex::new(watcher));
    let watching = Arc::downgrade(&watcher);
    std::thread::spawn(move || {
        while changes.recv().is_ok() {
            while changes.recv_timeout(SETTLED).is_ok() {}
            if let Some(watcher) = watching.upgrade() {
                // A folder that is not there is told below.
                let _ = place.inside(&mut watcher.lock().unwrap_or_else(PoisonError::into_inner));
            }
            reload(&host, &load);
        }
    });
    Ok(Watch { _watcher: watcher })
}

/// Where a bundle lies.
#[derive(Clone)]
struct Place {
    path: PathBuf,
    parent: PathBuf,
    /// What `path` led to at the beginning, which is what some systems tell of.
    target: PathBuf,
}

impl Place {
    fn of(path: &Path) -> std::io::Result<Self> {
        let target = path.canonicalize()?;
        let name = path.file_name().or_else(|| target.file_name()).unwrap_or_default();
        let parent = match path.file_name() {
            Some(_) => path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")),
            // `..`, or the root.
            None => target.parent().unwrap_or(&target),
        };
        let parent = parent.canonicalize()?;
        Ok(Self { path: parent.join(name), parent, target })
    }

    /// Whether this may have changed the bundle. Other files beside it change all the time, such as the records.
    fn concerned(&self, event: &Event) -> bool {
        let ours = |path: &PathBuf| path.starts_with(&self.path) || path.starts_with(&self.target);
        event.paths.is_empty() || event.paths.iter().any(ours)
    }

    /// Watches what is in the folder that is there now.
    fn inside(&self, watcher: &mut RecommendedWatcher) -> notify::Result<()> {
        match self.path.is_dir() {
            true => watcher.watch(&self.path, RecursiveMode::Recursive),
            false => Ok(()),
        }
    }
}

fn reload(host: &Host, load: &impl Fn() -> Result<PolicyBundle, String>) {
    let replaced = load().and_then(|bundle| match bundle.digest() == host.gate().bundle().digest() {
        true => Ok(()),
        false => host.replace(bundle),
    });
    if let Err(why) = replaced {
        host.tell(Notice::Warning(&format!("the bundle has changed and does not load, the one before stays: {why}")));
    }
}
