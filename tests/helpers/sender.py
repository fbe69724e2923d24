#!/usr/bin/env python3
# sender: a sender with a session, that may be killed and started again at any time.
#
#   sender.py SESSION FOLDER    in FOLDER: the server's ready file; stop, made to end it
#
# What stands before the dash of the session is the framing; "stream-..." is a plain sender,
# without a hello.  A message is made of its session and its number alone, so whoever knows
# both knows what has to be stored.  The sender remembers nothing but SESSION: with which
# number it goes on, the server says.  What the server told stands in FOLDER/SESSION.log,
# line by line as it came:
#
#   begin              a new process
#   welcome NEXT       all numbers below are finished
#   nak NUMBER CODE
#   ack NUMBER
#   cut COUNT          the connection broke, so many numbers were under way
#   end NUMBER         stopped; every number up to this one is acknowledged
#   fault WHAT         the server broke a promise; the process ends with 1
#
# SPDX-License-Identifier: MIT
"""A sender that finds out by the server's `next` where to go on."""

import json
import os
import random
import select
import socket
import sys
import time

PATIENCE_SECONDS = 20
WINDOW = 100
# The server's --max-message and --max-depth.
MESSAGE_BYTES_MAX, DEPTH_MAX = 65536, 8

BAD = [
    ("syntax", b",}"),
    ("syntax", b"} {}"),
    ("syntax", b',"x":01}'),
    ("utf8", b',"x":"\xff"}'),
    ("too_deep", b',"x":' + b"[" * DEPTH_MAX + b"]" * DEPTH_MAX + b"}"),
    ("too_large", b',"x":"' + b"x" * MESSAGE_BYTES_MAX + b'"}'),
]
GOOD = [
    b"}", b' , "b" : [ 1 , -0 , 1.0e+5 ] }', b',"twice":1,"twice":2}',
    '\t,"é":"\\ud83d\\ude00 \\u0000 \\/ 😀"}'.encode(), b',"deep":[[[[[[{}]]]]]]}',
]
PADS = [0] * 80 + [1, 15, 16, 17, 200, 1000, 4096, 5000, 20000, 65000]


def framing_of(session):
    return session.split("-")[0]


def message(session, number):
    """The text of a message, and the reason to reject it or None."""
    chance = random.Random(f"{session} {number}")
    head = b'{"s":"%s","n":%d' % (session.encode(), number)
    if framing_of(session) != "stream" and chance.random() < 0.07:
        reason, tail = chance.choice(BAD)
        return head + tail, reason
    pad = b',"pad":"' + b"x" * chance.choice(PADS) + b'"'
    if framing_of(session) != "lines":
        pad += chance.choice([b"", b"", b"\n", b"\r\n\t"])
    return head + pad + chance.choice(GOOD), None


def frame(framing, text):
    if framing == "length":
        return len(text).to_bytes(4, "big") + text
    return (b"\x1e" if framing == "rs" else b"") + text + b"\n"


class Fault(Exception):
    """The server did what it promised not to."""


class Broken(Exception):
    """The connection ended, as it may."""


