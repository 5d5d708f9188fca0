//! Arguments that a policy compares with what their schema does not list.

use cedar_policy::pst::{BinaryOp, Expr, Literal};

use super::{
    super::{declared::Attribute, read_paths::path},
    walk::Walk,
    without::like,
};
use crate::{
    engine::Root,
    error::Diagnostic,
    json::{Json, Number, Step, canonical},
};

/// Choices that a message lists.
const LISTED: usize = 8;

impl Walk<'_> {
    /// A comparison of an argument with values that it never has, in any call that the policy covers.
    pub(super) fn choices(&mut self, expr: &Expr) {
        if let Expr::Like { expr, pattern } = expr {
            let pattern = like(pattern);
            let fits = |choice: &Json| choice.as_str().is_some_and(|text| pattern.matches(text));
            return self.unmet(expr, false, &fits, "is never like", &pattern.to_string());
        }
        let Expr::BinaryOp { op, left, right } = expr else { return };
        match op {
            BinaryOp::Eq | BinaryOp::NotEq => {
                self.choice(left, right, false);
                self.choice(right, left, false);
            }
            BinaryOp::Contains => {
                self.choice(left, right, true);
                if let Expr::Set(items) = &**left {
                    items.iter().for_each(|item| self.choice(right, item, false));
                }
            }
            BinaryOp::ContainsAny | BinaryOp::ContainsAll => {
                for (set, other) in [(left, right), (right, left)] {
                    if let Expr::Set(items) = &**other {
                        items.iter().for_each(|item| self.choice(set, item, true));
                    }
                }
            }
            _ => {}
        }
    }

    /// `each`: the value is looked for among the elements of the argument.
    fn choice(&mut self, argument: &Expr, value: &Expr, each: bool) {
        let value = match value {
            Expr::Literal(Literal::String(text)) => Json::from(text.as_str()),
            Expr::Literal(Literal::Long(value)) => Json::Number(Number::Int(*value)),
            _ => return,
        };
        let shown = text(&value);
        self.unmet(argument, each, &|choice| *choice == value, if each { "never has" } else { "is never" }, &shown);
    }

    /// Tells of an argument no value of which `fits`, in any call that the policy covers.
    fn unmet(&mut self, argument: &Expr, each: bool, fits: &dyn Fn(&Json) -> bool, never: &str, shown: &str) {
        let Some((Root::Context, names)) = path(argument) else { return };
        let Some(("input", within)) = names.split_first().map(|(first, rest)| (first.as_str(), rest)) else { return };
        let mut steps: Vec<_> = within.iter().cloned().map(Step::Member).collect();
        steps.extend(each.then_some(Step::Each));
        let mut first = None;
        for (tool, action) in &self.covered {
            if self.declared.context(&action.id, &names) == Attribute::Undeclared {
                continue;
            }
            match tool.shape.choices(&steps) {
                Some(choices) if !choices.iter().any(|one| fits(one)) => first = first.or(Some((&tool.id, choices))),
                _ => return,
            }
        }
        let Some((tool, choices)) = first else { return };
        let known: Vec<_> = choices.iter().map(|one| text(one)).collect();
        let span = self.one.statement.find(&self.one.source, shown, false);
        let span = span.unwrap_or(self.one.statement.head.clone());
        let message = format!("`context.{}` {never} `{}`", names.join("."), shown.escape_debug());
        let mut listed: Vec<_> = known.iter().map(String::as_str).take(LISTED).collect();
        listed.extend((known.len() > LISTED).then_some("..."));
        let help = format!("the input schema of `{tool}` lists {}", listed.join(", "));
        let told = Diagnostic::warning("unknown_choice", message).at(self.one.at(span)).help(help);
        self.found.push(told.suggest(shown, known.iter().map(String::as_str)));
    }
}

fn text(choice: &Json) -> String {
    choice.as_str().map_or_else(|| canonical(choice), str::to_owned)
}
