//! A guard whose client speaks on the standard input and output.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    connection::Connection,
    host::{Host, Notice},
    pump::{self, Ended, Side},
    server::ServerCommand,
};

/// Guards a server that is reached by streams of the host's own, for a client that is reached by others, until one of them
/// ends. The line ends of each are what separates messages.
///
/// # Errors
/// The system gives no random bytes.
pub async fn between<C, S>(host: Arc<Host>, client: C, server: S) -> Result<Ended, String>
where
    C: AsyncRead + AsyncWrite + Send + 'static,
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let connection = Connection::new(Arc::clone(&host), "stdio")?;
    let ((from_client, to_client), (from_server, to_server)) = (tokio::io::split(client), tokio::io::split(server));
    let (client, server) = (Side { read: from_client, write: to_client }, Side { read: from_server, write: to_server });
    Ok(pump::run(connection, host, client, server, std::future::pending()).await)
}

/// Starts the server and guards it, for the client at the standard input and output, until one of them ends or `stop` does.
///
/// # Errors
/// The server does not start, or the system gives no random bytes.
pub async fn stdio(host: Arc<Host>, command: &ServerCommand, stop: impl Future<Output = ()>) -> Result<Ended, String> {
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
