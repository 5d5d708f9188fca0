"""Changes of a ledger, off the event loop where they wait for a disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from .. import Ledger

if TYPE_CHECKING:
    from anyio import CapacityLimiter
    from anyio.lowlevel import RunVar

T = TypeVar("T")

THREADS = 4
"""Threads that wait for disks. The journal takes one event at a time; those of other ledgers need not wait for it."""

_limiter: RunVar[CapacityLimiter] | None = None


async def change(ledger: Ledger, step: Callable[[], T]) -> T:
    """Runs a step that changes a ledger: at once in memory, on a thread with a journal. What has begun there comes to
    its end whoever gives up meanwhile, so that what was reserved is known."""
    if not ledger.durable:
        return step()
    # Every SDK brings it; the package by itself needs none.
    from anyio import CancelScope, to_thread

    with CancelScope(shield=True):
        changed = await to_thread.run_sync(step, limiter=_threads())
    return changed


def _threads() -> CapacityLimiter:
    """The threads of this event loop: not those that tools run in, which may all be waiting for a call of theirs."""
    from anyio import CapacityLimiter
    from anyio.lowlevel import RunVar

    global _limiter
    if _limiter is None:
        _limiter = RunVar("toolgate")
    try:
        return _limiter.get()
    except LookupError:
        made = CapacityLimiter(THREADS)
        _limiter.set(made)
        return made
