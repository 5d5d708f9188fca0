//! What can be changed word by word: comparisons, bounds, `contains*`, patterns, and literals of every type.

use std::ops::Range;

use super::{Edit, Operator, edits::Edits, known::Known};
use crate::{
    engine::{decimal, duration},
    id::EntityRef,
    policy::{
        leaves::Scan,
        text::{self, Kind, Literal, Statement},
    },
    value::Value,
};

/// What stands for a comparison that is made as a method.
const METHODS: [(&str, [&str; 2]); 6] = [
    ("lessThan", ["lessThanOrEqual", "greaterThanOrEqual"]),
    ("lessThanOrEqual", ["lessThan", "greaterThan"]),
    ("greaterThan", ["greaterThanOrEqual", "lessThanOrEqual"]),
    ("greaterThanOrEqual", ["greaterThan", "lessThan"]),
    ("containsAll", ["containsAny", "containsAny"]),
    ("containsAny", ["containsAll", "containsAll"]),
];

/// Puts the changes of single words within these tokens.
pub(super) fn all(
    edits: &mut Edits,
    scan: &Scan<'_>,
    tokens: Range<usize>,
    scope: bool,
    statement: &Statement,
    known: &Known,
) {
    let words = Words { scan, statement, known };
    let mut found = Vec::new();
    for at in tokens.clone() {
        words.at(at, scope, &mut found);
    }
    let Some(span) = scan.span(&tokens) else { return };
    for literal in statement.entities.iter().filter(|one| span.start <= one.span.start && one.span.end <= span.end) {
        words.entity(literal, &mut found);
    }
    found.into_iter().for_each(|Edit { operator, span, after }| edits.put(operator, span, after));
}

struct Words<'w> {
    scan: &'w Scan<'w>,
    statement: &'w Statement,
    known: &'w Known,
}

