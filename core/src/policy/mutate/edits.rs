//! Where a policy's text can be changed: its scope's constraints, its clauses, and what `&&`, `||`, `!` and `if` join.

use std::ops::Range;

use super::{Edit, Operator, known::Known, words};
use crate::policy::{leaves::Scan, text::Statement};

/// Every change of a statement that an author could have written instead. Whether it validates is not looked at.
pub(super) fn of(source: &str, statement: &Statement, known: &Known) -> Vec<Edit> {
    let mut edits = Edits { found: Vec::new() };
    let head = source.get(statement.head.clone()).unwrap_or_default();
    edits.put(Operator::FlipEffect, statement.head.clone(), if head == "permit" { "forbid" } else { "permit" });
    edits.put(Operator::DropPolicy, statement.head.start..statement.span.end, "");
    if let Some(scan) = Scan::new(source, statement.tokens()) {
        // Tokens that Cedar parsed are never cut short; if they were, the changes found so far stand.
        let _ = edits.statement(&scan, statement, known);
    }
    for annotation in &statement.annotations {
        let operator = match annotation.key.as_str() {
            "approval" => Operator::DropApproval,
            key if key == "obligation" || key.starts_with("obligation_") => Operator::DropObligation,
            _ => continue,
        };
        edits.put(operator, annotation.span.clone(), "");
    }
    edits.found
}

pub(super) struct Edits {
    found: Vec<Edit>,
}

impl Edits {
    pub(super) fn put(&mut self, operator: Operator, span: Range<usize>, after: impl Into<String>) {
        self.found.push(Edit { operator, span, after: after.into() });
    }

    fn statement(&mut self, scan: &Scan<'_>, statement: &Statement, known: &Known) -> Option<()> {
        let scope = scan.within(1)?;
        let mut at = scope.end + 1;
        let constraints = scan.split(scope.clone(), |scan, at| scan.mark(at, ',').then_some(1));
        for (constraint, name) in constraints.into_iter().zip(["principal", "action", "resource"]) {
            self.constraint(scan, &constraint, name, known)?;
        }
        let start = at;
        loop {
            let other = match scan.word(at) {
                "when" => "unless",
                "unless" => "when",
                _ => break,
            };
            let condition = scan.within(at + 1)?;
            let whole = scan.span(&(at..condition.end + 1))?;
            self.put(Operator::DropClause, whole, "");
            self.put(Operator::NegateClause, scan.span(&(at..at + 1))?, other);
            self.condition(scan, condition.clone())?;
            at = condition.end + 1;
        }
        words::all(self, scan, scope, true, statement, known);
        words::all(self, scan, start..at, false, statement, known);
        Some(())
    }

    /// A constraint of the scope: wider without a part of it, narrower with a type.
    fn constraint(&mut self, scan: &Scan<'_>, tokens: &Range<usize>, name: &str, known: &Known) -> Option<()> {
        let span = scan.span(tokens)?;
        let text = scan.text.get(span.clone())?;
        let bare = text == name;
        if name == "action" {
            if bare {
                for group in known.effects() {
                    self.put(Operator::NarrowScope, span.clone(), format!("action in Action::\"{group}\""));
                }
            } else {
                self.put(Operator::WidenScope, span, name);
            }
            return Some(());
        }
        let part = |wanted: &str| scan.outer(tokens.clone()).find(|at| scan.word(*at) == wanted);
        let (is, within) = (part("is"), part("in"));
        let equals = scan.outer(tokens.clone()).any(|at| scan.mark(at, '='));
        if !bare {
            self.put(Operator::WidenScope, span.clone(), name);
        }
        if let (Some(is), Some(within)) = (is, within) {
            let kind = scan.text.get(scan.span(&(is + 1..within))?)?;
            let entity = scan.text.get(scan.span(&(within + 1..tokens.end))?)?;
            self.put(Operator::WidenScope, span.clone(), format!("{name} is {kind}"));
            self.put(Operator::WidenScope, span, format!("{name} in {entity}"));
        } else if equals {
            if let Some((kind, _)) = text.split_once("==").and_then(|(_, entity)| entity.rsplit_once("::")) {
                self.put(Operator::WidenScope, span, format!("{name} is {}", kind.trim()));
            }
        } else if is.is_none() {
            let rest = text.strip_prefix(name).unwrap_or_default();
            for kind in known.kinds(name) {
                self.put(Operator::NarrowScope, span.clone(), format!("{name} is {kind}{rest}"));
            }
        }
        Some(())
    }

    /// The operands of `&&` and `||`, and the conditions of `if`, anywhere in an expression.
    fn condition(&mut self, scan: &Scan<'_>, tokens: Range<usize>) -> Option<()> {
        let mut next = vec![tokens];
        while let Some(tokens) = next.pop() {
            if scan.word(tokens.start) == "if" {
                let branches = scan.branches(tokens)?;
                self.negate(scan, branches.first()?)?;
                next.extend(branches);
                continue;
            }
            let twice = |mark| move |scan: &Scan<'_>, at| (scan.mark(at, mark) && scan.mark(at + 1, mark)).then_some(2);
            let (mut parts, mut other) = (scan.split(tokens.clone(), twice('|')), "&&");
            if parts.len() == 1 {
                (parts, other) = (scan.split(tokens.clone(), twice('&')), "||");
            }
            if parts.len() > 1 {
                self.junction(scan, &parts, other)?;
                next.extend(parts);
            } else if !scan.relates(&tokens) {
                next.extend(scan.parenthesized(&scan.unsigned(&tokens)));
            }
        }
        Some(())
    }

    fn junction(&mut self, scan: &Scan<'_>, parts: &[Range<usize>], other: &str) -> Option<()> {
        for (at, part) in parts.iter().enumerate() {
            // With the operator before it, or, for the first, the one behind.
            let whole = match parts.get(at.wrapping_sub(1)) {
                Some(before) => scan.span(before)?.end..scan.span(part)?.end,
                None => scan.span(part)?.start..scan.span(parts.get(1)?)?.start,
            };
            let guard = scan.outer(part.clone()).any(|at| scan.word(at) == "has");
            self.put(if guard { Operator::DropGuard } else { Operator::DropOperand }, whole, "");
            self.negate(scan, part)?;
        }
        for pair in parts.windows(2) {
            let [before, behind] = pair else { continue };
            self.put(Operator::SwapJunction, scan.span(&(before.end..behind.start))?, other);
        }
        Some(())
    }

    fn negate(&mut self, scan: &Scan<'_>, tokens: &Range<usize>) -> Option<()> {
        let span = scan.span(tokens)?;
        if scan.mark(tokens.start, '!') && !scan.relates(tokens) {
            let sign = scan.span(&(tokens.start..tokens.start + 1))?;
            self.put(Operator::NegateOperand, sign, "");
        } else {
            let negated = format!("!({})", scan.text.get(span.clone())?);
            self.put(Operator::NegateOperand, span, negated);
        }
        Some(())
    }
}
