//! Which cases are run.

use std::collections::BTreeSet;

use regex_lite::Regex;
use toolgate::ToolCall;

use super::{Job, Loaded, What};
use crate::suite::{Act, Case, Expected};

/// Which cases are run. All, by default.
#[derive(Default)]
pub struct Choice {
    filters: Vec<Filter>,
    ids: Option<BTreeSet<String>>,
    shard: Option<(usize, usize)>,
}

/// What a filter looks at.
enum Filter {
    Id(Regex),
    Tool(Regex),
    Policy(Regex),
}

/// A choice that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// A shard is written `i/n`, with `i` from 1 to `n`.
    #[error("`{0}` is no shard; write i/n, as in 2/4")]
    Shard(String),
    /// A pattern that is too long.
    #[error("the filter `{0}` cannot be used: {1}")]
    Filter(String, String),
}

/// Which of these ids no case has: they would be missed by nobody where others run. None, where a file is not valid: its cases
/// are not known.
///
/// ```
/// assert!(toolgate_harness::unknown_cases(&[], &[]).is_empty());
/// assert_eq!(toolgate_harness::unknown_cases(&[], &["a::b".to_owned()]), ["a::b"]);
/// ```
pub fn unknown_cases<'i>(suites: &[Loaded], ids: &'i [String]) -> Vec<&'i str> {
    if suites.iter().any(|one| !one.suite.is_valid()) {
        return Vec::new();
    }
    let all = Choice::default();
    let known: BTreeSet<_> = suites.iter().flat_map(|one| one.chosen(&all)).map(|job| job.id).collect();
    ids.iter().filter(|id| !known.contains(*id)).map(String::as_str).collect()
}

impl Choice {
    /// Chooses the cases whose id (`FILE::NAME`) has `pattern` in it; `*` stands for any text. `tool=PATTERN` and
    /// `policy=PATTERN` look at the tools that a case calls and at the policies that it names, as wholes. A case that one of
    /// several filters takes is run.
    ///
    /// # Errors
    /// The pattern is too long.
    pub fn filter(&mut self, pattern: &str) -> Result<(), ChoiceError> {
        let compile = |text: &str, whole: bool| {
            let inner = text.split('*').map(regex_lite::escape).collect::<Vec<_>>().join("(?s:.*)");
            let text = if whole { format!("^(?:{inner})$") } else { inner };
            Regex::new(&text).map_err(|error| ChoiceError::Filter(pattern.to_owned(), error.to_string()))
        };
        self.filters.push(match pattern.split_once('=') {
            Some(("tool", text)) => Filter::Tool(compile(text, true)?),
            Some(("policy", text)) => Filter::Policy(compile(text, true)?),
            _ => Filter::Id(compile(pattern, false)?),
        });
        Ok(())
    }

    /// Chooses the cases of these ids alone.
    pub fn only(&mut self, ids: impl IntoIterator<Item = String>) {
        self.ids.get_or_insert_default().extend(ids);
    }

    /// Chooses the `i`-th of `n` parts, as `i/n`: every `n`-th case of those that are chosen otherwise.
    ///
    /// # Errors
    /// It is written otherwise.
    pub fn shard(&mut self, text: &str) -> Result<(), ChoiceError> {
        let parts = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        self.shard = match parts {
            Some((i, n)) if 1 <= i && i <= n => Some((i, n)),
            _ => return Err(ChoiceError::Shard(text.to_owned())),
        };
        Ok(())
    }

    pub(super) fn takes(&self, job: &Job<'_>) -> bool {
        let by_id = self.ids.as_ref().is_none_or(|ids| ids.contains(&job.id));
        by_id && (self.filters.is_empty() || self.filters.iter().any(|filter| filter.takes(job)))
    }

    /// Whether the case at this place of those that are chosen, counted from 0, is in the shard.
    pub fn in_shard(&self, at: usize) -> bool {
        self.shard.is_none_or(|(i, n)| at % n == i - 1)
    }
}

impl Filter {
    fn takes(&self, job: &Job<'_>) -> bool {
        match (self, &job.what) {
            (Self::Id(pattern), _) => pattern.is_match(&job.id),
            (Self::Tool(pattern), What::Case(case)) => case.calls().any(|call| pattern.is_match(&tool(call))),
            (Self::Policy(pattern), What::Case(case)) => case.policies().any(|id| pattern.is_match(id)),
            // An invariant is about every tool and every policy.
            (_, What::Invariant { .. }) => false,
        }
    }
}

fn tool(call: &ToolCall) -> String {
    let name = if call.method == "tools/call" { &call.tool } else { &call.method };
    format!("{}/{name}", call.server)
}

impl Case {
    /// The calls that it makes, each as often as it is written.
    pub fn calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.steps.iter().filter_map(|step| match &step.act {
            Act::Call(asked) => Some(&asked.call),
            _ => None,
        })
    }

    /// The policies that its expectations name.
    pub fn policies(&self) -> impl Iterator<Item = &str> {
        let expects = self.steps.iter().filter_map(|step| match &step.act {
            Act::Call(asked) => Some(&asked.expect),
            Act::Confirm { expect, .. } => Some(expect),
            _ => None,
        });
        expects.flat_map(|expect| {
            let ids = match &expect.answer {
                Expected::Allow { policies, .. } | Expected::Approval { policies, .. } => policies.as_ref(),
                Expected::Forbidden(ids) => Some(ids),
                _ => None,
            };
            let because = expect.because.as_ref().map(|because| &because.policy);
            ids.into_iter().flatten().chain(because).chain(&expect.errors).map(String::as_str)
        })
    }
}
