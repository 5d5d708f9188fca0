"""One decision in Python, beside other libraries: the same two policies, the same request, in one run.

    pip install toolgate -r requirements-bench.txt && python benches/compare.py

Prints the median of many batches, in microseconds a call. A library that is not installed is left out.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BATCHES = int(os.environ.get("BATCHES", "60"))
BATCH = int(os.environ.get("BATCH", "200"))

POLICIES = """
@id("readers")
permit (principal == User::"alice", action == Action::"read", resource)
when { context.input.n < 10 && context.input.name like "a*" };
@id("never-eve")
forbid (principal == User::"eve", action, resource);
"""

ARGUMENTS = {"n": 3, "name": "abc"}


def median(call: Callable[[], Any]) -> float:
    """Microseconds a call."""
    for _ in range(BATCH):
        call()
    times = []
    for _ in range(BATCHES):
        start = time.perf_counter()
        for _ in range(BATCH):
            call()
        times.append((time.perf_counter() - start) / BATCH)
    return statistics.median(times) * 1e6


def toolgate() -> dict[str, Callable[[], Any]]:
    from toolgate import Gate, Ledger

    properties = {"n": {"type": "integer"}, "name": {"type": "string"}}
    schema = {"type": "object", "properties": properties, "required": ["n", "name"]}
    files = {
        "toolgate.toml": '[bundle]\nname = "bench"\nversion = "1"\n[servers.notes]',
        "tools/notes.json": json.dumps({"tools": [{"name": "read", "inputSchema": schema}]}),
        "policies/a.cedar": POLICIES.replace('Action::"read"', 'Action::"notes/read"'),
    }
    gate, now = Gate.load(files), 1_767_607_200_000
    packed, ledger = Gate.load(gate.pack()), Ledger()
    # What is authorized and not completed stays in the ledger: each row begins with an empty one.
    dicts, packs, texts, kept, told = (Ledger() for _ in range(5))
    call = {"server": "notes", "tool": "read", "principal": 'User::"alice"', "input": ARGUMENTS}
    in_session = call | {"session": "s1"}
    text = json.dumps(call)
    assert gate.authorize(call, ledger, now).allowed

    def completed() -> None:
        record = gate.authorize(in_session, kept, now)
        gate.complete(record, kept, now)

    return {
        "toolgate: decide, from a dict": lambda: gate.decide(call, ledger, now),
        "toolgate: authorize, from a dict": lambda: gate.authorize(call, dicts, now),
        "toolgate: authorize, from a dict, packed bundle": lambda: packed.authorize(call, packs, now),
        "toolgate: authorize, from JSON text": lambda: gate.authorize(text, texts, now),
        "toolgate: authorize in a session, and complete": completed,
        "toolgate: authorize, and the record as JSON": lambda: gate.authorize(call, told, now).to_json(),
    }


def cedarpy() -> dict[str, Callable[[], Any]]:
    import cedarpy as cedar

    request = {
        "principal": {"type": "User", "id": "alice"},
        "action": {"type": "Action", "id": "read"},
        "resource": {"type": "Tool", "id": "notes/read"},
        "context": {"input": ARGUMENTS},
    }
    entities = json.dumps([])
    policies, handle = cedar.PolicySet.from_str(POLICIES), cedar.Entities.from_json_str(entities)
    assert cedar.is_authorized(request, policies, handle).allowed
    return {
        "cedarpy: text": lambda: cedar.is_authorized(request, POLICIES, entities),
        "cedarpy: handles": lambda: cedar.is_authorized(request, policies, handle),
    }


def cedarling() -> dict[str, Callable[[], Any]]:
    import cedarling_python as jans

    folder = Path(tempfile.mkdtemp())
    (folder / "policies").mkdir()
    store = {"id": "be0c00000001", "name": "bench", "version": "1.0.0"}
    (folder / "metadata.json").write_text(json.dumps({"cedar_version": "4.4.0", "policy_store": store}))
    (folder / "schema.cedarschema").write_text(
        "entity User; entity Tool;\n"
        "action read appliesTo { principal: User, resource: Tool, context: { input: { n: Long, name: String } } };\n"
    )
    for name, text in zip(("readers", "never"), POLICIES.strip().split(";\n"), strict=True):
        (folder / "policies" / f"{name}.cedar").write_text(text.rstrip(";") + ";\n")
    options = {
        "CEDARLING_APPLICATION_NAME": "bench",
        "CEDARLING_POLICY_STORE_LOCAL_FN": str(folder),
        "CEDARLING_LOG_TYPE": "off",
        "CEDARLING_JWT_SIG_VALIDATION": "disabled",
        "CEDARLING_JWT_STATUS_VALIDATION": "disabled",
        "CEDARLING_ID_TOKEN_TRUST_MODE": "never",
    }
    engine = jans.Cedarling(jans.BootstrapConfig(options))

    def entity(kind: str, name: str) -> Any:
        return jans.EntityData.from_dict({"cedar_entity_mapping": {"entity_type": kind, "id": name}})

    request = jans.RequestUnsigned(
        principal=entity("User", "alice"),
        action='Action::"read"',
        resource=entity("Tool", "notes/read"),
        context={"input": ARGUMENTS},
    )
    assert engine.authorize_unsigned(request).is_allowed()
    return {"cedarling: authorize_unsigned": lambda: engine.authorize_unsigned(request)}


def casbin() -> dict[str, Callable[[], Any]]:
    import casbin as library

    folder = Path(tempfile.mkdtemp())
    (folder / "model.conf").write_text(
        "[request_definition]\nr = sub, obj, act, n\n[policy_definition]\np = sub, obj, act, most\n"
        "[policy_effect]\ne = some(where (p.eft == allow))\n"
        "[matchers]\nm = r.sub == p.sub && r.obj == p.obj && r.act == p.act && r.n < int(p.most)\n"
    )
    (folder / "policy.csv").write_text("p, alice, notes, read, 10\np, bob, notes, read, 10\n")
    enforcer = library.Enforcer(str(folder / "model.conf"), str(folder / "policy.csv"))
    enforcer.add_function("int", int)
    assert enforcer.enforce("alice", "notes", "read", 3)
    return {"casbin: enforce (two conditions fewer)": lambda: enforcer.enforce("alice", "notes", "read", 3)}


def main() -> None:
    for library in (toolgate, cedarpy, cedarling, casbin):
        try:
            calls = library()
        except ImportError as missing:
            print(f"{library.__name__}: left out ({missing})", file=sys.stderr)
            continue
        for name, call in calls.items():
            print(f"{median(call):9.1f} µs  {name}")


if __name__ == "__main__":
    main()
