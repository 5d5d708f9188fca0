"""Policy tests as pytest tests: every case of a bundle's `*.test.yaml` files is one, and fails with the words of
`toolgate test`.

A bundle is a folder with a `toolgate.toml`; its test files are collected wherever they stand in it.
`--toolgate-report FORMAT=FILE` writes the report of all cases that ran, as `toolgate test --format FORMAT` does. That of several
bundles is one document of JUnit, and JSON Lines, one bundle a line.

`--toolgate-coverage` tells which policies, clauses and atoms the cases that ran have reached, and
`--toolgate-min-coverage [MEASURE=]N` fails the run below so many percent. `--toolgate-min-score N` tries the mutants of each
bundle whose cases all passed, and fails the run if less than N percent of them are noticed.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from . import BundleError, UsageError
from ._core import Suites

MEASURES = ("policies", "clauses", "atoms", "mcdc", "overrides")
FORMATS = ("json", "text", "plain", "junit", "github")
_OPENED = pytest.StashKey[dict[Path, Suites]]()
_RAN = pytest.StashKey[dict[Path, list[str]]]()
_TOLD = pytest.StashKey[list[str]]()


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
    group.addoption("--toolgate-coverage", action="store_true", help="tell what of the policies the tests reach")
    group.addoption(
        "--toolgate-min-coverage",
        action="append",
        default=[],
        metavar="[MEASURE=]N",
        help=f"demand so many percent of every measure, or of one of {', '.join(MEASURES)}",
    )
    group.addoption(
        "--toolgate-min-score",
        type=float,
        metavar="N",
        help="demand that the tests notice so many percent of the changes that could be made to the policies",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Reads the options, before anything runs."""
    config.stash[_OPENED], config.stash[_RAN], config.stash[_TOLD] = {}, {}, []
    for report in config.getoption("--toolgate-report"):
        if report.partition("=")[0] not in FORMATS or not report.partition("=")[2]:
            raise pytest.UsageError(
                f"--toolgate-report {report}: write FORMAT=FILE, FORMAT one of {', '.join(FORMATS)}"
            )
    for demand in config.getoption("--toolgate-min-coverage"):
        if not _demanded(demand)[0]:
            raise pytest.UsageError(
                f"--toolgate-min-coverage {demand}: write a percentage, or MEASURE=N, MEASURE one of {', '.join(MEASURES)}"
            )
    score = config.getoption("--toolgate-min-score")
    if score is not None and not 0 <= score <= 100:
        raise pytest.UsageError(f"--toolgate-min-score {score:g}: write a percentage, from 0 to 100")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Takes the test files of bundles."""
    # Hidden files are an editor's, not the bundle's.
    if file_path.name.startswith(".") or not file_path.name.endswith((".test.yaml", ".test.yml", ".test.json")):
        return None
    root = next((folder for folder in file_path.parents if (folder / "toolgate.toml").is_file()), None)
    if root is None:
        return None
    file: SuiteFile = SuiteFile.from_parent(parent, path=file_path)
    file.root = root
    return file


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Writes the reports, and holds the bundles to what is demanded of their tests."""
    config = session.config
    opened, ran = config.stash[_OPENED], config.stash[_RAN]
    if hasattr(config, "workeroutput"):
        # Under pytest-xdist, the controller sees no case itself.
        config.workeroutput["toolgate"] = {str(root): ids for root, ids in ran.items()}
        return
    for report in config.getoption("--toolgate-report"):
        form, _, file = report.partition("=")
        told = {root: opened[root].run(cases=ids, format=form, root=str(root)) for root, ids in ran.items()}
        text = _junit(told, config.rootpath) if form == "junit" and len(told) != 1 else "\n".join(told.values())
        try:
            Path(file).write_text(text, encoding="utf-8")
        except OSError as fault:
            config.stash[_TOLD].append(f"FAIL --toolgate-report {report}: {fault}")
    if not ran and (config.getoption("--toolgate-min-coverage") or config.getoption("--toolgate-min-score") is not None):
        config.stash[_TOLD].append("FAIL no policy test ran, so nothing of what is demanded is shown")
    for root, ids in ran.items():
        config.stash[_TOLD].extend(_covered(config, opened[root], root, ids))
        config.stash[_TOLD].extend(_tried(config, opened[root], root))
    if any(line.startswith("FAIL") for line in config.stash[_TOLD]) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Takes what a worker of pytest-xdist ran. One that crashed tells nothing, and has failed the run."""
    opened, ran = node.config.stash[_OPENED], node.config.stash[_RAN]
    for folder, ids in getattr(node, "workeroutput", {}).get("toolgate", {}).items():
        root = Path(folder)
        opened[root] = opened.get(root) or Suites(root)
        told = ran.setdefault(root, [])
        told.extend(id for id in ids if id not in told)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Prints coverage and mutants."""
    for line in config.stash[_TOLD]:
        terminalreporter.write_line(line)


