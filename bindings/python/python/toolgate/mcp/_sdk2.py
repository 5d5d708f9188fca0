"""Servers of `mcp` 2.x, and of `fastmcp` 4, which is built on it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mcp.server import MCPServer
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel

from ._guard import Guard
from ._port import PAGES, Challenge, Port, Refused
from ._request import Request, verified_token

MODERN = "2026-07-28"


class Middleware:
    """The guard in the SDK's chain. It must be the innermost one: what runs is what was decided."""

    def __init__(self, guard: Guard, server: Server[Any] | MCPServer[Any]) -> None:
        self._guard, self._server = guard, server

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        if ctx.request_id is None:
            return await call_next(ctx)
        if self._server.middleware[-1] is not self:
            raise RuntimeError("middleware was added behind the guard, and could change what it has decided")
        http = ctx.request
        request = Request(ctx.method, dict(ctx.params or {}), http, verified_token(http), ctx)
        try:
            port = _Port(ctx, call_next)
            return port.complete(await self._guard.handle(request, port))
        except Refused as refused:
            if isinstance(refused, Challenge) and request.challenges is not None:
                request.challenges.append(refused.authenticate)
            raise MCPError(code=refused.code, message=refused.message, data=refused.data) from None


class _Port(Port):
    def __init__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> None:
        self._ctx, self._next = ctx, call_next
        self.modern = ctx.protocol_version >= MODERN
        capabilities = ctx.session.client_capabilities
        elicitation = capabilities.elicitation if capabilities is not None else None
        # An empty capability is the form: it is all there was before the URL.
        self.asks = elicitation is not None and (elicitation.form is not None or elicitation.url is None)

    async def answer(self) -> dict[str, Any]:
        return _wire(await self._next(self._ctx))

    async def list_tools(self) -> dict[str, Any]:
        tools: list[Any] = []
        cursor: dict[str, Any] = {}
        for _ in range(PAGES):
            meta = {"_meta": self._ctx.params["_meta"]} if self._ctx.params and "_meta" in self._ctx.params else {}
            page = _wire(await self._next(replace(self._ctx, method="tools/list", params=meta | cursor)))
            tools += page.get("tools", [])
            if not page.get("nextCursor"):
                return {"tools": tools}
            cursor = {"cursor": page["nextCursor"]}
        raise ValueError("the server's list of tools has no end")

    async def ask(self, params: dict[str, Any]) -> dict[str, Any]:
        schema, related = params["requestedSchema"], self._ctx.request_id
        return _wire(await self._ctx.session.elicit_form(params["message"], schema, related))

    def resumed(self) -> None:
        params = {name: value for name, value in (self._ctx.params or {}).items() if name not in _ANSWER}
        self._ctx = replace(self._ctx, params=params)

    def complete(self, result: dict[str, Any]) -> dict[str, Any]:
        """A result of ours in the envelope of the client's revision."""
        return {"resultType": "complete"} | result if self.modern else result


_ANSWER = ("requestState", "inputResponses")


def _wire(result: HandlerResult) -> dict[str, Any]:
    if isinstance(result, BaseModel):
        return result.model_dump(by_alias=True, mode="json", exclude_none=True)
    return dict(result or {})


def install(server: Any, guard: Guard) -> None:
    """Puts the guard behind all middleware that the server has by now."""
    # The low-level server of fastmcp has no public name; its own middleware sees no tools/list as it goes over the
    # wire.
    low = server if isinstance(server, (Server, MCPServer)) else server._mcp_server
    low.middleware.append(Middleware(guard, low))
