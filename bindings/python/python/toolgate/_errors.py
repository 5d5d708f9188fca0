"""What misuse raises. A decision is never an exception: it is a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._core import Diagnostic


class ToolgateError(Exception):
    """The base of every error that toolgate raises."""


class UsageError(ToolgateError, TypeError):
    """An argument that is not what it should be."""

    place: str
    """The argument, and where in it: `call/input/title`, say."""

    def __init__(self, message: str, *, place: str = "") -> None:
        super().__init__(message)
        self.place = place


class BundleError(ToolgateError):
    """A bundle that does not load. Where the system does not give a file, its error is the cause."""

    diagnostics: tuple[Diagnostic, ...]
    """All that is wrong, each with its place."""

    def __init__(self, message: str, *, diagnostics: Sequence[Diagnostic] = ()) -> None:
        super().__init__(message)
        self.diagnostics = tuple(diagnostics)


class EventError(ToolgateError):
    """An event that the bundle or the ledger does not take. The ledger is as it was."""


class JournalError(ToolgateError):
    """A journal, a snapshot or a chain of records that cannot be read or written."""

    line: int | None
    """The line that is wrong, counted from 1."""

    def __init__(self, message: str, *, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class StateError(ToolgateError):
    """A `requestState` that does not count: forged, altered, expired, of another call, or used before."""
