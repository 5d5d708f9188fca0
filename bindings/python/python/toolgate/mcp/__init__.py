"""The gate in front of an MCP server: of the official SDK (`mcp` 1.x and 2.x) and of `fastmcp` 4.

    from toolgate import Gate, Ledger
    from toolgate.mcp import guard

    guard(server, Gate.load("my-bundle"), Ledger(), principal='User::"alice"')

From then on, every `tools/call`, `resources/read` and `prompts/get` is decided before it runs, every list shows only
what its
client could be allowed, and every call leaves a record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import Gate, Ledger
from ._asgi import challenges
from ._guard import Guard
from ._install import install
from ._options import GuardOptions, Meets, Rendering, WhoAsks
from ._request import AccessToken, Request

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = [
    "AccessToken",
    "Guard",
    "GuardOptions",
    "Meets",
    "Rendering",
    "Request",
    "WhoAsks",
    "challenges",
    "guard",
]


def guard(server: Any, gate: Gate, ledger: Ledger, /, **options: Unpack[GuardOptions]) -> Guard:
    """Guards a server: in one line, after its middleware is there. `GuardOptions` says what the options mean."""
    made = Guard(gate, ledger, **options)
    install(server, made)
    return made
