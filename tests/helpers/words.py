# words: what the Python programs of the tests share: connect, reset, look at counters.
#
# BIO and HTTP in the environment are the server's addresses, host:port.
#
# SPDX-License-Identifier: MIT
"""The words of the tests' Python programs."""

import contextlib
import fcntl
import http.client
import json
import os
import select
import socket
import sqlite3
import struct
import termios
import threading
import time
from operator import itemgetter

PATIENCE_SECONDS = 20


def address(name):
    host, port = os.environ[name].rsplit(":", 1)
    return host, int(port)


def connect():
    """A connection to the server, on which every send is a segment of its own."""
    sock = socket.create_connection(address("BIO"), PATIENCE_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def send(*parts):
    """One connection, a send for each part, an orderly close."""
    with connect() as sock:
        for part in parts:
            sock.sendall(part)


def deliver(*messages):
    """A connection for each message and an orderly end; returns when all of it is in the
    server's kernel, whether anybody there has accepted the connections or not."""
    socks = [connect() for _ in messages]
    for sock, message in zip(socks, messages):
        sock.sendall(message)
        sock.shutdown(socket.SHUT_WR)
    for sock in socks:
        wait_for(lambda: unacknowledged(sock) == 0, "the kernel's acknowledgement")
        sock.close()


def unacknowledged(sock):
    """The bytes on their way; the end is one more (SIOCOUTQ, tcp(7))."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0]


def segments_received(sock):
    """How many segments with data have come (tcpi_data_segs_in of struct tcp_info)."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 156)
    return struct.unpack_from("I", info, 152)[0]


def reset(sock):
    """Closes with RST, as the kernel does for a process that broke off."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def flood(message):
    """Sends it again and again until the server breaks that off, and says how often."""
    sent = 0
    with connect() as sock:
        try:
            while True:
                sent += sock.send(message * 100000)
        except OSError:
            return -(-sent // len(message))


def receive_all(sock):
    """What the server writes until it ends its side."""
    parts = []
    while part := sock.recv(65536):
        parts.append(part)
    return b"".join(parts)


def stats():
    connection = http.client.HTTPConnection(*address("HTTP"), timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", "/stats")
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def strict(text):
    """JSON as RFC 8259 has it, where no name stands twice in an object."""
    def unique(pairs):
        names = [name for name, _ in pairs]
        if len(set(names)) != len(names):
            raise ValueError(f"a name stands twice: {names}")
        return dict(pairs)

    def no_constant(constant):
        raise ValueError(f"{constant} is no JSON")
    return json.loads(text, object_pairs_hook=unique, parse_constant=no_constant)


def counter(name):
    """One number of /stats, such as "messages.received_total"."""
    value = stats()
    for key in name.split("."):
        value = value[key]
    return value


def wait_for(condition, what, pause_seconds=0.01):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"gave up waiting for {what}")
        time.sleep(pause_seconds)


def wait_for_counter(name, value):
    wait_for(lambda: counter(name) == value, f"{name} {value}")


def check(expected, got):
    if expected != got:
        raise AssertionError(f"expected {expected!r}, got {got!r}")


def in_parallel(run, count):
    """In so many threads; a failure in one of them is the program's."""
    failures = []

    def guarded():
        try:
            run()
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=guarded) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def hello_line(**members):
    """The line of a hello with these members."""
    return b"BIO/1 " + json.dumps(members).encode() + b"\n"


class Peer:
    """A connection that begins with a hello: what the server answers comes by lines."""

    def __init__(self, line, sock=None):
        self.sock = sock or connect()
        self.lines = self.sock.makefile("rb")
        if line:
            self.send(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, *parts):
        for part in parts:
            self.sock.sendall(part)

    def finish(self):
        self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        self.lines.close()
        self.sock.close()

    def read(self):
        """The next line, None behind the last."""
        line = self.lines.readline()
        return json.loads(line.removeprefix(b"BIO/1 ")) if line else None

    def read_to_ack(self):
        """Every line up to an ack or what ends the connection."""
        lines = [self.read()]
        while lines[-1] and not {"ack", "bye"} & lines[-1].keys():
            lines.append(self.read())
        return lines

    def read_all(self):
        return list(iter(self.read, None))

    def end(self):
        """Ends this side, and waits for the server's; what that still said."""
        self.finish()
        return self.read_all()

    def hears_nothing(self, seconds=0.2):
        """True: the server does not say anything for so long."""
        return not select.select([self.sock], [], [], seconds)[0]


def greet(**members):
    """A peer, and the welcome that its hello got."""
    peer = Peer(hello_line(**members))
    answer = peer.read()
    check(True, answer["ok"])
    return peer, answer


@contextlib.contextmanager
def locked(path):
    """While another program holds the lock of the store's file, nothing can be committed."""
    database = sqlite3.connect(path, isolation_level=None)
    try:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")
    finally:
        database.close()


def query(path, statement, *values):
    """The rows that the store's file has for a statement."""
    database = sqlite3.connect(path, isolation_level=None)
    try:
        return database.execute(statement, values).fetchall()
    finally:
        database.close()