impl Words<'_> {
    fn text(&self, at: usize) -> &str {
        self.scan.tokens.get(at).and_then(|token| self.scan.text.get(token.span.clone())).unwrap_or_default()
    }

    /// Whether two tokens stand together.
    fn joined(&self, at: usize, mark: char) -> bool {
        let end = self.scan.tokens.get(at).map(|token| token.span.end);
        let next = self.scan.tokens.get(at + 1).filter(|_| self.scan.mark(at + 1, mark)).map(|token| token.span.start);
        end.is_some() && end == next
    }

    fn at(&self, at: usize, scope: bool, found: &mut Vec<Edit>) {
        let Some(token) = self.scan.tokens.get(at) else { return };
        let span = token.span.clone();
        match token.kind {
            Kind::Mark('[') => self.set(at, found),
            _ if scope => {}
            Kind::Mark('=' | '<' | '>' | '!') => self.comparison(at, span, found),
            Kind::Number => self.number(at, span, found),
            Kind::Text => self.string(at, span, found),
            Kind::Word if self.scan.mark(at.wrapping_sub(1), '.') => {
                let swaps = METHODS.iter().find(|(name, _)| *name == self.text(at)).map(|(_, swaps)| swaps);
                for (number, swap) in swaps.into_iter().flatten().enumerate() {
                    if number == 0 || swaps.is_some_and(|[first, _]| first != swap) {
                        let contains = swap.starts_with("contains");
                        let operator = if contains { Operator::SwapContains } else { Operator::SwapComparison };
                        found.push(Edit { operator, span: span.clone(), after: (*swap).to_owned() });
                    }
                }
            }
            Kind::Word => {
                let flipped = match self.scan.word(at) {
                    "true" => "false",
                    "false" => "true",
                    _ => return,
                };
                found.push(Edit { operator: Operator::FlipBool, span, after: flipped.to_owned() });
            }
            _ => {}
        }
    }

    fn comparison(&self, at: usize, span: Range<usize>, found: &mut Vec<Edit>) {
        let sign = self.text(at);
        let equal = self.joined(at, '=');
        // The second half of `==`, `<=`, `>=` and `!=`.
        if sign == "=" && at > 0 && ["=", "<", ">", "!"].contains(&self.text(at - 1)) && self.joined(at - 1, '=') {
            return;
        }
        let swaps: &[&str] = match (sign, equal) {
            ("=", true) => &["!="],
            ("!", true) => &["=="],
            ("<", false) => &["<=", ">="],
            ("<", true) => &["<", ">"],
            (">", false) => &[">=", "<="],
            (">", true) => &[">", "<"],
            _ => return,
        };
        // `<` and `<=` differ by one, and so does the bound: the one change is the other.
        let behind = at + 1 + usize::from(equal);
        let bound = [behind, behind + 1, at.wrapping_sub(1)];
        let whole = bound.iter().any(|at| self.scan.tokens.get(*at).is_some_and(|token| token.kind == Kind::Number));
        let span = span.start..span.end + usize::from(equal);
        for (number, swap) in swaps.iter().enumerate() {
            if !(whole && number == 0 && swaps.len() > 1) {
                found.push(Edit { operator: Operator::SwapComparison, span: span.clone(), after: (*swap).to_owned() });
            }
        }
    }

    fn number(&self, at: usize, span: Range<usize>, found: &mut Vec<Edit>) {
        let Ok(number) = self.text(at).parse::<i64>() else { return };
        for after in [number.checked_add(1), number.checked_sub(1).filter(|after| *after >= 0)].into_iter().flatten() {
            found.push(Edit { operator: Operator::ShiftBound, span: span.clone(), after: after.to_string() });
        }
    }

    fn string(&self, at: usize, span: Range<usize>, found: &mut Vec<Edit>) {
        let before = |back: usize| at.checked_sub(back).map(|at| self.text(at)).unwrap_or_default();
        let value = text::literal(self.text(at));
        match (before(2), before(1)) {
            (_, "::" | "has" | ".") | ("getTag" | "hasTag", "(") => {}
            (_, "like") => self.pattern(at, span, found),
            (ext @ ("decimal" | "duration"), "(") => {
                let decimals = ext == "decimal";
                let read = if decimals { decimal(&value) } else { duration(&value) };
                let write = if decimals { Value::Decimal } else { Value::Duration };
                let Some(number) = read else { return };
                for shifted in [number.checked_add(1), number.checked_sub(1)].into_iter().flatten() {
                    let after = format!("\"{}\"", write(shifted).bare());
                    found.push(Edit { operator: Operator::ShiftBound, span: span.clone(), after });
                }
            }
            ("datetime" | "ip", "(") => {}
            (_, "[") if self.indexes(at - 1) => {}
            _ => {
                let other = self.known.string(&value);
                found.push(Edit { operator: Operator::SwapString, span, after: Value::string(other).to_string() });
            }
        }
    }

    /// A pattern with a `*` more.
    fn pattern(&self, at: usize, span: Range<usize>, found: &mut Vec<Edit>) {
        let quoted = self.text(at);
        let Some(inner) = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return };
        let ends = inner.ends_with('*') && !inner.ends_with("\\*");
        let mut wider = Vec::new();
        if !inner.starts_with('*') {
            wider.push(format!("\"*{inner}\""));
        }
        if !ends {
            wider.push(format!("\"{inner}*\""));
        }
        // Without what stands before the last star: one folder up.
        if let Some((above, _)) = inner.strip_suffix("/*").filter(|_| ends).and_then(|path| path.rsplit_once('/')) {
            wider.push(format!("\"{above}/*\""));
        }
        found.extend(wider.into_iter().map(|after| Edit {
            operator: Operator::WidenPattern,
            span: span.clone(),
            after,
        }));
    }

    /// Whether a `[` asks for a member, and makes no set.
    fn indexes(&self, at: usize) -> bool {
        let Some(before) = at.checked_sub(1).and_then(|at| self.scan.tokens.get(at)) else { return false };
        match before.kind {
            Kind::Mark(')' | ']') => true,
            Kind::Word => !["in", "then", "else", "if"].contains(&self.scan.word(at - 1)),
            _ => false,
        }
    }

    /// A set without one of its elements.
    fn set(&self, at: usize, found: &mut Vec<Edit>) {
        if self.indexes(at) {
            return;
        }
        let Some(within) = self.scan.within(at) else { return };
        let parts = self.scan.split(within, |scan, at| scan.mark(at, ',').then_some(1));
        let spans: Vec<_> = parts.iter().filter_map(|part| self.scan.span(part)).collect();
        if spans.len() < 2 {
            return;
        }
        for (number, span) in spans.iter().enumerate() {
            let span = match spans.get(number + 1) {
                Some(next) => span.start..next.start,
                None => spans.get(number - 1).map_or(span.start, |before| before.end)..span.end,
            };
            found.push(Edit { operator: Operator::DropElement, span, after: String::new() });
        }
    }

    fn entity(&self, literal: &Literal, found: &mut Vec<Edit>) {
        let taken: Vec<_> = self.statement.entities.iter().filter(|one| one.kind == literal.kind).collect();
        for id in self.known.others(&literal.kind, &literal.id) {
            if taken.iter().all(|one| one.id != id) {
                let after = EntityRef::new(literal.kind.as_str(), id.as_str()).to_string();
                found.push(Edit { operator: Operator::SwapEntity, span: literal.span.clone(), after });
            }
        }
    }
}
