"""What a guard does beside deciding, with no SDK in between: hosts that fail, obligations, outcomes, records,
challenges."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from conftest import FILES
from toolgate import Gate, JournalError, Ledger, ToolgateError, UsageError, verify
from toolgate.mcp import Guard, Request, challenges
from toolgate.mcp._durable import change
from toolgate.mcp._port import Challenge, Port, Refused
from toolgate.mcp._install import install
from toolgate.mcp._records import RecordFile
from toolgate.mcp._request import CHALLENGES, claims_of

READ = {"name": "read", "arguments": {"n": 1}}
RESULT = {"content": [{"type": "text", "text": "ran"}]}


class Server(Port):
    """Shows the tools that are pinned, and answers what it is told to."""

    modern, asks = True, False

    def __init__(self, result: Any = RESULT) -> None:
        self.result, self.ran, self.answers = result, 0, 0

    async def answer(self) -> dict[str, Any]:
        self.ran += 1
        if isinstance(self.result, BaseException):
            raise self.result
        return dict(self.result)

    async def list_tools(self) -> dict[str, Any]:
        tools: dict[str, Any] = json.loads(FILES["tools/notes.json"])
        return tools

    async def ask(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"action": "accept", "content": {"approve": True}}

    def resumed(self) -> None:
        self.answers += 1


def request(method: str = "tools/call", params: Any = READ, http: Any = None) -> Request:
    return Request(method, params, http, None, None)


def handle(guard: Guard, port: Port, asked: Request | None = None) -> Any:
    """The result, or what was raised."""
    try:
        return asyncio.run(guard.handle(asked or request(), port))
    except BaseException as raised:
        return raised


@pytest.fixture
def guarded(gate: Gate, tmp_path: Path) -> Callable[..., Guard]:
    def made(**options: Any) -> Guard:
        given: dict[str, Any] = {"principal": 'User::"alice"', "records": tmp_path / "records.jsonl"}
        given |= {"session": lambda request: "s1", "obligations": {"redact": lambda request, obligation, result: None}}
        return Guard(gate, Ledger(), **(given | options))

    return made


def told(tmp_path: Path) -> list[dict[str, Any]]:
    lines = (tmp_path / "records.jsonl").read_text().splitlines()
    verify(lines)
    return [json.loads(line) for line in lines]


def test_an_outcome_has_labels_a_digest_and_what_obligations_made_of_it(guarded: Any, tmp_path: Path) -> None:
    seen = []

    def redact(request: Request, obligation: Any, result: dict[str, Any]) -> dict[str, Any]:
        seen.append(str(obligation))
        return {"content": []}

    guard = guarded(obligations={"redact": redact}, labels=lambda request, result: ["secret"])
    assert handle(guard, Server()) == {"content": []}
    assert seen == ["redact:/ssn"]
    [outcome] = [one for one in told(tmp_path) if one["kind"] == "outcome"]
    assert (outcome["status"], outcome["labels"]) == ("done", ["secret"])
    text = b'{"content":[]}'
    assert outcome["output_digest"] == "sha256:" + hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (RESULT, "done"),
        (RESULT | {"isError": True}, "failed"),
        (ValueError("no"), "failed"),
        (asyncio.CancelledError(), "timed_out"),
    ],
)
def test_how_a_call_ends(guarded: Any, tmp_path: Path, result: Any, status: str) -> None:
    answer = handle(guarded(), Server(result))
    assert answer == result if isinstance(result, dict) else isinstance(answer, type(result))
    assert [one["status"] for one in told(tmp_path) if one["kind"] == "outcome"] == [status]


def test_a_cancellation_stays_one_where_no_outcome_can_be_written(guarded: Any) -> None:
    def full(traces: Any) -> None:
        raise OSError("no space left on device")

    guard = guarded()
    handle(guard, Server())
    guard._records.told = full
    assert isinstance(handle(guard, Server(asyncio.CancelledError())), asyncio.CancelledError)


def test_a_cancellation_stays_one_where_no_refusal_can_be_written(guarded: Any) -> None:
    class Given(Server):
        asks, modern = True, False

        async def ask(self, params: dict[str, Any]) -> dict[str, Any]:
            guard._records.told = fails
            raise asyncio.CancelledError

    guard = guarded()
    given_up = handle(guard, Given(), request(params={"name": "write", "arguments": {}}))
    assert isinstance(given_up, asyncio.CancelledError)


def test_a_cancellation_stays_one_where_nothing_can_be_taken_back(gate: Gate, tmp_path: Path) -> None:
    async def given_up() -> None:
        def cancel() -> None:
            # The thread has come to its end, and nobody knows yet.
            time.sleep(0.2)
            task.cancel()

        ledger, loop = Ledger.open(tmp_path / "ledger.jsonl", gate), asyncio.get_running_loop()
        task = asyncio.ensure_future(change(ledger, lambda: loop.call_soon_threadsafe(cancel), fails))
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(given_up())


class Asking(Server):
    """A tool that asks twice for more, and is done then. What it can go on from is no secret."""

    asks = True

    async def answer(self) -> dict[str, Any]:
        self.ran += 1
        more = {"resultType": "input_required", "inputRequests": {}, "requestState": "theirs"}
        return more if self.ran < 3 else RESULT


def test_a_user_approves_once_what_a_tool_asks_twice_for_more(guarded: Any, tmp_path: Path) -> None:
    sessions = ["s1"]
    guard, server = guarded(session=lambda request: sessions[-1]), Asking()

    def call(**more: Any) -> Any:
        return handle(guard, server, request(params={"name": "write", "arguments": {}} | more))

    yes = {"approval": {"action": "accept", "content": {"approve": True}}}
    assert call(requestState=call()["requestState"], inputResponses=yes)["requestState"] == "theirs"
    assert call(requestState="theirs", inputResponses={"name": {}})["requestState"] == "theirs"
    sessions.append("s2")
    assert call(requestState="theirs")["requestState"] != "theirs", "what was approved is another call"
    sessions.pop()
    assert call(requestState="theirs") == RESULT
    assert (server.ran, call(requestState="theirs")["requestState"]) != (3, "theirs")
    records = told(tmp_path)
    assert [one["decision"] for one in records if one["kind"] == "confirmation"] == ["allow", "allow"]
    assert [one["status"] for one in records if one["kind"] == "outcome"] == ["done"]


def test_what_a_round_has_brought_counts_at_once(guarded: Any, tmp_path: Path) -> None:
    for session, ended in ((None, []), ("s1", [("done", ["secret"])])):
        server = Asking()
        guard = guarded(session=lambda request, session=session: session, labels=lambda *_: ["secret"])
        server.asks = False
        handle(guard, server, request(params=READ))
        assert server.ran == 1
        assert [(one["status"], one["labels"]) for one in told(tmp_path) if one["kind"] == "outcome"] == ended


def test_a_client_that_comes_back_too_late_makes_a_call_like_any_other(guarded: Any) -> None:
    now = [1_000]
    guard, server = guarded(clock=lambda: now[0]), Asking()
    handle(guard, server, request(params=READ))
    now[0] += 3 * 24 * 3_600_000
    answer = handle(guard, server, request(params=READ | {"requestState": "theirs"}))
    assert (answer.get("requestState"), server.ran) == ("theirs", 2)


def test_a_call_that_waits_keeps_nothing_of_what_was_asked(guarded: Any) -> None:
    guard = guarded()
    handle(guard, Asking(), request(params=READ))
    call: Any = guard._call(request(params=READ | {"requestState": "theirs"}))
    kept = guard._continuing.take(call)
    assert kept is not None and not any(hasattr(one, "to_json") for one in vars(kept).values())


def test_who_lets_calls_wait_displaces_nobody_else(guarded: Any, tmp_path: Path) -> None:
    asks = ["bob"]
    guard = guarded(who=lambda request: {"principal": f'User::"{asks[-1]}"'}, session=lambda request: asks[-1])

    def waits(who: str, state: str) -> None:
        asks.append(who)
        handle(guard, Server({"resultType": "input_required", "inputRequests": {}, "requestState": state}))

    def goes_on(who: str, state: str) -> bool:
        asks.append(who)
        handle(guard, Server(), request(params=READ | {"requestState": state}))
        return told(tmp_path)[-2]["kind"] == "confirmation"

    waits("bob", "bobs")
    for n in range(65):
        waits("alice", f"n{n}")
    assert [one["status"] for one in told(tmp_path) if one["kind"] == "outcome"] == ["timed_out"]
    assert [goes_on("alice", "n0"), goes_on("alice", "n1"), goes_on("bob", "bobs")] == [False, True, True]


def test_a_stream_tells_of_no_resource_that_may_not_be_read(guarded: Any) -> None:
    server = Server({})
    for filters, ran in (({"resourceSubscriptions": ["file:///etc"]}, 0), ({"toolsListChanged": True}, 1)):
        answer = handle(guarded(), server, request("subscriptions/listen", {"notifications": filters}))
        assert (server.ran, isinstance(answer, Refused)) == (ran, ran == 0)


def test_audit_is_met_where_records_are_kept(tmp_path: Path) -> None:
    gate = Gate.load(FILES | {"policies/notes.cedar": FILES["policies/notes.cedar"].replace("redact:/ssn", "audit")})
    options: dict[str, Any] = {"principal": 'User::"alice"', "session": lambda request: "s1"}
    for more, ran in (({"records": tmp_path / "records.jsonl"}, 1), ({}, 0)):
        server = Server()
        handle(Guard(gate, Ledger(), **(options | more)), server)
        assert server.ran == ran


def test_a_page_of_a_list_is_held_for_no_more_than_it_is(guarded: Any) -> None:
    tools = json.loads(FILES["tools/notes.json"])["tools"]
    guard = guarded()
    for page in ({"tools": tools[:1], "nextCursor": "2"}, {"tools": tools[1:]}):
        handle(guard, Server(page), request("tools/list", {}))
        assert handle(guard, Server()) == RESULT
    handle(guard, Server({"tools": [tools[0] | {"title": "x"}], "nextCursor": "2"}), request("tools/list", {}))
    assert handle(guard, Server())["isError"]


@pytest.mark.parametrize(("journal", "elsewhere"), [(True, True), (False, False)])
def test_what_waits_for_a_disk_does_not_wait_on_the_event_loop(
    gate: Gate, tmp_path: Path, caplog: pytest.LogCaptureFixture, journal: bool, elsewhere: bool
) -> None:
    caplog.set_level(logging.DEBUG, "toolgate")
    ledger = Ledger.open(tmp_path / "ledger.jsonl", gate) if journal else Ledger()
    assert ledger.durable is journal
    met: dict[str, Any] = {"redact": lambda request, obligation, result: None}
    guard = Guard(gate, ledger, principal='User::"alice"', session=lambda request: "s1", obligations=met)
    assert handle(guard, Server()) == RESULT
    denied = handle(guard, Server(), request(params={"name": "read", "arguments": {"n": "no"}}))
    assert denied["isError"]
    # The list, a decision, its outcome, a denial.
    assert len(caplog.records) >= 3
    assert {one.thread != threading.get_ident() for one in caplog.records} == {elsewhere}


def test_a_call_that_is_given_up_while_the_disk_is_waited_for_is_known(gate: Gate, tmp_path: Path) -> None:
    """It was reserved, it did not run, and the ledger has its end."""
    ledger, server = Ledger.open(tmp_path / "ledger.jsonl", gate), Server()
    met: dict[str, Any] = {"redact": lambda request, obligation, result: None}

    async def given_up() -> None:
        with anyio.CancelScope() as scope:

            def session(request: Request) -> str:
                scope.cancel()
                return "s1"

            guard = Guard(gate, ledger, principal='User::"alice"', session=session, obligations=met)
            guard._listed = gate.tools_listed("notes", await server.list_tools(), only=[])
            server.answer = anyio.sleep_forever  # type: ignore[method-assign, assignment]
            await guard.handle(request(), server)
        assert scope.cancelled_caught

    asyncio.run(given_up())
    events = [json.loads(line)["event"] for line in (tmp_path / "ledger.jsonl").read_text().splitlines()]
    kinds = [next(iter(event)) for event in events]
    assert kinds[-2:] == ["call_reserved", "call_completed"], kinds


def test_a_call_that_asyncio_cancels_while_the_disk_is_waited_for_is_aborted(gate: Gate, tmp_path: Path) -> None:
    """The cancellation comes while the thread is at work: a record is told of there."""
    ledger, server = Ledger.open(tmp_path / "ledger.jsonl", gate), Server()
    cancelled, aborted = threading.Event(), threading.Event()
    met: dict[str, Any] = {"redact": lambda request, obligation, result: None}

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if cancelled.is_set():
                aborted.set()
            else:
                loop.call_soon_threadsafe(task.cancel)
                cancelled.wait(60)

    async def given_up() -> None:
        nonlocal loop, task
        guard = Guard(gate, ledger, principal='User::"alice"', session=lambda request: "s1", obligations=met)
        guard._listed = gate.tools_listed("notes", await server.list_tools(), only=[])
        loop, task = asyncio.get_running_loop(), asyncio.ensure_future(guard.handle(request(), server))
        with pytest.raises(asyncio.CancelledError):
            await task
        cancelled.set()

    loop: Any = None
    task: Any = None
    log, handler = logging.getLogger("toolgate"), Told()
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        asyncio.run(given_up())
        assert aborted.wait(60)
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
    events = [json.loads(line)["event"] for line in (tmp_path / "ledger.jsonl").read_text().splitlines()]
    kinds = [next(iter(event)) for event in events]
    assert kinds[-2:] == ["call_reserved", "call_aborted"] and server.ran == 0, kinds


def test_a_denied_call_that_asyncio_cancels_is_cancelled(gate: Gate, tmp_path: Path) -> None:
    """There is nothing to take back, and nothing else in place of the cancellation."""

    async def given_up() -> None:
        def cancel() -> None:
            # The thread has come to its end, and nobody knows yet.
            time.sleep(0.2)
            task.cancel()

        loop, server = asyncio.get_running_loop(), Server()
        guard = Guard(gate, Ledger.open(tmp_path / "ledger.jsonl", gate), principal='Agent::"bot"')
        guard._listed = gate.tools_listed("notes", await server.list_tools(), only=[])
        guard._records.decided = lambda record, what: loop.call_soon_threadsafe(cancel)  # type: ignore[assignment, method-assign, return-value]
        task = asyncio.ensure_future(guard.handle(request(), server))
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(given_up())


@pytest.mark.parametrize("late", [True, False])
def test_what_nobody_waits_for_is_taken_back_once(gate: Gate, tmp_path: Path, late: bool) -> None:
    """Whether the step had come to its end when its caller was cancelled, or not."""
    ledger, undone = Ledger.open(tmp_path / "ledger.jsonl", gate), []
    done, taken_back = threading.Event(), threading.Event()

    def undo(changed: str) -> None:
        undone.append(changed)
        taken_back.set()

    async def given_up() -> None:
        def step() -> str:
            loop.call_soon_threadsafe(task.cancel)
            if late:
                done.wait(60)
            return "changed"

        loop, task = asyncio.get_running_loop(), asyncio.ensure_future(change(ledger, step, undo))
        with pytest.raises(asyncio.CancelledError):
            await task
        done.set()

    asyncio.run(given_up())
    assert taken_back.wait(60) and undone == ["changed"]


def fails(*arguments: Any) -> Any:
    raise KeyError("a secret of the host")


@pytest.mark.parametrize(
    ("options", "ran"),
    [
        ({"session": fails}, 0),
        ({"task": fails}, 0),
        ({"who": fails}, 0),
        ({"who": lambda request: {"principal": object()}}, 0),
        ({"origin": fails}, 0),
        ({"clock": fails}, 0),
        ({"labels": fails}, 1),
        ({"obligations": {"redact": fails}}, 1),
    ],
)
def test_a_host_that_fails_denies_and_tells_nothing(guarded: Any, options: dict[str, Any], ran: int) -> None:
    server = Server()
    answer = handle(guarded(**options), server)
    assert isinstance(answer, Refused) and (answer.code, answer.message, answer.data) == (
        -32603,
        "Internal error",
        None,
    )
    assert server.ran == ran


@pytest.mark.parametrize(
    "options",
    [
        {"labels": lambda request, result: [7]},
        {"labels": lambda request, result: ["\ud800"]},
        {"labels": lambda request, result: 7},
        {"obligations": {"redact": lambda request, obligation, result: "no result"}},
        {"obligations": {"redact": lambda request, obligation, result: result | {7: 7}}},
    ],
)
def test_a_call_has_an_end_whatever_the_host_makes_of_its_result(
    guarded: Any, tmp_path: Path, options: dict[str, Any]
) -> None:
    server = Server()
    assert isinstance(handle(guarded(**options), server), Refused) and server.ran == 1
    assert [one["status"] for one in told(tmp_path) if one["kind"] == "outcome"] == ["failed"]


@pytest.mark.parametrize("journal", [True, False])
def test_a_call_whose_record_cannot_be_written_uses_up_nothing(gate: Gate, tmp_path: Path, journal: bool) -> None:
    ledger, server = Ledger.open(tmp_path / "ledger.jsonl", gate) if journal else Ledger(), Server()
    met: dict[str, Any] = {"redact": lambda request, obligation, result: None}
    guard = Guard(gate, ledger, principal='User::"alice"', session=lambda request: "s1", obligations=met)

    def decided(record: Any, what: str) -> None:
        raise OSError("no space left on device")

    guard._records.decided = decided  # type: ignore[method-assign]
    assert isinstance(handle(guard, server), Refused) and server.ran == 0
    assert '"total":1' not in ledger.snapshot() and '"reservation"' not in ledger.snapshot()


@pytest.mark.parametrize(
    "options",
    [
        {"who": lambda request: None},
        {"who": lambda request: {}},
        {"principal": None},
        {"who": lambda request: {"principal": "alice"}},
        {"who": lambda request: {"principal": 'User::"alice"', "session": 7}},
    ],
)
def test_nobody_is_denied(guarded: Any, options: dict[str, Any]) -> None:
    server = Server()
    given = {name: value for name, value in options.items() if value is not None}
    guard = guarded(**given) if given else Guard(guarded().gate, Ledger())
    assert isinstance(handle(guard, server), Refused) and server.ran == 0


def test_a_principal_of_the_host_is_for_stdio_only(guarded: Any) -> None:
    server, http = Server(), SimpleNamespace(scope={})
    answer = handle(guarded(), server, request(http=http))
    assert isinstance(answer, Refused) and server.ran == 0
    assert handle(guarded(), server, request()) == RESULT


def test_what_is_not_known_does_not_run(guarded: Any) -> None:
    server = Server()
    for method in ("tools/unknown", "tasks/list", "sampling/createMessage"):
        assert isinstance(handle(guarded(), server, request(method, {})), Refused)
    assert server.ran == 0
    for method in ("ping", "initialize", "server/discover"):
        assert handle(guarded(), server, request(method, {})) == RESULT
    assert server.ran == 3


def test_bad_params_are_a_denial(guarded: Any) -> None:
    deep: Any = {}
    for _ in range(10_000):
        deep = {"a": deep}
    server = Server()
    for params in (
        {},
        {"name": 7},
        {"name": "read", "arguments": []},
        {"name": "read", "arguments": deep},
        {"name": "\ud800"},
    ):
        answer = handle(guarded(), server, request(params=params))
        assert isinstance(answer, Refused) or answer["isError"]
    assert server.ran == 0


def test_a_state_of_the_tool_itself_reaches_it(guarded: Any) -> None:
    server = Server()
    assert (
        handle(guarded(), server, request(params=READ | {"requestState": "of the tool", "inputResponses": {}}))
        == RESULT
    )
    forged = handle(
        guarded(), server, request(params=READ | {"requestState": "1.1.1.sha256:0.0", "inputResponses": {}})
    )
    assert isinstance(forged, Refused) and forged.code == -32602
    assert (server.ran, server.answers) == (1, 1)


def test_scopes_that_are_all_that_is_missing() -> None:
    files = FILES | {
        "toolgate.toml": FILES["toolgate.toml"] + "\n[require]\ncredential = true\n",
        "policies/notes.cedar": '@id("a") permit (principal, action == Action::"notes/read", resource) '
        'when { context.credential.scopes.contains("deep") };',
    }
    token = SimpleNamespace(
        client_id="c", scopes=["a"], subject="alice", resource="https://r", expires_at=time.time() + 300
    )
    token.claims = {"iss": "https://idp.example", "jti": "j", "azp": "alice"}
    files["toolgate.toml"] = files["toolgate.toml"].replace(
        "[servers.notes]", '[servers.notes]\naudience = "https://r"'
    )
    gate = Gate.load(files)
    left: list[str] = []
    asked = Request("tools/call", READ, SimpleNamespace(scope={CHALLENGES: left}), token, None)
    options: dict[str, Any] = {"rendering": "scope_challenge", "scopes": {"read": ["a", "deep"]}}
    answer = handle(Guard(gate, Ledger(), **options, resource_metadata="https://notes.example/meta"), Server(), asked)
    assert isinstance(answer, Challenge)
    assert 'scope="deep"' in answer.authenticate and "https://notes.example/meta" in answer.authenticate
    # Without the layer, and where something else is missing as well: as a result.
    alone = Request("tools/call", READ, SimpleNamespace(scope={}), token, None)
    assert handle(Guard(gate, Ledger(), **options), Server(), alone)["isError"]
    options["scopes"] = {"read": ["other"]}
    assert handle(Guard(gate, Ledger(), **options), Server(), asked)["isError"]


def test_claims_are_completed_by_what_was_verified() -> None:
    token = SimpleNamespace(
        client_id="bot", scopes=["a", "b"], subject="alice", resource="https://r", expires_at=7, claims=None
    )
    assert claims_of(token, "https://idp") == {
        "iss": "https://idp",
        "client_id": "bot",
        "sub": "alice",
        "exp": 7,
        "aud": "https://r",
        "scope": "a b",
    }
    token.claims = {"iss": "https://other", "azp": "bot", "sub": "eve", "scope": "all"}
    token.subject = None
    claims = claims_of(token, "https://idp")
    assert (claims["iss"], claims["sub"], claims["scope"], "client_id" in claims) == (
        "https://other",
        "eve",
        "a b",
        False,
    )


def test_options_are_checked(gate: Gate) -> None:
    for options, why in (
        ({"color": "red"}, "a guard has no `color`"),
        ({"server": "nots"}, "the bundle has no server `nots`"),
        ({"rendering": "loud"}, "rendering"),
        ({"key": b"short"}, "at least 32 bytes"),
    ):
        with pytest.raises(UsageError, match=why):
            Guard(gate, Ledger(), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("old", ["1.6.0", "1.29.3", "0.9.1"])
def test_a_server_that_no_guard_can_stand_before_is_refused(
    guarded: Any, monkeypatch: pytest.MonkeyPatch, old: str
) -> None:
    """`mcp` 1.6 finds its handlers by index, behind the guard's back."""
    monkeypatch.setattr("toolgate.mcp._install.version", lambda name: old)
    with pytest.raises(ToolgateError, match="is older than"):
        install(object(), guarded())


