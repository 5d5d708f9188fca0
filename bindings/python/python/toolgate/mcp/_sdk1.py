"""Servers of `mcp` 1.x."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.lowlevel.server import request_ctx
from mcp.shared.exceptions import McpError

from ._guard import Guard
from ._port import PAGES, Challenge, Port, Refused
from ._request import Request, verified_token

Handler = Callable[[Any], Awaitable[types.ServerResult]]


class Handlers(dict[type, Handler]):
    """The handlers of a server, each behind the guard: those registered later, too."""

    def __init__(self, handlers: dict[type, Handler], guard: Guard) -> None:
        super().__init__(handlers)
        self._guard = guard

    def get(self, kind: type, default: Any = None) -> Any:
        """The handler that the server dispatches to. What the server asks of itself, it asks for by index."""
        handler = super().get(kind)
        return default if handler is None else self._guarded(handler)

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(message: Any) -> types.ServerResult:
            ctx = request_ctx.get()
            params = message.params.model_dump(by_alias=True, mode="json", exclude_none=True) if message.params else {}
            if isinstance(message, types.CallToolRequest):
                # As the tool gets them: nothing in them was left out or changed.
                params["arguments"] = message.params.arguments or {}
            request = Request(message.method, params, ctx.request, verified_token(ctx.request), ctx)
            port = _Port(message, handler, self)
            try:
                return port.answered(await self._guard.handle(request, port))
            except Refused as refused:
                if isinstance(refused, Challenge) and request.challenges is not None:
                    request.challenges.append(refused.authenticate)
                raise McpError(types.ErrorData(code=refused.code, message=refused.message, data=refused.data)) from None

        return guarded


class _Port(Port):
    modern = False

    def __init__(self, message: Any, handler: Handler, handlers: Handlers) -> None:
        self._message, self._handler, self._handlers = message, handler, handlers
        self._result: types.ServerResult | None = None
        self._wire: dict[str, Any] = {}
        client = request_ctx.get().session.client_params
        elicitation = client.capabilities.elicitation if client is not None else None
        self.asks = elicitation is not None and (elicitation.form is not None or elicitation.url is None)

    async def answer(self) -> dict[str, Any]:
        self._result = await self._handler(self._message)
        self._wire = _wire(self._result)
        return self._wire

    async def list_tools(self) -> dict[str, Any]:
        handler = dict.get(self._handlers, types.ListToolsRequest)
        tools: list[Any] = []
        cursor = None
        for _ in range(PAGES if handler is not None else 0):
            params = types.PaginatedRequestParams(cursor=cursor)
            page = _wire(await handler(types.ListToolsRequest(method="tools/list", params=params)))
            tools += page.get("tools", [])
            cursor = page.get("nextCursor")
            if not cursor:
                break
        if cursor:
            raise ValueError("the server's list of tools has no end")
        return {"tools": tools}

    async def ask(self, params: dict[str, Any]) -> dict[str, Any]:
        ctx = request_ctx.get()
        asked = await ctx.session.elicit_form(params["message"], params["requestedSchema"], ctx.request_id)
        return asked.model_dump(by_alias=True, mode="json", exclude_none=True)

    def resumed(self) -> None:
        """Nothing to take away: this revision of the protocol knows no answers in requests."""

    def answered(self, result: dict[str, Any]) -> types.ServerResult:
        """The server's own result, unless it was changed or another one took its place."""
        if self._result is not None and result is self._wire:
            return self._result
        kind = _RESULTS.get(type(self._message), types.CallToolResult)
        return types.ServerResult(kind.model_validate(result))


_RESULTS: dict[type, Any] = {
    types.ListToolsRequest: types.ListToolsResult,
    types.ListPromptsRequest: types.ListPromptsResult,
    types.ListResourcesRequest: types.ListResourcesResult,
    types.ListResourceTemplatesRequest: types.ListResourceTemplatesResult,
    types.ReadResourceRequest: types.ReadResourceResult,
    types.GetPromptRequest: types.GetPromptResult,
}


def _wire(result: Any) -> dict[str, Any]:
    root = getattr(result, "root", result)
    wire: dict[str, Any] = root.model_dump(by_alias=True, mode="json", exclude_none=True)
    return wire


def install(server: Any, guard: Guard) -> None:
    """Puts the guard in front of every handler."""
    low = server if isinstance(server, Server) else server._mcp_server
    low.request_handlers = Handlers(low.request_handlers, guard)
