//! A guard whose clients speak streamable HTTP.
//!
//! Up to 2025-11-25, a session of the protocol is a connection of its own, with a server of its own. From 2026-07-28 on there
//! are no sessions: all requests share one connection and one server, and ids that two clients may both use are replaced on
//! the way in and put back on the way out.

mod check;
mod line;
mod routes;
mod sessions;

use std::{net::SocketAddr, sync::Arc};

use crate::{
    host::{Host, Notice},
    http::sessions::Sessions,
    server::Upstream,
};

/// Guards the server for clients that connect to `listen`, until `stop` ends. The path is `/mcp`.
///
/// The guard authenticates nobody, so that it only listens where nobody but this machine gets through.
///
/// # Errors
/// The address is not this machine's own, or cannot be listened to; the bundle says that the server may only be reached elsewhere.
pub async fn http(
    host: Arc<Host>,
    upstream: &Upstream,
    listen: SocketAddr,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), String> {
    if !listen.ip().is_loopback() {
        let why = "the guard authenticates nobody, and whoever reached it would call in your name";
        return Err(format!(
            "{listen} can be reached from elsewhere: {why}; listen on 127.0.0.1, behind a proxy that does"
        ));
    }
    upstream.place().map_or(Ok(()), |place| host.reach(place))?;
    let failed = |error: std::io::Error| format!("{listen}: {error}");
    let listener = tokio::net::TcpListener::bind(listen).await.map_err(failed)?;
    let at = listener.local_addr().map_err(failed)?;
    host.tell(Notice::Note(&format!("listening on http://{at}/mcp")));
    let sessions = Arc::new(Sessions::new(host, upstream.clone()));
    let router = routes::router(Arc::clone(&sessions));
    let closing = Arc::clone(&sessions);
    let stop = async move {
        stop.await;
        closing.end().await;
    };
    axum::serve(listener, router).with_graceful_shutdown(stop).await.map_err(failed)
}
