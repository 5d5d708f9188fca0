"""What all tests share: the example bundles, a small bundle, and the time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from toolgate import Gate

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "policies" / "examples"
NOW = "2026-01-05T10:10:00Z"

MANIFEST = """
[bundle]
name = "notes"
version = "1"
[servers.notes]
[tools."notes/read"]
effect = "read"
output = { labels = ["untrusted"], sensitivity = "internal" }
[tools."notes/write"]
effect = "write"
[identity]
issuers = ["https://idp.example"]
"""

TOOLS = """{"tools": [
  {"name": "read", "inputSchema": {"type": "object", "properties": {"n": {"type": "integer"}, "deep": {}}}},
  {"name": "write", "inputSchema": {"type": "object"}}
]}"""

POLICIES = """
@id("people-read") @obligation("redact:/ssn")
permit (principal is User, action == Action::"notes/read", resource);
@id("people-write")
permit (principal is User, action == Action::"notes/write", resource);
@id("write-asks") @approval("initiator") @reason("writing is asked for")
forbid (principal, action == Action::"notes/write", resource);
@id("granted")
permit (principal == ?principal, action == Action::"notes/read", resource);
"""

FILES = {"toolgate.toml": MANIFEST, "tools/notes.json": TOOLS, "policies/notes.cedar": POLICIES}


def command() -> Path:
    """The `toolgate` command: built by cargo, or named by TOOLGATE_COMMAND."""
    named = os.environ.get("TOOLGATE_COMMAND")
    found = [path for path in [Path(named)] if named] if named else []
    found += [path for kind in ("release", "debug") if (path := ROOT / "target" / kind / "toolgate").is_file()]
    if not found:
        pytest.fail("no command to compare with: `cargo build -p toolgate-cli`, or set TOOLGATE_COMMAND")
    return found[0]


@pytest.fixture(scope="session")
def gate() -> Gate:
    return Gate.load(FILES)
