//! The scenarios that every adapter runs.

use std::sync::Arc;

use rmcp::{
    ServiceExt as _,
    transport::streamable_http_server::{StreamableHttpService, session::local::LocalSessionManager},
};
use tokio::{io::DuplexStream, net::TcpListener};
use toolgate::{Chain, Gate};
use toolgate_guard::{Host, OnDrift, Parts, Records, Remote, Settings, Trust, Upstream, between, stream};
use toolgate_scenarios::{Adapter, Apply, Notes, Ran, Setup};

/// What carries the messages of the server.
enum Guard {
    Stream,
    Http,
}

/// The server, by the SDK's streamable HTTP. Gives its URL.
pub(crate) async fn served(server: Notes) -> String {
    let service: StreamableHttpService<Notes, LocalSessionManager> =
        StreamableHttpService::new(move || Ok(server.clone()), Arc::default(), Default::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let app = axum::Router::new().route_service("/mcp", service);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

impl Adapter for Guard {
    async fn serve(&self, setup: Setup, client: DuplexStream) -> Apply {
        let Setup { bundle, ledger, records, host, rendering, server, now } = setup;
        let settings = Settings {
            on_behalf_of: host.on_behalf_of,
            credential: host.credential,
            task: host.task,
            origin: host.origin,
            rendering,
            on_drift: OnDrift::Deny,
            ..Settings::new("notes", host.principal)
        };
        let host = Host::new(Parts {
            gate: Gate::new(bundle),
            ledger,
            settings,
            records: Some(Records::new(Box::new(records), Chain::default())),
            tell: Box::new(|_| ()),
            confirm: Box::new(|_| false),
            clock: Box::new(move || now),
        });
        let host = Arc::new(host.unwrap());
        let guard = Arc::clone(&host);
        match self {
            Self::Stream => {
                let (near, far) = tokio::io::duplex(1 << 20);
                tokio::spawn(async move { server.serve(far).await.unwrap().waiting().await });
                tokio::spawn(async move { between(guard, client, near).await });
            }
            Self::Http => {
                let upstream = Upstream::Remote(Remote::new(&served(server).await, [], &Trust::System).unwrap().into());
                tokio::spawn(async move { stream(guard, client, &upstream, std::future::pending()).await });
            }
        }
        Box::new(move |event| host.happened(event).unwrap())
    }
}

fn ran_all(ran: &Ran) {
    assert!(ran.times >= 40, "{}", ran.times);
    // Who calls comes from the guard's options: it takes no token, and so has nobody to ask for one with more scopes.
    assert_eq!(ran.left_out, ["missing scopes, as a challenge"]);
}

#[tokio::test]
async fn every_scenario_holds() {
    ran_all(&toolgate_scenarios::run(&Guard::Stream).await);
}

#[tokio::test]
async fn every_scenario_holds_in_front_of_a_server_behind_http() {
    ran_all(&toolgate_scenarios::run(&Guard::Http).await);
}
