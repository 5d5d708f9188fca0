//! Where a server is reached, held against where its bundle says that it may be.

use std::fmt;

use url::Url;

/// Where a server is reached by HTTP.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Place(Url);

impl Place {
    /// The place that a URL names.
    ///
    /// # Errors
    /// It is no URL.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let mut url = Url::parse(url).map_err(|error| error.to_string())?;
        // It is for whoever reads the answer.
        url.set_fragment(None);
        Ok(Self(url))
    }

    /// The whole URL, in normal form: what is held against the bundle is what requests go to.
    pub(crate) fn url(&self) -> &str {
        self.0.as_str()
    }

    /// Whether this is where the `origin` of a server in the bundle says. One without a path (RFC 6454) names everything of its
    /// scheme, host and port; one with a path, that path alone, with or without a slash at its end; a query counts where
    /// `origin` has one. All in the normal form of RFC 3986, 6.2: capitals, ports, `.` and `..`.
    ///
    /// # Errors
    /// It is another place, and which.
    pub(crate) fn held(&self, server: &str, origin: &str) -> Result<(), String> {
        let said = |why: &str| {
            format!(
                "`{server}` is reached at `{self}`, and the bundle says `origin = \"{origin}\"`: {why}. \
                 Correct `--url`, or `origin` in [servers.{server}] of toolgate.toml"
            )
        };
        let wanted = Self::parse(origin).map_err(|error| said(&format!("that is no URL ({error})")))?.0;
        let (url, path) = (&self.0, |url: &Url| url.path().strip_suffix('/').unwrap_or(url.path()).to_owned());
        let differs = if wanted.scheme() != url.scheme() {
            "another scheme"
        } else if wanted.host() != url.host() || wanted.host().is_none() {
            "another host"
        } else if wanted.port_or_known_default() != url.port_or_known_default() {
            "another port"
        } else if !path(&wanted).is_empty() && path(&wanted) != path(url) {
            "another path"
        } else if wanted.query().is_some() && wanted.query() != url.query() {
            "another query"
        } else {
            return Ok(());
        };
        Err(said(differs))
    }
}

/// The URL without its query, which may be a secret.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        shown.set_query(None);
        f.write_str(shown.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, origin: &str, expected: Result<(), &str>) {
        let told = Place::parse(url).unwrap().held("notes", origin);
        match (&told, expected) {
            (Ok(()), Ok(())) => {}
            (Err(why), Err(part)) => assert!(why.contains(part), "{url} {origin}: {why}"),
            (told, expected) => panic!("{url} {origin}: {told:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn the_same_place_however_it_is_written() {
        check("https://a.example/mcp", "https://a.example/mcp", Ok(()));
        check("https://a.example/mcp", "https://a.example/mcp/", Ok(()));
        check("https://a.example/mcp/", "https://a.example/mcp", Ok(()));
        check("HTTPS://A.Example:443/x/../mcp", "https://a.example/mcp", Ok(()));
        check("https://a.example/mcp?key=1#top", "https://a.example/mcp", Ok(()));
        check("https://a.example/mcp?for=x", "https://a.example/mcp?for=x", Ok(()));
        check("http://[::1]:3000/mcp", "http://[0:0:0:0:0:0:0:1]:3000", Ok(()));
        check("http://xn--bcher-kva.example/mcp", "http://bücher.example", Ok(()));
    }

    #[test]
    fn an_origin_without_a_path_is_all_of_its_host() {
        check("https://a.example/any/where?x", "https://a.example", Ok(()));
        check("https://a.example/any/where", "https://a.example/", Ok(()));
        check("https://a.example:8443/any", "https://a.example", Err("another port"));
    }

    #[test]
    fn another_place() {
        check("http://a.example/mcp", "https://a.example/mcp", Err("another scheme"));
        check("https://b.example/mcp", "https://a.example/mcp", Err("another host"));
        check("https://a.example.evil.example/mcp", "https://a.example/mcp", Err("another host"));
        check("https://a.example./mcp", "https://a.example/mcp", Err("another host"));
        check("https://a.example:444/mcp", "https://a.example/mcp", Err("another port"));
        check("https://a.example/mcp/other", "https://a.example/mcp", Err("another path"));
        check("https://a.example/mcpx", "https://a.example/mcp", Err("another path"));
        check("https://a.example/mcp/../other", "https://a.example/mcp", Err("another path"));
        check("https://a.example/mcp/%2e%2e/other", "https://a.example/mcp", Err("another path"));
        check("https://a.example/MCP", "https://a.example/mcp", Err("another path"));
        check("https://a.example/", "https://a.example/mcp", Err("another path"));
        check("https://a.example/mcp//", "https://a.example/mcp", Err("another path"));
        check("https://a.example/mcp?for=y", "https://a.example/mcp?for=x", Err("another query"));
        check("https://a.example/mcp", "a.example", Err("that is no URL"));
        check("https://a.example/mcp", "mailto:a.example", Err("another scheme"));
    }

    #[test]
    fn what_is_told_is_what_to_change() {
        let told = Place::parse("https://b.example/mcp?key=secret").unwrap().held("notes", "https://a.example");
        let expected = "`notes` is reached at `https://b.example/mcp`, and the bundle says `origin = \"https://a.example\"`: \
            another host. Correct `--url`, or `origin` in [servers.notes] of toolgate.toml";
        assert_eq!(told, Err(expected.to_owned()));
    }
}
