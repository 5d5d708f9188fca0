//! Rego by regorus: its virtual machine, with a rule for each permit, and with the permits as data under a hand-made index.

use std::{error::Error, sync::Arc};

use regorus::{Engine, Rc, languages::rego::compiler::Compiler, rvm::vm::RegoVM};
use serde_json::{Map, Value, json};

use crate::{Peer, Permit};

/// Rules: ten thousand are more instructions than a program of its machine may have.
pub(crate) const MOST: usize = 1000;

const FORBIDS: &str = "package bench
default allow := false
allow if { not forbidden; permitted }
forbidden if input.revoked
forbidden if input.status.task_active != \"yes\"
forbidden if { input.effect == \"write\"; input.level >= 3 }
forbidden if input.delegation.depth > 3
";

const CONDITION: &str = "input.level <= 1; input.tenant == \"acme\"; not input.credential.expired; \
    input.usage.session.minute < 30; input.usage.principal.hour < 500; input.input.owner == \"acme\"";

struct Machine(RegoVM);

impl Machine {
    /// `rules` come in modules of their own: a module has a megabyte at most.
    fn new(rules: &[String], data: &Value, call: &Value) -> Result<Self, Box<dyn Error>> {
        const ENTRY: &str = "data.bench.allow";
        let mut engine = Engine::new();
        engine.add_policy("forbids.rego".to_owned(), FORBIDS.to_owned())?;
        for (number, rules) in rules.chunks(1000).enumerate() {
            engine.add_policy(format!("permits-{number}.rego"), format!("package bench\n{}", rules.concat()))?;
        }
        let data = regorus::Value::from_json_str(&data.to_string())?;
        engine.add_data(data.clone())?;
        let compiled = engine.compile_with_entrypoint(&Rc::from(ENTRY))?;
        let program = Compiler::compile_from_policy(&compiled, &[ENTRY])?;
        let mut machine = RegoVM::new();
        // By default it gives up where all of many rules have to be looked at.
        machine.set_max_instructions(10_000_000);
        machine.load_program(Arc::clone(&program));
        machine.set_data(data)?;
        machine.set_input(regorus::Value::from_json_str(&call.to_string())?);
        Ok(Self(machine))
    }

    fn allows(&mut self) -> Result<bool, Box<dyn Error>> {
        Ok(self.0.execute()? == regorus::Value::from(true))
    }
}

/// A rule for each permit.
pub(crate) struct Text(Machine);

impl Text {
    pub(crate) fn new(permits: &[Permit], call: &Value) -> Result<Self, Box<dyn Error>> {
        let rule = |Permit { agent, tool, field, purpose }: &Permit| {
            let agent = agent.as_ref().map(|agent| format!("input.principal == \"{agent}\"; ")).unwrap_or_default();
            format!(
                "permitted if {{ {agent}input.tool == \"{tool}\"; input.task.{field} == \"{purpose}\"; {CONDITION} }}\n"
            )
        };
        let rules: Vec<_> = permits.iter().map(rule).collect();
        Ok(Self(Machine::new(&rules, &json!({}), call)?))
    }
}

impl Peer for Text {
    fn name(&self) -> &'static str {
        "regorus_rules"
    }

    fn allows(&mut self) -> Result<bool, Box<dyn Error>> {
        self.0.allows()
    }
}

/// One rule, and the permits as data: by agent and tool, or by tool and purpose.
pub(crate) struct Indexed(Machine);

impl Indexed {
    pub(crate) fn new(permits: &[Permit], call: &Value) -> Result<Self, Box<dyn Error>> {
        let mut grants = Map::new();
        for Permit { agent, tool, purpose, .. } in permits {
            let (first, second) = match agent {
                Some(agent) => (agent, tool),
                None => (tool, purpose),
            };
            let entry = grants.entry(first.clone()).or_insert_with(|| json!({}));
            if let Value::Object(entry) = entry {
                entry.insert(second.clone(), purpose.as_str().into());
            }
        }
        let scoped = permits.iter().any(|permit| permit.agent.is_some());
        let looked_up = match scoped {
            true => "data.grants[input.principal][input.tool] == input.task.purpose",
            false => "data.grants[input.tool][input.task.full] == input.task.full",
        };
        let rule = format!("permitted if {{ {looked_up}; {CONDITION} }}\n");
        Ok(Self(Machine::new(&[rule], &json!({ "grants": grants }), call)?))
    }
}

impl Peer for Indexed {
    fn name(&self) -> &'static str {
        "regorus_indexed_by_hand"
    }

    fn allows(&mut self) -> Result<bool, Box<dyn Error>> {
        self.0.allows()
    }
}
