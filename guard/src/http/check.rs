//! Whether a request may come in at all, before it is read.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};

/// Why a request is answered with a status alone.
pub(super) type Refused = (StatusCode, &'static str);

/// A page in somebody's browser must not reach a guard on the same machine: the host and the origin are this machine.
pub(super) fn local(headers: &HeaderMap) -> Result<(), Refused> {
    let host = headers.get(header::HOST).and_then(name);
    let origin = headers.get(header::ORIGIN);
    if !host.is_some_and(is_local) {
        return Err((StatusCode::FORBIDDEN, "Forbidden: the host is not this machine"));
    }
    let foreign = |origin: &HeaderValue| {
        let text = origin.to_str().ok().and_then(|text| text.split_once("://")).map(|(_, host)| host);
        !text.map(without_port).is_some_and(is_local)
    };
    match origin {
        Some(origin) if foreign(origin) => Err((StatusCode::FORBIDDEN, "Forbidden: the origin is not this machine")),
        _ => Ok(()),
    }
}

fn name(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok().map(without_port)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_local(host: &str) -> bool {
    matches!(host.to_ascii_lowercase().as_str(), "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: Option<&str>, origin: Option<&str>, expected: bool) {
        let mut headers = HeaderMap::new();
        for (name, value) in [(header::HOST, host), (header::ORIGIN, origin)] {
            if let Some(value) = value {
                headers.insert(name, HeaderValue::from_str(value).unwrap());
            }
        }
        assert_eq!(local(&headers).is_ok(), expected, "{host:?} {origin:?}");
    }

    #[test]
    fn this_machine_and_no_other() {
        check(Some("127.0.0.1:8080"), None, true);
        check(Some("localhost"), Some("http://localhost:3000"), true);
        check(Some("[::1]:8080"), Some("http://[::1]"), true);
        check(None, None, false);
        check(Some("evil.example"), None, false);
        check(Some("localhost.evil.example"), None, false);
        check(Some("localhost"), Some("https://evil.example"), false);
        check(Some("localhost"), Some("null"), false);
        check(Some("localhost"), Some("http://localhost@evil.example"), false);
    }
}
