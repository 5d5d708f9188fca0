//! What a call leaves out must neither meet a permit nor switch off a forbid.

use cedar_policy::pst::{BinaryOp, Expr};

use super::{
    super::{declared::Attribute, read_paths::root_name, session},
    walk::Walk,
};
use crate::{engine::Root, error::Diagnostic};

impl Walk<'_> {
    /// Leaving out the session must neither meet a permit nor switch off a forbid.
    pub(super) fn without_session(&mut self, op: BinaryOp, left: &Expr, right: &Expr, positive: bool) {
        if let Some((name, holds)) = session::when_absent(op, left, right) {
            self.session_decides(&name, holds, positive);
        }
    }

    /// A state that tells of what a call may leave out must not switch a forbid off.
    pub(super) fn state(&mut self, op: BinaryOp, left: &Expr, right: &Expr, positive: bool) {
        let Some((part, asks, holds)) = session::state_when_absent(op, left, right) else { return };
        let required = match part {
            "session" => self.require.session,
            "task" => self.require.task,
            _ => self.require.credential,
        };
        // Who speaks of that elsewhere in the policy has thought of it; the baseline leaves it to the manifest.
        let known = self.one.policy.id.starts_with("baseline/")
            || (!asks && self.one.statement.find(&self.one.source, "absent", false).is_some());
        if self.one.policy.forbids && holds != positive && !required && !known {
            let help = format!("write `[require]` and `{part} = true` in the manifest, or `... == \"absent\" || ...`");
            self.guarded("status", &format!("the {part}"), Some(help));
        }
    }

    /// What an expression about a fact of the session comes to without one.
    pub(super) fn session_decides(&mut self, name: &str, holds: bool, positive: bool) {
        let forbids = self.one.policy.forbids;
        if self.require.session
            || (holds == positive) == forbids
            || (!forbids && self.one.statement.find(&self.one.source, "present", false).is_some())
        {
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
