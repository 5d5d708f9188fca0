//! What remains of a condition, in Cedar's syntax: what is known is folded away.

use super::{
    holes::Kind,
    like::Pattern,
    ops::{Binary, Unary},
    possible::May,
    program::{Op, Program},
    tree::{Node, Tree},
    val::{Made, Val},
};

/// How tightly an expression holds together; the loosest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Bind {
    If,
    Or,
    And,
    Relation,
    Sum,
    Product,
    Sign,
    Member,
}

/// An expression that remains.
#[derive(Clone)]
struct Text {
    bind: Bind,
    text: String,
}

impl Text {
    fn new(bind: Bind, text: impl Into<String>) -> Self {
        Self { bind, text: text.into() }
    }

    /// In brackets, unless it holds together at least so tightly.
    fn at_least(&self, bind: Bind) -> String {
        if self.bind < bind { format!("({})", self.text) } else { self.text.clone() }
    }
}

/// Longer texts are cut: nobody reads them, and conditions can share parts.
const LONGEST: usize = 4000;

/// What remains of the conjuncts of a tree, behind what remains of the scope.
pub(super) fn rest<'f>(
    program: &Program,
    made: &Made<'f>,
    tree: &Tree<'f>,
    all: &[May<'f>],
    scope: &[String],
) -> String {
    let texts = each(program, tree, |at| all.get(at).copied().and_then(May::value), made);
    let open = tree.conjuncts.iter().filter(|place| {
        let value = all.get(**place).copied().and_then(May::value);
        !matches!(value, Some(Val::Bool(true)))
    });
    let open: Vec<_> = open.filter_map(|place| texts.get(*place)).collect();
    match (scope, open.as_slice()) {
        ([], [only]) => only.text.clone(),
        _ => {
            let conjuncts = open.iter().map(|text| text.at_least(Bind::And));
            scope.iter().cloned().chain(conjuncts).collect::<Vec<_>>().join(" && ")
        }
    }
}

/// The text of each part of a tree, with nothing folded away.
pub(super) fn texts(program: &Program, tree: &Tree<'_>) -> Vec<String> {
    each(program, tree, |_| None, &Made::default()).into_iter().map(|text| text.text).collect()
}

/// What remains of each part of a tree whose parts have, or do not have, a known value.
fn each<'f>(
    program: &Program,
    tree: &Tree<'f>,
    value: impl Fn(usize) -> Option<Val<'f>>,
    made: &Made<'f>,
) -> Vec<Text> {
    let mut texts: Vec<Text> = Vec::with_capacity(tree.nodes.len());
    for (place, node) in tree.nodes.iter().enumerate() {
        let text = match value(place) {
            Some(value) => Text::new(Bind::Member, shown(value, made)),
            None => {
                let at = |place: &usize| texts.get(*place).cloned().unwrap_or_else(|| Text::new(Bind::Member, "?"));
                let known = |place: &usize| match value(*place) {
                    Some(Val::Bool(value)) => Some(value),
                    _ => None,
                };
                self::node(program, node, at, known)
            }
        };
        let whole = text.text.len() <= LONGEST;
        texts.push(if whole { text } else { Text::new(Bind::Member, "…") });
    }
    texts
}

pub(super) fn shown<'f>(value: Val<'f>, made: &Made<'f>) -> String {
    match value.owned() {
        Some(value) => value.to_string(),
        None => {
            // What a policy made is no deeper than the policy, whose brackets are capped.
            let set = Kind::of(value) == Kind::Set;
            let items = made.items(value).map(|(name, item)| {
                let name = if set { String::new() } else { format!("\"{}\": ", name.escape_debug()) };
                format!("{name}{}", shown(item, made))
            });
            let items = items.collect::<Vec<_>>().join(", ");
            if set { format!("[{items}]") } else { format!("{{{items}}}") }
        }
    }
}

