//! A guarded server behind HTTPS: whose certificates count, and what is told of those that do not.

use axum::serve::Listener;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
    server::TlsStream,
};
use toolgate_guard::{Remote, Trust};

use crate::{
    common::{call, modern, request},
    remote::{Log, Scene, app},
};

/// An authority of the test's own.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn trust(&self) -> Trust {
        Trust::Authorities(self.0.pem().into_bytes())
    }

    /// A server with a certificate of this authority. Gives its URL, as `host`.
    async fn serves(&self, host: &str, change: impl FnOnce(&mut CertificateParams)) -> (String, Log) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        change(&mut params);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], secret)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{host}:{}/mcp", listener.local_addr().unwrap().port());
        let (app, log) = app(|_| None);
        let listener = Secure { listener, acceptor: TlsAcceptor::from(std::sync::Arc::new(config)) };
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (url, log)
    }
}

struct Secure {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Secure {
    type Io = TlsStream<TcpStream>;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, from) = self.listener.accept().await.unwrap();
            // A client that does not trust the server goes.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, from);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// The server is not spoken to, and the client is told why.
async fn refused((url, log): (String, Log), trust: &Trust, with: &str) {
    let mut scene = Scene::trusting(&url, trust);
    let answer = scene.client.ask(&request(0, "initialize", json!({}))).await;
    assert_eq!(answer["error"]["message"], format!("toolgate: the server's certificate does not count: {with}"));
    let denied = scene.client.ask(&modern(call(1, "read_note"))).await;
    assert_eq!(denied["error"]["code"], -31403, "{denied}");
    assert!(log.lock().unwrap().is_empty(), "nothing has been said, no credentials either");
}

#[tokio::test]
async fn an_authority_of_ones_own_counts_where_it_is_named() {
    let authority = Authority::new("own");
    let (url, log) = authority.serves("localhost", |_| ()).await;
    let mut scene = Scene::trusting(&url, &authority.trust());
    let answer = scene.client.ask(&modern(call(1, "read_note"))).await;
    assert_eq!(answer["result"]["content"][0]["text"], "it ran");
    assert!(log.lock().unwrap().iter().all(|one| one.says("authorization") == "Bearer secret"));
}

#[tokio::test]
async fn what_nobody_vouches_for_is_not_spoken_to() {
    let unknown = "it was issued by nobody who is trusted here; `--ca-file` names an authority of your own";
    let authority = Authority::new("own");
    // A system without any certificates refuses earlier.
    if Remote::new("https://localhost/mcp", [], &Trust::System).is_ok() {
        refused(authority.serves("localhost", |_| ()).await, &Trust::System, unknown).await;
    }
    refused(authority.serves("localhost", |_| ()).await, &Authority::new("another").trust(), unknown).await;
    // An authority that only has the name of the trusted one.
    let with = "it is not signed by the authority that it names";
    refused(Authority::new("own").serves("localhost", |_| ()).await, &authority.trust(), with).await;
}

#[tokio::test]
async fn certificates_of_another_time_or_another_host() {
    let authority = Authority::new("own");
    let expired = |params: &mut CertificateParams| params.not_after = date_time_ymd(2020, 1, 1);
    refused(authority.serves("localhost", expired).await, &authority.trust(), "it has expired").await;
    let early = |params: &mut CertificateParams| params.not_before = date_time_ymd(4000, 1, 1);
    let with = "its time has not come; is the clock of this machine right?";
    refused(authority.serves("localhost", early).await, &authority.trust(), with).await;
    let with = "it is for another host than `127.0.0.1`: for DnsName(\\\"localhost\\\")";
    refused(authority.serves("127.0.0.1", |_| ()).await, &authority.trust(), with).await;
}

#[test]
fn authorities_that_are_none() {
    let check = |url: &str, pem: &str, with: &str| {
        let made = Remote::new(url, [], &Trust::Authorities(pem.as_bytes().to_owned()));
        let told = made.err().unwrap_or_else(|| panic!("{pem}"));
        assert!(told.contains(with), "{told}");
    };
    check("https://a.example/mcp", "", "there is no certificate to trust in it");
    check("https://a.example/mcp", "nonsense", "there is no certificate to trust in it");
    check("https://a.example/mcp", "-----BEGIN CERTIFICATE-----\nAAAA", "the certificates to trust are no PEM");
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    check("https://a.example/mcp", broken, "a certificate to trust cannot be read");
    check("http://a.example/mcp", &Authority::new("own").0.pem(), "write `https://`");
}
