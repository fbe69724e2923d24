#!/usr/bin/env python3
# failing: makes each allocation of the server fail in turn, and judges what became of it.
#
#   failing.py life once|on SERVER FOLDER    a fresh server for each n: its n-th allocation
#                                            fails (on: and all behind it), from its start
#                                            on and while connections come
#   failing.py pages once|on SERVER FOLDER   the same for each request of the status side,
#                                            all on one server
#
# SERVER is the one with helpers/failing_malloc.c in it.  Both go on until nothing is left
# to fail, so no number of allocations stands here; on standard output they say what they
# have seen, a line of JSON.  Whatever is wrong ends the program, which says at which n.
#
# SPDX-License-Identifier: MIT
"""Make allocations fail and see that nothing is lost, shown twice or leaked."""

import collections
import http.client
import json
import mmap
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time

import words

NEVER, ALL_BEHIND = 0, 2**64 - 1
# More than any life has: a test that finds no end has failed.
ALLOCATIONS_MAX = 2000


class Control:
    """The memory shared with the server, as failing_malloc.c declares it."""

    FIELDS = ["first", "last", "calls", "refused", "live", "no_threads", "held"]

    def __init__(self, path):
        with open(path, "ab") as file:
            file.truncate(8 * len(self.FIELDS))
        with open(path, "r+b") as file:
            self.__dict__["memory"] = mmap.mmap(file.fileno(), 0)

    def __getattr__(self, name):
        return struct.unpack_from("=Q", self.memory, 8 * self.FIELDS.index(name))[0]

    def __setattr__(self, name, value):
        struct.pack_into("=Q", self.memory, 8 * self.FIELDS.index(name), value)

    def refuse(self, first, mode="on"):
        """From now on, the `first` allocation and perhaps all behind it."""
        self.last = NEVER
        self.calls = self.refused = 0
        self.first = first
        self.last = first if mode == "once" else ALL_BEHIND

    def hold_receive(self):
        """The next session that has emptied its connection stops before it sees that."""
        self.held = 1

    def holds_receive(self):
        return self.held == 2

    def let_go(self):
        self.held = 0

    def relent(self):
        self.last = NEVER


class Server:
    """One server with its control; `status` is None once it is ready."""

    def __init__(self, program, folder, *flags, refuse=None):
        self.ready = os.path.join(folder, "ready")
        self.output = os.path.join(folder, "failing.out")
        self.log = os.path.join(folder, "failing.err")
        shared = os.path.join(folder, "control")
        for before in (self.ready, shared):
            if os.path.exists(before):
                os.unlink(before)
        self.control = Control(shared)
        if refuse:
            self.control.refuse(*refuse)
        environment = dict(os.environ, FAILING_MALLOC=shared)
        with open(self.output, "wb") as output, open(self.log, "ab") as log:
            self.log_begin = log.tell()
            self.process = subprocess.Popen(
                [program, "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0",
                 "--ready-file", self.ready, *flags],
                stdin=subprocess.DEVNULL, stdout=output, stderr=log, env=environment)
        # The last thing it says when it starts, and the first that cannot fail any more.
        words.wait_for(lambda: self.process.poll() is not None or
                       "info status on " in self.read_log(), "the server", 0.001)
        self.status = self.process.poll()
        if self.status is None:
            with open(self.ready, encoding="ascii") as file:
                for line in file:
                    name, where = line.split()
                    os.environ[name.upper()] = where

    def read_log(self):
        with open(self.log, encoding="utf-8") as file:
            file.seek(self.log_begin)
            return file.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        expect(0, self.process.wait(words.PATIENCE_SECONDS), "exit status")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def expect(wanted, found, what):
    if wanted != found:
        raise SystemExit(f"{what}: expected {wanted}, found {found}")


# What a connection sends is a list of sends, and a send a list of pieces: a kind and bytes.
# What is GOOD needs memory; BAD counts as syntax, HALF as incomplete, the rest as nothing.
GOOD, BAD, HALF, OTHER = "good", "syntax", "incomplete", "other"
NEWLINE = (OTHER, b"\n")


def lines(*texts):
    return [piece for text in texts for piece in ((GOOD, text), NEWLINE)]


