# storing: works whose value is about messages that have been stored.
#
# SPDX-License-Identifier: MIT
import json
import os
import subprocess
import tempfile
import time

from bench import SENDER_SECONDS
from rates import Rate
from sides import Failure, compare, count_messages
from work import Work

# Of 256 KiB, for a second.
BATCHES_A_SECOND = 600


class StoredRate(Rate):
    """A flood, whose clock runs until the last message is stored."""
    most_rounds = 5

    def __init__(self, name, load, bar=None, aim=None, subject="stored", yardstick=None):
        super().__init__(name, load, bar, aim, subject=subject, yardstick=yardstick)

    def run_seconds(self, bench):
        return super().run_seconds(bench) * 1.2 + 0.2

    def send(self, process, sent, bench, share):
        result = self.transmit(process, sent, bench, share)
        process.settle(sent)
        result["seconds"] = time.monotonic() - result["began_s"]
        return self.value(process, result)


class BareStoredRate(StoredRate):
    """Against store.c, and, to be noted, against the server that stores nothing."""
    noted_side = "bio"

    def __init__(self, name, load, bar, aim):
        super().__init__(name, load, bar, aim, yardstick="bare")

    def run(self, side, bench):
        if side == self.yardstick:
            return insert(bench), {}
        return super().run(side, bench)


def insert(bench):
    """Messages a second; the file must hold what store.c says."""
    batches = max(4, int(bench.seconds * BATCHES_A_SECOND))
    with tempfile.TemporaryDirectory(prefix="bio-bench-") as folder:
        path = os.path.join(folder, "bench.db")
        command = [os.path.join(bench.build, "bench", "store"), "bare", path,
                   "--batches", str(batches)]
        done = subprocess.run(command, capture_output=True, text=True, check=False,
                              timeout=bench.seconds + SENDER_SECONDS)
        if done.returncode != 0:
            raise Failure(done.stderr.strip() or f"store: {done.returncode}")
        result = json.loads(done.stdout)
        compare(result, {"messages": count_messages(path)})
    return result["messages"] / result["seconds"]


class AckWait(Work):
    """How long a sender waits that goes on when its message has been acknowledged."""
    less_is_better = True
    value_unit = "ms"
    most_rounds = 5

    def __init__(self, name, bar, aim, hello):
        super().__init__(name, bar, aim, subject="stored", yardstick="sync")
        self.hello = hello

    def run_seconds(self, bench):
        return bench.seconds + 0.2

    def run(self, side, bench):
        hello = ("--hello", json.dumps(self.hello)) if side == self.subject else ()
        with bench.start(side) as (process, sent):
            waits = bench.send(process, sent, "roundtrip", "--seconds", bench.seconds,
                               *hello, seconds=bench.seconds)
        return waits["p50_ms"], {"p99 ms": waits["p99_ms"],
                                 "messages": waits["messages"]}
