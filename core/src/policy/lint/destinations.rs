//! Destinations that a policy names in another form than calls have them in: a server's own stands as the manifest writes
//! its `origin`, an argument of the kind `url` counts by scheme, host and port.

use cedar_policy::pst::{BinaryOp, Expr, Literal};

use super::{super::read_paths::path, walk::Walk};
use crate::{
    catalog::{Kind, normal},
    engine::Root,
    error::{Diagnostic, Place},
};

/// What the destinations of the calls that a policy covers can be.
#[derive(Default)]
struct Known<'a> {
    /// Of servers, by their ids: the origin as it stands.
    origins: Vec<(&'a str, &'a str)>,
    urls: bool,
    emails: bool,
    /// Whether an argument is taken as it is.
    names: bool,
}

impl<'a> Walk<'a> {
    /// A comparison with destinations. `positive`: the policy applies sooner when it is true.
    pub(super) fn destinations(&mut self, expr: &Expr, positive: bool) {
        let Expr::BinaryOp { op, left, right } = expr else { return };
        let is = |expr: &Expr| {
            path(expr).is_some_and(|(root, names)| root == Root::Context && names == ["destinations".to_owned()])
        };
        let (other, finds) = match op {
            BinaryOp::Contains | BinaryOp::ContainsAll if is(left) => (right, true),
            BinaryOp::ContainsAny if is(left) => (right, true),
            BinaryOp::ContainsAny if is(right) => (left, true),
            BinaryOp::Eq | BinaryOp::NotEq if is(left) => (right, false),
            BinaryOp::ContainsAll | BinaryOp::Eq | BinaryOp::NotEq if is(right) => (left, false),
            _ => return,
        };
        let texts = match &**other {
            Expr::Set(items) => items.iter().map(|item| &**item).collect(),
            other => vec![other],
        };
        let known = self.known();
        for text in texts {
            if let Expr::Literal(Literal::String(text)) = text {
                let told = self.never(&known, text).or_else(|| {
                    let other =
                        self.other_form(&known, text).filter(|_| finds && positive && self.one.policy.forbids)?;
                    (!self.says(&other.0)).then_some(other.1)
                });
                self.found.extend(told);
            }
        }
    }

    fn known(&self) -> Known<'a> {
        let mut known = Known::default();
        for (tool, action) in &self.covered {
            for pointer in &action.destinations {
                match tool.kinds.get(pointer) {
                    Some(Kind::Url) => known.urls = true,
                    Some(Kind::Email) => known.emails = true,
                    _ => known.names = true,
                }
            }
            let server = tool.id.split('/').next().filter(|_| action.egress.0);
            if let Some((id, server)) = server.and_then(|id| self.catalog.servers.get_key_value(id))
                && let Some(origin) = &server.origin
                && known.origins.last().is_none_or(|(last, _)| *last != id.as_str())
            {
                known.origins.push((id, origin));
            }
        }
        known
    }

    /// A text that no destination is.
    fn never(&self, known: &Known<'_>, text: &str) -> Option<Diagnostic> {
        let (url, email) = (normal(&Kind::Url, text), normal(&Kind::Email, text));
        let is = |normal: &Option<String>| normal.as_deref() == Some(text);
        let own = known.origins.iter().any(|(_, origin)| *origin == text);
        if known.names || own || (known.urls && is(&url)) || (known.emails && is(&email)) {
            return None;
        }
        let message =
            format!("no call that `{}` covers has the destination `{}`", self.one.policy.id, text.escape_debug());
        let told = Diagnostic::warning("unknown_destination", message).at(self.place(text));
        let same = known.origins.iter().find(|(_, origin)| url.is_some() && normal(&Kind::Url, origin) == url);
        Some(match (same, url.filter(|_| known.urls).or(email.filter(|_| known.emails))) {
            (Some((id, origin)), _) => told
                .help(format!("the server `{id}` counts by the `origin` that the manifest gives it: write `{origin}`")),
            (None, Some(normal)) => told.help(format!("destinations are in normal form: write `{normal}`")),
            (None, None) => told,
        })
    }

    /// Another form that has to be named besides, so that a forbid misses nothing.
    fn other_form(&self, known: &Known<'_>, text: &str) -> Option<(String, Diagnostic)> {
        let url = normal(&Kind::Url, text)?;
        let warn = |missed: String, form: &str| {
            let message = format!("the forbid `{}` names `{text}`, and misses {missed}", self.one.policy.id);
            let told = Diagnostic::warning("destination_form", message).at(self.place(text));
            (form.to_owned(), told.help(format!("name `{form}`, too")))
        };
        if known.origins.iter().any(|(_, origin)| *origin == text) {
            let missed = format!("arguments that lead there: a URL counts as `{url}`");
            return (known.urls && url != text).then(|| warn(missed, &url));
        }
        let (id, origin) =
            known.origins.iter().find(|(_, origin)| normal(&Kind::Url, origin).as_ref() == Some(&url))?;
        Some(warn(format!("the server `{id}`, which counts by its `origin` in the manifest"), origin))
    }

    fn says(&self, text: &str) -> bool {
        self.one.statement.find(&self.one.source, text, false).is_some()
    }

    fn place(&self, text: &str) -> Place {
        let span = self.one.statement.find(&self.one.source, text, false).unwrap_or(self.one.statement.head.clone());
        self.one.at(span)
    }
}
