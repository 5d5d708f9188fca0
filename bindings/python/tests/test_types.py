"""Types: what the stub says is what there is, checkers accept it, and everything public says what it is."""

from __future__ import annotations

import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import toolgate
from toolgate import _core

pytest.importorskip("mypy")
PACKAGE = Path(toolgate.__file__).parent
# Pyright looks at the first Python of the path.
HERE = dict(os.environ, PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))

USER = """
from toolgate import Decision, Event, Gate, Ledger, Record
from toolgate.mcp import Request, guard
from toolgate.types import Call

gate, ledger = Gate.load("bundle"), Ledger()
call: Call = {"server": "notes", "tool": "read", "principal": {"type": "User", "id": "alice"}, "input": {"n": 1}}
record: Record = gate.authorize(call, ledger)
decision: Decision = gate.decide({"server": "notes", "tool": "read", "principal": 'User::"a"'})
if record.allowed and record.id is not None:
    gate.complete(record, ledger, status="done", labels=["untrusted"])
ledger.apply(gate, Event.task_completed("t1"))

def session(request: Request) -> str | None:
    return None if request.token is None else request.token.client_id

guard(object(), gate, ledger, principal='User::"alice"', session=session, rendering="hide", server="notes")
"""

WRONG = """
from toolgate import Gate, Ledger
from toolgate.mcp import guard

gate = Gate.load(7)
gate.complete(1, Ledger(), status="over")
gate.authorize({}, None)
guard(object(), gate, Ledger(), rendering="loud")
guard(object(), gate, Ledger(), color="red")
"""


def checked(*command: str, folder: Path | None = None) -> list[str]:
    """The errors that a checker finds, but for the adapter of the SDK that is not installed."""
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, cwd=folder, env=HERE, check=False
    )
    lines = (done.stdout + done.stderr).splitlines()
    return [line for line in lines if "error" in line and "_sdk1.py" not in line and not line.startswith("Found ")]


def test_the_stub_is_what_there_is() -> None:
    assert checked("mypy.stubtest", "toolgate._core") == []


def test_mypy_accepts_the_package_and_its_use(tmp_path: Path) -> None:
    assert checked("mypy", "--strict", "-p", "toolgate") == []
    (tmp_path / "user.py").write_text(USER)
    assert checked("mypy", "--strict", "user.py", folder=tmp_path) == []
    (tmp_path / "wrong.py").write_text(WRONG)
    assert len(checked("mypy", "--strict", "wrong.py", folder=tmp_path)) == 5


@pytest.mark.skipif(shutil.which("node") is None, reason="pyright runs on node")
def test_pyright_accepts_its_use(tmp_path: Path) -> None:
    pytest.importorskip("pyright")
    (tmp_path / "user.py").write_text("# pyright: strict\n" + USER)
    assert [line for line in checked("pyright", "user.py", folder=tmp_path) if not line.startswith("0 errors")] == []
    verified = subprocess.run(
        [
            sys.executable,
            "-m",
            "pyright",
            "--verifytypes",
            "toolgate",
            "--ignoreexternal",
        ],
        capture_output=True,
        text=True,
        env=HERE,
        check=False,
    )
    assert "Type completeness score: 100%" in verified.stdout, verified.stdout


def test_everything_public_says_what_it_is() -> None:
    silent = []
    for name in [*toolgate.__all__, "McpAnswers", "McpRequest", "Suites"]:
        one = getattr(toolgate, name, None) or getattr(_core, name)
        if not inspect.getdoc(one):
            silent.append(name)
        for member, value in vars(one).items() if inspect.isclass(one) else ():
            if not member.startswith("_") and not inspect.getdoc(value):
                silent.append(f"{name}.{member}")
    assert silent == []


def test_the_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file() and (PACKAGE / "_core.pyi").is_file()
