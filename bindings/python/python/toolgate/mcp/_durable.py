"""Changes of a ledger, off the event loop where they wait for a disk."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from .. import Ledger
from ._records import LOG

if TYPE_CHECKING:
    from anyio import CapacityLimiter
    from anyio.lowlevel import RunVar

T = TypeVar("T")

THREADS = 4
"""Threads that wait for disks. The journal takes one event at a time; those of other ledgers need not wait for it."""

_limiter: RunVar[CapacityLimiter] | None = None


async def change(ledger: Ledger, step: Callable[[], T], undo: Callable[[T], None] | None = None) -> T:
    """Runs a step that changes a ledger: at once in memory, on a thread with a journal. What has begun there comes to
    its end whoever gives up meanwhile; `undo` takes back what nobody waits for any more."""
    if not ledger.durable:
        return step()
    # Every SDK brings it; the package by itself needs none.
    from anyio import CancelScope, to_thread

    lock, came, given_up = Lock(), [], False

    def run() -> T:
        changed = step()
        with lock:
            came.append(changed)
            late = given_up
        if late and undo is not None:
            undo(changed)
        return changed

    try:
        with CancelScope(shield=True):
            changed = await to_thread.run_sync(run, limiter=_threads())
    except BaseException:
        # A shield holds off what anyio cancels, but not what asyncio does.
        with lock:
            given_up, left = True, list(came)
        if undo is not None:
            for one in left:
                left_behind(partial(undo, one))
        raise
    return changed


def left_behind(step: Callable[[], object]) -> None:
    """What a cancellation leaves to be done. Nothing that goes wrong with it takes its place."""
    try:
        step()
    except Exception:
        LOG.exception("what a cancelled request has left is not known to the ledger, or stands on no record")


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
