//! A guarded server that is reached by streamable HTTP.
//!
//! The SDK's client is not what carries messages here: it reads them into its own model, which loses what it does not know
//! and with it what pins cover, and it begins an expired session anew by itself, where calls would be sent twice.

mod answer;
pub(crate) mod headers;
mod sse;
mod talk;
mod trust;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

pub(crate) use self::talk::Talk;
pub use self::trust::Trust;
use crate::place::Place;

/// How long a connection may take to be made.
const PATIENCE: Duration = Duration::from_secs(30);
/// When a connection that nothing comes over is asked whether it still stands.
const SILENCE: Duration = Duration::from_secs(60);

/// Headers that are the guard's own.
const OWN: [HeaderName; 10] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::EXPECT,
    header::HOST,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

type Http = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Where a server is reached by streamable HTTP, and what it is told of who asks.
#[derive(Clone)]
pub struct Remote {
    place: Place,
    url: Uri,
    /// What the host wants said with every request.
    headers: Arc<HeaderMap>,
    http: Http,
}

impl Remote {
    /// The server at a URL, where whoever `trust` says vouches for it. The headers, such as credentials, go with every request, to this URL and to no other: a redirect
    /// is not followed.
    ///
    /// # Errors
    /// The URL is no absolute `http` or `https` URL, or carries credentials; a header is malformed or the guard's own; there
    /// are no certificates to trust, or they cannot be read.
    pub fn new(url: &str, headers: impl IntoIterator<Item = (String, String)>, trust: &Trust) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        if rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@')) {
            // Told without them.
            let why = "a URL is no place for credentials, they stand in a header";
            return Err(format!("the URL of the server holds a user or a password: {why}"));
        }
        let wrong = |why: &str| format!("`{url}` is no URL of a server: {why}");
        let secure = match &*scheme.to_ascii_lowercase() {
            "https" => true,
            "http" => false,
            _ => return Err(wrong("it begins with neither `https://` nor `http://`")),
        };
        let strict: Uri = url.parse().map_err(|error: http::uri::InvalidUri| wrong(&error.to_string()))?;
        if strict.host().is_none_or(str::is_empty) {
            return Err(wrong("it has no host"));
        }
        let place = Place::parse(url).map_err(|why| wrong(&why))?;
        let parsed = place.url().parse().map_err(|error: http::uri::InvalidUri| wrong(&error.to_string()))?;
        let mut said = HeaderMap::new();
        for (name, value) in headers {
            let (name, value) = header(&name, &value)?;
            said.append(name, value);
        }
        Ok(Self { place, url: parsed, headers: Arc::new(said), http: client(secure, trust)? })
    }

    /// The URL as the `origin` of a bundle: without its query, which may be a secret.
    pub fn origin(&self) -> String {
        self.place.to_string()
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Whether what is said can be read on the way: credentials, too.
    pub fn is_open(&self) -> bool {
        let host = self.url.host().unwrap_or_default();
        let here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        self.url.scheme_str() != Some("https") && !here
    }
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let parsed = HeaderName::from_bytes(name.trim().as_bytes());
    let parsed = parsed.map_err(|_| format!("`{}` is no name of a header", name.escape_debug()))?;
    if OWN.contains(&parsed) || parsed.as_str().starts_with("mcp-") {
        return Err(format!("the header `{parsed}` is the guard's own"));
    }
    // Never shown: it may be the secret.
    let failed = |_| format!("the value of the header `{parsed}` holds what no header may");
    let mut value = HeaderValue::from_str(value.trim()).map_err(failed)?;
    value.set_sensitive(true);
    Ok((parsed, value))
}

fn client(secure: bool, trust: &Trust) -> Result<Http, String> {
    let config = trust.config(secure)?;
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(PATIENCE));
    connector.set_keepalive(Some(SILENCE));
    connector.set_nodelay(true);
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().wrap_connector(connector);
    // It writes a request again only if not a byte of it was written: on a connection that had been closed meanwhile.
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, header: (&str, &str), expected: Result<(), &str>) {
        let made = Remote::new(url, [(header.0.to_owned(), header.1.to_owned())], &Trust::System);
        match (made, expected) {
            (Ok(_), Ok(())) => {}
            (Err(why), Err(part)) => assert!(why.contains(part), "{url} {header:?}: {why}"),
            (made, expected) => panic!("{url} {header:?}: {:?} instead of {expected:?}", made.err()),
        }
    }

    #[test]
    fn addresses_and_headers() {
        let key = ("Authorization", "Bearer x");
        check("http://127.0.0.1:1/mcp", key, Ok(()));
        check("http://[::1]:1/@scope/mcp?x=1@2", key, Ok(()));
        check("ftp://a.example/mcp", key, Err("neither `https://` nor `http://`"));
        check("/mcp", key, Err("neither"));
        check("a.example", key, Err("neither"));
        check("http://me:secret@a.example/mcp", key, Err("no place for credentials"));
        check("http://a.example/mcp", ("Host", "b.example"), Err("the guard's own"));
        check("http://a.example/mcp", ("Mcp-Session-Id", "x"), Err("the guard's own"));
        check("http://a.example/mcp", ("a b", "x"), Err("no name of a header"));
        check("http://a.example/mcp", ("x-key", "a\r\nHost: b"), Err("the value of the header `x-key`"));
    }

    #[test]
    fn a_secret_is_not_told() {
        let told = Remote::new("http://me:secret@a.example/mcp", [], &Trust::System).err().unwrap();
        assert!(!told.contains("secret"), "{told}");
        let told = Remote::new("http://a.example/mcp", [("x-key".to_owned(), "secret\n".repeat(2))], &Trust::System)
            .err()
            .unwrap();
        assert!(!told.contains("secret"), "{told}");
    }

    #[test]
    fn what_can_be_read_on_the_way() {
        let open = |url: &str| Remote::new(url, [], &Trust::System).unwrap().is_open();
        assert!(open("http://a.example/mcp"));
        assert!(!open("http://localhost:3000/mcp"));
    }
}
