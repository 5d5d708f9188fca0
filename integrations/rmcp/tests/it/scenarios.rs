//! The scenarios that every adapter runs.

use rmcp::ServiceExt as _;
use tokio::io::DuplexStream;
use toolgate_rmcp::{Caller, Gated, Host, Settings};
use toolgate_scenarios::{Adapter, Apply, Setup};

struct Rmcp;

impl Adapter for Rmcp {
    async fn serve(&self, setup: Setup, client: DuplexStream) -> Apply {
        let Setup { bundle, ledger, records, host, rendering, server, now } = setup;
        let caller = Caller {
            on_behalf_of: host.on_behalf_of,
            credential: host.credential,
            session: host.session,
            task: host.task,
            origin: host.origin,
            ..Caller::new(host.principal)
        };
        let host = Host::new(Settings {
            ledger,
            rendering,
            obligations: vec!["audit".to_owned()],
            caller: Some(caller),
            records: Some(Box::new(records)),
            clock: Box::new(move || now),
            ..Settings::new(bundle, "notes")
        });
        let host = host.unwrap();
        host.listed(&server.tools()).unwrap();
        let gated = Gated::new(server, host.clone());
        tokio::spawn(async move { gated.serve(client).await.unwrap().waiting().await });
        Box::new(move |event| host.apply(event).unwrap())
    }
}

#[tokio::test]
async fn every_scenario_holds() {
    let ran = toolgate_scenarios::run(&Rmcp).await;
    assert!(ran.times >= 40, "{}", ran.times);
    // It is an HTTP status: `http.rs`.
    assert_eq!(ran.left_out, ["missing scopes, as a challenge"]);
}
