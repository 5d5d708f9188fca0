"""The pytest plugin: suites of a bundle are tests, and fail with the command's words."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from conftest import EXAMPLES, FILES

pytest_plugins = ["pytester"]

SUITE = """
version: 1
now: 2026-01-05T10:00:00Z
tests:
  - name: people read
    call: {principal: 'User::"alice"', tool: notes/read, session: s1}
    expect: {allow: [people-read]}
  - name: robots read
    call: {principal: 'Workload::"cron"', tool: notes/read, session: s1}
    expect: allow
  - name: later
    skip: not yet
    call: {principal: 'Workload::"cron"', tool: notes/read, session: s1}
    expect: allow
"""


def bundle(folder: Path, suite: str) -> None:
    for name, text in (FILES | {"tests/notes.test.yaml": suite}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)


def test_cases_are_tests(pytester: pytest.Pytester) -> None:
    bundle(pytester.path / "bundle", SUITE)
    done = run(pytester, "--toolgate-report", "json=report.json")
    done.assert_outcomes(passed=1, failed=1, skipped=1)
    # As the command line prints it: what was expected, what came, and why.
    done.stdout.fnmatch_lines(
        ["FAIL *notes.test.yaml:10 robots read", "  expected  allow", "  got       deny, as no policy permits it"]
    )
    report = json.loads((pytester.path / "report.json").read_text())
    assert (report["verdict"], report["totals"]["passed"], report["totals"]["failed"]) == ("failed", 1, 1)


def test_reports_of_several_bundles(pytester: pytest.Pytester) -> None:
    for name in ("one", "two"):
        bundle(pytester.path / name, SUITE)
    reports = ("junit=report.xml", "json=report.json", "junit=none/report.xml")
    done = run(pytester, *(f"--toolgate-report={report}" for report in reports))
    done.stdout.fnmatch_lines(["FAIL --toolgate-report junit=none/report.xml: *No such file*"])
    root = ET.parse(pytester.path / "report.xml").getroot()
    assert (root.tag, root.get("tests"), root.get("failures"), root.get("errors")) == ("testsuites", "4", "2", "0")
    assert [suite.get("name") for suite in root] == ["one/tests/notes.test.yaml", "two/tests/notes.test.yaml"]
    assert root[1][0].get("classname") == "two/tests/notes.test.yaml"
    lines = (pytester.path / "report.json").read_text().splitlines()
    assert [json.loads(line)["totals"]["failed"] for line in lines] == [1, 1]


def test_nothing_to_cover(pytester: pytest.Pytester) -> None:
    robots = SUITE[SUITE.index("  - name: robots") : SUITE.index("  - name: later")]
    head = SUITE[: SUITE.index("  - name: people")]
    bundle(pytester.path, head + robots.replace("expect: allow", "expect: {deny: no_permit}"))
    (pytester.path / "policies" / "notes.cedar").write_text("")
    done = run(pytester, "--toolgate-min-coverage", "100")
    done.stdout.fnmatch_lines(["FAIL *the bundle has no policy of its own*"])
    assert done.ret == 1


def test_a_report_of_nothing(pytester: pytest.Pytester) -> None:
    run(pytester, "--toolgate-report=junit=report.xml")
    assert ET.parse(pytester.path / "report.xml").getroot().get("tests") == "0"


def test_a_suite_that_is_wrong_is_an_error(pytester: pytest.Pytester) -> None:
    bundle(pytester.path, SUITE.replace("notes/read", "notes/raed"))
    done = run(pytester)
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*notes.test.yaml:6:*did you mean*"])


def test_a_bundle_that_is_wrong_is_an_error(pytester: pytest.Pytester) -> None:
    bundle(pytester.path, SUITE)
    (pytester.path / "policies" / "notes.cedar").write_text("permit")
    done = run(pytester)
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*policies/notes.cedar:1:*error:*"])


def test_options_are_checked(pytester: pytest.Pytester) -> None:
    done = run(pytester, "--toolgate-report", "xml")
    done.stderr.fnmatch_lines(["*write FORMAT=FILE*"])
    for demand in ("much", "101", "lines=90", "=90"):
        done = run(pytester, "--toolgate-min-coverage", demand)
        done.stderr.fnmatch_lines(["*write a percentage, or MEASURE=N*"])
    for score in ("nan", "101", "-1"):
        done = run(pytester, f"--toolgate-min-score={score}")
        done.stderr.fnmatch_lines(["*write a percentage, from 0 to 100*"])


def test_what_the_tests_reach_is_told_and_demanded(pytester: pytest.Pytester) -> None:
    bundle(pytester.path, SUITE.split("  - name: robots")[0])
    told = run(pytester, "--toolgate-coverage", "--toolgate-min-coverage", "clauses=100")
    assert told.ret == 0
    told.stdout.fnmatch_lines(["*people-read*"])
    low = run(pytester, "--toolgate-min-coverage", "policies=100")
    assert low.ret == 1
    low.assert_outcomes(passed=1)
    low.stdout.fnmatch_lines(["FAIL *: policies: 2 of 11 are 18.2 %, less than the 100 % demanded"])


def test_what_is_demanded_of_no_test_is_not_met(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_other(): pass")
    for demand in ("--toolgate-min-coverage=0", "--toolgate-min-score=0"):
        done = run(pytester, demand)
        assert done.ret == 1
        done.stdout.fnmatch_lines(["FAIL no policy test ran*"])


def test_what_the_tests_notice_is_demanded(pytester: pytest.Pytester) -> None:
    bundle(pytester.path, SUITE.split("  - name: robots")[0])
    assert run(pytester, "--toolgate-min-score", "10").ret == 0
    low = run(pytester, "--toolgate-min-score", "100")
    assert low.ret == 1
    low.stdout.fnmatch_lines(["survived: *", "FAIL *mutants are killed, * %, less than the 100 % demanded"])
    (pytester.path / "tests" / "notes.test.yaml").write_text(SUITE)
    failing = run(pytester, "--toolgate-min-score", "10")
    failing.stdout.fnmatch_lines(["FAIL *the tests do not pass without any change*"])


@pytest.mark.parametrize("distribution", ["load", "each"])
def test_workers_tell_what_they_ran(pytester: pytest.Pytester, distribution: str) -> None:
    pytest.importorskip("xdist")
    bundle(pytester.path, SUITE)
    report = ("--toolgate-report", "json=report.json", "--toolgate-min-coverage", "clauses=100")
    done = run(pytester, "-p", "xdist", f"--dist={distribution}", "--tx=2*popen", *report)
    told = json.loads((pytester.path / "report.json").read_text())
    assert (told["totals"]["passed"], told["totals"]["failed"]) == (1, 1)
    assert "no policy test ran" not in done.stdout.str()


def test_the_examples_pass(pytester: pytest.Pytester) -> None:
    done = run(pytester, str(EXAMPLES / "session-labels"))
    assert done.parseoutcomes().keys() == {"passed"}


def test_a_test_file_that_the_bundle_does_not_have_is_an_error_not_passed_over(pytester: pytest.Pytester) -> None:
    bundle(pytester.path / "bundle", SUITE.split("  - name: robots")[0])
    elsewhere = pytester.path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "more.test.yaml").write_text(SUITE)
    (pytester.path / "bundle" / "tests" / ".#notes.test.yaml").write_text("an editor's")
    inside = pytester.path / "bundle" / "again"
    inside.symlink_to("tests")
    run(pytester, "bundle").assert_outcomes(passed=1)
    inside.unlink()
    (pytester.path / "bundle" / "tests" / "out").symlink_to("../../elsewhere")
    done = run(pytester, "bundle")
    # The command says the same of the whole bundle.
    done.assert_outcomes(errors=2)
    done.stdout.fnmatch_lines(["*tests/out`: the link leads out of the bundle's folder*"])
