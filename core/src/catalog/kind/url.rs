//! URLs that every parser reads alike: whoever fetches this text goes to the host that policies saw.

use std::sync::Arc;

use ::url::{Host, Url};
use unicode_security::MixedScript;

use crate::value::{Record, Value};

/// The parts of a URL.
///
/// `scheme`; `host` in lower case, an international name as `xn--`, IPv6 without brackets in its shortest form; `port`,
/// written or the scheme's default; `path`, `/` where none is written; `query` and `fragment` where they are written.
pub(super) fn check(text: &str) -> Result<Record, String> {
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return fault("it has whitespace or a control character; write it percent-encoded");
    }
    if text.contains('\\') {
        return fault("it has a backslash; write `/`");
    }
    let raw = Raw::split(text)?;
    let host = raw.host()?;
    let parsed = Url::parse(text).map_err(|why| format!("{why}; write `https://host/path`"))?;
    raw.check_rest()?;

    let Some(port) = raw.port()?.or_else(|| parsed.port_or_known_default()) else {
        return fault("its scheme has no default port; write the port");
    };
    let path = if raw.path.is_empty() { "/" } else { raw.path };
    let bare = parsed.host_str().map(|host| host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase());
    if parsed.scheme() != raw.scheme
        || bare.as_deref() != Some(host.as_str())
        || parsed.port_or_known_default().is_some_and(|other| other != port)
        || !parsed.username().is_empty()
    {
        return fault("parsers read it differently; write it in its normal form");
    }
    if parsed.path() != path && !(parsed.path().is_empty() && path == "/") {
        return fault("its path has characters that must be percent-encoded");
    }

    let mut parts = Record::new();
    let mut put = |name: &str, part: Value| parts.insert(Arc::from(name), part);
    put("scheme", Value::string(raw.scheme));
    put("host", Value::string(host));
    put("port", Value::Long(i64::from(port)));
    put("path", Value::string(path));
    for (name, part) in [("query", raw.query), ("fragment", raw.fragment)] {
        if let Some(part) = part {
            put(name, Value::string(part));
        }
    }
    Ok(parts)
}

fn fault<T>(why: &str) -> Result<T, String> {
    Err(why.to_owned())
}

/// The parts as they stand in the text, by RFC 3986 alone.
struct Raw<'u> {
    scheme: String,
    authority: &'u str,
    path: &'u str,
    query: Option<&'u str>,
    fragment: Option<&'u str>,
}

impl<'u> Raw<'u> {
    fn split(text: &'u str) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return fault("it has no `://`; write `https://host/path`");
        };
        let legal = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        if !legal {
            return fault("what stands before `://` is no scheme; write `https://host/path`");
        }
        let (rest, fragment) = cut(rest, '#');
        let (rest, query) = cut(rest, '?');
        let (authority, path) = rest.split_at_checked(rest.find('/').unwrap_or(rest.len())).unwrap_or((rest, ""));
        Ok(Self { scheme: scheme.to_ascii_lowercase(), authority, path, query, fragment })
    }

    /// The host and, behind a colon, the port. The colons of an IPv6 address stand in brackets.
    fn host_port(&self) -> (&'u str, Option<&'u str>) {
        let after = self.authority.rfind(']').map_or(0, |bracket| bracket + 1);
        match self.authority.get(after..).and_then(|tail| tail.find(':')) {
            Some(colon) => (
                self.authority.get(..after + colon).unwrap_or_default(),
                Some(self.authority.get(after + colon + 1..).unwrap_or_default()),
            ),
            None => (self.authority, None),
        }
    }

    fn port(&self) -> Result<Option<u16>, String> {
        let Some(port) = self.host_port().1 else { return Ok(None) };
        let plain = port.bytes().all(|b| b.is_ascii_digit()) && !port.starts_with('0');
        match port.parse() {
            Ok(number) if plain => Ok(Some(number)),
            _ => {
                fault("its port is no number from 1 to 65535; write it without zeros in front, or leave out the colon")
            }
        }
    }

    fn host(&self) -> Result<String, String> {
        if self.authority.contains('@') {
            return fault("it has user-info before the host; leave out everything up to the `@`");
        }
        let host = self.host_port().0;
        if host.is_empty() {
            return fault("it has no host; write `https://host/path`");
        }
        if host.contains('%') {
            return fault("its host is percent-encoded; write the characters themselves");
        }
        if host.ends_with('.') {
            return fault("its host ends with a dot; leave the dot out");
        }
        self.port()?;
        let parsed = Host::parse(host).map_err(|why| format!("its host is wrong ({why})"))?;
        match parsed {
            Host::Ipv4(address) if address.to_string() == host => Ok(address.to_string()),
            Host::Ipv4(address) => Err(format!("its host is an odd form of an IPv4 address; write `{address}`")),
            // To a socket this is the IPv4 address, to a policy that compares text it is another host.
            Host::Ipv6(address) => match address.to_ipv4_mapped() {
                Some(inner) => Err(format!("its host is an IPv4 address inside an IPv6 one; write `{inner}`")),
                None => Ok(address.to_string()),
            },
            Host::Domain(ascii) => domain(host, ascii),
        }
    }

    /// Path, query and fragment.
    fn check_rest(&self) -> Result<(), String> {
        let rest = [Some(self.path), self.query, self.fragment];
        if !rest.into_iter().flatten().all(str::is_ascii) {
            return fault("it has characters beyond ASCII behind the host; write them percent-encoded");
        }
        let path = self.path.to_ascii_lowercase();
        if ["%2f", "%5c", "%00"].iter().any(|escape| path.contains(escape)) {
            return fault("its path has an encoded slash, backslash or NUL; leave it out");
        }
        if path.split('/').any(|segment| matches!(segment.replace("%2e", ".").as_str(), "." | "..")) {
            return fault("its path has a `.` or `..` segment; write the path that it leads to");
        }
        let escaped = path.split('%').skip(1).all(
            |tail| matches!(tail.as_bytes(), [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit()),
        );
        if !escaped {
            return fault("its path has a `%` that encodes nothing; write `%25`");
        }
        // A server decodes them, so that a policy would compare another path than the one that is fetched.
        let plain = path.split('%').skip(1).filter_map(|tail| u8::from_str_radix(tail.get(..2)?, 16).ok());
        if plain.into_iter().any(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)) {
            return fault("its path has a character encoded that needs no encoding; write the character itself");
        }
        Ok(())
    }
}

