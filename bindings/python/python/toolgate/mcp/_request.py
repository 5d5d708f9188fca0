"""What the host is shown of a request, and who asks by what the SDK verified for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

CHALLENGES = "toolgate.challenges"
"""The member of an ASGI scope that a challenge is left in."""


class AccessToken(Protocol):
    """What the SDKs keep of a token that their verifier accepted."""

    client_id: str
    scopes: list[str]
    expires_at: int | None
    resource: str | None
    subject: str | None
    claims: dict[str, Any] | None


@dataclass(frozen=True)
class Request:
    """One request of the protocol, as it came in. Only `token` was verified; the rest is what the client wrote."""

    method: str
    """`tools/call`, say."""

    params: Mapping[str, Any] = field(repr=False)
    """The `params`, `_meta` included."""

    http: Any
    """The Starlette request of this message; `None` on stdio."""

    token: AccessToken | None = field(repr=False)
    """The token that the SDK verified for this very request; `None` without authentication, and on stdio."""

    context: Any = field(repr=False)
    """The SDK's own context of the request."""

    @property
    def transport(self) -> str:
        """`http` or `stdio`."""
        return "stdio" if self.http is None else "http"

    @property
    def challenges(self) -> list[str] | None:
        """Where a challenge is left for the layer that `challenges` puts around the app; `None` without that layer."""
        left: list[str] | None = None if self.http is None else self.http.scope.get(CHALLENGES)
        return left

    @property
    def what(self) -> str:
        """The tool, the prompt or the resource that is meant, for people: on one line, whatever the client wrote."""
        named = self.params.get("name", self.params.get("uri", ""))
        what = f"{self.method} {named}".rstrip()
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in what)


def verified_token(http: Any) -> AccessToken | None:
    """The token of this request. Not that of the context variable: in `mcp` 1.x it is the one that opened the
    session."""
    if http is None:
        return None
    user = http.scope.get("user")
    token: AccessToken | None = getattr(user, "access_token", None)
    return token


def claims_of(token: AccessToken, issuer: str | None) -> dict[str, Any]:
    """The claims of a token, completed by what the verifier put beside them. `issuer` is whose tokens the verifier
    takes."""
    claims = dict(token.claims or {})
    if issuer is not None:
        claims.setdefault("iss", issuer)
    if "azp" not in claims:
        claims.setdefault("client_id", token.client_id)
    # A token without a subject is the client's own (RFC 9068, section 2.2).
    claims.setdefault("sub", token.subject if token.subject is not None else token.client_id)
    if token.expires_at is not None:
        claims.setdefault("exp", token.expires_at)
    if token.resource is not None:
        claims.setdefault("aud", token.resource)
    claims["scope"] = " ".join(token.scopes)
    return claims
