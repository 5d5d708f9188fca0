//! What of a call's facts follows from its action alone, made once for each bundle.

use std::{collections::HashMap, sync::Arc};

use super::level;
use crate::{
    catalog::{Action, Catalog, Server, Tool},
    digest::Digest,
    entity::Entity,
    gather::Gather as _,
    id::EntityRef,
    value::Value,
};

/// The entities of an action.
#[derive(Debug)]
pub(crate) struct Fixed {
    pub(crate) action: EntityRef,
    pub(crate) server: Entity,
    /// The level of the tool, and of its resources that have none of their own.
    pub(crate) level: EntityRef,
    /// The tool as it was pinned, and as one whose definition is another by now.
    tools: [Entity; 2],
    /// The digest of the tool's pinned definition; a method of the protocol has none.
    pub(crate) pin: Option<Digest>,
}

impl Fixed {
    /// Those of all actions, by their ids.
    pub(crate) fn all(catalog: &Catalog) -> HashMap<Arc<str>, Self> {
        let actions =
            catalog.tools().flat_map(|(server, tool)| tool.actions().map(move |action| (server, tool, action)));
        actions.map(|(server, tool, action)| (action.id.clone(), Self::new(catalog, server, tool, action))).gather()
    }

    fn new(catalog: &Catalog, server: &Server, tool: &Tool, action: &Action) -> Self {
        let server_id = EntityRef::new("Server", server.id.clone());
        let pin = tool.pin;
        let level = level(catalog.levels.name(action.level.0));
        let text = |text: &str| Value::string(text);
        let tool = |drifted| {
            Entity::new(tool.entity())
                .within([server_id.clone(), level.clone()])
                .with("owner", text(&tool.owner))
                .with("purpose", text(&tool.purpose))
                .with("effect", text(action.effect.0.name()))
                .with("egress", Value::Bool(action.egress.0))
                .with("drifted", Value::Bool(drifted))
        };
        let tools = [tool(false), tool(true)];
        let server = Entity::new(server_id)
            .with("owner", text(&server.owner))
            .with("environment", text(server.environment.as_deref().unwrap_or("unknown")))
            .with("verified", Value::Bool(server.verified));
        Self { action: EntityRef::new("Action", action.id.clone()), server, level, tools, pin }
    }

    pub(crate) fn tool(&self, drifted: bool) -> &Entity {
        let [pinned, other] = &self.tools;
        if drifted { other } else { pinned }
    }

    pub(crate) fn tool_id(&self) -> &EntityRef {
        &self.tool(false).id
    }
}