def test_records_go_to_the_log_and_on_in_the_file(
    guarded: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "toolgate"):
        handle(guarded(), Server())
        handle(guarded(who=lambda request: {"principal": 'Agent::"bot"'}), Server())
    levels = [(one.levelname, one.message) for one in caplog.records]
    assert levels[0] == ("INFO", "allow tools/call read: people-read")
    assert levels[1][0] == "WARNING" and levels[1][1].startswith("deny tools/call read: ")
    assert len([one for one in told(tmp_path) if one["kind"] == "decision"]) == 2
    path = tmp_path / "records.jsonl"
    path.write_text(path.read_text().replace("alice", "eve", 1))
    with pytest.raises(JournalError, match="was changed"):
        RecordFile(path)


def test_no_record_is_written_behind_one_that_has_no_end(guarded: Any, tmp_path: Path) -> None:
    handle(guarded(), Server())
    path = tmp_path / "records.jsonl"
    path.write_text(path.read_text().removesuffix("\n"))
    with pytest.raises(JournalError, match="its last line is no whole record"):
        RecordFile(path)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/call", {"name": "x\nallow tools/call write: staff\x1b[2J\u202e"}),
        ("resources/read", {"uri": "notes:\r\nallow tools/call write: staff\u2028"}),
        ("x\nallow tools/call write", {}),
        ("tools/call", {"name": "\ud800"}),
    ],
)
def test_a_client_writes_no_lines_of_the_log(
    guarded: Any, caplog: pytest.LogCaptureFixture, method: str, params: dict[str, Any]
) -> None:
    handle(guarded(), Server(), request(method, params))
    assert caplog.records and all(one.message.isprintable() for one in caplog.records), caplog.messages


