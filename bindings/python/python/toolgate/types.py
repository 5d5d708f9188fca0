"""The shapes of the dicts that the gate takes. Everything in them is the host's word: put in only what was verified."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypedDict, Union

Time = Union[datetime, str, int]
"""An aware `datetime`, RFC 3339 text, or whole milliseconds since 1970."""

DecisionName = Literal["allow", "deny", "needs_approval"]
"""What a decision can be."""

Status = Literal["done", "failed", "timed_out"]
"""How a tool came to its end."""

Standing = Literal["allowed", "depends", "approval", "hidden"]
"""What could become of calls to a tool."""

Origin = Literal["user", "agent", "retrieved"]
"""Who or what asked: the user in this turn, the agent's own plan, or content that it read."""


class _Principal(TypedDict):
    type: Literal["User", "Agent", "Workload"]
    id: str


class Principal(_Principal, total=False):
    """An actor with the claims that were verified. Without claims, Cedar's `User::"alice"` will do."""

    claims: dict[str, Any]


class Credential(TypedDict, total=False):
    """Facts of the token that was presented. Never the token."""

    id: str
    issuer: str
    audience: str | list[str]
    expires: str
    issued: str
    not_before: str
    bound: Literal["none", "dpop", "mtls"]
    key: str
    scopes: str | list[str]


class Who(TypedDict, total=False):
    """Who asks, for what task, in what session."""

    principal: str | Principal
    on_behalf_of: list[str | Principal]
    credential: Credential
    task: str
    session: str
    origin: Origin
    transport: str


class Call(Who, total=False):
    """One MCP request put to the gate: `tools/call`, unless `method` says something else."""

    server: str
    method: str
    tool: str
    input: dict[str, Any]


class ListRequest(Who, total=False):
    """Whose tools are to be listed."""

    server: str
