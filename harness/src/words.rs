//! What a bundle knows by name: what a test may speak of.

use std::collections::{BTreeMap, BTreeSet};

use toolgate::{EntityRef, Gate};

/// The methods that policies decide like tools, by the name of their action.
const METHODS: [&str; 2] = ["resources/read", "prompts/get"];

/// The names of a bundle.
pub(crate) struct Words {
    pub(crate) servers: BTreeSet<String>,
    /// `server/tool`, without verbs.
    pub(crate) tools: BTreeSet<String>,
    /// `server/tool#verb`.
    pub(crate) verbs: BTreeSet<String>,
    pub(crate) policies: BTreeMap<String, Named>,
    pub(crate) classes: BTreeSet<String>,
    /// Those of the bundle's file, and those that policies name.
    pub(crate) entities: BTreeSet<EntityRef>,
    /// The types of which the bundle's file has entities: who is not there is a stranger.
    listed: BTreeSet<String>,
    /// The types of entities that the bundle has, those that arguments are mapped to included.
    pub(crate) kinds: BTreeSet<String>,
}

/// What a policy is, as far as an expectation has to know.
pub(crate) struct Named {
    pub(crate) forbids: bool,
    /// Whether an approval lifts it.
    pub(crate) approval: bool,
}

/// A tool, or a method, as a call names it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target<'t> {
    pub(crate) server: &'t str,
    /// `None` for `tools/call`.
    pub(crate) method: Option<&'t str>,
    pub(crate) tool: &'t str,
}

impl Words {
    pub(crate) fn of(gate: &Gate) -> Self {
        let bundle = gate.bundle();
        let reports = bundle.tools();
        let (mut tools, mut verbs) = (BTreeSet::new(), BTreeSet::new());
        let mut kinds: BTreeSet<_> =
            ["User", "Agent", "Workload", "Group", "Server", "Tool", "Level", "Action"].map(str::to_owned).into();
        for report in &reports {
            match report.action.split_once('#') {
                Some((tool, _)) => {
                    tools.insert(tool.to_owned());
                    verbs.insert(report.action.clone());
                }
                None => drop(tools.insert(report.action.clone())),
            }
            kinds.extend(report.resources.iter().cloned());
        }
        let named = |policy: &toolgate::Policy| {
            (policy.id.to_string(), Named { forbids: policy.forbids, approval: policy.approval.is_some() })
        };
        let entities: BTreeSet<_> = bundle.entities().chain(bundle.named_entities()).cloned().collect();
        kinds.extend(entities.iter().map(|id| id.kind.to_string()));
        Self {
            servers: bundle.servers().map(str::to_owned).collect(),
            tools,
            verbs,
            policies: bundle.policies().iter().map(named).collect(),
            classes: bundle.policies().iter().filter_map(|policy| policy.approval.clone()).collect(),
            entities,
            listed: bundle.entities().map(|id| id.kind.to_string()).collect(),
            kinds,
        }
    }

    /// Splits `server/tool`. `None` without a slash.
    pub(crate) fn target(text: &str) -> Option<Target<'_>> {
        let (server, rest) = text.split_once('/')?;
        Some(if METHODS.contains(&rest) {
            Target { server, method: Some(rest), tool: "" }
        } else {
            Target { server, method: None, tool: rest }
        })
    }

    /// Whether the bundle's file has entities of this type, so that one that it does not have is a stranger.
    pub(crate) fn lists(&self, kind: &str) -> bool {
        self.listed.contains(kind)
    }
}
