//! What the gate does with each MCP method. Versioned: the table covers every method a client may send, from revision
//! 2024-11-05 to [`REVISION`], and those of the extension `io.modelcontextprotocol/skills`, whose skills are resources. A
//! method that is not in it is denied.

/// The newest MCP revision that the table knows.
pub const REVISION: &str = "2026-07-28";

/// What the gate does with a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// `tools/call`: policies decide.
    Tool,
    /// Policies decide, on the action of this name.
    Decided(&'static str),
    /// `resources/directory/read`: policies decide as for the directory as a resource, whichever page of it is asked for.
    Directory,
    /// `completion/complete`: policies decide as for the prompt or resource that is completed.
    Completion,
    /// Only the owner of the protocol's task may ask.
    Owner,
    /// `subscriptions/listen`: as for the resource, or for the protocol's tasks, that it asks to be told of.
    Listen,
    /// Nothing to decide: it carries no authority, or the answer is filtered.
    Passed,
    /// Never: it is the server's to send, or it would show what belongs to others.
    Refused,
}

/// `resources/read` as an action.
pub(crate) const RESOURCES_READ: &str = "resources/read";
/// `prompts/get` as an action.
pub(crate) const PROMPTS_GET: &str = "prompts/get";

const TABLE: &[(&str, Rule)] = &[
    ("tools/call", Rule::Tool),
    ("resources/read", Rule::Decided(RESOURCES_READ)),
    ("resources/subscribe", Rule::Decided(RESOURCES_READ)),
    ("skills/get", Rule::Decided(RESOURCES_READ)),
    ("resources/directory/read", Rule::Directory),
    ("prompts/get", Rule::Decided(PROMPTS_GET)),
    ("completion/complete", Rule::Completion),
    ("tasks/get", Rule::Owner),
    ("tasks/result", Rule::Owner),
    ("tasks/update", Rule::Owner),
    ("tasks/cancel", Rule::Owner),
    ("tasks/list", Rule::Refused),
    ("subscriptions/listen", Rule::Listen),
    ("initialize", Rule::Passed),
    ("ping", Rule::Passed),
    ("server/discover", Rule::Passed),
    ("tools/list", Rule::Passed),
    ("resources/list", Rule::Passed),
    ("resources/templates/list", Rule::Passed),
    ("resources/unsubscribe", Rule::Passed),
    ("prompts/list", Rule::Passed),
    ("skills/list", Rule::Passed),
    ("logging/setLevel", Rule::Passed),
    ("sampling/createMessage", Rule::Refused),
    ("elicitation/create", Rule::Refused),
    ("roots/list", Rule::Refused),
];

/// The rule for a method, or `None` if nobody knows it.
pub(crate) fn rule(method: &str) -> Option<Rule> {
    if method.strip_prefix("notifications/").is_some_and(|rest| !rest.is_empty()) {
        return Some(Rule::Passed);
    }
    TABLE.iter().find(|(name, _)| *name == method).map(|(_, rule)| *rule)
}

/// Whether a method is passed: nobody needs to be known for it.
pub(crate) fn passes(method: &str) -> bool {
    rule(method) == Some(Rule::Passed)
}

/// Every method of the table.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(name, _)| *name)
}
