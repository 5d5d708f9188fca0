//! Whether a call is one that policy can be asked about, and what it touches.

use std::{borrow::Cow, cell::OnceCell};

use smallvec::SmallVec;

use super::{Action, Argument, Catalog, Input, Server, Tool, Verbs, did_you_mean, manifest::Part, mapping, method};
use crate::{
    Reason, ToolCall,
    gather::Gather as _,
    id::{EntityRef, is_secret_name},
    json::{Json, Object, Pointer, Step},
    value::Record,
};

/// Why a call never reaches policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) reason: Reason,
    pub(crate) detail: String,
}

impl Fault {
    pub(crate) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

/// A call that names something the bundle knows. There is one at a time.
#[allow(clippy::large_enum_variant, reason = "it is taken apart at once; a box would be an allocation for each call")]
pub(crate) enum Admission<'c> {
    /// Policies decide.
    Decide(Admitted<'c>),
    /// The protocol's own tasks: only their owner may ask.
    Owner(Vec<String>),
    /// Nothing to decide.
    Pass,
}

/// What a call that policies decide comes to.
pub(crate) struct Admitted<'c> {
    pub(crate) server: &'c Server,
    pub(crate) tool: &'c Tool,
    pub(crate) action: &'c Action,
    /// The arguments, with the schema's defaults.
    pub(crate) input: Input<'c>,
    record: OnceCell<Record>,
    /// Arguments that `context.input` cannot hold: the path, and why.
    pub(crate) inexact: Vec<(Vec<String>, String)>,
    pub(crate) resources: Resources,
    pub(crate) destinations: Vec<String>,
}

/// The entities that a call touches: mostly one.
pub(crate) type Resources = SmallVec<[EntityRef; 1]>;

impl<'c> Admitted<'c> {
    /// A call of an action whose arguments nobody knows.
    pub(crate) fn unknown(server: &'c Server, tool: &'c Tool, action: &'c Action) -> Self {
        let own = action.resources.is_empty().then(|| tool.entity());
        let destinations = if action.egress.0 { server.origin.iter().cloned().collect() } else { Vec::new() };
        let input = Input::plain(Cow::Owned(Json::default()));
        let resources = own.into_iter().collect();
        Self { server, tool, action, input, record: OnceCell::new(), inexact: Vec::new(), resources, destinations }
    }

    /// `context.input`.
    pub(crate) fn record(&self) -> &Record {
        self.record.get_or_init(|| self.tool.shape.record(&self.input))
    }

    /// A member of `context.input`.
    pub(crate) fn argument(&self, name: &str) -> Argument<'_> {
        self.tool.shape.argument(&self.input, name)
    }
}

impl Catalog {
    /// Steps 1 of the decision: server, method, tool, verb, arguments, resources, destinations.
    pub(crate) fn admit<'c>(&'c self, call: &'c ToolCall) -> Result<Admission<'c>, Fault> {
        let server = self.servers.get(&call.server).ok_or_else(|| {
            let near = did_you_mean(&call.server, self.servers.keys().map(String::as_str));
            Fault::new(Reason::UnknownServer, format!("the bundle has no server `{}`{near}", call.server))
        })?;
        let (tool, input) = match method::rule(&call.method) {
            Some(method::Rule::Tool) => (server.tool(&call.tool)?, Cow::Borrowed(&call.input)),
            Some(method::Rule::Decided(name)) => (server.method(name)?, Cow::Borrowed(&call.input)),
            Some(method::Rule::Directory) => {
                let members = call.input.as_object().into_iter().flatten().filter(|(name, _)| *name != "cursor");
                let input = members.map(|(name, value)| (name.clone(), value.clone())).gather();
                (server.method(method::RESOURCES_READ)?, Cow::Owned(Json::Object(input)))
            }
            Some(method::Rule::Completion) => {
                let (tool, input) = completed(server, &call.input)?;
                (tool, Cow::Owned(input))
            }
            Some(method::Rule::Owner) => {
                let id = call.input.get("taskId").and_then(Json::as_str);
                let fault = || Fault::new(Reason::InvalidArguments, format!("`{}` names no `taskId`", call.method));
                return Ok(Admission::Owner(vec![id.ok_or_else(fault)?.to_owned()]));
            }
            Some(method::Rule::Listen) => match listened(&call.input)? {
                (None, tasks) if tasks.is_empty() => return Ok(Admission::Pass),
                (None, tasks) => return Ok(Admission::Owner(tasks)),
                (Some(uri), _) => {
                    let input = Object::from([("uri".to_owned(), uri)]);
                    (server.method(method::RESOURCES_READ)?, Cow::Owned(Json::Object(input)))
                }
            },
            Some(method::Rule::Passed) => return Ok(Admission::Pass),
            Some(method::Rule::Refused) => {
                let detail = format!("`{}` is not for a client to send", call.method);
                return Err(Fault::new(Reason::RefusedMethod, detail));
            }
            None => {
                let near = did_you_mean(&call.method, method::names());
                let detail =
                    format!("no MCP method `{}` is known up to revision {}{near}", call.method, method::REVISION);
                return Err(Fault::new(Reason::UnknownMethod, detail));
            }
        };
        tool.admit(server, input).map(Admission::Decide)
    }
}

