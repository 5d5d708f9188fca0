//! Casbin: a row for each permit, and one matcher that holds what is common to them.

use std::error::Error;

use ::casbin::{CoreApi, DefaultModel, Enforcer, MemoryAdapter, MgmtApi};
use serde_json::Value;

use crate::{Peer, Permit};

const MODEL: &str = r#"
[request_definition]
r = sub, tool, purpose, call

[policy_definition]
p = sub, tool, purpose

[policy_effect]
e = some(where (p.eft == allow))

[matchers]
m = (p.sub == "*" || r.sub == p.sub) && r.tool == p.tool && r.purpose == p.purpose && !r.call.revoked && r.call.active == "yes" && !(r.call.effect == "write" && r.call.level >= 3) && r.call.depth <= 3 && r.call.level <= 1 && r.call.tenant == "acme" && !r.call.expired && r.call.minute < 30 && r.call.hour < 500 && r.call.owner == "acme"
"#;

pub(crate) struct Casbin {
    enforcer: Enforcer,
    asked: (String, String, String, Value),
}

impl Casbin {
    pub(crate) fn new(permits: &[Permit], call: &Value) -> Result<Self, Box<dyn Error>> {
        let rows = permits.iter().map(|Permit { agent, tool, purpose, .. }| {
            vec![agent.clone().unwrap_or_else(|| "*".to_owned()), tool.clone(), purpose.clone()]
        });
        let rows: Vec<_> = rows.collect::<std::collections::BTreeSet<_>>().into_iter().collect();
        let enforcer = tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
            let model = DefaultModel::from_str(MODEL).await?;
            let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await?;
            enforcer.add_policies(rows).await?;
            Ok::<_, ::casbin::Error>(enforcer)
        })?;
        let field = permits.first().map_or("full", |permit| permit.field);
        let at = |path: &str| call.pointer(path).cloned().unwrap_or_default();
        let text = |path: &str| at(path).as_str().unwrap_or_default().to_owned();
        // Flat: what Rhai reads most quickly.
        let flat = serde_json::json!({
            "revoked": at("/revoked"), "active": at("/status/task_active"), "effect": at("/effect"), "level": at("/level"),
            "depth": at("/delegation/depth"), "tenant": at("/tenant"), "expired": at("/credential/expired"),
            "minute": at("/usage/session/minute"), "hour": at("/usage/principal/hour"), "owner": at("/input/owner"),
        });
        let asked = (text("/principal"), text("/tool"), text(&format!("/task/{field}")), flat);
        Ok(Self { enforcer, asked })
    }
}

impl Peer for Casbin {
    fn name(&self) -> &'static str {
        "casbin"
    }

    fn allows(&mut self) -> Result<bool, Box<dyn Error>> {
        let (agent, tool, purpose, call) = &self.asked;
        Ok(self.enforcer.enforce((agent, tool, purpose, call))?)
    }
}
