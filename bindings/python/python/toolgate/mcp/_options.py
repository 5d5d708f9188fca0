"""What a host can say of a guarded server."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal, TypedDict, Union

from .. import Identity, Obligation
from ..types import Origin, Who
from ._request import Request

Rendering = Literal["tool_error", "protocol_error", "hide", "scope_challenge"]
"""How a denial reaches the client: as a result that the model sees, as a JSON-RPC error with code -31403, as a tool
that does
not exist, or (where scopes are all that is missing, on HTTP, behind `challenges`) as HTTP 403 that names the scopes."""

WhoAsks = Callable[[Request], Union[Who, Identity, None]]
"""Tells who asks, by what the host has verified. `None`: nobody is known, which is a denial."""

Handle = Callable[[Request], Union[str, None]]
"""A handle of the host's for a request: its session, or its task."""

Meets = Callable[[Request, Obligation, dict[str, Any]], Union[dict[str, Any], None]]
"""Meets an obligation of an allowed call, given the result. A result that it gives takes its place."""


class GuardOptions(TypedDict, total=False):
    """The options of `guard` and `Guard`."""

    server: str
    """The server's id in the bundle; the only one, by default."""

    principal: str
    """Who asks on stdio, as Cedar writes it: `User::"alice"`. Over HTTP it is not looked at: there, a token says it."""

    who: WhoAsks
    """Tells who asks, in place of `principal` and of the token that the SDK verified."""

    issuer: str
    """Whose tokens the SDK's verifier takes, where it leaves `iss` out of the claims."""

    session: Handle
    """The session of a request, by a handle that the host gave out. Never by what a client wrote, unless the host
    takes it."""

    task: Handle
    """The task of a request, likewise."""

    origin: Union[Origin, Callable[[Request], Origin]]
    """Who or what asked: `agent`, unless the host knows better."""

    rendering: Rendering
    """How a denial reaches the client: `tool_error` by default."""

    obligations: Mapping[str, Meets]
    """The kinds of obligations that the host can meet, and how. `audit` is met where `records` are kept. A call with
    another one is
    denied."""

    scopes: Mapping[str, Sequence[str]]
    """The scopes that a tool's calls need, for `scope_challenge`."""

    resource_metadata: str
    """Where the server's metadata stand (RFC 9728), for `scope_challenge`."""

    labels: Callable[[Request, dict[str, Any]], Collection[str]]
    """What kinds of content a result brought, besides what the manifest says."""

    records: Union[str, os.PathLike[str]]
    """The file to append records to, a chained line each. They go to the logger `toolgate`, too."""

    key: bytes
    """What states of approvals are sealed with: at least 32 random bytes, the same in every process that may get the
    answer. By
    default it is made anew, for one process."""

    clock: Callable[[], int]
    """The time of decisions, in milliseconds since 1970; the system's clock by default."""
