"""What the guard costs: the everything server's `echo`, bare and behind the guard.

    python measure.py GUARD NODE_MODULES WORK [CALLS]

Prints the time of a call one after another and of 64 at once, and the guard's memory before and after CALLS calls
(100,000 unless another number is given).
"""

import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

GUARD, MODULES, WORK = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
CALLS = int(sys.argv[4]) if len(sys.argv) > 4 else 100_000
SERVER = ["node", str(MODULES / "@modelcontextprotocol/server-everything/dist/index.js")]


class Client:
    def __init__(self, command):
        self.process = subprocess.Popen(
            command, cwd=WORK, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.next = 0
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "measure", "version": "1"}}
        self.wait(self.ask("initialize", hello))
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def send(self, message):
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, method, params):
        self.next += 1
        self.send({"jsonrpc": "2.0", "id": self.next, "method": method, "params": params})
        return self.next

    def wait(self, number=None):
        while True:
            message = json.loads(self.process.stdout.readline())
            if "method" not in message and (number is None or message["id"] == number):
                assert "result" in message, message
                return message

    def echo(self):
        return self.ask("tools/call", {"name": "echo", "arguments": {"message": "hello"}})

    def one_by_one(self, calls):
        times = []
        for _ in range(calls):
            began = time.perf_counter()
            self.wait(self.echo())
            times.append(time.perf_counter() - began)
        return statistics.median(times) * 1e6

    def at_once(self, calls, open_=64):
        began = time.perf_counter()
        for _ in range(open_):
            self.echo()
        for done in range(calls):
            self.wait()
            if done + open_ < calls:
                self.echo()
        return calls / (time.perf_counter() - began)

    def memory(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def end(self):
        self.process.stdin.close()
        self.process.wait(20)


def main():
    WORK.mkdir(parents=True, exist_ok=True)
    folder = WORK / "measured.toolgate-bundle"
    shutil.rmtree(folder, ignore_errors=True)
    guard = [str(GUARD), "guard", "--server", "measured", "--", *SERVER]
    subprocess.run(guard, cwd=WORK, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    bare, guarded = Client(SERVER), Client(guard)
    for client in (bare, guarded):
        client.one_by_one(200)
    # In turns, so that whatever else the machine does falls on both.
    rounds = [(bare.one_by_one(500), guarded.one_by_one(500)) for _ in range(6)]
    added = statistics.median(behind - plain for plain, behind in rounds)
    print(f"one after another: bare {statistics.median(r[0] for r in rounds):.0f} µs, "
          f"guarded {statistics.median(r[1] for r in rounds):.0f} µs, added {added:.0f} µs a call (medians)")
    rates = [(bare.at_once(2_000), guarded.at_once(2_000)) for _ in range(4)]
    print(f"64 at once: bare {statistics.median(r[0] for r in rates):.0f}, "
          f"guarded {statistics.median(r[1] for r in rates):.0f} calls a second (medians)")
    before = guarded.memory()
    guarded.at_once(CALLS)
    print(f"memory of the guard: {before:.1f} MiB before, {guarded.memory():.1f} MiB after {CALLS} calls")
    bare.end()
    guarded.end()


main()
