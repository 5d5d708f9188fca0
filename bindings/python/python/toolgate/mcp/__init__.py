"""The gate in front of an MCP server: of the official SDK (`mcp` 1.x and 2.x) and of `fastmcp` 4.

    from toolgate import Gate, Ledger
    from toolgate.mcp import guard

    guard(server, Gate.load("my-bundle"), Ledger(), principal='User::"alice"')

From then on, every `tools/call`, `resources/read` and `prompts/get` is decided before it runs, every list shows only what its
client could be allowed, and every call leaves a record.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from .._errors import ToolgateError
from ._asgi import challenges
from ._guard import Guard, Meets, Rendering, WhoAsks
from ._request import AccessToken, Request

__all__ = ["AccessToken", "Guard", "Meets", "Rendering", "Request", "WhoAsks", "challenges", "guard"]


def guard(server: Any, gate: Any, ledger: Any, **options: Any) -> Guard:
    """Guards a server: one line, after its tools and its other middleware are there."""
    made = Guard(gate, ledger, **options)
    _sdk().install(server, made)
    return made


def _sdk() -> Any:
    """The adapter for the SDK that is installed."""
    try:
        major = int(version("mcp").split(".", 1)[0])
    except PackageNotFoundError:
        raise ToolgateError("the package `mcp` is not installed: `pip install toolgate[mcp]`") from None
    if major >= 2:
        from . import _sdk2

        return _sdk2
    from . import _sdk1

    return _sdk1
