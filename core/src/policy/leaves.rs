//! Where the parts of a policy stand: its scope's constraints and the leaves of its conditions, found in its tokens, since
//! Cedar's syntax tree has no positions.

use std::ops::Range;

use cedar_policy::pst::{Clause, Template};

use super::{
    Atom, Part, form,
    text::{Kind, Statement, Token},
};
use crate::error::Place;

/// What makes a relation of its operands, where it is a word.
const RELATIONS: [&str; 4] = ["in", "has", "like", "is"];

/// The atoms of a policy with their places. Should text and tree not have the same leaves, each stands where the policy does.
pub(super) fn atoms(
    statement: &Statement,
    tree: &Template,
    source: &str,
    place: &impl Fn(Range<usize>) -> Place,
) -> Vec<Atom> {
    let whole = statement.head.start..statement.span.end;
    let mut parts = vec![Part::Principal, Part::Action, Part::Resource];
    for (clause, at) in tree.clauses().iter().zip(0..) {
        let (part, expr) = match clause {
            Clause::When(expr) => (Part::When(at), expr),
            Clause::Unless(expr) => (Part::Unless(at), expr),
        };
        parts.extend(std::iter::repeat_n(part, form::leaves(expr)));
    }
    let found = of(source, statement.tokens()).filter(|found| found.iter().map(|(part, _)| part).eq(&parts));
    let found = found.unwrap_or_else(|| parts.into_iter().map(|part| (part, whole.clone())).collect());
    let atom = |(part, span): (_, Range<usize>)| {
        let Place { line, column, .. } = place(span.clone());
        Atom { part, line, column, span: span.start - whole.start..span.end - whole.start }
    };
    found.into_iter().map(atom).collect()
}

/// The three constraints of the scope, and behind them the leaves of the conditions in the order of their text; nothing for
/// tokens that Cedar would not parse. The first token is the word `permit` or `forbid`.
pub(super) fn of(text: &str, tokens: &[Token]) -> Option<Vec<(Part, Range<usize>)>> {
    let scan = Scan::new(text, tokens)?;
    let mut found = Vec::new();
    let scope = scan.within(1)?;
    let mut at = scope.end + 1;
    let mut constraints = scan.split(scope, |scan, at| scan.mark(at, ',').then_some(1)).into_iter();
    for part in [Part::Principal, Part::Action, Part::Resource] {
        found.push((part, scan.span(&constraints.next()?)?));
    }
    for clause in 0.. {
        let part = match scan.word(at) {
            "when" => Part::When(clause),
            "unless" => Part::Unless(clause),
            _ => break,
        };
        let condition = scan.within(at + 1)?;
        at = condition.end + 1;
        scan.leaves(condition, &mut |leaf| {
            found.push((part, scan.span(&leaf)?));
            Some(())
        })?;
    }
    scan.mark(at, ';').then_some(found)
}

/// The tokens of a statement, and how they are bracketed.
pub(super) struct Scan<'t> {
    pub(super) text: &'t str,
    pub(super) tokens: &'t [Token],
    /// For each token that opens a bracket, the one that closes it.
    closing: Vec<usize>,
}

/// For each token that opens a bracket, the one that closes it; nothing if a bracket stands alone.
fn closing(tokens: &[Token]) -> Option<Vec<usize>> {
    let (mut closing, mut open) = (vec![0; tokens.len()], Vec::new());
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Mark('(' | '[' | '{') => open.push(at),
            Kind::Mark(')' | ']' | '}') => *closing.get_mut(open.pop()?)? = at,
            _ => {}
        }
    }
    open.is_empty().then_some(closing)
}

impl<'t> Scan<'t> {
    /// Nothing for tokens with a bracket that stands alone.
    pub(super) fn new(text: &'t str, tokens: &'t [Token]) -> Option<Self> {
        Some(Self { text, tokens, closing: closing(tokens)? })
    }

