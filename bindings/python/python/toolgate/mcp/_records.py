"""Where records go: the log, and a file of chained lines."""

from __future__ import annotations

import logging
import os
import threading
from typing import IO

from .. import Chain, JournalError, Record, Trace, verify

LOG = logging.getLogger("toolgate")
"""Decisions are logged here: an allow as INFO, everything else as WARNING; the record is `record.toolgate`."""


class RecordFile:
    """A file of records, a chained line each. A file that is there is checked, and goes on.

    Raises `JournalError` if a line of it was changed, dropped or moved, or the last one was torn by a crash.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._lock = threading.Lock()
        self._file: IO[str] = open(path, "a+", encoding="utf-8", newline="\n")
        self._file.seek(0)
        # Not by `splitlines`: what clients write stands in records, and has ends of lines of its own (U+2028).
        lines = list(self._file)
        if lines and not lines[-1].endswith("\n"):
            # What is written next would be part of it.
            raise JournalError(f"{path}: its last line is no whole record; give another file", line=len(lines))
        self._chain = Chain(verify([line.removesuffix("\n") for line in lines]))

    def write(self, record: Record | Trace) -> None:
        """Appends a record. It is with the system when this returns."""
        with self._lock:
            self._file.write(self._chain.line(record) + "\n")
            self._file.flush()


class Records:
    """Tells the log and the file of every record."""

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self._file = RecordFile(path) if path is not None else None

    def decided(self, record: Record, what: str) -> None:
        """A decision."""
        decision = record.decision
        level = logging.INFO if decision.allowed else logging.WARNING
        told = ", ".join(decision.reasons or decision.policies)
        LOG.log(level, "%s %s: %s", decision.name, what, told, extra={"toolgate": record})
        if self._file is not None:
            self._file.write(record)

    def told(self, traces: list[Trace]) -> None:
        """What is no decision."""
        for trace in traces:
            LOG.debug("%r", trace, extra={"toolgate": trace})
            if self._file is not None:
                self._file.write(trace)