def plan_life():
    """Groups of connections that are open at the same time."""
    return [
        [[lines(b'{"small":%d}' % i) for i in range(3)]],
        # More than a session's own few kilobytes, more than a standard buffer.
        [[lines(b'["' + b"n" * 20000 + b'"]')]],
        [[lines(b'["' + b"b" * 700000 + b'"]', b'"behind it"')]],
        # One read: small ones, and such as take more room in a batch than they took.
        [[lines(*(b'{"many":%d}' % i for i in range(100)))]],
        [[[(GOOD, b"[]")] * 300]],
        [[[*lines(b'{"i":1}'), (BAD, b"junk"), NEWLINE, *lines(b'{"i":2}')]]],
        [[[(OTHER, b"GET / HTTP/1.1\r\nHost: there\r\n\r\n")]]],
        [[lines(b'{"whole":1}') + [(HALF, b'{"half"')]]],
        [[lines(b'{"beside":%d}' % i)] for i in range(3)],
    ]


class Sum:
    """What connections have sent and been told, and so what the server has to say."""

    def __init__(self):
        self.shown, self.rejected, self.closed = {}, collections.Counter(), collections.Counter()

    def add(self, peer, sends, reply):
        """What stands before the offset of an error was judged; the message there counts as
        incomplete, and nothing behind it was taken."""
        at, end, reason = 0, sum(len(text) for send in sends for _, text in send), "eof"
        if reply.startswith(b"{"):
            error = json.loads(reply)["error"]
            reason, end = error["code"], error["offset"]
        elif reply:
            expect(b"HTTP/1.1 400 ", reply[:13], "the answer")
            reason = "wrong_protocol"
        self.closed[reason] += 1
        self.shown[peer] = []
        for kind, text in (piece for send in sends for piece in send):
            at += len(text)
            if kind == GOOD and at > end:
                self.rejected[HALF] += 1
                break
            if kind == GOOD:
                self.shown[peer].append(json.loads(text))
            elif kind != OTHER:
                self.rejected[kind] += 1

    def received(self):
        return sum(len(texts) for texts in self.shown.values())

    def check(self):
        """Everything is counted, shown once and in order, and nothing else is."""
        expected = sum(self.closed.values())
        words.wait_for(lambda: sum(words.stats()["connections"]["closed_total"].values()) ==
                       expected, "the end of the connections", 0.001)
        now = words.stats()
        expect(dict(self.closed), non_zero(now["connections"]["closed_total"]), "closed_total")
        expect(dict(self.rejected), non_zero(now["messages"]["rejected_total"]), "rejected_total")
        expect([self.received()] * 2, [now["messages"][name] for name in
                                       ("received_total", "stored_total")], "messages")
        shown = {peer: [] for peer in self.shown}
        for message in json.loads(get("/messages?limit=1000&order=asc")[1])["messages"]:
            shown[message["peer"]].append(message["data"])
        expect(self.shown, shown, "/messages")
        self.check_people()

    def check_people(self):
        """Each connection, and why each message was rejected, is listed as it was counted."""
        listed = json.loads(get("/connections?state=all&limit=1000")[1])["connections"]
        expect({peer: len(texts) for peer, texts in self.shown.items()},
               {item["peer"]: item["messages"] for item in listed}, "/connections")
        expect(self.closed, collections.Counter(item["reason"] for item in listed), "why closed")
        rejected = json.loads(get("/rejected")[1])
        expect(sum(self.rejected.values()), rejected["total"], "/rejected")
        expect(sum(self.rejected.values()), sum(item["rejected"] for item in listed), "rejected")
        expect(self.rejected, collections.Counter(item["reason"] for item in rejected["rejected"]),
               "why rejected")


def non_zero(totals):
    return {name: total for name, total in totals.items() if total != 0}


def get(path):
    connection = http.client.HTTPConnection(*words.address("HTTP"), timeout=words.PATIENCE_SECONDS)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def live(group, total):
    """The connections of one group, from the first connect to the last end."""
    socks = [words.connect() for _ in group]
    for sock, sends in zip(socks, group):
        for send in sends:
            sock.sendall(b"".join(text for _, text in send))
    for sock, sends in zip(socks, group):
        sock.shutdown(socket.SHUT_WR)
        total.add("%s:%d" % sock.getsockname(), sends, words.receive_all(sock))
        sock.close()


def check_print(server, received):
    """Whole lines, and none is missing without a word."""
    with open(server.output, encoding="ascii") as file:
        texts = [line.split(" ", 2)[2] for line in file]
    printed = sum(json.loads(text) is not None for text in texts if not text.startswith("#"))
    if "lines are missing on standard output" not in server.read_log():
        expect(received, printed, "printed messages")