@pytest.mark.parametrize("text", ["\u2028", "\x85", "\u2029", "\x1c", "\x0b", "\r\n", "\x00"])
def test_records_go_on_whatever_a_client_writes(guarded: Any, tmp_path: Path, text: str) -> None:
    for _ in range(2):
        handle(guarded(), Server(), request(params={"name": "read", "arguments": {"n": 1, "deep": text}}))
        handle(guarded(), Server(), request(params={"name": text}))
    lines = (tmp_path / "records.jsonl").read_bytes().decode().split("\n")
    assert lines.pop() == "" and len([one for one in map(json.loads, lines) if one["kind"] == "decision"]) == 4
    verify(lines)


def layer(messages: list[dict[str, Any]], challenge: str | None, method: str = "POST") -> list[dict[str, Any]]:
    """What an app's response becomes."""
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if challenge is not None and CHALLENGES in scope:
            scope[CHALLENGES].append(challenge)
        for message in messages:
            await send(message)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(challenges(app)({"type": "http", "method": method}, None, send))  # type: ignore[arg-type]
    return sent


def test_the_layer_changes_nothing_but_a_challenge() -> None:
    head = {"type": "http.response.start", "status": 200, "headers": []}
    body = {"type": "http.response.body", "body": b"x", "more_body": False}
    empty = {"type": "http.response.body", "body": b"", "more_body": True}
    assert layer([head, empty, body], None) == [head, body]
    assert layer([head, body, body], None) == [head, body, body]
    assert layer([head], None) == [head]
    assert layer([head, body], "Bearer x", method="GET") == [head, body]
    challenged = layer([head, empty, body, body], "Bearer x")
    assert [one.get("status") for one in challenged] == [403, None]
    assert (b"www-authenticate", b"Bearer x") in challenged[0]["headers"]


