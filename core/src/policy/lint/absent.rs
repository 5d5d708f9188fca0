//! What a call leaves out must neither meet a permit nor switch off a forbid.

use cedar_policy::pst::{BinaryOp, Expr, Literal};

use super::{
    super::{
        declared::Attribute,
        read_paths::{children, root_name},
        session,
    },
    walk::Walk,
    without::{self, Part},
};
use crate::{engine::Root, error::Diagnostic};

impl Walk<'_> {
    /// Leaving out the session must neither meet a permit nor switch off a forbid.
    pub(super) fn without_session(&mut self, op: BinaryOp, left: &Expr, right: &Expr, positive: bool) {
        if let Some((name, holds)) = session::when_absent(op, left, right) {
            self.session_decides(&name, holds, positive);
        }
    }

    /// A text that tells of what a call may leave out, or a host not tell.
    pub(super) fn text(&mut self, leaf: &Expr, positive: bool) {
        let forbids = self.one.policy.forbids;
        for fact in without::asked(leaf) {
            let Some((part, then)) = without::text(&fact) else { continue };
            let Some(holds) = self.without.truth(leaf, part) else { continue };
            // Of two branches, nobody knows here which is the stricter. The baseline leaves to the manifest what is required.
            if (holds == positive) == forbids || self.chooses || self.one.is_baseline() {
                continue;
            }
            let name = fact.join(".");
            if name == "session.id" {
                self.session_decides(&name, holds, positive);
            } else if !self.is_settled(part) && (forbids || !says(leaf, then)) {
                self.told_of(part, &name, then);
            }
        }
    }

    /// A text that decides once its part is left out.
    fn told_of(&mut self, part: Part, name: &str, then: &str) {
        let what = format!("leaving out {}: `context.{name}` then is `{then}`", part.name());
        let first = name.split('.').next().unwrap_or_default();
        let require = part.key().map(|key| format!("write `[require]` and `{key} = true` in the manifest, or "));
        let require = require.unwrap_or_else(|| "write ".to_owned());
        let id = &self.one.policy.id;
        let (code, message, help) = match self.one.policy.forbids {
            true => {
                let message = format!("the forbid `{id}` is switched off by {what}");
                ("forbid_guarded", message, format!("{require}`... == \"{then}\" || ...`"))
            }
            false => {
                let message = format!("the permit `{id}` is met by {what}");
                ("permit_unguarded", message, format!("{require}`... != \"{then}\" && ...`"))
            }
        };
        let span = self.one.statement.find(&self.one.source, first, false).unwrap_or(self.one.statement.head.clone());
        self.found.push(Diagnostic::warning(code, message).at(self.one.at(span)).help(help));
    }

    /// Whether leaving out a part changes nothing: the manifest requires it; without it, what this stands in comes to the
    /// same anyway; or a forbid stops every such call.
    pub(super) fn is_settled(&mut self, part: Part) -> bool {
        let Self { one, above, without, .. } = self;
        part.is_required(self.catalog.require)
            || above.iter().any(|(expr, settles)| without.truth(expr, part) == Some(*settles))
            || (!one.policy.forbids && without.fails(&one.tree, part))
            || self
                .walls
                .get(&part)
                .is_some_and(|wall| self.covered.iter().all(|(_, action)| wall.contains(&*action.id)))
    }

    /// What an expression about a fact of the session comes to without one.
    pub(super) fn session_decides(&mut self, name: &str, holds: bool, positive: bool) {
        let forbids = self.one.policy.forbids;
        if (holds == positive) == forbids || self.is_settled(Part::Session) {
            return;
        }
        let last = name.rsplit('.').next().unwrap_or(name);
        let span = self.one.statement.find(&self.one.source, last, false).unwrap_or(self.one.statement.head.clone());
        let (code, what) = match forbids {
            true => ("forbid_without_session", "forbid"),
            false => ("permit_without_session", "permit"),
        };
        let done = if forbids { "switched off" } else { "met" };
        let id = &self.one.policy.id;
        let then = if name == "session.id" { "empty" } else { "the worst there can be" };
        let message =
            format!("the {what} `{id}` is {done} by leaving out the session: `context.{name}` then is {then}");
        let help = match forbids {
            true => "write `[require]` and `session = true` in the manifest",
            false => "write `[require]` and `session = true` in the manifest, or `context.session.present && ...`",
        };
        self.found.push(Diagnostic::warning(code, message).at(self.one.at(span)).help(help));
    }

    pub(super) fn has(&mut self, root: Root, names: &[String], positive: bool) {
        let stands = self.stands(root, names);
        let shown = format!("{}.{}", root_name(root), names.join("."));
        let last = names.last().map(String::as_str).unwrap_or_default();
        if !stands.is_empty() && stands.iter().all(|one| *one == Attribute::Undeclared) {
            let span = self.one.statement.find(&self.one.source, last, true).unwrap_or(self.one.statement.head.clone());
            let message = format!("`has {last}` is always false: nothing declares `{shown}`");
            let mut told = Diagnostic::error("unknown_attribute", message).at(self.one.at(span));
            if let (Root::Context, Some((_, action))) = (root, self.covered.first()) {
                let siblings = self.declared.siblings(&action.id, names);
                told = told.suggest(last, siblings.iter().map(String::as_str));
            }
            self.found.push(told);
            return;
        }
        let argument = root == Root::Context && names.first().is_some_and(|first| first == "input");
        if positive
            && self.one.policy.forbids
            && !argument
            && root != Root::Resource
            && stands.contains(&Attribute::Optional)
        {
            let first = names.first().map(String::as_str).unwrap_or_default();
            if root == Root::Context && Part::named(first).is_some_and(|part| self.is_settled(part)) {
                return;
            }
            let help = match (root, names) {
                (Root::Context, [_]) => {
                    Some(format!("write `[require]` and `{first} = true` in the manifest: then it is always there"))
                }
                (Root::Principal, [name]) if name != "tenant" => Some(format!(
                    "write `required = true` for `{name}` in the manifest's [principals]: then it is always there"
                )),
                _ => None,
            };
            self.guarded(last, &format!("`{shown}`"), help);
        }
    }

    pub(super) fn guarded(&mut self, name: &str, what: &str, help: Option<String>) {
        let span = self.one.statement.find(&self.one.source, name, false).unwrap_or(self.one.statement.head.clone());
        let message = format!("the forbid `{}` is switched off by leaving out {what}", self.one.policy.id);
        let told = Diagnostic::warning("forbid_guarded", message).at(self.one.at(span));
        let fallback = || "say what it lets through instead, as in `unless { ... has ... && ... }`".to_owned();
        self.found.push(told.help(help.unwrap_or_else(fallback)));
    }
}

/// Whether a comparison names a text itself: then what it means for that was thought of.
fn says(leaf: &Expr, text: &str) -> bool {
    let mut next = vec![leaf];
    while let Some(expr) = next.pop() {
        if matches!(expr, Expr::Literal(Literal::String(one)) if *one == *text) {
            return true;
        }
        next.extend(children(expr));
    }
    false
}
