"""Who asks is what the SDK verified for this very request, whoever opened the session and whatever the client
writes."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from multiprocessing.connection import Listener
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")
HERE = Path(__file__).resolve().parent
V1 = int(version("mcp").split(".", 1)[0]) == 1


def sdk() -> str:
    try:
        return "fastmcp" if version("fastmcp") else ""
    except PackageNotFoundError:
        return "mcp"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    address = str(tmp_path_factory.mktemp("auth") / "control")
    with Listener(address) as listener:
        command = [sys.executable, str(HERE / "auth_server.py"), sdk(), address]
        with subprocess.Popen(command) as process:
            yield f"http://127.0.0.1:{listener.accept().recv()}/mcp"
            process.terminate()


def post(url: str, token: str | None, message: dict[str, Any], **headers: str) -> tuple[int, Any, Any]:
    """The status, the headers and the JSON-RPC answer."""
    sent = {"content-type": "application/json", "accept": "application/json, text/event-stream"} | headers
    if token is not None:
        sent["authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, json.dumps({"jsonrpc": "2.0"} | message).encode(), sent)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read().decode()
            data = [line[6:] for line in text.splitlines() if line.startswith("data: ") and len(line) > 6]
            return answer.status, answer.headers, json.loads(data[-1] if data else text or "null")
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers, None


FORGED = {"client_id": "alice", "io.github.toolgate/principal": 'User::"alice"', "session": "s-jti-alice"}


def call(url: str, token: str, session: dict[str, str]) -> tuple[int, str]:
    """What `whoami` answers, or the status."""
    params: dict[str, Any] = {"name": "whoami", "arguments": {}, "_meta": FORGED}
    status, _, answer = post(url, token, {"id": 2, "method": "tools/call", "params": params}, **session)
    return status, "" if answer is None else answer["result"]["content"][0]["text"]


def open_session(url: str, token: str) -> dict[str, str]:
    """The headers of a session that this token opened (2025-11-25)."""
    client = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "alice", "version": "1"}}
    status, headers, _ = post(url, token, {"id": 1, "method": "initialize", "params": client})
    assert status == 200
    session = {"mcp-session-id": headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
    post(url, token, {"method": "notifications/initialized"}, **session)
    return session


DENIED = "Denied: no permit applies to some actor of the delegation chain, or to some resource (no_permit)."


def test_each_request_counts_for_itself(url: str) -> None:
    by_alice = open_session(url, "alice")
    assert call(url, "alice", by_alice) == (200, "ran")
    # The session is alice's; the request is not. The SDK may refuse it first.
    status, text = call(url, "eve", by_alice)
    assert (status, text) == (200, DENIED) or status in (401, 403, 404)
    by_eve = open_session(url, "eve")
    assert call(url, "eve", by_eve) == (200, DENIED)
    status, text = call(url, "alice", by_eve)
    assert (status, text) == (200, "ran") or status in (401, 403, 404)


def test_another_token_of_the_same_person_counts_for_itself(url: str) -> None:
    """The context variable of `mcp` 1.x has the token that opened the session."""
    wide, narrow = open_session(url, "alice"), open_session(url, "narrow")
    assert call(url, "narrow", wide) == call(url, "narrow", narrow) == (200, DENIED)
    assert call(url, "alice", wide) == call(url, "alice", narrow) == (200, "ran")


def test_a_client_of_its_own_is_nobody_s_agent(url: str) -> None:
    assert call(url, "job", open_session(url, "job")) == (200, DENIED)


@pytest.mark.skipif(V1, reason="this revision is not in mcp 1.x")
def test_the_stateless_revision(url: str) -> None:
    about = {"protocolVersion": "2026-07-28", "clientCapabilities": {}, "clientInfo": {"name": "alice", "version": "1"}}
    meta = FORGED | {f"io.modelcontextprotocol/{name}": value for name, value in about.items()}
    headers = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "whoami"}
    for token, expected in (("alice", "ran"), ("eve", DENIED), ("narrow", DENIED)):
        params = {"name": "whoami", "arguments": {}, "_meta": meta}
        status, _, answer = post(url, token, {"id": 1, "method": "tools/call", "params": params}, **headers)
        assert (status, answer["result"]["content"][0]["text"]) == (200, expected)


def test_who_has_no_token_is_not_asked_for_a_tool(url: str) -> None:
    for token in (None, "forged"):
        status, headers, _ = post(url, token, {"id": 1, "method": "tools/list"})
        assert status == 401 and "Bearer" in headers["www-authenticate"]
