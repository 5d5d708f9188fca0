//! From Cedar's syntax tree to the compiled program.
//!
//! Nothing here recurses: a policy may have thousands of conjuncts, which the tree nests in each other.

use cedar_policy::pst::{self, ActionConstraint, Clause, EntityOrSlot, Expr, Literal, PatternElem, SlotId};

use super::{Policy, form, guard};
use crate::{
    engine::{
        ActionScope, Binary, Builder, Faulty, Jump, Pattern, PolicyIndex, Program, Scope, ScopeEntity, Scopes, Unary,
        Var,
    },
    error::Diagnostic,
    id::EntityRef,
    value::Value,
};

/// Why a policy has no compiled form.
pub(super) struct Uncompiled(pub(super) String);

impl From<Faulty> for Uncompiled {
    fn from(_: Faulty) -> Self {
        Self("the policies are too many for one program".to_owned())
    }
}

type Done = Result<(), Uncompiled>;

/// Compiles policies and templates. Whatever has no compiled form is an error.
pub(super) fn all<'p>(
    policies: impl IntoIterator<Item = (&'p Policy, &'p pst::Template)>,
) -> Result<Program, Vec<Diagnostic>> {
    let (mut builder, mut found) = (Builder::default(), Vec::new());
    for (at, (one, tree)) in policies.into_iter().enumerate() {
        if let Err(Uncompiled(why)) = policy(&mut builder, at, one.template, tree) {
            let message = format!("the policy cannot be compiled: {why}");
            found.push(Diagnostic::error("policy_not_compiled", message).at(one.place.clone()));
        }
    }
    if found.is_empty() { Ok(builder.finish()) } else { Err(found) }
}

/// Compiles a policy, or a template, into the program. A template remains one without its slots: only grants make it count.
pub(super) fn policy(builder: &mut Builder, policy: PolicyIndex, template: bool, tree: &pst::Template) -> Done {
    let scopes = scopes(builder, tree)?;
    let forbids = tree.effect == pst::Effect::Forbid;
    let mut conjuncts = Vec::new();
    for clause in tree.clauses() {
        match clause {
            Clause::When(expr) => operands(expr, pst::BinaryOp::And, &mut |expr| conjuncts.push((expr, true))),
            Clause::Unless(expr) => conjuncts.push((expr, false)),
        }
    }
    for (expr, wanted) in &conjuncts {
        expression(builder, expr)?;
        if !wanted {
            builder.unary(Unary::Not)?;
        }
        builder.require();
    }
    if template {
        builder.template(policy, forbids, scopes, form::of(tree));
    } else {
        let guards = guard::of(builder, &conjuncts)?;
        builder.rule(policy, forbids, scopes, guards, form::of(tree));
    }
    Ok(())
}

/// The operands of nested `&&` or `||`, in the order of evaluation. How they are nested makes no difference.
fn operands<'e>(expr: &'e Expr, wanted: pst::BinaryOp, out: &mut impl FnMut(&'e Expr)) {
    let mut next = vec![expr];
    while let Some(expr) = next.pop() {
        match expr {
            Expr::BinaryOp { op, left, right } if *op == wanted => next.extend([&**right, &**left]),
            other => out(other),
        }
    }
}

fn scopes(builder: &mut Builder, tree: &pst::Template) -> Result<Scopes, Uncompiled> {
    use pst::{PrincipalConstraint as Principal, ResourceConstraint as Resource};
    let (kind, entity) = match &tree.principal {
        Principal::Any => (None, None),
        Principal::Eq(entity) => (None, Some((entity, false))),
        Principal::In(entity) => (None, Some((entity, true))),
        Principal::Is(kind) => (Some(kind), None),
        Principal::IsIn(kind, entity) => (Some(kind), Some((entity, true))),
    };
    let principal = scope(builder, kind, entity)?;
    let (kind, entity) = match &tree.resource {
        Resource::Any => (None, None),
        Resource::Eq(entity) => (None, Some((entity, false))),
        Resource::In(entity) => (None, Some((entity, true))),
        Resource::Is(kind) => (Some(kind), None),
        Resource::IsIn(kind, entity) => (Some(kind), Some((entity, true))),
    };
    let resource = scope(builder, kind, entity)?;
    let action = match &tree.action {
        ActionConstraint::Any => ActionScope::Any,
        ActionConstraint::Eq(action) => ActionScope::Is(builder.entity(&reference(action))?),
        ActionConstraint::In(groups) => {
            let groups = groups.iter().map(|group| builder.entity(&reference(group)));
            ActionScope::In(groups.collect::<Result<_, _>>()?)
        }
    };
    Ok(Scopes { principal, action, resource })
}

