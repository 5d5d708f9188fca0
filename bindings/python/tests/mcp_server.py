"""The server of `integrations/scenarios`, guarded, as a process of its own.

    python mcp_server.py SDK TRANSPORT CONTROL

SDK is `mcp` (the high-level class of the version that is installed), `lowlevel` or `fastmcp`; CONTROL is a socket on
which the
test says what happens at the host.
"""

from __future__ import annotations

import inspect
import json
import sys
import tempfile
import threading
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from importlib.metadata import version
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any

import anyio
import uvicorn
from toolgate import Gate, Ledger
from toolgate.mcp import Guard, Request, challenges, guard

BUNDLE = Path(__file__).resolve().parents[3] / "integrations" / "scenarios" / "bundle"
TOOLS: list[dict[str, Any]] = json.loads((BUNDLE / "tools" / "notes.json").read_text())["tools"]
SDK = sys.argv[1]
V1 = int(version("mcp").split(".", 1)[0]) == 1


class Host:
    """What the test told the host, and what the server ran."""

    def __init__(self) -> None:
        self.says: dict[str, Any] = {}
        self.drifted: set[str] = set()
        self.ran: list[str] = []
        self.folder = Path(tempfile.mkdtemp())
        self.files = 0

    @property
    def records(self) -> Path:
        return self.folder / f"{self.files}.jsonl"

    def run(self, name: str) -> str:
        self.ran.append(name)
        if name == "fail":
            raise tool_error()("it failed")
        return f"{name} ran"

    def who(self, request: Request) -> Any:
        """The members of a call that the scenario's host says."""
        now = datetime.now(timezone.utc)
        members = ("principal", "on_behalf_of", "session", "task", "credential")
        text = json.dumps({name: self.says[name] for name in members if name in self.says})
        later = (now + timedelta(minutes=5)).isoformat()
        return json.loads(text.replace("$now+5m", later).replace("$now", now.isoformat()))


HOST = Host()


def tool_error() -> type[Exception]:
    """What a tool of this SDK raises to tell the model; another exception's words may stay with the server."""
    if SDK == "fastmcp":
        from fastmcp.exceptions import ToolError
    elif V1:
        from mcp.server.fastmcp.exceptions import ToolError  # type: ignore[no-redef]
    else:
        from mcp.server.mcpserver.exceptions import ToolError  # type: ignore[no-redef]
    return ToolError


def title(name: str) -> str | None:
    return "new" if name in HOST.drifted else None


def function(tool: dict[str, Any]) -> Callable[..., Any]:
    """A function with the tool's parameters: every other one asynchronous."""
    schema = tool["inputSchema"]
    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(
            one, kind, annotation=str, default=inspect.Parameter.empty if one in schema["required"] else ""
        )
        for one in schema["properties"]
    ]

    def run(**arguments: str) -> str:
        return HOST.run(tool["name"])

    async def wait(**arguments: str) -> str:
        await anyio.lowlevel.checkpoint()
        return HOST.run(tool["name"])

    made: Any = wait if len(tool["name"]) % 2 else run
    made.__name__ = tool["name"]
    made.__signature__ = inspect.Signature(parameters, return_annotation=str)
    made.__annotations__ = {one.name: str for one in parameters} | {"return": str}
    return made  # type: ignore[no-any-return]


def high_level() -> Any:
    """`MCPServer` of 2.x, `FastMCP` of 1.x."""
    if V1:
        from mcp.server.fastmcp import FastMCP as Server
    else:
        from mcp.server import MCPServer as Server  # type: ignore[no-redef]
    server: Any = Server("notes")
    for tool in TOOLS:
        server.add_tool(function(tool), name=tool["name"], description=tool["description"])
    parts(server)
    return server


def fastmcp() -> Any:
    from fastmcp import FastMCP
    from fastmcp.tools import Tool

    server = FastMCP("notes")
    for tool in TOOLS:
        server.add_tool(Tool.from_function(function(tool), name=tool["name"], description=tool["description"]))
    parts(server)
    return server


