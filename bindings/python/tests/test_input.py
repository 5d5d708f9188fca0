"""What is no call, or a hostile one: an exception or a deny, never a crash."""

from __future__ import annotations

import enum
import json
import subprocess
import sys
from collections import OrderedDict
from typing import Any

import pytest
from conftest import FILES, NOW
from toolgate import BundleError, Gate, Ledger, ToolgateError, UsageError

BASE = {"server": "notes", "tool": "read", "principal": 'User::"alice"', "session": "s1"}


class Text(str):
    def __str__(self) -> str:
        return "something else"


class Dict(dict[str, Any]):
    def __getitem__(self, key: str) -> Any:
        return "something else"


class Number(enum.IntEnum):
    ONE = 1


def deep(levels: int, make: Any = lambda inner: {"a": inner}) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = make(value)
    return value


def cyclic() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["again"] = [value]
    return value


@pytest.mark.parametrize(
    ("value", "reason", "detail"),
    [
        (float("nan"), "malformed_call", "`/input/deep`: the number `NaN`"),
        (float("inf"), "malformed_call", "the number `inf`"),
        (2**63, "malformed_call", "an integer of more than 64 bits"),
        (-(10**100_000), "malformed_call", "an integer of more than 64 bits"),
        ("\ud800", "malformed_call", "lone surrogate"),
        ({"\ud800": 1}, "malformed_call", "lone surrogate"),
        (deep(10_000), "limit_exceeded", "nested deeper"),
        (deep(10_000, lambda inner: [inner]), "limit_exceeded", "nested deeper"),
        (cyclic(), "limit_exceeded", "nested deeper"),
        ([0] * 5000, "limit_exceeded", "more than the 4096 members"),
        ("x" * (300 << 10), "limit_exceeded", "a string of 307200 bytes"),
        (["x" * 1000] * 2000, "limit_exceeded", "bytes"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_that_are_refused(gate: Gate, value: Any, reason: str, detail: str) -> None:
    record = gate.authorize(BASE | {"input": {"deep": value}}, Ledger(), NOW)
    assert record.reasons == [reason] and not record.allowed
    assert detail in record.decision.details[0]
    json.loads(record.to_json())


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({1: 2}, "call/input/deep: a key is of type `int`"),
        ({None: 2}, "a key is of type `NoneType`"),
        ({Text("a"): 2}, "a key is of type `Text`"),
        ({1, 2}, "JSON has no `set`"),
        (b"bytes", "JSON has no `bytes`"),
        (object(), "JSON has no `object`"),
        (Text("a"), "`Text` is a subclass"),
        (Dict(a=1), "`Dict` is a subclass"),
        (OrderedDict(a=1), "`OrderedDict` is a subclass"),
        (Number.ONE, "`Number` is a subclass"),
        ([{"a/b": [object()]}], "call/input/deep/0/a~1b/0: JSON has no `object`"),
    ],
)
def test_values_that_are_no_json(gate: Gate, value: Any, why: str) -> None:
    with pytest.raises(UsageError) as raised:
        gate.authorize(BASE | {"input": {"deep": value}}, Ledger(), NOW)
    assert why in str(raised.value)
    assert raised.value.place.startswith("call/input/deep")


def test_what_is_no_call(gate: Gate) -> None:
    for call in (None, 7, [], Dict(BASE), object):
        with pytest.raises(UsageError, match="neither a dict nor JSON text"):
            gate.authorize(call, Ledger(), NOW)  # type: ignore[arg-type]
    for text in ("", "{", b"\xff", "[]", "\ud800", '{"server": "notes", "server": "x"}', "[" * 100_000):
        record = gate.authorize(text, Ledger(), NOW)
        assert record.reasons[0] in ("malformed_call", "limit_exceeded")
    unknown = gate.authorize(BASE | {"session_id": "s1"}, Ledger(), NOW)
    assert "did you mean `session`?" in unknown.decision.details[0]


def test_equal_dicts_and_texts_are_the_same_call(gate: Gate) -> None:
    for value in (
        1,
        -(2**63),
        0.1,
        1.5e-300,
        -0.0,
        1.0,
        "é\u0000\n",
        True,
        None,
        [],
        {},
        [1, {"a": (2, 3)}],
        "\U0001f600",
    ):
        call = BASE | {"input": {"n": 1, "deep": value}}
        from_dict = gate.authorize(call, Ledger(), NOW).to_json()
        assert from_dict == gate.authorize(json.dumps(call), Ledger(), NOW).to_json()
        assert from_dict == gate.authorize(json.dumps(call, ensure_ascii=False).encode(), Ledger(), NOW).to_json()


def test_a_policy_of_nested_parentheses_is_refused() -> None:
    for levels in (700, 100_000):
        condition = "(" * levels + "true" + ")" * levels
        policy = f'@id("a") permit (principal, action, resource) when {{ {condition} }};'
        with pytest.raises(BundleError, match="nested"):
            Gate.load(FILES | {"policies/notes.cedar": policy})


def test_events_and_claims_are_held_to_the_same_limits(gate: Gate) -> None:
    for event in (deep(10_000), cyclic(), {"halted": float("nan")}, {}, {"a": 1, "b": 2}, "halted", None, {1: 2}):
        with pytest.raises(ToolgateError):
            Ledger().apply(gate, event, NOW)  # type: ignore[arg-type]
        with pytest.raises(ToolgateError):
            gate.list(event, None, NOW)  # type: ignore[arg-type]
    for claims in (deep(10_000), cyclic(), {"iss": b"x"}):
        with pytest.raises(UsageError):
            gate.identify(claims)  # type: ignore[arg-type]
    act: dict[str, Any] = {"sub": "x"}
    for _ in range(25):
        act = {"sub": "x", "act": act}
    refused = gate.identify({"iss": "https://idp.example", "sub": "alice", "act": act})
    assert not refused and not gate.identify([])  # type: ignore[arg-type]


def test_a_filter_that_is_deep_does_not_end_the_process(gate: Gate) -> None:
    live = "[" * 1_000_000
    with pytest.raises(BundleError):
        gate.filter_list("tools/list", live, {"principal": 'User::"a"', "server": "notes"}, None, NOW)
    with pytest.raises((BundleError, RecursionError)):
        gate.filter_list(
            "tools/list", {"tools": [deep(100_000)]}, {"principal": 'User::"a"', "server": "notes"}, None, NOW
        )


def test_an_interpreter_on_a_small_stack_survives() -> None:
    """As a thread of a server may have it: 512 KiB."""
    code = (
        "import threading, toolgate\n"
        f"files = {FILES!r}\n"
        # Outside the thread: on a small stack, CPython 3.13 cannot even give such a dict up.
        "deep = {}\n"
        "for _ in range(10_000): deep = {'a': deep}\n"
        "def run():\n"
        "    gate = toolgate.Gate.load(files)\n"
        "    call = {'server': 'notes', 'tool': 'read', 'principal': 'User::\"a\"', 'input': {'deep': deep}}\n"
        "    print(gate.authorize(call, toolgate.Ledger()).reasons)\n"
        "threading.stack_size(512 << 10)\n"
        "thread = threading.Thread(target=run)\n"
        "thread.start(); thread.join()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "['limit_exceeded']\n"), done.stderr
