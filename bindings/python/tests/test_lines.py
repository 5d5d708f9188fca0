"""A client that keeps to no SDK: lines that servers could take for calls. What is not allowed never runs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

SERVER = Path(__file__).with_name("lines_server.py")
WRITE = '"params":{"name":"write","arguments":{"n":9}}'
MODERN = '"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}'

HOSTILE = [
    "nonsense",
    f'{{"jsonrpc":"2.0","method":"tools/call",{WRITE}}}',
    f'{{"jsonrpc":"2.0","id":null,"method":"tools/call",{WRITE}}}',
    f'{{"jsonrpc":"2.0","id":1.5,"method":"tools/call",{WRITE}}}',
    f'[{{"jsonrpc":"2.0","id":20,"method":"tools/call",{WRITE}}}]',
    f'{{"jsonrpc":"2.0","id":21,"method":"Tools/Call",{WRITE}}}',
    f'{{"jsonrpc":"2.0","id":22,"method":"notifications/tools/call",{WRITE}}}',
    '{"jsonrpc":"2.0","id":23,"method":"tools/call","params":{"name":"read","name":"write","arguments":{"n":9}}}',
    '{"jsonrpc":"2.0","id":24,"method":"tools/call","params":{"name":"write","arguments":{"n":9},"task":{"ttl":1000}}}',
    '{"jsonrpc":"2.0","id":25,"method":"tools/call","params":{"name":"write\\u0000","arguments":{"n":9}}}',
    '{"jsonrpc":"2.0","id":26,"method":"tools/call","params":{"name":"write","arguments":{"n":9},'
    '"_meta":{"client_id":"alice","principal":"User::\\"alice\\""}}}',
    f'{{"jsonrpc":"2.0","id":27,"method":"tools/call","params":{{"name":"write","arguments":{{}},"_meta":{{{MODERN}}}}}}}',
    '{"jsonrpc":"2.0","id":28,"method":"tools/call","params":{"name":"write","arguments":{"n":9},'
    '"requestState":"1.forged","inputResponses":{"approval":{"action":"accept","content":{"approve":true}}}}}',
    '{"jsonrpc":"2.0","id":29,"method":"resources/read","params":{"uri":"note://a"}}',
    '{"jsonrpc":"2.0","id":30,"method":"prompts/get","params":{"name":"prompt"}}',
    '{"jsonrpc":"2.0","id":31,"method":"tasks/list","params":{}}',
]


def test_lines_that_no_sdk_writes(tmp_path: Path) -> None:
    ran = tmp_path / "ran.txt"
    with (tmp_path / "errors.txt").open("w") as errors:
        server = subprocess.Popen(
            [sys.executable, str(SERVER), str(ran)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        )
    assert server.stdin is not None and server.stdout is not None

    def send(line: str) -> None:
        assert server.stdin is not None
        server.stdin.write(line.encode() + b"\n")
        server.stdin.flush()

    def ask(id: int, method: str, params: dict[str, Any]) -> dict[str, Any]:
        send(json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
        assert server.stdout is not None
        for line in server.stdout:
            answer: dict[str, Any] = json.loads(line)
            if answer.get("id") == id:
                return answer
        raise AssertionError((tmp_path / "errors.txt").read_text())

    try:
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        ask(1, "initialize", hello)
        send('{"jsonrpc":"2.0","method":"notifications/initialized"}')
        ask(2, "tools/call", {"name": "read", "arguments": {"n": 1}})
        for line in HOSTILE:
            send(line)
        # It goes on, and what came before has been answered.
        ask(3, "tools/call", {"name": "read", "arguments": {"n": 2}})
        ask(4, "ping", {})
    finally:
        server.stdin.close()
        server.wait(timeout=60)
    assert ran.read_text().splitlines() == ["read 1", "read 2"]


OVER_HTTP = """
import sys
from lines_server import server

if hasattr(server, "settings") and hasattr(server.settings, "port"):
    server.settings.port = int(sys.argv[2])
    server.run("streamable-http")
else:
    server.run("streamable-http", port=int(sys.argv[2]))
"""


def test_the_command_guards_a_server_whatever_it_speaks_over(tmp_path: Path) -> None:
    ran, bundle, module = tmp_path / "ran.txt", tmp_path / "bundle", tmp_path / "over_http.py"
    for name, text in {
        "toolgate.toml": '[bundle]\nname = "lines"\nversion = "1"\n[servers.notes]\n',
        "tools/notes.json": '{"tools": [{"name": "write", "inputSchema": {"type": "object"}}]}',
        "policies/a.cedar": '@id("none") forbid (principal, action, resource);',
    }.items():
        (bundle / name).parent.mkdir(parents=True, exist_ok=True)
        (bundle / name).write_text(text)
    module.write_text(OVER_HTTP)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "toolgate.mcp", "--bundle", str(bundle), "--principal", 'User::"alice"']
    paths = [str(tmp_path), str(SERVER.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    command += ["over_http", str(ran), str(port)]
    with (tmp_path / "errors.txt").open("w") as errors:
        server = subprocess.Popen(command, stdout=errors, stderr=errors, env=environment)

    def post(message: dict[str, Any], session: str | None = None) -> tuple[HTTPResponse, str]:
        headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        named = {"mcp-session-id": session} if session else {}
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", "/mcp", json.dumps({"jsonrpc": "2.0"} | message), headers | named)
        answer = connection.getresponse()
        return answer, answer.read().decode()

    def begun() -> str | None:
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        for _ in range(600):
            try:
                return post({"id": 0, "method": "initialize", "params": hello})[0].getheader("mcp-session-id")
            except ConnectionRefusedError:
                time.sleep(0.1)
        raise AssertionError((tmp_path / "errors.txt").read_text())

    try:
        session = begun()
        post({"method": "notifications/initialized"}, session)
        _, answer = post({"id": 1, "method": "tools/call", "params": {"name": "write", "arguments": {"n": 1}}}, session)
        assert "Denied" in answer and not ran.exists(), (answer, (tmp_path / "errors.txt").read_text())
    finally:
        server.terminate()
        server.wait(timeout=60)
