# rates: works whose value is how many messages a second went through.
#
# SPDX-License-Identifier: MIT
import json

from reading import Reader, read
from sides import Failure
from work import Work

WARM_SHARE = 0.1
# Of a thread, for a whole work, and so divided among its rounds: the kernel remembers a
# connection for a minute or two, and once its tables are full that would be measured.
CYCLES_A_THREAD = 1000
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

    def transmit(self, process, sent, bench, share):
        """What the sender said; `seconds` is the time that counts."""
        arguments = [*self.load, *self.amount(bench, share)]
        if payload := self.payload(process, bench):
            arguments += "--payload", payload
        return bench.send(process, sent, process.sender, *arguments,
                          seconds=bench.seconds)

    def send(self, process, sent, bench, share):
        return self.value(process, self.transmit(process, sent, bench, share))

    def run(self, side, bench):
        with bench.start(side) as (process, sent):
            self.send(process, sent, bench, WARM_SHARE)
            rate = self.send(process, sent, bench, 1)
        return rate, process.figures


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
            readers = [Reader(process.address("http"), path) for path in READ_PATHS]
            with read(readers):
                rate = self.send(process, sent, bench, 1)
        answers = sum(reader.answers for reader in readers)
        return rate, {"answers a second": answers / bench.seconds}


class EventRate(Rate):
    """bio-server twice: while so many follow /events, of whom none may miss an id
    outside a gap, and while nobody does."""

    def __init__(self, name, load, bar, aim, readers=64):
        super().__init__(name, load, bar, aim, subject="followed", yardstick="alone")
        self.readers = readers

    def run(self, side, bench):
        with bench.start("bio") as (process, sent):
            self.send(process, sent, bench, WARM_SHARE)
            if side == "alone":
                return self.send(process, sent, bench, 1), {}
            with bench.start_sender(
                    "events", "--from", process.address("http"),
                    "--readers", self.readers, seconds=bench.seconds) as say:
                say()
                rate = self.send(process, sent, bench, 1)
            had = json.loads(say.rest)
        if not had["least_messages"]:
            raise Failure("a reader had no message at all")
        return rate, {"messages a second and reader":
                          had["messages"] / self.readers / bench.seconds}
