//! Every method of the trait. One that were not forwarded would silently be a method that the server does not have.
#![allow(deprecated, reason = "clients of older revisions still use what newer ones have deprecated")]

use std::{borrow::Cow, sync::atomic::Ordering};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CancelTaskParams,
        CancelledNotificationParam, CompleteRequestParams, CompleteResult, CustomNotification, CustomRequest,
        CustomResult, DiscoverResult, GetPromptRequestParams, GetPromptResponse, GetSkillRequestParams, GetSkillResult,
        GetTaskParams, GetTaskResult, InitializeRequestParams, InitializeResult, ListPromptsResult,
        ListResourceTemplatesResult, ListResourcesResult, ListSkillsResult, ListToolsResult, PaginatedRequestParams,
        ProgressNotificationParam, ProtocolVersion, ReadResourceDirectoryRequestParams, ReadResourceDirectoryResult,
        ReadResourceRequestParams, ReadResourceResponse, ServerConfig, SetLevelRequestParams, SubscribeRequestParams,
        SubscriptionFilter, SubscriptionsListenRequestParams, Tool, UnsubscribeRequestParams, UpdateTaskParams,
    },
    service::{NotificationContext, RequestContext, SubscriptionContext},
};
use serde::Serialize;
use toolgate::{filter_list, wire::mcp::Refusal};

use crate::{
    caller::Came,
    gated::{Gated, Verdict, error},
    host::Host,
};

/// Pages of one list.
const PAGES: usize = 1_000;
const UNHELD: &str = "Denied: the list cannot be held against its pins.";

type Context = RequestContext<RoleServer>;
type Notified = NotificationContext<RoleServer>;

impl Host {
    /// Runs a method that asks for nothing on its way, if the gate allows it. Until then nobody calls the server: it may do what
    /// it is asked for before anybody waits for the future.
    async fn plain<T, F>(
        &self,
        method: &str,
        params: &(impl Serialize + Sync),
        context: &Context,
        run: impl FnOnce() -> F + Send,
    ) -> Result<T, ErrorData>
    where
        F: Future<Output = Result<T, ErrorData>> + Send,
    {
        match self.ask(method, params, context).await {
            Verdict::Answer(refusal) => Err(error(refusal)),
            Verdict::Ask(_) => Err(error(Refusal::Error {
                code: -31_403,
                message: format!("Denied: `{method}` needs an approval, which nobody can be asked for here."),
                data: None,
            })),
            Verdict::Run { running, .. } => {
                let result = run().await;
                running.ended(result.is_err());
                result
            }
        }
    }

    /// The names of a list that are left out of it.
    fn left_out(&self, method: &str, result: &impl Serialize, context: &Context) -> Result<Vec<String>, ErrorData> {
        let shared = &*self.shared;
        let unreadable = |_| ErrorData::internal_error("Denied: the list cannot be read.", None);
        let text = serde_json::to_string(result).map_err(|error| {
            tracing::error!(target: "toolgate", %error, "a list cannot be written");
            ErrorData::internal_error("Denied: the list cannot be read.", None)
        })?;
        let (caller, transport) =
            shared.caller(Came::of(context)).map_err(|decision| match self.not_read(decision) {
                Verdict::Answer(refusal) => error(refusal),
                _ => ErrorData::internal_error("Denied.", None),
            })?;
        let listing = shared.ledger.list(&shared.gate, &shared.listing(caller, transport), shared.now());
        Ok(filter_list(&text, method, &shared.server, &listing).map_err(unreadable)?.left_out)
    }
}

impl<S: ServerHandler> Gated<S> {
    /// Before the first call, holds all that the server lists against the pins: no client has to ask for it.
    async fn hold(&self, context: &Context) -> Result<(), ErrorData> {
        if self.host.shared.held.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut asked = None;
        for _ in 0..PAGES {
            let page = self.inner.list_tools(asked, context.clone()).await?;
            self.held(&page)?;
            let Some(cursor) = page.next_cursor.filter(|cursor| !cursor.is_empty()) else {
                self.host.shared.held.store(true, Ordering::Release);
                return Ok(());
            };
            asked = Some(PaginatedRequestParams::default().with_cursor(Some(cursor)));
        }
        tracing::error!(target: "toolgate", "the server's list of tools has no end");
        Err(ErrorData::internal_error(UNHELD, None))
    }

    /// Holds a page against the pins.
    fn held(&self, page: &ListToolsResult) -> Result<(), ErrorData> {
        self.host.page(page).map_err(|fault| {
            tracing::error!(target: "toolgate", %fault, "the list cannot be held against the pins");
            ErrorData::internal_error(UNHELD, None)
        })
    }
}