/// Checks a host name against what the WHATWG algorithm made of it, and gives its ASCII form.
fn domain(raw: &str, ascii: String) -> Result<String, String> {
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if ascii.len() > 253 || !ascii.split('.').all(label) {
        return fault("its host is no host name; write letters, digits and hyphens with single dots between them");
    }
    let unicode = ::url::quirks::domain_to_unicode(&ascii);
    let same = if raw.is_ascii() { raw.to_ascii_lowercase() == ascii } else { raw == unicode };
    if unicode.is_empty() || !same {
        return Err(format!("its host is not in normal form; write `{ascii}`"));
    }
    // The name as a whole, so that a Cyrillic look-alike below `.com` counts as mixed too.
    if !unicode.is_ascii() && !unicode.as_str().is_single_script() {
        return Err(format!("its host mixes scripts (`{ascii}`); write the name that is meant"));
    }
    Ok(ascii)
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(text: &str, expected: &str) {
        match check(text) {
            Ok(parts) => {
                let mut parts: Vec<_> =
                    parts.into_iter().map(|(name, part)| format!("{name}={}", part.to_json())).collect();
                parts.retain(|part| !part.starts_with("scheme"));
                assert_eq!(parts.join(" ").replace('"', ""), expected, "{text}");
            }
            Err(why) => assert!(!expected.is_empty() && why.contains(expected), "{text}: {why}"),
        }
    }

    #[test]
    fn parts() {
        run("https://example.com", "host=example.com path=/ port=443");
        run("HTTPS://Example.COM/A", "host=example.com path=/A port=443");
        run("https://example.com:443/a?b=c&d#e", "fragment=e host=example.com path=/a port=443 query=b=c&d");
        run("http://example.com:8080?x=//@y", "host=example.com path=/ port=8080 query=x=//@y");
        run("https://example.com/?", "host=example.com path=/ port=443 query=");
        run("https://example.com/#", "fragment= host=example.com path=/ port=443");
        run("https://example.com//a///b", "host=example.com path=//a///b port=443");
        run("https://example.com/a%20b/...", "host=example.com path=/a%20b/... port=443");
        run("http://127.0.0.1/", "host=127.0.0.1 path=/ port=80");
        run("http://[::1]:81/", "host=::1 path=/ port=81");
        run("http://[0:0:0:0:0:0:0:1]/", "host=::1 path=/ port=80");
        run("ftp://files.example/x", "host=files.example path=/x port=21");
        run("wss://a.example/x", "host=a.example path=/x port=443");
        run("postgres://Db.example:5432/x", "host=db.example path=/x port=5432");
        run("postgres://db.example:5432", "host=db.example path=/ port=5432");
        run("https://bücher.example/", "host=xn--bcher-kva.example path=/ port=443");
        run("https://xn--bcher-kva.example/", "host=xn--bcher-kva.example path=/ port=443");
        run("https://пример.рф/", "host=xn--e1afmkfd.xn--p1ai path=/ port=443");
        run("https://a_b.example/", "host=a_b.example path=/ port=443");
        run("http://localhost:3000/", "host=localhost path=/ port=3000");
    }

    #[test]
    fn hostile() {
        for (text, fault) in [
            ("", "no `://`"),
            ("example.com", "no `://`"),
            ("//example.com/", "no `://`"),
            ("https:example.com", "no `://`"),
            ("https:/example.com", "no `://`"),
            ("https:///example.com", "no host"),
            ("https://", "no host"),
            ("https://:443/", "no host"),
            ("https://?x", "no host"),
            ("file:///etc/passwd", "no host"),
            ("file://server/x", "no default port"),
            ("javascript://example.com/%0aalert(1)", "no default port"),
            ("1a://example.com/", "no scheme"),
            ("ht tp://example.com/", "whitespace"),
            ("https://ex\tample.com", "whitespace"),
            ("https://example.com/\n", "whitespace"),
            (" https://example.com/", "whitespace"),
            ("https://example.com/\u{a0}", "whitespace"),
            ("https://example.com/\0", "control"),
            ("http:/\\evil", "backslash"),
            ("https://example.com\\@evil.test/", "backslash"),
            ("https://api.github.com@evil.test/", "user-info"),
            ("https://a:b@evil.test/", "user-info"),
            ("https://@evil.test/", "user-info"),
            ("https://a@b@evil.test/", "user-info"),
            ("http://0x7f.1/", "write `127.0.0.1`"),
            ("http://127.1/", "write `127.0.0.1`"),
            ("http://2130706433/", "write `127.0.0.1`"),
            ("http://0177.0.0.1/", "write `127.0.0.1`"),
            ("http://127.0.0.01/", "write `127.0.0.1`"),
            ("http://127.0.0.1./", "ends with a dot"),
            ("http://256.0.0.1/", "host is wrong"),
            ("http://1.2.3.4.5/", "host is wrong"),
            ("http://[::ffff:127.0.0.1]/", "inside an IPv6"),
            ("http://[::ffff:7f00:1]/", "inside an IPv6"),
            ("http://[fe80::1%25eth0]/", "percent-encoded"),
            ("http://[::1/", "its port"),
            ("http://[::1]x/", "host is wrong"),
            ("http://::1/", "no host"),
            ("https://a%2eb/", "percent-encoded"),
            ("https://%65xample.com/", "percent-encoded"),
            ("https://example.com./", "ends with a dot"),
            ("https://a..b/", "no host name"),
            ("https://.a/", "no host name"),
            ("https://a;b.example/", "no host name"),
            ("https://a,b/", "no host name"),
            ("https://example.com:/", "its port"),
            ("https://example.com:0443/", "its port"),
            ("https://example.com:0/", "its port"),
            ("https://example.com:65536/", "its port"),
            ("https://example.com:+80/", "its port"),
            ("https://example.com:80:81/", "its port"),
            ("https://аpple.com/", "mixes scripts"),
            ("https://аррӏе.com/", "mixes scripts"),
            ("https://xn--pple-43d.com/", "mixes scripts"),
            ("https://xn--a/", "host is wrong"),
            ("https://ｅxample.com/", "write `example.com`"),
            ("https://example。com/", "write `example.com`"),
            ("https://Bücher.example/", "write `xn--bcher-kva.example`"),
            ("https://exa\u{ad}mple.com/", "write `example.com`"),
            ("https://ⓔxample.com/", "write `example.com`"),
            ("https://127.0.0.１/", "write `127.0.0.1`"),
            ("https://example.com/a/../b", "`..` segment"),
            ("https://example.com/..", "`..` segment"),
            ("https://example.com/./b", "`..` segment"),
            ("https://example.com/a/%2E%2e/b", "`..` segment"),
            ("https://example.com/.%2e/b", "`..` segment"),
            ("https://example.com/%61dmin", "needs no encoding"),
            ("https://example.com/a%2Dz", "needs no encoding"),
            ("https://example.com/a%7E", "needs no encoding"),
            ("https://example.com/a%2Fb", "encoded slash"),
            ("https://example.com/a%5cb", "encoded slash"),
            ("https://example.com/a%00", "encoded slash"),
            ("https://example.com/100%", "`%25`"),
            ("https://example.com/é", "beyond ASCII"),
            ("https://example.com/?q=é", "beyond ASCII"),
            ("https://example.com/#é", "beyond ASCII"),
            ("https://example.com/<a>", "percent-encoded"),
        ] {
            run(text, fault);
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_agrees_with_the_parser(text in "(https?|ws|x)://[a-c.:@\\[\\]%0-9/?#\\\\é\\-]{0,20}") {
            if let Ok(parts) = check(&text) {
                let parsed = Url::parse(&text).unwrap();
                let host = parts.get("host").unwrap().to_json();
                prop_assert_eq!(parsed.host_str().unwrap().trim_matches(['[', ']']), host.as_str().unwrap());
            }
        }
    }
}
