"""Guarded servers as processes of their own, on stdio and over HTTP, driven by the SDK's own client: every scenario of
`integrations/scenarios`, in every revision of the protocol that the SDK has."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from multiprocessing.connection import Client as Connector
from multiprocessing.connection import Listener
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

pytest.importorskip("mcp")
from mcp_clients import ERAS, ClientError, HttpStatus, connect

HERE = Path(__file__).resolve().parent
TABLE = json.loads((HERE.parents[2] / "integrations" / "scenarios" / "scenarios.json").read_text())


def sdks() -> list[str]:
    try:
        return ["fastmcp"] if version("fastmcp") else []
    except PackageNotFoundError:
        return ["mcp", "lowlevel"]


class Control:
    """What the test tells the host of a server."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def tell(self, **command: Any) -> Any:
        self._connection.send(command)
        fine, answer = self._connection.recv()
        assert fine, answer
        return answer


@asynccontextmanager
async def served(sdk: str, transport: str, era: str, asks: bool, user: dict[str, Any]) -> AsyncIterator[Any]:
    """A server, a client of it, and the server's host."""
    with tempfile.TemporaryDirectory() as folder, Listener(f"{folder}/control") as listener:
        command = [sys.executable, str(HERE / "mcp_server.py"), sdk, transport, f"{folder}/control"]
        async with AsyncExitStack() as stack:
            accepted = stack.enter_context(ThreadPoolExecutor(1)).submit(listener.accept)
            # A server that did not come up must not leave the test waiting.
            stack.callback(lambda: accepted.done() or Connector(f"{folder}/control").close())
            if transport == "http":
                process = await anyio.open_process(command, stderr=None)
                stack.push_async_exit(process)
                stack.callback(process.terminate)
                connection = await anyio.to_thread.run_sync(accepted.result)
                url = f"http://127.0.0.1:{connection.recv()}/mcp"
                client = await stack.enter_async_context(connect(era, asks, user, url=url))
            else:
                client = await stack.enter_async_context(connect(era, asks, user, command=command))
                connection = await anyio.to_thread.run_sync(accepted.result)
                connection.recv()
            yield client, Control(connection)


