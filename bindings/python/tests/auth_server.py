"""A server over HTTP that verifies tokens, guarded in one line.

    python auth_server.py SDK CONTROL

Its verifier knows the tokens of `TOKENS`; who asks is what the SDK verified for each request.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from multiprocessing.connection import Client
from typing import Any

import anyio
import uvicorn
from mcp_server import Http, wire
from toolgate import Gate, Ledger
from toolgate.mcp import challenges, guard

SDK = sys.argv[1]
V1 = int(version("mcp").split(".", 1)[0]) == 1
ISSUER, RESOURCE = "https://idp.example", "http://127.0.0.1/mcp"

# subject, client and scopes of each token
TOKENS: dict[str, tuple[str | None, str, list[str]]] = {
    "alice": ("alice", "bot", ["notes"]),
    "narrow": ("alice", "bot", []),
    "eve": ("eve", "bot", ["notes"]),
    "job": (None, "cron", ["notes"]),
}

FILES = {
    "toolgate.toml": f"""
[bundle]
name = "who"
version = "1"
[servers.notes]
audience = "{RESOURCE}"
verified = true
[identity]
issuers = ["{ISSUER}"]
[tools."notes/whoami"]
effect = "read"
""",
    "policies/who.cedar": """
@id("alice-and-her-agents")
permit (principal, action == Action::"notes/whoami", resource)
when { context.delegation.initiator == "User::\\"alice\\""
  && context has credential && context.credential.scopes.contains("notes") };
""",
}


def high_level() -> Any:
    """A server whose one tool says that it ran."""
    from pydantic import AnyHttpUrl

    if SDK == "fastmcp":
        from fastmcp import FastMCP
        from fastmcp.server.auth import AccessToken, TokenVerifier

        class Verifier(TokenVerifier):
            async def verify_token(self, token: str) -> AccessToken | None:
                return verified(token, AccessToken)

        return FastMCP("notes", auth=Verifier(base_url="http://127.0.0.1"))
    from mcp.server.auth.provider import AccessToken as Token
    from mcp.server.auth.settings import AuthSettings

    class Known:
        async def verify_token(self, token: str) -> Any:
            return verified(token, Token)

    settings = AuthSettings(issuer_url=AnyHttpUrl(ISSUER), resource_server_url=AnyHttpUrl(RESOURCE))
    if V1:
        from mcp.server.fastmcp import FastMCP as Server
    else:
        from mcp.server import MCPServer as Server  # type: ignore[no-redef]
    return Server("notes", auth=settings, token_verifier=Known())


def verified(token: str, kind: Any) -> Any:
    if token not in TOKENS:
        return None
    subject, client, scopes = TOKENS[token]
    claims = {"iss": ISSUER, "jti": f"jti-{token}"} | ({"sub": subject} if subject else {})
    later = int(time.time()) + 300
    known = {"client_id": client, "scopes": scopes, "subject": subject, "resource": RESOURCE, "claims": claims}
    return kind(token=token, expires_at=later, **known)


def main() -> None:
    server = high_level()

    @server.tool()  # type: ignore[untyped-decorator, unused-ignore]
    def whoami() -> str:
        """Says that it ran."""
        return "ran"

    FILES["tools/notes.json"] = json.dumps({"tools": anyio.run(wire, server.list_tools())})
    guard(server, Gate.load(FILES), Ledger(), session=lambda request: f"s-{request.token.subject}")
    app = server.http_app(path="/mcp") if SDK == "fastmcp" else server.streamable_http_app()
    http = Http(uvicorn.Config(challenges(app), port=0, log_level="warning"))
    http.control = Client(sys.argv[2])
    http.run()


if __name__ == "__main__":
    main()
