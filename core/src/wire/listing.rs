//! A listing as JSON.

use serde::Serialize;

use super::line;
use crate::Listed;

#[derive(Serialize)]
struct ListingTwin<'a> {
    version: u32,
    /// A list is one principal's.
    cache_scope: &'static str,
    tools: Vec<ListedTwin<'a>>,
}

#[derive(Serialize)]
struct ListedTwin<'a> {
    action: String,
    server: &'a str,
    tool: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    method: bool,
    standing: &'static str,
    conditions: &'a [String],
    arguments: &'a [String],
    approvals: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
}

/// A listing as one line of JSON, for the host and its people. What clients get is the filtered tools/list.
pub fn listing(listing: &[Listed]) -> String {
    let tools = listing.iter().map(|one| ListedTwin {
        action: one.action(),
        server: &one.server,
        tool: &one.tool,
        operation: one.operation.as_deref(),
        method: one.method,
        standing: one.standing.name(),
        conditions: &one.conditions,
        arguments: &one.arguments,
        approvals: &one.approvals,
        why: one.why.as_deref(),
    });
    line(&ListingTwin { version: 1, cache_scope: "private", tools: tools.collect() })
}
