//! Biscuit: the call as facts, a policy for each permit and each forbid. An authorizer decides once, so each decision starts
//! from a copy of one that is built.

use std::{error::Error, fmt::Write as _, time::Duration};

use biscuit_auth::{Authorizer, AuthorizerBuilder, datalog::RunLimits};
use serde_json::Value;

use crate::{Peer, Permit};

pub(crate) struct Biscuit(Authorizer);

/// More than it needs at any size.
fn limits() -> RunLimits {
    RunLimits { max_facts: 1_000_000, max_iterations: 1_000_000, max_time: Duration::from_secs(60) }
}

impl Biscuit {
    pub(crate) fn new(permits: &[Permit], call: &Value) -> Result<Self, Box<dyn Error>> {
        let at = |path: &str| call.pointer(path).cloned().unwrap_or_default();
        let mut code = format!(
            "principal({}); tenant({}); tool({}); effect({}); level({}); revoked({}); active({}); depth({}); expired({});\n\
             minute({}); hour({}); owner({}); purpose({}); full({});\n\
             deny if revoked(true);\n\
             deny if active($a), $a != \"yes\";\n\
             deny if effect(\"write\"), level($l), $l >= 3;\n\
             deny if depth($d), $d > 3;\n",
            at("/principal"),
            at("/tenant"),
            at("/tool"),
            at("/effect"),
            at("/level"),
            at("/revoked"),
            at("/status/task_active"),
            at("/delegation/depth"),
            at("/credential/expired"),
            at("/usage/session/minute"),
            at("/usage/principal/hour"),
            at("/input/owner"),
            at("/task/purpose"),
            at("/task/full"),
        );
        for Permit { agent, tool, field, purpose } in permits {
            let agent = agent.as_ref().map(|agent| format!("principal(\"{agent}\"), ")).unwrap_or_default();
            writeln!(
                code,
                "allow if {agent}tool(\"{tool}\"), {field}(\"{purpose}\"), tenant(\"acme\"), expired(false), \
                 owner(\"acme\"), level($l), $l <= 1, minute($m), $m < 30, hour($h), $h < 500;"
            )?;
        }
        Ok(Self(AuthorizerBuilder::new().code(&code)?.build_unauthenticated()?))
    }
}

impl Peer for Biscuit {
    fn name(&self) -> &'static str {
        "biscuit"
    }

    fn allows(&mut self) -> Result<bool, Box<dyn Error>> {
        Ok(self.0.clone().authorize_with_limits(limits()).is_ok())
    }
}