impl Server {
    fn tool(&self, name: &str) -> Result<&Tool, Fault> {
        self.tools.get(name).ok_or_else(|| {
            let near = did_you_mean(name, self.tools.keys().map(String::as_str));
            let shown = name.escape_debug();
            Fault::new(Reason::UnknownTool, format!("the server `{}` has no pinned tool `{shown}`{near}", self.id))
        })
    }

    fn method(&self, name: &str) -> Result<&Tool, Fault> {
        let fault = || Fault::new(Reason::InternalFault, format!("`{name}` is missing in the catalog"));
        self.methods.get(name).ok_or_else(fault)
    }
}

/// `completion/complete` asks about a prompt or a resource: who may not get it may not have it completed.
fn completed<'c>(server: &'c Server, input: &Json) -> Result<(&'c Tool, Json), Fault> {
    let reference = input.get("ref");
    let text = |key: &str| reference.and_then(|r| r.get(key)).and_then(Json::as_str);
    let (name, key) = match text("type") {
        Some("ref/prompt") => (method::PROMPTS_GET, "name"),
        Some("ref/resource") => (method::RESOURCES_READ, "uri"),
        _ => {
            let detail = "`ref` is neither a `ref/prompt` nor a `ref/resource`";
            return Err(Fault::new(Reason::InvalidArguments, detail));
        }
    };
    let value = text(key).ok_or_else(|| Fault::new(Reason::InvalidArguments, format!("`ref` has no `{key}`")))?;
    let input = Object::from([(key.to_owned(), value.into())]);
    Ok((server.method(name)?, Json::Object(input)))
}

/// What `subscriptions/listen` asks to be told of, besides lists: a resource, as `resources/subscribe`, or tasks of the protocol,
/// whose results are told with them. Each resource is a decision of its own, and what is not known is not passed.
fn listened(input: &Json) -> Result<(Option<Json>, Vec<String>), Fault> {
    let fault = |detail: String| Fault::new(Reason::InvalidArguments, detail);
    let (mut resources, mut tasks) = (Vec::new(), Vec::new());
    let filter = input.get("notifications").and_then(Json::as_object).into_iter().flatten();
    let beside = input.as_object().into_iter().flatten();
    for (name, asked) in
        beside.filter(|(name, asked)| *name != "notifications" || asked.as_object().is_none()).chain(filter)
    {
        match (name.as_str(), asked) {
            (_, Json::Null | Json::Bool(_)) => {}
            ("resourceSubscriptions", Json::Array(uris)) => resources.extend(uris.iter().cloned()),
            ("taskIds", Json::Array(ids)) if ids.iter().all(|id| id.as_str().is_some()) => {
                tasks.extend(ids.iter().filter_map(Json::as_str).map(str::to_owned));
            }
            _ => return Err(fault(format!("nobody knows what `{}` asks to be told of", name.escape_debug()))),
        }
    }
    if resources.len() > 1 || !(resources.is_empty() || tasks.is_empty()) {
        return Err(fault(
            "a stream tells of one resource, or of tasks: open another for what else there is".to_owned(),
        ));
    }
    Ok((resources.pop(), tasks))
}

