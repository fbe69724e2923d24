# rates: works whose value is how many messages a second went through.
#
# SPDX-License-Identifier: MIT
import contextlib
import http.client
import threading
import time

from sides import Failure
from work import Work

WARM_SHARE = 0.1
# Of a thread, for a whole work, and so divided among its rounds: the kernel remembers a
# connection for a minute or two, and once its tables are full that would be measured.
CYCLES_A_THREAD = 1000
READS_A_SECOND = 10
READ_PATHS = "/stats", "/messages?limit=100"


class Rate(Work):
    """What load does with a side, warmed up by a tenth of it."""

    def __init__(self, name, load, bar=None, aim=None, **sides):
        super().__init__(name, bar, aim, **sides)
        self.load = load.split()

    def run_seconds(self, bench):
        return bench.seconds * (1 + WARM_SHARE) + 0.15

    def amount(self, bench, share):
        return "--seconds", share * bench.seconds

    def payload(self, process, bench):
        """The file that is sent, or None: load knows the one message."""
        return process.payload

    def value(self, process, result):
        return process.messages_in(result) / result["seconds"]

    def send(self, process, sent, bench, share):
        arguments = [*self.load, *self.amount(bench, share)]
        if payload := self.payload(process, bench):
            arguments += "--payload", payload
        result = bench.send(process, sent, "load", *arguments, seconds=bench.seconds)
        return self.value(process, result)

    def run(self, side, bench):
        with bench.start(side) as (process, sent):
            self.send(process, sent, bench, WARM_SHARE)
            rate = self.send(process, sent, bench, 1)
        return rate, {}


class DocumentRate(Rate):
    value_unit = "MB/s"

    def payload(self, process, bench):
        return bench.payload("documents")

    def value(self, process, result):
        return result["bytes"] / 1e6 / result["seconds"]


class PeerRate(Rate):
    most_rounds = 5

    def run_seconds(self, bench):
        return super().run_seconds(bench) + 0.3


class Cycles(Rate):
    """One message a connection."""

    def run_seconds(self, bench):
        return 8 * CYCLES_A_THREAD / self.rounds(bench) / 10000 + 0.15

    def amount(self, bench, share):
        return "--count", max(1, int(share * CYCLES_A_THREAD / self.rounds(bench)))


class ReadRate(Rate):
    """bio-server twice: while its status side is read, and while it is not."""

    def __init__(self, name, load, bar, aim):
        super().__init__(name, load, bar, aim, subject="read", yardstick="unread")

    def run(self, side, bench):
        with bench.start("bio") as (process, sent):
            self.send(process, sent, bench, WARM_SHARE)
            if side == "unread":
                return self.send(process, sent, bench, 1), {}
            with read(process.address("http")) as answers:
                rate = self.send(process, sent, bench, 1)
        return rate, {"answers a second": len(answers) / bench.seconds}


def read_again_and_again(address, path, is_over, answers, failures):
    """A late answer does not delay the next question but one."""
    start, asked = time.monotonic(), 0
    try:
        connection = http.client.HTTPConnection(address, timeout=10)
        with contextlib.closing(connection):
            while not is_over.wait(start + asked / READS_A_SECOND - time.monotonic()):
                connection.request("GET", path)
                answer = connection.getresponse()
                if not answer.read() or answer.status != 200:
                    raise OSError(f"status {answer.status}")
                answers.append(path)
                asked += 1
    except (OSError, http.client.HTTPException) as error:
        failures.append(f"{path}: {error!r}")


@contextlib.contextmanager
def read(address):
    """Readers beside the block, which is given the list of their answers."""
    is_over, answers, failures = threading.Event(), [], []
    threads = [threading.Thread(target=read_again_and_again,
                                args=(address, path, is_over, answers, failures))
               for path in READ_PATHS]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    try:
        yield answers
        due = (time.monotonic() - start) * READS_A_SECOND * len(READ_PATHS)
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    if failures:
        raise Failure("; ".join(failures))
    if len(answers) < due / 2:
        raise Failure(f"only {len(answers)} answers, where {due:.0f} questions were due")
