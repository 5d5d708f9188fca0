//! The server of the scenarios, built with rmcp.

use std::sync::{Arc, Mutex};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, GetPromptRequestParams,
        GetPromptResponse, GetPromptResult, ListPromptsResult, ListResourcesResult, ListToolsResult,
        PaginatedRequestParams, Prompt, PromptMessage, ReadResourceRequestParams, ReadResourceResponse,
        ReadResourceResult, Resource, ResourceContents, Role, ServerCapabilities, ServerConfig,
    },
    service::RequestContext,
};

use crate::table;

/// A server that shows the pinned tools, and remembers what it ran.
#[derive(Clone)]
pub struct Notes {
    drifted: Vec<String>,
    /// The tools and methods that ran.
    pub ran: Arc<Mutex<Vec<String>>>,
}

impl Notes {
    /// A server whose `drifted` tools have another title than the pinned one.
    pub fn new(drifted: Vec<String>) -> Self {
        Self { drifted, ran: Arc::default() }
    }

    /// The tools that it shows.
    pub fn tools(&self) -> Vec<rmcp::model::Tool> {
        let list: ListToolsResult = serde_json::from_str(&table::tools()).unwrap();
        let mut tools = list.tools;
        for tool in tools.iter_mut().filter(|tool| self.drifted.iter().any(|name| **name == *tool.name)) {
            tool.title = Some("new".to_owned());
        }
        tools
    }

    fn ran(&self, what: &str) {
        self.ran.lock().unwrap().push(what.to_owned());
    }
}

impl ServerHandler for Notes {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().enable_resources().enable_prompts().build())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        assert!(request.request_state.is_none(), "what was the gate's is not the server's to see");
        self.ran(&request.name);
        let text = |text: String| vec![ContentBlock::text(text)];
        let result = match &*request.name {
            "fail" => CallToolResult::error(text("it failed".to_owned())),
            name => CallToolResult::success(text(format!("{name} ran"))),
        };
        Ok(result.into())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.tools()))
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(vec![Resource::new("notes://7", "note")]))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        self.ran("resources/read");
        Ok(ReadResourceResult::new(vec![ResourceContents::text("resource read", request.uri)]).into())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(vec![Prompt::new("summary", None::<String>, None)]))
    }

    async fn get_prompt(
        &self,
        _: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        self.ran("prompts/get");
        Ok(GetPromptResult::new(vec![PromptMessage::new_text(Role::User, "sum it up")]).into())
    }
}
