"""The SDK's own client, asked for raw requests, so that a test can cheat."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from typing import Any

import anyio

V1 = int(version("mcp").split(".", 1)[0]) == 1
ERAS = ["2025-11-25"] if V1 else ["2025-11-25", "2026-07-28"]


class ClientError(Exception):
    """A JSON-RPC error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class HttpStatus(Exception):
    """An HTTP status that is no answer."""

    def __init__(self, code: int, authenticate: str) -> None:
        super().__init__(str(code))
        self.code, self.authenticate = code, authenticate


class Transcript:
    """The last HTTP status that was no success."""

    def __init__(self) -> None:
        self.refused: HttpStatus | None = None
        self.over = anyio.Event()

    async def look(self, response: Any) -> None:
        if response.status_code == 403:
            self.refused = HttpStatus(403, response.headers.get("www-authenticate", ""))
            self.over.set()
            if V1:
                # The client of 1.x closes the connection on any other status; this one it waits behind.
                response.status_code = 202


class Client:
    def __init__(self, session: Any, transcript: Transcript) -> None:
        self._session, self._transcript = session, transcript

    async def request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The result, as it came over the wire."""
        self._transcript.refused, self._transcript.over = None, anyio.Event()
        try:
            return await self._answered(self._v1 if V1 else self._v2, method, params)
        except Exception as fault:
            error = getattr(fault, "error", None)
            if error is None:
                raise
            raise ClientError(error.code, error.message) from fault

    async def _answered(self, send: Any, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The answer, unless HTTP refused the request first."""
        answers: list[Any] = []

        async def wait() -> None:
            try:
                answers.append(await send(method, params))
            except Exception as fault:
                answers.append(fault)
            self._transcript.over.set()

        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await self._transcript.over.wait()
            group.cancel_scope.cancel()
        if self._transcript.refused is not None:
            raise self._transcript.refused
        if isinstance(answers[0], Exception):
            raise answers[0]
        return answers[0]  # type: ignore[no-any-return]

    async def _v1(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        from mcp import types

        class Raw(types.Result):
            pass

        request = types.ClientRequest.model_validate({"method": method, "params": params})
        result = await self._session.send_request(request, Raw)
        return result.model_dump(by_alias=True, mode="json", exclude_none=True)  # type: ignore[no-any-return]

    async def _v2(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        import mcp_types as types
        from pydantic import TypeAdapter

        request: Any = types.Request[dict[str, Any], str](method=method, params=params)
        if method == "tools/call":
            request = types.CallToolRequest.model_validate({"method": method, "params": params}, by_name=False)
        adapter: Any = TypeAdapter(dict[str, Any])
        return await self._session.send_request(request, adapter)  # type: ignore[no-any-return]


@asynccontextmanager
async def connect(
    era: str, asks: bool, user: dict[str, Any], *, url: str | None = None, command: list[str] | None = None
) -> AsyncIterator[Client]:
    """A client of a server over HTTP, or of a command on stdio; `user` is what its user answers and was asked."""
    transcript = Transcript()

    async def elicit(context: Any, params: Any) -> Any:
        user["asked"] = params.message
        return _answer(user.get("answer", {"action": "cancel"}))

    callback = elicit if asks else None
    async with AsyncExitStack() as stack:
        if V1:
            session = await _connect_v1(stack, callback, transcript, url, command)
        else:
            session = await _connect_v2(stack, era, callback, transcript, url, command)
        yield Client(session, transcript)


def _answer(answer: dict[str, Any]) -> Any:
    if V1:
        from mcp.types import ElicitResult
    else:
        from mcp_types import ElicitResult
    return ElicitResult.model_validate(answer)


async def _connect_v1(stack: AsyncExitStack, callback: Any, transcript: Transcript, url: Any, command: Any) -> Any:
    import httpx
    from mcp import ClientSession, StdioServerParameters, stdio_client
    from mcp.client.streamable_http import streamable_http_client

    if url is not None:
        http = httpx.AsyncClient(event_hooks={"response": [transcript.look]}, timeout=60, follow_redirects=True)
        http = await stack.enter_async_context(http)
        read, write, _ = await stack.enter_async_context(streamable_http_client(url, http_client=http))
    else:
        parameters = StdioServerParameters(command=command[0], args=command[1:])
        read, write = await stack.enter_async_context(stdio_client(parameters))
    session = await stack.enter_async_context(ClientSession(read, write, elicitation_callback=callback))
    await session.initialize()
    return session


async def _connect_v2(
    stack: AsyncExitStack, era: str, callback: Any, transcript: Transcript, url: Any, command: Any
) -> Any:
    import httpx2 as httpx
    from mcp import Client as Sdk
    from mcp import StdioServerParameters
    from mcp.client.streamable_http import streamable_http_client

    server: Any
    if url is not None:
        http = httpx.AsyncClient(event_hooks={"response": [transcript.look]}, timeout=60, follow_redirects=True)
        server = streamable_http_client(url, http_client=await stack.enter_async_context(http))
    else:
        server = StdioServerParameters(command=command[0], args=command[1:])
    mode: Any = "legacy" if era == "2025-11-25" else era
    client = Sdk(server, mode=mode, elicitation_callback=callback, cache=None)
    return (await stack.enter_async_context(client)).session
