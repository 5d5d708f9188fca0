//! A guard whose client speaks on the standard input and output.

use std::sync::Arc;

use crate::{
    connection::Connection,
    host::{Host, Notice},
    pump::{self, Ended, Side},
    server::ServerCommand,
};

/// Starts the server and guards it, for the client at the standard input and output, until one of them ends or `stop` does.
///
/// # Errors
/// The server does not start, or the system gives no random bytes.
pub async fn stdio(
    host: Arc<Host>,
    command: &ServerCommand,
    stop: impl Future<Output = ()>,
) -> Result<Ended, String> {
    let connection = Connection::new(Arc::clone(&host), "stdio")?;
    let (server, side) = command.start()?;
    let client = Side { read: tokio::io::stdin(), write: tokio::io::stdout() };
    let ended = pump::run(connection, Arc::clone(&host), client, side, stop).await;
    let status = server.end().await;
    if ended == Ended::Server {
        let how = status.map(|status| format!(": {status}")).unwrap_or_default();
        host.tell(Notice::Warning(&format!("the server has ended{how}")));
    }
    Ok(ended)
}
