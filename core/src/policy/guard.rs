//! The equalities that a condition demands, for the index: and what must hold so that passing over a policy on a
//! mismatch loses neither a satisfaction nor an error.

use cedar_policy::pst::{BinaryOp, Expr, Literal, UnaryOp};

use super::compile::{Uncompiled, constant, path};
use crate::{
    engine::{Builder, Faulty, Guard, Is, Need, Var},
    value::Value,
};

/// How many conjuncts are looked at.
const CONJUNCTS: usize = 32;

/// The guards of a policy whose conditions are these conjuncts; one that is not wanted is under `unless`.
pub(super) fn of(builder: &mut Builder, conjuncts: &[(&Expr, bool)]) -> Result<Vec<Guard>, Uncompiled> {
    let (mut guards, mut needs, mut had) = (Vec::new(), Vec::new(), Vec::new());
    for (expr, wanted) in conjuncts.iter().take(CONJUNCTS) {
        if *wanted && let Some((root, names, values)) = demanded(expr)? {
            let slot = builder.slot(root, &names)?;
            // It is asked for by the index itself.
            let needs: Vec<_> = needs.iter().copied().filter(|need| *need != Need { slot, is: Is::Present }).collect();
            guards.push(Guard { slot, values, needs });
        }
        // A conjunct behind this one is only reached where this one does not err, and is true.
        let mut total = Total { builder, needs: Vec::new(), had: &had };
        if !total.bool(expr)? {
            break;
        }
        needs.extend(total.needs);
        needs.sort_unstable();
        needs.dedup();
        if let (true, Expr::HasAttr { expr, attrs }) = (wanted, expr)
            && let Some((root, mut names)) = path(expr)
        {
            for name in attrs {
                names.push(name);
                had.push((root, names.clone()));
            }
        }
    }
    Ok(guards)
}

/// A path, and the values one of which it must have for the conjunct to be true.
type Demand<'e> = (Var, Vec<&'e str>, Vec<Value>);

/// What `path == literal`, either way round, or `[literals].contains(path)` demands.
fn demanded(expr: &Expr) -> Result<Option<Demand<'_>>, Uncompiled> {
    let Expr::BinaryOp { op, left, right } = expr else { return Ok(None) };
    let (side, literals) = match (op, &**left, &**right) {
        (BinaryOp::Eq, Expr::Literal(literal), side) | (BinaryOp::Eq, side, Expr::Literal(literal)) => {
            (side, vec![literal])
        }
        (BinaryOp::Contains, Expr::Set(items), side) => {
            let literals = items.iter().map(|item| match &**item {
                Expr::Literal(literal) => Some(literal),
                _ => None,
            });
            match literals.collect::<Option<Vec<_>>>() {
                Some(literals) => (side, literals),
                None => return Ok(None),
            }
        }
        _ => return Ok(None),
    };
    let Some((root, names)) = path(side).filter(|(_, names)| !names.is_empty()) else { return Ok(None) };
    let values = literals.into_iter().map(constant).collect::<Result<_, _>>()?;
    Ok(Some((root, names, values)))
}

/// Finds out what an expression needs so that it cannot err.
struct Total<'t, 'e> {
    builder: &'t mut Builder,
    needs: Vec<Need>,
    /// The paths that conjuncts before this one have found with `has`.
    had: &'t [(Var, Vec<&'e str>)],
}

impl Total<'_, '_> {
    /// Whether it is a Bool and cannot err, with the needs that were found. Bounded: most conditions are small.
    fn bool(&mut self, expr: &Expr) -> Result<bool, Faulty> {
        let mut next = vec![expr];
        while let Some(expr) = next.pop() {
            match expr {
                Expr::Literal(Literal::Bool(_)) => {}
                Expr::UnaryOp { op: UnaryOp::Not, expr } => next.push(expr),
                Expr::BinaryOp { op: BinaryOp::And | BinaryOp::Or, left, right } => next.extend([&**left, &**right]),
                Expr::BinaryOp { op: BinaryOp::Eq | BinaryOp::NotEq, left, right } => {
                    if !self.value(left)? || !self.value(right)? {
                        return Ok(false);
                    }
                }
                Expr::BinaryOp {
                    op: BinaryOp::Less | BinaryOp::LessEq | BinaryOp::Greater | BinaryOp::GreaterEq,
                    left,
                    right,
                } => {
                    if !self.long(left)? || !self.long(right)? {
                        return Ok(false);
                    }
                }
                Expr::BinaryOp { op: BinaryOp::In, left, right } => {
                    let literal = matches!(&**right, Expr::Literal(Literal::EntityUID(_)));
                    if !literal || !self.entity(left)? {
                        return Ok(false);
                    }
                }
                Expr::BinaryOp { op: BinaryOp::Contains, left, right } => {
                    let literals = matches!(&**left, Expr::Set(items)
                        if items.iter().all(|item| matches!(&**item, Expr::Literal(_))));
                    if !literals || !self.value(right)? {
                        return Ok(false);
                    }
                }
                Expr::Is { expr, in_expr: None, .. } => {
                    if !self.entity(expr)? {
                        return Ok(false);
                    }
                }
                Expr::Like { expr, .. } => {
                    if !self.typed(expr, Is::String)? {
                        return Ok(false);
                    }
                }
                Expr::HasAttr { expr, attrs } => {
                    let Some((root, mut names)) = path(expr) else { return Ok(false) };
                    let from = u32::try_from(names.len()).map_err(|_| Faulty)?;
                    names.extend(attrs.iter().map(|name| name.as_str()));
                    // Of a variable, one name can always be asked for.
                    if names.len() > 1 {
                        let slot = self.builder.slot(root, &names)?;
                        self.needs.push(Need { slot, is: Is::Asked(from) });
                    }
                }
                other => {
                    if !self.typed(other, Is::Bool)? {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }

    /// Whether it has a value, of whatever type.
    fn value(&mut self, expr: &Expr) -> Result<bool, Faulty> {
        match expr {
            Expr::Literal(_) | Expr::Var(_) => Ok(true),
            other => self.typed(other, Is::Present),
        }
    }

    fn long(&mut self, expr: &Expr) -> Result<bool, Faulty> {
        match expr {
            Expr::Literal(Literal::Long(_)) => Ok(true),
            other => self.typed(other, Is::Long),
        }
    }

    fn entity(&mut self, expr: &Expr) -> Result<bool, Faulty> {
        match expr {
            Expr::Literal(Literal::EntityUID(_)) => Ok(true),
            Expr::Var(var) => Ok(super::compile::var(var) != Var::Context),
            other => self.typed(other, Is::Entity),
        }
    }

    /// Whether it is a path; what stands there is needed to be of a type.
    fn typed(&mut self, expr: &Expr, is: Is) -> Result<bool, Faulty> {
        let Some((root, names)) = path(expr).filter(|(_, names)| !names.is_empty()) else { return Ok(false) };
        if is != Is::Present || !self.had.contains(&(root, names.clone())) {
            let slot = self.builder.slot(root, &names)?;
            self.needs.push(Need { slot, is });
        }
        Ok(true)
    }
}
