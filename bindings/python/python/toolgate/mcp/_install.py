"""Finds the adapter for the SDK that is installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from .._errors import ToolgateError
from ._guard import Guard


def install(server: Any, guard: Guard) -> None:
    """Puts the guard into a server."""
    try:
        major = int(version("mcp").split(".", 1)[0])
    except PackageNotFoundError:
        raise ToolgateError("the package `mcp` is not installed: `pip install toolgate[mcp]`") from None
    if major >= 2:
        from . import _sdk2

        _sdk2.install(server, guard)
    else:
        from . import _sdk1

        _sdk1.install(server, guard)
