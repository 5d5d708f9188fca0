"""Decides, in-process, whether one MCP tool call may happen. Policies are Cedar.

Load a `Gate` from a bundle, keep one `Ledger`, and ask at every call:

    gate, ledger = Gate.load("my-bundle"), Ledger()
    record = gate.authorize({"server": "notes", "tool": "read", "principal": 'User::"alice"'}, ledger)
    if record.allowed:
        ...  # run the tool
        gate.complete(record, ledger)

`toolgate.mcp` guards a whole MCP server in one line.
"""

from ._core import (
    Chain,
    Condition,
    Decision,
    Diagnostic,
    Event,
    Explained,
    Explanation,
    Gate,
    Identity,
    Ledger,
    Listed,
    Obligation,
    Record,
    Trace,
    verify,
)
from ._errors import BundleError, EventError, JournalError, ToolgateError, UsageError

__all__ = [
    "BundleError",
    "Chain",
    "Condition",
    "Decision",
    "Diagnostic",
    "Event",
    "EventError",
    "Explained",
    "Explanation",
    "Gate",
    "Identity",
    "JournalError",
    "Ledger",
    "Listed",
    "Obligation",
    "Record",
    "ToolgateError",
    "Trace",
    "UsageError",
    "verify",
]
