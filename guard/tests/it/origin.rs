//! A server at a URL is held against where its bundle says that it may be reached.

use std::sync::{Arc, Mutex};

use serde_json::json;
use toolgate::{PolicyBundle, Sources};
use toolgate_guard::{Ended, Host, Remote, Trust, Upstream, http, stream};

use crate::{
    common::{End, LONGEST, call, host_of, modern, tools},
    remote::serve,
};

/// A bundle of the example server that says this of where it is.
fn bundle(origin: &str) -> PolicyBundle {
    let mut sources = Sources::default();
    let server = format!("[bundle]\nname = \"o\"\nversion = \"1\"\n[servers.notes]\nverified = true\n{origin}\n");
    sources.insert("toolgate.toml", server);
    sources.insert("tools/notes.json", tools().to_string());
    sources.insert("policies/o.cedar", r#"@id("all") permit (principal, action in Action::"call", resource);"#);
    PolicyBundle::load(&sources).unwrap()
}

fn said(origin: &str) -> PolicyBundle {
    bundle(&format!("origin = \"{origin}\""))
}

fn guarding(bundle: PolicyBundle) -> (Arc<Host>, Arc<Mutex<Vec<String>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = Arc::clone(&told);
    (host_of(bundle, LONGEST, move |text| telling.lock().unwrap().push(text.to_owned())), told)
}

fn at(url: &str) -> Upstream {
    Upstream::Remote(Remote::new(url, [], &Trust::System).unwrap().into())
}

#[tokio::test]
async fn elsewhere_is_refused_before_a_word_is_said() {
    let (url, log) = serve(|_| None).await;
    let (_client, near) = tokio::io::duplex(1 << 16);
    let (host, _) = guarding(said("https://notes.example/mcp"));
    let over_stdio = stream(Arc::clone(&host), near, &at(&url), std::future::pending()).await;
    let over_http = http(host, &at(&url), "127.0.0.1:0".parse().unwrap(), std::future::pending()).await;
    for refused in [over_stdio.map(|_| ()), over_http] {
        let why = refused.unwrap_err();
        assert!(why.contains("`origin = \"https://notes.example/mcp\"`: another scheme"), "{why}");
    }
    assert!(log.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_bundle_that_says_elsewhere_does_not_take_the_place_of_one_in_force() {
    let (url, _) = serve(|_| None).await;
    let (client, near) = tokio::io::duplex(1 << 16);
    let (host, told) = guarding(said(&url));
    let (guarded, upstream) = (Arc::clone(&host), at(&url));
    let guard = tokio::spawn(async move { stream(guarded, near, &upstream, std::future::pending()).await.unwrap() });
    let mut client = End::new(client);
    let ran = client.ask(&modern(call(1, "read_note"))).await;
    assert_eq!(ran["result"]["content"][0]["text"], "it ran");
    let before = host.gate().bundle().digest();
    let why = host.replace(said("https://notes.example")).unwrap_err();
    assert!(why.contains("another scheme"), "{why}");
    assert_eq!(host.gate().bundle().digest(), before);
    // One that says nothing of it is taken, as at the start.
    host.replace(bundle("")).unwrap();
    assert_eq!(client.ask(&modern(call(2, "read_note"))).await["result"]["content"][0]["text"], json!("it ran"));
    drop(client);
    assert_eq!(guard.await.unwrap(), Ended::Client);
    assert_eq!(*told.lock().unwrap(), ["reloaded 1"]);
}

#[tokio::test]
async fn a_bundle_that_does_not_say_where_is_warned_of_once() {
    let (url, _) = serve(|_| None).await;
    let (host, told) = guarding(bundle(""));
    for _ in 0..2 {
        let (client, near) = tokio::io::duplex(1 << 16);
        drop(client);
        stream(Arc::clone(&host), near, &at(&format!("{url}?key=secret")), std::future::pending()).await.unwrap();
    }
    let told = told.lock().unwrap();
    let expected = format!(
        "the bundle does not say where `notes` may be reached: add `origin = \"{url}\"` to [servers.notes] of \
         toolgate.toml, and no other place is taken for it"
    );
    assert_eq!(*told, [expected]);
}