fn scope(
    builder: &mut Builder,
    kind: Option<&pst::EntityType>,
    entity: Option<(&EntityOrSlot, bool)>,
) -> Result<Scope, Uncompiled> {
    let kind = kind.map(|kind| builder.kind(&kind.to_string())).transpose()?;
    let entity = match entity {
        None => ScopeEntity::Any,
        Some((EntityOrSlot::Entity(entity), false)) => ScopeEntity::Is(builder.entity(&reference(entity))?),
        Some((EntityOrSlot::Entity(entity), true)) => ScopeEntity::In(builder.entity(&reference(entity))?),
        Some((EntityOrSlot::Slot(_), false)) => ScopeEntity::IsSlot,
        Some((EntityOrSlot::Slot(_), true)) => ScopeEntity::InSlot,
    };
    Ok(Scope { kind, entity })
}

pub(super) fn reference(entity: &pst::EntityUID) -> EntityRef {
    EntityRef::new(entity.ty.to_string(), entity.eid.as_str())
}

/// What an expression is to what stands around it.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    /// A condition, or what `&&`, `||`, `!` and `if` join to one.
    Term,
    /// Something to compute with.
    Operand,
}

/// What is still to be written.
enum Step<'e> {
    Expr(&'e Expr, Role),
    /// A leaf was written, from here on.
    Leaf(usize),
    /// What would stand here is never reached.
    Never(&'e Expr),
    Unary(Unary),
    Binary(Binary),
    In,
    Tag,
    HasTag,
    Attribute(&'e str),
    Has(Vec<&'e str>),
    Like(&'e [PatternElem]),
    Is(String),
    IsIn(String, &'e Expr),
    Set(usize),
    Record(Vec<&'e str>),
    /// An operand of `&&` (or of `||`) was written; those behind it are still to come, from the last to the first.
    Junction {
        role: Role,
        and: bool,
        rest: Vec<&'e Expr>,
        jumps: Vec<Jump>,
    },
    Condition {
        role: Role,
        then: &'e Expr,
        otherwise: &'e Expr,
    },
    Otherwise(Jump, &'e Expr, Role),
    Land(Jump),
}

/// Writes the code of an expression.
fn expression(builder: &mut Builder, expr: &Expr) -> Done {
    let mut steps = vec![Step::Expr(expr, Role::Term)];
    while let Some(step) = steps.pop() {
        match step {
            Step::Expr(expr, role) => open(builder, expr, role, &mut steps)?,
            Step::Leaf(start) => builder.leaf(start),
            Step::Never(expr) => builder.never(form::leaves(expr)),
            Step::Unary(op) => builder.unary(op)?,
            Step::Binary(op) => builder.binary(op)?,
            Step::In => builder.within()?,
            Step::Tag => builder.tag(),
            Step::HasTag => builder.has_tag(),
            Step::Attribute(name) => builder.attribute(name)?,
            Step::Has(names) => builder.has(&names)?,
            Step::Like(pattern) => builder.like(Pattern::new(pattern.iter().map(|element| match element {
                PatternElem::Char(c) => Some(*c),
                PatternElem::Wildcard => None,
            })))?,
            Step::Is(kind) => builder.is(&kind)?,
            Step::IsIn(kind, other) => {
                let jump = builder.is_else(&kind)?;
                steps.extend([Step::Land(jump), Step::In, Step::Expr(other, Role::Operand)]);
            }
            Step::Set(count) => builder.set(count)?,
            Step::Record(names) => builder.record(&names)?,
            Step::Junction { role, and, rest, jumps } => junction(builder, role, and, rest, jumps, &mut steps)?,
            Step::Condition { role, then, otherwise } => match builder.take_bool() {
                Some(value) => {
                    // Leaves are counted in the order of the text.
                    let never = |expr| (role == Role::Term).then_some(Step::Never(expr));
                    let (first, last) = match value {
                        true => (Some(Step::Expr(then, role)), never(otherwise)),
                        false => (never(then), Some(Step::Expr(otherwise, role))),
                    };
                    steps.extend(last.into_iter().chain(first));
                }
                None => {
                    let jump = builder.unless();
                    steps.extend([Step::Otherwise(jump, otherwise, role), Step::Expr(then, role)]);
                }
            },
            Step::Otherwise(jump, otherwise, role) => {
                let end = builder.skip();
                builder.land(jump)?;
                steps.extend([Step::Land(end), Step::Expr(otherwise, role)]);
            }
            Step::Land(jump) => builder.land(jump)?,
        }
    }
    Ok(())
}

/// Behind an operand of `&&` or `||`: what a constant decides is not written.
fn junction<'e>(
    builder: &mut Builder,
    role: Role,
    and: bool,
    mut rest: Vec<&'e Expr>,
    mut jumps: Vec<Jump>,
    steps: &mut Vec<Step<'e>>,
) -> Done {
    match rest.pop() {
        Some(next) => {
            match builder.take_bool() {
                // It decides: what is behind it is never evaluated.
                Some(value) if value != and => {
                    builder.constant(Value::Bool(value))?;
                    if role == Role::Term {
                        rest.push(next);
                        rest.iter().rev().for_each(|never| builder.never(form::leaves(never)));
                    }
                    return junction(builder, role, and, Vec::new(), jumps, steps);
                }
                Some(_) => {}
                None => jumps.push(if and { builder.and() } else { builder.or() }),
            }
            steps.extend([Step::Junction { role, and, rest, jumps }, Step::Expr(next, role)]);
        }
        None => {
            builder.bool();
            for jump in jumps {
                builder.land(jump)?;
            }
        }
    }
    Ok(())
}

/// Begins an expression: what it needs is put on the steps, the first on top.
fn open<'e>(builder: &mut Builder, expr: &'e Expr, mut role: Role, steps: &mut Vec<Step<'e>>) -> Done {
    if role == Role::Term && !form::joins(expr) {
        steps.push(Step::Leaf(builder.here()));
        role = Role::Operand;
    }
    let operand = |expr| Step::Expr(expr, Role::Operand);
    match expr {
        Expr::Literal(literal) => builder.constant(constant(literal)?)?,
        Expr::Var(var) => builder.var(self::var(var)),
        Expr::Slot(slot @ (SlotId::Principal | SlotId::Resource)) => {
            return Err(Uncompiled(format!("`{slot}` stands in a condition, where it has no value")));
        }
        Expr::UnaryOp { op, expr } => steps.extend([Step::Unary(unary(*op)?), Step::Expr(expr, role)]),
        Expr::BinaryOp { op: op @ (pst::BinaryOp::And | pst::BinaryOp::Or), .. } => {
            let mut rest = Vec::new();
            operands(expr, *op, &mut |operand| rest.push(operand));
            rest.reverse();
            let first = rest.pop().map(|expr| Step::Expr(expr, role));
            let junction = Step::Junction { role, and: *op == pst::BinaryOp::And, rest, jumps: Vec::new() };
            steps.push(junction);
            steps.extend(first);
        }
        Expr::BinaryOp { op, left, right } => {
            steps.extend([binary(*op)?, operand(right), operand(left)]);
        }
        Expr::GetAttr { expr: inner, attr } => match path(expr) {
            Some((root, names)) => builder.read(root, &names)?,
            None => steps.extend([Step::Attribute(attr), operand(inner)]),
        },
        Expr::HasAttr { expr, attrs } => {
            let asked = attrs.iter().map(|name| name.as_str());
            match path(expr) {
                Some((root, mut names)) => {
                    let from = names.len();
                    names.extend(asked);
                    builder.has_slot(root, &names, from)?;
                }
                None => steps.extend([Step::Has(asked.collect()), operand(expr)]),
            }
        }
        Expr::Like { expr, pattern } => steps.extend([Step::Like(pattern), operand(expr)]),
        Expr::Is { expr, entity_type, in_expr: None } => {
            steps.extend([Step::Is(entity_type.to_string()), operand(expr)]);
        }
        Expr::Is { expr, entity_type, in_expr: Some(other) } => {
            steps.extend([Step::IsIn(entity_type.to_string(), other), operand(expr)]);
        }
        Expr::IfThenElse { cond, then_expr, else_expr } => {
            steps.extend([Step::Condition { role, then: then_expr, otherwise: else_expr }, Step::Expr(cond, role)]);
        }
        Expr::Set(items) => {
            steps.push(Step::Set(items.len()));
            steps.extend(items.iter().rev().map(|item| operand(item)));
        }
        Expr::Record(members) => {
            steps.push(Step::Record(members.keys().map(String::as_str).collect()));
            steps.extend(members.values().rev().map(|member| operand(member)));
        }
        other => return Err(Uncompiled(format!("`{other}` is an expression that is not known here"))),
    }
    Ok(())
}

/// The path that an expression stands for: a variable and at least one name.
pub(super) fn path(expr: &Expr) -> Option<(Var, Vec<&str>)> {
    let (mut names, mut here) = (Vec::new(), expr);
    loop {
        match here {
            Expr::GetAttr { expr, attr } => {
                names.push(attr.as_str());
                here = expr;
            }
            Expr::Var(var) => {
                names.reverse();
                return Some((self::var(var), names));
            }
            _ => return None,
        }
    }
}

pub(super) fn var(var: &pst::Var) -> Var {
    match var {
        pst::Var::Principal => Var::Principal,
        pst::Var::Action => Var::Action,
        pst::Var::Resource => Var::Resource,
        pst::Var::Context => Var::Context,
    }
}

pub(super) fn constant(literal: &Literal) -> Result<Value, Uncompiled> {
    Ok(match literal {
        Literal::Bool(value) => Value::Bool(*value),
        Literal::Long(value) => Value::Long(*value),
        Literal::String(text) => Value::string(text.as_str()),
        Literal::EntityUID(entity) => Value::Entity(reference(entity)),
        other => return Err(Uncompiled(format!("`{other:?}` is a literal that is not known here"))),
    })
}

fn unary(op: pst::UnaryOp) -> Result<Unary, Uncompiled> {
    use pst::UnaryOp as From;
    Ok(match op {
        From::Not => Unary::Not,
        From::Neg => Unary::Neg,
        From::IsEmpty => Unary::IsEmpty,
        From::Decimal => Unary::Decimal,
        From::Datetime => Unary::Datetime,
        From::Duration => Unary::Duration,
        From::Ip => Unary::Ip,
        From::IsIPv4 => Unary::IsIpv4,
        From::IsIPV6 => Unary::IsIpv6,
        From::IsLoopback => Unary::IsLoopback,
        From::IsMulticast => Unary::IsMulticast,
        From::ToDate => Unary::ToDate,
        From::ToTime => Unary::ToTime,
        From::ToMilliseconds => Unary::ToMilliseconds,
        From::ToSeconds => Unary::ToSeconds,
        From::ToMinutes => Unary::ToMinutes,
        From::ToHours => Unary::ToHours,
        From::ToDays => Unary::ToDays,
        other => return Err(Uncompiled(format!("`{other}` is an operator that is not known here"))),
    })
}

fn binary<'e>(op: pst::BinaryOp) -> Result<Step<'e>, Uncompiled> {
    use pst::BinaryOp as From;
    Ok(Step::Binary(match op {
        From::In => return Ok(Step::In),
        From::GetTag => return Ok(Step::Tag),
        From::HasTag => return Ok(Step::HasTag),
        From::Eq => Binary::Eq,
        From::NotEq => Binary::NotEq,
        From::Less => Binary::Less,
        From::LessEq => Binary::LessEq,
        From::Greater => Binary::Greater,
        From::GreaterEq => Binary::GreaterEq,
        From::Add => Binary::Add,
        From::Sub => Binary::Sub,
        From::Mul => Binary::Mul,
        From::Contains => Binary::Contains,
        From::ContainsAll => Binary::ContainsAll,
        From::ContainsAny => Binary::ContainsAny,
        From::IsInRange => Binary::IsInRange,
        From::Offset => Binary::Offset,
        From::DurationSince => Binary::DurationSince,
        From::DecimalLessThan => Binary::DecimalLess,
        From::DecimalLessEq => Binary::DecimalLessEq,
        From::DecimalGreater => Binary::DecimalGreater,
        From::DecimalGreaterEq => Binary::DecimalGreaterEq,
        other => return Err(Uncompiled(format!("`{other}` is an operator that is not known here"))),
    }))
}