/// Leaves what is hidden out of a list, and says that the list is this caller's alone.
macro_rules! filtered {
    ($self:ident, $method:literal, $result:expr, $items:ident, $name:ident, $context:expr) => {{
        let mut result = $result;
        let left_out = $self.host.left_out($method, &result, $context)?;
        result.$items.retain(|item| !left_out.iter().any(|name| **name == *item.$name));
        result.cache_scope = Some(CacheScope::Private);
        // What somebody may do changes with any event, and no client is told.
        result.ttl_ms = Some(0);
        Ok(result)
    }};
}

impl<S: ServerHandler> ServerHandler for Gated<S> {
    async fn call_tool(
        &self,
        mut request: CallToolRequestParams,
        context: Context,
    ) -> Result<CallToolResponse, ErrorData> {
        self.hold(&context).await?;
        match self.host.ask("tools/call", &request, &context).await {
            Verdict::Answer(Refusal::Result(result)) => {
                let result: Result<CallToolResult, _> = serde_json::from_str(&result.to_string());
                result
                    .map(CallToolResponse::Complete)
                    .map_err(|fault| ErrorData::internal_error(fault.to_string(), None))
            }
            Verdict::Answer(refusal) => Err(error(refusal)),
            Verdict::Ask(asked) => Ok(CallToolResponse::InputRequired(asked)),
            Verdict::Run { running, resumed } => {
                if resumed {
                    (request.input_responses, request.request_state) = (None, None);
                }
                let ct = context.ct.clone();
                let result = self.inner.call_tool(request, context).await;
                if let Ok(CallToolResponse::InputRequired(asked)) = &result {
                    running.waits(asked.request_state.as_deref(), ct.is_cancelled());
                    return result;
                }
                if let Ok(CallToolResponse::Task(task)) = &result {
                    running.task(&task.task.task_id);
                }
                running.ended(match &result {
                    Ok(CallToolResponse::Complete(result)) => result.is_error == Some(true),
                    Ok(_) => false,
                    Err(_) => true,
                });
                result
            }
        }
    }

    async fn get_prompt(
        &self,
        mut request: GetPromptRequestParams,
        context: Context,
    ) -> Result<GetPromptResponse, ErrorData> {
        match self.host.ask("prompts/get", &request, &context).await {
            Verdict::Answer(refusal) => Err(error(refusal)),
            Verdict::Ask(asked) => Ok(GetPromptResponse::InputRequired(asked)),
            Verdict::Run { running, resumed } => {
                if resumed {
                    (request.input_responses, request.request_state) = (None, None);
                }
                let ct = context.ct.clone();
                let result = self.inner.get_prompt(request, context).await;
                match &result {
                    Ok(GetPromptResponse::InputRequired(asked)) => {
                        running.waits(asked.request_state.as_deref(), ct.is_cancelled())
                    }
                    _ => running.ended(result.is_err()),
                }
                result
            }
        }
    }

