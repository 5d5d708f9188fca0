"""All of the everything server, by a client that can do all that the protocol has: bare and behind the guard, both must look the same.

    python everything.py GUARD NODE_MODULES WORK

The official clients do not say that they can do tasks, and the server shows them fewer tools. So this one speaks text. Every tool,
resource, template and prompt that the server lists is asked for; one that nobody knows how to ask for is a fault. What the server
itself heard is looked at, too: whether a cancellation came through.
"""

import base64
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

GUARD, MODULES, WORK = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
SERVER = ["node", str(MODULES / "@modelcontextprotocol/server-everything/dist/index.js")]
HEARD = WORK / "heard.jsonl"
NAME = "heard"
PERMIT_ALL = '@id("all") permit (principal, action, resource);\n'
SOME = "demo://resource/dynamic/text/1"

TOOLS = {
    "echo": {"message": "grüße\u2028\u0000"},
    "get-annotated-message": {"messageType": "error", "includeImage": True},
    "get-env": {},
    "get-resource-links": {"count": 3},
    "get-resource-reference": {"resourceType": "Blob", "resourceId": 2},
    "get-structured-content": {"location": "Chicago"},
    "get-sum": {"a": 1, "b": 2.5},
    "get-tiny-image": {},
    "gzip-file-as-resource": {"name": "x.gz", "data": "data:text/plain,hello", "outputType": "resource"},
    "trigger-long-running-operation": {"duration": 0.5, "steps": 5},
    "get-roots-list": {},
    "trigger-elicitation-request": {},
    "trigger-url-elicitation": {"url": "https://example.com/", "elicitationId": "one"},
    "trigger-sampling-request": {"prompt": "hello", "maxTokens": 10},
    "trigger-elicitation-request-async": {},
    "trigger-sampling-request-async": {"prompt": "hello"},
    "simulate-research-query": {"topic": "gates"},
    "toggle-simulated-logging": {},
    "toggle-subscriber-updates": {},
}
PROMPTS = {
    "simple-prompt": {},
    "args-prompt": {"city": "Bonn", "state": "NRW"},
    "completable-prompt": {"department": "Engineering", "name": "Alice"},
    "resource-prompt": {"resourceType": "Text", "resourceId": "1"},
}


class Client:
    def __init__(self, command):
        HEARD.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            command, cwd=WORK, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(WORK / "stderr.log", "a"),
            start_new_session=True,
        )
        self.next, self.asked, self.told, self.answers = 0, [], [], {}

    def send(self, message):
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()

    def begin(self, method, params):
        self.next += 1
        self.send({"id": self.next, "method": method, "params": params})
        return self.next

    def read(self):
        """Takes one message of the server, and answers what it asks."""
        line = self.process.stdout.readline()
        assert line, "the connection has ended"
        message = json.loads(line)
        if "method" not in message:
            self.answers[message["id"]] = message.get("result", message.get("error"))
        elif "id" in message:
            self.asked.append([message["method"], message.get("params")])
            self.send({"id": message["id"], "result": self.answer(message["method"], message.get("params", {}))})
        else:
            self.told.append(message)

    def answer(self, method, params):
        times = {"createdAt": "2026-01-05T10:00:00Z", "lastUpdatedAt": "2026-01-05T10:00:00Z", "ttl": None}
        sampled = {"role": "assistant", "model": "none", "content": {"type": "text", "text": "sampled"}}
        typed = {"action": "accept", "content": {"name": "Ada", "check": True}}
        task = params.get("taskId")
        if "task" in params:
            return {"task": {"taskId": method, "status": "working", **times}}
        return {
            "roots/list": {"roots": [{"uri": f"file://{WORK}", "name": "work"}]},
            "sampling/createMessage": sampled,
            "elicitation/create": {"action": "accept"} if params.get("mode") == "url" else typed,
            "tasks/get": {"taskId": task, "status": "completed", **times},
            "tasks/result": sampled if task == "sampling/createMessage" else typed,
        }[method]

    def ask(self, method, params=None):
        number = self.begin(method, params or {})
        while number not in self.answers:
            self.read()
        return self.answers[number]

    def until(self, method, more=lambda params: True):
        """Waits until the server has told something."""
        while not any(one["method"] == method and more(one.get("params", {})) for one in self.told):
            self.read()

    def of(self, method):
        return [one.get("params") for one in self.told if one["method"] == method]


