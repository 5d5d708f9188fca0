"""The README's lines run as written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import FILES

README = (Path(__file__).resolve().parents[1] / "README.md").read_text()
TEN, GUARD, CHALLENGES, LEDGER = re.findall(r"```python\n(.*?)```", README, re.S)

BEFORE_LEDGER = """
from datetime import datetime, timedelta, timezone
from toolgate import Event, Gate, Ledger
gate, later = Gate.load("my-bundle"), datetime.now(timezone.utc) + timedelta(hours=1)
"""


def run(folder: Path, code: str) -> str:
    for name, text in FILES.items():
        path = folder / "my-bundle" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_ten_lines(tmp_path: Path) -> None:
    assert run(tmp_path, TEN).startswith('<Decision allow: people-read> {"version":1,"kind":"decision","id":1')
    assert len(TEN.splitlines()) <= 13


def test_the_server_of_the_readme(tmp_path: Path) -> None:
    pytest.importorskip("mcp.server.mcpserver", reason="written for mcp 2")
    assert run(tmp_path, GUARD) == ""
    before = GUARD.split("guard(server")[0] + 'import toolgate.mcp\ngate, ledger = Gate.load("my-bundle"), Ledger()\n'
    assert run(tmp_path, before + CHALLENGES) == ""


def test_the_ledger_of_the_readme(tmp_path: Path) -> None:
    assert run(tmp_path, BEFORE_LEDGER + LEDGER) == ""
    assert len((tmp_path / "ledger.jsonl").read_text().splitlines()) == 2
