"""What a guard does with each request, whatever the SDK."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from .. import Decision, Event, EventError, Gate, Identity, Ledger, Obligation, Record, UsageError
from .._core import McpAnswers, McpContinuing, McpRequest
from .._errors import StateError
from ._durable import change, left_behind
from ._options import GuardOptions
from ._port import Challenge, Port, Refused
from ._records import LOG, Records
from ._request import Request, claims_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

LISTS = frozenset({"tools/list", "prompts/list", "resources/list", "resources/templates/list", "skills/list"})
"""Lists are filtered."""


@dataclass(frozen=True)
class Kept:
    """A call whose tool has asked for more input."""

    id: int
    """The id of the decision that reserved it. What was asked is kept no longer than its answer takes."""

    reserved: dict[str, Any]
    """What the ledger took of it."""

    labels: tuple[str, ...] = ()
    """What it has brought so far, besides what the manifest says."""


class Guard:
    """Puts every request of one MCP server to the gate. `guard` makes one and installs it; `GuardOptions` says what
    the options mean."""

    gate: Gate
    """The gate that decides."""

    ledger: Ledger
    """The ledger that it decides on."""

    server: str
    """The server's id in the bundle."""

    def __init__(self, gate: Gate, ledger: Ledger, **options: Unpack[GuardOptions]) -> None:
        unknown = options.keys() - GuardOptions.__annotations__.keys()
        if unknown:
            raise UsageError(f"options: a guard has no `{min(unknown)}`", place="options")
        self.gate, self.ledger = gate, ledger
        self.server = options.get("server") or _only(gate.servers)
        if self.server not in gate.servers:
            raise UsageError(f"server: the bundle has no server `{self.server}`", place="server")
        self._principal, self._who, self._issuer = options.get("principal"), options.get("who"), options.get("issuer")
        self._session, self._task, self._origin = (
            options.get("session"),
            options.get("task"),
            options.get("origin", "agent"),
        )
        # What is not kept anywhere is no record, and meets no `audit`.
        kept: dict[str, Any] = {"audit": _recorded} if options.get("records") is not None else {}
        self._obligations = kept | dict(options.get("obligations", {}))
        self._scopes, self._metadata = dict(options.get("scopes", {})), options.get("resource_metadata")
        self._labels, self._clock = options.get("labels"), options.get("clock")
        given_to_call = {name: given for name, given in options.items() if name in _CALLED}
        called: dict[str, Any] = {name: given for name, given in given_to_call.items() if given is not None}
        called |= {f"obligations/{kind}": meets for kind, meets in self._obligations.items()}
        for name, given in called.items():
            if not callable(given):
                raise UsageError(f"{name}: it is called, and cannot be", place=name)
        self._records = Records(options.get("records"))
        # The list that was held against the pins, and the page: of one page, a client can ask for no other.
        self._listed: Event | None = None
        self._page: Event | None = None
        self._holding = threading.Lock()
        # Calls whose tool has asked for more input, until the client comes back with it: what was approved is approved
        # of all rounds.
        self._continuing = McpContinuing()
        key, rendering = options.get("key", os.urandom(32)), options.get("rendering", "tool_error")
        self._answers = McpAnswers(gate, rendering, list(self._obligations), key)

    def now(self) -> int | None:
        """The time of the next decision; `None` is the system's clock."""
        return self._clock() if self._clock is not None else None

    async def handle(self, request: Request, port: Port) -> dict[str, Any]:
        """Answers a request: by running it, or by a refusal.

        Raises `Refused` where the answer is a JSON-RPC error, and what the server raised. What goes wrong in the
        guard, or in what the host gave it, is a refusal too, and the client learns nothing of it.
        """
        try:
            if request.method in LISTS:
                return await self._list(request, port)
            if self._answers.passes(request.method):
                return await port.run()
            return await self._handle(request, port)
        except Refused:
            raise
        except Exception as fault:
            if fault is port.failed:
                raise
            LOG.exception("refused %s", request.what)
            raise Refused(-32603, "Internal error", None) from fault

    async def _handle(self, request: Request, port: Port) -> dict[str, Any]:
        call = self._call(request)
        if isinstance(call, Decision):
            return self._not_read(request, call)
        if self._listed is None and call.tool:
            await self._hold(await port.list_tools(), True)
        # A state of another form is the tool's own, which sees it if the call is allowed.
        if call.state is not None and call.state.startswith("1.") and ".sha256:" in call.state:
            port.resumed()
            return await self._resumed(call, request, port)
        going = await self._proceeds(call, request)
        if going is not None:
            return await self._decided(call, request, port, *going)
        record = await self._authorize(call, request)
        question = self._answers.elicitation(record) if port.asks else None
        if question is None:
            return await self._decided(call, request, port, record)
        if port.modern:
            return _refused({"result": self._answers.input_required(record)})
        confirmed = self._answers.confirmation(record, call, await self._asked(call, record, port, question))
        if confirmed is None:
            return _refused(self._answers.refusal(record))
        await self._apply(confirmed[0])
        if not confirmed[1]:
            return _refused(self._answers.declined(record))
        return await self._decided(call, request, port, await self._authorize(call, request))

    def _not_read(self, request: Request, refusal: Decision) -> dict[str, Any]:
        """The answer to a request that makes no call."""
        record = self.gate.refuse(refusal, self.now())
        self._records.decided(record, request.what)
        return _refused(self._answers.refusal(record))

    async def _asked(self, call: McpRequest, record: Record, port: Port, question: dict[str, Any]) -> Any:
        """What the user says. A client that fails to ask has not said yes, nor has one that waits for the call no
        longer."""
        try:
            return await port.ask(question)
        except Exception as fault:
            LOG.warning("nobody was asked: %s", type(fault).__name__, exc_info=fault)
            return None
        except BaseException:
            # Whoever is given up may not wait for anything any more.
            given_up = self._answers.confirmation(record, call, {})
            if given_up is not None:
                refusal = given_up[0]
                left_behind(lambda: self._records.told(self.ledger.apply(self.gate, refusal, self.ledger.now)))
            raise

    async def _resumed(self, call: McpRequest, request: Request, port: Port) -> dict[str, Any]:
        """A request that brings the user's answer."""
        now = self.now()

        def resume() -> bool | None:
            answered = self._answers.resume(call, self.ledger, now)
            self._records.told(answered[1] if answered is not None else [])
            return answered[0] if answered is not None else None

        try:
            approves = await change(self.ledger, resume)
        except StateError as fault:
            LOG.warning("refused %s: %s", request.what, fault)
            return _refused(self._answers.invalid_state())
        if approves is False:
            # How a denial of this call looks; what was asked stands in the record of the first round.
            return _refused(self._answers.declined(self.gate.authorize(call, Ledger(), self.now())))
        return await self._decided(call, request, port, await self._authorize(call, request))

    def _host(self, request: Request) -> tuple[dict[str, Any], Identity | None] | Decision:
        """What the host says of a request, and who asks."""
        said: dict[str, Any] = {"transport": request.transport}
        if self._session is not None:
            said["session"] = self._session(request)
        if self._task is not None:
            said["task"] = self._task(request)
        said["origin"] = self._origin(request) if callable(self._origin) else self._origin
        if self._who is not None:
            who = self._who(request)
            if isinstance(who, Identity):
                return said, who
            return said | dict(who or {}), None
        if request.token is not None:
            identity = self.gate.identify(claims_of(request.token, self._issuer))
            return identity if isinstance(identity, Decision) else (said, identity)
        if request.http is None and self._principal is not None:
            said["principal"] = self._principal
        return said, None

    def _call(self, request: Request) -> McpRequest | Decision:
        host = self._host(request)
        if isinstance(host, Decision):
            return host
        return self._read(request, *host)

    def _read(self, request: Request, said: dict[str, Any], identity: Identity | None) -> McpRequest | Decision:
        params = {name: value for name, value in request.params.items() if name != "_meta"}
        return self._answers.request(request.method, params, said | {"server": self.server, "tool": "-"}, identity)

    async def _authorize(self, call: McpRequest, request: Request) -> Record:
        now = self.now()

        def give_up(record: Record) -> None:
            if record.allowed and record.id is not None:
                self._records.told(self.gate.abort(record, self.ledger, now))

        def authorize() -> Record:
            record = self.gate.authorize(call, self.ledger, now)
            try:
                self._records.decided(record, request.what)
            except BaseException:
                # What stands on no record does not run.
                give_up(record)
                raise
            return record

        return await change(self.ledger, authorize, give_up)

    async def _proceeds(self, call: McpRequest, request: Request) -> tuple[Record, Kept] | None:
        """The record of a call that goes on with what its tool has asked for, and what is kept of it; without one, it
        is a call like any other."""
        kept: Kept | None = self._continuing.take(call)
        if kept is None:
            return None
        reserved, now = kept, self.now()
        failed = self._completion(reserved.id, "failed", reserved.labels)

        def proceed() -> Record | None:
            record = self._answers.proceed(call, reserved.id, self.ledger, now)
            try:
                if record.allowed:
                    self._records.decided(record, request.what)
                    return record
            except BaseException:
                failed()
                raise
            try:
                failed()
            except EventError as fault:
                # Its reservation may have ended long ago.
                LOG.warning("a call has no end: %s", fault)
            return None

        going = await change(self.ledger, proceed, lambda going: failed() if going is not None else None)
        return None if going is None else (going, kept)

    async def _keep(self, call: McpRequest, state: Any, kept: Kept) -> None:
        """Keeps a call whose tool has asked for more input. The one that nobody can go on with any more has an end."""
        over: Kept | None = self._continuing.keep(call, state if isinstance(state, str) else None, kept)
        if over is None:
            return
        try:
            await change(self.ledger, self._completion(over.id, "timed_out", over.labels))
        except Exception as fault:
            LOG.warning("a call has no end: %s", fault)

    async def _decided(
        self, call: McpRequest, request: Request, port: Port, record: Record, kept: Kept | None = None
    ) -> dict[str, Any]:
        """Does what a decision says. `kept`: what is known of a call that goes on."""
        needed = self._scopes.get(call.tool or call.method, ())
        challenged = needed and not record.allowed and request.challenges is not None
        missing = self._answers.missing_scopes(call, needed, self.ledger, self.now()) if challenged else []
        refusal = self._answers.refusal(record, missing, self._metadata)
        if refusal is not None:
            return _refused(refusal)
        if record.id is None:
            return await port.run()
        unsupported = self._answers.unsupported(record)
        # What has begun is not undone.
        if unsupported is not None and kept is not None:
            await change(self.ledger, self._completion(record.id, "failed", kept.labels))
            return _refused(unsupported)
        if unsupported is not None:
            await change(self.ledger, lambda: self._records.told(self.gate.abort(record, self.ledger, self.ledger.now)))
            return _refused(unsupported)
        kept = kept or Kept(record.id, _reserved(record))
        before = kept.labels
        try:
            result = await port.run()
            await self._started(kept.reserved, result)
            for obligation in record.obligations:
                changed = self._obligations[obligation.kind](request, obligation, result)
                result = changed if changed is not None else result
            new = _list(self._labels(request, result)) if self._labels is not None else []
            labels = tuple(dict.fromkeys([*before, *new]))
            if result.get("resultType") == "input_required" and not _brings(kept.reserved, new):
                await self._keep(call, result.get("requestState"), replace(kept, labels=labels))
                return result
            status: Literal["done", "failed"] = "failed" if result.get("isError") else "done"
            digest = _digest(result)
        except Exception:
            await change(self.ledger, self._completion(record.id, "failed", before))
            raise
        except BaseException:
            # Whoever is given up may not wait for anything any more.
            left_behind(self._completion(record.id, "timed_out", before))
            raise
        await change(self.ledger, self._completion(record.id, status, labels, digest))
        return result

    async def _started(self, reserved: dict[str, Any], result: dict[str, Any]) -> None:
        """A task of the protocol that the server has started belongs to whoever called."""
        task = result if result.get("resultType") == "task" else result.get("task")
        id = task.get("taskId") if isinstance(task, dict) else None
        if not isinstance(id, str) or not reserved:
            return
        owner, session = reserved["chain"][-1], reserved.get("session")
        try:
            await self._apply(Event.mcp_task_created(self.server, id, owner=owner, session=session))
        except EventError as fault:
            LOG.warning("the task of a call is not taken: %s", fault)

    def _completion(
        self,
        call: int,
        status: Literal["done", "failed", "timed_out"],
        labels: Collection[str] = (),
        digest: str | None = None,
    ) -> Callable[[], None]:
        """The end of a call: what its outcome changes, and its records."""
        fault: Exception | None = None
        now: int | None = None
        try:
            now = self.now()
        except Exception as failed:
            fault = failed

        def completed() -> None:
            try:
                if fault is not None:
                    raise fault
                outcome: Any = {"status": status, "labels": labels, "output_digest": digest}
                traces = self.gate.complete(call, self.ledger, now, **outcome)
            except Exception:
                # The host's labels or its time are none. Nobody gets the result, and the call has an end all the same.
                if labels or self._clock is not None:
                    self._records.told(self.gate.complete(call, self.ledger, self.ledger.now, status="failed"))
                raise
            self._records.told(traces)

        return completed

    async def _list(self, request: Request, port: Port) -> dict[str, Any]:
        """A list without what is hidden from who asks. Computed for any session, so that it tells nothing of one."""
        result = await port.run()
        if request.method == "tools/list":
            await self._hold(result, not request.params.get("cursor") and not result.get("nextCursor"))
        host = self._host(request)
        if isinstance(host, Decision):
            return self._not_read(request, host)
        said, identity = host
        asked = self._read(request, said, identity)
        if isinstance(asked, Decision):
            return self._not_read(request, asked)
        asks = {name: said[name] for name in _ASKS if name in said} | {"server": self.server, "any_session": True}
        text, _ = self.gate.filter_list(request.method, result, asks, self.ledger, self.now(), identity=identity)
        filtered: dict[str, Any] = json.loads(text)
        # What somebody may do changes with any event, and no client is told.
        return filtered | {"cacheScope": "private", "ttlMs": 0}

    async def _hold(self, result: dict[str, Any], whole: bool) -> None:
        """Holds tools that the server shows against the pins. A tool that it does not show to everybody is not gone."""
        names = [tool["name"] for tool in result.get("tools", ())]
        # A page says that there are others, which makes it no list of all.
        listed = self.gate.tools_listed(self.server, {"tools": result.get("tools", [])}, only=names)
        now = self.now()

        def hold() -> None:
            # One list at a time: what was held last is what the ledger knows.
            with self._holding:
                if listed != (self._page or self._listed):
                    self._records.told(self.ledger.apply(self.gate, listed, now))
                self._page = listed
                if whole:
                    self._listed = listed

        await change(self.ledger, hold)

    async def _apply(self, event: Event) -> None:
        now = self.now()
        await change(self.ledger, lambda: self._records.told(self.ledger.apply(self.gate, event, now)))