fn node(
    program: &Program,
    node: &Node<'_>,
    at: impl Fn(&usize) -> Text,
    known: impl Fn(&usize) -> Option<bool>,
) -> Text {
    match node {
        Node::Bool(inner) => at(inner),
        Node::And(left, right) => match (known(left), known(right)) {
            (Some(true), _) => at(right),
            (_, Some(true)) => at(left),
            _ => Text::new(Bind::And, format!("{} && {}", at(left).at_least(Bind::And), at(right).at_least(Bind::And))),
        },
        Node::Or(left, right) => match (known(left), known(right)) {
            (Some(false), _) => at(right),
            (_, Some(false)) => at(left),
            _ => Text::new(Bind::Or, format!("{} || {}", at(left).at_least(Bind::Or), at(right).at_least(Bind::Or))),
        },
        Node::If { cond, then, otherwise } => match known(cond) {
            Some(true) => at(then),
            Some(false) => at(otherwise),
            None => {
                let [cond, then, otherwise] = [cond, then, otherwise].map(at);
                Text::new(Bind::If, format!("if {} then {} else {}", cond.text, then.text, otherwise.text))
            }
        },
        Node::IsIn { entity, kind, within } => match known(within) {
            Some(true) => Text::new(Bind::Relation, is(program, &at(entity), *kind)),
            // The text of the other side stands behind `in`, where nothing else can.
            _ => {
                let within = at(within);
                let is = is(program, &at(entity), *kind);
                let rest =
                    within.text.strip_prefix(&at(entity).at_least(Bind::Sum)).filter(|rest| rest.starts_with(" in "));
                match rest {
                    Some(rest) => Text::new(Bind::Relation, format!("{is}{rest}")),
                    None => Text::new(Bind::And, format!("{is} && {}", within.at_least(Bind::And))),
                }
            }
        },
        Node::Step(op, operands) => {
            let operands: Vec<_> = operands.iter().map(at).collect();
            step(program, op, &operands)
        }
    }
}

fn is(program: &Program, entity: &Text, kind: u32) -> String {
    let kind = program.kind_names.get(kind as usize).map(|name| &**name).unwrap_or_default();
    format!("{} is {kind}", entity.at_least(Bind::Sum))
}

fn step(program: &Program, op: &Op, operands: &[Text]) -> Text {
    let constant = |at: &u32| program.constants.get(*at as usize).map(ToString::to_string).unwrap_or_default();
    let entity = |at: &u32| program.entities.get(*at as usize).map(ToString::to_string).unwrap_or_default();
    let list = |at: &u32| program.lists.get(*at as usize).map(|names| &**names).unwrap_or_default();
    let relation = |text: String| Text::new(Bind::Relation, text);
    match (op, operands) {
        (Op::Constant(at), _) => Text::new(Bind::Member, constant(at)),
        (Op::Var(var), _) => Text::new(Bind::Member, var.name()),
        (Op::Slot(slot), _) => Text::new(Bind::Member, path(program, *slot, u32::MAX)),
        (Op::HasSlot { slot, from }, _) => {
            let mut names: Vec<_> =
                program.climb(*slot).filter(|slot| slot.depth > *from).map(|slot| &slot.name).collect();
            names.reverse();
            relation(format!("{} has {}", path(program, *slot, *from), asked(names.into_iter())))
        }
        (Op::SlotEq { slot, constant: at }, _) => {
            relation(format!("{} == {}", path(program, *slot, u32::MAX), constant(at)))
        }
        (Op::SlotOrder { slot, constant: at, op }, _) => {
            relation(format!("{} {} {}", path(program, *slot, u32::MAX), sign(*op).unwrap_or("<"), constant(at)))
        }
        (Op::VarIn { var, entity: at }, _) => relation(format!("{} in {}", var.name(), entity(at))),
        (Op::VarIs { var, entity: at }, _) => relation(format!("{} == {}", var.name(), entity(at))),
        (Op::Attribute(name), [holder]) => {
            let name = program.names.get(*name as usize).map(|name| &**name).unwrap_or_default();
            Text::new(Bind::Member, format!("{}{}", holder.at_least(Bind::Member), member(name)))
        }
        (Op::Has(names), [holder]) => {
            relation(format!("{} has {}", holder.at_least(Bind::Sum), asked(list(names).iter())))
        }
        (Op::Tag, [holder, name]) => {
            Text::new(Bind::Member, format!("{}.getTag({})", holder.at_least(Bind::Member), name.text))
        }
        (Op::HasTag, [holder, name]) => {
            Text::new(Bind::Member, format!("{}.hasTag({})", holder.at_least(Bind::Member), name.text))
        }
        (Op::Like(at), [text]) => {
            let pattern = program.patterns.get(*at as usize).map(Pattern::to_string).unwrap_or_default();
            relation(format!("{} like \"{pattern}\"", text.at_least(Bind::Sum)))
        }
        (Op::Is(kind), [entity]) => relation(is(program, entity, *kind)),
        (Op::In, [left, right]) => relation(format!("{} in {}", left.at_least(Bind::Sum), right.at_least(Bind::Sum))),
        (Op::Unary(op), [value]) => unary(*op, value),
        (Op::Binary(op), [left, right]) => binary(*op, left, right),
        (Op::Set(_), items) => {
            let items: Vec<_> = items.iter().map(|item| item.text.as_str()).collect();
            Text::new(Bind::Member, format!("[{}]", items.join(", ")))
        }
        (Op::Record(names), values) => {
            let members = list(names).iter().zip(values);
            let members: Vec<_> =
                members.map(|(name, value)| format!("\"{}\": {}", name.escape_debug(), value.text)).collect();
            Text::new(Bind::Member, format!("{{{}}}", members.join(", ")))
        }
        // What always fails has no text of its own any more.
        _ => Text::new(Bind::Member, "(an error)"),
    }
}