class Sender:
    """One process of a sender."""

    def __init__(self, session, folder):
        self.session, self.folder = session, folder
        self.framing = framing_of(session)
        self.acknowledged = None  # not known before the first welcome
        self.chance = random.Random(session)
        self.log_fd = os.open(f"{folder}/{session}.log",
                              os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def log(self, line):
        # One write a line: what was written is there, whenever the process is killed.
        os.write(self.log_fd, line.encode() + b"\n")

    def must_stop(self):
        return os.path.exists(f"{self.folder}/stop")

    def connect(self):
        """To the server that is running now, or the next one."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                with open(f"{self.folder}/ready", encoding="ascii") as file:
                    host, port = file.readline().split()[1].rsplit(":", 1)
                return socket.create_connection((host, int(port)), PATIENCE_SECONDS)
            except (OSError, IndexError) as error:
                if time.monotonic() > deadline:
                    raise Fault(f"no server: {error}") from error
                time.sleep(0.005)

    def run(self):
        self.log("begin")
        run_connection = self.run_plain if self.framing == "stream" else self.run_session
        while not self.must_stop() or self.is_owed():
            try:
                with self.connect() as sock:
                    run_connection(sock)
            except TimeoutError as error:
                raise Fault("the server does not go on") from error
            except (Broken, OSError):
                pass
        self.log(f"end {self.sent}")

    # A plain sender never sends a number twice, whatever became of it.

    sent = 0

    def is_owed(self):
        return self.acknowledged is not None and self.sent > self.acknowledged

    def run_plain(self, sock):
        for _ in range(self.chance.choice([1, 1, 3, 10])):
            self.sent += 1
            sock.sendall(frame("stream", message(self.session, self.sent)[0]))
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass

    # With a session.

    def run_session(self, sock):
        self.sock, self.unread = sock, b""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.say_hello()
        self.expected_naks = []
        try:
            while not self.must_stop():
                self.send_some()
                self.take_replies(self.sent - self.acknowledged >= WINDOW)
            while self.is_owed():
                self.take_replies(True)
        except (Broken, OSError):
            self.log(f"cut {self.sent - self.acknowledged}")
            raise

    def say_hello(self):
        hello = {"session": self.session, "name": self.session, "ack": "store",
                 "framing": self.framing}
        if self.acknowledged is not None:
            hello["next"] = self.acknowledged + 1
        self.sock.sendall(b"BIO/1 %s\n" % json.dumps(hello).encode())
        line = self.read_line()
        reply = json.loads(line.removeprefix(b"BIO/1 "))
        if not reply["ok"]:
            raise Fault(f"refused: {line}")
        self.log(f"welcome {reply['next']}")
        if self.acknowledged is not None and not self.acknowledged < reply["next"] <= self.sent + 1:
            raise Fault(f"next {reply['next']} where {self.acknowledged} was acknowledged and {self.sent} sent")
        self.acknowledged = self.sent = reply["next"] - 1

    def send_some(self):
        parts = []
        for _ in range(self.chance.choice([1, 1, 1, 3, 3, 10, 50])):
            self.sent += 1
            text, reason = message(self.session, self.sent)
            if reason:
                self.expected_naks.append((self.sent, reason))
            parts.append(frame(self.framing, text))
        data = b"".join(parts)
        cut = self.chance.choice([len(data), self.chance.randint(0, len(data))])
        for part in data[:cut], data[cut:]:
            self.sock.sendall(part)

    def read_line(self):
        while b"\n" not in self.unread:
            part = self.sock.recv(65536)
            if not part:
                raise Broken
            self.unread += part
        line, self.unread = self.unread.split(b"\n", 1)
        return line

    def take_replies(self, waits):
        """Those that have come; or at least one."""
        while waits or b"\n" in self.unread or select.select([self.sock], [], [], 0)[0]:
            self.take_reply(json.loads(self.read_line()))
            waits = False

    def take_reply(self, reply):
        if "nak" in reply:
            self.log(f"nak {reply['nak']} {reply['code']}")
            if not self.expected_naks or self.expected_naks.pop(0) != (reply["nak"], reply["code"]):
                raise Fault(f"unexpected: {reply}")
        elif set(reply) == {"ack"}:
            self.log(f"ack {reply['ack']}")
            if not self.acknowledged < reply["ack"] <= self.sent:
                raise Fault(f"{reply} where {self.acknowledged} was acknowledged and {self.sent} sent")
            self.acknowledged = reply["ack"]
            if self.expected_naks and self.expected_naks[0][0] <= self.acknowledged:
                raise Fault(f"no nak of {self.expected_naks[0]}")
        else:
            raise Fault(f"unexpected: {reply}")


def main():
    sender = Sender(*sys.argv[1:])
    try:
        sender.run()
    except Fault as fault:
        sender.log(f"fault {fault}")
        sys.exit(1)


if __name__ == "__main__":
    main()
