//! A bundle that is edited while a guard runs.

use std::{path::Path, sync::Arc, sync::mpsc, time::Duration};

use notify::{RecursiveMode, Watcher as _};
use toolgate::PolicyBundle;

use crate::host::{Host, Notice};

/// Editors write a file in several steps: the bundle is read when nothing has happened for so long.
const SETTLED: Duration = Duration::from_millis(200);

/// Watches a bundle as long as it lives.
pub struct Watch {
    _watcher: notify::RecommendedWatcher,
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
    let (sender, changes) = mpsc::channel();
    let failed = |error: notify::Error| format!("`{}` is not watched: {error}", path.display());
    let told = move |event: Result<notify::Event, notify::Error>| {
        if !event.is_ok_and(|event| event.kind.is_access()) {
            // The thread that reads the bundle lives as long as this.
            let _ = sender.send(());
        }
    };
    let mut watcher = notify::recommended_watcher(told).map_err(failed)?;
    // A file that is replaced by a rename is another file: its folder is what lasts.
    let (watched, mode) = match path.is_dir() {
        true => (path, RecursiveMode::Recursive),
        false => (
            path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")),
            RecursiveMode::NonRecursive,
        ),
    };
    watcher.watch(watched, mode).map_err(failed)?;
    std::thread::spawn(move || {
        while changes.recv().is_ok() {
            while changes.recv_timeout(SETTLED).is_ok() {}
            reload(&host, &load);
        }
    });
    Ok(Watch { _watcher: watcher })
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