ASKING = FILES | {
    "policies/ask.cedar": '@id("ask") @approval("initiator") '
    'forbid (principal, action == Action::"notes/read", resource);'
}


def asked(answer: Any) -> Server:
    """A server whose client can ask its user."""
    server = Server()
    server.modern, server.asks = False, True

    async def ask(params: dict[str, Any]) -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    server.ask = ask  # type: ignore[method-assign]
    return server


@pytest.mark.parametrize(
    "answer", [RuntimeError("no window"), None, {"action": "accept", "content": {"approve": "yes"}}]
)
def test_a_client_that_fails_to_ask_its_user_has_not_said_yes(guarded: Any, tmp_path: Path, answer: Any) -> None:
    guard, server = guarded(), asked(answer)
    guard = Guard(Gate.load(ASKING), Ledger(), principal='User::"alice"', records=tmp_path / "asked.jsonl")
    told = handle(guard, server)
    assert told["content"][0]["text"] == "Denied: the user did not approve this call."
    assert "approval_refused" in (tmp_path / "asked.jsonl").read_text() and server.ran == 0


def test_who_waits_for_a_call_no_longer_does_not_wait_for_its_approval(tmp_path: Path) -> None:
    guard = Guard(Gate.load(ASKING), Ledger(), principal='User::"alice"', records=tmp_path / "asked.jsonl")
    server = asked(asyncio.CancelledError())
    assert isinstance(handle(guard, server), asyncio.CancelledError)
    assert "approval_refused" in (tmp_path / "asked.jsonl").read_text() and server.ran == 0