class Run:
    """One scenario, step by step."""

    def __init__(self, client: Any, control: Control, user: dict[str, Any], era: str) -> None:
        self.client, self.control, self.user, self.era = client, control, user, era
        self.resumed: tuple[str, dict[str, Any]] | None = None
        self.records = 0

    async def seen(self, step: dict[str, Any]) -> tuple[str, Any]:
        """What the client gets."""
        try:
            result = await self.asked(step)
        except HttpStatus as status:
            assert status.code == 403
            scope = status.authenticate.split('scope="')[1].split('"')[0]
            assert status.authenticate.startswith('Bearer error="insufficient_scope"')
            return "challenge", scope
        except ClientError as error:
            return "error", {"code": error.code, "message": error.message}
        if "list" in step:
            items = next(value for name, value in result.items() if isinstance(value, list))
            assert result.get("cacheScope", "private") == "private"
            assert result.get("ttlMs", 0) == 0
            return "names", [item["name"] for item in items]
        blocks = result.get("content") or result.get("contents") or [{"text": "nothing"}]
        text = blocks[0]["text"]
        if not result.get("isError"):
            return "result", text
        return ("tool_error", text) if "_meta" in result and META in result["_meta"] else ("tool_failed", text)

    async def asked(self, step: dict[str, Any]) -> dict[str, Any]:
        self.user.clear()
        answer = step.get("answer") or step.get("resume", {}).get("answer")
        if answer is not None:
            self.user["answer"] = answer
        if "list" in step:
            return await self.client.request(step["list"], {})  # type: ignore[no-any-return]
        if "replay" in step:
            assert self.resumed is not None
            return await self.client.request(*self.resumed)  # type: ignore[no-any-return]
        method, params = (
            ("tools/call", step["call"])
            if "call" in step
            else (
                step["request"]["method"],
                step["request"]["params"],
            )
        )
        result: dict[str, Any] = await self.client.request(method, params)
        if result.get("resultType") != "input_required" or answer is None:
            return result
        [(name, question)] = result["inputRequests"].items()
        assert (name, question["method"]) == ("approval", "elicitation/create")
        self.user["asked"] = question["params"]["message"]
        again = params | {"inputResponses": {name: answer}, "requestState": result["requestState"]}
        resume = step.get("resume", {})
        if "arguments" in resume:
            again["arguments"] = resume["arguments"]
        if "state" in resume:
            again["requestState"] = forged(again["requestState"])
        self.resumed = (method, again)
        return await self.client.request(method, again)  # type: ignore[no-any-return]

    async def step(self, step: dict[str, Any]) -> None:
        if "event" in step:
            self.control.tell(event=step["event"])
            return
        if "approve" in step:
            waiting = [one for one in self.control.tell(seen=True)["records"] if one["kind"] == "decision"][-1]
            approval = {"call": waiting["call_digest"], "class": step["approve"]["class"]}
            approval |= {"approver": step["approve"]["by"], "expires": "2999-01-01T00:00:00Z"}
            self.control.tell(event={"approval_granted": approval})
            return
        kind, value = await self.seen(step)
        host = self.control.tell(seen=True)
        records, self.records = host["records"][self.records :], len(host["records"])
        told = {
            "ran": host["ran"],
            "decisions": [one["decision"] for one in records if one["kind"] == "decision"],
            "completed": completed(records),
            "asked": self.user.get("asked"),
            "cacheScope": "private",
            "ttlMs": 0,
            kind: value,
        }
        expected = step["expect"]
        got = {name: told.get(name, f"not this, but {kind}: {value}") for name in expected}
        if "tool_failed" in expected and kind == "tool_failed" and expected["tool_failed"] in value:
            # The SDKs put the tool's name before what it raised.
            got["tool_failed"] = expected["tool_failed"]
        if got.get("error", {}).get("message") == "Invalid or expired requestState":
            # `MCPServer` seals states once more, and answers for its own seal.
            got["error"] = got["error"] | {"message": "The request state is not valid."}
        assert got == expected


META = "io.github.toolgate/decision"


def forged(state: str) -> str:
    """Another digit somewhere in the middle."""
    middle = len(state) // 2
    return state[:middle] + ("1" if state[middle] != "1" else "2") + state[middle + 1 :]


def completed(records: list[dict[str, Any]]) -> str | None:
    for one in records:
        if one["kind"] == "outcome":
            return str(one["status"])
        if one["kind"] == "event" and "call_aborted" in one["event"]:
            return "aborted"
    return None


async def every_scenario(sdk: str, transport: str, era: str, faults: list[str]) -> int:
    ran = 0
    for asks in (True, False):
        user: dict[str, Any] = {}
        chosen = [one for one in TABLE["scenarios"] if one.get("client", {}).get("elicitation", True) is asks]
        chosen = [
            one for one in chosen if era in one.get("eras", [era]) and transport in one.get("transports", [transport])
        ]
        async with served(sdk, transport, era, asks, user) as (client, control):
            for scenario in chosen:
                drifted = scenario.get("server", {}).get("drifted", [])
                control.tell(reset=TABLE["host"] | scenario.get("host", {}), drifted=drifted)
                run = Run(client, control, user, era)
                for number, step in enumerate(scenario["steps"], 1):
                    try:
                        await run.step(step)
                    except AssertionError as fault:
                        faults.append(f"{scenario['name']}, step {number}: {fault}")
                ran += 1
    return ran


# The low-level server is what the high-level ones run on: over HTTP, it would be asked the same once more.
KINDS = [
    (sdk, transport) for sdk in sdks() for transport in ("stdio", "http") if (sdk, transport) != ("lowlevel", "http")
]


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(("sdk", "transport"), KINDS)
def test_every_scenario_holds(sdk: str, transport: str, era: str) -> None:
    faults: list[str] = []
    ran = anyio.run(every_scenario, sdk, transport, era, faults)
    assert not faults, "\n\n".join(faults)
    assert ran >= 18
