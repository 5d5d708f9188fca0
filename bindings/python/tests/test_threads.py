"""One gate and one ledger for many threads; and no memory lost.

`TOOLGATE_CALLS` is how many calls: 2,000 unless it is set, since what is tested is mostly not optimised.
"""

from __future__ import annotations

import gc
import os
import resource
import threading
from pathlib import Path

import pytest
from conftest import FILES, NOW
from toolgate import Event, EventError, Gate, Ledger
from toolgate._core import McpAnswers, McpRequest
from toolgate._errors import StateError

CALLS = int(os.environ.get("TOOLGATE_CALLS", "2000"))
THREADS = 16
READ = {"server": "notes", "tool": "read", "principal": 'User::"alice"', "session": "s1"}

BUDGET = FILES | {
    "policies/notes.cedar": '@id("budget") permit (principal, action, resource) '
    f"when {{ context.usage.session.total < {CALLS // 2} }};"
}


@pytest.mark.parametrize("journaled", [False, True])
def test_no_use_is_lost_and_nothing_hangs(journaled: bool, tmp_path: Path) -> None:
    gate = Gate.load(BUDGET)
    ledger = Ledger.open(tmp_path / "ledger.jsonl", gate, fsync="never") if journaled else Ledger()
    allowed: list[int] = []
    faults: list[BaseException] = []

    def run() -> None:
        try:
            mine = []
            for turn in range(CALLS // THREADS):
                record = gate.authorize(READ, ledger, NOW)
                if record.id is not None and record.allowed:
                    mine.append(record.id)
                    gate.complete(record, ledger, NOW, status="failed" if turn % 3 else "done")
                elif turn % 50 == 0:
                    ledger.snapshot()
            allowed.extend(mine)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=1200)
    assert not any(thread.is_alive() for thread in threads) and not faults
    assert len(allowed) == len(set(allowed)) == CALLS // 2
    assert gate.authorize(READ, ledger, NOW).reasons == ["no_permit"]
    if journaled:
        written = ledger.snapshot()
        del ledger
        assert Ledger.open(tmp_path / "ledger.jsonl", gate).snapshot() == written


def test_what_one_thread_revokes_counts_for_all(gate: Gate) -> None:
    ledger, ready, seen = Ledger(), threading.Barrier(THREADS + 1), []

    def run() -> None:
        first = gate.authorize(READ, ledger, NOW).allowed
        ready.wait()
        ready.wait()
        seen.append((first, gate.authorize(READ, ledger, NOW).allowed))

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    ready.wait()
    ledger.apply(gate, Event.revoked(principal='User::"alice"'), NOW)
    ready.wait()
    for thread in threads:
        thread.join()
    assert seen == [(True, False)] * THREADS


def test_memory_stays(gate: Gate) -> None:
    ledger = Ledger()
    bad = READ | {"input": {"deep": {1: 2}}}

    def calls(count: int) -> None:
        for turn in range(count):
            record = gate.authorize(READ, ledger, NOW)
            record.to_json()
            gate.complete(record, ledger, NOW)
            if turn % 10 == 0:
                gate.authorize(READ | {"input": {"n": "no"}}, ledger, NOW).to_dict()
                for wrong in (lambda: gate.complete(10**9, ledger, NOW), lambda: gate.decide(bad, ledger, NOW)):
                    with pytest.raises((EventError, TypeError)):
                        wrong()

    calls(max(CALLS // 4, 500))
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    calls(CALLS)
    gc.collect()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 8 << 10, f"{grown} KiB more after {CALLS} calls"


def test_one_yes_is_one_call_however_many_bring_it(gate: Gate) -> None:
    answers, host = McpAnswers(gate, "tool_error", [], b"k" * 32), {"server": "notes", "tool": "-"}
    host["principal"] = 'User::"alice"'
    asked = answers.request("tools/call", {"name": "write", "arguments": {}}, host)
    assert isinstance(asked, McpRequest)
    for turn in range(20):
        ledger = Ledger()
        required = answers.input_required(gate.authorize(asked, ledger, NOW))
        assert required is not None
        yes = {"approval": {"action": "accept", "content": {"approve": True}}}
        params = {"name": "write", "arguments": {}, "requestState": required["requestState"], "inputResponses": yes}
        brought = answers.request("tools/call", params, host)
        assert isinstance(brought, McpRequest)
        allowed: list[bool] = []

        def run(brought: McpRequest = brought, ledger: Ledger = ledger, allowed: list[bool] = allowed) -> None:
            try:
                resumed = answers.resume(brought, ledger, NOW)
            except StateError:
                return
            # Nobody waits any more: another thread has brought it, and either may use it.
            if resumed is None or resumed[0]:
                allowed.append(gate.authorize(brought, ledger, NOW).allowed)

        if turn == 0:
            # Brought twice before either is decided: there was one yes all the same.
            first = answers.resume(brought, ledger, NOW)
            assert first is not None and first[0]
            assert answers.resume(brought, ledger, NOW) is None
            allowed += [gate.authorize(brought, ledger, NOW).allowed for _ in range(2)]
            run()
        threads = [threading.Thread(target=run) for _ in range(4 if turn else 0)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=1200)
        assert allowed.count(True) == 1, (turn, allowed)
