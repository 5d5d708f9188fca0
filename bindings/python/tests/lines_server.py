"""A guarded server on stdio that writes down everything that runs: `python lines_server.py FILE`."""

from __future__ import annotations

import asyncio
import json
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from toolgate import Gate, Ledger
from toolgate.mcp import guard

RAN = Path(sys.argv[1])

MANIFEST = """
[bundle]
name = "lines"
version = "1"
[servers.notes]
[tools."notes/read"]
effect = "read"
egress = false
[tools."notes/write"]
effect = "write"
egress = false
"""
POLICY = '@id("reads") permit (principal == User::"alice", action == Action::"notes/read", resource);'


def sdk() -> Any:
    """The server class of the SDK that is installed."""
    try:
        version("fastmcp")
    except PackageNotFoundError:
        if version("mcp").startswith("1."):
            from mcp.server.fastmcp import FastMCP as Old

            return Old
        from mcp.server import MCPServer

        return MCPServer
    from fastmcp import FastMCP  # type: ignore[import-not-found, unused-ignore]

    return FastMCP


def ran(what: str) -> str:
    with RAN.open("a") as file:
        file.write(what + "\n")
    return what


server = sdk()("notes")


@server.tool()  # type: ignore[untyped-decorator, unused-ignore]
def read(n: int = 0) -> str:
    return ran(f"read {n}")


@server.tool()  # type: ignore[untyped-decorator, unused-ignore]
def write(n: int = 0) -> str:
    return ran(f"write {n}")


@server.resource("note://a")  # type: ignore[untyped-decorator, unused-ignore]
def note() -> str:
    return ran("resource")


@server.prompt()  # type: ignore[untyped-decorator, unused-ignore]
def prompt() -> str:
    return ran("prompt")


async def pinned() -> str:
    """The tools as clients see them."""
    tools = [tool.to_mcp_tool() if hasattr(tool, "to_mcp_tool") else tool for tool in await server.list_tools()]
    return json.dumps({"tools": [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools]})


if __name__ == "__main__":
    files = {"toolgate.toml": MANIFEST, "tools/notes.json": asyncio.run(pinned()), "policies/a.cedar": POLICY}
    guard(server, Gate.load(files), Ledger(), principal='User::"alice"')
    server.run()
