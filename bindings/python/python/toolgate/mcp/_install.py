"""Finds the adapter for the SDK that is installed."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from .._errors import ToolgateError
from ._guard import Guard


OLDEST = (1, 30)
"""The oldest version of `mcp` that the guard was tried on. Much older ones hand requests past it."""


def install(server: Any, guard: Guard) -> None:
    """Puts the guard into a server."""
    try:
        found = version("mcp")
    except PackageNotFoundError:
        raise ToolgateError("the package `mcp` is not installed: `pip install toolgate[mcp]`") from None
    numbers = tuple(int(number) for number in re.findall(r"\d+", found)[:2])
    if numbers < OLDEST:
        raise ToolgateError(f"`mcp` {found} is older than what a guard can stand before: `pip install toolgate[mcp]`")
    if numbers >= (2,):
        from . import _sdk2

        _sdk2.install(server, guard)
    else:
        from . import _sdk1

        _sdk1.install(server, guard)
