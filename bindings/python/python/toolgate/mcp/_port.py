"""What a guard needs of an SDK, and what it answers with besides results."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

PAGES = 1_000
"""Pages of one list."""


class Port(ABC):
    """What a guard needs of the SDK for one request."""

    modern: bool
    """Whether the client takes `input_required` (2026-07-28)."""

    asks: bool
    """Whether the client can ask its user."""

    failed: BaseException | None = None
    """What the server raised, if it did."""

    async def run(self) -> dict[str, Any]:
        """Runs what was asked for. The result, as it goes over the wire."""
        try:
            return await self.answer()
        except BaseException as failed:
            self.failed = failed
            raise

    @abstractmethod
    async def answer(self) -> dict[str, Any]:
        """As `run`."""

    @abstractmethod
    async def list_tools(self) -> dict[str, Any]:
        """What the server's own tools/list shows, all pages."""

    @abstractmethod
    async def ask(self, params: dict[str, Any]) -> dict[str, Any]:
        """Asks the client's user, and waits for the answer."""

    @abstractmethod
    def resumed(self) -> None:
        """The request brought an answer to the guard: what runs is the request without it."""


class Refused(Exception):
    """A JSON-RPC error in place of a result."""

    def __init__(self, code: int, message: str, data: dict[str, Any] | None) -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data


class Challenge(Refused):
    """HTTP 403 in place of any answer. The error is what a client gets where nobody turns it into one."""

    def __init__(self, authenticate: str) -> None:
        super().__init__(-31403, "Denied: the call needs more scopes.", None)
        self.authenticate = authenticate
