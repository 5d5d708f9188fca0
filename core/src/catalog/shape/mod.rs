//! What policies can see of a tool's input, and whether given arguments fit its input schema.
//!
//! The schema is compiled twice: into a [`graph`] that says what fits, and into a tree of [`slot`]s that says what of it
//! has a Cedar type. Schemas come from strangers, so nothing here fails, recurses without bound or follows a foreign `$ref`.

mod admit;
mod check;
#[cfg(feature = "author")]
mod choices;
mod doubt;
mod fill;
mod graph;
mod input;
mod parse;
mod quick;
mod slot;
mod types;
mod view;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub(crate) use admit::{Argument, Plain};
pub(crate) use input::Input;
pub(crate) use types::Fields;
pub(crate) use types::{LeftOut, Type};

use super::kind::Kind;
use crate::{
    error::closest,
    gather::Gather as _,
    json::{Json, Pointer},
    sorted::Sorted,
};
use graph::{Graph, ROOT};
use quick::Quick;
use slot::Members;

/// Levels of arrays and objects in what policies see.
const DEPTH: usize = 32;

/// An input schema, compiled.
#[derive(Debug)]
pub(crate) struct Shape {
    graph: Graph,
    members: Members,
    fields: Fields,
    left_out: Vec<LeftOut>,
    not_enforced: Vec<(String, String)>,
    secrets: Vec<Pointer>,
    names: BTreeSet<String>,
    extra_arguments: bool,
    /// Whether anything is filled in where it is absent.
    has_defaults: bool,
    /// Whether what is filled in can depend.
    doubtful: bool,
    quick: Option<Quick>,
}

/// A kind that the manifest gives to an argument which cannot have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KindFault {
    pub(crate) pointer: Pointer,
    pub(crate) why: String,
}

impl Shape {
    /// Compiles an input schema. What cannot be typed is left out; what cannot be enforced is listed.
    pub(crate) fn compile(
        input_schema: &Json,
        kinds: &Sorted<Pointer, Kind>,
        extra_arguments: bool,
    ) -> (Self, Vec<KindFault>) {
        let mut graph = Graph::compile(input_schema);
        fill::drop_misfits(&mut graph);
        let mut members = view::members(&graph);
        let mut faults = Vec::new();
        let doubtful = doubt::can_be(&graph);
        for (pointer, kind) in kinds {
            if let Err(why) = members.set_kind(&pointer.0, kind) {
                let why = if graph.has(pointer) { why } else { no_such_argument(&graph, pointer) };
                faults.push(KindFault { pointer: pointer.clone(), why });
            }
        }
        let names: BTreeSet<String> = graph.names(ROOT).into_iter().map(str::to_owned).gather();
        let shape = Self {
            fields: members.fields(),
            left_out: members.left_out(),
            not_enforced: graph.not_enforced.iter().cloned().collect(),
            secrets: graph.secrets(),
            names,
            extra_arguments,
            has_defaults: graph.nodes.iter().any(|node| node.default.is_some()),
            doubtful,
            quick: Quick::of(&graph, &members).filter(|_| !doubtful),
            members,
            graph,
        };
        (shape, faults)
    }

    /// The arguments that policies can use, typed.
    pub(crate) fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The arguments that no policy can use, in the order of their pointers.
    pub(crate) fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// Schema keywords that [`Shape::admit`] does not assert: pointer and keyword.
    pub(crate) fn not_enforced(&self) -> &[(String, String)] {
        &self.not_enforced
    }

    /// The arguments whose values must not be shown: `writeOnly: true` or `format: password`.
    pub(crate) fn secrets(&self) -> &[Pointer] {
        &self.secrets
    }

    /// Whether there can be an argument at this pointer.
    pub(crate) fn has(&self, pointer: &Pointer) -> bool {
        self.graph.has(pointer)
    }

    /// The names of the declared arguments.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }
}

fn no_such_argument(graph: &Graph, pointer: &Pointer) -> String {
    let first = Pointer(pointer.0.iter().take(1).cloned().collect()).to_string();
    let known: Vec<String> =
        graph.names(ROOT).into_iter().map(|name| Pointer::default().member(name).to_string()).collect();
    match closest(&first, known.iter().map(String::as_str)) {
        Some(near) if near != first => format!("there is no such argument; did you mean `{near}`?"),
        _ => "there is no such argument; write the pointer of one that the input schema declares".to_owned(),
    }
}
