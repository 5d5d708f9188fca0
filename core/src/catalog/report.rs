//! What `check` tells of each tool: what policy can use, what it cannot, and what rests on whose word.

use super::{Action, Catalog, Effect, KnownFrom, Tool};
#[cfg(feature = "author")]
use super::{Server, Type, Verbs};
#[cfg(feature = "author")]
use crate::{error::Diagnostic, json::Step, value::Value};

/// A tool as policies see it.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolReport {
    /// `server/tool`, or `server/tool#verb`: the id of its action.
    pub action: String,
    /// What it does, and where that is known from.
    pub effect: (Effect, KnownFrom),
    /// Whether data leaves with it, and where that is known from.
    pub egress: (bool, KnownFrom),
    /// Its sensitivity level, and where that is known from.
    pub sensitivity: (String, KnownFrom),
    /// Who is accountable for it; empty if nobody is named.
    pub owner: String,
    /// What it is for; empty if nothing is said.
    pub purpose: String,
    /// The entity types its resources have.
    pub resources: Vec<String>,
    /// The arguments that policies can use.
    pub usable: Vec<ArgumentReport>,
    /// The arguments that policies cannot use: JSON Pointer, and why.
    pub left_out: Vec<(String, String)>,
    /// Schema keywords that are not asserted on arguments: JSON Pointer, and keyword.
    pub not_enforced: Vec<(String, String)>,
}

/// An argument that policies can use.
#[derive(Clone, Debug, PartialEq)]
pub struct ArgumentReport {
    /// Its name in `context.input`.
    pub name: String,
    /// Its Cedar type.
    pub ty: String,
    /// Whether it is always there, so that no `has` is needed.
    pub required: bool,
}

impl Catalog {
    /// One report for each action, in order.
    pub(crate) fn report(&self) -> Vec<ToolReport> {
        let reports = self.tools().flat_map(|(_, tool)| tool.actions().map(|action| self.tool_report(tool, action)));
        reports.collect()
    }

    fn tool_report(&self, tool: &Tool, action: &Action) -> ToolReport {
        let usable = tool.shape.fields().iter().map(|(name, field)| ArgumentReport {
            name: name.clone(),
            ty: field.ty.to_string(),
            required: field.required,
        });
        ToolReport {
            action: action.id.to_string(),
            effect: action.effect,
            egress: action.egress,
            sensitivity: (self.levels.name(action.level.0).to_owned(), action.level.1),
            owner: tool.owner.clone(),
            purpose: tool.purpose.clone(),
            resources: action.resource_types().into_iter().map(str::to_owned).collect(),
            usable: usable.collect(),
            left_out: tool.shape.left_out().iter().map(|one| (one.pointer.clone(), one.why.clone())).collect(),
            not_enforced: tool.shape.not_enforced().to_vec(),
        }
    }

    /// What the author should look at: tools without owner or purpose, effects that rest on a hint or that the server
    /// itself contradicts. Methods of the protocol are left out unless the manifest speaks of them.
    #[cfg(feature = "author")]
    pub(crate) fn review(&self) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        let tools = self.servers.values().flat_map(|server| server.tools.values().map(move |tool| (server, tool)));
        for (server, tool) in tools {
            let id = &tool.id;
            found.extend(self.unchosen(server, tool));
            found.extend(self.chosen_by_no_name(tool));
            let key = format!("[tools.\"{id}\"]");
            if tool.owner.is_empty() {
                let message = format!("`{id}` has no owner");
                found.push(Diagnostic::warning("no_owner", message).help(format!("name one: `owner` in {key}")));
            }
            if tool.purpose.is_empty() {
                let message = format!("`{id}` has no purpose");
                found
                    .push(Diagnostic::warning("no_purpose", message).help(format!("say what for: `purpose` in {key}")));
            }
            for action in tool.actions() {
                if action.effect.1 == KnownFrom::Hint || action.egress.1 == KnownFrom::Hint {
                    let message =
                        format!("`{}` is `{}` by the server's own hint alone", action.id, action.effect.0.name());
                    let help = format!("review it and write `effect` and `egress` in {key}");
                    found.push(Diagnostic::warning("hint_only", message).help(help));
                }
            }
            let contradicted = tool.actions().any(|action| {
                action.effect.1 == KnownFrom::Manifest && action.effect.0 < tool.hints.effect() && tool.hints.warns()
            });
            if contradicted && !tool.has_operations() {
                let message = format!("the server says that `{id}` is destructive, the manifest says less");
                found.push(Diagnostic::warning("hint_contradicts", message).help(format!("review `effect` in {key}")));
            }
        }
        found
    }

    /// An argument that chooses the operation, and is never a string: every call would be denied.
    #[cfg(feature = "author")]
    fn chosen_by_no_name(&self, tool: &Tool) -> Option<Diagnostic> {
        let argument = &self.entries.tools.get(&*tool.id)?.value.operations.as_ref()?.argument;
        let mut fields = Some(tool.shape.fields().clone());
        let mut is = None;
        for step in &argument.value.0 {
            let Step::Member(name) = step else {
                is = Some("many values".to_owned());
                break;
            };
            let ty = &fields.take()?.get(name.as_str())?.ty.clone();
            fields = ty.fields();
            let other = matches!(ty, Type::Bool | Type::Long | Type::Decimal | Type::Set(_) | Type::Record(_));
            is = other.then(|| ty.to_string());
        }
        let message = format!("`{}`, which chooses what `{}` does, is no string but {}", argument.value, tool.id, is?);
        let help = "name an argument that is a string, or leave `operations` out: every call would be denied";
        Some(Diagnostic::warning("operation_argument", message).at(argument.place.clone()).help(help))
    }

    /// Operations that the schema lets no call choose: they are misspelt, or of another version of the tool.
    #[cfg(feature = "author")]
    fn unchosen(&self, server: &Server, tool: &Tool) -> Vec<Diagnostic> {
        let choices = tool.chooser().and_then(|name| server.certain(tool, name, Some(&Type::String)).choices);
        let (Verbs::Chosen(_, verbs), Some(choices)) = (&tool.verbs, choices) else { return Vec::new() };
        let names: Vec<_> =
            choices.iter().filter_map(|one| if let Value::String(one) = one { Some(&**one) } else { None }).collect();
        let told = verbs.keys().filter(|verb| !names.contains(&verb.as_str())).map(|verb| {
            let message = format!("no call of `{}` has the operation `{verb}`", tool.id);
            let mut told = Diagnostic::warning("unknown_operation", message).suggest(verb, names.clone());
            let entry = self.entries.tools.get(&*tool.id).and_then(|entry| entry.value.operations.as_ref());
            told.place = entry.and_then(|operations| operations.verbs.get(verb)).map(|one| one.place.clone());
            told
        });
        told.collect()
    }
}