def _junit(reports: dict[Path, str], base: Path) -> str:
    """The reports of several bundles, or of none, as one document; each suite has its bundle's folder in its name."""
    whole = ET.Element("testsuites", name="toolgate")
    counts, time = dict.fromkeys(("tests", "failures", "errors"), 0), 0.0
    for root, text in reports.items():
        folder = root.relative_to(base).as_posix() if root.is_relative_to(base) else root.as_posix()
        own = ET.fromstring(text)
        for name in counts:
            counts[name] += int(own.get(name, 0))
        time += float(own.get("time", 0))
        for suite in own:
            for part, name in [(suite, "name"), *((case, "classname") for case in suite)]:
                part.set(name, f"{folder}/{part.get(name)}")
            whole.append(suite)
    for name, count in counts.items():
        whole.set(name, str(count))
    whole.set("time", f"{time:.3f}")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(whole, encoding="unicode")}\n'


def _covered(config: pytest.Config, suites: Suites, root: Path, cases: list[str]) -> Iterable[str]:
    demands = config.getoption("--toolgate-min-coverage")
    if config.getoption("--toolgate-coverage"):
        yield suites.coverage(cases=cases, format="text", root=str(root)).rstrip()
    if not demands:
        return
    coverage = json.loads(suites.coverage(cases=cases))
    if not coverage["policies"]:
        yield f"FAIL {root}: the bundle has no policy of its own, so nothing of what is demanded is shown"
        return
    figures = coverage["coverage"]
    for demand in demands:
        measures, least = _demanded(demand)
        for measure in measures:
            covered, total = figures[measure]["covered"], figures[measure]["total"]
            if covered * 100 < least * total:
                share = f"{covered} of {total} are {covered * 100 / total:.1f} %"
                yield f"FAIL {root}: {measure}: {share}, less than the {least:g} % demanded"


def _tried(config: pytest.Config, suites: Suites, root: Path) -> Iterable[str]:
    least = config.getoption("--toolgate-min-score")
    if least is None:
        return
    try:
        tried = json.loads(suites.mutants())
    except UsageError as fault:
        yield f"FAIL {root}: {fault}"
        return
    killed, told = tried["killed"], tried["killed"] + tried["survived"]
    if killed * 100 < least * told:
        yield suites.mutants(format="text", root=str(root)).rstrip()
        yield f"FAIL {root}: {killed} of {told} mutants are killed, {killed * 100 / told:.1f} %, less than the {least:g} % demanded"


def _demanded(text: str) -> tuple[Sequence[str], float]:
    """The measures and the percentage that a demand names; nothing for one that makes no sense."""
    name, _, number = text.rpartition("=")
    measures = [name] if name in MEASURES else MEASURES if not name and "=" not in text else []
    try:
        least = float(number)
    except ValueError:
        return [], 0.0
    return (measures, least) if 0 <= least <= 100 else ([], 0.0)


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
        cases = [case for case in listed["cases"] if case["file"] == name]
        real, root = self.path.resolve(), self.root.resolve()
        # Behind a link within the bundle, its cases are those of the file that the link leads to.
        if not cases and not (real.is_relative_to(root) and real != root / name):
            why = "it stands behind a link that leads out of the bundle, in a hidden folder, or too deep in others"
            raise self.CollectError(f"{name}: the bundle does not have this file: {why}")
        for case in cases:
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
