# storing: works whose value is about messages that have been stored.
#
# SPDX-License-Identifier: MIT
import collections
import contextlib
import json
import os
import statistics
import subprocess
import tempfile
import threading
import time

from bench import SENDER_SECONDS
from rates import WARM_SHARE, Rate
from reading import PAGE_MESSAGES, READS_A_SECOND, PageReader, read
from sides import Failure, compare, count_messages
from work import Work

# Of 256 KiB, for a second.
BATCHES_A_SECOND = 600
# The log takes 16 KiB a message, and is full when it has 16 MiB.
NEW_LOG_SECONDS, FILL_LOG_SECONDS = 0.25, 0.4
LOG_BYTES_MAX = 64 * 1024 * 1024
WATCH_SECONDS = 0.05


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
    """
    How long a sender waits that goes on when its message has been acknowledged.  Both
    sides run at the same time, and each is asked while the other has nothing to do.
    """
    less_is_better = True
    value_unit = "ms"

    def __init__(self, name, bar, aim, hello):
        super().__init__(name, bar, aim, subject="stored", yardstick="sync")
        self.hello = json.dumps(hello)

    def expected_seconds(self, bench):
        return self.rounds(bench) * (5 * bench.seconds + 0.6)

    def take_turns(self, subject, yardstick, bench, seconds):
        """Subject and yardstick are (process, sent); what roundtrip says of them."""
        with bench.start_sender(
                "roundtrip", "--to", subject[0].address(), "--hello", self.hello,
                "--beside", yardstick[0].address(), "--seconds", seconds,
                seconds=seconds) as say:
            waits = say()
        for side, (process, sent) in (self.subject, subject), (self.yardstick, yardstick):
            waits[side] = waits.pop("first" if side == self.subject else "second")
            process.add(sent, waits[side])
        return waits

    def run_both(self, bench):
        """
        At first the write-ahead log is new, and each write makes it longer; a flood gives
        it its full length, as it has in a server that has run for a while.
        """
        with (bench.start(self.subject) as subject,
              bench.start(self.yardstick) as yardstick):
            new = self.take_turns(subject, yardstick, bench, NEW_LOG_SECONDS)
            bench.send(*subject, "load", "flood", "--seconds", FILL_LOG_SECONDS)
            return new, self.take_turns(subject, yardstick, bench, 4 * bench.seconds)

    def measure(self, bench):
        subjects, yardsticks, notes = [], [], collections.defaultdict(list)
        for number in range(self.rounds(bench)):
            bench.show(f"{self.name}: round {number + 1}")
            new, waits = self.run_both(bench)
            for half in "odd", "even":
                subjects.append(waits[self.subject][half]["p50_ms"])
                yardsticks.append(waits[self.yardstick][half]["p50_ms"])
                notes["result while the log is new"].append(
                    new[self.subject][half]["p50_ms"]
                    / new[self.yardstick][half]["p50_ms"])
                for side in self.subject, self.yardstick:
                    notes[f"{side}: p99 ms"].append(waits[side][half]["p99_ms"])
            notes["messages"].append(waits[self.subject]["messages"])
        notes = {what: statistics.median(figures) for what, figures in notes.items()}
        return self.make_row(subjects, yardsticks, notes)


class Watch:
    """Looks at the server's memory and its write-ahead log, in a thread of its own."""

    def __init__(self, process):
        self.process = process
        self.log_bytes, self.resident_kib = [], []
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()

    def look(self):
        self.log_bytes.append(self.process.log_bytes())
        self.resident_kib.append(self.process.resident_kib())

    def run(self):
        # A server that has ended fails its row elsewhere.
        with contextlib.suppress(OSError, StopIteration):
            self.look()
            while not self.is_over.wait(WATCH_SECONDS):
                self.look()

    def figures(self):
        """Memory is flat when its second half is as high as its first."""
        count = len(self.resident_kib)
        return {"log MiB": max(self.log_bytes) / 2**20,
                "resident MiB, first half":
                    max(self.resident_kib[:(count + 1) // 2]) / 1024,
                "second half": max(self.resident_kib[count // 2:]) / 1024}


class HistoryRate(StoredRate):
    """A flood that is stored, twice: while old messages are read, and while not."""
    most_rounds = 3

    def __init__(self, name, load, bar, aim):
        super().__init__(name, load, bar, aim, subject="read", yardstick="unread")

    def flood_seconds(self, bench):
        """Longer than others, so that there are pages enough."""
        return bench.seconds * (3 if bench.is_quick else 5)

    def run_seconds(self, bench):
        return self.flood_seconds(bench) * (1 + WARM_SHARE) * 1.1 + 0.6

    def amount(self, bench, share):
        return "--seconds", share * self.flood_seconds(bench)

    def border(self, bench):
        """Such that the reader comes to the end, back, and to the newest messages."""
        return int(self.flood_seconds(bench) * READS_A_SECOND / 3) * PAGE_MESSAGES + 1

    def run(self, side, bench):
        path, count = bench.stored_messages()
        with bench.start("stored", begin_with=path, begin_count=count) as (process, sent):
            reader = PageReader(process.address("http"), self.border(bench))
            self.send(process, sent, bench, WARM_SHARE)
            with Watch(process) as watch:
                with read([reader] if side == "read" else []):
                    rate = self.send(process, sent, bench, 1)
        figures = watch.figures()
        if max(watch.log_bytes) >= LOG_BYTES_MAX:
            raise Failure(f"the write-ahead log grew to {figures['log MiB']:.0f} MiB")
        if side == "read":
            figures |= {"pages": reader.answers, "ends": reader.ends}
            if reader.ends == 0:
                raise Failure(f"the reader did not come to the end: {reader.path}")
        return rate, figures