    pub(super) fn mark(&self, at: usize, mark: char) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind == Kind::Mark(mark))
    }

    /// The token's word; nothing if it is none, or the name of an attribute.
    pub(super) fn word(&self, at: usize) -> &str {
        let token = self.tokens.get(at).filter(|token| token.kind == Kind::Word);
        let named = at.checked_sub(1).is_some_and(|before| self.mark(before, '.'));
        token.filter(|_| !named).and_then(|token| self.text.get(token.span.clone())).unwrap_or_default()
    }

    /// The tokens between the bracket that opens at a token and the one that closes it.
    pub(super) fn within(&self, at: usize) -> Option<Range<usize>> {
        let end = *self.closing.get(at).filter(|end| **end > at)?;
        Some(at + 1..end)
    }

    pub(super) fn span(&self, tokens: &Range<usize>) -> Option<Range<usize>> {
        let (first, last) = (self.tokens.get(tokens.start)?, self.tokens.get(tokens.end.checked_sub(1)?)?);
        (!tokens.is_empty()).then(|| first.span.start..last.span.end)
    }

    /// The tokens that stand in no inner bracket.
    pub(super) fn outer(&self, tokens: Range<usize>) -> impl Iterator<Item = usize> {
        let mut at = tokens.start;
        std::iter::from_fn(move || {
            let here = at;
            at = self.within(here).map_or(here, |inner| inner.end) + 1;
            (here < tokens.end).then_some(here)
        })
    }

    /// Splits tokens where, outside of brackets, a separator of so many tokens stands.
    pub(super) fn split(
        &self,
        tokens: Range<usize>,
        separator: impl Fn(&Self, usize) -> Option<usize>,
    ) -> Vec<Range<usize>> {
        let (mut parts, mut start) = (Vec::new(), tokens.start);
        for at in self.outer(tokens.clone()).filter(|at| *at < tokens.end) {
            if let Some(length) = separator(self, at).filter(|_| at >= start) {
                parts.push(start..at);
                start = at + length;
            }
        }
        parts.push(start..tokens.end);
        parts
    }

    /// Whether something in these tokens, outside of brackets, makes a relation of its operands.
    pub(super) fn relates(&self, tokens: &Range<usize>) -> bool {
        let relates = |at| "=<>+-*".chars().any(|mark| self.mark(at, mark)) || RELATIONS.contains(&self.word(at));
        self.outer(tokens.clone()).any(relates)
    }

    /// Tokens without the `!` before them.
    pub(super) fn unsigned(&self, tokens: &Range<usize>) -> Range<usize> {
        let signs = self.outer(tokens.clone()).take_while(|at| self.mark(*at, '!')).count();
        tokens.start + signs..tokens.end
    }

    /// What stands between the parentheses that all of these tokens are.
    pub(super) fn parenthesized(&self, tokens: &Range<usize>) -> Option<Range<usize>> {
        let within = self.within(tokens.start).filter(|_| self.mark(tokens.start, '('))?;
        (within.end + 1 == tokens.end).then_some(within)
    }

    /// The leaves of an expression: what `&&`, `||`, `!` and `if` join, in the order of the text.
    fn leaves(&self, tokens: Range<usize>, out: &mut impl FnMut(Range<usize>) -> Option<()>) -> Option<()> {
        let mut next = vec![tokens];
        while let Some(tokens) = next.pop() {
            let twice = |mark| move |scan: &Self, at| (scan.mark(at, mark) && scan.mark(at + 1, mark)).then_some(2);
            let mut parts = match self.word(tokens.start) {
                "if" => self.branches(tokens.clone())?,
                _ => self.split(tokens.clone(), twice('|')),
            };
            if parts.len() == 1 {
                parts = self.split(tokens.clone(), twice('&'));
            }
            if parts.len() == 1 {
                if self.relates(&tokens) {
                    out(tokens)?;
                    continue;
                }
                let inner = self.unsigned(&tokens);
                match self.parenthesized(&inner) {
                    Some(within) => parts = vec![within],
                    None => {
                        out(inner)?;
                        continue;
                    }
                }
            }
            next.extend(parts.into_iter().rev());
        }
        Some(())
    }

    /// The condition of an `if` and its two branches.
    pub(super) fn branches(&self, tokens: Range<usize>) -> Option<Vec<Range<usize>>> {
        let (mut inner, mut then, mut otherwise) = (0_usize, None, None);
        for at in self.outer(tokens.start + 1..tokens.end) {
            match self.word(at) {
                "if" => inner += 1,
                "then" if inner == 0 => then = Some(at),
                "else" if inner == 0 => {
                    otherwise = Some(at);
                    break;
                }
                "else" => inner -= 1,
                _ => {}
            }
        }
        let (then, otherwise) = (then?, otherwise?);
        Some(vec![tokens.start + 1..then, then + 1..otherwise, otherwise + 1..tokens.end])
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::string_slice, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::policy::text::tokens;

    fn check(text: &str, expected: &[&str]) {
        let found = of(text, &tokens(text)).unwrap();
        let found: Vec<_> = found.into_iter().map(|(part, span)| format!("{part:?} {}", &text[span])).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn parts_of_policies() {
        check("permit (principal, action, resource);", &["Principal principal", "Action action", "Resource resource"]);
        check(
            r#"forbid (principal is User in Group::"a,b", action in [Action::"x", Action::"y"], resource,)
            when { (a.b == "&&" && !(c || !d.then)) || e has f.g } unless { {if: 1, "x": [2, 3]} == h }
            when { if (if i then j else k) then l < 2 else if m in [n, o] then p like "*" else !(!q) };"#,
            &[
                r#"Principal principal is User in Group::"a,b""#,
                r#"Action action in [Action::"x", Action::"y"]"#,
                "Resource resource",
                r#"When(0) a.b == "&&""#,
                "When(0) c",
                "When(0) d.then",
                "When(0) e has f.g",
                r#"Unless(1) {if: 1, "x": [2, 3]} == h"#,
                "When(2) i",
                "When(2) j",
                "When(2) k",
                "When(2) l < 2",
                "When(2) m in [n, o]",
                r#"When(2) p like "*""#,
                "When(2) q",
            ],
        );
        check(
            "permit (principal, action, resource) when { ((a && b) == c) && ((d)) && (e).f && -(g) > 0 && !h == i };",
            &["(a && b) == c", "d", "(e).f", "-(g) > 0", "!h == i"]
                .iter()
                .fold(
                    vec!["Principal principal".to_owned(), "Action action".to_owned(), "Resource resource".to_owned()],
                    |mut all, leaf| {
                        all.push(format!("When(0) {leaf}"));
                        all
                    },
                )
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>(),
        );
    }

    #[test]
    fn what_is_no_policy_has_no_parts() {
        for text in ["permit", "permit (principal);", "permit (a, b, c) when { ( };", "permit (a, b, c) when;", ")"] {
            assert_eq!(of(text, &tokens(text)), None, "{text}");
        }
    }
}
