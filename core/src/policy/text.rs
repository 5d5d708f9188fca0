//! A scan of policy text: what Cedar's syntax tree does not keep. Where statements, annotations and entity literals
//! stand, and whether the text is shallow enough for Cedar's parser.

use std::{iter::Peekable, ops::Range, str::CharIndices};

use crate::{
    id::{EntityRef, unescape},
    limits::POLICY_BRACKETS,
};

/// A token of Cedar's grammar, as fine as is needed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Text,
    Number,
    /// `::`
    Path,
    Mark(char),
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
}

/// A policy or template as it stands in a file.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) span: Range<usize>,
    /// The word `permit` or `forbid`.
    pub(super) head: Range<usize>,
    pub(super) annotations: Vec<Annotation>,
    pub(super) entities: Vec<Literal>,
    tokens: Vec<Token>,
}

#[derive(Clone, Debug)]
pub(super) struct Annotation {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) span: Range<usize>,
}

/// `Type::"id"` in the text.
#[derive(Clone, Debug)]
pub(super) struct Literal {
    pub(super) kind: String,
    pub(super) id: String,
    pub(super) span: Range<usize>,
}

impl Literal {
    pub(super) fn entity(&self) -> EntityRef {
        EntityRef::new(self.kind.as_str(), self.id.as_str())
    }
}

/// Operators, member accesses and `if`s of one policy. Cedar's tree nests one level for each.
const POLICY_OPERATORS: usize = 500;

/// Text that must not reach Cedar's parser.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooDeep {
    pub(super) span: Range<usize>,
    pub(super) message: String,
}

/// What a text is written in: in a schema, `Set<...>` nests.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Language {
    Policies,
    Schema,
}

/// Splits text into tokens. Comments and blanks are passed over; a string that is never closed ends the scan.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        let mut end = start + c.len_utf8();
        let kind = match c {
            c if c.is_whitespace() => continue,
            '/' if chars.next_if(|(_, c)| *c == '/').is_some() => {
                // Cedar's comments end at a carriage return, too.
                chars.by_ref().find(|(_, c)| matches!(c, '\n' | '\r'));
                continue;
            }
            '"' => {
                let mut closed = false;
                while let Some((at, c)) = chars.next() {
                    end = at + c.len_utf8();
                    match c {
                        '\\' => drop(chars.next()),
                        '"' => {
                            closed = true;
                            break;
                        }
                        _ => {}
                    }
                }
                if !closed {
                    break;
                }
                Kind::Text
            }
            c if c.is_alphabetic() || c == '_' => {
                end = take_while(&mut chars, end, |c| c.is_alphanumeric() || c == '_');
                Kind::Word
            }
            c if c.is_ascii_digit() => {
                end = take_while(&mut chars, end, |c| c.is_ascii_digit());
                Kind::Number
            }
            ':' if chars.next_if(|(_, c)| *c == ':').is_some() => {
                end = start + 2;
                Kind::Path
            }
            c => Kind::Mark(c),
        };
        tokens.push(Token { kind, span: start..end });
    }
    tokens
}

fn take_while(chars: &mut Peekable<CharIndices<'_>>, mut end: usize, test: impl Fn(char) -> bool) -> usize {
    while let Some((at, c)) = chars.next_if(|(_, c)| test(*c)) {
        end = at + c.len_utf8();
    }
    end
}

/// Finds brackets, or operators of one policy, nested deeper than Cedar's recursion should go.
pub(super) fn too_deep(tokens: &[Token], text: &str, language: Language) -> Option<TooDeep> {
    let (mut depth, mut operators) = (0_usize, 0_usize);
    for token in tokens {
        match token.kind {
            // `a["b"]["c"]` is as deep as `a.b.c`.
            Kind::Mark('[') => (depth, operators) = (depth + 1, operators + 1),
            Kind::Mark('(' | '{') => depth += 1,
            Kind::Mark(')' | ']' | '}') => depth = depth.saturating_sub(1),
            Kind::Mark('<') if language == Language::Schema => depth += 1,
            Kind::Mark('>') if language == Language::Schema => depth = depth.saturating_sub(1),
            Kind::Mark(';') => operators = 0,
            Kind::Mark('&' | '|' | '.' | '+' | '-' | '*' | '!') => operators += 1,
            Kind::Word if text.get(token.span.clone()) == Some("if") => operators += 8,
            _ => {}
        }
        let told = if depth > POLICY_BRACKETS {
            format!("brackets are nested deeper than the {POLICY_BRACKETS} levels allowed")
        } else if operators > 2 * POLICY_OPERATORS {
            format!("one policy has more than about {POLICY_OPERATORS} operators and member accesses")
        } else {
            continue;
        };
        return Some(TooDeep { span: token.span.clone(), message: told });
    }
    None
}

/// The statements of a file, in order. For text that Cedar parses, one for each policy or template.
pub(super) fn statements(text: &str, tokens: &[Token]) -> Vec<Statement> {
    tokens
        .split_inclusive(|token| token.kind == Kind::Mark(';'))
        .filter(|tokens| tokens.last().is_some_and(|last| last.kind == Kind::Mark(';')))
        .filter_map(|tokens| statement(text, tokens))
        .collect()
}

fn statement(text: &str, tokens: &[Token]) -> Option<Statement> {
    let span = tokens.first()?.span.start..tokens.last()?.span.end;
    let slice = |token: &Token| text.get(token.span.clone()).unwrap_or_default();
    let mut annotations = Vec::new();
    let mut rest = tokens;
    while let [at, key, more @ ..] = rest {
        if at.kind != Kind::Mark('@') {
            break;
        }
        let (value, end, more) = match more {
            [open, value, close, more @ ..] if open.kind == Kind::Mark('(') && value.kind == Kind::Text => {
                (literal(slice(value)), close.span.end, more)
            }
            more => (String::new(), key.span.end, more),
        };
        annotations.push(Annotation { key: slice(key).to_owned(), value, span: at.span.start..end });
        rest = more;
    }
    let head = rest.first()?.span.clone();
    Some(Statement { span, head, annotations, entities: entities(text, rest), tokens: rest.to_vec() })
}

