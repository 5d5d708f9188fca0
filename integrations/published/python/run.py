"""The official Python client, with each published server bare and behind the guard: both must look the same.

    python run.py GUARD NODE_MODULES WORK [SERVER...]

Without a SERVER, all of them. Times are left out of the comparison. The everything server is tried by streamable HTTP as well.
"""

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import mcp_types as types
from mcp import ClientSession, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client

GUARD, MODULES, WORK = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
CHOSEN = sys.argv[4:]
PERMIT_ALL = '@id("all") permit (principal, action, resource);\n'

FILES = WORK / "files"
REPOSITORY = WORK / "repository"


def node(package, *arguments):
    manifest = json.loads((MODULES / package / "package.json").read_text())
    (script,) = set(manifest["bin"].values())
    return ["node", str(MODULES / package / script), *arguments]


def servers():
    return {
        "everything": node("@modelcontextprotocol/server-everything"),
        "filesystem": node("@modelcontextprotocol/server-filesystem", str(FILES)),
        "memory": node("@modelcontextprotocol/server-memory"),
        "git": [sys.executable, "-m", "mcp_server_git", "--repository", str(REPOSITORY)],
        "playwright": node("@playwright/mcp"),
    }


CALLS = {
    "everything": [
        ("echo", {"message": "grüße\u2028\u0000"}),
        ("get-annotated-message", {"messageType": "error", "includeImage": True}),
        ("get-resource-links", {"count": 3}),
        ("get-resource-reference", {"resourceType": "Text", "resourceId": 1}),
        ("get-structured-content", {"location": "Chicago"}),
        ("get-sum", {"a": 1, "b": 2.5}),
        ("get-tiny-image", {}),
        ("gzip-file-as-resource", {"name": "x.gz", "data": "data:text/plain,hello", "outputType": "resource"}),
        ("trigger-long-running-operation", {"duration": 0.5, "steps": 5}),
        ("get-roots-list", {}),
        ("trigger-elicitation-request", {}),
        ("trigger-sampling-request", {"prompt": "hello", "maxTokens": 10}),
        ("toggle-simulated-logging", {}),
        ("toggle-subscriber-updates", {}),
    ],
    "filesystem": [
        ("read_text_file", {"path": str(FILES / "a.txt")}),
        ("write_file", {"path": str(FILES / "b.txt"), "content": "b"}),
        ("list_directory", {"path": str(FILES)}),
        ("read_text_file", {"path": "/etc/passwd"}),
    ],
    "memory": [
        ("create_entities", {"entities": [{"name": "x", "entityType": "t", "observations": ["o"]}]}),
        ("read_graph", {}),
        ("delete_entities", {"entityNames": ["x"]}),
    ],
    "git": [
        ("git_status", {"repo_path": str(REPOSITORY)}),
        ("git_log", {"repo_path": str(REPOSITORY), "max_count": 1}),
    ],
    "playwright": [("browser_close", {})],
}


class Seen:
    """What a client notices besides answers."""

    def __init__(self):
        self.progress, self.logs, self.asked, self.changed = [], [], [], 0


@asynccontextmanager
async def connected(command):
    seen = Seen()

    async def elicit(context, params):
        seen.asked.append(("elicit", params.message))
        return types.ElicitResult(action="accept", content={"name": "Ada", "check": True})

    async def sample(context, params):
        seen.asked.append(("sample", params.max_tokens))
        content = types.TextContent(type="text", text="sampled")
        return types.CreateMessageResult(role="assistant", content=content, model="none")

    async def roots(context):
        seen.asked.append(("roots",))
        return types.ListRootsResult(roots=[types.Root(uri=f"file://{FILES}", name="files")])

    async def log(params):
        seen.logs.append(params.level)

    async def message(one):
        seen.changed += isinstance(one, types.ToolListChangedNotification)

    parameters = StdioServerParameters(command=command[0], args=[str(part) for part in command[1:]], cwd=WORK)
    with open(WORK / "stderr.log", "a") as errors:
        async with stdio_client(parameters, errlog=errors) as (read, write):
            session = ClientSession(
                read, write, sampling_callback=sample, elicitation_callback=elicit,
                list_roots_callback=roots, logging_callback=log, message_handler=message,
            )
            async with session:
                seen.hello = await session.initialize()
                # Some servers add tools once they know their client.
                await asyncio.sleep(0.5)
                yield session, seen


def plain(result):
    return result.model_dump(mode="json", by_alias=True, exclude_none=True)


async def tried(awaitable):
    try:
        return plain(await asyncio.wait_for(awaitable, 60))
    except MCPError as error:
        return {"error": error.error.code, "message": error.error.message}


