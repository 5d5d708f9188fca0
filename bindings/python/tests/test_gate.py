"""Deciding, reserving, completing: what the README promises, from Python."""

from __future__ import annotations

import errno
import os
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import toolgate
from conftest import EXAMPLES, FILES, NOW
from toolgate import BundleError, Chain, Event, EventError, Gate, Identity, JournalError, Ledger, UsageError, verify

READ = {"server": "notes", "tool": "read", "principal": 'User::"alice"', "session": "s1"}
WRITE = READ | {"tool": "write"}


def test_an_allowed_call_from_start_to_end(gate: Gate) -> None:
    ledger = Ledger()
    record = gate.authorize(READ, ledger, NOW)
    assert (record.allowed, bool(record), record.id, record.reasons) == (True, True, 1, [])
    assert [(one.kind, one.value, str(one)) for one in record.obligations] == [("redact", "/ssn", "redact:/ssn")]
    assert record.decision.policies == ["people-read"]
    traces = gate.complete(
        record, ledger, NOW, labels=["secret"], downstream=[("db", None)], credentials=[("t1", None, "x")]
    )
    assert [json.loads(one.to_json())["kind"] for one in traces] == ["outcome", "credential_use", "downstream"]
    with pytest.raises(EventError, match="no call 1 is reserved"):
        gate.complete(1, ledger, NOW)


def test_a_deny_is_a_value(gate: Gate) -> None:
    ledger = Ledger()
    record = gate.authorize(READ | {"principal": 'Workload::"cron"'}, ledger, NOW)
    assert (record.allowed, record.decision.name, record.reasons) == (False, "deny", ["no_permit"])
    assert not record
    with pytest.raises(EventError):
        gate.complete(record, ledger, NOW)
    refused = gate.authorize({"server": "notes"}, ledger, NOW)
    assert (refused.reasons, refused.id) == (["malformed_call"], None)
    with pytest.raises(UsageError, match="took nothing"):
        gate.abort(refused, ledger, NOW)


def test_an_approval_is_for_one_exact_call(gate: Gate) -> None:
    ledger = Ledger()
    waiting = gate.authorize(WRITE, ledger, NOW)
    assert (waiting.decision.name, waiting.decision.approvers) == ("needs_approval", ["initiator"])
    digest = waiting.decision.call_digest
    assert digest is not None
    approve = Event.approval_granted(
        digest, approver='User::"alice"', approver_class="initiator", expires="2026-01-05T11:00:00Z"
    )
    ledger.apply(gate, approve, NOW)
    assert gate.decide(WRITE | {"session": "s2"}, ledger, NOW).name == "needs_approval"
    record = gate.authorize(WRITE, ledger, NOW)
    assert record.allowed
    assert gate.confirm(WRITE, record, ledger, NOW).allowed
    with pytest.raises(EventError, match="has started"):
        gate.abort(record, ledger, NOW)
    assert gate.authorize(WRITE, ledger, NOW).decision.name == "needs_approval"


def test_every_event_has_a_constructor_and_a_dict(gate: Gate) -> None:
    later = "2026-01-06T10:00:00Z"
    digest = "sha256:" + "0" * 64
    alice = 'User::"alice"'
    events = [
        Event.session_opened("s1", alice, key="k"),
        Event.session_ended("s1"),
        Event.labels_lowered("s1", by=alice, why="reviewed", labels=["untrusted"], seen="internal"),
        Event.task_opened(
            "t1",
            purpose="triage",
            initiator=alice,
            tools={"notes/read"},
            expires=later,
            parent="t0",
            destinations=["a"],
            objects=['Tool::"notes/read"'],
            max_calls=3,
        ),
        Event.task_completed("t1"),
        Event.task_cancelled("t1"),
        Event.grant_issued("g1", task="t1", template="granted", principal=alice, expires=later),
        Event.approval_granted(digest, approver=alice, approver_class="initiator", expires=later),
        Event.approval_refused(digest, approver=alice),
        Event.revoked(credential="jti-1", until=later),
        Event.reinstated(principal=alice),
        Event.halted(),
        Event.halted(tenant="acme"),
        Event.resumed(server="notes"),
        Event.mcp_task_created("notes", "m1", owner=alice, session="s1"),
        gate.tools_listed("notes", FILES["tools/notes.json"]),
        gate.tools_listed("notes", {"tools": []}),
    ]
    for event in events:
        line = event.to_journal("1970-01-01T00:00:00Z")
        assert json.loads(line) == {"at": "1970-01-01T00:00:00Z", "event": event.to_dict()}
        name, value = event.to_dict().popitem()
        assert name in repr(event)
        # Whether the ledger takes it is the ledger's to say; that it is an event is what is asked here.
        try:
            Ledger().apply(gate, {name: value}, NOW)
        except EventError as refused:
            assert "no event is called" not in str(refused)
    with pytest.raises(EventError, match="did you mean `task_completed`"):
        Ledger().apply(gate, {"task_complete": "t1"}, NOW)
    with pytest.raises(UsageError, match="exactly one"):
        Event.revoked(task="t1", grant="g1")


