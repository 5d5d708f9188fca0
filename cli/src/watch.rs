//! Does something again whenever a file changes.

use std::{path::Path, sync::mpsc, time::Duration};

use notify::{Event, EventKind, RecursiveMode, Watcher};

use crate::exit::{Exit, Fault, at};

/// An editor writes a file in several steps: what follows within this time is one change.
const QUIET: Duration = Duration::from_millis(100);

/// Does something now, and again after each change in a folder, until the process is ended. What goes wrong is told, and
/// ends nothing.
pub(crate) fn folder(folder: &Path, mut again: impl FnMut() -> Result<(), Fault>) -> Result<Exit, Fault> {
    let told = |error: notify::Error| Fault::Told(at(folder, error));
    let (changes, changed) = mpsc::channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // Reading is an access too, and would go on for ever.
        if event.is_ok_and(|event| !matches!(event.kind, EventKind::Access(_))) {
            // Nobody waits for changes any more when the process ends.
            let _ = changes.send(());
        }
    })
    .map_err(told)?;
    watcher.watch(folder, RecursiveMode::Recursive).map_err(told)?;
    loop {
        match again() {
            Err(Fault::Output(error)) => return Err(Fault::Output(error)),
            Err(fault) => fault.tell(),
            Ok(()) => {}
        }
        if changed.recv().is_err() {
            return Ok(Exit::Ok);
        }
        while changed.recv_timeout(QUIET).is_ok() {}
    }
}
