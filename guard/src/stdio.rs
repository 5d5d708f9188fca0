//! A guard for one client, which speaks on the standard input and output or on a stream of the host's own.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    connection::Connection,
    host::{Host, Notice},
    pump::{self, Ended},
    server::Upstream,
    side::Side,
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
    let (client, server) = (side(&host, client), side(&host, server));
    Ok(pump::run(connection, host, client, server, std::future::pending()).await)
}

/// As [`stdio`], for a client that is reached by streams of the host's own.
///
/// # Errors
/// As [`stdio`].
pub async fn stream<C>(
    host: Arc<Host>,
    client: C,
    upstream: &Upstream,
    stop: impl Future<Output = ()>,
) -> Result<Ended, String>
where
    C: AsyncRead + AsyncWrite + Send + 'static,
{
    let client = side(&host, client);
    guard(host, client, upstream, stop).await
}

/// Starts the server, or reaches it, and guards it for the client at the standard input and output, until one of them ends or
/// `stop` does.
///
/// # Errors
/// The server does not start, the bundle says that it may only be reached elsewhere, or the system gives no random bytes.
pub async fn stdio(host: Arc<Host>, upstream: &Upstream, stop: impl Future<Output = ()>) -> Result<Ended, String> {
    let client = Side::streams(tokio::io::stdin(), tokio::io::stdout(), host.settings.longest);
    guard(host, client, upstream, stop).await
}

fn side(host: &Host, stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Side {
    let (read, write) = tokio::io::split(stream);
    Side::streams(read, write, host.settings.longest)
}

async fn guard(
    host: Arc<Host>,
    client: Side,
    upstream: &Upstream,
    stop: impl Future<Output = ()>,
) -> Result<Ended, String> {
    upstream.place().map_or(Ok(()), |place| host.reach(place))?;
    let connection = Connection::new(Arc::clone(&host), "stdio")?;
    let (server, side) = upstream.start(host.settings.longest)?;
    let ended = pump::run(connection, Arc::clone(&host), client, side, stop).await;
    let status = match server {
        Some(server) => server.end().await,
        None => None,
    };
    if ended == Ended::Server {
        let how = status.map(|status| format!(": {status}")).unwrap_or_default();
        host.tell(Notice::Warning(&format!("the server has ended{how}")));
    }
    Ok(ended)
}