    async fn read_resource(
        &self,
        mut request: ReadResourceRequestParams,
        context: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        match self.host.ask("resources/read", &request, &context).await {
            Verdict::Answer(refusal) => Err(error(refusal)),
            Verdict::Ask(asked) => Ok(ReadResourceResponse::InputRequired(asked)),
            Verdict::Run { running, resumed } => {
                if resumed {
                    (request.input_responses, request.request_state) = (None, None);
                }
                let ct = context.ct.clone();
                let result = self.inner.read_resource(request, context).await;
                match &result {
                    Ok(ReadResourceResponse::InputRequired(asked)) => {
                        running.waits(asked.request_state.as_deref(), ct.is_cancelled())
                    }
                    _ => running.ended(result.is_err()),
                }
                result
            }
        }
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListToolsResult, ErrorData> {
        let result = self.inner.list_tools(request, context.clone()).await?;
        self.held(&result)?;
        filtered!(self, "tools/list", result, tools, name, &context)
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListPromptsResult, ErrorData> {
        let result = self.inner.list_prompts(request, context.clone()).await?;
        filtered!(self, "prompts/list", result, prompts, name, &context)
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListResourcesResult, ErrorData> {
        let result = self.inner.list_resources(request, context.clone()).await?;
        filtered!(self, "resources/list", result, resources, name, &context)
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let result = self.inner.list_resource_templates(request, context.clone()).await?;
        filtered!(self, "resources/templates/list", result, resource_templates, name, &context)
    }

    async fn complete(&self, request: CompleteRequestParams, context: Context) -> Result<CompleteResult, ErrorData> {
        let run = || self.inner.complete(request.clone(), context.clone());
        self.host.plain("completion/complete", &request, &context, run).await
    }

    async fn subscribe(&self, request: SubscribeRequestParams, context: Context) -> Result<(), ErrorData> {
        let run = || self.inner.subscribe(request.clone(), context.clone());
        self.host.plain("resources/subscribe", &request, &context, run).await
    }

    async fn unsubscribe(&self, request: UnsubscribeRequestParams, context: Context) -> Result<(), ErrorData> {
        let run = || self.inner.unsubscribe(request.clone(), context.clone());
        self.host.plain("resources/unsubscribe", &request, &context, run).await
    }

    async fn get_task(&self, request: GetTaskParams, context: Context) -> Result<GetTaskResult, ErrorData> {
        let run = || self.inner.get_task(request.clone(), context.clone());
        self.host.plain("tasks/get", &request, &context, run).await
    }

    async fn update_task(&self, request: UpdateTaskParams, context: Context) -> Result<(), ErrorData> {
        let run = || self.inner.update_task(request.clone(), context.clone());
        self.host.plain("tasks/update", &request, &context, run).await
    }

    async fn cancel_task(&self, request: CancelTaskParams, context: Context) -> Result<(), ErrorData> {
        let run = || self.inner.cancel_task(request.clone(), context.clone());
        self.host.plain("tasks/cancel", &request, &context, run).await
    }

    async fn list_skills(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListSkillsResult, ErrorData> {
        let result = self.inner.list_skills(request, context.clone()).await?;
        filtered!(self, "skills/list", result, skills, uri, &context)
    }

    async fn get_skill(&self, request: GetSkillRequestParams, context: Context) -> Result<GetSkillResult, ErrorData> {
        let run = || self.inner.get_skill(request.clone(), context.clone());
        self.host.plain("skills/get", &request, &context, run).await
    }

    async fn read_resource_directory(
        &self,
        request: ReadResourceDirectoryRequestParams,
        context: Context,
    ) -> Result<ReadResourceDirectoryResult, ErrorData> {
        let run = || self.inner.read_resource_directory(request.clone(), context.clone());
        self.host.plain("resources/directory/read", &request, &context, run).await
    }

    async fn on_custom_request(&self, request: CustomRequest, context: Context) -> Result<CustomResult, ErrorData> {
        let run = || self.inner.on_custom_request(request.clone(), context.clone());
        self.host.plain(&request.method, &request.params, &context, run).await
    }

    async fn ping(&self, context: Context) -> Result<(), ErrorData> {
        self.inner.ping(context).await
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: Context,
    ) -> Result<InitializeResult, ErrorData> {
        self.inner.initialize(request, context).await
    }

    fn negotiate_initialize(&self, request: &InitializeRequestParams) -> Result<InitializeResult, ErrorData> {
        self.inner.negotiate_initialize(request)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        self.inner.supported_protocol_versions()
    }

    async fn discover(&self, context: Context) -> Result<DiscoverResult, ErrorData> {
        self.inner.discover(context).await
    }

    async fn set_level(&self, request: SetLevelRequestParams, context: Context) -> Result<(), ErrorData> {
        self.inner.set_level(request, context).await
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        self.inner.accepted_subscription_filter(requested)
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let request = context.request_context().clone();
        // What the server will tell of, which may be less than was asked for.
        let filter = SubscriptionsListenRequestParams::new(context.accepted().clone());
        let run = || self.inner.listen(context);
        self.host.plain("subscriptions/listen", &filter, &request, run).await
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.inner.get_tool(name)
    }

    async fn on_cancelled(&self, notification: CancelledNotificationParam, context: Notified) {
        self.inner.on_cancelled(notification, context).await;
    }

    async fn on_progress(&self, notification: ProgressNotificationParam, context: Notified) {
        self.inner.on_progress(notification, context).await;
    }

    async fn on_initialized(&self, context: Notified) {
        self.inner.on_initialized(context).await;
    }

    async fn on_roots_list_changed(&self, context: Notified) {
        self.inner.on_roots_list_changed(context).await;
    }

    async fn on_custom_notification(&self, notification: CustomNotification, context: Notified) {
        self.inner.on_custom_notification(notification, context).await;
    }

    fn get_info(&self) -> ServerConfig {
        self.inner.get_info()
    }
}
