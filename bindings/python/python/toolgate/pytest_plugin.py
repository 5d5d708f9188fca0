"""Policy tests as pytest tests: every case of a bundle's `*.test.yaml` files is one, and fails with the words of
`toolgate test`.

A bundle is a folder with a `toolgate.toml`; its test files are collected wherever they stand in it.
`--toolgate-report FORMAT=FILE`
writes the report of all cases that ran, as `toolgate test --format FORMAT` does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from . import BundleError
from ._core import Suites

FORMATS = ("json", "text", "plain", "junit", "github")
_OPENED = pytest.StashKey[dict[Path, Suites]]()
_RAN = pytest.StashKey[dict[Path, list[str]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options of this plugin."""
    group = parser.getgroup("toolgate")
    group.addoption(
        "--toolgate-report",
        action="append",
        default=[],
        metavar="FORMAT=FILE",
        help=f"write a report of the policy tests that ran; FORMAT is one of {', '.join(FORMATS)}",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Reads the options, before anything runs."""
    config.stash[_OPENED], config.stash[_RAN] = {}, {}
    for report in config.getoption("--toolgate-report"):
        if report.partition("=")[0] not in FORMATS or not report.partition("=")[2]:
            raise pytest.UsageError(
                f"--toolgate-report {report}: write FORMAT=FILE, FORMAT one of {', '.join(FORMATS)}"
            )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Takes the test files of bundles."""
    if not file_path.name.endswith((".test.yaml", ".test.yml", ".test.json")):
        return None
    root = next((folder for folder in file_path.parents if (folder / "toolgate.toml").is_file()), None)
    if root is None:
        return None
    file: SuiteFile = SuiteFile.from_parent(parent, path=file_path)
    file.root = root
    return file


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Writes the reports."""
    reports = session.config.getoption("--toolgate-report")
    if not reports or hasattr(session.config, "workerinput"):
        return
    for report in reports:
        form, _, file = report.partition("=")
        opened = session.config.stash[_OPENED]
        told = [
            opened[root].run(cases=ids, format=form, root=str(root)) for root, ids in session.config.stash[_RAN].items()
        ]
        Path(file).write_text("\n".join(told), encoding="utf-8")


class SuiteFile(pytest.File):
    """A test file of a bundle."""

    root: Path

    def collect(self) -> Iterable[pytest.Item]:
        """Its cases."""
        opened = self.config.stash[_OPENED]
        try:
            suites = opened[self.root] = opened.get(self.root) or Suites(self.root)
        except BundleError as fault:
            raise self.CollectError(str(fault)) from fault
        listed = suites.list()
        name = self.path.relative_to(self.root).as_posix()
        wrong = [one for one in listed["diagnostics"] if one["severity"] == "error" and _file(one) in (name, None)]
        if wrong:
            raise self.CollectError("\n".join(_shown(one) for one in wrong))
        for case in listed["cases"]:
            if case["file"] == name:
                item: Case = Case.from_parent(self, name=case["name"])
                item.case, item.suites = case, suites
                yield item


class Case(pytest.Item):
    """A case of a test file."""

    case: dict[str, Any]
    suites: Suites
    parent: SuiteFile

    def setup(self) -> None:
        """Skips what the file says to skip."""
        if self.case["skip"]:
            pytest.skip(str(self.case["skip"]))

    def runtest(self) -> None:
        """Runs it."""
        case, root = self.case["id"], self.parent.root
        self.config.stash[_RAN].setdefault(root, []).append(case)
        report = json.loads(self.suites.run(cases=[case]))
        if report["verdict"] != "passed":
            raise CaseFailed(
                self.suites.run(cases=[case], format="plain", root=str(root), rerun=f"toolgate test {root}")
            )

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """The failure as the command line prints it."""
        if isinstance(excinfo.value, CaseFailed):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo, style))

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands."""
        return self.path, self.case["line"] - 1, self.case["name"]


class CaseFailed(AssertionError):
    """A case that did not come out as expected."""


def _file(diagnostic: dict[str, Any]) -> str | None:
    place = diagnostic.get("place") or diagnostic
    file: str | None = place.get("file")
    return file


def _shown(diagnostic: dict[str, Any]) -> str:
    place = diagnostic.get("place") or diagnostic
    where = f"{place['file']}:{place['line']}:{place['column']}: " if place.get("file") else ""
    help_ = f" ({diagnostic['help']})" if diagnostic.get("help") else ""
    return f"{where}{diagnostic['severity']}: {diagnostic['message']}{help_}"