def test_a_text_in_place_of_a_list_of_labels_is_not_taken_for_its_letters(guarded: Any, tmp_path: Path) -> None:
    assert isinstance(handle(guarded(labels=lambda request, result: "secret"), Server()), Refused)
    [outcome] = [one for one in told(tmp_path) if one["kind"] == "outcome"]
    assert outcome["status"] == "failed" and "labels" not in outcome


@pytest.mark.parametrize("broken", [fails, lambda: "noon"])
def test_a_clock_that_fails_while_a_tool_runs_costs_the_call_no_end(
    guarded: Any, tmp_path: Path, broken: Callable[[], Any]
) -> None:
    clocks: list[Callable[[], Any]] = [lambda: 1_800_000_000_000]

    class Stopping(Server):
        async def answer(self) -> dict[str, Any]:
            clocks.append(broken)
            return await super().answer()

    assert isinstance(handle(guarded(clock=lambda: clocks[-1]()), Stopping()), Refused)
    assert [one["status"] for one in told(tmp_path) if one["kind"] == "outcome"] == ["failed"]


@pytest.mark.parametrize("options", [{"who": lambda request: None}, {"who": lambda request: {"principal": "alice"}}])
def test_nobody_is_denied_a_list_and_that_is_recorded(guarded: Any, tmp_path: Path, options: dict[str, Any]) -> None:
    tools = json.loads(FILES["tools/notes.json"])
    answer = handle(guarded(**options), Server(tools), request("tools/list", {}))
    assert isinstance(answer, Refused) and answer.code == -31403, answer
    assert [one["reasons"] for one in told(tmp_path) if one["kind"] == "decision"] == [["malformed_call"]]