async def everything_of(name, command):
    """All that a client can find out about a server, in order."""
    found = {}
    async with connected(command) as (session, seen):
        hello = plain(seen.hello)
        found["hello"] = hello
        capabilities = hello["capabilities"]
        found["tools"] = await tried(session.list_tools())
        if "resources" in capabilities:
            found["resources"] = resources = await tried(session.list_resources())
            found["templates"] = await tried(session.list_resource_templates())
            for resource in resources["resources"]:
                found[resource["uri"]] = await tried(session.read_resource(resource["uri"]))
        if "prompts" in capabilities:
            found["prompts"] = prompts = await tried(session.list_prompts())
            for prompt in prompts["prompts"]:
                arguments = {one["name"]: "1" for one in prompt.get("arguments", [])}
                found["prompt " + prompt["name"]] = await tried(session.get_prompt(prompt["name"], arguments))
        if "completions" in capabilities:
            reference = types.PromptReference(type="ref/prompt", name="completable-prompt")
            found["completion"] = await tried(session.complete(reference, {"name": "department", "value": "E"}))
        if "logging" in capabilities:
            found["level"] = await tried(session.set_logging_level("debug"))
        for tool, arguments in CALLS[name]:

            async def progress(done, total, text):
                seen.progress.append((done, total))

            key = f"call {tool} {json.dumps(arguments)}"
            found[key] = await tried(session.call_tool(tool, arguments, progress_callback=progress))
        if name == "everything":
            found["cancelled"] = await cancelled(session)
            found["ping"] = await tried(session.send_ping())
        found["progress"], found["asked"] = seen.progress, seen.asked
        found["logged"] = bool(seen.logs)
    return found


async def cancelled(session):
    """A call that is given up: the server stops, and the connection lives."""
    try:
        await session.call_tool("trigger-long-running-operation", {"duration": 30, "steps": 30}, read_timeout_seconds=0.5)
    except MCPError as error:
        return error.error.code
    return "was not cancelled"


def told(answer):
    """An answer without what the clock says, and without the name of a session, which only HTTP has."""
    timeless = re.sub(r"\d{1,2}:\d\d:\d\d( [AP]M)?", "TIME", json.dumps(answer, sort_keys=True))
    return re.sub(r"session (undefined|[0-9a-f-]{36}) ", "session ", timeless)


@contextmanager
def listening():
    """The everything server, reached by streamable HTTP. Gives its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [*servers()["everything"], "streamableHttp"]
    environment = {**os.environ, "PORT": str(port)}
    with open(WORK / "stderr.log", "a") as errors:
        server = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=errors, stderr=subprocess.PIPE,
                                  text=True)
        try:
            # It says where it listens.
            while "listening" not in (line := server.stderr.readline()):
                if not line:
                    raise SystemExit("the everything server does not listen")
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            server.kill()
            server.wait()


def guarded(name, server, policies):
    """The command of the guard, with a bundle of what the server says of itself."""
    folder = WORK / f"{name}.toolgate-bundle"
    shutil.rmtree(folder, ignore_errors=True)
    first = [str(GUARD), "guard", "--server", name, *server]
    subprocess.run(first, cwd=WORK, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=open(WORK / "stderr.log", "a"), check=True, timeout=120)
    (folder / "policies/main.cedar").write_text(policies)
    return [str(GUARD), "guard", "--bundle", str(folder), "--records", str(WORK / f"{name}.jsonl"), *server]


async def transparent(name, command):
    bare = await everything_of(name, command)
    faults = compared(name, bare, await everything_of(name, guarded(name, ["--", *command], PERMIT_ALL)))
    if name == "everything":
        with listening() as url:
            behind = guarded("remote", ["--url", url], PERMIT_ALL)
            faults += compared("everything by HTTP", bare, await everything_of(name, behind))
    return faults


def compared(name, bare, behind):
    faults = []
    for key in bare:
        left, right = told(bare[key]), told(behind.get(key))
        if left != right:
            faults.append(f"{name}: {key}\n  bare    {left[:600]}\n  guarded {right[:600]}")
    print(f"{name}: {len(bare)} answers compared, {len(faults)} differ", flush=True)
    return faults


async def policies_hold():
    """The newcomer's bundle: reading is allowed, writing is asked about, and a no is a no."""
    command = servers()["filesystem"]
    folder = WORK / "first.toolgate-bundle"
    shutil.rmtree(folder, ignore_errors=True)
    faults = []
    first = [str(GUARD), "guard", "--server", "first", "--", *command]
    async with connected(first) as (session, seen):
        read = await session.call_tool("read_text_file", {"path": str(FILES / "a.txt")})
        asked = [one for one in seen.asked if one[0] == "elicit"]
        if read.is_error or asked:
            faults.append(f"a read is not simply allowed: {read} {seen.asked}")
        # The client's user says yes, but to another question: that is no approval.
        write = await session.call_tool("write_file", {"path": str(FILES / "c.txt"), "content": "c"})
        asked = [one for one in seen.asked if one[0] == "elicit"]
        if not write.is_error or len(asked) != 1 or (FILES / "c.txt").exists():
            faults.append(f"a write is not asked about: {write} {seen.asked}")
    print(f"policies: {len(faults)} faults", flush=True)
    return faults


async def main():
    for folder in (FILES, REPOSITORY):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    (FILES / "a.txt").write_text("a\n")
    git = ["git", "-C", str(REPOSITORY), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    faults = []
    known = servers()
    for name, command in ((name, known[name]) for name in CHOSEN or known):
        faults += await transparent(name, command)
    faults += await policies_hold()
    print("\n".join(faults))
    return 1 if faults else 0


sys.exit(asyncio.run(main()))
