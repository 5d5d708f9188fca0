"""Runs a published MCP server on stdio, guarded, without editing it.

python -m toolgate.mcp --bundle my-bundle --principal 'User::"alice"' mcp_server_git --repository .
"""

from __future__ import annotations

import argparse
import runpy
import sys
from collections.abc import Sequence
from typing import Any
from weakref import WeakSet

from .. import Gate, Ledger
from . import Guard, GuardOptions
from ._install import install


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line, guards every server that starts, and runs the module."""
    parser = argparse.ArgumentParser(
        "python -m toolgate.mcp", description="Runs a published MCP server on stdio, guarded, without editing it."
    )
    parser.add_argument("--bundle", required=True, help="the folder of the bundle, or a packed file")
    parser.add_argument("--server", help="the server's id in the bundle; its only one by default")
    parser.add_argument("--principal", required=True, metavar="ENTITY", help='who asks, as in User::"alice"')
    parser.add_argument("--session", metavar="ID", help="the session of all calls; `stdio` by default", default="stdio")
    parser.add_argument("--ledger", metavar="FILE", help="the journal to keep the ledger in; in memory by default")
    parser.add_argument("--records", metavar="FILE", help="the file to append records to, a chained line each")
    parser.add_argument("--rendering", choices=["tool_error", "protocol_error", "hide"], default="tool_error")
    parser.add_argument("module", help="the server's module, as `python -m` would run it")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its arguments")
    given = parser.parse_args(arguments)
    gate = Gate.load(given.bundle)
    options: GuardOptions = {"principal": given.principal, "session": lambda request: str(given.session)}
    options["rendering"] = given.rendering
    if given.server:
        options["server"] = given.server
    if given.records:
        options["records"] = given.records
    guard = Guard(gate, Ledger.open(given.ledger, gate) if given.ledger else Ledger(), **options)
    _guard_all(guard)
    sys.argv = [given.module, *given.arguments]
    runpy.run_module(given.module, run_name="__main__", alter_sys=True)


def _guard_all(guard: Guard) -> None:
    """Every low-level server is guarded once, when it starts, whatever it speaks over: nothing is added to it after
    that."""
    from mcp.server.lowlevel import Server

    guarded: WeakSet[Any] = WeakSet()

    def starts(server: Any) -> None:
        if server not in guarded:
            guarded.add(server)
            install(server, guard)

    try:
        # 2.x: over HTTP nothing goes through `Server.run`.
        from mcp.server.runner import ServerRunner
    except ImportError:
        run = Server.run

        async def started(self: Any, *arguments: Any, **options: Any) -> None:
            starts(self)
            await run(self, *arguments, **options)

        Server.run = started  # type: ignore[method-assign, assignment, unused-ignore]
    else:
        make = ServerRunner.__init__

        def made(self: Any, server: Any, *arguments: Any, **options: Any) -> None:
            starts(server)
            make(self, server, *arguments, **options)

        ServerRunner.__init__ = made  # type: ignore[method-assign, assignment, unused-ignore]


if __name__ == "__main__":
    main()
