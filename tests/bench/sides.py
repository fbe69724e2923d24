# sides: what stands at the other end of the senders: bio-server and the yardstick.
#
# A side is a process in a folder of its own, started for one run and ended before the
# next.  Whoever uses it asks for its address, sends, and hands `finish` what was sent;
# that ends the process and fails unless its own counts say exactly the same.
#
# SPDX-License-Identifier: MIT
import contextlib
import http.client
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time

START_SECONDS, SETTLE_SECONDS, STOP_SECONDS = 10, 30, 30


class Failure(Exception):
    """Something did not run, or was counted wrong."""


def differences(sent, counted):
    """What the senders do not know (rejections, connections still open) must be 0."""
    return [f"{what} {count} instead of {sent[what]}"
            for what, count in counted.items() if count != sent[what]]


def compare(sent, counted):
    if differences(sent, counted):
        raise Failure("counted wrong: " + ", ".join(differences(sent, counted)))


def count_messages(path):
    """Which a store's file holds, by what its rows say."""
    with contextlib.closing(sqlite3.connect(path)) as file:
        return file.execute("SELECT ifnull(sum(count), 0) FROM batch").fetchone()[0]


class Side:
    """A process, killed at the latest when the block ends."""
    command = ()
    # The program that floods it.
    sender = "load"
    stop_signal = signal.SIGTERM
    # What it is sent, a file: where it is None, the one message that load knows.
    payload = None

    def __init__(self, folder):
        self.folder = folder
        # What is worth a note, known behind `finish`.
        self.figures = {}

    def __enter__(self):
        # Without the caller's options for the server.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("BIO_")}
        with open(self.path("out"), "wb") as out, open(self.path("log"), "wb") as log:
            # A session of its own: Ctrl-C ends the bench, and the bench its processes.
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out,
                stderr=log, start_new_session=True, env=environment)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8", errors="replace") as file:
            return file.read()

    def fail(self, what):
        last = "\n  ".join(self.read("log").splitlines()[-5:])
        what = f"{os.path.basename(self.command[0])} {what}"
        if self.process.poll() is not None:
            what += f"; it has ended with status {self.process.returncode}"
        raise Failure(what + (f"; its log:\n  {last}" if last else ""))

    def address(self):
        """host:port once connections are taken, until then something false."""
        raise NotImplementedError

    def wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while not (address := self.address()):
            if self.process.poll() is not None:
                self.fail("ended at once")
            if time.monotonic() > deadline:
                self.fail(f"was not ready within {START_SECONDS} s")
            time.sleep(0.005)
        return address

    def resident_kib(self):
        """Not VmRSS, which older kernels keep up to date only now and then."""
        with open(f"/proc/{self.process.pid}/smaps_rollup", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("Rss:"))

    def messages_in(self, result):
        """How many messages a sender sent, by what it said."""
        return result["messages"]

    def add(self, sent, result):
        messages = self.messages_in(result)
        sent.update(messages=messages, stored=messages, bytes=result["bytes"],
                    connections=result["connections"])

    def count(self):
        """What it says that it took."""
        raise NotImplementedError

    def settle(self, sent):
        """Taking the last may last a moment; what is still wrong then is wrong."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while differences(sent, counted := self.count()) and time.monotonic() < deadline:
            time.sleep(0.005)
        return counted

    def stop(self):
        self.process.send_signal(self.stop_signal)
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.fail(f"did not end within {STOP_SECONDS} s")
        if status != 0:
            self.fail("did not end well")

    def finish(self, sent):
        raise NotImplementedError


class Receiver(Side):
    """The yardstick: prints its address first and its totals last."""

    def __init__(self, folder, build, does):
        super().__init__(folder)
        self.command = [os.path.join(build, "bench", "receiver"), does]

    def address(self):
        line, newline, _ = self.read("out").partition("\n")
        return newline and line.split()[1]

    def finish(self, sent):
        self.stop()
        words = self.read("out").splitlines()[-1].split()
        counted = dict(zip(words[::2], map(int, words[1::2])))
        if self.command[-1] == "discard":
            del counted["messages"]
        if self.command[-1] == "sync":
            counted["stored"] = self.read("messages").count("\n")
        compare(sent, counted)


class Bio(Side):
    """bio-server: says its addresses in the ready file and its counts under /stats."""
    store = "none"

    def __init__(self, folder, build, options=""):
        super().__init__(folder)
        self.command = [os.path.join(build, "bio-server"), "--listen", "127.0.0.1:0",
                        "--http-listen", "127.0.0.1:0", "--ready-file",
                        self.path("ready"), "--store", self.store, *options.split()]

    def address(self, name="bio"):
        if not os.path.exists(self.path("ready")):
            return None
        return dict(line.split() for line in self.read("ready").splitlines()).get(name)

    def ask_stats(self):
        connection = http.client.HTTPConnection(self.address("http"), timeout=10)
        try:
            connection.request("GET", "/stats")
            return json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.fail(f"gave no usable /stats: {error!r}")
        finally:
            connection.close()

    def count(self):
        stats = self.ask_stats()
        try:
            counted = {
                "messages": stats["messages"]["received_total"],
                "stored": stats["messages"]["stored_total"],
                "bytes": stats["bytes"]["received_total"],
                "connections": stats["connections"]["accepted_total"],
                "connections still open": stats["connections"]["current"],
            }
            for reason, count in stats["messages"]["rejected_total"].items():
                counted["rejected " + reason] = count
            return counted
        except LookupError as error:
            self.fail(f"has no {error} in its /stats")

    def finish(self, sent):
        counted = self.settle(sent)
        self.stop()
        compare(sent, counted)


class StoringBio(Bio):
    """
    With its store, whose file it begins with may be a copy, with so many messages, and
    which may be kept.  What the file holds in the end is counted, too.
    """
    store = "bio.db"

    def __init__(self, folder, begin_with=None, begin_count=0, keep=None, **bio):
        super().__init__(folder, **bio)
        self.begin_count, self.keep = begin_count, keep
        if begin_with:
            shutil.copyfile(begin_with, self.path(self.store))

    def log_bytes(self):
        """Of the write-ahead log."""
        with contextlib.suppress(FileNotFoundError):
            return os.path.getsize(self.path(self.store + "-wal"))
        return 0

    def finish(self, sent):
        stats = self.ask_stats()
        super().finish(sent)
        messages = count_messages(self.path(self.store)) - self.begin_count
        if messages != sent["messages"]:
            raise Failure(f"stored {messages} messages instead of {sent['messages']}")
        self.figures = {"commit p50 ms": stats["store"]["commit_seconds"]["p50"] * 1e3}
        if self.keep:
            shutil.move(self.path(self.store), self.keep)