def run_life(server):
    """Connections while allocations fail, then one without; what is counted, and the end."""
    total = Sum()
    for group in plan_life():
        live(group, total)
    server.control.relent()
    total.check()
    live([[lines(b'"the next one"')]], total)
    total.check()
    server.stop()
    check_print(server, total.received())
    return total.closed["no_memory"]


def sweep_life(mode, program, folder):
    """n = 0 is the life without a failure; its blocks are what is left in the end."""
    outcomes, left = collections.Counter(), None
    for n in range(ALLOCATIONS_MAX):
        server = Server(program, folder, "--print", refuse=(n, mode) if n > 0 else None)
        try:
            refused = server.status is not None
            if refused:
                expect((1, True), (server.status, " error " in server.read_log()), "the start")
            no_memory = 0 if refused else run_life(server)
            left = server.control.live if left is None else left
            expect(left, server.control.live, "blocks left in the end")
        except BaseException:
            print(f"{mode}, allocation {n}:", file=sys.stderr)
            raise
        finally:
            server.kill()
        if n > 0 and server.control.refused == 0:
            return dict(outcomes, allocations=n - 1)
        outcomes["not started" if refused else "no_memory" if no_memory else "as ever"] += 1
    raise SystemExit("the allocations have no end")


PAGES = ["/stats", "/metrics", "/messages", "/messages?.s=A", "/messages?format=ndjson", "/messages?format=ndjson&limit=2",
         "/messages?.n=2", "/messages/1", "/messages/latest/raw", "/messages/9", "/readyz",
         "/connections?state=all", "/rejected",
         "/messages?limit=0", "/no/such/page", "/", "/openapi.json"]


def shape(tree):
    """The names in /stats, whose numbers change."""
    return {name: shape(value) for name, value in tree.items()} if isinstance(tree, dict) else 0


def shape_of_metrics(text):
    """The names of the samples, but for what the kernel could not be asked for."""
    return [line.rsplit(" ", 1)[0] for line in text.decode().splitlines()
            if not re.match("(# [A-Z]+ )?process_", line)]


SHAPES = {"/stats": lambda body: shape(json.loads(body)), "/metrics": shape_of_metrics}


def judge_page(path, usual, answer):
    """The usual answer or an error that says so; never a part of an answer."""
    if path in SHAPES:
        usual, answer = ((status, SHAPES[path](body) if status == 200 else body)
                         for status, body in (usual, answer))
    if answer == usual:
        return "as ever"
    status, body = answer
    if status not in (500, 503, usual[0]) or status == 200:
        raise SystemExit(f"{path}: {answer} instead of {usual}")
    if body.strip():
        expect(status, json.loads(body)["status"], "the status in the body")
    return str(status)


def ask(control, path, usual, which, blocks):
    """One request while allocations fail; leaves no more blocks than there have to be."""
    control.refuse(*which)
    try:
        outcome = judge_page(path, usual, get(path))
    except (OSError, http.client.HTTPException):
        outcome = "closed"
    control.relent()
    words.wait_for(lambda: control.live <= blocks, f"{path}: {blocks} blocks", 0.001)
    expect(200, get("/livez")[0], "the next request")
    return outcome


def sweep_pages_of(server, mode):
    """Without a mode, each page is asked for once and nothing fails."""
    words.send(b"[x\n", b"".join(b'{"n":%d}\n' % n for n in range(4)))
    words.wait_for_counter("messages.stored_total", 4)
    words.wait_for_counter("connections.current", 0)
    outcomes = collections.Counter()
    for path in PAGES:
        usual = get(path)
        # An answer's last block goes when the library comes to it.
        blocks = server.control.live
        for n in range(1, ALLOCATIONS_MAX if mode else 1):
            outcome = ask(server.control, path, usual, (n, mode), blocks)
            blocks = min(blocks, server.control.live)
            if server.control.refused == 0:
                break
            outcomes[outcome] += 1
    return outcomes


def sweep_pages(mode, program, folder):
    """What is left in the end has to be what an undisturbed server leaves."""
    left = []
    for which in (None, mode):
        server = Server(program, folder)
        try:
            outcomes = sweep_pages_of(server, which)
            server.stop()
        finally:
            server.kill()
        left.append(server.control.live)
    expect(left[0], left[1], "blocks left in the end")
    return dict(outcomes, allocations=sum(outcomes.values()))


if __name__ == "__main__":
    SWEEPS = {"life": sweep_life, "pages": sweep_pages}
    print(json.dumps(SWEEPS[sys.argv[1]](*sys.argv[2:])))