def _refused(refusal: dict[str, Any] | None) -> dict[str, Any]:
    """The result that a refusal is, unless it is an error. Without one, nothing is known, and nothing runs."""
    if refusal is None or refusal.get("result", "") is None:
        raise Refused(-32603, "Internal error", None)
    if "challenge" in refusal:
        raise Challenge(refusal["challenge"])
    if "error" in refusal:
        raise Refused(refusal["error"]["code"], refusal["error"]["message"], refusal["error"]["data"])
    result: dict[str, Any] = refusal["result"]
    return result


def _reserved(record: Record) -> dict[str, Any]:
    reserved: dict[str, Any] = record.event.to_dict().get("call_reserved", {}) if record.event is not None else {}
    return reserved


def _brings(reserved: dict[str, Any], labels: Collection[str]) -> bool:
    """Whether a round has brought what its session does not hold yet. The client has it, so that it counts at once: the
    call is over."""
    return reserved.get("session") is not None and not set(labels) <= set(reserved.get("labels", ()))


def _list(labels: Collection[str]) -> list[str]:
    # A text is a collection of its letters, and none of them is the label that was meant.
    if isinstance(labels, (str, bytes)):
        raise UsageError("labels: a list of texts, not one text", place="labels")
    return list(labels)


_CALLED = frozenset({"who", "session", "task", "labels", "clock"})

_ASKS = ("principal", "on_behalf_of", "credential", "origin", "transport")


def _recorded(request: Request, obligation: Obligation, result: dict[str, Any]) -> None:
    """Every call leaves a record: that is what `audit` asks for."""


def _only(servers: list[str]) -> str:
    if len(servers) != 1:
        raise UsageError(f"server: the bundle has the servers {servers}; say which one this is", place="server")
    return servers[0]


def _digest(result: dict[str, Any]) -> str:
    """SHA-256 of a result's JSON, keys sorted."""
    text = json.dumps(result, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
