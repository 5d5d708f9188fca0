"""HTTP 403 for calls that lack scopes: no SDK lets a handler answer so, hence a layer around its app."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ._request import CHALLENGES

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def challenges(app: App) -> App:
    """An ASGI app around the SDK's: where scopes are all that a call lacks, it answers HTTP 403 with
    `WWW-Authenticate`.

        app = toolgate.mcp.challenges(server.streamable_http_app())

    For guards with `rendering="scope_challenge"`. A response that has begun before the call was decided stays as it
    is; the
    client then gets a JSON-RPC error.
    """

    async def challenged(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await app(scope, receive, send)
            return
        left: list[str] = []
        response = _Response(send, left)
        await app({**scope, CHALLENGES: left}, receive, response.send)
        await response.end()

    return challenged


class _Response:
    """Holds the head of a response back until there is something of its body: by then, the call was decided."""

    def __init__(self, send: Send, left: list[str]) -> None:
        self._send, self._left = send, left
        self._head: MutableMapping[str, Any] | None = None
        self._challenged = False

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if self._challenged:
            return
        if message["type"] == "http.response.start":
            self._head = message
            return
        if self._head is None:
            await self._send(message)
        elif self._left:
            await self._challenge()
        elif message.get("body") or not message.get("more_body"):
            await self.end()
            await self._send(message)

    async def end(self) -> None:
        """Sends the head, if it is still held back."""
        head, self._head = self._head, None
        if head is not None and not self._challenged:
            await self._send(head)

    async def _challenge(self) -> None:
        self._challenged = True
        headers = [(b"www-authenticate", self._left[0].encode("latin-1")), (b"content-length", b"0")]
        await self._send({"type": "http.response.start", "status": 403, "headers": headers})
        await self._send({"type": "http.response.body", "body": b""})
