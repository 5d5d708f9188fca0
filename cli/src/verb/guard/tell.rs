//! What people see while a guard runs, on the standard error, and how the person at the terminal is asked.

use std::{
    fs::OpenOptions,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
};

use toolgate::{Decision, Drift};
use toolgate_guard::{Notice, Tell};

use crate::{
    explained,
    render::{BOLD, DIM, GREEN, RED, YELLOW, note, plain, styled},
};

/// Tells people. `observe`: nothing is enforced.
pub(super) fn tell(observe: bool) -> Tell {
    Box::new(move |notice| match notice {
        Notice::Decided { gate, ledger, call, record } => {
            let what = if call.method == "tools/call" { &call.tool } else { &call.method };
            if let Decision::Allow { .. } = record.decision {
                let by = match record.decision.basis().policies.as_slice() {
                    [] => String::new(),
                    permits => styled(DIM, format!("  permitted by {}", plain(&permits.join(", ")))),
                };
                let what = plain(&format!("{}/{what}", call.server));
                return note(&format!("{}  {what}{by}", styled(GREEN, "ALLOW")));
            }
            let mut told = Vec::new();
            let explanation = gate.explain(call, ledger, record.at);
            // Into memory, which takes everything.
            let _ = explained::short(gate, Ok(call), &record.decision, Some(&explanation), &mut told);
            let told = String::from_utf8_lossy(&told);
            let forwarded = if observe {
                format!("\n  {}", styled(DIM, "observed only: it was let through"))
            } else {
                String::new()
            };
            note(&format!("{}{forwarded}", told.trim_end()));
        }
        Notice::Asked(call) => {
            note(&format!("{} about {}/{}", styled(YELLOW, "asking the user"), plain(&call.server), plain(&call.tool)))
        }
        Notice::Drifted(drifts) => drifted(drifts),
        Notice::Reloaded(bundle) => {
            let bundle = format!("{} {}, {}", bundle.name(), bundle.version(), bundle.digest());
            note(&format!("{} {}", styled(GREEN, "the bundle was loaded anew:"), plain(&bundle)));
        }
        Notice::Notify(call, value) => {
            let about = format!("{}/{} {value}", call.server, call.tool);
            note(&format!("{} {}", styled(BOLD, "notify:"), plain(about.trim_end())));
        }
        Notice::Note(text) => note(&format!("{} {}", styled(DIM, "note:"), plain(text))),
        Notice::Warning(text) => note(&format!("{} {}", styled(YELLOW, "warning:"), plain(text))),
    })
}

fn drifted(drifts: &[Drift]) {
    note(&styled(RED, "the server's tools are not those that are pinned:"));
    for drift in drifts {
        let name = plain(drift.tool());
        match drift {
            Drift::Added(_) => {
                note(&format!("  {} {name}: not pinned, so it is hidden and denied", styled(GREEN, "+")))
            }
            Drift::Removed(_) => note(&format!("  {} {name}: pinned, and not there", styled(DIM, "-"))),
            Drift::Changed(_, changes) => {
                let places: Vec<_> = changes.iter().map(|change| plain(&change.pointer)).collect();
                note(&format!("  {} {name}: differs at {}", styled(RED, "!"), places.join(", ")));
            }
        }
    }
    note("  `toolgate pin` shows every difference, and makes the new list the pin once you have read it");
}

/// Asks the person at the terminal. Anything but a yes is a no; so is a process without a terminal.
pub(super) fn confirm(question: &str) -> bool {
    asked(question).unwrap_or_else(|error| {
        note(&format!("{} nobody is asked, there is no terminal: {error}", styled(YELLOW, "warning:")));
        false
    })
}

#[cfg(unix)]
fn asked(question: &str) -> io::Result<bool> {
    /// As much as a terminal gives as one line.
    const LONGEST: u64 = 4_096;
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    // What was typed before the question could be read is no answer to it.
    rustix::termios::tcflush(&terminal, rustix::termios::QueueSelector::IFlush)?;
    let mut shown = anstream::AutoStream::auto(terminal.try_clone()?);
    write!(shown, "{} {} [y/N] ", styled(BOLD, "toolgate:"), plain(question))?;
    let mut answer = Vec::new();
    BufReader::new((&terminal).take(LONGEST)).read_until(b'\n', &mut answer)?;
    let approved = matches!(answer.trim_ascii(), b"y" | b"Y" | b"yes");
    writeln!(shown, "{}", if approved { "approved, this once" } else { "not approved" })?;
    Ok(approved)
}

#[cfg(not(unix))]
fn asked(_: &str) -> io::Result<bool> {
    Err(io::ErrorKind::Unsupported.into())
}