impl Tool {
    fn admit<'c>(&'c self, server: &'c Server, input: Cow<'c, Json>) -> Result<Admitted<'c>, Fault> {
        let admitted = self.shape.admit(input).map_err(|misfits| {
            let told: Vec<_> = misfits
                .iter()
                .take(8)
                .map(|misfit| match misfit.pointer.as_str() {
                    "" => misfit.why.clone(),
                    // What does not fit may be the secret itself.
                    pointer if pointer.split('/').any(is_secret_name) => format!("`{pointer}` does not fit its schema"),
                    pointer => format!("`{pointer}` {}", misfit.why),
                })
                .collect();
            Fault::new(Reason::InvalidArguments, told.join(". "))
        })?;
        let action = self.action(&admitted.input)?;
        if let Some(pointer) = admitted.unsure.iter().find_map(|path| self.rests_on(action, path)) {
            let detail = format!("`{pointer}` is not given, and its default cannot be told beforehand; write it");
            return Err(Fault::new(Reason::InexactArgument, detail));
        }
        let mut resources = Resources::new();
        for map in &action.resources {
            let before = resources.len();
            map.entities(&admitted.input, &mut resources);
            if resources.len() == before {
                let detail = format!("the arguments name no {}, which the manifest maps the call to", map.kind);
                return Err(Fault::new(Reason::MissingResource, detail));
            }
        }
        if action.resources.is_empty() {
            resources.push(self.entity());
        }
        resources.dedup();
        let mut destinations = Vec::new();
        for pointer in &action.destinations {
            let found = mapping::destinations(pointer, self.kinds.get(pointer), &admitted.input);
            destinations.extend(found.map_err(|why| Fault::new(Reason::InvalidArguments, why))?);
        }
        if action.egress.0 {
            destinations.extend(server.origin.clone());
        }
        Ok(Admitted {
            server,
            tool: self,
            action,
            input: admitted.input,
            record: OnceCell::new(),
            inexact: admitted.inexact.into_iter().map(|one| (one.path, one.why)).collect(),
            resources,
            destinations,
        })
    }

    /// The pointer of the manifest that leads through an argument, or to it.
    fn rests_on<'a>(&'a self, action: &'a Action, path: &[String]) -> Option<&'a Pointer> {
        let verb = match &self.verbs {
            Verbs::Chosen(pointer, _) => Some(pointer),
            Verbs::One(_) => None,
        };
        let parts = action.resources.iter().flat_map(|map| &map.parts);
        let named = parts.filter_map(|part| if let Part::Value(pointer) = part { Some(pointer) } else { None });
        let leads = |pointer: &&Pointer| {
            let names =
                pointer.0.iter().filter_map(|step| if let Step::Member(name) = step { Some(name) } else { None });
            names.zip(path).all(|(name, other)| name == other)
        };
        verb.into_iter().chain(named).chain(&action.destinations).find(leads)
    }

    fn action(&self, input: &Input<'_>) -> Result<&Action, Fault> {
        let (argument, verbs) = match &self.verbs {
            Verbs::One(action) => return Ok(action),
            Verbs::Chosen(argument, verbs) => (argument, verbs),
        };
        let fault = |detail| Fault::new(Reason::UnknownOperation, detail);
        let verb = input.one(argument).and_then(Json::as_str);
        let verb =
            verb.ok_or_else(|| fault(format!("`{argument}`, which chooses what `{}` does, is absent", self.id)))?;
        verbs.get(verb).ok_or_else(|| {
            let near = did_you_mean(verb, verbs.keys().map(String::as_str));
            let shown: String = verb.chars().take(60).collect();
            fault(format!("the manifest lists no operation `{}` of `{}`{near}", shown.escape_debug(), self.id))
        })
    }
}
