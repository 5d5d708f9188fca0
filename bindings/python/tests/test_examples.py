"""Every call of every example bundle: the records are those of the Rust command, byte for byte."""

from __future__ import annotations

import json
import subprocess

import pytest
from conftest import EXAMPLES, NOW, command
from toolgate import Chain, Gate, Ledger

BUNDLES = sorted(path.parent.name for path in EXAMPLES.glob("*/toolgate.toml"))


@pytest.mark.parametrize("name", BUNDLES)
def test_records_are_those_of_rust(name: str) -> None:
    folder = EXAMPLES / name
    journal = folder / "journal.jsonl"
    gate = Gate.load(folder, strict=True)
    packed = Gate.load(gate.pack())
    for calls in sorted((folder / "calls").iterdir()):
        ledger_option = ["--ledger", str(journal)] if journal.exists() else []
        arguments = [str(folder), "--call", str(calls), "--now", NOW, "--record", *ledger_option]
        told = subprocess.run([command(), "decide", *arguments], capture_output=True, text=True, check=False)
        assert told.returncode in (0, 10, 11), told.stderr
        documents = calls.read_text().splitlines() if calls.suffix == ".jsonl" else [calls.read_text()]
        for one in (gate, packed):
            ledger = Ledger.replay(one, journal.read_text()) if journal.exists() else Ledger()
            chain = Chain()
            lines = [chain.line(one.authorize(json.loads(call), ledger, NOW)) for call in documents if call.strip()]
            assert lines == told.stdout.splitlines() and lines


def test_there_are_examples() -> None:
    assert len(BUNDLES) >= 12
