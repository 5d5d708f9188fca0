//! The scenarios that every adapter runs.

use std::sync::Arc;

use rmcp::ServiceExt as _;
use tokio::io::DuplexStream;
use toolgate::{Chain, Gate};
use toolgate_guard::{Host, OnDrift, Parts, Records, Settings, between};
use toolgate_scenarios::{Adapter, Apply, Setup};

struct Guard;

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
            records: Some(Records::new(records, Chain::default())),
            tell: Box::new(|_| ()),
            confirm: Box::new(|_| false),
            clock: Box::new(move || now),
        });
        let host = Arc::new(host.unwrap());
        let (near, far) = tokio::io::duplex(1 << 20);
        tokio::spawn(async move { server.serve(far).await.unwrap().waiting().await });
        let guard = Arc::clone(&host);
        tokio::spawn(async move { between(guard, client, near).await });
        Box::new(move |event| host.happened(event).unwrap())
    }
}

#[tokio::test]
async fn every_scenario_holds() {
    let ran = toolgate_scenarios::run(&Guard).await;
    assert!(ran >= 40, "{ran}");
}