def test_tasks_grants_revocation_and_halts_count_at_the_next_call(gate: Gate) -> None:
    ledger = Ledger()
    call = {"server": "notes", "tool": "read", "principal": 'Agent::"bot"', "on_behalf_of": ['User::"alice"']}
    call |= {"task": "t1", "session": "s9"}
    ledger.apply(
        gate,
        Event.task_opened("t1", purpose="p", initiator='User::"alice"', tools=["read"], expires="2026-01-05T12:00:00Z"),
        NOW,
    )
    assert gate.authorize(call, ledger, NOW).reasons == ["no_permit"]
    ledger.apply(
        gate,
        Event.grant_issued(
            "g1", task="t1", template="granted", principal='Agent::"bot"', expires="2026-01-05T11:00:00Z"
        ),
        NOW,
    )
    record = gate.authorize(call, ledger, NOW)
    assert record.allowed and record.to_dict()["grants"] == [{"grant": "g1", "template": "granted"}]
    ledger.apply(gate, Event.halted(server="notes"), NOW)
    assert gate.authorize(READ, ledger, NOW).decision.policies == ["baseline/halted"]
    ledger.apply(gate, Event.resumed(server="notes"), NOW)
    ledger.apply(gate, Event.task_completed("t1"), NOW)
    assert "baseline/task-over" in gate.authorize(call, ledger, NOW).decision.policies


def test_the_time_is_what_python_has(gate: Gate) -> None:
    at = datetime(2026, 1, 5, 10, 10, 0, 123456, tzinfo=timezone(timedelta(hours=1)))
    millis = int(at.timestamp() * 1000)
    for now in (at, "2026-01-05T09:10:00.123Z", millis):
        assert gate.authorize(READ, Ledger(), now).at == millis
    for now, why in (
        (datetime(2026, 1, 5), "has no time zone"),
        ("2026-01-05", "is no time"),
        (1.5, "no time; pass an aware datetime"),
        (True, "no time"),
        (2**70, "no 64-bit number"),
    ):
        with pytest.raises(UsageError, match=why) as raised:
            gate.authorize(READ, Ledger(), now)  # type: ignore[arg-type]
        assert raised.value.place == "now"
    before = gate.authorize(READ, Ledger()).at
    assert abs(before / 1000 - datetime.now(timezone.utc).timestamp()) < 60


def test_who_asks_comes_from_verified_claims(gate: Gate) -> None:
    identity = gate.identify({"iss": "https://idp.example", "sub": "alice", "azp": "bot", "scope": "a b"})
    assert isinstance(identity, Identity)
    assert (identity.principal, identity.on_behalf_of, identity.scopes) == (
        'Agent::"bot"',
        ['User::"alice"'],
        ["a", "b"],
    )
    record = gate.authorize({"server": "notes", "tool": "read", "session": "s1"}, Ledger(), NOW, identity=identity)
    assert record.to_dict()["call"]["principal"] == 'Agent::"bot"'
    refused = gate.identify({"iss": "https://evil.example", "sub": "alice"})
    assert isinstance(refused, toolgate.Decision) and refused.reasons == ["identity_conflict"]
    assert gate.refuse(refused, NOW).reasons == ["identity_conflict"]
    with pytest.raises(UsageError, match="call/principal: the identity says who asks"):
        gate.authorize(READ, Ledger(), NOW, identity=identity)
    allowed = gate.decide(READ, None, NOW)
    with pytest.raises(UsageError, match="it allows"):
        gate.refuse(allowed, NOW)


def test_listing_and_filtering(gate: Gate) -> None:
    listed = {one.action: one for one in gate.list({"principal": 'User::"alice"'}, None, NOW)}
    assert (listed["notes/read"].standing, listed["notes/write"].standing) == ("allowed", "approval")
    assert listed["notes/write"].approvals == ["initiator"]
    live = json.loads(FILES["tools/notes.json"]) | {"nextCursor": "2"}
    text, left_out = gate.filter_list("tools/list", live, {"principal": 'Agent::"bot"', "server": "notes"}, None, NOW)
    assert (json.loads(text), left_out) == ({"tools": [], "nextCursor": "2"}, ["read", "write"])
    with pytest.raises(UsageError, match="say whose list"):
        gate.filter_list("tools/list", live, {"principal": 'Agent::"bot"'}, None, NOW)
    with pytest.raises(BundleError, match="no list `tools`"):
        gate.filter_list("tools/list", {}, {"principal": 'Agent::"bot"', "server": "notes"}, None, NOW)


def test_an_explanation_names_conditions_and_values(gate: Gate) -> None:
    explanation = gate.explain(READ | {"principal": 'Agent::"bot"'}, None, NOW)
    explained = {one.policy: one for one in explanation.policies}
    assert explanation.decision == "deny" and '"nearest"' in explanation.to_json()
    permit = explained["people-read"]
    assert (permit.outcome, permit.forbids, permit.place) == ("false", False, "policies/notes.cedar:3:1")
    first = permit.conditions[0]
    assert (first.text, first.outcome, first.error) == ("principal is User", "false", None)
    refused = gate.explain({"server": "notes"}, None, NOW)
    assert (refused.decision, refused.policies) == ("deny", [])


