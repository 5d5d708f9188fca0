"""JUnit reports of the `toolgate` command hold to the schema that readers of them agree on, whatever the tests say."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from conftest import EXAMPLES, ROOT, command

xmlschema = pytest.importorskip("xmlschema")

SCHEMA = ROOT / "harness" / "tests" / "junit.xsd"

BUNDLE = {
    "toolgate.toml": """[bundle]
name = "notes <&>"
version = "1"
[servers.notes]
""",
    "tools/notes.json": """{"tools": [
  {"name": "read", "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}}}]}""",
    "policies/notes.cedar": """@id("people-read") permit (principal is User, action, resource);""",
}

HEAD = """version: 1
now: 2026-01-05T10:00:00Z
strangers: ['User::"alice"', 'Agent::"bot"']
calls:
  reads: {principal: 'User::"alice"', tool: notes/read, input: {text: x}}
tests:
"""

# What XML cannot hold, not even escaped, and what it would take for its own.
ODD = r'''"<&>'\u0001\u001b\u0085\ufffe ]]> \r\n\t \U0001f600"'''

PASSING = "  - {name: passes, call: reads, expect: allow}\n"
FAILING = (
    "  - {name: \"<a href='x'> & ]]> 100% \\u00e9\", expect: allow,\n"
    f"     call: {{extends: reads, principal: 'Agent::\"bot\"', input: {{text: {ODD}}}}}}}\n"
)
SKIPPED = f"  - {{name: waits, skip: {ODD}, call: reads, expect: allow}}\n"
INVARIANT = """invariants:
  - {name: nobody reads, never: allow, where: 'action in Action::"call"'}
"""


def report(bundle: Path, code: int) -> ET.Element:
    """The report of a bundle's tests, held against the schema."""
    told = subprocess.run([command(), "test", bundle, "--format", "junit"], capture_output=True, check=False)
    assert told.returncode == code, told.stderr
    xmlschema.validate(told.stdout, SCHEMA)
    return ET.fromstring(told.stdout)


@pytest.mark.parametrize(
    ("files", "code", "counted"),
    [
        pytest.param({"a": HEAD + PASSING}, 0, (1, 0, 0, 0), id="passing"),
        pytest.param({"a": HEAD + PASSING + FAILING + INVARIANT}, 1, (3, 2, 0, 0), id="failing"),
        pytest.param({"a": HEAD + PASSING, "b": "version: 2\n"}, 3, (2, 0, 1, 0), id="a file that is not valid"),
        pytest.param({"a<&'": HEAD + FAILING + SKIPPED, "b": "version: [\n"}, 3, (3, 1, 1, 1), id="odd characters"),
        pytest.param({"a": HEAD + SKIPPED}, 5, (1, 0, 0, 1), id="skipped"),
        pytest.param({}, 5, (0, 0, 0, 0), id="no tests"),
    ],
)
def test_reports_hold_to_the_schema(
    tmp_path: Path, files: dict[str, str], code: int, counted: tuple[int, int, int, int]
) -> None:
    bundle = tmp_path / "<notes> & more"
    for name, text in {**BUNDLE, **{f"tests/{name}.test.yaml": text for name, text in files.items()}}.items():
        (bundle / name).parent.mkdir(parents=True, exist_ok=True)
        (bundle / name).write_text(text)
    root = report(bundle, code)
    kinds = ("testcase", "failure", "error", "skipped")
    assert tuple(sum(1 for _ in root.iter(kind)) for kind in kinds) == counted
    assert (int(root.get("tests", "")), int(root.get("failures", "")), int(root.get("errors", ""))) == counted[:3]


def test_reports_of_the_examples_do() -> None:
    for manifest in EXAMPLES.glob("*/toolgate.toml"):
        assert report(manifest.parent, 0).get("failures") == "0"
