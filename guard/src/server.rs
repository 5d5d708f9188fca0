//! The real server: a command that speaks on its standard input and output, or one that is reached by HTTP.

use std::{ffi::OsString, process::Stdio, time::Duration};

use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop};
use tokio::process::Command;

use crate::{place::Place, remote::Remote, side::Side};

/// How long a server has to end by itself, and how long once it was asked to.
const PATIENCE: Duration = Duration::from_secs(2);

/// The real server, before anybody speaks to it.
#[derive(Clone)]
pub enum Upstream {
    /// It is started, once for each connection.
    Command(ServerCommand),
    /// It runs elsewhere, and each connection has a session of its own there.
    Remote(Box<Remote>),
}

impl Upstream {
    /// Where it is reached by HTTP, if it is.
    pub(crate) fn place(&self) -> Option<&Place> {
        match self {
            Self::Command(_) => None,
            Self::Remote(remote) => Some(remote.place()),
        }
    }

    /// A connection to the server, and the process that was started for it, if any.
    ///
    /// # Errors
    /// Why it does not start.
    pub(crate) fn start(&self, longest: usize) -> Result<(Option<Server>, Side), String> {
        match self {
            Self::Command(command) => command.start(longest).map(|(server, side)| (Some(server), side)),
            Self::Remote(remote) => Ok((None, Side::remote(remote, longest))),
        }
    }
}

/// How the real server is started. It gets the guard's environment, and its standard error is the guard's.
#[derive(Clone, Debug)]
pub struct ServerCommand {
    /// The program.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

/// A server that runs.
pub(crate) struct Server {
    child: Box<dyn ChildWrapper>,
}

impl ServerCommand {
    fn start(&self, longest: usize) -> Result<(Server, Side), String> {
        let shown = self.program.to_string_lossy();
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut wrapped = CommandWrap::from(command);
        wrapped.wrap(KillOnDrop);
        // A server is often started by another program (`npx`, `uvx`), which does not pass signals on.
        #[cfg(unix)]
        wrapped.wrap(process_wrap::tokio::ProcessGroup::leader());
        let mut child = wrapped.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => format!("there is no command `{shown}`"),
            _ => format!("`{shown}` does not start: {error}"),
        })?;
        let pipes = (child.stdout().take(), child.stdin().take());
        let (Some(read), Some(write)) = pipes else { return Err(format!("`{shown}` has no pipes")) };
        Ok((Server { child }, Side::streams(read, write, longest)))
    }
}

impl Server {
    /// Waits until the server has ended: by itself, since its input has; asked to; or by force. Gives how.
    pub(crate) async fn end(mut self) -> Option<std::process::ExitStatus> {
        if let Ok(status) = tokio::time::timeout(PATIENCE, self.child.wait()).await {
            return status.ok();
        }
        #[cfg(unix)]
        if self.child.signal(SIGTERM).is_ok()
            && let Ok(status) = tokio::time::timeout(PATIENCE, self.child.wait()).await
        {
            return status.ok();
        }
        let _ = self.child.start_kill();
        self.child.wait().await.ok()
    }
}

/// POSIX: asks a process to end.
#[cfg(unix)]
const SIGTERM: i32 = 15;