def parts(server: Any) -> None:
    """The one resource and the one prompt."""

    @server.resource("notes://7", name="note")
    def note() -> str:
        HOST.run("resources/read")
        return "resource read"

    @server.prompt(name="summary")
    def summary() -> str:
        return HOST.run("prompts/get")


def low_level() -> Any:
    """A low-level server, whose tools are the pinned ones to the letter."""
    from mcp.server.lowlevel import Server

    if V1:
        return low_level_v1(Server)
    import mcp_types as types

    async def list_tools(ctx: Any, params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[types.Tool.model_validate(shown(one)) for one in TOOLS])

    async def call_tool(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        try:
            return types.CallToolResult(content=[types.TextContent(type="text", text=HOST.run(params.name))])
        except tool_error() as fault:
            return types.CallToolResult(is_error=True, content=[types.TextContent(type="text", text=str(fault))])

    async def list_resources(ctx: Any, params: Any) -> types.ListResourcesResult:
        return types.ListResourcesResult(resources=[types.Resource(uri="notes://7", name="note")])

    async def read_resource(ctx: Any, params: Any) -> types.ReadResourceResult:
        HOST.run("resources/read")
        return types.ReadResourceResult(contents=[types.TextResourceContents(uri="notes://7", text="resource read")])

    async def list_prompts(ctx: Any, params: Any) -> types.ListPromptsResult:
        return types.ListPromptsResult(prompts=[types.Prompt(name="summary")])

    async def get_prompt(ctx: Any, params: Any) -> types.GetPromptResult:
        HOST.run("prompts/get")
        return types.GetPromptResult(messages=[])

    return Server(
        "notes",
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_read_resource=read_resource,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
    )


def low_level_v1(kind: Any) -> Any:
    from mcp import types

    server = kind("notes")

    @server.list_tools()
    async def list_tools() -> list[Any]:
        return [types.Tool.model_validate(shown(one)) for one in TOOLS]

    @server.call_tool(validate_input=False)
    async def call_tool(name: str, arguments: dict[str, Any]) -> list[Any]:
        return [types.TextContent(type="text", text=HOST.run(name))]

    @server.list_resources()
    async def list_resources() -> list[Any]:
        return [types.Resource(uri="notes://7", name="note")]

    @server.read_resource()
    async def read_resource(uri: Any) -> str:
        HOST.run("resources/read")
        return "resource read"

    @server.list_prompts()
    async def list_prompts() -> list[Any]:
        return [types.Prompt(name="summary")]

    @server.get_prompt()
    async def get_prompt(name: str, arguments: Any) -> Any:
        HOST.run("prompts/get")
        return types.GetPromptResult(messages=[])

    return server


def shown(tool: dict[str, Any]) -> dict[str, Any]:
    return tool | ({"title": title(tool["name"])} if title(tool["name"]) else {})


def drift(server: Any) -> None:
    """Gives the tools of a high-level server the title that the scenario says."""
    manager = getattr(server, "_tool_manager", None)
    for tool in TOOLS:
        if manager is not None:
            manager.get_tool(tool["name"]).title = title(tool["name"])
    if manager is None and hasattr(server, "_local_provider"):
        for component in server._local_provider._components.values():
            if component.name in {one["name"] for one in TOOLS}:
                component.title = title(component.name)


async def wire(answer: Awaitable[Any]) -> list[dict[str, Any]]:
    found = await answer
    listed = found if isinstance(found, list) else found.tools
    dumped = []
    for one in listed:
        tool = one.to_mcp_tool() if hasattr(one, "to_mcp_tool") else one
        dumped.append(tool.model_dump(by_alias=True, mode="json", exclude_none=True))
    return dumped


def bundle(server: Any) -> Gate:
    """The bundle of the scenarios; a high-level server makes its own schemas, which are pinned then."""
    files = {str(path.relative_to(BUNDLE)): path.read_text() for path in BUNDLE.rglob("*") if path.is_file()}
    if SDK != "lowlevel":
        files["tools/notes.json"] = json.dumps({"tools": anyio.run(wire, server.list_tools())})
    return Gate.load(files)


class Guarded:
    """The server behind a guard that each scenario gets anew."""

    def __init__(self) -> None:
        self.server = {"mcp": high_level, "lowlevel": low_level, "fastmcp": fastmcp}[SDK]()
        self.gate = bundle(self.server)
        itself = SDK == "lowlevel" or (SDK == "mcp" and not V1)
        self.low = self.server if itself else self.server._mcp_server
        self.before: Any = dict(self.low.request_handlers) if V1 else list(self.low.middleware)
        self.waiting: str | None = None
        self.reset({"rendering": "tool_error", "obligations": []}, [])

    def reset(self, says: dict[str, Any], drifted: list[str]) -> None:
        HOST.says, HOST.drifted, HOST.ran = says, set(drifted), []
        HOST.files += 1
        drift(self.server)
        if V1:
            self.low.request_handlers = dict(self.before)
        else:
            self.low.middleware[:] = self.before
        self.ledger = Ledger()
        self.guard: Guard = guard(
            self.server,
            self.gate,
            self.ledger,
            who=HOST.who,
            origin=says.get("origin", "agent"),
            rendering=says["rendering"],
            obligations={kind: lambda request, obligation, result: None for kind in says["obligations"]},
            scopes={"export_notes": ["notes.export"]},
            records=HOST.records,
        )

    def told(self, command: dict[str, Any]) -> Any:
        """Does what the test says, as the host."""
        if "reset" in command:
            return self.reset(command["reset"], command["drifted"])
        if "event" in command:
            return len(self.ledger.apply(self.gate, command["event"]))
        if "seen" in command:
            lines = [json.loads(line) for line in HOST.records.read_text().splitlines()]
            ran, HOST.ran = HOST.ran, []
            return {"ran": ran, "records": lines, "snapshot": self.ledger.snapshot()}
        raise ValueError(command)

    def serve(self, control: Connection) -> None:
        while True:
            try:
                command = control.recv()
            except EOFError:
                return
            try:
                control.send((True, self.told(command)))
            except Exception as fault:
                control.send((False, repr(fault)))


class Http(uvicorn.Server):
    """Tells the test where it listens, once it does."""

    control: Connection

    async def startup(self, *arguments: Any, **named: Any) -> None:
        await super().startup(*arguments, **named)
        self.control.send(self.servers[0].sockets[0].getsockname()[1])


def app(server: Any) -> Any:
    if SDK == "fastmcp":
        return challenges(server.http_app(path="/mcp"))
    if V1 and SDK == "lowlevel":
        return challenges(app_v1(server))
    return challenges(server.streamable_http_app())


def app_v1(server: Any) -> Any:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from starlette.applications import Starlette
    from starlette.routing import Mount

    manager = StreamableHTTPSessionManager(server)
    return Starlette(routes=[Mount("/mcp", manager.handle_request)], lifespan=lambda app: manager.run())


async def stdio(server: Any) -> None:
    if SDK != "lowlevel":
        await server.run_stdio_async(**({"show_banner": False} if SDK == "fastmcp" else {}))
        return
    from mcp.server.stdio import stdio_server

    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


def main() -> None:
    transport, address = sys.argv[2:]
    guarded = Guarded()
    control = Client(address)
    if transport == "stdio":
        control.send("stdio")
        threading.Thread(target=guarded.serve, args=(control,), daemon=True).start()
        anyio.run(stdio, guarded.server)
        return
    server = Http(uvicorn.Config(app(guarded.server), port=0, log_level="warning"))
    server.control = control
    threading.Thread(target=guarded.serve, args=(control,), daemon=True).start()
    server.run()


if __name__ == "__main__":
    main()