fn entities(text: &str, tokens: &[Token]) -> Vec<Literal> {
    let mut found = Vec::new();
    let mut path: Option<Range<usize>> = None;
    for (index, token) in tokens.iter().enumerate() {
        let follows = index > 0 && tokens.get(index - 1).is_some_and(|before| before.kind == Kind::Path);
        match (token.kind, path.take()) {
            (Kind::Word, Some(start)) if follows => path = Some(start.start..token.span.end),
            (Kind::Word, _) => path = Some(token.span.clone()),
            (Kind::Path, kept) => path = kept,
            (Kind::Text, Some(kind)) if follows => found.push(Literal {
                kind: text.get(kind.clone()).unwrap_or_default().split_whitespace().collect(),
                id: literal(text.get(token.span.clone()).unwrap_or_default()),
                span: kind.start..token.span.end,
            }),
            _ => {}
        }
    }
    found
}

/// The value of a string literal with its quotes.
pub(super) fn literal(quoted: &str) -> String {
    let body = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default();
    unescape(body).unwrap_or_default()
}

impl Statement {
    /// Where `name` stands as a word or a string, behind `has` where `after_has` says so.
    pub(super) fn find(&self, text: &str, name: &str, after_has: bool) -> Option<Range<usize>> {
        let mut has = false;
        for token in &self.tokens {
            let slice = text.get(token.span.clone()).unwrap_or_default();
            let is_name = match token.kind {
                Kind::Word => slice == name,
                Kind::Text => literal(slice) == name,
                _ => false,
            };
            if is_name && (has || !after_has) {
                return Some(token.span.clone());
            }
            // `has a.b` reaches over the dot.
            has = slice == "has" || (has && matches!(token.kind, Kind::Word | Kind::Text | Kind::Mark('.')));
        }
        None
    }

    /// From the word `permit` or `forbid` on.
    pub(super) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    pub(super) fn annotation(&self, key: &str) -> Option<&Annotation> {
        self.annotations.iter().find(|annotation| annotation.key == key)
    }
}

/// Why policy text must not reach a parser that recurses, if it is nested too deep for one.
///
/// ```
/// assert_eq!(toolgate::too_deep_to_parse("permit (principal, action, resource);"), None);
/// assert!(toolgate::too_deep_to_parse(&"(".repeat(1000)).is_some());
/// ```
pub fn too_deep_to_parse(text: &str) -> Option<String> {
    too_deep(&tokens(text), text, Language::Policies).map(|deep| deep.message)
}

#[cfg(test)]
#[allow(clippy::string_slice, reason = "spans under test are at character boundaries")]
mod tests {
    use super::*;

    const TEXT: &str = r#"
// a comment; with @marks("inside")
@id("one") @x_flag
permit (principal in Group::"a;b", action == Action::"s/t#v", resource)
when { context has task.purpose && context.input["odd name"] == "// no comment" };
@id("two \"quoted\"")
forbid (principal is Acme :: Bot, action, resource == Acme::Thing::"x");
"#;

    #[test]
    fn finds_what_the_tree_does_not_keep() {
        let tokens = tokens(TEXT);
        let found = statements(TEXT, &tokens);
        assert_eq!(found.len(), 2);
        assert_eq!(&TEXT[found[0].head.clone()], "permit");
        let keys: Vec<_> =
            found.iter().flat_map(|s| &s.annotations).map(|a| (a.key.as_str(), a.value.as_str())).collect();
        assert_eq!(keys, [("id", "one"), ("x_flag", ""), ("id", "two \"quoted\"")]);
        let literals: Vec<_> =
            found.iter().flat_map(|s| &s.entities).map(|l| format!("{}::{}", l.kind, l.id)).collect();
        assert_eq!(literals, ["Group::a;b", "Action::s/t#v", "Acme::Thing::x"]);
        assert_eq!(&TEXT[found[0].entities[1].span.clone()], r#"Action::"s/t#v""#);
        assert_eq!(&TEXT[found[0].find(TEXT, "purpose", true).unwrap()], "purpose");
        assert_eq!(found[0].find(TEXT, "input", true), None);
        assert_eq!(&TEXT[found[0].find(TEXT, "odd name", false).unwrap()], "\"odd name\"");
    }

    #[test]
    fn depth_is_seen_before_cedar_parses() {
        let deep = |text: &str| too_deep(&tokens(text), text, Language::Policies).map(|deep| deep.message);
        assert_eq!(
            deep(&format!("permit(principal,action,resource) when {{ {}true{} }};", "(".repeat(63), ")".repeat(63))),
            None
        );
        assert!(deep(&"(".repeat(65)).unwrap().starts_with("brackets"));
        assert!(
            deep(&format!("permit(principal,action,resource) when {{ {} }};", ["true"; 600].join(" && "))).is_some()
        );
        assert!(deep(&format!("{} true", "if true then ".repeat(200))).is_some());
        assert!(deep(&format!("context{}", "[\"a\"]".repeat(2000))).is_some());
        assert_eq!(deep(&"\"(((((\" ".repeat(100)), None);
        assert!(deep(&format!("// x\r{}", "(".repeat(70))).is_some());
        let schema = "type T = ".to_owned() + &"Set<".repeat(70);
        assert!(too_deep(&tokens(&schema), &schema, Language::Schema).is_some());
    }
}
