//! CEL: a compiled expression for each permit and each forbid, asked in turn.

use std::error::Error;

use ::cel::{Context, Program, Value as CelValue};
use serde_json::Value;

use crate::{Peer, Permit};

const FORBIDS: [&str; 4] = [
    "call.revoked",
    "call.status.task_active != 'yes'",
    "call.effect == 'write' && call.level >= 3",
    "call.delegation.depth > 3",
];

pub(crate) struct Cel {
    forbids: Vec<Program>,
    permits: Vec<Program>,
    context: Context<'static, 'static>,
}

impl Cel {
    pub(crate) fn new(permits: &[Permit], call: &Value) -> Result<Self, Box<dyn Error>> {
        let permit = |Permit { agent, tool, field, purpose }: &Permit| {
            let agent = agent.as_ref().map(|agent| format!("call.principal == '{agent}' && ")).unwrap_or_default();
            Program::compile(&format!(
                "{agent}call.tool == '{tool}' && call.level <= 1 && call.tenant == 'acme' \
                 && call.task.{field} == '{purpose}' && !call.credential.expired && call.usage.session.minute < 30 \
                 && call.usage.principal.hour < 500 && call.input.owner == 'acme'"
            ))
        };
        let mut context = Context::default();
        context.add_variable("call", call.clone())?;
        Ok(Self {
            forbids: FORBIDS.into_iter().map(Program::compile).collect::<Result<_, _>>()?,
            permits: permits.iter().map(permit).collect::<Result<_, _>>()?,
            context,
        })
    }
}

impl Peer for Cel {
    fn name(&self) -> &'static str {
        "cel"
    }

    fn allows(&mut self) -> Result<bool, Box<dyn Error>> {
        let holds =
            |program: &Program| Ok::<_, Box<dyn Error>>(program.execute(&self.context)? == CelValue::Bool(true));
        for forbid in &self.forbids {
            if holds(forbid)? {
                return Ok(false);
            }
        }
        for permit in &self.permits {
            if holds(permit)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