fn unary(op: Unary, value: &Text) -> Text {
    let (call, before) = match op {
        Unary::Not => return Text::new(Bind::Sign, format!("!{}", value.at_least(Bind::Sign))),
        Unary::Neg => return Text::new(Bind::Sign, format!("-{}", value.at_least(Bind::Sign))),
        Unary::Decimal => ("decimal", true),
        Unary::Datetime => ("datetime", true),
        Unary::Duration => ("duration", true),
        Unary::Ip => ("ip", true),
        Unary::IsEmpty => ("isEmpty", false),
        Unary::IsIpv4 => ("isIpv4", false),
        Unary::IsIpv6 => ("isIpv6", false),
        Unary::IsLoopback => ("isLoopback", false),
        Unary::IsMulticast => ("isMulticast", false),
        Unary::ToDate => ("toDate", false),
        Unary::ToTime => ("toTime", false),
        Unary::ToMilliseconds => ("toMilliseconds", false),
        Unary::ToSeconds => ("toSeconds", false),
        Unary::ToMinutes => ("toMinutes", false),
        Unary::ToHours => ("toHours", false),
        Unary::ToDays => ("toDays", false),
    };
    let text = match before {
        true => format!("{call}({})", value.text),
        false => format!("{}.{call}()", value.at_least(Bind::Member)),
    };
    Text::new(Bind::Member, text)
}

fn sign(op: Binary) -> Option<&'static str> {
    Some(match op {
        Binary::Eq => "==",
        Binary::NotEq => "!=",
        Binary::Less => "<",
        Binary::LessEq => "<=",
        Binary::Greater => ">",
        Binary::GreaterEq => ">=",
        _ => return None,
    })
}

fn binary(op: Binary, left: &Text, right: &Text) -> Text {
    if let Some(sign) = sign(op) {
        let text = format!("{} {sign} {}", left.at_least(Bind::Sum), right.at_least(Bind::Sum));
        return Text::new(Bind::Relation, text);
    }
    let method = match op {
        Binary::Add | Binary::Sub => {
            let sign = if op == Binary::Add { "+" } else { "-" };
            let text = format!("{} {sign} {}", left.at_least(Bind::Sum), right.at_least(Bind::Product));
            return Text::new(Bind::Sum, text);
        }
        Binary::Mul => {
            let text = format!("{} * {}", left.at_least(Bind::Product), right.at_least(Bind::Sign));
            return Text::new(Bind::Product, text);
        }
        Binary::ContainsAll => "containsAll",
        Binary::ContainsAny => "containsAny",
        Binary::IsInRange => "isInRange",
        Binary::Offset => "offset",
        Binary::DurationSince => "durationSince",
        Binary::DecimalLess => "lessThan",
        Binary::DecimalLessEq => "lessThanOrEqual",
        Binary::DecimalGreater => "greaterThan",
        Binary::DecimalGreaterEq => "greaterThanOrEqual",
        _ => "contains",
    };
    Text::new(Bind::Member, format!("{}.{method}({})", left.at_least(Bind::Member), right.text))
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn member(name: &str) -> String {
    if is_name(name) { format!(".{name}") } else { format!("[\"{}\"]", name.escape_debug()) }
}

/// The first names of a path, as policies write it.
pub(super) fn path(program: &Program, slot: u32, depth: u32) -> String {
    let mut parts: Vec<_> =
        program.climb(slot).filter(|slot| slot.depth <= depth).map(|slot| member(&slot.name)).collect();
    parts.extend(program.climb(slot).next().map(|slot| slot.root.name().to_owned()));
    parts.reverse();
    parts.concat()
}

/// What `has` asks for.
fn asked<'n>(names: impl Iterator<Item = &'n Box<str>>) -> String {
    let names = names.map(|name| if is_name(name) { name.to_string() } else { format!("\"{}\"", name.escape_debug()) });
    names.collect::<Vec<_>>().join(".")
}