def everything(command):
    """All that can be found out, by what was asked for."""
    client, found = Client(command), {}
    abilities = {
        "roots": {"listChanged": True},
        "sampling": {},
        "elicitation": {"form": {}, "url": {}},
        "tasks": {"list": {}, "cancel": {}, "requests": {"sampling": {"createMessage": {}}, "elicitation": {"create": {}}}},
    }
    about = {"protocolVersion": "2025-11-25", "capabilities": abilities, "clientInfo": {"name": "able", "version": "1"}}
    found["hello"] = client.ask("initialize", about)
    client.send({"method": "notifications/initialized"})
    # It has asked for the roots once it knows its client: then its list is whole.
    client.until("notifications/message", lambda params: "Roots updated" in str(params))
    found["ping"] = client.ask("ping")
    found["level"] = client.ask("logging/setLevel", {"level": "debug"})
    for method, key, asked in (("tools/list", "tools", TOOLS), ("prompts/list", "prompts", PROMPTS)):
        found[method] = client.ask(method)
        names = {one["name"] for one in found[method][key]}
        assert names == set(asked), f"{method}: {names ^ set(asked)} is listed and not asked for, or the other way round"
    for name, arguments in PROMPTS.items():
        found[f"prompt {name}"] = client.ask("prompts/get", {"name": name, "arguments": arguments})
    found["resources"] = client.ask("resources/list")
    found["templates"] = client.ask("resources/templates/list")
    templates = [one["uriTemplate"].replace("{resourceId}", "1") for one in found["templates"]["resourceTemplates"]]
    for uri in [one["uri"] for one in found["resources"]["resources"]] + templates:
        found[f"resource {uri}"] = client.ask("resources/read", {"uri": uri})
    argument = {"name": "department", "value": "E"}
    reference = {"type": "ref/prompt", "name": "completable-prompt"}
    found["completion"] = client.ask("completion/complete", {"ref": reference, "argument": argument})
    found["subscribed"] = client.ask("resources/subscribe", {"uri": SOME})
    for name, arguments in TOOLS.items():
        extra = {"task": {"ttl": 60_000}} if name == "simulate-research-query" else {"_meta": {"progressToken": name}}
        found[f"tool {name}"] = result = client.ask("tools/call", {"name": name, "arguments": arguments, **extra})
        if name == "simulate-research-query":
            task = {"taskId": result["task"]["taskId"]}
            found["task"], found["tasks"] = client.ask("tasks/get", task), client.ask("tasks/list")
            found["task's result"] = client.ask("tasks/result", task)
    client.until("notifications/resources/updated")
    found["updated"] = client.of("notifications/resources/updated")[0]
    found["unsubscribed"] = client.ask("resources/unsubscribe", {"uri": SOME})
    found["cancelled"] = cancelled(client)
    found["progress"] = client.of("notifications/progress")
    found["tasks' progress"] = client.of("notifications/tasks/status")
    found["lists that changed"] = len(client.of("notifications/tools/list_changed"))
    found["asked"] = client.asked
    found["heard"] = heard()
    # The server itself would go on, for the updates that it was told to make.
    os.killpg(client.process.pid, signal.SIGTERM)
    client.process.wait(30)
    return found


def cancelled(client):
    """Gives a call up once it has begun: whether it is answered, while another that lasts longer is."""
    long = {"name": "trigger-long-running-operation", "arguments": {"duration": 1.5, "steps": 3}}
    number = client.begin("tools/call", {**long, "_meta": {"progressToken": "given up"}})
    client.until("notifications/progress", lambda params: params["progressToken"] == "given up")
    client.send({"method": "notifications/cancelled", "params": {"requestId": number, "reason": "no need"}})
    client.told = [one for one in client.told if one.get("params", {}).get("progressToken") != "given up"]
    client.ask("tools/call", {**long, "arguments": {"duration": 3, "steps": 2}})
    client.told = [one for one in client.told if one.get("params", {}).get("progressToken") != "given up"]
    return client.answers.get(number, "is not answered")


def heard():
    """The requests that the server heard were given up, by what they were."""
    messages = [json.loads(line) for line in HEARD.read_text().splitlines()]
    requests = {one["id"]: one for one in messages if "method" in one and "id" in one}
    given_up = [one["params"] for one in messages if one.get("method") == "notifications/cancelled"]
    return [[requests[one["requestId"]]["params"]["arguments"], one.get("reason")] for one in given_up]


def unpacked(blob):
    """A text that was packed; what is no text stays as it is."""
    return repr(base64.b64decode(blob).decode(errors="backslashreplace"))


def plain(key, answer):
    """An answer without what is new each time: times, ids, and what a shell says of itself."""
    if key == "tool get-env":
        return sorted(set(json.loads(answer["content"][0]["text"])) - {"_"})
    decoded = re.sub(r'"blob": "([\w+/=]+)"', lambda found: unpacked(found[1]), json.dumps(answer, sort_keys=True))
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z|\d{1,2}:\d\d:\d\d( [AP]M)?", "TIME", decoded)
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{32}\b", "ID", text)


def main():
    WORK.mkdir(parents=True, exist_ok=True)
    # What goes to the server is kept on its way.
    server = ["sh", "-c", f"tee {shlex.quote(str(HEARD))} | exec {shlex.join(SERVER)}"]
    folder = WORK / f"{NAME}.toolgate-bundle"
    shutil.rmtree(folder, ignore_errors=True)
    guard = [str(GUARD), "guard", "--server", NAME, "--", *server]
    quiet = subprocess.DEVNULL
    subprocess.run(guard, cwd=WORK, stdin=quiet, stdout=quiet, stderr=quiet, check=True, timeout=120)
    (folder / "policies/main.cedar").write_text(PERMIT_ALL)
    bare, behind = everything(server), everything(guard)
    # The gate refuses the one method that shows the tasks of others, whoever asks.
    listed = [bare.pop("tasks").get("tasks", []), behind.pop("tasks").get("data", {}).get("reasons")]
    faults = [key for key in bare if plain(key, bare[key]) != plain(key, behind[key])]
    for key in faults:
        print(f"{key}\n  bare    {plain(key, bare[key])[:600]}\n  guarded {plain(key, behind[key])[:600]}")
    print(f"all of everything: {len(TOOLS)} tools, {len(bare)} answers compared, {len(faults)} differ")
    if len(listed[0]) != 1 or listed[1] != ["refused_method"]:
        faults.append("tasks/list")
        print(f"tasks/list is not refused: {listed}")
    if bare["heard"] != [[{"duration": 1.5, "steps": 3}, "no need"]]:
        faults.append("the server did not hear of the cancellation")
        print(faults[-1], bare["heard"])
    return 1 if faults else 0


sys.exit(main())
