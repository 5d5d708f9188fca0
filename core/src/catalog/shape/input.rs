//! The arguments of a call, with the schema's defaults: without a copy, where those stand beside what is given.

use std::borrow::Cow;

use crate::json::{Json, Object, Pointer, Step, value_at, values_at};

/// Arguments that were admitted.
#[derive(Clone, Debug)]
pub(crate) struct Input<'i> {
    given: Cow<'i, Json>,
    /// What members are that were not given.
    defaults: Option<&'i Object>,
}

impl<'i> Input<'i> {
    pub(super) fn new(given: Cow<'i, Json>, defaults: Option<&'i Object>) -> Self {
        Self { given, defaults }
    }

    /// Arguments as they stand.
    pub(crate) fn plain(given: Cow<'i, Json>) -> Self {
        Self::new(given, None)
    }

    /// A member.
    pub(crate) fn get(&self, name: &str) -> Option<&Json> {
        self.given.get(name).or_else(|| self.defaults?.get(name))
    }

    /// As [`Pointer::one`].
    pub(crate) fn one(&self, pointer: &Pointer) -> Option<&Json> {
        match pointer.0.split_first() {
            Some((Step::Member(name), rest)) => value_at(rest, self.get(name)?),
            _ => pointer.one(&self.given),
        }
    }

    /// As [`values_at`].
    pub(crate) fn all(&self, steps: &[Step]) -> Vec<&Json> {
        match steps.split_first() {
            Some((Step::Member(name), rest)) => {
                self.get(name).map(|member| values_at(rest, member)).unwrap_or_default()
            }
            _ => values_at(steps, &self.given),
        }
    }
}

#[cfg(test)]
impl Input<'_> {
    /// The whole of them, in one.
    pub(crate) fn whole(&self) -> Json {
        let mut whole = (*self.given).clone();
        if let Json::Object(members) = &mut whole {
            for (name, value) in self.defaults.into_iter().flatten() {
                members.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        whole
    }
}

#[cfg(test)]
impl PartialEq for Input<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.whole() == other.whole()
    }
}