def test_a_ledger_is_a_text_and_a_journal(gate: Gate, tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger.open(path, gate, fsync="never")
    record = gate.authorize(READ, ledger, NOW)
    gate.complete(record, ledger, NOW)
    with pytest.raises(JournalError, match="open already"):
        Ledger.open(path, gate)
    written = ledger.snapshot()
    assert Ledger.restore(written).snapshot() == Ledger.replay(gate, path.read_text()).snapshot() == written
    ledger.compact()
    ledger.flush()
    assert path.read_text() == written
    assert str(path) in repr(ledger)
    del ledger
    assert Ledger.open(path, gate, fsync=10).snapshot() == written
    with pytest.raises(JournalError) as raised:
        Ledger.replay(gate, '{"at": "2026-01-05T10:00:00Z", "event": {"halted": "all"}}\nx')
    assert raised.value.line == 2
    with pytest.raises(JournalError) as raised:
        Ledger.open(tmp_path / "nowhere" / "ledger.jsonl", gate)
    cause = raised.value.__cause__
    assert isinstance(cause, FileNotFoundError) and str(tmp_path / "nowhere") in cause.filename
    with pytest.raises(UsageError, match="no journal"):
        Ledger().compact()
    with pytest.raises(UsageError, match="fsync"):
        Ledger.open(path, gate, fsync="often")  # type: ignore[arg-type]


def test_records_are_a_chain(gate: Gate) -> None:
    ledger, chain = Ledger(), Chain()
    record = gate.authorize(READ, ledger, NOW)
    lines = [chain.line(record), *(chain.line(one) for one in gate.complete(record, ledger, NOW))]
    assert verify(lines) == chain.last == Chain(chain.last).last
    with pytest.raises(JournalError, match="line 1 was changed") as raised:
        verify([lines[0].replace("alice", "eve"), lines[1]])
    assert raised.value.line == 1


def test_a_bundle_that_does_not_load_says_where(tmp_path: Path) -> None:
    with pytest.raises(BundleError) as raised:
        Gate.load(
            FILES | {"policies/notes.cedar": '@id("a") permit (principal, action == Action::"notes/raed", resource);'}
        )
    [one] = raised.value.diagnostics
    assert (one.severity, one.file, one.line) == ("error", "policies/notes.cedar", 1)
    assert one.help is not None and "notes/read" in one.help
    with pytest.raises(BundleError, match="there is no folder") as raised:
        Gate.load(tmp_path / "nothing")
    cause = raised.value.__cause__
    assert isinstance(cause, FileNotFoundError)
    assert (cause.errno, cause.filename) == (errno.ENOENT, str(tmp_path / "nothing"))
    (tmp_path / "tools").symlink_to("tools")
    with pytest.raises(BundleError, match="tools") as raised:
        Gate.load(tmp_path)
    (tmp_path / "tools").unlink()
    cause = raised.value.__cause__
    assert isinstance(cause, OSError) and cause.errno == errno.ELOOP
    assert (cause.filename, cause.strerror) == (str(tmp_path / "tools"), os.strerror(errno.ELOOP))
    with pytest.raises(BundleError, match="no packed bundle"):
        Gate.load(b"something else")
    (tmp_path / "toolgate.toml").write_bytes(b"\xff")
    with pytest.raises(BundleError, match="no UTF-8"):
        Gate.load(tmp_path)
    with pytest.raises(TypeError, match="pass the path"):
        Gate.load(7)  # type: ignore[arg-type]


def test_a_packed_bundle_decides_the_same(gate: Gate, tmp_path: Path) -> None:
    packed = gate.pack()
    (tmp_path / "notes.toolgate").write_bytes(packed)
    for other in (Gate.load(packed), Gate.load(tmp_path / "notes.toolgate")):
        assert other.digest == gate.digest
        assert other.authorize(READ, Ledger(), NOW).to_json() == gate.authorize(READ, Ledger(), NOW).to_json()
    with pytest.raises(BundleError, match="sign"):
        Gate.load(packed, keys=[bytes(32)])


def test_every_class_says_what_it_is(gate: Gate) -> None:
    record = gate.authorize(READ, Ledger(), NOW)
    assert repr(record) == "<Record 1 at 2026-01-05T10:10:00Z: <Decision allow: people-read>>"
    assert repr(gate).startswith("<Gate notes 1: ") and gate.servers == ["notes"] and gate.name == "notes"
    assert repr(Ledger()) == "<Ledger, empty>"
    assert repr(Event.task_completed("t1")) == '<Event {"task_completed":"t1"}>'
    assert Event.task_completed("t1") == Event.task_completed("t1") != Event.task_completed("t2")
    assert Gate.load(EXAMPLES / "banking").warnings == []
    with pytest.raises(AttributeError):
        record.allowed = True  # type: ignore[misc]