@pytest.mark.parametrize(
    "options", [{"obligations": {"redact": None}}, {"labels": ["secret"]}, {"session": "s1"}, {"who": {}}, {"clock": 7}]
)
def test_a_guard_says_what_it_cannot_call(guarded: Any, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        guarded(**options)


def test_a_state_of_the_tools_own_is_the_tools_however_it_begins(guarded: Any) -> None:
    server = Server()
    assert handle(guarded(), server, request(params=READ | {"requestState": "1.step"})) == RESULT
    assert server.answers == 0


def test_a_list_of_tools_without_an_end_ends() -> None:
    """A server that always has another page would hold up the first call for ever."""

    @dataclass
    class Context:
        method: str = "tools/call"
        params: Any = None

    async def page(*asked: Any) -> dict[str, Any]:
        return {"tools": [], "nextCursor": "more"}

    async def handler(message: Any) -> Any:
        return types.ListToolsResult(tools=[], nextCursor="more")

    types = pytest.importorskip("mcp.types")
    adapter = pytest.importorskip(f"toolgate.mcp._sdk{version('mcp')[0]}")
    port = object.__new__(adapter._Port)
    port._ctx, port._next = Context(), page
    port._handlers = {getattr(types, "ListToolsRequest", None): handler}
    with pytest.raises(ValueError, match="no end"):
        asyncio.run(asyncio.wait_for(port.list_tools(), 20))


def test_a_client_that_asks_for_one_page_keeps_no_other_from_being_held_against_its_pins(guarded: Any) -> None:
    tools = json.loads(FILES["tools/notes.json"])["tools"]

    class Pages(Server):
        async def list_tools(self) -> dict[str, Any]:
            return {"tools": [tools[0] | {"description": "deletes"}, tools[1]]}

    guard = guarded()
    handle(guard, Server({"tools": tools[1:], "nextCursor": "2"}), request("tools/list", {}))
    server = Pages()
    assert handle(guard, server)["isError"] and server.ran == 0


@pytest.mark.parametrize("result", [{"task": {"taskId": "t1"}}, {"resultType": "task", "taskId": "t1"}])
def test_a_task_that_the_server_has_started_is_its_callers(guarded: Any, result: dict[str, Any]) -> None:
    guard = guarded()
    assert handle(guard, Server(result)) == result
    asked = request("tasks/get", {"taskId": "t1"})
    assert handle(guard, Server({"status": "working"}), asked) == {"status": "working"}
    guard._principal = 'User::"eve"'
    assert isinstance(handle(guard, Server(), asked), Refused)


@pytest.mark.parametrize("task", [7, [], {"taskId": 7}, {"taskId": ""}, {"taskId": "x" * 100_000}])
def test_what_is_no_task_is_nobodys(guarded: Any, tmp_path: Path, task: Any) -> None:
    assert handle(guarded(), Server(RESULT | {"task": task})) == RESULT | {"task": task}
    assert [one["status"] for one in told(tmp_path) if one["kind"] == "outcome"] == ["done"]
