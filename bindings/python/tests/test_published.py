"""A published server, `mcp-server-git`, guarded without editing it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

pytest.importorskip("mcp_server_git")
from mcp_clients import ClientError, connect
from toolgate import verify

MANIFEST = """
[bundle]
name = "git"
version = "1"
[servers.git]
verified = true
"""


def tools() -> list[dict[str, Any]]:
    """What the server shows to anybody."""

    async def listed() -> list[dict[str, Any]]:
        async with connect("2026-07-28", False, {}, command=[sys.executable, "-m", "mcp_server_git"]) as client:
            answer = await client.request("tools/list", {})
            return answer["tools"]  # type: ignore[no-any-return]

    return anyio.run(listed)


def test_mcp_server_git(tmp_path: Path) -> None:
    repository, bundle, records = tmp_path / "repository", tmp_path / "bundle", tmp_path / "records.jsonl"
    subprocess.run(["git", "init", "-q", repository], check=True)
    shown = tools()
    effects = "".join(
        f'[tools."git/{tool["name"]}"]\n'
        f'effect = "{"read" if tool["name"] in ("git_status", "git_log") else "destructive"}"\n'
        for tool in shown
    )
    policy = "".join(
        f'@id("look-{name}")\npermit (principal is User, action == Action::"git/{name}", resource);\n'
        for name in ("git_status", "git_log")
    )
    for name, text in {
        "toolgate.toml": MANIFEST + effects,
        "tools/git.json": json.dumps({"tools": shown}),
        "policies/git.cedar": policy,
    }.items():
        (bundle / name).parent.mkdir(parents=True, exist_ok=True)
        (bundle / name).write_text(text)
    command = [sys.executable, "-m", "toolgate.mcp", "--bundle", str(bundle), "--principal", 'User::"alice"']
    command += ["--records", str(records), "mcp_server_git", "--repository", str(repository)]

    async def run(era: str) -> None:
        async with connect(era, False, {}, command=command) as client:
            listed = await client.request("tools/list", {})
            assert {tool["name"] for tool in listed["tools"]} == {"git_status", "git_log"}
            status = {"name": "git_status", "arguments": {"repo_path": str(repository)}}
            answer = await client.request("tools/call", status)
            assert not answer.get("isError") and "No commits yet" in answer["content"][0]["text"]
            reset = {"name": "git_reset", "arguments": {"repo_path": str(repository)}}
            denied = await client.request("tools/call", reset)
            assert denied["isError"] and "no_permit" in denied["content"][0]["text"]
            # The server answers this one by itself, in a middleware of its own.
            with pytest.raises(ClientError, match="Unknown tool: nothing"):
                await client.request("tools/call", {"name": "nothing", "arguments": {}})

    for era in ("2025-11-25", "2026-07-28"):
        anyio.run(run, era)
    lines = records.read_text().splitlines()
    assert verify(lines) is not None
    told = [json.loads(line) for line in lines]
    assert [one["decision"] for one in told if one["kind"] == "decision"] == ["allow", "deny"] * 2
    assert [one["status"] for one in told if one["kind"] == "outcome"] == ["done"] * 2
